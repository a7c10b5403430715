"""The Secret of a Certificate: what cert-manager writes to it.

Source: cert-manager/cert-manager v1.21.1, ``pkg/controller/certificates/issuing/internal/secret.go`` and
``internal/controller/certificates/secrets.go`` (annotations).
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins import cert_manager_keys as keys
from kong_mtls.rehearsal.standins import cert_manager_request as requests
from kong_mtls.rehearsal.standins import kubernetes
from kong_mtls.rehearsal.standins.cert_manager_rules import GROUP

LABEL: Final = "controller.cert-manager.io/fao"
CERTIFICATE_NAME: Final = f"{GROUP}/certificate-name"
ISSUER: Final = {key: f"{GROUP}/issuer-{key}" for key in ("name", "kind", "group")}
_SUBJECT_ANNOTATIONS: Final = (
    ("organizations", NameOID.ORGANIZATION_NAME),
    ("organizationalunits", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("countries", NameOID.COUNTRY_NAME),
    ("provinces", NameOID.STATE_OR_PROVINCE_NAME),
    ("localities", NameOID.LOCALITY_NAME),
    ("postalcodes", NameOID.POSTAL_CODE),
    ("streetaddresses", NameOID.STREET_ADDRESS),
    ("serialnumber", NameOID.SERIAL_NUMBER),
)


def data_of(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """A Secret's data, decoded; what is not base64 is left out."""
    data = wire.plain(secret.get("data")) or {}
    found = {}
    for key, text in data.items() if isinstance(data, dict) else ():
        try:
            found[key] = base64.b64decode(text, validate=True)
        except (ValueError, TypeError):
            continue
    return found


def annotation(item: Mapping[str, Any], key: str) -> str | None:
    """An annotation of an object, or None."""
    value = (kubernetes.metadata(item).get("annotations") or {}).get(key)
    return None if value is None else str(value)


def ref_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """An ``issuerRef`` with its defaults: an Issuer of cert-manager itself."""
    ref = spec["issuerRef"]
    return {"name": ref["name"], "kind": ref.get("kind") or "Issuer", "group": ref.get("group") or GROUP}


def secret(
    spec: Mapping[str, Any],
    place: tuple[str, str],
    certificate: str,
    data: Mapping[str, bytes],
    type_: str,
) -> dict[str, Any]:
    """The Secret as cert-manager applies it.

    Args:
        spec: The Certificate's.
        place: Namespace and name.
        certificate: The Certificate's own name.
        data: ``tls.crt``, ``tls.key`` and ``ca.crt`` as far as there is one.
        type_: Of the Secret that is there already, else ``kubernetes.io/tls``.
    """
    template = spec.get("secretTemplate") or {}
    kept = {key: data[key] for key in ("tls.crt", "tls.key", "ca.crt") if data.get(key)}
    formats = {one["type"] for one in spec.get("additionalOutputFormats") or ()}
    key = keys.load_key(kept["tls.key"])
    if "DER" in formats and key is not None:
        kept["key.der"] = _der(kept["tls.key"])
    if "CombinedPEM" in formats:
        kept["tls-combined.pem"] = kept["tls.key"] + b"\n" + kept["tls.crt"]
    ref = spec["issuerRef"]
    notes = {
        **(template.get("annotations") or {}),
        **_facts(keys.load_chain(kept["tls.crt"])[0]),
        CERTIFICATE_NAME: certificate,
        **{ISSUER[part]: ref.get(part) or "" for part in ISSUER},
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": place[1],
            "namespace": place[0],
            "annotations": notes,
            "labels": {**(template.get("labels") or {}), LABEL: "true"},
        },
        "type": type_,
        "data": wire.Secret({key: base64.b64encode(value).decode() for key, value in kept.items()}),
    }


def _der(pem: bytes) -> bytes:
    """The DER that a PEM block holds."""
    return base64.b64decode(b"".join(line for line in pem.splitlines() if not line.startswith(b"-----")))


def _facts(certificate: x509.Certificate) -> dict[str, str]:
    """What the annotations say of the certificate."""

    def named(oid: x509.ObjectIdentifier) -> list[str]:
        return [str(one.value) for one in certificate.subject.get_attributes_for_oid(oid)]

    names = requests.alternative_names(certificate)
    notes = {f"{GROUP}/common-name": "".join(named(NameOID.COMMON_NAME)[-1:])}
    for key, oid in _SUBJECT_ANNOTATIONS:
        if named(oid):
            notes[f"{GROUP}/subject-{key}"] = _joined(named(oid))
    if names["emailAddresses"]:
        notes[f"{GROUP}/email-sans"] = _joined(names["emailAddresses"])
    notes[f"{GROUP}/alt-names"] = _joined(names["dnsNames"])
    notes[f"{GROUP}/ip-sans"] = _joined(names["ipAddresses"])
    notes[f"{GROUP}/uri-sans"] = _joined(names["uris"])
    return notes


def _joined(values: list[str]) -> str:
    """`values` as one line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
