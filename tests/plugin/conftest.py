"""The plugin's own modules, which stand in a folder that is no package."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def plugin(root: Path) -> Iterator[SimpleNamespace]:
    """``provider`` and ``schema``, as ``python plugin`` would import them."""
    names = ("provider", "schema")
    sys.path.insert(0, str(root / "plugin"))
    modules: dict[str, ModuleType] = {name: importlib.import_module(name) for name in names}
    yield SimpleNamespace(**modules)
    sys.path.remove(str(root / "plugin"))
    for name in names:
        del sys.modules[name]
