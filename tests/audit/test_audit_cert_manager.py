"""cert-manager's side of the audit: what is odd but right, and mistakes that take several objects to see."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from kong_mtls.audit import Finding, audit
from kong_mtls.audit.reloader import asks
from kong_mtls.audit.resources import convert
from tests.audit.audit_stack import (
    AT,
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
    data,
    drop,
    env,
    findings,
    minted,
    mtls_plugin,
    obj,
    pair,
    pem,
    rules_of,
    tls_secret,
    values,
)
from tests.audit.examples_issuance import (
    BOOTSTRAP,
    CONFIG_MAPS,
    DP,
    DP_LEAF,
    GOOD,
    RELOAD,
    SECRETS,
    SERVER,
    approving,
    asking,
    bad,
    bundle,
    ca_certificate,
    ca_issuer,
    certificate,
    chart,
    echo_leaf,
    reading,
    reloader,
    request_policy,
)
from tests.audit.test_audit_policy import resources, unknown_everywhere


def loud(*bends: Bend) -> list[Finding]:
    return [each for each in findings(bent(*bends)) if each.severity != "info"]


WHOLE = both(
    GOOD,
    BOOTSTRAP,
    approving(disableAutoApproval=True),
    chart("trust-manager", "cert-manager", app={"webhook": {"tls": {"approverPolicy": {"enabled": True}}}}),
    reloader("kong", "kong-dp"),
)


def test_a_stack_of_cert_managers_is_clean() -> None:
    """CA in generations, leaves, a Bundle as trust, policies with rights, Reloader: nothing to say."""
    assert findings(bent(WHOLE)) == []


def in_cluster(name: str, namespace: str, issuer: str = "cluster ca", **options: Any) -> Bend:
    leaf = minted(f"{name} made", issuer, **options)
    return add(f"there-{name}", tls_secret(name, namespace, leaf, **{"ca.crt": pem(authority(issuer))}))


HERE = both(
    in_cluster(
        "cp-cluster",
        "kong",
        server=True,
        dns_names=("cp-kong-cluster.kong.svc.cluster.local", "cp-kong-clustertelemetry.kong.svc.cluster.local"),
    ),
    in_cluster("dp-cluster", "kong-dp", client=True),
    add("there-ca", tls_secret("cluster-ca", "cert-manager", authority("cluster ca"))),
    add("trust-cp", obj("ConfigMap", "cluster-ca", "kong", data={"ca.crt": pem(authority("cluster ca"))})),
    add("trust-dp", obj("ConfigMap", "cluster-ca", "kong-dp", data={"ca.crt": pem(authority("cluster ca"))})),
)


def test_what_the_controllers_made_agrees() -> None:
    """A dump of the cluster, with the Secrets and ConfigMaps that the controllers wrote, is as clean."""
    assert findings(bent(both(GOOD, HERE))) == []


def test_a_dump_tells_the_day_of_the_renewal() -> None:
    """With the Secret in the set the finding says when it changes next."""
    found = loud(GOOD, HERE, values("dp", deploymentAnnotations={CONFIG_MAPS: "cluster-ca", SECRETS: "dp-server"}))
    (finding,) = [each for each in found if each.rule == "trust-renewal-not-loaded"]
    assert "renews it 60 days after issue, next on 2027-05-02, and nothing restarts its pods" in finding.message


# --- Reloader


@pytest.mark.parametrize(
    ("annotations", "restarts"),
    [
        ({SECRETS: "dp-cluster"}, True),
        ({SECRETS: "other, dp-cluster"}, True),
        ({SECRETS: "dp-.*"}, True),
        ({SECRETS: "dp"}, False),
        ({SECRETS: "dp-cluster-2"}, False),
        ({SECRETS: "*, dp-cluster"}, True),
        ({SECRETS: "*"}, False),
        ({SECRETS: ""}, False),
        ({CONFIG_MAPS: "dp-cluster"}, False),
        ({"reloader.stakater.com/auto": "true"}, True),
        ({"reloader.stakater.com/auto": True}, True),
        ({"reloader.stakater.com/auto": "false"}, False),
        ({"secret.reloader.stakater.com/auto": "true"}, True),
        ({"configmap.reloader.stakater.com/auto": "true"}, False),
        (
            {"reloader.stakater.com/auto": "true", "secrets.exclude.reloader.stakater.com/reload": "x,dp-cluster"},
            False,
        ),
        ({"reloader.stakater.com/search": "true"}, False),
        ({SECRETS: "{{ .Release.Name }}-cluster"}, True),
        ({SECRETS: "(unknown)"}, True),
        ({"kubernetes.io/change-cause": "dp-cluster"}, False),
        ({}, False),
    ],
)
def test_what_reloader_is_asked_for(annotations: dict[str, Any], restarts: bool) -> None:
    """Lists of anchored regular expressions, auto, typed auto, exclusions; what can't be known counts as asked."""
    assert asks(annotations, "Secret", "dp-cluster", {}) == restarts


def test_reloader_finds_what_is_marked() -> None:
    """search on the workload goes with match on the Secret; ignore on the Secret overrules everything."""
    search = {"reloader.stakater.com/search": "true"}
    assert asks(search, "Secret", "x", {"reloader.stakater.com/match": "true"})
    assert not asks({SECRETS: "x"}, "Secret", "x", {"reloader.stakater.com/ignore": "true"})


MARKED = {"annotations": {"reloader.stakater.com/match": "true"}}
SEARCHING = {"reloader.stakater.com/search": "true", CONFIG_MAPS: "cluster-ca", SECRETS: "dp-server"}


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        (values("dp", deploymentAnnotations={}, podAnnotations=RELOAD), "stands on the pods"),
        (both(chart("trust-manager", "cert-manager"), reloader("kong")), "doesn't watch Secrets of kong-dp"),
        (reloader("kong", "kong-dp", ignoreSecrets=True), "doesn't watch Secrets of kong-dp"),
        (chart("reloader", reloader={"ignoreNamespaces": "kong-dp"}), "doesn't watch Secrets of kong-dp"),
        (values("dp", deploymentAnnotations={**RELOAD, SECRETS: "dp-server"}), "nothing restarts its pods"),
        (values("dp", deploymentAnnotations=SEARCHING), "nothing restarts its pods"),
    ],
    ids=["pods", "elsewhere", "blind", "left-out", "another", "unmarked"],
)
def test_what_does_not_restart_anything(bend: Bend, said: str) -> None:
    """An annotation on the pods, a Reloader that looks elsewhere, a list that doesn't name the Secret."""
    found = [each for each in loud(GOOD, bend) if each.rule == "trust-renewal-not-loaded" and each.object == DP]
    assert any(said in each.message for each in found if "Secret dp-cluster" in each.message), found


@pytest.mark.parametrize(
    "bend",
    [
        both(
            values("dp", deploymentAnnotations=SEARCHING),
            add("dp-leaf", certificate("dp-cluster", "kong-dp", "cluster", secretTemplate=MARKED)),
        ),
        both(
            values("dp", deploymentAnnotations={"kong-mtls.io/ignore": "trust-not-rolled: all is reloaded"}),
            reloader("kong", "kong-dp", autoReloadAll=True),
        ),
    ],
    ids=["marked", "all"],
)
def test_what_restarts_unasked(bend: Bend) -> None:
    """A Secret that is marked for those who search, and a Reloader that restarts everything."""
    assert "trust-renewal-not-loaded" not in rules_of(findings(bent(both(GOOD, bend))))


def test_a_secret_that_kong_watches_needs_no_restart() -> None:
    """client-cert, tls of an Ingress: the controller sees the renewal."""
    watched = both(
        drop("gateway-client"),
        drop("public"),
        add("a", certificate("gateway-client", "demo", "gateway")),
        add("b", certificate("echo-public", "demo", "public", usages=SERVER)),
    )
    assert findings(bent(watched)) == []


@pytest.mark.parametrize(
    ("container", "rule"),
    [
        ({}, "trust-renewal-unknown"),
        (
            {"volumeMounts": [{"name": "tls", "mountPath": "/tls/tls.crt", "subPath": "tls.crt"}]},
            "trust-renewal-not-loaded",
        ),
        (
            {"env": [{"name": "CERT", "valueFrom": {"secretKeyRef": {"name": "app", "key": "tls.crt"}}}]},
            "trust-renewal-not-loaded",
        ),
        ({"envFrom": [{"secretRef": {"name": "app"}}]}, "trust-renewal-not-loaded"),
    ],
    ids=["directory", "subPath", "env", "envFrom"],
)
def test_workloads_that_are_not_kong(container: dict[str, Any], rule: str) -> None:
    """A variable or a single file never changes in a running pod; a directory does, read or not."""
    found = findings(bent(both(reading("app", "shop", **container), add("app", certificate("app", "shop", "shop")))))
    assert rule in {each.rule for each in found if each.object == "Deployment/shop/reading"}


def test_a_bundle_that_never_moves_by_itself_goes_with_a_checksum() -> None:
    """Its sources are generations of a CA: it changes when the stack is applied, and that rolls the pods."""
    secrets = {SECRETS: "dp-cluster,dp-server"}
    still = values("dp", deploymentAnnotations=secrets, podAnnotations={"checksum/cluster-trust": "0"})
    assert loud(GOOD, still) == []
    moving = add("ca", ca_certificate(renewal=None, renewBefore="4320h"))
    assert rules_of(loud(GOOD, still, moving)) == {"trust-renewal-not-loaded"}


# --- one CA for several links


@pytest.mark.parametrize(
    "bend",
    [
        both(drop("dp-server"), add("s", certificate("dp-server", "kong-dp", "cluster", usages=SERVER))),
        both(drop("gateway-client"), add("s", certificate("gateway-client", "demo", "cluster"))),
        both(drop("public"), add("s", certificate("echo-public", "demo", "cluster", usages=SERVER))),
        both(drop("public"), annotate("ingress", "cert-manager.io/cluster-issuer", "cluster")),
        both(
            echo_leaf("upstream"),
            add("upstream", ca_issuer("upstream", "upstream-ca")),
            add("upstream-root", ca_certificate("upstream-ca", issuer="cluster")),
        ),
        add("bundle", bundle(configMap={"key": "ca.crt", "metadata": {"labels": {"konghq.com/ca-cert": "true"}}})),
    ],
    ids=["proxy", "client-cert", "ingress", "shim", "sub-ca", "bundle"],
)
def test_the_issuer_of_the_cluster_link_issues_for_others(bend: Bend) -> None:
    """Whatever else has a certificate of that CA, also of a CA below it, may join as a data plane."""
    assert "trust-one-issuer" in rules_of(loud(GOOD, bend))


@pytest.mark.parametrize(
    "bend",
    [
        add("remote", certificate("dp-remote", "kong", "cluster")),
        both(env("cp", cluster_mtls="shared"), env("dp", cluster_mtls="shared"), echo_leaf("cluster")),
        echo_leaf("upstream"),
    ],
    ids=["remote", "shared", "another"],
)
def test_certificates_that_open_nothing_else(bend: Bend) -> None:
    """One that nobody in the set reads may be a remote data plane's; in shared mode the CA decides nothing."""
    assert "trust-one-issuer" not in rules_of(loud(GOOD, bend))


def test_a_ca_below_another_links_ca() -> None:
    """The callers' CA was issued by the cluster's: its certificates, sent with the chain, pass on both."""
    below = authority("callers below", issuer="cluster ca")
    callers = add("client-ca", ca_secret("client-ca", "demo", below))
    plugin = add("plugin", mtls_plugin(ca_certificates=[ca_id(below)]))
    (finding,) = loud(callers, plugin)
    assert (finding.rule, finding.object) == ("trust-one-ca", "Secret/kong/cp-cluster")
    assert "CN=callers below" in finding.message


# --- who may ask


@pytest.mark.parametrize(
    ("policy", "wide"),
    [
        (request_policy(), False),
        (request_policy(()), True),
        (request_policy(("*",)), True),
        (request_policy(isCA=True), True),
        ({**request_policy(), "spec": {**request_policy()["spec"], "constraints": {}}}, True),
    ],
    ids=["narrow", "unsaid", "star", "ca", "unconstrained"],
)
def test_how_wide_a_policy_is(policy: dict[str, Any], wide: bool) -> None:
    """Every namespace, CAs that nobody here asks for, nothing said of duration and key."""
    assert ("cluster-policy-wide" in rules_of(loud(GOOD, add("requests", policy)))) == wide


def test_a_policy_for_a_ca_that_is_issued_here_is_right() -> None:
    """An intermediate of the cluster's CA needs isCA, from its namespace."""
    for_intermediate = {**request_policy(("cert-manager",), isCA=True), "metadata": {"name": "middle"}}
    middle = both(
        add("requests-middle", for_intermediate),
        add("middle", ca_certificate("middle", issuer="cluster", duration="43776h")),
        change("use", "rules", to=[{"apiGroups": ["policy.cert-manager.io"], "resources": ["*"], "verbs": ["use"]}]),
    )
    assert loud(GOOD, middle) == []


@pytest.mark.parametrize(
    "selector",
    [{"name": "clus*"}, {"name": "*", "kind": "ClusterIssuer"}, {}, {"name": "cluster", "group": "cert-manager.io"}],
)
def test_policies_select_by_pattern(selector: dict[str, str]) -> None:
    """A star stands for anything, and what isn't said is any."""
    policy = request_policy()
    policy["spec"]["selector"]["issuerRef"] = selector
    assert loud(GOOD, add("requests", policy)) == []


def test_a_policy_for_another_issuer_restricts_nothing() -> None:
    """Neither its name nor its kind is the cluster issuer's."""
    for selector in ({"name": "other"}, {"name": "cluster", "kind": "Issuer"}):
        policy = request_policy()
        policy["spec"]["selector"]["issuerRef"] = selector
        assert rules_of(loud(GOOD, add("requests", policy))) == {"cluster-anyone-issues"}


def test_the_root_behind_an_intermediate_issues_for_anyone_too() -> None:
    """The ClusterIssuer that signs the intermediate is as open as the one that signs the leaves."""
    middle = both(
        add("middle", ca_certificate("middle", issuer="root", duration="43776h")),
        add("issuer", ca_issuer("cluster", "middle")),
        add("root-issuer", ca_issuer("root", "cluster-ca")),
    )
    assert {each.object for each in loud(GOOD, middle) if each.rule == "cluster-anyone-issues"} == {
        "ClusterIssuer//root"
    }


def test_the_webhook_of_trust_manager_needs_a_certificate_too() -> None:
    """Its chart asks cert-manager for one, and brings the policy only when it is told."""
    closed = both(GOOD, BOOTSTRAP, approving(disableAutoApproval=True))
    (finding,) = loud(closed, chart("trust-manager", "cert-manager"))
    assert (finding.rule, finding.object) == ("trust-request-unapproved", "Release/cert-manager/trust-manager")


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ({"kind": "ServiceAccount", "name": "cert-manager", "namespace": "cert-manager"}, False),
        ({"kind": "ServiceAccount", "name": "deployer", "namespace": "ci"}, True),
        ({"kind": "Group", "name": "system:authenticated"}, True),
    ],
)
def test_who_may_ask_everywhere(subject: dict[str, str], found: bool) -> None:
    """cert-manager's own service account has to; everybody else is named."""
    bound = both(asking(everywhere=True), change("developers", "subjects", to=[subject]))
    assert ("hygiene-issuance-rights" in rules_of(loud(bound))) == found


def test_administrators_are_not_named() -> None:
    """Who may do everything may ask for certificates too."""
    admin = both(
        asking(everywhere=True),
        change("certificates", "rules", to=[{key: ["*"] for key in ("apiGroups", "resources", "verbs")}]),
    )
    assert loud(admin) == []


# --- where things are


def test_a_certificate_in_another_namespace_than_its_reader() -> None:
    """Its Secret is there, elsewhere: the pods don't start."""
    elsewhere = bad(add("dp-leaf", certificate("dp-cluster", "kong", "cluster")))
    (finding,) = [each for each in loud(elsewhere) if each.rule == "trust-volume-missing"]
    assert finding.object == DP
    assert "Certificate/kong/dp-cluster makes one of that name elsewhere" in finding.message


def test_a_bundle_that_is_not_written_to_the_readers_namespace() -> None:
    """Its selector leaves the data plane out: the ConfigMap that the pods mount isn't there."""
    (finding,) = [
        each
        for each in loud(
            GOOD, add("bundle", bundle(namespaces=("kong",))), add("cm", obj("ConfigMap", "x", "kong-dp", data={}))
        )
        if each.severity == "error"
    ]
    assert (finding.rule, finding.object) == ("trust-volume-missing", DP)


@pytest.mark.parametrize(
    ("selector", "labels", "reached"),
    [
        ({"matchLabels": {"team": "edge"}}, {"team": "edge"}, True),
        ({"matchLabels": {"team": "edge"}}, {}, False),
        ({"matchLabels": {"team": "edge"}}, None, True),
        ({}, {}, True),
    ],
)
def test_which_namespaces_a_bundle_reaches(
    selector: dict[str, Any], labels: dict[str, str] | None, reached: bool
) -> None:
    """By the labels of a Namespace in the set; one that isn't there may have any."""
    spaces = [add(name, obj("Namespace", name, labels=labels)) for name in ("kong", "kong-dp") if labels is not None]
    others = [add(f"cm-{name}", obj("ConfigMap", "x", name, data={})) for name in ("kong", "kong-dp")]
    found = loud(GOOD, add("bundle", bundle(namespaceSelector=selector)), *spaces, *others)
    assert ("trust-volume-missing" not in rules_of(found)) == reached


def test_an_issuer_reads_its_own_namespace() -> None:
    """A namespaced Issuer whose CA is in another namespace never becomes Ready."""
    own = obj("Issuer", "own", "shop", "cert-manager.io/v1", spec={"ca": {"secretName": "cluster-ca"}})
    (finding,) = loud(GOOD, add("own", own))
    assert (finding.rule, finding.object) == ("trust-issuer-secret", "Issuer/shop/own")


def test_an_issuer_whose_secret_is_left_out_of_the_set_is_no_error() -> None:
    """Nothing of the Secret or its namespace is in the set: nobody can tell."""
    assert loud(GOOD, add("other", ca_issuer("other", "corporate-ca"))) == []
    assert loud(GOOD, drop("requests"), approving(), drop("ca")) != []


# --- what is written, and what is read


def acme(stack: Stack) -> None:
    """The cluster's issuer is a public one."""
    stack["issuer"]["spec"] = {"acme": {"server": "https://acme.example.com"}}


@pytest.mark.parametrize(
    ("bend", "key"),
    [
        (env("dp", cluster_cert="/etc/secrets/dp-cluster/cert.pem"), "cert.pem"),
        (both(env("dp", cluster_ca_cert="/etc/secrets/dp-cluster/ca.crt"), acme), "ca.crt"),
        (env("dp", ssl_cert={"valueFrom": {"secretKeyRef": {"name": "dp-cluster", "key": "crt"}}}), "crt"),
        (env("dp", cluster_ca_cert="/etc/trust/cluster/trust.jks"), "trust.jks"),
    ],
    ids=["name", "acme", "variable", "bundle"],
)
def test_keys_that_nobody_writes(bend: Bend, key: str) -> None:
    """cert-manager's keys are fixed, a Bundle's is its target's, and a public CA gives no ca.crt."""
    (finding,) = [each for each in loud(GOOD, bend) if each.rule == "trust-made-key"]
    assert f"is {key} of" in finding.message


@pytest.mark.parametrize(
    "bend",
    [
        both(
            env("dp", cluster_cert="/etc/secrets/dp-cluster/tls-combined.pem"),
            add(
                "dp-leaf",
                certificate("dp-cluster", "kong-dp", "cluster", additionalOutputFormats=[{"type": "CombinedPEM"}]),
            ),
        ),
        both(
            env("dp", cluster_ca_cert="/etc/trust/cluster/trust.jks"),
            add("bundle", bundle(additionalFormats={"jks": {"key": "trust.jks"}})),
        ),
        both(
            env("dp", cluster_cert="/etc/secrets/dp-cluster/extra"),
            add("patch-dp", obj("Secret", "dp-cluster", "kong-dp", stringData={"extra": "x"})),
        ),
    ],
    ids=["format", "jks", "patch"],
)
def test_keys_that_somebody_writes(bend: Bend) -> None:
    """Further formats, and what somebody else's field manager adds: cert-manager leaves foreign keys alone."""
    assert "trust-made-key" not in rules_of(loud(GOOD, bend))


def test_a_service_may_not_name_what_has_no_id() -> None:
    """A Certificate's Secret, a Bundle's ConfigMap: neither brings the id that the controller looks for."""
    own = both(
        drop("upstream-ca"),
        add("upstream-ca", certificate("upstream-ca", "demo", "upstream")),
    )
    assert "client-ca-signing-key" in rules_of(loud(own))
    exported = both(
        add("trust", bundle("upstream-trust", namespaces=("demo",))),
        annotate("service", "ca-certificates-secrets", None),
        annotate("service", "ca-certificates-configmaps", "upstream-trust"),
    )
    assert "client-ca-bundle-no-id" in rules_of(loud(exported))


def test_a_bundle_takes_a_tls_secret_by_key_only() -> None:
    """All keys of a Certificate's Secret would be its private key too: trust-manager refuses."""
    every = [{"secret": {"name": "cluster-ca", "includeAllKeys": True}}]
    (finding,) = loud(GOOD, change("bundle", "spec", "sources", to=every))
    assert (finding.rule, finding.object) == ("trust-bundle-source", "Bundle//cluster-ca")


def test_public_cas_may_verify_servers() -> None:
    """A database or an upstream of a public CA is nothing odd, nor is a control plane that a data plane verifies."""
    public = change("bundle", "spec", "sources", to=[{"useDefaultCAs": True}])
    database = env(
        "cp", lua_ssl_trusted_certificate="/etc/trust/cluster/ca.crt", cluster_ca_cert="/etc/secrets/kong-db-ca/ca.crt"
    )
    assert "trust-bundle-public" not in rules_of(loud(GOOD, public, database))


# --- requests


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"secretName": None}, "no secretName"),
        ({"issuerRef": {}}, "issuerRef has no name"),
        ({"issuerRef": {"name": "x", "kind": "StepIssuer"}}, "set issuerRef.group"),
        ({"commonName": "x" * 65}, "65 characters"),
        ({"usages": ["serverAuth"]}, "'serverAuth', which cert-manager doesn't know"),
        ({"privateKey": {"algorithm": "EC"}}, "privateKey.algorithm is EC"),
        ({"privateKey": {"algorithm": "ECDSA", "size": 512}}, "privateKey.size is 512 with ECDSA"),
        ({"privateKey": {"size": 1024}}, "privateKey.size is 1024 with RSA"),
        ({"privateKey": {"rotationPolicy": "never"}}, "rotationPolicy is never"),
        ({"literalSubject": "CN=x"}, "literalSubject beside"),
        ({"nameConstraints": {"permitted": {}}}, "nameConstraints and is no CA"),
        ({"renewal": {"policy": "disabled"}}, "renewal.policy is disabled"),
        ({"renewal": {"policy": "Disabled", "windows": [{"cron": "0 3 * * *"}]}}, "renewal.windows stands beside"),
        ({"secretTemplate": {"annotations": {"cert-manager.io/x": "y"}}}, "annotations of cert-manager's own"),
    ],
)
def test_what_cert_manager_refuses(spec: dict[str, Any], said: str) -> None:
    """Each with the field and what is allowed."""
    found = findings(bent(add("it", certificate("it", "shop", "shop", **spec))))
    assert [each.object for each in found if each.rule == "trust-request-refused" and said in each.message] == [
        "Certificate/shop/it"
    ]


@pytest.mark.parametrize(
    "spec",
    [
        {"issuerRef": {"name": "x", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"}},
        {"commonName": None, "dnsNames": ["a.example.com"]},
        {"commonName": None, "literalSubject": "CN=x"},
        {"privateKey": {"algorithm": "RSA", "size": 3072, "rotationPolicy": "Always"}},
        {"privateKey": {"algorithm": "Ed25519", "rotationPolicy": "Never"}},
        {"usages": ["digital signature", "any"]},
        {"renewBefore": None, "renewBeforePercentage": 30},
        {"duration": "2160h0m0s", "renewBefore": "5m0s"},
        {"additionalOutputFormats": [{"type": "CombinedPEM"}], "revisionHistoryLimit": 1},
    ],
)
def test_what_cert_manager_takes(spec: dict[str, Any]) -> None:
    """Other issuers' kinds with their group, names other than the common one, all kinds of keys."""
    assert findings(bent(add("it", certificate("it", "shop", "shop", **spec)))) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"duration": "90d"},
        {"duration": "30m", "renewBefore": "10m"},
        {"renewBefore": "1m"},
        {"renewBefore": "2160h"},
        {"renewBefore": "720h", "renewBeforePercentage": 30},
        {"renewBefore": None, "renewBeforePercentage": 100},
        {"renewBefore": None, "renewBeforePercentage": 0},
        {"renewBefore": None, "duration": "1h", "renewBeforePercentage": 99},
    ],
)
def test_lifetimes_that_cannot_be(spec: dict[str, Any]) -> None:
    """No days, an hour at least, renewed five minutes before the end and after the beginning, said in one way."""
    assert rules_of(findings(bent(add("it", certificate("it", "shop", "shop", **spec))))) == {"trust-lifetime"}


@pytest.mark.parametrize(
    ("issuer", "found"),
    [
        ({"ca": {"secretName": "shop-ca"}}, True),
        ({"selfSigned": {}}, False),
        ({"acme": {"server": "https://acme.example.com"}}, False),
        ({"vault": {"path": "pki/sign/shop"}}, False),
        (None, False),
    ],
    ids=["ca", "self-signed", "acme", "vault", "unknown"],
)
def test_whose_usages_decide(issuer: dict[str, Any] | None, found: bool) -> None:
    """A CA issuer keeps to what is asked for; a public CA or a Vault role has rules of its own."""
    leaf = add("leaf", certificate("shop-tls", "shop", "shop", "Issuer", usages=None))
    there = add("shop", obj("Issuer", "shop", "shop", "cert-manager.io/v1", spec=issuer or {}))
    stack = both(leaf, there if issuer else leaf, add("shop-ca", ca_certificate("shop-ca", "shop")))
    assert ("trust-request-no-usage" in rules_of(loud(stack))) == found


def test_on_a_link_of_kongs_usages_are_said_whoever_issues() -> None:
    """A data plane's certificate from an issuer that the set doesn't show."""
    remote = add("dp-leaf", certificate("dp-cluster", "kong-dp", "vault", usages=None))
    assert "trust-request-no-usage" in rules_of(loud(GOOD, remote))


def test_a_version_that_is_gone() -> None:
    """The API server refuses what cert-manager stopped serving in 1.6."""
    old = {**certificate("it", "shop", "shop"), "apiVersion": "cert-manager.io/v1alpha2"}
    assert rules_of(findings(bent(add("it", old)))) == {"trust-request-refused"}


def test_a_ca_whose_usages_bind_what_is_below() -> None:
    """A CA with server auth alone: the data plane's certificate is refused as a client's, whatever it says itself."""
    bound = add("ca", ca_certificate(usages=["cert sign", "server auth"]))
    found = [each for each in loud(GOOD, bound) if each.rule == "trust-request-usage"]
    assert [each.object for each in found] == ["Certificate/cert-manager/cluster-ca"]
    assert "have no client auth" in found[0].message


def test_the_default_renewal_of_a_ca_is_early_enough() -> None:
    """A third of five years is longer than any leaf's ninety days."""
    renewed = both(add("ca", ca_certificate(renewal=None)), values("dp", deploymentAnnotations=RELOAD))
    assert rules_of(loud(GOOD, renewed)) == set()


def test_a_ca_whose_certificate_is_in_the_set_counts_by_its_last_day() -> None:
    """It was asked for five years, and has ten days left."""
    ending = minted("ending", ca=True, before=AT - YEAR, after=AT + YEAR / 36)
    there = add("there", tls_secret("cluster-ca", "cert-manager", ending))
    assert {each.object for each in loud(GOOD, there) if each.rule == "trust-outlives-ca-request"} == {
        "Certificate/kong/cp-cluster",
        DP_LEAF,
    }


def test_a_patched_ca_object_is_known_by_its_bundle() -> None:
    """The Bundle writes certificate and label, a patch the id: a plugin that names the id isn't wrong."""
    callers = authority("exported callers")
    labels = {"metadata": {"labels": {"konghq.com/ca-cert": "true"}}}
    made = bundle("callers", namespaces=("demo",), configMap={"key": "ca.crt", **labels})
    made["spec"]["sources"] = [{"inLine": callers.cert_pem.decode()}]
    patch = obj("ConfigMap", "callers", "demo", data={"id": ca_id(callers)})
    plugin = mtls_plugin(ca_certificates=[ca_id(callers)])
    assert loud(add("callers", made), add("patch-callers", patch), add("plugin", plugin)) == []


def test_a_pair_that_cert_manager_made_is_judged_like_any_other() -> None:
    """Its Secret in the set holds another certificate than was asked for: the rules about files see it."""
    stale = minted("stale", "cluster ca", client=True, before=AT - YEAR, after=AT - YEAR / 2)
    old = both(in_cluster("dp-cluster", "kong-dp", client=True), pair("there-dp-cluster", stale))
    assert "trust-expired" in rules_of(loud(GOOD, old))
    weak = data("there-cp-cluster", tls_crt="no PEM")
    assert "trust-unreadable" in rules_of(loud(GOOD, HERE, weak))


@pytest.mark.parametrize(
    ("name", "values_"),
    [
        (
            "reloader",
            {"reloader": {"deployment": {"annotations": {"kong-mtls.io/ignore": "hygiene-reloader-everywhere: ok"}}}},
        ),
        ("cert-manager", {"deploymentAnnotations": {"kong-mtls.io/ignore": "hygiene-cert-manager-crds: by hand"}}),
        (
            "trust-manager",
            {
                "commonAnnotations": {"kong-mtls.io/ignore": "hygiene-trust-manager-secrets: a closed cluster"},
                "secretTargets": {"enabled": True, "authorizedSecretsAll": True},
            },
        ),
    ],
)
def test_findings_on_other_charts_can_be_silenced(name: str, values_: dict[str, Any]) -> None:
    """By the values with which each of them annotates what it makes."""
    (finding,) = findings(bent(chart(name, **values_)))
    assert finding.severity == "info"


CONTROLLED = (
    *("roots", "ca", "issuer", "bundle", "requests", "requests-ca", "use", "used", "cp-leaf", "dp-leaf", "cp", "dp"),
    *("chart-cert-manager", "chart-trust-manager"),
)


def test_what_is_not_known_yet_is_neither_good_nor_bad() -> None:
    """Whatever single thing of cert-manager's side a preview doesn't know yet, nothing is found for it."""
    stack = bent(WHOLE)
    for name in CONTROLLED:
        for document in unknown_everywhere(stack[name]):
            if UNKNOWN_STRING_VALUE in (document.get("kind"), document.get("apiVersion"), document.get("chart")):
                continue  # the engine always knows these
            found = convert(resources({**stack, name: document}), UnknownValueError)
            assert audit(found.objects(), AT) == [], (name, document)
