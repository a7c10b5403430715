"""Components on the rehearsal's stage: small programs that are functions here, and the program of the repository."""

import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal import project as projects
from kong_mtls.rehearsal.project import StackConfig
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State

Run = Callable[..., Performance]

LICENSE = json.dumps({"license": {"payload": {"customer": "s3cret-customer"}, "version": 1}})
MUTABLE = {"kubernetes:enableSecretMutable": "true", "kubernetes:enableConfigMapMutable": "true"}


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, today: datetime) -> Iterator[Run]:
    """Runs a function as the program of a stack: ``stage(program, after=last run, preview=..., config=...)``."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    (folder / "__main__.py").write_text("import staged_program\nstaged_program.play()\n")
    staged = ModuleType("staged_program")
    sys.modules["staged_program"] = staged

    def run(
        program: Callable[[], Any],
        *,
        after: Performance | None = None,
        preview: bool = False,
        config: Mapping[str, str] | None = None,
        secret: Collection[str] = (),
        at: datetime = today,
    ) -> Performance:
        staged.play = program  # type: ignore[attr-defined]
        state = after.state if after is not None else State("demo", "test")
        return perform(
            folder,
            "test",
            at=at,
            preview=preview,
            state=state,
            config=StackConfig(values=dict(config or {}), secret_keys=frozenset(secret)),
        )

    yield run
    del sys.modules["staged_program"]


@pytest.fixture(scope="session")
def rehearse(root: Path, today: datetime) -> Run:
    """Runs the repository's program for a stack, with keys of the project's own over those of its file.

    ``rehearse("dev", after=last run, database={...}, edition="oss")``; a run from nothing is done once and kept.
    """
    done: dict[str, Performance] = {}
    project = projects.read_project(root)

    def run(
        stack: str = "dev",
        *,
        after: Performance | None = None,
        preview: bool = False,
        secret: Collection[str] = (),
        at: datetime = today,
        full: Mapping[str, str] | None = None,
        **keys: Any,
    ) -> Performance:
        read = projects.read_stack(project, stack, at)
        values = {**read.values, **(full or {})}
        for key, value in keys.items():
            values[f"kong-mtls:{key}"] = value if isinstance(value, str) else json.dumps(value)
        config = StackConfig(values=values, secret_keys=frozenset(f"kong-mtls:{key}" for key in secret))
        state = after.state if after is not None else State("kong-mtls", stack)
        known = json.dumps([stack, preview, sorted(secret), at.isoformat(), values])
        if after is not None or known not in done:
            performance = perform(root, stack, at=at, preview=preview, state=state, config=config)
            if after is not None:
                return performance
            done[known] = performance
        return done[known]

    return run


@pytest.fixture(scope="session")
def read() -> Callable[[Performance], Objects]:
    """What a run deploys, read back from the files it would write."""
    return lambda performance: read_texts(render(performance, masked=False))


@pytest.fixture(scope="session")
def values(read: Callable[[Performance], Objects]) -> Callable[[Performance, str], dict[str, Any]]:
    """Helm values of a release."""

    def find(performance: Performance, release: str) -> dict[str, Any]:
        return next(it.values for it in read(performance).releases if it.name == release)

    return find


@pytest.fixture(scope="session")
def license_text() -> str:
    """A licence, as far as anyone without Kong's key can tell."""
    return LICENSE


@pytest.fixture(scope="session")
def mutable() -> dict[str, str]:
    """The provider's settings with which fixed names are updated in place."""
    return MUTABLE
