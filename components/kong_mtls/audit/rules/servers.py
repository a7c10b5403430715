"""The gateway's own certificates: what clients are shown, by server name."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from kong_mtls.reader.kic import Failure, ServerCertificate
from kong_mtls.reader.manifests import key_of

from .. import certs
from ..context import Context
from ..existing import Presence
from ..failures import KIC, failure_rule
from ..model import Hit, rule

_CERTS = KIC + "internal/dataplane/translator/translate_certs.go"
_DEFAULT = "Clients are shown the default certificate, self-signed by Kong unless ssl_cert is set, and refuse it"


def _not_elsewhere(context: Context, failure: Failure) -> bool:
    obj = context.by_ident[failure.object]
    own = key_of(obj)[1]
    namespaces = {own}
    for listener in (obj.get("spec") or {}).get("listeners") or ():
        references = (listener.get("tls") or {}).get("certificateRefs") or ()
        named = {str(r.get("namespace") or own) for r in references if r.get("name") == failure.subject}
        namespaces = named or namespaces
    declared = context.declared_by(failure.object)
    presence = [context.inventory.presence("Secret", each, failure.subject, declared) for each in namespaces]
    # HERE: it is there, and no ReferenceGrant lets the Gateway read it.
    return any(each in (Presence.MISSING, Presence.HERE) for each in presence)


failure_rule(
    "client-server-cert-missing",
    "error",
    "The Secret with a route's server certificate isn't there",
    codes=("server-certificate-missing",),
    only=_not_elsewhere,
    effect=f"{_DEFAULT}.",
    fix="Create the TLS Secret in the namespace of the Ingress (a Gateway's in another namespace takes a grant).",
    source=_CERTS,
)

failure_rule(
    "client-server-cert-pair",
    "error",
    "A server certificate's Secret holds no matching pair",
    codes=("server-certificate-bad-pair",),
    effect=f"The controller leaves it out. {_DEFAULT}.",
    fix="Put certificate and key that belong together under tls.crt and tls.key, the key unencrypted.",
    source=_CERTS,
)

failure_rule(
    "client-server-cert-hosts",
    "error",
    "A tls entry of an Ingress names no hosts, or no Secret",
    codes=("server-certificate-no-hosts",),
    effect=f"The controller passes over it. {_DEFAULT}.",
    fix="List the hosts, and the Secret.",
    source=KIC + "internal/dataplane/translator/ingressrules.go (addFromIngressV1TLS)",
    scope="object",
)

failure_rule(
    "client-server-cert-conflict",
    "error",
    "Two certificates claim one server name",
    codes=("server-certificate-conflict",),
    effect="Only the first is served, and which one is first depends on the objects' age.",
    fix="Let one Secret serve each host.",
    source=KIC + "internal/dataplane/translator/ingressrules.go (addUniqueHosts)",
)


def _served(context: Context) -> Iterator[tuple[ServerCertificate, x509.Certificate]]:
    for config in context.configs:
        for served in config.certificates:
            if served.pair.cert_pem is not None:
                yield served, certs.certificates(served.pair.cert_pem)[0]


@rule(
    "client-server-cert-expired",
    "error",
    "A server certificate has expired, or isn't valid yet",
    effect="Every client that verifies refuses the gateway.",
    fix="Renew it; renew in good time.",
    source="https://developer.konghq.com/gateway/entities/certificate/",
)
def _expired(context: Context) -> Iterator[Hit]:
    for served, certificate in _served(context):
        if certs.expired(certificate, context.at):
            yield Hit(served.pair.object, f"it expired on {certs.day(certificate.not_valid_after_utc)}")
        elif certs.not_yet(certificate, context.at):
            yield Hit(served.pair.object, f"it is valid from {certs.day(certificate.not_valid_before_utc)} only")


@rule(
    "client-server-cert-name",
    "error",
    "A server certificate doesn't cover the host it is shown for",
    effect="Every client that verifies refuses the gateway under that name.",
    fix="Issue it with the host among its DNS names.",
    source="https://www.rfc-editor.org/rfc/rfc9525",
)
def _name(context: Context) -> Iterator[Hit]:
    for served, certificate in _served(context):
        for name in served.snis:
            if name != "*" and not certs.covers(certificate, name):
                offered = ", ".join(certs.dns_names(certificate)) or certs.subject(certificate)
                yield Hit(served.pair.object, f"it is shown for {name}, and is made out to {offered}")


@rule(
    "client-server-cert-usage",
    "error",
    "A server certificate isn't for servers",
    effect="Its extended key usage lacks serverAuth: every client that verifies refuses the gateway.",
    fix="Issue it with the usage server auth.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12",
)
def _usage(context: Context) -> Iterator[Hit]:
    for served, certificate in _served(context):
        if not certs.serves_as(certificate, "server"):
            yield Hit(served.pair.object, "its extended key usage has no serverAuth")
