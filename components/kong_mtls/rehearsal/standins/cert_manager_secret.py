"""The Secret of a Certificate: what cert-manager writes to it, and for which reasons it issues anew.

Source: cert-manager/cert-manager v1.21.1, ``pkg/controller/certificates/issuing/internal/secret.go`` (what is written),
``internal/controller/certificates/policies`` (``NewTriggerPolicyChain``: the reasons, in their order) and
``pkg/util/pki/renewaltime.go``.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.mint import PrivateKey
from kong_mtls.rehearsal.standins import cert_manager_issue as pki
from kong_mtls.rehearsal.standins import kubernetes
from kong_mtls.rehearsal.standins.cert_manager_rules import GROUP, duration_of
from kong_mtls.rehearsal.standins.go_time import rfc3339

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
_LISTS: Final = ("dnsNames", "ipAddresses", "uris", "emailAddresses")


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
    key = pki.load_key(kept["tls.key"])
    if "DER" in formats and key is not None:
        kept["key.der"] = _der(kept["tls.key"])
    if "CombinedPEM" in formats:
        kept["tls-combined.pem"] = kept["tls.key"] + b"\n" + kept["tls.crt"]
    ref = spec["issuerRef"]
    notes = {
        **(template.get("annotations") or {}),
        **_facts(pki.load_chain(kept["tls.crt"])[0]),
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

    names = alternative_names(certificate)
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


def alternative_names(holder: x509.Certificate | x509.CertificateSigningRequest) -> dict[str, list[str]]:
    """The alternative names of a certificate or request, under the names of a Certificate's fields."""
    try:
        said = holder.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {key: [] for key in _LISTS}
    return {
        "dnsNames": said.get_values_for_type(x509.DNSName),
        "ipAddresses": [str(one) for one in said.get_values_for_type(x509.IPAddress)],
        "uris": said.get_values_for_type(x509.UniformResourceIdentifier),
        "emailAddresses": said.get_values_for_type(x509.RFC822Name),
    }


def renewal_time(spec: Mapping[str, Any], certificate: x509.Certificate) -> datetime | None:
    """From when on cert-manager renews: ``renewBefore``, or the percentage, or a third of the lifetime before the end.

    None where ``renewal.policy`` is ``Disabled``. Windows of ``renewal.windows`` are not looked at.
    """
    if (spec.get("renewal") or {}).get("policy") == "Disabled":
        return None
    return certificate.not_valid_after_utc - _before(spec, certificate)


def _before(spec: Mapping[str, Any], certificate: x509.Certificate) -> timedelta:
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    before, percentage = duration_of(spec, "renewBefore"), spec.get("renewBeforePercentage")
    if before is not None and timedelta() < before < lifetime:
        return before
    if percentage is not None and 0 < percentage < 100:
        return lifetime * int(percentage) / 100
    return lifetime / 3


def renewed_at(spec: Mapping[str, Any], certificate: x509.Certificate, at: datetime) -> datetime:
    """When a certificate that is due by `at` was renewed: the last of the times that its schedule has up to then."""
    lifetime = duration_of(spec, "duration") or pki.DEFAULT_DURATION
    moment = certificate.not_valid_after_utc - _before(spec, certificate)
    step = lifetime - min(_before(spec, certificate), lifetime / 2)
    return moment + step * ((at - moment) // step)


def outdated(
    spec: Mapping[str, Any],
    name: str,
    found: Mapping[str, Any] | None,
    request: Mapping[str, Any] | None,
    at: datetime,
) -> tuple[str, str] | None:
    """Why the certificate in a Secret is not, or no longer, the one that is asked for: reason and message.

    Args:
        spec: The Certificate's.
        name: The Certificate's own name.
        found: The Secret.
        request: The CertificateRequest of its last issuance, if there is one.
        at: The time.
    """
    if found is None:
        return "DoesNotExist", "Issuing certificate as Secret does not exist"
    data = data_of(found)
    if not data.get("tls.key"):
        return "MissingData", "Issuing certificate as Secret does not contain a private key"
    if not data.get("tls.crt"):
        return "MissingData", "Issuing certificate as Secret does not contain a certificate"
    key, certificates = pki.load_key(data["tls.key"]), pki.load_chain(data["tls.crt"])
    if key is None:
        return "InvalidKeyPair", "Issuing certificate as Secret contains invalid private key data"
    if not certificates:
        return "InvalidCertificate", "Issuing certificate as Secret contains an invalid certificate"
    certificate = certificates[0]
    if certificate.public_key() != key.public_key():
        return (
            "InvalidKeyPair",
            "Issuing certificate as Secret contains a private key that does not match the certificate",
        )
    ref, noted = ref_of(spec), {part: annotation(found, ISSUER[part]) or "" for part in ISSUER}
    issued_by = {"name": noted["name"], "kind": noted["kind"] or "Issuer", "group": noted["group"] or GROUP}
    if issued_by != ref:
        shown = f"{issued_by['kind']}.{issued_by['group']}/{issued_by['name']}"
        return "IncorrectIssuer", f'Issuing certificate as Secret was previously issued by "{shown}"'
    other = annotation(found, CERTIFICATE_NAME)
    if other is not None and other != name:
        return "IncorrectCertificate", conflict(other)
    if pki.kind_of(key) != pki.key_kind(spec):
        fields = key_mismatch(spec, key)
        return "SecretMismatch", f"Existing private key is not up to date for spec: [{fields}]"
    differing = _differing(spec, request) if request is not None else _fuzzy(spec, certificate)
    if differing:
        fields = " ".join(differing)
        if request is None:
            return (
                "SecretMismatch",
                f"Issuing certificate as Existing issued Secret is not up to date for spec: [{fields}]",
            )
        return "RequestChanged", f"Fields on existing CertificateRequest resource not up to date: [{fields}]"
    renewal = renewal_time(spec, certificate)
    if renewal is not None and renewal <= at:
        return "Renewing", f"Renewing certificate as renewal was scheduled at {rfc3339(renewal)}"
    return None


def conflict(other: str) -> str:
    """What cert-manager says of a Secret that bears the name of another Certificate."""
    return (
        f'Secret was issued for "{other}". If this message is not transient, you might have two conflicting '
        "Certificates pointing to the same secret."
    )


def key_mismatch(spec: Mapping[str, Any], key: PrivateKey) -> str:
    """The field of a Certificate that its key does not match."""
    same = pki.kind_of(key).split("-")[0] == pki.key_kind(spec).split("-")[0]
    return "spec.privateKey.size" if same else "spec.privateKey.algorithm"


def _differing(spec: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    """Fields of the Certificate that its last request had other values of (``RequestMatchesSpec``)."""
    asked = wire.plain(request["spec"])
    csr = pki.load_request(base64.b64decode(asked["request"]))
    names = alternative_names(csr)
    found = [f"spec.{key}" for key in _LISTS if sorted(names[key]) != sorted(_normal(key, spec))]
    if csr.subject != pki.subject(spec):
        found += _subject_fields(spec, csr.subject)
    if bool(asked.get("isCA")) != bool(spec.get("isCA")):
        found.append("spec.isCA")
    if sorted(asked.get("usages") or ()) != sorted(spec.get("usages") or ()):
        found.append("spec.usages")
    before, now = duration_of(asked, "duration"), duration_of(spec, "duration")
    if before is not None and now is not None and before != now:
        found.append("spec.duration")
    if ref_of(asked) != ref_of(spec):
        found.append("spec.issuerRef")
    return found


def _normal(key: str, spec: Mapping[str, Any]) -> list[str]:
    given = spec.get(key) or []
    if key != "ipAddresses":
        return list(given)
    return [str(one.value) for one in pki.names({"ipAddresses": given}) if isinstance(one, x509.IPAddress)]


def _subject_fields(spec: Mapping[str, Any], said: x509.Name) -> list[str]:
    if spec.get("literalSubject"):
        return ["spec.literalSubject"]
    given = spec.get("subject") or {}
    wanted = [
        ("spec.commonName", NameOID.COMMON_NAME, _one(spec.get("commonName"))),
        ("spec.subject.serialNumber", NameOID.SERIAL_NUMBER, _one(given.get("serialNumber"))),
        *((f"spec.subject.{key}", oid, given.get(key) or []) for key, oid in pki.SUBJECT),
    ]
    return [
        path
        for path, oid, values in wanted
        if sorted(str(one.value) for one in said.get_attributes_for_oid(oid)) != sorted(values)
    ]


def _one(value: str | None) -> list[str]:
    return [value] if value else []


def _fuzzy(spec: Mapping[str, Any], certificate: x509.Certificate) -> list[str]:
    """Fields that an adopted certificate does not have: names only (``FuzzyX509AltNamesMatchSpec``)."""
    names = alternative_names(certificate)
    common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    wanted = {*(spec.get("dnsNames") or ()), *_one(spec.get("commonName"))}
    said = {*names["dnsNames"], *common}
    found = []
    if wanted != said:
        if (spec.get("commonName") and spec["commonName"] not in said) or any(one not in wanted for one in common):
            found.append("spec.commonName")
        if set(spec.get("dnsNames") or ()) - said or set(names["dnsNames"]) - wanted:
            found.append("spec.dnsNames")
    return found + [f"spec.{key}" for key in _LISTS[1:] if sorted(names[key]) != sorted(_normal(key, spec))]
