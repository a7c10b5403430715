"""The comment: what a pull request changes, in Markdown that fits into what GitHub takes."""

import re
import sys
from collections.abc import Iterable

from scripts.pull_request.markdown import code, size, table
from scripts.pull_request.model import Comparison, Stack, count
from scripts.pull_request.sections import Room, Sections, fates, operations

MARKER = "<!-- kong-mtls: what this pull request changes -->"
# GitHub: "Body is too long (maximum is 65536 characters)".
LIMIT = 65_536
EVERYTHING = Room(rows=100_000, files=100_000, lines=1_000_000, nodes=150)
_ROOMS = (
    EVERYTHING,
    Room(rows=200, files=200, lines=400, nodes=100),
    Room(rows=100, files=60, lines=120, nodes=60),
    Room(rows=50, files=30, lines=60, nodes=40),
    Room(rows=25, files=12, lines=30, nodes=25),
    Room(rows=10, files=5, lines=12, nodes=0),
    Room(rows=5, files=0, lines=0, nodes=0),
)
_LINK = re.compile(r"https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~/-]*)?")


def comment(comparison: Comparison, link: str = "", limit: int = LIMIT) -> str:
    """The comment's text, of at most `limit` characters.

    Args:
        comparison: what changes; nothing in it is trusted.
        link: where everything can be read, for what had to be left out; an address of our own.
        limit: the longest text that is taken.
    """
    for room in _ROOMS:
        fitting = _render(comparison, room, link, limit)
        if fitting is not None:
            return fitting
    shown = len(comparison.stacks)
    while True:
        text = "\n".join([*_head(comparison), *_cut_note(link), *_overview(comparison, shown)]) + "\n"
        if size(text) <= limit or not shown:
            return text
        shown = shown * 2 // 3


def whole(comparison: Comparison) -> str:
    """Everything, however long it gets."""
    text = _render(comparison, EVERYTHING, "", sys.maxsize)
    assert text is not None
    return text


def _render(comparison: Comparison, room: Room, link: str, limit: int) -> str | None:
    """The text with that much room for each stack; None, and soon, if it doesn't fit."""
    sections = Sections(room)
    frame = [*_head(comparison), *_cut_note(link), *_overview(comparison, len(comparison.stacks))]
    used = _size(frame)
    lines: list[str] = []
    for stack in comparison.stacks:
        if used > limit:
            return None
        shown = list(sections.of(stack)) if stack.changed else []
        used += _size(shown)
        lines += shown
    note = _cut_note(link) if sections.cut else []
    text = [*_head(comparison), *note, *_overview(comparison, len(comparison.stacks)), *lines]
    return "\n".join(text) + "\n" if _size(text) <= limit else None


def _size(lines: Iterable[str]) -> int:
    return sum(size(line) + 1 for line in lines)


def _head(comparison: Comparison) -> list[str]:
    base, head = (code(each[:12]) for each in (comparison.base, comparison.head))
    return [
        MARKER,
        "## Rehearsal of this pull request",
        "",
        f"What {head} would change of {base}, found without a cluster and without secrets. The head starts from the "
        "keys and certificates of the base, so only what this branch changes is shown.",
    ]


def _cut_note(link: str) -> list[str]:
    where = "the job's summary and artifact"
    return ["", f"**Cut to fit.** The whole is in {f'[{where}]({link})' if _LINK.fullmatch(link) else where}."]


def _overview(comparison: Comparison, most: int) -> list[str]:
    if not comparison.stacks:
        return ["", "There is no stack: no program has a file `Pulumi.<stack>.yaml`."]
    columns = ("stack", "resources", "files", "links", "certificates", "findings")
    # What is in trouble stays, whatever has to go.
    ordered = (
        sorted(comparison.stacks, key=lambda it: it.ok and not it.head_error)
        if most < len(comparison.stacks)
        else comparison.stacks
    )
    more = ["", f"… and {len(ordered) - most} more stacks."] if most < len(ordered) else []
    return [*table(columns, [_row(stack) for stack in ordered[:most]]), *more]


def _row(stack: Stack) -> list[str]:
    title = code(stack.title, 80)
    if stack.head_error:
        return [title, "**can't be rehearsed**", "", "", "", ""]
    if not stack.on_head:
        return [title, "the stack is removed", "", "", "", ""]
    moved = fates(stack.certificates, "new", "changed", "gone") or "no change"
    return [title, *_applied(stack), _links(stack), moved, _findings(stack)]


def _applied(stack: Stack) -> tuple[str, str]:
    """Resources and files."""
    if not stack.compared:
        return ("not compared" if stack.base_error else "new stack"), ""
    files = fates(stack.files, "new", "changed", "gone")
    files = files or ("certificates alone" if stack.renewed else "no change")
    return "not compared" if stack.started_anew else operations(stack) or "no change", files


def _links(stack: Stack) -> str:
    held, cases = sum(link.held for link in stack.links), sum(link.cases for link in stack.links)
    failed, changed = count(stack.links, verdict="failed"), sum(link.fate != "same" for link in stack.links)
    notes = [f"**{failed} failed**"] if failed else []
    notes += [f"{changed} changed"] if changed and stack.compared else []
    return ", ".join([f"{held}/{cases}", *notes])


def _findings(stack: Stack) -> str:
    errors = sum(one.severity == "error" and one.fate != "gone" for one in stack.findings)
    said = fates(stack.findings, "new", "gone") or "no change"
    noun = "error" if errors == 1 else "errors"
    return f"{said}, **{errors} {noun}**" if errors else said
