"""The example in YAML fits the plugin's schema: components, fields, types, and what its references lead to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

PREFIX = "kong-mtls:index:"
LATE = {"type": "string", "pattern": r"^\$\{[^}]+\}$"}
"""What stands where only the engine knows the value."""


@pytest.fixture(scope="module")
def schema(root: Path) -> dict[str, Any]:
    """The plugin's schema."""
    found: dict[str, Any] = json.loads((root / "tests/plugin/schema.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def program(root: Path) -> dict[str, Any]:
    """The program."""
    found: dict[str, Any] = yaml.safe_load((root / "examples/yaml/Pulumi.yaml").read_text("utf-8"))
    return found


def _field(field: dict[str, Any]) -> dict[str, Any]:
    """A field in JSON Schema. What is plain has to be written down; anything else may be a reference."""
    if field.get("$ref", "").startswith("#/types/"):
        rule: dict[str, Any] = {"$ref": field["$ref"].replace("#/types/", "#/$defs/")}
    elif field.get("type") == "array":
        rule = {"type": "array", "items": _field(field["items"])}
    elif field.get("type") == "object":
        rule = {"type": "object", "additionalProperties": _field(field["additionalProperties"])}
    else:
        rule = {"type": field["type"]} if "type" in field else {}
    return rule if field.get("plain") else {"anyOf": [rule, LATE]}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    fields = {name: _field(field) for name, field in properties.items()}
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def problems(program: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """What of a program the plugin would refuse."""
    types = {name: _object(it["properties"], it.get("required", [])) for name, it in schema["types"].items()}
    found = []
    for name, resource in program["resources"].items():
        component = schema["resources"].get(resource["type"])
        if component is None:
            found += [f"{name}: {resource['type']} is unknown"] if resource["type"].startswith(PREFIX) else []
            continue
        rule = _object(component["inputProperties"], component.get("requiredInputs", [])) | {"$defs": types}
        for error in Draft202012Validator(rule).iter_errors(resource.get("properties", {})):
            found.append(f"{name}: {error.json_path}: {error.message}")
    return found + _lost(program, schema)


def _lost(program: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """References that lead nowhere."""
    found = []
    for name, field in re.findall(r"\$\{(\w+)(?:\.(\w+))?[^}]*\}", json.dumps(program)):
        resource = program["resources"].get(name)
        component = schema["resources"].get(resource["type"]) if resource else None
        if resource is None or (component is not None and field and field not in component["properties"]):
            found.append(f"${{{name}{'.' if field else ''}{field}}} leads nowhere")
    return found


def test_the_example_fits_the_schema(program: dict[str, Any], schema: dict[str, Any]) -> None:
    """Every name, type and reference, against the schema that review sees change."""
    assert problems(program, schema) == []
    used = [it["type"] for it in program["resources"].values() if it["type"].startswith(PREFIX)]
    assert len(used) >= 2


def test_the_plugin_is_where_it_says(root: Path, program: dict[str, Any]) -> None:
    """The path is relative to the example."""
    assert program["runtime"] == "yaml"
    assert (root / "examples/yaml" / program["packages"]["kong-mtls"] / "PulumiPlugin.yaml").is_file()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("kong", "type"), "kong-mtls:index:KongHybird", "KongHybird is unknown"),
        (("kong", "properties", "database"), None, "'database' is a required property"),
        (("kong", "properties", "edtion"), "oss", "'edtion' was unexpected"),
        (("kong", "properties", "cluster", "mTls"), "pki", "'mTls' was unexpected"),
        (("kong", "properties", "dataPlanes"), {"name": "dp"}, "is not of type 'array'"),
        (("kong", "properties", "dataPlanes", 0, "pods", "replicas"), "two", "is not of type 'integer'"),
        (("kong", "properties", "dataPlanes", 0, "name"), None, "'name' is a required property"),
        (("kong", "properties", "edition"), "${edition}", "${edition} leads nowhere"),
        (("callers", "properties", "certificates"), "${dataPlanes.metadata}", "is not of type 'array'"),
        (("kong", "properties", "database", "host"), "${callers.trust}", "${callers.trust} leads nowhere"),
    ],
)
def test_what_would_be_found(
    program: dict[str, Any], schema: dict[str, Any], path: tuple[Any, ...], value: Any, said: str
) -> None:
    """The check isn't one that says yes to everything."""
    changed = json.loads(json.dumps(program))
    place = changed["resources"]
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    assert any(said in problem for problem in problems(changed, schema)), problems(changed, schema)
