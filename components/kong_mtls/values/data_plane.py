"""Values of a data-plane release."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .. import names
from ..args import ClusterLinkArgs, ImageArgs, PodsArgs, SecretRefArgs, ServiceArgs
from ..errors import InputError
from ..outputs import text
from . import pods as shared
from .listener import PROTECTED as LISTENER_PROTECTED
from .listener import ClientVerificationArgs, listener_env
from .merge import merge
from .upstream import UpstreamDefaultsArgs, environment_problems, upstream_env

PROTECTED: Mapping[str, str] = {
    **shared.PROTECTED,
    **LISTENER_PROTECTED,
    "env.cluster_control_plane": "set `control_plane.cluster_host`",
    "env.cluster_telemetry_endpoint": "set `control_plane.telemetry_host`",
    "env.cluster_server_name": "set `cluster.server_name`",
    "env.cluster_telemetry_server_name": "set `cluster.telemetry_server_name`",
    "env.proxy_listen": "the chart computes it, and a data plane refuses to start with it off",
    "env.ssl_cert": "set `server_certificate`",
    "env.ssl_cert_key": "set `server_certificate`",
    "ingressController.enabled": "a data plane takes its configuration from the control plane only",
    "dblessConfig": "a data plane takes its configuration from the control plane only",
    "proxy.nameOverride": "the proxy Service's name is computed from the release's name",
    "proxy.enabled": "a data plane without its Service serves nobody",
    "proxy.tls": "clients connect to port 443 with TLS",
}


class ProxyArgs(TypedDict):
    """The public Service of a data plane."""

    service: NotRequired[ServiceArgs]
    """Default LoadBalancer."""
    http: NotRequired[bool]
    """Also listen for plain HTTP on port 80, to redirect to HTTPS say; default false."""


class ControlPlaneEndpointArgs(TypedDict):
    """Where a data plane finds its control plane."""

    cluster_host: pulumi.Input[str]
    """Host name of the cluster endpoint."""
    cluster_port: NotRequired[int]
    """Default 8005."""
    telemetry_host: NotRequired[pulumi.Input[str]]
    """Host name of the telemetry endpoint (Enterprise)."""
    telemetry_port: NotRequired[int]
    """Default 8006."""


def data_plane_values(
    *,
    edition: str,
    image: ImageArgs,
    license_secret: SecretRefArgs | None,
    cluster: ClusterLinkArgs,
    control_plane: ControlPlaneEndpointArgs,
    server_certificate: SecretRefArgs | None,
    proxy: ProxyArgs,
    pods: PodsArgs,
    user_values: Mapping[str, Any],
    what: str,
    upstream: UpstreamDefaultsArgs | None = None,
    client_verification: ClientVerificationArgs | None = None,
) -> dict[str, Any]:
    """Everything a data plane's release sets.

    Sources: Kong/charts charts/kong/README.md ("Hybrid mode"), values.yaml; Kong docs, "Hybrid mode setup".

    Args:
        server_certificate: TLS Secret shown to clients by default; None leaves Kong's self-signed one.
        user_values: the user's own, merged last.
        what: how messages name the user's values.
        upstream: what holds towards upstreams that have no settings of their own.
        client_verification: whether everything served demands a client certificate.

    Raises:
        InputError: what can't work, by name.
    """
    files = shared.Files()
    own_image = shared.image_values(edition, image)
    gateway = shared.gateway_version(edition, image)
    enterprise = shared.license_values(edition, license_secret, files)
    towards_upstreams = upstream_env(upstream, files, edition, gateway)
    env: dict[str, pulumi.Input[Any]] = {
        "role": "data_plane",
        "database": "off",
        **_endpoints(edition, control_plane),
        **shared.cluster_env(cluster, files),
        **_server_names(edition, cluster, control_plane),
        **towards_upstreams,
        **listener_env(client_verification, files, bool(proxy.get("http"))),
    }
    if server_certificate is not None:
        name = files.secret(server_certificate, "server-cert")
        env["ssl_cert"] = names.secret_path(name, "tls.crt")
        env["ssl_cert_key"] = names.secret_path(name, "tls.key")
    values: dict[str, Any] = {
        "image": own_image,
        "env": env,
        "proxy": {
            "enabled": True,
            "http": {"enabled": bool(proxy.get("http", False))},
            "tls": {"enabled": True},
            **shared.service_values(proxy.get("service") or {}, "LoadBalancer"),
        },
        # On in the chart by default, all of them: a data plane has none.
        "ingressController": {"enabled": False},
        "admin": {"enabled": False},
        "manager": {"enabled": False},
        "portal": {"enabled": False},
        "portalapi": {"enabled": False},
        **files.values(),
        **shared.pods_values(pods, files),
    }
    if enterprise:
        values["enterprise"] = enterprise
    protected = {**PROTECTED, **files.protected(), **{f"env.{key}": "set `upstream`" for key in towards_upstreams}}
    if client_verification is not None:
        protected["proxy.http"] = "`client_verification` is on, and a plain port verifies nobody"
    merged = merge(values, user_values, protected, what)
    problems = environment_problems(merged["env"], edition, gateway)
    if problems:
        raise InputError.of(problems, f"{what}: the data plane would not do what they say:")
    return merged


def _endpoints(edition: str, control_plane: ControlPlaneEndpointArgs) -> dict[str, pulumi.Input[str]]:
    cluster_port = control_plane.get("cluster_port", names.CLUSTER_PORT)
    env = {"cluster_control_plane": text("{host}:{port}", host=control_plane["cluster_host"], port=str(cluster_port))}
    telemetry_host = control_plane.get("telemetry_host")
    if edition == "enterprise" and telemetry_host is not None:
        port = str(control_plane.get("telemetry_port", names.TELEMETRY_PORT))
        env["cluster_telemetry_endpoint"] = text("{host}:{port}", host=telemetry_host, port=port)
    return env


def _server_names(
    edition: str, cluster: ClusterLinkArgs, control_plane: ControlPlaneEndpointArgs
) -> dict[str, pulumi.Input[str]]:
    """Names to demand of the control plane's certificate; shared mode demands its own fixed one."""
    if shared.cluster_mode(cluster) == "shared":
        return {}
    env = {"cluster_server_name": cluster.get("server_name") or control_plane["cluster_host"]}
    telemetry_host = control_plane.get("telemetry_host")
    if edition == "enterprise" and telemetry_host is not None:
        env["cluster_telemetry_server_name"] = cluster.get("telemetry_server_name") or telemetry_host
    return env
