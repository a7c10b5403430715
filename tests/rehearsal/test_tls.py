"""Keys and certificates have the forms, extensions and dates that pulumi-tls gives them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kong_mtls.rehearsal.stage import ProgramFailed

from .conftest import NOW, Program

Made = Callable[..., dict[str, Any]]

KEY = 'key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P384")\n'


def extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.Extension[Any]:
    return certificate.extensions.get_extension_for_class(kind)


def self_signed(made: Made, arguments: str) -> x509.Certificate:
    text = KEY + (
        f'cert = tls.SelfSignedCert("cert", private_key_pem=key.private_key_pem, {arguments})\n'
        'pulumi.export("cert", cert.cert_pem)\n'
    )
    return x509.load_pem_x509_certificate(made(text)["cert"].encode())


@pytest.mark.parametrize(
    ("arguments", "head", "kind"),
    [
        ('algorithm="ECDSA", ecdsa_curve="P384"', "EC PRIVATE KEY", "secp384r1"),
        ('algorithm="ECDSA", ecdsa_curve="P256"', "EC PRIVATE KEY", "secp256r1"),
        ('algorithm="ECDSA"', "EC PRIVATE KEY", "secp224r1"),
        ('algorithm="RSA"', "RSA PRIVATE KEY", "2048"),
        ('algorithm="ED25519"', "PRIVATE KEY", "Ed25519"),
    ],
)
def test_key_forms(made: Made, arguments: str, head: str, kind: str) -> None:
    """Each algorithm has its own PEM head; PKCS#8, public key and fingerprints belong to the same key."""
    out = made(f"""
        key = tls.PrivateKey("key", {arguments})
        for name in ("private_key_pem", "private_key_pem_pkcs8", "private_key_openssh", "public_key_pem",
                     "public_key_openssh", "public_key_fingerprint_md5", "public_key_fingerprint_sha256"):
            pulumi.export(name, getattr(key, name))
    """)
    assert out["private_key_pem"].startswith(f"-----BEGIN {head}-----\n")
    assert out["private_key_pem_pkcs8"].startswith("-----BEGIN PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(out["private_key_pem"].encode(), None)
    again = serialization.load_pem_private_key(out["private_key_pem_pkcs8"].encode(), None)
    public = serialization.load_pem_public_key(out["public_key_pem"].encode())
    assert key.public_key() == again.public_key() == public
    if isinstance(key, ec.EllipticCurvePrivateKey):
        assert key.curve.name == kind
    if isinstance(key, rsa.RSAPrivateKey):
        assert str(key.key_size) == kind
    if kind == "secp224r1":  # SSH knows no P-224
        assert out["public_key_openssh"] == out["private_key_openssh"] == out["public_key_fingerprint_md5"] == ""
    else:
        assert out["public_key_openssh"].endswith("\n")
        assert out["private_key_openssh"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
        assert out["public_key_fingerprint_sha256"].startswith("SHA256:")
        assert len(out["public_key_fingerprint_md5"].split(":")) == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('algorithm="DSA"', "algorithm 'DSA' is not one of RSA, ECDSA, ED25519"),
        ('algorithm="ECDSA", ecdsa_curve="P512"', "ecdsaCurve 'P512' is not one of P224, P256, P384, P521"),
        ('algorithm="RSA", rsa_bits=64', "rsaBits 64 is too small"),
    ],
)
def test_keys_that_cannot_be_made(made: Made, arguments: str, message: str) -> None:
    """The resource and what is wrong with it are named."""
    with pytest.raises(ProgramFailed, match=f'PrivateKey "key": {message}'):
        made(f'tls.PrivateKey("key", {arguments})')


def test_server_and_client_certificate(made: Made) -> None:
    """The uses become key usage (critical) and extended key usage; a leaf says CA:FALSE, critical."""
    certificate = self_signed(
        made,
        'allowed_uses=["server_auth", "client_auth", "digital_signature", "key_encipherment"], '
        'validity_period_hours=26280, dns_names=["kong_clustering"], ip_addresses=["10.0.0.1"], '
        'uris=["spiffe://kong/dp"], subject={"common_name": "kong_clustering"}',
    )
    usage = extension(certificate, x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment
    assert not usage.value.key_cert_sign
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    assert not purposes.critical
    assert list(purposes.value) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    constraints = extension(certificate, x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    names = extension(certificate, x509.SubjectAlternativeName)
    assert not names.critical
    assert names.value.get_values_for_type(x509.DNSName) == ["kong_clustering"]
    assert [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://kong/dp"]
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA384)
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc == NOW + timedelta(days=1095)
    with pytest.raises(x509.ExtensionNotFound):
        extension(certificate, x509.SubjectKeyIdentifier)


def test_authority(made: Made) -> None:
    """A CA signs certificates and revocation lists, and has a key identifier without being asked."""
    certificate = self_signed(
        made,
        'allowed_uses=["cert_signing", "crl_signing"], validity_period_hours=24, is_ca_certificate=True, '
        'max_path_length=1, set_authority_key_id=True, subject={"common_name": "root", "organization": "demo"}',
    )
    assert extension(certificate, x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=1)
    usage = extension(certificate, x509.KeyUsage).value
    assert usage.key_cert_sign
    assert usage.crl_sign
    assert not usage.digital_signature
    own = extension(certificate, x509.SubjectKeyIdentifier).value
    assert own == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    assert extension(certificate, x509.AuthorityKeyIdentifier).value.key_identifier == own.digest


def test_path_length_zero_is_not_written(made: Made) -> None:
    """The provider's own gap: it never sets Go's MaxPathLenZero, so 0 puts no limit into the certificate."""
    certificate = self_signed(
        made,
        'allowed_uses=["cert_signing"], validity_period_hours=24, is_ca_certificate=True, max_path_length=0, '
        'subject={"common_name": "root"}',
    )
    assert extension(certificate, x509.BasicConstraints).value.path_length is None


def test_subject_order_and_empty_subject(made: Made) -> None:
    """Attributes stand in Go's order; without a subject the names are critical."""
    certificate = self_signed(
        made,
        'allowed_uses=["client_auth"], validity_period_hours=1, subject={"common_name": "c", "country": "DE", '
        '"organization": "o", "street_addresses": ["a", "b"]}',
    )
    order = [(attribute.oid, attribute.value) for attribute in certificate.subject]
    assert order == [
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, "o"),
        (NameOID.STREET_ADDRESS, "a"),
        (NameOID.STREET_ADDRESS, "b"),
        (NameOID.COMMON_NAME, "c"),
    ]
    bare = self_signed(made, 'allowed_uses=["client_auth"], validity_period_hours=1, dns_names=["x"]')
    assert extension(bare, x509.SubjectAlternativeName).critical


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('allowed_uses=["server"], validity_period_hours=1', "allowedUses: 'server' is not one of any_extended, "),
        (
            'allowed_uses=["cert_signing"], validity_period_hours=1, is_ca_certificate=True',
            "subject: must contain at least one Distinguished Name",
        ),
        (
            'allowed_uses=["client_auth"], validity_period_hours=1, max_path_length=2',
            "maxPathLength: only certificate authorities",
        ),
        ('allowed_uses=["client_auth"], validity_period_hours=1, ip_addresses=["x"]', "ipAddresses: failed to parse"),
        ('allowed_uses=["client_auth"], validity_period_hours=99999999', "validityPeriodHours 99999999 is too long"),
        (
            'allowed_uses=[], validity_period_hours=1, subject={"country": "DEU"}',
            "subject.country 'DEU' cannot be used",
        ),
        (
            "allowed_uses=[], validity_period_hours=1, set_authority_key_id=True",
            "setAuthorityKeyId: could not determine",
        ),
    ],
)
def test_certificates_that_cannot_be_made(made: Made, arguments: str, message: str) -> None:
    """Resource, input and value are named; nothing secret is."""
    with pytest.raises(ProgramFailed, match=f'SelfSignedCert "cert": {message}') as caught:
        self_signed(made, arguments)
    assert "PRIVATE" not in str(caught.value)


def test_unusable_key(made: Made) -> None:
    """What is no key is refused without being shown."""
    with pytest.raises(ProgramFailed, match="failed to parse privateKeyPem: not an unencrypted private key") as caught:
        made('tls.SelfSignedCert("c", private_key_pem="hunter2", allowed_uses=[], validity_period_hours=1)')
    assert "hunter2" not in str(caught.value)


CHAIN = """
    ca_key = tls.PrivateKey("ca-key", algorithm="ECDSA", ecdsa_curve="P384")
    ca = tls.SelfSignedCert("ca", private_key_pem=ca_key.private_key_pem, allowed_uses=["cert_signing"],
        is_ca_certificate=True, validity_period_hours=1000, subject={"common_name": "root"})
    key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256")
    request = tls.CertRequest("request", private_key_pem=key.private_key_pem, dns_names=["dp.example"],
        subject={"common_name": "dp"})
    leaf = tls.LocallySignedCert("leaf", ca_private_key_pem=CA_KEY, ca_cert_pem=ca.cert_pem,
        cert_request_pem=request.cert_request_pem, allowed_uses=["client_auth"], validity_period_hours=500)
    pulumi.export("ca", ca.cert_pem)
    pulumi.export("request", request.cert_request_pem)
    pulumi.export("leaf", leaf.cert_pem)
    pulumi.export("dates", [leaf.validity_start_time, leaf.validity_end_time, leaf.ready_for_renewal])
    pulumi.export("algorithms", [ca.key_algorithm, request.key_algorithm, leaf.ca_key_algorithm])
"""


def test_signing_request_and_leaf(made: Made) -> None:
    """The leaf has the request's names and key and the CA's key identifier; it verifies up to the CA."""
    out = made(CHAIN.replace("CA_KEY", "ca_key.private_key_pem"))
    ca = x509.load_pem_x509_certificate(out["ca"].encode())
    leaf = x509.load_pem_x509_certificate(out["leaf"].encode())
    request = x509.load_pem_x509_csr(out["request"].encode())
    assert request.is_signature_valid
    leaf.verify_directly_issued_by(ca)
    assert leaf.subject.rfc4514_string() == "CN=dp"
    assert leaf.public_key() == request.public_key()
    assert extension(leaf, x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["dp.example"]
    ca_id = extension(ca, x509.SubjectKeyIdentifier).value.digest
    assert extension(leaf, x509.AuthorityKeyIdentifier).value.key_identifier == ca_id
    assert out["dates"] == ["2026-11-21T12:00:00Z", "2026-12-12T08:00:00Z", False]
    assert out["algorithms"] == ["ECDSA", "ECDSA", "ECDSA"]


def test_leaf_with_a_foreign_ca_key(made: Made) -> None:
    """A CA's certificate and another key do not go together."""
    with pytest.raises(ProgramFailed, match="caPrivateKeyPem doesn't match caCertPem"):
        made(CHAIN.replace("CA_KEY", "key.private_key_pem"))


@pytest.mark.parametrize(
    "change",
    [
        "validity_period_hours=48, early_renewal_hours=1",
        "validity_period_hours=24, early_renewal_hours=2",
        'validity_period_hours=24, early_renewal_hours=1, dns_names=["x"]',
        'validity_period_hours=24, early_renewal_hours=1, subject={"common_name": "y"}',
    ],
    ids=["validity", "window alone", "names", "subject"],
)
def test_any_change_replaces(program: Program, change: str) -> None:
    """Every input of a certificate is fixed: a change makes a new one, from the same key."""
    text = KEY + 'tls.SelfSignedCert("cert", private_key_pem=key.private_key_pem, allowed_uses=["client_auth"], {})\n'
    program.write(text.format("validity_period_hours=24, early_renewal_hours=1")).run()
    done = program.write(text.format(change)).run()
    assert {step.name: step.op for step in done.steps} == {"key": "same", "cert": "replace"}


def test_serial_numbers_are_ids(program: Program) -> None:
    """A certificate's id is its serial number, positive and of at most 128 bits."""
    program.write(
        KEY + 'tls.SelfSignedCert("c", private_key_pem=key.private_key_pem, allowed_uses=[], validity_period_hours=1)'
    ).run()
    assert program.state is not None
    record = next(record for urn, record in program.state.resources.items() if urn.endswith("::c"))
    certificate = x509.load_pem_x509_certificate(record.outputs["certPem"].encode())
    assert record.id == str(certificate.serial_number)
    assert 0 < certificate.serial_number < 2**128


def test_dates_are_utc(program: Program) -> None:
    """The run's time zone does not matter."""
    text = (
        KEY
        + 'c = tls.SelfSignedCert("c", private_key_pem=key.private_key_pem, allowed_uses=[], validity_period_hours=1)\n'
    )
    elsewhere = datetime(2026, 11, 21, 23, 0, tzinfo=timezone(timedelta(hours=11)))
    exports = program.write(text + 'pulumi.export("begin", c.validity_start_time)').run(at=elsewhere).exports
    assert exports["begin"] == "2026-11-21T12:00:00Z"


def test_dates_have_the_providers_form(program: Program) -> None:
    """Outputs keep a fraction of a second, as Go writes it; the certificate has whole seconds. Renewal reads both."""
    text = KEY + (
        'c = tls.SelfSignedCert("c", private_key_pem=key.private_key_pem, allowed_uses=[], validity_period_hours=2,'
        " early_renewal_hours=1)\n"
        'pulumi.export("dates", [c.validity_start_time, c.validity_end_time])\n'
        'pulumi.export("pem", c.cert_pem)'
    )
    done = program.write(text).run(at=NOW.replace(microsecond=574500))
    assert done.exports["dates"] == ["2026-11-21T12:00:00.5745Z", "2026-11-21T14:00:00.5745Z"]
    assert x509.load_pem_x509_certificate(done.exports["pem"].encode()).not_valid_before_utc == NOW
    assert program.run(at=NOW + timedelta(hours=1), preview=True).op("c") == "same"
    assert program.run(at=NOW + timedelta(hours=1, seconds=1), preview=True).op("c") == "replace"
