"""Whether a given certificate can do what it is given for."""

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls import InputError
from kong_mtls.pki import checks, clock
from kong_mtls.pki.x509 import Facts, certificates
from kong_mtls.rehearsal.mint import Minted, issue, new_key

NAME = "kong_clustering"
_BITS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def usage_of(*bits: str) -> x509.KeyUsage:
    """A key usage with these bits and no other."""
    return x509.KeyUsage(**{bit: bit in bits for bit in _BITS})


def facts(made: Minted) -> Facts:
    """What the certificate says."""
    return certificates(made.cert_pem.decode(), "it")[0]


@pytest.fixture(scope="session")
def key() -> object:
    """One key for all certificates here: what differs is what they say."""
    return new_key("P-384")


@pytest.fixture(scope="session")
def make(key: object, today: datetime) -> Callable[..., Minted]:
    """A certificate for both ends of the cluster link, with what is to differ."""

    def made(subject: str = NAME, **given: object) -> Minted:
        options: dict[str, object] = {
            "not_before": today - timedelta(days=1),
            "not_after": today + timedelta(days=1095),
            "client": True,
            "server": True,
            "key": key,
            **given,
        }
        return issue(subject, **options)  # type: ignore[arg-type]

    return made


def test_dates_are_inclusive_of_the_start_and_exclusive_of_the_end(
    make: Callable[..., Minted], today: datetime
) -> None:
    """Valid from its first second on; on the second of its end it is expired."""
    end = today + timedelta(days=10)
    it = facts(make(not_before=today, not_after=end))
    assert checks.dates(it, today) == []
    assert checks.dates(it, end - timedelta(seconds=1)) == []
    assert checks.dates(it, end) == ["expired on 2026-12-01 12:00 UTC"]
    assert checks.dates(it, today - timedelta(seconds=1)) == ["not valid before 2026-11-21 12:00 UTC"]


def test_now_is_the_day_that_is_rehearsed(today: datetime) -> None:
    """Inside `at` the time stands still at that moment, in UTC; outside it is the clock's."""
    east = timezone(timedelta(hours=5))
    with clock.at(today.astimezone(east)):
        assert clock.now() == today
        assert clock.now().utcoffset() == timedelta(0)
        with clock.at(today + timedelta(days=1)):
            assert clock.now() == today + timedelta(days=1)
        assert clock.now() == today
    assert abs(clock.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_weak_keys_are_refused(today: datetime) -> None:
    """RSA under 2048 bits is refused by peers at OpenSSL's default level; 2048 and EC pass."""
    end = today + timedelta(days=1)
    weak = issue(NAME, key=new_key("RSA-1024"), not_before=today, not_after=end)
    strong = issue(NAME, key=new_key("RSA-2048"), not_before=today, not_after=end)
    assert checks.strength(facts(weak)) == ["its key is RSA 1024; needed: RSA 2048 or more, or EC"]
    assert checks.strength(facts(strong)) == []


def test_a_signature_with_sha1(today: datetime) -> None:
    """Refused of what a CA has signed; a root's own signature nobody verifies."""
    strong = facts(issue(NAME, not_before=today, not_after=today + timedelta(days=1)))
    weak = replace(strong, hash_name="sha1", self_signed=False)
    assert checks.strength(weak) == ["signed with sha1, which peers refuse"]
    assert checks.strength(replace(weak, self_signed=True)) == []
    assert checks.strength(replace(weak, hash_name="sha256")) == []


@pytest.mark.parametrize(
    ("subject", "names", "problem"),
    [
        (NAME, [NAME], None),
        (NAME, [], None),
        ("other", [NAME.upper()], None),
        ("other", ["first.example", NAME], None),
        (NAME, ["other.example"], f"is for other.example; needed: {NAME}"),
        ("other", [], f"is for other; needed: {NAME}"),
    ],
)
def test_the_common_name_counts_only_where_there_is_no_dns_name(
    make: Callable[..., Minted], subject: str, names: list[str], problem: str | None
) -> None:
    """As X509_check_host does: Kong's guide's certificate has no alternative name and is still found by its name."""
    found = checks.name(facts(make(subject, dns_names=names)), NAME)
    assert found == ([] if problem is None else [problem])


@pytest.mark.parametrize(
    ("pattern", "wanted", "matches"),
    [
        ("*.kong.svc", "cp.kong.svc", True),
        ("*.kong.svc", "a.cp.kong.svc", False),
        ("*.kong.svc", "kong.svc", False),
        ("*.kong.svc", ".kong.svc", False),
        ("CP.kong.svc", "cp.KONG.svc", True),
    ],
)
def test_a_wildcard_stands_for_one_label(make: Callable[..., Minted], pattern: str, wanted: str, matches: bool) -> None:
    """RFC 6125, 6.4.3."""
    assert (checks.name(facts(make(dns_names=[pattern])), wanted) == []) is matches


def test_usage_is_asked_of_each_end(make: Callable[..., Minted]) -> None:
    """In shared mode one certificate is server and client; serverAuth alone is named as what lacks."""
    server_only = facts(make(client=False))
    assert checks.usage(facts(make()), "server_auth", "client_auth") == []
    assert checks.usage(facts(make(client=False, server=False)), "server_auth", "client_auth") == []
    assert checks.usage(server_only, "server_auth") == []
    assert checks.usage(server_only, "server_auth", "client_auth") == ["its extended key usage lacks client_auth"]


def shake_hands(made: Minted, folder: Path) -> str:
    """What OpenSSL says when both ends show this certificate and trust it alone; empty when they talk."""
    certificate, private_key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(made.cert_pem)
    private_key.write_bytes(made.key_pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (server, client):
        context.load_cert_chain(certificate, private_key)
        context.load_verify_locations(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as end:
                end.sendall(b"hello")
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=NAME) as end:
            return "" if end.recv(5) == b"hello" else "nothing"
    except OSError as error:
        return str(error)
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize(
    ("bits", "ca", "works"),
    [
        (("digital_signature",), False, True),
        (("digital_signature", "key_cert_sign"), True, True),
        (("key_cert_sign", "crl_sign"), True, False),
        (("key_encipherment",), False, False),
    ],
)
def test_a_key_usage_without_signature_is_refused_as_openssl_does(
    make: Callable[..., Minted], tmp_path: Path, bits: tuple[str, ...], ca: bool, works: bool
) -> None:
    """The check agrees with a handshake: a CA whose key may only sign certificates can't be shown as a leaf."""
    now = datetime.now(timezone.utc)  # the standard library's TLS knows no other day
    made = make(
        ca=ca,
        key_usage=usage_of(*bits),
        dns_names=[NAME],
        not_before=now - timedelta(days=1),
        not_after=now + timedelta(days=1),
    )
    found = checks.usage(facts(made), "server_auth", "client_auth")
    assert (found == []) is works
    assert (shake_hands(made, tmp_path) == "") is works
    if not works:
        assert found == ["its key usage lacks digitalSignature, without which it can't take part in a handshake"]


def test_an_authority_needs_the_constraint_and_the_usage(make: Callable[..., Minted]) -> None:
    """CA:TRUE, and keyCertSign where there is a key usage."""
    assert checks.authority(facts(make(ca=True))) == []
    assert checks.authority(facts(make())) == ["is no CA: its basic constraints don't say CA:TRUE"]
    mute = facts(make(ca=True, key_usage=usage_of("digital_signature")))
    assert checks.authority(mute) == ["is a CA that may not sign certificates: its key usage lacks keyCertSign"]


def test_a_pair_is_one_key(make: Callable[..., Minted]) -> None:
    """Another's key is named as such; what is no key at all is an error of its own."""
    it = make()
    assert checks.pair(facts(it), it.key_pem.decode(), "the key") == []
    other = issue("x", not_before=it.cert.not_valid_before_utc, not_after=it.cert.not_valid_after_utc)
    assert checks.pair(facts(it), other.key_pem.decode(), "the key") == ["the key does not belong to the certificate"]
    with pytest.raises(InputError, match="the key: is no private key"):
        checks.pair(facts(it), "nonsense", "the key")


def test_a_chain_leads_to_what_is_trusted(make: Callable[..., Minted]) -> None:
    """Through the given intermediates, in any order; a missing or foreign one is named by subject and issuer."""
    root, other = make("root", ca=True, key=new_key()), make("other", ca=True, key=new_key())
    upper = make("upper", ca=True, issuer=root, key=new_key())
    lower = make("lower", ca=True, issuer=upper, key=new_key())
    leaf = make("leaf", issuer=lower)
    assert checks.chain(facts(leaf), [facts(upper), facts(lower)], [facts(root)]) == []
    assert checks.chain(facts(leaf), [facts(lower)], [facts(other), facts(upper)]) == []
    assert checks.chain(facts(leaf), [facts(upper)], [facts(root)]) == [
        "no given CA has issued 'CN=leaf' (its issuer is 'CN=lower')"
    ]
    assert checks.chain(facts(leaf), [facts(upper), facts(lower)], [facts(other)]) == [
        "no given CA has issued 'CN=upper' (its issuer is 'CN=root')"
    ]
    assert checks.chain(facts(root), [], [facts(root)]) == []


def test_a_leaf_that_outlives_its_ca_is_named(make: Callable[..., Minted], today: datetime) -> None:
    """With its own end and the days that are too many; ending with the CA is fine."""
    root = facts(make("root", ca=True, not_after=today + timedelta(days=100)))
    late = facts(make("leaf", not_after=today + timedelta(days=130)))
    assert checks.outlives(late, root) == ["is valid until 2027-03-31, 30 days longer than its CA 'CN=root'"]
    assert checks.outlives(facts(make("leaf", not_after=root.not_after)), root) == []


@given(st.integers(-10, 100_000), st.integers(-10, 100_000))
def test_a_renewal_window_is_shorter_than_the_validity_or_refused(validity: int, early: int) -> None:
    """Exactly the pairs 0 <= early < validity pass: any other would be renewed by every run, or never."""
    found = checks.lifetime(validity, early, "cluster")
    assert (found == []) is (0 <= early < validity)
    assert all(problem.startswith("cluster: ") for problem in found)
