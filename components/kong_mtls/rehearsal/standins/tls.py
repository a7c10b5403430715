"""Stand-ins for pulumi-tls: real keys and certificates, made by ``cryptography`` as the provider makes them.

Source: hashicorp/terraform-provider-tls, ``internal/provider/resource_*.go`` (inputs, outputs, PEM forms). Any change
of an input replaces the resource. For `earlyRenewalHours` alone the provider's source (April 2026) has an update in
place; a replacement is the more careful answer, since it is what rolls pods.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from kong_mtls.rehearsal.standins.model import Call, Made, ResourceError, StandIn
from kong_mtls.rehearsal.standins.tls_certificate import PrivateKey, certificate, digest, due

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
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
    return certificate(
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
    request = builder.sign(key, digest(key))
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
    return certificate(
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


_KEYS = frozenset({"privateKeyPem", "privateKeyPemWo"})

STAND_INS = {
    "tls:index/privateKey:PrivateKey": StandIn(
        create=_private_key,
        replace_on=("*",),
        secret_outputs=frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"}),
    ),
    "tls:index/selfSignedCert:SelfSignedCert": StandIn(
        create=_self_signed, replace_on=("*",), due=due, secret_outputs=_KEYS
    ),
    "tls:index/certRequest:CertRequest": StandIn(create=_cert_request, replace_on=("*",), secret_outputs=_KEYS),
    "tls:index/locallySignedCert:LocallySignedCert": StandIn(
        create=_locally_signed,
        replace_on=("*",),
        due=due,
        secret_outputs=frozenset({"caPrivateKeyPem", "caPrivateKeyPemWo"}),
    ),
}
