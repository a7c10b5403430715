"""The trust map as Mermaid."""

import re

import pytest

from scripts.pull_request.model import Certificate, Fate
from scripts.pull_request.trust_map import MOST_CHARACTERS, MOST_EDGES, draw, label
from tests.pull_request.test_comment_markdown import HOSTILE


def certificate(name: str, fate: Fate = "same", *, issuer: str = "", ca: bool = False, readers: int = 0) -> Certificate:
    used_by = tuple(f"Release/kong/reader-{i}" for i in range(readers))
    return Certificate(name, name, fate, "CN=ca", "EC P-384", "2027-02-19T00:00:00Z", 89, ca, issuer, used_by)


def test_who_issues_and_who_reads() -> None:
    """A CA is round, a leaf is a box; what is new stands out."""
    lines, left_out = draw([certificate("leaf", "new", issuer="ca", readers=1), certificate("ca", ca=True)], 10)
    assert lines[:5] == [
        "graph LR",
        '  n0["leaf<br/>until 2027-02-19"]:::new',
        '  n1(["ca<br/>until 2027-02-19"])',
        "  n1 -->|issues| n0",
        '  n0 -.->|read by| n2["Release/kong/reader-0"]',
    ]
    assert lines[5].startswith("  classDef new ")
    assert left_out == 0


def test_what_goes_has_no_date() -> None:
    """A certificate that goes is there, dashed."""
    lines, _ = draw([certificate("old", "gone")], 10)
    assert lines[1] == '  n0["old"]:::gone'
    assert "stroke-dasharray" in lines[2]


def test_too_many() -> None:
    """The first ones are drawn, the others counted; an issuer that isn't drawn has no arrow."""
    lines, left_out = draw([certificate("a", issuer="c"), certificate("b"), certificate("c", ca=True)], 2)
    assert left_out == 1
    assert not any("issues" in line for line in lines)
    assert draw([certificate("a")], 0) == ([], 1)


@pytest.mark.parametrize(("number", "readers"), [(150, 20), (1, 1000)])
def test_no_more_than_mermaid_draws(number: int, readers: int) -> None:
    """Edges and characters stay below what Mermaid refuses."""
    lines, left_out = draw([certificate(f"c{i}", readers=readers) for i in range(number)], number)
    assert len(lines) <= MOST_EDGES
    assert sum(map(len, lines)) <= MOST_CHARACTERS
    assert left_out > 0


@pytest.mark.parametrize("text", [*HOSTILE, '"] --> x["', "#quot;", "end", "click n0 href"])
def test_a_label_stays_a_label(text: str) -> None:
    """Nothing in a label ends it, begins an entity of its own, or is HTML."""
    assert re.fullmatch(r"(?:[^\W_]|[ .,/=-]|#\d+;)*", label(text))
    assert "\n" not in label(text)
