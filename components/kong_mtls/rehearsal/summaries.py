"""Shorter views of a report, shared by its forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rows = Sequence[Mapping[str, Any]]

SOON_DAYS = 30


@dataclass(frozen=True)
class Group:
    """The cases of one link between two peers.

    Attributes:
        bad: those that went wrong.
        unproved: those that couldn't be tried.
    """

    link: str
    client: str
    server: str
    cases: Rows

    @property
    def bad(self) -> Rows:
        """Cases that went wrong."""
        return [case for case in self.cases if case["ok"] is False]

    @property
    def unproved(self) -> Rows:
        """Cases that couldn't be tried."""
        return [case for case in self.cases if case["ok"] is None]

    @property
    def ordered(self) -> Rows:
        """Cases that went wrong first, then those that couldn't be tried, each by name."""
        return sorted(self.cases, key=lambda case: ((False, None, True).index(case["ok"]), case["case"]))

    @property
    def verdict(self) -> str:
        """``ok``, ``failed`` or ``unproved``."""
        return "failed" if self.bad else "unproved" if self.unproved else "ok"


def groups(links: Rows) -> list[Group]:
    """Cases by link and peers, those with trouble first."""
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in links:
        found.setdefault((row["link"], row["client"], row["server"]), []).append(row)
    made = [Group(*key, cases) for key, cases in found.items()]
    return sorted(made, key=lambda group: ("failed", "unproved", "ok").index(group.verdict))


def drill_steps(rows: Rows) -> Iterator[tuple[str, str, int, str, str, str]]:
    """Each step of each drill: drill, link, number, name, what changes, how its mixtures ended."""
    steps: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        steps.setdefault((row["drill"], row["step"]), []).append(row)
    for (drill, number), mixtures in steps.items():
        first = mixtures[0]
        bad = [row for row in mixtures if row["ok"] is False]
        unproved = [row for row in mixtures if row["ok"] is None]
        outcome = f"{len(mixtures)} mixtures of restarted pods, all good"
        if bad:
            outcome = f"FAILED in {len(bad)} of {len(mixtures)} mixtures: {bad[0]['failed'][0]}"
        elif unproved:
            outcome = f"{len(unproved)} of {len(mixtures)} mixtures can't be proved from the files"
        yield drill, first["link"], number, first["name"], first["changes"], outcome


def lifetime(certificate: Mapping[str, Any]) -> str:
    """How long a certificate has left, in words."""
    days = certificate["days_left"]
    return "expired" if days < 0 else f"{days} days"


def counts(report: Mapping[str, Any]) -> dict[str, int]:
    """The figures at the top."""
    links, findings = report["links"], report["findings"]
    return {
        "cases": len(links),
        "ok": sum(row["ok"] is True for row in links),
        "failed": sum(row["ok"] is False for row in links),
        "unproved": sum(row["ok"] is None for row in links),
        "errors": sum(one["severity"] == "error" for one in findings),
        "warnings": sum(one["severity"] == "warning" for one in findings),
        "certificates": len(report["certificates"]),
        "expired": sum(one["days_left"] < 0 for one in report["certificates"]),
    }
