"""Host name checks of OpenSSL and of Go. The table was compared with `openssl x509 -checkhost`."""

from __future__ import annotations

import pytest
from cryptography import x509

from kong_mtls.rehearsal.links.names import describe_names, name_matches, name_matches_go
from kong_mtls.rehearsal.mint import issue, new_key
from tests.links.hybrid import AFTER, BEFORE

KEY = new_key()


def certificate(*dns_names: str, common_name: str = "cn.example.com", ip: tuple[str, ...] = ()) -> x509.Certificate:
    return issue(common_name, key=KEY, dns_names=dns_names, ip_addresses=ip, not_before=BEFORE, not_after=AFTER).cert


@pytest.mark.parametrize(
    ("name", "host", "matches"),
    [
        ("a.example.com", "a.example.com", True),
        ("a.example.com", "A.Example.COM", True),
        ("a.example.com", "b.example.com", False),
        ("a.example.com", "a.example.com.", False),
        ("kong_clustering", "kong_clustering", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "a_b.example.com", False),
        ("*.example.com", "*.example.com", True),
        ("*.example.com", "xn--a.example.com", True),
        ("*.example.com", ".example.com", True),
        ("*.com", "a.com", False),
        ("*.kong_x.svc", "a.kong_x.svc", False),
        ("f*.example.com", "foo.example.com", True),
        ("f*.example.com", "f.example.com", True),
        ("*f.example.com", "off.example.com", True),
        ("x*.example.com", "xn--a.example.com", False),
        ("a*b.example.com", "axb.example.com", False),
        ("**.example.com", "a.example.com", False),
        ("a.*.com", "a.b.com", False),
        ("xn--*.example.com", "xn--a.example.com", False),
        ("a-*.example.com", "a-z.example.com", False),
    ],
)
def test_openssl(name: str, host: str, matches: bool) -> None:
    """The same for a dNSName and, where there is none, for the common name."""
    assert name_matches(certificate(name), host) is matches
    assert name_matches(certificate(common_name=name), host) is matches


def test_the_common_name_counts_only_without_dns_names() -> None:
    """An IP address among the alternative names doesn't take it away, a DNS name does."""
    assert name_matches(certificate(), "cn.example.com")
    assert name_matches(certificate(ip=("10.0.0.1",)), "cn.example.com")
    assert not name_matches(certificate("other.example.com"), "cn.example.com")
    assert not name_matches(certificate(ip=("10.0.0.1",)), "10.0.0.1")


@pytest.mark.parametrize(
    ("name", "host", "matches"),
    [
        ("a.example.com", "A.example.com.", True),
        ("a.example.com", "b.example.com", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.svc.ns.svc", "pod.svc.ns.svc", True),
        ("f*.example.com", "foo.example.com", False),
        ("*.com", "a.com", True),
    ],
)
def test_go(name: str, host: str, matches: bool) -> None:
    """Whole labels only; the common name never."""
    assert name_matches_go(certificate(name), host) is matches
    assert not name_matches_go(certificate(common_name=name), host)


def test_go_looks_up_addresses() -> None:
    """An IP address is matched against the iPAddress entries."""
    cert = certificate("a.example.com", ip=("127.0.0.1", "::1"))
    assert name_matches_go(cert, "127.0.0.1")
    assert name_matches_go(cert, "[::1]")
    assert not name_matches_go(cert, "10.0.0.1")
    assert not name_matches_go(certificate(), "127.0.0.1")


def test_names_for_a_message() -> None:
    """What counts for the check, and nothing else."""
    assert describe_names(certificate("a", "b")) == "DNS:a, DNS:b"
    assert describe_names(certificate()) == "CN:cn.example.com"
    nameless = issue(x509.Name([]), key=KEY, not_before=BEFORE, not_after=AFTER).cert
    assert describe_names(nameless) == "no name at all"
