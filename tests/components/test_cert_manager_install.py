"""cert-manager and what belongs to it: what is installed, in which order, and what is there already."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from kong_mtls.cert_manager import CertManager, Reloader
from kong_mtls.cert_manager_args import CertManagerArgs, ReloaderArgs
from kong_mtls.reader.manifests import Objects
from kong_mtls.rehearsal.resource import Resource
from kong_mtls.rehearsal.stage import Performance, ProgramFailed

Run = Callable[..., Performance]
Read = Callable[[Performance], Objects]
Values = Callable[[Performance, str], dict[str, Any]]

PATCH = "kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfigurationPatch"
GATE = "jsonpath={.webhooks[*].clientConfig.caBundle}"


def installed(stage: Run, args: Any, **given: Any) -> Performance:
    """A program with nothing but the component."""
    return stage(lambda: CertManager("cm", args), **given)


def refused(stage: Run, args: Any) -> str:
    """The one message with which it is refused."""
    with pytest.raises(ProgramFailed) as error:
        installed(stage, args)
    return str(error.value)


def order(performance: Performance) -> dict[str, set[str]]:
    """What each custom resource waits for, by logical names."""
    names = {it.urn: it.name for it in performance.resources}
    return {
        it.name: {names[urn] for urn in it.dependencies if urn in names} for it in performance.resources if it.custom
    }


def one(performance: Performance, name: str) -> Resource:
    """A custom resource by its logical name."""
    return next(it for it in performance.resources if it.name == name and it.custom)


def outputs(performance: Performance, kind: str = "CertManager") -> dict[str, Any]:
    """What the one component of that type puts out."""
    return dict(next(it.outputs for it in performance.resources if it.type == f"kong-mtls:index:{kind}"))


def test_without_arguments_cert_manager_and_trust_manager_are_installed(stage: Run, read: Read) -> None:
    """At their pinned versions, from the projects' own repository, in a namespace of their own."""
    done = installed(stage, {})
    objects = read(done)
    assert [(it.name, it.namespace, it.chart, it.version) for it in objects.releases] == [
        ("cert-manager", "cert-manager", "cert-manager", "v1.21.1"),
        ("trust-manager", "cert-manager", "trust-manager", "v0.24.0"),
    ]
    assert [it["metadata"]["name"] for it in objects.all("Namespace")] == ["cert-manager"]
    for name in ("cm-cert-manager", "cm-trust-manager"):
        inputs = one(done, name).inputs
        assert inputs["repositoryOpts"] == {"repo": "https://charts.jetstack.io"}
        assert inputs["timeout"] == 600
        assert inputs["skipAwait"] is False
        # Hooks: the check at the end of the install is one.
        assert not inputs.get("disableWebhooks")
    assert outputs(done) == {
        "namespace": "cert-manager",
        "cluster_resource_namespace": "cert-manager",
        "service_account": "cert-manager",
        "release_names": {"cert-manager": "cert-manager", "trust-manager": "trust-manager"},
    }


def test_each_part_waits_for_those_before_it(stage: Run) -> None:
    """trust-manager's chart has a Certificate, and with approver-policy a policy, which a webhook must let in."""
    waits = order(installed(stage, {"approver_policy": {}}))
    assert waits["cm-cert-manager"] >= {"cm-namespace"}
    assert waits["cm-approver-policy"] >= {"cm-cert-manager"}
    assert waits["cm-approver-policy-webhook"] >= {"cm-approver-policy"}
    assert waits["cm-trust-manager"] >= {"cm-cert-manager", "cm-approver-policy", "cm-approver-policy-webhook"}
    assert waits["cm-trust-manager-webhook"] >= {"cm-trust-manager"}


def test_webhooks_are_waited_for(stage: Run) -> None:
    """Until they have a CA, and no longer than the release may take; the patch changes nothing else."""
    done = installed(stage, {"trust_manager": {"chart": {"timeout_seconds": 90}}})
    patches = [it for it in done.resources if it.type == PATCH]
    assert [it.inputs["metadata"] for it in patches] == [
        {"name": "trust-manager", "annotations": {"pulumi.com/waitFor": GATE}}
    ]
    assert set(patches[0].inputs) == {"apiVersion", "kind", "metadata"}


def test_what_needs_it_depends_on_all_of_it(stage: Run) -> None:
    """By the component, or by its `ready`."""
    made: list[CertManager] = []

    def program() -> None:
        made.append(CertManager("cm", {"approver_policy": {}}))
        options = pulumi.ResourceOptions(depends_on=made[0].ready)
        kubernetes.core.v1.ConfigMap("after", metadata={"name": "after", "namespace": "x"}, data={}, opts=options)

    done = stage(program)
    everything = {it.name for it in done.resources if it.custom} - {"after"}
    assert order(done)["after"] == everything
    assert len(made[0].ready) == len(everything)


def test_without_waiting_nothing_waits(stage: Run, values: Values) -> None:
    """No hook either, for Helm would wait for it."""
    chart = {"wait_for_pods": False}
    done = installed(stage, {"chart": chart, "trust_manager": {"chart": chart}})
    assert values(done, "cert-manager")["startupapicheck"] == {"enabled": False}
    assert one(done, "cm-cert-manager").inputs["skipAwait"] is True
    assert not [it for it in done.resources if it.type == PATCH]


def test_what_is_there_already_is_left_alone(stage: Run) -> None:
    """All of it, or cert-manager alone; its namespace isn't made either."""
    done = installed(stage, {"install": False, "namespace": "pki", "service_account": "cm"})
    assert not [it for it in done.resources if it.custom]
    assert outputs(done) == {
        "namespace": "pki",
        "cluster_resource_namespace": "pki",
        "service_account": "cm",
        "release_names": {},
    }
    done = installed(stage, {"install": False, "trust_manager": {"install": True}})
    assert sorted(it.name for it in done.resources if it.custom) == ["cm-trust-manager", "cm-trust-manager-webhook"]
    done = installed(stage, {"trust_manager": {"install": False}})
    assert sorted(it.name for it in done.resources if it.custom) == ["cm-cert-manager", "cm-namespace"]


def test_a_namespace_that_is_there_is_not_made(stage: Run, read: Read) -> None:
    """Nor deleted with the stack."""
    objects = read(installed(stage, {"create_namespace": False, "namespace": "pki"}))
    assert not objects.all("Namespace")
    assert {it.namespace for it in objects.releases} == {"pki"}


def test_cas_in_a_namespace_of_their_own(stage: Run, values: Values) -> None:
    """Issuers and trust-manager look in the same one."""
    done = installed(stage, {"cluster_resource_namespace": "cas"})
    assert values(done, "cert-manager")["clusterResourceNamespace"] == "cas"
    assert values(done, "trust-manager")["app"]["trust"]["namespace"] == "cas"
    assert outputs(done)["cluster_resource_namespace"] == "cas"


def test_approver_policy_of_somebody_else(stage: Run, values: Values) -> None:
    """It isn't installed, but cert-manager leaves the decisions to it all the same."""
    done = installed(stage, {"approver_policy": {"install": False}})
    assert not [it for it in done.resources if "approver" in it.name]
    assert values(done, "cert-manager")["disableAutoApproval"] is True
    assert values(done, "trust-manager")["app"]["webhook"]["tls"]["approverPolicy"]["enabled"] is True


def test_approver_policy_on_somebody_elses_cert_manager_warns(stage: Run) -> None:
    """What must be set there can't be seen from here."""
    done = installed(stage, {"install": False, "approver_policy": {"install": True}})
    assert [it.text for it in done.messages if "disableAutoApproval" in it.text]
    assert not installed(stage, {"approver_policy": {}}).messages


def test_reloader_watches_the_namespaces_given(stage: Run, read: Read, values: Values) -> None:
    """Also those that the program makes, which it waits for: each gets a Role."""

    def program() -> None:
        made = kubernetes.core.v1.Namespace("kong", metadata={"name": "kong"})
        Reloader("reloader", {"namespaces": [made.metadata.name, "shop"], "replicas": 2})

    done = stage(program)
    release = next(it for it in read(done).releases if it.name == "reloader")
    assert (release.namespace, release.chart, release.version) == ("reloader", "reloader", "2.2.16")
    assert values(done, "reloader")["reloader"]["namespaces"] == ["kong", "shop"]
    assert values(done, "reloader")["reloader"]["reloadStrategy"] == "env-vars"
    assert order(done)["reloader"] >= {"kong", "reloader-namespace"}
    assert outputs(done, "Reloader") == {"release_name": "reloader"}


def test_reloader_beside_cert_manager(stage: Run, read: Read) -> None:
    """It waits for nothing of cert-manager's, nor the other way round."""
    reloader: ReloaderArgs = {"namespaces": ["kong"], "namespace": "tools", "create_namespace": False}
    done = installed(stage, {"reloader": reloader})
    assert [it.namespace for it in read(done).releases if it.name == "reloader"] == ["tools"]
    assert order(done)["cm-reloader"] == set()
    assert not [name for name, others in order(done).items() if "cm-reloader" in others]


def test_the_component_waits_for_what_it_is_told(stage: Run) -> None:
    """Each child by itself."""

    def program() -> None:
        first = kubernetes.core.v1.Namespace("first", metadata={"name": "first"})
        CertManager("cm", {"reloader": {"namespaces": ["kong"]}}, pulumi.ResourceOptions(depends_on=[first]))

    waits = order(stage(program))
    assert all("first" in others for name, others in waits.items() if name != "first")


def test_nothing_changes_the_second_time(stage: Run) -> None:
    """Preview and update after an update."""
    args: CertManagerArgs = {"approver_policy": {}, "replicas": 2, "reloader": {"namespaces": ["kong"]}}
    first = installed(stage, args)
    again = installed(stage, args, after=first)
    assert {it.op for it in again.steps} == {"same"}
    assert {it.op for it in installed(stage, args, after=first, preview=True).steps} == {"same"}


def test_a_first_preview_knows_the_names(stage: Run) -> None:
    """Whoever puts something into the namespaces sees where; only Helm's own answers are unknown."""
    done = installed(stage, {}, preview=True)
    assert outputs(done)["cluster_resource_namespace"] == "cert-manager"


def test_a_local_chart_has_its_own_version(stage: Run, root: Path) -> None:
    """No repository is asked; a key that the pinned version doesn't have is a warning."""
    done = installed(stage, {"chart": {"path": str(root)}, "values": {"newKey": 1}})
    inputs = one(done, "cm-cert-manager").inputs
    assert inputs["chart"] == str(root)
    assert "repositoryOpts" not in inputs
    assert ["newKey" in it.text for it in done.messages] == [True]


def test_the_program_in_the_guide_runs(stage: Run, root: Path) -> None:
    """As it stands: cert-manager first, then the deployment, then Reloader."""
    (text,) = re.findall(r"```python\n(.*?)```", (root / "docs" / "cert-manager.md").read_text("utf-8"), re.DOTALL)
    done = stage(lambda: exec(compile(text, "cert-manager.md", "exec"), {"__name__": "__main__"}))
    waits = order(done)
    everything = {"cert-manager-cert-manager", "cert-manager-trust-manager", "cert-manager-trust-manager-webhook"}
    certificates = [it.name for it in done.resources if it.type == "kubernetes:cert-manager.io/v1:Certificate"]
    assert certificates
    assert all(everything <= waits[name] for name in certificates)
    assert waits["reloader"] >= {name for name in waits if name.endswith("kong-dp")}


def test_what_the_guide_says_of_files_and_rules(root: Path) -> None:
    """Its links lead somewhere, to their headings too."""
    text = (root / "docs" / "cert-manager.md").read_text("utf-8")
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        there = (root / "docs" / target).read_text("utf-8") if target else text
        headings = [
            re.sub(r"[^a-z0-9 -]", "", it.lower()).replace(" ", "-") for it in re.findall(r"^#+ (.*)", there, re.M)
        ]
        assert not anchor or anchor in headings, (target, anchor)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"namespaces": "x"}, "namespaces: unknown; did you mean 'namespace'?"),
        ({"namespace": "Cert"}, "namespace: 'Cert' can't be used"),
        ({"replicas": 0}, "replicas: 0; allowed: 1 or more"),
        ({"service_account": "x"}, "service_account: of an install made here it is 'cert-manager'"),
        ({"install": False, "values": {"a": 1}}, "values: cert-manager is there already (install false)"),
        ({"monitoring": {"metrics": False, "service_monitor": True}}, "monitoring.service_monitor: there is nothing"),
        ({"chart": {"timeout_seconds": 0}}, "chart.timeout_seconds: 0 is no time to wait"),
        ({"trust_manager": {"chart": {"path": "x", "version": "1"}}}, "trust_manager.chart.path: a local chart"),
        ({"trust_manager": {"target_namespaces": ["A"]}}, "trust_manager.target_namespaces: 'A' can't be used"),
        ({"trust_manager": {"target_namespaces": "a"}}, "trust_manager.target_namespaces: a list is needed, not str"),
        ({"approver_policy": {"replicas": -1}}, "approver_policy.replicas: -1; allowed: 1 or more"),
        ({"values": {"crds": {"enable": True}}}, "crds.enable (did you mean crds.enabled?)"),
        ({"reloader": {}}, "reloader.namespaces: missing"),
        ({"reloader": {"namespaces": []}}, "reloader.namespaces: none is given"),
        (
            {"reloader": {"namespaces": ["a"], "strategy": "env"}},
            "reloader.strategy: 'env' is not known; allowed: env-vars, annotations",
        ),
    ],
)
def test_what_cannot_work_is_refused_by_name(stage: Run, args: Any, message: str) -> None:
    """Before anything is made."""
    assert message in refused(stage, args)


def test_all_problems_at_once(stage: Run) -> None:
    """One message, naming the component."""
    text = refused(
        stage, {"replicas": 0, "namespace": "X", "reloader": {"namespaces": ["Y"], "release_name": "r" * 54}}
    )
    assert text.startswith('CertManager "cm": the arguments can\'t be used:')
    assert text.count("\n") == 4
