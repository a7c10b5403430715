"""Requests and the policies that let them through, where cert-manager does not approve by itself."""

from __future__ import annotations

import pytest

from .certificates import HELPERS, objects
from .conftest import Program

HEAD = """
cm = k8s.helm.v3.Release("cm", name="{release}", chart="cert-manager", namespace="cert-manager",
    values={{"disableAutoApproval": True, {values}}})
def policy(name, allowed=None, issuer=None, namespace=None, constraints=None, use=True, account="cert-manager"):
    selector = {{"issuerRef": issuer or {{}}, **({{"namespace": namespace}} if namespace else {{}})}}
    spec = {{"selector": selector, "allowed": allowed or {{}}, "constraints": constraints}}
    made("CertificateRequestPolicy", name, None, spec, "policy.cert-manager.io/v1alpha1")
    if use:
        rule = {{"api_groups": ["policy.cert-manager.io"], "resources": ["certificaterequestpolicies"],
                "resource_names": [name], "verbs": ["use"]}}
        k8s.rbac.v1.ClusterRole(name, metadata={{"name": name}}, rules=[rule])
        k8s.rbac.v1.ClusterRoleBinding(name, metadata={{"name": name}},
            role_ref={{"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}},
            subjects=[{{"kind": "ServiceAccount", "name": account, "namespace": "cert-manager"}}])
ROOT = {{"commonName": {{"value": "root"}}, "isCA": True, "usages": ["cert sign", "crl sign"]}}
LEAF = {{"commonName": {{"value": "leaf"}}, "usages": ["client auth"]}}
policy("root", ROOT, {{"name": "self-signed"}}, {{"matchNames": ["cert-manager"]}})
root()
"""
LEAF = 'certificate("leaf", "root", "apps", usages=["client auth"]{})\n'


def outcome(program: Program, text: str, *, release: str = "cert-manager", values: str = "") -> str:
    """Why the leaf waits; empty if it does not."""
    done = program.write(HELPERS + HEAD.format(release=release, values=values) + text).run()
    assert "Secret/cert-manager/root" in objects(done)
    assert ("Secret/apps/leaf" in objects(done)) is not bool(done.waiting)
    return next(iter(done.waiting.values()), "")


def test_no_policy(program: Program) -> None:
    """A request that no policy is about waits."""
    assert "WaitingForApproval: No CertificateRequestPolicies bound or applicable" in outcome(program, LEAF.format(""))


@pytest.mark.parametrize(
    "policy",
    [
        'policy("leaf", LEAF)',
        'policy("leaf", LEAF, {"name": "ro*", "kind": "ClusterIssuer", "group": "cert-manager.io"})',
        'policy("leaf", LEAF, namespace={"matchNames": ["x", "ap*"]})',
        'policy("leaf", {"commonName": {"value": "l*", "required": True}, "usages": ["client auth", "server auth"]})',
        'policy("leaf", {**LEAF, "commonName": {"validations": [{"rule": \'self in ["leaf"]\'}]}})',
        'policy("leaf", LEAF, constraints={"privateKey": {"algorithm": "ECDSA", "minSize": 256, "maxSize": 384}})',
        'policy("no", {})\npolicy("leaf", LEAF)',
    ],
)
def test_approved(program: Program, policy: str) -> None:
    """One policy that lets it through is enough."""
    assert outcome(program, f"{policy}\n{LEAF.format('')}") == ""


@pytest.mark.parametrize(
    ("policy", "leaf", "reason"),
    [
        ('policy("leaf", LEAF, {"name": "other"})', "", "No CertificateRequestPolicies bound or applicable"),
        ('policy("leaf", LEAF, namespace={"matchNames": ["other"]})', "", "No CertificateRequestPolicies bound"),
        ('policy("leaf", LEAF, namespace={"matchLabels": {"a": "b"}})', "", "No CertificateRequestPolicies bound"),
        ('policy("leaf", LEAF, use=False)', "", "No CertificateRequestPolicies bound or applicable"),
        ('policy("leaf", LEAF, account="other")', "", "No CertificateRequestPolicies bound or applicable"),
        (
            'policy("leaf", {"usages": ["client auth"]})',
            "",
            'spec.allowed.commonName: Invalid value: ["leaf"]: no allowed',
        ),
        (
            'policy("leaf", {"commonName": {"value": "leaf"}})',
            "",
            'spec.allowed.usages: Invalid value: ["client auth"]: nil',
        ),
        ('policy("leaf", LEAF)', ', dnsNames=["a"]', 'spec.allowed.dnsNames: Invalid value: ["a"]: no allowed values'),
        ('policy("leaf", LEAF)', ", isCA=True", "spec.allowed.isCA: Invalid value: true: nil"),
        (
            'policy("leaf", {**LEAF, "dnsNames": {"values": ["a"], "required": True}})',
            "",
            "spec.allowed.dnsNames.required: Required value: true",
        ),
        (
            'policy("leaf", {**LEAF, "dnsNames": {"values": ["*.a"], "validations": [{"rule": \'self in ["*.a"]\'}]}})',
            ', dnsNames=["x.a"]',
            'spec.allowed.dnsNames.validations: Invalid value: ["x.a"]: failed rule: self in ["*.a"]',
        ),
        (
            'policy("leaf", LEAF)',
            ', subject={"organizations": ["o"]}',
            'spec.allowed.subject.organizations: Invalid value: ["o"]: no allowed values',
        ),
        (
            'policy("leaf", LEAF, constraints={"maxDuration": "24h"})',
            "",
            'spec.constraints.maxDuration: Invalid value: "nil": 24h',
        ),
        (
            'policy("leaf", LEAF, constraints={"maxDuration": "24h", "minDuration": "12h"})',
            ', duration="25h"',
            'spec.constraints.maxDuration: Invalid value: "25h": 24h',
        ),
        (
            'policy("leaf", LEAF, constraints={"minDuration": "12h"})',
            ', duration="2h"',
            'spec.constraints.minDuration: Invalid value: "2h": 12h',
        ),
        (
            'policy("leaf", LEAF, constraints={"privateKey": {"algorithm": "RSA"}})',
            "",
            'spec.constraints.privateKey.algorithm: Invalid value: "ECDSA": RSA',
        ),
        (
            'policy("leaf", LEAF, constraints={"privateKey": {"minSize": 384}})',
            "",
            'spec.constraints.privateKey.minSize: Invalid value: "256": 384',
        ),
    ],
)
def test_not_approved(program: Program, policy: str, leaf: str, reason: str) -> None:
    """What a policy does not list it denies; one that the requester may not use does not count."""
    assert reason in outcome(program, f"{policy}\n{LEAF.format(leaf)}")


@pytest.mark.parametrize(
    ("release", "values", "account"),
    [
        ("pki", "", "pki-cert-manager"),
        ("my-cert-manager", "", "my-cert-manager"),
        ("pki", '"serviceAccount": {"name": "asks"}', "asks"),
        ("pki", '"fullnameOverride": "cm"', "cm"),
    ],
)
def test_who_asks(program: Program, release: str, values: str, account: str) -> None:
    """The ServiceAccount is the one that the release makes."""
    head = HELPERS + HEAD.replace('account="cert-manager"', f'account="{account}"').format(
        release=release, values=values
    )
    done = program.write(f'{head}policy("leaf", LEAF)\n{LEAF.format("")}').run()
    assert not done.waiting


def test_cert_manager_approves_by_itself(program: Program) -> None:
    """Without `disableAutoApproval` policies count for nothing."""
    head = HEAD.replace('"disableAutoApproval": True, ', "")
    done = program.write(HELPERS + head.format(release="cert-manager", values="") + LEAF.format("")).run()
    assert not done.waiting
