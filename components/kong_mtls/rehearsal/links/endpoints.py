"""From the host and port that a client is told, through Services, to the pods that listen there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...reader.chart import KongRelease
from ...reader.manifests import Objects
from ...reader.pods import dicts, mapping
from .settings import Broken, Unproved


@dataclass(frozen=True)
class Endpoint:
    """A ``host:port`` as a setting gives it."""

    host: str
    port: int

    def __str__(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ServiceName:
    """A Service of this cluster that a host name means."""

    name: str
    namespace: str

    def __str__(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


def parse_endpoint(value: str, what: str) -> Endpoint:
    """A ``host:port`` setting.

    Raises:
        Broken: it is none.
    """
    match = re.fullmatch(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/]+):(?P<port>\d{1,5})", value.strip())
    if match is None or not 0 < int(match["port"]) < 65536:
        raise Broken(f"{what} is no host:port: {value!r}")
    return Endpoint(match["host"], int(match["port"]))


def service_named(host: str, namespace: str, objects: Objects, releases: Sequence[KongRelease]) -> ServiceName | None:
    """The Service that a host name means to a pod of a namespace; None when it means something outside.

    ``name``, ``name.namespace`` and ``name.namespace.svc[.<cluster domain>]`` (Kubernetes docs, "DNS for Services
    and Pods"). The two short forms may as well be outside names, so they count only where such a Service exists.
    """
    name, *rest = host.rstrip(".").split(".")
    if len(rest) >= 2 and rest[1] == "svc":
        return ServiceName(name, rest[0])
    if len(rest) > 1:
        return None
    found = ServiceName(name, rest[0] if rest else namespace)
    chart_services = {(s.name, s.namespace) for r in releases for s in r.services.values()}
    exists = (found.name, found.namespace) in chart_services or objects.get("Service", found.namespace, found.name)
    return found if exists else None


@dataclass(frozen=True)
class Target:
    """The gateway behind a Service's port, and the container port that it leads to."""

    release: KongRelease
    port: int


def kong_behind(
    endpoint: Endpoint, namespace: str, what: str, objects: Objects, releases: Sequence[KongRelease]
) -> Target:
    """The release of the kong chart that listens behind a host and port.

    Args:
        endpoint: where a client of `namespace` connects to.
        namespace: the client's.
        what: the setting, for messages.
        objects: Services beside the charts' own.
        releases: candidates.

    Raises:
        Broken: the Service isn't rendered, has no such port, or selects no gateway.
        Unproved: it is none of these files.
    """
    service = service_named(endpoint.host, namespace, objects, releases)
    if service is None:
        raise Unproved(f"{what} {endpoint} is outside these files")
    for release in releases:
        for rendered in release.services.values():
            if (rendered.name, rendered.namespace) == (service.name, service.namespace):
                port = rendered.target(endpoint.port)
                if not isinstance(port, int):
                    ports = ", ".join(str(p.port) for p in rendered.ports)
                    raise Broken(f"{what} {endpoint}: Service {service} has no port {endpoint.port}, only {ports}")
                return Target(release, port)
    obj = objects.get("Service", service.namespace, service.name)
    if obj is not None:
        return _behind_manifest(obj, service, endpoint, what, releases)
    for release in releases:
        if release.namespace == service.namespace and service.name.startswith(f"{release.fullname}-"):
            raise Broken(f"{what} {endpoint}: release {release.title} renders no Service {service.name}")
    raise Unproved(f"{what} {endpoint}: no Service {service} is in these files")


def _behind_manifest(
    obj: dict[str, Any], service: ServiceName, endpoint: Endpoint, what: str, releases: Sequence[KongRelease]
) -> Target:
    spec = mapping(obj.get("spec"))
    selector = mapping(spec.get("selector"))
    if not selector:
        raise Unproved(f"{what} {endpoint}: Service {service} selects no pods by label")
    port = service_port(spec, endpoint.port)
    if port is None:
        raise Broken(f"{what} {endpoint}: Service {service} has no port {endpoint.port}")
    for release in releases:
        if release.namespace == service.namespace and selector.items() <= release.pod_labels.items():
            if not isinstance(port, int):
                raise Unproved(f"{what} {endpoint}: Service {service} leads to a port by name, {port}")
            return Target(release, port)
    raise Unproved(f"{what} {endpoint}: Service {service} selects no gateway of these files")


def service_port(spec: dict[str, Any], port: int) -> int | str | None:
    """The container port (by number or name) behind a port of a Service; None when it has no such port."""
    for each in dicts(spec.get("ports")):
        if each.get("port") == port:
            target = each.get("targetPort", port)
            return target if isinstance(target, int | str) else port
    return None
