"""What a rule is, what it finds, and the list of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .context import Context

Severity = Literal["error", "warning", "info"]
"""``error``: Kong or KIC refuses, drops, ignores or leaves dangling something that was meant, or a link is
open. ``warning``: hardening. ``info``: nothing to do; something was left unjudged on purpose."""

Scope = Literal["object", "set"]
"""``object``: one object (or one Release) alone shows it. ``set``: it takes what else is there."""

AREAS = {
    "client": "Client mTLS: who may call the gateway",
    "upstream": "Upstream mTLS: the gateway and the services behind it",
    "cluster": "Cluster link: control plane and data planes",
    "admin": "Admin API",
    "database": "Database",
    "trust": "Certificates and trust, on any link",
    "hygiene": "Hygiene",
    "audit": "The audit itself",
}
"""The first word of a rule's id, and what it is about."""

_ID = re.compile(rf"({'|'.join(AREAS)})(-[a-z0-9]+)+")


@dataclass(frozen=True)
class Finding:
    """One thing a rule found.

    Attributes:
        rule: the rule's id.
        severity: the rule's own, or ``info`` where the finding was silenced with a reason.
        object: ``Kind/namespace/name``; ``Release/namespace/name`` for a Helm release.
        message: what is wrong here and what happens in Kong because of it. Never a key, never a password.
        fix: what to do.
    """

    rule: str
    severity: Severity
    object: str
    message: str
    fix: str


@dataclass(frozen=True)
class Hit:
    """What a rule's function yields: where, what, and a fix if the rule's own is too general."""

    object: str
    message: str
    fix: str | None = None


Check = Callable[["Context"], Iterable[Hit]]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: ``<area>-<what>``, stable: silences and policy configurations name it.
        severity: of each of its findings.
        title: the mistake in one line.
        effect: what happens in Kong because of it.
        fix: what to do about it.
        source: where the fact comes from: a link, or a file of the vendor's code.
        scope: whether one object alone shows it.
        check: yields the hits.
    """

    id: str
    severity: Severity
    title: str
    effect: str
    fix: str
    source: str
    scope: Scope
    check: Check = field(repr=False, compare=False)

    @property
    def area(self) -> str:
        """The first word of the id; a key of `AREAS`."""
        return self.id.split("-", 1)[0]


_RULES: dict[str, Rule] = {}


def rule(
    id: str,  # noqa: A002 - it is what everybody calls it
    severity: Severity,
    title: str,
    *,
    effect: str,
    fix: str,
    source: str,
    scope: Scope = "set",
) -> Callable[[Check], Check]:
    """Register a function ``(context) -> hits`` as a rule; the arguments are those of `Rule`.

    Raises:
        ValueError: the id is taken or is not of the form ``<area>-<what>``.
    """
    if not _ID.fullmatch(id) or id in _RULES:
        raise ValueError(f"rule id {id!r}: taken, or not one of {', '.join(AREAS)} followed by -words")

    def register(check: Check) -> Check:
        _RULES[id] = Rule(id, severity, title, effect, fix, source, scope, check)
        return check

    return register


def all_rules() -> tuple[Rule, ...]:
    """All rules, by area in the order of `AREAS`, in each area as they stand in the code."""
    from .rules import load  # noqa: PLC0415 - they register themselves with this module

    load()
    order = list(AREAS)
    return tuple(sorted(_RULES.values(), key=lambda r: order.index(r.area)))


def run(checked: Iterable[Rule], context: Context) -> Iterator[tuple[Rule, Hit]]:
    """The hits of some rules, each with its rule."""
    for each in checked:
        for hit in each.check(context):
            yield each, hit
