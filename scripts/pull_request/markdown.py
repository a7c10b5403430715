"""Untrusted text in Markdown: whatever a branch calls its objects stays text, and nobody is mentioned by it.

Entities can't be the syntax of Markdown or HTML, only its content (CommonMark 0.31, "Entity and numeric character
references"), and GitHub looks for mentions, issue numbers and commits in the finished HTML, but not within `<code>` and
`<pre>`. So text goes into `<code>` with every character that means something as an entity, and files go into fences.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST_CELL = 300
_PLAIN = frozenset(" .,()=+'/-")
_SPECIAL = {"\0": "&#46;", "@": "&#64;<wbr>"}


def visible(text: str, *, keep: str = "") -> str:
    """`text` without characters that hide or reorder others (controls, bidirectional marks, zero widths)."""
    return "".join(
        each
        if each in keep or not unicodedata.category(each).startswith(("C", "Z")) or each == " "
        else "\N{REPLACEMENT CHARACTER}"
        for each in text
    )


def one_line(text: str, longest: int = LONGEST_CELL) -> str:
    """`text` on one line, cut where it gets long."""
    flat = visible(re.sub(r"\s+", " ", text).strip())
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"


def code(text: str, longest: int = LONGEST_CELL) -> str:
    """Untrusted `text` as inline code, for a paragraph, a cell, a heading or a summary. Empty stays empty."""
    flat = one_line(text, longest)
    return f"<code>{_entities(flat)}</code>" if flat else ""


def _entities(text: str) -> str:
    # The dot after www makes a link in the source. An address of mail becomes one even from entities, unless its text
    # is in two pieces (cmark-gfm, extensions/autolink.c): `<wbr>` is nothing but a place to break the line.
    text = re.sub(r"(?i)(?<=www)\.", "\0", text)
    plain = (each if each.isalnum() or each in _PLAIN else _SPECIAL.get(each, f"&#{ord(each)};") for each in text)
    return "".join(plain)


def fence(text: str, language: str) -> list[str]:
    """Untrusted lines in a fence that they can't close."""
    lines = [visible(line, keep="\t") for line in re.split(r"\r\n|\r|\n", text.rstrip("\n"))]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * max(3, longest + 1)
    return [f"{ticks}{language}", *lines, ticks]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of cells that are safe already."""
    return ["", _row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def details(summary: str, lines: Sequence[str]) -> list[str]:
    """Lines that are folded up; `summary` is safe HTML."""
    return ["", f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"]


def size(text: str) -> int:
    """How long GitHub takes `text` to be: no fewer characters than this (UTF-16 units)."""
    return len(text.encode("utf-16-le", "replace")) // 2
