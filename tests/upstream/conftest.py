"""Upstream mTLS on the rehearsal's stage: a function is the program of a stack, its outcome is read back from files."""

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal.mint import Minted, issue
from kong_mtls.rehearsal.project import StackConfig
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State

Stage = Callable[..., Performance]
Mint = Callable[..., Minted]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, today: datetime) -> Iterator[Stage]:
    """Runs a function as the program of a stack: ``stage(program, after=last run, preview=..., config=..., "
    "at=...)``."""
    folder = tmp_path_factory.mktemp("upstream")
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    (folder / "__main__.py").write_text("import staged_upstream\nstaged_upstream.play()\n")
    staged = ModuleType("staged_upstream")
    sys.modules["staged_upstream"] = staged

    def run(
        program: Callable[[], Any],
        *,
        after: Performance | None = None,
        preview: bool = False,
        config: Mapping[str, str] | None = None,
        at: datetime = today,
    ) -> Performance:
        staged.play = program  # type: ignore[attr-defined]
        state = after.state if after is not None else State("demo", "test")
        given = StackConfig(values=dict(config or {}), secret_keys=frozenset())
        return perform(folder, "test", at=at, preview=preview, state=state, config=given)

    yield run
    del sys.modules["staged_upstream"]


@pytest.fixture(scope="session")
def read() -> Callable[[Performance], Objects]:
    """What a run deploys, read back from the files it would write."""
    return lambda performance: read_texts(render(performance, masked=False))


@pytest.fixture(scope="session")
def mint(today: datetime) -> Mint:
    """Certificates of today; each combination is made once."""
    made: dict[str, Minted] = {}

    def run(name: str, **kind: Any) -> Minted:
        kind = {"not_before": today - timedelta(days=1), "not_after": today + timedelta(days=90), **kind}
        key = f"{name} {sorted((field, str(value)) for field, value in kind.items())}"
        if key not in made:
            made[key] = issue(name, **kind)
        return made[key]

    return run
