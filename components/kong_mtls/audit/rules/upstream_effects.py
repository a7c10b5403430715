"""What the settings of a Service come to: the certificate that is shown, and whether and as what it is verified."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from kong_mtls.reader.kic import KongRoute, KongService
from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.pods import dicts

from .. import certs
from ..context import Context
from ..failures import KIC, KONG
from ..model import Hit, rule

_RULES = KIC + "internal/dataplane/translator/ingressrules.go"
_SCHEMA = KONG + "kong/db/schema/entities/services.lua"


def _client_certificates(context: Context) -> Iterator[tuple[KongService, str, x509.Certificate]]:
    for config in context.configs:
        for service in config.services:
            pair = service.client_certificate
            if pair is not None and pair.cert_pem is not None:
                yield service, pair.object, certs.certificates(pair.cert_pem)[0]


@rule(
    "upstream-client-cert-expired",
    "error",
    "The gateway's client certificate for a Service has expired, or isn't valid yet",
    effect="The upstream refuses the gateway; clients get 502.",
    fix="Renew it; renew in good time.",
    source=_RULES,
)
def _expired(context: Context) -> Iterator[Hit]:
    for service, secret, certificate in _client_certificates(context):
        if certs.expired(certificate, context.at):
            end = certs.day(certificate.not_valid_after_utc)
            yield Hit(secret, f"{certs.subject(certificate)} expired on {end}; {service.object} is to be shown it")
        elif certs.not_yet(certificate, context.at):
            yield Hit(
                secret, f"{certs.subject(certificate)} isn't valid before {certs.day(certificate.not_valid_before_utc)}"
            )


@rule(
    "upstream-client-cert-usage",
    "error",
    "The gateway's client certificate for a Service isn't for clients",
    effect="Its extended key usage lacks clientAuth: an upstream that verifies refuses it; clients get 502.",
    fix="Issue it with the usage client auth.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12",
)
def _usage(context: Context) -> Iterator[Hit]:
    for service, secret, certificate in _client_certificates(context):
        if not certs.serves_as(certificate, "client"):
            yield Hit(secret, f"{certs.subject(certificate)} has no clientAuth; {service.object} is to be shown it")


@rule(
    "upstream-verify-off",
    "warning",
    "A Service's certificate isn't verified",
    effect="Kong encrypts to whoever answers: who gets between gateway and Service reads and answers for it, and is "
    "shown the gateway's client certificate.",
    fix='Annotate konghq.com/tls-verify: "true" and ca-certificates-secrets, or verify by the data plane\'s global '
    "settings.",
    source=_SCHEMA,
)
def _verify_off(context: Context) -> Iterator[Hit]:
    for config in context.configs:
        for service in config.services:
            if service.protocol not in ("https", "tls", "grpcs", "wss") or not service.backends:
                continue
            if service.tls_verify is False:
                yield Hit(service.object, "konghq.com/tls-verify is false")
            elif (
                service.tls_verify is None and not context.verifies_upstreams and not _left_to_others(context, service)
            ):
                yield Hit(service.object, f"protocol {service.protocol}, and nothing switches verification on")


def _left_to_others(context: Context, service: KongService) -> bool:
    """Whether we hold only patches of its Services: what they leave out may be said elsewhere."""
    return all(context.objects.is_partial(context.by_ident[each]) for each in service.backends)


@rule(
    "upstream-no-ca",
    "error",
    "A Service is verified against no CA at all",
    effect="tls-verify is on, the Service names no CA, and the data plane has no global one: no certificate is "
    "trusted, and every request gets 502.",
    fix="Annotate the Service konghq.com/ca-certificates-secrets, or set the data plane's "
    "nginx_proxy_proxy_ssl_trusted_certificate.",
    source="https://developer.konghq.com/gateway/entities/service/ (ca_certificates); " + _SCHEMA,
)
def _no_ca(context: Context) -> Iterator[Hit]:
    trusted = "nginx_proxy_proxy_ssl_trusted_certificate"
    if not context.proxies or any(gateway.content(trusted) is not None for gateway in context.proxies):
        return
    for config in context.configs:
        for service in config.services:
            if service.tls_verify is True and not service.ca_certificates and not _said_to_trust(context, service):
                yield Hit(service.object, f"tls-verify is true; {context.proxies[0].object} has no {trusted} either")


def _said_to_trust(context: Context, service: KongService) -> bool:
    """Whether CAs are named that don't reach Kong (another rule's), or may be named where we don't see."""
    said = [ann.kong(context.by_ident[each]) for each in service.backends]
    named = any(key.startswith("ca-certificates-") for each in said for key in each)
    return named or not service.backends or _left_to_others(context, service)


@rule(
    "upstream-port-https",
    "warning",
    "Kong speaks plain http to what looks like a TLS port",
    effect="A server that speaks TLS there answers plain http with 400; and what Kong sends crosses the network in "
    "clear.",
    fix="Annotate the Service konghq.com/protocol: https, with tls-verify and its CA.",
    source=KIC + "internal/dataplane/translator/ingressrules.go (defaultServiceProtocol)",
)
def _port_https(context: Context) -> Iterator[Hit]:
    for config in context.configs:
        for service in config.services:
            if service.protocol != "http" or not service.routed or not service.backends:
                continue
            obj = context.by_ident[service.backends[0]]
            ports = [
                p for p in dicts((obj.get("spec") or {}).get("ports")) if service.port in (p.get("port"), p.get("name"))
            ]
            named = [p for p in ports if p.get("name") == "https" or p.get("appProtocol") in ("https", "HTTPS")]
            if (named or service.port in (443, 8443)) and "protocol" not in ann.kong(obj):
                yield Hit(
                    service.backends[0], f"a route leads to port {service.port}, and konghq.com/protocol isn't set"
                )


@rule(
    "upstream-name-check",
    "warning",
    "The name that an upstream's certificate is checked against looks doubtful",
    effect="Kong checks the client's Host as long as preserve-host is on, else host-header, else the pod's address. A "
    "certificate made out to something else is refused: clients get 502.",
    fix='Annotate the Ingress konghq.com/preserve-host: "false" and the Service konghq.com/host-header: '
    "<service>.<namespace>.svc; or give the upstream a certificate with the public name.",
    source=KONG + "kong/runloop/balancer/init.lua, kong/runloop/handler.lua ($upstream_host)",
)
def _name_check(context: Context) -> Iterator[Hit]:
    for config in context.configs:
        for route in config.routes:
            service = config.service(route.service)
            if service is None or service.protocol not in ("https", "tls") or not service.backends:
                continue
            if not context.judged(route.object):
                continue
            if service.tls_verify is True or (service.tls_verify is None and context.verifies_upstreams):
                why = _doubt(context, route, service)
                if why:
                    yield Hit(service.object, why)


def _doubt(context: Context, route: KongRoute, service: KongService) -> str | None:
    name = service.host_header or service.target
    shown = [chain[0] for chain in context.shown_by(service.object)]
    if route.preserve_host and route.hosts:
        checked, where = route.hosts, f"the client's Host, by {route.object} with preserve-host"
    elif route.preserve_host:
        return f"whatever Host the client sends is checked: {route.object} preserves it and names none"
    elif name:
        checked, where = (name,), "host-header" if service.host_header else "the Service's own name"
    else:
        return "the pod's address is checked: preserve-host is false, and konghq.com/host-header isn't set"
    if not shown:
        # Nothing of the upstream's certificate is in the set. A name of ours is a statement; a client's isn't.
        return f"{', '.join(checked)} is checked ({where})" if route.preserve_host else None
    wrong = [each for each in checked if not any(certs.covers(certificate, each) for certificate in shown)]
    offered = ", ".join(name for certificate in shown for name in certs.dns_names(certificate)) or "no DNS name"
    return f"{wrong[0]} is checked ({where}); its pods' certificate is made out to {offered}" if wrong else None
