"""An `up` that is cut off during a Helm release is put right the way docs/operations.md says."""

import os
import signal
from typing import Any

from e2e.cluster import NAMESPACE, Cluster
from e2e.stack import Stack

NAMESPACES = ("kong", "kong-dp")
SECRETS = "/api/v1/secrets"
# Helm's record of a revision; its labels say what became of it.
RECORD = "owner=helm,name=kong-cp"
UNFINISHED = "pending-install,pending-upgrade,pending-rollback,failed"
START_SECONDS = 300
DEPLOYMENTS = "/apis/apps/v1/namespaces/kong/deployments"


def interrupted(stack: Stack, cluster: Cluster, sent: signal.Signals, status: str) -> str:
    """Start `up`, and send a signal once Helm's record of the control plane has that status; when it all began."""
    since = cluster.version(SECRETS)
    with stack.running("up", "--engine", "pulumi") as process:
        await_record(cluster, since, status)
        os.killpg(process.pid, sent)
    return since


def await_record(cluster: Cluster, since: str, status: str) -> None:
    """Wait until Helm's record of the control plane has that status, or had it since then."""
    events = cluster.events(SECRETS, since, START_SECONDS, labelSelector=RECORD)
    assert any(event.object["metadata"]["labels"]["status"] == status for event in events), f"never {status}"


def recovered(stack: Stack, cluster: Cluster, *, first_install: bool = False, **sections: Any) -> None:
    """The steps of docs/operations.md, "`up` was killed", after that about what is left of the killed run."""
    stack.pulumi("cancel", "--yes")
    for namespace in NAMESPACES:
        cluster.delete(f"{NAMESPACE}/{namespace}/secrets", labelSelector=f"owner=helm,status in ({UNFINISHED})")
    if first_install:
        cluster.delete(DEPLOYMENTS, labelSelector="app.kubernetes.io/instance=kong-cp")
    stack.pulumi("refresh", "--yes", "--clear-pending-creates")
    stack.configure(**sections)
    stack.up()


def deployed(stack: Stack, cluster: Cluster) -> list[int]:
    """Nothing is left to do, and Helm thinks so too; the control plane's revisions."""
    stack.unchanged()
    assert stack.pending() == []
    revisions = []
    for namespace in NAMESPACES:
        records = cluster.items(f"{NAMESPACE}/{namespace}/secrets", labelSelector="owner=helm")
        labels = sorted((item["metadata"]["labels"] for item in records), key=lambda it: int(it["version"]))
        assert labels[-1]["status"] == "deployed"
        revisions.append(int(labels[-1]["version"]))
    return revisions


def slow(stack: Stack, timeout_seconds: int = 600, **pods: Any) -> None:
    """A change of the control plane that never ends: its pods are waited for, and have no node to run on."""
    chart = {"waitForPods": True, "timeoutSeconds": timeout_seconds}
    stack.configure(chart=chart, controlPlane={"pods": {"nodeSelector": {"none": "such"}, **pods}})


def control_plane(cluster: Cluster) -> dict[str, Any]:
    """The specification of its Deployment."""
    found = cluster.get(f"{DEPLOYMENTS}/kong-cp-kong")
    assert found
    spec: dict[str, Any] = found["spec"]
    return spec


def test_killed_in_the_first_install(stack: Stack, cluster: Cluster) -> None:
    """After kill -9 another `up` is refused; the documented steps bring the stack up with what it has."""
    slow(stack)
    interrupted(stack, cluster, signal.SIGKILL, "pending-install")
    assert "locked" in stack.fail("up", "--engine", "pulumi")
    assert stack.pending() == ["creating"]
    assert stack.end_orphans() > 0
    recovered(stack, cluster, first_install=True)
    assert deployed(stack, cluster) == [1, 1]
    assert "nodeSelector" not in control_plane(cluster)["template"]["spec"]


def test_killed_in_an_upgrade(stack: Stack, cluster: Cluster) -> None:
    """The same for a release that runs: the change that was cut off is made, not taken for done."""
    slow(stack, replicas=2)
    interrupted(stack, cluster, signal.SIGKILL, "pending-upgrade")
    assert stack.pending() == ["updating"]
    assert stack.end_orphans() > 0
    recovered(stack, cluster, controlPlane={"pods": {"replicas": 2}})
    assert deployed(stack, cluster) == [2, 1]
    spec = control_plane(cluster)
    assert spec["replicas"] == 2
    assert "nodeSelector" not in spec["template"]["spec"]


def test_interrupted_by_the_keyboard(stack: Stack, cluster: Cluster) -> None:
    """After Ctrl-C the next `up` goes on by itself."""
    slow(stack, replicas=3)
    interrupted(stack, cluster, signal.SIGINT, "pending-upgrade")
    stack.configure(controlPlane={"pods": {"replicas": 3}})
    stack.up()
    assert deployed(stack, cluster) == [4, 1]
    assert "nodeSelector" not in control_plane(cluster)["template"]["spec"]


def test_left_to_itself_in_the_first_install(stack: Stack, cluster: Cluster) -> None:
    """A provider that nobody ends gives up after the chart's timeout, and writes that down; the same steps help."""
    stack.pulumi("destroy", "--yes")
    slow(stack, timeout_seconds=20)
    since = interrupted(stack, cluster, signal.SIGKILL, "pending-install")
    await_record(cluster, since, "failed")
    assert stack.pending() == ["creating"]
    recovered(stack, cluster, first_install=True)
    assert deployed(stack, cluster) == [1, 1]
    assert "nodeSelector" not in control_plane(cluster)["template"]["spec"]
