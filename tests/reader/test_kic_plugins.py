"""Plugins: how a name is found, how a configuration comes together, and what fails open."""

from __future__ import annotations

from typing import Any

import pytest

from kong_mtls.reader.kic import FAILURES, KongConfig
from kong_mtls.reader.kic.mtls_auth import refusal, settings
from tests.reader.kic_world import (
    CA_ID,
    ca_secret,
    codes,
    consumer,
    ingress,
    made,
    plugin,
    protected,
    secret,
    service,
    translated,
)

CLASS = {"kubernetes.io/ingress.class": "kong"}
GLOBAL: dict[str, Any] = {"labels": {"global": "true"}, "annotations": CLASS}


def asked(text: str, *more: dict[str, object]) -> KongConfig:
    return translated(ingress(annotations={"plugins": text}), service(), ca_secret(), *more)


def test_a_plugin_of_the_namespace_goes_before_a_cluster_plugin() -> None:
    """The cluster-wide one is only a fallback."""
    both = asked("mtls", plugin(), plugin(kind="KongClusterPlugin", annotations=CLASS))
    assert [each.object for each in both.plugins] == ["KongPlugin/app/mtls"]
    fallback = asked("mtls", plugin(kind="KongClusterPlugin", annotations=CLASS))
    assert [each.object for each in fallback.plugins] == ["KongClusterPlugin//mtls"]
    assert fallback.failures == ()


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("mtls", [], {"plugin-missing"}),
        ("mtls", [plugin(namespace="other")], {"plugin-missing"}),
        ("mtls", [plugin(kind="KongClusterPlugin")], {"plugin-missing", "cluster-plugin-no-class"}),
        ("other:mtls", [plugin(namespace="other")], {"plugin-not-granted"}),
        ("app:mtls", [plugin()], {"plugin-not-granted"}),
        (":mtls", [plugin()], {"plugin-reference-invalid"}),
        ("app:", [plugin()], {"plugin-reference-invalid"}),
        ("mtls", [plugin(disabled=True)], {"plugin-disabled"}),
        ("mtls", [plugin(plugin="")], {"plugin-config-invalid"}),
        (
            "mtls",
            [plugin(configFrom={"secretKeyRef": {"name": "s", "key": "k"}})],
            {"plugin-config-invalid"},
        ),
        (
            "mtls",
            [plugin(config=None, configFrom={"secretKeyRef": {"name": "s", "key": "k"}})],
            {"plugin-config-invalid"},
        ),
    ],
)
def test_a_plugin_that_is_not_found_leaves_the_route_open(
    text: str, more: list[dict[str, object]], expected: set[str]
) -> None:
    """The route is there, it names the reference as unresolved, and no plugin runs on it."""
    config = asked(text, *more)
    assert codes(config) == expected
    assert {FAILURES[code][0] for code in expected} == {"opens"}
    (route,) = config.routes
    assert route.unresolved == (text,)
    assert config.plugin("mtls-auth", route) is None


def grant(kind: str = "Ingress", group: str = "networking.k8s.io", name: str | None = None) -> dict[str, object]:
    to = {"group": "configuration.konghq.com", "kind": "KongPlugin"} | ({"name": name} if name else {})
    spec = {"from": [{"group": group, "kind": kind, "namespace": "app"}], "to": [to]}
    return made("ReferenceGrant", "g", "gateway.networking.k8s.io/v1beta1", "other", spec=spec)


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (grant(), True),
        (grant(name="mtls"), True),
        (grant(name="else"), False),
        (grant("HTTPRoute", "gateway.networking.k8s.io"), False),
        (grant(group=""), False),
    ],
)
def test_grants_are_for_kind_and_name(given: dict[str, object], allowed: bool) -> None:
    """A grant for another kind or another plugin is none."""
    config = asked("other:mtls", plugin(namespace="other"), given)
    assert bool(config.plugins) is allowed
    assert codes(config) == (set() if allowed else {"plugin-not-granted"})


def test_config_from_a_secret() -> None:
    """JSON and YAML are both read."""
    for text in ('{"ca_certificates": ["' + CA_ID + '"]}', f"ca_certificates: [{CA_ID}]"):
        source = {"secretKeyRef": {"name": "conf", "key": "mtls"}}
        config = asked("mtls", plugin(config=None, configFrom=source), secret("conf", {"mtls": text}))
        assert config.failures == ()
        assert config.plugins[0].config == {"ca_certificates": [CA_ID]}


def patched(path: str, text: str) -> KongConfig:
    patch = {"path": path, "valueFrom": {"secretKeyRef": {"name": "conf", "key": "v"}}}
    body = plugin(config={"skip_consumer_lookup": True}, configPatches=[patch])
    return asked("mtls", body, secret("conf", {"v": text}))


def test_config_patches_are_json() -> None:
    """A patch adds to the configuration; parents are made where missing."""
    config = patched("/ca_certificates", f'["{CA_ID}"]')
    assert config.plugins[0].config == {"skip_consumer_lookup": True, "ca_certificates": [CA_ID]}
    assert patched("/a/b", "1").plugins[0].config == {"skip_consumer_lookup": True, "a": {"b": 1}}
    assert codes(patched("/ca_certificates", CA_ID)) == {"plugin-config-invalid"}


def test_a_masked_configuration_is_unknown() -> None:
    """The plugin is there; what it says isn't."""
    config = patched("/ca_certificates", "(masked)")
    assert config.failures == ()
    assert config.plugins[0].config is None


def test_global_plugins_need_label_and_class() -> None:
    """One global plugin runs on every route."""
    config = translated(ingress(), service(), ca_secret(), plugin(kind="KongClusterPlugin", **GLOBAL))
    (found,) = config.plugins
    assert found.is_global
    assert config.plugin("mtls-auth", config.routes[0]) is found
    assert config.failures == ()


@pytest.mark.parametrize(
    "broken",
    [
        {"labels": {"global": "true"}},
        {"labels": {"global": "true"}, "annotations": {"kubernetes.io/ingress.class": "x"}},
    ],
)
def test_a_global_plugin_without_the_class_is_never_read(broken: dict[str, Any]) -> None:
    """No error says so in the cluster."""
    config = translated(ingress(), service(), ca_secret(), plugin(kind="KongClusterPlugin", **broken))
    assert config.plugins == ()
    assert codes(config) == {"cluster-plugin-no-class"}


def test_two_global_plugins_of_one_type_are_both_dropped() -> None:
    """Neither runs; one of another type still does."""
    twins = [plugin(name, "KongClusterPlugin", **GLOBAL) for name in ("one", "two")]
    acl = plugin("acl", "KongClusterPlugin", plugin="acl", config={"allow": ["a"]}, **GLOBAL)
    config = translated(ca_secret(), *twins, acl)
    assert [each.name for each in config.plugins if not each.refused] == ["acl"]
    assert codes(config) == {"global-plugin-duplicate"}


def test_a_plugin_on_the_service_protects_its_routes() -> None:
    """The route's own goes before the service's, and both before a global one."""
    annotated = service(annotations={"plugins": "mtls"})
    other = plugin("own")
    everywhere = plugin("all", "KongClusterPlugin", **GLOBAL)
    config = translated(ingress(), annotated, ca_secret(), plugin(), everywhere)
    found = config.plugin("mtls-auth", config.routes[0])
    assert found is not None
    assert found.service == "app.echo.80"
    config = translated(ingress(annotations={"plugins": "own"}), annotated, ca_secret(), plugin(), other, everywhere)
    assert config.plugin("mtls-auth", config.routes[0]).object == "KongPlugin/app/own"  # type: ignore[union-attr]


def test_a_missing_plugin_of_the_service_counts_for_the_route() -> None:
    """Somebody meant to protect it."""
    config = translated(ingress(), service(annotations={"plugins": "mtls"}))
    assert config.routes[0].unresolved == ("mtls",)


def test_a_consumer_that_refers_to_mtls_auth_takes_it_from_every_route() -> None:
    """The controller binds every instance to the consumer, and Kong refuses that."""
    world = protected()
    world[5]["metadata"]["annotations"]["konghq.com/plugins"] = "mtls"
    config = translated(*world)
    assert codes(config) == {"plugin-consumer-refused"}
    assert config.plugin("mtls-auth", config.routes[0]) is None


def test_other_plugins_may_be_bound_to_a_consumer() -> None:
    """They run for that consumer alone."""
    limit = plugin("limit", plugin="rate-limiting", config={"minute": 5})
    config = translated(
        ingress(annotations={"plugins": "limit"}),
        service(),
        limit,
        consumer(credentials=[], annotations={**CLASS, "konghq.com/plugins": "limit"}),
    )
    assert [(each.consumer, each.route is not None) for each in config.plugins] == [("alice", True)]
    assert config.plugin("rate-limiting", config.routes[0]) is None


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "ca_certificates is required"),
        ({"ca_certificates": []}, "ca_certificates must be"),
        ({"ca_certificates": ["my-ca"]}, "ca_certificates must be"),
        ({"ca_certificates": CA_ID}, "ca_certificates must be"),
        ({"ca_certificates": [CA_ID], "skip_consumer_lookup": "true"}, "skip_consumer_lookup must be a boolean"),
        ({"ca_certificates": [CA_ID], "revocation_check_mode": "OFF"}, "revocation_check_mode must be"),
        ({"ca_certificates": [CA_ID], "http_proxy_port": 70000}, "http_proxy_port must be"),
        ({"ca_certificates": [CA_ID], "consumer_by": ["id"]}, "consumer_by must be"),
        ({"ca_certificates": [CA_ID], "verify": True}, "verify is no field"),
    ],
)
def test_kong_refuses_a_configuration_by_its_schema(config: dict[str, object], why: str) -> None:
    """A refused plugin isn't made, so its routes are open: they know what they lost."""
    config_ = asked("mtls", plugin(config=config))
    assert codes(config_) == {"plugin-config-refused"}
    assert why in config_.failures[0].message
    assert config_.plugin("mtls-auth", config_.routes[0]) is None
    assert config_.routes[0].lost == ("mtls-auth",)


def test_fields_are_known_from_a_version_on() -> None:
    """Older gateways refuse what came later; null is no value."""
    given = {"ca_certificates": [CA_ID], "ssl_verify": True}
    assert refusal(given) == ""
    assert refusal(given, (3, 13, 0)) == ""
    assert "3.13" in refusal(given, (3, 10, 0))
    assert refusal({"ca_certificates": [CA_ID], "anonymous": None}, (3, 4, 0)) == ""


def test_settings_have_kongs_defaults() -> None:
    """Lists become tuples; authenticated_group_by may be switched off by null."""
    found = settings({"ca_certificates": [CA_ID], "authenticated_group_by": None, "cache_ttl": 5})
    assert found.ca_certificates == (CA_ID,)
    assert found.consumer_by == ("custom_id", "username")
    assert found.authenticated_group_by is None
    assert found.revocation_check_mode == "IGNORE_CA_ERROR"


def test_lost_types_are_told_where_the_object_is_in_the_files() -> None:
    """A plugin that isn't granted or is disabled is known by its type; a missing one isn't."""
    assert asked("other:mtls", plugin(namespace="other")).routes[0].lost == ("mtls-auth",)
    assert asked("limit", plugin("limit", plugin="rate-limiting", disabled=True)).routes[0].lost == ("rate-limiting",)
    assert asked("mtls").routes[0].lost == ("",)


def test_a_controller_that_watches_other_namespaces_sees_nothing() -> None:
    """What bears Kong's annotations there is passed over, and said so."""
    config = translated(*protected(), watch_namespaces=["kong"])
    assert config.routes == ()
    assert codes(config) == {"namespace-not-watched"}
    assert translated(*protected(), watch_namespaces=["app"]).failures == ()
