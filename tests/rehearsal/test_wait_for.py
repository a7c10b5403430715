"""`pulumi.com/waitFor`: what is waited for, what comes of waiting in vain, and which annotations are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kong_mtls.rehearsal.stage import Performance, ProgramFailed
from kong_mtls.rehearsal.standins import ResourceError
from kong_mtls.rehearsal.standins.wait_for import ANNOTATION, SKIP, unmet

from .certificates import HELPERS, objects
from .conftest import NOW, Program

READY = 'annotations={"pulumi.com/waitFor": "condition=Ready"}'
LIVE: dict[str, Any] = {
    "metadata": {"name": "x"},
    "data": {"ca.crt": "PEM"},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Issuing", "status": "False"}],
        "revision": 3,
        "synced": True,
    },
}


@pytest.mark.parametrize(
    "given",
    [
        "condition=Ready",
        "condition=ready=true",
        "condition=Issuing=False",
        "jsonpath={.status.revision}",
        "jsonpath={.status.revision}=3",
        "jsonpath={ $.status.synced }=true",
        "jsonpath={.data['ca.crt']}",
        'jsonpath={.data["ca.crt"]}=PEM',
        "jsonpath={.status.conditions[0].type}=Ready",
        "jsonpath={.status.conditions[-1].type}=Issuing",
        'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True',
        "jsonpath={.status.conditions[?@.type=='Issuing'].status}=False",
        "jsonpath={.status.conditions[*].type}=Ready",
        "jsonpath={.status.conditions}",
        '["condition=Ready", "jsonpath={.status.revision}=3"]',
        "",
    ],
)
def test_what_holds(given: str) -> None:
    """Conditions and paths that the object fulfils."""
    assert unmet({"annotations": {ANNOTATION: given}}, LIVE) == ""


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("condition=Synced", "condition=Synced"),
        ("condition=Ready=False", "condition=Ready=False"),
        ("jsonpath={.status.nothing}", "jsonpath={.status.nothing}"),
        ("jsonpath={.status.revision}=4", "jsonpath={.status.revision}=4"),
        ("jsonpath={.status.conditions[7]}", "jsonpath={.status.conditions[7]}"),
        ("jsonpath={.status.revision[*]}", "jsonpath={.status.revision[*]}"),
        ("jsonpath={.status.revision.x}", "jsonpath={.status.revision.x}"),
        ('["condition=Ready", "condition=Synced"]', "condition=Synced"),
    ],
)
def test_what_does_not_hold(given: str, missing: str) -> None:
    """The first thing that is missing is named."""
    assert unmet({"annotations": {ANNOTATION: given}}, LIVE) == missing


def test_skipping() -> None:
    """`skipAwait` wins."""
    assert unmet({"annotations": {ANNOTATION: "condition=Synced", SKIP: "true"}}, LIVE) == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Ready", 'expected a "jsonpath=" or "condition=" prefix, got "Ready"'),
        ("[]", "at least one condition must be specified"),
        ('["Ready"]', 'expected a "jsonpath=" or "condition=" prefix, got "Ready"'),
        ("jsonpath=.status", ".status should be wrapped in brackets { ... }"),
        ("jsonpath='{.status}'", "'{.status}' should omit shell quotes"),
        ("jsonpath={.status}=", "{.status}= requires a value"),
        ("jsonpath={.status}=a=b", 'format should be {.path}=value or {.path}, got "{.status}=a=b"'),
        (r"jsonpath={.data.ca\.crt}", r'unexpected "\.crt"'),
        ("jsonpath={.data.ca-crt}", 'unexpected "-crt"'),
        ("jsonpath={status}", 'unexpected "status"'),
    ],
)
def test_malformed(given: str, message: str) -> None:
    """The engine refuses it, and so does the rehearsal, for any kind of object."""
    with pytest.raises(ResourceError) as refused:
        unmet({"annotations": {ANNOTATION: given}}, LIVE)
    assert message in str(refused.value)


def test_malformed_in_a_program(program: Program) -> None:
    """It is refused before anything is made."""
    text = 'k8s.core.v1.ConfigMap("x", metadata={"annotations": {"pulumi.com/waitFor": "Ready"}})'
    with pytest.raises(ProgramFailed, match=r'ConfigMap "x": pulumi\.com/waitFor: expected a'):
        program.write(text).run(preview=True)


def registered(done: Performance, name: str) -> Any:
    """The outputs of a resource."""
    return next(one for one in done.resources if one.name == name).outputs


def test_whoever_waits_gets_the_status(program: Program) -> None:
    """The program goes on with what does not depend on the object, and has its status in the end."""
    text = (
        f'leaf = certificate("leaf", "root", "apps", {READY})\n'
        'after = k8s.core.v1.ConfigMap("after", metadata={"name": "after", "namespace": "apps"}, '
        'data={"secret": leaf.metadata["name"]})\nroot()\ncertificate("other", "root", "apps")\n'
    )
    done = program.write(HELPERS + text).run()
    assert not done.waiting
    status = registered(done, "apps-leaf-Certificate")["status"]
    assert status["conditions"][0]["type"] == "Ready"
    assert status["notAfter"] == "2027-02-19T12:00:00Z"
    assert status["renewalTime"] == "2027-01-20T12:00:00Z"
    assert status["revision"] == 1
    assert "status" not in registered(done, "apps-other-Certificate")
    again = program.run()
    assert not again.changed
    assert again.state.dump() == done.state.dump()


def test_waiting_in_vain(program: Program) -> None:
    """The run fails as the engine would after its timeout: with the resource, the condition and the reason."""
    text = (
        'issuer("ca", ca={"secretName": "nowhere"})\ncertificate("idle", "ca", "apps")\n'
        f'leaf = certificate("leaf", "ca", "apps", {READY})\n'
        'k8s.core.v1.ConfigMap("after", data={"x": leaf.metadata["name"]})\n'
    )
    with pytest.raises(ProgramFailed) as failed:
        program.write(HELPERS + text).run()
    [line] = str(failed.value).splitlines()
    assert line.startswith(
        'kubernetes:cert-manager.io/v1:Certificate "apps-leaf-Certificate": "apps/leaf" does not become ready: it '
        "waits for condition=Ready, but DoesNotExist: Issuing certificate as Secret does not exist (IssuerNotReady"
    )
    assert "The engine would give up after 10 minutes" in line
    assert program.state is None


def test_several_wait_in_vain(program: Program) -> None:
    """Each has its line; what only waits without the annotation has none."""
    text = 'issuer("ca", ca={"secretName": "nowhere"})\n' + "".join(
        f'certificate("{name}", "ca", "apps", {READY})\n' for name in ("one", "two")
    )
    with pytest.raises(ProgramFailed) as failed:
        program.write(HELPERS + text).run()
    assert [line.split('"')[1] for line in str(failed.value).splitlines()] == [
        "apps-one-Certificate",
        "apps-two-Certificate",
    ]


def test_condition_that_a_kind_does_not_have(program: Program) -> None:
    """A Certificate that is ready never becomes synced."""
    text = 'root()\ncertificate("leaf", "root", "apps", annotations={"pulumi.com/waitFor": "condition=Synced"})\n'
    with pytest.raises(ProgramFailed, match="waits for condition=Synced, but its status never says so"):
        program.write(HELPERS + text).run()


def test_waiting_is_for_what_changes(program: Program) -> None:
    """What has not changed is not waited for: it only shows as waiting."""
    once = 'duration="24h", renewal={"policy": "Disabled"}'
    text = f'root()\ncertificate("leaf", "root", "apps", {READY}, {once})\n'
    program.write(HELPERS + text).run()
    late = program.run(at=NOW + timedelta(days=2))
    assert [reason.partition(":")[0] for reason in late.waiting.values()] == ["Expired"]


def test_previews_do_not_wait(program: Program) -> None:
    """Nothing is made, so nothing becomes ready; the status is not known yet."""
    text = f'leaf = certificate("leaf", "ca", "apps", {READY})\n'
    planned = program.write(HELPERS + text).run(preview=True)
    assert not planned.waiting
    assert objects(planned) == {}


def test_a_program_that_fails_while_something_waits(program: Program) -> None:
    """The program's own error is told."""
    text = f'leaf = certificate("leaf", "ca", "apps", {READY})\nraise pulumi.RunError("enough")\n'
    with pytest.raises(ProgramFailed, match="enough"):
        program.write(HELPERS + text).run()


RELEASE = """
class Installed(pulumi.ComponentResource):
    def __init__(self, name, chart="cert-manager", values=None, opts=None):
        super().__init__("demo:index:Installed", name, {}, opts)
        self.release = k8s.helm.v3.Release(name, chart=chart, namespace="cert-manager", values=values or {},
            opts=pulumi.ResourceOptions(parent=self))
class Inside(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("demo:index:Inside", name, {}, opts)
        certificate(name, "mine", "apps", opts=pulumi.ResourceOptions(parent=self))
def after(*resources):
    return pulumi.ResourceOptions(depends_on=list(resources))
WITH = {"crds": {"enabled": True}}
"""


@pytest.mark.parametrize(
    "text",
    [
        'certificate("leaf", "mine", "apps", opts=after(Installed("cm", values=WITH)))',
        'certificate("leaf", "mine", "apps", opts=after(Installed("cm", values=WITH).release))',
        'certificate("leaf", "mine", "apps", opts=after(Installed("cm", values={"installCRDs": True})))',
        'Inside("leaf", after(Installed("cm", "oci://charts.example.com/mirror/cert-manager", WITH)))',
        'cm = Installed("cm", values=WITH)\nspace = k8s.core.v1.Namespace("apps", metadata={"name": "apps"}, '
        'opts=after(cm))\ncertificate("leaf", "mine", space.metadata["name"])',
        'cm = Installed("cm", values=WITH)\nprovider = k8s.Provider("p", opts=after(cm))\n'
        'certificate("leaf", "mine", "apps", opts=pulumi.ResourceOptions(provider=provider))',
        'certificate("leaf", "mine", "apps")',
        'Installed("cm")\ncertificate("leaf", "mine", "apps")',
        'Installed("cm", values={"crds": {"enabled": False}})\ncertificate("leaf", "mine", "apps")',
        'Installed("tm", "trust-manager")\ncertificate("leaf", "mine", "apps")',
        'Installed("kong", "kong")\ncertificate("leaf", "mine", "apps")',
    ],
)
def test_kinds_that_are_known(program: Program, text: str) -> None:
    """Whoever waits for the release that brings them, however indirectly; or where no release does."""
    done = program.write(HELPERS + RELEASE + text).run()
    assert "Secret/apps/leaf" in objects(done)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('Installed("cm", values=WITH)\ncertificate("leaf", "mine", "apps")', "Certificate"),
        ('certificate("leaf", "mine", "apps")\nInstalled("cm", values=WITH)', "Certificate"),
        ('Installed("cm", "./cert-manager-v1.21.1.tgz", WITH)\nissuer("x", selfSigned={})', "ClusterIssuer"),
        ('Installed("tm", "trust-manager")\nbundle("x", [{"useDefaultCAs": True}])', "Bundle"),
        (
            'Installed("ap", "cert-manager-approver-policy")\nmade("CertificateRequestPolicy", "x", None, '
            '{"selector": {}}, "policy.cert-manager.io/v1alpha1")',
            "CertificateRequestPolicy",
        ),
    ],
)
@pytest.mark.parametrize("preview", [False, True])
def test_kinds_that_are_not(program: Program, text: str, kind: str, preview: bool) -> None:
    """An object that may come before the release that brings its kind is refused, also in a preview."""
    with pytest.raises(ProgramFailed) as failed:
        program.write(HELPERS + RELEASE + text).run(preview=preview)
    assert f'no matches for kind "{kind}" in version' in str(failed.value)
    assert "the order on an empty cluster is not given" in str(failed.value)
