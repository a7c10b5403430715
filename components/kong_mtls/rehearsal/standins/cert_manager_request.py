"""Signing requests as cert-manager makes them, and what of one has to agree with the object around it.

Source: cert-manager/cert-manager v1.21.1, ``pkg/util/pki``: ``csr.go`` (``GenerateCSR``), ``certificatetemplate.go``;
``pkg/api/util/usages.go``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from kong_mtls.rehearsal.mint import PrivateKey
from kong_mtls.rehearsal.standins import cert_manager_keys as keys

DEFAULT_DURATION: Final = timedelta(hours=2160)
DEFAULT_USAGES: Final = ("digital signature", "key encipherment")
KEY_USAGES: Final[Mapping[str, str]] = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
EXTENDED_KEY_USAGES: Final[Mapping[str, ObjectIdentifier]] = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec end system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft sgc": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": ObjectIdentifier("2.16.840.1.113730.4.1"),
}
_BITS: Final = tuple(dict.fromkeys(KEY_USAGES.values()))
# Subject fields in the order in which Go's pkix.Name writes them.
SUBJECT: Final = (
    ("countries", NameOID.COUNTRY_NAME),
    ("organizations", NameOID.ORGANIZATION_NAME),
    ("organizationalUnits", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("localities", NameOID.LOCALITY_NAME),
    ("provinces", NameOID.STATE_OR_PROVINCE_NAME),
    ("streetAddresses", NameOID.STREET_ADDRESS),
    ("postalCodes", NameOID.POSTAL_CODE),
)


NAME_LISTS: Final = ("dnsNames", "ipAddresses", "uris", "emailAddresses")


class SigningError(Exception):
    """A certificate cannot be made. ``str`` is what cert-manager says."""


@dataclass(frozen=True)
class Order:
    """What a CertificateRequest asks for beside the request itself."""

    duration: timedelta
    is_ca: bool
    usages: tuple[str, ...]

    @classmethod
    def of(cls, spec: Mapping[str, Any], duration: timedelta | None) -> Order:
        """From the ``spec`` of a Certificate or CertificateRequest, with its defaults."""
        usages = tuple(spec.get("usages") or DEFAULT_USAGES)
        return cls(duration or DEFAULT_DURATION, bool(spec.get("isCA")), usages)


def subject(spec: Mapping[str, Any]) -> x509.Name:
    """The subject that a Certificate asks for; empty where it gives neither a common name nor a subject.

    Raises:
        SigningError: X.509 has no such subject.
    """
    try:
        if spec.get("literalSubject"):
            return x509.Name.from_rfc4514_string(spec["literalSubject"])
        given = spec.get("subject") or {}
        parts = [
            x509.RelativeDistinguishedName([x509.NameAttribute(oid, value) for value in given[key]])
            for key, oid in SUBJECT
            if given.get(key)
        ]
        singles = ((NameOID.COMMON_NAME, spec.get("commonName")), (NameOID.SERIAL_NUMBER, given.get("serialNumber")))
        parts += [x509.RelativeDistinguishedName([x509.NameAttribute(oid, value)]) for oid, value in singles if value]
        return x509.Name(parts)
    except ValueError as error:
        raise SigningError(f"the subject cannot be used: {error}") from None


def names(spec: Mapping[str, Any]) -> list[x509.GeneralName]:
    """The alternative names that a Certificate asks for."""
    found: list[x509.GeneralName] = []
    for one in spec.get("otherNames") or ():
        text = one["utf8Value"].encode()
        found.append(x509.OtherName(ObjectIdentifier(one["oid"]), _utf8_string(text)))
    found += [x509.RFC822Name(one) for one in spec.get("emailAddresses") or ()]
    found += [x509.DNSName(one) for one in spec.get("dnsNames") or ()]
    found += [x509.UniformResourceIdentifier(one) for one in spec.get("uris") or ()]
    found += [x509.IPAddress(ipaddress.ip_address(one)) for one in spec.get("ipAddresses") or ()]
    return found


def _utf8_string(text: bytes) -> bytes:
    """`text` as an ASN.1 UTF8String."""
    size = len(text)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return b"\x0c" + length + text


def request(spec: Mapping[str, Any], key: PrivateKey) -> str:
    """The signing request for a Certificate, as PEM.

    Raises:
        SigningError: What is asked for has no place in a request.
    """
    try:
        named = subject(spec)
        builder = x509.CertificateSigningRequestBuilder().subject_name(named)
        alternative = names(spec)
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=not list(named))
        if spec.get("encodeUsagesInRequest", True):
            for extension, critical in usage_extensions(Order.of(spec, None)):
                builder = builder.add_extension(extension, critical)
        constraints = spec.get("nameConstraints")
        if constraints:
            builder = builder.add_extension(_constraints(constraints), bool(constraints.get("critical")))
        signed = builder.sign(key, keys.digest(key))
    except (ValueError, TypeError) as error:
        raise SigningError(f"failed to generate the request: {error}") from None
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _constraints(given: Mapping[str, Any]) -> x509.NameConstraints:
    def trees(part: Mapping[str, Any] | None) -> list[x509.GeneralName] | None:
        part = part or {}
        found: list[x509.GeneralName] = [x509.DNSName(one) for one in part.get("dnsDomains") or ()]
        found += [x509.IPAddress(ipaddress.ip_network(one)) for one in part.get("ipRanges") or ()]
        found += [x509.RFC822Name(one) for one in part.get("emailAddresses") or ()]
        found += [x509.UniformResourceIdentifier(one) for one in part.get("uriDomains") or ()]
        return found or None

    return x509.NameConstraints(trees(given.get("permitted")), trees(given.get("excluded")))


def usage_extensions(order: Order) -> list[tuple[x509.ExtensionType, bool]]:
    """Key usages and extended ones, in the order in which they are asked for, each with its criticality."""
    bits = {KEY_USAGES[use] for use in order.usages if use in KEY_USAGES}
    if order.is_ca:
        bits.add("key_cert_sign")
    if "key_agreement" not in bits:  # X.509 has these two only together with it
        bits -= {"encipher_only", "decipher_only"}
    found: list[tuple[x509.ExtensionType, bool]] = []
    if bits:
        found.append((x509.KeyUsage(**{bit: bit in bits for bit in _BITS}), True))
    purposes = [EXTENDED_KEY_USAGES[use] for use in order.usages if use in EXTENDED_KEY_USAGES]
    if purposes:
        found.append((x509.ExtendedKeyUsage(purposes), False))
    return found


def load_request(text: bytes | str) -> x509.CertificateSigningRequest:
    """The signing request in a PEM text.

    Raises:
        SigningError: It is none, or its signature is not its key's.
    """
    try:
        found = x509.load_pem_x509_csr(text.encode() if isinstance(text, str) else text)
        valid = found.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        raise SigningError("error decoding certificate request PEM block") from None
    if not valid:
        raise SigningError("x509: the signature of the certificate request is not its key's")
    return found


def check_request(csr: x509.CertificateSigningRequest, order: Order) -> None:
    """Refuses a request that contradicts what is asked for beside it.

    Raises:
        SigningError: It names a CA where none is asked for, or other usages.
    """
    said = {one.oid: one.value for one in csr.extensions}
    basic = said.get(x509.BasicConstraints.oid)
    if isinstance(basic, x509.BasicConstraints) and basic.ca != order.is_ca:
        raise SigningError(
            f"encoded CSR error: IsCA {_go(basic.ca)} does not match expected value {_go(order.is_ca)}",
        )
    if x509.KeyUsage.oid in said or x509.ExtendedKeyUsage.oid in said:
        wanted = {extension.oid: extension for extension, _ in usage_extensions(order)}
        for oid, what in ((x509.KeyUsage.oid, "KeyUsages"), (x509.ExtendedKeyUsage.oid, "ExtKeyUsages")):
            if said.get(oid) != wanted.get(oid):
                raise SigningError(
                    f"encoded CSR error: the {what} {_shown(said.get(oid))} do not match the expected {what} "
                    f"{_shown(wanted.get(oid))}"
                )


def _go(value: bool) -> str:
    return str(value).lower()


def _shown(extension: Any) -> str:
    """Usages as cert-manager lists them: ``[ 'digital signature', 'cert sign' ]``."""
    found: list[str] = []
    if isinstance(extension, x509.KeyUsage):
        for use, bit in KEY_USAGES.items():
            only = bit in ("encipher_only", "decipher_only") and not extension.key_agreement
            if use != "signing" and not only and getattr(extension, bit):
                found.append(use)
    elif isinstance(extension, x509.ExtendedKeyUsage):
        by_id = {oid: use for use, oid in reversed(list(EXTENDED_KEY_USAGES.items()))}
        found = [by_id.get(oid, oid.dotted_string) for oid in extension]
    return "[ " + ", ".join(f"'{use}'" for use in found) + " ]" if found else "[]"


def alternative_names(holder: x509.Certificate | x509.CertificateSigningRequest) -> dict[str, list[str]]:
    """The alternative names of a certificate or request, under the names of a Certificate's fields."""
    try:
        said = holder.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {key: [] for key in NAME_LISTS}
    return {
        "dnsNames": said.get_values_for_type(x509.DNSName),
        "ipAddresses": [str(one) for one in said.get_values_for_type(x509.IPAddress)],
        "uris": said.get_values_for_type(x509.UniformResourceIdentifier),
        "emailAddresses": said.get_values_for_type(x509.RFC822Name),
    }
