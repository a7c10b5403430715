"""Helm drops a key that a chart doesn't have without a word: every key we set is one of the pinned chart's."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from kong_mtls.names import CHART_VERSION
from kong_mtls.values import control_plane as control_plane_module
from kong_mtls.values import data_plane as data_plane_module
from kong_mtls.values.keys import known_keys, unknown_keys
from kong_mtls.values.merge import ENVIRONMENTS, JOINED_LISTS

Build = Callable[..., dict[str, Any]]

PODS: tuple[dict[str, Any], ...] = (
    {},
    {"replicas": 3},
    {
        "autoscaling": {"min_replicas": 2, "max_replicas": 9, "target_cpu_percent": 60},
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "2Gi"}},
        "disruption_budget": {"min_available": "50%"},
        "node_selector": {"a": "b"},
        "tolerations": [{"key": "a"}],
        "affinity": {"nodeAffinity": {}},
        "topology_spread_constraints": [{"maxSkew": 1}],
        "priority_class_name": "high",
        "labels": {"a": "b"},
        "annotations": {"a": "b"},
    },
)
IMAGES: tuple[dict[str, Any], ...] = (
    {},
    {"repository": "r/kong", "tag": "3.9.1", "digest": f"sha256:{'0' * 64}", "pull_secrets": ["a"]},
)
SERVICES: tuple[dict[str, Any], ...] = (
    {},
    {
        "type": "LoadBalancer",
        "annotations": {"a": "b"},
        "load_balancer_source_ranges": ["10.0.0.0/8"],
        "external_traffic_policy": "Local",
    },
)
REF = {"name": "one", "checksum": "x"}
LINKS: tuple[dict[str, Any], ...] = (
    {"certificate": REF},
    {"certificate": REF, "mtls": "pki", "trust": {"name": "two", "key": "k"}, "verify_depth": 3},
)
DATABASES: tuple[dict[str, Any], ...] = (
    {"host": "db", "password_secret": REF},
    {"host": "db", "password_secret": REF, "tls": {"trust": {"name": "three"}, "client_certificate": {"name": "four"}}},
)
CONTROLLERS: tuple[dict[str, Any] | None, ...] = (
    None,
    {
        "ingress_class": "x",
        "publish_service": "a/b",
        "watch_namespaces": ["a"],
        "image_tag": "3.5",
        "resources": {"requests": {"cpu": "1"}},
    },
)


def every_control_plane(build: Build) -> Iterator[dict[str, Any]]:
    """Values of all variants."""
    for edition, pods, image, service, link, database, controller, hooks in itertools.product(
        ("enterprise", "oss"), PODS, IMAGES, SERVICES, LINKS, DATABASES, CONTROLLERS, (True, False)
    ):
        yield build(
            edition=edition,
            pods=pods,
            image=image,
            cluster_service=service,
            telemetry_service=service,
            cluster=link,
            database=database,
            ingress_controller=controller,
            hooks=hooks,
        )


def every_data_plane(build: Build) -> Iterator[dict[str, Any]]:
    """Values of all variants."""
    for edition, pods, image, service, link, server, http in itertools.product(
        ("enterprise", "oss"), PODS, IMAGES, SERVICES, LINKS, (None, {"name": "server"}), (True, False)
    ):
        yield build(
            edition=edition,
            pods=pods,
            image=image,
            proxy={"http": http, "service": service},
            cluster=link,
            server_certificate=server,
        )


def environments(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The maps that become environment variables."""
    yield values["env"]
    yield values["ingressController"].get("env", {})


@pytest.mark.parametrize(("build", "every"), [("control_plane", every_control_plane), ("data_plane", every_data_plane)])
def test_every_key_of_every_variant_is_the_charts(
    request: pytest.FixtureRequest, build: str, every: Callable[[Build], Iterator[dict[str, Any]]]
) -> None:
    """And every value of an environment a string or a reference to one, never a number or a boolean."""
    count = 0
    for values in every(request.getfixturevalue(build)):
        assert unknown_keys(values) == []
        for environment in environments(values):
            assert all(isinstance(value, str | Mapping) for value in environment.values())
        count += 1
    assert count > 90


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"secretVolume": []}, "secretVolume (did you mean secretVolumes?)"),
        ({"cluster": {"tls": {"enable": True}}}, "cluster.tls.enable (did you mean cluster.tls.enabled?)"),
        ({"proxy": {"http": {"enabled": True, "x": {"y": 1}}}}, "proxy.http.x"),
        ({"podAnnotation": {"a": "b"}}, "podAnnotation (did you mean podAnnotations?)"),
        ({"frobnicate-the-widget": 1}, "frobnicate-the-widget"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(values: dict[str, Any], problem: str) -> None:
    """At any depth, by its whole path."""
    found = unknown_keys(values)
    assert len(found) == 1
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    "values",
    [
        {"env": {"anything_at_all": "x"}},
        {"podAnnotations": {"example.com/a.b": "x"}},
        {"resources": {"limits": {"cpu": 1}}},
        {"extraObjects": [{"kind": "ConfigMap"}]},
        {"cluster": None},
        {},
    ],
)
def test_maps_of_the_users_own_take_any_key(values: dict[str, Any]) -> None:
    """Where the chart passes a map on."""
    assert unknown_keys(values) == []


def test_the_list_is_that_of_the_pinned_version() -> None:
    """Sorted, without doubles, and full enough to have read the templates too: `labels` isn't in values.yaml."""
    keys = known_keys()
    assert CHART_VERSION == "3.4.1"
    assert len(keys) > 450
    assert {"env.*", "secretVolumes", "proxy.labels.*", "enterprise.license_secret", "migrations.init"} <= keys


def test_rules_are_about_keys_that_exist() -> None:
    """A protected key that the chart doesn't have would protect nothing."""
    for path in {**control_plane_module.PROTECTED, **data_plane_module.PROTECTED}:
        tree: Any = "x"
        for part in reversed(path.split(".")):
            tree = {part: tree}
        assert unknown_keys(tree) == []
    for path in JOINED_LISTS:
        assert path in known_keys()
    for path in ENVIRONMENTS:
        assert f"{path}.*" in known_keys()
