"""Arguments of cert-manager's installation."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .values.monitoring import MonitoringArgs


class AddonChartArgs(TypedDict):
    """A chart other than Kong's, and how it is installed."""

    version: NotRequired[str]
    """Default the version that is known here, whose value keys are checked; another one is taken with a warning."""
    repository: NotRequired[str]
    """URL of the chart repository; default the project's own."""
    path: NotRequired[str]
    """A chart directory or archive on this machine instead of a repository."""
    wait_for_pods: NotRequired[bool]
    """Whether an `up` waits until pods and webhooks are ready; default true. When false, what comes next can be refused
    by a webhook that doesn't answer yet."""
    timeout_seconds: NotRequired[int]
    """How long Helm waits, and then how long the webhook may take; default 600."""
    atomic: NotRequired[bool]
    """Roll a failed install or upgrade back; default false, so that what failed can be looked at."""
    cleanup_on_fail: NotRequired[bool]
    """Delete what a failed upgrade has newly made; default true."""


class TrustManagerArgs(TypedDict):
    """trust-manager, which hands out the CAs' certificates without their keys."""

    install: NotRequired[bool]
    """Install it, or false where it is there already; default as cert-manager."""
    namespace: NotRequired[str]
    """Where it is installed; default cert-manager's namespace. Any other one must be there."""
    target_namespaces: NotRequired[Sequence[pulumi.Input[str]]]
    """Namespaces in which it may write ConfigMaps; `*` is every one. Default the one whose Secrets it reads, which is
    all that certificates made here need."""
    replicas: NotRequired[int]
    """Default 1."""
    skip_crds: NotRequired[bool]
    """Leave out the chart's CRD, where it is installed already; default false."""
    chart: NotRequired[AddonChartArgs]
    """The chart `trust-manager`, default v0.24.0."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values, merged over the component's."""


class ApproverPolicyArgs(TypedDict):
    """approver-policy, which decides on every request for a certificate in the cluster."""

    install: NotRequired[bool]
    """Install it, or false where it is there already; default as cert-manager."""
    replicas: NotRequired[int]
    """Default 1."""
    skip_crds: NotRequired[bool]
    """Leave out the chart's CRD, where it is installed already; default false."""
    chart: NotRequired[AddonChartArgs]
    """The chart `cert-manager-approver-policy`, default v0.27.0."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values, merged over the component's."""


class ReloaderArgs(TypedDict):
    """Stakater Reloader: makes workloads roll when a Secret changes that they name in an annotation."""

    namespaces: Sequence[pulumi.Input[str]]
    """Namespaces of the workloads, and of the Secrets they read; at least one. They must be there. It reads Secrets in
    these and in its own namespace only."""
    namespace: NotRequired[str]
    """Where it is installed; default `reloader`."""
    create_namespace: NotRequired[bool]
    """Default true; false when it is there already."""
    release_name: NotRequired[str]
    """Name of the Helm release; default `reloader`."""
    strategy: NotRequired[str]
    """What it changes in a workload: `env-vars` (default) puts a digest of the Secret into the container, so that it
    also finds what changed while it was away; its first start rolls each workload once per Secret. `annotations` marks
    the pod template, and sees changes only while it runs."""
    replicas: NotRequired[int]
    """Default 1."""
    monitoring: NotRequired[MonitoringArgs]
    """Metrics, which it always serves; `service_monitor` makes a PodMonitor."""
    chart: NotRequired[AddonChartArgs]
    """The chart `reloader`, default 2.2.16."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values, merged over the component's."""


class CertManagerArgs(TypedDict):
    """cert-manager and what belongs to it; everything has a default."""

    install: NotRequired[bool]
    """Install cert-manager, once per cluster; default true. False where it is there already, which goes for the other
    parts too unless they say otherwise."""
    namespace: NotRequired[str]
    """cert-manager's namespace; default `cert-manager`."""
    create_namespace: NotRequired[bool]
    """Make the namespace; default true when cert-manager is installed."""
    cluster_resource_namespace: NotRequired[str]
    """Where ClusterIssuers look for their Secrets, and trust-manager for the CAs; default cert-manager's namespace. Any
    other one must be there."""
    service_account: NotRequired[str]
    """ServiceAccount of a controller that is there already; default `cert-manager`."""
    replicas: NotRequired[int]
    """Of controller, webhook and CA injector each; default 1. From 2 on with a disruption budget."""
    skip_crds: NotRequired[bool]
    """Leave out the CRDs, where they are installed by other means; default false."""
    keep_crds: NotRequired[bool]
    """Leave the CRDs of all parts in the cluster when they go; default true. Without its CRD, every Certificate of the
    cluster is deleted."""
    monitoring: NotRequired[MonitoringArgs]
    """Metrics of cert-manager, trust-manager and approver-policy."""
    chart: NotRequired[AddonChartArgs]
    """The chart `cert-manager`, default v1.21.1."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values for cert-manager, merged over the component's."""
    trust_manager: NotRequired[TrustManagerArgs]
    """trust-manager; default: installed with cert-manager."""
    approver_policy: NotRequired[ApproverPolicyArgs]
    """Let approver-policy decide who may get which certificate; default: cert-manager approves every request."""
    reloader: NotRequired[ReloaderArgs]
    """Stakater Reloader; default none. Where its namespaces are made after cert-manager is there, use the component
    `Reloader` by itself."""
