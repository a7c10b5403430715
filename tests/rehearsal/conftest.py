"""Small programs in folders of their own, run on the stage."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)

PULUMI = "import pulumi, pulumi_tls as tls, pulumi_random as random, pulumi_kubernetes as k8s\n"


@dataclass
class Program:
    """A program's folder, to write to and to perform."""

    folder: Path
    state: State | None = None

    def write(self, main: str, **files: str) -> Program:
        """`main` is ``__main__.py`` (the usual imports come first); other files by name, ``_`` for ``.``."""
        (self.folder / "__main__.py").write_text(PULUMI + textwrap.dedent(main))
        for name, text in files.items():
            (self.folder / name.replace("_", ".")).write_text(textwrap.dedent(text))
        return self

    def stack(self, name: str, text: str) -> Program:
        """Writes ``Pulumi.<name>.yaml``."""
        (self.folder / f"Pulumi.{name}.yaml").write_text(textwrap.dedent(text))
        return self

    def run(self, stack: str = "dev", at: datetime = NOW, **options: Any) -> Performance:
        """Performs the program on top of what the last `run` left; a preview leaves nothing."""
        before = self.state if self.state is not None else State("demo", stack)
        done = perform(self.folder, stack, at=at, state=options.pop("state", before), **options)
        if not done.preview:
            self.state = done.state
        return done


@pytest.fixture
def at() -> datetime:
    """The time of every run unless a test moves it."""
    return NOW


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A project ``demo`` with an empty stack ``dev``."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    return Program(folder)


@pytest.fixture
def made(program: Program) -> Callable[..., dict[str, Any]]:
    """Runs a program text and gives its exports, secrets unwrapped."""
    from kong_mtls.rehearsal import wire

    def run(main: str, **options: Any) -> dict[str, Any]:
        exports: dict[str, Any] = wire.plain(program.write(main).run(**options).exports)
        return exports

    return run
