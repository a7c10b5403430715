"""The control plane: Admin API, cluster and telemetry endpoints, ingress controller."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .args import ChartArgs, ClusterLinkArgs, ImageArgs, PodsArgs, SecretRefArgs, ServiceArgs
from .inputs import check_inputs
from .release import kong_release
from .resources import child_options
from .values.admin import AdminLinkArgs
from .values.control_plane import control_plane_values, endpoints
from .values.database import DatabaseLinkArgs
from .values.ingress_controller import IngressControllerArgs


class ControlPlaneArgs(TypedDict):
    """A control plane; everything it reads exists already and is given by name."""

    namespace: pulumi.Input[str]
    """Where it is installed."""
    cluster: ClusterLinkArgs
    """Its end of the link to the data planes."""
    database: DatabaseLinkArgs
    """Its Postgres database."""
    edition: NotRequired[str]
    """`enterprise` (default) or `oss`."""
    license_secret: NotRequired[SecretRefArgs]
    """Secret with the Enterprise licence under the key `license`; needed with edition `enterprise`."""
    release_name: NotRequired[str]
    """Name of the Helm release, at most 34 characters; default `kong-cp`. Service and host names come from it."""
    image: NotRequired[ImageArgs]
    """The gateway's image."""
    ingress_controller: NotRequired[IngressControllerArgs]
    """The ingress controller beside it; default: with class `kong`."""
    without_ingress_controller: NotRequired[bool]
    """Leave the ingress controller out: configuration comes through the Admin API by other means."""
    admin: NotRequired[AdminLinkArgs]
    """Certificates of the link between ingress controller and Admin API; without them nothing is verified there."""
    enforce_upstream_verification: NotRequired[bool]
    """Kong's `tls_certificate_verify`, Enterprise from 3.13: take no configuration that leaves an upstream unverified.
    Default the gateway's: off in 3.13, on from 3.14. As on the data planes."""
    pods: NotRequired[PodsArgs]
    """Number, size and place of its pods."""
    cluster_service: NotRequired[ServiceArgs]
    """The Service that data planes connect to; default ClusterIP. For data planes in other clusters: LoadBalancer."""
    telemetry_service: NotRequired[ServiceArgs]
    """The Service that data planes send telemetry to (Enterprise); default ClusterIP."""
    chart: NotRequired[ChartArgs]
    """The chart, and how it is installed."""
    skip_crds: NotRequired[bool]
    """Leave out the chart's CRDs, where another release has installed them; default false."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values, merged over the component's. What would break a link is refused."""


class ControlPlane(pulumi.ComponentResource):
    """Kong Gateway as the control plane of a hybrid deployment, with mutual TLS towards its data planes.

    Source: Kong docs, "Hybrid mode"; Kong/charts, charts/kong/README.md, "Hybrid mode".

    Raises:
        InputError: arguments that can't work, by name.
    """

    release_name: pulumi.Output[str]
    """Name of the Helm release, known once it is installed."""
    cluster_host: pulumi.Output[str]
    """Host of the cluster endpoint inside the cluster, port 8005."""
    telemetry_host: pulumi.Output[str]
    """Host of the telemetry endpoint inside the cluster, port 8006; empty with edition `oss`, which has none."""

    def __init__(self, name: str, args: ControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install the release."""
        super().__init__("kong-mtls:index:ControlPlane", name, {}, opts)
        where = f'ControlPlane "{name}"'
        check_inputs(ControlPlaneArgs, args, where)
        release = args.get("release_name") or "kong-cp"
        chart = args.get("chart") or {}
        without = args.get("without_ingress_controller", False)
        values = control_plane_values(
            edition=args.get("edition") or "enterprise",
            image=args.get("image") or {},
            license_secret=args.get("license_secret"),
            cluster=args["cluster"],
            database=args["database"],
            ingress_controller=None if without else args.get("ingress_controller") or {},
            admin=args.get("admin"),
            pods=args.get("pods") or {},
            cluster_service=args.get("cluster_service") or {},
            telemetry_service=args.get("telemetry_service") or {},
            hooks=chart.get("wait_for_pods", True),
            enforce_upstream_verification=args.get("enforce_upstream_verification"),
            user_values=args.get("values") or {},
            what=f"{where}: values",
        )
        self.release = kong_release(
            name,
            release_name=release,
            namespace=args["namespace"],
            values=values,
            chart=chart,
            skip_crds=args.get("skip_crds", False),
            opts=child_options(self, opts),
        )
        cluster_host, telemetry_host = endpoints(release, args["namespace"])
        self.release_name = self.release.status.apply(lambda status: status.name or release)
        self.cluster_host = pulumi.Output.from_input(cluster_host)
        self.telemetry_host = pulumi.Output.from_input("" if args.get("edition") == "oss" else telemetry_host)
        self.register_outputs(
            {
                "release_name": self.release_name,
                "cluster_host": self.cluster_host,
                "telemetry_host": self.telemetry_host,
            }
        )
