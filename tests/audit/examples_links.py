"""Bad and good examples of the rules about the cluster link, the Admin API and the database."""

from __future__ import annotations

from typing import Any

from tests.audit.audit_examples import Example
from tests.audit.audit_stack import (
    CP_HOST,
    ENTERPRISE,
    TELEMETRY_HOST,
    Bend,
    add,
    authority,
    both,
    drop,
    env,
    minted,
    obj,
    pair,
    pem,
    tls_secret,
    values,
)

CP, DP = "Release/kong/cp", "Release/kong-dp/dp"
CP_PAIR, DP_PAIR = "Secret/kong/cp-cluster", "Secret/kong-dp/dp-cluster"
CP_NAMES = (CP_HOST, TELEMETRY_HOST)

SHARED_PAIR = minted("kong_clustering", server=True, client=True, dns_names=("kong_clustering",))


def shared(cp: Any = SHARED_PAIR, dp: Any = SHARED_PAIR) -> Any:
    """Shared mode with these two pairs."""
    off = {"cluster_ca_cert": None, "cluster_mtls": "shared"}
    names = {"cluster_server_name": None, "cluster_telemetry_server_name": None}
    return both(env("cp", **off), env("dp", **off, **names), pair("cp-cluster", cp), pair("dp-cluster", dp))


INTERMEDIATE = authority("cluster intermediate", issuer="cluster ca")
LOWER = authority("cluster lower intermediate", issuer=INTERMEDIATE)


def deep(name: str, issuer: Any, **options: Any) -> Any:
    return minted(name, issuer, **options)


def admin_tls(**changes: Any) -> Any:
    """TLS with verification both ways between the controller and the Admin API."""
    client = {"enabled": True, "certProvided": True, "secretName": "controller"}
    controller = {
        "env": {
            "publish_service": "kong-dp/dp-kong-proxy",
            "kong_admin_tls_skip_verify": "false",
            "kong_admin_tls_server_name": "admin.kong.svc",
            "kong_admin_ca_cert": pem(authority("admin ca")),
        },
        "adminApi": {"tls": {"client": client}},
    }
    admin = {"enabled": True, "type": "ClusterIP", "tls": {"client": {"caBundle": pem(authority("admin client ca"))}}}
    admin |= changes
    server = minted("admin", "admin ca", server=True, dns_names=("admin.kong.svc",))
    return both(
        values(
            "cp", secretVolumes=["cp-cluster", "kong-db-ca", "admin-server"], admin=admin, ingressController=controller
        ),
        env(
            "cp",
            admin_ssl_cert="/etc/secrets/admin-server/tls.crt",
            admin_ssl_cert_key="/etc/secrets/admin-server/tls.key",
        ),
        add("admin-server", tls_secret("admin-server", "kong", server)),
        add("controller", tls_secret("controller", "kong", minted("controller", "admin client ca", client=True))),
    )


def controller_env(**settings: Any) -> Any:
    def bend(stack: Any) -> None:
        found = stack["cp"]["values"]["ingressController"]["env"]
        found.update(settings)
        for key in [key for key, value in settings.items() if value is None]:
            del found[key]

    return bend


def postgres(name: str = "postgres.kong.svc", issuer: str = "db ca") -> Any:
    """A Postgres of the set that serves TLS."""
    pod = {
        "containers": [
            {"name": "postgres", "image": "postgres:17.2", "volumeMounts": [{"name": "tls", "mountPath": "/tls"}]}
        ],
        "volumes": [{"name": "tls", "secret": {"secretName": "postgres-tls"}}],
    }
    labels = {"app": "postgres"}
    spec = {"replicas": 1, "serviceName": "postgres", "template": {"metadata": {"labels": labels}, "spec": pod}}
    return both(
        env("cp", pg_host="postgres.kong.svc"),
        add("postgres", obj("StatefulSet", "postgres", "kong", "apps/v1", spec=spec)),
        add(
            "postgres-service", obj("Service", "postgres", "kong", spec={"selector": labels, "ports": [{"port": 5432}]})
        ),
        add(
            "postgres-tls",
            tls_secret("postgres-tls", "kong", minted("postgres", issuer, server=True, dns_names=(name,))),
        ),
    )


def database_client(**usage: bool) -> Any:
    return both(
        env("cp", pg_ssl_cert="/etc/secrets/db-client/tls.crt", pg_ssl_cert_key="/etc/secrets/db-client/tls.key"),
        values("cp", secretVolumes=["cp-cluster", "kong-db-ca", "db-client"]),
        add("db-client", tls_secret("db-client", "kong", minted("kong at db", "db client ca", **usage))),
    )


def fence(namespace: str, pods: dict[str, str], peers: str, *ports: int, name: str = "policy") -> Bend:
    """A NetworkPolicy that admits one namespace."""
    admitted = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": peers}}}
    spec = {
        "podSelector": {"matchLabels": pods},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [admitted], "ports": [{"port": port} for port in ports]}],
    }
    return add(name, obj("NetworkPolicy", name, namespace, "networking.k8s.io/v1", spec=spec))


EXAMPLES = {
    "cluster-no-certificate": Example(DP, env("dp", cluster_cert_key=None)),
    "cluster-no-ca": Example(CP, env("cp", cluster_ca_cert=None), good=shared()),
    "cluster-database": Example(DP, env("dp", database="postgres")),
    "cluster-controller": Example(DP, values("dp", ingressController={})),
    "cluster-listener": Example(CP, values("cp", cluster={"enabled": True})),
    "cluster-proxy-listener": Example(DP, values("dp", proxy={"http": {"enabled": False}, "tls": {"enabled": False}})),
    "cluster-role": Example(DP, env("dp", role=None)),
    "cluster-idle-service": Example(DP, values("dp", manager={})),
    "cluster-telemetry": Example(DP, env("dp", cluster_telemetry_endpoint=None, cluster_telemetry_server_name=None)),
    "cluster-fenced": Example(CP, fence("kong", {"app.kubernetes.io/instance": "cp"}, "shop", 8005, 8006)),
    "cluster-publish-service": Example(CP, values("cp", ingressController={})),
    "cluster-endpoint": Example(
        DP,
        env("dp", cluster_control_plane="cp-cluster.kong.svc.cluster.local:8005", cluster_server_name=CP_HOST),
        good=env("dp", cluster_control_plane="cp.example.com:8005"),
    ),
    "cluster-mode": Example(DP, env("dp", cluster_mtls="shared"), good=shared()),
    "cluster-shared-differs": Example(
        DP_PAIR,
        shared(dp=minted("kong_clustering", server=True, client=True, dns_names=("kong_clustering",), kind="P-384")),
        good=shared(),
    ),
    "cluster-shared-name": Example(
        CP_PAIR, shared(*[minted("cluster", server=True, client=True, dns_names=("cluster",))] * 2), good=shared()
    ),
    "cluster-shared-no-san": Example(CP_PAIR, shared(*[minted("kong_clustering", ca=True)] * 2), good=shared()),
    "cluster-usage": Example(DP_PAIR, pair("dp-cluster", minted("dp s", "cluster ca", server=True))),
    "cluster-untrusted": Example(
        DP_PAIR,
        pair("dp-cluster", minted("dp x", "another cluster ca", client=True)),
        good=both(
            pair("dp-cluster", minted("dp x", "another cluster ca", client=True)),
            lambda s: s["cp-cluster"]["stringData"].update(
                {"ca.crt": pem(authority("cluster ca"), authority("another cluster ca"))}
            ),
        ),
    ),
    "cluster-depth": Example(
        CP_PAIR,
        pair("cp-cluster", deep("cp deep", LOWER, server=True, dns_names=CP_NAMES)),
        good=both(
            pair("cp-cluster", deep("cp deep", LOWER, server=True, dns_names=CP_NAMES)),
            env("dp", lua_ssl_verify_depth="2"),
        ),
    ),
    "cluster-server-name": Example(
        CP_PAIR,
        pair("cp-cluster", minted("cp one", "cluster ca", server=True, dns_names=(CP_HOST,))),
        good=both(
            pair("cp-cluster", minted("cp one", "cluster ca", server=True, dns_names=(CP_HOST,))),
            env("dp", cluster_telemetry_server_name=CP_HOST),
        ),
    ),
    "cluster-common-name": Example(
        DP_PAIR,
        both(
            env("cp", cluster_mtls="pki_check_cn", cluster_allowed_common_names="dp-2"),
            env("dp", cluster_mtls="pki_check_cn"),
        ),
        good=both(
            env("cp", cluster_mtls="pki_check_cn", cluster_allowed_common_names="dp-2, dp"),
            env("dp", cluster_mtls="pki_check_cn"),
        ),
    ),
    # --- Admin API
    "admin-open": Example(CP, values("cp", admin={"enabled": True}), good=admin_tls()),
    "admin-tokens-only": Example(
        CP,
        values("cp", admin={"enabled": True}, enterprise={**ENTERPRISE, "rbac": {"enabled": True}}),
        good=admin_tls(),
    ),
    "admin-plain": Example(CP, admin_tls(http={"enabled": True}), good=admin_tls()),
    "admin-unprotected": Example(
        CP,
        both(drop("policy"), values("cp", admin={"enabled": True, "type": "ClusterIP"})),
        good=values("cp", admin={"enabled": True, "type": "ClusterIP"}),
    ),
    "admin-manager-open": Example(CP, values("cp", manager={"enabled": True})),
    "admin-no-client-ca": Example(CP, env("cp", nginx_admin_ssl_verify_client="on"), good=admin_tls()),
    "admin-verify-off": Example(
        CP, both(admin_tls(), controller_env(kong_admin_tls_skip_verify="true")), good=admin_tls()
    ),
    "admin-self-signed": Example(
        CP, both(admin_tls(), env("cp", admin_ssl_cert=None, admin_ssl_cert_key=None)), good=admin_tls()
    ),
    "admin-server-name": Example(
        "Secret/kong/admin-server", both(admin_tls(), controller_env(kong_admin_tls_server_name=None)), good=admin_tls()
    ),
    "admin-untrusted": Example(
        "Secret/kong/admin-server",
        both(admin_tls(), controller_env(kong_admin_ca_cert=pem(authority("db ca")))),
        good=admin_tls(),
    ),
    "admin-no-client-certificate": Example(
        CP, both(admin_tls(), lambda s: s["cp"]["values"]["ingressController"].pop("adminApi")), good=admin_tls()
    ),
    "admin-client-refused": Example(
        "Secret/kong/controller",
        both(admin_tls(), pair("controller", minted("controller", "admin ca", client=True))),
        good=admin_tls(),
    ),
    "admin-usage": Example(
        "Secret/kong/admin-server",
        both(
            admin_tls(), pair("admin-server", minted("admin c", "admin ca", client=True, dns_names=("admin.kong.svc",)))
        ),
        good=admin_tls(),
    ),
    # --- database
    "database-plain": Example(CP, env("cp", pg_ssl=None)),
    "database-optional-tls": Example(CP, env("cp", pg_ssl_required="off")),
    "database-verify-off": Example(CP, env("cp", pg_ssl_verify=None)),
    "database-name": Example(CP, postgres("pg.kong.svc"), good=postgres()),
    "database-untrusted": Example(CP, postgres(issuer="another db ca"), good=postgres()),
    "database-client-usage": Example(
        "Secret/kong/db-client", database_client(server=True), good=database_client(client=True)
    ),
    "database-host": Example(CP, env("cp", pg_host=None)),
    "database-fenced": Example(
        "StatefulSet/kong/postgres",
        both(postgres(), fence("kong", {"app": "postgres"}, "shop", 5432, name="db-policy")),
        good=both(postgres(), fence("kong", {"app": "postgres"}, "kong", 5432, name="db-policy")),
    ),
    "database-subchart": Example(CP, values("cp", postgresql={"enabled": True})),
    "database-password-in-values": Example(CP, env("cp", pg_password="not-a-real-one")),
}
