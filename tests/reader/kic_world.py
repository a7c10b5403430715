"""Manifests to translate in tests: small builders, and one protected route that is right in every part."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from kong_mtls.reader.kic import KongConfig, translate
from kong_mtls.reader.manifests import read_texts

AT = datetime(2026, 3, 1, tzinfo=timezone.utc)
CA_ID = "6f1a7f5e-3c1a-4b0e-9d7c-0d3c2f8f4a11"
OTHER_ID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"

Manifest = dict[str, Any]


@cache
def pem(name: str = "ca", ca: bool = True, start: int = -1, days: int = 365) -> tuple[str, str]:
    """A self-signed certificate and its key; the same arguments give the same pair within a run."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = AT + timedelta(days=start)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


def made(kind: str, name: str, api: str = "v1", namespace: str | None = "app", **rest: Any) -> Manifest:
    """An object; labels and annotations go into its metadata."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    metadata |= {key: rest.pop(key) for key in ("labels", "annotations", "creationTimestamp") if key in rest}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def secret(name: str, data: dict[str, str], **rest: Any) -> Manifest:
    """A Secret."""
    return made("Secret", name, stringData=data, **rest)


def ca_secret(name: str = "ca", uuid: str | None = CA_ID, cert: str | None = None, **rest: Any) -> Manifest:
    """A CA Secret as Kong's guide makes it."""
    data = {"cert": cert if cert is not None else pem()[0]} | ({"id": uuid} if uuid else {})
    rest = {
        "labels": {"konghq.com/ca-cert": "true"},
        "annotations": {"kubernetes.io/ingress.class": "kong"},
    } | rest
    return secret(name, data, **rest)


def tls_secret(name: str, pair: tuple[str, str] | None = None, **rest: Any) -> Manifest:
    """A TLS Secret."""
    cert, key = pair or pem(name, ca=False)
    return secret(name, {"tls.crt": cert, "tls.key": key}, type="kubernetes.io/tls", **rest)


def service(name: str = "echo", annotations: dict[str, str] | None = None, **rest: Any) -> Manifest:
    """A Service with one port, 80."""
    spec = {"ports": [{"name": "web", "port": 80}]} | rest.pop("spec", {})
    prefixed = {f"konghq.com/{k}" if "/" not in k else k: v for k, v in (annotations or {}).items()}
    return made("Service", name, annotations=prefixed, spec=spec, **rest)


def backend(name: str = "echo", port: int | str = 80) -> Manifest:
    """A backend of an Ingress."""
    return {"service": {"name": name, "port": {"number" if isinstance(port, int) else "name": port}}}


def ingress(name: str = "echo", annotations: dict[str, str] | None = None, **rest: Any) -> Manifest:
    """An Ingress for api.example.com/echo of class kong."""
    path = {"path": "/echo", "pathType": "Prefix", "backend": backend()}
    spec = {
        "ingressClassName": "kong",
        "rules": [{"host": "api.example.com", "http": {"paths": [path]}}],
    } | rest.pop("spec", {})
    prefixed = {f"konghq.com/{k}" if "/" not in k else k: v for k, v in (annotations or {}).items()}
    return made("Ingress", name, "networking.k8s.io/v1", annotations=prefixed, spec=spec, **rest)


def plugin(name: str = "mtls", kind: str = "KongPlugin", **rest: Any) -> Manifest:
    """An mtls-auth plugin that trusts the CA of `ca_secret`."""
    namespace = rest.pop("namespace", "app") if kind == "KongPlugin" else None
    body = {"plugin": "mtls-auth", "config": {"ca_certificates": [CA_ID]}} | rest
    return made(kind, name, "configuration.konghq.com/v1", namespace, **body)


def consumer(name: str = "alice", **rest: Any) -> Manifest:
    """A consumer with one credential Secret, alice-mtls."""
    body = {
        "username": name,
        "credentials": [f"{name}-mtls"],
        "annotations": {"kubernetes.io/ingress.class": "kong"},
    } | rest
    return made("KongConsumer", name, "configuration.konghq.com/v1", **body)


def credential(name: str = "alice-mtls", data: dict[str, str] | None = None, **rest: Any) -> Manifest:
    """An mtls-auth credential."""
    labels = {"labels": {"konghq.com/credential": "mtls-auth"}} | rest
    return secret(name, data or {"subject_name": "alice@example.com"}, **labels)


def protected() -> list[Manifest]:
    """A route with TLS, SNI, plugin, CA and consumer, all in order."""
    route = ingress(
        annotations={"plugins": "mtls", "protocols": "https", "snis": "api.example.com"},
        spec={"tls": [{"hosts": ["api.example.com"], "secretName": "server"}]},
    )
    return [route, service(), plugin(), ca_secret(), tls_secret("server"), consumer(), credential()]


def translated(*manifests: Manifest, patches: list[Manifest] | None = None, **rest: Any) -> KongConfig:
    """What the controller makes of some manifests."""
    texts = {f"{i}.yaml": json.dumps(each) for i, each in enumerate(manifests)}
    texts |= {f"patch-{i}.yaml": json.dumps(each) for i, each in enumerate(patches or [])}
    return translate(read_texts(texts), AT, **rest)


def codes(config: KongConfig) -> set[str]:
    """The codes of all failures."""
    return {failure.code for failure in config.failures}
