"""The repository's own program, taken through changes of its configuration."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.stacks import Stack, files

__all__ = ["CLUSTER", "Stack", "files"]

CLUSTER = "kong-mtls:cluster"


@pytest.fixture
def staging(root: Path, today: datetime) -> Stack:
    """The stack in PKI mode with an external database."""
    return Stack(root, "staging", today)


@pytest.fixture
def dev(root: Path, today: datetime) -> Stack:
    """The stack in shared mode."""
    return Stack(root, "dev", today)
