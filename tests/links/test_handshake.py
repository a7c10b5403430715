"""Two ends and a handshake: who refuses whom, where, and in which words."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from kong_mtls.rehearsal.links.ends import (
    ClientEnd,
    Closed,
    Outcome,
    Request,
    Response,
    ServerEnd,
    Session,
    VerifyError,
)
from kong_mtls.rehearsal.links.handshake import Meetings, Version, exchange, revisit
from kong_mtls.rehearsal.mint import Minted, issue, new_key
from tests.links.hybrid import AFTER, AT, BEFORE, CA_AFTER

NAME = "server.example.com"
DATES: dict[str, Any] = {"not_before": BEFORE, "not_after": AFTER}


@dataclass(frozen=True)
class World:
    """A CA, an intermediate, and another CA of the same name."""

    ca: Minted
    intermediate: Minted
    other: Minted

    def server_end(self, **change: Any) -> ServerEnd:
        """A server that demands a certificate of the CA."""
        minted = issue(NAME, issuer=self.ca, server=True, dns_names=[NAME], **DATES)
        end = ServerEnd(minted.chain_pem, minted.key_pem, AT, client_ca_pem=self.ca.cert_pem, verify="on")
        return replace(end, **change)

    def client_end(self, minted: Minted | None = None, **change: Any) -> ClientEnd:
        """A client with a certificate of the CA, or the one given."""
        shown = minted or issue("client", issuer=self.ca, client=True, **DATES)
        end = ClientEnd(AT, shown.chain_pem, shown.key_pem, self.ca.cert_pem, server_name=NAME, check_name=NAME)
        return replace(end, **change)


@pytest.fixture(scope="module")
def world() -> World:
    ca = issue("CA", ca=True, not_before=BEFORE, not_after=CA_AFTER)
    intermediate = issue("Intermediate", issuer=ca, ca=True, not_before=BEFORE, not_after=CA_AFTER)
    return World(ca, intermediate, issue("CA", ca=True, not_before=BEFORE, not_after=CA_AFTER))


both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])
both_places = pytest.mark.parametrize("refuses", ["in_http", "in_handshake"])


@both_versions
@both_places
def test_a_good_pair_connects(world: World, version: Version, refuses: str) -> None:
    """Request and answer pass, and both ends have seen each other's certificate."""
    seen: list[tuple[Session, Request]] = []

    def answer(session: Session, request: Request) -> Response:
        seen.append((session, request))
        return Response(201, "made", {"x-consumer": "ann"})

    client = world.client_end()
    request = Request("echo.example.com", "/echo?x=1", {"accept": "*/*"})
    outcome = exchange(client, world.server_end(refuses=refuses, answer=answer), request, version=version)
    assert (outcome.accepted, outcome.refused_by, outcome.reason) == (True, None, "201 made")
    assert (outcome.observed, outcome.status, outcome.version) == ("accept", "201", f"TLSv{version}")
    assert outcome.response == Response(201, "made", {"x-consumer": "ann"})
    ((session, got),) = seen
    assert got == request
    assert (session.server_name, session.verify_error) == (NAME, None)
    assert session.certificates == outcome.seen_by_server
    assert [c.subject.rfc4514_string() for c in outcome.seen_by_client] == [f"CN={NAME}"]


def bad_clients(world: World) -> dict[str, tuple[Minted | None, str, str]]:
    """What a server refuses: nginx's last objection, and the first one, which ends a strict handshake."""
    ca, day = world.ca, timedelta(days=1)
    past: dict[str, Any] = {"not_before": BEFORE, "not_after": AT - day}
    future: dict[str, Any] = {"not_before": AT + day, "not_after": AFTER}
    leaf = issue("leaf", issuer=ca, client=True, **DATES)
    lone = issue("client", issuer=world.intermediate, client=True, **DATES)
    return {
        "none": (None, "400 No required SSL certificate was sent", "peer did not return a certificate"),
        "another CA": (
            issue("client", issuer=world.other, client=True, **DATES),
            "400 The SSL certificate error: unable to verify the first certificate",
            "unable to get local issuer certificate",
        ),
        "self-signed": (
            issue("client", client=True, **DATES),
            "400 The SSL certificate error: self-signed certificate",
            "self-signed certificate",
        ),
        "expired": (
            issue("client", issuer=ca, client=True, **past),
            "400 The SSL certificate error: certificate has expired",
            "certificate has expired",
        ),
        "not yet valid": (
            issue("client", issuer=ca, client=True, **future),
            "400 The SSL certificate error: certificate is not yet valid",
            "certificate is not yet valid",
        ),
        "a server's": (
            issue("client", issuer=ca, server=True, **DATES),
            "400 The SSL certificate error: unsuitable certificate purpose",
            "unsuitable certificate purpose",
        ),
        "issued by a leaf": (
            issue("client", issuer=leaf, client=True, **DATES),
            "400 The SSL",
            "invalid CA certificate",
        ),
        "without its intermediate": (
            Minted(lone.cert, lone.key),
            "400 The SSL certificate error: unable to verify the first certificate",
            "unable to get local issuer certificate",
        ),
    }


BAD_CLIENTS = (
    "none",
    "another CA",
    "self-signed",
    "expired",
    "not yet valid",
    "a server's",
    "issued by a leaf",
    "without its intermediate",
)


@both_versions
@both_places
@pytest.mark.parametrize("name", BAD_CLIENTS)
def test_a_bad_client_is_refused_by_the_server(world: World, name: str, version: Version, refuses: str) -> None:
    """By a status as nginx does, or by an alert, which in TLS 1.3 reaches the client after its handshake."""
    minted, in_http, in_handshake = bad_clients(world)[name]
    client = world.client_end(minted) if minted else world.client_end(cert_chain_pem=None, key_pem=None)
    outcome = exchange(client, world.server_end(refuses=refuses), version=version)
    assert (outcome.accepted, outcome.refused_by) == (False, "server")
    assert outcome.reason.startswith(in_http if refuses == "in_http" else in_handshake), outcome.reason
    assert outcome.status == ("400" if refuses == "in_http" else "refuse")


@both_versions
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trust_pem": None}, "unable to get local issuer certificate"),
        ({"check_name": "other.example.com"}, f"host name mismatch: other.example.com is not among DNS:{NAME}"),
        ({"at": AFTER + timedelta(days=1)}, "certificate has expired"),
        ({"at": BEFORE - timedelta(days=1)}, "certificate is not yet valid"),
    ],
)
def test_a_bad_server_is_refused_by_the_client(
    world: World, change: dict[str, Any], reason: str, version: Version
) -> None:
    """Trust, name and date; and the server never gets a request."""
    asked: list[Request] = []

    def answer(_: Session, request: Request) -> Response:
        asked.append(request)
        return Response(200)

    outcome = exchange(world.client_end(**change), world.server_end(answer=answer), version=version)
    assert (outcome.accepted, outcome.refused_by) == (False, "client")
    assert outcome.reason.startswith(reason), outcome.reason
    assert asked == []


def test_a_client_that_does_not_verify_takes_any_server(world: World) -> None:
    """Neither trust nor name nor date."""
    client = world.client_end(verify=False, trust_pem=None, check_name="other", at=AFTER + timedelta(days=9))
    assert exchange(client, world.server_end()).accepted


@pytest.mark.parametrize(("depth", "ok"), [(0, False), (1, True), (2, True)])
def test_depth_counts_the_intermediates(world: World, depth: int, ok: bool) -> None:
    """At either end: one intermediate passes at 1."""
    minted = issue(NAME, issuer=world.intermediate, client=True, server=True, dns_names=[NAME], **DATES)
    deep = world.server_end(cert_chain_pem=minted.chain_pem, key_pem=minted.key_pem)
    assert exchange(world.client_end(depth=depth), deep).accepted is ok
    assert exchange(world.client_end(minted), world.server_end(depth=depth)).accepted is ok


def test_what_the_file_lacks_is_not_sent(world: World) -> None:
    """An intermediate that the server itself trusts does not complete what it shows."""
    minted = issue(NAME, issuer=world.intermediate, server=True, dns_names=[NAME], **DATES)
    bundle = world.ca.cert_pem + world.intermediate.cert_pem
    server = world.server_end(cert_chain_pem=minted.cert_pem, key_pem=minted.key_pem, client_ca_pem=bundle)
    assert not exchange(world.client_end(), server).accepted


def test_partial_chains(world: World) -> None:
    """Trust in an intermediate alone is enough only where the client says so."""
    minted = issue(NAME, issuer=world.intermediate, server=True, dns_names=[NAME], **DATES)
    server = world.server_end(cert_chain_pem=minted.chain_pem, key_pem=minted.key_pem)
    client = world.client_end(trust_pem=world.intermediate.cert_pem)
    assert not exchange(client, server).accepted
    assert exchange(replace(client, partial_chain=True), server).accepted


@pytest.mark.parametrize("name", ["none", "another CA", "self-signed", "a server's", "expired", "not yet valid"])
def test_optional_no_ca_objects_to_dates_only(world: World, name: str) -> None:
    """Shared mode's listener: anybody gets through whose certificate is in date, to be judged above."""
    minted, _, _ = bad_clients(world)[name]
    client = world.client_end(minted) if minted else world.client_end(cert_chain_pem=None, key_pem=None)
    outcome = exchange(client, world.server_end(verify="optional_no_ca", client_ca_pem=None))
    assert outcome.status == ("400" if name in ("expired", "not yet valid") else "200"), outcome


def test_optional_objects_to_bad_certificates_but_not_to_none(world: World) -> None:
    """And off asks for none at all."""
    bad, _, _ = bad_clients(world)["another CA"]
    assert exchange(world.client_end(cert_chain_pem=None), world.server_end(verify="optional")).accepted
    assert not exchange(world.client_end(bad), world.server_end(verify="optional")).accepted
    outcome = exchange(world.client_end(bad), world.server_end(verify="off"))
    assert (outcome.accepted, outcome.seen_by_server) == (True, ())


def test_what_the_server_says_above_tls(world: World) -> None:
    """A status of 400 and more is a refusal with its text; closing without an answer has a reason."""
    refused = exchange(world.client_end(), world.server_end(answer=lambda *_: Response(401, "no")))
    assert (refused.accepted, refused.refused_by, refused.reason, refused.status) == (False, "server", "401 no", "401")
    closed = exchange(world.client_end(), world.server_end(answer=lambda *_: Closed("digests differ")))
    assert (closed.accepted, closed.refused_by, closed.reason) == (False, "server", "digests differ")
    assert closed.status == "refuse"


@pytest.mark.parametrize(
    ("side", "change", "reason"),
    [
        ("client", {"cert_chain_pem": b"x"}, "the client cannot start: the certificate is no PEM certificate"),
        ("client", {"key_pem": b"x"}, "the client cannot start: the private key is no unencrypted PEM key"),
        ("client", {"key_pem": None}, "the client cannot start: the private key is no unencrypted PEM key"),
        ("client", {"trust_pem": b""}, "the client cannot start: the trust is no PEM certificate"),
        ("server", {"key_pem": b"x"}, "the server cannot start: the private key is no unencrypted PEM key"),
        ("server", {"client_ca_pem": b"x"}, "the server cannot start: the trust is no PEM certificate"),
    ],
)
def test_an_end_that_cannot_start_refuses(world: World, side: str, change: dict[str, Any], reason: str) -> None:
    """No exception: it is how the configuration comes out."""
    client = world.client_end(**(change if side == "client" else {}))
    server = world.server_end(**(change if side == "server" else {}))
    outcome = exchange(client, server)
    assert (outcome.accepted, outcome.refused_by, outcome.reason) == (False, side, reason)


@pytest.mark.parametrize("kind", ["P-256", "RSA-2048"])
def test_a_key_of_another_certificate(world: World, kind: str) -> None:
    """OpenSSL refuses the pair, whether or not the kinds agree; nothing of the key is shown."""
    other = issue("x", key=new_key(kind), **DATES)
    outcome = exchange(world.client_end(key_pem=other.key_pem), world.server_end())
    assert outcome.refused_by == "client"
    assert outcome.reason.startswith("the client cannot start: OpenSSL refuses the certificate with this key")


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048", "Ed25519"])
def test_kinds_of_keys(world: World, kind: str) -> None:
    """Each kind serves both ends; Ed25519 cannot serve CAs older than TLS 1.3, but its certificates are fine."""
    key = new_key(kind)
    minted = issue(NAME, issuer=world.ca, key=key, client=True, server=True, dns_names=[NAME], **DATES)
    server = world.server_end(cert_chain_pem=minted.chain_pem, key_pem=minted.key_pem)
    assert exchange(world.client_end(minted), server).accepted


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("a.example.com", "201"),
        ("A.Example.COM", "201"),
        ("b.example.com", "202"),
        ("deep.b.example.com", "202"),
        ("example.com", "200"),
        ("other.org", "200"),
        (None, "200"),
    ],
)
def test_settings_by_server_name(world: World, asked: str | None, status: str) -> None:
    """An exact name, then wildcards of ever shorter suffixes, then the server's own settings."""
    by_name = {
        "a.example.com": world.server_end(answer=lambda *_: Response(201)),
        "*.example.com": world.server_end(answer=lambda *_: Response(202)),
    }
    client = world.client_end(server_name=asked, check_name=None)
    assert exchange(client, world.server_end(by_name=by_name)).status == status


def test_nothing_of_a_handshake_is_resumed(world: World) -> None:
    """After a good exchange a bad one of the same server is as bad as before."""
    server = world.server_end()
    outcomes: list[Outcome] = []
    for client in (world.client_end(), world.client_end(cert_chain_pem=None), world.client_end()):
        outcomes.append(exchange(client, server))
    assert [outcome.accepted for outcome in outcomes] == [True, False, True]


def test_descriptions_hide_keys(world: World) -> None:
    """Neither end's repr shows its key."""
    assert "PRIVATE KEY" not in repr(world.client_end()) + repr(world.server_end())


def test_unknown_objections_have_a_number() -> None:
    """OpenSSL knows more of them than there are texts here."""
    assert str(VerifyError(99, 0)) == "verification error 99"
    assert str(VerifyError(10, 1)) == "certificate has expired (depth 1)"


def test_handshakes_are_quick(world: World) -> None:
    """Less than 10 ms of processor time each, on average."""
    client, server = world.client_end(), world.server_end()
    start = time.process_time()
    for _ in range(20):
        exchange(client, server)
    assert (time.process_time() - start) / 20 < 0.010


def test_a_handshake_that_went_through_is_judged_again_as_if_it_were_played(world: World) -> None:
    """Names, statuses and answers come out as from a socket, by what the ends of this very visit say."""
    client, server = world.client_end(), world.server_end()
    stranger = issue("stranger", issuer=world.other, client=True, **DATES)
    heard: list[str | None] = []

    def answer(session: Session, request: Request) -> Response | Closed:
        heard.append(session.server_name)
        return Closed("no such route") if request.path == "/none" else Response(403, request.host)

    met: Meetings = {}
    for end, target, path in (
        (client, server, "/"),
        (replace(client, check_name="another.example.com"), server, "/"),
        (replace(client, server_name="a.example.com", check_name=None), replace(server, answer=answer), "/"),
        (client, replace(server, answer=answer), "/none"),
        (replace(client, cert_chain_pem=None, key_pem=None), server, "/"),
        (replace(client, cert_chain_pem=stranger.chain_pem, key_pem=stranger.key_pem), server, "/"),
    ):
        request = Request("host.example.com", path)
        played = exchange(end, target, request)
        assert [revisit(met, end, target, request) for _ in range(2)] == [played, played]
    assert heard == ["a.example.com"] * 3 + [NAME] * 3
    assert len(met) == 3  # the good client's, that of nobody, the stranger's: nginx objects above TLS


def test_a_handshake_that_fails_is_played_each_time(world: World) -> None:
    """Nothing is kept of it."""
    met: Meetings = {}
    client, server = replace(world.client_end(), trust_pem=world.other.cert_pem), world.server_end()
    outcomes = [revisit(met, client, server, Request()) for _ in range(2)]
    assert [(one.refused_by, one.accepted) for one in outcomes] == [("client", False)] * 2
    assert met == {}
