"""Bad and good examples of the rules about upstreams: annotations of Services, and a data plane's global settings."""

from __future__ import annotations

from typing import Any

from tests.audit.audit_examples import Example
from tests.audit.audit_stack import (
    AT,
    UPSTREAM,
    YEAR,
    add,
    annotate,
    authority,
    both,
    change,
    data,
    drop,
    env,
    minted,
    obj,
    pair,
    pem,
    service,
    tls_secret,
    values,
)

SERVICE, INGRESS, DP = "Service/demo/echo", "Ingress/demo/echo", "Release/kong-dp/dp"
PAIR = "Secret/demo/gateway-client"
GATEWAY_API = "gateway.networking.k8s.io"


def policy(name: str) -> dict[str, Any]:
    spec = {
        "targetRefs": [{"group": "", "kind": "Service", "name": "echo"}],
        "validation": {
            "hostname": "echo.demo.svc",
            "caCertificateRefs": [{"group": "", "kind": "Secret", "name": "upstream-ca"}],
        },
    }
    return obj("BackendTLSPolicy", name, "demo", f"{GATEWAY_API}/v1alpha3", spec=spec)


def two_backends(**second: str) -> Any:
    """An HTTPRoute that spreads over two Services."""
    rule = {"backendRefs": [{"name": "echo", "port": 443}, {"name": "echo-b", "port": 443}]}
    spec = {"parentRefs": [{"name": "kong"}], "rules": [rule]}
    listeners = [{"name": "https", "protocol": "HTTPS", "port": 443}]
    gateway = {"gatewayClassName": "kong", "listeners": listeners}
    return both(
        add("route", obj("HTTPRoute", "split", "demo", f"{GATEWAY_API}/v1", spec=spec)),
        annotate("route", "preserve-host", "false"),
        add("gateway", obj("Gateway", "kong", "demo", f"{GATEWAY_API}/v1", spec=gateway)),
        add("echo-b", service("echo-b", **{**UPSTREAM, **second})),
    )


GLOBAL = both(
    add("trust", obj("Secret", "upstreams", "kong-dp", stringData={"ca.crt": pem(authority("upstream ca"))})),
    add("pair", tls_secret("upstream-pair", "kong-dp", minted("gateway", "gateway ca", client=True))),
    values("dp", secretVolumes=["dp-cluster", "dp-server", "upstreams", "upstream-pair"]),
    env(
        "dp",
        nginx_proxy_proxy_ssl_verify="on",
        nginx_proxy_proxy_ssl_verify_depth="1",
        nginx_proxy_proxy_ssl_trusted_certificate="/etc/secrets/upstreams/ca.crt",
        nginx_proxy_proxy_ssl_certificate="/etc/secrets/upstream-pair/tls.crt",
        nginx_proxy_proxy_ssl_certificate_key="/etc/secrets/upstream-pair/tls.key",
    ),
)
CLIENT_SSL = {
    "client_ssl": "on",
    "client_ssl_cert": "/etc/secrets/upstream-pair/tls.crt",
    "client_ssl_cert_key": "/etc/secrets/upstream-pair/tls.key",
}

EXAMPLES = {
    "upstream-dead-prefix": Example(SERVICE, annotate("service", "configuration.konghq.com/protocol", "https")),
    "upstream-protocol-invalid": Example(SERVICE, annotate("service", "protocol", "HTTPS")),
    "upstream-verify-ignored": Example(SERVICE, annotate("service", "tls-verify", "yes")),
    "upstream-depth-ignored": Example(SERVICE, annotate("service", "tls-verify-depth", "two")),
    "upstream-depth-range": Example(SERVICE, annotate("service", "tls-verify-depth", "-1")),
    "upstream-preserve-host-ignored": Example(INGRESS, annotate("ingress", "preserve-host", "no")),
    "upstream-tls-without-https": Example(SERVICE, annotate("service", "protocol", None)),
    "upstream-client-cert-missing": Example(SERVICE, drop("gateway-client")),
    "upstream-client-cert-namespace": Example(SERVICE, annotate("service", "client-cert", "kong/gateway-client")),
    "upstream-client-cert-pair": Example(PAIR, data("gateway-client", tls_key=minted("stranger").key_pem.decode())),
    "upstream-ca-without-verify": Example(SERVICE, annotate("service", "tls-verify", "false")),
    "upstream-ca-missing": Example(SERVICE, change("upstream-ca", "metadata", "namespace", to="elsewhere")),
    "upstream-ca-no-id": Example(SERVICE, data("upstream-ca", id=None)),
    "upstream-ca-unlabelled": Example(SERVICE, drop("upstream-ca", "metadata", "labels")),
    "upstream-inconsistent": Example(SERVICE, two_backends(host_header="echo-b.demo.svc"), good=two_backends()),
    "upstream-policy-twice": Example(
        SERVICE, both(add("one", policy("one")), add("two", policy("two"))), good=add("one", policy("one"))
    ),
    "upstream-client-cert-expired": Example(
        PAIR,
        pair("gateway-client", minted("gateway old", "gateway ca", client=True, before=AT - YEAR, after=AT - YEAR / 2)),
    ),
    "upstream-client-cert-usage": Example(PAIR, pair("gateway-client", minted("gateway s", "gateway ca", server=True))),
    "upstream-verify-off": Example(
        SERVICE,
        both(annotate("service", "tls-verify", None), annotate("service", "ca-certificates-secrets", None)),
        good=both(
            GLOBAL, annotate("service", "tls-verify", None), annotate("service", "ca-certificates-secrets", None)
        ),
    ),
    "upstream-no-ca": Example(
        SERVICE,
        annotate("service", "ca-certificates-secrets", None),
        good=both(GLOBAL, annotate("service", "ca-certificates-secrets", None)),
    ),
    "upstream-port-https": Example(SERVICE, drop("service", "metadata", "annotations")),
    "upstream-name-check": Example(
        SERVICE,
        annotate("ingress", "preserve-host", None),
        good=both(
            annotate("ingress", "preserve-host", None),
            pair("echo-tls", minted("echo public", "upstream ca", server=True, dns_names=("echo.example.com",))),
        ),
    ),
    "upstream-global-no-trust": Example(
        DP, both(GLOBAL, env("dp", nginx_proxy_proxy_ssl_trusted_certificate=None)), good=GLOBAL
    ),
    "upstream-global-depth": Example(DP, both(GLOBAL, env("dp", nginx_proxy_proxy_ssl_verify_depth="on")), good=GLOBAL),
    "upstream-global-switch": Example(DP, both(GLOBAL, env("dp", nginx_proxy_proxy_ssl_verify=True)), good=GLOBAL),
    "upstream-global-twice": Example(
        DP,
        both(GLOBAL, env("dp", **CLIENT_SSL)),
        good=both(
            GLOBAL,
            env("dp", nginx_proxy_proxy_ssl_certificate=None, nginx_proxy_proxy_ssl_certificate_key=None, **CLIENT_SSL),
        ),
    ),
    "upstream-global-half": Example(
        DP, both(GLOBAL, env("dp", nginx_proxy_proxy_ssl_certificate_key=None)), good=GLOBAL
    ),
    "upstream-global-usage": Example(
        "Secret/kong-dp/upstream-pair",
        both(GLOBAL, pair("pair", minted("gateway s", "gateway ca", server=True))),
        good=GLOBAL,
    ),
    "upstream-verify-refused": Example(
        SERVICE,
        both(
            values("dp", image={"repository": "kong/kong-gateway", "tag": "3.14.0.1"}),
            annotate("service", "tls-verify", "false"),
            annotate("service", "ca-certificates-secrets", None),
        ),
        good=values("dp", image={"repository": "kong/kong-gateway", "tag": "3.14.0.1"}),
    ),
}
