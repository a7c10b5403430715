"""What cert-manager's admission webhook refuses, in its words.

Source: cert-manager/cert-manager v1.21.1, ``internal/apis/certmanager/validation`` (``certificate.go``, ``issuer.go``,
``certificaterequest.go``), and Kubernetes' ``field.Error`` for the form of the messages.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from cryptography.x509.oid import NameOID

from kong_mtls.rehearsal.standins import cert_manager_request as requests
from kong_mtls.rehearsal.standins.go_time import parse_duration, show_duration
from kong_mtls.rehearsal.standins.model import ResourceError

GROUP: Final = "cert-manager.io"
ISSUER_TYPES: Final = ("acme", "ca", "selfSigned", "vault", "venafi")

SHORTEST: Final = timedelta(hours=1)
SHORTEST_RENEWAL: Final = timedelta(minutes=5)
LONGEST_COMMON_NAME: Final = 64

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SIGNATURES: Final = {"RSA": "WithRSA", "ECDSA": "ECDSAWith", "Ed25519": "PureEd25519"}
_NO_NAME: Final = (
    "at least one of commonName (from the commonName field or from a literalSubject), dnsNames, emailSANs, "
    "ipAddresses, otherNames, or uriSANs must be set"
)
_LITERAL: Final = "When providing a `LiteralSubject`"
_BOTH: Final = "renewBefore and renewBeforePercentage are mutually exclusive and cannot both be set"

Rules = Callable[[Mapping[str, Any]], Iterable[str]]


def deny(problems: Iterable[str], webhook: str = "webhook.cert-manager.io") -> None:
    """Refuses an object for `problems`, if there are any.

    Raises:
        ResourceError: There are; names the webhook and all of them.
    """
    found = list(problems)
    if found:
        listed = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
        raise ResourceError(f'admission webhook "{webhook}" denied the request: {listed}')


def duration_of(spec: Mapping[str, Any], key: str) -> timedelta | None:
    """A field of a checked spec as a duration; None where it is not given."""
    return parse_duration(spec[key]) if spec.get(key) is not None else None


def certificate(spec: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the ``spec`` of a Certificate."""
    name = spec.get("secretName")
    if not name:
        yield "spec.secretName: Required value: must be specified"
    elif not _SUBDOMAIN.fullmatch(name) or len(name) > 253:
        yield (
            f'spec.secretName: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case '
            "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        )
    yield from issuer_ref(spec)
    yield from _names(spec)
    yield from _key(spec)
    if spec.get("duration") is not None or spec.get("renewBefore") is not None:
        yield from _durations(spec)
    limit = spec.get("revisionHistoryLimit")
    if limit is not None and limit < 1:
        yield f"spec.revisionHistoryLimit: Invalid value: {limit}: must not be less than 1"
    for key in (spec.get("secretTemplate") or {}).get("annotations") or {}:
        if key.startswith("cert-manager.io/") and key != "cert-manager.io/allow-direct-injection":
            yield (
                f'spec.secretTemplate.annotations: Invalid value: "{key}": cert-manager.io/* annotations are not '
                "allowed"
            )
    if spec.get("nameConstraints"):
        yield from _constraints(spec)
    formats = [one["type"] for one in spec.get("additionalOutputFormats") or ()]
    for one in sorted({one for one in formats if formats.count(one) > 1}):
        yield f'spec.additionalOutputFormats[type]: Duplicate value: "{one}"'
    renewal = spec.get("renewal") or {}
    if renewal.get("policy") == "Disabled" and renewal.get("windows"):
        yield "spec.renewal.windows: Forbidden: windows cannot be set when `renewal.policy` is set to Disabled"
    elif spec.get("renewal") is not None and not renewal.get("policy"):
        yield 'spec.renewal.policy: Unsupported value: "": supported values: "Disabled", "RenewBefore"'


def issuer_ref(spec: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with an ``issuerRef``."""
    ref = spec.get("issuerRef") or {}
    if not ref.get("name"):
        yield "spec.issuerRef.name: Required value: must be specified"
    group, kind = ref.get("group") or "", ref.get("kind") or ""
    if group in ("", GROUP) and kind not in ("", "Issuer", "ClusterIssuer"):
        hint = "" if group else " (did you forget to set spec.issuerRef.kind.group?)"
        yield f'spec.issuerRef.kind: Invalid value: "{kind}": must be one of Issuer or ClusterIssuer{hint}'


def _names(spec: Mapping[str, Any]) -> Iterator[str]:
    common_name = spec.get("commonName") or ""
    if spec.get("literalSubject"):
        if common_name:
            yield (f'spec.commonName: Invalid value: "{common_name}": {_LITERAL} no `commonName` may be provided.')
        if any((spec.get("subject") or {}).values()):
            yield f"spec.subject: Invalid value: {_LITERAL} no `Subject` properties may be provided."
        try:
            named = requests.subject(spec).get_attributes_for_oid(NameOID.COMMON_NAME)
            common_name = str(named[0].value) if named else ""
        except requests.SigningError as error:
            yield f'spec.literalSubject: Invalid value: "{spec["literalSubject"]}": {error}'
    if not common_name and not any(
        spec.get(key) for key in ("dnsNames", "uris", "emailAddresses", "ipAddresses", "otherNames")
    ):
        yield f'spec: Invalid value: "": {_NO_NAME}'
    if len(common_name.encode()) > LONGEST_COMMON_NAME:
        yield f"spec.commonName: Too long: may not be more than {LONGEST_COMMON_NAME} bytes"
    yield from _alternative_names(spec)


def _alternative_names(spec: Mapping[str, Any]) -> Iterator[str]:
    for index, address in enumerate(spec.get("ipAddresses") or ()):
        if not _is_address(address):
            yield f'spec.ipAddresses[{index}]: Invalid value: "{address}": invalid IP address'
    for index, address in enumerate(spec.get("emailAddresses") or ()):
        if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", address):
            yield f'spec.emailAddresses[{index}]: Invalid value: "{address}": invalid email address'
    for index, other in enumerate(spec.get("otherNames") or ()):
        if not re.fullmatch(r"\d+(\.\d+)+", other.get("oid") or ""):
            yield f'spec.otherNames[{index}].oid: Invalid value: "{other.get("oid") or ""}": invalid oid syntax'
        if not other.get("utf8Value"):
            yield f"spec.otherNames[{index}].utf8Value: Required value: must be set to a valid non-empty UTF8 string"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _key(spec: Mapping[str, Any]) -> Iterator[str]:
    wanted = spec.get("privateKey") or {}
    algorithm, size = wanted.get("algorithm") or "RSA", wanted.get("size") or 0
    if algorithm == "RSA" and size and not 2048 <= size <= 8192:
        yield f"spec.privateKey.size: Invalid value: {size}: must be between 2048 and 8192 for rsa keyAlgorithm"
    if algorithm == "ECDSA" and size not in (0, 256, 384, 521):
        yield f'spec.privateKey.size: Unsupported value: {size}: supported values: "256", "384", "521"'
    signature = spec.get("signatureAlgorithm")
    if signature and _SIGNATURES[algorithm] not in signature:
        yield (
            f'spec.signatureAlgorithm: Invalid value: "{signature}": for key algorithm {algorithm} the allowed '
            f"signature algorithms are {_allowed_signatures(algorithm)}"
        )


def _allowed_signatures(algorithm: str) -> str:
    hashes = ("SHA256", "SHA384", "SHA512")
    if algorithm == "RSA":
        return f"[{' '.join(one + 'WithRSA' for one in hashes)}]"
    return f"[{' '.join('ECDSAWith' + one for one in hashes)}]" if algorithm == "ECDSA" else "[PureEd25519]"


def _durations(spec: Mapping[str, Any]) -> Iterator[str]:
    try:
        duration = duration_of(spec, "duration") or requests.DEFAULT_DURATION
        before = duration_of(spec, "renewBefore")
    except ValueError as error:
        yield f"spec: {error}"
        return
    percentage = spec.get("renewBeforePercentage")
    if duration < SHORTEST:
        yield (
            f"spec.duration: Invalid value: {show_duration(duration)}: certificate duration must be greater than "
            f"{show_duration(SHORTEST)}"
        )
    if before is not None:
        shown = show_duration(before)
        if percentage is not None:
            yield f"spec.renewBefore: Invalid value: {shown}: {_BOTH}"
            yield f"spec.renewBeforePercentage: Invalid value: {percentage}: {_BOTH}"
        if before < SHORTEST_RENEWAL:
            yield (
                f"spec.renewBefore: Invalid value: {shown}: certificate renewBefore must be greater than "
                f"{show_duration(SHORTEST_RENEWAL)}"
            )
        if before >= duration:
            yield (
                f"spec.renewBefore: Invalid value: {shown}: certificate duration {show_duration(duration)} must be "
                f"greater than renewBefore {shown}"
            )
    if percentage is not None:
        results_in = duration * (100 - percentage) / 100
        what = f"spec.renewBeforePercentage: Invalid value: {percentage}: certificate renewBeforePercentage"
        if results_in < SHORTEST_RENEWAL:
            yield f"{what} must result in a renewBefore greater than {show_duration(SHORTEST_RENEWAL)}"
        if results_in >= duration:
            yield f"{what} must result in a renewBefore less than duration"


def _constraints(spec: Mapping[str, Any]) -> Iterator[str]:
    given = spec["nameConstraints"]
    if not spec.get("isCA"):
        yield "spec.nameConstraints: Invalid value: isCa should be true when nameConstraints is set"
    if not given.get("permitted") and not given.get("excluded"):
        yield "spec.nameConstraints: Invalid value: either permitted or excluded must be set"


def issuer(spec: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the ``spec`` of an Issuer or ClusterIssuer."""
    given = [one for one in ISSUER_TYPES if spec.get(one) is not None]
    if not given:
        yield "spec: Required value: at least one issuer must be configured"
    for one in given[1:]:
        yield f"spec.{one}: Forbidden: may not specify more than one issuer type"
    if given[:1] == ["ca"] and not spec["ca"].get("secretName"):
        yield "spec.ca.secretName: Required value"
    if given[:1] == ["vault"]:
        for key in ("server", "path"):
            if not spec["vault"].get(key):
                yield f"spec.vault.{key}: Required value"
    if given[:1] == ["acme"]:
        if not (spec["acme"].get("privateKeySecretRef") or {}).get("name"):
            yield "spec.acme.privateKeySecretRef.name: Required value: private key secret name is a required field"
        if not spec["acme"].get("server"):
            yield "spec.acme.server: Required value: acme server URL is a required field"


def certificate_request(spec: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the ``spec`` of a CertificateRequest."""
    yield from issuer_ref(spec)
    text = spec.get("request")
    if not text:
        yield "spec.request: Required value: must be specified"
        return
    shown = text if len(text) <= 100 else f"{text[:97]}..."
    try:
        order = requests.Order.of(spec, duration_of(spec, "duration"))
        requests.check_request(requests.load_request(base64.b64decode(text, validate=True)), order)
    except (ValueError, binascii.Error):
        yield f'spec.request: Invalid value: "{shown}": error decoding certificate request PEM block'
    except requests.SigningError as error:
        yield f'spec.request: Invalid value: "{shown}": {error}'
