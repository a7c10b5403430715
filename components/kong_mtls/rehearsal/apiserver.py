"""What an API server and Helm refuse: a second object of one name, a field with two owners.

A name counts as taken as long as what bears it is there: what the last run left goes only at the end of a run, unless
it is deleted before its replacement is made.
"""

from __future__ import annotations

from typing import Any

from kong_mtls.rehearsal import standins, wire
from kong_mtls.rehearsal.diff import Step
from kong_mtls.rehearsal.resource import label
from kong_mtls.rehearsal.standins import Call, ResourceError, StandIn, kubernetes
from kong_mtls.rehearsal.state import State


class ApiServer:
    """The names and fields that are taken at this moment of a run."""

    def __init__(self, state: State) -> None:  # noqa: D107 - `state` is what the last run left
        self._state = state
        self._names: dict[str, str] = {}
        self._owners: dict[str, list[tuple[str, dict[wire.Path, Any]]]] = {}
        self._gone: set[str] = set()
        self._recorded: dict[str, set[str]] | None = None

    def delete(self, old_urn: str) -> None:
        """What the last run left under `old_urn` goes now."""
        self._gone.add(old_urn)

    def claim(self, stand_in: StandIn, call: Call, step: Step, old_urn: str) -> None:
        """Takes the name and the fields of a resource.

        Args:
            stand_in: The resource's stand-in.
            call: The resource with its final inputs.
            step: What happens to it.
            old_urn: The URN that it had in the last run.

        Raises:
            ResourceError: Somebody else has them.
        """
        identity = stand_in.identity(call.inputs)
        if identity is not None:
            taken = self._names.get(identity)
            if taken is None and step.op in ("create", "replace"):
                others = self._left_as(identity) - self._gone
                if step.delete_first or step.op != "replace":
                    others.discard(old_urn)
                taken = min(others, default=None)
            if taken is not None:
                raise ResourceError(_taken(call, taken, step.op == "create"))
            self._names[identity] = call.urn
        if call.type.startswith("kubernetes:") and "kind" in call.inputs:
            self._own_fields(call)

    def _left_as(self, identity: str) -> set[str]:
        """The URNs under which the last run left something of that identity."""
        if self._recorded is None:
            self._recorded = {}
            for urn, record in self._state.resources.items():
                stand_in = standins.find(record.type)
                key = stand_in.identity(record.inputs) if stand_in is not None else None
                if key is not None:
                    self._recorded.setdefault(key, set()).add(urn)
        return set(self._recorded.get(identity, ()))

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
                        f"apply failed with {count} on {label(key)}: {paths} is set to another value by "
                        f"{label(owner)}; own the field in one place, or take it over with the annotation "
                        f'{kubernetes.PATCH_FORCE}: "true"'
                    )
        owners.append((call.urn, fields))


def _taken(call: Call, taken: str, new: bool) -> str:
    if "kind" in call.inputs:
        message = kubernetes.already_exists(call.inputs)
    else:
        message = "cannot re-use a name that is still in use"
    if new and taken != call.urn:
        message += (
            f": it is {label(taken)}. If that is the same resource under an old name, give this one an alias; "
            "the old one is deleted only after the new one is there"
        )
    return message
