"""A data plane in another cluster, from a stack of its own, whose key never leaves that stack."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
import pulumi_tls as tls
from typing_extensions import NotRequired

from .args import ChartArgs, ClusterLinkArgs, ImageArgs, PodsArgs, SecretRefArgs
from .cluster_pki import common_name
from .data_plane import DataPlane, DataPlaneArgs
from .inputs import check_inputs
from .objects import tls_secret
from .outputs import public
from .pki.issue import private_key
from .resources import child_options
from .trust import trust_bundle
from .values.data_plane import ControlPlaneEndpointArgs, ProxyArgs


class MembershipArgs(TypedDict):
    """What the control plane's stack has put out for this data plane. Public."""

    certificate_pem: pulumi.Input[str]
    """Its certificate, signed there."""
    trust_pem: pulumi.Input[str]
    """The CA certificates of the link."""
    control_plane: ControlPlaneEndpointArgs
    """Where the control plane is reached from this cluster."""
    server_name: NotRequired[str]
    """Name in the control plane's certificate; default the host of `control_plane`."""
    telemetry_server_name: NotRequired[str]
    """Likewise for telemetry."""
    mtls: NotRequired[str]
    """`pki` (default) or `pki_check_cn`, as the control plane has it."""


class RemoteDataPlaneArgs(TypedDict):
    """A data plane that joins in two updates: it asks, is signed for, and joins."""

    plane: str
    """Its name at the control plane."""
    namespace: pulumi.Input[str]
    """Where it is installed."""
    membership: NotRequired[MembershipArgs]
    """Left out, only the key and the signing request are made."""
    common_name: NotRequired[str]
    """Common name to ask for; default `<plane>.data-plane`."""
    key_generation: NotRequired[str]
    """Another text makes a new key and a new request. Default `1`."""
    edition: NotRequired[str]
    """`enterprise` (default) or `oss`."""
    license_secret: NotRequired[SecretRefArgs]
    """Secret with the Enterprise licence under the key `license`."""
    release_name: NotRequired[str]
    """Default `kong-<plane>`."""
    image: NotRequired[ImageArgs]
    """The gateway's image."""
    server_certificate: NotRequired[SecretRefArgs]
    """TLS Secret shown to clients where no other matches."""
    proxy: NotRequired[ProxyArgs]
    """Its public Service."""
    pods: NotRequired[PodsArgs]
    """Number, size and place of its pods."""
    chart: NotRequired[ChartArgs]
    """The chart, and how it is installed."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values, merged over the component's."""


class RemoteDataPlane(pulumi.ComponentResource):
    """A data plane whose control plane belongs to another stack.

    Put `certificate_request_pem` out as `certificateRequestPem`; the control plane's stack names this stack in
    `cluster.remoteDataPlanes` and puts the certificate out; then give `membership`. Only public data crosses.

    Raises:
        InputError: arguments that can't work, by name.
    """

    certificate_request_pem: pulumi.Output[str]
    """The signing request. Public."""

    def __init__(self, name: str, args: RemoteDataPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the key and the request, and the data plane once it has been signed for."""
        super().__init__("kong-mtls:index:RemoteDataPlane", name, {}, opts)
        where = f'RemoteDataPlane "{name}"'
        check_inputs(RemoteDataPlaneArgs, args, where)
        child = child_options(self, opts)
        subject = common_name(args["plane"], args.get("common_name"))
        key = private_key(f"{name}-key-{args.get('key_generation') or '1'}", "P-384", child)
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject={"common_name": subject},
            dns_names=[subject],
            opts=child,
        )
        self.certificate_request_pem = public(request.cert_request_pem)
        self.data_plane: DataPlane | None = None
        membership = args.get("membership")
        if membership is not None:
            secret = tls_secret(
                f"{name}-cluster-cert",
                namespace=args["namespace"],
                certificate_pem=membership["certificate_pem"],
                private_key_pem=key.private_key_pem_pkcs8,
                fixed_name=None,
                what=where,
                opts=child,
            )
            trust = trust_bundle(
                f"{name}-cluster-ca",
                namespace=args["namespace"],
                pem=membership["trust_pem"],
                fixed_name=None,
                what=where,
                opts=child,
            )
            link: ClusterLinkArgs = {"mtls": membership.get("mtls") or "pki", "certificate": secret, "trust": trust}
            for field in ("server_name", "telemetry_server_name"):
                if membership.get(field):
                    link[field] = membership[field]
            self.data_plane = DataPlane(name, _data_plane(args, membership, link), child)
        self.register_outputs({"certificate_request_pem": self.certificate_request_pem})


def _data_plane(args: RemoteDataPlaneArgs, membership: MembershipArgs, link: ClusterLinkArgs) -> DataPlaneArgs:
    arguments: DataPlaneArgs = {
        "namespace": args["namespace"],
        "control_plane": membership["control_plane"],
        "cluster": link,
        "release_name": args.get("release_name") or f"kong-{args['plane']}",
    }
    for field in ("edition", "license_secret", "image", "server_certificate", "proxy", "pods", "chart", "values"):
        if args.get(field) is not None:
            arguments[field] = args[field]
    return arguments
