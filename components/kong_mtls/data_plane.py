"""A data plane: the gateway that carries the traffic."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .args import ChartArgs, ClusterLinkArgs, ImageArgs, PodsArgs, SecretRefArgs
from .inputs import check_inputs
from .release import kong_release
from .resources import child_options
from .values.data_plane import ControlPlaneEndpointArgs, ProxyArgs, data_plane_values
from .values.listener import ClientVerificationArgs
from .values.upstream import UpstreamDefaultsArgs


class DataPlaneArgs(TypedDict):
    """A data plane, here or in another cluster than its control plane; what it reads is given by name."""

    namespace: pulumi.Input[str]
    """Where it is installed."""
    control_plane: ControlPlaneEndpointArgs
    """Where its control plane is reached."""
    cluster: ClusterLinkArgs
    """Its end of the link to the control plane."""
    edition: NotRequired[str]
    """`enterprise` (default) or `oss`; the same as the control plane's."""
    license_secret: NotRequired[SecretRefArgs]
    """Secret with the Enterprise licence under the key `license`; needed with edition `enterprise`."""
    release_name: NotRequired[str]
    """Name of the Helm release, at most 34 characters; default `kong-dp`. Service and host names come from it."""
    image: NotRequired[ImageArgs]
    """The gateway's image."""
    server_certificate: NotRequired[SecretRefArgs]
    """TLS Secret shown to clients where no other matches; without it Kong makes a self-signed one that none trusts."""
    upstream: NotRequired[UpstreamDefaultsArgs]
    """How it speaks TLS to Services that have no settings of their own; default: it shows nothing and checks "
    "nothing."""
    client_verification: NotRequired[ClientVerificationArgs]
    """Demand a client certificate for everything it serves, in any edition; default: routes do, by plugin."""
    proxy: NotRequired[ProxyArgs]
    """Its public Service."""
    pods: NotRequired[PodsArgs]
    """Number, size and place of its pods."""
    chart: NotRequired[ChartArgs]
    """The chart, and how it is installed. Its CRDs are always left out: a data plane needs none."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values, merged over the component's. What would break a link is refused."""


class DataPlane(pulumi.ComponentResource):
    """Kong Gateway as a data plane of a hybrid deployment, with mutual TLS towards its control plane.

    It becomes ready once it has its configuration, so in one program it must depend on its control plane's
    release. Source: Kong docs, "Hybrid mode"; Kong/kong, kong/status/ready.lua.

    Raises:
        InputError: arguments that can't work, by name.
    """

    release_name: pulumi.Output[str]
    """Name of the Helm release, known once it is installed."""
    proxy_host: pulumi.Output[str]
    """Host of the proxy Service inside the cluster."""
    proxy_https_port: pulumi.Output[int]
    """Its HTTPS port, 443."""

    def __init__(self, name: str, args: DataPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install the release."""
        super().__init__("kong-mtls:index:DataPlane", name, {}, opts)
        where = f'DataPlane "{name}"'
        check_inputs(DataPlaneArgs, args, where)
        release = args.get("release_name") or "kong-dp"
        values = data_plane_values(
            edition=args.get("edition") or "enterprise",
            image=args.get("image") or {},
            license_secret=args.get("license_secret"),
            cluster=args["cluster"],
            control_plane=args["control_plane"],
            server_certificate=args.get("server_certificate"),
            proxy=args.get("proxy") or {},
            pods=args.get("pods") or {},
            user_values=args.get("values") or {},
            what=f"{where}: values",
            upstream=args.get("upstream"),
            client_verification=args.get("client_verification"),
        )
        if not (args.get("upstream") or {}).get("verify", True):
            pulumi.log.warn(f"{where}: upstream.verify is off: whoever answers for a Service is believed", self)
        self.release = kong_release(
            name,
            release_name=release,
            namespace=args["namespace"],
            values=values,
            chart=args.get("chart") or {},
            skip_crds=True,
            opts=child_options(self, opts),
        )
        self.release_name = self.release.status.apply(lambda status: status.name or release)
        self.proxy_host = pulumi.Output.from_input(names.service_host(release, "proxy", args["namespace"]))
        self.proxy_https_port = pulumi.Output.from_input(names.PROXY_HTTPS_PORT)
        self.register_outputs(
            {
                "release_name": self.release_name,
                "proxy_host": self.proxy_host,
                "proxy_https_port": self.proxy_https_port,
            }
        )
