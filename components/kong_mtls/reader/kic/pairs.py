"""Certificate and key as the controller takes them from a Secret: tls.crt and tls.key that belong together.

Source: Kong/kubernetes-ingress-controller internal/dataplane/translator/translate_certs.go, which leaves the
judgement to Go's crypto/tls.X509KeyPair.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kong_mtls.reader.kic.model import KeyPair
from kong_mtls.reader.manifests import ident, secret_data


@lru_cache(maxsize=512)
def _problem(cert_pem: bytes, key_pem: bytes) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(cert_pem)
    except ValueError:
        return "tls.crt holds no certificate"
    try:
        key = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError):
        return "tls.key holds no plain private key"
    return "" if certificate.public_key() == key.public_key() else "tls.key doesn't match tls.crt"


def key_pair(secret: Mapping[str, Any]) -> tuple[KeyPair, str]:
    """The pair of a Secret, and what is wrong with it: empty when nothing is, or when a half is masked."""
    data = secret_data(secret)
    missing = [key for key in ("tls.crt", "tls.key") if key not in data]
    if missing:
        return KeyPair(ident(secret), None, None), f"it lacks {' and '.join(missing)}"
    cert, key = data["tls.crt"], data["tls.key"]
    problem = _problem(cert.strip(), key.strip()) if cert is not None and key is not None else ""
    return KeyPair(ident(secret), cert, key), problem
