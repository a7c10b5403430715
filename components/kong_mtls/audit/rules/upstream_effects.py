"""What the settings of a Service come to: the certificate that is shown, and whether and as what it is verified."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from kong_mtls.reader.kic import KongRoute, KongService

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
