"""The tier that drives a real nginx: skipped, with the reason, where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nginx.driver import NGINX

HERE = Path(__file__).parent
_SKIP = pytest.mark.skip(reason="no nginx here: apt-get install nginx (or put it on PATH) to run this tier")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and skip it without nginx."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.nginx)
            if NGINX is None:
                item.add_marker(_SKIP)
