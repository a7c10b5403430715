"""The documentation as its readers see it: documents, their headings, links and blocks, and the commands in these."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_SHELLS = ("sh", "bash", "")
_JOINERS = {"|", "||", "&&", ";", "&"}


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: What stands behind the fence.
        text: What is in it, without the indentation of the fence.
    """

    language: str
    text: str


@dataclass(frozen=True)
class Document:
    """A Markdown file."""

    path: Path
    text: str

    @cached_property
    def prose(self) -> str:
        """The text without fenced blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def blocks(self) -> list[Block]:
        """Its fenced blocks."""
        return [
            Block(language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
            for indent, language, text in _FENCE.findall(self.text)
        ]

    @cached_property
    def anchors(self) -> set[str]:
        """What a link may have behind its #, as GitHub makes it of headings."""
        found: dict[str, int] = {}
        names = set()
        for heading in _HEADING.findall(self.prose):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
            name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            names.add(f"{name}-{found[name]}" if name in found else name)
            found[name] = found.get(name, 0) + 1
        return names

    @cached_property
    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        prose = re.sub(r"`[^`\n]*`", "", self.prose)
        return [link or picture for link, picture in _LINK.findall(prose)]

    @cached_property
    def commands(self) -> list[list[str]]:
        """Every command of its shell blocks, as words."""
        return [words for block in self.blocks if block.language in _SHELLS for words in commands(block.text)]


def documents(root: Path) -> list[Document]:
    """Every Markdown file that people are meant to read."""
    paths = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "examples").rglob("*.md")]
    return [
        Document(path.relative_to(root), path.read_text("utf-8"))
        for path in sorted(paths)
        if ".venv" not in path.parts and "node_modules" not in path.parts
    ]


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a script, as words, without what sets variables; what is no shell is left out."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a quotation of several lines, or no shell at all
            continue
        command: list[str] = []
        for word in [*words, ";"]:
            if word in _JOINERS or set(word) <= set("|&;()<>"):
                if command:
                    yield command
                command = []
            elif not command and re.fullmatch(r"\w+=.*", word):
                continue
            else:
                command.append(word)
