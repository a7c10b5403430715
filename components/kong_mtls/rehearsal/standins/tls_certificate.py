"""Certificates as pulumi-tls makes them: extensions, dates, serial number, and when they are due for renewal.

Sources: hashicorp/terraform-provider-tls, ``internal/provider/common_cert.go`` (the template), and Go's ``crypto/x509``
(``CreateCertificate``: which extensions are critical, which signature goes with which key).
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins.model import Call, Made, ResourceError
from kong_mtls.rehearsal.state import Recorded

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

KEY_USAGES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
EXTENDED_KEY_USAGES = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec_end_system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec_tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec_user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft_server_gated_crypto": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape_server_gated_crypto": ObjectIdentifier("2.16.840.1.113730.4.1"),
    "microsoft_commercial_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.2.1.22"),
    "microsoft_kernel_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.61.1.1"),
}


def certificate(
    call: Call,
    *,
    subject: x509.Name,
    names: x509.SubjectAlternativeName | None,
    public: Any,
    issuer: x509.Name,
    issuer_key_id: bytes | None,
    signer: PrivateKey,
    extra: dict[str, Any],
) -> Made:
    """The certificate that a call asks for, as a provider's answer.

    Args:
        call: Its inputs say validity, uses and what else belongs into it.
        subject: Whose certificate it is.
        names: Its alternative names.
        public: Its public key.
        issuer: Who signs.
        issuer_key_id: The issuer's subject key identifier; None where it has none or signs itself.
        signer: The issuer's key.
        extra: Outputs to add.

    Raises:
        ResourceError: An input cannot be used; names it.
    """
    hours = int(call.value("validityPeriodHours", 0))
    begin = call.at.astimezone(timezone.utc).replace(microsecond=0)  # X.509 dates have whole seconds
    try:
        end = begin + timedelta(hours=hours)
    except OverflowError:
        raise ResourceError(f"validityPeriodHours {hours} is too long") from None
    ca = bool(call.value("isCaCertificate", False))
    if ca and not list(subject):
        raise ResourceError("subject: must contain at least one Distinguished Name for a certificate authority")
    serial = x509.random_serial_number() >> 31  # 128 bits, as the provider draws them
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    extensions = _extensions(
        call,
        ca=ca,
        subject=subject,
        issuer=issuer,
        names=names,
        public=public,
        issuer_key_id=issuer_key_id,
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    signed = builder.sign(signer, digest(signer))
    defaults = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False}
    if "selfSigned" in call.type:
        defaults["setAuthorityKeyId"] = False
    outputs = {
        **defaults,
        **call.inputs,
        **extra,
        "certPem": signed.public_bytes(serialization.Encoding.PEM).decode(),
        "readyForRenewal": False,
        # The outputs keep the fraction of the second that the certificate itself cannot hold.
        "validityStartTime": _rfc3339(call.at),
        "validityEndTime": _rfc3339(call.at + timedelta(hours=hours)),
    }
    return Made(str(serial), outputs)


def _extensions(
    call: Call,
    *,
    ca: bool,
    subject: x509.Name,
    issuer: x509.Name,
    names: x509.SubjectAlternativeName | None,
    public: Any,
    issuer_key_id: bytes | None,
) -> list[tuple[x509.ExtensionType, bool]]:
    """The extensions that Go's CreateCertificate writes from the provider's template, each with its criticality."""
    wanted = call.value("allowedUses", [])
    unknown = [use for use in wanted if use not in KEY_USAGES and use not in EXTENDED_KEY_USAGES]
    if unknown:
        allowed = ", ".join(sorted({*KEY_USAGES, *EXTENDED_KEY_USAGES}))
        raise ResourceError(f"allowedUses: {unknown[0]!r} is not one of {allowed}")
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    usages = {KEY_USAGES[use] for use in wanted if use in KEY_USAGES}
    if usages:
        extensions.append((x509.KeyUsage(**{bit: bit in usages for bit in KEY_USAGES.values()}), True))
    purposes = [EXTENDED_KEY_USAGES[use] for use in wanted if use in EXTENDED_KEY_USAGES]
    if purposes:
        extensions.append((x509.ExtendedKeyUsage(purposes), False))
    length = call.value("maxPathLength")
    if length is not None and length > 0 and not ca:
        raise ResourceError("maxPathLength: only certificate authorities may have one")
    # The provider sets MaxPathLen but never MaxPathLenZero, so Go takes 0 for "not set": no limit is written.
    limit = length if ca and length is not None and length > 0 else None
    extensions.append((x509.BasicConstraints(ca=ca, path_length=limit), True))
    own_key_id = x509.SubjectKeyIdentifier.from_public_key(public)
    if ca or call.value("setSubjectKeyId", False):
        extensions.append((own_key_id, False))
    if issuer_key_id is not None and issuer != subject:
        extensions.append((x509.AuthorityKeyIdentifier(issuer_key_id, None, None), False))
    elif call.value("setAuthorityKeyId", False):
        if not (ca or call.value("setSubjectKeyId", False)):
            raise ResourceError("setAuthorityKeyId: could not determine the authority's key identifier")
        extensions.append((x509.AuthorityKeyIdentifier(own_key_id.digest, None, None), False))
    if names is not None:
        extensions.append((x509.SubjectAlternativeName(list(names)), not list(subject)))
    return extensions


def _rfc3339(moment: datetime) -> str:
    """As Go writes it: UTC, a fraction only where there is one, without trailing zeros."""
    text = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"


def renewal_time(outputs: Any) -> datetime | None:
    """From when on a certificate counts as ready for renewal: its end less the early-renewal window."""
    end = wire.plain(outputs.get("validityEndTime"))
    if not isinstance(end, str):
        return None
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in end else "%Y-%m-%dT%H:%M:%SZ"
    moment = datetime.strptime(end, form).replace(tzinfo=timezone.utc)
    return moment - timedelta(hours=wire.plain(outputs.get("earlyRenewalHours")) or 0)


def due(old: Recorded, at: datetime) -> str | None:
    """``modifyPlanIfCertificateReadyForRenewal``: inside the window every ``up`` replaces the certificate."""
    moment = renewal_time(old.outputs)
    return f"ready for renewal since {_rfc3339(moment)}" if moment is not None and at >= moment else None


def digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """The hash that Go signs with: by the curve's size; SHA-256 for RSA; none for Ed25519."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if isinstance(key.curve, ec.SECP384R1):
            return hashes.SHA384()
        return hashes.SHA512() if isinstance(key.curve, ec.SECP521R1) else hashes.SHA256()
    return hashes.SHA256() if isinstance(key, rsa.RSAPrivateKey) else None
