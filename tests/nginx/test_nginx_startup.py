"""What nginx refuses to start with, and that the effective settings say so too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kong_mtls.reader.chart import kong_releases
from kong_mtls.rehearsal.links.upstream_settings import effective
from tests.nginx.driver import check, folder, injected, kong_location
from tests.nginx.peers import NAME, NOW, leaf
from tests.nginx.test_nginx_upstream import MINE, Case, by_handshake, files

REFUSED: dict[str, tuple[dict[str, str | None], str, str]] = {
    "depth on": (
        {"nginx_proxy_proxy_ssl_verify_depth": "on"},
        "invalid number",
        "invalid number",
    ),
    "no trust": (
        {"nginx_proxy_proxy_ssl_trusted_certificate": None},
        "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
        "no proxy_ssl_trusted_certificate",
    ),
    "trust that isn't mounted": (
        {"nginx_proxy_proxy_ssl_trusted_certificate": "/etc/secrets/elsewhere/ca.crt"},
        "elsewhere/ca.crt",
        "nothing is mounted",
    ),
    "verify yes": ({"nginx_proxy_proxy_ssl_verify": "yes"}, "it must be", "on or off"),
    "certificate without key": (
        {"nginx_proxy_proxy_ssl_certificate_key": None},
        'no "proxy_ssl_certificate_key" is defined',
        "proxy_ssl_certificate_key",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nginx_refuses_what_the_proof_calls_broken(name: str) -> None:
    """The same environment: nginx -t fails, and no handshake is tried."""
    env, nginx_says, we_say = REFUSED[name]
    objects = files(Case(0, env)).read()
    (release,) = kong_releases(objects)
    with folder() as of:
        of.server("gateway", injected(release, objects, of), tls=False, location=kong_location(of.socket("up"), NAME))
        assert nginx_says in check(of)
    (settings,) = effective(objects, NOW)
    assert we_say in settings.broken


def test_nginx_starts_with_what_is_right() -> None:
    """The control: the unchanged environment passes nginx -t."""
    objects = files(Case(200)).read()
    (release,) = kong_releases(objects)
    with folder() as of:
        of.server("gateway", injected(release, objects, of), tls=False, location=kong_location(of.socket("up"), NAME))
        assert check(of) == ""
    (settings,) = effective(objects, NOW)
    assert settings.broken == ""


def test_a_pair_that_doesnt_match_is_refused_by_both() -> None:
    """nginx loads the pair at start; the proof can't set up its end."""
    mixed = replace(MINE, key=leaf("other", "Gateways", client=True).key)
    case = Case(0, mine=mixed)
    objects = files(case).read()
    (release,) = kong_releases(objects)
    with folder() as of:
        of.server("gateway", injected(release, objects, of), tls=False, location=kong_location(of.socket("up"), NAME))
        assert "key values mismatch" in check(of)
    assert "the client cannot start" in by_handshake(objects, case).reason
