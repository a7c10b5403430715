"""Failed patches in words: texts as the API server and the provider were seen to give them."""

from typing import Any

import pulumi
import pytest

from kong_mtls import patches
from kong_mtls.patches import explanation
from tests.upstream.conftest import Stage

NOT_CREATED = (
    'resource "urn:pulumi:dev::demo::kong-mtls:index:UpstreamMtls$kubernetes:core/v1:ServicePatch::upstream-apps.echo" '
    "was not successfully created by the Kubernetes API server: "
)
CONFLICT = (
    "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\n"
    'The resource managed by field manager "pulumi-kubernetes-19f05d21" had an apply conflict: Apply failed with '
)


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        (
            "Service",
            NOT_CREATED + 'Service "echo" is invalid: spec.ports: Required value',
            ["Service apps/echo isn't there", "create it first", "set `patch` to false"],
        ),
        (
            "Ingress",
            NOT_CREATED + 'Ingress.networking.k8s.io "echo" is invalid: spec: Invalid value: null: either '
            "`defaultBackend` or `rules` must be specified",
            ["Ingress apps/echo isn't there"],
        ),
        (
            "HTTPRoute",
            NOT_CREATED + 'HTTPRoute.gateway.networking.k8s.io "echo" is invalid: spec: Required value',
            ["HTTPRoute apps/echo isn't there"],
        ),
        (
            "Service",
            NOT_CREATED + 'namespaces "apps" not found',
            ["Service apps/echo can't be annotated", "no namespace 'apps'"],
        ),
        (
            "HTTPRoute",
            'no matches for kind "HTTPRoute" in version "gateway.networking.k8s.io/v1"',
            ["doesn't know the kind HTTPRoute", "CRDs"],
        ),
        (
            "Service",
            "this Patch resource is currently managing a required field, so it can't be deleted directly. Either set "
            "the `retainOnDelete` resource option, or transfer ownership of the field before deleting: spec.ports",
            ["it is gone itself", "`pulumi refresh`"],
        ),
        (
            "Service",
            NOT_CREATED
            + CONFLICT
            + '1 conflict: conflict with "kubectl-annotate" using v1: .metadata.annotations.konghq.com/protocol',
            ["Service apps/echo: 'kubectl-annotate' has set konghq.com/protocol to another value", "take_over"],
        ),
        (
            "Service",
            CONFLICT + '2 conflicts: conflicts with "argocd-controller" using v1:\n- .metadata.annotations.konghq.com/'
            "protocol\n- .metadata.annotations.konghq.com/host-header",
            ["'argocd-controller' has set konghq.com/host-header, konghq.com/protocol"],
        ),
        (
            "Service",
            CONFLICT
            + '1 conflict: conflict with "pulumi-kubernetes-c974ac46": .metadata.annotations.konghq.com/protocol',
            ["another Pulumi patch (pulumi-kubernetes-c974ac46) has set konghq.com/protocol"],
        ),
        (
            "Service",
            CONFLICT + '1 conflict: conflict with "kubectl-annotate" using v1: .metadata.annotations',
            ["'kubectl-annotate' has set its annotations"],
        ),
    ],
)
def test_what_a_failure_means_and_what_to_do(kind: str, error: str, words: list[str]) -> None:
    """The object, whose it is, and the way out."""
    text = explanation(kind, "apps", "echo", error)
    assert text is not None
    for word in words:
        assert word in text


@pytest.mark.parametrize("error", ["services is forbidden: User x cannot patch", "dial tcp: i/o timeout", ""])
def test_failures_that_explain_themselves_are_left_alone(error: str) -> None:
    """Nothing is added to what is clear."""
    assert explanation("Service", "apps", "echo", error) is None


def test_no_server_is_started_for_hooks_in_unit_tests(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a monitor in the same process: the SDK's server for hooks doesn't survive a second event loop."""

    def hook(*_: Any) -> None:
        raise AssertionError("a hook was made")

    monkeypatch.setattr(pulumi, "ErrorHook", hook)

    def program() -> None:
        component = pulumi.ComponentResource("demo:index:Demo", "demo", {}, None)
        made = patches.Patches(component, "Demo", pulumi.ResourceOptions(parent=component))
        made.annotate("x", "Service", namespace="apps", name="echo", annotations={"konghq.com/a": "b"}, take_over=True)

    (step,) = [step for step in stage(program).steps if step.type.endswith("ServicePatch")]
    assert step.op == "create"


def test_a_failed_patch_is_told_once_at_the_component(monkeypatch: pytest.MonkeyPatch) -> None:
    """And never retried: what is missing doesn't come by itself."""
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", lambda text, _resource: told.append(text))
    monkeypatch.setattr(patches, "_hook", lambda *_: None)
    made = patches.Patches(None, "Demo", pulumi.ResourceOptions())  # type: ignore[arg-type]

    class Failure:
        new_inputs = {"kind": "Service", "metadata": {"namespace": "apps", "name": "echo"}}  # noqa: RUF012
        old_inputs = None
        errors = ['Service "echo" is invalid: spec.ports: Required value']  # noqa: RUF012

    assert made._explain(Failure()) is False
    assert len(told) == 1
    assert told[0].startswith("Service apps/echo isn't there")
