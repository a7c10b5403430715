"""Programs with cert-manager's objects, and what comes of them."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.stage import Performance

HELPERS = """
CUSTOM = k8s.apiextensions.CustomResource
def made(kind, name, namespace=None, spec=None, group="cert-manager.io/v1", annotations=None, opts=None, **meta):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **meta}
    if annotations:
        metadata["annotations"] = annotations
    where = f"{namespace}-" if namespace else ""
    return CUSTOM(f"{where}{name}-{kind}", api_version=group, kind=kind, metadata=metadata, spec=spec, opts=opts)
def issuer(name, kind="ClusterIssuer", namespace=None, **spec):
    return made(kind, name, namespace, spec)
def certificate(name, issuer, namespace="cert-manager", kind="ClusterIssuer", group="cert-manager.io", **spec):
    annotations, opts = spec.pop("annotations", None), spec.pop("opts", None)
    ref = {"name": issuer, "kind": kind, "group": group}
    key = {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always", **spec.pop("privateKey", {})}
    spec = {"secretName": name, "issuerRef": ref, "commonName": name, "privateKey": key, **spec}
    return made("Certificate", name, namespace, spec, annotations=annotations, opts=opts)
def bundle(name, sources, **target):
    target = {"configMap": {"key": "ca.crt"}, **target}
    return made("Bundle", name, None, {"sources": sources, "target": target}, "trust.cert-manager.io/v1alpha1")
def root(name="root", **spec):
    issuer("self-signed", selfSigned={})
    spec = {"isCA": True, "usages": ["cert sign", "crl sign"], "duration": "87600h", **spec}
    spec["privateKey"] = {"rotationPolicy": "Never", **spec.get("privateKey", {})}
    certificate(name, "self-signed", **spec)
    issuer(name, ca={"secretName": name})
"""
"""Short forms for programs; the usual one is ``root()`` followed by ``certificate("leaf", "root", "apps")``."""


def objects(done: Performance) -> dict[str, dict[str, Any]]:
    """What the controllers made, by ``Kind/namespace/name``."""
    found = {}
    for resource in done.resources:
        for item in resource.cluster:
            meta = item["metadata"]
            found[f"{item['kind']}/{meta.get('namespace', '')}/{meta['name']}"] = dict(wire.plain(item))
    return found


def secret(done: Performance, name: str, namespace: str = "apps") -> dict[str, str]:
    """The data of a Secret that cert-manager made, as text."""
    data = objects(done)[f"Secret/{namespace}/{name}"]["data"]
    return {key: base64.b64decode(value).decode("latin-1") for key, value in data.items()}


def chain(text: str) -> list[x509.Certificate]:
    """The certificates in a text."""
    return x509.load_pem_x509_certificates(text.encode())


def leaf(done: Performance, name: str, namespace: str = "apps") -> x509.Certificate:
    """The certificate in a Secret."""
    return chain(secret(done, name, namespace)["tls.crt"])[0]
