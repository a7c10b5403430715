"""The report on a terminal: what went wrong in full, what held in short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kong_mtls.rehearsal import summaries, unstaged

Rows = Sequence[Mapping[str, Any]]

_COLOURS = {"ok": "green", "failed": "bold red", "unproved": "yellow"}
_SEVERITIES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def print_terminal(report: Mapping[str, Any], console: Console) -> None:
    """Links, certificates, drills, what a later day would bring, findings."""
    if report["placeholders"]:
        console.print(f"placeholders for secure config: {', '.join(report['placeholders'])}", markup=False)
    if report["not_staged"]:
        console.print(f"Not staged ({len(report['not_staged'])})")
        for line in unstaged.lines({item["resource"]: item["type"] for item in report["not_staged"]}):
            console.print(line, markup=False)
    print_links(report["links"], console)
    _certificates(report["certificates"], console)
    _drills(report["drill"], console)
    if report["ahead"]:
        console.print(f"On {report['at'][:10]} the next update would change: {_names(report['ahead'])}", markup=False)
    print_findings(report["findings"], console)


def print_links(links: Rows, console: Console) -> None:
    """A line for each link between two peers; each case that went wrong or couldn't be tried below."""
    groups = summaries.groups(links)
    table = _table(f"Links ({len(links)} cases)", "link", "client", "server", "held", "")
    for group in groups:
        held = sum(case["ok"] is True for case in group.cases)
        colour = _COLOURS[group.verdict]
        verdict = f"[{colour}]{group.verdict}[/]"
        table.add_row(group.link, escape(group.client), escape(group.server), f"{held}/{len(group.cases)}", verdict)
    console.print(table)
    trouble = [case for group in groups for case in (*group.bad, *group.unproved)]
    for case in trouble:
        word = "FAILED" if case["ok"] is False else "can't be proved"
        console.print(
            f"{word}: {case['link']} link, {case['client']} to {case['server']}, {case['case']}: expected "
            f"{case['expected']}, observed {case['observed']} ({case['reason']})",
            style=_COLOURS["failed" if case["ok"] is False else "unproved"],
            markup=False,
        )


def print_findings(findings: Rows, console: Console) -> None:
    """Each finding with its fix."""
    if not findings:
        console.print("Findings: none")
        return
    table = _table(f"Findings ({len(findings)})", "", "rule", "object", "what", "fix")
    for one in findings:
        severity = f"[{_SEVERITIES[one['severity']]}]{one['severity']}[/]"
        cells = (escape(one[key]) for key in ("rule", "object", "message", "fix"))
        table.add_row(severity, *cells)
    console.print(table)


def _certificates(certificates: Rows, console: Console) -> None:
    table = _table(f"Certificates ({len(certificates)})", "name", "issuer", "key", "until", "left", "read by")
    for one in certificates:
        colour = "bold red" if one["days_left"] < 0 else "yellow" if one["days_left"] < summaries.SOON_DAYS else ""
        left = summaries.lifetime(one)
        table.add_row(
            escape(one["name"]),
            escape(one["issuer"]),
            one["key"],
            one["not_after"][:10],
            f"[{colour}]{left}[/]" if colour else left,
            escape(", ".join(one["used_by"])),
        )
    console.print(table)


def _drills(rows: Rows, console: Console) -> None:
    if not rows:
        return
    table = _table("Drills", "drill", "link", "step", "", "changes", "outcome")
    for drill, link, number, name, changes, outcome in summaries.drill_steps(rows):
        style = "bold red" if outcome.startswith("FAILED") else ""
        table.add_row(drill, link, str(number), escape(name), changes, escape(outcome), style=style)
    console.print(table)


def _names(steps: Rows) -> str:
    return ", ".join(f"{step['name']} ({step['op']})" for step in steps)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", header_style="dim")
    return table
