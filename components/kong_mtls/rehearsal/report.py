"""The report of a rehearsal: ``report.json``, and what a person sees at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kong_mtls.audit import Finding
from kong_mtls.reader.manifests import Objects
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.diff import Step, summary
from kong_mtls.rehearsal.drill import Row
from kong_mtls.rehearsal.links import Link
from kong_mtls.rehearsal.stage import Performance


def build(
    performance: Performance,
    links: Sequence[Link],
    findings: Sequence[Finding],
    objects: Objects,  # noqa: ARG001
    at: datetime,
    *,
    ahead: Sequence[Step] = (),
    drill: Sequence[Row] = (),
) -> dict[str, Any]:
    """The content of ``report.json``; nothing secret in it."""
    return {
        "stack": performance.stack,
        "engine": "rehearsal",
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resources": [{"urn": r.urn, "type": r.type, "name": r.name} for r in performance.resources],
        "changes": summary(performance.steps),
        "ahead": [step.to_json() for step in ahead],
        "certificates": [],
        "links": [asdict(link) for link in links],
        "drill": [row.to_json() for row in drill],
        "findings": [asdict(finding) for finding in findings],
        "exports": wire.shown(performance.exports),
        "messages": [{"severity": m.severity, "text": m.text} for m in performance.messages],
        "placeholders": list(performance.placeholders),
        "not_staged": [{"resource": urn, "type": type_} for urn, type_ in performance.unstaged.items()],
        "waiting": [{"resource": urn, "reason": reason} for urn, reason in performance.waiting.items()],
    }


def write(report: Mapping[str, Any], folder: Path) -> None:
    """Writes the report into `folder`."""
    (folder / "report.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def print_terminal(report: Mapping[str, Any], console: Console) -> None:
    """The report's tables."""
    for message in report["messages"]:
        console.print(f"{message['severity']}: {message['text']}", markup=False)
    if report["placeholders"]:
        console.print(f"placeholders for secure config: {', '.join(report['placeholders'])}", markup=False)
    for item in report["not_staged"]:
        console.print(f"not staged: {item['type']}  {item['resource']}", markup=False)
    print_links(report["links"], console)
    print_findings(report["findings"], console)


def print_links(links: Sequence[Mapping[str, Any]], console: Console) -> None:
    """The table of links."""
    _table(console, "Links", ("link", "client", "server", "case", "expected", "observed", "ok", "reason"), links)


def print_findings(findings: Sequence[Mapping[str, Any]], console: Console) -> None:
    """The table of findings."""
    _table(console, "Findings", ("severity", "rule", "object", "message", "fix"), findings)


def _table(console: Console, title: str, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(title=f"{title} ({len(rows)})", title_justify="left")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    console.print(table)
