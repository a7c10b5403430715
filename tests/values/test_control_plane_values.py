"""What a control plane's release sets: Kong/charts, README.md, "Hybrid mode", and the chart's templates."""

from collections.abc import Callable
from typing import Any

import pytest

from kong_mtls import InputError

Build = Callable[..., dict[str, Any]]


def test_the_environment_is_exactly_this(control_plane: Build) -> None:
    """Role, database and cluster certificate; every value a string or a reference, since Helm rewrites the rest."""
    assert control_plane()["env"] == {
        "role": "control_plane",
        "admin_gui_listen": "off",
        "cluster_mtls": "shared",
        "cluster_cert": "/etc/secrets/kong-cluster-cert/tls.crt",
        "cluster_cert_key": "/etc/secrets/kong-cluster-cert/tls.key",
        "database": "postgres",
        "pg_host": "db.example",
        "pg_port": "5432",
        "pg_user": "kong",
        "pg_database": "kong",
        "pg_password": {"valueFrom": {"secretKeyRef": {"name": "pg", "key": "password"}}},
        "pg_ssl": "off",
    }


def test_both_endpoints_listen_and_have_a_service(control_plane: Build) -> None:
    """The chart leaves both off: it needs `enabled` for the Service and `tls.enabled` for the listener."""
    values = control_plane()
    for block in ("cluster", "clustertelemetry"):
        assert values[block] == {"enabled": True, "tls": {"enabled": True}, "type": "ClusterIP"}


def test_nothing_else_is_open(control_plane: Build) -> None:
    """No proxy, no manager, no portal, and the Admin API on localhost, where the controller beside it finds it."""
    values = control_plane()
    assert {block: values[block] for block in ("proxy", "manager", "portal", "portalapi", "admin")} == {
        block: {"enabled": False} for block in ("proxy", "manager", "portal", "portalapi", "admin")
    }


def test_the_cluster_certificate_is_mounted(control_plane: Build) -> None:
    """In `secretVolumes`, which the chart mounts at /etc/secrets/<name> in migration pods too."""
    assert control_plane()["secretVolumes"] == ["kong-cluster-cert"]


def test_what_pods_read_rolls_them(control_plane: Build) -> None:
    """Certificate, licence and password each have a mark among the pod annotations: the chart hashes no Secret."""
    assert control_plane()["podAnnotations"] == {
        "checksum/cluster-cert": "certificate-mark",
        "checksum/license": "license-mark",
        "checksum/database-password": "password-mark",
    }


def test_the_controller_publishes_the_data_planes_address(control_plane: Build) -> None:
    """`publish_service` is its only link to the data plane's release; its flags are strings."""
    assert control_plane()["ingressController"] == {
        "enabled": True,
        "ingressClass": "kong",
        "env": {"kong_admin_tls_skip_verify": "true", "publish_service": "kong-dp/kong-dp-kong-proxy"},
    }


def test_a_controller_that_is_not_wanted_is_off_aloud(control_plane: Build) -> None:
    """The chart's default is on."""
    assert control_plane(ingress_controller=None)["ingressController"] == {"enabled": False}


def test_the_controllers_own_settings(control_plane: Build) -> None:
    """Class, namespaces, version and resources."""
    controller = {
        "ingress_class": "internal",
        "watch_namespaces": ("a", "b"),
        "image_tag": "3.5",
        "resources": {"requests": {"cpu": "100m"}},
    }
    assert control_plane(ingress_controller=controller)["ingressController"] == {
        "enabled": True,
        "ingressClass": "internal",
        "env": {"kong_admin_tls_skip_verify": "true"},
        "watchNamespaces": ["a", "b"],
        "image": {"tag": "3.5"},
        "resources": {"requests": {"cpu": "100m"}},
    }


def test_enterprise_reads_its_licence(control_plane: Build) -> None:
    """From the Secret by name; the default image is Enterprise's."""
    values = control_plane()
    assert values["enterprise"] == {"enabled": True, "license_secret": "kong-enterprise-license"}
    assert values["image"] == {"repository": "kong/kong-gateway", "tag": "3.10"}


def test_oss_has_neither_licence_nor_telemetry(control_plane: Build) -> None:
    """The telemetry listener exists in Enterprise only, and without it its Service would lead nowhere."""
    values = control_plane(edition="oss")
    assert "enterprise" not in values
    assert "clustertelemetry" not in values
    assert values["image"] == {"repository": "kong", "tag": "3.9"}


def test_enterprise_without_a_licence_is_an_error(control_plane: Build) -> None:
    """It would let requests pass unauthenticated, so the message says so and names both ways out."""
    with pytest.raises(InputError, match=r"license_secret: edition 'enterprise' needs one.*use edition 'oss'"):
        control_plane(license_secret=None)


def test_oss_with_a_licence_is_an_error(control_plane: Build) -> None:
    """Somebody expects Enterprise there."""
    with pytest.raises(InputError, match="license_secret: edition 'oss' reads no licence"):
        control_plane(edition="oss", license_secret={"name": "it"})


def test_an_unknown_edition_is_an_error(control_plane: Build) -> None:
    """With what is allowed."""
    with pytest.raises(InputError, match="edition: 'community' is not known; allowed: enterprise, oss"):
        control_plane(edition="community")


def test_without_waiting_there_are_no_upgrade_hooks(control_plane: Build) -> None:
    """Helm waits for hook Jobs whatever it is told, and there may be no node to run them."""
    assert "migrations" not in control_plane()
    assert control_plane(hooks=False)["migrations"] == {"preUpgrade": False, "postUpgrade": False}


def test_services_can_face_outwards(control_plane: Build) -> None:
    """For data planes in other clusters."""
    service = {
        "type": "LoadBalancer",
        "annotations": {"a": "b"},
        "load_balancer_source_ranges": ["10.0.0.0/8"],
        "external_traffic_policy": "Local",
    }
    values = control_plane(cluster_service=service, telemetry_service={"type": "NodePort"})
    assert values["cluster"] == {
        "enabled": True,
        "tls": {"enabled": True},
        "type": "LoadBalancer",
        "annotations": {"a": "b"},
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
        "externalTrafficPolicy": "Local",
    }
    assert values["clustertelemetry"]["type"] == "NodePort"


def test_an_unknown_service_type_is_an_error(control_plane: Build) -> None:
    """With what is allowed."""
    with pytest.raises(InputError, match="service type: 'Ingress' is not known; allowed: ClusterIP, NodePort, Load"):
        control_plane(cluster_service={"type": "Ingress"})


def test_pki_mode_trusts_a_bundle(control_plane: Build) -> None:
    """The CA's bundle is a ConfigMap with a mark of its own, and required of a control plane (Kong conf_loader)."""
    values = control_plane(
        cluster={
            "mtls": "pki",
            "certificate": {"name": "cp-cert"},
            "trust": {"name": "cluster-ca", "checksum": "trust-mark"},
            "verify_depth": 2,
        }
    )
    assert values["extraConfigMaps"] == [{"name": "cluster-ca", "mountPath": "/etc/kong-trust/cluster"}]
    assert values["podAnnotations"]["checksum/cluster-trust"] == "trust-mark"
    env = values["env"]
    assert (env["cluster_mtls"], env["cluster_ca_cert"]) == ("pki", "/etc/kong-trust/cluster/ca.crt")
    assert env["lua_ssl_verify_depth"] == "2"


def test_common_names_are_checked_in_their_mode(control_plane: Build) -> None:
    """`pki_check_cn` needs a list, and only it uses one."""
    link = {"certificate": {"name": "cp"}, "trust": {"name": "ca"}}
    checked = {**link, "mtls": "pki_check_cn", "allowed_common_names": ["dp-1", "dp-2"]}
    assert control_plane(cluster=checked)["env"]["cluster_allowed_common_names"] == "dp-1,dp-2"
    with pytest.raises(InputError, match="'pki_check_cn' needs the common names that may join"):
        control_plane(cluster={**link, "mtls": "pki_check_cn"})
    with pytest.raises(InputError, match="only checked with mtls 'pki_check_cn', not with 'pki'"):
        control_plane(cluster={**checked, "mtls": "pki"})
    with pytest.raises(InputError, match="'pki_check_cn' needs edition 'enterprise'"):
        control_plane(edition="oss", cluster=checked)


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ({"mtls": "mutual"}, "cluster.mtls: 'mutual' is not known; allowed: shared, pki, pki_check_cn"),
        ({"mtls": "pki"}, "cluster.trust: cluster.mtls 'pki' needs the CA certificates"),
        ({"trust": {"name": "ca"}}, "cluster.trust: shared mode trusts the one certificate"),
    ],
)
def test_a_link_that_cannot_work_is_an_error(control_plane: Build, cluster: dict[str, Any], message: str) -> None:
    """Trust and mode belong together."""
    with pytest.raises(InputError, match=message):
        control_plane(cluster={"certificate": {"name": "it"}, **cluster})


def test_a_mounted_name_must_be_a_volumes_name(control_plane: Build) -> None:
    """The chart names the volume after the Secret: a dot, or one of its own volumes, makes pods that never start."""
    with pytest.raises(InputError, match=r"cluster\.certificate\.name: 'kong\.cert' can't be used"):
        control_plane(cluster={"certificate": {"name": "kong.cert"}})
    with pytest.raises(InputError, match=r"cluster\.certificate\.name: 'webhook-cert' is a volume of the chart's own"):
        control_plane(cluster={"certificate": {"name": "webhook-cert"}})
    with pytest.raises(InputError, match=r"cluster\.trust\.name: 'it' is mounted as a Secret and as a ConfigMap"):
        control_plane(cluster={"mtls": "pki", "certificate": {"name": "it"}, "trust": {"name": "it"}})


def test_one_bundle_for_two_links_is_mounted_once(control_plane: Build) -> None:
    """Two volumes of one name are refused by the API server; both links read the one mount."""
    bundle = {"name": "company-ca", "key": "roots.pem"}
    values = control_plane(
        cluster={"mtls": "pki", "certificate": {"name": "cp"}, "trust": bundle},
        database={"host": "db", "password_secret": {"name": "pg"}, "tls": {"trust": bundle}},
    )
    assert [mount["name"] for mount in values["extraConfigMaps"]] == ["company-ca"]
    directory = values["extraConfigMaps"][0]["mountPath"]
    assert values["env"]["cluster_ca_cert"] == f"{directory}/roots.pem"
    assert values["env"]["lua_ssl_trusted_certificate"] == f"{directory}/roots.pem"


def test_scaling_by_cpu_needs_requests_of_both_containers(control_plane: Build) -> None:
    """The autoscaler gets no figure for a pod as long as one of its containers requests nothing."""
    requests = {"requests": {"cpu": "1"}}
    pods = {"autoscaling": {}, "resources": requests}
    with pytest.raises(InputError, match=r"ingress_controller\.resources: pods\.autoscaling needs requests\.cpu"):
        control_plane(pods=pods)
    assert control_plane(pods=pods, ingress_controller={"resources": requests})["autoscaling"]["enabled"] is True
    assert control_plane(pods=pods, ingress_controller=None)["autoscaling"]["enabled"] is True
