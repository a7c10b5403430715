"""One headless Chromium for all tests here, and the reports that it looks at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.chromium import NAMES, Browser, find
from scripts.screenshots import reports


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser of this machine; without one its tests are skipped, by name."""
    command = find()
    if command is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on PATH (Debian: apt-get install chromium)")
    with Browser(command) as started:
        yield started


@pytest.fixture(scope="session")
def pages(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The dev stack's report as it is, with a drill, and after something was taken away: name to HTML file."""
    return reports(root, tmp_path_factory.mktemp("reports"))
