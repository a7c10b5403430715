"""Policies for approver-policy: exactly what a Certificate asks for gets through, and nothing else."""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any

import pulumi
import pytest

from kong_mtls import InputError
from kong_mtls.pki.cert_manager import objects
from kong_mtls.pki.cert_manager.approval import Requester, binding, policy, request_policy, role
from kong_mtls.pki.issue import Leaf

Manifest = dict[str, Any]
Spec = dict[str, Any]

CERTIFICATE: Manifest = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "kong-admin", "namespace": "kong"},
    "spec": {
        "secretName": "kong-admin",
        "commonName": "kong-admin",
        "dnsNames": ["kong-admin.kong.svc", "*.admin.example.com"],
        "ipAddresses": ["10.0.0.1", "2001:DB8:0::1"],
        "uris": ["spiffe://example.com/kong"],
        "emailAddresses": ["pki@example.com"],
        "subject": {"organizations": ["Example"], "countries": ["DE"], "serialNumber": "7"},
        "usages": ["digital signature", "server auth"],
        "duration": "2160h0m0s",
        "privateKey": {"algorithm": "ECDSA", "size": 384},
        "issuerRef": {"name": "demo-ca-g1", "kind": "ClusterIssuer", "group": "cert-manager.io"},
    },
}


def certificate(**changed: Any) -> Manifest:
    """That Certificate with some fields of its spec changed; None takes one away."""
    manifest = deepcopy(CERTIFICATE)
    manifest["spec"].update(changed)
    manifest["spec"] = {key: value for key, value in manifest["spec"].items() if value is not None}
    return manifest


def asked(**changed: Any) -> Spec:
    """What cert-manager's controller would ask for that Certificate, in the Certificate's own words."""
    spec: Spec = certificate(**{"ipAddresses": ["10.0.0.1", "2001:db8::1"], **changed})["spec"]
    return spec


# approver-policy's judgement, from cert-manager/approver-policy v0.27.0: pkg/internal/approver/allowed/evaluator.go,
# pkg/internal/approver/constraints/evaluator.go, pkg/internal/approver/manager/predicate/predicate.go.


def selects(selector: Manifest, request: Spec, namespace: str) -> bool:
    """Whether a policy is about a request."""
    reference = selector["issuerRef"]
    return all(fnmatchcase(request["issuerRef"][key], reference[key]) for key in reference) and any(
        fnmatchcase(namespace, name) for name in selector["namespace"]["matchNames"]
    )


def denied(spec: Manifest, request: Spec) -> set[str]:
    """The fields for which it denies the request."""
    allowed = spec["allowed"]
    found = {
        field
        for field in ("commonName", "dnsNames", "ipAddresses", "uris", "emailAddresses")
        if not passes(_listed(request.get(field)), allowed.get(field))
    }
    subject, parts = request.get("subject") or {}, allowed.get("subject") or {}
    found |= {f"subject.{key}" for key in {*subject, *parts} if not passes(_listed(subject.get(key)), parts.get(key))}
    if request.get("isCA") and not allowed.get("isCA"):
        found.add("isCA")
    if not set(request.get("usages") or []) <= set(allowed.get("usages") or []):
        found.add("usages")
    return found | constrained(spec.get("constraints") or {}, request)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def passes(values: list[str], rule: Mapping[str, Any] | None) -> bool:
    """One attribute of a request: each value has a pattern that fits, and fits the rules besides."""
    if not values:
        return not (rule or {}).get("required")
    if rule is None:
        return False
    patterns = [rule["value"]] if "value" in rule else rule["values"]
    exact = [set(re.findall(r'"([^"]*)"', it["rule"])) for it in rule.get("validations", [])]
    return all(
        any(fnmatchcase(value, pattern) for pattern in patterns) and all(value in names for names in exact)
        for value in values
    )


def constrained(constraints: Manifest, request: Spec) -> set[str]:
    """What is out of bounds."""
    found = set()
    if "minDuration" in constraints:
        lowest, highest = (_hours(constraints[key]) for key in ("minDuration", "maxDuration"))
        if not request.get("duration") or not lowest <= _hours(request["duration"]) <= highest:
            found.add("duration")
    key, bounds = request.get("privateKey") or {}, constraints.get("privateKey") or {}
    size = key.get("size") or {"RSA": 2048, "ECDSA": 256, "Ed25519": -1}[key.get("algorithm", "RSA")]
    if bounds and (
        key.get("algorithm", "RSA") != bounds["algorithm"]
        or not bounds.get("minSize", size) <= size <= bounds.get("maxSize", size)
    ):
        found.add("privateKey")
    return found


def _hours(duration: str) -> int:
    return int(duration.partition("h")[0])


def test_what_the_certificate_asks_for_gets_through() -> None:
    """All of it."""
    spec = policy(CERTIFICATE, name="demo-kong-admin")["spec"]
    assert selects(spec["selector"], asked(), "kong")
    assert denied(spec, asked()) == set()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"commonName": "kong-cp"}, "commonName"),
        ({"commonName": None}, "commonName"),
        ({"dnsNames": ["kong-admin.kong.svc", "evil.example.com"]}, "dnsNames"),
        ({"dnsNames": ["a.admin.example.com"]}, "dnsNames"),
        ({"dnsNames": ["a.b.admin.example.com"]}, "dnsNames"),
        ({"dnsNames": None}, "dnsNames"),
        ({"ipAddresses": ["10.0.0.2"]}, "ipAddresses"),
        ({"uris": ["spiffe://example.com/other"]}, "uris"),
        ({"emailAddresses": ["x@example.com"]}, "emailAddresses"),
        ({"subject": {"organizations": ["Other"], "countries": ["DE"], "serialNumber": "7"}}, "subject.organizations"),
        ({"subject": {"organizations": ["Example"], "countries": ["DE"]}}, "subject.serialNumber"),
        (
            {"subject": {**CERTIFICATE["spec"]["subject"], "localities": ["Bonn"]}},
            "subject.localities",
        ),
        ({"usages": ["digital signature", "server auth", "client auth"]}, "usages"),
        ({"usages": ["cert sign"]}, "usages"),
        ({"isCA": True}, "isCA"),
        ({"duration": "2161h0m0s"}, "duration"),
        ({"duration": "1h0m0s"}, "duration"),
        ({"duration": None}, "duration"),
        ({"privateKey": {"algorithm": "RSA", "size": 2048}}, "privateKey"),
        ({"privateKey": {"algorithm": "ECDSA", "size": 256}}, "privateKey"),
        ({"privateKey": {"algorithm": "ECDSA"}}, "privateKey"),
    ],
)
def test_anything_else_is_denied(changed: Spec, field: str) -> None:
    """For this one thing."""
    spec = policy(CERTIFICATE, name="demo-kong-admin")["spec"]
    assert denied(spec, asked(**changed)) == {field}


@pytest.mark.parametrize(
    ("reference", "namespace"),
    [
        ({"name": "demo-ca-g2"}, "kong"),
        ({"kind": "Issuer"}, "kong"),
        ({"group": "example.com"}, "kong"),
        ({}, "kong-dp"),
    ],
)
def test_another_issuer_or_namespace_is_none_of_its_business(reference: Manifest, namespace: str) -> None:
    """A request that no policy is about waits, and gets nothing."""
    spec = policy(CERTIFICATE, name="demo-kong-admin")["spec"]
    request = asked(issuerRef={**CERTIFICATE["spec"]["issuerRef"], **reference})
    assert not selects(spec["selector"], request, namespace)


@pytest.mark.parametrize(
    ("key", "constraint"),
    [
        ({"algorithm": "RSA", "size": 4096}, {"algorithm": "RSA", "minSize": 4096, "maxSize": 4096}),
        ({"algorithm": "RSA"}, {"algorithm": "RSA", "minSize": 2048, "maxSize": 2048}),
        ({}, {"algorithm": "RSA", "minSize": 2048, "maxSize": 2048}),
        ({"algorithm": "ECDSA"}, {"algorithm": "ECDSA", "minSize": 256, "maxSize": 256}),
        ({"algorithm": "Ed25519"}, {"algorithm": "Ed25519"}),
    ],
)
def test_the_key_is_the_one_asked_for(key: Spec, constraint: Spec) -> None:
    """With cert-manager's defaults; with Ed25519 the webhook of approver-policy refuses a size."""
    made = policy(certificate(privateKey=key), name="p")
    assert made["spec"]["constraints"]["privateKey"] == constraint


def test_what_the_library_asks_for_is_allowed() -> None:
    """Its own leaves and CAs, each by its own policy and by no other's."""
    reference = objects.issuer_ref("demo-ca-g1")
    leaf = Leaf(common_name="dp.data-plane", dns_names=("dp",), usages=("client_auth",))
    of_leaf = objects.leaf_certificate("dp", "kong-dp", leaf, reference)
    subject = {"organization": "Example", "country": "DE"}
    of_ca = objects.ca_certificate(
        "demo-ca-g1",
        "cert-manager",
        common_name="ca g1",
        subject=subject,
        key="P-384",
        validity_hours=8760,
        issuer=objects.issuer_ref("demo-self-signed"),
    )
    policies = {kind: policy(it, name=kind)["spec"] for kind, it in (("leaf", of_leaf), ("ca", of_ca))}
    assert denied(policies["leaf"], of_leaf["spec"]) == set()
    assert denied(policies["ca"], of_ca["spec"]) == set()
    assert "isCA" not in policies["leaf"]["allowed"]
    assert policies["ca"]["allowed"]["isCA"] is True
    assert {"isCA", "usages", "commonName"} <= denied(policies["leaf"], of_ca["spec"])


def test_a_signing_request_has_one_name_and_no_other() -> None:
    """What it holds besides would be signed unseen."""
    leaf = Leaf(common_name="edge.data-plane", usages=("client_auth",))
    request = objects.certificate_request("edge-1", "cert-manager", "pem", leaf, objects.issuer_ref("demo-ca-g1"))
    spec = request_policy(request, name="demo-edge", common_name="edge.data-plane")["spec"]
    good = {**request["spec"], "commonName": "edge.data-plane"}
    assert selects(spec["selector"], good, "cert-manager")
    assert denied(spec, good) == set()
    assert denied(spec, {**good, "commonName": "dp.data-plane"}) == {"commonName"}
    assert denied(spec, {**good, "dnsNames": ["edge.data-plane"]}) == set()
    assert denied(spec, {**good, "dnsNames": ["edge.data-plane", "dp.data-plane"]}) == {"dnsNames"}
    assert denied(spec, {**good, "usages": ["server auth"]}) == {"usages"}
    # Whoever holds the key has chosen it.
    assert "privateKey" not in spec["constraints"]


def test_the_policy_is_waited_for() -> None:
    """A request that comes too early may be denied by another policy, for an hour."""
    made = policy(CERTIFICATE, name="demo-kong-admin")
    assert made["apiVersion"] == "policy.cert-manager.io/v1alpha1"
    assert made["kind"] == "CertificateRequestPolicy"
    assert made["metadata"] == {"name": "demo-kong-admin", "annotations": {"pulumi.com/waitFor": "condition=Ready"}}


def test_one_requester_may_use_one_policy_in_one_namespace() -> None:
    """Nothing else is granted."""
    assert role(CERTIFICATE, name="demo-kong-admin") == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "demo-kong-admin", "namespace": "kong"},
        "rules": [
            {
                "apiGroups": ["policy.cert-manager.io"],
                "resources": ["certificaterequestpolicies"],
                "resourceNames": ["demo-kong-admin"],
                "verbs": ["use"],
            }
        ],
    }
    bound = binding(CERTIFICATE, name="demo-kong-admin", requester=Requester("cm", "pki"))
    assert bound["metadata"] == {"name": "demo-kong-admin", "namespace": "kong"}
    assert bound["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": "demo-kong-admin",
    }
    assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "cm", "namespace": "pki"}]
    assert binding(CERTIFICATE, name="x")["subjects"][0] == {
        "kind": "ServiceAccount",
        "name": "cert-manager",
        "namespace": "cert-manager",
    }


@pytest.mark.usefixtures("loop")
def test_outputs_stay_outputs() -> None:
    """Names that come from other resources are not known when the program runs."""
    namespace, host = pulumi.Output.from_input("kong"), pulumi.Output.from_input("a.kong.svc")
    manifest = certificate(dnsNames=[host, "b"])
    manifest["metadata"]["namespace"] = namespace
    spec = policy(manifest, name="p")["spec"]
    assert spec["selector"]["namespace"]["matchNames"] == [namespace]
    assert spec["allowed"]["dnsNames"] == {"values": [host, "b"], "required": True}
    assert role(manifest, name="p")["metadata"]["namespace"] is namespace
    assert binding(manifest, name="p")["metadata"]["namespace"] is namespace


def test_a_wildcard_name_beside_an_output(resolved: Callable[[Any], Any]) -> None:
    """The rule that keeps it exact is made when the other is known."""
    manifest = certificate(dnsNames=["*.example.com", pulumi.Output.from_input("a")])
    (rule,) = policy(manifest, name="p")["spec"]["allowed"]["dnsNames"]["validations"]
    assert resolved(rule["rule"]) == 'self in ["*.example.com", "a"]'


@pytest.mark.parametrize("field", ["literalSubject", "otherNames"])
def test_what_cannot_be_compared_is_refused(field: str) -> None:
    """Rather than a policy that lets too much or nothing through."""
    with pytest.raises(InputError, match=rf"^Certificate 'kong-admin': {field} can't be put in a policy"):
        policy(certificate(**{field: "CN=x"}), name="p")


@pytest.fixture
def resolved(loop: Any) -> Callable[[Any], Any]:
    """The value of an output."""
    return lambda output: loop.run_until_complete(output.future())
