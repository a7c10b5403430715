"""The policy pack: resources become objects, rules become policies, and what isn't known isn't judged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

from kong_mtls.audit import all_rules, audit
from kong_mtls.audit.resources import convert
from kong_mtls.audit.unknown import UNKNOWN
from policy import kong_policies
from tests.audit.audit_stack import (
    AT,
    Bend,
    annotate,
    bent,
    correct,
    data,
    drop,
    env,
    ingress,
    obj,
    with_consumer,
    with_global,
)

PACK = Path(__file__).parents[2] / "policy"
SECRET, KONG_PLUGIN = "kubernetes:core/v1:Secret", "kubernetes:configuration.konghq.com/v1:KongPlugin"


@dataclass(frozen=True)
class Resource:
    """What the engine hands to a policy."""

    resource_type: str
    props: Mapping[str, Any]
    name: str
    urn: str


def resource(type_: str, props: dict[str, Any], name: str = "it") -> Resource:
    return Resource(type_, unknown_checking_proxy(props), name, f"urn:pulumi:dev::p::{type_}::{name}")


def type_of(document: dict[str, Any]) -> str:
    version = document["apiVersion"]
    return f"kubernetes:{version if '/' in version else 'core/' + version}:{document['kind']}"


def resources(stack: dict[str, dict[str, Any]]) -> list[Resource]:
    """A stack as the resources that would register it."""
    found = []
    for name, document in stack.items():
        if "release" in document:
            props = {
                "name": document["release"],
                **{k: document[k] for k in ("chart", "version", "namespace", "values")},
            }
            found.append(resource("kubernetes:helm.sh/v3:Release", props, name))
        else:
            found.append(resource(type_of(document), document, name))
    return found


def violations(found: list[Resource]) -> dict[str, list[str | None]]:
    """What all rules say of a stack: rule to URNs."""
    said: dict[str, list[str | None]] = {}
    for rule in all_rules():
        for finding, urn in kong_policies.judged(rule, found, lambda: AT):
            said.setdefault(finding.rule, []).append(urn)
    return said


def test_a_correct_stack_has_no_violations() -> None:
    """The same stack that the audit finds clean is clean as resources."""
    assert violations(resources(correct())) == {}


def test_a_violation_names_its_resource() -> None:
    """A finding on an object carries the URN of the resource that makes it; a release's too."""
    found = resources(bent(annotate("ingress", "plugins", "nope"), env("dp", database="postgres")))
    said = violations(found)
    assert said["client-plugin-missing"] == ["urn:pulumi:dev::p::kubernetes:networking.k8s.io/v1:Ingress::ingress"]
    assert said["cluster-database"] == ["urn:pulumi:dev::p::kubernetes:helm.sh/v3:Release::dp"]


def test_other_resources_are_passed_over() -> None:
    """Keys, providers and components of other types are no objects."""
    found = [
        resource("tls:index/privateKey:PrivateKey", {"algorithm": "ECDSA"}),
        resource("kubernetes:yaml/v2:ConfigGroup", {"files": ["a.yaml"]}),
        resource("pulumi:providers:kubernetes", {}),
    ]
    assert convert(found, UnknownValueError).texts == {}


def test_patches_are_partial() -> None:
    """A patch is judged by what it says: an Ingress patch without a class isn't one that nobody takes."""
    patch: dict[str, Any] = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
    patch["metadata"] = {"name": "echo", "namespace": "demo", "annotations": {"konghq.com/plugins": "nope"}}
    said = violations([resource("kubernetes:networking.k8s.io/v1:IngressPatch", patch)])
    assert set(said) == {"client-plugin-missing"}


def unknown_everywhere(value: Any) -> Iterator[Any]:
    """Copies of a document, each with one branch or leaf unknown."""
    if isinstance(value, dict):
        for key, each in value.items():
            for changed in (UNKNOWN_STRING_VALUE, *unknown_everywhere(each)):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for index, each in enumerate(value):
            for changed in (UNKNOWN_STRING_VALUE, *unknown_everywhere(each)):
                yield [*value[:index], changed, *value[index + 1 :]]


@pytest.mark.parametrize("base", [with_consumer, with_global], ids=["consumer", "global"])
def test_what_is_unknown_is_neither_good_nor_bad(base: Bend) -> None:
    """Whatever single thing of a correct stack a preview doesn't know yet, nothing is found for it."""
    stack = bent(base)
    for name in stack:
        for document in unknown_everywhere(stack[name]):
            if UNKNOWN_STRING_VALUE in (document.get("kind"), document.get("apiVersion")):
                continue  # the engine always knows these
            found = convert(resources({**stack, name: document}), UnknownValueError)
            assert audit(found.objects(), AT) == [], (name, document)


def test_unknown_secret_values_are_masked_not_missing() -> None:
    """A Secret's key with a value that isn't known yet is there: its content alone isn't judged."""
    secret = obj("Secret", "s", "demo", stringData={"tls.key": UNKNOWN_STRING_VALUE})
    converted = convert([resource(SECRET, secret)], UnknownValueError)
    found = converted.objects().get("Secret", "demo", "s")
    assert found is not None
    assert found["stringData"] == {"tls.key": "(masked)"}


def test_a_release_with_an_unknown_branch_is_not_judged() -> None:
    """Defaults of the chart aren't put in place of values that aren't known."""
    stack = correct()
    stack["dp"]["values"]["env"] = UNKNOWN_STRING_VALUE
    assert convert(resources({"dp": stack["dp"]}), UnknownValueError).texts == {}
    stack = correct()
    stack["dp"]["values"]["env"]["ssl_cert"] = UNKNOWN_STRING_VALUE
    (release,) = convert(resources({"dp": stack["dp"]}), UnknownValueError).objects().releases
    assert release.values["env"]["ssl_cert"] == UNKNOWN


def test_silenced_findings_are_no_violations() -> None:
    """A silence with a reason counts for the policy pack too."""
    loud = bent(annotate("ingress", "snis", None))
    quiet = bent(
        annotate("ingress", "snis", None), annotate("ingress", "kong-mtls.io/ignore", "client-no-snis: all ask")
    )
    assert "client-no-snis" in violations(resources(loud))
    assert "client-no-snis" not in violations(resources(quiet))


def test_there_is_a_policy_for_each_rule() -> None:
    """Errors are mandatory, the rest advisory; rules over one object are policies on resources."""
    policies = {policy.name: policy for policy in kong_policies.policies(lambda: AT)}
    for rule in all_rules():
        policy = policies.pop(rule.id)
        mandatory = EnforcementLevel.MANDATORY if rule.severity == "error" else EnforcementLevel.ADVISORY
        assert policy.enforcement_level == mandatory
        assert isinstance(policy, ResourceValidationPolicy) == (rule.scope == "object")
    assert policies == {}


# --- the pack itself, started as the engine starts it and asked over its own protocol


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Any]:
    """The running pack."""
    start = f"import runpy; runpy.run_path({str(PACK)!r}, run_name='__main__')"
    root = str(PACK.parent / "components")
    # -u as the engine starts it: the pack says its port and doesn't flush.
    with subprocess.Popen(
        [sys.executable, "-u", "-c", start], cwd=PACK, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}
    ) as pack:
        assert pack.stdout is not None
        port = int(pack.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
        pack.send_signal(signal.SIGKILL)


def struct(document: dict[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(document)
    return made


def test_the_pack_lists_its_policies(analyzer: Any) -> None:
    """The engine sees one policy for each rule, with the level it takes without a configuration."""
    info = analyzer.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "kong-mtls"
    assert {policy.name for policy in info.policies} == {rule.id for rule in all_rules()}


def test_the_pack_judges_a_resource(analyzer: Any) -> None:
    """A policy on resources reports before the object is made; a configuration can switch it off."""
    secret = bent(data("client-ca", id=None))["client-ca"]
    request = analyzer_pb2.AnalyzeRequest(type=SECRET, properties=struct(secret), urn="urn:ca", name="client-ca")
    assert [each.policyName for each in analyzer.Analyze(request).diagnostics] == ["client-ca-no-id"]
    off = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.DISABLED)
    analyzer.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={"client-ca-no-id": off}))
    assert [each.policyName for each in analyzer.Analyze(request).diagnostics] == []
    analyzer.Configure(analyzer_pb2.ConfigureAnalyzerRequest())


def test_the_pack_judges_a_stack(analyzer: Any) -> None:
    """Policies on the stack see all resources, unknown values among them, and report without secrets."""
    stack = bent(drop("plugin"))
    stack["hidden"] = ingress("hidden", "echo", plugins=UNKNOWN_STRING_VALUE)
    listed = [
        analyzer_pb2.AnalyzerResource(type=type_of(document), properties=struct(document), urn=f"urn:{name}", name=name)
        for name, document in stack.items()
        if "release" not in document
    ]
    diagnostics = analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=listed)).diagnostics
    assert [(d.policyName, d.urn) for d in diagnostics if d.enforcementLevel == analyzer_pb2.MANDATORY] == [
        ("client-plugin-missing", "urn:ingress")
    ]
    assert not [d for d in diagnostics if "PRIVATE KEY" in d.message or "can't run policy" in d.message]
