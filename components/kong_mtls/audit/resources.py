"""Pulumi resources, as a policy pack sees them, made into the objects and releases that the rules judge.

It knows the shape of the resources and nothing of the engine, so it is tested without one. What a preview
doesn't know yet becomes a mark that no rule judges (see `kong_mtls.audit.unknown`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kong_mtls.reader.manifests import MASKED, PATCH_PREFIX, Objects, key_of, read_texts

from .unknown import UNKNOWN, holds_unknown

RELEASE = "kubernetes:helm.sh/v3:Release"
_KUBERNETES = "kubernetes:"
_MARK = "kong-mtls.io/unknown"

# Where a single string is expected, so that the mark can stand for it. Anything else that isn't known is left
# out, and the object is marked as a whole.
_SCALARS = frozenset(
    {
        *("apiVersion", "kind", "name", "namespace", "type", "key", "value"),
        *("host", "hostname", "path", "pathType", "ingressClassName", "className", "secretName", "group"),
        *("image", "plugin", "username", "custom_id"),
    }
)
_MAPS = frozenset({"annotations", "labels", "data", "stringData", "binaryData", "config"})

# Values of the kong chart that are mappings of single values: one of them not being known leaves the rest as it is.
_FREE_VALUES = (
    ("env",),
    ("customEnv",),
    ("ingressController", "env"),
    ("podAnnotations",),
    ("deploymentAnnotations",),
    ("podLabels",),
    ("resources",),
    ("admin", "tls", "client"),
)


class Resource(Protocol):
    """What `pulumi_policy` hands to a policy for one resource, as far as it is used here."""

    @property
    def resource_type(self) -> str:
        """Such as ``kubernetes:core/v1:Secret``."""

    @property
    def props(self) -> Mapping[str, Any]:
        """The inputs, as the provider has checked them: autonaming is done."""

    @property
    def name(self) -> str:
        """The logical name."""

    @property
    def urn(self) -> str:
        """The resource's own address."""


@dataclass(frozen=True)
class Converted:
    """Resources as texts for the reader.

    Attributes:
        texts: one JSON document per Kubernetes object or kong release.
        urns: which resource an object came from, by the name findings use.
    """

    texts: dict[str, str]
    urns: dict[str, str]

    def objects(self) -> Objects:
        """The index that the rules read."""
        return read_texts(self.texts)


def convert(resources: Iterable[Resource], unknown: type[Exception]) -> Converted:
    """Make objects of resources; what is neither a Kubernetes object nor a Release is passed over.

    Args:
        resources: of a stack, or one alone.
        unknown: what reading a value raises that isn't known yet (``pulumi_policy.UnknownValueError``).
    """
    texts: dict[str, str] = {}
    urns: dict[str, str] = {}
    for number, resource in enumerate(resources):
        if not resource.resource_type.startswith(_KUBERNETES):
            continue
        props = _plain(resource.props, unknown)
        if resource.resource_type == RELEASE:
            document, name = _release(props, resource.name)
            prefix = ""
        else:
            document, name = _object(props, resource.name)
            prefix = PATCH_PREFIX if resource.resource_type.endswith("Patch") else ""
        if document is not None:
            texts[f"{number}/{prefix}{resource.name}.json"] = json.dumps(document)
            urns.setdefault(name, resource.urn)
    return Converted(texts, urns)


def _plain(value: Any, unknown: type[Exception]) -> Any:
    """Ordinary dicts and lists; `UNKNOWN` where reading says so."""
    if isinstance(value, Mapping):
        return {str(key): _item(value, key, unknown) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_item(value, index, unknown) for index in range(len(value))]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def _item(holder: Any, key: Any, unknown: type[Exception]) -> Any:
    try:
        return _plain(holder[key], unknown)
    except unknown:
        return UNKNOWN


def _release(props: Mapping[str, Any], logical: str) -> tuple[dict[str, Any] | None, str]:
    values = props.get("values") or {}
    name, namespace = str(props.get("name") or logical), str(props.get("namespace") or "default")
    if not isinstance(values, dict) or holds_unknown((name, namespace)):
        return None, ""
    values = {**values}
    for path in _FREE_VALUES:
        _settle(values, path)
    if holds_unknown(_without_free_values(values, ())):
        return None, ""  # a branch is missing: the chart's defaults would be judged in its place
    document = {
        "chart": str(props.get("chart") or ""),
        "version": props.get("version"),
        "release": name,
        "namespace": namespace,
        "values": values,
    }
    return document, f"Release/{namespace}/{name}"


def _settle(values: dict[str, Any], path: tuple[str, ...]) -> None:
    """Make each value in a mapping of free values known, or unknown as a whole; ``values`` is ours to change."""
    holder: Any = values
    for part in path:
        if not isinstance(holder.get(part), dict):
            return
        holder[part] = {**holder[part]}
        holder = holder[part]
    for key, value in holder.items():
        if holds_unknown(value):
            holder[key] = UNKNOWN


def _without_free_values(value: Any, path: tuple[str, ...]) -> Any:
    """The values of which none may be unknown."""
    if not isinstance(value, dict):
        return value
    if path in _FREE_VALUES:
        return {}
    return {key: _without_free_values(each, (*path, key)) for key, each in value.items()}


def _object(props: Mapping[str, Any], logical: str) -> tuple[dict[str, Any] | None, str]:
    if not isinstance(props.get("kind"), str) or not isinstance(props.get("apiVersion"), str):
        return None, ""  # a component, such as a Chart or a ConfigFile: its children come by themselves
    left_out: list[str] = []
    document = _without_unknown_branches(props, left_out)
    metadata = document.setdefault("metadata", {"namespace": UNKNOWN} if "metadata" in left_out else {})
    if not metadata.get("name") and not metadata.get("generateName"):
        metadata["name"] = logical
    if left_out:
        metadata.setdefault("annotations", {})[_MARK] = UNKNOWN
    if document["kind"] == "Secret":
        # A key that is there and a value that isn't known: just what a masked value is.
        for part in ("data", "stringData"):
            for key, value in (document.get(part) or {}).items():
                if value == UNKNOWN:
                    document[part][key] = MASKED
    return document, "/".join(key_of(document))


def _without_unknown_branches(value: Any, left_out: list[str], *, free: bool = False) -> Any:
    """The same without what isn't known, except where a string is expected or (``free``) anything goes."""
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for key, each in value.items():
            if each == UNKNOWN and key in _MAPS:
                kept[key] = {UNKNOWN: MASKED}
            elif each == UNKNOWN and not free and key not in _SCALARS:
                left_out.append(key)
            else:
                kept[key] = _without_unknown_branches(each, left_out, free=free or key in _MAPS)
        return kept
    if isinstance(value, list):
        if not free and UNKNOWN in value:
            left_out.append("")
            value = [each for each in value if each != UNKNOWN]
        return [_without_unknown_branches(each, left_out, free=free) for each in value]
    return value
