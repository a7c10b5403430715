"""The repository's own program, taken through changes of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal.drill import overlaid
from kong_mtls.rehearsal.project import read_project, read_stack
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State


@dataclass
class Stack:
    """A stack whose runs follow each other, each with the configuration of the one before and some changes."""

    program: Path
    name: str
    now: datetime
    settings: dict[str, Any] = field(default_factory=dict)
    state: State | None = None

    def up(self, changes: Mapping[str, Any] | None = None, *, at: datetime | None = None) -> Performance:
        """One update; a refused one leaves everything as it was."""
        wanted = {**self.settings, **(changes or {})}
        done = self._run(wanted, at or self.now, preview=False)
        self.state, self.settings = done.state, wanted
        return done

    def preview(self, changes: Mapping[str, Any] | None = None, *, at: datetime | None = None) -> Performance:
        """What an update would do."""
        return self._run({**self.settings, **(changes or {})}, at or self.now, preview=True)

    def _run(self, wanted: Mapping[str, Any], at: datetime, *, preview: bool) -> Performance:
        project = read_project(self.program)
        state = self.state or State(project.name, self.name)
        config = overlaid(read_stack(project, self.name, self.now, state.placeholders), wanted)
        return perform(self.program, self.name, at=at, preview=preview, state=state, config=config)


def files(done: Performance) -> Objects:
    """What a rehearsal would write, in clear."""
    return read_texts(render(done, masked=False))
