"""Upstream TLS by a data plane's global settings: nginx's own directives, and Kong's client_ssl."""

from __future__ import annotations

from collections.abc import Iterator

from .. import certs
from ..context import Context
from ..model import Hit, rule

_NGINX = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_verify"
_CLIENT_SSL = "https://developer.konghq.com/gateway/configuration/#client-ssl"
_VERIFY = "nginx_proxy_proxy_ssl_verify"
_DEPTH = "nginx_proxy_proxy_ssl_verify_depth"
_TRUSTED = "nginx_proxy_proxy_ssl_trusted_certificate"
_CERT = "nginx_proxy_proxy_ssl_certificate"
_KEY = "nginx_proxy_proxy_ssl_certificate_key"


@rule(
    "upstream-global-no-trust",
    "error",
    "Global verification without a trusted certificate",
    effect="nginx refuses the configuration (no proxy_ssl_trusted_certificate for proxy_ssl_verify): the data plane "
    "doesn't start.",
    fix=f"Mount the CA and set env.{_TRUSTED} to its file.",
    source=_NGINX,
    scope="object",
)
def _no_trust(context: Context) -> Iterator[Hit]:
    for gateway in context.proxies:
        if gateway.setting(_VERIFY) == "on" and gateway.content(_TRUSTED) is None:
            yield Hit(gateway.object, f"{_VERIFY} is on, and {_TRUSTED} is not set")


@rule(
    "upstream-global-depth",
    "error",
    "The global verification depth is no number",
    effect='nginx refuses the configuration ("invalid number"): the data plane doesn\'t start. `on`, as some guides '
    "have it, is none.",
    fix=f'Set env.{_DEPTH} to an integer, in quotes: "1" takes one intermediate.',
    source=_NGINX,
    scope="object",
)
def _depth(context: Context) -> Iterator[Hit]:
    for gateway in context.proxies:
        said = gateway.setting(_DEPTH)
        if said is not None and not said.isdigit():
            yield Hit(gateway.object, f"{_DEPTH} is {said!r}")


@rule(
    "upstream-global-switch",
    "error",
    "Global verification is neither on nor off",
    effect='nginx takes "on" and "off" alone (a YAML boolean is rendered as "true"): the data plane doesn\'t start.',
    fix=f'Set env.{_VERIFY}: "on", in quotes.',
    source=_NGINX,
    scope="object",
)
def _switch(context: Context) -> Iterator[Hit]:
    for gateway in context.proxies:
        said = gateway.setting(_VERIFY)
        if said is not None and said not in ("on", "off"):
            yield Hit(gateway.object, f"{_VERIFY} is {said!r}")


@rule(
    "upstream-global-twice",
    "error",
    "The global client pair is given in two forms",
    effect="client_ssl is written into each location and wins there, the nginx directives stand in the server block: "
    "which certificate an upstream sees depends on the protocol.",
    fix="Keep one form: client_ssl covers gRPC and streams too.",
    source="Kong/kong kong/templates/nginx_kong.lua",
    scope="object",
)
def _twice(context: Context) -> Iterator[Hit]:
    for gateway in context.proxies:
        if gateway.is_on("client_ssl") and gateway.content(_CERT) is not None:
            yield Hit(gateway.object, f"client_ssl and {_CERT} are both set")


@rule(
    "upstream-global-half",
    "error",
    "The global client pair lacks its certificate or its key",
    effect="nginx (or Kong's own check of its settings) refuses the configuration: the data plane doesn't start.",
    fix="Set both the certificate and its key.",
    source="https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_certificate; " + _CLIENT_SSL,
    scope="object",
)
def _half(context: Context) -> Iterator[Hit]:
    for gateway in context.proxies:
        pairs = [(_CERT, _KEY)]
        if gateway.is_on("client_ssl"):
            pairs.append(("client_ssl_cert", "client_ssl_cert_key"))
        for cert, key in pairs:
            given = [name for name in (cert, key) if gateway.content(name) is not None]
            if len(given) == 1:
                missing = key if given == [cert] else cert
                yield Hit(gateway.object, f"{given[0]} is set, and {missing} is not")


@rule(
    "upstream-global-usage",
    "error",
    "The global client certificate isn't for clients",
    effect="Its extended key usage lacks clientAuth: an upstream that verifies refuses it; clients get 502.",
    fix="Issue it with the usage client auth.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12",
)
def _usage(context: Context) -> Iterator[Hit]:
    for gateway in context.proxies:
        for found in gateway.material(_CERT, _KEY) + gateway.material("client_ssl_cert", "client_ssl_cert_key"):
            if found.chain and not certs.serves_as(found.chain[0], "client"):
                yield Hit(found.object, f"{certs.subject(found.chain[0])} has no clientAuth")


@rule(
    "upstream-verify-refused",
    "error",
    "Verification is switched off, which Kong 3.14 and later refuse",
    effect="tls_certificate_verify is on by default there: a Service with tls_verify false makes a data plane refuse "
    "the whole configuration.",
    fix='Verify (konghq.com/tls-verify: "true"), or set env.tls_certificate_verify: "off" and know why.',
    source="https://developer.konghq.com/gateway/breaking-changes/",
)
def _refused(context: Context) -> Iterator[Hit]:
    strict = [
        gateway
        for gateway in context.proxies
        if (gateway.version or (0,)) >= (3, 14) and gateway.setting("tls_certificate_verify") in (None, "on", "true")
    ]
    if not strict:
        return
    for config in context.configs:
        for service in config.services:
            if service.tls_verify is False and service.backends:
                yield Hit(
                    service.object, f"konghq.com/tls-verify is false, and {strict[0].object} runs {strict[0].tag}"
                )
