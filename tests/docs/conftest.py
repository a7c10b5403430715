"""The repository's stacks as shipped, rehearsed once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from kong_mtls.rehearsal.stage import Performance
from tests.stacks import Stack


@pytest.fixture(scope="session")
def dev(root: Path, today: datetime) -> Performance:
    """The one that makes every key itself, in shared mode, with a sample."""
    return Stack(root, "dev", today).up()


@pytest.fixture(scope="session")
def prod(root: Path, today: datetime) -> Performance:
    """The one whose keys are made in the cluster."""
    return Stack(root, "prod", today).up()
