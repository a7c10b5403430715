"""The package imports a component when it is asked for: a program pays for what it uses, the audit for nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kong_mtls

HEAVY = ("pulumi", "pulumi_kubernetes", "pulumi_tls", "pulumi_random", "grpc", "cryptography")


def loaded_after(code: str, cwd: Path, stdin: str = "") -> set[str]:
    """Which of the heavy packages a fresh interpreter has after it ran `code`."""
    show = f"\nimport sys\nprint('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    command = [sys.executable, "-c", code + show]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_the_package_alone_imports_nothing(tmp_path: Path) -> None:
    """Neither the SDKs nor the library for certificates: it costs nothing over them."""
    assert loaded_after("import kong_mtls; kong_mtls.__version__; dir(kong_mtls)", tmp_path) == set()


def test_a_component_imports_what_it_needs(tmp_path: Path) -> None:
    """And no other component."""
    code = (
        "import sys\nfrom kong_mtls import InputError\nprint(*[it for it in sys.modules if it.startswith('kong_mtls')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["kong_mtls", "kong_mtls.errors"]


@pytest.mark.parametrize("arguments", [["--help"], ["audit", "--help"], ["audit", "-"]])
def test_help_and_audit_need_no_pulumi(tmp_path: Path, arguments: list[str]) -> None:
    """The audit runs where manifests are, be it without any SDK."""
    code = (
        f"import sys\nsys.argv = ['kong-mtls', *{arguments!r}]\n"
        "from kong_mtls.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code"
    )
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"
    assert loaded_after(code, tmp_path, manifest) <= {"cryptography"}


def test_the_names_are_the_same_everywhere() -> None:
    """For type checkers, for the interpreter and for `import *`; each is what its module says."""
    source = ast.parse(Path(kong_mtls.__file__).read_text("utf-8"))
    block = next(node for node in source.body if isinstance(node, ast.If))
    imports = {it.module: sorted(name.name for name in it.names) for it in block.body if isinstance(it, ast.ImportFrom)}
    table = {module: sorted(names.split()) for module, names in kong_mtls._MODULES.items()}
    assert table == imports
    assert sorted(name for names in table.values() for name in names) == sorted(kong_mtls.__all__)
    assert set(kong_mtls.__all__) <= set(dir(kong_mtls))
    for name in kong_mtls.__all__:
        assert getattr(kong_mtls, name).__name__ == name


def test_a_star_imports_all() -> None:
    """As `__all__` says."""
    found: dict[str, object] = {}
    exec("from kong_mtls import *", found)
    assert set(kong_mtls.__all__) <= set(found)


def test_an_unknown_name_is_an_import_error() -> None:
    """With the name; modules of the package can still be imported from it."""
    with pytest.raises(AttributeError, match="'kong_mtls' has no attribute 'KongHybird'"):
        kong_mtls.KongHybird  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'KongHybird'"):
        exec("from kong_mtls import KongHybird")
    exec("from kong_mtls import names")
