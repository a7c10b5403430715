"""The report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from kong_mtls.rehearsal import summaries, trust_map, unstaged

_CALENDAR = ((0, "Expired"), (30, "Within 30 days"), (90, "Within 90 days"), (365, "Within a year"))
_MARKS = {"ok": "\N{CHECK MARK}", "failed": "\N{BALLOT X}", "unproved": "?", "absent": "\N{EN DASH}"}


def render(report: Mapping[str, Any]) -> str:
    """The whole report; every text in it is escaped."""
    return _template().render(
        report=report,
        verdict=summaries.verdict(report),
        counts=summaries.counts(report),
        standings=summaries.standings(report),
        families=summaries.families(report["links"]),
        drills=drills(report["drill"]),
        bands=trust_map.bands(report["certificates"]),
        calendar=calendar(report["certificates"]),
        upstreams=upstreams(report["upstreams"]),
        not_staged=unstaged.lines({item["resource"]: item["type"] for item in report["not_staged"]}),
        marks=_MARKS,
        day=f"{_moment(report['at']):%d %B %Y, %H:%M} UTC",
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("kong_mtls.rehearsal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"kind": kind, "lifetime": summaries.lifetime, "used": used, "object": _object}
    return environment.get_template("report.html.j2")


def calendar(certificates: summaries.Rows) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Certificates by how long they last, those that end first at the top; empty parts are left out."""
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for one in sorted(certificates, key=lambda one: (one["not_after"], one["name"])):
        title = next((title for days, title in _CALENDAR if one["days_left"] < days), "Later")
        parts.setdefault(title, []).append(one)
    return list(parts.items())


def drills(rows: summaries.Rows) -> list[tuple[str, str, list[tuple[int, str, str, str]], bool]]:
    """Each drill: its name, its link, its steps (number, name, changes, outcome), and whether one of them failed."""
    found: dict[tuple[str, str], list[tuple[int, str, str, str]]] = {}
    for drill, link, number, name, changes, outcome in summaries.drill_steps(rows):
        found.setdefault((drill, link), []).append((number, name, changes, outcome))
    made = [(*key, steps, any(step[3].startswith("FAILED") for step in steps)) for key, steps in found.items()]
    return sorted(made, key=lambda one: not one[3])


def upstreams(rows: summaries.Rows) -> list[tuple[Mapping[str, Any], list[str]]]:
    """Services whose settings are alike but for names, with the first one's in full."""
    found: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for row in rows:
        name = row["service"].split("/")[2]
        alike = str([row["gateway"], row["settings"], row["problems"]]).replace(row["service"], "").replace(name, "")
        found.setdefault(alike.replace(row["service"].split("/")[1], ""), (row, []))[1].append(row["service"])
    return sorted(found.values(), key=lambda one: not one[0]["problems"])


def kind(certificate: Mapping[str, Any]) -> str:
    """How urgent a certificate is: ``expired``, ``soon`` or ``fine``."""
    days = certificate["days_left"]
    return "expired" if days < 0 else "soon" if days < summaries.SOON_DAYS else "fine"


def used(certificate: Mapping[str, Any]) -> int:
    """How much of a certificate's life is over, in per cent."""
    start, end = (_moment(certificate[key]) for key in ("not_before", "not_after"))
    whole = max((end - start).days, 1)
    over: int = 100 - round(100 * certificate["days_left"] / whole)
    return min(max(over, 0), 100)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _object(text: str) -> tuple[str, str]:
    """``Kind`` and ``namespace/name`` of an object."""
    first, _, rest = text.partition("/")
    return (first, rest) if rest.count("/") else ("", text)
