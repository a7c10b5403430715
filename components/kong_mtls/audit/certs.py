"""Questions to certificates, as OpenSSL, nginx and Kong would answer them. Dates are always passed in."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

Purpose = Literal["server", "client"]

_EKU = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_PRIVATE = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")


class NotACertificate(ValueError):  # noqa: N818 - named after what was handed in
    """A text that holds no readable certificate. ``str`` says why, without content."""


def holds_private_key(text: bytes | str) -> bool:
    """Whether a PEM private key (PKCS#1, PKCS#8, SEC 1, encrypted or not) stands in a text."""
    return bool(_PRIVATE.search(text.encode() if isinstance(text, str) else text))


def pem_labels(text: bytes) -> list[str]:
    """The labels of the PEM blocks in a text, in order."""
    return [match.group(1).decode() for match in _PEM.finditer(text)]


@lru_cache(maxsize=16384)
def certificates(text: bytes) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM text, in order; other blocks are passed over.

    Raises:
        NotACertificate: there is none, or one can't be read.
    """
    blocks = [m.group(0) for m in _PEM.finditer(text) if m.group(1) in (b"CERTIFICATE", b"TRUSTED CERTIFICATE")]
    if not blocks:
        raise NotACertificate("holds no PEM certificate")
    try:
        with warnings.catch_warnings():
            # Old CAs break RFC 5280 in small ways (serial 0, say) that Kong doesn't mind.
            warnings.simplefilter("ignore")
            return tuple(x509.load_pem_x509_certificate(block) for block in blocks)
    except (ValueError, UnsupportedAlgorithm):
        raise NotACertificate("holds a certificate that can't be read") from None


def key_fits(certificate: x509.Certificate, key_pem: bytes) -> bool | None:
    """Whether a private key is this certificate's; None if it is encrypted, so that nobody can tell."""
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except TypeError:
        return None
    except (ValueError, UnsupportedAlgorithm):
        return False
    return _public_bytes(key.public_key()) == public_key(certificate)


def _public_bytes(key: object) -> bytes:
    result: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return result


def public_key(certificate: x509.Certificate) -> bytes:
    """The public key as DER: two CA certificates with one key are one authority."""
    try:
        return _public_bytes(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return certificate.public_bytes(serialization.Encoding.DER)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def subject(certificate: x509.Certificate) -> str:
    """A short name for people: the common name, else the whole subject, else a name of the SAN."""
    common = common_name(certificate)
    if common:
        return f"CN={common}"
    names = certificate.subject.rfc4514_string()
    return names or ", ".join(dns_names(certificate)) or "without a name"


def common_name(certificate: x509.Certificate) -> str:
    """The (last) CN of the subject, or ""."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else ""


def dns_names(certificate: x509.Certificate) -> list[str]:
    """The DNS names of the SAN."""
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return san.get_values_for_type(x509.DNSName)


def covers(certificate: x509.Certificate, name: str, *, common_name_too: bool = True) -> bool:
    """Whether OpenSSL's ``X509_check_host`` takes a name: SAN, wildcard in the first label, CN if no DNS SAN.

    Source: https://docs.openssl.org/3.0/man3/X509_check_host/; Go looks at SANs only (``common_name_too=False``),
    see https://pkg.go.dev/crypto/x509#Certificate.VerifyHostname.
    """
    wanted = name.lower().rstrip(".")
    offered = dns_names(certificate) or ([common_name(certificate)] if common_name_too else [])
    for each in (offer.lower().rstrip(".") for offer in offered):
        if each == wanted:
            return True
        if each.startswith("*.") and "." in wanted and each[1:] == wanted[wanted.index(".") :]:
            return True
    return False


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether basic constraints say CA:TRUE (what KIC asks of a CA certificate)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def serves_as(certificate: x509.Certificate, purpose: Purpose) -> bool:
    """Whether the extended key usage allows a role in TLS; a certificate without that extension does."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return True
    return _EKU[purpose] in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages


def is_public(certificate: x509.Certificate) -> bool:
    """Whether a public authority issued it: those put signed timestamps of Certificate Transparency into it.

    Source: https://www.rfc-editor.org/rfc/rfc6962#section-3.3
    """
    try:
        certificate.extensions.get_extension_for_oid(ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return True


def expired(certificate: x509.Certificate, at: datetime) -> bool:
    """Whether its last moment has passed."""
    return at > certificate.not_valid_after_utc


def not_yet(certificate: x509.Certificate, at: datetime) -> bool:
    """Whether its first moment is still to come."""
    return at < certificate.not_valid_before_utc


def day(moment: datetime) -> str:
    """A date for a message."""
    return moment.strftime("%Y-%m-%d")


def weakness(certificate: x509.Certificate) -> str | None:
    """Why a certificate is too weak for a new link, or None: RSA or DSA under 2048, EC under 256, SHA-1, MD5.

    OpenSSL's security level 1 to 2 refuses these in a handshake
    (https://docs.openssl.org/3.0/man3/SSL_CTX_set_security_level/).
    """
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "a public key of an unknown kind"
    if isinstance(key, (rsa.RSAPublicKey, dsa.DSAPublicKey)) and key.key_size < 2048:
        return f"a key of {key.key_size} bits (2048 is the least)"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < 256:
        return f"a curve of {key.key_size} bits (256 is the least)"
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if isinstance(algorithm, (hashes.SHA1, hashes.MD5)):
        return f"a signature with {algorithm.name.upper()}"
    return None


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key are those that signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def path(
    leaf: x509.Certificate, sent: Iterable[x509.Certificate], trusted: Sequence[x509.Certificate]
) -> list[x509.Certificate] | None:
    """The chain from a leaf to something trusted, through what is sent along; None if there is none.

    The first element is the leaf and the last the trusted certificate (the leaf itself if that one is
    trusted). Dates and usages are not looked at.
    """
    between = [each for each in sent if each != leaf]
    chain = [leaf]
    while True:
        last = chain[-1]
        if last in trusted:
            return chain
        anchor = next((each for each in trusted if issued_by(last, each)), None)
        if anchor is not None:
            return [*chain, anchor]
        step = next((each for each in between if each not in chain and issued_by(last, each)), None)
        if step is None:
            return None
        chain.append(step)
