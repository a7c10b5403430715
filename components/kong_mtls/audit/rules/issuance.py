"""What cert-manager is asked for: requests it refuses, and certificates that can't do what they are used for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from kong_mtls.reader.cert_manager import (
    EXTENDED_USAGES,
    GROUP,
    KEY_USAGES,
    VERSION,
    Certificate,
    go_duration,
    of_group,
)
from kong_mtls.reader.manifests import ident
from kong_mtls.reader.pods import mapping

from ..context import Context
from ..model import Hit, rule
from ..unknown import known

_USAGE = "https://cert-manager.io/docs/usage/certificate/"
_API = "https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateSpec"
_VALIDATION = "cert-manager/cert-manager internal/apis/certmanager/validation/certificate.go"
_LEAST, _LEAST_EARLY = timedelta(hours=1), timedelta(minutes=5)
_LONGEST_CN = 64

_NAMES = ("commonName", "dnsNames", "uris", "emailAddresses", "ipAddresses", "otherNames", "literalSubject")
_SIZES = {"RSA": range(2048, 8193), "ECDSA": (256, 384, 521)}
_CURVES = ("ECDSA", "Ed25519")
_ENCIPHERING = frozenset({"key encipherment", "data encipherment"})
_OWN_LINKS = ("cluster", "admin", "upstream", "database")
_SIGNING_ALONE = frozenset({"cert sign", "crl sign"})

# Fields of cert-manager v1.21, pkg/apis/certmanager/v1/types_certificate.go.
_FIELDS = frozenset(
    {
        *("subject", "literalSubject", "commonName", "duration", "renewBefore", "renewBeforePercentage", "renewal"),
        *("dnsNames", "ipAddresses", "uris", "otherNames", "emailAddresses", "secretName", "secretTemplate"),
        *("keystores", "issuerRef", "isCA", "usages", "privateKey", "signatureAlgorithm", "encodeUsagesInRequest"),
        *("revisionHistoryLimit", "additionalOutputFormats", "nameConstraints"),
    }
)
_KEY_FIELDS = frozenset({"rotationPolicy", "encoding", "algorithm", "size"})


@rule(
    "trust-lifetime",
    "error",
    "A Certificate's lifetime doesn't go with its renewal",
    effect="cert-manager's webhook refuses it; without the webhook it would be renewed for ever, or never.",
    fix="duration of 1h at least, renewBefore of 5m at least and below the duration, in Go's units (2160h; no days); "
    "or renewBeforePercentage in its place, from 1 to 99.",
    source=_API,
    scope="object",
)
def _lifetimes(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        said = [certificate.spec.get(key) for key in ("duration", "renewBefore", "renewBeforePercentage")]
        wrong = _impossible(certificate, *said) if known(said) else None
        if wrong:
            yield Hit(certificate.object, wrong)


def _impossible(certificate: Certificate, said: Any, before: Any, percent: Any) -> str | None:
    lifetime, early = certificate.duration, go_duration(before)
    if lifetime is None or (before is not None and early is None):
        return f"{said if lifetime is None else before!r} is no Go duration"
    if lifetime < _LEAST:
        return f"its duration is {said}, less than 1h"
    if before is not None and percent is not None:
        return "it has renewBefore and renewBeforePercentage"
    if early is not None and (early >= lifetime or early < _LEAST_EARLY):
        return f"renewBefore {before} with a duration of {said or '2160h'}"
    if percent is not None and (not isinstance(percent, int) or not 0 < percent < 100):
        return f"renewBeforePercentage is {percent}"
    if percent is not None and lifetime * (100 - percent) / 100 < _LEAST_EARLY:
        return f"renewBeforePercentage {percent} with a duration of {said or '2160h'}"
    return None


@rule(
    "trust-request-refused",
    "error",
    "cert-manager refuses a Certificate",
    effect="Its webhook (or the API server) refuses the object, or, applied around it, no certificate is ever issued: "
    "what waits for the Secret doesn't start.",
    fix="Correct what the message names.",
    source=_VALIDATION,
    scope="object",
)
def _refused(context: Context) -> Iterator[Hit]:
    for obj in context.objects.all("Certificate"):
        version = obj.get("apiVersion")
        if of_group(obj, GROUP) and version != VERSION:
            yield Hit(ident(obj), f"its apiVersion is {version}; {VERSION} alone is served since cert-manager 1.6")
    for certificate in context.cert_manager.certificates:
        for wrong in (*_wrong_names(certificate), *_wrong_options(certificate)):
            yield Hit(certificate.object, wrong)


def _wrong_names(certificate: Certificate) -> Iterator[str]:
    spec, issuer = certificate.spec, mapping(certificate.spec.get("issuerRef"))
    if not spec.get("secretName"):
        yield "it has no secretName"
    if not issuer.get("name"):
        yield "its issuerRef has no name"
    own_group, kind = issuer.get("group") in (None, "", GROUP), issuer.get("kind")
    if own_group and kind not in (None, "", "Issuer", "ClusterIssuer") and known(issuer):
        yield f"its issuerRef's kind is {kind}, which isn't of cert-manager's own group; set issuerRef.group"
    if not any(spec.get(name) for name in _NAMES):
        yield "it has no name at all: neither commonName nor dnsNames, nor any other"
    common = spec.get("commonName")
    if isinstance(common, str) and known(common) and len(common) > _LONGEST_CN:
        yield f"its commonName has {len(common)} characters, and {_LONGEST_CN} is the most"
    if spec.get("literalSubject") and (common or spec.get("subject")):
        yield "it has literalSubject beside commonName or subject"


def _wrong_options(certificate: Certificate) -> Iterator[str]:
    spec, key, renewal = certificate.spec, certificate.key, mapping(certificate.spec.get("renewal"))
    unheard = [each for each in certificate.usages if each not in KEY_USAGES | EXTENDED_USAGES and known(each)]
    if unheard:
        yield f"usages has {', '.join(map(repr, unheard))}, which cert-manager doesn't know"
    algorithm, size = key.get("algorithm") or "RSA", key.get("size")
    if known(algorithm) and algorithm not in ("RSA", *_CURVES):
        yield f"privateKey.algorithm is {algorithm}: RSA, ECDSA and Ed25519 are known"
    elif isinstance(size, int) and size and size not in _SIZES.get(str(algorithm), (size,)):
        yield f"privateKey.size is {size} with {algorithm}"
    if key.get("rotationPolicy") not in (None, "Never", "Always") and known(key):
        yield f"privateKey.rotationPolicy is {key.get('rotationPolicy')}: Never and Always are known"
    if renewal and renewal.get("policy") not in ("Disabled", "RenewBefore") and known(renewal):
        yield f"renewal.policy is {renewal.get('policy')}: Disabled and RenewBefore are known"
    elif renewal.get("windows") and certificate.never_renewed:
        yield "renewal.windows stands beside renewal.policy Disabled"
    reserved = [str(key) for key in certificate.secret_annotations if str(key).startswith(f"{GROUP}/")]
    if [key for key in reserved if key != f"{GROUP}/allow-direct-injection"]:
        yield f"secretTemplate has annotations of cert-manager's own: {', '.join(reserved)}"
    if spec.get("nameConstraints") and not certificate.is_ca:
        yield "it has nameConstraints and is no CA"


@rule(
    "trust-request-field",
    "error",
    "A Certificate has a field that cert-manager doesn't know",
    effect="The API server leaves it out, with a warning at best: the certificate is issued with a default in its "
    "place. (kubectl refuses it.)",
    fix="Correct the spelling; fields of old versions (organization, keyAlgorithm, keySize) have moved to subject and "
    "privateKey.",
    source=_API,
    scope="object",
)
def _fields(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        unheard = [str(key) for key in certificate.spec if key not in _FIELDS]
        unheard += [f"privateKey.{key}" for key in certificate.key if key not in _KEY_FIELDS]
        if unheard and known(unheard):
            yield Hit(certificate.object, f"spec has {', '.join(sorted(unheard))}")


@rule(
    "trust-request-defaults",
    "info",
    "A Certificate leaves to cert-manager's defaults what had better be said",
    effect="Defaults change: rotationPolicy was Never before 1.18 and is Always since; 1.19.0 issued anew where kind "
    "or group of the issuer were left out. Adding a duration later issues nothing anew, changing one does.",
    fix="Write duration, privateKey.rotationPolicy (Always on leaves, Never on CAs), and name, kind and group of the "
    "issuer.",
    source="https://cert-manager.io/docs/releases/release-notes/release-notes-1.18/",
    scope="object",
)
def _defaults(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        issuer = mapping(certificate.spec.get("issuerRef"))
        left = [f"issuerRef.{part}" for part in ("kind", "group") if not issuer.get(part)]
        left += [] if certificate.key.get("rotationPolicy") else ["privateKey.rotationPolicy"]
        left += [] if certificate.spec.get("duration") else ["duration"]
        if left:
            yield Hit(certificate.object, f"it says nothing of {', '.join(left)}")


@rule(
    "trust-request-usage",
    "error",
    "A Certificate is asked for with usages that don't fit its use",
    effect="The peer refuses a certificate whose extended key usage (or whose CA's) doesn't allow the role that it is "
    "shown in.",
    fix="usages: digital signature, with server auth where it is shown as a server and client auth where it is shown "
    "as a client; on CAs cert sign and crl sign alone.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12",
)
def _usage(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        for use in context.uses_of("Secret", certificate.namespace, certificate.secret):
            if not use.role:
                continue
            for asked in (certificate, *context.cert_manager.above(certificate)):
                if not asked.serves_as(use.role) and known(asked.usages):
                    what = "" if asked is certificate else f", which issues {certificate.object},"
                    yield Hit(
                        asked.object,
                        f"its usages{what} have no {use.role} auth, and {use.reader} ({use.where}) needs it as a "
                        f"{use.role}",
                    )


@rule(
    "trust-request-no-usage",
    "warning",
    "A Certificate is asked for without a role",
    effect="cert-manager's default is digital signature and key encipherment, with no extended key usage at all: the "
    "certificate is good for servers and for clients. One that is meant for a server may join or call as a client.",
    fix="usages: digital signature with server auth, or with client auth.",
    source=f"{_API}; cert-manager/cert-manager pkg/util/pki/csr.go (KeyUsagesForCertificateOrCertificateRequest)",
)
def _no_usage(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        named = EXTENDED_USAGES.intersection(certificate.usages)
        if certificate.is_ca or named or not known(certificate.spec.get("usages")):
            continue
        if _usages_decide(context, certificate):
            said = f"usages is {', '.join(certificate.usages)}" if certificate.usages else "it says nothing of usages"
            yield Hit(certificate.object, said)


def _usages_decide(context: Context, certificate: Certificate) -> bool:
    """Whether the issuer keeps to what is asked for, as a CA issuer does and no public one, or Kong relies on it.

    What has signed itself is taken by nobody who doesn't trust just that.
    """
    issuer = certificate.issuer
    if issuer in context.cert_manager.issuers:
        return context.cert_manager.signs_with(issuer) is not None and context.judged(issuer.object)
    found = context.uses_of("Secret", certificate.namespace, certificate.secret)
    return any(use.link in _OWN_LINKS and not use.trusts for use in found)


@rule(
    "trust-request-encipherment",
    "warning",
    "A Certificate with an elliptic curve is asked for with a usage of RSA's",
    effect="A certificate for an EC key must not allow keyEncipherment or dataEncipherment; strict verifiers refuse "
    "it.",
    fix="Leave key encipherment out where privateKey.algorithm is ECDSA or Ed25519.",
    source="https://www.rfc-editor.org/rfc/rfc8813#section-3",
    scope="object",
)
def _encipherment(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        found = sorted(_ENCIPHERING.intersection(certificate.usages))
        if found and certificate.key.get("algorithm") in _CURVES:
            yield Hit(certificate.object, f"{certificate.key.get('algorithm')} with {', '.join(found)}")


@rule(
    "trust-request-ca-usages",
    "warning",
    "A CA is asked for that can be shown in a handshake",
    effect="Without usages cert-manager adds digital signature and key encipherment to a CA; its own pair then passes "
    "where its leaves do. An extended key usage on a CA binds everything below it.",
    fix="usages: cert sign, crl sign.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.3",
    scope="object",
)
def _ca_usages(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        more = [each for each in certificate.usages if each not in _SIGNING_ALONE]
        if certificate.is_ca and (more or not certificate.usages) and known(certificate.spec.get("usages")):
            yield Hit(certificate.object, f"isCA, and usages has {', '.join(more)}" if more else "isCA without usages")


@rule(
    "trust-secret-twice",
    "error",
    "Two Certificates write one Secret",
    effect="They overwrite each other for ever: Kong gets now the one, now the other.",
    fix="A Secret name of its own for each Certificate.",
    source=_USAGE,
)
def _secret_twice(context: Context) -> Iterator[Hit]:
    first: dict[tuple[str, str], str] = {}
    for certificate in context.cert_manager.certificates:
        secret = (certificate.namespace, certificate.secret)
        holder = first.setdefault(secret, certificate.object)
        if holder != certificate.object and certificate.secret and known(secret):
            yield Hit(certificate.object, f"Secret {certificate.secret} is also that of {holder}")
