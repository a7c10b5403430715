"""Silences: an annotation on an object that says which rule not to press there, and why.

``kong-mtls.io/ignore: "<rule-id>: <reason>"``; several are separated by line breaks or semicolons. On a Helm
release the annotation stands among the chart's ``deploymentAnnotations`` or ``podAnnotations``. A silenced
finding stays in the list, as ``info`` with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .model import Finding, Hit

ANNOTATION = "kong-mtls.io/ignore"

_ENTRY = re.compile(r"\s*(?P<rule>[A-Za-z0-9_-]+)\s*(?::\s*(?P<reason>.*\S))?\s*:?\s*", re.DOTALL)
# A semicolon ends an entry only where another one begins: reasons are prose.
_SEPARATOR = re.compile(r"\n|;(?=\s*[a-z0-9]+(?:-[a-z0-9]+)+\s*(?::|;|$))")


@dataclass(frozen=True)
class Silence:
    """One entry of the annotation; ``reason`` is "" when none is given."""

    rule: str
    reason: str


def parse(annotations: Mapping[str, object]) -> list[Silence]:
    """The silences on an object; an entry that can't be read becomes a rule id nobody has."""
    text = annotations.get(ANNOTATION)
    if not isinstance(text, str):
        return []
    silences = []
    for entry in _SEPARATOR.split(text):
        match = _ENTRY.fullmatch(entry)
        if match:
            silences.append(Silence(match["rule"], match["reason"] or ""))
        elif entry.strip():
            silences.append(Silence(entry.strip()[:60], ""))
    return silences


def apply(findings: Iterable[Finding], silences: Mapping[str, list[Silence]]) -> Iterator[Finding]:
    """Turn silenced findings into ``info`` that lists the reason; silences without one don't count."""
    for finding in findings:
        found = next((s for s in silences.get(finding.object, ()) if s.rule == finding.rule and s.reason), None)
        if found is None:
            yield finding
        else:
            yield replace(finding, severity="info", message=f"silenced ({found.reason}): {finding.message}")


def problems(silences: Mapping[str, list[Silence]], known: Collection[str]) -> tuple[list[Hit], list[Hit]]:
    """Silences without a reason, and silences of rules that don't exist."""
    bare, unknown = [], []
    for ident, entries in silences.items():
        for entry in entries:
            if entry.rule not in known:
                unknown.append(Hit(ident, f"{ANNOTATION} names the rule {entry.rule!r}, which doesn't exist"))
            elif not entry.reason:
                bare.append(Hit(ident, f"{ANNOTATION} silences {entry.rule} without a reason, so it doesn't"))
    return bare, unknown
