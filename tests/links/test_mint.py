"""Certificates made on the spot, judged by their extensions."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kong_mtls.rehearsal.mint import issue, key_pem, new_key, twin
from tests.links.hybrid import AFTER, AT, BEFORE, CA_AFTER

DATES: dict[str, Any] = {"not_before": BEFORE, "not_after": AFTER}


def extension(cert: x509.Certificate, kind: type[Any]) -> Any:
    return cert.extensions.get_extension_for_class(kind).value


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("P-256", ec.SECP256R1), ("P-384", ec.SECP384R1), ("P-521", ec.SECP521R1), ("P-224", ec.SECP224R1)],
)
def test_keys_on_curves(kind: str, expected: type[ec.EllipticCurve]) -> None:
    """Each NIST curve by its name."""
    key = new_key(kind)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, expected)
    assert key_pem(key).startswith(b"-----BEGIN EC PRIVATE KEY-----")
    assert key_pem(key, pkcs8=True).startswith(b"-----BEGIN PRIVATE KEY-----")


def test_other_keys() -> None:
    """RSA by its size, Ed25519; anything else is refused with what is allowed."""
    key = new_key("RSA-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key_pem(key).startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert isinstance(new_key("Ed25519"), ed25519.Ed25519PrivateKey)
    with pytest.raises(ValueError, match=r"key kind 'DSA': expected P-224, P-256"):
        new_key("DSA")


def test_a_ca_signs_certificates_and_nothing_else() -> None:
    """CA:TRUE with its path length, keyCertSign and cRLSign, all critical; no extended usage."""
    ca = issue("CA", ca=True, path_length=0, not_before=BEFORE, not_after=CA_AFTER)
    constraints = ca.cert.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value) == (True, x509.BasicConstraints(True, 0))
    usage = ca.cert.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert not usage.value.digital_signature
    with pytest.raises(x509.ExtensionNotFound):
        extension(ca.cert, x509.ExtendedKeyUsage)
    assert ca.root is ca
    assert ca.chain_pem == ca.cert_pem


def test_a_leaf_has_what_was_asked_for() -> None:
    """Usages, names, dates, serial and the issuer's key identifier."""
    ca = issue("CA", ca=True, not_before=BEFORE, not_after=CA_AFTER)
    leaf = issue(
        "leaf", issuer=ca, client=True, server=True, dns_names=["a", "*.b"], ip_addresses=["::1"], serial=7, **DATES
    )
    cert = leaf.cert
    assert (cert.not_valid_before_utc, cert.not_valid_after_utc, cert.serial_number) == (BEFORE, AFTER, 7)
    assert set(extension(cert, x509.ExtendedKeyUsage)) == {
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.SERVER_AUTH,
    }
    names = extension(cert, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["a", "*.b"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["::1"]
    assert extension(cert, x509.BasicConstraints).ca is False
    authority = extension(cert, x509.AuthorityKeyIdentifier).key_identifier
    assert authority == extension(ca.cert, x509.SubjectKeyIdentifier).digest
    cert.verify_directly_issued_by(ca.cert)
    assert leaf.root is ca
    assert not extension(cert, x509.KeyUsage).key_encipherment
    assert extension(issue("r", key=new_key("RSA-2048"), **DATES).cert, x509.KeyUsage).key_encipherment


def test_a_chain_holds_the_intermediates_but_not_the_root() -> None:
    """What a server's file holds, leaf first."""
    root = issue("root", ca=True, **DATES)
    middle = issue("middle", issuer=root, ca=True, **DATES)
    leaf = issue("leaf", issuer=middle, **DATES)
    subjects = [c.subject.rfc4514_string() for c in x509.load_pem_x509_certificates(leaf.chain_pem)]
    assert subjects == ["CN=leaf", "CN=middle"]
    assert leaf.root is root
    assert serialization.load_pem_private_key(leaf.key_pem, None).public_key() == leaf.cert.public_key()


@pytest.mark.parametrize("digest", ["SHA-256", "SHA-384", "SHA-512"])
def test_digests(digest: Any) -> None:
    """What the signature hashes with; Ed25519 hashes by itself."""
    found = issue("x", digest=digest, **DATES).cert.signature_hash_algorithm
    assert found is not None
    assert found.name == digest.lower().replace("-", "")
    assert issue("x", key=new_key("Ed25519"), digest=digest, **DATES).cert.signature_hash_algorithm is None


def test_a_twin_differs_by_what_was_asked_only() -> None:
    """Subject, dates and extensions are copied; key, signer, serial and key identifiers are its own."""
    ca, other = (issue("CA", ca=True, **DATES) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "o"), x509.NameAttribute(NameOID.COMMON_NAME, "c")])
    good = issue(name, issuer=ca, client=True, dns_names=["a"], **DATES).cert
    same = twin(good, issuer=other).cert
    assert (same.subject, same.issuer) == (good.subject, good.issuer)
    assert (same.not_valid_before_utc, same.not_valid_after_utc) == (BEFORE, AFTER)
    assert {e.oid for e in same.extensions} == {e.oid for e in good.extensions}
    assert extension(same, x509.SubjectAlternativeName) == extension(good, x509.SubjectAlternativeName)
    assert extension(same, x509.AuthorityKeyIdentifier) != extension(good, x509.AuthorityKeyIdentifier)
    assert same.public_key() != good.public_key()
    assert same.fingerprint(hashes.SHA256()) != good.fingerprint(hashes.SHA256())
    same.verify_directly_issued_by(other.cert)
    changed = twin(good, issuer=ca, common_name="n", client=False, server=True, dns_names=[], not_after=AT).cert
    assert changed.subject.rfc4514_string() == "CN=n"
    assert list(extension(changed, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert changed.not_valid_after_utc == AT
    with pytest.raises(x509.ExtensionNotFound):
        extension(changed, x509.SubjectAlternativeName)
    none = twin(good, issuer=ca, client=False).cert
    with pytest.raises(x509.ExtensionNotFound):
        extension(none, x509.ExtendedKeyUsage)


def test_a_twin_may_sign_itself() -> None:
    """Without an issuer it is self-signed, and self-issued."""
    copy = twin(issue("x", issuer=issue("CA", ca=True, **DATES), **DATES).cert)
    assert copy.cert.issuer == copy.cert.subject
    copy.cert.verify_directly_issued_by(copy.cert)


def test_descriptions_hide_keys() -> None:
    """The key is in no repr."""
    assert "PrivateKey" not in repr(issue("x", **DATES))
