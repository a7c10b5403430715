"""Values of the cert-manager release."""

from collections.abc import Mapping
from typing import Any

from .merge import merge
from .monitoring import MonitoringArgs, monitor_values, wants_metrics

WEBHOOK = "cert-manager-webhook"
"""The chart's name for its webhooks' configurations, with the release's name as it is here."""
SERVICE_ACCOUNT = "cert-manager"
"""Likewise for the controller's ServiceAccount, which asks for what Certificates want."""

_NAMES = "names that other objects rely on come from the release's"
PROTECTED: Mapping[str, str] = {
    "clusterResourceNamespace": "set `cluster_resource_namespace`",
    "crds.enabled": "set `skip_crds`",
    "crds.keep": "set `keep_crds`",
    "disableAutoApproval": "set `approver_policy`",
    "fullnameOverride": _NAMES,
    "installCRDs": "deprecated by the chart; set `skip_crds` or `keep_crds`",
    "nameOverride": _NAMES,
    "namespace": "set `namespace`",
    "serviceAccount.create": "policies name the controller's ServiceAccount",
    "serviceAccount.name": "policies name the controller's ServiceAccount",
    "startupapicheck.enabled": "what comes next needs webhooks that answer; `chart.wait_for_pods` false leaves it out",
}


def cert_manager_values(
    *,
    cluster_resource_namespace: str | None,
    skip_crds: bool,
    keep_crds: bool,
    replicas: int | None,
    monitoring: MonitoringArgs,
    approver_policy: bool,
    hooks: bool,
    user_values: Mapping[str, Any],
    what: str,
) -> dict[str, Any]:
    """Everything that the release of cert-manager sets.

    Source: cert-manager/cert-manager, deploy/charts/cert-manager/values.yaml; cert-manager/website,
    content/docs/installation/best-practice.md.

    Args:
        cluster_resource_namespace: where ClusterIssuers look for their Secrets; None is the release's namespace.
        skip_crds: leave the CRDs out; they are ordinary templates of the chart, so Helm's own switch does nothing.
        keep_crds: leave the CRDs, and with them every Certificate of the cluster, when the release goes.
        replicas: of controller, webhook and CA injector each; from 2 on with a disruption budget. None is one.
        monitoring: metrics, and the Prometheus operator's object.
        approver_policy: approver-policy decides on requests, so cert-manager must approve none itself: it would win.
        hooks: whether the check runs that an install ends with; Helm waits for it. It asks for a good and a bad
            certificate in a dry run, so that it passes only once CRDs and webhooks work
            (cert-manager/cert-manager, pkg/util/cmapichecker).
        user_values: the user's own, merged last.
        what: how messages name the user's values.

    Raises:
        InputError: what can't work, by name.
    """
    values: dict[str, Any] = {
        "crds": {"enabled": not skip_crds, "keep": keep_crds},
        "disableAutoApproval": approver_policy,
        "prometheus": {"enabled": wants_metrics(monitoring), "servicemonitor": monitor_values(monitoring)},
        "startupapicheck": {"enabled": hooks},
    }
    if cluster_resource_namespace is not None:
        values["clusterResourceNamespace"] = cluster_resource_namespace
    if replicas is not None:
        pods = {"replicaCount": replicas, "podDisruptionBudget": {"enabled": replicas > 1}}
        values |= {**pods, "webhook": pods, "cainjector": pods}
    return merge(values, user_values, PROTECTED, what)
