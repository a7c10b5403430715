"""The report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from kong_mtls.rehearsal import summaries

_ROW = 46
_WIDTHS = (250, 270, 330)
_GAP = 70


@dataclass(frozen=True)
class Node:
    """A box of the trust map."""

    x: int
    y: int
    width: int
    title: str
    note: str
    kind: str


@dataclass(frozen=True)
class Edge:
    """A line between two boxes, from the right side of one to the left side of the other."""

    x1: int
    y1: int
    x2: int
    y2: int
    kind: str


@dataclass(frozen=True)
class TrustMap:
    """A picture in three columns: CAs, what they issue, who reads it."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def render(report: Mapping[str, Any]) -> str:
    """The whole report; every text in it is escaped."""
    return _template().render(
        report=report,
        counts=summaries.counts(report),
        groups=summaries.groups(report["links"]),
        drills=list(summaries.drill_steps(report["drill"])),
        lifetime=summaries.lifetime,
        soon=summaries.SOON_DAYS,
        map=trust_map(report["certificates"]),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("kong_mtls.rehearsal"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["kind"] = _kind
    return environment.get_template("report.html.j2")


def trust_map(certificates: summaries.Rows) -> TrustMap:
    """Who issues, who trusts, and how long it lasts."""
    # A self-signed certificate that is no CA is its own root: it stands with the CAs.
    roots = [one for one in certificates if one["ca"] or one["issued_by"] == one["fingerprint_sha256"]]
    order = {one["fingerprint_sha256"]: place for place, one in enumerate(roots)}
    leaves = [one for one in certificates if one not in roots]
    leaves.sort(key=lambda one: (order.get(one["issued_by"], len(order)), one["name"]))
    readers = list(dict.fromkeys(reader for one in (*roots, *leaves) for reader in one["used_by"]))
    lefts = (10, 10 + _WIDTHS[0] + _GAP, 10 + _WIDTHS[0] + _WIDTHS[1] + 2 * _GAP)
    nodes: list[Node] = []
    places: dict[tuple[int, str], int] = {}
    for column, items in enumerate((roots, leaves, readers)):
        for row, item in enumerate(items):
            title, note, kind, key = _box(item)
            places[column, key] = len(nodes)
            nodes.append(Node(lefts[column], 10 + row * _ROW, _WIDTHS[column], title, note, kind))
    edges = []
    for column, one in [*((0, one) for one in roots), *((1, one) for one in leaves)]:
        own = places[column, one["fingerprint_sha256"]]
        issuer = places.get((0, one["issued_by"]))
        if column == 1 and issuer is not None:
            edges.append(_edge(nodes[issuer], nodes[own], "issues"))
        for reader in one["used_by"]:
            kind = "trusts" if one["ca"] else "reads"
            edges.append(_edge(nodes[own], nodes[places[2, reader]], kind))
    rows = max(len(roots), len(leaves), len(readers), 1)
    width = lefts[2] + _WIDTHS[2] + 10
    return TrustMap(width, 20 + rows * _ROW, tuple(nodes), tuple(edges))


def _box(item: Any) -> tuple[str, str, str, str]:
    if isinstance(item, str):
        return _cut(item, 44), "", "reader", item
    note = f"{item['key']}, {summaries.lifetime(item)} left" if item["days_left"] >= 0 else "expired"
    return _cut(item["name"], 32), note, _kind(item), item["fingerprint_sha256"]


def _kind(certificate: Mapping[str, Any]) -> str:
    if certificate["days_left"] < 0:
        return "expired"
    if certificate["days_left"] < summaries.SOON_DAYS:
        return "soon"
    return "ca" if certificate["ca"] else "leaf"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _edge(start: Node, end: Node, kind: str) -> Edge:
    return Edge(start.x + start.width, start.y + 18, end.x, end.y + 18, kind)
