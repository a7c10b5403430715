"""The report as Markdown, for a pull request: tables, and the trust map as a Mermaid graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kong_mtls.rehearsal import summaries, unstaged


def render(report: Mapping[str, Any]) -> str:
    """The whole report."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    figures = summaries.counts(report)
    yield f"# Rehearsal of `{report['stack']}`"
    yield ""
    yield (
        f"{figures['cases']} cases of the links: {figures['ok']} ok, {figures['failed']} failed, "
        f"{figures['unproved']} can't be proved. {figures['errors']} errors, {figures['warnings']} warnings. "
        f"Judged as of {report['at']}."
    )
    yield from _not_staged(report)
    yield from _links(report)
    yield from _certificates(report)
    yield from trust_map(report)
    yield from _drills(report)
    yield from _findings(report)


def _not_staged(report: Mapping[str, Any]) -> Iterator[str]:
    """What the rehearsal knows nothing of: it stands before what it does know."""
    things = {item["resource"]: item["type"] for item in report["not_staged"]}
    if things:
        yield ""
        yield f"## Not staged ({len(things)})"
        for line in unstaged.lines(things):
            if not line.startswith("  "):
                yield ""
            yield line.lstrip()


def _links(report: Mapping[str, Any]) -> Iterator[str]:
    yield from _head("Links", "link", "client", "server", "held", "verdict")
    groups = summaries.groups(report["links"])
    for group in groups:
        held = sum(case["ok"] is True for case in group.cases)
        yield _row(group.link, group.client, group.server, f"{held}/{len(group.cases)}", group.verdict)
    trouble = [case for group in groups for case in (*group.bad, *group.unproved)]
    if trouble:
        yield from _head("Cases in trouble", "link", "case", "expected", "observed", "why")
        for case in trouble:
            yield _row(case["link"], case["case"], case["expected"], case["observed"], case["reason"])


def _certificates(report: Mapping[str, Any]) -> Iterator[str]:
    yield from _head("Certificates", "name", "issuer", "key", "until", "left", "read by")
    for one in report["certificates"]:
        left, readers = summaries.lifetime(one), ", ".join(one["used_by"])
        yield _row(one["name"], one["issuer"], one["key"], one["not_after"][:10], left, readers)
    if report["ahead"]:
        yield ""
        yield f"On {report['at'][:10]} the next update would change:"
        yield ""
        for step in report["ahead"]:
            yield f"- {step['op']} `{step['name']}`"


def trust_map(report: Mapping[str, Any]) -> Iterator[str]:
    """Who issues what, and who reads it, as a Mermaid graph."""
    names: dict[str, str] = {}

    def node(text: str) -> str:
        return names.setdefault(text, f"n{len(names)}")

    yield ""
    yield "## Trust map"
    yield ""
    yield "```mermaid"
    yield "graph LR"
    for one in report["certificates"]:
        shape = "([{}])" if one["ca"] else "[{}]"
        label = f'"{_safe(one["name"])}<br/>{summaries.lifetime(one)}"'
        yield f"  {node(one['fingerprint_sha256'])}{shape.format(label)}"
    for one in report["certificates"]:
        own = one["fingerprint_sha256"]
        if one["issued_by"] and one["issued_by"] != own:
            yield f"  {node(one['issued_by'])} -->|issues| {node(own)}"
        for reader in one["used_by"]:
            verb = "trusted by" if one["ca"] else "read by"
            yield f'  {node(own)} -.->|{verb}| {node(reader)}["{_safe(reader)}"]'
    yield "```"


def _drills(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["drill"]:
        return
    yield from _head("Drills", "drill", "link", "step", "name", "changes", "outcome")
    for drill, link, number, name, changes, outcome in summaries.drill_steps(report["drill"]):
        yield _row(drill, link, str(number), name, changes, outcome)


def _findings(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["findings"]:
        yield ""
        yield "No findings."
        return
    yield from _head("Findings", "severity", "rule", "object", "what", "fix")
    for one in report["findings"]:
        yield _row(one["severity"], one["rule"], one["object"], one["message"], one["fix"])


def _head(title: str, *columns: str) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield _row(*columns)
    yield _row(*("---" for _ in columns))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _safe(text: str) -> str:
    return text.replace('"', "'").replace("<", "&lt;")
