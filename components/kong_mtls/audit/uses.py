"""Who reads a Secret or ConfigMap, for which link and role, and whether a change of it reaches the reader.

Kong reads the files and variables of its settings when it starts, and so does the ingress controller what it needs for
the Admin API (Kong/kubernetes-ingress-controller ``internal/adminapi/kong.go``). What annotations and ``tls`` sections
name, the controller watches. What other programs do with a mounted file nobody can tell; variables, and single files
mounted by ``subPath``, never change in a running pod (https://kubernetes.io/docs/concepts/configuration/secret/).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kong_mtls.reader.container import Container, KeyRef, Kind, Mount, Source
from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.manifests import Objects, ident, key_of
from kong_mtls.reader.pods import dicts, env_from_list, env_list, mapping, mounts_of, volume_sources

from .gateways import Gateway
from .workloads import Workload

Link = Literal["cluster", "admin", "client", "upstream", "database", ""]
Reading = Literal["start", "watched", "unknown"]

_KEY = "tls.key"
_SERVES: dict[str, tuple[Link, str]] = {
    "KONG_SSL_CERT": ("client", "server"),
    "KONG_ADMIN_SSL_CERT": ("admin", "server"),
    "KONG_ADMIN_GUI_SSL_CERT": ("admin", "server"),
    "KONG_STATUS_SSL_CERT": ("admin", "server"),
    "KONG_PG_SSL_CERT": ("database", "client"),
    "KONG_NGINX_PROXY_PROXY_SSL_CERTIFICATE": ("upstream", "client"),
    "KONG_CLIENT_SSL_CERT": ("upstream", "client"),
    "CONTROLLER_KONG_ADMIN_TLS_CLIENT_CERT": ("admin", "client"),
    "CONTROLLER_KONG_ADMIN_TLS_CLIENT_CERT_FILE": ("admin", "client"),
}
_TRUSTS: dict[str, Link] = {
    "KONG_CLUSTER_CA_CERT": "cluster",
    "KONG_NGINX_ADMIN_SSL_CLIENT_CERTIFICATE": "admin",
    "KONG_NGINX_PROXY_SSL_CLIENT_CERTIFICATE": "client",
    "KONG_NGINX_PROXY_PROXY_SSL_TRUSTED_CERTIFICATE": "upstream",
    "KONG_LUA_SSL_TRUSTED_CERTIFICATE": "database",
    "CONTROLLER_KONG_ADMIN_CA_CERT": "admin",
    "CONTROLLER_KONG_ADMIN_CA_CERT_FILE": "admin",
}
_READ_AT_START = ("KONG_", "CONTROLLER_KONG_ADMIN_")
_RESTARTABLE = ("Deployment/", "StatefulSet/", "DaemonSet/")


@dataclass(frozen=True)
class Use:
    """That something reads a Secret or ConfigMap.

    Attributes:
        reader: what does, as findings name it.
        kind: Secret or ConfigMap.
        namespace: of it.
        name: of it.
        where: the setting, annotation or volume that names it.
        reading: whether a change is noticed: never before a restart, at once, or that can't be told.
        link: what for, "" where that can't be told.
        role: ``server`` or ``client`` where the certificate is shown; "" otherwise.
        trusts: whether peers are verified with it.
        key: the data key that is read; None for all of them.
    """

    reader: str
    kind: Kind
    namespace: str
    name: str
    where: str
    reading: Reading
    link: Link = ""
    role: str = ""
    trusts: bool = False
    key: str | None = None

    @property
    def restartable(self) -> bool:
        """Whether it is a process that goes on running, and that a restart would help."""
        return self.reader.startswith(("Release/", *_RESTARTABLE))

    @property
    def holds_key(self) -> bool:
        """Whether the private key beside the certificate comes along."""
        return self.kind == "Secret" and self.key in (None, _KEY)


def uses(gateways: list[Gateway], workloads: list[Workload], objects: Objects) -> Iterator[Use]:
    """Every use, those of Kong's own settings first."""
    for gateway in gateways:
        yield from _gateway(gateway)
    kongs = {gateway.object for gateway in gateways}
    for workload in workloads:
        yield from _workload(workload, is_kong=workload.object in kongs)
    yield from _watched(objects)


def _gateway(gateway: Gateway) -> Iterator[Use]:
    source, release = gateway.source, gateway.release
    yield from _container(gateway.object, source if isinstance(source, Container) else source.container, gateway)
    if release is not None and release.ingress_controller is not None:
        for use in _container(gateway.object, release.ingress_controller.container, None):
            if use.where != "volume webhook-cert":  # watched: internal/admission/server.go
                yield use


def _container(reader: str, container: Container, gateway: Gateway | None) -> Iterator[Use]:
    led_to: set[tuple[str, str]] = set()
    for variable, given in container.env.items():
        link, role, trusts = _meaning(variable, gateway)
        where = variable.removeprefix("KONG_").lower() if variable.startswith("KONG_") else variable
        if isinstance(given, KeyRef):
            yield Use(
                reader, given.kind, container.namespace, given.name, where, "start", link, role, trusts, given.key
            )
        elif isinstance(given, str) and variable.startswith(_READ_AT_START):
            for path in (part.strip() for part in given.split(",")):
                for source, read in _at(container, path) if path.startswith("/") else ():
                    led_to.add((source.kind, source.name))
                    yield Use(
                        reader, source.kind, container.namespace, source.name, where, "start", link, role, trusts, read
                    )
    for each in container.env_from:
        yield Use(reader, each.kind, container.namespace, each.name, "envFrom", "start")
    for mount in container.mounts:
        for source in mount.sources:
            reading: Reading = "start" if mount.sub_path else "unknown"
            if reading == "unknown" and (source.kind, source.name) in led_to:
                reading = "start"
            for key in _keys(mount, source):
                yield Use(
                    reader, source.kind, container.namespace, source.name, f"volume {mount.volume}", reading, key=key
                )


def _meaning(variable: str, gateway: Gateway | None) -> tuple[Link, str, bool]:
    if variable in _TRUSTS:
        return _TRUSTS[variable], "", True
    if variable == "KONG_CLUSTER_CERT" and gateway is not None:
        # In shared mode both sides compare digests; only the data plane still looks at the server's usage.
        shared = not gateway.cluster_mtls.startswith("pki")
        role = {"control_plane": "server", "data_plane": "" if shared else "client"}.get(gateway.role, "")
        return "cluster", role, False
    meant: tuple[Link, str] = _SERVES.get(variable, ("", ""))
    return (*meant, False)


def _at(container: Container, path: str) -> Iterator[tuple[Source, str]]:
    """The sources that a path's file may come from, with the key it has there."""
    mount = container.mount_at(path)
    if mount is None:
        return
    inside = posixpath.normpath(posixpath.join(mount.sub_path, posixpath.relpath(posixpath.normpath(path), mount.path)))
    for source in mount.sources:
        key = inside if source.items is None else source.items.get(inside)
        if key is not None:
            yield source, key


def _keys(mount: Mount, source: Source) -> tuple[str | None, ...]:
    if mount.sub_path:
        return (mount.sub_path if source.items is None else source.items.get(mount.sub_path, mount.sub_path),)
    return (None,) if source.items is None else tuple(source.items.values())


def _workload(workload: Workload, *, is_kong: bool) -> Iterator[Use]:
    volumes = {str(v.get("name")): volume_sources(v) for v in dicts(workload.spec.get("volumes"))}
    for each in workload.containers:
        env = env_list(each.get("env"))
        if is_kong and any(name.startswith("KONG_") for name in env):
            continue  # read already, with what its settings mean
        if not volumes and not env and not each.get("envFrom"):
            continue
        mounts = mounts_of(each.get("volumeMounts"), volumes)
        container = Container(workload.object, workload.namespace, env, env_from_list(each.get("envFrom")), mounts)
        yield from _container(workload.object, container, None)


def _watched(objects: Objects) -> Iterator[Use]:
    for service in objects.all("Service"):
        given, namespace = ann.kong(service), key_of(service)[1]
        for key, kind, role in _ANNOTATIONS:
            where, read = f"annotation konghq.com/{key}", None if role else "ca.crt"
            for name in ann.comma_list(given.get(key, "")):
                yield Use(ident(service), kind, namespace, name, where, "watched", "upstream", role, not role, read)
    for route in ("Ingress", "Gateway"):
        for obj in objects.all(route):
            namespace, spec = key_of(obj)[1], mapping(obj.get("spec"))
            named = [(namespace, tls.get("secretName")) for tls in dicts(spec.get("tls"))]
            for listener in dicts(spec.get("listeners")):
                references = dicts(mapping(listener.get("tls")).get("certificateRefs"))
                named += [(str(r.get("namespace") or namespace), r.get("name")) for r in references]
            for within, secret in named:
                if secret:
                    yield Use(ident(obj), "Secret", within, str(secret), "its tls", "watched", "client", "server")


_ANNOTATIONS: tuple[tuple[str, Kind, str], ...] = (
    ("client-cert", "Secret", "client"),
    ("ca-certificates-secrets", "Secret", ""),
    ("ca-certificates-configmaps", "ConfigMap", ""),
)
