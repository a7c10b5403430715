"""Manifests of cert-manager's kinds against the fields of their CustomResourceDefinitions.

Source of the fields: the definitions as published, listed next to this module (its files' first lines say which
version). Source of the messages: kubernetes/kubernetes, structured-merge-diff (``typed``: "field not declared in
schema") and apiextensions-apiserver (``pkg/apiserver/validation``: "Required value", "Unsupported value").
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins.model import ResourceError
from kong_mtls.rehearsal.wire import Unknown

LISTS: Final = ("cert-manager-1.21.1.txt", "trust-manager-0.24.0.txt", "approver-policy-0.27.0.txt")

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "list": (list,),
    "map": (dict,),
    "object": (dict,),
}
_OUTSIDE: Final = frozenset({"apiVersion", "kind", "metadata", "status"})


@dataclass(frozen=True)
class _Field:
    type: str
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def _kinds() -> Mapping[tuple[str, str], Mapping[str, _Field]]:
    """Fields by path, by API version and kind."""
    kinds: dict[tuple[str, str], dict[str, _Field]] = {}
    for name in LISTS:
        fields: dict[str, _Field] = {}
        for line in resources.files(__package__).joinpath(name).read_text("utf-8").splitlines():
            if line.startswith("#"):
                words = line.split()
                if len(words) == 3:
                    fields = kinds.setdefault((words[1], words[2]), {})
                continue
            path, type_, *rest = line.split(" | ")
            said = dict(part.split("=", 1) for part in rest)
            required, allowed = said.get("required", ""), said.get("enum", "")
            fields[path] = _Field(type_, tuple(required.split(",")) if required else (), _listed(allowed))
    return kinds


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def is_listed(api_version: str, kind: str) -> bool:
    """Whether the fields of that kind are known here."""
    return (api_version, kind) in _kinds()


def check(inputs: Mapping[str, Any]) -> None:
    """Refuses an object whose fields its CustomResourceDefinition does not have, or not with such values.

    What is unknown in a preview is passed over, and so are kinds that are not listed.

    Raises:
        ResourceError: The object is refused, in the API server's words.
    """
    version, kind = str(inputs.get("apiVersion")), str(inputs.get("kind"))
    fields = _kinds().get((version, kind))
    if fields is None:
        return
    given = wire.plain(inputs)
    meta = given.get("metadata")
    name = str((meta if isinstance(meta, dict) else {}).get("name", ""))
    undeclared = list(_undeclared(given, "", fields))
    if undeclared:
        raise ResourceError(
            f"failed to create typed patch object ({name}; {version}, Kind={kind}): {'; '.join(undeclared)}"
        )
    invalid = list(_invalid(given, "", fields))
    if invalid:
        listed = invalid[0] if len(invalid) == 1 else f"[{', '.join(invalid)}]"
        raise ResourceError(f'{kind}.{version.partition("/")[0]} "{name}" is invalid: {listed}')


def _children(value: Any, path: str, fields: Mapping[str, _Field]) -> Iterator[tuple[str, str, Any]]:
    """What is in `value`: where it is listed, where it is in this object, and itself."""
    type_ = fields[path].type if path else "object"
    if type_ == "object" and isinstance(value, dict):
        for key, item in value.items():
            if item is not None and not (not path and key in _OUTSIDE):
                yield (f"{path}.{key}" if path else key), f".{key}", item
    elif type_ == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield f"{path}[]", f"[{index}]", item


def _undeclared(value: Any, path: str, fields: Mapping[str, _Field], shown: str = "") -> Iterator[str]:
    for listed, step, item in _children(value, path, fields):
        here = shown + step
        if listed not in fields:
            yield f"{here}: field not declared in schema{_hint(listed, fields)}"
            continue
        expected = fields[listed].type
        types = _TYPES.get(expected)
        fits = types is None or isinstance(item, types)
        if expected == "integer" and isinstance(item, bool):
            fits = False
        if not fits and not isinstance(item, Unknown):
            yield f"{here}: expected {expected}, got {type(item).__name__}"
            continue
        if expected == "map":
            for key, text in item.items() if isinstance(item, dict) else ():
                if not isinstance(text, (str, Unknown, type(None))):
                    yield f"{here}.{key}: expected string, got {type(text).__name__}"
        yield from _undeclared(item, listed, fields, here)


def _hint(path: str, fields: Mapping[str, _Field]) -> str:
    close = difflib.get_close_matches(path, fields, n=1)
    return f" (did you mean .{close[0]}?)" if close else ""


def _invalid(value: Any, path: str, fields: Mapping[str, _Field], shown: str = "") -> Iterator[str]:
    for listed, step, item in _children(value, path, fields):
        here = (shown + step).lstrip(".")
        field = fields[listed]
        if isinstance(item, dict):
            for key in field.required:
                if item.get(key) is None:
                    yield f"{here}.{key}: Required value"
        if field.allowed and isinstance(item, str) and item not in field.allowed:
            supported = ", ".join(f'"{one}"' for one in field.allowed)
            yield f'{here}: Unsupported value: "{item}": supported values: {supported}'
        yield from _invalid(item, listed, fields, shown + step)
