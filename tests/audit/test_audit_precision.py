"""Where a careless rule would cry wolf or stay silent: parts of a cluster, and what is odd but right."""

from __future__ import annotations

from typing import Any

import pytest

from kong_mtls.audit import audit
from kong_mtls.reader.manifests import read_texts
from tests.audit.audit_stack import (
    AT,
    PROTECTED,
    TELEMETRY_HOST,
    YEAR,
    Bend,
    Stack,
    add,
    annotate,
    authority,
    bent,
    both,
    ca_id,
    ca_secret,
    change,
    correct,
    data,
    deployment,
    drop,
    env,
    findings,
    ingress,
    minted,
    mtls_plugin,
    obj,
    pair,
    pem,
    rules_of,
    service,
    texts,
    values,
    with_consumer,
    with_global,
)
from tests.audit.examples_issuance import certificate

EXISTING = "kong-mtls.io/existing-secrets"
CLASS = "kubernetes.io/ingress.class"
DATA_PLANES = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kong-dp"}}}


def masked(stack: Stack) -> None:
    """Every Secret's values hidden, as in manifests that are made to be shown."""
    for document in stack.values():
        if document.get("kind") == "Secret":
            document["stringData"] = dict.fromkeys(document["stringData"], "(masked)")


@pytest.mark.parametrize("base", [lambda _: None, with_consumer, with_global], ids=["plugin", "consumer", "global"])
def test_masked_secrets_are_not_judged(base: Bend) -> None:
    """Manifests without secret values have no findings that hang on them."""
    assert findings(bent(both(base, masked))) == []


def test_masked_secrets_hide_nothing_else() -> None:
    """What stands in the open is found in masked manifests too."""
    found = findings(bent(both(annotate("ingress", "plugins", "nope"), drop("gateway-client"), masked)))
    assert rules_of(found) >= {"client-plugin-missing", "upstream-client-cert-missing"}


# --- what isn't in the set


def only(*names: str) -> Bend:
    def bend(stack: Stack) -> None:
        for name in [name for name in stack if name not in names]:
            del stack[name]

    return bend


def test_a_service_alone_is_no_error() -> None:
    """A team's Service whose Secrets live elsewhere: nothing says that they are missing, only that they aren't seen."""
    found = findings(bent(only("service")))
    assert rules_of(found) == {"audit-not-in-view"}
    assert {finding.severity for finding in found} == {"warning"}


@pytest.mark.parametrize("other", ["upstream-ca", "db"])
def test_a_service_beside_secrets_lacks_its_own(other: str) -> None:
    """The controller fails open: in a set with Secrets, of whatever namespace, one that isn't there is missing."""
    assert "upstream-client-cert-missing" in rules_of(findings(bent(only("service", other))))


def test_a_secret_in_another_namespace_is_missing() -> None:
    """The name exists, elsewhere: what was meant is plain, and the Service can't refer to it."""
    bend = both(only("service", "gateway-client"), change("gateway-client", "metadata", "namespace", to="kong"))
    assert "upstream-client-cert-missing" in rules_of(findings(bent(bend)))


def test_a_pod_without_its_secret_in_view_is_no_error() -> None:
    """A pod doesn't start without its Secret: where the namespace's Secrets are left out that is only a warning."""
    found = [f for f in findings(bent(only("dp", "client-ca", "plugin"))) if f.object == "Release/kong-dp/dp"]
    assert {(finding.rule, finding.severity) for finding in found} == {("audit-not-in-view", "warning")}


def test_a_licence_in_the_wrong_namespace_is_missing() -> None:
    """Control plane and data plane need one each; the other's makes it plain that this one was forgotten."""
    found = findings(bent(both(only("dp", "license-cp"))))
    assert "trust-volume-missing" in rules_of(found)


def made_by(kind: str, api: str, **spec: Any) -> Bend:
    return both(drop("gateway-client"), add("maker", obj(kind, "gateway-client", "demo", api, spec=spec)))


@pytest.mark.parametrize(
    "bend",
    [
        made_by("Certificate", "cert-manager.io/v1", **certificate("gateway-client", "demo", "gateway")["spec"]),
        made_by("ExternalSecret", "external-secrets.io/v1", secretStoreRef={"name": "vault"}),
        made_by("SealedSecret", "bitnami.com/v1alpha1", encryptedData={"tls.crt": "x"}),
    ],
    ids=["cert-manager", "external-secrets", "sealed-secrets"],
)
def test_secrets_that_a_controller_makes_are_there(bend: Bend) -> None:
    """A Secret that another object of the set brings about isn't missing, and its content isn't judged."""
    assert findings(bent(bend)) == []


def test_a_bundle_makes_its_config_map_everywhere() -> None:
    """trust-manager writes a Bundle's ConfigMap into namespaces: a pod may mount it anywhere."""
    target = {"configMap": {"key": "ca.crt"}, "namespaceSelector": {}}
    bundle = obj("Bundle", "trust", None, "trust.cert-manager.io/v1alpha1", spec={"target": target})
    mount = values("dp", extraConfigMaps=[{"name": "trust", "mountPath": "/etc/trust"}])
    other = add("other", obj("ConfigMap", "other", "kong-dp", data={"a": "b"}))
    assert findings(bent(both(mount, other, add("bundle", bundle)))) == []
    assert rules_of(findings(bent(both(mount, other)))) == {"trust-volume-missing"}


def test_an_ingress_certificate_from_ingress_shim_is_there() -> None:
    """cert-manager's annotation on an Ingress brings about the Secret in its tls section."""
    shim = annotate("ingress", "cert-manager.io/cluster-issuer", "public")
    assert rules_of(findings(bent(drop("public")))) == {"client-server-cert-missing"}
    assert findings(bent(both(drop("public"), shim))) == []


@pytest.mark.parametrize(
    "bend",
    [
        annotate("service", EXISTING, "gateway-client"),
        annotate("service", EXISTING, "other, gateway-client"),
        add("namespace", obj("Namespace", "demo", annotations={EXISTING: "gateway-client"})),
    ],
    ids=["referrer", "list", "namespace"],
)
def test_declared_secrets_exist(bend: Bend) -> None:
    """A Secret that an annotation declares isn't missing; that it wasn't judged is listed."""
    (finding,) = findings(bent(both(drop("gateway-client"), bend)))
    assert (finding.rule, finding.severity) == ("audit-declared", "info")


def test_a_declared_ca_may_have_any_id() -> None:
    """A plugin that names the id of a CA Secret which is declared to exist isn't wrong."""
    plugin = add("plugin", mtls_plugin(ca_certificates=["00000000-0000-4000-8000-000000000001"]))
    assert rules_of(findings(bent(plugin))) == {"client-plugin-unknown-ca"}
    assert findings(bent(both(plugin, annotate("plugin", EXISTING, "corporate-ca")))) == []


def test_a_plugin_without_its_secret_in_view_is_not_broken() -> None:
    """configFrom a Secret of a namespace that the set leaves out: a warning, no error."""
    bend = both(
        only("plugin", "ingress"),
        change("plugin", "configFrom", to={"secretKeyRef": {"name": "mtls-config", "key": "config"}}),
        drop("plugin", "config"),
    )
    assert {finding.severity for finding in findings(bent(bend))} == {"warning"}


# --- classes


def test_another_class_without_a_controller_in_the_set_counts() -> None:
    """Manifests for a controller elsewhere are judged by the class they name, whatever it is."""
    bend = both(
        drop("cp"),
        drop("dp"),
        change("ingress", "spec", "ingressClassName", to="kong-internal"),
        change("client-ca", "metadata", "annotations", CLASS, to="kong-internal"),
        change("upstream-ca", "metadata", "annotations", CLASS, to="kong-internal"),
    )
    assert findings(bent(bend)) == []
    assert rules_of(findings(bent(both(bend, drop("plugin"))))) == {"client-plugin-missing"}


def test_two_controllers_share_a_cluster() -> None:
    """An object of one class isn't ignored only because the other controller doesn't take it."""
    second = correct()["cp"]
    second |= {"release": "cp2"}
    second["values"]["ingressController"] = {
        "ingressClass": "internal",
        "env": {"publish_service": "kong-dp/dp-kong-proxy"},
    }
    bend = both(
        with_consumer,
        add("cp2", second),
        add("policy", {**correct()["policy"], "spec": {**correct()["policy"]["spec"], "podSelector": {}}}),
        change("consumer", "metadata", "annotations", CLASS, to="internal"),
        change("ingress", "spec", "ingressClassName", to="internal"),
    )
    assert findings(bent(bend)) == []


def test_an_ingress_of_another_controller_is_none_of_ours() -> None:
    """Without Kong's annotations an Ingress is judged by nobody, whatever its class."""
    foreign = ingress("shop", "shop", namespace="shop")
    foreign["spec"]["ingressClassName"] = "nginx"
    classless = ingress("shop2", "shop", namespace="shop")
    del classless["spec"]["ingressClassName"]
    assert findings(bent(both(add("shop", foreign), add("shop2", classless)))) == []


def test_the_default_class_takes_an_ingress_without_one() -> None:
    """An IngressClass that is the default one and Kong's makes a class superfluous."""
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    kind = obj(
        "IngressClass",
        "kong",
        None,
        "networking.k8s.io/v1",
        annotations=default,
        spec={"controller": "ingress-controllers.konghq.com/kong"},
    )
    bend = both(drop("ingress", "spec", "ingressClassName"), add("class", kind))
    assert findings(bent(bend)) == []


# --- certificates


def test_one_ca_in_two_namespaces_is_right() -> None:
    """Copies with the same id and PEM are what Kong wants: one certificate, one id."""
    assert findings(bent(add("copy", ca_secret("client-ca", "other", authority("client ca"))))) == []


def test_two_cas_side_by_side_are_right() -> None:
    """The step of a rotation in which old and new are trusted."""
    new = authority("client ca 2")
    bend = both(
        add("second", ca_secret("client-ca-2", "demo", new)),
        add("plugin", mtls_plugin(ca_certificates=[ca_id(authority("client ca")), ca_id(new)])),
    )
    assert findings(bent(bend)) == []


def test_a_bundle_with_old_and_new_cluster_ca_is_right() -> None:
    """Both sides trust both generations while the leaves move, even after the old one has expired."""
    old = authority("cluster ca 0", before=AT - 3 * YEAR, after=AT - YEAR)
    bundle = pem(authority("cluster ca"), old)
    assert findings(bent(both(data("cp-cluster", ca_crt=bundle), data("dp-cluster", ca_crt=bundle)))) == []


def test_a_chain_with_an_intermediate_is_right() -> None:
    """The intermediate is sent along, and one is what a data plane accepts by default."""
    between = authority("cluster intermediate", issuer="cluster ca")
    assert findings(bent(pair("dp-cluster", minted("dp", between, client=True)))) == []


def test_a_missing_intermediate_is_found() -> None:
    """The same leaf without it leads nowhere."""
    between = authority("cluster intermediate", issuer="cluster ca")
    leaf = minted("dp", between, client=True)
    found = findings(bent(both(pair("dp-cluster", leaf), data("dp-cluster", tls_crt=leaf.cert_pem.decode()))))
    assert rules_of(found) == {"cluster-untrusted"}


def test_inline_certificates_are_read() -> None:
    """Kong takes PEM or base64 of it in place of a path; what is public may stand in env."""
    certificate = minted("dp server", "server ca", server=True, dns_names=("*.example.com",))
    weak = minted("dp weak", "server ca", server=True, dns_names=("*.example.com",), kind="P-224")
    assert rules_of(findings(bent(env("dp", ssl_cert=certificate.cert_pem.decode())))) == set()
    assert rules_of(findings(bent(env("dp", ssl_cert=weak.cert_pem.decode())))) == {"trust-weak", "trust-pair"}


# --- routes


def test_a_plugin_on_the_service_protects_its_routes() -> None:
    """mtls-auth named by the Service counts as well as on the Ingress."""
    bend = both(annotate("ingress", "plugins", None), annotate("service", "plugins", "mtls"))
    assert findings(bent(bend)) == []


def test_a_preflight_twin_is_meant() -> None:
    """A route for OPTIONS alone beside the protected one is a decision, not an accident."""
    twin = ingress("preflight", "echo", methods="OPTIONS", protocols="https", preserve_host="false")
    assert findings(bent(add("twin", twin))) == []


def test_a_twin_that_is_protected_too_is_no_hole() -> None:
    """Two Ingresses with one host and path, both with the plugin."""
    assert findings(bent(add("twin", ingress("twin", "echo", **PROTECTED)))) == []


def test_a_disabled_global_plugin_is_found() -> None:
    """A global plugin that is switched off protects nothing, though it is labelled and of the right class."""
    found = findings(bent(both(with_global, change("global", "disabled", to=True))))
    assert rules_of(found) == {"client-plugin-disabled"}


def test_plain_http_is_no_matter_where_nothing_listens_for_it() -> None:
    """With the data plane's plain listener off, protocols need not be said."""
    bend = both(annotate("ingress", "protocols", None), values("dp", proxy={"http": {"enabled": False}}))
    assert findings(bent(bend)) == []


# --- Deployments without releases


def kong_deployment(name: str, namespace: str, role: str, secret: str, **settings: str) -> dict[str, Any]:
    """What the chart renders, as a dump of a cluster has it."""
    said = {
        "KONG_ROLE": role,
        "KONG_CLUSTER_MTLS": "pki",
        "KONG_CLUSTER_CERT": f"/etc/secrets/{secret}/tls.crt",
        "KONG_CLUSTER_CERT_KEY": f"/etc/secrets/{secret}/tls.key",
        "KONG_CLUSTER_CA_CERT": f"/etc/secrets/{secret}/ca.crt",
        **settings,
    }
    made = deployment(
        name,
        namespace,
        image="kong/kong-gateway:3.10.0.2",
        env=[{"name": key, "value": value} for key, value in said.items()],
        volumeMounts=[{"name": secret, "mountPath": f"/etc/secrets/{secret}"}],
    )
    made["spec"]["template"]["spec"]["volumes"] = [{"name": secret, "secret": {"secretName": secret}}]
    return made


def rendered(stack: Stack) -> None:
    """The releases replaced by their Deployments and Service."""
    del stack["cp"], stack["dp"], stack["policy"]
    control = {"KONG_DATABASE": "postgres", "KONG_CLUSTER_LISTEN": "0.0.0.0:8005 ssl", "KONG_PG_SSL": "on"}
    control |= {"KONG_PG_SSL_REQUIRED": "on", "KONG_PG_SSL_VERIFY": "on", "KONG_LICENSE_DATA": "{}"}
    control |= {"KONG_PG_HOST": "db.example.com"}
    data_plane = {
        "KONG_DATABASE": "off",
        "KONG_CLUSTER_CONTROL_PLANE": "cp-kong-cluster.kong.svc.cluster.local:8005",
        "KONG_PROXY_LISTEN": "0.0.0.0:8443 ssl",
        "KONG_LICENSE_DATA": "{}",
        "KONG_CLUSTER_TELEMETRY_ENDPOINT": "telemetry.example.com:8006",
        "KONG_CLUSTER_TELEMETRY_SERVER_NAME": TELEMETRY_HOST,
        "KONG_SSL_CERT": "/etc/secrets/dp-cluster/tls.crt",
        "KONG_SSL_CERT_KEY": "/etc/secrets/dp-cluster/tls.key",
    }
    stack["cp"] = kong_deployment("cp-kong", "kong", "control_plane", "cp-cluster", **control)
    stack["dp"] = kong_deployment("dp-kong", "kong-dp", "data_plane", "dp-cluster", **data_plane)
    stack["cluster"] = obj(
        "Service", "cp-kong-cluster", "kong", spec={"selector": {"app": "cp-kong"}, "ports": [{"port": 8005}]}
    )
    admitted = {"from": [DATA_PLANES], "ports": [{"port": 8005}]}
    fenced = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [admitted]}
    stack["fence"] = obj("NetworkPolicy", "all", "kong", "networking.k8s.io/v1", spec=fenced)


def test_a_cluster_dump_is_judged_by_its_deployments() -> None:
    """Without releases the environment of the Deployments says what Kong does: right ones are clean."""
    assert findings(bent(rendered)) == []


@pytest.mark.parametrize(
    ("bend", "expected"),
    [
        (pair("dp-cluster", minted("dp x", "another cluster ca", client=True)), "cluster-untrusted"),
        (pair("dp-cluster", minted("dp s", "cluster ca", server=True)), "cluster-usage"),
        (drop("dp-cluster"), "trust-volume-missing"),
        (data("cp-cluster", ca_crt=None), "trust-file-missing"),
        (drop("fence"), "hygiene-network-policy"),
    ],
)
def test_a_cluster_dump_has_its_mistakes_found(bend: Bend, expected: str) -> None:
    """The same rules, from the Deployments' environment and volumes."""
    assert expected in rules_of(findings(bent(both(rendered, bend))))


# --- network policies


def fence(**spec: Any) -> Bend:
    return add("policy", obj("NetworkPolicy", "p", "kong", "networking.k8s.io/v1", spec=spec))


@pytest.mark.parametrize(
    ("bend", "closed"),
    [
        (fence(podSelector={}, policyTypes=["Ingress"]), True),
        (fence(podSelector={}), True),
        (fence(podSelector={}, ingress=[{"from": [DATA_PLANES], "ports": [{"port": 8005}]}]), True),
        (fence(podSelector={}, ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]), True),
        (fence(podSelector={}, ingress=[{"ports": [{"port": 8080}]}]), True),
        (fence(podSelector={}, ingress=[{}]), False),
        (fence(podSelector={}, ingress=[{"ports": [{"port": 8000, "endPort": 9000}]}]), False),
        (fence(podSelector={}, ingress=[{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]), False),
        (fence(podSelector={}, policyTypes=["Egress"]), False),
        (fence(podSelector={"matchLabels": {"app": "something-else"}}), False),
        (
            fence(
                podSelector={
                    "matchExpressions": [
                        {"key": "app.kubernetes.io/instance", "operator": "In", "values": ["cp"]},
                        {"key": "app", "operator": "Exists"},
                    ]
                }
            ),
            True,
        ),
    ],
)
def test_what_closes_the_cluster_port(bend: Bend, closed: bool) -> None:
    """A policy that selects the control plane and opens 8005 to nobody in general."""
    assert ("hygiene-network-policy" not in rules_of(findings(bent(bend)))) == closed


# --- upstreams


def test_a_patch_is_judged_by_what_it_says() -> None:
    """A patch that leaves out the protocol doesn't say that it is http."""
    stack = bent(annotate("service", "protocol", None))
    files = texts(stack)
    files["patch-service.json"] = files.pop("service.json")
    assert "upstream-tls-without-https" not in rules_of(audit(read_texts(files), AT))


def test_a_plain_service_is_no_business_of_ours() -> None:
    """Plain http to a Service without TLS annotations, on an open route, is nobody's mistake."""
    shop = ingress("shop", "plain", "other", path="/shop")
    del shop["spec"]["tls"]
    shop["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] = {"number": 80}
    plain = service("plain", "other")
    plain["spec"]["ports"] = [{"port": 80}]
    assert findings(bent(both(add("plain", plain), add("shop", shop)))) == []


@pytest.mark.parametrize(
    ("peer", "admitted"),
    [
        (DATA_PLANES, True),
        ({**DATA_PLANES, "podSelector": {"matchLabels": {"app.kubernetes.io/instance": "dp"}}}, True),
        ({**DATA_PLANES, "podSelector": {"matchLabels": {"app.kubernetes.io/instance": "dp-2"}}}, False),
        ({"namespaceSelector": {}}, True),
        ({"podSelector": {}}, False),
        ({"ipBlock": {"cidr": "10.0.0.0/8"}}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "edge"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}, False),
    ],
)
def test_whom_a_policy_lets_through(peer: dict[str, Any], admitted: bool) -> None:
    """A data plane that its control plane's policy shuts out is found; what files can't tell counts as admitted."""
    ports = [{"port": 8005}, {"port": 8006}]
    found = findings(bent(fence(podSelector={}, ingress=[{"from": [peer], "ports": ports}])))
    assert ("cluster-fenced" not in rules_of(found)) == admitted


def test_labels_of_a_namespace_decide_where_they_are_known() -> None:
    """With the Namespace in the set, a label that it lacks keeps its pods out."""
    peer = {"namespaceSelector": {"matchLabels": {"team": "edge"}}}
    closed = fence(podSelector={}, ingress=[{"from": [peer], "ports": [{"port": 8005}, {"port": 8006}]}])
    plain, edge = obj("Namespace", "kong-dp"), obj("Namespace", "kong-dp", labels={"team": "edge"})
    assert rules_of(findings(bent(both(closed, add("ns", plain))))) == {"cluster-fenced"}
    assert findings(bent(both(closed, add("ns", edge)))) == []
