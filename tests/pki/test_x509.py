"""What a certificate says, and whether a key belongs to it."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from kong_mtls import InputError
from kong_mtls.pki.ids import ca_id
from kong_mtls.pki.x509 import certificates, key_matches, signed_by
from kong_mtls.rehearsal.mint import Minted, issue, key_pem, new_key


@pytest.fixture(scope="session")
def root_ca(today: datetime) -> Minted:
    """A P-384 root that may have one CA below it."""
    end = today + timedelta(days=3650)
    return issue("root", not_before=today, not_after=end, key=new_key("P-384"), ca=True, path_length=1)


@pytest.fixture(scope="session")
def leaf(today: datetime, root_ca: Minted) -> Minted:
    """A server's certificate under the root."""
    end = today + timedelta(days=90)
    names = ["kong.example", "*.kong.example"]
    return issue("kong", not_before=today, not_after=end, issuer=root_ca, server=True, dns_names=names)


def test_a_leaf_is_read_by_its_extensions(leaf: Minted, today: datetime) -> None:
    """Names, dates, usages and key are those of the extensions, not of the subject's text."""
    facts = certificates(leaf.cert_pem.decode(), "it")[0]
    assert (facts.common_name, facts.subject, facts.issuer) == ("kong", "CN=kong", "CN=root")
    assert facts.dns_names == ("kong.example", "*.kong.example")
    assert (facts.not_before, facts.not_after) == (today, today + timedelta(days=90))
    assert (facts.key, facts.key_bits, facts.hash_name) == ("EC P-256", 256, "sha256")
    assert facts.extended_usages == frozenset({"server_auth"})
    assert facts.key_usages == frozenset({"digital_signature"})
    assert (facts.is_ca, facts.path_length, facts.self_signed) == (False, None, False)
    assert len(facts.fingerprint) == 64


def test_a_ca_is_read_by_its_extensions(root_ca: Minted) -> None:
    """Basic constraints make a CA, its signature a self-signed one."""
    facts = certificates(root_ca.cert_pem.decode(), "it")[0]
    assert (facts.is_ca, facts.path_length, facts.self_signed) == (True, 1, True)
    assert facts.key_usages == frozenset({"key_cert_sign", "crl_sign"})
    assert (facts.key, facts.extended_usages) == ("EC P-384", None)


def test_usage_without_the_extension_is_any(root_ca: Minted, leaf: Minted) -> None:
    """RFC 5280, 4.2.1.12: a missing extended key usage allows everything; a present one only what it names."""
    open_to_all = certificates(root_ca.cert_pem.decode(), "it")[0]
    server_only = certificates(leaf.cert_pem.decode(), "it")[0]
    assert open_to_all.allows("server_auth")
    assert open_to_all.allows("client_auth")
    assert server_only.allows("server_auth")
    assert not server_only.allows("client_auth")


def test_a_chain_is_read_in_order(leaf: Minted, root_ca: Minted) -> None:
    """Every certificate of a bundle, in the file's order, text around the blocks ignored."""
    text = f"subject: kong\n{leaf.cert_pem.decode()}\nsubject: root\n{root_ca.cert_pem.decode()}"
    found = certificates(text, "it")
    assert [facts.common_name for facts in found] == ["kong", "root"]
    assert signed_by(found[0], found[1])
    assert not signed_by(found[1], found[0])


def test_a_name_does_not_make_an_issuer(leaf: Minted, root_ca: Minted, today: datetime) -> None:
    """Another CA with the root's name and another key has not signed the leaf."""
    end = today + timedelta(days=1)
    impostor = issue(root_ca.cert.subject, not_before=today, not_after=end, ca=True)
    facts = certificates(leaf.cert_pem.decode(), "it")[0]
    assert not signed_by(facts, certificates(impostor.cert_pem.decode(), "it")[0])


@pytest.mark.parametrize(
    "text",
    ["", "hello", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----"],
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    """The message names the input and what is needed, and shows nothing of the text."""
    with pytest.raises(
        InputError, match=r"^the trust: is no PEM certificate; needed: -----BEGIN CERTIFICATE-----"
    ) as e:
        certificates(text, "the trust")
    assert "hello" not in str(e.value)


def test_a_key_among_certificates_is_refused(leaf: Minted) -> None:
    """A PEM that also holds the key would spread it wherever certificates go."""
    with pytest.raises(InputError, match="the trust: holds a private key") as e:
        certificates((leaf.cert_pem + leaf.key_pem).decode(), "the trust")
    assert "BEGIN" not in str(e.value)


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048", "Ed25519"])
@pytest.mark.parametrize("pkcs8", [False, True])
def test_a_key_is_told_from_another(kind: str, pkcs8: bool, today: datetime) -> None:
    """Of any algorithm and in either form; a key of another certificate does not match."""
    mine = issue("kong", key=new_key(kind), not_before=today, not_after=today + timedelta(days=1))
    facts = certificates(mine.cert_pem.decode(), "it")[0]
    assert key_matches(facts, key_pem(mine.key, pkcs8=pkcs8).decode(), "the key")
    assert not key_matches(facts, key_pem(new_key("P-256"), pkcs8=pkcs8).decode(), "the key")


def test_a_key_with_a_passphrase_is_refused(leaf: Minted) -> None:
    """Kong reads keys without one; the message says what to do and shows nothing."""
    form = serialization.PrivateFormat.PKCS8
    locked = leaf.key.private_bytes(
        serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"correct horse")
    )
    facts = certificates(leaf.cert_pem.decode(), "it")[0]
    with pytest.raises(InputError, match="the key: has a passphrase") as e:
        key_matches(facts, locked.decode(), "the key")
    assert "BEGIN" not in str(e.value)


@pytest.mark.parametrize(
    "text", ["", "s3cret-text", "-----BEGIN PRIVATE KEY-----\nczNjcmV0\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_key_is_refused(leaf: Minted, text: str) -> None:
    """Without showing any of it, in the message or in the exceptions behind it."""
    facts = certificates(leaf.cert_pem.decode(), "it")[0]
    with pytest.raises(InputError, match="the key: is no private key in PEM") as e:
        key_matches(facts, text, "the key")
    assert "s3cret" not in str(e.value)
    assert e.value.__cause__ is None


def test_the_id_of_a_ca_hangs_on_the_certificate_alone(root_ca: Minted, today: datetime) -> None:
    """The same certificate has the same UUID everywhere; one with the same subject and key but other dates has not."""
    end = today + timedelta(days=10)
    renewed = issue("root", not_before=today, not_after=end, key=root_ca.key, ca=True)
    first, again = (certificates(root_ca.cert_pem.decode(), "it")[0] for _ in range(2))
    other = certificates(renewed.cert_pem.decode(), "it")[0]
    assert ca_id(first) == ca_id(again) != ca_id(other)
    assert ca_id(first)[14] == "5"  # a UUID of version 5


def test_the_last_common_name_counts(today: datetime) -> None:
    """Of several common names OpenSSL reads the last; without any there is none."""
    both = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("first", "last")])
    end = today + timedelta(days=1)
    two = issue(both, not_before=today, not_after=end)
    none = issue(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "o")]), not_before=today, not_after=end)
    assert certificates(two.cert_pem.decode(), "it")[0].common_name == "last"
    assert certificates(none.cert_pem.decode(), "it")[0].common_name == ""
