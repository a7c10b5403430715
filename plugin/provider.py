"""The provider that serves the components, and the schema that other languages see.

The SDK infers the schema from annotations and docstrings, and hands what a program gives to the component
(pulumi/pulumi, ``sdk/python/lib/pulumi/provider/experimental/component.py``). What it would let through or change
without a word is dealt with here: a component that secures something must get exactly what was written.
"""

import inspect
import json
from dataclasses import replace
from typing import Any, Final

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult
from pulumi.provider.experimental.analyzer import PropertyDefinition, PropertyType
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

import kong_mtls

NAME: Final = "kong-mtls"
"""The package's name: the first part of every component's type token."""


def components() -> list[type[pulumi.ComponentResource]]:
    """Every public component, in the order of their names."""
    public = [getattr(kong_mtls, name) for name in kong_mtls.__all__]
    return [one for one in public if inspect.isclass(one) and issubclass(one, pulumi.ComponentResource)]


class Components(ComponentProvider):
    """Serves every public component under the package's own version.

    - Numbers without a fraction are integers, as the programs wrote them: on the wire all numbers are floats, and 5432
      would become the text ``5432.0`` in an environment variable.
    - A field that the component doesn't have is refused, where the SDK drops it.
    - A group of fields that isn't known yet, or secret as a whole, is refused, where the SDK takes it for empty.
    - What a component refuses is one message, without a traceback of the plugin.
    """

    def __init__(self) -> None:
        """Infer the schema."""
        super().__init__(components(), NAME, version=kong_mtls.__version__)
        self.schema = json.dumps(_dedented(json.loads(self.schema or "{}")))

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: pulumi.Inputs,
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Makes a component."""
        try:
            return super().construct(name, resource_type, whole(inputs), options)
        except ComponentInitError as error:
            if isinstance(error.inner, pulumi.RunError):
                raise refusal(str(error.inner)) from None
            raise

    def map_input_properties(
        self,
        inputs: Any,
        properties: dict[str, PropertyDefinition],
        mapping: dict[str, str],
        component_name: str,
        property_path: str,
    ) -> pulumi.Inputs:
        """Renames the fields of one object, and of those in it, from the schema's names to Python's."""
        prefix = f"{property_path}." if property_path else ""
        for field in inputs:
            if field not in properties:
                allowed = ", ".join(sorted(properties))
                raise refusal(f"{component_name}: {prefix}{field}: unknown; allowed: {allowed}")
        for field, definition in properties.items():
            for path, value in _objects(definition, f"{prefix}{field}", inputs.get(field)):
                if not isinstance(value, dict):
                    raise refusal(f"{component_name}: {path}: {_wrong(value)}")
        # Integers are made by `whole`; the SDK would fail at one that is an output.
        numbers = {
            field: replace(definition, type=PropertyType.NUMBER)
            if definition.type is PropertyType.INTEGER
            else definition
            for field, definition in properties.items()
        }
        return super().map_input_properties(inputs, numbers, mapping, component_name, property_path)


def refusal(message: str) -> InputPropertiesError:
    """One message for the person at the engine. Of an error that names a property the engine also prints the value,
    and be it a password."""
    return InputPropertiesError(message, [])


def whole(value: Any) -> Any:
    """The same value with numbers that have no fraction as integers, at any depth, also in outputs."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return value.apply(whole) if isinstance(value, pulumi.Output) else value


def _objects(definition: PropertyDefinition, path: str, value: Any) -> list[tuple[str, Any]]:
    """Where a field's value has to be an object of the schema: itself, its items, or its values."""
    if value is None:
        return []
    if _is_object(definition):
        return [(path, value)]
    if definition.items is not None and _is_object(definition.items):
        if not isinstance(value, list):
            return [(path, value)]
        return [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    inner = definition.additional_properties
    if inner is not None and _is_object(inner) and isinstance(value, dict):
        return [(f"{path}.{key}", item) for key, item in value.items()]
    return [(path, value)] if inner is not None and _is_object(inner) else []


def _is_object(definition: PropertyDefinition) -> bool:
    return (definition.ref or "").startswith("#/types/")


def _wrong(value: Any) -> str:
    if isinstance(value, pulumi.Output):
        return "must be known when the program runs, and not secret as a whole; make its fields secret or outputs"
    return f"an object is needed, not {type(value).__name__}"


def _dedented(value: Any) -> Any:
    """The schema with descriptions as they read, without the indentation of the docstrings they are from. Python 3.13
    takes that off by itself (what's new in Python 3.13, docstrings), so that the schema would depend on the version."""
    if isinstance(value, dict):
        return {
            key: inspect.cleandoc(item) if key == "description" and isinstance(item, str) else _dedented(item)
            for key, item in value.items()
        }
    return [_dedented(item) for item in value] if isinstance(value, list) else value
