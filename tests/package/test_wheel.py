"""The wheel: all of the package and nothing else, and what it asks for."""

import ast
from pathlib import Path

from packaging.requirements import Requirement

import kong_mtls

from .conftest import Wheel

DATA = {".txt", ".j2", ".html", ".css", ".js", ".svg"}


def test_the_whole_package_and_nothing_else(wheel: Wheel, root: Path) -> None:
    """Modules, the marker for type checkers, the charts' key lists, the report's templates; no tests, no settings."""
    package = root / "components"
    sources = {
        str(path.relative_to(package))
        for path in package.joinpath("kong_mtls").rglob("*")
        if path.is_file() and not {"__pycache__", ".mypy_cache", ".ruff_cache"} & set(path.parts)
    }
    assert {path.rpartition(".")[2] for path in sources} <= {"py", "typed", *(suffix[1:] for suffix in DATA)}
    packed = {name for name in wheel.names if not name.startswith(f"kong_mtls-{kong_mtls.__version__}.dist-info/")}
    assert packed == sources
    assert {"kong_mtls/py.typed", "kong_mtls/values/kong-3.4.1.txt"} <= packed
    assert any(name.startswith("kong_mtls/rehearsal/templates/") for name in packed)
    assert wheel.path.stat().st_size < 1_000_000


def test_what_it_asks_for(wheel: Wheel) -> None:
    """The components ask for the SDKs and a library for certificates; all else is an extra."""
    assert wheel.metadata("Name") == ["kong-mtls"]
    required = [Requirement(text) for text in wheel.metadata("Requires-Dist")]
    assert {one.name for one in required if one.marker is None} == {
        "cryptography",
        "pulumi",
        "pulumi-kubernetes",
        "pulumi-random",
        "pulumi-tls",
        "typing-extensions",
    }
    assert set(wheel.metadata("Provides-Extra")) == {"rehearsal", "program"}
    assert wheel.metadata("License-Expression") == ["Apache-2.0"]


def test_the_version_is_in_one_place(wheel: Wheel, root: Path) -> None:
    """The literal in the package: the metadata are made from it, and so is what the plugin says."""
    assert wheel.metadata("Version") == [kong_mtls.__version__]
    source = (root / "components/kong_mtls/__init__.py").read_text("utf-8")
    literals = [
        node.value.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and [ast.unparse(target) for target in node.targets] == ["__version__"]
    ]
    assert literals == [kong_mtls.__version__]
    assert "kong_mtls.__version__" in (root / "plugin/provider.py").read_text("utf-8")
