"""Kong services: TLS annotations, what contradicts them, and how the controller fails open."""

from __future__ import annotations

import pytest

from kong_mtls.reader.kic import KongService
from tests.reader.kic_world import (
    CA_ID,
    ca_secret,
    codes,
    ingress,
    made,
    pem,
    secret,
    service,
    tls_secret,
    translated,
)

MODERN = {
    "protocol": "https",
    "client-cert": "gateway",
    "tls-verify": "true",
    "tls-verify-depth": "2",
    "ca-certificates-secrets": "ca",
    "host-header": "echo.app.svc",
}
WORLD = [tls_secret("gateway"), ca_secret()]


def of(annotations: dict[str, str], *more: dict[str, object]) -> tuple[KongService, set[str]]:
    config = translated(ingress(), service(annotations=annotations), *more)
    return config.services[0], codes(config)


def test_a_service_that_is_right_in_every_part() -> None:
    """Every annotation arrives, with where it came from."""
    found, failures = of(MODERN, *WORLD)
    assert failures == set()
    assert (found.protocol, found.tls_verify, found.tls_verify_depth) == ("https", True, 2)
    assert found.ca_certificates == (CA_ID,)
    assert found.client_certificate is not None
    assert found.client_certificate.object == "Secret/app/gateway"
    assert found.host_header == "echo.app.svc"
    assert found.sources["tls_verify"] == "konghq.com/tls-verify on Service/app/echo"
    assert found.refused == ""


def changed(**changes: str | None) -> dict[str, str]:
    merged = MODERN | {key.replace("_", "-"): value for key, value in changes.items()}
    return {key: value for key, value in merged.items() if value is not None}


@pytest.mark.parametrize(
    ("annotations", "more", "code", "expected"),
    [
        (changed(client_cert="nowhere"), WORLD, "client-cert-missing", {"client_certificate": None}),
        (changed(client_cert="a/b"), WORLD, "client-cert-other-namespace", {"client_certificate": None}),
        (
            changed(),
            [ca_secret(), tls_secret("gateway", namespace="other")],
            "client-cert-missing",
            {"client_certificate": None},
        ),
        (
            changed(tls_verify=None, tls_verify_depth=None, ca_certificates_secrets=None, protocol=None),
            WORLD,
            "client-cert-non-tls-protocol",
            {"client_certificate": None, "refused": ""},
        ),
        (
            changed(),
            [ca_secret(), tls_secret("gateway", (pem("a")[0], pem("b")[1]))],
            "client-cert-bad-pair",
            {"client_certificate": None},
        ),
        (changed(), [ca_secret(), secret("gateway", {"tls.crt": pem()[0]})], "client-cert-bad-pair", {}),
        (changed(tls_verify="yes"), WORLD, "tls-verify-not-boolean", {"tls_verify": None}),
        (changed(tls_verify="false"), WORLD, "ca-certificates-without-verify", {"ca_certificates": None}),
        (changed(tls_verify_depth="on"), WORLD, "tls-verify-depth-not-integer", {"tls_verify_depth": None}),
        (changed(tls_verify_depth="-1"), WORLD, "tls-verify-depth-out-of-range", {"tls_verify_depth": -1}),
        (changed(tls_verify_depth="65"), WORLD, "tls-verify-depth-out-of-range", {"tls_verify_depth": 65}),
        (changed(ca_certificates_secrets="x"), WORLD, "service-ca-missing", {"tls_verify": True}),
        (
            changed(),
            [tls_secret("gateway"), ca_secret(labels={})],
            "service-ca-dangling",
            {"ca_certificates": (CA_ID,)},
        ),
        (changed(), [tls_secret("gateway"), ca_secret(uuid=None)], "service-ca-no-id", {"tls_verify": True}),
        (
            changed(ca_certificates_configmaps="ca"),
            [*WORLD, made("ConfigMap", "ca", data={"id": CA_ID, "cert": "x"})],
            "service-ca-not-watched",
            {"ca_certificates": (CA_ID,)},
        ),
        (changed(protocol="HTTPS"), WORLD, "service-protocol-invalid", {"protocol": "http"}),
        (changed(protocol="http"), WORLD, "ca-certificates-non-tls-protocol", {"ca_certificates": None}),
        (changed(protocol="grpcs"), WORLD, "service-tls-refused", {"protocol": "grpcs"}),
        (changed(protocol="http"), WORLD, "service-tls-refused", {"tls_verify": True}),
    ],
)
def test_what_is_wrong_with_a_service_has_a_name(
    annotations: dict[str, str], more: list[dict[str, object]], code: str, expected: dict[str, object]
) -> None:
    """Each failure, and what the service becomes all the same."""
    found, failures = of(annotations, *more)
    assert code in failures
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_go_booleans_are_true(text: str) -> None:
    """Everything that Go's ParseBool takes for true."""
    assert of(changed(tls_verify=text), *WORLD)[0].tls_verify is True


@pytest.mark.parametrize("annotations", [changed(protocol="http"), changed(tls_verify_depth="65")])
def test_kong_refuses_what_its_schema_forbids(annotations: dict[str, str]) -> None:
    """A refused service says why, and names no secret."""
    found, _ = of(annotations, *WORLD)
    assert found.refused
    assert "PRIVATE" not in found.refused


@pytest.mark.parametrize("protocol", ["grpcs", "wss"])
def test_only_open_source_kong_refuses_tls_settings_for_grpcs(protocol: str) -> None:
    """Enterprise verifies such upstreams too."""
    found, failures = of(changed(protocol=protocol), *WORLD)
    assert found.refused == ""
    assert "tls_verify" in found.refused_by_open_source
    assert failures == {"service-tls-refused"}


def test_what_was_asked_is_known_even_if_dropped() -> None:
    """A proof can tell a setting that failed from one that nobody wanted."""
    found, _ = of(changed(tls_verify="yes", client_cert="nowhere"), *WORLD)
    assert {"tls_verify", "client_certificate", "ca_certificates"} <= found.asked
    assert {"tls_verify", "client_certificate", "ca_certificates"} & set(found.sources) == set()


def test_a_missing_client_certificate_leaves_a_service_without_one() -> None:
    """It is created all the same: the controller fails open, and Kong doesn't refuse it."""
    found, _ = of(changed(client_cert="nowhere"), *WORLD)
    assert found.refused == ""
    assert found.client_certificate is None


def test_a_bad_pair_makes_kong_refuse_the_service() -> None:
    """The service then points to a certificate that was never made."""
    found, _ = of(changed(), ca_secret(), tls_secret("gateway", (pem("a")[0], pem("b")[1])))
    assert "Secret/app/gateway" in found.refused


def test_masked_pairs_are_neither_right_nor_wrong() -> None:
    """Of a masked Secret nothing is claimed."""
    found, failures = of(changed(), ca_secret(), secret("gateway", {"tls.crt": "(masked)", "tls.key": "(masked)"}))
    assert failures == set()
    assert found.client_certificate is not None
    assert not found.client_certificate.is_known


def two(first: dict[str, str], second: dict[str, str]) -> tuple[object, set[str]]:
    backends = [{"name": "a", "port": 80}, {"name": "b", "port": 80}]
    route = made(
        "HTTPRoute",
        "both",
        "gateway.networking.k8s.io/v1",
        spec={"parentRefs": [{"name": "kong"}], "rules": [{"backendRefs": backends}]},
    )
    listener = {"name": "web", "protocol": "HTTP", "port": 80}
    gateway = made(
        "Gateway",
        "kong",
        "gateway.networking.k8s.io/v1",
        spec={"gatewayClassName": "kong", "listeners": [listener]},
    )
    config = translated(route, gateway, service("a", first), service("b", second), *WORLD)
    return config, codes(config)


def test_services_that_agree_make_one_kong_service() -> None:
    """CA certificates are listed once for each Service, as the controller does."""
    config, failures = two(MODERN, MODERN)
    assert failures == set()
    (found,) = config.services  # type: ignore[attr-defined]
    assert found.backends == ("Service/app/a", "Service/app/b")
    assert found.ca_certificates == (CA_ID, CA_ID)


@pytest.mark.parametrize("second", [{}, changed(tls_verify="false", ca_certificates_secrets=None)])
def test_services_that_contradict_each_other_are_dropped_with_their_routes(second: dict[str, str]) -> None:
    """Neither the service nor the route reaches Kong."""
    config, failures = two(MODERN, second)
    assert "services-inconsistent" in failures
    assert [r for r in config.routes if r.service] == []  # type: ignore[attr-defined]


def policy(name: str, kind: str = "Secret", **options: str) -> dict[str, object]:
    validation = {"hostname": "echo.internal", "caCertificateRefs": [{"group": "", "kind": kind, "name": "ca"}]}
    spec = {
        "targetRefs": [{"group": "", "kind": "Service", "name": "echo"}],
        "validation": validation,
        "options": options,
    }
    return made("BackendTLSPolicy", name, "gateway.networking.k8s.io/v1alpha3", spec=spec)


def test_a_backend_tls_policy_speaks_for_the_service() -> None:
    """It turns verification on, sets protocol, name, depth and CA, and is the source of each."""
    found, failures = of({}, policy("p", **{"tls-verify-depth": "3"}), ca_secret())
    assert failures == set()
    assert (found.protocol, found.tls_verify, found.tls_verify_depth) == ("https", True, 3)
    assert found.host_header == "echo.internal"
    assert found.ca_certificates == (CA_ID,)
    assert found.sources["tls_verify"] == "BackendTLSPolicy/app/p"


def test_a_backend_tls_policy_makes_its_config_map_seen() -> None:
    """A ConfigMap needs no label for being referred to; without it, its id dangles."""
    config_map = made("ConfigMap", "ca", data={"id": CA_ID, "ca.crt": pem()[0]})
    found, failures = of({}, policy("p", "ConfigMap"), config_map)
    assert found.ca_certificates == (CA_ID,)
    assert failures == {"service-ca-dangling", "ca-object-unlabelled"}


def test_two_policies_for_one_service_are_both_left_out() -> None:
    """Then the service is plain http."""
    found, failures = of({}, policy("p"), policy("q"), ca_secret())
    assert failures == {"backend-tls-policies-many"}
    assert found.tls_verify is None


@pytest.mark.parametrize(
    ("annotations", "spec", "target"),
    [
        ({}, {}, None),
        ({"ingress.kubernetes.io/service-upstream": "true"}, {}, "echo.app.svc"),
        ({}, {"type": "ExternalName", "externalName": "api.example.org"}, "api.example.org"),
    ],
)
def test_targets(annotations: dict[str, str], spec: dict[str, str], target: str | None) -> None:
    """What Kong dials: pods, unless the Service is an upstream itself or an external name."""
    config = translated(ingress(), service(annotations=annotations, spec=spec))
    assert config.services[0].target == target


def test_annotated_services_without_a_route_are_known_too() -> None:
    """The route may be somewhere else; one without TLS annotations is none of ours."""
    patch = made("Service", "theirs", annotations={"konghq.com/protocol": "https", "konghq.com/tls-verify": "true"})
    config = translated(service("plain"), patches=[patch])
    assert [(each.name, each.routed) for each in config.services] == [("app.theirs", False)]
