"""Who can sign bad peers "of the right CA": the CA itself where its key is in the files, else a stand-in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from ...reader.manifests import Objects, secret_data
from ..mint import Minted, PrivateKey, issue

_SPAN = timedelta(days=3650)  # a stand-in is never what expires


@dataclass(frozen=True)
class Authority:
    """A signer, and what a verifier must trust for it to be the right one."""

    signer: Minted
    chain: tuple[x509.Certificate, ...]
    """The intermediates that a leaf of this signer sends along."""
    trust_pem: bytes
    note: str
    """How it was come by, for a row's reason."""

    def chain_pem(self, leaf: Minted) -> bytes:
        """A leaf of this signer with its intermediates."""
        return leaf.cert_pem + b"".join(c.public_bytes(serialization.Encoding.PEM) for c in self.chain)


class KeyRing:
    """The private keys in the Secrets of some files, found by their public half."""

    def __init__(self, objects: Objects) -> None:
        """Look through every Secret, once."""
        self._keys = {_spki(key.public_key()): key for key in _private_keys(objects)}

    def of(self, cert: x509.Certificate) -> PrivateKey | None:
        """The key of a certificate; None when it isn't in the files."""
        return self._keys.get(_spki(cert.public_key()))


def _spki(public_key: CertificatePublicKeyTypes) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public_key.public_bytes(serialization.Encoding.DER, form)


def _private_keys(objects: Objects) -> Iterator[PrivateKey]:
    for secret in objects.all("Secret"):
        for value in secret_data(secret).values():
            if value is None or b"PRIVATE KEY-----" not in value:
                continue
            try:
                key = serialization.load_pem_private_key(value, None)
            except (ValueError, TypeError):
                continue  # encrypted, or no key after all: nobody can sign with it
            if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
                yield key


def issuer_of(leaf: x509.Certificate, candidates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The certificate among the candidates that signed a leaf."""
    for candidate in candidates:
        try:
            leaf.verify_directly_issued_by(candidate)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return candidate
    return None


def authority_over(
    chain: Sequence[x509.Certificate], trust_pem: bytes, keys: KeyRing | None, at: datetime
) -> Authority:
    """Somebody who signs as a good peer's own CA does, in the eyes of who trusts `trust_pem`.

    Where the CA's key is in the files it signs itself, and trust stays as it is. Elsewhere a CA of the same name
    is made, and it takes the place of the trust; everything else stays as configured.

    Args:
        chain: what the good peer sends: its certificate, then intermediates.
        trust_pem: what the other end trusts.
        keys: where to look for the CA's key; None: don't look.
        at: the date of the proof.
    """
    leaf, *sent = chain
    issuer = issuer_of(leaf, [*sent, *x509.load_pem_x509_certificates(trust_pem)])
    key = keys.of(issuer) if issuer is not None and keys is not None else None
    if issuer is not None and key is not None:
        note = "signed by the CA itself, whose key is in these files"
        return Authority(Minted(issuer, key), tuple(sent), trust_pem, note)
    stand_in = namesake(leaf, at)
    return Authority(stand_in, (), stand_in.cert_pem, "signed by a stand-in for the CA, trusted in its place")


def namesake(leaf: x509.Certificate, at: datetime) -> Minted:
    """Another CA of the same name as the leaf's own: nobody trusts it, unless told to."""
    return issue(leaf.issuer, ca=True, not_before=at - _SPAN, not_after=at + _SPAN)
