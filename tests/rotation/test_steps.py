"""What each step of a rotation changes on the cluster: its readers roll, and nothing else."""

from __future__ import annotations

from typing import Any

from kong_mtls.rehearsal.stage import Performance

from .conftest import CLUSTER, Stack

TRUST = {("kong-cluster-control-plane-trust", "update"), ("kong-cluster-dp-trust", "update")}
ROLLS = {("kong-cp", "update"), ("kong-dp", "update")}


def changes(done: Performance) -> set[tuple[str, str]]:
    """Every resource that isn't the same, with what happens to it; components left out."""
    return {(step.name, step.op) for step in done.steps if step.op not in ("same", "read")}


def test_ca_rotation(staging: Stack) -> None:
    """Add: bundles. Issue: leaves and their Secrets, keys kept. Drop: bundles, and the old generation goes."""
    staging.up()
    add = staging.up({f"{CLUSTER}.authority.generations": ["g1", "g2"], f"{CLUSTER}.authority.issuing": "g1"})
    made = {("kong-cluster-ca-g2-key", "create"), ("kong-cluster-ca-g2", "create")}
    assert changes(add) == made | TRUST | ROLLS
    issue = staging.up({f"{CLUSTER}.authority.issuing": "g2"})
    leaves = {("kong-cluster-control-plane", op) for op in ("replace", "update")}
    leaves |= {("kong-cluster-dp", op) for op in ("replace", "update")}
    assert changes(issue) == leaves | ROLLS
    drop = staging.up({f"{CLUSTER}.authority.generations": ["g2"]})
    gone = {("kong-cluster-ca-g1-key", "delete"), ("kong-cluster-ca-g1", "delete")}
    assert changes(drop) == gone | TRUST | ROLLS
    assert not staging.up().changed


def test_migration_from_shared_mode(dev: Stack) -> None:
    """The control plane rolls, then the data planes, then the control plane, then both."""
    dev.up()
    accept = changes(dev.up({f"{CLUSTER}.mtls": "pki", f"{CLUSTER}.migration": "accept"}))
    assert {change for change in accept if change[1] != "create"} == {("kong-cp", "update")}
    assert changes(dev.up({f"{CLUSTER}.migration": "join"})) == {("kong-dp", "update")}
    assert changes(dev.up({f"{CLUSTER}.migration": "present"})) == {("kong-cp", "update")}
    last = changes(dev.up({f"{CLUSTER}.migration": None}))
    assert {change for change in last if change[1] != "delete"} == TRUST | ROLLS
    assert {name for name, op in last if op == "delete"} == {
        "kong-cluster-cert",
        "kong-cluster-cert-key",
        "kong-cluster-cert-kong",
        "kong-cluster-cert-kong-dp",
    }


def test_secrets_are_never_replaced(staging: Stack, dev: Stack) -> None:
    """With the settings our stacks have, a changed Secret or bundle is updated in place at every step."""
    staging.up()
    steps: list[dict[str, Any]] = [
        {f"{CLUSTER}.authority.generations": ["g1", "g2"], f"{CLUSTER}.authority.issuing": "g1"},
        {f"{CLUSTER}.authority.issuing": "g2"},
        {f"{CLUSTER}.leaf.keyGeneration": "2"},
    ]
    for change in steps:
        done = staging.up(change)
        objects = [step for step in done.steps if step.type.endswith((":Secret", ":ConfigMap"))]
        assert objects
        assert {step.op for step in objects} <= {"same", "update"}
