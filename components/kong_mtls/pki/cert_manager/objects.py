"""Objects of cert-manager and trust-manager as manifests: plain values or outputs in, the API's own spelling out.

Sources: cert-manager v1.21, pkg/apis/certmanager/v1 (``types_certificate.go``, ``types_issuer.go``) and
trust-manager v0.24, pkg/apis/trust/v1alpha1 (``types_bundle.go``).
"""

import base64
from collections.abc import Mapping
from typing import Any

import pulumi

from ...outputs import mapped
from ..issue import Leaf

API = "cert-manager.io/v1"
GROUP = "cert-manager.io"
TRUST_API = "trust.cert-manager.io/v1alpha1"
TRUST_KEY = "ca.crt"

# The provider takes a custom object for ready at once unless it is told what to wait for
# (pulumi-kubernetes, provider/pkg/metadata/overrides.go). Readiness counts for the generation just applied.
_WAIT = "pulumi.com/waitFor"

_ALGORITHMS: Mapping[str, tuple[str, int]] = {
    "P-256": ("ECDSA", 256),
    "P-384": ("ECDSA", 384),
    "P-521": ("ECDSA", 521),
    "RSA-2048": ("RSA", 2048),
    "RSA-3072": ("RSA", 3072),
    "RSA-4096": ("RSA", 4096),
}
_USAGES = {"server_auth": "server auth", "client_auth": "client auth"}
_LEAST_RENEWAL = "5m0s"

_SUBJECT = {
    "organization": "organizations",
    "organizational_unit": "organizationalUnits",
    "locality": "localities",
    "province": "provinces",
    "country": "countries",
}


def _metadata(name: pulumi.Input[str], namespace: pulumi.Input[str] | None, wait: str) -> dict[str, Any]:
    placed = {} if namespace is None else {"namespace": namespace}
    return {"name": name, **placed, "annotations": {_WAIT: f"condition={wait}"}}


def issuer_ref(name: pulumi.Input[str], kind: str = "ClusterIssuer", group: str = GROUP) -> dict[str, Any]:
    """A reference with everything said: left out, kind means Issuer, and 1.19.0 issued anew without need."""
    return {"name": name, "kind": kind, "group": group}


def self_signed_issuer(name: str, *, after: pulumi.Output[None] | None = None) -> dict[str, Any]:
    """The issuer of roots: it signs with the requester's own key.

    Args:
        name: its name.
        after: what must have resolved before it is made.
    """
    spec: Any = {"selfSigned": {}}
    return {
        "apiVersion": API,
        "kind": "ClusterIssuer",
        "metadata": _metadata(name, None, "Ready"),
        "spec": spec if after is None else after.apply(lambda _: spec),
    }


def ca_issuer(name: str, secret_name: pulumi.Input[str]) -> dict[str, Any]:
    """An issuer that signs with the CA in a Secret of cert-manager's cluster resource namespace."""
    return {
        "apiVersion": API,
        "kind": "ClusterIssuer",
        "metadata": _metadata(name, None, "Ready"),
        "spec": {"ca": {"secretName": secret_name}},
    }


def private_key(key: str, rotation: str) -> dict[str, Any]:
    """Algorithm and size of one of ``issue.KEYS``, PKCS#8 like keys made here, and what renewal does to it.

    The rotation policy is always said: its default became `Always` with 1.18.
    """
    algorithm, size = _ALGORITHMS[key]
    return {"algorithm": algorithm, "size": size, "encoding": "PKCS8", "rotationPolicy": rotation}


def ca_certificate(
    name: str,
    namespace: str,
    *,
    common_name: str,
    subject: Mapping[str, str],
    key: str,
    validity_hours: int,
    issuer: Mapping[str, Any],
) -> dict[str, Any]:
    """A CA's certificate that is never renewed in place: its leaves would fail, or trust would change unnoticed."""
    spec: dict[str, Any] = {
        "secretName": name,
        "isCA": True,
        "commonName": common_name,
        "duration": hours(validity_hours),
        "renewal": {"policy": "Disabled"},
        "privateKey": private_key(key, "Never"),
        "usages": ["cert sign", "crl sign"],
        "issuerRef": dict(issuer),
    }
    named = {field: [subject[key]] for key, field in _SUBJECT.items() if subject.get(key)}
    if named:
        spec["subject"] = named
    return {"apiVersion": API, "kind": "Certificate", "metadata": _metadata(name, namespace, "Ready"), "spec": spec}


def leaf_certificate(
    name: str,
    namespace: pulumi.Input[str],
    leaf: Leaf,
    issuer: Mapping[str, Any],
    *,
    after: pulumi.Output[None] | None = None,
) -> dict[str, Any]:
    """A leaf, with a new key at every renewal.

    Args:
        name: of the Certificate, and of its Secret.
        namespace: the reader's.
        leaf: what it is asked to be.
        issuer: reference to who issues.
        after: what must have resolved before it is asked for.
    """
    duration = hours(leaf.validity_hours)
    spec: dict[str, Any] = {
        "secretName": name,
        "commonName": leaf.common_name,
        "duration": duration if after is None else after.apply(lambda _: duration),
        "renewBefore": hours(leaf.early_renewal_hours) if leaf.early_renewal_hours else _LEAST_RENEWAL,
        "privateKey": private_key(leaf.key, "Always"),
        "usages": usages(leaf),
        "issuerRef": dict(issuer),
    }
    if leaf.dns_names:
        spec["dnsNames"] = list(leaf.dns_names)
    return {"apiVersion": API, "kind": "Certificate", "metadata": _metadata(name, namespace, "Ready"), "spec": spec}


def usages(leaf: Leaf) -> list[str]:
    """Key usage and extended key usage: exactly what is asked for. An EC key only signs (RFC 8422, 5.1)."""
    algorithm, _ = _ALGORITHMS[leaf.key]
    encipherment = ["key encipherment"] if algorithm == "RSA" else []
    return ["digital signature", *encipherment, *(_USAGES[use] for use in leaf.usages)]


def certificate_request(
    name: pulumi.Input[str],
    namespace: str,
    request_pem: pulumi.Input[str],
    leaf: Leaf,
    issuer: Mapping[str, Any],
) -> dict[str, Any]:
    """A certificate for somebody else's signing request; its status holds it, which is public."""
    encoded = mapped(request_pem, lambda text: base64.b64encode(str(text).encode()).decode())
    spec = {
        "request": encoded,
        "duration": hours(leaf.validity_hours),
        "usages": usages(leaf),
        "issuerRef": dict(issuer),
    }
    metadata = _metadata(name, namespace, "Ready")
    return {"apiVersion": API, "kind": "CertificateRequest", "metadata": metadata, "spec": spec, "status": None}


def public_export(name: str, namespace: str, secret_name: pulumi.Input[str]) -> dict[str, Any]:
    """A Bundle that writes the certificate of a CA's Secret, and nothing else of it, into a ConfigMap.

    ``tls.crt``, since ``ca.crt`` is only the highest certificate known. A PEM block that is no certificate fails the
    whole Bundle, so a key can't get through (pkg/bundle/internal/source).
    """
    return {
        "apiVersion": TRUST_API,
        "kind": "Bundle",
        "metadata": _metadata(name, None, "Synced"),
        "spec": {
            "sources": [{"secret": {"name": secret_name, "key": "tls.crt"}}],
            "target": {
                "configMap": {"key": TRUST_KEY},
                # Left out it would be every namespace.
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            },
        },
    }


def hours(count: int) -> str:
    """A duration as cert-manager writes it back: another spelling of the same would show as a change."""
    return f"{count}h0m0s"
