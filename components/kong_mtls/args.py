"""Argument types that several components share.

Every reference to another object is by name (and namespace), never by resource, so that the same arguments
work from every Pulumi language: a resource can't cross to a component that runs in another process.
A field without ``Input`` shapes what is created and must be known when the program runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired


class SecretRefArgs(TypedDict):
    """A Secret in the namespace of its reader."""

    name: pulumi.Input[str]
    """Its name."""
    checksum: NotRequired[pulumi.Input[str]]
    """Changes when the content changes: it goes into a pod annotation, so that pods that read the Secret roll.
    Without it a change reaches the pods at their next restart only: Kong reads certificates when it starts, and
    the chart hashes no Secret. It is visible in the cluster and must give nothing away of the content."""
    renewal: NotRequired[str]
    """Of a Secret that changes without an update, as cert-manager's do: `reloader` marks the workload for Stakater
    Reloader, `restart` leaves it to you. Default: it doesn't change by itself."""


class TrustRefArgs(TypedDict):
    """A ConfigMap in the namespace of its reader with CA certificates in PEM, one or several."""

    name: pulumi.Input[str]
    """Its name."""
    key: NotRequired[str]
    """The key with the PEM; default `ca.crt`."""
    checksum: NotRequired[pulumi.Input[str]]
    """Changes when the content changes, so that pods that read it roll."""


class ImageArgs(TypedDict):
    """The gateway's image."""

    repository: NotRequired[str]
    """Default `kong/kong-gateway` for enterprise, `kong` for oss."""
    tag: NotRequired[str]
    """A version such as `3.10.0.2`; default `3.10` for enterprise, `3.9` for oss. The chart reads the version from
    it, so that a name such as `latest` can't be used."""
    digest: NotRequired[str]
    """`sha256:...`: pins the image; `tag` stays as the version the chart reads."""
    pull_secrets: NotRequired[Sequence[str]]
    """Names of image pull Secrets in the release's namespace."""


class AutoscalingArgs(TypedDict):
    """A HorizontalPodAutoscaler on CPU. It needs resource requests on every container."""

    min_replicas: NotRequired[int]
    """Default 2."""
    max_replicas: NotRequired[int]
    """Default 5."""
    target_cpu_percent: NotRequired[int]
    """Average utilisation to hold, in percent of the requests; default 80."""


class DisruptionBudgetArgs(TypedDict):
    """How many pods a node drain may take away. One of the two, as a number or a percentage."""

    min_available: NotRequired[str]
    """Pods that must stay."""
    max_unavailable: NotRequired[str]
    """Pods that may go; default `1`."""


class PodsArgs(TypedDict):
    """Number, size and place of a release's pods."""

    replicas: NotRequired[int]
    """Default 1. Not with `autoscaling`."""
    resources: NotRequired[Mapping[str, Any]]
    """Requests and limits of the gateway's container, as in Kubernetes."""
    autoscaling: NotRequired[AutoscalingArgs]
    """Scale by CPU instead of a fixed number."""
    disruption_budget: NotRequired[DisruptionBudgetArgs]
    """Default: at most one pod away, where there are two or more; none for a single pod, which the chart refuses."""
    node_selector: NotRequired[Mapping[str, str]]
    """Node labels that pods need."""
    tolerations: NotRequired[Sequence[Mapping[str, Any]]]
    """Taints that pods tolerate."""
    affinity: NotRequired[Mapping[str, Any]]
    """Affinity, as in Kubernetes."""
    topology_spread_constraints: NotRequired[Sequence[Mapping[str, Any]]]
    """Spread over zones or nodes, as in Kubernetes."""
    priority_class_name: NotRequired[str]
    """A PriorityClass."""
    labels: NotRequired[Mapping[str, str]]
    """Further pod labels."""
    annotations: NotRequired[Mapping[str, str]]
    """Further pod annotations. The chart evaluates `{{` in them as a template."""


class ServiceArgs(TypedDict):
    """A Service of the chart."""

    type: NotRequired[str]
    """ClusterIP, NodePort or LoadBalancer."""
    annotations: NotRequired[Mapping[str, str]]
    """Annotations, for a cloud's load balancer say."""
    load_balancer_source_ranges: NotRequired[Sequence[str]]
    """CIDRs that a load balancer lets in."""
    external_traffic_policy: NotRequired[str]
    """Cluster or Local."""


class ChartArgs(TypedDict):
    """The chart, and how its release is installed."""

    version: NotRequired[str]
    """Default 3.4.1, whose value keys are checked; another version is taken with a warning."""
    repository: NotRequired[str]
    """URL of the chart repository; default Kong's own."""
    path: NotRequired[str]
    """A chart directory or archive on this machine instead of a repository."""
    wait_for_pods: NotRequired[bool]
    """Whether an `up` waits until pods are ready; default true. When false, the migration Jobs around a chart upgrade
    are not run either, since Helm would wait for them."""
    timeout_seconds: NotRequired[int]
    """How long Helm waits; default 600. A data plane is ready only once it has its configuration."""
    atomic: NotRequired[bool]
    """Roll a failed install or upgrade back; default false, so that what failed can be looked at."""
    cleanup_on_fail: NotRequired[bool]
    """Delete what a failed upgrade has newly made; default true."""


class ClusterLinkArgs(TypedDict):
    """One end of the link between control plane and data plane."""

    certificate: SecretRefArgs
    """TLS Secret (tls.crt, tls.key) of this end; the same pair on both ends in shared mode."""
    mtls: NotRequired[str]
    """`shared` (default): both ends show the same certificate, compared by digest. `pki`: each shows its own, issued by
    a CA that the other trusts. `pki_check_cn`: and the data plane's common name is checked (Enterprise)."""
    trust: NotRequired[TrustRefArgs]
    """CA certificates that this end trusts; needed with `pki` and `pki_check_cn`, not used with `shared`."""
    server_name: NotRequired[str]
    """Data plane, pki: the name that the control plane's certificate must carry; default: the host it connects to."""
    telemetry_server_name: NotRequired[str]
    """Data plane, pki: likewise for the telemetry endpoint."""
    allowed_common_names: NotRequired[Sequence[str]]
    """Control plane, `pki_check_cn`: common names of the data planes that may join."""
    verify_depth: NotRequired[int]
    """How many intermediate certificates a chain may have (Kong's `lua_ssl_verify_depth`); Kong's default is 1."""
