"""Shorter views of a report, shared by its forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rows = Sequence[Mapping[str, Any]]

SOON_DAYS = 30
LINKS = {
    "client": "callers to data planes",
    "upstream": "data planes to Services",
    "cluster": "data planes to control plane",
    "database": "control plane to database",
    "admin": "ingress controller to Admin API",
}
"""The links and what they connect, as the reports order them."""
_OUTCOME = ("case", "expected", "observed", "ok")
_VERDICTS = ("failed", "unproved", "ok")


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
    def held(self) -> int:
        """How many cases came out as they must."""
        return sum(case["ok"] is True for case in self.cases)

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
    return sorted(made, key=lambda group: _VERDICTS.index(group.verdict))


@dataclass(frozen=True)
class Family:
    """Groups of one link whose cases came out alike: those of the first stand for all.

    Attributes:
        first: the group whose reasons are shown.
        peers: client and server of each, the first's included.
    """

    first: Group
    peers: list[tuple[str, str]] = field(default_factory=list)


def families(links: Rows) -> list[Family]:
    """Groups by link and outcome, those with trouble first."""
    found: dict[tuple[object, ...], Family] = {}
    for group in groups(links):
        cases = tuple(sorted(tuple(str(case[key]) for key in _OUTCOME) for case in group.cases))
        family = found.setdefault((group.link, group.verdict, cases), Family(group))
        family.peers.append((group.client, group.server))
    return list(found.values())


@dataclass(frozen=True)
class Standing:
    """How a whole link stands.

    Attributes:
        days_left: of the certificate of the link that ends first; None without any.
    """

    link: str
    what: str
    cases: int
    held: int
    verdict: str
    days_left: int | None


def standings(report: Mapping[str, Any]) -> dict[str, Standing]:
    """Each link by name; a link without cases has the verdict ``absent``."""
    made = {}
    for link, what in LINKS.items():
        cases = [case for case in report["links"] if case["link"] == link]
        oks = [case["ok"] for case in cases]
        verdict = "failed" if False in oks else "unproved" if None in oks else "ok" if oks else "absent"
        days = [one["days_left"] for one in report["certificates"] if link in one["links"]]
        made[link] = Standing(link, what, len(cases), oks.count(True), verdict, min(days, default=None))
    return made


def verdict(report: Mapping[str, Any]) -> tuple[str, str, str]:
    """The first thing to know: ``failed``, ``unproved`` or ``ok``, in a few words, and in a sentence."""
    figures = counts(report)
    drills = {row["drill"] for row in report["drill"] if row["ok"] is False and not row["outage"]}
    wrong = [
        (figures["failed"], f"{figures['failed']} of {figures['cases']} cases went wrong"),
        (figures["errors"], f"{_many(figures['errors'], 'finding')} must be mended"),
        (len(drills), f"{_many(len(drills), 'drill')} would drop somebody"),
        (figures["expired"], f"{_many(figures['expired'], 'certificate')} expired"),
    ]
    said = "; ".join(text for number, text in wrong if number)
    if figures["failed"]:
        return "failed", "A link doesn't hold", f"{said}."
    if figures["errors"] or drills:
        return "failed", "Not safe as it is", f"{said}."
    if figures["unproved"]:
        said = f"{figures['ok']} of {figures['cases']} cases held; {figures['unproved']} can't be tried from the files."
        return "unproved", "What could be tried holds", said
    if not figures["cases"]:
        return "unproved", "Nothing to prove", "These files describe no link."
    return "ok", "Every link holds", f"All {figures['cases']} cases came out as they must."


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


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
