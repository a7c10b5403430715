"""Stand-ins for pulumi-tls: real keys and certificates, made by ``cryptography`` as the provider makes them.

Sources: hashicorp/terraform-provider-tls, ``internal/provider/common_cert.go``, ``resource_*.go`` (what goes into a
certificate, its outputs, its renewal) and Go's ``crypto/x509`` (``CreateCertificate``: which extensions are critical,
which signature goes with which key). Any change of an input replaces the resource.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins.model import Call, Made, ResourceError, StandIn
from kong_mtls.rehearsal.state import Recorded

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
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
# Subject attributes in the order in which Go's pkix.Name writes them.
SUBJECT = (
    ("country", NameOID.COUNTRY_NAME),
    ("organization", NameOID.ORGANIZATION_NAME),
    ("organizationalUnit", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("locality", NameOID.LOCALITY_NAME),
    ("province", NameOID.STATE_OR_PROVINCE_NAME),
    ("streetAddresses", NameOID.STREET_ADDRESS),
    ("postalCode", NameOID.POSTAL_CODE),
    ("commonName", NameOID.COMMON_NAME),
    ("serialNumber", NameOID.SERIAL_NUMBER),
    ("emailAddress", NameOID.EMAIL_ADDRESS),
)


def _private_key(call: Call) -> Made:
    algorithm = call.value("algorithm")
    key: PrivateKey
    if algorithm == "RSA":
        bits = int(call.value("rsaBits", 2048))
        try:
            key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        except ValueError:
            raise ResourceError(f"rsaBits {bits} is too small for a key") from None
    elif algorithm == "ECDSA":
        curve = call.value("ecdsaCurve", "P224")
        if curve not in CURVES:
            raise ResourceError(f"ecdsaCurve {curve!r} is not one of {', '.join(CURVES)}")
        key = ec.generate_private_key(CURVES[curve]())
    elif algorithm == "ED25519":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        raise ResourceError(f"algorithm {algorithm!r} is not one of RSA, ECDSA, ED25519")
    defaults = {"rsaBits": 2048, "ecdsaCurve": "P224"}
    public = key.public_key()
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    outputs = {
        **defaults,
        **call.inputs,
        "privateKeyPem": _private_pem(key),
        "privateKeyPemPkcs8": _pem(key, serialization.PrivateFormat.PKCS8),
        "privateKeyOpenssh": "",
        "publicKeyPem": public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode(),
        "publicKeyOpenssh": "",
        "publicKeyFingerprintMd5": "",
        "publicKeyFingerprintSha256": "",
    }
    if not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1)):
        outputs.update(_openssh(key))  # the provider leaves these empty for P-224, which SSH does not know
    return Made(hashlib.sha1(spki, usedforsecurity=False).hexdigest(), outputs)


def _openssh(key: PrivateKey) -> dict[str, str]:
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return {
        "privateKeyOpenssh": _pem(key, serialization.PrivateFormat.OpenSSH),
        "publicKeyOpenssh": line.decode() + "\n",
        "publicKeyFingerprintMd5": _fingerprint(line, hashes.MD5()),  # noqa: S303 - SSH's own old form
        "publicKeyFingerprintSha256": _fingerprint(line, hashes.SHA256()),
    }


def _fingerprint(line: bytes, algorithm: hashes.HashAlgorithm) -> str:
    blob = base64.b64decode(line.split()[1])
    digest = hashlib.new(algorithm.name, blob, usedforsecurity=False).digest()
    if algorithm.name == "md5":
        return ":".join(f"{byte:02x}" for byte in digest)
    return "SHA256:" + base64.b64encode(digest).rstrip(b"=").decode()


def _private_pem(key: PrivateKey) -> str:
    """RSA and EC keys in their own forms (``RSA PRIVATE KEY``, ``EC PRIVATE KEY``), Ed25519 in PKCS#8."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _pem(key, serialization.PrivateFormat.PKCS8)
    return _pem(key, serialization.PrivateFormat.TraditionalOpenSSL)


def _pem(key: PrivateKey, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _load_key(call: Call, inputs: tuple[str, ...]) -> PrivateKey:
    """The key in the first of `inputs` that is given."""
    name = next((item for item in inputs if call.value(item)), inputs[0])
    try:
        key = serialization.load_pem_private_key(call.value(name, "").encode(), password=None)
    except (ValueError, TypeError):
        raise ResourceError(f"failed to parse {name}: not an unencrypted private key in PEM") from None
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        raise ResourceError(f"failed to parse {name}: only RSA, ECDSA and ED25519 keys are supported")
    return key


def _algorithm(key: PrivateKey) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def _digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """The hash that Go signs with: by the curve's size; SHA-256 for RSA; none for Ed25519."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if isinstance(key.curve, ec.SECP384R1):
            return hashes.SHA384()
        return hashes.SHA512() if isinstance(key.curve, ec.SECP521R1) else hashes.SHA256()
    return hashes.SHA256() if isinstance(key, rsa.RSAPrivateKey) else None


def _subject(call: Call) -> x509.Name:
    given = call.value("subject", {})
    attributes = []
    for key, oid in SUBJECT:
        values = given.get(key)
        for value in values if isinstance(values, list) else [values]:
            if value is not None:
                try:
                    attributes.append(x509.NameAttribute(oid, value))
                except ValueError as error:
                    raise ResourceError(f"subject.{key} {value!r} cannot be used: {error}") from None
    return x509.Name(attributes)


def _names(call: Call) -> x509.SubjectAlternativeName | None:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in call.value("dnsNames", [])]
    for address in call.value("ipAddresses", []):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        except ValueError:
            raise ResourceError(f"ipAddresses: failed to parse {address!r}") from None
    names += [x509.UniformResourceIdentifier(uri) for uri in call.value("uris", [])]
    return x509.SubjectAlternativeName(names) if names else None


def _self_signed(call: Call) -> Made:
    key = _load_key(call, ("privateKeyPem", "privateKeyPemWo"))
    subject = _subject(call)
    extra = {"keyAlgorithm": _algorithm(key)}
    return _certificate(
        call,
        subject=subject,
        names=_names(call),
        public=key.public_key(),
        issuer=subject,
        issuer_key_id=None,
        signer=key,
        extra=extra,
    )


def _cert_request(call: Call) -> Made:
    key = _load_key(call, ("privateKeyPem", "privateKeyPemWo"))
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(call))
    names = _names(call)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    request = builder.sign(key, _digest(key))
    der = request.public_bytes(serialization.Encoding.DER)
    outputs = {
        **call.inputs,
        "keyAlgorithm": _algorithm(key),
        "certRequestPem": request.public_bytes(serialization.Encoding.PEM).decode(),
    }
    return Made(hashlib.sha1(der, usedforsecurity=False).hexdigest(), outputs)


def _locally_signed(call: Call) -> Made:
    key = _load_key(call, ("caPrivateKeyPem", "caPrivateKeyPemWo"))
    try:
        request = x509.load_pem_x509_csr(call.value("certRequestPem", "").encode())
    except ValueError:
        raise ResourceError("failed to parse certRequestPem: not a certificate request in PEM") from None
    try:
        authority = x509.load_pem_x509_certificate(call.value("caCertPem", "").encode())
    except ValueError:
        raise ResourceError("failed to parse caCertPem: not a certificate in PEM") from None
    if authority.public_key() != key.public_key():
        # Go refuses as well: "x509: provided PrivateKey doesn't match parent's PublicKey".
        raise ResourceError("failed to create certificate: caPrivateKeyPem doesn't match caCertPem")
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = None
    extra = {"caKeyAlgorithm": _algorithm(key)}
    return _certificate(
        call,
        subject=request.subject,
        names=names,
        public=request.public_key(),
        issuer=authority.subject,
        issuer_key_id=_key_id(authority),
        signer=key,
        extra=extra,
    )


def _key_id(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None


def _certificate(
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
    certificate = builder.sign(signer, _digest(signer))
    defaults = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False}
    if "selfSigned" in call.type:
        defaults["setAuthorityKeyId"] = False
    outputs = {
        **defaults,
        **call.inputs,
        **extra,
        "certPem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "readyForRenewal": False,
        "validityStartTime": _rfc3339(begin),
        "validityEndTime": _rfc3339(end),
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
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def renewal_time(outputs: Any) -> datetime | None:
    """From when on a certificate counts as ready for renewal: its end less the early-renewal window."""
    end = wire.plain(outputs.get("validityEndTime"))
    if not isinstance(end, str):
        return None
    moment = datetime.strptime(end, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return moment - timedelta(hours=wire.plain(outputs.get("earlyRenewalHours")) or 0)


def _due(old: Recorded, at: datetime) -> str | None:
    """``modifyPlanIfCertificateReadyForRenewal``: inside the window every ``up`` replaces the certificate."""
    moment = renewal_time(old.outputs)
    return f"ready for renewal since {_rfc3339(moment)}" if moment is not None and at >= moment else None


_KEYS = frozenset({"privateKeyPem", "privateKeyPemWo"})

STAND_INS = {
    "tls:index/privateKey:PrivateKey": StandIn(
        create=_private_key,
        replace_on=("*",),
        secret_outputs=frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"}),
    ),
    "tls:index/selfSignedCert:SelfSignedCert": StandIn(
        create=_self_signed, replace_on=("*",), due=_due, secret_outputs=_KEYS
    ),
    "tls:index/certRequest:CertRequest": StandIn(create=_cert_request, replace_on=("*",), secret_outputs=_KEYS),
    "tls:index/locallySignedCert:LocallySignedCert": StandIn(
        create=_locally_signed,
        replace_on=("*",),
        due=_due,
        secret_outputs=frozenset({"caPrivateKeyPem", "caPrivateKeyPemWo"}),
    ),
}
