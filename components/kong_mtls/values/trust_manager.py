"""Values of the trust-manager release."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from .merge import merge
from .monitoring import MonitoringArgs, service_values

WEBHOOK = "trust-manager"
"""The chart's name for its webhook's configuration."""
EVERYWHERE = "*"

PROTECTED: Mapping[str, str] = {
    "app.targetNamespaces": "set `trust_manager.target_namespaces`",
    "app.trust.namespace": "it reads the CAs where ClusterIssuers do; set `cluster_resource_namespace`",
    "app.webhook.tls.approverPolicy": "set `approver_policy`",
    "crds.enabled": "set `trust_manager.skip_crds`",
    "crds.keep": "set `keep_crds`",
    "enabled": "leave it to `trust_manager.install`",
    "nameOverride": "names that other objects rely on come from the chart's",
    "namespace": "set `trust_manager.namespace`",
}


def trust_manager_values(
    *,
    trust_namespace: str,
    target_namespaces: Sequence[pulumi.Input[str]] | None,
    cert_manager: tuple[str, str],
    skip_crds: bool,
    keep_crds: bool,
    replicas: int | None,
    monitoring: MonitoringArgs,
    approver_policy: bool,
    user_values: Mapping[str, Any],
    what: str,
) -> dict[str, Any]:
    """Everything that the release of trust-manager sets.

    It may read Secrets in one namespace, and write ConfigMaps where it is told to; no Secret anywhere. Source:
    cert-manager/trust-manager, deploy/charts/trust-manager: values.yaml, templates/role.yaml,
    templates/rbac-per-namespace.yaml.

    Args:
        trust_namespace: the one whose Secrets and ConfigMaps are its sources.
        target_namespaces: where it may write; None is the trust namespace alone, `*` every one.
        cert_manager: namespace and ServiceAccount of cert-manager's controller.
        skip_crds: leave the CRD out.
        keep_crds: leave it when the release goes.
        replicas: from 2 on with a disruption budget. None is one.
        monitoring: metrics, and the Prometheus operator's object.
        approver_policy: make a policy for the certificate of its own webhook.
        user_values: the user's own, merged last.
        what: how messages name the user's values.

    Raises:
        InputError: what can't work, by name.
    """
    app: dict[str, Any] = {
        "trust": {"namespace": trust_namespace},
        "metrics": {"service": service_values(monitoring)},
    }
    if EVERYWHERE not in (target_namespaces or ()):
        # The chart adds the trust namespace and its own to the list.
        app["targetNamespaces"] = list(target_namespaces or [trust_namespace])
    if approver_policy:
        namespace, account = cert_manager
        app["webhook"] = {
            "tls": {
                "approverPolicy": {
                    "enabled": True,
                    "certManagerNamespace": namespace,
                    "certManagerServiceAccount": account,
                }
            }
        }
    values: dict[str, Any] = {
        "app": app,
        "crds": {"enabled": not skip_crds, "keep": keep_crds},
        # An image with the public CAs, which no link here trusts.
        "defaultPackage": {"enabled": False},
    }
    if replicas is not None:
        values |= {"replicaCount": replicas, "podDisruptionBudget": {"enabled": replicas > 1}}
    return merge(values, user_values, PROTECTED, what)
