"""Keys, requests and certificates as cert-manager makes them, and what of a chain goes where.

Source: cert-manager/cert-manager v1.21.1, ``pkg/util/pki``: ``generate.go`` (keys), ``csr.go`` (requests, signatures),
``certificatetemplate.go`` (what of a request goes into the certificate), ``parse_certificate_chain.go`` (what is
``tls.crt`` and ``ca.crt``); Go's ``crypto/x509`` (``CreateCertificate``: which extensions, and which are critical).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from kong_mtls.rehearsal import mint
from kong_mtls.rehearsal.mint import PrivateKey

DEFAULT_DURATION: Final = timedelta(hours=2160)
DEFAULT_USAGES: Final = ("digital signature", "key encipherment")

KEY_USAGES: Final[Mapping[str, str]] = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
EXTENDED_KEY_USAGES: Final[Mapping[str, ObjectIdentifier]] = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec end system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft sgc": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": ObjectIdentifier("2.16.840.1.113730.4.1"),
}
_BITS: Final = tuple(dict.fromkeys(KEY_USAGES.values()))

# Subject fields in the order in which Go's pkix.Name writes them.
SUBJECT: Final = (
    ("countries", NameOID.COUNTRY_NAME),
    ("organizations", NameOID.ORGANIZATION_NAME),
    ("organizationalUnits", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("localities", NameOID.LOCALITY_NAME),
    ("provinces", NameOID.STATE_OR_PROVINCE_NAME),
    ("streetAddresses", NameOID.STREET_ADDRESS),
    ("postalCodes", NameOID.POSTAL_CODE),
)


class SigningError(Exception):
    """A certificate cannot be made. ``str`` is what cert-manager says."""


@dataclass(frozen=True)
class Signer:
    """Who signs: the key, and the chain of certificates above the new one, its own first.

    Attributes:
        key: Signs.
        chain: Its certificate, then those above it; empty: the certificate signs itself.
        crl: Where revoked ones are listed.
        ocsp: Whom to ask about them.
        issuing: Where the issuer's certificate can be had.
        gives_ca: Whether whoever asks is told the CA.
    """

    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()
    crl: tuple[str, ...] = ()
    ocsp: tuple[str, ...] = ()
    issuing: tuple[str, ...] = ()
    gives_ca: bool = True


@dataclass(frozen=True)
class Order:
    """What a CertificateRequest asks for beside the request itself."""

    duration: timedelta
    is_ca: bool
    usages: tuple[str, ...]

    @classmethod
    def of(cls, spec: Mapping[str, Any], duration: timedelta | None) -> Order:
        """From the ``spec`` of a Certificate or CertificateRequest, with its defaults."""
        usages = tuple(spec.get("usages") or DEFAULT_USAGES)
        return cls(duration or DEFAULT_DURATION, bool(spec.get("isCA")), usages)


@dataclass(frozen=True)
class Issued:
    """``status.certificate`` and ``status.ca`` of a request: PEM texts, the second one empty if not told."""

    chain: str
    ca: str


def new_key(spec: Mapping[str, Any]) -> PrivateKey:
    """A key as ``spec.privateKey`` asks for: RSA 2048 unless it says otherwise, ECDSA P-256."""
    return mint.new_key(key_kind(spec))


def key_kind(spec: Mapping[str, Any]) -> str:
    """The kind of key that a Certificate asks for, such as ``RSA-2048`` or ``P-384``."""
    wanted = spec.get("privateKey") or {}
    algorithm, size = wanted.get("algorithm") or "RSA", wanted.get("size")
    if algorithm == "ECDSA":
        return f"P-{size or 256}"
    return "Ed25519" if algorithm == "Ed25519" else f"RSA-{size or 2048}"


def kind_of(key: PrivateKey) -> str:
    """The kind of a key, in the words of :func:`key_kind`."""
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA-{key.key_size}"
    return f"P-{key.curve.key_size}" if isinstance(key, ec.EllipticCurvePrivateKey) else "Ed25519"


def key_text(key: PrivateKey, spec: Mapping[str, Any]) -> str:
    """The key as PEM: PKCS#1 (for EC: SEC 1) unless the Certificate asks for PKCS#8, which Ed25519 always gets."""
    return mint.key_pem(key, pkcs8=(spec.get("privateKey") or {}).get("encoding") == "PKCS8").decode()


def load_key(text: bytes | str | None) -> PrivateKey | None:
    """The private key in a PEM text; None if there is none that cert-manager could use."""
    try:
        key = serialization.load_pem_private_key(text.encode() if isinstance(text, str) else text or b"", None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)) else None


def load_chain(text: bytes | str | None) -> list[x509.Certificate]:
    """The certificates in a PEM text; none where it cannot be read."""
    try:
        return x509.load_pem_x509_certificates(text.encode() if isinstance(text, str) else text or b"")
    except ValueError:
        return []


def text_of(certificates: Iterable[x509.Certificate]) -> str:
    """Certificates as PEM, one after the other."""
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


def subject(spec: Mapping[str, Any]) -> x509.Name:
    """The subject that a Certificate asks for; empty where it gives neither a common name nor a subject.

    Raises:
        SigningError: X.509 has no such subject.
    """
    try:
        if spec.get("literalSubject"):
            return x509.Name.from_rfc4514_string(spec["literalSubject"])
        given = spec.get("subject") or {}
        parts = [
            x509.RelativeDistinguishedName([x509.NameAttribute(oid, value) for value in given[key]])
            for key, oid in SUBJECT
            if given.get(key)
        ]
        singles = ((NameOID.COMMON_NAME, spec.get("commonName")), (NameOID.SERIAL_NUMBER, given.get("serialNumber")))
        parts += [x509.RelativeDistinguishedName([x509.NameAttribute(oid, value)]) for oid, value in singles if value]
        return x509.Name(parts)
    except ValueError as error:
        raise SigningError(f"the subject cannot be used: {error}") from None


def names(spec: Mapping[str, Any]) -> list[x509.GeneralName]:
    """The alternative names that a Certificate asks for."""
    found: list[x509.GeneralName] = []
    for one in spec.get("otherNames") or ():
        text = one["utf8Value"].encode()
        found.append(x509.OtherName(ObjectIdentifier(one["oid"]), _utf8_string(text)))
    found += [x509.RFC822Name(one) for one in spec.get("emailAddresses") or ()]
    found += [x509.DNSName(one) for one in spec.get("dnsNames") or ()]
    found += [x509.UniformResourceIdentifier(one) for one in spec.get("uris") or ()]
    found += [x509.IPAddress(ipaddress.ip_address(one)) for one in spec.get("ipAddresses") or ()]
    return found


def _utf8_string(text: bytes) -> bytes:
    """`text` as an ASN.1 UTF8String."""
    size = len(text)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return b"\x0c" + length + text


def request(spec: Mapping[str, Any], key: PrivateKey) -> str:
    """The signing request for a Certificate, as PEM.

    Raises:
        SigningError: What is asked for has no place in a request.
    """
    try:
        named = subject(spec)
        builder = x509.CertificateSigningRequestBuilder().subject_name(named)
        alternative = names(spec)
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=not list(named))
        if spec.get("encodeUsagesInRequest", True):
            for extension, critical in _usage_extensions(Order.of(spec, None)):
                builder = builder.add_extension(extension, critical)
        constraints = spec.get("nameConstraints")
        if constraints:
            builder = builder.add_extension(_constraints(constraints), bool(constraints.get("critical")))
        signed = builder.sign(key, _digest(key))
    except (ValueError, TypeError) as error:
        raise SigningError(f"failed to generate the request: {error}") from None
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _constraints(given: Mapping[str, Any]) -> x509.NameConstraints:
    def trees(part: Mapping[str, Any] | None) -> list[x509.GeneralName] | None:
        part = part or {}
        found: list[x509.GeneralName] = [x509.DNSName(one) for one in part.get("dnsDomains") or ()]
        found += [x509.IPAddress(ipaddress.ip_network(one)) for one in part.get("ipRanges") or ()]
        found += [x509.RFC822Name(one) for one in part.get("emailAddresses") or ()]
        found += [x509.UniformResourceIdentifier(one) for one in part.get("uriDomains") or ()]
        return found or None

    return x509.NameConstraints(trees(given.get("permitted")), trees(given.get("excluded")))


def _usage_extensions(order: Order) -> list[tuple[x509.ExtensionType, bool]]:
    bits = {KEY_USAGES[use] for use in order.usages if use in KEY_USAGES}
    if order.is_ca:
        bits.add("key_cert_sign")
    if "key_agreement" not in bits:  # X.509 has these two only together with it
        bits -= {"encipher_only", "decipher_only"}
    found: list[tuple[x509.ExtensionType, bool]] = []
    if bits:
        found.append((x509.KeyUsage(**{bit: bit in bits for bit in _BITS}), True))
    purposes = [EXTENDED_KEY_USAGES[use] for use in order.usages if use in EXTENDED_KEY_USAGES]
    if purposes:
        found.append((x509.ExtendedKeyUsage(purposes), False))
    return found


def load_request(text: bytes | str) -> x509.CertificateSigningRequest:
    """The signing request in a PEM text.

    Raises:
        SigningError: It is none, or its signature is not its key's.
    """
    try:
        found = x509.load_pem_x509_csr(text.encode() if isinstance(text, str) else text)
        valid = found.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        raise SigningError("error decoding certificate request PEM block") from None
    if not valid:
        raise SigningError("x509: the signature of the certificate request is not its key's")
    return found


def check_request(csr: x509.CertificateSigningRequest, order: Order) -> None:
    """Refuses a request that contradicts what is asked for beside it.

    Raises:
        SigningError: It names a CA where none is asked for, or other usages.
    """
    said = {one.oid: one.value for one in csr.extensions}
    basic = said.get(x509.BasicConstraints.oid)
    if isinstance(basic, x509.BasicConstraints) and basic.ca != order.is_ca:
        raise SigningError(
            f"encoded CSR error: IsCA {_go(basic.ca)} does not match expected value {_go(order.is_ca)}",
        )
    if x509.KeyUsage.oid in said or x509.ExtendedKeyUsage.oid in said:
        wanted = {extension.oid: extension for extension, _ in _usage_extensions(order)}
        for oid, what in ((x509.KeyUsage.oid, "KeyUsages"), (x509.ExtendedKeyUsage.oid, "ExtKeyUsages")):
            if said.get(oid) != wanted.get(oid):
                raise SigningError(
                    f"encoded CSR error: the {what} {_shown(said.get(oid))} do not match the expected {what} "
                    f"{_shown(wanted.get(oid))}"
                )


def _go(value: bool) -> str:
    return str(value).lower()


def _shown(extension: Any) -> str:
    """Usages as cert-manager lists them: ``[ 'digital signature', 'cert sign' ]``."""
    found: list[str] = []
    if isinstance(extension, x509.KeyUsage):
        for use, bit in KEY_USAGES.items():
            only = bit in ("encipher_only", "decipher_only") and not extension.key_agreement
            if use != "signing" and not only and getattr(extension, bit):
                found.append(use)
    elif isinstance(extension, x509.ExtendedKeyUsage):
        by_id = {oid: use for use, oid in reversed(list(EXTENDED_KEY_USAGES.items()))}
        found = [by_id.get(oid, oid.dotted_string) for oid in extension]
    return "[ " + ", ".join(f"'{use}'" for use in found) + " ]" if found else "[]"


def sign(csr: x509.CertificateSigningRequest, order: Order, signer: Signer, at: datetime) -> Issued:
    """The certificate for a request: valid from `at` on, whatever the signer's own lifetime.

    Args:
        csr: The request: subject, names and key are taken from it.
        order: Lifetime, CA or not, and usages.
        signer: Who signs.
        at: The time of signing.

    Raises:
        SigningError: The request contradicts the order, or the signer's chain is broken.
    """
    check_request(csr, order)
    begin = at.astimezone(timezone.utc).replace(microsecond=0)
    public = csr.public_key()
    parent = signer.chain[0] if signer.chain else None
    issuer = parent.subject if parent is not None else csr.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(csr.subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + order.duration)
    )
    extensions = [*_usage_extensions(order), (x509.BasicConstraints(ca=order.is_ca, path_length=None), True)]
    if order.is_ca:
        extensions.append((_key_id(public), False))
    above = _key_id_of(parent)
    if above is not None and issuer != csr.subject:
        extensions.append((x509.AuthorityKeyIdentifier(above, None, None), False))
    extensions += _points(signer)
    for one in csr.extensions:
        if isinstance(one.value, x509.SubjectAlternativeName):
            extensions.append((one.value, not list(csr.subject)))
        elif isinstance(one.value, x509.NameConstraints):
            extensions.append((one.value, one.critical))
    try:
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        made = builder.sign(signer.key, _digest(signer.key))
    except (ValueError, TypeError, OverflowError) as error:
        raise SigningError(f"error creating x509 certificate: {error}") from None
    if parent is None:
        return Issued(text_of([made]), text_of([made]))
    issued = chain([*signer.chain, made])
    return issued if signer.gives_ca else Issued(issued.chain, "")


def _points(signer: Signer) -> list[tuple[x509.ExtensionType, bool]]:
    """Where to ask about revoked certificates, if the issuer says so."""
    access = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, urls in (
            (AuthorityInformationAccessOID.OCSP, signer.ocsp),
            (AuthorityInformationAccessOID.CA_ISSUERS, signer.issuing),
        )
        for url in urls
    ]
    found: list[tuple[x509.ExtensionType, bool]] = []
    if access:
        found.append((x509.AuthorityInformationAccess(access), False))
    if signer.crl:
        points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in signer.crl]
        found.append((x509.CRLDistributionPoints(points), False))
    return found


def _key_id(public: Any) -> x509.SubjectKeyIdentifier:
    """RFC 7093's first method: 160 bits of the SHA-256 of the key, as Go has it since 1.25."""
    usual = x509.SubjectKeyIdentifier.from_public_key(public)
    if isinstance(public, ec.EllipticCurvePublicKey):
        bits = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    elif isinstance(public, rsa.RSAPublicKey):
        bits = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    elif isinstance(public, ed25519.Ed25519PublicKey):
        bits = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    else:
        return usual
    return x509.SubjectKeyIdentifier(hashlib.sha256(bits).digest()[:20])


def _key_id_of(certificate: x509.Certificate | None) -> bytes | None:
    if certificate is None:
        return None
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None


def _digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """The signer's key decides: by its curve, or by its length."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    small, middle = (257, 385) if isinstance(key, ec.EllipticCurvePrivateKey) else (3072, 4096)
    size = key.key_size
    return hashes.SHA256() if size < small else hashes.SHA384() if size < middle else hashes.SHA512()


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether a certificate's basic constraints say so: all that the CA issuer looks at."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _signed_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    if child.issuer != parent.subject or not is_ca(parent):
        return False
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def chain(certificates: Sequence[x509.Certificate]) -> Issued:
    """One chain out of certificates in any order: all but a self-signed root, and the highest of them.

    Raises:
        SigningError: They are not one chain.
    """
    left = list({one.fingerprint(hashes.SHA256()): one for one in certificates}.values())
    parents = {
        id(one): next((other for other in left if other is not one and _signed_by(one, other)), None) for one in left
    }
    tops = [one for one in left if parents[id(one)] is None]
    lowest = [one for one in left if not any(parent is one for parent in parents.values())]
    ordered: list[x509.Certificate] = []
    if len(tops) == 1 and len(lowest) == 1:
        current: x509.Certificate | None = lowest[0]
        while current is not None and len(ordered) < len(left):
            ordered.append(current)
            current = parents[id(current)]
    if len(ordered) != len(left):
        raise SigningError("certificate chain is malformed or broken")
    top = ordered[-1]
    root = top.issuer == top.subject and _signed_by(top, top)
    if len(ordered) == 1:
        return Issued(text_of(ordered), text_of(ordered) if root else "")
    return Issued(text_of(ordered[:-1] if root else ordered), text_of([top]))
