"""What changes in a stack, section by section, each with as much room as it is given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scripts.pull_request import trust_map
from scripts.pull_request.markdown import code, details, fence, table
from scripts.pull_request.model import Certificate, Finding, Link, Stack, Step, count

SOON_DAYS = 30
_LONGEST_ERROR = 4_000
_PROPERTIES = 6
_WORDS = {"ok": "ok", "failed": "**failed**", "unproved": "unproved"}
_T = TypeVar("_T")


@dataclass(frozen=True)
class Room:
    """How much is shown of a stack: rows of a table, files, lines of a file's diff, certificates in the map."""

    rows: int
    files: int
    lines: int
    nodes: int


class Sections:
    """The section of a stack.

    Attributes:
        cut: whether anything was left out so far.
    """

    def __init__(self, room: Room) -> None:
        """With that much room for each stack."""
        self.room = room
        self.cut = False

    def of(self, stack: Stack) -> Iterator[str]:
        """The lines for one stack."""
        yield from ["", f"### {code(stack.title, 80)}"]
        if not stack.on_head:
            yield from ["", "This branch removes the stack's file. What it deployed stays until `pulumi destroy`."]
            return
        yield from self._troubles(stack)
        if stack.head_error:
            return
        if stack.not_staged:
            kinds = ", ".join(code(kind, 120) for kind in self._first(stack.not_staged))
            yield from ["", f"Not judged, since no rehearsal knows their types: {kinds}."]
        yield from self._links(stack.links)
        yield from self._findings(stack.findings)
        yield from self._resources(stack)
        yield from self._files(stack)
        yield from self._certificates(stack.certificates)
        yield from self._map(stack.certificates)

    def _troubles(self, stack: Stack) -> Iterator[str]:
        if stack.head_error:
            yield from ["", "**It can't be rehearsed on this branch:**", "", *self._quoted(stack.head_error)]
        if stack.base_error:
            said = "It can't be rehearsed on the base, so nothing is compared; all is shown as new:"
            yield from ["", said, "", *self._quoted(stack.base_error)]
        elif not stack.on_base and not stack.head_error:
            yield from ["", "A new stack."]
        if stack.started_anew:
            said = "It couldn't start from the base's keys, so that all certificates are new:"
            yield from ["", said, "", *self._quoted(stack.started_anew)]

    def _quoted(self, message: str) -> list[str]:
        if len(message) > _LONGEST_ERROR:
            self.cut = True
            message = message[:_LONGEST_ERROR] + "…"
        return fence(message, "text")

    def _first(self, items: Sequence[_T]) -> Sequence[_T]:
        self.cut |= len(items) > self.room.rows
        return items[: self.room.rows]

    def _more(self, items: Sequence[object], most: int) -> list[str]:
        return ["", f"… and {len(items) - most} more."] if len(items) > most else []

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        return [*table(head, self._first(rows)), *self._more(rows, self.room.rows)]

    def _links(self, links: Sequence[Link]) -> Iterator[str]:
        open_ = [link for link in links if _stands_out(link)]
        quiet = [link for link in links if not _stands_out(link)]
        head = ("link", "client", "server", "base", "head", "")
        if open_:
            yield from ["", "**Links**", *self._table(head, [_link(link) for link in open_])]
            cases = [_case(link, index) for link in open_ for index in range(len(link.trouble))]
            if cases:
                columns = ("link", "case", "expected", "observed", "was", "", "why")
                yield from details(f"Cases in trouble or decided otherwise: {len(cases)}", self._table(columns, cases))
        if quiet:
            held, unproved = count(quiet, verdict="ok"), count(quiet, verdict="unproved")
            summary = f"Links as before: {held} hold" + (f", {unproved} can't be proved" if unproved else "")
            yield from details(summary, self._table(head, [_link(link) for link in quiet]))

    def _findings(self, findings: Sequence[Finding]) -> Iterator[str]:
        moved = [one for one in findings if one.fate in ("new", "gone")]
        stayed = [one for one in findings if one.fate == "same"]
        if moved:
            head = ("", "severity", "rule", "object", "what", "fix")
            yield from ["", "**Findings**", *self._table(head, [[f"**{one.fate}**", *_finding(one)] for one in moved])]
        if stayed:
            rows = [_finding(one) for one in stayed]
            table_ = self._table(("severity", "rule", "object", "what", "fix"), rows)
            yield from details(f"Findings as before: {len(stayed)}", table_)

    def _resources(self, stack: Stack) -> Iterator[str]:
        if stack.steps:
            rows = [[_operation(step), code(step.type, 120), code(step.name, 120), _why(step)] for step in stack.steps]
            summary = f"Resources: {operations(stack)}; {stack.unchanged} unchanged"
            yield from details(summary, self._table(("", "type", "name", "what differs"), rows))

    def _files(self, stack: Stack) -> Iterator[str]:
        if not stack.files and not stack.renewed:
            return
        lines: list[str] = []
        shown = stack.files[: self.room.files]
        for file in shown:
            lines += ["", f"{code(file.path)} {file.fate}", "", *self._diff(file.diff)]
        self.cut |= len(shown) < len(stack.files)
        if len(shown) < len(stack.files):
            lines += ["", f"… and {len(stack.files) - len(shown)} more files."]
        if stack.renewed:
            one = "1 file differs" if stack.renewed == 1 else f"{stack.renewed} files differ"
            lines += ["", f"{one} in nothing but certificates, their digests or names made from them."]
        yield from details(f"Manifests and Helm values: {fates(stack.files, 'new', 'changed', 'gone') or '0'}", lines)

    def _diff(self, diff: str) -> list[str]:
        lines = diff.splitlines()
        left_out = len(lines) - self.room.lines
        if left_out <= 0:
            return fence(diff, "diff")
        self.cut = True
        return [*fence("\n".join(lines[: self.room.lines]), "diff"), "", f"… and {left_out} more lines."]

    def _certificates(self, certificates: Sequence[Certificate]) -> Iterator[str]:
        moved = [one for one in certificates if one.fate != "same"]
        ending = [one for one in certificates if one.fate == "same" and one.days_left <= SOON_DAYS]
        if moved or ending:
            rows = [_certificate(one) for one in (*ending, *moved)]
            head = ("", "name", "issuer", "key", "until", "was until", "read by")
            said = fates(certificates, "new", "changed", "gone") or "no change"
            said += f", {len(ending)} end within {SOON_DAYS} days" if ending else ""
            yield from details(f"Certificates: {said}", self._table(head, rows))

    def _map(self, certificates: Sequence[Certificate]) -> Iterator[str]:
        lines, left_out = trust_map.draw(certificates, self.room.nodes)
        self.cut |= left_out > 0
        if lines:
            note = ["", f"{left_out} certificates that don't change are left out."] if left_out else []
            yield from details("Trust map: who issues, who reads", [*fence("\n".join(lines), "mermaid"), *note])


def operations(stack: Stack) -> str:
    """How many resources meet which fate, in words; empty where nothing changes."""
    words = ("delete", "replace", "create", "update")
    return ", ".join(f"{number} to {op}" for op in words if (number := count(stack.steps, op=op)))


def fates(items: Sequence[object], *of: str) -> str:
    """How many items have which fate, in words; empty where none has one of them."""
    return ", ".join(f"{number} {fate}" for fate in of if (number := count(items, fate=fate)))


def _stands_out(link: Link) -> bool:
    return link.verdict == "failed" or link.fate != "same"


def _link(link: Link) -> list[str]:
    peers = [code(each, 120) for each in (link.link, link.client, link.server)]
    fate = "" if link.fate == "same" else f" ({link.fate})"
    word = "gone" if link.fate == "gone" else f"{_WORDS[link.verdict]}{fate}"
    return [*peers, code(link.was, 20), "" if link.fate == "gone" else f"{link.held}/{link.cases}", word]


def _case(link: Link, index: int) -> list[str]:
    case = link.trouble[index]
    words = [code(each) for each in (f"{link.link}: {link.client} to {link.server}", case.case)]
    outcomes = [code(each, 120) for each in (case.expected, case.observed, case.was)]
    return [*words, *outcomes, _WORDS[case.verdict], code(case.reason)]


def _finding(one: Finding) -> list[str]:
    severity = code(one.severity, 20)
    if one.severity == "error" and one.fate != "gone":
        severity = f"**{severity}**"
    return [severity, *(code(each) for each in (one.rule, one.object, one.message, one.fix))]


def _operation(step: Step) -> str:
    return f"**{code(step.op, 20)}**" if step.op in ("delete", "replace") else code(step.op, 20)


def _why(step: Step) -> str:
    words = [code(each, 160) for each in step.properties[:_PROPERTIES]]
    if len(step.properties) > _PROPERTIES:
        words.append(f"and {len(step.properties) - _PROPERTIES} more")
    if step.reason:
        words.append(code(step.reason))
    if step.delete_first:
        words.append("**the old one is deleted first**")
    return ", ".join(words)


def _certificate(one: Certificate) -> list[str]:
    word: str = "**ends soon**" if one.fate == "same" else one.fate
    if one.fate == "changed" and one.was == one.until:
        word = "read by others"
    until = "" if one.fate == "gone" else f"{code(one.until[:10])}, {one.days_left} days"
    was = one.until[:10] if one.fate == "gone" else one.was[:10]
    readers = ", ".join(code(reader, 120) for reader in one.used_by[:_PROPERTIES])
    readers += f" and {len(one.used_by) - _PROPERTIES} more" if len(one.used_by) > _PROPERTIES else ""
    return [word, *(code(each, 120) for each in (one.name, one.issuer, one.key)), until, code(was), readers]
