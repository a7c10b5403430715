"""The data between the two jobs: what the second one takes, and what it doesn't."""

import json
from typing import Any

import pytest

from scripts.pull_request.model import Comparison, Unusable, parse


def test_what_was_written_is_read(comparison: Comparison) -> None:
    """Nothing is lost on the way."""
    assert parse(comparison.dump()) == comparison


def test_lone_surrogates_are_written(comparison: Comparison) -> None:
    """Text that UTF-8 can't have is no obstacle."""
    odd = Comparison(1, 7, "\ud800", "a", ())
    assert parse(odd.dump().encode()) == odd


def bent(comparison: Comparison, *path: str | int, to: Any) -> str:
    data = json.loads(comparison.dump())
    place = data
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = to
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("version",), 2, "version 1"),
        (("number",), "7", "number: int is expected"),
        (("number",), True, "number: int is expected"),
        (("stacks",), {"dev": 1}, "stacks: a list is expected"),
        (("stacks", 0), "dev", "stacks[0]: an object is expected"),
        (("stacks", 0, "name"), ["dev"], "stacks[0].name: str is expected"),
        (("stacks", 0, "ok"), 1, "stacks[0].ok: bool is expected"),
        (("stacks", 0, "secret-extra"), "x", "stacks[0]: fields that no comparison has"),
        (("stacks", 0, "links", 0, "verdict"), "fine", "stacks[0].links[0].verdict: one of ok, failed, unproved"),
        (("stacks", 0, "links", 0, "trouble", 0), {}, "trouble[0].case: missing"),
        (("stacks", 0, "certificates", 0, "used_by", 0), None, "used_by[0]: str is expected"),
    ],
)
def test_anything_else_is_refused(comparison: Comparison, path: tuple[str | int, ...], value: Any, where: str) -> None:
    """The message says where, and quotes nothing of the data."""
    with pytest.raises(Unusable) as error:
        parse(bent(comparison, *path, to=value))
    assert where in str(error.value)
    assert "secret-extra" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "1", "{", "null", '{"version": 1}', "[" * 100_000])
def test_no_comparison_at_all(text: str) -> None:
    """Whatever it is, it is refused and nothing breaks."""
    with pytest.raises(Unusable):
        parse(text)


def test_the_verdict_of_the_whole(comparison: Comparison) -> None:
    """One stack in trouble is enough; what the base had wrong isn't the branch's fault."""
    assert not comparison.ok
    assert Comparison(1, 7, "b", "a", comparison.stacks[1:]).ok
