"""Reading a release of the kong chart: names, environment, files, Services, listeners.

What is expected here was seen in the output of `helm template` with chart 3.4.1.
"""

import base64
import json
from typing import Any

import pytest

from kong_mtls.reader.chart import KongRelease, Listener, kong_releases, parse_listen
from kong_mtls.reader.chart_values import effective_version, go_text
from kong_mtls.reader.container import FieldRef, KeyRef
from kong_mtls.reader.manifests import MASKED, Objects, read_texts


def release(name: str = "kong-cp", namespace: str = "kong", **values: Any) -> KongRelease:
    document = {"chart": "kong", "release": name, "namespace": namespace, "values": values}
    (found,) = kong_releases(read_texts({"r.yaml": json.dumps(document)}))
    return found


def objects(*documents: dict[str, Any]) -> Objects:
    return read_texts({f"{i}.yaml": json.dumps(document) for i, document in enumerate(documents)})


def secret(name: str, data: dict[str, bytes], namespace: str = "kong", kind: str = "Secret") -> dict[str, Any]:
    texts = {k: base64.b64encode(v).decode() if kind == "Secret" else v.decode() for k, v in data.items()}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "data": texts}


def test_only_releases_of_the_kong_chart_are_read() -> None:
    """Other charts are no gateways."""
    other = {"chart": "cert-manager", "release": "cert-manager", "values": {}}
    assert kong_releases(objects(other)) == []


@pytest.mark.parametrize(
    ("name", "values", "fullname"),
    [
        ("kong-cp", {}, "kong-cp-kong"),
        ("kong", {}, "kong-kong"),
        ("cp", {"nameOverride": "gw"}, "cp-gw"),
        ("cp", {"fullnameOverride": "exactly"}, "exactly"),
        ("r" * 70, {}, "r" * 63),
        ("r" * 62, {}, "r" * 62),
    ],
)
def test_fullname(name: str, values: dict[str, Any], fullname: str) -> None:
    """<release>-kong without exception, cut at 63, no dash at the end."""
    assert release(name, **values).fullname == fullname


def test_namespace_value_overrides_the_releases() -> None:
    """`namespace` moves every object of the chart."""
    document = {"chart": "kong", "release": "r", "namespace": "kong", "values": {"namespace": "else"}}
    (found,) = kong_releases(read_texts({"r.yaml": json.dumps(document)}))
    assert (found.namespace, found.title, found.services["proxy"].namespace) == ("else", "else/r", "else")


def test_defaults_are_the_charts() -> None:
    """Without values: an OSS gateway of its own, controller on, Admin API on localhost, cluster off."""
    found = release(name="cp")
    assert (found.role, found.enterprise, found.license_secret, found.gateway) == ("traditional", False, None, True)
    assert found.env["KONG_DATABASE"] == "off"
    assert found.env["KONG_ADMIN_LISTEN"] == "127.0.0.1:8444 http2 ssl, [::1]:8444 http2 ssl"
    assert found.env["KONG_CLUSTER_LISTEN"] == "off"
    assert found.env["KONG_KIC"] == "on"
    assert "KONG_CLUSTER_TELEMETRY_LISTEN" not in found.env
    assert set(found.services) == {"proxy", "manager"}
    assert found.services["proxy"].target(443) == 8443
    assert found.services["proxy"].target(8005) is None
    assert (found.image.reference, found.image.version) == ("kong:3.9", (3, 9, 0))
    assert (found.replicas, found.autoscaled) == (1, False)
    controller = found.ingress_controller
    assert controller is not None
    assert controller.container.env["CONTROLLER_KONG_ADMIN_TLS_SKIP_VERIFY"] == "true"
    assert controller.container.env["CONTROLLER_KONG_ADMIN_URL"] == "https://localhost:8444"
    assert controller.container.env["CONTROLLER_PUBLISH_SERVICE"] == "kong/cp-kong-proxy"
    assert (controller.ingress_class, controller.image.version) == ("kong", (3, 5, 0))


def test_control_plane() -> None:
    """Cluster and telemetry listeners and Services; the licence by secretKeyRef; telemetry with Enterprise only."""
    values: dict[str, Any] = {
        "env": {"role": "control_plane", "database": "postgres"},
        "cluster": {"enabled": True, "tls": {"enabled": True}},
        "clustertelemetry": {"enabled": True, "tls": {"enabled": True}},
        "enterprise": {"enabled": True, "license_secret": "lic"},
        "proxy": {"enabled": False},
        "manager": {"enabled": False},
        "portal": {"enabled": False},
        "portalapi": {"enabled": False},
    }
    found = release("cp", **values)
    assert found.role == "control_plane"
    assert found.env["KONG_CLUSTER_LISTEN"] == "0.0.0.0:8005 ssl, [::]:8005 ssl"
    assert found.env["KONG_CLUSTER_TELEMETRY_LISTEN"] == "0.0.0.0:8006 ssl, [::]:8006 ssl"
    assert found.env["KONG_LICENSE_DATA"] == KeyRef("Secret", "lic", "license")
    assert found.env["KONG_PG_PORT"] == "5432"
    assert found.license_secret == "lic"
    assert {s.name: s.ports[0].port for s in found.services.values()} == {
        "cp-kong-cluster": 8005,
        "cp-kong-clustertelemetry": 8006,
    }
    oss = release("cp", **(values | {"enterprise": {"enabled": False, "license_secret": "lic"}}))
    assert oss.license_secret is None
    assert "KONG_CLUSTER_TELEMETRY_LISTEN" not in oss.env
    assert "clustertelemetry" in oss.services, "the Service is rendered all the same"


@pytest.mark.parametrize("values", [{"enabled": True}, {"tls": {"enabled": True}}])
def test_the_cluster_service_needs_both_switches(values: dict[str, Any]) -> None:
    """`enabled` alone opens no port, `tls.enabled` alone makes no Service (but listens)."""
    found = release("cp", cluster=values)
    assert "cluster" not in found.services
    assert (found.env["KONG_CLUSTER_LISTEN"] == "off") == ("enabled" in values)


def test_env_of_the_user_wins_and_is_printed_as_helm_prints_it() -> None:
    """env over what is computed, customEnv over env; booleans and numbers as Go prints them; null takes away."""
    found = release(
        env={
            "proxy_listen": "off",
            "pg_port": 5433,
            "big": 16777216,
            "on": True,
            "database": None,
            "Role": "data_plane",
        },
        customEnv={"kong_cluster_listen": "x"},
    )
    assert found.env["KONG_PROXY_LISTEN"] == "off"
    assert found.env["KONG_PG_PORT"] == "5433"
    assert found.env["KONG_BIG"] == "1.6777216e+07"
    assert found.env["KONG_ON"] == "true"
    assert "KONG_DATABASE" not in found.env
    assert found.env["KONG_CLUSTER_LISTEN"] == "x"
    assert found.role == "data_plane"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-5, "-5"), (1.5, "1.5"), (999999, "999999"), (1000000, "1e+06"), (123456789, "1.23456789e+08"),
     (0.00001, "1e-05"), (0.0001, "0.0001"), (False, "false"), ("x", "x")],
)  # fmt: skip
def test_go_text(value: object, text: str) -> None:
    """Go's %v of a JSON value."""
    assert go_text(value) == text


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ({"tag": "3.10"}, (3, 10, 0)),
        ({"tag": "3.10.0.2"}, (3, 10, 0)),
        ({"tag": "3.9.1-ubuntu"}, (3, 9, 1)),
        ({"tag": "latest"}, None),
        ({"tag": "latest", "effectiveSemver": "3.8.0"}, (3, 8, 0)),
        ({}, None),
    ],
)
def test_effective_version(image: dict[str, Any], version: tuple[int, int, int] | None) -> None:
    """The tag's first three numbers; none for a tag that is no version."""
    assert effective_version(image) == version


def test_files_of_secret_volumes_and_extra_mounts() -> None:
    """secretVolumes under /etc/secrets, extra objects at their paths, one key with subPath, items renamed."""
    found = release(
        secretVolumes=["cluster"],
        extraSecrets=[{"name": "one", "mountPath": "/etc/one/ca.crt", "subPath": "ca.crt"}],
        extraConfigMaps=[{"name": "trust", "mountPath": "/etc/trust"}],
        deployment={
            "userDefinedVolumes": [
                {"name": "v", "secret": {"secretName": "renamed", "items": [{"key": "k", "path": "sub/file"}]}},
                {
                    "name": "p",
                    "projected": {
                        "sources": [{"configMap": {"name": "trust"}}, {"secret": {"name": "cluster"}}],
                    },
                },
                {"name": "e", "emptyDir": {}},
            ],
            "userDefinedVolumeMounts": [
                {"name": "v", "mountPath": "/etc/v/"},
                {"name": "p", "mountPath": "/etc/p"},
                {"name": "e", "mountPath": "/etc/e"},
                {"name": "nosuch", "mountPath": "/etc/n"},
            ],
        },
    )
    files = objects(
        secret("cluster", {"tls.crt": b"A"}),
        secret("one", {"ca.crt": b"B"}),
        secret("trust", {"ca.crt": b"C"}, kind="ConfigMap"),
        secret("renamed", {"k": b"D", "other": b"E"}),
    )
    assert found.file("/etc/secrets/cluster/tls.crt", files) == b"A"
    assert found.file("/etc/secrets/cluster/../cluster/tls.crt", files) == b"A"
    assert found.file("/etc/one/ca.crt", files) == b"B"
    assert found.file("/etc/trust/ca.crt", files) == b"C"
    assert found.file("/etc/v/sub/file", files) == b"D"
    assert found.file("/etc/p/ca.crt", files) == b"C"
    assert found.file("/etc/p/tls.crt", files) == b"A"
    reasons = {
        "/etc/secrets/cluster/tls.key": (True, "Secret kong/cluster has no key tls.key"),
        "/etc/secrets/other/tls.crt": (True, "nothing is mounted at /etc/secrets/other/tls.crt in kong/kong-cp"),
        "/etc/v/other": (True, "the volume of Secret kong/renamed has no file other"),
        "/etc/e/x": (False, "/etc/e/x of kong/kong-cp is on a volume that is filled at run time"),
        "/etc/n/x": (True, "kong/kong-cp mounts /etc/n/x from volume nosuch, which it doesn't have"),
        "/etc/ssl/certs/ca-certificates.crt": (False, "/etc/ssl/certs/ca-certificates.crt is the image's own"),
    }
    for path, (known, reason) in reasons.items():
        content = found.file_content(path, files)
        assert (content.data, content.known, content.origin) == (None, known, reason)


def test_what_is_not_in_the_files_or_masked_is_unknown() -> None:
    """An existing Secret may well hold the key: that is not the same as a missing key."""
    found = release(secretVolumes=["existing", "masked", "broken"])
    masked = secret("masked", {}) | {"data": None, "stringData": {"tls.key": MASKED}}
    broken = secret("broken", {}) | {"data": {"tls.key": "!"}}
    files = objects(masked, broken)
    for name, known in (("existing", False), ("masked", False), ("broken", True)):
        content = found.file_content(f"/etc/secrets/{name}/tls.key", files)
        assert content.data is None
        assert content.known is known, content.origin


def test_env_values_are_followed() -> None:
    """secretKeyRef, configMapKeyRef and envFrom of the release's namespace; nothing for a variable that isn't there."""
    found = release(
        env={
            "pg_password": {"valueFrom": {"secretKeyRef": {"name": "pw", "key": "password"}}},
            "pg_host": {"valueFrom": {"configMapKeyRef": {"name": "cm", "key": "host"}}},
            "gone": {"valueFrom": {"secretKeyRef": {"name": "pw", "key": "nosuch"}}},
            "maybe": {"valueFrom": {"secretKeyRef": {"name": "pw", "key": "nosuch", "optional": True}}},
            "ip": {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            "hidden": MASKED,
        },
        envFrom=[{"configMapRef": {"name": "all"}}, {"secretRef": {"name": "elsewhere"}, "prefix": "X_"}],
    )
    files = objects(
        secret("pw", {"password": b"s"}),
        secret("cm", {"host": b"db"}, kind="ConfigMap"),
        secret("all", {"KONG_ROLE": b"r", "KONG_PG_HOST": b"no"}, kind="ConfigMap"),
    )
    assert found.env_value("KONG_PG_PASSWORD", files) == "s"
    assert found.env_value("KONG_PG_HOST", files) == "db"
    assert found.env_value("KONG_ROLE", files) == "r"
    assert found.env["KONG_IP"] == FieldRef("status.podIP")
    gone, maybe, ip, hidden = (found.env_content(f"KONG_{k}", files) for k in ("GONE", "MAYBE", "IP", "HIDDEN"))
    assert gone is not None
    assert (gone.data, gone.known) == (None, True)
    assert maybe is None
    assert ip is not None
    assert not ip.known
    assert hidden is not None
    assert not hidden.known
    assert found.env_content("KONG_NOSUCH", files) is None
    unknown = found.env_content("X_ANY", files)
    assert unknown is not None
    assert not unknown.known


def test_admin_client_ca_is_made_by_the_chart() -> None:
    """admin.tls.client.caBundle is a file in the gateway, and nginx is told to ask for certificates."""
    found = release(admin={"tls": {"client": {"caBundle": "PEM"}}})
    assert found.env["KONG_NGINX_ADMIN_SSL_VERIFY_CLIENT"] == "on"
    assert found.env["KONG_NGINX_ADMIN_SSL_CLIENT_CERTIFICATE"] == "/etc/admin-client-ca/tls.crt"
    assert found.file("/etc/admin-client-ca/tls.crt", objects()) == b"PEM"
    assert found.env["KONG_ADMIN_LISTEN"] == "127.0.0.1:8444 http2 ssl, [::1]:8444 http2 ssl"
    assert (
        not release(admin={"tls": {"client": {"caBundle": MASKED}}})
        .file_content("/etc/admin-client-ca/tls.crt", objects())
        .known
    )


def test_the_controllers_files_are_not_the_gateways() -> None:
    """secretVolumes are not mounted in the controller; its client pair and its own mounts are."""
    found = release(
        secretVolumes=["cluster"],
        ingressController={
            "adminApi": {"tls": {"client": {"enabled": True, "certProvided": True, "secretName": "pair"}}},
            "userDefinedVolumeMounts": [{"name": "cluster", "mountPath": "/trust"}],
            "env": {"kong_admin_tls_server_name": "admin.example"},
        },
    )
    files = objects(secret("cluster", {"ca.crt": b"A"}), secret("pair", {"tls.crt": b"B"}))
    controller = found.ingress_controller
    assert controller is not None
    assert controller.container.file("/etc/secrets/cluster/ca.crt", files) is None
    assert controller.container.file("/trust/ca.crt", files) == b"A"
    assert controller.container.file("/etc/secrets/admin-api-cert/tls.crt", files) == b"B"
    assert found.file("/etc/secrets/admin-api-cert/tls.crt", files) is None
    env = controller.container.env
    assert env["CONTROLLER_KONG_ADMIN_TLS_CLIENT_CERT_FILE"] == "/etc/secrets/admin-api-cert/tls.crt"
    assert env["CONTROLLER_KONG_ADMIN_TLS_SERVER_NAME"] == "admin.example"
    assert release(ingressController={"enabled": False}).ingress_controller is None


def test_cert_manager_certificates_of_the_chart() -> None:
    """certificates.enabled sets pki only where the cluster block is on, and names Secrets by the fullname."""
    on = release("cp", certificates={"enabled": True}, cluster={"enabled": True, "tls": {"enabled": True}})
    assert on.env["KONG_CLUSTER_MTLS"] == "pki"
    assert on.env["KONG_CLUSTER_SERVER_NAME"] == "kong_clustering"
    assert on.mounts[2].sources[0].name == "cp-kong-cluster-cert"
    assert "KONG_CLUSTER_MTLS" not in release("cp", certificates={"enabled": True}).env


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("off", ()),
        ("", ()),
        ("127.0.0.1:8001", (Listener("127.0.0.1", 8001, frozenset()),)),
        ("0.0.0.0:8443 http2 ssl, [::]:8443 ssl", (Listener("0.0.0.0", 8443, frozenset({"http2", "ssl"})),
          Listener("[::]", 8443, frozenset({"ssl"})))),
    ],
)  # fmt: skip
def test_parse_listen(text: str, expected: tuple[Listener, ...]) -> None:
    """Addresses with ports and flags; `off` is none."""
    assert parse_listen(text) == expected


def test_listeners() -> None:
    """A listener knows whether it speaks TLS and who can reach it."""
    local, *_ = release().listeners("KONG_ADMIN_LISTEN", objects()) or ()
    assert (local.tls, local.local_only) == (True, True)
    outer, *_ = (
        release(admin={"enabled": True, "tls": {"enabled": False}, "http": {"enabled": True}}).listeners(
            "KONG_ADMIN_LISTEN", objects()
        )
        or ()
    )
    assert (outer.tls, outer.local_only, outer.port) == (False, False, 8001)
    assert release().listeners("KONG_NOSUCH_LISTEN", objects()) == ()
    assert release(env={"admin_listen": MASKED}).listeners("KONG_ADMIN_LISTEN", objects()) is None


def test_misshapen_values_do_not_break_the_reader() -> None:
    """Lists for maps, strings for lists: read as if they weren't there, since Helm would refuse them."""
    found = release(
        env=[], secretVolumes="x", admin="y", extraSecrets=["z"], podLabels=[], deployment={"userDefinedVolumes": "q"}
    )
    assert found.role == "traditional"
    assert found.services["proxy"].name == "kong-cp-kong-proxy"
    assert found.file("/etc/secrets/x/tls.crt", objects()) is None


def test_no_value_shows_in_a_repr() -> None:
    """Values may hold secrets."""
    found = release(env={"pg_password": "hunter2"})
    assert "hunter2" not in repr(found)
    assert "hunter2" not in repr(found.env_content("KONG_PG_PASSWORD", objects()))
