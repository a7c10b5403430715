"""From shared mode to a CA, and through its rotation, on a real API server: docs/rotation.md step by step.

The tests build on one another, in this order. No step takes away, even for a moment, a Secret or ConfigMap that pods
still read.
"""

from typing import Any

from e2e.cluster import Cluster
from e2e.observe import CONTROL_PLANE, DATA_PLANE, Change, observed
from e2e.stack import Stack

SHARED = {"kong/kong-cluster-cert", "kong-dp/kong-cluster-cert"}
LEAVES = {"kong/kong-cluster-cert-control-plane", "kong-dp/kong-cluster-cert-dp"}
TRUST = {"kong/kong-cluster-ca-control-plane", "kong-dp/kong-cluster-ca-dp"}
BOTH = {CONTROL_PLANE, DATA_PLANE}
NEW_KEY = {"keyGeneration": "2"}


def step(stack: Stack, cluster: Cluster, **link: Any) -> Change:
    """An `up` with a changed cluster link."""
    stack.configure(cluster={"mtls": "pki", **link})
    with observed(stack, cluster) as change:
        stack.up()
    return change


def test_shared_mode(stack: Stack) -> None:
    """Where most deployments start."""
    stack.up()
    stack.unchanged()


def test_the_control_plane_accepts_both(stack: Stack, cluster: Cluster) -> None:
    """The CA, its leaves and trust are made; only the control plane rolls."""
    change = step(stack, cluster, migration="accept")
    assert change.created == LEAVES | TRUST
    assert (change.deleted, change.rewritten, change.rolled) == (set(), set(), {CONTROL_PLANE})


def test_data_planes_join(stack: Stack, cluster: Cluster) -> None:
    """Only the data plane rolls."""
    change = step(stack, cluster, migration="join")
    assert (change.created, change.deleted, change.rewritten) == (set(), set(), set())
    assert change.rolled == {DATA_PLANE}


def test_the_control_plane_presents_its_own(stack: Stack, cluster: Cluster) -> None:
    """Only the control plane rolls."""
    change = step(stack, cluster, migration="present")
    assert (change.created, change.deleted, change.rewritten) == (set(), set(), set())
    assert change.rolled == {CONTROL_PLANE}


def test_the_shared_certificate_goes(stack: Stack, cluster: Cluster) -> None:
    """It is trusted no more, and nobody has it any more."""
    change = step(stack, cluster)
    assert (change.created, change.deleted, change.rewritten) == (set(), SHARED, TRUST)
    assert change.rolled == BOTH


def test_a_new_key(stack: Stack, cluster: Cluster) -> None:
    """Leaves are rewritten in place; their readers roll by an annotation."""
    change = step(stack, cluster, leaf=NEW_KEY)
    assert (change.created, change.deleted, change.rewritten) == (set(), set(), LEAVES)
    assert (change.rolled, change.respecified) == (BOTH, set())


def test_a_step_too_far_is_refused(stack: Stack) -> None:
    """A generation that nobody trusts yet doesn't issue, and nothing of it is made."""
    authority = {"generations": ["g1", "g2"], "issuing": "g2"}
    before = len(stack.resources())
    stack.configure(cluster={"mtls": "pki", "leaf": NEW_KEY, "authority": authority})
    assert "no running peer trusts yet" in stack.fail("up", "--engine", "pulumi")
    assert len(stack.resources()) == before


def test_both_generations_are_trusted(stack: Stack, cluster: Cluster) -> None:
    """Trust alone changes."""
    change = step(stack, cluster, leaf=NEW_KEY, authority={"generations": ["g1", "g2"], "issuing": "g1"})
    assert (change.created, change.deleted, change.rewritten) == (set(), set(), TRUST)
    assert (change.rolled, change.respecified) == (BOTH, set())


def test_the_new_generation_issues(stack: Stack, cluster: Cluster) -> None:
    """Leaves alone change."""
    change = step(stack, cluster, leaf=NEW_KEY, authority={"generations": ["g1", "g2"], "issuing": "g2"})
    assert (change.created, change.deleted, change.rewritten) == (set(), set(), LEAVES)
    assert (change.rolled, change.respecified) == (BOTH, set())


def test_the_old_generation_goes(stack: Stack, cluster: Cluster) -> None:
    """It is trusted no more, and its key is in the state no more."""
    change = step(stack, cluster, leaf=NEW_KEY, authority={"generations": ["g2"], "issuing": "g2"})
    assert (change.created, change.deleted, change.rewritten) == (set(), set(), TRUST)
    assert (change.rolled, change.respecified) == (BOTH, set())
    assert not any("-ca-g1" in it["urn"] for it in stack.resources() if "kong-cluster" in it["urn"].rpartition("::")[2])
