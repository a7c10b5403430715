"""YAML as the engine reads it, and as people read it back.

The engine is written in Go and reads YAML 1.2 scalars: ``yes``, ``on``, ``12:30`` and ``2027-01-01`` are text
there, while PyYAML follows YAML 1.1. It also refuses a key that stands twice in one mapping.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kong_mtls.reader.manifests import UnreadableInput


class _Loader(yaml.SafeLoader):
    """Safe loader with YAML 1.2 scalars and no duplicate keys."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    ("int", r"^[-+]?(?:0b[01]+|0x[0-9a-fA-F]+|0o?[0-7]*|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
_Loader.yaml_implicit_resolvers[""] = _Loader.yaml_implicit_resolvers["\0"]


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if isinstance(key, (dict, list)):
            raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is already given on line {seen[key]}", key_node.start_mark
            )
        seen[key] = line
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(path: Path) -> Any:
    """The one document in the file at `path`.

    Raises:
        UnreadableInput: The file cannot be read or is no YAML; names file, line and what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableInput(f"{path}: not UTF-8 text") from None
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with fewer types
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise UnreadableInput(f"{path}{where}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise UnreadableInput(f"{path}: not valid YAML") from None


class _Dumper(yaml.CSafeDumper):
    """Block style, long texts as literal blocks, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        """Repeats equal parts instead of naming them: no reader of manifests expects ``&id001``."""
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)

_FIRST = dict(
    zip(
        (
            *("apiVersion", "kind", "chart", "version", "repository", "release", "name", "namespace", "skipCrds"),
            *("metadata", "type", "immutable", "labels", "annotations", "image"),
        ),
        range(100),
        strict=False,
    )
)


def ordered(value: Any) -> Any:
    """`value` with the keys of every mapping in one fixed order: what names a thing first, then by alphabet.

    The wire between program and engine keeps no order (protobuf maps have none), so there is none to preserve.
    """
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (_FIRST.get(key, len(_FIRST)), key))
        return {key: ordered(value[key]) for key in keys}
    if isinstance(value, list):
        return [ordered(item) for item in value]
    return value


def dump(value: Any) -> str:
    """`value` as one YAML document; the same text for the same value."""
    return yaml.dump(ordered(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
