"""Settings of one Service as annotations, and the settings that are refused."""

from typing import Any

import pytest

from kong_mtls.reader.kic.annotation import PROTOCOLS
from kong_mtls.service_annotations import (
    Common,
    UpstreamServiceArgs,
    depth_problem,
    service_annotations,
    service_problems,
)

COMMON: Common = {
    "client_certificate_secret": "pair",
    "ca_secrets": None,
    "ca_config_maps": "ca-1,ca-2",
}


def service(**given: Any) -> UpstreamServiceArgs:
    """A Service with these settings."""
    return {"name": "echo", "namespace": "apps", **given}  # type: ignore[typeddict-item]


def test_a_service_without_settings_is_verified_under_its_own_name_and_shown_the_pair() -> None:
    """Secure by default, and every annotation with the prefix that controllers read."""
    assert service_annotations(service(), COMMON) == {
        "konghq.com/protocol": "https",
        "konghq.com/tls-verify": "true",
        "konghq.com/client-cert": "pair",
        "konghq.com/ca-certificates-configmaps": "ca-1,ca-2",
        "konghq.com/host-header": "echo.apps.svc",
    }


def test_a_services_own_settings_take_the_place_of_the_common_ones() -> None:
    """Pair, CAs of both kinds, depth, name and further annotations."""
    own = service(
        protocol="tls",
        verify_depth=0,
        host_header="echo.example.com",
        client_certificate_secret="own.pair",
        ca_secrets=["b", "a"],
        ca_config_maps=["c"],
        annotations={"konghq.com/read-timeout": "10000"},
    )
    assert service_problems(own) == []
    assert service_annotations(own, COMMON) == {
        "konghq.com/protocol": "tls",
        "konghq.com/tls-verify": "true",
        "konghq.com/tls-verify-depth": "0",
        "konghq.com/client-cert": "own.pair",
        "konghq.com/ca-certificates-secrets": "a,b",
        "konghq.com/ca-certificates-configmaps": "c",
        "konghq.com/host-header": "echo.example.com",
        "konghq.com/read-timeout": "10000",
    }


@pytest.mark.parametrize(
    ("given", "without"),
    [
        ({"verify": False}, {"ca-certificates-configmaps"}),
        ({"without_client_certificate": True}, {"client-cert"}),
        ({"data_plane_trust": True}, {"ca-certificates-configmaps"}),
        ({"host_header": ""}, {"host-header"}),
    ],
)
def test_what_is_switched_off_is_left_out(given: dict[str, Any], without: set[str]) -> None:
    """CAs without verification would be a failure of the controller's; the rest has no value for "none"."""
    everything = service_annotations(service(), COMMON)
    left = service_annotations(service(**given), COMMON)
    assert {key.removeprefix("konghq.com/") for key in everything.keys() - left.keys()} == without
    assert left["konghq.com/tls-verify"] == ("false" if given.get("verify") is False else "true")


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@pytest.mark.parametrize("edition", ["enterprise", "oss"])
def test_only_protocols_that_kong_takes_tls_settings_for_pass(protocol: str, edition: str) -> None:
    """https and tls; with Enterprise grpcs and wss. For the others the refusal says why."""
    allowed = {"https", "tls"} | ({"grpcs", "wss"} if edition == "enterprise" else set())
    problems = service_problems(service(protocol=protocol), edition)
    assert (problems == []) == (protocol in allowed)
    if problems:
        assert problems[0].startswith(f"protocol: {protocol!r}") or f"with {protocol!r}" in problems[0]
        assert "allowed: https, tls" in problems[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"protocol": "HTTPS"}, ["protocol: 'HTTPS'", "lower case"]),
        ({"protocol": "http"}, ["'http' carries no TLS", "drop the certificates"]),
        ({"protocol": "gopher"}, ["'gopher' is not known", "allowed: https, tls"]),
        ({"verify_depth": -1}, ["verify_depth: -1", "0 to 64"]),
        ({"verify_depth": 65}, ["verify_depth: 65", "0 to 64"]),
        ({"verify_depth": "on"}, ["verify_depth: 'on'", "counts intermediate", "doesn't start", "0 to 64"]),
        ({"verify_depth": True}, ["verify_depth: True", "counts intermediate"]),
        ({"client_certificate_secret": "kong/pair"}, ["client_certificate_secret: 'kong/pair'", "names a namespace"]),
        ({"ca_secrets": ["kong/ca"]}, ["ca_secrets: 'kong/ca'", "names a namespace", "'apps'"]),
        ({"ca_config_maps": ["CA"]}, ["ca_config_maps: 'CA' is no object's name"]),
        ({"ca_secrets": ["a,b"]}, ["ca_secrets: 'a,b' is no object's name"]),
        ({"ca_secrets": ["a", "b", "a"]}, ["ca_secrets: 'a' is listed twice"]),
        ({"host_header": "*.example.com"}, ["host_header: '*.example.com' is no host name"]),
        (
            {"client_certificate_secret": "pair", "without_client_certificate": True},
            ["client_certificate_secret and without_client_certificate exclude each other"],
        ),
        ({"ca_secrets": ["a"], "data_plane_trust": True}, ["ca_secrets and data_plane_trust exclude each other"]),
        ({"verify": False, "ca_secrets": ["a"]}, ["ca_secrets: not used with verify false"]),
        ({"verify": False, "verify_depth": 0}, ["verify_depth: not used with verify false"]),
        (
            {"annotations": {"configuration.konghq.com/client-cert": "pair"}},
            ["'configuration.konghq.com/client-cert'", "konghq.com/client-cert", "the field client_certificate_secret"],
        ),
        (
            {"annotations": {"configuration.konghq.com/retries": "5"}},
            ["no supported controller reads the prefix", "The modern name is konghq.com/retries"],
        ),
        ({"annotations": {"konghq.com/protocol": "http"}}, ["is set by the field protocol"]),
        ({"annotations": {"example.com/x": "y"}}, ["is none of the controller's", "konghq.com/"]),
    ],
)
def test_what_the_controller_would_drop_silently_is_refused_by_name(given: dict[str, Any], words: list[str]) -> None:
    """One problem, which names the field, the value and what is allowed."""
    problems = service_problems(service(**given))
    assert len(problems) == 1, problems
    for word in words:
        assert word in problems[0]


@pytest.mark.parametrize(("version", "refused"), [((3, 10), False), ((3, 13), False), ((3, 14), True), ((4, 0), True)])
def test_an_unverified_service_is_refused_where_the_gateway_would_refuse_it(
    version: tuple[int, int], refused: bool
) -> None:
    """From 3.14 a data plane that is sent one takes no configuration at all; verified ones are taken by any version."""
    problems = service_problems(service(verify=False), "enterprise", version)
    assert bool(problems) == refused
    assert all("tls_certificate_verify" in problem for problem in problems)
    assert service_problems(service(), "enterprise", version) == []


@pytest.mark.parametrize("depth", [None, 0, 1, 64])
def test_a_depth_is_a_number_of_intermediates(depth: int | None) -> None:
    """From none to what Kong's schema takes."""
    assert depth_problem(depth, "verify_depth") == []
