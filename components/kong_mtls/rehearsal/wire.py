"""Property values as they travel between a Pulumi program and its engine.

A program sends its inputs as protobuf structs in which a secret is an object with a signature and an unknown is
a fixed UUID (``pulumi/runtime/rpc.py`` of the Python SDK). Here they are plain Python values with two marks:
:class:`Secret` around a secret and :data:`UNKNOWN` for what a preview cannot know. The SDK's own reader lifts the
secretness of a leaf to the whole object; this one keeps it on the leaf, so that the rest can be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import struct_pb2  # type: ignore[import-untyped]

UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a mark, not a secret
RESOURCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"

MASK: Final = "(masked)"
UNKNOWN_MASK: Final = "(known after up)"

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Secret:
    """A value that must not be shown. Its ``repr`` never holds the value."""

    value: Any = field(repr=False)


class Unknown:
    """What is computed by a provider, seen from a preview."""

    def __repr__(self) -> str:  # noqa: D105
        return UNKNOWN_MASK


UNKNOWN: Final = Unknown()


def from_struct(struct: struct_pb2.Struct) -> Any:
    """The Python value of a struct: a dict, or what its signature says it is."""
    fields = struct.fields
    if SIGNATURE_KEY in fields:
        signature = fields[SIGNATURE_KEY].string_value
        if signature == SECRET_SIGNATURE:
            return as_secret(_from_value(fields["value"]))
        if signature == RESOURCE_SIGNATURE:
            # A resource among inputs is a reference; what a provider gets to see is its id, or its URN.
            return fields["id"].string_value or fields["urn"].string_value
    return {key: _from_value(fields[key]) for key in sorted(fields)}


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text == UNKNOWN_TEXT else text
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    return None


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """The struct that the SDK reads back as `values`."""
    struct = struct_pb2.Struct()
    for key, value in values.items():
        struct.fields[key].CopyFrom(_to_value(value))
    return struct


def _to_value(value: Any) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=UNKNOWN_TEXT)
    if isinstance(value, Secret):
        return _to_value({SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value})
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=to_struct(value))
    return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_to_value(item) for item in value]))


def to_json(value: Any) -> Any:
    """`value` as JSON data, secrets kept apart by the engine's own signature. Unknowns have no place in a state."""
    if isinstance(value, Secret):
        return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": to_json(value.value)}
    if isinstance(value, Unknown):
        raise TypeError("an unknown value cannot be recorded")
    if isinstance(value, Mapping):
        return {key: to_json(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def from_json(data: Any) -> Any:
    """The value that :func:`to_json` wrote."""
    if isinstance(data, dict):
        if data.get(SIGNATURE_KEY) == SECRET_SIGNATURE:
            return as_secret(from_json(data.get("value")))
        return {key: from_json(item) for key, item in data.items()}
    if isinstance(data, list):
        return [from_json(item) for item in data]
    return data


def as_secret(value: Any) -> Secret:
    """`value` marked secret once, also when it is already."""
    return value if isinstance(value, Secret) else Secret(value)


def transform(value: Any, leaf: Callable[[Any, bool], Any], secret: bool = False) -> Any:
    """A copy of `value` with ``leaf(item, is_secret)`` in place of every scalar and every unknown."""
    if isinstance(value, Secret):
        return transform(value.value, leaf, True)
    if isinstance(value, Mapping):
        return {key: transform(item, leaf, secret) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [transform(item, leaf, secret) for item in value]
    return leaf(value, secret)


def plain(value: Any) -> Any:
    """`value` without its secret marks (unknowns stay)."""
    return transform(value, lambda item, _: item)


def shown(value: Any) -> Any:
    """`value` with every secret leaf masked and unknowns in words: what may be printed."""

    def leaf(item: Any, secret: bool) -> Any:
        if secret or holds_private_key(item):
            return MASK
        return UNKNOWN_MASK if isinstance(item, Unknown) else item

    return transform(value, leaf)


def holds_private_key(value: Any) -> bool:
    """Whether `value` is text with a PEM private key in it, whoever forgot to mark it."""
    return isinstance(value, str) and "PRIVATE KEY-----" in value


def leaves(value: Any, path: Path = (), secret: bool = False) -> Iterator[tuple[Path, Any, bool]]:
    """Every scalar of `value` with its path and whether it is secret. Empty objects and lists count as leaves."""
    if isinstance(value, Secret):
        yield from leaves(value.value, path, True)
    elif isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key), secret)
    elif isinstance(value, (list, tuple)) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index), secret)
    else:
        yield path, value, secret


def has_unknown(value: Any) -> bool:
    """Whether anything in `value` is unknown."""
    return any(isinstance(item, Unknown) for _, item, _ in leaves(value))


def dotted(path: Path) -> str:
    """`path` as Pulumi writes it: ``spec.ports[0].port``, ``metadata.labels["konghq.com/x"]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif "." in part or "[" in part or '"' in part:
            text += f'["{part}"]'
        else:
            text += f".{part}" if text else part
    return text
