"""X.509 keys and certificates made on the spot: for stand-ins of certificate engines, and for bad peers.

Everything is deterministic but keys and serial numbers; dates are always given. Extensions follow RFC 5280:
basicConstraints and keyUsage critical, subject and authority key identifiers always there.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
Digest = Literal["SHA-256", "SHA-384", "SHA-512"]

_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "P-224": ec.SECP224R1,
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}
_DIGESTS: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}


@dataclass(frozen=True)
class Minted:
    """A certificate with its key, and the one that signed it (None: itself, or nobody we know)."""

    cert: x509.Certificate
    key: PrivateKey = field(repr=False)
    issuer: Minted | None = field(default=None, repr=False)

    @property
    def cert_pem(self) -> bytes:
        """The certificate alone."""
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, unencrypted: SEC1 for EC, PKCS#1 for RSA, PKCS#8 for Ed25519."""
        return key_pem(self.key)

    @property
    def chain_pem(self) -> bytes:
        """The certificate and every intermediate above it; the self-signed root is left out."""
        pem, signer = self.cert_pem, self.issuer
        while signer is not None and signer.cert.issuer != signer.cert.subject:
            pem += signer.cert_pem
            signer = signer.issuer
        return pem

    @property
    def root(self) -> Minted:
        """The top of the chain as far as it is known; itself when self-signed."""
        return self if self.issuer is None else self.issuer.root


def new_key(kind: str = "P-256") -> PrivateKey:
    """A new private key.

    Args:
        kind: ``P-224``, ``P-256``, ``P-384``, ``P-521``, ``RSA-<bits>`` or ``Ed25519``.

    Raises:
        ValueError: the kind is none of these.
    """
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind]())
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if match := re.fullmatch(r"RSA-(\d{3,5})", kind):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(match[1]))
    raise ValueError(f"key kind {kind!r}: expected P-224, P-256, P-384, P-521, RSA-<bits> or Ed25519")


def key_pem(key: PrivateKey, *, pkcs8: bool = False) -> bytes:
    """A private key as unencrypted PEM, in the key's traditional form or as PKCS#8."""
    traditional = serialization.PrivateFormat.TraditionalOpenSSL
    form = serialization.PrivateFormat.PKCS8 if pkcs8 or isinstance(key, ed25519.Ed25519PrivateKey) else traditional
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _name(subject: str | x509.Name) -> x509.Name:
    if isinstance(subject, x509.Name):
        return subject
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])


def _general_names(dns_names: Iterable[str], ip_addresses: Iterable[str]) -> list[x509.GeneralName]:
    dns: list[x509.GeneralName] = [x509.DNSName(name) for name in dns_names]
    return dns + [x509.IPAddress(ipaddress.ip_address(address)) for address in ip_addresses]


def _key_usage(*, ca: bool, public_key: object) -> x509.KeyUsage:
    leaf = not ca
    return x509.KeyUsage(
        digital_signature=leaf,  # signs the handshake
        content_commitment=False,
        key_encipherment=leaf and isinstance(public_key, rsa.RSAPublicKey),  # RSA key exchange of TLS 1.2
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def extended_usages(*, client: bool, server: bool) -> list[x509.ObjectIdentifier]:
    """The extended key usages of a TLS client, server, or both."""
    return [ExtendedKeyUsageOID.CLIENT_AUTH] * client + [ExtendedKeyUsageOID.SERVER_AUTH] * server


def issue(
    subject: str | x509.Name,
    *,
    not_before: datetime,
    not_after: datetime,
    issuer: Minted | None = None,
    key: PrivateKey | None = None,
    ca: bool = False,
    path_length: int | None = None,
    client: bool = False,
    server: bool = False,
    dns_names: Sequence[str] = (),
    ip_addresses: Sequence[str] = (),
    key_usage: x509.KeyUsage | None = None,
    digest: Digest = "SHA-256",
    serial: int | None = None,
) -> Minted:
    """Issue a certificate; nothing is checked, so that wrong ones can be made too (a leaf as issuer, say).

    Args:
        subject: a common name, or a whole distinguished name.
        not_before: start of validity, timezone-aware.
        not_after: end of validity, timezone-aware.
        issuer: who signs; self-signed without one.
        key: the subject's key; a new P-256 one without.
        ca: basicConstraints CA:TRUE, and keyCertSign and cRLSign instead of digitalSignature.
        path_length: how many CAs may stand below this one; no limit by default.
        client: extended key usage clientAuth. With neither this nor `server` the extension is left out.
        server: extended key usage serverAuth.
        dns_names: subject alternative names.
        ip_addresses: subject alternative names that are IP addresses.
        key_usage: in place of the usual key usage.
        digest: what the signature hashes with; of no account for Ed25519.
        serial: the serial number; random without one.
    """
    own_key = key or new_key()
    signing_key = issuer.key if issuer else own_key
    public_key = own_key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer.cert.subject if issuer else _name(subject))
        .public_key(public_key)
        .serial_number(x509.random_serial_number() if serial is None else serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(key_usage or _key_usage(ca=ca, public_key=public_key), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(_authority(issuer.cert if issuer else None, identifier), critical=False)
    )
    if client or server:
        usages = x509.ExtendedKeyUsage(extended_usages(client=client, server=server))
        builder = builder.add_extension(usages, critical=False)
    if names := _general_names(dns_names, ip_addresses):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Minted(builder.sign(signing_key, _digest_for(signing_key, digest)), own_key, issuer)


def _authority(issuer: x509.Certificate | None, own: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    if issuer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    try:
        theirs = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        public_key = issuer.public_key()
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(theirs)


def _digest_for(signing_key: PrivateKey, digest: Digest) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    return None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else _DIGESTS[digest]


def twin(
    like: x509.Certificate,
    *,
    issuer: Minted | None = None,
    key: PrivateKey | None = None,
    common_name: str | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    client: bool | None = None,
    server: bool | None = None,
    dns_names: Sequence[str] | None = None,
) -> Minted:
    """A certificate just like another one, but for its key, its signer, and what is asked to differ.

    Subject, dates and extensions are copied; key identifiers are those of the new key and signer. It is how a
    bad peer is made that can be told from the good one by a single property.

    Args:
        like: the certificate to copy.
        issuer: who signs; self-signed (and then self-issued) without one.
        key: the subject's key; a new P-256 one without.
        common_name: in place of the subject (which then has nothing else).
        not_before: in place of the copied start of validity.
        not_after: in place of the copied end of validity.
        client: with `server`, in place of the copied extended key usages.
        server: see `client`.
        dns_names: in place of all subject alternative names.
    """
    own_key = key or new_key()
    signing_key = issuer.key if issuer else own_key
    identifier = x509.SubjectKeyIdentifier.from_public_key(own_key.public_key())
    subject = _name(common_name) if common_name is not None else like.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.cert.subject if issuer else subject)
        .public_key(own_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before or like.not_valid_before_utc)
        .not_valid_after(not_after or like.not_valid_after_utc)
    )
    replaced: list[type[x509.ExtensionType]] = [x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier]
    if client is not None or server is not None:
        replaced.append(x509.ExtendedKeyUsage)
        if usages := extended_usages(client=bool(client), server=bool(server)):
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if dns_names is not None:
        replaced.append(x509.SubjectAlternativeName)
        if dns_names:
            names = x509.SubjectAlternativeName(_general_names(dns_names, ()))
            builder = builder.add_extension(names, critical=False)
    for extension in like.extensions:
        if not isinstance(extension.value, tuple(replaced)):
            builder = builder.add_extension(extension.value, extension.critical)
    builder = builder.add_extension(identifier, critical=False)
    builder = builder.add_extension(_authority(issuer.cert if issuer else None, identifier), critical=False)
    return Minted(builder.sign(signing_key, _digest_for(signing_key, "SHA-256")), own_key, issuer)
