"""TLS between the ingress controller and the Admin API: who verifies whom, and with what."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from kong_mtls.reader.container import Container

from .. import certs
from ..context import Context
from ..gateways import Gateway, Material, material
from ..model import Hit, rule
from ..unknown import known
from .admin import CHART, demands_certificate, managed

_KIC = "Kong/kubernetes-ingress-controller docs/cli-arguments.md"
_NGINX_SSL = "https://nginx.org/en/docs/http/ngx_http_ssl_module.html"


@rule(
    "admin-no-client-ca",
    "error",
    "The Admin API demands client certificates and has no CA to verify them with",
    effect="nginx refuses the configuration (no ssl_client_certificate for ssl_verify_client): Kong doesn't start.",
    fix="Set admin.tls.client.caBundle (a PEM), or env.nginx_admin_ssl_client_certificate.",
    source=_NGINX_SSL,
    scope="object",
)
def _no_client_ca(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        if demands_certificate(gateway) and gateway.content("nginx_admin_ssl_client_certificate") is None:
            yield Hit(gateway.object, "nginx_admin_ssl_verify_client is on without a CA")


def _controller(gateway: Gateway) -> Container | None:
    sidecar = gateway.release.ingress_controller if gateway.release else None
    return sidecar.container if sidecar else None


def _option(gateway: Gateway, controller: Container, name: str) -> str | None:
    value = controller.env_value(f"CONTROLLER_{name}", gateway.objects)
    return value if value is not None and known(value) else None


def _skips(gateway: Gateway, controller: Container) -> bool:
    return (_option(gateway, controller, "KONG_ADMIN_TLS_SKIP_VERIFY") or "false").lower() in ("true", "1", "t")


def _local(gateway: Gateway, controller: Container) -> bool:
    host = urlsplit(_option(gateway, controller, "KONG_ADMIN_URL") or "").hostname
    return host in ("localhost", "127.0.0.1", "::1")


@rule(
    "admin-verify-off",
    "warning",
    "The ingress controller doesn't verify the Admin API",
    effect="The chart switches verification off by default. Within the pod that is no matter; over the network the "
    "controller would hand certificates and keys to whoever answers.",
    fix='Set ingressController.env.kong_admin_tls_skip_verify: "false" with kong_admin_ca_cert and '
    "kong_admin_tls_server_name.",
    source=_KIC + "; " + CHART,
    scope="object",
)
def _verify_off(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        sidecar = release.ingress_controller
        if sidecar is None:
            continue
        gateway = next((g for g in context.gateways if g.release is release), None)
        value = sidecar.container.env_value("CONTROLLER_KONG_ADMIN_TLS_SKIP_VERIFY", context.objects) or ""
        url = sidecar.container.env_value("CONTROLLER_KONG_ADMIN_URL", context.objects) or ""
        local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
        beyond = gateway is None or any(not each.local_only for each in gateway.listeners("admin_listen") or ())
        if value.lower() in ("true", "1", "t") and (not local or beyond):
            why = "its address is not localhost" if not local else "the Admin API listens beyond localhost"
            yield Hit(context.ident(release), f"verification is off, and {why}")


def _server(gateway: Gateway) -> Material | None:
    found = gateway.material("admin_ssl_cert", "admin_ssl_cert_key")
    return found[0] if found else None


def _verifying(context: Context) -> Iterator[tuple[Gateway, Container]]:
    for gateway in managed(context):
        controller = _controller(gateway)
        if controller is not None and not _skips(gateway, controller):
            url = _option(gateway, controller, "KONG_ADMIN_URL") or ""
            if url.startswith("https:") and _local(gateway, controller):
                yield gateway, controller


@rule(
    "admin-self-signed",
    "error",
    "The ingress controller verifies an Admin API that shows Kong's self-signed certificate",
    effect="Without admin_ssl_cert Kong makes its own at each start: the controller refuses it, and no configuration "
    "reaches Kong.",
    fix="Set env.admin_ssl_cert and admin_ssl_cert_key, issued by the CA that the controller trusts.",
    source=_KIC,
    scope="object",
)
def _self_signed(context: Context) -> Iterator[Hit]:
    for gateway, _ in _verifying(context):
        if gateway.content("admin_ssl_cert") is None:
            yield Hit(gateway.object, "kong_admin_tls_skip_verify is false, and admin_ssl_cert is not set")


@rule(
    "admin-server-name",
    "error",
    "The Admin API's certificate isn't made out to the name the controller verifies",
    effect="The name is kong_admin_tls_server_name, else localhost; the controller (Go: SANs only) refuses another, "
    "and no configuration reaches Kong.",
    fix="Issue admin_ssl_cert with that DNS name, or set kong_admin_tls_server_name to one it has.",
    source=_KIC,
)
def _server_name(context: Context) -> Iterator[Hit]:
    for gateway, controller in _verifying(context):
        found = _server(gateway)
        name = _option(gateway, controller, "KONG_ADMIN_TLS_SERVER_NAME") or "localhost"
        if found is not None and found.chain and not certs.covers(found.chain[0], name, common_name_too=False):
            offered = ", ".join(certs.dns_names(found.chain[0])) or "no DNS name"
            yield Hit(found.object, f"{name} is verified; it is made out to {offered}")


@rule(
    "admin-untrusted",
    "error",
    "The Admin API's certificate doesn't chain to the CA the controller trusts",
    effect="The controller refuses the Admin API, and no configuration reaches Kong.",
    fix="Set kong_admin_ca_cert (or _file) to the CA that issued admin_ssl_cert.",
    source=_KIC,
)
def _untrusted(context: Context) -> Iterator[Hit]:
    for gateway, controller in _verifying(context):
        found = _server(gateway)
        given = [
            *material(gateway, "CONTROLLER_KONG_ADMIN_CA_CERT", source=controller),
            *material(gateway, "CONTROLLER_KONG_ADMIN_CA_CERT_FILE", source=controller),
        ]
        if found is None or not found.chain or not given or any(each.chain is None for each in given):
            continue
        ca = [certificate for each in given for certificate in each.chain or ()]
        if certs.path(found.chain[0], found.chain[1:], ca) is None:
            yield Hit(found.object, f"{certs.subject(ca[0])}, which the controller trusts, doesn't lead to it")


def _client(gateway: Gateway, controller: Container) -> Material | None:
    names = ("CONTROLLER_KONG_ADMIN_TLS_CLIENT_CERT", "CONTROLLER_KONG_ADMIN_TLS_CLIENT_CERT_FILE")
    found = [each for name in names for each in material(gateway, name, source=controller)]
    return found[0] if found else None


@rule(
    "admin-no-client-certificate",
    "error",
    "The Admin API demands a client certificate and the controller has none",
    effect="The controller is refused with 400, and no configuration reaches Kong.",
    fix="Set ingressController.adminApi.tls.client: {enabled: true, certProvided: true, secretName: ...}.",
    source=CHART,
    scope="object",
)
def _no_client_certificate(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        controller = _controller(gateway)
        if controller is None or not demands_certificate(gateway) or not _local(gateway, controller):
            continue
        if _client(gateway, controller) is None:
            yield Hit(gateway.object, "nginx_admin_ssl_verify_client is on; adminApi.tls.client is not enabled")


@rule(
    "admin-client-refused",
    "error",
    "The Admin API refuses the controller's client certificate",
    effect="The controller is refused with 400, and no configuration reaches Kong.",
    fix="Issue the controller's certificate with clientAuth from the CA in admin.tls.client.caBundle.",
    source=_NGINX_SSL,
)
def _client_refused(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        controller = _controller(gateway)
        client = _client(gateway, controller) if controller is not None else None
        ca = gateway.material("nginx_admin_ssl_client_certificate")
        if client is None or not client.chain or not demands_certificate(gateway):
            continue
        if not certs.serves_as(client.chain[0], "client"):
            yield Hit(client.object, "it is shown as a client's, and it has no clientAuth")
        elif ca and ca[0].chain and certs.path(client.chain[0], client.chain[1:], ca[0].chain) is None:
            yield Hit(client.object, f"{certs.subject(ca[0].chain[0])}, which the Admin API trusts, doesn't lead to it")


@rule(
    "admin-usage",
    "error",
    "The Admin API's certificate isn't for servers",
    effect="Its extended key usage lacks serverAuth: a controller that verifies refuses it.",
    fix="Issue it with the usage server auth.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12",
)
def _usage(context: Context) -> Iterator[Hit]:
    for gateway in managed(context):
        found = _server(gateway)
        if found is not None and found.chain and not certs.serves_as(found.chain[0], "server"):
            yield Hit(found.object, "its extended key usage has no serverAuth")
