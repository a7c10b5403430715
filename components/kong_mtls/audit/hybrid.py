"""Which data plane belongs to which control plane, by the host names in their settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from .context import Context
from .gateways import Gateway, Material


@dataclass(frozen=True)
class Link:
    """A data plane and the control plane that its settings lead to."""

    data_plane: Gateway
    control_plane: Gateway


def host_of(endpoint: str) -> str:
    """The host of ``host:port``."""
    return endpoint.rsplit(":", 1)[0] if ":" in endpoint else endpoint


def in_cluster(host: str, namespace: str) -> tuple[str, str] | None:
    """Name and namespace of the Service that a host name stands for inside the cluster; None if it's outside."""
    match = re.fullmatch(r"([a-z0-9-]+)(?:\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?)?\.?", host)
    return (match[1], match[2] or namespace) if match else None


def planes(context: Context, role: str) -> list[Gateway]:
    """The gateways of a role."""
    return [gateway for gateway in context.gateways if gateway.role == role]


def links(context: Context) -> Iterator[Link]:
    """Every data plane whose control plane is in the set, found by the Service's name."""
    for data_plane in planes(context, "data_plane"):
        target = in_cluster(host_of(data_plane.setting("cluster_control_plane") or ""), data_plane.namespace)
        if target is None:
            continue
        for control_plane in planes(context, "control_plane"):
            if control_plane.namespace != target[1]:
                continue
            release = control_plane.release
            names = {service.name for service in release.services.values()} if release else {target[0]}
            if target[0] in names:
                yield Link(data_plane, control_plane)


def certificate(gateway: Gateway) -> Material | None:
    """The cluster certificate, if it is set."""
    found = gateway.material("cluster_cert", "cluster_cert_key")
    return found[0] if found else None


def trusted(gateway: Gateway) -> tuple[x509.Certificate, ...] | None:
    """The CAs for the link, None when they can't be known.

    A data plane also trusts lua_ssl_trusted_certificate, and with nothing set the public authorities alone.
    """
    own = gateway.material("cluster_ca_cert")
    if gateway.role == "data_plane":
        own = own + gateway.material("lua_ssl_trusted_certificate")
    if (not own and gateway.role != "data_plane") or any(each.chain is None for each in own):
        return None
    return tuple(certificate for each in own for certificate in each.chain or ())
