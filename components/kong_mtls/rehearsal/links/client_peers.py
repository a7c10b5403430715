"""Who knocks at a protected route: clients from the files, and others made to differ in one property.

Whatever is minted is signed by the CA itself where its key is in the files. Elsewhere a CA of the same name and
extensions takes its place, at both ends; everything else stays as configured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kong_mtls.reader.kic.authorities import object_data
from kong_mtls.reader.manifests import Objects, ident, secret_data

from ..mint import Minted, issue, new_key, twin
from .authority import KeyRing

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Shown:
    """What a client shows: a chain with its key, or nothing."""

    chain_pem: bytes | None = None
    key_pem: bytes | None = field(default=None, repr=False)
    note: str = ""
    by_stand_in: bool = False
    """Whether the signer is a stand-in, which the gateway must then trust in place of the CA."""
    from_files: bool = False
    """Whether it is a certificate of the files, and not one made for the proof."""


NOTHING = Shown()


@dataclass(frozen=True)
class Signer:
    """A CA that can sign: the one of the files, or its stand-in."""

    certificate: x509.Certificate
    """As it is in the files."""
    minted: Minted
    stand_in: bool

    @property
    def note(self) -> str:
        """How it was come by, for a row's reason."""
        if self.stand_in:
            return "signed by a stand-in for the CA, whose key isn't in these files"
        return "signed by the CA itself"


@dataclass(frozen=True)
class ClientPair:
    """A certificate for clients that is in the files with its key."""

    object: str
    chain: tuple[x509.Certificate, ...]
    chain_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)


@lru_cache(maxsize=4096)
def _parse(pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        return ()


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate is a CA's by its basic constraints."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _serves_clients(certificate: x509.Certificate) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages


@lru_cache(maxsize=4096)
def _issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    if certificate.issuer != ca.subject:
        return False
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


class Peers:
    """Certificates for one proof. Keys and signers are made once and used again."""

    def __init__(self, objects: Objects, at: datetime) -> None:
        """Look through the files for keys, client certificates and authorities.

        Args:
            objects: the files.
            at: the moment of the proof; what is minted is valid at it unless asked otherwise.
        """
        self.at = at
        self.keys = KeyRing(objects)
        self._leaf_key = new_key()
        self._signers: dict[bytes, Signer] = {}
        self._made: dict[tuple[object, ...], Minted] = {}
        self._pairs = list(_client_pairs(objects))
        self._authorities = list(_authorities(objects))

    def roots_for(self, chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
        """Whom a client must trust to accept a server's chain, by what is in the files; empty if it isn't.

        The self-signed end of the chain where that can be found; else the highest issuer found.
        """
        by_subject: dict[x509.Name, list[x509.Certificate]] = {}
        for each in (*chain[1:], *self._authorities):
            by_subject.setdefault(each.subject, []).append(each)
        found, current = None, chain[0]
        for _ in range(8):
            if current.issuer == current.subject:
                break
            issuer = next((c for c in by_subject.get(current.issuer, ()) if _issued_by(current, c)), None)
            if issuer is None:
                break
            found, current = issuer, issuer
        return [found] if found is not None else []

    def pairs_of(self, ca: x509.Certificate) -> list[ClientPair]:
        """The client certificates in the files that a CA issued, itself or through an intermediate sent along."""
        return [pair for pair in self._pairs if any(_issued_by(each, ca) for each in pair.chain)]

    def signer(self, ca: x509.Certificate, others: Sequence[x509.Certificate] = ()) -> Signer:
        """A CA that signs like the one of the files.

        Args:
            ca: the authority.
            others: what is trusted beside it; among them its own issuer is looked for.
        """
        fingerprint = ca.fingerprint(SHA256())
        if fingerprint not in self._signers:
            key = self.keys.of(ca)
            if key is not None:
                self._signers[fingerprint] = Signer(ca, Minted(ca, key), False)
            else:
                above = None
                if ca.issuer != ca.subject:
                    # An intermediate stays one: whether its root is trusted as well must go on to decide.
                    issuer = next((each for each in others if _issued_by(ca, each)), None)
                    above = self.signer(issuer, others).minted if issuer else self._unknown_root(ca)
                self._signers[fingerprint] = Signer(ca, twin(ca, issuer=above), True)
        return self._signers[fingerprint]

    def _unknown_root(self, ca: x509.Certificate) -> Minted:
        return issue(ca.issuer, ca=True, not_before=ca.not_valid_before_utc, not_after=ca.not_valid_after_utc)

    def stranger(self, ca: x509.Certificate) -> Minted:
        """Another CA with the same name and extensions: only its key tells it apart."""
        key = ("stranger", ca.fingerprint(SHA256()))
        if key not in self._made:
            self._made[key] = twin(ca)
        return self._made[key]

    def leaf(
        self,
        issuer: Minted,
        subject: x509.Name,
        *,
        start: timedelta = -_DAY,
        end: timedelta = 30 * _DAY,
        client: bool = True,
        server: bool = False,
    ) -> Minted:
        """A certificate of a client, valid around the moment of the proof unless told otherwise."""
        key = (id(issuer), subject, start, end, client, server)
        if key not in self._made:
            self._made[key] = issue(
                subject,
                issuer=issuer,
                key=self._leaf_key,
                not_before=self.at + start,
                not_after=self.at + end,
                client=client,
                server=server,
            )
        return self._made[key]

    def root(self, subject: str | x509.Name) -> Minted:
        """A CA that limits no path and has no key in the files; one for each name."""
        key = ("root", subject)
        if key not in self._made:
            year = timedelta(days=365)
            self._made[key] = issue(subject, ca=True, not_before=self.at - year, not_after=self.at + 10 * year)
        return self._made[key]

    def server(self, issuer: Minted, names: Sequence[str], *, client: bool = False) -> Minted:
        """A server's certificate (or a client's) with these DNS names, valid for a month."""
        key = ("server", id(issuer), tuple(names), client)
        if key not in self._made:
            self._made[key] = issue(
                names[0][:64],
                issuer=issuer,
                key=self._leaf_key,
                dns_names=names,
                not_before=self.at - _DAY,
                not_after=self.at + 30 * _DAY,
                server=not client,
                client=client,
            )
        return self._made[key]

    def deep(self, root: Minted, intermediates: int, names: Sequence[str]) -> Minted:
        """A server's certificate with so many intermediates between it and a root."""
        signer = root
        for number in range(intermediates):
            key = ("intermediate", id(root), number)
            if key not in self._made:
                self._made[key] = issue(
                    f"intermediate {number + 1}",
                    issuer=signer,
                    key=self._leaf_key,
                    ca=True,
                    not_before=self.at - _DAY,
                    not_after=self.at + 30 * _DAY,
                )
            signer = self._made[key]
        return self.server(signer, names)

    def below(self, leaf: Minted, subject: x509.Name) -> Minted:
        """A certificate issued by a certificate that is no CA."""
        key = ("below", id(leaf), subject)
        if key not in self._made:
            self._made[key] = issue(
                subject,
                issuer=leaf,
                not_before=self.at - _DAY,
                not_after=self.at + 30 * _DAY,
                client=True,
            )
        return self._made[key]


def shown(minted: Minted, signer: Signer | None, note: str) -> Shown:
    """A minted certificate as a client shows it, with its intermediates."""
    chain = minted.cert_pem
    above = minted.issuer
    while above is not None and (signer is None or above.cert != signer.minted.cert) and not _is_root(above):
        chain += above.cert_pem
        above = above.issuer
    return Shown(chain, minted.key_pem, note, signer is not None and signer.stand_in)


def _is_root(minted: Minted) -> bool:
    return minted.cert.issuer == minted.cert.subject


def common_name(text: str) -> x509.Name:
    """A distinguished name with a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def pem(certificates: Mapping[str, x509.Certificate] | Sequence[x509.Certificate]) -> bytes:
    """Certificates as one PEM text."""
    values = certificates.values() if isinstance(certificates, Mapping) else certificates
    return b"".join(each.public_bytes(Encoding.PEM) for each in values)


def _client_pairs(objects: Objects) -> Iterator[ClientPair]:
    for secret in objects.all("Secret"):
        data = secret_data(secret)
        cert, key = data.get("tls.crt"), data.get("tls.key")
        chain = _parse(cert) if cert and key else ()
        if cert and key and chain and not is_authority(chain[0]) and _serves_clients(chain[0]):
            yield ClientPair(ident(secret), chain, cert, key)


def _authorities(objects: Objects) -> Iterator[x509.Certificate]:
    seen: set[bytes] = set()
    for kind in ("Secret", "ConfigMap"):
        for obj in objects.all(kind):
            for value in object_data(obj).values():
                if value is None or b"-----BEGIN CERTIFICATE" not in value or value in seen:
                    continue
                seen.add(value)
                yield from (each for each in _parse(value) if is_authority(each))
