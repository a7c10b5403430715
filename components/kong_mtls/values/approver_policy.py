"""Values of the approver-policy release."""

from collections.abc import Mapping
from typing import Any

from .merge import merge
from .monitoring import MonitoringArgs, service_values

WEBHOOK = "cert-manager-approver-policy"
"""The chart's name for its webhook's configuration."""

PROTECTED: Mapping[str, str] = {
    "crds.enabled": "set `approver_policy.skip_crds`",
    "crds.keep": "set `keep_crds`",
    "nameOverride": "names that other objects rely on come from the chart's",
}


def approver_policy_values(
    *,
    skip_crds: bool,
    keep_crds: bool,
    replicas: int | None,
    monitoring: MonitoringArgs,
    user_values: Mapping[str, Any],
    what: str,
) -> dict[str, Any]:
    """Everything that the release of approver-policy sets.

    Source: cert-manager/approver-policy, deploy/charts/approver-policy/values.yaml.

    Args:
        skip_crds: leave the CRD out.
        keep_crds: leave it, and with it every policy, when the release goes.
        replicas: from 2 on with a disruption budget. None is one.
        monitoring: metrics, and the Prometheus operator's object.
        user_values: the user's own, merged last.
        what: how messages name the user's values.

    Raises:
        InputError: what can't work, by name.
    """
    values: dict[str, Any] = {
        "app": {"metrics": {"service": service_values(monitoring)}},
        "crds": {"enabled": not skip_crds, "keep": keep_crds},
    }
    if replicas is not None:
        values |= {"replicaCount": replicas, "podDisruptionBudget": {"enabled": replicas > 1}}
    return merge(values, user_values, PROTECTED, what)
