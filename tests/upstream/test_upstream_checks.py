"""Arguments of upstream mTLS that can't work are refused before the first resource, all in one message."""

from datetime import timedelta
from typing import Any

import pulumi
import pytest

from kong_mtls import InputError, UpstreamMtls
from kong_mtls.rehearsal.stage import ProgramFailed
from kong_mtls.upstream_args import UpstreamMtlsArgs
from kong_mtls.upstream_checks import problems, unverified
from kong_mtls.upstream_pair import given_client_pair
from tests.upstream.conftest import Mint, Stage

ECHO = {"name": "echo", "namespace": "apps"}
TRUST = {"config_maps": ["corporate-ca"]}


def found(**given: Any) -> list[str]:
    """Problems of a component with one Service and a trust, unless said otherwise."""
    args: UpstreamMtlsArgs = {"services": [ECHO], "trust": TRUST, **given}  # type: ignore[typeddict-item]
    return problems(args)


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    """A Service by patch, one to come, a route, and a Service of another namespace."""
    services = [ECHO, {"name": "new", "namespace": "apps", "patch": False}, {"name": "echo", "namespace": "shop"}]
    routes = [{"name": "echo", "namespace": "apps"}, {"name": "echo", "namespace": "apps", "kind": "HTTPRoute"}]
    assert found(services=services, routes=routes) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"services": [{**ECHO, "name": "Echo"}]}, ["services: apps/Echo: name: 'Echo' can't be used"]),
        ({"services": [{**ECHO, "namespace": "a.b"}]}, ["services: a.b/echo: namespace: 'a.b' can't be used"]),
        ({"services": [{**ECHO, "protocol": "http"}]}, ["services: apps/echo: protocol: 'http' carries no TLS"]),
        ({"services": [ECHO, ECHO]}, ["services: apps/echo is listed twice; list it once"]),
        (
            {"services": [ECHO, {**ECHO, "verify_depth": 2, "protocol": "tls"}]},
            ["apps/echo is listed twice with different protocol, verify_depth"],
        ),
        ({"edition": "pro"}, ["edition: 'pro' is not known; allowed: enterprise, oss"]),
        ({"gateway_version": "latest"}, ["gateway_version: 'latest' is no version"]),
        (
            {"services": [{**ECHO, "verify": False}], "gateway_version": "3.14.0.1"},
            ["verify: false is refused by gateway 3.14"],
        ),
        ({"trust": None}, ["trust: apps/echo would be verified against nobody"]),
        (
            {"trust": {}, "services": [{**ECHO, "name": f"s{number}"} for number in range(7)]},
            ["apps/s0, apps/s1, apps/s2, apps/s3, apps/s4 and 2 more would be verified against nobody"],
        ),
        ({"trust": {"secrets": ["kong/ca"]}}, ["trust.secrets: 'kong/ca' names a namespace"]),
        ({"trust": {**TRUST, "kind": "Pod"}}, ["trust.kind: 'Pod' is not known; allowed: ConfigMap, Secret"]),
        (
            {"client_certificate": {"existing_secret": "kong/pair"}},
            ["client_certificate.existing_secret: 'kong/pair' names a namespace", "namespace of every Service"],
        ),
        (
            {"client_certificate": {"certificate_pem": "x"}},
            ["certificate_pem alone is half a pair"],
        ),
        (
            {"client_certificate": {"existing_secret": "pair", "issue": {}}},
            ["client_certificate: issue and existing_secret exclude each other"],
        ),
        (
            {"client_certificate": {"existing_secret": "pair", "secret_name": "other"}},
            ["secret_name names what is made; with existing_secret nothing is"],
        ),
        (
            {"client_certificate": {"existing_secret": "pair"}, "without_client_certificate": True},
            ["client_certificate and without_client_certificate exclude each other"],
        ),
        (
            {"server_certificates": {"services": [ECHO, ECHO]}},
            ["server_certificates: services: apps/echo is listed twice"],
        ),
        (
            {"server_certificates": {"services": [{**ECHO, "dns_names": ["Echo_1"]}]}},
            ["server_certificates: services: apps/echo: dns_names: 'Echo_1' is no DNS name"],
        ),
        (
            {"server_certificates": {"services": [ECHO], "authority": {"issuing": "g2"}}},
            ["server_certificates.authority: issuing 'g2' is not among the generations g1"],
        ),
        (
            {"server_certificates": {"services": [ECHO], "leaf": {"validity_hours": 24, "early_renewal_hours": 24}}},
            ["server_certificates.leaf: renewed 24 hours before its end but valid for 24 hours only"],
        ),
        (
            {"client_certificate": {"issue": {"authority": {"successor_hours": 100}}}},
            ["client_certificate.issue.leaf", "2160 hours"],
        ),
        (
            {"client_certificate": {"issue": {"authority": {"key": "DSA"}}}},
            ["client_certificate.issue.authority.key: 'DSA' is not known"],
        ),
        (
            {"client_certificate": {"issue": {}, "trust_pem": "x"}},
            ["client_certificate.trust_pem: not used with a pair that is issued here"],
        ),
        (
            {"client_certificate": {"existing_secret": "pair", "trust_pem": "no PEM"}},
            ["client_certificate.trust_pem: is no PEM certificate"],
        ),
        ({"routes": [{**ECHO, "kind": "TCPRoute"}]}, ["kind 'TCPRoute' is not known; allowed: Ingress, HTTPRoute"]),
        ({"routes": [ECHO, ECHO]}, ["routes: Ingress apps/echo is listed twice"]),
        (
            {"routes": [{**ECHO, "backends": ["echo", "shop/cart"]}]},
            ["routes: apps/echo: shop/cart: is none of the services", "drops"],
        ),
    ],
)
def test_each_mistake_is_named_with_its_value_and_what_is_allowed(given: dict[str, Any], words: list[str]) -> None:
    """One problem each."""
    problems_found = found(**given)
    assert len(problems_found) == 1, problems_found
    for word in words:
        assert word in problems_found[0]


def test_services_behind_one_route_are_to_be_annotated_alike() -> None:
    """Each annotation that differs, with the values and the Services that have them."""
    services = [
        {**ECHO, "verify_depth": 2},
        {"name": "echo-canary", "namespace": "apps", "client_certificate_secret": "own"},
    ]
    route = {"name": "echo", "namespace": "apps", "kind": "HTTPRoute", "backends": ["echo", "echo-canary"]}
    differing = [problem.split(": ")[2].split(" ")[0] for problem in found(services=services, routes=[route])]
    assert differing == ["konghq.com/client-cert", "konghq.com/host-header", "konghq.com/tls-verify-depth"]
    header = found(services=services, routes=[route])[1]
    assert "echo.apps.svc on apps/echo, echo-canary.apps.svc on apps/echo-canary" in header
    assert "the controller would drop the route" in header


def test_services_behind_one_route_with_the_same_settings_are_fine() -> None:
    """Also in two namespaces: what the component makes has the same name in both."""
    services = [
        {**ECHO, "host_header": "echo.example"},
        {"name": "e2", "namespace": "b", "host_header": "echo.example"},
    ]
    route = {"name": "echo", "namespace": "apps", "kind": "HTTPRoute", "backends": ["echo", "b/e2"]}
    assert found(services=services, routes=[route]) == []


def test_a_service_is_annotated_alike_as_long_as_no_backends_are_shared() -> None:
    """Two paths of one Ingress are two backends."""
    services = [ECHO, {"name": "other", "namespace": "apps", "verify_depth": 3}]
    assert found(services=services, routes=[ECHO]) == []


def test_a_ca_that_kong_or_its_controller_would_refuse_is_refused_here(mint: Mint) -> None:
    """Not a CA, expired, several in one, a key among it, the same twice; by the key under which it was given."""
    authority, leaf = mint("ca", ca=True), mint("leaf", server=True)
    now = authority.cert.not_valid_before_utc
    expired = mint("old", ca=True, not_before=now - timedelta(days=9), not_after=now - timedelta(days=2))
    two = authority.cert_pem.decode() + leaf.cert_pem.decode()
    cases = {
        leaf.cert_pem.decode(): "is no CA",
        expired.cert_pem.decode(): "expired on",
        two: "holds 2 certificates",
        authority.key_pem.decode(): "holds a private key",
        "no PEM": "is no PEM certificate",
    }
    for pem, words in cases.items():
        (problem,) = found(trust={"authorities": {"corporate": pem}})
        assert problem.startswith("trust.corporate: ")
        assert words in problem
        assert "PRIVATE KEY-----" not in problem
    pem = authority.cert_pem.decode()
    assert found(trust={"authorities": {"corporate": pem}}) == []
    assert "are the same certificate" in found(trust={"authorities": {"a": pem, "b": pem}})[0]
    assert "are the same certificate" in found(trust={"authorities": {"a": pem}, "bundle_pem": pem})[0]
    assert "is in it twice" in found(trust={"bundle_pem": pem + pem})[0]
    assert "trust.authorities: key: 'A b'" in found(trust={"authorities": {"A b": pem}})[0]


def test_a_pair_of_the_users_own_has_to_be_a_clients_and_to_match(mint: Mint) -> None:
    """A key of another certificate, a server's certificate, one that is over; no message shows a key."""
    authority = mint("ca", ca=True)
    client, other = mint("gateway", issuer=authority, client=True), mint("other", issuer=authority, client=True)
    server = mint("server", issuer=authority, server=True)
    now = authority.cert.not_valid_before_utc
    old = mint("old", issuer=authority, client=True, not_before=now - timedelta(days=9), not_after=now)
    cases = [
        (client, other, "private_key_pem does not belong to the certificate"),
        (server, server, "its extended key usage lacks client_auth"),
        (old, old, "expired on"),
    ]
    for certificate, key, words in cases:
        with pytest.raises(InputError, match=words) as refused:
            given_client_pair(certificate.cert_pem.decode(), key.key_pem.decode(), "UpstreamMtls")
        assert "PRIVATE KEY-----" not in str(refused.value)


def test_unverified_services_are_named_in_one_warning() -> None:
    """However many there are."""
    off: Any = [{"name": f"s{number}", "namespace": "apps", "verify": False} for number in range(8)]
    warning = unverified([*off, ECHO])  # type: ignore[list-item]
    assert warning is not None
    assert "apps/s0, apps/s1, apps/s2, apps/s3, apps/s4 and 3 more" in warning
    assert unverified([ECHO]) is None  # type: ignore[list-item]


def test_everything_is_said_at_once_and_before_any_resource(stage: Stage) -> None:
    """Misspelt keys first, then what contradicts itself."""

    def play(**given: Any) -> str:
        with pytest.raises(ProgramFailed) as refused:
            stage(lambda: UpstreamMtls("upstream", {"services": [ECHO], **given}))  # type: ignore[typeddict-item]
        return str(refused.value)

    assert "servces" in play(servces=[]) or "did you mean" in play(servces=[])
    message = play(services=[{**ECHO, "protocol": "http", "verify_depth": 65}], edition="pro")
    assert message.startswith('UpstreamMtls "upstream": the arguments can\'t be used:')
    assert all(word in message for word in ("'http'", "verify_depth: 65", "edition: 'pro'", "against nobody"))
    assert "what: no" not in message


def test_a_service_that_two_components_annotate_is_refused(stage: Stage) -> None:
    """Each would undo what the other has set."""

    def program() -> None:
        for name in ("one", "two"):
            UpstreamMtls(name, {"services": [ECHO], "trust": TRUST})  # type: ignore[typeddict-item, list-item]

    with pytest.raises(ProgramFailed, match=r"upstream TLS of Service apps/echo is UpstreamMtls \"one\"'s already"):
        stage(program)


def test_a_given_ca_that_only_the_engine_knows_is_checked_by_the_engine(stage: Stage, mint: Mint) -> None:
    """At the update, since a preview doesn't know it."""
    leaf = mint("leaf", server=True).cert_pem.decode()

    def program() -> None:
        UpstreamMtls(
            "upstream",
            {"services": [ECHO], "trust": {"authorities": {"corporate": pulumi.Output.secret(leaf)}}},  # type: ignore[list-item]
        )

    with pytest.raises(ProgramFailed, match=r"trust\.authorities\.corporate: .* can't be a CA here"):
        stage(program)
