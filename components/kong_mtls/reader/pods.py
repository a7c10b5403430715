"""From a pod's YAML to its containers: environment, arguments, volumes."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .container import DEFAULT_MODE, Container, EnvFrom, EnvValue, FieldRef, KeyRef, Kind, Mount, Source


def mapping(value: Any) -> dict[str, Any]:
    """A mapping as it is; empty for anything else."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """A list's items as text; empty for anything else."""
    return [str(each) for each in value] if isinstance(value, list) else []


def dicts(value: Any) -> list[dict[str, Any]]:
    """The mappings of a list; empty for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


_ENV_REFS: tuple[tuple[str, Kind], ...] = (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap"))
_ENV_FROM_REFS: tuple[tuple[str, Kind], ...] = (("secretRef", "Secret"), ("configMapRef", "ConfigMap"))
_VOLUME_REFS: tuple[tuple[str, Kind, str], ...] = (
    ("secret", "Secret", "secretName"),
    ("configMap", "ConfigMap", "name"),
)


def value_from(value: Mapping[str, Any]) -> EnvValue:
    """An environment variable's ``valueFrom``."""
    source = mapping(value.get("valueFrom"))
    for key, kind in _ENV_REFS:
        ref = source.get(key)
        if isinstance(ref, dict):
            return KeyRef(kind, str(ref.get("name")), str(ref.get("key")), bool(ref.get("optional")))
    ref = mapping(source.get("fieldRef")) or mapping(source.get("resourceFieldRef"))
    return FieldRef(str(ref.get("fieldPath") or ref.get("resource") or "unknown"))


def env_list(value: Any) -> dict[str, EnvValue]:
    """A container's ``env``."""
    return {
        str(each.get("name")): value_from(each) if "valueFrom" in each else str(each.get("value", ""))
        for each in dicts(value)
    }


def env_from_list(value: Any) -> tuple[EnvFrom, ...]:
    """A container's ``envFrom``."""
    found = []
    for each in dicts(value):
        for key, kind in _ENV_FROM_REFS:
            ref = each.get(key)
            if isinstance(ref, dict):
                prefix, optional = str(each.get("prefix") or ""), bool(ref.get("optional"))
                found.append(EnvFrom(kind, str(ref.get("name")), prefix, optional))
    return tuple(found)


def volume_sources(volume: Mapping[str, Any]) -> tuple[Source, ...]:
    """The Secrets and ConfigMaps that a pod's volume is filled from; empty for other kinds of volumes."""
    projected = mapping(volume.get("projected"))
    parts = [(volume, None), *((part, projected.get("defaultMode")) for part in dicts(projected.get("sources")))]
    found = []
    for part, projected_mode in parts:
        for key, kind, name_key in _VOLUME_REFS:
            ref = part.get(key)
            if isinstance(ref, dict):
                items = {str(i.get("path")): str(i.get("key")) for i in dicts(ref.get("items"))} or None
                name = str(ref.get(name_key) or ref.get("name"))
                mode = ref.get("defaultMode", projected_mode)
                mode = int(mode) if isinstance(mode, int | float) else DEFAULT_MODE
                found.append(Source(kind, name, items, bool(ref.get("optional")), mode))
    return tuple(found)


def mounts_of(mounts: Any, volumes: Mapping[str, tuple[Source, ...]]) -> tuple[Mount, ...]:
    """A container's ``volumeMounts``, given its pod's volumes by name."""
    return tuple(
        Mount(
            posixpath.normpath(str(each.get("mountPath"))),
            str(each.get("name")),
            volumes.get(str(each.get("name")), ()),
            str(each.get("subPath") or ""),
            str(each.get("name")) in volumes,
        )
        for each in dicts(mounts)
    )


def pod_container(
    spec: Mapping[str, Any],
    namespace: str,
    owner: str,
    chosen: Callable[[Mapping[str, Any]], bool],
    claims: Sequence[str] = (),
) -> Container | None:
    """The first chosen container of a pod's spec.

    Args:
        spec: the pod's.
        namespace: where it runs.
        owner: how messages name it.
        chosen: which of its containers.
        claims: volumes that a StatefulSet's claim templates add.
    """
    volumes: dict[str, tuple[Source, ...]] = dict.fromkeys(claims, ())
    volumes |= {str(v.get("name")): volume_sources(v) for v in dicts(spec.get("volumes"))}
    for each in dicts(spec.get("containers")):
        if chosen(each):
            command = texts(each.get("command")) + texts(each.get("args"))
            return Container(
                owner,
                namespace,
                env_list(each.get("env")),
                env_from_list(each.get("envFrom")),
                mounts_of(each.get("volumeMounts"), volumes),
                tuple(command),
            )
    return None
