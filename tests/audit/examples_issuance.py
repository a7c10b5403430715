"""Bad and good examples of the rules about cert-manager, trust-manager, approver-policy and Reloader."""

from __future__ import annotations

from typing import Any

from tests.audit.audit_examples import Example
from tests.audit.audit_stack import (
    AT,
    CP_HOST,
    TELEMETRY_HOST,
    Bend,
    Doc,
    add,
    annotate,
    authority,
    both,
    ca_id,
    change,
    deployment,
    drop,
    env,
    minted,
    obj,
    release,
    tls_secret,
    values,
)

CP, DP = "Release/kong/cp", "Release/kong-dp/dp"
CERT_MANAGER = "cert-manager.io/v1"
TRUST = "trust.cert-manager.io/v1alpha1"
POLICY = "policy.cert-manager.io/v1alpha1"
RBAC = "rbac.authorization.k8s.io/v1"
CA, CP_LEAF, DP_LEAF = (
    "Certificate/cert-manager/cluster-ca",
    "Certificate/kong/cp-cluster",
    "Certificate/kong-dp/dp-cluster",
)
SECRETS, CONFIG_MAPS = "secret.reloader.stakater.com/reload", "configmap.reloader.stakater.com/reload"
RELOAD = {SECRETS: "dp-cluster,dp-server", CONFIG_MAPS: "cluster-ca"}


def certificate(name: str, namespace: str, issuer: str, kind: str = "ClusterIssuer", **spec: Any) -> Doc:
    """A Certificate with everything said; None takes a field away."""
    body = {
        "secretName": name,
        "duration": "2160h",
        "renewBefore": "720h",
        "commonName": name,
        "privateKey": {"algorithm": "ECDSA", "size": 384, "rotationPolicy": "Always"},
        "usages": ["digital signature", "client auth"],
        "issuerRef": {"name": issuer, "kind": kind, "group": "cert-manager.io"},
        **spec,
    }
    said = {key: value for key, value in body.items() if value is not None}
    return obj("Certificate", name, namespace, CERT_MANAGER, spec=said)


def ca_certificate(
    name: str = "cluster-ca", namespace: str = "cert-manager", issuer: str = "roots", **spec: Any
) -> Doc:
    """A generation of a CA: never renewed, its key never changed."""
    body = {
        "isCA": True,
        "duration": "43800h",
        "renewBefore": None,
        "renewal": {"policy": "Disabled"},
        "privateKey": {"algorithm": "ECDSA", "size": 384, "rotationPolicy": "Never"},
        "usages": ["cert sign", "crl sign"],
        **spec,
    }
    return certificate(name, namespace, issuer, **body)


def ca_issuer(name: str = "cluster", secret: str = "cluster-ca") -> Doc:
    return obj("ClusterIssuer", name, None, CERT_MANAGER, spec={"ca": {"secretName": secret}})


def bundle(name: str = "cluster-ca", *, namespaces: tuple[str, ...] = ("kong", "kong-dp"), **target: Any) -> Doc:
    """The certificate of a CA's Secret, in a ConfigMap of some namespaces; None takes a field away."""
    expression = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(namespaces)}
    body = {"configMap": {"key": "ca.crt"}, "namespaceSelector": {"matchExpressions": [expression]}, **target}
    said = {key: value for key, value in body.items() if value is not None}
    spec = {"sources": [{"secret": {"name": "cluster-ca", "key": "tls.crt"}}], "target": said}
    return obj("Bundle", name, None, TRUST, spec=spec)


def request_policy(namespaces: tuple[str, ...] = ("kong", "kong-dp"), **allowed: Any) -> Doc:
    spec = {
        "selector": {
            "issuerRef": {"name": "cluster", "kind": "ClusterIssuer", "group": "cert-manager.io"},
            "namespace": {"matchNames": list(namespaces)},
        },
        "allowed": {"commonName": {"value": "*"}, "usages": ["digital signature", "client auth"], **allowed},
        "constraints": {"maxDuration": "2160h", "privateKey": {"algorithm": "ECDSA", "minSize": 256}},
    }
    return obj("CertificateRequestPolicy", "cluster", None, POLICY, spec=spec)


def may_use(policy: str = "cluster") -> Bend:
    rule = {
        "apiGroups": ["policy.cert-manager.io"],
        "resources": ["certificaterequestpolicies"],
        "resourceNames": [policy],
        "verbs": ["use"],
    }
    subject = {"kind": "ServiceAccount", "name": "cert-manager", "namespace": "cert-manager"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "use-cluster"}
    return both(
        add("use", obj("ClusterRole", "use-cluster", None, RBAC, rules=[rule])),
        add("used", obj("ClusterRoleBinding", "use-cluster", None, RBAC, roleRef=reference, subjects=[subject])),
    )


def cert_manager(**leaf: Any) -> Bend:
    """The cluster link's certificates from cert-manager, trusted by a Bundle; their Secrets are made in the cluster."""
    trusted = {"extraConfigMaps": [{"name": "cluster-ca", "mountPath": "/etc/trust/cluster"}], "podAnnotations": {}}
    auto = {"reloader.stakater.com/auto": "true"}
    return both(
        drop("cp-cluster"),
        drop("dp-cluster"),
        values("cp", **trusted, deploymentAnnotations=auto),
        values("dp", **trusted, deploymentAnnotations=RELOAD),
        env("cp", cluster_ca_cert="/etc/trust/cluster/ca.crt"),
        env("dp", cluster_ca_cert="/etc/trust/cluster/ca.crt"),
        add("roots", obj("ClusterIssuer", "roots", None, CERT_MANAGER, spec={"selfSigned": {}})),
        add("ca", ca_certificate()),
        add("issuer", ca_issuer()),
        add("bundle", bundle()),
        add("requests", request_policy()),
        may_use(),
        add("cp-leaf", certificate("cp-cluster", "kong", "cluster", dnsNames=[CP_HOST, TELEMETRY_HOST], usages=SERVER)),
        add("dp-leaf", certificate("dp-cluster", "kong-dp", "cluster", **leaf)),
    )


SERVER = ["digital signature", "server auth"]
GOOD = cert_manager()


def bad(*bends: Bend, **leaf: Any) -> Bend:
    return both(cert_manager(**leaf), *bends)


def chart(name: str, namespace: str | None = None, /, **given: Any) -> Bend:
    """A release of another chart than Kong's."""
    return add(f"chart-{name}", {**release(name, namespace or name, **given), "chart": name, "version": "v1.21.1"})


def approving(**given: Any) -> Bend:
    """cert-manager's own release."""
    return chart("cert-manager", crds={"enabled": True}, **given)


BOOTSTRAP = both(
    add("requests-ca", {**request_policy(("cert-manager",), isCA=True), "metadata": {"name": "roots"}}),
    change("requests-ca", "spec", "selector", "issuerRef", "name", to="roots"),
    change("use", "rules", to=[{"apiGroups": ["*"], "resources": ["certificaterequestpolicies"], "verbs": ["use"]}]),
)


def reading(secret: str, namespace: str, **container: Any) -> Bend:
    """A Deployment that mounts a Secret."""
    made = deployment("reading", namespace, **container)
    made["spec"]["template"]["spec"]["volumes"] = [{"name": "tls", "secret": {"secretName": secret}}]
    return add("reading", made)


def asking(*, everywhere: bool) -> Bend:
    """Developers who may create Certificates."""
    rule = {"apiGroups": ["cert-manager.io"], "resources": ["certificates"], "verbs": ["get", "create"]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "certificates"}
    subject = {"kind": "Group", "name": "developers", "apiGroup": "rbac.authorization.k8s.io"}
    kind, within = ("ClusterRoleBinding", None) if everywhere else ("RoleBinding", "demo")
    return both(
        add("certificates", obj("ClusterRole", "certificates", None, RBAC, rules=[rule])),
        add("developers", obj(kind, "developers", within, RBAC, roleRef=reference, subjects=[subject])),
    )


def echo_leaf(issuer: str) -> Bend:
    """The echo server's certificate from an issuer."""
    return both(drop("echo-tls"), add("echo-leaf", certificate("echo-tls", "demo", issuer, usages=SERVER)))


def labelled(*, with_id: bool) -> Bend:
    """A Bundle whose ConfigMap is to be a CA object; somebody else's field manager adds the id."""
    labels = {"metadata": {"labels": {"konghq.com/ca-cert": "true"}}}
    ca = authority("exported ca")
    patch = obj("ConfigMap", "callers", "demo", data={"id": ca_id(ca)})
    made = bundle("callers", namespaces=("demo",), configMap={"key": "ca.crt", **labels})
    made["spec"]["sources"] = [{"inLine": ca.cert_pem.decode()}]
    return both(add("callers", made), add("patch-callers", patch) if with_id else add("none", obj("Namespace", "demo")))


ENDING = tls_secret("cluster-ca", "cert-manager", minted("ending ca", ca=True, after=AT.replace(month=7)))


def in_kong(source: Doc) -> Bend:
    """A volume of the data plane's own."""
    return values("dp", deployment={"userDefinedVolumes": [{"name": "extra", **source}]})


def reloader(*namespaces: str, **given: Any) -> Bend:
    """Reloader, in these namespaces alone."""
    return chart("reloader", reloader={"watchGlobally": False, "namespaces": list(namespaces), **given})


EXAMPLES = {
    # --- what is asked for
    "trust-lifetime": Example(DP_LEAF, bad(duration="24h", renewBefore="48h"), good=GOOD),
    "trust-request-refused": Example(DP_LEAF, bad(commonName=None), good=GOOD),
    "trust-request-field": Example(DP_LEAF, bad(renewBefor="24h"), good=GOOD),
    "trust-request-defaults": Example(DP_LEAF, bad(issuerRef={"name": "cluster", "kind": "ClusterIssuer"}), good=GOOD),
    "trust-request-usage": Example(DP_LEAF, bad(usages=SERVER), good=GOOD),
    "trust-request-no-usage": Example(DP_LEAF, bad(usages=["digital signature"]), good=GOOD),
    "trust-request-encipherment": Example(
        DP_LEAF,
        bad(usages=["digital signature", "key encipherment", "client auth"]),
        good=cert_manager(
            usages=["digital signature", "key encipherment", "client auth"],
            privateKey={"algorithm": "RSA", "size": 3072, "rotationPolicy": "Always"},
        ),
    ),
    "trust-request-ca-usages": Example(CA, bad(add("ca", ca_certificate(usages=None))), good=GOOD),
    "trust-secret-twice": Example(
        "Certificate/kong-dp/other",
        bad(add("other", certificate("other", "kong-dp", "cluster", secretName="dp-cluster"))),
        good=GOOD,
    ),
    # --- CAs and issuers
    "trust-ca-key-changes": Example(CA, bad(add("ca", ca_certificate(privateKey={}, renewal=None))), good=GOOD),
    "trust-ca-renewed-in-place": Example(
        CA,
        bad(add("ca", ca_certificate(renewal=None, renewBefore="720h"))),
        good=both(GOOD, add("ca", ca_certificate(renewal=None, renewBefore="4320h"))),
    ),
    "trust-outlives-ca-request": Example(
        DP_LEAF, bad(add("ending", ENDING)), good=both(GOOD, add("ca", ca_certificate(duration="2184h")))
    ),
    "trust-leaf-not-renewed": Example(DP_LEAF, bad(renewal={"policy": "Disabled"}), good=GOOD),
    "trust-issuer-secret": Example(
        "ClusterIssuer//cluster",
        bad(approving(), add("ca", ca_certificate(namespace="kong"))),
        good=both(GOOD, drop("requests"), approving()),
    ),
    "trust-ca-key-mounted": Example(
        CA,
        bad(reading("cluster-ca", "cert-manager")),
        good=GOOD,
    ),
    "client-ca-signing-key": Example(
        CA, bad(add("ca", ca_certificate(secretTemplate={"labels": {"konghq.com/ca-cert": "true"}}))), good=GOOD
    ),
    "trust-one-issuer": Example(
        "Certificate/demo/echo-tls",
        bad(echo_leaf("cluster")),
        good=both(
            GOOD,
            echo_leaf("upstream"),
            add("upstream", ca_issuer("upstream", "upstream-root")),
            add("upstream-root", ca_certificate("upstream-root")),
        ),
    ),
    # --- who may ask
    "cluster-anyone-issues": Example("ClusterIssuer//cluster", bad(drop("requests")), good=GOOD),
    "cluster-policy-wide": Example(
        "CertificateRequestPolicy//cluster", bad(add("requests", request_policy(("*",)))), good=GOOD
    ),
    "trust-policy-unbound": Example("CertificateRequestPolicy//cluster", bad(drop("used")), good=GOOD),
    "trust-policy-bypassed": Example(
        "Release/cert-manager/cert-manager",
        bad(approving()),
        good=both(GOOD, BOOTSTRAP, approving(disableAutoApproval=True)),
    ),
    "trust-request-unapproved": Example(
        CA,
        bad(approving(disableAutoApproval=True)),
        good=both(GOOD, BOOTSTRAP, approving(disableAutoApproval=True)),
    ),
    "hygiene-issuance-rights": Example(
        "ClusterRoleBinding//developers", asking(everywhere=True), good=asking(everywhere=False)
    ),
    # --- trust-manager
    "trust-own-ca-crt": Example(CP, bad(env("cp", cluster_ca_cert="/etc/secrets/cp-cluster/ca.crt")), good=GOOD),
    "trust-bundle-live-source": Example(
        "Bundle//cluster-ca", bad(add("ca", ca_certificate(renewal=None, renewBefore="720h"))), good=GOOD
    ),
    "trust-bundle-everywhere": Example(
        "Bundle//cluster-ca",
        bad(add("bundle", bundle(namespaceSelector=None))),
        good=both(GOOD, add("bundle", bundle(namespaceSelector={}))),
    ),
    "trust-bundle-secret": Example(
        "Bundle//cluster-ca", bad(add("bundle", bundle(secret={"key": "ca.crt"}))), good=GOOD
    ),
    "trust-bundle-source": Example(
        "Bundle//cluster-ca",
        bad(chart("trust-manager", app={"trust": {"namespace": "trust"}})),
        good=both(GOOD, chart("trust-manager", "trust")),
    ),
    "client-ca-bundle-no-id": Example("Bundle//callers", labelled(with_id=False), good=labelled(with_id=True)),
    # --- what is written, and what is read
    "trust-made-key": Example(DP, bad(env("dp", cluster_ca_cert="/etc/trust/cluster/bundle.pem")), good=GOOD),
    "trust-field-too-new": Example(
        CA,
        both(GOOD, drop("requests"), approving(), change("chart-cert-manager", "version", to="v1.20.3")),
        good=both(GOOD, drop("requests"), approving(), change("chart-cert-manager", "version", to="v1.21.1")),
    ),
    "trust-bundle-public": Example(
        CP, bad(change("bundle", "spec", "sources", to=[{"useDefaultCAs": True}, {"inLine": "x"}])), good=GOOD
    ),
    # --- renewed, and loaded
    "trust-renewal-not-loaded": Example(DP, bad(values("dp", deploymentAnnotations={})), good=GOOD),
    "trust-renewal-unknown": Example(
        "Deployment/demo/echo",
        echo_leaf("upstream"),
        good=both(echo_leaf("upstream"), annotate("echo", "reloader.stakater.com/auto", "true")),
    ),
    "trust-reloader-not-in-view": Example(
        DP,
        bad(chart("trust-manager", "cert-manager")),
        good=bad(chart("trust-manager", "cert-manager"), reloader("kong", "kong-dp")),
    ),
    "trust-csi-certificate": Example(
        DP, in_kong({"csi": {"driver": "csi.cert-manager.io"}}), good=in_kong({"emptyDir": {}})
    ),
    # --- charts
    "trust-chart-certificates": Example(DP, values("dp", certificates={"enabled": True})),
    "hygiene-cert-manager-crds": Example(
        "Release/cert-manager/cert-manager",
        chart("cert-manager", installCRDs=True),
        good=chart("cert-manager", crds={"enabled": True}),
    ),
    "hygiene-trust-manager-secrets": Example(
        "Release/cert-manager/trust-manager",
        chart("trust-manager", "cert-manager", secretTargets={"enabled": True, "authorizedSecretsAll": True}),
        good=chart("trust-manager", "cert-manager", secretTargets={"enabled": True, "authorizedSecrets": ["ca"]}),
    ),
    "hygiene-reloader-everywhere": Example(
        "Release/reloader/reloader", chart("reloader"), good=reloader("kong", "kong-dp")
    ),
}
