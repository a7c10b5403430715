"""Values of the Reloader release."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from .merge import merge

ENV_VARS, ANNOTATIONS = "env-vars", "annotations"
STRATEGIES = (ENV_VARS, ANNOTATIONS)

PROTECTED: Mapping[str, str] = {
    "namespace": "set `namespace`",
    "reloader.ignoreSecrets": "the certificates are in Secrets",
    "reloader.namespaceSelector": "set `namespaces`",
    "reloader.namespaces": "set `namespaces`",
    "reloader.watchGlobally": "it would read every Secret of the cluster; set `namespaces`",
}


def reloader_values(
    *,
    namespaces: Sequence[pulumi.Input[str]],
    strategy: str,
    replicas: int | None,
    monitor: bool,
    monitor_labels: Mapping[str, str] | None,
    user_values: Mapping[str, Any],
    what: str,
) -> dict[str, Any]:
    """Everything that the release of Reloader sets.

    Source: stakater/Reloader, deployments/kubernetes/chart/reloader: values.yaml, templates/role.yaml.

    Args:
        namespaces: those that it watches, each with a Role of its own, and none beyond them but the release's: without
            a list the chart makes a ClusterRole that reads all Secrets.
        strategy: how it makes a Deployment roll: `env-vars` puts a digest of the Secret into the container that uses
            it, `annotations` marks the pod template with the moment.
        replicas: from 2 on one leads, with a disruption budget. None is one.
        monitor: make a PodMonitor (the chart's ServiceMonitor is deprecated).
        monitor_labels: labels of it.
        user_values: the user's own, merged last.
        what: how messages name the user's values.

    Raises:
        InputError: what can't work, by name.
    """
    reloader: dict[str, Any] = {
        "watchGlobally": False,
        "namespaces": list(namespaces),
        "reloadStrategy": strategy,
        # What it finds when it starts, and what is deleted and made again: a digest tells whether it has changed since
        # the pods started, so that nothing that changed while it was away is missed. An annotation can't tell, and
        # would roll everything (stakater/Reloader, internal/pkg/handler/upgrade.go); with several namespaces even
        # without the second switch, in those that are listed last (internal/pkg/controller/controller.go, runWorker).
        "reloadOnCreate": strategy == ENV_VARS,
        "syncAfterRestart": strategy == ENV_VARS,
    }
    if replicas is not None:
        reloader["enableHA"] = replicas > 1
        reloader["deployment"] = {"replicas": replicas}
        reloader["podDisruptionBudget"] = {"enabled": replicas > 1, **({"maxUnavailable": 1} if replicas > 1 else {})}
    if monitor:
        reloader["podMonitor"] = {"enabled": True, **({"labels": dict(monitor_labels)} if monitor_labels else {})}
    return merge({"reloader": reloader}, user_values, PROTECTED, what)
