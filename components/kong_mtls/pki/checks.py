"""Whether given certificates can do what they are given for. Each function returns problems in plain words."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from .x509 import Facts, key_matches, signed_by

RSA_MINIMUM = 2048
WEAK_HASHES = frozenset({"md5", "sha1"})


def dates(certificate: Facts, now: datetime) -> list[str]:
    """Expired, or not yet valid."""
    if certificate.not_after <= now:
        return [f"expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC"]
    if certificate.not_before > now:
        return [f"not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"]
    return []


def strength(certificate: Facts) -> list[str]:
    """Keys and signatures that peers at OpenSSL's default security level refuse (SSL_CTX_set_security_level)."""
    problems = []
    if certificate.key.startswith(("RSA", "DSA")) and certificate.key_bits < RSA_MINIMUM:
        problems.append(f"its key is {certificate.key}; needed: RSA {RSA_MINIMUM} or more, or EC")
    if certificate.hash_name in WEAK_HASHES and not certificate.self_signed:
        problems.append(f"signed with {certificate.hash_name}, which peers refuse")
    return problems


def pair(certificate: Facts, key_pem: str, what: str) -> list[str]:
    """A private key of another certificate."""
    return [] if key_matches(certificate, key_pem, what) else [f"{what} does not belong to the certificate"]


def name(certificate: Facts, wanted: str) -> list[str]:
    """A name that a verifying peer asks for and wouldn't find.

    As X509_check_host does: with any DNS name in the certificate the common name isn't looked at.
    """
    known = certificate.dns_names or ((certificate.common_name,) if certificate.common_name else ())
    if any(_matches(pattern, wanted) for pattern in known):
        return []
    return [f"is for {', '.join(known) or 'no name at all'}; needed: {wanted}"]


def _matches(pattern: str, wanted: str) -> bool:
    pattern, wanted = pattern.lower(), wanted.lower()
    if pattern.startswith("*."):
        first, _, rest = wanted.partition(".")
        return bool(first) and rest == pattern[2:]
    return pattern == wanted


def usage(certificate: Facts, *wanted: str) -> list[str]:
    """Usages that a TLS peer demands and the certificate rules out: it signs the handshake, as ``wanted``.

    A key usage, where there is one, has to say digitalSignature (RFC 8446, 4.4.2.2). A CA's often doesn't.
    """
    missing = [use for use in wanted if not certificate.allows(use)]
    problems = [f"its extended key usage lacks {', '.join(missing)}"] if missing else []
    if certificate.key_usages is not None and "digital_signature" not in certificate.key_usages:
        problems.append("its key usage lacks digitalSignature, without which it can't take part in a handshake")
    return problems


def authority(certificate: Facts) -> list[str]:
    """Why a certificate can't be a CA."""
    if not certificate.is_ca:
        return ["is no CA: its basic constraints don't say CA:TRUE"]
    if certificate.key_usages is not None and "key_cert_sign" not in certificate.key_usages:
        return ["is a CA that may not sign certificates: its key usage lacks keyCertSign"]
    return []


def chain(leaf: Facts, intermediates: Sequence[Facts], trusted: Sequence[Facts]) -> list[str]:
    """A leaf that the given intermediates don't lead to a trusted CA."""
    current, left = leaf, list(intermediates)
    while True:
        if any(current.fingerprint == root.fingerprint or signed_by(current, root) for root in trusted):
            return []
        following = next((candidate for candidate in left if signed_by(current, candidate)), None)
        if following is None:
            return [f"no given CA has issued {current.subject!r} (its issuer is {current.issuer!r})"]
        left.remove(following)
        current = following


def lifetime(validity_hours: int, early_renewal_hours: int, what: str) -> list[str]:
    """A renewal window that makes a certificate due for renewal from birth: each preview would replace it."""
    problems = []
    if validity_hours < 1:
        problems.append(f"{what}: valid for {validity_hours} hours; allowed: 1 or more")
    if early_renewal_hours < 0:
        problems.append(f"{what}: renewed {early_renewal_hours} hours early; allowed: 0 or more")
    if not problems and early_renewal_hours >= validity_hours:
        problems.append(
            f"{what}: renewed {early_renewal_hours} hours before its end but valid for {validity_hours} hours only; "
            "the early renewal must be shorter than the validity, or every run would replace it"
        )
    return problems


def succession(validity_hours: int, successor_hours: int, what: str) -> list[str]:
    """A CA whose successor is asked for from the day it is made."""
    if successor_hours < validity_hours:
        return []
    return [
        f"{what}: a new generation is asked for {successor_hours} hours before the end of one that is valid for "
        f"{validity_hours} hours only; successor_hours must be less than validity_hours"
    ]


def within(leaf_hours: int, successor_hours: int, what: str, authority: str) -> list[str]:
    """A certificate that could be issued on a CA's last day and then outlive it."""
    if leaf_hours <= successor_hours:
        return []
    return [
        f"{what}: valid for {leaf_hours} hours, but a CA issues until {successor_hours} hours before its end "
        f"({authority}.successor_hours); a certificate must not outlive its CA"
    ]


def outlives(leaf: Facts, issuer: Facts) -> list[str]:
    """A leaf valid longer than its CA: it fails when the CA ends, whatever its own date says."""
    excess = leaf.not_after - issuer.not_after
    if excess <= timedelta(0):
        return []
    return [f"is valid until {leaf.not_after:%Y-%m-%d}, {excess.days} days longer than its CA {issuer.subject!r}"]
