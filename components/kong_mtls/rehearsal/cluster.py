"""The Kubernetes objects of one run, and the controllers that watch them.

A controller is asked when its resource has been made, and again whenever an object changes that it has looked at, until
none has anything left to do: the order of registration does not matter, as it does not in a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from kong_mtls.rehearsal import standins, wire
from kong_mtls.rehearsal.resource import Resource
from kong_mtls.rehearsal.standins import Call, Reconciled, StandIn, Waiting, kubernetes
from kong_mtls.rehearsal.state import Recorded, State

Place = tuple[str, str, str]
"""Kind, namespace (``""`` for cluster-scoped kinds) and name."""

RELEASE: Final = "kubernetes:helm.sh/v3:Release"
_NAME_LABEL: Final = "kubernetes.io/metadata.name"
# What a controller has looked at, where it is not one object: all of a kind, or what has no kind.
_NAMESPACES, _RELEASES, _COMPLETE = "(namespaces)", "(releases)", "(complete)"


@dataclass
class _Controlled:
    call: Call
    stand_in: StandIn
    made: tuple[Mapping[str, Any], ...]
    reason: str = "not asked yet"
    status: Mapping[str, Any] = field(default_factory=dict)
    seen: frozenset[Place | str] = frozenset()


class Cluster:
    """What is in the cluster at this moment of a run.

    Args:
        state: What the last run left.
        preview: Whether what this run has not come to yet is there still.

    Attributes:
        complete: Whether the program cannot go on, or has ended.
        memory: What stand-ins remember beyond any resource.
        notes: What they have to say to whoever reads the report.
    """

    def __init__(self, state: State, *, preview: bool) -> None:  # noqa: D107 - said above
        self.complete = False
        self.memory: MutableMapping[str, Any] = dict(state.memory)
        self.notes: list[str] = []
        self._state, self._preview = state, preview
        # What a controller has made lies over what the program declares under the same name.
        self._objects: dict[Place, Mapping[str, Any]] = {}
        self._made: dict[Place, Mapping[str, Any]] = {}
        self._remains: dict[Place, Mapping[str, Any]] = {place_of(item): item for item in state.remains}
        self._releases: dict[str, Mapping[str, Any]] = {}
        self._controlled: dict[str, _Controlled] = {}
        self._dirty: set[str] = set()
        self._made_urns: set[str] = set()
        self._inhabited: set[str] = set()
        self._left: dict[Place, tuple[str, Mapping[str, Any]]] | None = None
        for record in state.resources.values():
            stand_in = standins.find(record.type)
            if stand_in is not None:
                self._leave(stand_in, record.cluster)

    def put(self, resource: Resource) -> None:
        """Adds the object of a resource, and those that a controller has made of it before."""
        self._made_urns.add(resource.urn)
        if resource.type == RELEASE:
            self._releases[resource.urn] = wire.plain(resource.inputs)
            self._changed(_RELEASES)
            self._changed(_NAMESPACES)
        for item in _own(resource):
            self._set(self._objects, place_of(item), item)
        for item in resource.cluster:
            self._set(self._made, place_of(item), item)

    def control(self, urn: str, call: Call, stand_in: StandIn, held: tuple[Mapping[str, Any], ...]) -> None:
        """Hands a resource to its controller, with the objects that this has made of it before."""
        self._controlled[urn] = _Controlled(call, stand_in, held)
        self._dirty.add(urn)

    def leave(self, stand_in: StandIn, objects: Iterable[Mapping[str, Any]]) -> None:
        """A resource is replaced: what its controller made goes, but for what stays in a cluster."""
        gone = {place_of(item): item for item in objects}
        self._leave(stand_in, gone.values())
        for place in gone:
            if place not in self._remains:
                self._drop(place)

    def settle(self) -> None:
        """Asks controllers until none of them has anything to do."""
        while self._dirty:
            urn = next(urn for urn in self._controlled if urn in self._dirty)
            self._dirty.discard(urn)
            self._ask(self._controlled[urn])

    def finish(self) -> None:
        """The program cannot go on, or has ended: what is not declared by now is somebody else's."""
        self.complete = True
        self._changed(_COMPLETE)
        self.settle()
        self.complete = False

    def made_by(self, urn: str) -> tuple[Mapping[str, Any], ...]:
        """The objects that a controller holds for a resource."""
        one = self._controlled.get(urn)
        return one.made if one is not None else ()

    def controlled(self) -> Iterable[str]:
        """The URNs of resources with a controller."""
        return self._controlled.keys()

    def status(self, urn: str) -> Mapping[str, Any]:
        """The ``status`` that a resource's controller has written."""
        return self._controlled[urn].status

    def waiting(self) -> dict[str, str]:
        """URN and reason of every resource whose controller is not done."""
        return {urn: one.reason for urn, one in sorted(self._controlled.items()) if one.reason}

    def remains(self) -> tuple[Mapping[str, Any], ...]:
        """The objects that have outlived their resource."""
        held = {place_of(item) for one in self._controlled.values() for item in one.made}
        return tuple(self._remains[place] for place in sorted(self._remains) if place not in held)

    # What stand-ins ask.

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object that this run, or a controller after it, made; in a preview else the one that the last run left
        and this one has not come to yet."""
        place = (kind, namespace, name)
        found = self._made.get(place) or self._objects.get(place)
        if found is not None:
            return found
        if not self._preview:
            return self._remains.get(place)
        if self._left is None:
            self._left = {
                place: (urn, item)
                for urn, record in self._state.resources.items()
                for place, item in objects_of(record).items()
            }
        urn, item = self._left.get(place, ("", self._remains.get(place)))
        return None if urn in self._made_urns else item

    def all(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        """Every object of a kind, by namespace and name."""
        found = {**self._remains, **self._objects, **self._made}
        return tuple(found[place] for place in sorted(found) if place[0] == kind)

    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        """The labels of every namespace that is declared or that something of this run lies in."""
        found: dict[str, dict[str, str]] = {}
        for kind, namespace, name in (*self._objects, *self._made):
            if kind == "Namespace":
                labels = kubernetes.metadata(self._objects[kind, namespace, name]).get("labels") or {}
                found[name] = {**labels, _NAME_LABEL: name}
            elif namespace:
                found.setdefault(namespace, {_NAME_LABEL: namespace})
        for release in self._releases.values():
            home = release.get("namespace")
            if isinstance(home, str):
                found.setdefault(home, {_NAME_LABEL: home})
        return {name: found[name] for name in sorted(found)}

    def releases(self, chart: str) -> tuple[Mapping[str, Any], ...]:
        """The inputs of every Helm release of a chart, by the chart's own name."""
        return tuple(one for _, one in sorted(self._releases.items()) if chart_name(one) == chart)

    def note(self, text: str) -> None:
        """Tells whoever reads the report, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _ask(self, one: _Controlled) -> None:
        assert one.stand_in.controller is not None
        watch = _Watch(self)
        answer = one.stand_in.controller(replace(one.call, world=watch), one.made)
        one.seen = frozenset(watch.seen)
        if isinstance(answer, Waiting):
            one.reason, one.status = answer.reason, answer.status
            return
        if not isinstance(answer, Reconciled):
            answer = Reconciled(answer)
        one.reason, one.status = "", answer.status
        before, one.made = one.made, answer.objects
        now = {place_of(item): item for item in answer.objects}
        self.leave(one.stand_in, [item for item in before if place_of(item) not in now])
        for place, item in now.items():
            self._set(self._made, place, item)

    def _leave(self, stand_in: StandIn, objects: Iterable[Mapping[str, Any]]) -> None:
        for item in objects:
            # What has an owner is collected with it.
            if item.get("kind") in stand_in.leaves and not kubernetes.metadata(item).get("ownerReferences"):
                self._remains[place_of(item)] = item

    def _set(self, layer: dict[Place, Mapping[str, Any]], place: Place, item: Mapping[str, Any]) -> None:
        before = layer.get(place)
        if before is item or before == item:
            return
        layer[place] = item
        if place[0] == "Namespace" or (place[1] and place[1] not in self._inhabited):
            self._inhabited.add(place[1])
            self._changed(_NAMESPACES)
        self._changed(place)

    def _drop(self, place: Place) -> None:
        if self._made.pop(place, None) is not None:
            self._changed(place)

    def _changed(self, what: Place | str) -> None:
        for urn, one in self._controlled.items():
            if what in one.seen or (isinstance(what, tuple) and what[0] in one.seen):
                self._dirty.add(urn)


class _Watch:
    """A cluster as one controller sees it; notes what it looks at."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.seen: set[Place | str] = set()
        self.memory = cluster.memory

    @property
    def complete(self) -> bool:
        self.seen.add(_COMPLETE)
        return self._cluster.complete

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        self.seen.add((kind, namespace, name))
        return self._cluster.find(kind, namespace, name)

    def all(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        self.seen.add(kind)
        return self._cluster.all(kind)

    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        self.seen.add(_NAMESPACES)
        return self._cluster.namespaces()

    def releases(self, chart: str) -> tuple[Mapping[str, Any], ...]:
        self.seen.add(_RELEASES)
        return self._cluster.releases(chart)

    def note(self, text: str) -> None:
        self._cluster.note(text)


def objects_of(resource: Resource | Recorded) -> dict[Place, Mapping[str, Any]]:
    """The Kubernetes objects of a resource: its own, and what a controller made of it."""
    return {place_of(item): item for item in (*_own(resource), *resource.cluster)}


def _own(resource: Resource | Recorded) -> list[Mapping[str, Any]]:
    """The Kubernetes object that a resource is, if it is one."""
    whole = "kind" in resource.inputs and not kubernetes.is_patch(resource.type, resource.inputs)
    return [resource.outputs] if whole and resource.type.startswith("kubernetes:") else []


def place_of(item: Mapping[str, Any]) -> Place:
    """Where an object is."""
    return str(item["kind"]), kubernetes.namespace_of(item), str(kubernetes.metadata(item).get("name"))


def chart_name(release: Mapping[str, Any]) -> str:
    """The own name of a release's chart: the last element of a path, URL or ``repo/chart``; no version, no .tgz."""
    last = str(release.get("chart") or "").rstrip("/").rpartition("/")[2]
    return re.sub(r"(-v?\d+\.\d+\.\d+[^/]*)?\.tgz$", "", last)
