"""Patches of objects that somebody else owns, and their failures in words.

A patch is a server-side apply by a field manager of its own, whose name the provider makes up and keeps: a name shared
by two patches would lose annotations when one of them goes, a rename of its resource included.

The API server says obscure things to a patch of what isn't there, and Pulumi long ones of a conflict. A hook adds what
is meant; the engine's own message stays beside it.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc
from pulumi.runtime.settings import get_monitor, monitor_supports_feature

# Nothing waits for the endpoints of a Service that is only annotated.
_SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
_FORCE = {"pulumi.com/patchForce": "true"}

_GATEWAY_API = "gateway.networking.k8s.io/v1"

_MISSING = re.compile(
    r"spec\.ports: Required value|either `defaultBackend` or `rules` must be specified|spec: Required value|"
    r"spec\.rules: Required value"
)
_GONE = re.compile(r"currently managing a required field, so it can't be deleted")
_NO_NAMESPACE = re.compile(r'namespaces "[^"]*" not found')
_NO_KIND = re.compile(r"no matches for kind")
_CONFLICT = re.compile(r'conflicts? with "(?P<manager>[^"]*)"')
_FIELD = re.compile(r"\.metadata\.annotations\.(?P<field>[^\s,;\\]+)")
_PATCHERS = "pulumi-kubernetes-"

_hooks: Counter[str] = Counter()


MADE_HERE = "set `patch` to false and give it the annotations"
"""What to do, in most components, about an object that the program makes itself."""


def explanation(
    kind: str, namespace: str, name: str, error: str, *, made_here: str = MADE_HERE, owned: str = ""
) -> str | None:
    """What a failed patch means, and what to do; None for failures that explain themselves.

    Args:
        kind: kind of the object.
        namespace: its namespace.
        name: its name.
        error: the API server's text, as the provider passes it on.
        made_here: what to do where the program makes the object itself.
        owned: what else to do where somebody else has set an annotation.
    """
    target = f"{kind} {namespace}/{name}"
    if _NO_NAMESPACE.search(error):
        return f"{target} can't be annotated: there is no namespace {namespace!r}"
    if _GONE.search(error):
        return f"{target}: its annotations can't be removed, since it is gone itself; `pulumi refresh` forgets them"
    if _NO_KIND.search(error):
        return f"{target} can't be annotated: the cluster doesn't know the kind {kind}; install its CRDs first"
    if _MISSING.search(error):
        return (
            f"{target} isn't there. Only what exists can be annotated: create it first, correct its name, or, where "
            f"this program makes it, {made_here}"
        )
    conflict = _CONFLICT.search(error)
    if conflict is None:
        return None
    manager, fields = conflict["manager"], sorted({found["field"] for found in _FIELD.finditer(error)})
    owner = f"another Pulumi patch ({manager})" if manager.startswith(_PATCHERS) else repr(manager)
    return (
        f"{target}: {owner} has set {', '.join(fields) or 'its annotations'} to another value. Remove it there, or set "
        f"`take_over` to overwrite it, which a later removal doesn't undo{owned}"
    )


class Patches:
    """Annotations put on existing objects by one component."""

    def __init__(
        self,
        component: pulumi.ComponentResource,
        what: str,
        opts: pulumi.ResourceOptions,
        made_here: str = MADE_HERE,
        owned: str = "",
    ) -> None:
        """Prepare.

        Args:
            component: to which failures are reported.
            what: names the component.
            opts: options of the patches.
            made_here: what to do where the program makes an object itself, for messages.
            owned: what else to do where somebody else has set an annotation, likewise.
        """
        self._component, self._made_here, self._owned = component, made_here, owned
        self._options = pulumi.ResourceOptions.merge(opts, _hook(what, self._explain))

    def annotate(
        self,
        resource_name: str,
        kind: str,
        *,
        namespace: str,
        name: str,
        annotations: Mapping[str, pulumi.Input[str]],
        take_over: bool,
        after: Sequence[pulumi.Resource] = (),
    ) -> pulumi.CustomResource:
        """Put annotations on a Service, an Ingress or an HTTPRoute.

        Args:
            resource_name: the logical name.
            kind: `Service`, `Ingress` or `HTTPRoute`.
            namespace: the object's namespace.
            name: its name.
            annotations: what to put on it; what else it has stays.
            take_over: overwrite what others have set to another value.
            after: what must be there before, and goes after.
        """
        metadata: Any = {
            "name": name,
            "namespace": namespace,
            "annotations": {**annotations, **_SKIP_AWAIT, **(_FORCE if take_over else {})},
        }
        options = self._options
        if after:
            options = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=list(after)))
        made: pulumi.CustomResource
        if kind == "Service":
            made = kubernetes.core.v1.ServicePatch(resource_name, metadata=metadata, opts=options)
        elif kind == "Ingress":
            made = kubernetes.networking.v1.IngressPatch(resource_name, metadata=metadata, opts=options)
        else:
            made = kubernetes.apiextensions.CustomResourcePatch(
                resource_name, api_version=_GATEWAY_API, kind=kind, metadata=metadata, opts=options
            )
        return made

    def _explain(self, failure: Any) -> bool:
        inputs = failure.new_inputs or failure.old_inputs or {}
        metadata = inputs.get("metadata") or {}
        name, namespace = str(metadata.get("name")), str(metadata.get("namespace"))
        error = failure.errors[0] if failure.errors else ""
        text = explanation(
            str(inputs.get("kind")), namespace, name, error, made_here=self._made_here, owned=self._owned
        )
        if text is not None:
            # Not the patch itself: it has no URN before its registration is over.
            pulumi.log.error(text, self._component)
        return False


def _hook(what: str, explain: Callable[[Any], bool]) -> pulumi.ResourceOptions | None:
    """The hook as an option, where SDK and engine know such hooks; else the engine's message stands alone.

    Not under a monitor in this process, as unit tests have it: it refuses no patch, and the server that the SDK starts
    for hooks takes the process down when one event loop follows another (grpc/grpc, asyncio servers).
    """
    feature = getattr(resource_pb2, "RESOURCE_MONITOR_FEATURE_ERROR_HOOKS", None)
    remote = isinstance(get_monitor(), resource_pb2_grpc.ResourceMonitorStub)
    if not remote or feature is None or not hasattr(pulumi, "ErrorHook") or not monitor_supports_feature(feature):
        return None
    # Names of hooks are unique in a program, those of components only below one parent.
    _hooks[what] += 1
    number = _hooks[what]
    hook = pulumi.ErrorHook(what if number == 1 else f"{what} #{number}", explain)
    return pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[hook]))
