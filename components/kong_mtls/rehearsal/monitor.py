"""The engine's side of a run: every request of the program, answered from one deployment.

It extends the SDK's mock monitor (``pulumi/runtime/mocks.py``) with what that leaves out: URNs with the full chain of
parents, aliases, options, the stack's exports, and the log.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final

from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import engine_pb2, resource_pb2

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.deployment import Deployment
from kong_mtls.rehearsal.resource import Message, Resource, label
from kong_mtls.rehearsal.standins import ResourceError

__all__ = ["Message", "Monitor", "Resource"]

STACK_TYPE: Final = "pulumi:pulumi:Stack"
REFERENCE_TYPE: Final = "pulumi:pulumi:StackReference"


class _NoMocks(Mocks):
    """The mock monitor wants one; nothing here asks it."""

    def call(self, args: MockCallArgs) -> Any:
        """Never called."""
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> Any:
        """Never called."""
        raise NotImplementedError(args.typ)


class Monitor(MockMonitor):
    """Answers one run of a program.

    Args:
        project: The project's name.
        stack: The stack's name.
        deployment: Where the resources are made.

    Attributes:
        exports: The stack's outputs, once the program has ended.
        messages: What the program logged.
        failure: The first refusal.
    """

    def __init__(self, project: str, stack: str, deployment: Deployment) -> None:  # noqa: D107 - said above
        super().__init__(_NoMocks())
        self.project, self.stack, self.deployment = project, stack, deployment
        self.exports: dict[str, Any] = {}
        self.messages: list[Message] = []
        self.failure: Exception | None = None
        self._held: dict[str, Future[Any]] = {}

    # What the SDK calls, by the names of the resource monitor's protocol.

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        """A resource is declared: a component, or a custom resource to create, change or leave as it is.

        The answer is a future where the engine would wait for the resource to become ready: the program goes on with
        what does not depend on it.
        """
        try:
            resource = self._resource(request)
            if request.transforms:
                self.deployment.unstaged[f"{resource.urn} (transforms)"] = "transform"
            if request.type == STACK_TYPE:
                return resource_pb2.RegisterResourceResponse(urn=resource.urn)
            if not request.custom and not request.remote:
                self.deployment.keep(resource)
            else:
                secret = frozenset(request.additionalSecretOutputs)
                resource = self.deployment.stage(resource, remote=request.remote, secret=secret)
                self._release()
                if self.deployment.unmet(resource.urn):
                    answer: Future[Any] = Future()
                    self._held[resource.urn] = answer
                    return answer
        except Exception as error:
            self._fail(error)
            raise
        return self._registered(resource.urn)

    def _registered(self, urn: str) -> Any:
        resource = self.deployment.waited(urn)
        return resource_pb2.RegisterResourceResponse(
            urn=resource.urn, id=resource.id, object=wire.to_struct(resource.outputs)
        )

    def _release(self) -> bool:
        """Answers what was held back and has become ready."""
        ready = [urn for urn in self._held if not self.deployment.unmet(urn)]
        for urn in ready:
            answer = self._held.pop(urn)
            if not answer.done():
                answer.set_result(self._registered(urn))
        return bool(ready)

    def idle(self) -> None:
        """The program waits for nothing but answers that are held back: what is not ready now never will be."""
        if not self._held:
            return
        self.deployment.finish()
        if self._release():
            return
        error = ResourceError("\n".join(self._never_ready(urn) for urn in self._held))
        self._fail(error)
        held, self._held = self._held, {}
        for answer in held.values():
            if not answer.done():
                answer.set_exception(error)

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        """A resource is looked up by its id: another stack's exports, or an object that this run made."""
        try:
            resource = self._resource(request)
            if request.type == REFERENCE_TYPE:
                resource = self.deployment.refer(resource, request.id)
            else:
                resource = self.deployment.read(resource, request.id)
        except Exception as error:
            self._fail(error)
            raise
        return resource_pb2.ReadResourceResponse(
            urn=resource.urn, id=request.id, properties=wire.to_struct(resource.outputs)
        )

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        """A component, or the stack itself, declares its outputs; the stack's are its exports."""
        outputs = wire.from_struct(request.outputs)
        if request.urn.endswith(f"::{STACK_TYPE}::{self.project}-{self.stack}"):
            self.exports = outputs
        elif request.urn in self.deployment.made:
            self.deployment.made[request.urn] = replace(self.deployment.made[request.urn], outputs=outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """A provider's function is called: there are no stand-ins for functions."""
        if request.tok == "pulumi:pulumi:getResource":
            found = self.deployment.made.get(wire.from_struct(request.args).get("urn", ""))
            if found is not None:
                state = {"urn": found.urn, "id": found.id, "state": dict(found.outputs)}
                return resource_pb2.ResourceInvokeResponse(**{"return": wire.to_struct(state)})
        self.deployment.unstaged[f"{request.tok} (function)"] = request.tok
        return resource_pb2.ResourceInvokeResponse(**{"return": wire.to_struct({})})

    def ExistsResource(self, request: Any) -> Any:  # noqa: N802
        """Whether a resource with that id exists, as far as this run knows."""
        exists = any(r.type == request.type and r.id == request.id for r in self.deployment.made.values())
        return resource_pb2.ExistsResourceResponse(exists=exists)

    def RegisterStackTransform(self, request: Any) -> Any:  # noqa: ARG002, N802
        """A transform of all resources is declared. Only the engine runs transforms."""
        self.deployment.unstaged["register_resource_transform (function)"] = "transform"
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, request: Any) -> Any:  # noqa: ARG002, N802
        """A transform of all function calls is declared. Only the engine runs transforms."""
        self.deployment.unstaged["register_invoke_transform (function)"] = "transform"
        return empty_pb2.Empty()

    def RegisterResourceHook(self, request: Any) -> Any:  # noqa: N802
        """A hook around a resource's life is declared. Nothing comes to life here, so it is not run."""
        self.messages.append(Message("warning", f"the resource hook {request.name!r} is not run in a rehearsal"))
        return empty_pb2.Empty()

    # What the SDK's log calls, by the names of the engine's protocol.

    def Log(self, request: Any) -> Any:  # noqa: N802
        """A line of the program's log. The SDK's own debugging is dropped."""
        severities = {
            engine_pb2.INFO: "info",
            engine_pb2.WARNING: "warning",
            engine_pb2.ERROR: "error",
        }
        severity = severities.get(request.severity)
        if severity is not None:
            message = Message(severity, request.message.strip(), request.urn)
            if message not in self.messages:
                self.messages.append(message)
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, request: Any) -> Any:  # noqa: ARG002, N802
        """There is no CLI whose version could be wrong."""
        return engine_pb2.RequirePulumiVersionResponse()

    def _never_ready(self, urn: str) -> str:
        reason = self.deployment.waiting().get(urn) or "its status never says so"
        return (
            f'{label(urn)}: "{self.deployment.made[urn].id}" does not become ready: it waits for '
            f"{self.deployment.unmet(urn)}, but {reason}. The engine would give up after 10 minutes, or after "
            "customTimeouts"
        )

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The engine's URN: the types of all parents but the stack stand before the resource's own."""
        chain = parent.split("::")[2] if parent else ""
        if chain and chain != STACK_TYPE:
            type_ = f"{chain}${type_}"
        return f"urn:pulumi:{self.stack}::{self.project}::{type_}::{name}"

    def _fail(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = error

    def _resource(self, request: Any) -> Resource:
        """What the request says, in one value. A read has fewer options than a registration."""
        registered = isinstance(request, resource_pb2.RegisterResourceRequest)
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = wire.from_struct(request.object if registered else request.properties)
        resource = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom if registered else True,
            inputs=inputs,
            outputs=inputs,
            provider=request.provider,
            dependencies=tuple(sorted(request.dependencies)),
        )
        if not registered:
            return resource
        dependencies = {
            key: tuple(sorted(value.urns)) for key, value in sorted(request.propertyDependencies.items()) if value.urns
        }
        return replace(
            resource,
            property_dependencies=dependencies,
            aliases=self._aliases(request),
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        )

    def _aliases(self, request: Any) -> tuple[str, ...]:
        """The URNs that the resource may have had: its own aliases, and those that its parents bring with them."""
        parents = [request.parent]
        known = self.deployment.made.get(request.parent)
        urns = []
        if known is not None:
            parents += known.aliases
            for parent in known.aliases:
                old_name = parent.rpartition("::")[2]
                name = request.name
                if name.startswith(known.name):  # the engine's rule for children that carry their parent's name
                    name = old_name + name[len(known.name) :]
                urns.append(self.make_urn(parent, request.type, name))
        for alias in request.aliases:
            if alias.urn:
                urns.append(alias.urn)
                continue
            spec = alias.spec
            above = [""] if spec.noParent else [spec.parentUrn] if spec.parentUrn else parents
            for parent in above:
                urn = self.make_urn(parent, spec.type or request.type, spec.name or request.name)
                prefix = f"urn:pulumi:{spec.stack or self.stack}::{spec.project or self.project}::"
                urns.append(prefix + urn.split("::", 2)[2])
        return tuple(dict.fromkeys([*urns, *request.aliasURNs]))
