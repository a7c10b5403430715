"""The engine's side of a run: every request of the program, answered by stand-ins and by what was recorded.

It extends the SDK's mock monitor (``pulumi/runtime/mocks.py``) with what that leaves out: URNs with the full chain of
parents, options, the decision between same, update and replacement, and unknowns in a preview.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import engine_pb2, resource_pb2

from kong_mtls.rehearsal import diff, standins, wire
from kong_mtls.rehearsal.diff import Step
from kong_mtls.rehearsal.standins import Call, Made, ResourceError, StandIn, Waiting, kubernetes
from kong_mtls.rehearsal.state import Recorded, State

STACK_TYPE: Final = "pulumi:pulumi:Stack"
REFERENCE_TYPE: Final = "pulumi:pulumi:StackReference"


@dataclass(frozen=True)
class Resource:
    """A resource of the program, with what became of it.

    Attributes:
        custom: Whether a provider manages it (components have no provider).
        staged: Whether a stand-in answered for it; False for what was passed through.
        inputs: As the provider completed them; secrets and unknowns marked.
        outputs: What the program got back; in a preview only what is known.
        cluster: What a controller would make of it.
    """

    urn: str
    type: str
    name: str
    parent: str = ""
    custom: bool = True
    staged: bool = True
    id: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    provider: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    protect: bool = False
    retain_on_delete: bool = False
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    cluster: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Message:
    """A line of the program's log: severity ``debug``, ``info``, ``warning`` or ``error``."""

    severity: str
    text: str
    urn: str = ""


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
        settings: The stack's config by full key.
        state: What the last run left.
        at: The time of this run.
        preview: Whether provider-computed values stay unknown.
        references: The exports of other stacks, asked by the name in a StackReference.
    """

    def __init__(  # noqa: D107 - said above
        self,
        *,
        project: str,
        stack: str,
        settings: Mapping[str, str],
        state: State,
        at: datetime,
        preview: bool,
        references: Any,
    ) -> None:
        super().__init__(_NoMocks())
        self.project, self.stack, self.settings = project, stack, settings
        self.state, self.at, self.preview, self.references = state, at, preview, references
        self.made: dict[str, Resource] = {}
        self.steps: dict[str, Step] = {}
        self.exports: dict[str, Any] = {}
        self.unstaged: dict[str, str] = {}
        self.failure: Exception | None = None
        self.messages: list[Message] = []
        self._identities: dict[str, str] = {}
        self._owners: dict[str, list[tuple[str, dict[wire.Path, Any]]]] = {}
        self._old_urns: dict[str, str] = {}
        self._old_identities: dict[str, set[str]] | None = None
        self._old_dependents: dict[str, dict[str, list[str]]] | None = None
        self._gone: set[str] = set()
        self._forced: dict[str, str] = {}
        self._waiting: dict[str, tuple[Call, StandIn, str]] = {}

    # What the SDK calls, by the names of the resource monitor's protocol.

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        """A resource is declared: a component, or a custom resource to create, change or leave as it is."""
        try:
            resource = self._resource(request)
            if request.transforms:
                self.unstaged[f"{resource.urn} (transforms)"] = "transform"
            if request.type == STACK_TYPE:
                return resource_pb2.RegisterResourceResponse(urn=resource.urn)
            if not request.custom and not request.remote:
                self._keep(resource)
            else:
                resource = self._stage(resource, request)
        except Exception as error:
            self._fail(error)
            raise
        return resource_pb2.RegisterResourceResponse(
            urn=resource.urn, id=resource.id, object=wire.to_struct(resource.outputs)
        )

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        """A resource is looked up by its id: another stack's exports, or an object that this run made."""
        try:
            resource = self._resource(request)
            refers = request.type == REFERENCE_TYPE
            outputs = self._reference(request.id) if refers else self._read(request, resource)
            resource = replace(resource, id=request.id, outputs=outputs)
            self._keep(resource)
            self.steps[resource.urn] = Step(resource.urn, resource.type, resource.name, "read")
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
        elif request.urn in self.made:
            self.made[request.urn] = replace(self.made[request.urn], outputs=outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """A provider's function is called: there are no stand-ins for functions."""
        if request.tok == "pulumi:pulumi:getResource":
            found = self.made.get(wire.from_struct(request.args).get("urn", ""))
            if found is not None:
                state = {"urn": found.urn, "id": found.id, "state": dict(found.outputs)}
                return resource_pb2.ResourceInvokeResponse(**{"return": wire.to_struct(state)})
        self.unstaged[f"{request.tok} (function)"] = request.tok
        return resource_pb2.ResourceInvokeResponse(**{"return": wire.to_struct({})})

    def ExistsResource(self, request: Any) -> Any:  # noqa: N802
        """Whether a resource with that id exists, as far as this run knows."""
        exists = any(r.type == request.type and r.id == request.id for r in self.made.values())
        return resource_pb2.ExistsResourceResponse(exists=exists)

    def RegisterStackTransform(self, request: Any) -> Any:  # noqa: ARG002, N802
        """A transform of all resources is declared. Only the engine runs transforms."""
        self.unstaged["register_resource_transform (function)"] = "transform"
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, request: Any) -> Any:  # noqa: ARG002, N802
        """A transform of all function calls is declared. Only the engine runs transforms."""
        self.unstaged["register_invoke_transform (function)"] = "transform"
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

    # The objects that exist, for stand-ins.

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object that this run, or a controller after it, made; else the one recorded and not yet registered."""
        current: list[Resource | Recorded] = [
            r for r in self.made.values() if r.custom and r.type.startswith("kubernetes:")
        ]
        ahead = [r for urn, r in self.state.resources.items() if self.preview and urn not in self.made]
        for resource in [*current, *ahead]:
            patch = kubernetes.is_patch(resource.type, resource.inputs)
            own = [] if patch or "kind" not in resource.inputs else [resource.outputs]
            for item in [*own, *resource.cluster]:
                place = (item.get("kind"), kubernetes.namespace_of(item), kubernetes.metadata(item).get("name"))
                if place == (kind, namespace, name):
                    return item
        return None

    def deletions(self) -> list[Step]:
        """What the last run left and this one no longer declares."""
        kept = {self._old_urns.get(urn, urn) for urn in self.made}
        gone = []
        for urn, old in sorted(self.state.resources.items()):
            if urn not in kept:
                if old.protect:
                    raise ResourceError(f"{_label(urn)} cannot be deleted because it is protected")
                reason = "kept in the cluster (retainOnDelete)" if old.retain_on_delete else ""
                gone.append(Step(urn, old.type, urn.rpartition("::")[2], "delete", reason=reason))
        return gone

    def waiting(self) -> dict[str, str]:
        """URN and reason of every resource whose controller is not done."""
        return {urn: reason for urn, (_, _, reason) in sorted(self._waiting.items())}

    # The work.

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
        known = self.made.get(request.parent)
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

    def _keep(self, resource: Resource) -> None:
        if resource.urn in self.made:
            raise ResourceError(f"duplicate resource URN '{resource.urn}'; try giving it a unique name")
        self.made[resource.urn] = resource

    def _stage(self, resource: Resource, request: Any) -> Resource:
        stand_in = None if request.remote else standins.find(resource.type)
        secret = frozenset(request.additionalSecretOutputs)
        if stand_in is None:
            self.unstaged[resource.urn] = resource.type
            resource = replace(
                resource, staged=False, outputs=_mark(resource.inputs, secret), id=f"{resource.name} (not staged)"
            )
            self._keep(resource)
            return resource
        try:
            return self._decide(resource, stand_in, secret | stand_in.secret_outputs)
        except ResourceError as error:
            raise ResourceError(f"{_label(resource.urn)}: {error}") from None

    def _decide(self, resource: Resource, stand_in: StandIn, secret: frozenset[str]) -> Resource:
        """Same, create, update or replace: then the resource as the program gets it back."""
        old = self._recorded(resource)
        call = Call(
            urn=resource.urn,
            type=resource.type,
            name=resource.name,
            inputs=dict(resource.inputs),
            at=self.at,
            preview=self.preview,
            old=old,
            settings=self._settings(resource),
            world=self,
        )
        if old is not None:
            call = replace(call, inputs=diff.keep_ignored(old.inputs, call.inputs, resource.ignore_changes))
        call = replace(call, inputs=stand_in.check(call))
        step = self._step(resource, stand_in, call)
        if step.op == "replace":
            if old is not None and old.protect:
                raise ResourceError("cannot be replaced because it is protected")
            fresh = replace(call, inputs=dict(resource.inputs), old=None)
            call = replace(fresh, inputs=stand_in.check(fresh))
        if resource.urn in self.made:
            raise ResourceError("duplicate resource URN; try giving it a unique name")
        self._claim(stand_in, call, step, old)
        self.steps[resource.urn] = step
        if step.delete_first:
            self._force_dependents(resource.urn)
        made = self._made(stand_in, call, step, old)
        resource = replace(
            resource,
            id=made.id,
            inputs=call.inputs,
            outputs=_mark(made.outputs, secret),
            cluster=old.cluster if old else (),
        )
        self._keep(resource)
        if stand_in.controller is not None and not self.preview:
            self._waiting[resource.urn] = (call, stand_in, "not asked yet")
        self._settle()
        return self.made[resource.urn]

    def _recorded(self, resource: Resource) -> Recorded | None:
        for urn in (resource.urn, *resource.aliases):
            old = self.state.resources.get(urn)
            if old is not None and old.type == resource.type:
                self._old_urns[resource.urn] = urn
                return old
        return None

    def _settings(self, resource: Resource) -> dict[str, str]:
        """An explicit provider's inputs, or the stack's config for the default provider of the package."""
        provider = self.made.get(resource.provider.rpartition("::")[0])
        if provider is not None:
            return {key: str(value) for key, value in wire.plain(provider.inputs).items() if value is not None}
        package = resource.type.partition(":")[0]
        prefix = f"{package}:"
        return {key[len(prefix) :]: value for key, value in self.settings.items() if key.startswith(prefix)}

    def _step(self, resource: Resource, stand_in: StandIn, call: Call) -> Step:
        urn, old = resource.urn, call.old
        if old is None:
            return Step(urn, resource.type, resource.name, "create")
        found = diff.changes(old.inputs, call.inputs)
        patterns = (*stand_in.replaces(call), *resource.replace_on_changes)
        reason = stand_in.due(old, self.at) or self._forced.get(self._old_urns[urn], "")
        if reason or any(diff.covers(pattern, change) for pattern in patterns for change in found):
            first = resource.delete_before_replace
            if first is None:
                first = stand_in.delete_first(call, old)
            return Step(urn, resource.type, resource.name, "replace", found, reason, first)
        return Step(urn, resource.type, resource.name, "update" if found else "same", found)

    def _force_dependents(self, urn: str) -> None:
        """A resource that is deleted first takes along what could not outlive it: dependents that would be replaced
        if the inputs they take from it changed (the engine's ``calculateDependentReplacements``)."""
        old_urn = self._old_urns.get(urn, urn)
        self._gone.add(old_urn)
        for other, keys in self._recorded_dependents(old_urn):
            record = self.state.resources[other]
            stand_in = standins.find(record.type)
            if stand_in is None:
                continue
            name = other.rpartition("::")[2]
            inputs = {**record.inputs, **dict.fromkeys(keys, wire.UNKNOWN)}
            settings = self._settings(Resource(other, record.type, name, provider=record.provider))
            call = Call(other, record.type, name, inputs, self.at, self.preview, record, settings, self)
            found = diff.changes(record.inputs, inputs)
            if any(diff.covers(pattern, change) for pattern in stand_in.replaces(call) for change in found):
                self._forced.setdefault(other, f"depends on {_label(urn)}, which is deleted first")

    def _claim(self, stand_in: StandIn, call: Call, step: Step, old: Recorded | None) -> None:
        """Refuses what an API server would refuse: a second object of one name, a field with two owners."""
        identity = stand_in.identity(call.inputs)
        if identity is not None:
            own = self._old_urns.get(call.urn, call.urn)
            taken = self._identities.get(identity)
            if taken is None and step.op in ("create", "replace"):
                others = self._recorded_as(identity) - self._gone
                if step.delete_first or step.op != "replace":
                    others.discard(own)
                taken = min(others, default=None)
            if taken is not None:
                raise ResourceError(_taken(call, taken, old is None))
            self._identities[identity] = call.urn
        if call.type.startswith("kubernetes:") and "kind" in call.inputs:
            self._own_fields(call)

    def _recorded_as(self, identity: str) -> set[str]:
        """The URNs under which the last run left something of that identity."""
        if self._old_identities is None:
            self._old_identities = {}
            for urn, record in self.state.resources.items():
                stand_in = standins.find(record.type)
                key = stand_in.identity(record.inputs) if stand_in is not None else None
                if key is not None:
                    self._old_identities.setdefault(key, set()).add(urn)
        return set(self._old_identities.get(identity, ()))

    def _recorded_dependents(self, urn: str) -> list[tuple[str, list[str]]]:
        """What the last run left that takes inputs from `urn`: URN and the names of those inputs."""
        if self._old_dependents is None:
            self._old_dependents = {}
            for other, record in self.state.resources.items():
                for key, urns in record.property_dependencies.items():
                    for one in urns:
                        self._old_dependents.setdefault(one, {}).setdefault(other, []).append(key)
        return list(self._old_dependents.get(urn, {}).items())

    def _own_fields(self, call: Call) -> None:
        key = kubernetes.identity(call.inputs)
        if key is None:
            return
        fields = kubernetes.owned_fields(call.inputs)
        owners = self._owners.setdefault(key, [])
        if kubernetes.is_patch(call.type, call.inputs) and not kubernetes.forces(call.inputs):
            for owner, others in owners:
                clash = [path for path, value in fields.items() if path in others and others[path] != value]
                if clash:
                    count = "1 conflict" if len(clash) == 1 else f"{len(clash)} conflicts"
                    paths = ", ".join(f".{wire.dotted(path)}" for path in clash)
                    raise ResourceError(
                        f"apply failed with {count} on {_label(key)}: {paths} is set to another value by "
                        f"{_label(owner)}; own the field in one place, or take it over with the annotation "
                        f'{kubernetes.PATCH_FORCE}: "true"'
                    )
        owners.append((call.urn, fields))

    def _made(self, stand_in: StandIn, call: Call, step: Step, old: Recorded | None) -> Made:
        if step.op == "same" and old is not None:
            return Made(old.id, dict(old.outputs))
        if self.preview:
            # An update keeps the id; a new resource gets it from its provider.
            return Made(old.id if old is not None and step.op == "update" else "", stand_in.known(call))
        return stand_in.create(call)

    def _settle(self) -> None:
        """Asks controllers until none makes progress: what one makes another may have waited for."""
        progress = True
        while progress:
            progress = False
            for urn, (call, stand_in, _) in list(self._waiting.items()):
                assert stand_in.controller is not None
                answer = stand_in.controller(call, self.made[urn].cluster)
                if isinstance(answer, Waiting):
                    self._waiting[urn] = (call, stand_in, answer.reason)
                    continue
                self.made[urn] = replace(self.made[urn], cluster=answer)
                del self._waiting[urn]
                progress = True

    def _reference(self, name: str) -> dict[str, Any]:
        try:
            exports = self.references(name)
        except ResourceError as error:
            raise ResourceError(f'StackReference "{name}": {error}') from None
        secret = sorted(key for key, value in exports.items() if any(s for _, _, s in wire.leaves(value)))
        return {"name": name, "outputs": dict(exports), "secretOutputNames": secret}

    def _read(self, request: Any, resource: Resource) -> dict[str, Any]:
        """The object with that id, if this run made it; another one is in a cluster that is not here. In a preview the
        id may be unknown, and then everything is."""
        if request.id == wire.UNKNOWN_TEXT:
            return {}
        kind = request.type.rpartition(":")[2]
        namespace, _, name = request.id.rpartition("/")
        found = self.find(kind, namespace, name) if request.type.startswith("kubernetes:") else None
        if found is None:
            self.unstaged[f"{resource.urn} (read of {request.id})"] = resource.type
            return dict(resource.inputs)
        return dict(_mark(found, frozenset({"data", "stringData"}) if kind == "Secret" else frozenset()))


def _mark(outputs: Mapping[str, Any], secret: frozenset[str]) -> dict[str, Any]:
    return {key: wire.as_secret(value) if key in secret else value for key, value in outputs.items()}


def _label(urn: str) -> str:
    """A URN in the words of its program: ``kubernetes:core/v1:Secret "name"``."""
    parts = urn.split("::")
    return f'{parts[2].rpartition("$")[2]} "{parts[3]}"' if len(parts) == 4 else urn


def _taken(call: Call, taken: str, new: bool) -> str:
    if "kind" in call.inputs:
        message = kubernetes.already_exists(call.inputs)
    else:
        message = "cannot re-use a name that is still in use"
    if new and taken != call.urn:
        message += (
            f": it is {_label(taken)}. If that is the same resource under an old name, give this one an alias; "
            "the old one is deleted only after the new one is there"
        )
    return message
