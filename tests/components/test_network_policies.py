"""NetworkPolicies judged as a cluster's network judges them: who reaches which port of which pod."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from kong_mtls import NetworkPolicies
from kong_mtls.reader.manifests import Objects
from kong_mtls.rehearsal.stage import Performance, ProgramFailed

Run = Callable[..., Performance]
Read = Callable[[Performance], Objects]

# Labels that the chart gives to all pods of a release, those of its migration Jobs among them (Kong/charts,
# charts/kong/templates/_helpers.tpl, "kong.metaLabels").
CONTROL_PLANE = {"app.kubernetes.io/name": "kong", "app.kubernetes.io/instance": "kong-cp"}
DATA_PLANE = {"app.kubernetes.io/name": "kong", "app.kubernetes.io/instance": "kong-dp"}
POSTGRES = {"app.kubernetes.io/name": "postgres", "app.kubernetes.io/instance": "kong-postgres"}
MIGRATION = {**CONTROL_PLANE, "app.kubernetes.io/component": "pre-upgrade-migrations"}
OTHER = {"app": "other"}

CLUSTER, TELEMETRY, ADMIN, STATUS, WEBHOOK, METRICS = 8005, 8006, 8444, 8100, 8080, 10255


def fits(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Kubernetes API, LabelSelector: an empty one fits all."""
    wanted: Mapping[str, str] = (selector or {}).get("matchLabels", {})
    return wanted.items() <= labels.items()


def admits(peer: Mapping[str, Any], here: str, namespace: str, labels: Mapping[str, str], address: str) -> bool:
    """Kubernetes API, NetworkPolicyPeer; without a namespace selector the policy's own namespace is meant."""
    if "ipBlock" in peer:
        return ipaddress.ip_address(address) in ipaddress.ip_network(peer["ipBlock"]["cidr"])
    selector = peer.get("namespaceSelector")
    if selector is None:
        if namespace != here:
            return False
    elif not fits(selector, {"kubernetes.io/metadata.name": namespace}):
        return False
    return fits(peer.get("podSelector"), labels)


def reaches(  # noqa: PLR0917  # both ends and the port
    objects: Objects,
    namespace: str,
    labels: Mapping[str, str],
    to_namespace: str,
    to_labels: Mapping[str, str],
    port: int,
    address: str = "10.9.9.9",
) -> bool:
    """Whether the policies let a pod through: no policy for the target, or one that admits."""
    policies = [
        policy
        for policy in objects.all("NetworkPolicy")
        if policy["metadata"]["namespace"] == to_namespace and fits(policy["spec"]["podSelector"], to_labels)
    ]
    if not policies:
        return True
    return any(
        any(allowed["port"] == port for allowed in rule["ports"])
        and ("from" not in rule or any(admits(it, to_namespace, namespace, labels, address) for it in rule["from"]))
        for policy in policies
        for rule in policy["spec"]["ingress"]
    )


@pytest.fixture(scope="module")
def dev(rehearse: Run, read: Read, license_text: str) -> Objects:
    """The development stack with a second data plane, and data planes of other clusters."""
    planes = [{"name": "dp"}, {"name": "edge", "namespace": "kong-edge"}]
    policies = {"remoteDataPlaneCidrs": ["203.0.113.0/24", "2001:db8::/32"]}
    return read(rehearse("dev", license={"data": license_text}, dataPlanes=planes, networkPolicies=policies))


@pytest.mark.parametrize("port", [CLUSTER, TELEMETRY])
def test_the_link_is_for_data_planes(dev: Objects, port: int) -> None:
    """Each in its namespace; the same labels elsewhere, or another pod beside it, are nobody."""
    edge = {**DATA_PLANE, "app.kubernetes.io/instance": "kong-edge"}
    assert reaches(dev, "kong-dp", DATA_PLANE, "kong", CONTROL_PLANE, port)
    assert reaches(dev, "kong-edge", edge, "kong", CONTROL_PLANE, port)
    assert not reaches(dev, "elsewhere", DATA_PLANE, "kong", CONTROL_PLANE, port)
    assert not reaches(dev, "kong-edge", DATA_PLANE, "kong", CONTROL_PLANE, port)
    assert not reaches(dev, "kong-dp", OTHER, "kong", CONTROL_PLANE, port)
    assert not reaches(dev, "kong", OTHER, "kong", CONTROL_PLANE, port)


@pytest.mark.parametrize(
    ("address", "admitted"), [("203.0.113.9", True), ("2001:db8::9", True), ("203.0.114.9", False)]
)
def test_data_planes_of_other_clusters_come_by_address(dev: Objects, address: str, admitted: bool) -> None:
    """To the link's ports, and to no other."""
    assert reaches(dev, "", {}, "kong", CONTROL_PLANE, CLUSTER, address) is admitted
    assert reaches(dev, "", {}, "kong", CONTROL_PLANE, TELEMETRY, address) is admitted
    assert not reaches(dev, "", {}, "kong", CONTROL_PLANE, ADMIN, address)


@pytest.mark.parametrize("port", [WEBHOOK, METRICS, 10254, STATUS])
def test_what_the_cluster_itself_calls_stays_open(dev: Objects, port: int) -> None:
    """The API server comes from outside any pod network, and calls the admission webhook; monitoring is anywhere."""
    assert reaches(dev, "monitoring", OTHER, "kong", CONTROL_PLANE, port)


@pytest.mark.parametrize("port", [ADMIN, 8001, 8002, 8445, 5432])
def test_nobody_reaches_the_admin_api(dev: Objects, port: int) -> None:
    """Nor Kong Manager: not even data planes."""
    assert not reaches(dev, "kong-dp", DATA_PLANE, "kong", CONTROL_PLANE, port)
    assert not reaches(dev, "kong", OTHER, "kong", CONTROL_PLANE, port)


@pytest.mark.parametrize(
    ("port", "admitted"), [(8443, True), (8000, True), (STATUS, True), (8444, False), (8005, False)]
)
def test_a_data_plane_serves_everybody(dev: Objects, port: int, admitted: bool) -> None:
    """Its proxy ports and its status port; nothing else."""
    assert reaches(dev, "anywhere", OTHER, "kong-dp", DATA_PLANE, port) is admitted


def test_postgres_is_for_the_control_plane(dev: Objects) -> None:
    """And for its migration Jobs, without which an upgrade would hang; nobody else, in no other namespace."""
    assert reaches(dev, "kong", CONTROL_PLANE, "kong", POSTGRES, 5432)
    assert reaches(dev, "kong", MIGRATION, "kong", POSTGRES, 5432)
    assert not reaches(dev, "kong", OTHER, "kong", POSTGRES, 5432)
    assert not reaches(dev, "kong-dp", DATA_PLANE, "kong", POSTGRES, 5432)
    assert not reaches(dev, "elsewhere", CONTROL_PLANE, "kong", POSTGRES, 5432)
    assert not reaches(dev, "kong", CONTROL_PLANE, "kong", POSTGRES, 22)
    stateful_set = dev.get("StatefulSet", "kong", "kong-postgres")
    assert stateful_set is not None
    # The policy is for the pods that there are.
    assert POSTGRES.items() <= stateful_set["spec"]["template"]["metadata"]["labels"].items()


def test_a_database_elsewhere_has_none(rehearse: Run, read: Read, license_text: str) -> None:
    """What is outside the stack is not ours to close."""
    objects = read(rehearse("staging", license={"data": license_text}))
    selectors = [policy["spec"]["podSelector"]["matchLabels"] for policy in objects.all("NetworkPolicy")]
    assert sorted(it["app.kubernetes.io/instance"] for it in selectors) == ["kong-cp", "kong-dp"]


def test_they_can_be_left_out(rehearse: Run, read: Read, license_text: str) -> None:
    """Where a team has its own."""
    done = rehearse("dev", license={"data": license_text}, networkPolicies={"disabled": True})
    assert read(done).all("NetworkPolicy") == []


def test_they_fit_the_schema(dev: Objects) -> None:
    """Strictly, in the oldest and the newest version that we know of."""
    for policy in dev.all("NetworkPolicy"):
        for version in ("1.30", "1.36"):
            kubernetes_validate.validate(policy, version, strict=True)


@pytest.mark.parametrize("cidr", ["10.1.0.0/33", "10.1.0.5/16", "kong.example.com", ""])
def test_a_cidr_that_is_none_is_refused(stage: Run, rehearse: Run, license_text: str, cidr: str) -> None:
    """By the component and by the program, where the API server would refuse it in the middle of an update."""
    args: Any = {
        "control_plane_namespace": "kong",
        "control_plane_release": "kong-cp",
        "data_planes": {"kong-dp": "kong-dp"},
        "remote_data_plane_cidrs": [cidr],
    }
    with pytest.raises(ProgramFailed, match="is no CIDR"):
        stage(lambda: NetworkPolicies("network", args))
    with pytest.raises(ProgramFailed, match=r"remoteDataPlaneCidrs: .* is no CIDR"):
        rehearse("dev", license={"data": license_text}, networkPolicies={"remoteDataPlaneCidrs": [cidr]})


def test_a_control_plane_without_data_planes_admits_none(stage: Run, read: Read) -> None:
    """A rule without peers would admit everybody."""
    done = stage(
        lambda: NetworkPolicies(
            "network", {"control_plane_namespace": "kong", "control_plane_release": "kong-cp", "data_planes": {}}
        )
    )
    assert not reaches(read(done), "kong-dp", DATA_PLANE, "kong", CONTROL_PLANE, CLUSTER)
