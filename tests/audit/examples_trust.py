"""Bad and good examples of the rules about files, certificates on any link, hygiene, and the audit."""

from __future__ import annotations

import base64
from typing import Any

from tests.audit.audit_examples import Example
from tests.audit.audit_stack import (
    AT,
    YEAR,
    add,
    annotate,
    authority,
    both,
    ca_id,
    ca_secret,
    change,
    data,
    deployment,
    drop,
    env,
    minted,
    mtls_plugin,
    obj,
    pair,
    pem,
    values,
)

CP, DP = "Release/kong/cp", "Release/kong-dp/dp"
CP_PAIR, DP_PAIR = "Secret/kong/cp-cluster", "Secret/kong-dp/dp-cluster"


def user_volume(*, mounted: bool) -> Any:
    volume = {"name": "extra", "secret": {"secretName": "dp-server"}}
    mounts = [{"name": "extra", "mountPath": "/etc/extra"}] if mounted else []
    return values("dp", deployment={"userDefinedVolumes": [volume], "userDefinedVolumeMounts": mounts})


def one_ca(namespace: str) -> Any:
    """The cluster's CA as the one for callers too."""
    ca = authority("cluster ca")
    return both(
        add("client-ca", ca_secret("client-ca", namespace, ca)), add("plugin", mtls_plugin(ca_certificates=[ca_id(ca)]))
    )


KEY = minted("stranger").key_pem.decode()
OUTLIVING = minted("dp long", "cluster ca", client=True, after=AT + 9 * YEAR)

EXAMPLES = {
    # --- files
    "trust-volume-missing": Example(CP, values("cp", secretVolumes=["cp-cluster", "kong-db-ca", "gone"])),
    "trust-key-missing": Example("Secret/kong/kong-db", change("db", "stringData", to={"pass": "not-a-real-one"})),
    "trust-file-missing": Example(DP, values("dp", secretVolumes=["dp-cluster"])),
    "trust-volume-unmounted": Example(DP, user_volume(mounted=False), good=user_volume(mounted=True)),
    "trust-mount-undefined": Example(
        DP,
        values("dp", deployment={"userDefinedVolumeMounts": [{"name": "extra", "mountPath": "/etc/extra"}]}),
        good=user_volume(mounted=True),
    ),
    "trust-not-rolled": Example(DP, values("dp", podAnnotations={})),
    # --- certificates
    "trust-unreadable": Example("Secret/kong-dp/dp-server", data("dp-server", tls_crt="no PEM")),
    "trust-half-pair": Example(DP, env("dp", ssl_cert=None)),
    "trust-pair": Example(DP_PAIR, data("dp-cluster", tls_key=KEY)),
    "trust-expired": Example(
        DP_PAIR, pair("dp-cluster", minted("dp old", "cluster ca", client=True, before=AT - YEAR, after=AT - YEAR / 2))
    ),
    "trust-expires-soon": Example(
        DP_PAIR, pair("dp-cluster", minted("dp soon", "cluster ca", client=True, after=AT + YEAR / 60))
    ),
    "trust-weak": Example(DP_PAIR, pair("dp-cluster", minted("dp weak", "cluster ca", client=True, kind="P-224"))),
    "trust-outlives-ca": Example(DP_PAIR, pair("dp-cluster", OUTLIVING)),
    "trust-one-ca": Example(CP_PAIR, one_ca("demo")),
    "trust-one-ca-upstream": Example(
        "Secret/demo/client-ca",
        both(
            drop("upstream-ca"),
            annotate("service", "ca-certificates-secrets", "client-ca"),
            pair("echo-tls", minted("echo 2", "client ca", server=True, dns_names=("echo.demo.svc",))),
        ),
    ),
    # --- hygiene
    "hygiene-key-in-configmap": Example(
        "ConfigMap/demo/settings",
        add("settings", obj("ConfigMap", "settings", "demo", data={"tls.key": KEY})),
        good=add("settings", obj("ConfigMap", "settings", "demo", data={"ca.crt": pem(authority("client ca"))})),
    ),
    "hygiene-key-in-env": Example(
        DP,
        env("dp", ssl_cert_key=base64.b64encode(KEY.encode()).decode()),
        good=env("dp", lua_ssl_trusted_certificate=pem(authority("db ca"))),
    ),
    "hygiene-moving-tag": Example(
        "Deployment/demo/echo",
        add("echo", deployment(image="echo:latest")),
        good=add("echo", deployment(image="registry.example.com:5000/echo@sha256:" + "0" * 64)),
    ),
    "hygiene-network-policy": Example(CP, drop("policy")),
    "hygiene-disruption-budget": Example(
        DP,
        values("dp", podDisruptionBudget={}),
        good=both(
            values("dp", podDisruptionBudget={}),
            add(
                "budget",
                obj(
                    "PodDisruptionBudget",
                    "dp",
                    "kong-dp",
                    "policy/v1",
                    spec={"maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/instance": "dp"}}},
                ),
            ),
        ),
    ),
    "hygiene-release-name": Example(
        f"Release/kong-dp/{'dp-' + 'x' * 40}", change("dp", "release", to="dp-" + "x" * 40)
    ),
    "hygiene-env-number": Example(
        CP, env("cp", cluster_max_payload=16777216), good=env("cp", cluster_max_payload="16777216")
    ),
    "hygiene-image-version": Example(
        DP,
        values("dp", image={"repository": "kong/kong-gateway", "tag": "latest"}),
        good=values("dp", image={"repository": "kong/kong-gateway", "tag": "build-7", "effectiveSemver": "3.10.0"}),
    ),
    "hygiene-env-boolean": Example(
        DP, env("dp", nginx_proxy_real_ip_recursive=True), good=env("dp", nginx_proxy_real_ip_recursive="on")
    ),
    "hygiene-budget-of-one": Example(DP, values("dp", replicaCount=1)),
    "hygiene-volume-name": Example(DP, values("dp", secretVolumes=["dp-cluster", "dp-server", "my.secret"])),
    "hygiene-annotation-not-string": Example("Service/demo/echo", annotate("service", "tls-verify", True)),
    # --- the audit itself
    "audit-malformed": Example(
        "Ingress/demo/echo", change("ingress", "spec", "rules", to={"host": "echo.example.com"})
    ),
    "audit-silence-reason": Example(
        "Ingress/demo/echo",
        annotate("ingress", "kong-mtls.io/ignore", "client-no-snis"),
        good=annotate("ingress", "kong-mtls.io/ignore", "client-no-snis: every route asks"),
    ),
    "audit-silence-unknown": Example(
        "Ingress/demo/echo", annotate("ingress", "kong-mtls.io/ignore", "no-such-rule: well")
    ),
    "audit-not-in-view": Example(DP, both(drop("license-dp"), drop("dp-cluster"), drop("dp-server"))),
    "audit-declared": Example(
        DP,
        both(
            drop("license-dp"),
            values("dp", deploymentAnnotations={"kong-mtls.io/existing-secrets": "kong-enterprise-license"}),
        ),
    ),
}
