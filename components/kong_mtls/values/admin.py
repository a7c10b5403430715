"""TLS between the ingress controller and the Admin API, both ends verified."""

from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .. import names
from ..args import SecretRefArgs
from .pods import Files

SERVER_NAME = "kong-admin"


class AdminLinkArgs(TypedDict):
    """Certificates of the link; the Secrets are in the control plane's namespace."""

    server_certificate: SecretRefArgs
    """TLS Secret of the Admin API."""
    client_certificate: SecretRefArgs
    """TLS Secret that the ingress controller shows."""
    trust_pem: pulumi.Input[str]
    """CA certificates that both are under, in PEM. Public."""
    server_name: NotRequired[str]
    """Name in the server certificate that the controller asks for; default `kong-admin`."""


def admin_values(admin: AdminLinkArgs, files: Files) -> dict[str, Any]:
    """Values of the Admin API's end: its pair, and the CA its clients must be under.

    The chart turns ``caBundle`` into ``ssl_verify_client on`` (Kong/charts, charts/kong/templates/_helpers.tpl,
    ``KONG_NGINX_ADMIN_SSL_VERIFY_CLIENT``); ``secretName`` would be looked up in the cluster instead.
    """
    name = files.secret(admin["server_certificate"], "admin-cert")
    return {
        "env": {
            "admin_ssl_cert": names.secret_path(name, "tls.crt"),
            "admin_ssl_cert_key": names.secret_path(name, "tls.key"),
        },
        "admin": {"enabled": False, "tls": {"client": {"caBundle": admin["trust_pem"]}}},
    }


def controller_values(admin: AdminLinkArgs, files: Files) -> dict[str, Any]:
    """Values of the controller's end: it verifies the Admin API and shows a certificate of its own.

    Source: Kong/kubernetes-ingress-controller, docs/cli-arguments.md, ``--kong-admin-*``. The chart mounts the Secret
    in the controller's container and sets the paths.
    """
    client = admin["client_certificate"]
    files.note(client, "admin-client-cert")
    return {
        "env": {
            "kong_admin_tls_skip_verify": "false",
            "kong_admin_ca_cert": admin["trust_pem"],
            "kong_admin_tls_server_name": admin.get("server_name") or SERVER_NAME,
        },
        "adminApi": {"tls": {"client": {"enabled": True, "certProvided": True, "secretName": client["name"]}}},
    }
