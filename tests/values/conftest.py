"""Values of both releases from a few arguments, everything else as a component would give it."""

from collections.abc import Callable
from typing import Any

import pytest

from kong_mtls.values.control_plane import control_plane_values
from kong_mtls.values.data_plane import data_plane_values

Values = dict[str, Any]


@pytest.fixture(scope="session")
def control_plane() -> Callable[..., Values]:
    """Values of a control plane: Enterprise, shared mode, a database in clear, unless said otherwise."""

    def build(**given: Any) -> Values:
        arguments: dict[str, Any] = {
            "edition": "enterprise",
            "image": {},
            "license_secret": {"name": "kong-enterprise-license", "checksum": "license-mark"},
            "cluster": {"certificate": {"name": "kong-cluster-cert", "checksum": "certificate-mark"}},
            "database": {"host": "db.example", "password_secret": {"name": "pg", "checksum": "password-mark"}},
            "ingress_controller": {"publish_service": "kong-dp/kong-dp-kong-proxy"},
            "pods": {},
            "cluster_service": {},
            "telemetry_service": {},
            "hooks": True,
            "user_values": {},
            "what": "values",
        }
        if given.get("edition") == "oss":
            arguments["license_secret"] = None
        return control_plane_values(**{**arguments, **given})

    return build


@pytest.fixture(scope="session")
def data_plane() -> Callable[..., Values]:
    """Values of a data plane: Enterprise, shared mode, unless said otherwise."""

    def build(**given: Any) -> Values:
        arguments: dict[str, Any] = {
            "edition": "enterprise",
            "image": {},
            "license_secret": {"name": "kong-enterprise-license", "checksum": "license-mark"},
            "cluster": {"certificate": {"name": "kong-cluster-cert", "checksum": "certificate-mark"}},
            "control_plane": {
                "cluster_host": "kong-cp-kong-cluster.kong.svc.cluster.local",
                "telemetry_host": "kong-cp-kong-clustertelemetry.kong.svc.cluster.local",
            },
            "server_certificate": None,
            "proxy": {},
            "pods": {},
            "user_values": {},
            "what": "values",
        }
        if given.get("edition") == "oss":
            arguments["license_secret"] = None
        return data_plane_values(**{**arguments, **given})

    return build
