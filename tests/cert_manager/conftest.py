"""The stacks with each issuer, run once for all tests that only look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from kong_mtls.reader.manifests import Objects
from kong_mtls.rehearsal.stage import Performance
from tests.stacks import Stack, files

ISSUER = "kong-mtls:issuer"
PKI = {"kong-mtls:cluster": {"mtls": "pki"}}


@dataclass(frozen=True)
class Run:
    """A run of a stack."""

    done: Performance
    objects: Objects
    settings: Mapping[str, Any]

    def manifest(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """One object."""
        found = self.objects.get(kind, namespace, name)
        assert found is not None, f"{kind}/{namespace}/{name}"
        return found


def ran(stack: Stack, changes: dict[str, Any] | None = None, **options: Any) -> Run:
    """A run with changed configuration."""
    done = stack.up(changes, **options)
    return Run(done, files(done), dict(stack.settings))


@pytest.fixture(scope="session")
def day() -> datetime:
    """The day on which tests take place."""
    return datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="session")
def prod(root: Path, day: datetime) -> Run:
    """The stack as shipped, whose keys are cert-manager's."""
    return ran(Stack(root, "prod", day))


@pytest.fixture(scope="session")
def with_pulumi(root: Path, day: datetime) -> Run:
    """Every link within the cluster, with keys in the state."""
    return ran(Stack(root, "dev", day), PKI)


@pytest.fixture(scope="session")
def with_cert_manager(root: Path, day: datetime) -> Run:
    """The same with the one setting changed."""
    return ran(Stack(root, "dev", day), {**PKI, ISSUER: "cert-manager"})
