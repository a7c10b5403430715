"""Whether the kinds of cert-manager, trust-manager and approver-policy are known when an object of theirs is made.

A CustomResourceDefinition has to be there before the first object of its kind. Where the program installs it with a
Helm release, the object has to wait for that release; where it does not, it is taken for installed.

Sources: which chart has which definitions, and the values that leave them out: cert-manager/cert-manager
``deploy/charts/cert-manager``, cert-manager/trust-manager ``deploy/charts/trust-manager``, cert-manager/approver-policy
``deploy/charts/approver-policy`` (``values.yaml``). The message: kubernetes/kubernetes, apimachinery
``pkg/api/meta/errors.go``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.cluster import RELEASE, chart_name
from kong_mtls.rehearsal.resource import Resource, label


@dataclass(frozen=True)
class _Chart:
    groups: frozenset[str]
    by_default: bool


_CHARTS: Final[Mapping[str, _Chart]] = {
    "cert-manager": _Chart(frozenset({"cert-manager.io", "acme.cert-manager.io"}), by_default=False),
    "trust-manager": _Chart(frozenset({"trust.cert-manager.io"}), by_default=True),
    "cert-manager-approver-policy": _Chart(frozenset({"policy.cert-manager.io"}), by_default=True),
}


def unordered(made: Mapping[str, Resource]) -> Iterator[str]:
    """One message for each object that may be made before its kind is known.

    Args:
        made: Every resource of a run, by URN, without those that are only read.
    """
    bringing: dict[tuple[str, str], list[str]] = {}
    for urn, resource in sorted(made.items()):
        if resource.type == RELEASE:
            for group in _brought(wire.plain(resource.inputs)):
                bringing.setdefault((group, resource.provider), []).append(urn)
    if not bringing:
        return
    for urn, resource in sorted(made.items()):
        version = str(resource.inputs.get("apiVersion", ""))
        releases = bringing.get((version.partition("/")[0], resource.provider))  # another provider, another cluster
        if not releases or not resource.custom or not resource.type.startswith("kubernetes:"):
            continue
        before = _before(urn, made)
        if not before.intersection(releases):
            yield (
                f'{label(urn)}: no matches for kind "{resource.inputs.get("kind")}" in version "{version}": '
                f"{label(releases[0])} installs it, but this resource does not depend on that, so that the order on an "
                "empty cluster is not given"
            )


def _brought(release: Mapping[str, Any]) -> frozenset[str]:
    """The API groups that a release brings the definitions of."""
    chart = _CHARTS.get(chart_name(release))
    if chart is None:
        return frozenset()
    values = release.get("values")
    values = values if isinstance(values, dict) else {}
    crds = values.get("crds")
    enabled = crds.get("enabled") if isinstance(crds, dict) else None
    if enabled is None:
        enabled = values.get("installCRDs") or chart.by_default
    return chart.groups if enabled is True else frozenset()


def _before(urn: str, made: Mapping[str, Resource]) -> set[str]:
    """What a resource waits for: what it depends on, its parents and its provider, and what those wait for."""
    found: set[str] = set()
    left = [urn]
    while left:
        resource = made.get(left.pop())
        if resource is None:
            continue
        above = {*resource.dependencies, resource.parent, resource.provider.rpartition("::")[0]}
        for urns in resource.property_dependencies.values():
            above.update(urns)
        new = {one for one in above if one} - found
        found |= new
        left.extend(new)
    return found
