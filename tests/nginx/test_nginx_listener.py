"""Enforcement by the listener: nginx with the rendered directives, handshake.py and the client link say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography import x509

from kong_mtls.reader.chart import kong_releases
from kong_mtls.rehearsal.links import client
from kong_mtls.rehearsal.links.ends import ClientEnd, ServerEnd
from kong_mtls.rehearsal.links.handshake import exchange
from kong_mtls.rehearsal.mint import Minted, issue
from tests.links.gateway_world import World, by_case, route, tls, world
from tests.nginx.driver import Answer, Folder, ask, folder, injected, lines, running, text_of
from tests.nginx.peers import DAY, NOW, authority, leaf
from tests.reader import kic_world as kic

HOST = "api.example.com"
GATEWAY = leaf("gateway", "Servers", server=True, dns=(HOST,))
CLIENTS = authority("Clients")
BAD = "The SSL certificate error"

EVERYTHING = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
# Like a CA of the guide's openssl command as far as it counts here: nothing forbids it to sign a handshake.
PERMISSIVE = issue("Clients", ca=True, key_usage=EVERYTHING, not_before=NOW - 9 * DAY, not_after=NOW + 99 * DAY)


@dataclass(frozen=True)
class Case:
    """One caller: what it shows, whom the listener trusts, the answer, and the client link's name for it."""

    shown: Minted | None
    status: int
    text: str
    row: str = ""
    trusted: Minted = CLIENTS


def _by_leaf() -> Minted:
    return issue(
        "below", issuer=leaf("caller", "Clients", client=True), client=True, not_before=NOW - DAY, not_after=NOW + DAY
    )


CASES = {
    "none": Case(None, 400, "No required SSL certificate was sent", "no certificate"),
    "valid": Case(leaf("caller", "Clients", client=True), 200, "in", "valid certificate"),
    "no usage at all": Case(leaf("plain", "Clients"), 200, "in"),
    "another CA's": Case(leaf("caller", "Strangers", client=True), 400, BAD, "another CA's certificate"),
    "expired": Case(leaf("caller", "Clients", client=True, start=-30, days=29), 400, BAD, "expired certificate"),
    "not yet valid": Case(leaf("caller", "Clients", client=True, start=2), 400, BAD, "certificate not yet valid"),
    "server's": Case(leaf("caller", "Clients", server=True), 400, BAD, "server certificate (no clientAuth)"),
    "by a leaf": Case(_by_leaf(), 400, BAD, "certificate issued by a leaf"),
    "the CA's own": Case(CLIENTS, 400, BAD, "the CA's own pair"),
    "a permissive CA's own": Case(PERMISSIVE, 200, "in", "the CA's own pair", PERMISSIVE),
    "one intermediate": Case(leaf("caller", "Clients", client=True, intermediates=1), 200, "in"),
    "two intermediates": Case(leaf("caller", "Clients", client=True, intermediates=2), 400, BAD),
}


def files(trusted: Minted) -> World:
    """A data plane whose listener demands certificates of a CA, which is in the files with its key."""
    trust = kic.secret("trust", {"ca.crt": trusted.cert_pem.decode()}, namespace="kong-dp")
    env = {
        "nginx_proxy_ssl_verify_client": "on",
        "nginx_proxy_ssl_client_certificate": "/etc/secrets/trust/ca.crt",
    }
    return (
        world()
        .without("plugin", "consumer", "credential")
        .plus(
            trust=trust,
            keys=tls("ca-pair", trusted),
            route=route({"plugins": "-"}),
            gateway=tls("gateway-tls", GATEWAY, namespace="kong-dp"),
            servers=kic.secret("server-ca", {"ca.crt": authority("Servers").cert_pem.decode()}),
        )
        .values(**env)
    )


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, Answer]]:
    """Every caller is an nginx that proxies to the listener with its certificate; one listener for each trust."""
    with folder() as of:
        for number, trusted in enumerate((CLIENTS, PERMISSIVE)):
            objects = files(trusted).read()
            (release,) = kong_releases(objects)
            own = {
                "ssl_certificate": of.file("gw.crt", GATEWAY.chain_pem),
                "ssl_certificate_key": of.file("gw.key", GATEWAY.key_pem),
            }
            where = Folder(of.path / "files" / f"gateway{number}")
            directives = [*lines(own), *injected(release, objects, where)]
            of.server(f"gateway{number}", directives, tls=True, location=["return 200 in;"])
        labels = {name: f"c{number}" for number, name in enumerate(CASES)}
        for name, case in CASES.items():
            target = of.socket("gateway0" if case.trusted is not PERMISSIVE else "gateway1")
            shown = {}
            if case.shown is not None:
                shown = {
                    "proxy_ssl_certificate": of.file(f"{labels[name]}.crt", case.shown.chain_pem),
                    "proxy_ssl_certificate_key": of.file(f"{labels[name]}.key", case.shown.key_pem),
                }
            location = ["proxy_ssl_session_reuse off;", f"proxy_pass https://unix:{target}:;"]
            of.server(labels[name], lines(shown), tls=False, location=location)
        with running(of):
            yield {name: ask(of.socket(label)) for name, label in labels.items()}


@pytest.mark.parametrize("name", CASES)
def test_nginx_handshake_and_link_agree(name: str, answers: dict[str, Answer]) -> None:
    """Status and text are nginx's own in all three."""
    case, answer = CASES[name], answers[name]
    assert (answer.status, text_of(answer)) == (case.status, case.text)
    shown = case.shown
    outcome = exchange(
        ClientEnd(NOW, shown.chain_pem if shown else None, shown.key_pem if shown else None, verify=False),
        ServerEnd(GATEWAY.chain_pem, GATEWAY.key_pem, NOW, case.trusted.cert_pem, "on"),
    )
    assert outcome.response is not None
    assert outcome.status == str(case.status)
    if case.status == 400:
        assert outcome.response.body == case.text
    if case.row:
        row = by_case(client.prove(files(case.trusted).read(), NOW), "every route")[case.row]
        assert (row.observed, row.ok) == (str(case.status), True)


def test_plain_http_passes_a_listener_by() -> None:
    """nginx verifies nothing without TLS: only the route's protocols keep it out, and the proof says so."""
    with folder() as of:
        objects = files(CLIENTS).read()
        (release,) = kong_releases(objects)
        of.server("plain", injected(release, objects, of), tls=False, location=["return 200 in;"])
        with running(of):
            assert ask(of.socket("plain")).status == 200
    lenient = files(CLIENTS).plus(route=route({"plugins": "-", "protocols": "http,https"}))
    row = by_case(client.prove(lenient.read(), NOW), "every route")["plain HTTP"]
    assert (row.observed, row.ok) == ("200", False)
