"""For which reasons cert-manager issues a certificate anew, and when it renews one.

Source: cert-manager/cert-manager v1.21.1, ``internal/controller/certificates/policies`` (``NewTriggerPolicyChain``: the
reasons, in their order), ``pkg/util/pki/match.go`` and ``pkg/util/pki/renewaltime.go``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.mint import PrivateKey
from kong_mtls.rehearsal.standins import cert_manager_keys as keys
from kong_mtls.rehearsal.standins import cert_manager_request as requests
from kong_mtls.rehearsal.standins import cert_manager_secret as secrets
from kong_mtls.rehearsal.standins.cert_manager_rules import GROUP, duration_of
from kong_mtls.rehearsal.standins.go_time import rfc3339


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
    lifetime = duration_of(spec, "duration") or requests.DEFAULT_DURATION
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
    data = secrets.data_of(found)
    if not data.get("tls.key"):
        return "MissingData", "Issuing certificate as Secret does not contain a private key"
    if not data.get("tls.crt"):
        return "MissingData", "Issuing certificate as Secret does not contain a certificate"
    key, certificates = keys.load_key(data["tls.key"]), keys.load_chain(data["tls.crt"])
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
    ref, noted = (
        secrets.ref_of(spec),
        {part: secrets.annotation(found, secrets.ISSUER[part]) or "" for part in secrets.ISSUER},
    )
    issued_by = {"name": noted["name"], "kind": noted["kind"] or "Issuer", "group": noted["group"] or GROUP}
    if issued_by != ref:
        shown = f"{issued_by['kind']}.{issued_by['group']}/{issued_by['name']}"
        return "IncorrectIssuer", f'Issuing certificate as Secret was previously issued by "{shown}"'
    other = secrets.annotation(found, secrets.CERTIFICATE_NAME)
    if other is not None and other != name:
        return "IncorrectCertificate", conflict(other)
    if keys.kind_of(key) != keys.key_kind(spec):
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
    same = keys.kind_of(key).split("-")[0] == keys.key_kind(spec).split("-")[0]
    return "spec.privateKey.size" if same else "spec.privateKey.algorithm"


def _differing(spec: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    """Fields of the Certificate that its last request had other values of (``RequestMatchesSpec``)."""
    asked = wire.plain(request["spec"])
    csr = requests.load_request(base64.b64decode(asked["request"]))
    names = requests.alternative_names(csr)
    found = [f"spec.{key}" for key in requests.NAME_LISTS if sorted(names[key]) != sorted(_normal(key, spec))]
    if csr.subject != requests.subject(spec):
        found += _subject_fields(spec, csr.subject)
    if bool(asked.get("isCA")) != bool(spec.get("isCA")):
        found.append("spec.isCA")
    if sorted(asked.get("usages") or ()) != sorted(spec.get("usages") or ()):
        found.append("spec.usages")
    before, now = duration_of(asked, "duration"), duration_of(spec, "duration")
    if before is not None and now is not None and before != now:
        found.append("spec.duration")
    if secrets.ref_of(asked) != secrets.ref_of(spec):
        found.append("spec.issuerRef")
    return found


def _normal(key: str, spec: Mapping[str, Any]) -> list[str]:
    given = spec.get(key) or []
    if key != "ipAddresses":
        return list(given)
    return [str(one.value) for one in requests.names({"ipAddresses": given}) if isinstance(one, x509.IPAddress)]


def _subject_fields(spec: Mapping[str, Any], said: x509.Name) -> list[str]:
    if spec.get("literalSubject"):
        return ["spec.literalSubject"]
    given = spec.get("subject") or {}
    wanted = [
        ("spec.commonName", NameOID.COMMON_NAME, _one(spec.get("commonName"))),
        ("spec.subject.serialNumber", NameOID.SERIAL_NUMBER, _one(given.get("serialNumber"))),
        *((f"spec.subject.{key}", oid, given.get(key) or []) for key, oid in requests.SUBJECT),
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
    names = requests.alternative_names(certificate)
    common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    wanted = {*(spec.get("dnsNames") or ()), *_one(spec.get("commonName"))}
    said = {*names["dnsNames"], *common}
    found = []
    if wanted != said:
        if (spec.get("commonName") and spec["commonName"] not in said) or any(one not in wanted for one in common):
            found.append("spec.commonName")
        if set(spec.get("dnsNames") or ()) - said or set(names["dnsNames"]) - wanted:
            found.append("spec.dnsNames")
    return found + [
        f"spec.{key}" for key in requests.NAME_LISTS[1:] if sorted(names[key]) != sorted(_normal(key, spec))
    ]
