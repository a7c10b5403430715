"""One update on an empty cluster: what brings a kind goes before it, and who reads a Secret waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from kong_mtls.rehearsal.resource import Resource
from tests.stacks import Stack

from .conftest import ISSUER, PKI, Run, ran

CERT_MANAGER = "kong-mtls:certManager"


def before(resources: Mapping[str, Resource], urn: str) -> set[str]:
    """Everything that is made before a resource."""
    found: set[str] = set()
    left = [urn]
    while left:
        resource = resources[left.pop()]
        direct = {*resource.dependencies, *(it for many in resource.property_dependencies.values() for it in many)}
        left += [it for it in direct if it not in found and it in resources]
        found |= direct
    return found


def by_type(resources: Mapping[str, Resource], ending: str) -> list[str]:
    """URNs of a type."""
    return [urn for urn, resource in resources.items() if resource.custom and resource.type.endswith(ending)]


def releases(resources: Mapping[str, Resource]) -> dict[str, str]:
    """URN of each release by its chart."""
    return {str(resources[urn].inputs["chart"]): urn for urn in by_type(resources, "helm.sh/v3:Release")}


@pytest.fixture(scope="module")
def made(prod: Run) -> dict[str, Resource]:
    """The resources of prod, by URN."""
    return {resource.urn: resource for resource in prod.done.resources}


@pytest.mark.parametrize("kind", [":Certificate", ":ClusterIssuer", ":Bundle"])
def test_kinds_come_first(made: dict[str, Resource], kind: str) -> None:
    """Nothing of cert-manager's or trust-manager's is made before both are installed."""
    charts = releases(made)
    objects = by_type(made, kind)
    assert objects
    for urn in objects:
        assert {charts["cert-manager"], charts["trust-manager"]} <= before(made, urn), urn


def test_readers_wait_for_certificates(made: dict[str, Resource]) -> None:
    """A release is made when every certificate that its pods read is ready."""
    charts = {str(made[urn].inputs["name"]): urn for urn in by_type(made, "helm.sh/v3:Release")}
    certificates = {str(made[urn].inputs["metadata"]["name"]): urn for urn in by_type(made, ":Certificate")}
    for release, names in {
        "kong-cp": ["kong-cluster-cert-control-plane-tls", "kong-admin-cert-tls", "kong-admin-client-cert-tls"],
        "kong-dp": ["kong-cluster-cert-dp-tls", "kong-server-cert-dp-tls", "kong-upstream-client-cert-tls"],
    }.items():
        assert {certificates[name] for name in names} <= before(made, charts[release])


@pytest.mark.parametrize(
    ("kind", "condition"), [(":Certificate", "Ready"), (":ClusterIssuer", "Ready"), (":Bundle", "Synced")]
)
def test_readiness_is_waited_for(made: dict[str, Resource], kind: str, condition: str) -> None:
    """The provider takes a custom object for ready at once, unless told."""
    for urn in by_type(made, kind):
        annotations = made[urn].inputs["metadata"]["annotations"]
        assert annotations["pulumi.com/waitFor"] == f"condition={condition}"


def test_reloader_comes_last(made: dict[str, Resource]) -> None:
    """It is given rights in namespaces that are there."""
    charts = releases(made)
    namespaces = [
        urn for urn in by_type(made, ":Namespace") if made[urn].inputs["metadata"]["name"] in {"kong", "kong-dp"}
    ]
    assert len(namespaces) == 2
    assert set(namespaces) <= before(made, charts["reloader"])


def _is_ours(namespace: Resource) -> bool:
    return namespace.inputs["metadata"]["name"] in {"kong", "kong-dp"}


def test_there_already(root: Path, day: datetime) -> None:
    """With `install: false` nothing of it is installed, and all links hold."""
    run = ran(Stack(root, "dev", day), {**PKI, ISSUER: "cert-manager", CERT_MANAGER: {"install": False}})
    assert {release.name for release in run.objects.releases} == {"kong-cp", "kong-dp"}
    assert not run.done.waiting


def test_two_stacks_on_one_cluster(prod: Run, with_cert_manager: Run) -> None:
    """They share no name that is one for the whole cluster, nor one where CAs' keys are."""

    def common(run: Run) -> set[tuple[str, str]]:
        kinds = ("ClusterIssuer", "Bundle", "Certificate")
        return {
            (kind, it["metadata"]["name"])
            for kind in kinds
            for it in run.objects.all(kind)
            if it["metadata"].get("namespace", "cert-manager") == "cert-manager"
        }

    assert len(common(prod)) > 10
    assert not common(prod) & common(with_cert_manager)
