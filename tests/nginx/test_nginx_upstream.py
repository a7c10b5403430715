"""The gateway's end towards upstreams: nginx with the rendered directives, and handshake.py, say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kong_mtls.reader.chart import kong_releases
from kong_mtls.reader.manifests import Objects
from kong_mtls.rehearsal.links.ends import ClientEnd, Outcome, Request, ServerEnd
from kong_mtls.rehearsal.links.handshake import exchange
from kong_mtls.rehearsal.links.upstream_settings import EffectiveUpstream, effective
from kong_mtls.rehearsal.mint import Minted
from tests.links.gateway_world import World, route, tls, world
from tests.nginx.driver import Answer, Folder, ask, folder, injected, kong_location, lines, running, text_of
from tests.nginx.peers import NAME, NOW, authority, leaf
from tests.reader import kic_world as kic

TRUST = "/etc/secrets/trust/ca.crt"
PAIR = "/etc/secrets/gateway-client"
GOOD = leaf("echo", "Upstreams", server=True, dns=(NAME,))
MINE = leaf("gateway", "Gateways", client=True)


@dataclass(frozen=True)
class Case:
    """One gateway and one upstream.

    Attributes:
        expected: 200; 502 where the gateway refuses; 400 where the upstream does.
        env: directives of the data plane beside verification, trust and the pair; None takes one away.
        mine: the gateway's pair.
        theirs: the upstream's certificate.
        demands: whether the upstream wants a client certificate.
        name: the host name that is verified.
        why: what nginx or handshake.py says; part of it.
    """

    expected: int
    env: dict[str, str | None] | None = None
    mine: Minted | None = MINE
    theirs: Minted = GOOD
    demands: bool = True
    name: str = NAME
    why: str = ""


def named(*dns: str, common: str = "echo") -> Minted:
    return leaf(common, "Upstreams", server=True, dns=dns)


OFF: dict[str, str | None] = {"nginx_proxy_proxy_ssl_verify": "off"}


def depth(number: int) -> dict[str, str | None]:
    return {"nginx_proxy_proxy_ssl_verify_depth": str(number)}


def behind(intermediates: int) -> Minted:
    return leaf("echo", "Upstreams", server=True, dns=(NAME,), intermediates=intermediates)


CASES: dict[str, Case] = {
    "right pair": Case(200),
    "no demand": Case(200, demands=False, mine=None),
    "no pair": Case(400, mine=None, why="No required SSL certificate was sent"),
    "another CA's pair": Case(400, mine=leaf("gateway", "Strangers", client=True), why="The SSL certificate error"),
    "expired pair": Case(
        400, mine=leaf("gateway", "Gateways", client=True, start=-30, days=29), why="certificate error"
    ),
    "pair not yet valid": Case(400, mine=leaf("gateway", "Gateways", client=True, start=2), why="certificate error"),
    "pair for servers only": Case(400, mine=leaf("gateway", "Gateways", server=True), why="certificate error"),
    "untrusted upstream": Case(502, theirs=leaf("echo", "Strangers", server=True, dns=(NAME,))),
    "expired upstream": Case(502, theirs=leaf("echo", "Upstreams", server=True, dns=(NAME,), start=-30, days=29)),
    "upstream not yet valid": Case(502, theirs=leaf("echo", "Upstreams", server=True, dns=(NAME,), start=2)),
    "upstream with a client's certificate": Case(502, theirs=leaf("echo", "Upstreams", client=True, dns=(NAME,))),
    "wrong name": Case(502, theirs=named("other.app.svc")),
    "name in capitals": Case(200, theirs=named("ECHO.app.svc")),
    "wildcard": Case(200, theirs=named("*.app.svc")),
    "wildcard over two labels": Case(502, theirs=named("*.svc")),
    "wildcard in part of a label": Case(200, theirs=named("ec*.app.svc")),
    "second name": Case(200, theirs=named("echo", "echo.app", NAME)),
    "common name alone": Case(200, theirs=named(common=NAME)),
    "common name beside other names": Case(502, theirs=named("other.app.svc", common=NAME)),
    "the address of a pod": Case(502, name="10.0.0.1"),
    "verification off, stranger": Case(200, OFF, theirs=leaf("x", "Strangers", server=True, dns=("x",))),
    "verification off, expired": Case(200, OFF, theirs=leaf("echo", "Upstreams", server=True, start=-30, days=29)),
    "verification off, no pair": Case(400, OFF, mine=None),
    "depth 0, none between": Case(200, depth(0)),
    "depth 0, one between": Case(502, depth(0), theirs=behind(1)),
    "default depth, one between": Case(200, {"nginx_proxy_proxy_ssl_verify_depth": None}, theirs=behind(1)),
    "default depth, two between": Case(502, {"nginx_proxy_proxy_ssl_verify_depth": None}, theirs=behind(2)),
    "depth 2, two between": Case(200, depth(2), theirs=behind(2)),
    "depth 2, three between": Case(502, depth(2), theirs=behind(3)),
    "intermediate not sent": Case(502, depth(2), theirs=replace(behind(1), issuer=None)),
    "pair through an intermediate": Case(200, mine=leaf("gateway", "Gateways", client=True, intermediates=1)),
    "pair without its intermediate": Case(
        400, mine=replace(leaf("gateway", "Gateways", client=True, intermediates=1), issuer=None)
    ),
}


def files(case: Case) -> World:
    """The data plane of a case, as files."""
    env: dict[str, Any] = {
        "nginx_proxy_proxy_ssl_verify": "on",
        "nginx_proxy_proxy_ssl_verify_depth": "1",
        "nginx_proxy_proxy_ssl_trusted_certificate": TRUST,
    }
    if case.mine is not None:
        env |= {
            "nginx_proxy_proxy_ssl_certificate": f"{PAIR}/tls.crt",
            "nginx_proxy_proxy_ssl_certificate_key": f"{PAIR}/tls.key",
        }
    trust = kic.secret("trust", {"ca.crt": authority("Upstreams").cert_pem.decode()}, namespace="kong-dp")
    annotations = {"protocol": "https"} | ({} if case.name[0].isdigit() else {"host-header": case.name})
    of = world().plus(
        route=route({"preserve-host": "false"}), service=kic.service(annotations=annotations), trust=trust
    )
    if case.mine is not None:
        of = of.plus(pair=tls("gateway-client", case.mine, namespace="kong-dp"))
    return of.values(**(env | (case.env or {})))


def gateway_end(settings: EffectiveUpstream, name: str) -> ClientEnd:
    cert, key = settings.pair or (None, None)
    return ClientEnd(
        NOW,
        cert,
        key,
        settings.trust_pem,
        verify=settings.verify,
        depth=settings.depth,
        server_name=None if name[0].isdigit() else name,
        check_name=name,
    )


def upstream_end(case: Case) -> ServerEnd:
    ca_pem = authority("Gateways").cert_pem if case.demands else None
    chain, key = case.theirs.chain_pem, case.theirs.key_pem
    return ServerEnd(chain, key, NOW, ca_pem, "on" if case.demands else "off")


def by_handshake(objects: Objects, case: Case) -> Outcome:
    (settings,) = effective(objects, NOW)
    assert settings.broken == settings.unknown == ""
    return exchange(gateway_end(settings, case.name), upstream_end(case), Request(case.name))


def add(of: Folder, label: str, case: Case) -> None:
    """Both ends of a case as servers of one nginx, each with a socket of its own."""
    up = {
        "ssl_certificate": of.file(f"{label}/up.crt", case.theirs.chain_pem),
        "ssl_certificate_key": of.file(f"{label}/up.key", case.theirs.key_pem),
    }
    demand = {
        "ssl_verify_client": "on",
        "ssl_client_certificate": of.file("gateways.crt", authority("Gateways").cert_pem),
    }
    of.server(f"{label}-up", lines(up | (demand if case.demands else {})), tls=True, location=["return 200 ok;"])
    objects = files(case).read()
    (release,) = kong_releases(objects)
    inner = Folder(of.path / "files" / label)
    directives = injected(release, objects, inner)
    of.server(label, directives, tls=False, location=kong_location(of.socket(f"{label}-up"), case.name))


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, Answer]]:
    """Every case asked of one nginx."""
    with folder() as of:
        labels = {name: f"c{number}" for number, name in enumerate(CASES)}
        for name, case in CASES.items():
            add(of, labels[name], case)
        with running(of):
            yield {name: ask(of.socket(label)) for name, label in labels.items()}


@pytest.mark.parametrize("name", CASES)
def test_nginx_and_handshake_agree(name: str, answers: dict[str, Answer]) -> None:
    """Who refuses, and with which status, is the same at a real nginx and in the proof."""
    case, answer = CASES[name], answers[name]
    outcome = by_handshake(files(case).read(), case)
    refused_by = {200: None, 502: "client", 400: "server"}
    assert answer.status == case.expected, answer.text
    assert outcome.refused_by == refused_by[case.expected], outcome.reason
    if case.why:
        assert case.why in text_of(answer)
        assert case.why in outcome.reason


def test_sessions_are_resumed_unless_switched_off() -> None:
    """Without proxy_ssl_session_reuse off a location without a pair rides on the session of one with it."""
    ca = authority("Gateways").cert_pem
    with folder() as of:
        pair = {
            "proxy_ssl_certificate": of.file("my.crt", MINE.chain_pem),
            "proxy_ssl_certificate_key": of.file("my.key", MINE.key_pem),
        }
        up = {
            "ssl_certificate": of.file("up.crt", GOOD.chain_pem),
            "ssl_certificate_key": of.file("up.key", GOOD.key_pem),
            "ssl_client_certificate": of.file("ca.crt", ca),
            "ssl_verify_client": "on",
        }
        for reuse in ("on", "off"):
            of.server(f"up-{reuse}", lines(up), tls=True, location=["return 200 ok;"])
            location = [f"proxy_ssl_session_reuse {reuse};", f"proxy_pass https://unix:{of.socket(f'up-{reuse}')}:;"]
            of.server(f"with-{reuse}", lines(pair), tls=False, location=location)
            of.server(f"without-{reuse}", [], tls=False, location=location)
        with running(of):
            status = {
                name: [ask(of.socket(f"{name}-{reuse}")).status for reuse in ("on", "off")]
                for name in ("with", "without")
            }
    assert status == {"with": [200, 200], "without": [200, 400]}
