"""Routes that demand a certificate: their annotations, and what can't protect."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls.client_mtls import ClientMtls
from kong_mtls.reader.kic import annotation
from kong_mtls.rehearsal.stage import ProgramFailed
from kong_mtls.routes import ProtectedRouteArgs, annotations_of, route_problems, server_names
from tests.client.conftest import Play, Stage, generated, protect, service, spec


def problems(**route: Any) -> str:
    given: Any = {"name": "orders", **route}
    return "; ".join(route_problems([given], "shop"))


def test_annotations_of_a_route() -> None:
    """TLS alone, an answer to plain HTTP, server names, and one list of plugins in an order of its own."""
    route: ProtectedRouteArgs = {"name": "orders", "snis": ["b.example.com", "a.example.com"], "other_plugins": ["zip"]}
    assert annotations_of(route, ["mtls"]) == {
        "konghq.com/plugins": "mtls,zip",
        "konghq.com/protocols": "https",
        "konghq.com/https-redirect-status-code": "426",
        "konghq.com/snis": "a.example.com,b.example.com",
    }
    assert annotations_of({"name": "orders", "kind": "Service"}, ["mtls"]) == {"konghq.com/plugins": "mtls"}


def test_server_names_are_the_hosts_of_what_is_made() -> None:
    """Unless others are given, or none: then everyone is asked for a certificate."""
    made: ProtectedRouteArgs = {"name": "orders", "spec": spec()}
    assert server_names(made) == ["orders.example.com"]
    assert server_names({**made, "snis": ["x.example.com"]}) == ["x.example.com"]
    assert server_names({**made, "snis": []}) == []
    assert "konghq.com/snis" not in annotations_of({**made, "snis": []}, [])
    assert server_names({"name": "r", "kind": "HTTPRoute", "spec": {"hostnames": ["h.example.com"]}}) == [
        "h.example.com"
    ]


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ({}, "snis is missing"),
        ({"spec": spec("*.example.com")}, "serves any host or a wildcard"),
        ({"spec": {"rules": [{"http": {}}]}}, "serves any host or a wildcard"),
        ({"spec": {"defaultBackend": {}}}, "serves any host or a wildcard"),
        ({"kind": "HTTPRoute", "spec": {"rules": []}}, "serves any host or a wildcard"),
        ({"snis": ["*.example.com"]}, "'*.example.com' is no server name"),
        ({"snis": ["a.example.com:443"]}, "is no server name"),
        ({"snis": ["xn--bcher-kva.example"]}, "is no server name"),
        ({"snis": ["a"], "protocol": "http"}, "protocol 'http' can't be used; allowed: https or grpcs"),
        ({"snis": ["a"], "protocol": "http,https"}, "can't be used"),
        ({"snis": ["a"], "redirect_status_code": 303}, "303 is unknown to Kong; allowed: 426, 301, 302, 307, 308"),
        ({"snis": ["a"], "kind": "TCPRoute"}, "kind 'TCPRoute' is not known; allowed: Ingress, HTTPRoute, Service"),
        ({"kind": "Service", "snis": ["a"]}, "snis is set on the routes to a Service"),
        ({"kind": "Service", "protocol": "https"}, "protocol is set on the routes to a Service"),
        ({"snis": ["a"], "other_plugins": ["a,b"]}, "'a,b' is no plugin's name"),
        ({"snis": ["a"], "other_plugins": [":b"]}, "':b' is no plugin's name"),
        ({"snis": ["a"], "annotations": {"x": "y"}}, "annotations are for what is made here"),
        ({"spec": spec(), "take_over": True}, "take_over is for what exists"),
        ({"spec": spec(), "annotations": {"konghq.com/plugins": "x"}}, "set by the route's own arguments"),
        ({"snis": ["a"], "name": "Orders"}, "name: 'Orders' can't be used"),
        ({"snis": ["a"], "namespace": "a/b"}, "namespace: 'a/b' can't be used"),
    ],
)
def test_what_cannot_protect(route: dict[str, Any], message: str) -> None:
    """Each names the route, the argument and what is allowed."""
    said = problems(**route)
    assert message in said
    assert said.startswith("routes: ")


def test_one_route_twice_is_refused() -> None:
    """Whatever the way its namespace is given."""
    both: list[Any] = [{"name": "orders", "snis": ["a"]}, {"name": "orders", "snis": ["a"], "namespace": "shop"}]
    assert "Ingress shop/orders is listed twice" in "; ".join(route_problems(both, "shop"))


_labels = st.from_regex(r"[A-Za-z0-9*_:-]{1,8}", fullmatch=True)


@given(st.lists(_labels, min_size=1, max_size=4).map(".".join))
def test_a_server_name_that_passes_is_one_to_the_controller(name: str) -> None:
    """One bad name makes the controller drop the whole list, and the gateway ask everyone."""
    if "is no server name" not in problems(snis=[name]):
        assert annotation.is_sni(name)


def test_new_and_existing_objects_of_every_kind(play: Play) -> None:
    """Made, or patched without a word about anything else; each refers to the plugin beside it."""
    parent = {
        "parentRefs": [{"name": "kong"}],
        "hostnames": ["c.example.com"],
        "rules": [{"backendRefs": [{"name": "orders", "port": 80}]}],
    }
    outcome = play(
        lambda: protect(
            routes=[
                {"name": "a", "spec": spec("a.example.com")},
                {"name": "b", "namespace": "other", "snis": ["b.example.com"]},
                {"name": "c", "kind": "HTTPRoute", "spec": parent},
                {"name": "d", "kind": "HTTPRoute", "snis": ["d.example.com"]},
                {"name": "e", "kind": "Service", "spec": {"ports": [{"port": 80}]}},
                {"name": "f", "kind": "Service"},
            ]
        ),
        services=(service(),),
    )
    patched = {name for name in outcome.files if "patch-" in name}
    assert patched == {
        "manifests/patch-ingress-other-b.yaml",
        "manifests/patch-httproute-shop-d.yaml",
        "manifests/patch-service-shop-f.yaml",
    }
    assert all("spec:" not in outcome.files[name] for name in patched)
    protected = {route.object: outcome.config.plugin("mtls-auth", route) for route in outcome.config.routes}
    assert set(protected) == {
        "Ingress/shop/a",
        "Ingress/other/b",
        "HTTPRoute/shop/c",
        "HTTPRoute/shop/d",
    }
    assert all(protected.values())
    assert {plugin.object for plugin in protected.values() if plugin} == {
        "KongPlugin/shop/orders",
        "KongPlugin/other/orders",
    }
    for kind, name in (("Service", "e"), ("Service", "f")):
        found = outcome.objects.get(kind, "shop", name)
        assert found is not None
        assert found["metadata"]["annotations"]["konghq.com/plugins"] == "orders"
    # Only that no Gateway is in the files is left to say.
    assert set(outcome.failures()) <= {"gateway-missing"}


def test_plain_http_never_passes(play: Play) -> None:
    """Neither on what is made nor on what is patched."""
    routes = [{"name": "a", "spec": spec()}, {"name": "b", "snis": ["b.example.com"], "redirect_status_code": 308}]
    outcome = play(lambda: protect(routes=routes), services=(service(),))
    assert [route.protocols for route in outcome.config.routes] == [("https",), ("https",)]
    assert {route.https_redirect_status_code for route in outcome.config.routes} == {426, 308}


def test_nothing_of_the_gateway_api_is_made_unasked(play: Play) -> None:
    """A cluster without it takes everything else."""
    outcome = play(lambda: protect(routes=[{"name": "a", "spec": spec()}]))
    assert not [step for step in outcome.performance.steps if "gateway.networking" in step.type]


def test_nothing_waits_for_an_address(play: Play) -> None:
    """An Ingress behind a NodePort never gets one, and the provider would wait for ten minutes."""
    routes = [{"name": "a", "spec": spec()}, {"name": "b", "snis": ["b.example.com"]}, {"name": "c", "kind": "Service"}]
    outcome = play(lambda: protect(routes=routes))
    for kind in ("Ingress", "Service"):
        for one in outcome.objects.all(kind):
            assert one["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"


def test_a_patch_takes_over_only_when_told(play: Play) -> None:
    """By the provider's own annotation; else a conflict is an error."""

    def annotations(**more: Any) -> dict[str, str]:
        outcome = play(lambda: protect(routes=[{"name": "b", "snis": ["b.example.com"], **more}]))
        found: dict[str, str] = outcome.objects.all("Ingress")[0]["metadata"]["annotations"]
        return found

    assert "pulumi.com/patchForce" not in annotations()
    assert annotations(take_over=True)["pulumi.com/patchForce"] == "true"


def test_the_list_of_plugins_has_one_owner(stage: Stage) -> None:
    """A second component that would write it is refused, by name."""

    def program() -> None:
        protect(routes=[{"name": "a", "snis": ["a.example.com"]}])
        ClientMtls(
            "other", {"namespace": "shop", "ca": generated(), "routes": [{"name": "a", "snis": ["a.example.com"]}]}
        )

    with pytest.raises(ProgramFailed, match=r'plugins of Ingress shop/a is ClientMtls "orders"\'s already'):
        stage(program)
    # The next run starts from nothing.
    stage(lambda: protect(routes=[{"name": "a", "snis": ["a.example.com"]}]))
