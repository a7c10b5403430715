"""Client mTLS as one component: what protects, in which order it comes and goes, and what is refused."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from kong_mtls.client_ca import ClientCa
from kong_mtls.client_mtls import ClientMtls
from kong_mtls.reader.manifests import secret_data
from kong_mtls.rehearsal.stage import Performance, ProgramFailed
from tests.client.conftest import MUTABLE, UUID, Outcome, Play, Stage, generated, protect, service, spec

ROUTE: dict[str, Any] = {"name": "orders", "spec": spec()}
PATCHED: dict[str, Any] = {"name": "there", "snis": ["there.example.com"]}


def refused(stage: Stage, **arguments: Any) -> str:
    with pytest.raises(ProgramFailed) as error:
        stage(lambda: protect(**arguments))
    return str(error.value)


def waits_for(performance: Performance, urn: str) -> set[str]:
    """Everything that a resource comes after, and goes before."""
    by_urn = {resource.urn: resource for resource in performance.resources}
    found: set[str] = set()
    left = [urn]
    while left:
        resource = by_urn[left.pop()]
        for other in resource.dependencies:
            if other in by_urn and other not in found:
                found.add(other)
                left.append(other)
    return found


def urns(performance: Performance, *ends: str) -> set[str]:
    return {it.urn for it in performance.resources if it.type.endswith(ends)}


def ca_secrets(performance: Performance) -> set[str]:
    return {urn for urn in urns(performance, ":Secret") if "index:ClientCa$" in urn}


def test_a_route_in_ten_lines(play: Play) -> None:
    """A CA, a consumer with a certificate, a route: everything refers to something that is there."""
    outcome = play(
        lambda: ClientMtls(
            "orders",
            {
                "namespace": "shop",
                "ca": {"generate": {"common_name": "callers"}, "certificates": [{"name": "alice"}]},
                "consumers": [{"name": "alice"}],
                "routes": [{"name": "orders", "spec": spec()}],
            },
        ),
        services=(service(),),
    )
    assert outcome.failures() == []
    (route,) = outcome.config.routes
    plugin = outcome.config.plugin("mtls-auth", route)
    assert plugin is not None
    assert plugin.config is not None
    assert [bool(outcome.config.ca(each)) for each in plugin.config["ca_certificates"]] == [True]
    assert route.snis == ("orders.example.com",)


@pytest.mark.parametrize("everywhere", [False, True], ids=["per namespace", "global"])
def test_a_route_comes_after_what_protects_it_and_goes_before(stage: Stage, everywhere: bool) -> None:
    """Made or patched: the engine creates in the order of dependencies, and deletes in the opposite one."""
    arguments: dict[str, Any] = {"routes": [ROUTE, PATCHED, {"name": "s", "kind": "Service"}]}
    done = stage(lambda: protect(allow_groups=["staff"], global_plugin=everywhere or None, **arguments))
    routes = urns(done, ":Ingress", ":IngressPatch", ":ServicePatch")
    assert len(routes) == 3
    plugins = urns(done, ":KongPlugin", ":KongClusterPlugin")
    assert len(plugins) == 2
    for urn in routes:
        assert plugins | ca_secrets(done) <= waits_for(done, urn)
    (mtls_auth,) = [urn for urn in plugins if "mtls-auth" in urn]
    assert ca_secrets(done) <= waits_for(done, mtls_auth)


def test_a_component_waits_for_what_it_is_told(stage: Stage) -> None:
    """Namespaces and the controller's kinds have to be there before anything of it."""

    def program() -> None:
        first = ClientCa("first", {"namespace": "kong", "create_namespace": True, **generated()})
        arguments: Any = {"namespace": "shop", "ca_ids": first.ids, "routes": [ROUTE]}
        ClientMtls("orders", arguments, pulumi.ResourceOptions(depends_on=[first]))

    done = stage(program)
    (namespace,) = urns(done, ":Namespace")
    for urn in urns(done, ":KongPlugin", ":Ingress"):
        assert namespace in waits_for(done, urn)


def test_the_order_of_everything_given_means_nothing(play: Play) -> None:
    """Of routes, plugins, namespaces, consumers and CAs: not one resource changes."""
    routes = [ROUTE, PATCHED, {**PATCHED, "namespace": "other", "other_plugins": ["a", "b"]}]
    turned = [{**PATCHED, "namespace": "other", "other_plugins": ["b", "a"]}, PATCHED, ROUTE]
    rest = {"plugin_namespaces": ["x", "y"], "consumers": [{"name": "a"}, {"name": "b"}]}
    back = {"plugin_namespaces": ["y", "x"], "consumers": [{"name": "b"}, {"name": "a"}]}
    first = play(lambda: protect(routes=routes, **rest))
    assert not play(lambda: protect(routes=turned, **back), after=first).performance.changed


def test_one_more_route_leaves_the_others_alone(play: Play) -> None:
    """Nothing is updated, replaced or deleted for it."""
    first = play(lambda: protect(routes=[ROUTE]))
    second = play(lambda: protect(routes=[PATCHED, ROUTE]), after=first)
    assert {step.op for step in second.performance.steps} == {"same", "create"}


def test_a_plugin_in_each_namespace_that_needs_it(play: Play) -> None:
    """Those of routes, and those of others who annotate their own."""
    routes = [ROUTE, {**PATCHED, "namespace": "other"}]
    outcome = play(lambda: protect(routes=routes, plugin_namespaces=["more"], plugin_name="who"))
    places = {(it["metadata"]["namespace"], it["metadata"]["name"]) for it in outcome.objects.all("KongPlugin")}
    assert places == {("shop", "who"), ("other", "who"), ("more", "who")}


def test_one_global_plugin(play: Play) -> None:
    """Label and class, and no reference to it; routes keep their other plugins."""
    routes = [ROUTE, {**PATCHED, "other_plugins": ["zip"]}]
    outcome = play(
        lambda: protect(routes=routes, global_plugin=True, ingress_class="edge"),
        services=(service(),),
        ingress_class="edge",
    )
    (plugin,) = outcome.objects.all("KongClusterPlugin")
    assert plugin["metadata"]["name"] == "mtls-auth-edge"
    assert outcome.objects.all("KongPlugin") == []
    assert {outcome.config.plugin("mtls-auth", route) is not None for route in outcome.config.routes} == {True}
    annotations = {it["metadata"]["name"]: it["metadata"]["annotations"] for it in outcome.objects.all("Ingress")}
    assert "konghq.com/plugins" not in annotations["orders"]
    assert annotations["there"]["konghq.com/plugins"] == "zip"


def test_a_second_global_plugin_is_refused(stage: Stage) -> None:
    """The controller would drop both, and every route would be open; another class has its own."""

    def two(other_class: str) -> Callable[[], None]:
        def program() -> None:
            protect(global_plugin=True)
            arguments: Any = {
                "namespace": "shop",
                "ca": generated(),
                "global_plugin": True,
                "ingress_class": other_class,
            }
            ClientMtls("again", arguments)

        return program

    with pytest.raises(ProgramFailed, match=r'ClientMtls "again": the global mtls-auth plugin of class \'kong\' is'):
        stage(two("kong"))
    stage(two("edge"))


def test_a_plugin_of_another_name_is_there_before_the_old_one_goes(play: Play) -> None:
    """A rename is a new object; the routes move over in between."""
    first = play(lambda: protect(routes=[ROUTE, PATCHED]))
    second = play(lambda: protect(routes=[ROUTE, PATCHED], plugin_name="other"), after=first)
    steps = {(step.type.rpartition(":")[2], step.op, step.delete_first) for step in second.performance.steps}
    assert ("KongPlugin", "replace", False) in steps
    assert {op for kind, op, _ in steps if kind in ("Ingress", "IngressPatch")} == {"update"}


def test_from_each_namespace_to_global_and_back(play: Play) -> None:
    """The new plugin is made before the routes' annotations change, and these before the old one goes."""
    first = play(lambda: protect(routes=[ROUTE]))
    second = play(lambda: protect(routes=[ROUTE], global_plugin=True), after=first)
    ops = {step.type.rpartition(":")[2]: step.op for step in second.performance.steps}
    assert (ops["KongClusterPlugin"], ops["Ingress"], ops["KongPlugin"]) == ("create", "update", "delete")
    (route,) = urns(second.performance, ":Ingress")
    assert urns(second.performance, ":KongClusterPlugin") <= waits_for(second.performance, route)


def test_rotation_step_by_step(play: Play) -> None:
    """Two CAs side by side, callers move, the old one goes; each step one run, and the plugin lists what is there."""

    def program(*names: str, issuing: str | None = None) -> Callable[[], Any]:
        generate: Any = {"common_name": "callers", "generations": list(names)}
        generate |= {"issuing": issuing} if issuing else {}
        ca: Any = {"generate": generate, "certificates": [{"name": "alice"}]}
        return lambda: protect(ca=ca, consumers=[{"name": "alice"}], routes=[ROUTE])

    before: Outcome | None = None
    issuers, listed = [], []
    for step in (program("g1"), program("g1", "g2"), program("g1", "g2", issuing="g2"), program("g2")):
        outcome = play(step, after=before, services=(service(),), config=MUTABLE)
        assert outcome.failures() == []
        plugin = outcome.config.plugin("mtls-auth", outcome.config.routes[0])
        assert plugin is not None
        ids = (plugin.config or {})["ca_certificates"]
        known = {ca.id: ca.certificate.subject.rfc4514_string() for ca in outcome.config.ca_certificates}
        assert set(ids) == set(known)
        listed.append(sorted(known.values()))
        (pair,) = [one for one in outcome.objects.all("Secret") if one.get("type") == "kubernetes.io/tls"]
        issuers.append(_issuer(secret_data(pair)["tls.crt"] or b""))
        before = outcome
    assert issuers == ["CN=callers g1", "CN=callers g1", "CN=callers g2", "CN=callers g2"]
    assert listed == [
        ["CN=callers g1"],
        ["CN=callers g1", "CN=callers g2"],
        ["CN=callers g1", "CN=callers g2"],
        ["CN=callers g2"],
    ]


def _issuer(pem: bytes) -> str:
    from cryptography import x509

    return x509.load_pem_x509_certificate(pem).issuer.rfc4514_string()


def test_groups(play: Play) -> None:
    """The ACL plugin beside mtls-auth, and both on the route."""
    arguments: dict[str, Any] = {"routes": [ROUTE], "consumers": [{"name": "alice", "groups": ["staff"]}]}
    outcome = play(lambda: protect(allow_groups=["staff"], **arguments), services=(service(),))
    acl = outcome.config.plugin("acl", outcome.config.routes[0])
    assert acl is not None
    assert acl.config == {"allow": ["staff"]}
    assert outcome.config.consumers[0].acl_groups == ("staff",)


def test_without_a_licence_the_listener_does_it(play: Play) -> None:
    """No plugin; the routes are for TLS alone all the same; a Secret with the CAs for the data plane to mount."""

    def program() -> None:
        made = protect(enforcement="listener", edition="oss", trust_namespace="kong-dp", routes=[ROUTE])
        assert made.trust is not None
        pulumi.export("secret", made.trust["name"])

    outcome = play(program, services=(service(),))
    assert not outcome.objects.all("KongPlugin")
    (secret,) = outcome.objects.all("Secret")
    assert secret["metadata"]["namespace"] == "kong-dp"
    assert outcome.performance.exports["secret"] == secret["metadata"]["name"]
    assert b"BEGIN CERTIFICATE" in (secret_data(secret)["ca.crt"] or b"")
    assert outcome.config.routes[0].protocols == ("https",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"routes": [ROUTE], "edition": "oss"}, "Use enforcement 'listener'"),
        ({"routes": [ROUTE], "edition": "free"}, "edition: 'free' is not known"),
        ({"routes": [ROUTE], "enforcement": "none"}, "allowed: plugin, listener"),
        ({}, "nothing would be protected"),
        ({"routes": [ROUTE], "ca": None}, "ca or ca_ids is needed"),
        ({"routes": [ROUTE], "ca": None, "ca_ids": []}, "ca_ids: is empty"),
        ({"routes": [ROUTE], "allow_groups": ["a"], "deny_groups": ["b"]}, "exclude each other"),
        ({"routes": [ROUTE], "gateway_version": "new"}, "'new' is no version"),
        ({"routes": [ROUTE], "plugin": {"ssl_verify": True}}, "ssl_verify came with 3.13; gateway 3.10"),
        ({"routes": [ROUTE], "plugin": {"consumer": True}}, "plugin.consumer: unknown; did you mean 'consumer_by'?"),
        ({"routes": [ROUTE], "plugin_name": "A b"}, "plugin_name: 'A b' can't be used"),
        ({"global_plugin": True, "plugin_name": "a"}, "of a name of its own"),
        ({"routes": [ROUTE], "trust_namespace": "a"}, "only used with enforcement 'listener'"),
        ({"routes": [ROUTE], "namespace": "A"}, "namespace: 'A' can't be used"),
        ({"routes": [{"name": "orders"}]}, "Ingress shop/orders: snis is missing"),
        ({"routes": [ROUTE], "enforcement": "listener", "consumers": [{"name": "a"}]}, "knows no consumers"),
        ({"enforcement": "listener", "global_plugin": True}, "global_plugin is not used with enforcement 'listener'"),
        (
            {"enforcement": "listener", "ca": {"existing": [{"name": "a", "id": UUID}]}},
            "a Secret that is never read can't be given to a data plane",
        ),
    ],
)
def test_what_cannot_protect(stage: Stage, arguments: dict[str, Any], message: str) -> None:
    """Refused before the first resource; what can't work names the way out."""
    assert message in refused(stage, **arguments)


def test_everything_wrong_is_said_at_once(stage: Stage) -> None:
    """One error with a line each."""
    text = refused(stage, routes=[{"name": "a"}], allow_groups=["a"], deny_groups=["b"], gateway_version="x")
    assert text.count("\n  - ") == 3


def test_a_first_preview_shows_all_that_will_be(stage: Stage) -> None:
    """Ids are not known yet; the objects and their names are."""

    def program() -> Any:
        return protect(routes=[ROUTE, PATCHED], consumers=[{"name": "a", "groups": ["g"]}], allow_groups=["g"])

    planned, done = stage(program, preview=True), stage(program)
    assert {(step.type, step.name) for step in planned.steps} == {(step.type, step.name) for step in done.steps}
    assert not stage(program, after=done).changed
