"""The proofs and the reader know files, Kong's rules and TLS: nothing of how the files are written."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import kong_mtls

PACKAGE = Path(kong_mtls.__file__).parent
ALLOWED = ("kong_mtls.reader", "kong_mtls.rehearsal.links", "kong_mtls.rehearsal.mint")
LIBRARIES = {"cryptography", "OpenSSL", "yaml", *sys.stdlib_module_names}


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, by its full name."""
    package = ["kong_mtls", *path.relative_to(PACKAGE).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            stem = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*stem, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names} if module.startswith("kong_mtls") else {module}
    return found


def files() -> list[Path]:
    folders = (PACKAGE / "reader", PACKAGE / "rehearsal" / "links")
    return [PACKAGE / "rehearsal" / "mint.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]


def test_proofs_share_no_code_with_what_they_prove() -> None:
    """A wrong name or path in the components can't cancel itself out here."""
    assert len(files()) > 20
    for path in files():
        for module in imports_of(path):
            if module.startswith("kong_mtls"):
                assert module.startswith(ALLOWED), f"{path.name} imports {module}"
            else:
                assert module.split(".")[0] in LIBRARIES, f"{path.name} imports {module}"


def test_the_reader_knows_nothing_of_the_proofs() -> None:
    """Arrows go one way."""
    for path in sorted((PACKAGE / "reader").rglob("*.py")):
        assert not [module for module in imports_of(path) if "rehearsal" in module], path.name


def test_proofs_need_no_pulumi() -> None:
    """Running them loads neither the SDK nor any component."""
    code = (
        "import sys, types\n"
        "def bare(name, path):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    sys.modules[name].__path__ = [path]\n"
        f"bare('kong_mtls', {str(PACKAGE)!r})\n"
        f"bare('kong_mtls.rehearsal', {str(PACKAGE / 'rehearsal')!r})\n"
        "import kong_mtls.rehearsal.links\n"
        "print([name for name in sys.modules if name.startswith('pulumi')])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
