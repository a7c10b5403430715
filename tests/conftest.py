"""What all tests share: the repository's folder, one fixed day, and a Hypothesis that finds the same every time."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import hypothesis
import pytest

# No deadline: the machine's load is no property of the code. No database: what failed once is found again by itself.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository: where Pulumi.yaml is."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def today() -> datetime:
    """The day on which tests take place."""
    return datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop: what the SDK's outputs live in."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop)))
    asyncio.set_event_loop(None)
    loop.close()
