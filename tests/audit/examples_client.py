"""Bad and good examples of the rules about clients: CA objects, plugins, routes, consumers, server certificates."""

from __future__ import annotations

from tests.audit.audit_examples import Example
from tests.audit.audit_stack import (
    AT,
    PROTECTED,
    YEAR,
    Doc,
    add,
    annotate,
    authority,
    both,
    ca_id,
    ca_secret,
    change,
    data,
    drop,
    env,
    ingress,
    minted,
    mtls_plugin,
    obj,
    pair,
    pem,
    tls_secret,
    values,
    with_consumer,
    with_global,
)

CA, PLUGIN, INGRESS = "Secret/demo/client-ca", "KongPlugin/demo/mtls", "Ingress/demo/echo"
PUBLIC = "Secret/demo/echo-public"
GROUP = "configuration.konghq.com/v1"
CLASS = "kubernetes.io/ingress.class"
OTHER = authority("other client ca")


def second_ca(**changes: str) -> Doc:
    return ca_secret("second-ca", "demo", OTHER, **changes)


def both_cas(name: str) -> Doc:
    return mtls_plugin(name, ca_certificates=[ca_id(authority("client ca")), ca_id(OTHER)])


def plugin_with(**body: object) -> Doc:
    made = mtls_plugin()
    return {**made, **body}


def config_secret(value: str) -> Doc:
    return obj("Secret", "mtls-config", "demo", stringData={"config": value})


def grant(namespace: str) -> Doc:
    spec = {
        "from": [{"group": "networking.k8s.io", "kind": "Ingress", "namespace": "demo"}],
        "to": [{"group": "configuration.konghq.com", "kind": "KongPlugin"}],
    }
    return obj("ReferenceGrant", "plugins", namespace, "gateway.networking.k8s.io/v1beta1", spec=spec)


def http_route(*filters: Doc, **match: object) -> Doc:
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": "/echo"}, **match}], "filters": list(filters)}
    rule["backendRefs"] = [{"name": "echo", "port": 443}]
    said = {"konghq.com/plugins": "mtls", "konghq.com/snis": "echo.example.com", "konghq.com/preserve-host": "false"}
    spec = {"parentRefs": [{"name": "kong"}], "hostnames": ["echo.example.com"], "rules": [rule]}
    return obj("HTTPRoute", "echo-route", "demo", "gateway.networking.k8s.io/v1", annotations=said, spec=spec)


def gateway() -> Doc:
    tls = {"certificateRefs": [{"name": "echo-public"}]}
    listeners = [{"name": "https", "protocol": "HTTPS", "port": 443, "hostname": "echo.example.com", "tls": tls}]
    spec = {"gatewayClassName": "kong", "listeners": listeners}
    return obj("Gateway", "kong", "demo", "gateway.networking.k8s.io/v1", spec=spec)


ROUTED = both(drop("ingress"), add("route", http_route()), add("gateway", gateway()))
HIS_GLOBAL = "KongClusterPlugin//mtls-everywhere"
TWIN = ingress("twin", "echo", protocols="https", preserve_host="false", snis="echo.example.com")


def global_plugin(name: str, *, label: str | None = "true", klass: str | None = "kong") -> Doc:
    made = mtls_plugin(name, None)
    if label:
        made["metadata"]["labels"] = {"global": label}
    if klass:
        made["metadata"]["annotations"] = {CLASS: klass}
    return made


def consumer(name: str, **body: object) -> Doc:
    return obj("KongConsumer", name, "demo", GROUP, annotations={CLASS: "kong"}, **body)


LISTENER = both(
    add("callers", obj("Secret", "callers", "kong-dp", stringData={"ca.crt": pem(authority("client ca"))})),
    values("dp", secretVolumes=["dp-cluster", "dp-server", "callers"]),
    env(
        "dp",
        nginx_proxy_ssl_verify_client="on",
        nginx_proxy_ssl_client_certificate="/etc/secrets/callers/ca.crt",
    ),
)

EXAMPLES = {
    # --- CA objects
    "client-ca-unlabelled": Example(CA, drop("client-ca", "metadata", "labels")),
    "client-ca-class": Example(CA, drop("client-ca", "metadata", "annotations")),
    "client-ca-no-id": Example(CA, data("client-ca", id=None)),
    "client-ca-id-not-uuid": Example(
        CA, both(data("client-ca", id="my-ca"), add("plugin", mtls_plugin(ca_certificates=["my-ca"])))
    ),
    "client-ca-data-key": Example(
        CA,
        data("client-ca", cert=None, tls_crt=pem(authority("client ca"))),
        good=data("client-ca", cert=None, ca_crt=pem(authority("client ca"))),
    ),
    "client-ca-not-pem": Example(CA, data("client-ca", cert="MIIB no PEM")),
    "client-ca-private-key": Example(
        CA, data("client-ca", cert=pem(authority("client ca")) + authority("client ca").key_pem.decode())
    ),
    "client-ca-bundle": Example(
        CA,
        data("client-ca", cert=pem(authority("client ca"), OTHER)),
        good=both(add("second", second_ca()), add("plugin", both_cas("mtls"))),
    ),
    "client-ca-not-ca": Example(CA, data("client-ca", cert=pem(minted("a caller", "client ca", client=True)))),
    "client-ca-expired": Example(
        CA, data("client-ca", cert=pem(authority("past ca", before=AT - 2 * YEAR, after=AT - YEAR)))
    ),
    "client-ca-not-yet-valid": Example(CA, data("client-ca", cert=pem(authority("next ca", before=AT + YEAR)))),
    "client-ca-weak": Example(CA, data("client-ca", cert=pem(authority("weak ca", kind="P-224")))),
    "client-ca-expires-soon": Example(CA, data("client-ca", cert=pem(authority("old ca", after=AT + YEAR / 50)))),
    "client-ca-id-conflict": Example(
        "Secret/demo/second-ca",
        add("second", second_ca(id=ca_id(authority("client ca")))),
        good=add("copy", ca_secret("client-ca", "other", authority("client ca"))),
    ),
    "client-ca-two-ids": Example(
        "Secret/demo/second-ca",
        add(
            "second", ca_secret("second-ca", "demo", authority("client ca"), id="ffffffff-0000-4000-8000-000000000000")
        ),
        good=add("second", second_ca()),
    ),
    # --- plugins
    "client-plugin-missing": Example(
        INGRESS,
        annotate("ingress", "plugins", "mlts"),
        good=both(add("plugin", global_plugin("mtls", label=None))),
    ),
    "client-plugin-not-granted": Example(
        INGRESS,
        both(annotate("ingress", "plugins", "shared:mtls"), change("plugin", "metadata", "namespace", to="shared")),
        good=both(
            annotate("ingress", "plugins", "shared:mtls"),
            change("plugin", "metadata", "namespace", to="shared"),
            add("grant", grant("shared")),
        ),
    ),
    "client-plugin-reference": Example(INGRESS, annotate("ingress", "plugins", "mtls,demo:")),
    "client-plugin-config-twice": Example(
        PLUGIN,
        change("plugin", "configFrom", to={"secretKeyRef": {"name": "mtls-config", "key": "config"}}),
    ),
    "client-plugin-invalid": Example(
        PLUGIN,
        both(
            add("config", config_secret("00000000-0000-4000-8000-000000000000")),
            change(
                "plugin",
                "configPatches",
                to=[
                    {
                        "path": "/ca_certificates",
                        "valueFrom": {"secretKeyRef": {"name": "mtls-config", "key": "config"}},
                    }
                ],
            ),
        ),
        good=both(
            add("config", config_secret(f'["{ca_id(authority("client ca"))}"]')),
            change(
                "plugin",
                "configPatches",
                to=[
                    {
                        "path": "/ca_certificates",
                        "valueFrom": {"secretKeyRef": {"name": "mtls-config", "key": "config"}},
                    }
                ],
            ),
        ),
    ),
    "client-plugin-refused": Example(PLUGIN, change("plugin", "config", "revocation_check_mode", to="MAYBE")),
    "client-plugin-on-consumer": Example(
        PLUGIN, both(with_consumer, annotate("consumer", "plugins", "mtls")), good=with_consumer
    ),
    "client-plugin-unknown-ca": Example(
        PLUGIN, add("plugin", mtls_plugin(ca_certificates=["00000000-0000-4000-8000-00000000dead"]))
    ),
    "client-plugin-disabled": Example(PLUGIN, change("plugin", "disabled", to=True)),
    "client-plugin-unused": Example(PLUGIN, annotate("ingress", "plugins", None)),
    "client-plugin-without-routes": Example(PLUGIN, drop("ingress")),
    "client-global-class": Example(
        HIS_GLOBAL, both(with_global, add("global", global_plugin("mtls-everywhere", klass=None))), good=with_global
    ),
    "client-global-label": Example(
        HIS_GLOBAL, both(with_global, add("global", global_plugin("mtls-everywhere", label=None))), good=with_global
    ),
    "client-global-twice": Example(
        HIS_GLOBAL, both(with_global, add("second", global_plugin("mtls-again"))), good=with_global
    ),
    "client-any-certificate": Example(PLUGIN, both(with_consumer, add("plugin", mtls_plugin())), good=with_consumer),
    "client-no-consumers": Example(PLUGIN, add("plugin", mtls_plugin(skip_consumer_lookup=False)), good=with_consumer),
    "client-anonymous": Example(
        PLUGIN,
        add("plugin", mtls_plugin(skip_consumer_lookup=False, anonymous="guest")),
        good=both(
            add("plugin", mtls_plugin(skip_consumer_lookup=False, anonymous="guest")),
            add("consumer", consumer("guest", username="guest")),
            annotate("consumer", "plugins", "closed"),
            add("closed", obj("KongPlugin", "closed", "demo", GROUP, plugin="request-termination", config={})),
        ),
    ),
    # --- licence
    "client-license-missing": Example("Release/kong-dp/dp", values("dp", enterprise={"enabled": True})),
    "client-license-control-plane": Example("Release/kong/cp", values("cp", enterprise={"enabled": True})),
    "client-license-edition": Example(
        "Release/kong-dp/dp",
        both(values("dp", enterprise={"enabled": False}, image={"repository": "kong", "tag": "3.9.1"})),
    ),
    "client-license-invalid": Example(
        "Secret/kong-dp/kong-enterprise-license", data("license-dp", license="not JSON at all")
    ),
    # --- routes
    "client-ingress-no-class": Example(INGRESS, drop("ingress", "spec", "ingressClassName")),
    "client-not-watched": Example(
        INGRESS,
        values("cp", ingressController={"watchNamespaces": ["shop"]}),
        good=values("cp", ingressController={"watchNamespaces": ["demo"]}),
    ),
    "client-ingress-other-class": Example(INGRESS, change("ingress", "spec", "ingressClassName", to="kogn")),
    "client-gateway-not-seen": Example(
        "HTTPRoute/demo/echo-route", both(drop("ingress"), add("route", http_route())), good=ROUTED
    ),
    "client-httproute-invalid": Example(
        "HTTPRoute/demo/echo-route",
        both(ROUTED, add("route", http_route(queryParams=[{"name": "a", "value": "b"}]))),
        good=ROUTED,
    ),
    "client-route-backend": Example(
        INGRESS,
        change(
            "ingress",
            "spec",
            "rules",
            to=[
                {
                    "host": "echo.example.com",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"resource": {"kind": "Bucket", "name": "b"}},
                            }
                        ]
                    },
                }
            ],
        ),
    ),
    "client-route-no-service": Example(INGRESS, drop("service")),
    "client-protocols-invalid": Example(INGRESS, annotate("ingress", "protocols", "https,quic")),
    "client-snis-invalid": Example(INGRESS, annotate("ingress", "snis", "*.example.com")),
    "client-redirect-invalid": Example(INGRESS, annotate("ingress", "https-redirect-status-code", "303")),
    "client-route-twin": Example(
        "Ingress/demo/twin",
        add("twin", TWIN),
        good=add("twin", ingress("twin", "echo", path="/health", protocols="https", preserve_host="false")),
    ),
    "client-plain-http": Example(INGRESS, annotate("ingress", "protocols", None)),
    "client-no-snis": Example(
        INGRESS, annotate("ingress", "snis", None), good=both(with_global, annotate("ingress", "snis", None))
    ),
    "client-snis-hosts": Example(
        INGRESS,
        annotate("ingress", "snis", "www.example.com"),
        good=annotate("ingress", "snis", "echo.example.com,www.example.com"),
    ),
    "client-listener-no-ca": Example(
        "Release/kong-dp/dp", env("dp", nginx_proxy_ssl_verify_client="on"), good=LISTENER
    ),
    "client-listener-optional": Example(
        "Release/kong-dp/dp", both(LISTENER, env("dp", nginx_proxy_ssl_verify_client="optional")), good=LISTENER
    ),
    "client-default-certificate": Example(
        INGRESS,
        both(env("dp", ssl_cert=None, ssl_cert_key=None), drop("ingress", "spec", "tls")),
        good=drop("ingress", "spec", "tls"),
    ),
    # --- consumers
    "client-consumer-class": Example(
        "KongConsumer/demo/alice", both(with_consumer, drop("consumer", "metadata", "annotations")), good=with_consumer
    ),
    "client-consumer-nameless": Example(
        "KongConsumer/demo/alice", both(with_consumer, drop("consumer", "username")), good=with_consumer
    ),
    "client-consumer-twice": Example(
        "KongConsumer/demo/alice2",
        both(with_consumer, add("again", consumer("alice2", username="alice"))),
        good=with_consumer,
    ),
    "client-consumer-group": Example(
        "KongConsumer/demo/alice",
        both(with_consumer, change("consumer", "consumerGroups", to=["gold"])),
        good=both(
            with_consumer,
            change("consumer", "consumerGroups", to=["gold"]),
            add(
                "gold",
                obj(
                    "KongConsumerGroup", "gold", "demo", "configuration.konghq.com/v1beta1", annotations={CLASS: "kong"}
                ),
            ),
        ),
    ),
    "client-credential-missing": Example(
        "KongConsumer/demo/alice", both(with_consumer, drop("credential")), good=with_consumer
    ),
    "client-credential-label": Example(
        "Secret/demo/alice-mtls", both(with_consumer, drop("credential", "metadata", "labels")), good=with_consumer
    ),
    "client-credential-type": Example(
        "Secret/demo/alice-mtls",
        both(with_consumer, change("credential", "metadata", "labels", "konghq.com/credential", to="mtls")),
        good=with_consumer,
    ),
    "client-credential-subject": Example(
        "Secret/demo/alice-mtls",
        both(with_consumer, change("credential", "stringData", to={"subject": "a"})),
        good=with_consumer,
    ),
    "client-credential-field": Example(
        "Secret/demo/alice-mtls",
        both(with_consumer, change("credential", "stringData", "ca_certificate", to="x")),
        good=with_consumer,
    ),
    "client-credential-unused": Example(
        "Secret/demo/alice-mtls", both(with_consumer, change("consumer", "credentials", to=[])), good=with_consumer
    ),
    # --- server certificates
    "client-server-cert-missing": Example(INGRESS, drop("public")),
    "client-server-cert-pair": Example(PUBLIC, data("public", tls_key=minted("stranger").key_pem.decode())),
    "client-server-cert-hosts": Example(INGRESS, change("ingress", "spec", "tls", to=[{"secretName": "echo-public"}])),
    "client-server-cert-conflict": Example(
        "Ingress/demo/second",
        both(
            add("second", ingress("second", "echo", path="/second", **PROTECTED)),
            change("second", "spec", "tls", to=[{"hosts": ["echo.example.com"], "secretName": "another"}]),
            add(
                "another",
                tls_secret(
                    "another", "demo", minted("public 2", "server ca", server=True, dns_names=("echo.example.com",))
                ),
            ),
        ),
        good=add("second", ingress("second", "echo", path="/second", **PROTECTED)),
    ),
    "client-server-cert-expired": Example(
        PUBLIC,
        pair(
            "public",
            minted(
                "public old",
                "server ca",
                server=True,
                dns_names=("echo.example.com",),
                before=AT - YEAR,
                after=AT - YEAR / 2,
            ),
        ),
    ),
    "client-server-cert-name": Example(
        PUBLIC, pair("public", minted("public other", "server ca", server=True, dns_names=("shop.example.com",)))
    ),
    "client-server-cert-usage": Example(
        PUBLIC, pair("public", minted("public client", "server ca", client=True, dns_names=("echo.example.com",)))
    ),
}
