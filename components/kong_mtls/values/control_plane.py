"""Values of a control-plane release."""

from collections.abc import Mapping
from typing import Any

import pulumi

from .. import names
from ..args import ClusterLinkArgs, ImageArgs, PodsArgs, SecretRefArgs, ServiceArgs
from ..errors import InputError
from ..outputs import plain_mapping
from . import pods as shared
from .admin import AdminLinkArgs, admin_values
from .database import DatabaseLinkArgs, database_env
from .ingress_controller import IngressControllerArgs, ingress_controller_values
from .merge import merge
from .upstream import enforce_problems, enforcement_env, is_enforced

PROTECTED: Mapping[str, str] = {
    **shared.PROTECTED,
    "cluster": "the data planes connect to this Service and port",
    "clustertelemetry": "the data planes connect to this Service and port",
    "env.cluster_allowed_common_names": "set `cluster.allowed_common_names`",
    "env.cluster_listen": "the data planes connect to port 8005",
    "env.cluster_telemetry_listen": "the data planes connect to port 8006",
    "env.admin_listen": "a control plane needs its Admin API, and the ingress controller finds it on 8444",
    "env.pg_ssl": "set `database.tls`",
    "env.pg_ssl_required": "set `database.tls`",
    "env.pg_ssl_verify": "set `database.tls`",
    "env.pg_ssl_cert": "set `database.tls.client_certificate`",
    "env.pg_ssl_cert_key": "set `database.tls.client_certificate`",
    "env.pg_host": "set `database.host`",
    "env.pg_password": "set `database.password_secret`",
    "ingressController.enabled": "set `ingress_controller`",
    "proxy.enabled": "a control plane carries no traffic",
}
_PROTECTED_ADMIN = dict.fromkeys(
    (
        "admin.enabled",
        "admin.tls.client",
        "env.admin_ssl_cert",
        "env.admin_ssl_cert_key",
        "ingressController.adminApi",
        "ingressController.env.kong_admin_tls_skip_verify",
        "ingressController.env.kong_admin_ca_cert",
        "ingressController.env.kong_admin_tls_server_name",
    ),
    "the link between ingress controller and Admin API is `admin`",
)


def control_plane_values(
    *,
    edition: str,
    image: ImageArgs,
    license_secret: SecretRefArgs | None,
    cluster: ClusterLinkArgs,
    database: DatabaseLinkArgs,
    ingress_controller: IngressControllerArgs | None,
    admin: AdminLinkArgs | None = None,
    pods: PodsArgs,
    cluster_service: ServiceArgs,
    telemetry_service: ServiceArgs,
    hooks: bool,
    user_values: Mapping[str, Any],
    what: str,
    enforce_upstream_verification: bool | None = None,
) -> dict[str, Any]:
    """Everything the control plane's release sets.

    Sources: Kong/charts charts/kong/README.md ("Hybrid mode"), values.yaml; Kong docs, "Hybrid mode setup".

    Args:
        admin: certificates of the link to the Admin API; None leaves it unverified on localhost.
        ingress_controller: None leaves the controller out: the control plane is then configured through its
            Admin API by other means.
        hooks: whether the migration Jobs around an upgrade run; Helm waits for them.
        user_values: the user's own, merged last.
        what: how messages name the user's values.
        enforce_upstream_verification: `tls_certificate_verify`; None leaves it to the gateway.

    Raises:
        InputError: what can't work, by name.
    """
    controller = ingress_controller
    scaled = pods.get("autoscaling") is not None
    if scaled and controller is not None and not shared.cpu_request(controller.get("resources")):
        # The autoscaler measures nothing as long as one container of the pod has no request.
        raise InputError("ingress_controller.resources: pods.autoscaling needs requests.cpu there as well")
    own_image = shared.image_values(edition, image)
    gateway = shared.gateway_version(edition, image)
    found = enforce_problems(enforce_upstream_verification, edition, gateway)
    if found:
        raise InputError("; ".join(found))
    files = shared.Files()
    enterprise = shared.license_values(edition, license_secret, files)
    env: dict[str, pulumi.Input[Any]] = {
        "role": "control_plane",
        **shared.cluster_env(cluster, files),
        **_allowed_names(edition, cluster),
        **database_env(database, files),
        **enforcement_env(enforce_upstream_verification),
    }
    if env.get("pg_ssl_verify") == "off" and is_enforced(enforce_upstream_verification, edition, gateway):
        raise InputError(
            "database.tls.verify: false contradicts `tls_certificate_verify`, which is on: the control plane wouldn't "
            "start; verify, or set upstream.enforce to false, on purpose"
        )
    values: dict[str, Any] = {
        "image": own_image,
        "env": env,
        "cluster": {
            "enabled": True,
            "tls": {"enabled": True},
            **shared.service_values(cluster_service, "ClusterIP"),
        },
        # A control plane takes no traffic, and Kong Manager stays off unless the user's values ask for it.
        "proxy": {"enabled": False},
        "manager": {"enabled": False},
        "portal": {"enabled": False},
        "portalapi": {"enabled": False},
        # The controller runs beside the gateway and reaches the Admin API on localhost.
        "admin": {"enabled": False},
        "ingressController": ingress_controller_values(ingress_controller, admin, files),
    }
    if not plain_mapping(user_values.get("manager")).get("enabled"):
        # With Enterprise the chart opens Kong Manager on all addresses even where its Service is off.
        env["admin_gui_listen"] = "off"
    if admin is not None:
        server = admin_values(admin, files)
        values |= {"admin": server["admin"], "env": {**env, **server["env"]}}
    values |= files.values() | shared.pods_values(pods, files)
    if edition == "enterprise":
        values["enterprise"] = enterprise
        # The telemetry listener is opened for Enterprise only.
        values["clustertelemetry"] = {
            "enabled": True,
            "tls": {"enabled": True},
            **shared.service_values(telemetry_service, "ClusterIP"),
        }
    if not hooks:
        values["migrations"] = {"preUpgrade": False, "postUpgrade": False}
    protected = {**PROTECTED, **files.protected(), **(_PROTECTED_ADMIN if admin is not None else {})}
    if "lua_ssl_trusted_certificate" in env:
        protected["env.lua_ssl_trusted_certificate"] = "set `database.tls.trust`"
    return merge(values, user_values, protected, what)


def _allowed_names(edition: str, cluster: ClusterLinkArgs) -> dict[str, str]:
    mode, allowed = shared.cluster_mode(cluster), cluster.get("allowed_common_names")
    if mode != "pki_check_cn":
        if allowed:
            raise InputError(f"cluster.allowed_common_names: only checked with mtls 'pki_check_cn', not with {mode!r}")
        return {}
    if edition != "enterprise":
        raise InputError("cluster.mtls: 'pki_check_cn' needs edition 'enterprise'; with 'oss' use 'pki'")
    if not allowed:
        raise InputError("cluster.allowed_common_names: 'pki_check_cn' needs the common names that may join")
    return {"cluster_allowed_common_names": ",".join(allowed)}


def endpoints(release: str, namespace: pulumi.Input[str]) -> tuple[pulumi.Input[str], pulumi.Input[str]]:
    """Hosts of the cluster and the telemetry Service."""
    return (
        names.service_host(release, "cluster", namespace),
        names.service_host(release, "clustertelemetry", namespace),
    )
