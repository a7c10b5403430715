"""What programs in other languages are written against: the schema of the plugin, and what a change of it breaks."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

import kong_mtls

HOW = "programs in other languages see this; if it is meant: python plugin/schema.py > tests/plugin/schema.json"


@pytest.fixture(scope="module")
def served(plugin: SimpleNamespace) -> dict[str, Any]:
    """The schema that the plugin serves, texts and all."""
    schema: dict[str, Any] = json.loads(plugin.provider.Components().schema)
    return schema


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """The schema as it was when it was last looked at."""
    schema: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text("utf-8"))
    return schema


def test_the_schema_is_the_one_that_was_looked_at(plugin: SimpleNamespace, kept: dict[str, Any]) -> None:
    """A change of the schema shows in review, what breaks programs first."""
    now = plugin.schema.current()
    found = plugin.schema.changes(kept, now)
    assert not found, "\n".join(["the schema has changed:", *map(str, found), HOW])
    assert now == kept, HOW


def test_every_public_component_is_served(served: dict[str, Any]) -> None:
    """Under the package's version, each with the outputs that its class declares."""
    public = [getattr(kong_mtls, name) for name in kong_mtls.__all__]
    components = [it for it in public if isinstance(it, type) and issubclass(it, pulumi.ComponentResource)]
    assert len(components) > 20
    assert set(served["resources"]) == {f"kong-mtls:index:{it.__name__}" for it in components}
    assert served["version"] == kong_mtls.__version__
    for component in components:
        outputs = {name for name in component.__annotations__ if not name.startswith("_")}
        schema = served["resources"][f"kong-mtls:index:{component.__name__}"]
        assert len(schema.get("properties", {})) == len(outputs), component.__name__


def test_everything_is_described(served: dict[str, Any]) -> None:
    """Each component, type, input and output has a sentence of its docstring, without the docstring's indentation."""
    for token, one in {**served["resources"], **served["types"]}.items():
        texts = {token: one.get("description")}
        for kind in ("inputProperties", "properties"):
            texts |= {f"{token}.{name}": it.get("description") for name, it in one.get(kind, {}).items()}
        for where, text in texts.items():
            assert text, f"{where} has no docstring"
            assert "\n    " not in text.replace("\n    InputError", ""), where


def test_no_resource_is_an_input(served: dict[str, Any]) -> None:
    """References are by name: a resource can't cross to a component that runs in another process."""
    for token, one in {**served["resources"], **served["types"]}.items():
        for name, field in {**one.get("inputProperties", {}), **one.get("properties", {})}.items():
            reference = field.get("$ref", "")
            assert reference == "" or reference.startswith(("#/types/kong-mtls:", "pulumi.json#/Any")), (
                f"{token}.{name}"
            )


BEFORE: dict[str, Any] = {
    "resources": {
        "p:index:One": {
            "inputProperties": {"a": {"type": "string"}, "b": {"$ref": "#/types/p:index:T", "plain": True}},
            "requiredInputs": ["a"],
            "properties": {"out": {"type": "string"}},
            "required": ["out"],
        }
    },
    "types": {"p:index:T": {"properties": {"x": {"type": "integer", "description": "old"}}, "required": []}},
}
ONE = ("resources", "p:index:One")
TYPE = ("types", "p:index:T")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("resources",), {}, "BREAKS  component One is gone"),
        (("types",), {}, "BREAKS  type T is gone"),
        ((*ONE, "inputProperties", "a"), None, "BREAKS  component One: input a is gone"),
        ((*ONE, "properties", "out"), None, "BREAKS  component One: output out is gone"),
        ((*ONE, "requiredInputs"), ["a", "b"], "BREAKS  component One: input b was optional, is required"),
        ((*ONE, "requiredInputs"), [], "new     component One: input a was required, is optional"),
        ((*ONE, "required"), [], "BREAKS  component One: output out was always there, may be missing"),
        ((*ONE, "inputProperties", "a", "type"), "integer", 'BREAKS  component One: input a: was {"type": "string"}'),
        ((*ONE, "inputProperties", "a", "plain"), True, "BREAKS  component One: input a: was"),
        ((*ONE, "inputProperties", "c"), {"type": "string"}, "new     component One: input c"),
        ((*ONE, "properties", "more"), {"type": "string"}, "new     component One: output more"),
        ((*TYPE, "properties", "y"), {"type": "string"}, "new     type T: field y"),
        ((*TYPE, "properties", "x"), None, "BREAKS  type T: field x is gone"),
        ((*TYPE, "required"), ["x"], "BREAKS  type T: field x was optional, is required"),
        (("resources", "p:index:Two"), {}, "new     component Two"),
    ],
)
def test_what_breaks_a_program(plugin: SimpleNamespace, path: tuple[str, ...], value: Any, said: str) -> None:
    """Each change is named, and told from one that programs don't notice."""
    after = copy.deepcopy(BEFORE)
    place = after
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    lines = [str(change) for change in plugin.schema.changes(BEFORE, after)]
    assert lines
    assert lines[0].startswith(said), lines


def test_a_new_required_field_breaks(plugin: SimpleNamespace) -> None:
    """Whoever gave the object without it is refused from now on."""
    after = copy.deepcopy(BEFORE)
    after["types"]["p:index:T"] = {"properties": {"x": {"type": "integer"}, "y": {"type": "string"}}, "required": ["y"]}
    assert [str(it) for it in plugin.schema.changes(BEFORE, after)] == ["BREAKS  type T: field y (required)"]


def test_a_better_sentence_is_no_change(plugin: SimpleNamespace) -> None:
    """Descriptions aren't kept; a property of that name is."""
    after = copy.deepcopy(BEFORE)
    after["types"]["p:index:T"]["properties"]["x"]["description"] = "new"
    assert plugin.schema.changes(BEFORE, after) == []
    assert plugin.schema.shape(after) == plugin.schema.shape(BEFORE)
    named = {"properties": {"description": {"type": "string", "description": "what it is"}}}
    assert plugin.schema.shape(named) == {"properties": {"description": {"type": "string"}}}
