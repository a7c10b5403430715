"""Links between documents lead somewhere, and files that are named are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .documents import Document, documents

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = documents(ROOT)
FOLDERS = "bench|components|docs|drills|e2e|examples|plugin|policy|scripts|settings|tests|.ci|.github"
# Files that commands make, and those of a reader's own.
MADE = re.compile(r"out/|\.stack/|\.pulumi-state|\.rehearsal|charts/")


def named(path: Path) -> str:
    """How a parametrised test calls a document."""
    return str(path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: named(each.path))
def test_links_lead_somewhere(document: Document) -> None:
    """To a file of the repository, and to a heading in it."""
    known = {each.path: each for each in DOCUMENTS}
    for link in document.links:
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / document.path.parent / target).resolve() if target else ROOT / document.path
        assert path.is_relative_to(ROOT), link
        assert path.exists(), f"{document.path}: {link}"
        if anchor and path.suffix == ".md":
            assert anchor in known[path.relative_to(ROOT)].anchors, f"{document.path}: {link}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: named(each.path))
def test_files_that_are_named_are_there(document: Document) -> None:
    """Paths of the repository in code spans; with a * at least one."""
    for code in re.findall(rf"`((?:{FOLDERS})/[\w./*-]*)`", document.prose):
        if MADE.match(code):
            continue
        near = [ROOT, ROOT / document.path.parent, ROOT / "components" / "kong_mtls"]
        assert any(list(folder.glob(code.rstrip("/"))) for folder in near), f"{document.path}: {code}"


def test_every_guide_is_found_from_the_readme() -> None:
    """By a link, or by one from a page that it links to."""
    seen: set[Path] = set()
    waiting = [Path("README.md")]
    known = {each.path: each for each in DOCUMENTS}
    while waiting:
        page = waiting.pop()
        if page in seen or page not in known:
            continue
        seen.add(page)
        waiting += [
            (ROOT / page.parent / link.partition("#")[0]).resolve().relative_to(ROOT)
            for link in known[page].links
            if "://" not in link and not link.startswith(("#", "mailto:"))
        ]
    assert {each.path for each in DOCUMENTS if each.path.parts[0] == "docs"} <= seen


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("## `up` was killed", "up-was-killed"),
        ("## 1. See it without a cluster", "1-see-it-without-a-cluster"),
        ("## See [the guide](x.md)", "see-the-guide"),
        ("### trust-one-ca", "trust-one-ca"),
    ],
)
def test_anchors_are_those_of_github(heading: str, anchor: str) -> None:
    """Lower case, no punctuation, hyphens for blanks; a second one of a name has a number."""
    assert Document(Path("x.md"), f"{heading}\n").anchors == {anchor}
    assert Document(Path("x.md"), f"{heading}\n\n{heading}\n").anchors == {anchor, f"{anchor}-1"}


def test_a_broken_link_is_seen() -> None:
    """Links in prose count, those in blocks and code spans don't."""
    text = "[a](gone.md) `[b](code.md)` ![c](picture.png)\n\n```sh\n[d](block.md)\n```\n"
    assert Document(Path("x.md"), text).links == ["gone.md", "picture.png"]
