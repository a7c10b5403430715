"""What becomes of each resource of a run, decided as the engine decides it.

Source: pulumi/pulumi, ``pkg/resource/deploy/step_generator.go``: same, create, update or replace; which replacement
deletes first; what a deletion takes along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from kong_mtls.rehearsal import definitions, diff, standins, wire
from kong_mtls.rehearsal.apiserver import ApiServer
from kong_mtls.rehearsal.cluster import Cluster
from kong_mtls.rehearsal.diff import Change, Step
from kong_mtls.rehearsal.resource import Resource, label
from kong_mtls.rehearsal.standins import Call, Made, ResourceError, StandIn, kubernetes, wait_for
from kong_mtls.rehearsal.state import Recorded, State


class Deployment:
    """The resources of one run.

    Args:
        settings: The stack's config by full key.
        state: What the last run left.
        at: The time of this run.
        preview: Whether provider-computed values stay unknown.
        references: The exports of another stack, by the name in a StackReference.

    Attributes:
        made: Every resource so far, by URN.
        steps: What happens to each custom resource, by URN.
        unstaged: What has no stand-in: URN, or what else was asked for, to type.
        cluster: The Kubernetes objects that the run has made so far.
    """

    def __init__(  # noqa: D107 - said above
        self,
        *,
        settings: Mapping[str, str],
        state: State,
        at: datetime,
        preview: bool,
        references: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self.settings, self.state, self.at, self.preview, self.references = settings, state, at, preview, references
        self.made: dict[str, Resource] = {}
        self.steps: dict[str, Step] = {}
        self.unstaged: dict[str, str] = {}
        self.cluster = Cluster(state, preview=preview)
        self._api = ApiServer(state)
        self._old_urns: dict[str, str] = {}
        self._old_dependents: dict[str, dict[str, list[str]]] | None = None
        self._forced: dict[str, str] = {}

    def keep(self, resource: Resource) -> Resource:
        """Adds a resource.

        Raises:
            ResourceError: Another one has its URN.
        """
        self._refuse_twice(resource)
        self.made[resource.urn] = resource
        self._index(resource)
        return resource

    def stage(self, resource: Resource, *, remote: bool, secret: frozenset[str]) -> Resource:
        """A custom resource as the program gets it back.

        Args:
            resource: As declared.
            remote: Whether a plugin would construct it: a component of another language or package.
            secret: Outputs that the program wants secret.

        Raises:
            ResourceError: It is refused; names the resource.
        """
        try:
            stand_in = None if remote else standins.find(resource.type)
            if stand_in is not None:
                return self._decide(resource, stand_in, secret | stand_in.secret_outputs)
            self.unstaged[resource.urn] = resource.type
            outputs = _mark(resource.inputs, secret)
            return self.keep(replace(resource, staged=False, outputs=outputs, id=f"{resource.name} (not staged)"))
        except ResourceError as error:
            raise ResourceError(f"{label(resource.urn)}: {error}") from None

    def read(self, resource: Resource, id_: str) -> Resource:
        """The object with that id, if this run made it; another one is in a cluster that is not here. In a preview the
        id may be unknown, and then everything is."""
        outputs: Mapping[str, Any] = {}
        if id_ != wire.UNKNOWN_TEXT:
            kind = resource.type.rpartition(":")[2]
            namespace, _, name = id_.rpartition("/")
            found = self.cluster.find(kind, namespace, name) if resource.type.startswith("kubernetes:") else None
            if found is None:
                self.unstaged[f"{resource.urn} (read of {id_})"] = resource.type
            secret = frozenset({"data", "stringData"}) if kind == "Secret" else frozenset()
            outputs = _mark(resource.inputs if found is None else kubernetes.live(found), secret)
        return self._looked_up(replace(resource, id=id_, outputs=outputs))

    def refer(self, resource: Resource, name: str) -> Resource:
        """A reference to the stack called `name`, with all of that stack's exports."""
        try:
            exports = self.references(name)
        except ResourceError as error:
            raise ResourceError(f'StackReference "{name}": {error}') from None
        secret = sorted(key for key, value in exports.items() if any(s for _, _, s in wire.leaves(value)))
        outputs = {"name": name, "outputs": dict(exports), "secretOutputNames": secret}
        return self._looked_up(replace(resource, id=name, outputs=outputs))

    def deletions(self) -> list[Step]:
        """What the last run left and this one no longer declares."""
        kept = {self._old_urns.get(urn, urn) for urn in self.made}
        gone = []
        for urn, old in sorted(self.state.resources.items()):
            if urn not in kept:
                if old.protect:
                    raise ResourceError(f"{label(urn)} cannot be deleted because it is protected")
                reason = "kept in the cluster (retainOnDelete)" if old.retain_on_delete else ""
                gone.append(Step(urn, old.type, urn.rpartition("::")[2], "delete", reason=reason))
        return gone

    def waiting(self) -> dict[str, str]:
        """URN and reason of every resource whose controller is not done."""
        return self.cluster.waiting()

    def unmet(self, urn: str) -> str:
        """What the engine would still wait for before it goes on after a resource; empty if nothing.

        It waits for what the annotation ``pulumi.com/waitFor`` says, after it has made or changed the resource. What
        has no controller here is ready at once.
        """
        step = self.steps.get(urn)
        if self.preview or urn not in self.cluster.controlled() or step is None or step.op == "same":
            return ""
        resource = self.made[urn]
        live = {**resource.outputs, "status": self.cluster.status(urn)}
        return wait_for.unmet(kubernetes.metadata(resource.inputs), live)

    def waited(self, urn: str) -> Resource:
        """A resource as the program gets it back: with its status, if the engine waited for that."""
        resource = self.made[urn]
        notes = kubernetes.metadata(resource.inputs).get("annotations") or {}
        step = self.steps.get(urn)
        if urn in self.cluster.controlled() and step is not None and step.op != "same" and wait_for.parse(notes):
            resource = replace(resource, outputs={**resource.outputs, "status": dict(self.cluster.status(urn))})
            self.made[urn] = resource
        return resource

    def finish(self) -> None:
        """The program has ended, or cannot go on: what it has not declared by now is somebody else's."""
        self.cluster.finish()
        self._take_over()

    def check_order(self) -> None:
        """Refuses objects that may be made before their kind is known.

        Raises:
            ResourceError: There are some; names each.
        """
        declared = {urn: one for urn, one in self.made.items() if not self._is_read(urn)}
        problems = list(definitions.unordered(declared))
        if problems:
            raise ResourceError("\n".join(problems))

    def _looked_up(self, resource: Resource) -> Resource:
        self.steps[resource.urn] = Step(resource.urn, resource.type, resource.name, "read")
        return self.keep(resource)

    def _refuse_twice(self, resource: Resource) -> None:
        if resource.urn in self.made:
            raise ResourceError(f"duplicate resource URN '{resource.urn}'; try giving it a unique name")

    def _index(self, resource: Resource) -> None:
        if resource.staged and not self._is_read(resource.urn):
            self.cluster.put(resource)

    def _is_read(self, urn: str) -> bool:
        step = self.steps.get(urn)
        return step is not None and step.op == "read"

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
            world=self.cluster,
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
        self._refuse_twice(resource)
        self._api.claim(stand_in, call, step, self._old_urns.get(resource.urn, resource.urn))
        self.steps[resource.urn] = step
        if step.delete_first:
            self._force_dependents(resource.urn)
        made = self._made(stand_in, call, step, old)
        held = old.cluster if old is not None else ()
        if step.op == "replace":
            self.cluster.leave(stand_in, held)
            held = ()
        resource = replace(resource, id=made.id, inputs=call.inputs, outputs=_mark(made.outputs, secret), cluster=held)
        self.keep(resource)
        if stand_in.controller is not None and not self.preview:
            self.cluster.control(resource.urn, call, stand_in, held)
        self.cluster.settle()
        self._take_over()
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
        reason = stand_in.due(old, self.at) or self._forced.get(self._old_urns[urn], "")
        by_provider = _touched(stand_in.replaces(call), found)
        if reason or by_provider or _touched(resource.replace_on_changes, found):
            first = resource.delete_before_replace
            if first is None:
                # A provider asks for it only where it wants the replacement itself, not where `replaceOnChanges` does.
                first = bool(self._forced.get(self._old_urns[urn])) or (
                    by_provider and stand_in.delete_first(call, old)
                )
            return Step(urn, resource.type, resource.name, "replace", found, reason, first)
        return Step(urn, resource.type, resource.name, "update" if found else "same", found)

    def _force_dependents(self, urn: str) -> None:
        """A resource that is deleted first takes along what could not outlive it: dependents that would be replaced
        if the inputs they take from it changed (the engine's ``calculateDependentReplacements``)."""
        old_urn = self._old_urns.get(urn, urn)
        self._api.delete(old_urn)
        for other, keys in self._recorded_dependents(old_urn):
            record = self.state.resources[other]
            stand_in = standins.find(record.type)
            if stand_in is None:
                continue
            name = other.rpartition("::")[2]
            inputs = {**record.inputs, **dict.fromkeys(keys, wire.UNKNOWN)}
            settings = self._settings(Resource(other, record.type, name, provider=record.provider))
            call = Call(other, record.type, name, inputs, self.at, self.preview, record, settings, self.cluster)
            found = diff.changes(record.inputs, inputs)
            if _touched(stand_in.replaces(call), found):
                self._forced.setdefault(other, f"depends on {label(urn)}, which is deleted first")

    def _recorded_dependents(self, urn: str) -> list[tuple[str, list[str]]]:
        """What the last run left that takes inputs from `urn`: URN and the names of those inputs."""
        if self._old_dependents is None:
            self._old_dependents = {}
            for other, record in self.state.resources.items():
                for key, urns in record.property_dependencies.items():
                    for one in urns:
                        self._old_dependents.setdefault(one, {}).setdefault(other, []).append(key)
        return list(self._old_dependents.get(urn, {}).items())

    def _made(self, stand_in: StandIn, call: Call, step: Step, old: Recorded | None) -> Made:
        if step.op == "same" and old is not None:
            return Made(old.id, dict(old.outputs))
        if self.preview:
            # An update keeps the id; a new resource gets it from its provider.
            return Made(old.id if old is not None and step.op == "update" else "", stand_in.known(call))
        return stand_in.create(call)

    def _take_over(self) -> None:
        """What controllers have made becomes part of the resources that they made it of."""
        for urn in self.cluster.controlled():
            made = self.cluster.made_by(urn)
            if self.made[urn].cluster is not made:
                self.made[urn] = replace(self.made[urn], cluster=made)


def _touched(patterns: Iterable[str], changes: Sequence[Change]) -> bool:
    return any(diff.covers(pattern, change) for pattern in patterns for change in changes)


def _mark(outputs: Mapping[str, Any], secret: frozenset[str]) -> dict[str, Any]:
    return {key: wire.as_secret(value) if key in secret else value for key, value in outputs.items()}
