"""The report of a rehearsal as data: ``report.json``, from which every other form is made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kong_mtls.audit import Finding
from kong_mtls.reader.manifests import Objects
from kong_mtls.rehearsal import certificate_links, html_report, inventory, markdown_report, wire
from kong_mtls.rehearsal.diff import Step, summary
from kong_mtls.rehearsal.drill import Row
from kong_mtls.rehearsal.links import Link
from kong_mtls.rehearsal.links.upstream_settings import EffectiveUpstream, effective
from kong_mtls.rehearsal.stage import Performance
from kong_mtls.rehearsal.terminal_report import print_findings, print_links, print_terminal

__all__ = ["build", "print_findings", "print_links", "print_terminal", "write"]

_SEVERITIES = ("error", "warning", "info")
_SAID: Mapping[str, Literal["error", "warning"]] = {"error": "error", "warning": "warning"}


def build(
    performance: Performance,
    links: Sequence[Link],
    findings: Sequence[Finding],
    objects: Objects,
    at: datetime,
    *,
    ahead: Sequence[Step] = (),
    drill: Sequence[Row] = (),
) -> dict[str, Any]:
    """The content of ``report.json``; nothing secret in it.

    Args:
        performance: the run of the program.
        links: the cases of every link; those that went wrong come first in the report.
        findings: what the audit found.
        objects: the files, in clear.
        at: the moment that everything is judged by.
        ahead: what an `up` at that moment would change.
        drill: what the drills found.
    """
    rows = [asdict(link) for link in sorted(links, key=lambda link: _rank(link.ok))]
    found = [_dated(entry.to_json(), at) for entry in inventory.certificates(objects)]
    return {
        "stack": performance.stack,
        "engine": "rehearsal",
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resources": [{"urn": r.urn, "type": r.type, "name": r.name} for r in performance.resources],
        "changes": summary(performance.steps),
        "ahead": [step.to_json() for step in ahead],
        "certificates": certificate_links.with_links(found, objects, rows),
        "links": rows,
        "upstreams": [_upstream(one) for one in effective(objects, at)],
        "drill": [row.to_json() for row in drill],
        "findings": [asdict(one) for one in _sorted([*findings, *_said(performance), *_unproved(links)])],
        "exports": wire.shown(performance.exports),
        "messages": [{"severity": m.severity, "text": m.text} for m in performance.messages],
        "placeholders": list(performance.placeholders),
        "not_staged": [{"resource": urn, "type": type_} for urn, type_ in performance.unstaged.items()],
        "waiting": [{"resource": urn, "reason": reason} for urn, reason in performance.waiting.items()],
    }


def write(report: Mapping[str, Any], folder: Path) -> None:
    """Write ``report.json``, ``report.md`` and ``report.html`` into ``folder``."""
    (folder / "report.json").write_text(_json(report), encoding="utf-8")
    (folder / "report.md").write_text(markdown_report.render(report), encoding="utf-8")
    (folder / "report.html").write_text(html_report.render(report), encoding="utf-8")


def _json(report: Mapping[str, Any]) -> str:
    """JSON with a line for each row: it can be read and compared, and a thousand Services don't make it endless."""
    parts = []
    for key, value in report.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in value) + "\n  ]"
        parts.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _dated(certificate: dict[str, Any], at: datetime) -> dict[str, Any]:
    end = datetime.fromisoformat(certificate["not_after"].replace("Z", "+00:00"))
    return {**certificate, "days_left": (end - at).days}


def _rank(ok: bool | None) -> int:
    """What went wrong first, then what couldn't be proved."""
    return {False: 0, None: 1, True: 2}[ok]


def _said(performance: Performance) -> Iterable[Finding]:
    """What the program itself warned of, as findings: whoever reads the report need not have seen the terminal."""
    for message in performance.messages:
        if message.severity in _SAID:
            yield Finding("program", _SAID[message.severity], f"Stack//{performance.stack}", message.text, "")


def _unproved(links: Sequence[Link]) -> Iterable[Finding]:
    """A warning for each link that can't be judged: nobody should take silence for proof."""
    seen = set()
    for row in links:
        if row.ok is None and (row.link, row.client, row.server, row.reason) not in seen:
            seen.add((row.link, row.client, row.server, row.reason))
            message = f"the {row.link} link from {row.client} to {row.server} can't be proved: {row.reason}"
            yield Finding("link-unproved", "warning", row.client, message, "Try it where the missing part is known.")


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: (_SEVERITIES.index(one.severity), one.rule, one.object))


def _upstream(one: EffectiveUpstream) -> dict[str, Any]:
    """The settings that hold for a Service, each with where it comes from."""
    return {
        "gateway": one.gateway,
        "service": one.service.object,
        "settings": [{"name": each.name, "value": each.value, "source": each.source} for each in one.settings],
        "problems": [text for text in (one.broken, one.unknown, *one.lost) if text],
    }
