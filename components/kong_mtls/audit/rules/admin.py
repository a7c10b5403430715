"""The Admin API: who reaches it, and how the ingress controller and it prove themselves to each other."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..gateways import Gateway
from ..model import Hit, rule
from ..network import isolated

CHART = "Kong/charts charts/kong/values.yaml, templates/_helpers.tpl"
_SECURING = "https://developer.konghq.com/gateway/secure-the-admin-api/"
_ALL_POWERFUL = "Who reaches the Admin API owns the gateway: routes, plugins, CAs, certificates with their keys"


def managed(context: Context) -> list[Gateway]:
    """The gateways that have an Admin API: all but data planes."""
    return [gateway for gateway in context.gateways if gateway.role != "data_plane"]


def demands_certificate(gateway: Gateway) -> bool:
    """Whether nobody gets to the Admin API without a client certificate."""
    return gateway.setting("nginx_admin_ssl_verify_client") == "on"


def _outside(gateway: Gateway, block: str) -> str | None:
    """How a block's Service is reached from outside the cluster; None if it isn't."""
    release = gateway.release
    if release is None or block not in release.services:
        return None
    service = release.services[block]
    if release.values.on(f"{block}.ingress.enabled"):
        return "an Ingress of its own"
    internal = any("internal" in key.lower() and value for key, value in service.annotations.items())
    if service.type in ("NodePort", "LoadBalancer") and not internal:
        return f"a Service of type {service.type}"
    return None


@rule(
    "admin-open",
    "error",
    "The Admin API is reached from outside the cluster without a client certificate",
    effect=f"{_ALL_POWERFUL}. The chart's default type for this Service is NodePort.",
    fix="Leave admin.enabled off (the sidecar controller uses localhost), or set admin.type: ClusterIP; from outside, "
    "demand a client certificate with admin.tls.client.caBundle.",
    source=CHART + "; " + _SECURING,
    scope="object",
)
def _open(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        way = _outside(gateway, "admin")
        if way and not demands_certificate(gateway) and not gateway.is_on("enforce_rbac"):
            yield Hit(gateway.object, f"it is reached by {way}, and no client certificate is demanded")


@rule(
    "admin-tokens-only",
    "warning",
    "The Admin API is reached from outside the cluster and asks for a token alone",
    effect=f"{_ALL_POWERFUL}. RBAC keeps strangers out, as long as no token leaks.",
    fix="Set admin.type: ClusterIP, or demand a client certificate too with admin.tls.client.caBundle.",
    source=_SECURING,
    scope="object",
)
def _tokens_only(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        way = _outside(gateway, "admin")
        if way and not demands_certificate(gateway) and gateway.is_on("enforce_rbac"):
            yield Hit(gateway.object, f"it is reached by {way}; RBAC is on, no client certificate is demanded")


@rule(
    "admin-plain",
    "error",
    "The Admin API listens for plain HTTP beyond the pod",
    effect=f"{_ALL_POWERFUL}; over plain HTTP nobody has to prove anything, and keys cross the network in clear.",
    fix="Set admin.http.enabled: false, and admin_listen to TLS or to 127.0.0.1.",
    source=_SECURING,
    scope="object",
)
def _plain(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        for listener in gateway.listeners("admin_listen") or ():
            if not listener.tls and not listener.local_only:
                yield Hit(gateway.object, f"admin_listen has {listener.address}:{listener.port} without ssl")
                break


@rule(
    "admin-unprotected",
    "warning",
    "The Admin API is open to the whole cluster",
    effect=f"{_ALL_POWERFUL}. Any pod of the cluster can.",
    fix="Demand a client certificate (admin.tls.client.caBundle), or let a NetworkPolicy admit the controller alone.",
    source=_SECURING,
)
def _unprotected(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        for listener in gateway.listeners("admin_listen") or ():
            if not listener.tls or listener.local_only or demands_certificate(gateway):
                continue
            rbac = gateway.is_on("enforce_rbac")
            if not rbac and not isolated(context, gateway.namespace, gateway.labels, listener.port):
                yield Hit(gateway.object, f"it listens on {listener.address}:{listener.port} for everybody")
                break


@rule(
    "admin-manager-open",
    "warning",
    "Kong Manager is reached from outside the cluster",
    effect="The chart makes its Service by default, of type NodePort: a login page of the gateway's administration.",
    fix="Set manager.enabled: false, or manager.type: ClusterIP.",
    source=CHART,
    scope="object",
)
def _manager(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        way = _outside(gateway, "manager")
        if way and gateway.listeners("admin_gui_listen"):
            yield Hit(gateway.object, f"it is reached by {way}")
