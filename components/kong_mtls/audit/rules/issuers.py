"""CAs of cert-manager's: what their renewal does to what they issued, and where their keys are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509

from kong_mtls.reader.cert_manager import Certificate
from kong_mtls.reader.manifests import secret_data

from .. import certs
from ..context import Context
from ..existing import Presence
from ..model import Hit, rule
from ..unknown import known

_CA = "https://cert-manager.io/docs/configuration/ca/"
_RELEASE_1_18 = "https://cert-manager.io/docs/releases/release-notes/release-notes-1.18/"


def current(context: Context, certificate: Certificate) -> x509.Certificate | None:
    """What a Certificate's Secret holds now; None where the set doesn't show it."""
    secret = context.objects.get("Secret", certificate.namespace, certificate.secret)
    try:
        return certs.certificates(secret_data(secret).get("tls.crt") or b"")[0] if secret else None
    except certs.NotACertificate:
        return None


def issued(context: Context) -> dict[str, list[Certificate]]:
    """The Certificates under each CA Certificate, at whatever depth, by the CA's name in findings."""
    found: dict[str, list[Certificate]] = {}
    for certificate in context.cert_manager.certificates:
        for ca in context.cert_manager.above(certificate) if context.judged(certificate.object) else ():
            found.setdefault(ca.object, []).append(certificate)
    return found


def changes_key(ca: Certificate) -> bool:
    """Whether a CA's renewal gives it another key."""
    return not ca.keeps_key and not ca.never_renewed and known(ca.key)


def renewed_too_late(ca: Certificate, below: list[Certificate]) -> Certificate | None:
    """A Certificate that can outlive what its CA was when it was issued; None where the CA is renewed early enough."""
    early = ca.renew_before
    if early is None or changes_key(ca):
        return None
    longest = max(below, key=lambda each: each.duration or timedelta(), default=None)
    return longest if longest is not None and (longest.duration or timedelta()) > early else None


@rule(
    "trust-ca-key-changes",
    "error",
    "A CA's renewal changes its key under the certificates it issued",
    effect="rotationPolicy is Always since cert-manager 1.18 unless it is said: the renewed CA has a new key, and "
    "every leaf of the old one is refused at once, while all objects stay Ready.",
    fix="Set privateKey.rotationPolicy: Never on CAs, and rotate by adding a new CA under a new name.",
    source=_RELEASE_1_18,
    scope="object",
)
def _key_changes(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        if certificate.is_ca and changes_key(certificate):
            policy = certificate.key.get("rotationPolicy")
            yield Hit(certificate.object, f"isCA, and rotationPolicy is {policy or 'not set'}")


@rule(
    "trust-ca-renewed-in-place",
    "warning",
    "A CA is renewed in place, later than its certificates need",
    effect="Renewing a CA doesn't reissue what it issued, and whoever trusts the old certificate (a file that a pod "
    "read, another cluster, a CA object) refuses it from that one's last day, though the leaf is still valid.",
    fix="renewal.policy: Disabled (cert-manager 1.21) and a new CA under a new name in good time; or a renewBefore no "
    "shorter than the longest duration that it issues for.",
    source="https://github.com/cert-manager/cert-manager/issues/2478",
)
def _in_place(context: Context) -> Iterator[Hit]:
    below = issued(context)
    for ca in context.cert_manager.certificates:
        late = renewed_too_late(ca, below.get(ca.object, [])) if ca.is_ca else None
        if late is not None:
            yield Hit(
                ca.object,
                f"it is renewed {days(ca.renew_before)} before its end, and {late.object} is issued for "
                f"{days(late.duration)}",
            )


def days(length: timedelta | None) -> str:
    """A length of time for a message: days, or hours where it has no whole day."""
    if length is None:
        return "never"
    whole = length.days
    return f"{whole} days" if whole > 1 else f"{length.total_seconds() / 3600:g} hours"


@rule(
    "trust-outlives-ca-request",
    "warning",
    "A Certificate is asked for a longer time than its CA lives",
    effect="cert-manager signs it all the same, and renewing a CA doesn't reissue leaves: from the CA's last day it is "
    "refused.",
    fix="Give the leaf a duration that ends well before the CA's; for a CA that ends soon, add the next one and let it "
    "issue.",
    source="https://github.com/cert-manager/cert-manager/issues/5864",
)
def _longer(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        own = certificate.duration
        for ca in context.cert_manager.above(certificate)[:1]:
            if not context.judged(ca.object):
                continue
            above, now = ca.duration, current(context, ca)
            if own and above and own >= above:
                yield Hit(certificate.object, f"its duration is no shorter than that of {ca.object}")
            elif own and now is not None and context.at + own > now.not_valid_after_utc >= context.at:
                end = certs.day(now.not_valid_after_utc)
                yield Hit(certificate.object, f"issued today it ends after its CA, {ca.object}, which ends on {end}")


@rule(
    "trust-leaf-not-renewed",
    "warning",
    "A certificate is never renewed",
    effect="renewal.policy is Disabled on something that isn't a CA: the Certificate stays Ready until the day it "
    "expires, and then that link is down.",
    fix="Leave renewal out, or set its policy to RenewBefore; Disabled is for generations of a CA.",
    source="https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateRenewal",
    scope="object",
)
def _not_renewed(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        if certificate.never_renewed and not certificate.is_ca:
            yield Hit(certificate.object, "renewal.policy is Disabled")


@rule(
    "trust-issuer-secret",
    "error",
    "An issuer's CA isn't where the issuer reads it",
    effect="A ClusterIssuer reads its Secret from the cluster resource namespace alone (cert-manager's own unless it "
    "is told another), an Issuer from its own: it never becomes Ready, and nothing is issued.",
    fix="Put the CA's Certificate into that namespace.",
    source=_CA,
)
def _issuer_secret(context: Context) -> Iterator[Hit]:
    manager, inventory = context.cert_manager, context.inventory
    for issuer in manager.issuers:
        name = manager.signs_with(issuer)
        if not isinstance(name, str) or not known(name):
            continue
        spaces = manager.resource_namespaces if issuer.for_all else frozenset({issuer.namespace})
        if not spaces or not known(list(spaces)):
            continue
        said = context.declared_by(issuer.object)
        found = [inventory.presence("Secret", space, name, said, fails_open=False) for space in spaces]
        if all(each is Presence.MISSING for each in found):
            elsewhere = [ca.object for ca in manager.authorities.get(name, ())]
            hint = f"; {elsewhere[0]} is elsewhere" if elsewhere else ""
            yield Hit(issuer.object, f"Secret {'/'.join(sorted(spaces))}/{name} isn't there{hint}")


@rule(
    "trust-ca-key-mounted",
    "error",
    "A CA's signing key is given to a workload",
    effect="Who gets into that pod issues certificates for every link of this CA; what is shown in a handshake should "
    "be a leaf.",
    fix="Give the workload a Certificate of its own without isCA, and the CA's certificate by a Bundle's ConfigMap.",
    source="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
)
def _key_mounted(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        if certificate.is_ca:
            found = context.uses_of("Secret", certificate.namespace, certificate.secret)
            for reader, where in dict.fromkeys((use.reader, use.where) for use in found if use.holds_key):
                yield Hit(certificate.object, f"Secret {certificate.secret} is read by {reader} ({where})")
                break


@rule(
    "client-ca-signing-key",
    "error",
    "A certificate's own Secret is to be a CA object for Kong",
    effect="The ingress controller reads the Secret with its private key, and drops it all the same: cert-manager "
    "writes no `id`, and can't be told to. What counts on the CA refuses everybody or trusts the wrong ones.",
    fix="Take konghq.com/ca-cert out of secretTemplate. Export the certificate by a Bundle, and write it into a "
    "ConfigMap of its own with label, id and ca.crt.",
    source="Kong/kubernetes-ingress-controller internal/dataplane/translator/translate_cacerts.go",
)
def _signing_key(context: Context) -> Iterator[Hit]:
    for certificate in context.cert_manager.certificates:
        if certificate.is_ca_object:
            yield Hit(certificate.object, "secretTemplate labels its Secret konghq.com/ca-cert")
        for use in context.uses_of("Secret", certificate.namespace, certificate.secret):
            if use.trusts and use.reading == "watched":
                yield Hit(certificate.object, f"{use.reader} names its Secret ({use.where})")
