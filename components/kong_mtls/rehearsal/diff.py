"""What a run does to each resource, decided as the engine decides it: by its old inputs and its new ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.wire import Path, Unknown

Op = Literal["same", "create", "update", "replace", "delete", "read"]

_MISSING = object()


@dataclass(frozen=True)
class Change:
    """One property that differs. ``repr`` and :meth:`text` never show a secret."""

    path: Path
    old: Any = field(repr=False)
    new: Any = field(repr=False)
    secret: bool

    @property
    def property(self) -> str:
        """The path as Pulumi writes it."""
        return wire.dotted(self.path)

    def text(self, width: int = 60) -> str:
        """``path: old => new``; only the path where either side is secret or long."""
        if self.secret:
            return f"{self.property}: {wire.MASK}"
        sides = [_side(self.old), _side(self.new)]
        if any(len(side) > width or "\n" in side for side in sides):
            return f"{self.property}: changed"
        return f"{self.property}: {sides[0]} => {sides[1]}"


@dataclass(frozen=True)
class Step:
    """What happens to one resource.

    Attributes:
        urn: The resource.
        type: Its type token.
        name: Its logical name.
        op: ``same``, ``create``, ``update``, ``replace``, ``delete`` or ``read``.
        changes: The inputs that differ (none on create and delete).
        reason: Why, where it is not the inputs, e.g. that a certificate is ready for renewal.
        delete_first: On a replacement: the old one goes before the new one is there, which leaves a gap.
    """

    urn: str
    type: str
    name: str
    op: Op
    changes: tuple[Change, ...] = ()
    reason: str = ""
    delete_first: bool = False

    def to_json(self) -> dict[str, Any]:
        """This step as JSON data, without any value."""
        data: dict[str, Any] = {"urn": self.urn, "type": self.type, "name": self.name, "op": self.op}
        if self.changes:
            data["changes"] = [change.property for change in self.changes]
        if self.reason:
            data["reason"] = self.reason
        if self.delete_first:
            data["deleteBeforeReplace"] = True
        return data


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """The properties that differ between two sets of inputs. What is unknown now counts as different."""
    before = {path: (value, secret) for path, value, secret in wire.leaves(old)}
    after = {path: (value, secret) for path, value, secret in wire.leaves(new)}
    found = []
    for path in sorted({*before, *after}, key=_sortable):
        was, was_secret = before.get(path, (_MISSING, False))
        now, now_secret = after.get(path, (_MISSING, False))
        if _equal(was, now) or (_hollow(was) and _hollow(now)):
            continue  # an empty object and none at all are the same to every provider
        if now is _MISSING and any(isinstance(after.get(path[:n], (None,))[0], Unknown) for n in range(len(path))):
            continue  # said once, by the unknown above it
        found.append(Change(path, was, now, was_secret or now_secret))
    return tuple(found)


def without(found: Sequence[Change], ignored: Iterable[str]) -> tuple[Change, ...]:
    """The changes that `ignoreChanges` does not cover."""
    patterns = tuple(ignored)
    return tuple(change for change in found if not any(covers(item, change) for item in patterns))


def keep_ignored(old: Mapping[str, Any], new: Mapping[str, Any], ignored: Iterable[str]) -> dict[str, Any]:
    """`new` with the old values at the paths that `ignoreChanges` names, as the engine passes them on."""
    result = dict(new)
    for pattern in ignored:
        if pattern == "*":
            return dict(old)
        result = _graft(old, result, parse(pattern))
    return result


def _graft(old: Any, new: Any, path: Path) -> Any:
    secret = isinstance(new, wire.Secret)
    before = old.value if isinstance(old, wire.Secret) else old
    after = new.value if secret else new
    if not path:
        return old
    head, rest = path[0], path[1:]
    if isinstance(after, Mapping) and isinstance(before, Mapping):
        merged = dict(after)
        for key in [*before, *after] if head == "*" else [head]:
            if key in before and (key in after or not rest):
                merged[key] = _graft(before[key], after.get(key), rest)
            elif not rest:
                merged.pop(key, None)
        return wire.Secret(merged) if secret else merged
    if isinstance(after, list) and isinstance(before, list):
        grafted = list(after)
        for index in range(min(len(before), len(after))):
            if head in ("*", index):
                grafted[index] = _graft(before[index], after[index], rest)
        return wire.Secret(grafted) if secret else grafted
    return new


def covers(pattern: str, change: Change) -> bool:
    """Whether `change` is at or below `pattern`; an unknown above it may change it too."""
    parts = parse(pattern)
    if parts == ("*",):
        return True
    short = min(len(parts), len(change.path))
    if not all(want in ("*", got) for want, got in zip(parts[:short], change.path[:short], strict=True)):
        return False
    whole = not isinstance(change.new, (str, int, float, bool))
    return len(change.path) >= len(parts) or whole or isinstance(change.new, Unknown)


def parse(pattern: str) -> Path:
    """A property path such as ``spec.ports[*].port`` or ``metadata.annotations["a.b/c"]`` in parts."""
    parts: list[str | int] = []
    for quoted, index, name in re.findall(r'\["([^"]*)"\]|\[(\d+|\*)\]|([^.\[\]]+)', pattern):
        if index and index != "*":
            parts.append(int(index))
        else:
            parts.append(quoted or index or name)
    return tuple(parts)


def summary(steps: Iterable[Step]) -> dict[str, int]:
    """How many resources meet which fate, in the order of :data:`Op`; no zeros."""
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.op] = counts.get(step.op, 0) + 1
    order = ("same", "create", "update", "replace", "delete", "read")
    return {op: counts[op] for op in order if op in counts}


def lines(steps: Sequence[Step]) -> list[str]:
    """Steps for people: a line per resource that changes, its properties below it, a summary last."""
    marks = {"create": "+", "update": "~", "replace": "+-", "delete": "-"}
    found = []
    for step in steps:
        if step.op in marks:
            notes = [step.reason] if step.reason else []
            notes += ["the old one is deleted first"] if step.delete_first else []
            why = f"  ({'; '.join(notes)})" if notes else ""
            found.append(f"{marks[step.op]:>2} {step.op:<7}  {step.type}  {step.name}{why}")
            found += [f"{'':12}{change.text()}" for change in step.changes]
    counts = summary(steps)
    unchanged = counts.pop("same", 0) + counts.pop("read", 0)
    if not counts:
        return [f"no change ({unchanged} resources)"]
    todo = ", ".join(f"{count} to {op}" for op, count in counts.items())
    return [*found, f"{todo}, {unchanged} unchanged"]


def _equal(was: Any, now: Any) -> bool:
    if isinstance(was, Unknown) or isinstance(now, Unknown):
        return False
    if isinstance(was, bool) is not isinstance(now, bool):
        return False
    return was is not _MISSING and now is not _MISSING and bool(was == now)


def _hollow(value: Any) -> bool:
    return value is _MISSING or value in ({}, [])


def _side(value: Any) -> str:
    if value is _MISSING:
        return "(none)"
    return wire.UNKNOWN_MASK if isinstance(value, Unknown) else repr(wire.shown(value))


def _sortable(path: Path) -> tuple[tuple[int, str | int], ...]:
    return tuple((0, part) if isinstance(part, str) else (1, part) for part in path)
