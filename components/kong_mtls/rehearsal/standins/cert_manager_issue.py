"""Certificates as cert-manager's issuers sign them, and what of a chain goes where.

Source: cert-manager/cert-manager v1.21.1, ``pkg/util/pki``: ``csr.go`` (signatures), ``certificatetemplate.go`` (what
of a request goes into the certificate), ``parse_certificate_chain.go`` (what is ``tls.crt`` and ``ca.crt``); Go's
``crypto/x509`` (``CreateCertificate``: which extensions, and which are critical).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID

from kong_mtls.rehearsal.mint import PrivateKey
from kong_mtls.rehearsal.standins import cert_manager_keys as keys
from kong_mtls.rehearsal.standins import cert_manager_request as requests


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
class Issued:
    """``status.certificate`` and ``status.ca`` of a request: PEM texts, the second one empty if not told."""

    chain: str
    ca: str


def sign(csr: x509.CertificateSigningRequest, order: requests.Order, signer: Signer, at: datetime) -> Issued:
    """The certificate for a request: valid from `at` on, whatever the signer's own lifetime.

    Args:
        csr: The request: subject, names and key are taken from it.
        order: Lifetime, CA or not, and usages.
        signer: Who signs.
        at: The time of signing.

    Raises:
        requests.SigningError: The request contradicts the order, or the signer's chain is broken.
    """
    requests.check_request(csr, order)
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
    extensions = [*requests.usage_extensions(order), (x509.BasicConstraints(ca=order.is_ca, path_length=None), True)]
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
        made = builder.sign(signer.key, keys.digest(signer.key))
    except (ValueError, TypeError, OverflowError) as error:
        raise requests.SigningError(f"error creating x509 certificate: {error}") from None
    if parent is None:
        return Issued(keys.text_of([made]), keys.text_of([made]))
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
        requests.SigningError: They are not one chain.
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
        raise requests.SigningError("certificate chain is malformed or broken")
    top = ordered[-1]
    root = top.issuer == top.subject and _signed_by(top, top)
    if len(ordered) == 1:
        return Issued(keys.text_of(ordered), keys.text_of(ordered) if root else "")
    return Issued(keys.text_of(ordered[:-1] if root else ordered), keys.text_of([top]))
