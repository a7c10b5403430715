"""What a data plane's release sets: Kong/charts, README.md, "Hybrid mode", and what the chart's defaults would add."""

from collections.abc import Callable
from typing import Any

import pytest

from kong_mtls import InputError

Build = Callable[..., dict[str, Any]]


def test_the_environment_is_exactly_this(data_plane: Build) -> None:
    """No database, both endpoints with their ports, the control plane's pair; nothing that the chart computes."""
    assert data_plane()["env"] == {
        "role": "data_plane",
        "database": "off",
        "cluster_control_plane": "kong-cp-kong-cluster.kong.svc.cluster.local:8005",
        "cluster_telemetry_endpoint": "kong-cp-kong-clustertelemetry.kong.svc.cluster.local:8006",
        "cluster_mtls": "shared",
        "cluster_cert": "/etc/secrets/kong-cluster-cert/tls.crt",
        "cluster_cert_key": "/etc/secrets/kong-cluster-cert/tls.key",
    }


def test_what_the_chart_would_switch_on_is_off(data_plane: Build) -> None:
    """Above all the ingress controller, whose default would give the data plane RBAC and a webhook."""
    values = data_plane()
    for block in ("ingressController", "admin", "manager", "portal", "portalapi"):
        assert values[block] == {"enabled": False}
    assert "cluster" not in values
    assert "clustertelemetry" not in values
    assert "migrations" not in values


def test_the_proxy_speaks_tls_only(data_plane: Build) -> None:
    """Plain HTTP is asked for, to redirect say; the Service's type is the user's."""
    assert data_plane()["proxy"] == {
        "enabled": True,
        "http": {"enabled": False},
        "tls": {"enabled": True},
        "type": "LoadBalancer",
    }
    values = data_plane(proxy={"http": True, "service": {"type": "NodePort"}})
    assert values["proxy"]["http"] == {"enabled": True}
    assert values["proxy"]["type"] == "NodePort"


def test_the_licence_is_here_too(data_plane: Build) -> None:
    """With the environment variable the chart sets, a control plane doesn't pass it on."""
    assert data_plane()["enterprise"] == {"enabled": True, "license_secret": "kong-enterprise-license"}
    with pytest.raises(InputError, match="license_secret: edition 'enterprise' needs one"):
        data_plane(license_secret=None)


def test_oss_sends_no_telemetry(data_plane: Build) -> None:
    """And has no licence."""
    values = data_plane(edition="oss")
    assert "cluster_telemetry_endpoint" not in values["env"]
    assert "enterprise" not in values


def test_a_control_plane_elsewhere_has_its_own_ports(data_plane: Build) -> None:
    """Behind another load balancer; telemetry is left out where no host is given."""
    there = {"cluster_host": "cp.example", "cluster_port": 443}
    env = data_plane(control_plane=there)["env"]
    assert env["cluster_control_plane"] == "cp.example:443"
    assert "cluster_telemetry_endpoint" not in env
    both = {**there, "telemetry_host": "t.example", "telemetry_port": 8443}
    assert data_plane(control_plane=both)["env"]["cluster_telemetry_endpoint"] == "t.example:8443"


def test_a_server_certificate_is_mounted_and_shown(data_plane: Build) -> None:
    """Beside the cluster certificate, with a mark that rolls the pods."""
    values = data_plane(server_certificate={"name": "public-cert", "checksum": "mark"})
    assert values["secretVolumes"] == ["kong-cluster-cert", "public-cert"]
    assert values["env"]["ssl_cert"] == "/etc/secrets/public-cert/tls.crt"
    assert values["env"]["ssl_cert_key"] == "/etc/secrets/public-cert/tls.key"
    assert values["podAnnotations"]["checksum/server-cert"] == "mark"


def test_one_secret_for_two_purposes_is_mounted_once(data_plane: Build) -> None:
    """Two volumes of one name are refused by the API server."""
    values = data_plane(server_certificate={"name": "kong-cluster-cert"})
    assert values["secretVolumes"] == ["kong-cluster-cert"]


def test_pki_mode_demands_the_control_planes_names(data_plane: Build) -> None:
    """The hosts it connects to, unless others are given; shared mode asks for its one fixed name by itself."""
    link = {"mtls": "pki", "certificate": {"name": "dp"}, "trust": {"name": "ca"}}
    env = data_plane(cluster=link)["env"]
    assert env["cluster_server_name"] == "kong-cp-kong-cluster.kong.svc.cluster.local"
    assert env["cluster_telemetry_server_name"] == "kong-cp-kong-clustertelemetry.kong.svc.cluster.local"
    assert env["cluster_ca_cert"] == "/etc/kong-trust/cluster/ca.crt"
    named = {**link, "server_name": "cp.example", "telemetry_server_name": "t.example"}
    env = data_plane(cluster=named)["env"]
    assert (env["cluster_server_name"], env["cluster_telemetry_server_name"]) == ("cp.example", "t.example")
    assert not [key for key in data_plane()["env"] if key.endswith("server_name")]


def test_without_marks_there_are_no_annotations(data_plane: Build) -> None:
    """Existing Secrets are never read, so that nothing is known of their content."""
    values = data_plane(license_secret={"name": "it"}, cluster={"certificate": {"name": "there"}})
    assert "podAnnotations" not in values
