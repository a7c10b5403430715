"""What a stand-in is: the part of a provider that a program can tell from the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.state import Recorded


class ResourceError(Exception):
    """A provider refuses a resource. ``str`` says why in one message, without secrets."""


class World(Protocol):
    """What exists at this moment of a run, as far as the run itself made it.

    Attributes:
        complete: Whether the program cannot go on, or has ended: what it has not declared by now is somebody else's.
        memory: What stand-ins remember from run to run beyond any resource; text by a key of their own.
    """

    memory: MutableMapping[str, Any]

    @property
    def complete(self) -> bool:
        """See above."""

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The Kubernetes object of that kind and name (namespace ``""``: cluster-scoped), or None."""

    def all(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        """Every Kubernetes object of a kind, by namespace and name."""

    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        """The labels of every namespace that is declared or that something lies in, by its name."""

    def releases(self, chart: str) -> tuple[Mapping[str, Any], ...]:
        """The inputs of every Helm release of a chart, by the chart's own name."""

    def note(self, text: str) -> None:
        """Tells whoever reads the report, once."""


@dataclass(frozen=True)
class Call:
    """One question to a stand-in.

    Attributes:
        urn: The resource's URN.
        type: Its type token, e.g. ``tls:index/privateKey:PrivateKey``.
        name: Its logical name.
        inputs: Its inputs, secrets and unknowns marked (see :mod:`kong_mtls.rehearsal.wire`).
        at: The time of the run.
        preview: Whether provider-computed values are to stay unknown.
        old: What the last run left; None when the resource is created or replaced.
        settings: The provider's configuration: an explicit provider's inputs, else the stack's ``<package>:`` keys.
        world: What the run made so far.
    """

    urn: str
    type: str
    name: str
    inputs: dict[str, Any] = field(repr=False)
    at: datetime
    preview: bool
    old: Recorded | None
    settings: Mapping[str, str] = field(repr=False)
    world: World = field(repr=False)

    def value(self, key: str, default: Any = None) -> Any:
        """The input `key` without secret marks; `default` where it is not given."""
        value = wire.plain(self.inputs.get(key))
        return default if value is None else value

    def flag(self, setting: str) -> bool:
        """Whether the provider's `setting` is on."""
        return str(self.settings.get(setting, "")).lower() == "true"


@dataclass(frozen=True)
class Made:
    """What a provider answers: the resource's id and all of its outputs."""

    id: str
    outputs: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Waiting:
    """A controller has not done its work yet, and why; what it made before stays as it is.

    Attributes:
        reason: What it waits for.
        status: The resource's ``status`` meanwhile.
    """

    reason: str
    status: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reconciled:
    """A controller has done its work.

    Attributes:
        objects: The Kubernetes objects that it makes of the resource.
        status: The resource's ``status``.
    """

    objects: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    status: Mapping[str, Any] = field(default_factory=dict)


Controller = Callable[[Call, tuple[Mapping[str, Any], ...]], "tuple[Mapping[str, Any], ...] | Reconciled | Waiting"]
Patterns = tuple[str, ...]


def _as_given(call: Call) -> dict[str, Any]:
    return dict(call.inputs)


def _never_due(_: Recorded, __: datetime) -> str | None:
    return None


def _not_first(_: Call, __: Recorded) -> bool:
    return False


def _no_identity(_: Mapping[str, Any]) -> str | None:
    return None


@dataclass(frozen=True)
class StandIn:
    """One resource type on this stage.

    Attributes:
        create: Makes the resource, or makes it anew (``call.old`` is set on an update); never asked in a preview.
        check: The inputs as the provider completes them, e.g. with a name. Asked with ``old=None`` for a replacement.
        known: The outputs that a preview knows of a resource that is about to change; default: its inputs.
        replace_on: Paths whose change replaces the resource (``*``: any; ``spec.ports[*].port``), or a function of
            the call that gives them. Any other change updates it.
        delete_first: Whether a replacement has to delete the old one first, e.g. because the name is the same.
        due: A reason to replace the resource although nothing changed, e.g. that its certificate runs out.
        identity: What may exist only once, e.g. ``v1/Secret/ns/name``; None for what never collides.
        controller: What a controller in the cluster would make of the resource: Kubernetes objects, given those that
            it holds already. Asked in every run but not in a preview, and again whenever something changes that it
            has looked at; it has to answer the same for the same.
        leaves: Kinds of these objects that stay in the cluster when the resource goes.
        secret_outputs: Outputs that the provider's schema marks secret, beside those that the program names.
    """

    create: Callable[[Call], Made]
    check: Callable[[Call], dict[str, Any]] = _as_given
    known: Callable[[Call], dict[str, Any]] = _as_given
    replace_on: Patterns | Callable[[Call], Patterns] = ()
    delete_first: Callable[[Call, Recorded], bool] = _not_first
    due: Callable[[Recorded, datetime], str | None] = _never_due
    identity: Callable[[Mapping[str, Any]], str | None] = _no_identity
    controller: Controller | None = None
    leaves: frozenset[str] = frozenset()
    secret_outputs: frozenset[str] = frozenset()

    def replaces(self, call: Call) -> Patterns:
        """The paths whose change replaces the resource of `call`."""
        return self.replace_on(call) if callable(self.replace_on) else self.replace_on
