"""A container's environment and files, followed to the Secrets and ConfigMaps that they come from."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .manifests import MASKED, Objects, configmap_data, secret_data

Kind = Literal["Secret", "ConfigMap"]

DEFAULT_MODE = 0o644
"""Permissions of a Secret's or ConfigMap's files in a volume (Kubernetes API, ``defaultMode``)."""

# What an image brings along: a file there is none that a manifest could give.
IMAGE_PATHS = ("/etc/ssl/", "/etc/pki/", "/usr/", "/opt/", "/var/lib/")


@dataclass(frozen=True)
class Content:
    """What is behind an environment variable or a path: bytes, nothing, or something that can't be seen here."""

    data: bytes | None = field(repr=False)
    origin: str
    """Where it comes from, or why it does not: one line, no content."""
    known: bool = True
    """False: it may well exist, but not in these files (an existing Secret, a masked value)."""

    @property
    def text(self) -> str | None:
        """The bytes as text; None when there are none."""
        return None if self.data is None else self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class KeyRef:
    """An environment variable's value in a Secret or ConfigMap of the container's namespace."""

    kind: Kind
    name: str
    key: str
    optional: bool = False


@dataclass(frozen=True)
class FieldRef:
    """An environment variable's value that only the running pod has."""

    path: str


EnvValue = str | KeyRef | FieldRef


@dataclass(frozen=True)
class EnvFrom:
    """All keys of a Secret or ConfigMap as environment variables."""

    kind: Kind
    name: str
    prefix: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Source:
    """What a volume takes from one Secret or ConfigMap: its keys as files, or only ``items`` (file to key)."""

    kind: Kind
    name: str
    items: Mapping[str, str] | None = None
    optional: bool = False
    mode: int = DEFAULT_MODE
    """Permissions of the files, which belong to root (Kubernetes, ``defaultMode``)."""


@dataclass(frozen=True)
class Mount:
    """A directory in a container (a single file with ``sub_path``), and what its volume is filled from."""

    path: str
    volume: str
    sources: tuple[Source, ...]
    """Empty for a volume of another kind (emptyDir, a disk) or one that the pod doesn't have."""
    sub_path: str = ""
    declared: bool = True
    """False: the pod has no volume of that name, and Kubernetes refuses it."""


@dataclass(frozen=True)
class Container:
    """A container of a pod, as far as files say."""

    name: str
    """For messages: ``namespace/release``, with the container where it is not the gateway's."""
    namespace: str
    env: Mapping[str, EnvValue] = field(default_factory=dict)
    env_from: tuple[EnvFrom, ...] = ()
    mounts: tuple[Mount, ...] = ()
    args: tuple[str, ...] = ()

    def env_content(self, key: str, objects: Objects) -> Content | None:
        """An environment variable's value; None when the variable isn't there."""
        value = self.env.get(key)
        if isinstance(value, str):
            known = value != MASKED
            return Content(value.encode() if known else None, f"{key} of {self.name}", known)
        if isinstance(value, KeyRef):
            found = key_content(objects, value.kind, self.namespace, value.name, value.key)
            return None if value.optional and found.data is None and found.known else found
        if isinstance(value, FieldRef):
            return Content(None, f"{key} of {self.name} is {value.path}, known to the running pod only", False)
        return self._env_from(key, objects)

    def _env_from(self, key: str, objects: Objects) -> Content | None:
        found: Content | None = None
        for source in self.env_from:  # a later one wins
            if not key.startswith(source.prefix):
                continue
            obj = objects.get(source.kind, self.namespace, source.name)
            if obj is None:
                origin = f"{source.kind} {self.namespace}/{source.name} is not in these files"
                found = Content(None, f"{key} may be in it: {origin}", False)
            elif key.removeprefix(source.prefix) in _data(source.kind, obj):
                name = key.removeprefix(source.prefix)
                found = key_content(objects, source.kind, self.namespace, source.name, name)
        return found

    def env_value(self, key: str, objects: Objects) -> str | None:
        """An environment variable's value as text; None when it isn't there or can't be known."""
        found = self.env_content(key, objects)
        return found.text if found else None

    def mount_at(self, path: str) -> Mount | None:
        """The mount that a path is on; None when it is the image's."""
        path = posixpath.normpath(path)
        # The kubelet mounts shorter paths first, so the longest one that leads there is what the process sees.
        leading = [m for m in self.mounts if path == m.path or path.startswith(m.path.rstrip("/") + "/")]
        return max(leading, key=lambda m: len(m.path), default=None)

    def file_content(self, path: str, objects: Objects) -> Content:
        """What is at a path in the container."""
        path = posixpath.normpath(path)
        mount = self.mount_at(path)
        if mount is None:
            if path.startswith(IMAGE_PATHS):
                return Content(None, f"{path} is the image's own", False)
            return Content(None, f"nothing is mounted at {path} in {self.name}")
        if not mount.declared:
            return Content(None, f"{self.name} mounts {path} from volume {mount.volume}, which it doesn't have")
        inside = posixpath.normpath(posixpath.join(mount.sub_path, posixpath.relpath(path, mount.path)))
        if not mount.sources:
            return Content(None, f"{path} of {self.name} is on a volume that is filled at run time", False)
        candidates = [_from_source(source, inside, self.namespace, objects) for source in mount.sources]
        present = [content for content in candidates if content.data is not None]
        unknown = [content for content in candidates if not content.known]
        return (present or unknown or candidates)[-1]

    def file(self, path: str, objects: Objects) -> bytes | None:
        """What is at a path in the container; None when nothing is or it can't be known."""
        return self.file_content(path, objects).data


def _data(kind: Kind, obj: Mapping[str, Any]) -> dict[str, bytes | None]:
    return secret_data(obj) if kind == "Secret" else configmap_data(obj)


def key_content(objects: Objects, kind: Kind, namespace: str, name: str, key: str) -> Content:
    """What a key of a Secret or ConfigMap holds."""
    obj = objects.get(kind, namespace, name)
    where = f"{kind} {namespace}/{name}"
    if obj is None:
        return Content(None, f"{where} is not in these files", False)
    data = _data(kind, obj)
    if key not in data:
        if objects.is_partial(obj):
            return Content(None, f"{where} is not whole in these files", False)
        return Content(None, f"{where} has no key {key}")
    if data[key] is None:
        masked = MASKED in ((obj.get("stringData") or {}).get(key), (obj.get("data") or {}).get(key))
        return Content(None, f"{where}, key {key} is {'masked' if masked else 'not base64'}", not masked)
    return Content(data[key], f"{where}, key {key}")


def _from_source(source: Source, inside: str, namespace: str, objects: Objects) -> Content:
    key: str | None = inside
    if source.items is not None:
        key = source.items.get(inside)
    if key is None or "/" in key:
        return Content(None, f"the volume of {source.kind} {namespace}/{source.name} has no file {inside}")
    return key_content(objects, source.kind, namespace, source.name, key)


def decode_base64(text: str) -> bytes | None:
    """A text as base64, or None; Kong takes a setting that is no path for PEM or base64 of it."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
