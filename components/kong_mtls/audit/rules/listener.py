"""Client certificates demanded by the listener itself, for every request of a data plane, and its own certificate."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Hit, rule
from .plugins import protected

_NGINX = "https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_verify_client"
_VERIFY, _CA = "nginx_proxy_ssl_verify_client", "nginx_proxy_ssl_client_certificate"


@rule(
    "client-listener-no-ca",
    "error",
    "The listener demands client certificates and has no CA to verify them with",
    effect="nginx refuses the configuration (no ssl_client_certificate for ssl_verify_client): the data plane doesn't "
    "start.",
    fix=f"Mount the CA and set env.{_CA} to its file.",
    source=_NGINX,
    scope="object",
)
def _no_ca(context: Context) -> Iterator[Hit]:
    for gateway in context.proxies:
        if gateway.setting(_VERIFY) in ("on", "optional") and gateway.content(_CA) is None:
            yield Hit(gateway.object, f"{_VERIFY} is {gateway.setting(_VERIFY)}, and {_CA} is not set")


@rule(
    "client-listener-optional",
    "warning",
    "The listener asks for client certificates and takes callers without one",
    effect="`optional` verifies what is shown, `optional_no_ca` not even that; requests without a certificate pass.",
    fix=f'Set env.{_VERIFY}: "on", unless something behind it decides.',
    source=_NGINX,
    scope="object",
)
def _optional(context: Context) -> Iterator[Hit]:
    for gateway in context.proxies:
        said = gateway.setting(_VERIFY)
        if said in ("optional", "optional_no_ca"):
            yield Hit(gateway.object, f"{_VERIFY} is {said}")


@rule(
    "client-default-certificate",
    "warning",
    "A protected route's host is served with Kong's self-signed certificate",
    effect="Clients that verify refuse the gateway; those that don't show theirs to whoever stands in between.",
    fix="Name the host in spec.tls of the Ingress with a Secret, or set env.ssl_cert and ssl_cert_key of the data "
    "plane.",
    source="https://developer.konghq.com/gateway/configuration/#ssl-cert",
)
def _default(context: Context) -> Iterator[Hit]:
    bare = [gateway for gateway in context.proxies if gateway.content("ssl_cert") is None]
    if not bare or not context.all_judged("Ingress", "Gateway"):
        return
    for config, route, _ in protected(context):
        names = {name for served in config.certificates for name in served.snis}
        claimed = {failure.object for failure in context.failures("server-certificate-missing")}
        for host in route.hosts:
            wildcard = "*." + host.partition(".")[2]
            if not names & {host, wildcard, "*"} and route.object not in claimed:
                yield Hit(route.object, f"no certificate is given for {host}, and {bare[0].object} has no ssl_cert")
