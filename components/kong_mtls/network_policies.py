"""NetworkPolicies around a deployment: who may reach which port.

They restrict incoming traffic only. Nothing is lost where the cluster's network ignores them.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from typing_extensions import NotRequired

from . import names
from .errors import InputError
from .inputs import check_inputs
from .resources import child_options

# Ports inside the pods (Kong/charts, charts/kong/values.yaml).
_PROXY = (8000, 8443)
_STATUS = 8100
_WEBHOOK = 8080
_METRICS = (10254, 10255)


class NetworkPoliciesArgs(TypedDict):
    """What runs where."""

    control_plane_namespace: pulumi.Input[str]
    """The control plane's namespace."""
    control_plane_release: str
    """Name of the control plane's release."""
    data_planes: Mapping[str, pulumi.Input[str]]
    """Namespace of each data plane's release, by the release's name."""
    remote_data_plane_cidrs: NotRequired[Sequence[str]]
    """Addresses from which data planes of other clusters arrive."""
    postgres_service: NotRequired[str]
    """Name of a Postgres of the stack's own in the control plane's namespace."""


class NetworkPolicies(pulumi.ComponentResource):
    """Cluster and telemetry ports for data planes only, Postgres for the control plane and its migration Jobs only.

    The Admin API listens on localhost, so no policy admits anyone to it. The API server must reach the admission
    webhook, and monitoring the metrics and status ports: they stay open.

    Raises:
        InputError: a CIDR that is none.
    """

    policy_names: pulumi.Output[Sequence[str]]
    """Names of the policies."""

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the policies."""
        super().__init__("kong-mtls:index:NetworkPolicies", name, {}, opts)
        where = f'NetworkPolicies "{name}"'
        check_inputs(NetworkPoliciesArgs, args, where)
        problems = cidr_problems(args.get("remote_data_plane_cidrs") or [])
        if problems:
            raise InputError.of(problems, f"{where}: the arguments can't be used:")
        child = child_options(self, opts)
        release, namespace = args["control_plane_release"], args["control_plane_namespace"]
        made = [
            _policy(
                f"{name}-{release}", names.fullname(release), namespace, _pods(release), _control_plane(args), child
            )
        ]
        made += [
            _policy(
                f"{name}-{plane}",
                names.fullname(plane),
                where_it_is,
                _pods(plane),
                [_from_anywhere(*_PROXY, _STATUS)],
                child,
            )
            for plane, where_it_is in args["data_planes"].items()
        ]
        postgres = args.get("postgres_service")
        if postgres:
            rule = {"from_": [{"pod_selector": _pods(release)}], "ports": _ports(names.POSTGRES_PORT)}
            selector = {"match_labels": {"app.kubernetes.io/instance": postgres}}
            made.append(_policy(f"{name}-{postgres}", postgres, namespace, selector, [rule], child))
        self.policy_names = pulumi.Output.all(*[policy.metadata.name for policy in made])
        self.register_outputs({"policy_names": self.policy_names})


def cidr_problems(cidrs: Sequence[str]) -> list[str]:
    """CIDRs that Kubernetes would refuse."""
    problems = []
    for cidr in cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            problems.append(f"remote_data_plane_cidrs: {cidr!r} is no CIDR ({error}); needed: 10.1.0.0/16, say")
    return problems


def _control_plane(args: NetworkPoliciesArgs) -> list[dict[str, Any]]:
    peers: list[dict[str, Any]] = [
        {
            "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": namespace}},
            "pod_selector": _pods(plane),
        }
        for plane, namespace in args["data_planes"].items()
    ]
    peers += [{"ip_block": {"cidr": cidr}} for cidr in args.get("remote_data_plane_cidrs") or []]
    link = {"from_": peers, "ports": _ports(names.CLUSTER_PORT, names.TELEMETRY_PORT)}
    return [*([link] if peers else []), _from_anywhere(_WEBHOOK, *_METRICS, _STATUS)]


def _pods(release: str) -> dict[str, Any]:
    return {"match_labels": {"app.kubernetes.io/instance": release, "app.kubernetes.io/name": names.CHART}}


def _ports(*ports: int) -> list[dict[str, Any]]:
    return [{"port": port, "protocol": "TCP"} for port in ports]


def _from_anywhere(*ports: int) -> dict[str, Any]:
    return {"ports": _ports(*ports)}


def _policy(  # noqa: PLR0917  # what a policy consists of
    resource_name: str,
    name: str,
    namespace: pulumi.Input[str],
    selector: Mapping[str, Any],
    ingress: Sequence[Mapping[str, Any]],
    child: pulumi.ResourceOptions,
) -> "kubernetes.networking.v1.NetworkPolicy":
    return kubernetes.networking.v1.NetworkPolicy(
        resource_name,
        metadata={"name": name, "namespace": namespace},
        spec={"pod_selector": selector, "policy_types": ["Ingress"], "ingress": ingress},
        opts=child,
    )
