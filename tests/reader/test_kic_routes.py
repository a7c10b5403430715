"""Routes as the ingress controller makes them of Ingresses and HTTPRoutes."""

from __future__ import annotations

import pytest

from tests.reader.kic_world import (
    backend,
    codes,
    ingress,
    made,
    pem,
    protected,
    secret,
    service,
    tls_secret,
    translated,
)

GATEWAY_API = "gateway.networking.k8s.io/v1"


def test_a_route_that_is_right_in_every_part_has_no_failure() -> None:
    """Nothing is reported when nothing is wrong, and the route says all that the Ingress does."""
    config = translated(*protected())
    assert config.failures == ()
    (route,) = config.routes
    assert route.name == "app.echo.echo.api.example.com.80"
    assert (route.hosts, route.paths) == (("api.example.com",), ("/echo/", "~/echo$"))
    assert (route.protocols, route.snis) == (("https",), ("api.example.com",))
    assert route.preserve_host
    assert route.https_redirect_status_code == 426
    assert route.references == ("mtls",)
    assert route.unresolved == ()
    assert config.service(route.service).object == "Service/app/echo"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        ("/", "Prefix", ("/",)),
        ("/a/", "Prefix", ("/a/", "~/a$")),
        ("//a//b", "Prefix", ("/a/b/", "~/a/b$")),
        ("/a", "Exact", ("~/a$",)),
        ("/a", "ImplementationSpecific", ("/a",)),
        ("/~/a.*", "ImplementationSpecific", ("~/a.*",)),
    ],
)
def test_paths_become_kongs(path: str, kind: str, expected: tuple[str, ...]) -> None:
    """Each path type has its own form in Kong; expressions start with a tilde."""
    rule = {"http": {"paths": [{"path": path, "pathType": kind, "backend": backend()}]}}
    (route,) = translated(ingress(spec={"rules": [rule]}), service()).routes
    assert route.paths == expected
    assert route.hosts == ()


@pytest.mark.parametrize(
    ("annotations", "spec", "is_default", "taken"),
    [
        ({}, {"ingressClassName": "kong"}, False, True),
        ({}, {"ingressClassName": "nginx"}, False, False),
        ({"kubernetes.io/ingress.class": "kong"}, {"ingressClassName": None}, False, True),
        ({"kubernetes.io/ingress.class": "nginx"}, {"ingressClassName": "kong"}, False, False),
        ({}, {"ingressClassName": None}, False, False),
        ({}, {"ingressClassName": None}, True, True),
        ({}, {"ingressClassName": "nginx"}, True, False),
    ],
)
def test_classes_decide_which_ingress_is_taken(
    annotations: dict[str, str], spec: dict[str, str | None], is_default: bool, taken: bool
) -> None:
    """The annotation goes before the field; neither counts only when the class is the default one."""
    marks = {"ingressclass.kubernetes.io/is-default-class": str(is_default).lower()}
    ingress_class = made("IngressClass", "kong", "networking.k8s.io/v1", None, annotations=marks)
    config = translated(ingress(annotations=annotations, spec=spec), service(), ingress_class)
    assert bool(config.routes) is taken


def test_an_ingress_without_any_class_is_reported_when_it_asks_for_kong() -> None:
    """It is passed over silently by the controller, so a failure says so."""
    config = translated(ingress(annotations={"plugins": "mtls"}, spec={"ingressClassName": None}), service())
    assert codes(config) == {"ingress-class-missing"}


def test_another_class_can_be_served() -> None:
    """The controller's class is an argument, not a constant."""
    other = ingress(spec={"ingressClassName": "kong-internal"})
    assert translated(other, service()).routes == ()
    assert len(translated(other, service(), ingress_class="kong-internal").routes) == 1


@pytest.mark.parametrize(
    ("annotations", "protocols", "code"),
    [
        ({}, None, None),
        ({"protocols": "https"}, ("https",), None),
        ({"protocols": " https , http,"}, ("http", "https"), None),
        ({"protocols": "https,grpcs"}, ("http", "https"), "protocols-mixed"),
        ({"protocols": "grpcs"}, ("grpcs",), None),
        ({"protocols": "HTTPS"}, ("HTTPS",), "protocols-invalid"),
        ({"ingress.kubernetes.io/force-ssl-redirect": "true"}, ("https",), None),
    ],
)
def test_protocols(annotations: dict[str, str], protocols: tuple[str, ...] | None, code: str | None) -> None:
    """https with grpcs turns into http and https: the one way in which a stricter list opens plain HTTP."""
    config = translated(ingress(annotations=annotations), service())
    assert config.routes[0].protocols == protocols
    assert codes(config) == ({code} if code else set())
    assert bool(config.routes[0].refused) is (code == "protocols-invalid")


@pytest.mark.parametrize(
    ("annotations", "status", "code"),
    [
        ({"https-redirect-status-code": "301"}, 301, None),
        ({"https-redirect-status-code": "303"}, 426, "https-redirect-code-invalid"),
        ({"https-redirect-status-code": "soon"}, 426, "https-redirect-code-invalid"),
        ({"ingress.kubernetes.io/force-ssl-redirect": "true"}, 302, None),
        (
            {"ingress.kubernetes.io/force-ssl-redirect": "true", "https-redirect-status-code": "308"},
            308,
            None,
        ),
    ],
)
def test_redirect_codes(annotations: dict[str, str], status: int, code: str | None) -> None:
    """Five codes are known to Kong; anything else leaves 426."""
    config = translated(ingress(annotations=annotations), service())
    assert config.routes[0].https_redirect_status_code == status
    assert codes(config) == ({code} if code else set())


@pytest.mark.parametrize(
    ("text", "snis", "code"),
    [
        ("a.example.com, b.example.com", ("a.example.com", "b.example.com"), None),
        ("", (), None),
        ("*.example.com", (), "snis-invalid"),
        ("a.example.com,b example", (), "snis-invalid"),
    ],
)
def test_snis(text: str, snis: tuple[str, ...], code: str | None) -> None:
    """One entry that is no host name throws the whole list away."""
    config = translated(ingress(annotations={"snis": text}), service())
    assert config.routes[0].snis == snis
    assert codes(config) == ({code} if code else set())


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [("false", False, None), ("FALSE", False, None), ("no", True, "preserve-host-invalid")],
)
def test_preserve_host(text: str, value: bool, code: str | None) -> None:
    """Only true and false are understood, in any case."""
    config = translated(ingress(annotations={"preserve-host": text}), service())
    assert config.routes[0].preserve_host is value
    assert codes(config) == ({code} if code else set())


def test_legacy_annotations_are_ignored_and_reported() -> None:
    """The prefix of old guides protects nothing."""
    config = translated(ingress(annotations={"configuration.konghq.com/protocols": "https"}), service())
    assert config.routes[0].protocols is None
    assert codes(config) == {"legacy-annotation-prefix"}
    assert "konghq.com/protocols" in config.failures[0].message


def test_the_oldest_default_backend_counts() -> None:
    """One catch-all route is made, of the oldest Ingress that has a default backend."""
    old = ingress("old", creationTimestamp="2020-01-01T00:00:00Z", spec={"defaultBackend": backend()})
    new = ingress("new", creationTimestamp="2024-01-01T00:00:00Z", spec={"defaultBackend": backend()})
    names = [route.name for route in translated(new, old, service()).routes]
    assert [name for name in names if name.count(".") == 1] == ["app.old"]


def test_a_patched_ingress_makes_a_partial_route() -> None:
    """Of somebody else's Ingress only our annotations are known; what they demand is still read."""
    patch = made("Ingress", "theirs", "networking.k8s.io/v1", annotations={"konghq.com/plugins": "mtls"})
    (route,) = translated(patches=[patch]).routes
    assert route.partial
    assert route.service is None
    assert route.unresolved == ("mtls",)


@pytest.mark.parametrize(
    ("manifests", "code"),
    [
        ([ingress()], "service-missing"),
        ([ingress(), service(spec={"ports": [{"port": 8080}]})], "service-port-missing"),
        (
            [ingress(spec={"defaultBackend": {"resource": {"kind": "Bucket"}}}), service()],
            "backend-invalid",
        ),
        ([ingress(spec={"tls": [{"secretName": "server"}]}), service()], "server-certificate-no-hosts"),
        ([ingress(spec={"tls": [{"hosts": ["a.b"]}]}), service()], "server-certificate-no-hosts"),
        (
            [ingress(spec={"tls": [{"hosts": ["a.b"], "secretName": "x"}]}), service()],
            "server-certificate-missing",
        ),
        (
            [
                ingress(spec={"tls": [{"hosts": ["a.b"], "secretName": "x"}]}),
                service(),
                tls_secret("x", (pem("one")[0], pem("two")[1])),
            ],
            "server-certificate-bad-pair",
        ),
        (
            [
                ingress(spec={"tls": [{"hosts": ["a.b"], "secretName": "x"}]}),
                service(),
                secret("x", {"tls.crt": pem()[0]}),
            ],
            "server-certificate-bad-pair",
        ),
        (
            [
                ingress(
                    spec={
                        "tls": [
                            {"hosts": ["a.b"], "secretName": "x"},
                            {"hosts": ["a.b"], "secretName": "y"},
                        ]
                    }
                ),
                service(),
                tls_secret("x"),
                tls_secret("y"),
            ],
            "server-certificate-conflict",
        ),
    ],
)
def test_what_is_wrong_with_an_ingress_has_a_name(manifests: list[dict[str, object]], code: str) -> None:
    """Each way to lose a backend or a certificate is one failure."""
    assert codes(translated(*manifests)) == {code}


def test_server_certificates_carry_their_names() -> None:
    """A certificate is shown for the hosts of its tls entry."""
    (certificate,) = translated(*protected()).certificates
    assert certificate.snis == ("api.example.com",)
    assert certificate.pair.object == "Secret/app/server"
    assert certificate.pair.is_known


def http_route(**spec: object) -> dict[str, object]:
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/echo"}}],
        "backendRefs": [{"name": "echo", "port": 80}],
    }
    body = {"parentRefs": [{"name": "kong"}], "hostnames": ["api.example.com"], "rules": [rule]} | spec
    return made("HTTPRoute", "echo", GATEWAY_API, annotations={"konghq.com/plugins": "mtls"}, spec=body)


def gateway(protocol: str = "HTTPS") -> dict[str, object]:
    tls = {"certificateRefs": [{"name": "server"}]} if protocol == "HTTPS" else None
    listener = {"name": "web", "protocol": protocol, "port": 443, "hostname": "api.example.com", "tls": tls}
    spec = {"gatewayClassName": "kong", "listeners": [listener]}
    return made("Gateway", "kong", GATEWAY_API, spec=spec)


def gateway_class(controller: str = "konghq.com/kic-gateway-controller") -> dict[str, object]:
    return made("GatewayClass", "kong", GATEWAY_API, None, spec={"controllerName": controller})


def test_an_http_route_takes_protocols_from_its_listeners() -> None:
    """The Gateway's listeners say http or https; their certificates are served by host name."""
    world = [gateway(), gateway_class(), service(), tls_secret("server")]
    config = translated(http_route(), *world)
    (route,) = config.routes
    assert route.name == "httproute.app.echo.0.0"
    assert (route.hosts, route.paths) == (("api.example.com",), ("~/echo$", "/echo/"))
    assert route.protocols == ("https",)
    assert config.certificates[0].snis == ("api.example.com",)
    assert codes(config) == {"plugin-missing"}


def test_an_http_route_of_another_controller_is_passed_over() -> None:
    """The GatewayClass names its controller."""
    config = translated(http_route(), gateway(), gateway_class("example.com/other"), service())
    assert config.routes == ()


def test_filters_of_an_http_route_attach_plugins() -> None:
    """An ExtensionRef is a plugin reference like the annotation."""
    reference = {"group": "configuration.konghq.com", "kind": "KongPlugin", "name": "extra"}
    rule = {
        "backendRefs": [{"name": "echo", "port": 80}],
        "filters": [{"type": "ExtensionRef", "extensionRef": reference}],
    }
    config = translated(http_route(rules=[rule]), gateway("HTTP"), gateway_class(), service())
    assert config.routes[0].references == ("mtls", "extra")
    assert config.routes[0].protocols == ("http",)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"rules": []}, "httproute-invalid"),
        ({"rules": [{"matches": [{"queryParams": [{"name": "a", "value": "b"}]}]}]}, "httproute-invalid"),
        ({"parentRefs": [{"name": "elsewhere"}]}, "gateway-missing"),
        ({"rules": [{"backendRefs": [{"name": "echo", "namespace": "b", "port": 80}]}]}, "backend-not-granted"),
        ({"rules": [{"backendRefs": [{"name": "x", "kind": "Bucket"}]}]}, "backend-invalid"),
    ],
)
def test_what_is_wrong_with_an_http_route_has_a_name(spec: dict[str, object], code: str) -> None:
    """Each is dropped by the controller with a log line at most."""
    world = [gateway("HTTP"), gateway_class(), service()]
    assert code in codes(translated(http_route(**spec), *world))


def test_rules_with_the_same_backends_share_a_service() -> None:
    """Different matches make routes of their own, and one service."""
    backends = [{"name": "echo", "port": 80}]
    rules = [
        {"matches": [{"path": {"type": "Exact", "value": "/a"}, "method": "GET"}], "backendRefs": backends},
        {"matches": [{"path": {"type": "Exact", "value": "/b"}, "method": "PUT"}], "backendRefs": backends},
        {"matches": [{"path": {"type": "Exact", "value": "/c"}, "method": "PUT"}], "backendRefs": backends},
    ]
    config = translated(http_route(rules=rules), gateway("HTTP"), gateway_class(), service())
    assert [route.paths for route in config.routes] == [("~/a$",), ("~/b$", "~/c$")]
    assert {route.service for route in config.routes} == {"httproute.app.echo.0"}
