"""Keys and certificates as texts, and the kinds of keys that cert-manager makes.

Source: cert-manager/cert-manager v1.21.1, ``pkg/util/pki``: ``generate.go``, ``match.go``, ``csr.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kong_mtls.rehearsal import mint
from kong_mtls.rehearsal.mint import PrivateKey


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


def digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """The hash that a key signs with: by its curve or its length; none for Ed25519."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    small, middle = (257, 385) if isinstance(key, ec.EllipticCurvePrivateKey) else (3072, 4096)
    size = key.key_size
    return hashes.SHA256() if size < small else hashes.SHA384() if size < middle else hashes.SHA512()
