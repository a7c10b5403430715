"""Rules of a rotation, without certificates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls import InputError
from kong_mtls.pki.generations import Generations, applied, generations, step_problems

NAMES = ["g1", "g2", "g3"]


@st.composite
def any_generations(draw: st.DrawFn) -> Generations:
    """Some generations, one of which issues."""
    trusted = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    return Generations(tuple(trusted), draw(st.sampled_from(trusted)))


def test_one_generation_by_default() -> None:
    """A CA begins with one generation, which issues."""
    assert generations(None, None, "ca") == Generations(("g1",), "g1")


def test_a_new_generation_does_not_issue_yet() -> None:
    """Adding a generation alone leaves the issuer as it was."""
    assert generations(["g1", "g2"], None, "ca").issuing == "g1"


@pytest.mark.parametrize(
    ("trusted", "issuing", "message"),
    [
        (["g1"], "g2", "issuing 'g2' is not among the generations g1"),
        (["g1", "g1"], None, "generation 'g1' is listed twice"),
        (["G1"], None, "generation 'G1' can't be used"),
        (["a" * 17], None, "allowed: up to 16"),
        (["g1", ""], None, "generation '' can't be used"),
    ],
)
def test_out_of_order(trusted: list[str], issuing: str | None, message: str) -> None:
    """What the configuration itself shows to be wrong is refused by name."""
    with pytest.raises(InputError, match=message):
        generations(trusted, issuing, "ca")


@given(any_generations(), any_generations())
def test_a_step_is_allowed_when_every_mixture_holds(before: Generations, after: Generations) -> None:
    """A step is refused exactly when some mixture of old and new peers would not trust each other.

    A peer shows a certificate of its issuer and trusts its generations; a link holds when each trusts the other's.
    """
    mixtures = [(one, other) for one in (before, after) for other in (before, after)]
    holds = all(one.issuing in other.trusted and other.issuing in one.trusted for one, other in mixtures)
    assert (step_problems(before, after, "ca") == []) is holds


def test_nothing_applied_yet() -> None:
    """The first run has nothing to compare with, and may begin with any generations."""
    assert applied({}) is None
    assert applied(None) is None
    assert step_problems(None, Generations(("g7",), "g7"), "ca") == []


def test_what_was_put_out_is_read_back() -> None:
    """The stack's own output gives the generations again."""
    assert applied({"generations": ["g1", "g2"], "issuing": "g2"}) == Generations(("g1", "g2"), "g2")
