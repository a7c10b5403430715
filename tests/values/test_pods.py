"""Image, number, size and place of pods."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls import InputError
from kong_mtls.values.pods import Files, gateway_version, image_values, pods_values, service_values


def pods(**args: Any) -> dict[str, Any]:
    """Values of these pods."""
    return pods_values(args, Files())  # type: ignore[arg-type]


def test_an_update_never_takes_a_pod_before_its_successor() -> None:
    """Whatever else is given."""
    assert pods()["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }


def test_one_pod_has_no_budget() -> None:
    """The chart refuses one with a single pod: it would keep a node from being drained."""
    assert pods()["replicaCount"] == 1
    assert "podDisruptionBudget" not in pods()
    with pytest.raises(InputError, match=r"pods\.disruption_budget: needs at least 2 pods"):
        pods(disruption_budget={"max_unavailable": "1"})
    with pytest.raises(InputError, match=r"pods\.disruption_budget: needs at least 2 pods"):
        pods(
            autoscaling={"min_replicas": 1},
            resources={"requests": {"cpu": "1"}},
            disruption_budget={"min_available": "1"},
        )


def test_several_pods_have_one() -> None:
    """One pod away at most, unless said otherwise."""
    assert pods(replicas=2)["podDisruptionBudget"] == {"enabled": True, "maxUnavailable": 1}
    budget = {"min_available": "50%"}
    assert pods(replicas=2, disruption_budget=budget)["podDisruptionBudget"] == {
        "enabled": True,
        "minAvailable": "50%",
    }
    with pytest.raises(InputError, match="min_available and max_unavailable exclude each other"):
        pods(replicas=2, disruption_budget={"min_available": "1", "max_unavailable": "1"})


def test_scaling_replaces_the_number() -> None:
    """On CPU, by the requests."""
    values = pods(autoscaling={"target_cpu_percent": 70}, resources={"requests": {"cpu": "1"}})
    assert "replicaCount" not in values
    target = {"type": "Utilization", "averageUtilization": 70}
    assert values["autoscaling"] == {
        "enabled": True,
        "minReplicas": 2,
        "maxReplicas": 5,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    assert values["podDisruptionBudget"] == {"enabled": True, "maxUnavailable": 1}


def test_a_limit_counts_as_a_request() -> None:
    """As Kubernetes does where only a limit is given."""
    assert pods(autoscaling={}, resources={"limits": {"cpu": "1"}})["autoscaling"]["enabled"] is True


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"replicas": 0}, "pods.replicas: 0 can't serve; allowed: 1 or more"),
        ({"replicas": 2, "autoscaling": {}}, "pods.replicas: 2 is not used with pods.autoscaling"),
        ({"autoscaling": {"min_replicas": 0}}, "pods.autoscaling: min_replicas 0 and max_replicas 5"),
        ({"autoscaling": {"min_replicas": 6}}, "pods.autoscaling: min_replicas 6 and max_replicas 5"),
        ({"autoscaling": {}}, "pods.autoscaling: needs pods.resources.requests.cpu"),
        ({"autoscaling": {}, "resources": {"requests": {"memory": "1Gi"}}}, "needs pods.resources.requests.cpu"),
    ],
)
def test_numbers_that_cannot_work(args: dict[str, Any], message: str) -> None:
    """With the input, the value and what is allowed."""
    with pytest.raises(InputError) as error:
        pods(**args)
    assert message in str(error.value)


def test_placement_goes_through() -> None:
    """Under the chart's names."""
    values = pods(
        node_selector={"a": "b"},
        tolerations=[{"key": "k"}],
        affinity={"podAffinity": {}},
        topology_spread_constraints=[{"maxSkew": 1}],
        priority_class_name="high",
        labels={"team": "x"},
        resources={"requests": {"cpu": "1"}},
    )
    assert {
        "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "k"}],
        "affinity": {"podAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 1}],
        "priorityClassName": "high",
        "podLabels": {"team": "x"},
        "resources": {"requests": {"cpu": "1"}},
    }.items() <= values.items()


def test_annotations_keep_our_marks() -> None:
    """A mark of ours is never overlaid by an annotation of the same name."""
    files = Files()
    files.note({"name": "it", "checksum": "ours"}, "cluster-cert")
    annotations = {"checksum/cluster-cert": "theirs", "a": "b"}
    assert pods_values({"annotations": annotations}, files)["podAnnotations"] == {
        "checksum/cluster-cert": "ours",
        "a": "b",
    }


@pytest.mark.parametrize(
    ("tag", "version"),
    [("3.10", (3, 10)), ("3.10.0.2", (3, 10)), ("3.9.1-ubuntu", (3, 9)), ("3.10.0.2-debian.1", (3, 10))],
)
def test_the_version_is_read_from_the_tag(tag: str, version: tuple[int, int]) -> None:
    """As the chart does."""
    assert gateway_version("enterprise", {"tag": tag}) == version


@pytest.mark.parametrize("tag", ["latest", "nightly", "3", "v3.10", "3.10.0.2.1", "3.x", " 3.10", "3.10\n"])
def test_a_tag_that_is_no_version_is_refused(tag: str) -> None:
    """`latest` above all: it breaks the chart's rendering, and means something else every day."""
    with pytest.raises(InputError) as error:
        image_values("enterprise", {"tag": tag})
    assert f"image.tag: {tag!r} is no version" in str(error.value)


@given(st.text(alphabet="0123456789.-abv", max_size=8))
def test_whatever_the_tag_it_is_a_version_or_refused(tag: str) -> None:
    """Nothing else gets through, and nothing else is raised. An empty tag is none: the default."""
    try:
        values = image_values("oss", {"tag": tag})
    except InputError:
        return
    assert values["tag"] == (tag or "3.9")
    assert values["tag"][0].isdigit()
    assert "." in values["tag"]


def test_a_digest_pins_the_image() -> None:
    """The chart then uses `unifiedRepoTag`, and reads the version from the tag still."""
    digest = f"sha256:{'a1' * 32}"
    values = image_values("enterprise", {"digest": digest, "repository": "r.example/kong", "pull_secrets": ["pull"]})
    assert values == {
        "repository": "r.example/kong",
        "tag": "3.10",
        "unifiedRepoTag": f"r.example/kong@{digest}",
        "pullSecrets": ["pull"],
    }


@pytest.mark.parametrize("digest", ["sha256:abc", "a1" * 32, f"sha512:{'a1' * 32}", f"sha256:{'A1' * 32}"])
def test_a_digest_that_is_none_is_refused(digest: str) -> None:
    """With the form it must have."""
    with pytest.raises(InputError, match=r"image\.digest: .* is no digest; allowed: sha256: and 64 hex digits"):
        image_values("enterprise", {"digest": digest})


def test_a_service_is_its_default_or_one_of_three() -> None:
    """Empty settings are left to the chart."""
    assert service_values({}, "ClusterIP") == {"type": "ClusterIP"}
    assert service_values({"type": "NodePort", "annotations": {}}, "ClusterIP") == {"type": "NodePort"}
    with pytest.raises(InputError, match="service type: 'clusterip' is not known"):
        service_values({"type": "clusterip"}, "ClusterIP")


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (
            {"external_traffic_policy": "local"},
            "external_traffic_policy: 'local' is not known; allowed: Cluster, Local",
        ),
        ({"external_traffic_policy": "Local"}, "external_traffic_policy: only for types NodePort and LoadBalancer"),
        (
            {"load_balancer_source_ranges": ["::/0"]},
            "load_balancer_source_ranges: only for type LoadBalancer, not Clus",
        ),
        ({"type": "NodePort", "load_balancer_source_ranges": ["::/0"]}, "only for type LoadBalancer, not NodePort"),
    ],
)
def test_a_service_that_the_api_server_would_refuse(service: dict[str, Any], message: str) -> None:
    """In the middle of an install, with a failed release to clean up."""
    with pytest.raises(InputError) as error:
        service_values(service, "ClusterIP")  # type: ignore[arg-type]
    assert message in str(error.value)
