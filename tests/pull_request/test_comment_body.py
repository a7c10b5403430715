"""The comment: what it says, what it leaves out when there is too much, and that nothing breaks out of it."""

import re
from dataclasses import replace
from typing import Any

import pytest

from scripts.pull_request.body import LIMIT, MARKER, comment
from scripts.pull_request.markdown import size
from scripts.pull_request.model import Certificate, Comparison, File, Link, Stack, Step
from tests.pull_request.conftest import change
from tests.pull_request.test_comment_markdown import HOSTILE, rendered

LINK = "https://github.com/team/gateway/actions/runs/1"


def of(*stacks: Stack) -> Comparison:
    return Comparison(1, 7, "b" * 40, "a" * 40, stacks)


def text_of(comparison: Comparison) -> str:
    return rendered(comment(comparison)).text


def test_everything_is_said(comparison: Comparison) -> None:
    """One row a stack, and for the one that changes its resources, files, links, certificates, findings and map."""
    written = comment(comparison)
    assert written.startswith(MARKER + "\n")
    for part in (
        "| <code>dev</code> | 1 to replace | 1 changed | 11/12, **1 failed**, 1 changed |",
        "| 1 changed | 1 new, **1 error** |",
        "| <code>prod</code> | no change | no change | 0/0 | no change | no change |",
        "**the old one is deleted first**",
        "-port: 80\n+port: 443",
        "2 files differ in nothing but certificates",
        "**failed** (changed)",
        "refuse, ok",
        "<code>2027-02-19</code>, 89 days | <code>2027-01-01</code>",
        "| **new** | **<code>error</code>** | <code>upstream-verify</code>",
        "```mermaid\ngraph LR",
        "n1 -->|issues| n0",
    ):
        assert part in written
    assert "### <code>prod</code>" not in written


def test_failing_links_come_before_folded_ones(comparison: Comparison) -> None:
    """What is in trouble is open, and stands first."""
    written = comment(comparison)
    assert written.index("**Links**") < written.index("kong-dp/dp") < written.index("Links as before: 1 hold")


def test_a_head_that_cannot_be_rehearsed() -> None:
    """The one message, in the row and in a block; nothing else of the stack."""
    written = comment(of(change(head_error="Pulumi.dev.yaml: chart.version: unknown\n- and more", ok=False)))
    assert "**can't be rehearsed**" in written
    assert "```text\nPulumi.dev.yaml: chart.version: unknown\n- and more\n```" in written
    assert "Resources" not in written


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        (change(base_error="it refused"), "can't be rehearsed on the base"),
        (change(on_base=False), "A new stack."),
        (Stack(".", "dev", on_head=False), "removes the stack's file"),
        (change(started_anew="state: another version"), "couldn't start from the base's keys"),
        (change(not_staged=("aws:s3/bucket:Bucket",)), "no rehearsal knows their types: aws:s3/bucket:Bucket"),
        (change(program="infra/kong"), "infra/kong: dev"),
    ],
)
def test_what_is_special(stack: Stack, said: str) -> None:
    """Said in words, where the reader looks first."""
    assert said in text_of(of(stack))


def test_no_stacks() -> None:
    """That is said too."""
    assert "There is no stack" in comment(of())


def test_the_same_comparison_makes_the_same_comment(comparison: Comparison) -> None:
    """So that an unchanged comment stays as it is."""
    assert comment(comparison) == comment(comparison)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_breaks_out(hostile: str) -> None:
    """Whatever a branch calls its things, the comment has the elements that it has with tame names."""

    def filled(value: Any, text: str) -> Any:
        if isinstance(value, str):
            return text if value else value
        if isinstance(value, tuple):
            return tuple(filled(item, text) for item in value)
        if isinstance(value, bool | int):
            return value
        kept = {"op", "fate", "verdict", "severity", "id", "issued_by", "until", "was"}
        return replace(value, **{key: filled(item, text) for key, item in vars(value).items() if key not in kept})

    stack = change(not_staged=("type",), base_error="said", started_anew="said")
    failed = change(head_error="said")
    tame, wild = (rendered(comment(of(filled(stack, each), filled(failed, each)))) for each in ("tame", hostile))
    assert wild.elements == tame.elements
    assert wild.attributes == tame.attributes


def large(number: int) -> Stack:
    name = "a-rather-long-name-of-an-object-" + "x" * 40
    return change(
        steps=tuple(Step("update", "kubernetes:core/v1:Service", f"{name}{i}", ("spec",)) for i in range(number)),
        files=tuple(File(f"manifests/{name}{i}.yaml", "changed", "@@\n" + "-a\n+b\n" * 40) for i in range(number)),
        links=tuple(Link("upstream", "dp", f"Service/{name}{i}", "new", "ok", 9, 9) for i in range(number)),
        certificates=tuple(
            Certificate(f"{i}", f"{name}{i}", "new", "CN=ca", "EC P-384", "2027-02-19", 89, False)
            for i in range(number)
        ),
    )


@pytest.mark.parametrize("number", [1, 30, 300, 1000])
def test_it_always_fits(number: int) -> None:
    """With much to say some is cut, that is said, and every block is closed."""
    written = comment(of(large(number), change(name="small")), LINK)
    assert size(written) <= LIMIT
    assert written.count("<details>") == written.count("</details>")
    assert len(re.findall(r"^```", written, re.MULTILINE)) % 2 == 0
    assert (f"[the job's summary and artifact]({LINK})" in written) == (number > 30)
    assert "<code>small</code>" in written


def test_many_stacks() -> None:
    """The rows of those in trouble stay when not even the table fits."""
    stacks = [replace(change(), name=f"stack-{i}", ok=True) for i in range(700)]
    stacks[600] = replace(stacks[600], head_error="it refused", name="broken")
    written = comment(of(*stacks))
    assert size(written) <= LIMIT
    assert "<code>broken</code> | **can't be rehearsed**" in written
    assert "more stacks" in written


def test_one_enormous_message() -> None:
    """A message is cut as well."""
    written = comment(of(change(head_error="x" * 200_000)))
    assert size(written) <= LIMIT
    assert "Cut to fit" in written


def test_a_link_that_is_none() -> None:
    """Only an address is made a link."""
    assert "](" not in comment(of(large(300)), "javascript:alert(1)")
