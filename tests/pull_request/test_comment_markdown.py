"""Untrusted text in Markdown stays text."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from scripts.pull_request.markdown import code, details, fence, one_line, size, table

HOSTILE = [
    "`a` ``b`` ```c```",
    "x | y | z",
    "ends with a backslash \\",
    "\\| \\\\|",
    "</code></td></table><img src=x onerror=alert(1)>",
    "<!-- kong-mtls: what this pull request changes -->",
    "@everyone and @team/admins, see #1 and owner/repo#2",
    "[click](https://example.com) ![x](https://example.com/x.png) https://example.com www.example.com",
    "*a* _b_ ~~c~~ $d$ :tada: # e - f > g",
    "one\ntwo\r\nthree\rfour\u2028five",
    "&lt;b&gt; &#64; &amp;",
    "\u202egnp.exe\u200b\x00\x1b[31m",
    "</summary></details>\n\n# a heading",
]


class Seen(HTMLParser):
    """The elements of a page, without places to break a line, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements += [tag] if tag != "wbr" else []
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(text: str) -> Seen:
    return Seen(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_paragraph_says_what_was_said(text: str) -> None:
    """Inline code is one element, and its text is what was given, on one line."""
    page = rendered(f"before {code(text, 1000)} after")
    assert page.elements == ["p", "code"]
    assert page.text.strip() == f"before {one_line(text, 1000)} after"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_stays_a_cell(text: str) -> None:
    """No text adds a column, a row or an element."""
    page = rendered("\n".join(table(("a", "b"), [(code(text, 1000), "end")])))
    assert page.elements == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "code", "td"]
    assert one_line(text, 1000) in page.text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_summary_stays_closed(text: str) -> None:
    """What is folded up stays below its own summary."""
    page = rendered("\n".join(details(code(text), ["inside"])))
    assert page.elements == ["details", "summary", "code", "p"]


@given(st.text())
@example("|`\\")
def test_any_text_in_a_cell(text: str) -> None:
    """Whatever the text, a row has its two cells and nothing else."""
    page = rendered("\n".join(table(("a", "b"), [(code(text), "end")])))
    elements = [each for each in page.elements if each != "code"]
    assert elements == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert page.attributes == []


@given(st.text(alphabet=st.sampled_from("`~ a\n\r\t<>\\")))
@example("```\n</details>\n```")
@example("~~~\n~~~")
def test_a_fence_is_closed_by_us_alone(text: str) -> None:
    """Whatever the lines, all are in one block."""
    page = rendered("\n".join([*fence(text, "diff"), "", "after"]))
    assert page.elements == ["pre", "code", "p"]
    assert page.text.rstrip().endswith("after")


def test_no_mention_and_no_link() -> None:
    """Names are within code, where GitHub looks for neither people nor issues; no address becomes a link."""
    written = code("@someone https://example.com www.example.com a@example.com #12")
    assert not re.search(r"[@#](?![0-9]+;)|://|www\.|&#64;(?!<wbr>)", written)
    assert written.startswith("<code>")


def test_what_hides_is_shown() -> None:
    """Characters that reorder or hide text are replaced; letters of other scripts stay."""
    assert one_line("a\u202eb\u200bc\x07 ö 字") == "a\ufffdb\ufffdc\ufffd ö 字"


def test_long_text_is_cut() -> None:
    """A cell has its limit, and says that there was more."""
    assert one_line("x" * 500, 10) == "xxxxxxxxx…"


def test_nothing_is_nothing() -> None:
    """An empty text makes no empty element."""
    assert code("") == code(" \n") == ""


def test_size_as_github_counts() -> None:
    """A character outside the basic plane counts twice."""
    assert (size("abc"), size("ö"), size("\U0001f600")) == (3, 1, 2)
