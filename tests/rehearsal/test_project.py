"""Project and stack files are read as the engine reads them, and refused as it refuses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal.project import StackConfig, read_project, read_stack

from .conftest import NOW


def config(folder: Path, project: str, stack: str, name: str = "dev") -> StackConfig:
    """The config of `stack` in a project with that text."""
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n" + project)
    (folder / "__main__.py").write_text("")
    (folder / f"Pulumi.{name}.yaml").write_text(stack)
    return read_stack(read_project(folder), name, NOW)


def values(folder: Path, project: str, stack: str) -> dict[str, str]:
    """The same as text by key, without the mark of the rehearsal."""
    found = dict(config(folder, project, stack).values)
    assert found.pop("demo:rehearsal") == "true"
    return found


def test_values_become_text(tmp_path: Path) -> None:
    """Scalars as Go prints them, objects and lists as JSON; keys without a namespace are the project's."""
    stack = """
        config:
          demo:text: hello
          number: 3
          demo:big: 2147483648
          demo:float: 1.5
          demo:whole: 2.0
          demo:time: 12:30
          demo:yes: true
          demo:yaml11: yes
          demo:octal: 0755
          demo:date: 2027-01-01
          demo:object: {b: [1, true, null, x], a: {}}
          kubernetes:context: kind
    """
    assert values(tmp_path, "", stack) == {
        "demo:text": "hello",
        "demo:number": "3",
        "demo:big": "2147483648",
        "demo:float": "1.5",
        "demo:whole": "2",
        "demo:time": "12:30",
        "demo:yes": "true",
        "demo:yaml11": "yes",
        "demo:octal": "493",
        "demo:date": "2027-01-01",
        "demo:object": '{"a":{},"b":[1,true,null,"x"]}',
        "kubernetes:context": "kind",
    }


def test_defaults_of_the_project(tmp_path: Path) -> None:
    """Defaults fill what the stack leaves out; a stack's object replaces a default object whole."""
    project = """
config:
  demo:size: {type: integer, default: 3}
  short: hello
  demo:options: {type: object, default: {a: 1, b: 2}}
  demo:names: {type: array, items: {type: string}, default: []}
  kubernetes:enableSecretMutable: true
  kubernetes:namespace: {value: apps}
"""
    assert values(tmp_path, project, "config: {'demo:options': {c: 3}}") == {
        "demo:size": "3",
        "demo:short": "hello",
        "demo:options": '{"c":3}',
        "demo:names": "[]",
        "kubernetes:enableSecretMutable": "true",
        "kubernetes:namespace": "apps",
    }


@pytest.mark.parametrize("text", ["", "config:\n", "config: {}\n", "encryptionsalt: v1:abc\n"])
def test_empty_stacks(tmp_path: Path, text: str) -> None:
    """A stack's file may say nothing."""
    assert values(tmp_path, "", text) == {}


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("integer", "'12'"),
        ("integer", "12"),
        ("boolean", "'true'"),
        ("boolean", "false"),
        ("string", "12"),
        ("object", "{a: 1}"),
        ("array, items: {type: array, items: {type: integer}}", "[[1, '2'], []]"),
    ],
)
def test_types_that_fit(tmp_path: Path, declared: str, given: str) -> None:
    """What the engine accepts: scalars of a stack's file are text to it."""
    assert "demo:x" in values(tmp_path, f"config: {{'demo:x': {{type: {declared}}}}}", f"config: {{'demo:x': {given}}}")


@pytest.mark.parametrize(
    ("declared", "given", "name"),
    [
        ("integer", "1.5", "integer"),
        ("integer", "many", "integer"),
        ("integer", "[1]", "integer"),
        ("boolean", "yes", "boolean"),
        ("boolean", "1", "boolean"),
        ("string", "{a: b}", "string"),
        ("object", "text", "object"),
        ("object", "[1]", "object"),
        ("array, items: {type: integer}", "[1, x]", "array<integer>"),
        ("array, items: {type: object}", "{a: 1}", "array<object>"),
    ],
)
def test_types_that_do_not_fit(tmp_path: Path, declared: str, given: str, name: str) -> None:
    """Key, stack, file and expected type are named; the value is not, it may be secret."""
    with pytest.raises(UnreadableInput) as caught:
        config(tmp_path, f"config: {{'demo:x': {{type: {declared}}}}}", f"config: {{'demo:x': {given}}}")
    assert str(caught.value) == f"stack 'dev' (Pulumi.dev.yaml): configuration key 'x' must be of type '{name}'"


def test_missing_required_keys(tmp_path: Path) -> None:
    """A declared key without default is required; all that are missing come in one error."""
    project = "config: {'demo:b': {type: string}, 'demo:a': {type: string}, 'demo:c': {type: string, default: ''}}"
    with pytest.raises(UnreadableInput, match=r"is missing configuration values 'a', 'b'$"):
        config(tmp_path, project, "config: {}")


def test_declared_secret_must_be_encrypted(tmp_path: Path) -> None:
    """`secret: true` refuses a plain value, as the engine does."""
    with pytest.raises(UnreadableInput, match=r"configuration key 'x' must be encrypted as it's secret"):
        config(tmp_path, "config: {'demo:x': {type: string, secret: true}}", "config: {'demo:x': hunter2}")


@pytest.mark.parametrize(
    ("project", "message"),
    [
        ("config: {'demo:x': {type: array}}", "declares an array but not the type of its 'items'"),
        ("config: {'demo:x': {type: integer, default: a}}", "default of configuration key 'demo:x' is not of the exp"),
        ("config: {'demo:x': {default: 1, value: 2}}", "cannot have both a 'default' and 'value'"),
        ("config: {'aws:x': {type: string}}", "'aws:x' is not namespaced by the project and should not define a type"),
        ("config: {'aws:x': {default: a}}", "use 'value' instead of 'default'"),
        ("config: {'aws:x': {description: a}}", "must provide a 'value'"),
        ("config: [a]", "config must be a mapping"),
    ],
)
def test_schemas_that_the_engine_refuses(tmp_path: Path, project: str, message: str) -> None:
    """The project's own mistakes."""
    with pytest.raises(UnreadableInput, match=message):
        config(tmp_path, project, "config: {}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: {a: [}\n", r"Pulumi\.dev\.yaml, line 1: not valid YAML"),
        ("config:\n  a: 1\n b: 2\n", r"Pulumi\.dev\.yaml, line 3: not valid YAML"),
        ("config:\n  demo:a: 1\n  demo:a: 2\n", r"line 3: not valid YAML: key 'demo:a' is already given on line 2"),
        ("config:\n  ? [a]\n  : 1\n", "a key must be text"),
        ("config: {}\n---\nconfig: {}\n", "not valid YAML"),
        ("config: !!python/object:os.system {}\n", "not valid YAML"),
        ("config: text\n", "config must be a mapping of keys"),
        ("- a\n", "config must be a mapping of keys"),
        ("config: {'a:b:c': 1}\n", "'a:b:c' is no config key"),
        ("config: {':b': 1}\n", "':b' is no config key"),
    ],
)
def test_broken_stack_files(tmp_path: Path, text: str, message: str) -> None:
    """File, line and what is wrong."""
    with pytest.raises(UnreadableInput, match=message):
        config(tmp_path, "", text)


def test_unreadable_files(tmp_path: Path) -> None:
    """What is no text, or no file, is said plainly."""
    (tmp_path / "Pulumi.yaml").write_bytes(b"name: \xff")
    with pytest.raises(UnreadableInput, match="not UTF-8 text"):
        read_project(tmp_path)
    config(tmp_path, "", "config: {}")
    (tmp_path / "Pulumi.dir.yaml").mkdir()
    with pytest.raises(UnreadableInput, match='stack "dir" does not exist'):
        read_stack(read_project(tmp_path), "dir", NOW)


def test_unknown_stack(tmp_path: Path) -> None:
    """The error names the missing file and the stacks that are there."""
    config(tmp_path, "", "config: {}", "prod")
    config(tmp_path, "", "config: {}", "dev")
    with pytest.raises(
        UnreadableInput, match=r'stack "qa" does not exist: no Pulumi\.qa\.yaml in .*; there are dev, prod'
    ):
        read_stack(read_project(tmp_path), "qa", NOW)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runtime: python\n", "missing a 'name' attribute"),
        ("name: demo\nruntime: nodejs\n", "runtime is 'nodejs'; only programs in Python"),
        ("name: demo\n", "runtime is None"),
        ("- a\n", "a mapping with name and runtime is expected"),
        ("name: demo\nruntime: {name: python}\nmain: other\n", "the program .*other does not exist"),
    ],
)
def test_projects_that_cannot_be_rehearsed(tmp_path: Path, text: str, message: str) -> None:
    """No name, another language, no program."""
    (tmp_path / "Pulumi.yaml").write_text(text)
    with pytest.raises(UnreadableInput, match=message):
        read_project(tmp_path)


def test_no_project(tmp_path: Path) -> None:
    """A folder without Pulumi.yaml is no project."""
    with pytest.raises(UnreadableInput, match=r"no Pulumi project here \(no Pulumi.yaml\)"):
        read_project(tmp_path)


def test_main_and_stack_folders(tmp_path: Path) -> None:
    """`main` is a folder or a file; `stackConfigDir` moves the stacks' files."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "__main__.py").write_text("")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text("config: {a: b}")
    (tmp_path / "Pulumi.yaml").write_text(
        "name: demo\nruntime: {name: python, options: {virtualenv: v}}\nmain: src/\nstackConfigDir: stacks\n"
    )
    project = read_project(tmp_path)
    assert project.main == tmp_path / "src" / "__main__.py"
    assert project.stacks() == ["dev"]
    assert read_stack(project, "dev", NOW).values["demo:a"] == "b"


def test_environments_are_said_to_be_missing(tmp_path: Path) -> None:
    """Values from Pulumi ESC are out of reach; a note says so."""
    found = config(tmp_path, "", "environment: [team/dev]\nconfig: {}\n")
    assert "imports environments, which only the engine can open" in found.notes[0]


def test_secure_values_make_keys_secret(tmp_path: Path) -> None:
    """A secure value anywhere in a key makes the key secret, and gets a placeholder in its place."""
    found = config(tmp_path, "", "config: {'demo:db': {host: h, password: {secure: abc}}, 'demo:open': x}")
    assert found.secret_keys == {"demo:db"}
    assert found.placeholders == ("demo:db.password",)
    database = json.loads(found.values["demo:db"])
    assert database["host"] == "h"
    assert database["password"].startswith("placeholder-")
    assert "placeholder-" not in repr(found)


def test_flags(tmp_path: Path) -> None:
    """Flags are true in the forms that providers accept."""
    found = config(tmp_path, "", "config: {'kubernetes:a': true, 'kubernetes:b': 'True', 'kubernetes:c': 'no'}")
    assert [found.flag(f"kubernetes:{key}") for key in "abcd"] == [True, True, False, False]
