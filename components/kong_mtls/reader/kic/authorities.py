"""CA certificates as they reach Kong: which objects count, what is checked, who wins over a shared id.

Sources: Kong/kubernetes-ingress-controller internal/dataplane/translator/translate_cacerts.go and
internal/store/store.go; Kong/kong kong/db/schema/entities/ca_certificates.lua for what Kong checks on top.
"""

from __future__ import annotations

import re
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic.model import CaCertificate
from kong_mtls.reader.kic.mtls_auth import is_uuid
from kong_mtls.reader.kic.store import Store
from kong_mtls.reader.manifests import annotations_of, configmap_data, ident, labels_of, secret_data

CA_LABEL = "konghq.com/ca-cert"

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


class _Refused(Exception):  # noqa: N818 - a verdict, not a fault
    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def is_ca_object(obj: dict[str, Any]) -> bool:
    """Whether the controller sees a Secret or ConfigMap as a CA certificate: by the label alone."""
    return str(labels_of(obj).get(CA_LABEL)) == "true"


def object_data(obj: dict[str, Any]) -> dict[str, bytes | None]:
    """Values of a Secret or ConfigMap by key; None where masked or undecodable."""
    return secret_data(obj) if obj.get("kind") == "Secret" else configmap_data(obj)


def _age(obj: dict[str, Any]) -> tuple[str, str, str]:
    metadata = obj.get("metadata") or {}
    # Files rarely have a creation time; the controller then falls back on namespace and name, as here.
    return (
        str(metadata.get("creationTimestamp") or ""),
        str(metadata.get("namespace") or "default"),
        str(metadata.get("name")),
    )


def _certificate(text: bytes, store: Store) -> x509.Certificate:
    blocks = [(match.group(1), match.group(0)) for match in _BLOCK.finditer(text)]
    # Go's pem.Decode passes over text before a block; text after the last one leaves it without a block.
    if not blocks or text.rpartition(b"-----END ")[2].partition(b"-----")[2].strip():
        raise _Refused("ca-object-not-pem", "it holds no PEM certificate, or text after it")
    if any(kind != b"CERTIFICATE" for kind, _ in blocks):
        raise _Refused("ca-object-private-key", "it holds a PEM block that is no certificate")
    if len(blocks) > 1:
        raise _Refused("ca-object-several-certificates", f"it holds {len(blocks)} certificates, not one")
    try:
        certificate = x509.load_pem_x509_certificate(blocks[0][1])
    except ValueError:
        raise _Refused("ca-object-not-pem", "its certificate can't be parsed") from None
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        basic = x509.BasicConstraints(ca=False, path_length=None)
    if not basic.ca:
        raise _Refused("ca-object-not-ca", "its certificate has no basic constraint CA:TRUE")
    if certificate.not_valid_after_utc < store.at:
        raise _Refused("ca-object-expired", f"its certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    return certificate


def _candidates(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Labelled objects by id. A masked id is taken for unique: ``None`` ids are left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in ("Secret", "ConfigMap"):
        for obj in store.objects.all(kind):
            if not is_ca_object(obj):
                continue
            if str(annotations_of(obj).get(ann.CLASS)) != store.ingress_class and not store.is_default:
                store.failures.add(
                    "ca-object-no-class",
                    ident(obj),
                    f"Kong's documentation asks for the annotation {ann.CLASS}: {store.ingress_class}",
                    ann.CLASS,
                )
            data = object_data(obj)
            if "id" not in data:
                store.failures.add("ca-object-no-id", ident(obj), "data has no id, so it never reaches Kong", "id")
                continue
            id_ = data["id"]
            if id_ is not None:
                found.setdefault(id_.decode(errors="replace"), []).append(obj)
    return found


def _warn_of_unlabelled(store: Store) -> None:
    for kind in ("Secret", "ConfigMap"):
        for obj in store.objects.all(kind):
            data = obj.get("data") or {}
            keys = {*data, *(obj.get("stringData") or {})}
            if "id" in keys and keys & {"cert", "ca.crt"} and not is_ca_object(obj):
                store.failures.add(
                    "ca-object-unlabelled",
                    ident(obj),
                    f'without the label {CA_LABEL}: "true" its id and certificate never reach Kong',
                    CA_LABEL,
                )


def authorities(store: Store) -> tuple[CaCertificate, ...]:
    """Every CA certificate that reaches Kong, by id; what doesn't is noted as a failure."""
    _warn_of_unlabelled(store)
    found: list[CaCertificate] = []
    digests: dict[bytes, CaCertificate] = {}
    for id_, objects in sorted(_candidates(store).items()):
        winner, *losers = sorted(objects, key=_age)
        for loser in losers:
            store.failures.add(
                "ca-object-duplicate-id",
                ident(loser),
                f"id {id_} is also that of {ident(winner)}, which wins; this one is left out",
                "id",
            )
        data = object_data(winner)
        key = "cert" if "cert" in data else "ca.crt"
        if key not in data:
            store.failures.add(
                "ca-object-no-cert",
                ident(winner),
                "data has neither cert nor ca.crt (tls.crt is not read)",
                "cert",
            )
            continue
        text = data[key]
        if text is None:
            continue  # masked: neither right nor wrong can be told
        try:
            certificate = _certificate(text, store)
        except _Refused as e:
            store.failures.add(e.code, ident(winner), f"{e}; it never reaches Kong", key)
            continue
        if not is_uuid(id_):
            store.failures.add(
                "ca-object-id-not-uuid", ident(winner), f"id {id_[:60]!r} is no UUID; Kong refuses it", "id"
            )
            continue
        made = CaCertificate(id_, ident(winner), certificate.public_bytes(Encoding.PEM), certificate)
        twin = digests.setdefault(certificate.fingerprint(hashes.SHA256()), made)
        if twin is not made:
            store.failures.add(
                "ca-object-duplicate-certificate",
                ident(winner),
                f"its certificate is also {ident_of(twin)}; Kong refuses one certificate under two ids",
                key,
            )
            continue
        if certificate.not_valid_before_utc > store.at:
            store.failures.add(
                "ca-object-not-yet-valid",
                ident(winner),
                f"its certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only",
                key,
            )
        found.append(made)
    return tuple(found)


def ident_of(ca: CaCertificate) -> str:
    """How a CA is spoken of in messages."""
    return f"that of {ca.object} (id {ca.id})"
