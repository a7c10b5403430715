"""A certificate for a person: made on the spot, for a file that the person keeps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import InputError
from .signer import check_signer

KEYS = ("P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096")
_CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
# A clock that is a little slow must not find the certificate "not yet valid".
_BACKDATED = timedelta(minutes=5)


@dataclass(frozen=True)
class Ca:
    """A CA that issues.

    Attributes:
        certificate_pem: its certificate.
        private_key_pem: its key, without passphrase. Secret.
        intermediates_pem: what its certificates carry along; empty for a root.
    """

    certificate_pem: str
    private_key_pem: str = field(repr=False)
    intermediates_pem: str = ""


@dataclass(frozen=True)
class Personal:
    """A certificate with its key.

    Attributes:
        certificate: for TLS clients (clientAuth).
        key: its private key. Secret.
        intermediates: what must be shown with it.
    """

    certificate: x509.Certificate
    key: Any = field(repr=False)
    intermediates: tuple[x509.Certificate, ...] = ()

    def pkcs12(self, password: str) -> bytes:
        """As PKCS#12 (`.p12`), encrypted: for browsers and the key stores of systems."""
        encryption = serialization.BestAvailableEncryption(password.encode())
        common_name = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        name = common_name.encode() if isinstance(common_name, str) else common_name
        others = list(self.intermediates) or None
        return pkcs12.serialize_key_and_certificates(name, self.key, self.certificate, others, encryption)

    def pem(self, password: str) -> bytes:
        """As PEM: certificate, intermediates, and the key encrypted (PKCS#8): for curl and the like."""
        encryption = serialization.BestAvailableEncryption(password.encode())
        pem = serialization.Encoding.PEM
        chain = [one.public_bytes(pem) for one in (self.certificate, *self.intermediates)]
        return b"".join([*chain, self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption)])


def issue_personal(
    ca: Ca, common_name: str, *, dns_names: Sequence[str] = (), key: str = "P-384", days: int, at: datetime
) -> Personal:
    """A key, and a client certificate for it.

    Args:
        ca: the CA that issues.
        common_name: the subject's common name.
        dns_names: subject alternative names.
        key: one of KEYS.
        days: how long it is valid.
        at: from when; timezone-aware.

    Raises:
        InputError: a CA that can't issue, a name that can't be, or a lifetime that ends after the CA's.
    """
    authority = check_signer(ca.certificate_pem, ca.private_key_pem, "the CA")
    end = at + timedelta(days=days)
    if days < 1:
        raise InputError(f"days: {days} is no lifetime; allowed: 1 or more")
    if end > authority.not_after:
        raise InputError(
            f"days: {days} would end on {end:%Y-%m-%d}, but the CA {authority.subject!r} ends on "
            f"{authority.not_after:%Y-%m-%d}; allowed: at most {(authority.not_after - at).days}"
        )
    if not 0 < len(common_name) <= 64:
        raise InputError(f"name: {common_name!r} has {len(common_name)} characters; allowed: 1 to 64")
    private = _new_key(key)
    signing: Any = serialization.load_pem_private_key(ca.private_key_pem.encode(), password=None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(authority.certificate.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(authority.not_before, at - _BACKDATED))
        .not_valid_after(end)
    )
    for extension, critical in _extensions(private, signing, dns_names):
        builder = builder.add_extension(extension, critical)
    intermediates = x509.load_pem_x509_certificates(ca.intermediates_pem.encode()) if ca.intermediates_pem else []
    return Personal(builder.sign(signing, _hash(signing)), private, tuple(intermediates))


def _new_key(key: str) -> Any:
    if key in _CURVES:
        return ec.generate_private_key(_CURVES[key])
    if key in KEYS:
        return rsa.generate_private_key(public_exponent=65537, key_size=int(key.removeprefix("RSA-")))
    raise InputError(f"key: {key!r} is not known; allowed: {', '.join(KEYS)}")


def _extensions(private: Any, signing: Any, dns_names: Sequence[str]) -> list[tuple[x509.ExtensionType, bool]]:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        # An RSA key can also decrypt what was encrypted for it, in TLS 1.2 without forward secrecy.
        key_encipherment=isinstance(private, rsa.RSAPrivateKey),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(private.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), False),
    ]
    if dns_names:
        found.append((x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names]), False))
    return found


def _hash(signing: Any) -> Any:
    """A hash as strong as the key that signs; Ed25519 and Ed448 bring their own."""
    if isinstance(signing, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return None
    if isinstance(signing, ec.EllipticCurvePrivateKey) and signing.key_size > 256:
        return hashes.SHA384() if signing.key_size <= 384 else hashes.SHA512()
    return hashes.SHA256()
