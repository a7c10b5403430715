"""CA objects: what the ingress controller takes for an authority, and what it leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from kong_mtls.reader.kic import Failure
from kong_mtls.reader.kic.authorities import object_data

from .. import certs
from ..context import Context
from ..failures import KIC, KONG, failure_rule
from ..model import Hit, rule

_CACERTS = KIC + "internal/dataplane/translator/translate_cacerts.go"
_SCHEMA = KONG + "kong/db/schema/entities/ca_certificates.lua"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SOON = timedelta(days=30)
_LOST = "the CA never reaches Kong: a plugin or Service that counts on it refuses everybody, or trusts the wrong ones"


def _meant_for_kong(context: Context, failure: Failure) -> bool:
    # Other programs keep `id` and `ca.crt` in their Secrets too. Kong's ids are UUIDs.
    id_ = object_data(context.by_ident[failure.object]).get("id")
    if id_ is None:
        return False
    text = id_.decode(errors="replace")
    return bool(_UUID.fullmatch(text)) or text in context.ids_asked_for


failure_rule(
    "client-ca-unlabelled",
    "error",
    'A CA object lacks the label konghq.com/ca-cert: "true"',
    codes=("ca-object-unlabelled",),
    only=_meant_for_kong,
    effect=f"The controller finds CA objects by this label alone, and says nothing: {_LOST}.",
    fix='Label the Secret or ConfigMap konghq.com/ca-cert: "true".',
    source=KIC + "internal/store/store.go (ListCACerts)",
)

failure_rule(
    "client-ca-class",
    "warning",
    "A CA object lacks the ingress class annotation",
    codes=("ca-object-no-class",),
    effect="Today's controllers read it all the same; Kong's documentation asks for the annotation, and with two "
    "controllers in a cluster both take an object without it.",
    fix="Annotate it kubernetes.io/ingress.class: <the controller's class>.",
    source="https://developer.konghq.com/kubernetes-ingress-controller/mtls/",
    scope="object",
)

failure_rule(
    "client-ca-no-id",
    "error",
    "A CA object has no id",
    codes=("ca-object-no-id",),
    effect=f"The controller drops it with a Warning event: {_LOST}.",
    fix="Add the key `id` with a UUID, the same wherever this CA is used (a UUIDv5 of its fingerprint, say).",
    source=_CACERTS,
    scope="object",
)

failure_rule(
    "client-ca-id-not-uuid",
    "error",
    "A CA object's id is no UUID",
    codes=("ca-object-id-not-uuid",),
    effect="The controller passes it on; Kong refuses it, and in DB mode the whole synchronisation fails with it.",
    fix="Give it a UUID, and let plugins refer to that.",
    source=_SCHEMA,
    scope="object",
)

failure_rule(
    "client-ca-data-key",
    "error",
    "A CA object holds its certificate under a key that isn't read",
    codes=("ca-object-no-cert",),
    effect=f"Only `cert` and `ca.crt` are read (tls.crt isn't): {_LOST}.",
    fix="Put the certificate under `cert` (or `ca.crt`).",
    source=_CACERTS,
    scope="object",
)

failure_rule(
    "client-ca-not-pem",
    "error",
    "A CA object holds no PEM certificate",
    codes=("ca-object-not-pem",),
    effect=f"The controller drops it with a Warning event: {_LOST}.",
    fix="Put one PEM certificate there, not DER and not encoded twice.",
    source=_CACERTS,
    scope="object",
)

failure_rule(
    "client-ca-private-key",
    "error",
    "A CA object holds something that is no certificate, such as the CA's private key",
    codes=("ca-object-private-key",),
    effect=f"The controller drops it: {_LOST}. And who reads this object can issue certificates.",
    fix="Keep only the certificate in it. If it was the key, take it for stolen: make a new CA.",
    source=_CACERTS,
    scope="object",
)

failure_rule(
    "client-ca-bundle",
    "error",
    "A CA object holds several certificates",
    codes=("ca-object-several-certificates",),
    effect=f"The controller refuses bundles (since 3.5.3 and 3.4.10; before, it took the first): {_LOST}.",
    fix="One object for each certificate, each with its own id.",
    source=_CACERTS,
    scope="object",
)

failure_rule(
    "client-ca-not-ca",
    "error",
    "A CA object holds a certificate that is no authority's",
    codes=("ca-object-not-ca",),
    effect=f"Without the basic constraint CA:TRUE the controller drops it: {_LOST}.",
    fix="Put the issuing CA's certificate there, not a leaf.",
    source=_CACERTS,
    scope="object",
)

failure_rule(
    "client-ca-expired",
    "error",
    "A CA object's certificate has expired",
    codes=("ca-object-expired",),
    effect=f"The controller drops it: {_LOST}.",
    fix="Add the successor as an object of its own, move the callers, then remove this one.",
    source=_CACERTS,
    scope="object",
)

failure_rule(
    "client-ca-not-yet-valid",
    "error",
    "A CA object's certificate isn't valid yet",
    codes=("ca-object-not-yet-valid",),
    effect="Kong takes it, and every certificate it signed fails verification until that day.",
    fix="Wait with it, or issue it with an earlier start.",
    source=_CACERTS,
    scope="object",
)


@rule(
    "client-ca-id-conflict",
    "error",
    "One id is given to two different CA certificates",
    effect="The controller keeps the oldest object and drops the other: that CA's callers are refused, and "
    "nobody who reads the plugin can tell which one it trusts.",
    fix="Give each certificate its own id. (Copies of one certificate share one id; that is right.)",
    source=_CACERTS,
)
def _id_conflict(context: Context) -> Iterator[Hit]:
    for failure in context.failures("ca-object-duplicate-id"):
        obj = context.by_ident[failure.object]
        id_ = object_data(obj).get("id")
        mine = _certificate_in(context, failure.object)
        winner = context.configs[0].ca(id_.decode(errors="replace")) if id_ else None
        if winner is None or mine is None or mine != certs.fingerprint(winner.certificate):
            if winner is None or mine is None:
                continue  # one of them is masked, or a finding of its own
            yield Hit(failure.object, failure.message)


def _certificate_in(context: Context, name: str) -> str | None:
    data = object_data(context.by_ident[name])
    text = data.get("cert", data.get("ca.crt"))
    try:
        return certs.fingerprint(certs.certificates(text)[0]) if text else None
    except certs.NotACertificate:
        return None


failure_rule(
    "client-ca-two-ids",
    "error",
    "One CA certificate is given two ids",
    codes=("ca-object-duplicate-certificate",),
    effect="Kong's CA certificates are unique by digest: it refuses the second, which the controller doesn't "
    "foresee, and in DB mode the whole synchronisation fails with it.",
    fix="Give every copy of the certificate the same id.",
    source=_SCHEMA,
)


@rule(
    "client-ca-weak",
    "error",
    "A CA certificate is too weak",
    effect="A key or signature that can be forged lets anybody make certificates this gateway trusts; OpenSSL "
    "refuses chains like it in its default security level.",
    fix="Replace the CA: EC P-384 or P-256, or RSA of 2048 bits and more, signed with SHA-256 or better.",
    source="https://docs.openssl.org/3.0/man3/SSL_CTX_set_security_level/",
    scope="object",
)
def _weak(context: Context) -> Iterator[Hit]:
    for ca in context.authorities:
        why = certs.weakness(ca.certificate)
        if why:
            yield Hit(ca.object, f"{certs.subject(ca.certificate)} has {why}")


@rule(
    "client-ca-expires-soon",
    "warning",
    "A CA certificate expires within 30 days",
    effect="From that day the controller drops it, and everybody whose certificate it issued is refused.",
    fix="Add the next generation beside it now, and move the callers while both are trusted.",
    source=_CACERTS,
    scope="object",
)
def _expires_soon(context: Context) -> Iterator[Hit]:
    for ca in context.authorities:
        end = ca.certificate.not_valid_after_utc
        if context.at <= end < context.at + _SOON:
            yield Hit(ca.object, f"{certs.subject(ca.certificate)} expires on {certs.day(end)}")
