"""What a certificate says, read from its PEM.

Nothing here raises on a certificate that is merely unsuitable: these are facts, judged in ``checks``.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import InputError

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "server_auth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "client_auth",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
}
_PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo
_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


@dataclass(frozen=True)
class Facts:
    """One certificate.

    Attributes:
        pem: the certificate itself, normalised.
        common_name: the subject's last common name, empty when it has none.
        dns_names: DNS names of the subject alternative name.
        key: algorithm and size, such as ``EC P-384`` or ``RSA 4096``.
        key_bits: strength of the key in bits of its own kind.
        hash_name: hash of the signature, such as ``sha384``; empty for Ed25519.
        extended_usages: None when the extension is missing, which means any use (RFC 5280, 4.2.1.12).
        key_usages: None when the extension is missing.
        is_ca: basic constraints say CA.
        path_length: how many CAs may follow, None for no limit.
        self_signed: issued and signed by its own key.
        fingerprint: SHA-256 of the DER form, 64 hex digits.
        key_fingerprint: SHA-256 of the public key (SubjectPublicKeyInfo), 64 hex digits.
    """

    pem: str
    subject: str
    issuer: str
    common_name: str
    dns_names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str
    key_bits: int
    hash_name: str
    extended_usages: frozenset[str] | None
    key_usages: frozenset[str] | None
    is_ca: bool
    path_length: int | None
    self_signed: bool
    fingerprint: str
    certificate: x509.Certificate

    def allows(self, usage: str) -> bool:
        """Whether the certificate may be used as ``server_auth`` or ``client_auth``."""
        return self.extended_usages is None or usage in self.extended_usages or "any" in self.extended_usages

    @property
    def key_fingerprint(self) -> str:
        """The same for every certificate of one key: what it has signed verifies under any of them."""
        key = self.certificate.public_key()
        return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, _PUBLIC)).hexdigest()


def certificates(pem: str, what: str) -> list[Facts]:
    """Every certificate of a PEM text, in order.

    Args:
        pem: the text; it must hold certificates only.
        what: how to name it in messages.

    Raises:
        InputError: no PEM certificate, a broken one, or a private key among them.
    """
    if "PRIVATE KEY" in pem:
        raise InputError(f"{what}: holds a private key; give certificates only, the key has a place of its own")
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise InputError(f"{what}: is no PEM certificate; needed: -----BEGIN CERTIFICATE----- blocks") from error
    return [facts(certificate) for certificate in found]


def facts(certificate: x509.Certificate) -> Facts:
    """What one certificate says."""
    constraints = _extension(certificate, x509.BasicConstraints)
    usages = _extension(certificate, x509.ExtendedKeyUsage)
    key_usage = _extension(certificate, x509.KeyUsage)
    names = _extension(certificate, x509.SubjectAlternativeName)
    key, bits = describe_key(certificate.public_key())
    common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    algorithm = _hash(certificate)
    return Facts(
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        common_name=str(common_names[-1].value) if common_names else "",
        dns_names=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key,
        key_bits=bits,
        hash_name=algorithm,
        extended_usages=None if usages is None else frozenset(_USAGES.get(oid, oid.dotted_string) for oid in usages),
        key_usages=None if key_usage is None else frozenset(use for use in _KEY_USAGES if getattr(key_usage, use)),
        is_ca=bool(constraints and constraints.ca),
        path_length=constraints.path_length if constraints else None,
        self_signed=_signed_by(certificate, certificate),
        fingerprint=fingerprint(certificate),
        certificate=certificate,
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, as 64 lower-case hex digits."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def signed_by(leaf: Facts, issuer: Facts) -> bool:
    """Whether ``issuer``'s key has signed ``leaf``, and the names agree."""
    return _signed_by(leaf.certificate, issuer.certificate)


def _signed_by(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def describe_key(key: object) -> tuple[str, int]:
    """Algorithm with its size as a reader knows it, and the size in bits."""
    match key:
        case ec.EllipticCurvePublicKey():
            curves = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
            return f"EC {curves.get(key.curve.name, key.curve.name)}", key.curve.key_size
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}", key.key_size
        case dsa.DSAPublicKey():
            return f"DSA {key.key_size}", key.key_size
        case ed25519.Ed25519PublicKey():
            return "Ed25519", 256
        case ed448.Ed448PublicKey():
            return "Ed448", 456
    return type(key).__name__, 0


def key_matches(certificate: Facts, key_pem: str, what: str) -> bool:
    """Whether a private key belongs to a certificate.

    Args:
        key_pem: the private key in PEM, without passphrase.
        what: how to name the key in messages, which never hold any of it.

    Raises:
        InputError: no private key, or one with a passphrase.
    """
    try:
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    except TypeError as error:
        raise InputError(f"{what}: has a passphrase; Kong reads it without one, so give it decrypted") from error
    except (ValueError, UnsupportedAlgorithm):
        # Without the block's dashes: whatever looks like a key is masked, and the message with it.
        raise InputError(f"{what}: is no private key in PEM; needed: a block BEGIN ... PRIVATE KEY") from None
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*spki) == certificate.certificate.public_key().public_bytes(*spki)


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None


def _hash(certificate: x509.Certificate) -> str:
    try:
        algorithm: hashes.HashAlgorithm | None = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "unknown"
    return algorithm.name if algorithm else ""
