"""Kong's processes in a set: releases of the chart, and Deployments that were rendered already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cryptography import x509

from kong_mtls.reader.chart import KongRelease, Listener, parse_listen
from kong_mtls.reader.container import Container, Content, decode_base64
from kong_mtls.reader.manifests import Objects

from . import certs
from .unknown import known
from .workloads import Workload

Role = Literal["control_plane", "data_plane", "traditional"]

_OFFICIAL = ("kong", "library/kong", "docker.io/kong", "docker.io/library/kong")
_ORIGIN = re.compile(r"(Secret|ConfigMap) ([^/\s]+)/([^,\s]+), key ")


@dataclass(frozen=True)
class Material:
    """Certificates from one setting of a gateway, and where they are kept.

    Attributes:
        object: the Secret or ConfigMap, else the gateway; what a finding is about.
        setting: the environment variable.
        chain: every certificate of it, in order; None when it can't be known.
        problem: why there is none although all is known; "" otherwise.
        key: the private key that goes with it; None without one, or when it can't be known.
        key_known: False when the key can't be known.
    """

    object: str
    setting: str
    chain: tuple[x509.Certificate, ...] | None = field(repr=False)
    problem: str = ""
    key: bytes | None = field(default=None, repr=False)
    key_known: bool = False


@dataclass(frozen=True)
class Gateway:
    """One Kong, wherever its configuration stands.

    Attributes:
        object: its name in findings.
        namespace: where its pods run.
        source: reads variables and files.
        release: the release, when it is one.
        labels: of its pods.
        replicas: how many pods it has at least.
        image: what the kubelet pulls.
    """

    object: str
    namespace: str
    source: KongRelease | Container = field(repr=False)
    objects: Objects = field(repr=False)
    release: KongRelease | None = field(repr=False)
    labels: Mapping[str, str]
    replicas: int
    image: str

    def setting(self, name: str) -> str | None:
        """A setting of kong.conf by its name there; None when it isn't set or can't be known."""
        value = self.source.env_value(f"KONG_{name.upper()}", self.objects)
        return value if value is not None and known(value) else None

    def content(self, name: str) -> Content | None:
        """A setting with where it comes from; None when it isn't set."""
        return self.source.env_content(f"KONG_{name.upper()}", self.objects)

    def _known(self, name: str, default: str) -> str:
        return default if self.content(name) is None else self.setting(name) or ""

    def is_on(self, name: str) -> bool:
        """Whether a switch is on, as Kong's configuration loader reads booleans."""
        return (self.setting(name) or "").lower() in ("on", "true")

    @property
    def role(self) -> Role:
        """Kong's role."""
        value = self.setting("role")
        return value if value in ("control_plane", "data_plane") else "traditional"  # type: ignore[return-value]

    @property
    def proxies(self) -> bool:
        """Whether clients' requests pass through it."""
        return self.role != "control_plane"

    @property
    def database(self) -> str:
        """``postgres`` or ``off``; "" when it can't be known."""
        return self._known("database", "postgres")

    @property
    def cluster_mtls(self) -> str:
        """``shared``, ``pki`` or ``pki_check_cn``; "" when it can't be known."""
        return self._known("cluster_mtls", "shared")

    @property
    def tag(self) -> str:
        """The image's tag, "" without one."""
        name = self.image.split("@", 1)[0].rsplit("/", 1)[-1]
        return name.partition(":")[2]

    @property
    def version(self) -> tuple[int, ...] | None:
        """As many numbers as the tag has, or the release's effective one; None when it has none."""
        match = re.match(r"v?(\d+(?:\.\d+)*)", self.tag)
        numbers = tuple(int(part) for part in match[1].split(".")) if match else ()
        return numbers or (self.release.image.version if self.release else None)

    @property
    def enterprise(self) -> bool | None:
        """Whether it is Kong Enterprise; None when the image's name doesn't tell."""
        repository = self.image.split("@", 1)[0]
        name = repository.rsplit("/", 1)[-1].partition(":")[0]
        if name == "kong" and repository.partition(":")[0] in _OFFICIAL:
            return False  # whatever the values say: these images hold nothing of Enterprise
        if name == "kong-gateway" or (self.release is not None and self.release.enterprise):
            return True
        return False if name == "kong" else None

    @property
    def licensed(self) -> bool:
        """Whether something is to give it a licence by environment or file."""
        if any(self.content(name) is not None for name in ("license_data", "license_path")):
            return True
        env_from = self.source.container.env_from if isinstance(self.source, KongRelease) else self.source.env_from
        return bool(env_from)

    def listeners(self, name: str) -> tuple[Listener, ...] | None:
        """The addresses of a listen setting; None when it can't be known."""
        content = self.content(name)
        if content is None:
            return ()
        return parse_listen(content.text) if content.text is not None and known(content.text) else None

    def file(self, value: str) -> Content:
        """What a setting that takes a path, a PEM or base64 of one stands for."""
        return read(self.source, self.objects, value)

    def material(self, setting: str, key_setting: str = "") -> list[Material]:
        """The certificates that a setting names; several when it is a comma list; none when it isn't set."""
        return material(self, f"KONG_{setting.upper()}", f"KONG_{key_setting.upper()}" if key_setting else "")


def read(source: KongRelease | Container, objects: Objects, value: str) -> Content:
    """A path's content, or the value itself where it is PEM or base64 of PEM."""
    if value.startswith("/"):
        return source.file_content(value, objects)
    if "-----BEGIN" in value:
        return Content(value.encode(), "the value itself")
    decoded = decode_base64(value.strip())
    return Content(decoded or value.encode(), "the value itself")


def material(owner: Gateway, variable: str, key_variable: str = "", source: Container | None = None) -> list[Material]:
    """The same for a variable of another container of the pod."""
    reader: KongRelease | Container = source or owner.source
    content = reader.env_content(variable, owner.objects)
    if content is None:
        return []
    if content.text is None or not known(content.text):
        return [Material(owner.object, variable, None)]
    keys = reader.env_content(key_variable, owner.objects) if key_variable else None
    key_values = _listed(keys.text) if keys is not None and keys.text is not None else []
    found = []
    for index, value in enumerate(_listed(content.text)):
        if value == "system":
            continue
        key_content = None
        if index < len(key_values):
            key_content = read(reader, owner.objects, key_values[index])
        found.append(_one(owner, variable, read(reader, owner.objects, value), key_content))
    return found


def _listed(text: str) -> list[str]:
    return [text] if "-----BEGIN" in text else [part.strip() for part in text.split(",") if part.strip()]


def _one(owner: Gateway, variable: str, content: Content, key: Content | None) -> Material:
    origin = _ORIGIN.match(content.origin)
    where = "/".join(origin.groups()) if origin else owner.object
    if content.data is None:
        return Material(where, variable, None)  # not there, or not to be seen: a rule about files says which
    if not known(content.text):
        return Material(where, variable, None)
    key_data = key.data if key is not None else None
    key_known = key is not None and key.known and (key_data is None or known(key.text))
    try:
        chain = certs.certificates(content.data)
    except certs.NotACertificate as e:
        return Material(where, variable, None, f"{content.origin}: {e}")
    return Material(where, variable, chain, "", key_data if key_known else None, key_known)


def gateways(releases: list[KongRelease], found: list[Workload], objects: Objects) -> Iterator[Gateway]:
    """Releases first; then workloads that run Kong and that no release in the set makes."""
    for release in releases:
        if release.gateway:
            yield Gateway(
                f"Release/{release.release.namespace}/{release.name}",
                release.namespace,
                release,
                objects,
                release,
                release.pod_labels,
                release.replicas,
                release.image.reference,
            )
    rendered = {(release.namespace, release.fullname) for release in releases}
    for workload in found:
        _, namespace, name = workload.object.split("/", 2)
        container = workload.gateway() if workload.object.startswith(("Deployment", "DaemonSet")) else None
        if container is not None and (namespace, name) not in rendered:
            image = next(str(c.get("image") or "") for c in workload.containers if _is(c, container))
            yield Gateway(
                workload.object, namespace, container, objects, None, workload.labels, workload.replicas, image
            )


def _is(container: Mapping[str, object], read_as: Container) -> bool:
    env = container.get("env")
    return isinstance(env, list) and {str(each.get("name")) for each in env} == set(read_as.env)
