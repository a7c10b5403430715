"""Certificates from a CA of the stack: the gateway's own, and those of callers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pulumi
import pytest

from kong_mtls.client_certificate import ClientCertificate
from kong_mtls.pki.authority import CertificateAuthority
from kong_mtls.pki.signer import signer_args
from kong_mtls.pki.x509 import certificates, signed_by
from kong_mtls.reader.manifests import secret_data
from kong_mtls.rehearsal.mint import Minted
from kong_mtls.rehearsal.stage import ProgramFailed
from kong_mtls.server_certificate import ProxyCertificate
from tests.client.conftest import MUTABLE, Late, Mint, Outcome, Play, Stage, resolved

Wrap = Callable[[dict[str, str]], dict[str, str]]


def pem(minted: Minted) -> dict[str, str]:
    return {"certificate_pem": minted.cert_pem.decode(), "private_key_pem": minted.key_pem.decode()}


def late(pair: dict[str, str]) -> dict[str, str]:
    return {key: Late(value) for key, value in pair.items()}


def made(kind: Any, authority: Any = None, **arguments: Any) -> Callable[[], None]:
    """A program with one certificate, by default from a CA made beside it."""

    def program() -> None:
        given = resolved(arguments)
        if authority is not None:
            given["authority"] = resolved(authority)
        elif "certificate_pem" not in given:
            ca = CertificateAuthority("ca", {"common_name": "some ca", "intermediate": bool(given.pop("deep", False))})
            given["authority"] = signer_args(ca)
            pulumi.export("trust", ca.trust_pem)
        certificate = kind("it", {"namespace": "here", **given})
        pulumi.export("secret", certificate.secret_name)

    return program


def pair_of(outcome: Outcome) -> dict[str, str]:
    (secret,) = outcome.objects.all("Secret")
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["metadata"]["name"] == outcome.performance.exports["secret"]
    return {key: (value or b"").decode() for key, value in secret_data(secret).items()}


def test_a_server_certificate_is_for_its_hosts(play: Play) -> None:
    """serverAuth, the hosts as alternative names, issued by the CA, ninety days."""
    outcome = play(made(ProxyCertificate, hosts=["b.example.com", "*.a.example.com"]))
    facts = certificates(pair_of(outcome)["tls.crt"], "it")[0]
    assert set(facts.dns_names) == {"b.example.com", "*.a.example.com"}
    assert facts.extended_usages == frozenset({"server_auth"})
    assert facts.not_after - facts.not_before == timedelta(days=90)
    assert signed_by(facts, certificates(outcome.performance.exports["trust"], "ca")[0])


def test_a_client_certificate_is_for_its_caller(play: Play) -> None:
    """clientAuth, common name and alternative names."""
    outcome = play(made(ClientCertificate, common_name="alice", dns_names=["alice.example.com"], key="RSA-2048"))
    facts = certificates(pair_of(outcome)["tls.crt"], "it")[0]
    assert (facts.common_name, facts.dns_names, facts.key) == ("alice", ("alice.example.com",), "RSA 2048")
    assert facts.extended_usages == frozenset({"client_auth"})


@pytest.mark.parametrize(
    ("kind", "more"), [(ProxyCertificate, {"hosts": ["a"]}), (ClientCertificate, {"common_name": "a"})]
)
def test_an_intermediate_goes_along(play: Play, kind: Any, more: dict[str, Any]) -> None:
    """So that a peer reaches the root that it trusts."""
    outcome = play(made(kind, deep=True, **more))
    leaf, intermediate = certificates(pair_of(outcome)["tls.crt"], "it")
    (root,) = certificates(outcome.performance.exports["trust"], "ca")
    assert signed_by(leaf, intermediate)
    assert signed_by(intermediate, root)


def test_hosts_in_another_order_change_nothing(play: Play) -> None:
    """The first of them is only the common name, which nobody looks at."""
    first = play(made(ProxyCertificate, hosts=["a", "c", "b"]))
    assert not play(made(ProxyCertificate, hosts=["a", "b", "c", "c"]), after=first).performance.changed


def test_renewal_keeps_the_key_and_another_key_can_be_asked_for(play: Play) -> None:
    """By another name of its generation."""
    first = play(made(ClientCertificate, common_name="a"), config=MUTABLE)
    again = play(made(ClientCertificate, common_name="b"), after=first, config=MUTABLE)
    assert pair_of(again)["tls.key"] == pair_of(first)["tls.key"]
    new = play(made(ClientCertificate, common_name="b", leaf={"key_generation": "2"}), after=again, config=MUTABLE)
    assert pair_of(new)["tls.key"] != pair_of(again)["tls.key"]


@pytest.mark.parametrize("wrap", [dict, late], ids=["text", "output"])
def test_a_pair_of_your_own_is_taken(play: Play, mint: Mint, wrap: Wrap) -> None:
    """When it serves the hosts, known at once or later; it stays as it is."""
    own = mint("own", server=True, dns_names=["a.example.com", "*.b.example.com"])

    hosts = ["a.example.com", "x.b.example.com"]
    pair = pair_of(play(made(ProxyCertificate, hosts=hosts, **wrap(pem(own)))))
    assert pair["tls.crt"].split() == own.cert_pem.decode().split()
    assert pair["tls.key"] == own.key_pem.decode()


BAD_PAIRS: dict[str, tuple[dict[str, Any], str]] = {
    "for another host": ({"server": True, "dns_names": ["b"]}, "needed: a"),
    "for clients": ({"client": True, "dns_names": ["a"]}, "its extended key usage lacks server_auth"),
    "over": ({"server": True, "dns_names": ["a"], "past": True}, "expired on"),
    "without alternative names": ({"server": True}, "has no subject alternative name"),
    "with another's key": ({"server": True, "dns_names": ["a"], "swap": True}, "does not belong to the certificate"),
}
BAD_CAS: dict[str, tuple[dict[str, Any], str]] = {
    "a leaf": ({}, "is no CA"),
    "with another's key": ({"ca": True, "swap": True}, "does not belong to the certificate"),
    "over": ({"ca": True, "past": True}, "expired on"),
}


@pytest.fixture(scope="session")
def faulty(mint: Mint, today: datetime) -> Callable[[str, dict[str, Any]], dict[str, str]]:
    """A pair with the faults that are asked for."""

    def make(name: str, kind: dict[str, Any]) -> dict[str, str]:
        flags = {flag: kind.get(flag) for flag in ("past", "swap")}
        rest = {key: value for key, value in kind.items() if key not in flags}
        if flags["past"]:
            rest |= {"not_before": today - timedelta(days=9), "not_after": today - timedelta(days=1)}
        pair = pem(mint(name, **rest))
        return {**pair, "private_key_pem": mint("another").key_pem.decode()} if flags["swap"] else pair

    return make


@pytest.mark.parametrize("wrap", [dict, late], ids=["text", "output"])
@pytest.mark.parametrize("fault", BAD_PAIRS)
def test_a_pair_that_clients_would_refuse(stage: Stage, faulty: Any, wrap: Wrap, fault: str) -> None:
    """The reason is said, and nothing of the key."""
    kind, message = BAD_PAIRS[fault]
    with pytest.raises(ProgramFailed) as error:
        stage(made(ProxyCertificate, hosts=["a"], **wrap(faulty("own", kind))))
    assert message in str(error.value)
    assert "PRIVATE KEY" not in str(error.value)


@pytest.mark.parametrize("wrap", [dict, late], ids=["text", "output"])
@pytest.mark.parametrize("fault", BAD_CAS)
def test_what_cannot_issue(stage: Stage, faulty: Any, wrap: Wrap, fault: str) -> None:
    """Known at once or later: a leaf, a CA with another's key, one that has ended."""
    kind, message = BAD_CAS[fault]
    with pytest.raises(ProgramFailed, match=message):
        stage(made(ClientCertificate, wrap(faulty("ca", kind)), common_name="alice"))


def test_a_ca_of_your_own_issues(play: Play, mint: Mint) -> None:
    """From its certificate and key alone."""
    ca = mint("own ca", ca=True)
    outcome = play(made(ClientCertificate, late(pem(ca)), common_name="alice"))
    facts = certificates(pair_of(outcome)["tls.crt"], "it")[0]
    assert signed_by(facts, certificates(ca.cert_pem.decode(), "ca")[0])


def test_nothing_outlives_its_ca(stage: Stage, mint: Mint) -> None:
    """It would fail when the CA ends, whatever its own date says."""
    ca = mint("own ca", ca=True)
    long = {"validity_hours": 9000, "early_renewal_hours": 1}
    with pytest.raises(ProgramFailed, match=r"would be valid until .* but its CA .* ends on"):
        stage(made(ClientCertificate, late(pem(ca)), common_name="a", leaf=long))


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ProxyCertificate, {"hosts": []}, "hosts: is empty"),
        (ProxyCertificate, {"hosts": ["A.example.com"]}, "'A.example.com' is no host name"),
        (ProxyCertificate, {"hosts": ["a"], "certificate_pem": "x"}, "certificate_pem alone is half a pair"),
        (ProxyCertificate, {"hosts": ["a"], "key": "RSA-1024"}, "'RSA-1024' is not known"),
        (ClientCertificate, {"common_name": ""}, "has 0 characters; allowed: 1 to 64"),
        (ClientCertificate, {"common_name": "a" * 65}, "has 65 characters"),
        (ClientCertificate, {"common_name": "a", "dns_names": ["a b"]}, "'a b' is no host name"),
        (
            ClientCertificate,
            {"common_name": "a", "leaf": {"validity_hours": 10, "early_renewal_hours": 10}},
            "every run would replace it",
        ),
    ],
)
def test_what_cannot_be(stage: Stage, kind: Any, arguments: dict[str, Any], message: str) -> None:
    """Each names the argument, its value and what is allowed."""
    with pytest.raises(ProgramFailed) as error:
        stage(made(kind, **arguments))
    assert message in str(error.value)
