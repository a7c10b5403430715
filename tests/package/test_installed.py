"""The installed package in an empty environment: a consumer's stack, the command, and its types."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import kong_mtls

from .conftest import Environment, run

MOCKED = """
import asyncio, runpy, sys
import pulumi

class Mocks(pulumi.runtime.Mocks):
    def __init__(self):
        self.types = []
    def new_resource(self, args):
        self.types.append(args.typ)
        return f"{args.name}-id", args.inputs
    def call(self, args):
        return {}

mocks = Mocks()
async def main():
    pulumi.runtime.set_mocks(mocks, project="consumer", stack="dev", preview=True)
    await pulumi.runtime.stack.run_pulumi_func(lambda: runpy.run_path(sys.argv[1], run_name="__main__"))
asyncio.run(main())
print("\\n".join(mocks.types))
"""


@pytest.fixture(scope="session")
def bare(environment: Callable[..., Environment]) -> Environment:
    """What ``pip install kong-mtls`` brings."""
    return environment()


@pytest.fixture(scope="session")
def full(environment: Callable[..., Environment]) -> Environment:
    """What ``pip install kong-mtls[rehearsal]`` brings."""
    return environment("rehearsal")


def test_it_is_the_installed_one(bare: Environment, root: Path) -> None:
    """Nothing of the repository is on the path, and nothing but what the wheel asks for is there."""
    printed = bare.python(
        "import kong_mtls, sys; print(kong_mtls.__file__, kong_mtls.__version__, *sys.path, sep='\\n')"
    )
    file, version, *path = printed.splitlines()
    assert bare.folder in Path(file).parents
    assert version == kong_mtls.__version__
    assert not [entry for entry in path if entry and root in [Path(entry), *Path(entry).parents]]
    assert not {"typer", "jinja2", "rich", "pyopenssl", "pydantic", "pytest"} & bare.distributions


def test_every_public_name_can_be_had(bare: Environment) -> None:
    """With the components' own dependencies: no component needs an extra."""
    code = "import kong_mtls\nfor name in kong_mtls.__all__: print(name, getattr(kong_mtls, name).__module__)"
    lines = bare.python(code).splitlines()
    assert [line.split()[0] for line in lines] == list(kong_mtls.__all__)
    assert not [line for line in lines if "rehearsal" in line or "audit" in line]


def test_a_consumers_stack_runs(bare: Environment, root: Path) -> None:
    """The smallest example, under the SDK's own mocks."""
    types = bare.python(MOCKED, root / "examples/minimal/__main__.py").splitlines()
    assert types.count("kubernetes:helm.sh/v3:Release") == 2
    assert "tls:index/privateKey:PrivateKey" in types
    assert "kubernetes:core/v1:Secret" in types
    assert len(types) > 20


def test_the_command_says_what_it_needs(bare: Environment, tmp_path: Path) -> None:
    """Without the extra: one message that says how to get it, and no traceback."""
    for command in ([bare.command("kong-mtls")], [bare.command("python"), "-m", "kong_mtls"]):
        said = run(*command, "--help", cwd=tmp_path, code=2)
        assert said.stdout == ""
        assert said.stderr.startswith("error: OpenSSL, jinja2, rich, typer: not installed in ")
        assert said.stderr.endswith("pip install 'kong-mtls[rehearsal]'\n")


def test_a_consumers_stack_is_rehearsed(full: Environment, root: Path, tmp_path: Path) -> None:
    """The installed command proves the links of a program that is nowhere near the repository, and audits its files."""
    shutil.copytree(root / "examples/minimal", tmp_path / "consumer", ignore=shutil.ignore_patterns(".*", "out"))
    command = full.command("kong-mtls")
    done = run(command, "rehearse", "--stack", "dev", "--format", "json", cwd=tmp_path / "consumer")
    report = json.loads(done.stdout)
    assert {link["link"] for link in report["links"]} == {"cluster", "admin", "database"}
    assert {link["ok"] for link in report["links"]} == {True}
    assert (tmp_path / "consumer/out/dev/report.html").is_file()
    audited = run(command, "audit", "out/dev", cwd=tmp_path / "consumer")
    assert "error" not in audited.stdout


CONSUMER = """
from kong_mtls import ClientMtls, KongHybrid, KongHybridArgs

args: KongHybridArgs = {"edition": "oss", "database": {"development": {}}}
kong = KongHybrid("kong", args)
endpoint: str = kong.cluster_endpoint
ClientMtls("callers", {"namespace": "shop", "rutes": []})
KongHybird = KongHybrid.edition
"""


def test_a_type_checker_sees_the_types(bare: Environment, root: Path, tmp_path: Path) -> None:
    """An installed package with types: a misspelt field and a wrong type are found before anything runs."""
    (tmp_path / "consumer.py").write_text(CONSUMER)
    # The generated SDKs take a type checker minutes; nothing is asked of them here.
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\n"
        "[mypy-pulumi_kubernetes.*]\nfollow_imports = skip\n[mypy-pulumi_tls.*]\nfollow_imports = skip\n"
        "[mypy-pulumi_random.*]\nfollow_imports = skip\n"
    )
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "mypy",
        "--no-incremental",
        "--python-executable",
        bare.command("python"),
    ]
    said = run(*command, "consumer.py", cwd=tmp_path, code=1).stdout
    assert 'Incompatible types in assignment (expression has type "Output[str]", variable has type "str")' in said
    assert 'Extra key "rutes" for TypedDict "ClientMtlsArgs"' in said
    assert '"type[KongHybrid]" has no attribute "edition"' in said
    assert "Found 3 errors in 1 file" in said
