"""Whatever CAs, routes and consumers are given: everything that is referred to is there."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kong_mtls.client_mtls import ClientMtls
from kong_mtls.reader.kic import KongConfig
from tests.client.conftest import MUTABLE, UUID, Outcome, Play, service, spec

NAMES = ("a", "b", "c")
NAMESPACES = ("shop", "other")

_names = st.sampled_from(NAMES)
_generated = st.lists(st.sampled_from(["g1", "g2", "g3"]), unique=True, min_size=1, max_size=2)
_cas = st.fixed_dictionaries(
    {
        "generations": st.none() | _generated,
        "given": st.lists(st.sampled_from(["w", "x", "y", "z"]), unique=True, max_size=3),
        "existing": st.booleans(),
    }
).filter(lambda cas: cas["generations"] or cas["given"] or cas["existing"])
_route = st.fixed_dictionaries(
    {
        "name": _names,
        "namespace": st.sampled_from(NAMESPACES),
        "kind": st.sampled_from(["Ingress", "HTTPRoute", "Service"]),
        "made": st.booleans(),
        "other_plugins": st.lists(st.sampled_from(["zip", "log"]), unique=True),
        "ask_all": st.booleans(),
    }
)
_routes = st.lists(_route, unique_by=lambda it: (it["name"], it["namespace"], it["kind"]), min_size=1, max_size=4)
_consumer = st.fixed_dictionaries(
    {
        "name": _names,
        "subjects": st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=2),
        "groups": st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=2),
    }
)
_consumers = st.lists(_consumer, unique_by=lambda it: it["name"], max_size=3)


def _spec(kind: str, host: str) -> dict[str, Any]:
    if kind == "Ingress":
        return spec(host)
    if kind == "Service":
        return {"ports": [{"port": 80}]}
    rules = [{"backendRefs": [{"name": "orders", "port": 80}]}]
    return {"parentRefs": [{"name": "kong"}], "hostnames": [host], "rules": rules}


def _route_arguments(route: dict[str, Any]) -> dict[str, Any]:
    host = f"{route['name']}.{route['namespace']}.example.com"
    result = {key: route[key] for key in ("name", "namespace", "kind", "other_plugins")}
    if route["made"]:
        result["spec"] = _spec(route["kind"], host)
    if route["kind"] != "Service" and not (route["made"] and not route["ask_all"]):
        result["snis"] = [] if route["ask_all"] else [host]
    return result


def _arguments(
    cas: dict[str, Any], routes: list[Any], consumers: list[Any], everywhere: bool, pem: Callable[[str], str]
) -> dict[str, Any]:
    ca: dict[str, Any] = {"given": [{"name": name, "certificate_pem": pem(name)} for name in cas["given"]]}
    if cas["generations"]:
        ca["generate"] = {"common_name": "callers", "generations": cas["generations"]}
    if cas["existing"]:
        ca["existing"] = [{"name": "partner", "id": UUID}]
    return {
        "namespace": "shop",
        "ca": ca,
        "routes": [_route_arguments(route) for route in routes],
        "consumers": [
            # One subject belongs to one consumer.
            {
                "name": one["name"],
                "subject_names": [f"{one['name']} {it}" for it in one["subjects"]],
                "groups": one["groups"],
            }
            for one in consumers
        ],
        **({"global_plugin": True} if everywhere else {}),
    }


def _program(arguments: dict[str, Any]) -> Callable[[], None]:
    given_arguments: Any = arguments

    def program() -> None:
        ClientMtls("orders", given_arguments)

    return program


def _beside() -> tuple[str, ...]:
    plugins = (
        f"apiVersion: configuration.konghq.com/v1\nkind: KongPlugin\nplugin: {name}\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\n"
        for name in ("zip", "log")
        for namespace in NAMESPACES
    )
    return (*(service(namespace=namespace) for namespace in NAMESPACES), *plugins)


def _judge(config: KongConfig, arguments: dict[str, Any], existing: set[str]) -> None:
    """Every route has the plugin, every plugin its CAs, every consumer its credentials."""
    known = {ca.id for ca in config.ca_certificates} | existing
    for route in config.routes:
        assert route.unresolved == ()
        if route.object.partition("/")[0] != "Service":
            assert route.protocols == ("https",)
        behind = [it for it in arguments["routes"] if it["kind"] == route.object.partition("/")[0]]
        if behind:
            plugin = config.plugin("mtls-auth", route)
            assert plugin is not None
            assert plugin.refused == ""
            assert set((plugin.config or {})["ca_certificates"]) == known
            assert list((plugin.config or {})["ca_certificates"]) == sorted(known)
    consumers = {consumer.username: consumer for consumer in config.consumers}
    assert set(consumers) == {it["name"] for it in arguments["consumers"]}
    for it in arguments["consumers"]:
        assert set(consumers[it["name"]].subject_names) == set(it["subject_names"])
        assert set(consumers[it["name"]].acl_groups) == set(it["groups"])
    # No Gateway is in the files, and the partner's CA is in the cluster alone.
    allowed = {"gateway-missing", *(["plugin-ca-dangling"] if existing else [])}
    assert {failure.code for failure in config.failures} <= allowed


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_cas, _routes, _consumers, st.booleans(), st.randoms(use_true_random=False))
def test_everything_resolves_and_order_means_nothing(  # noqa: PLR0917 - what Hypothesis gives
    play: Play,
    ca_pem: Callable[[str], str],
    cas: dict[str, Any],
    routes: list[Any],
    consumers: list[Any],
    everywhere: bool,
    random: Any,
) -> None:
    """References, ids and credentials, for any CAs and routes; and nothing changes for another order."""
    arguments = _arguments(cas, routes, consumers, everywhere, ca_pem)
    outcome: Outcome = play(_program(arguments), services=_beside(), config=MUTABLE)
    _judge(outcome.config, arguments, {UUID} if cas["existing"] else set())
    generations = cas["generations"]
    turned = {**cas, "given": random.sample(cas["given"], len(cas["given"]))}
    shuffled = _arguments(
        {**turned, "generations": generations},
        random.sample(routes, len(routes)),
        random.sample(consumers, len(consumers)),
        everywhere,
        ca_pem,
    )
    again = play(_program(shuffled), after=outcome, services=_beside(), config=MUTABLE)
    assert not again.performance.changed
    assert again.files == outcome.files
