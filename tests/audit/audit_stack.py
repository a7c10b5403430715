"""A correct stack, written out object by object, for rules to find nothing in; examples bend copies of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from kong_mtls.audit import Finding, audit
from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal.mint import Minted, issue, new_key

AT = datetime(2026, 6, 1, tzinfo=timezone.utc)
YEAR = timedelta(days=365)

Doc = dict[str, Any]
Stack = dict[str, Doc]
Bend = Callable[[Stack], None]


@cache
def minted(name: str, issuer: str | Minted | None = None, **options: Any) -> Minted:
    """A certificate by its common name, made once per session; a leaf unless ca is given."""
    before, after = options.pop("before", AT - YEAR / 4), options.pop("after", AT + YEAR)
    return issue(
        name,
        key=new_key(options.pop("kind", "P-256")),
        not_before=before,
        not_after=after,
        issuer=issuer if isinstance(issuer, Minted) else authority(issuer) if issuer else None,
        **options,
    )


def authority(name: str, **options: Any) -> Minted:
    return minted(name, **{"ca": True, "after": AT + 5 * YEAR, **options})


def ca_id(certificate: Minted) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, certificate.cert_pem.decode()))


def obj(kind: str, name: str, namespace: str | None = None, api: str = "v1", **body: Any) -> Doc:
    metadata: Doc = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    for key in ("labels", "annotations"):
        if key in body:
            metadata[key] = body.pop(key)
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def ca_secret(name: str, namespace: str, certificate: Minted, **changes: Any) -> Doc:
    data = {"id": ca_id(certificate), "cert": certificate.cert_pem.decode(), **changes}
    return obj(
        "Secret",
        name,
        namespace,
        labels={"konghq.com/ca-cert": "true"},
        annotations={"kubernetes.io/ingress.class": "kong"},
        stringData={key: value for key, value in data.items() if value is not None},
    )


def tls_secret(name: str, namespace: str, pair: Minted, **more: str) -> Doc:
    data = {"tls.crt": pair.chain_pem.decode(), "tls.key": pair.key_pem.decode(), **more}
    return obj("Secret", name, namespace, type="kubernetes.io/tls", stringData=data)


def pem(*certificates: Minted) -> str:
    return "".join(each.cert_pem.decode() for each in certificates)


def release(name: str, namespace: str, **values: Any) -> Doc:
    return {"chart": "kong", "version": "3.4.1", "release": name, "namespace": namespace, "values": values}


LICENSE = json.dumps({"license": {"version": "1", "payload": {"customer": "Example"}, "signature": "0" * 32}})
CP_HOST = "cp-kong-cluster.kong.svc.cluster.local"
TELEMETRY_HOST = "cp-kong-clustertelemetry.kong.svc.cluster.local"
ENTERPRISE = {"enabled": True, "license_secret": "kong-enterprise-license"}
IMAGE = {"repository": "kong/kong-gateway", "tag": "3.10.0.2"}


def control_plane() -> Doc:
    return release(
        "cp",
        "kong",
        image=dict(IMAGE),
        enterprise=dict(ENTERPRISE),
        env={
            "role": "control_plane",
            "database": "postgres",
            "pg_host": "db.example.com",
            "pg_user": "kong",
            "pg_database": "kong",
            "pg_password": {"valueFrom": {"secretKeyRef": {"name": "kong-db", "key": "password"}}},
            "pg_ssl": "on",
            "pg_ssl_required": "on",
            "pg_ssl_verify": "on",
            "lua_ssl_trusted_certificate": "system,/etc/secrets/kong-db-ca/ca.crt",
            "cluster_mtls": "pki",
            "cluster_cert": "/etc/secrets/cp-cluster/tls.crt",
            "cluster_cert_key": "/etc/secrets/cp-cluster/tls.key",
            "cluster_ca_cert": "/etc/secrets/cp-cluster/ca.crt",
        },
        secretVolumes=["cp-cluster", "kong-db-ca"],
        cluster={"enabled": True, "tls": {"enabled": True}},
        clustertelemetry={"enabled": True, "tls": {"enabled": True}},
        proxy={"enabled": False},
        manager={"enabled": False},
        portal={"enabled": False},
        portalapi={"enabled": False},
        ingressController={"env": {"publish_service": "kong-dp/dp-kong-proxy"}},
        replicaCount=1,
        podAnnotations={"checksum/cluster-cert": "0" * 64},
    )


def data_plane() -> Doc:
    return release(
        "dp",
        "kong-dp",
        image=dict(IMAGE),
        enterprise=dict(ENTERPRISE),
        env={
            "role": "data_plane",
            "database": "off",
            "cluster_mtls": "pki",
            "cluster_control_plane": f"{CP_HOST}:8005",
            "cluster_server_name": CP_HOST,
            "cluster_telemetry_endpoint": f"{TELEMETRY_HOST}:8006",
            "cluster_telemetry_server_name": TELEMETRY_HOST,
            "cluster_cert": "/etc/secrets/dp-cluster/tls.crt",
            "cluster_cert_key": "/etc/secrets/dp-cluster/tls.key",
            "cluster_ca_cert": "/etc/secrets/dp-cluster/ca.crt",
            "ssl_cert": "/etc/secrets/dp-server/tls.crt",
            "ssl_cert_key": "/etc/secrets/dp-server/tls.key",
        },
        secretVolumes=["dp-cluster", "dp-server"],
        ingressController={"enabled": False},
        manager={"enabled": False},
        portal={"enabled": False},
        portalapi={"enabled": False},
        replicaCount=2,
        podDisruptionBudget={"enabled": True, "maxUnavailable": 1},
        podAnnotations={"checksum/cluster-cert": "0" * 64},
    )


def network_policy() -> Doc:
    pods = {"app.kubernetes.io/instance": "cp", "app.kubernetes.io/component": "app"}
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kong-dp"}}}
    ports = [{"port": 8005, "protocol": "TCP"}, {"port": 8006, "protocol": "TCP"}]
    spec = {
        "podSelector": {"matchLabels": pods},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [peer], "ports": ports}, {"ports": [{"port": 8080}, {"port": 10255}]}],
    }
    return obj("NetworkPolicy", "cp", "kong", "networking.k8s.io/v1", spec=spec)


def ingress(name: str, service: str, namespace: str = "demo", path: str = "/echo", **annotations: str) -> Doc:
    backend = {"service": {"name": service, "port": {"number": 443}}}
    rule = {
        "host": "echo.example.com",
        "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]},
    }
    spec = {
        "ingressClassName": "kong",
        "rules": [rule],
        "tls": [{"hosts": ["echo.example.com"], "secretName": "echo-public"}],
    }
    said = {f"konghq.com/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return obj("Ingress", name, namespace, "networking.k8s.io/v1", annotations=said, spec=spec)


PROTECTED = {
    "plugins": "mtls",
    "protocols": "https",
    "https_redirect_status_code": "308",
    "snis": "echo.example.com",
    "preserve_host": "false",
}


def service(name: str = "echo", namespace: str = "demo", **annotations: str) -> Doc:
    said = {f"konghq.com/{key.replace('_', '-')}": value for key, value in annotations.items()}
    spec = {"selector": {"app": name}, "ports": [{"name": "https", "port": 443, "targetPort": 8443}]}
    return obj("Service", name, namespace, annotations=said, spec=spec)


UPSTREAM = {
    "protocol": "https",
    "client_cert": "gateway-client",
    "tls_verify": "true",
    "tls_verify_depth": "1",
    "ca_certificates_secrets": "upstream-ca",
    "host_header": "echo.demo.svc",
}


def mtls_plugin(name: str = "mtls", namespace: str | None = "demo", **config: Any) -> Doc:
    body = {"ca_certificates": [ca_id(authority("client ca"))], "skip_consumer_lookup": True, **config}
    kind = "KongPlugin" if namespace else "KongClusterPlugin"
    return obj(kind, name, namespace, "configuration.konghq.com/v1", plugin="mtls-auth", config=body)


def deployment(name: str = "echo", namespace: str = "demo", **container: Any) -> Doc:
    main = {
        "name": "main",
        "image": "registry.example.com/echo:1.4.2",
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        **container,
    }
    pod = {"containers": [main], "volumes": [{"name": "tls", "secret": {"secretName": "echo-tls"}}]}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}}
    spec["template"] = {"metadata": {"labels": {"app": name}}, "spec": pod}
    return obj("Deployment", name, namespace, "apps/v1", spec=spec)


def correct() -> Stack:
    """PKI hybrid with a protected route to a Service that is verified and asks for a certificate."""
    cp = minted("cp", "cluster ca", server=True, dns_names=(CP_HOST, TELEMETRY_HOST))
    dp = minted("dp", "cluster ca", client=True)
    server = minted("dp server", "server ca", server=True, dns_names=("*.example.com",))
    echo = minted("echo", "upstream ca", server=True, dns_names=("echo.demo.svc",))
    gateway = minted("gateway", "gateway ca", client=True)
    license_: Doc = {"stringData": {"license": LICENSE}}
    return {
        "cp": control_plane(),
        "dp": data_plane(),
        "license-cp": obj("Secret", "kong-enterprise-license", "kong", **license_),
        "license-dp": obj("Secret", "kong-enterprise-license", "kong-dp", **license_),
        "cp-cluster": tls_secret("cp-cluster", "kong", cp, **{"ca.crt": pem(authority("cluster ca"))}),
        "dp-cluster": tls_secret("dp-cluster", "kong-dp", dp, **{"ca.crt": pem(authority("cluster ca"))}),
        "dp-server": tls_secret("dp-server", "kong-dp", server),
        "db": obj("Secret", "kong-db", "kong", stringData={"password": "not-a-real-one"}),
        "db-ca": obj("Secret", "kong-db-ca", "kong", stringData={"ca.crt": pem(authority("db ca"))}),
        "policy": network_policy(),
        "client-ca": ca_secret("client-ca", "demo", authority("client ca")),
        "plugin": mtls_plugin(),
        "ingress": ingress("echo", "echo", **PROTECTED),
        "public": tls_secret(
            "echo-public", "demo", minted("public", "server ca", server=True, dns_names=("echo.example.com",))
        ),
        "service": service(**UPSTREAM),
        "gateway-client": tls_secret("gateway-client", "demo", gateway),
        "upstream-ca": ca_secret("upstream-ca", "demo", authority("upstream ca")),
        "echo-tls": tls_secret("echo-tls", "demo", echo),
        "echo": deployment(),
    }


def with_consumer(stack: Stack) -> None:
    """A consumer who is recognised by the certificate's subject."""
    stack["plugin"] = mtls_plugin(skip_consumer_lookup=False)
    stack["consumer"] = obj(
        "KongConsumer",
        "alice",
        "demo",
        "configuration.konghq.com/v1",
        annotations={"kubernetes.io/ingress.class": "kong"},
        username="alice",
        credentials=["alice-mtls"],
    )
    stack["credential"] = obj(
        "Secret",
        "alice-mtls",
        "demo",
        labels={"konghq.com/credential": "mtls-auth"},
        stringData={"subject_name": "alice@example.com"},
    )


def with_global(stack: Stack) -> None:
    """One global plugin in place of the Ingress's own."""
    del stack["plugin"]
    stack["global"] = mtls_plugin("mtls-everywhere", None)
    stack["global"]["metadata"] |= {
        "labels": {"global": "true"},
        "annotations": {"kubernetes.io/ingress.class": "kong"},
    }
    del stack["ingress"]["metadata"]["annotations"]["konghq.com/plugins"]


def texts(stack: Stack) -> dict[str, str]:
    return {f"{name}.json": json.dumps(document) for name, document in stack.items()}


def objects(stack: Stack) -> Objects:
    return read_texts(texts(stack))


def bent(*bends: Bend, base: Callable[[], Stack] = correct) -> Stack:
    stack = deepcopy(base())
    for bend in bends:
        bend(stack)
    return stack


def findings(stack: Stack, at: datetime = AT) -> list[Finding]:
    return audit(objects(stack), at)


def rules_of(found: Iterable[Finding]) -> set[str]:
    return {finding.rule for finding in found}


# --- bends: small changes to a copy of a stack


def change(name: str, *path: str, to: Any) -> Bend:
    """Set the value at a path of one object, making mappings on the way."""

    def bend(stack: Stack) -> None:
        node: Any = stack[name]
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = to

    return bend


def drop(name: str, *path: str) -> Bend:
    """Remove an object, or what is at a path of it."""

    def bend(stack: Stack) -> None:
        if not path:
            del stack[name]
            return
        node: Any = stack[name]
        for part in path[:-1]:
            node = node[part]
        del node[path[-1]]

    return bend


def add(name: str, document: Doc) -> Bend:
    """Add an object, or put it in place of another."""

    def bend(stack: Stack) -> None:
        stack[name] = deepcopy(document)

    return bend


def env(name: str, **settings: Any) -> Bend:
    """Set settings of a release's Kong; None takes one away."""

    def bend(stack: Stack) -> None:
        found = stack[name]["values"]["env"]
        found.update(settings)
        for key in [key for key, value in settings.items() if value is None]:
            del found[key]

    return bend


def values(name: str, **given: Any) -> Bend:
    """Set values of a release."""

    def bend(stack: Stack) -> None:
        stack[name]["values"].update(deepcopy(given))

    return bend


def annotate(name: str, key: str, value: Any) -> Bend:
    """Annotate an object; None takes the annotation away. Keys without a prefix are konghq.com's."""

    def bend(stack: Stack) -> None:
        found = stack[name]["metadata"].setdefault("annotations", {})
        full = key if "/" in key else f"konghq.com/{key}"
        if value is None:
            del found[full]
        else:
            found[full] = value

    return bend


def data(name: str, **given: Any) -> Bend:
    """Set keys of a Secret (``tls_crt`` is tls.crt); None takes one away."""

    def bend(stack: Stack) -> None:
        found = stack[name]["stringData"]
        for key, value in given.items():
            real = key.replace("_", ".") if key.startswith(("tls_", "ca_")) else key
            if value is None:
                del found[real]
            else:
                found[real] = value

    return bend


def pair(name: str, certificate: Minted) -> Bend:
    """Put a certificate with its chain and key into a Secret."""
    return data(name, tls_crt=certificate.chain_pem.decode(), tls_key=certificate.key_pem.decode())


def both(*bends: Bend) -> Bend:
    """One bend after the other."""

    def bend(stack: Stack) -> None:
        for each in bends:
            each(stack)

    return bend
