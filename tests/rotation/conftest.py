"""The repository's own program, taken through changes of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal.drill import overlaid
from kong_mtls.rehearsal.project import read_project, read_stack
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State

CLUSTER = "kong-mtls:cluster"


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
        project = read_project(self.program)
        state = self.state or State(project.name, self.name)
        config = overlaid(read_stack(project, self.name, self.now, state.placeholders), wanted)
        done = perform(self.program, self.name, at=at or self.now, state=state, config=config)
        self.state, self.settings = done.state, wanted
        return done


def files(done: Performance) -> Objects:
    """What a rehearsal would write, in clear."""
    return read_texts(render(done, masked=False))


@pytest.fixture
def staging(root: Path, today: datetime) -> Stack:
    """The stack in PKI mode with an external database."""
    return Stack(root, "staging", today)


@pytest.fixture
def dev(root: Path, today: datetime) -> Stack:
    """The stack in shared mode."""
    return Stack(root, "dev", today)
