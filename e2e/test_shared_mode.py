"""The life of a stack in shared mode on a real API server. The tests build on one another, in this order."""

import base64
from pathlib import Path

import pytest

from e2e.cluster import NAMESPACE, RELEASES, Cluster
from e2e.observe import CONTROL_PLANE, DATA_PLANE, observed, secrets
from e2e.stack import Stack

# Keys of Secrets whose values may be known: certificates, the id of a CA, whose certificate a consumer shows.
PUBLIC = ("tls.crt", "ca.crt", "cert", "id", "subject_name", "ca_certificate_id")
CERTIFICATES = {"kong/kong-cluster-cert", "kong-dp/kong-cluster-cert"}
LICENSES = {"kong/kong-enterprise-license", "kong-dp/kong-enterprise-license"}


def one_pair(cluster: Cluster) -> str:
    """The certificate that both ends have."""
    pairs = [item["data"] for name, item in secrets(cluster).items() if name in CERTIFICATES]
    assert len(pairs) == len(CERTIFICATES)
    assert pairs[0] == pairs[1]
    return base64.b64decode(pairs[0]["tls.crt"]).decode()


def test_a_value_that_breaks_the_link_is_refused_before_anything_is_made(stack: Stack, cluster: Cluster) -> None:
    """The user's own values don't override the cluster link; the message names the key, the cluster is untouched."""
    stack.configure(controlPlane={"values": {"env": {"cluster_mtls": "pki"}}})
    said = stack.fail("up", "--engine", "pulumi")
    assert "env.cluster_mtls" in said
    assert "Traceback" not in said
    assert cluster.added_namespaces() == []
    stack.configure()


def test_up(stack: Stack, cluster: Cluster) -> None:
    """One command makes everything, and leaves the project's files alone."""
    before = stack.tracked()
    stack.up()
    assert stack.tracked() == before
    assert "BEGIN CERTIFICATE" in one_pair(cluster)


def test_nothing_secret_is_in_the_state(stack: Stack, cluster: Cluster) -> None:
    """What the backend keeps shows neither key nor password nor licence."""
    kept = "".join(path.read_text(errors="replace") for path in (stack.folder / "states").rglob("*") if path.is_file())
    assert "PRIVATE KEY" not in kept
    for name, item in secrets(cluster).items():
        for key, value in item.get("data", {}).items():
            clear = base64.b64decode(value).decode()
            if key not in PUBLIC:
                assert clear not in kept, f"{name}: {key}"
                assert value not in kept, f"{name}: {key}"


def test_nothing_to_change(stack: Stack) -> None:
    """Neither preview nor refresh finds anything after `up`."""
    stack.unchanged()


def test_a_change_by_hand(stack: Stack, cluster: Cluster) -> None:
    """Somebody's own change of a Secret is seen, isn't overwritten unasked, and goes by docs/operations.md."""
    path, name = f"{NAMESPACE}/kong/secrets/kong-cluster-cert", "kong/kong-cluster-cert"
    before = secrets(cluster)[name]
    cluster.patch(path, {"data": {"tls.crt": ""}})
    assert stack.drifted() == ["kubernetes:core/v1:Secret"]
    stack.pulumi("refresh", "--yes")
    assert "conflict" in stack.fail("up", "--engine", "pulumi")
    stack.up(PULUMI_K8S_ENABLE_PATCH_FORCE="true")
    after = secrets(cluster)[name]
    assert (after["data"], after["metadata"]["uid"]) == (before["data"], before["metadata"]["uid"])
    stack.unchanged()


def test_a_changed_licence(stack: Stack, cluster: Cluster, license_file: Path | None) -> None:
    """Both Secrets are rewritten where they are, and exactly the two gateways roll, by an annotation."""
    if license_file is None:
        pytest.skip("the open-source gateway has no licence; set LICENSE_FILE")
    license_file.write_text(license_file.read_text() + "\n")
    copies = {"kong-license-kong", "kong-license-kong-dp"}
    assert set(stack.planned()) == {"kong-license-marker", *copies, "kong-cp", "kong-dp"}
    with observed(stack, cluster) as change:
        stack.up()
    assert change.rewritten == LICENSES
    assert (change.created, change.deleted, change.respecified) == (set(), set(), set())
    assert change.rolled == {CONTROL_PLANE, DATA_PLANE}


def test_a_renewed_cluster_certificate(stack: Stack, cluster: Cluster) -> None:
    """Both ends get the new pair, no Secret goes away for a moment, and exactly the two gateways roll."""
    before = one_pair(cluster)
    stack.configure(cluster={"validityDays": 900})
    with observed(stack, cluster) as change:
        stack.up()
    assert one_pair(cluster) != before
    assert change.rewritten == CERTIFICATES
    assert (change.created, change.deleted, change.respecified) == (set(), set(), set())
    assert change.rolled == {CONTROL_PLANE, DATA_PLANE}


def test_a_cluster_made_anew(stack: Stack, cluster: Cluster) -> None:
    """What the state has is made again by an `up` that looks, with the same keys."""
    before = one_pair(cluster)
    cluster.clear()
    stack.pulumi("up", "--yes", "--refresh")
    assert one_pair(cluster) == before
    stack.unchanged()


def test_destroy_leaves_nothing(stack: Stack, cluster: Cluster) -> None:
    """No resource in the state, no namespace, nothing cluster-wide but the chart's custom resource definitions."""
    stack.pulumi("destroy", "--yes")
    assert stack.resources() == []
    assert cluster.added_namespaces() == []
    assert [path for release in RELEASES for path in cluster.release_objects(release)] == []
    assert all(name.endswith(".konghq.com") for name in cluster.added_definitions())
