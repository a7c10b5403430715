"""Values keep their secret and unknown marks on every way: wire, state, masks, YAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls.rehearsal import diff, wire, yaml12
from kong_mtls.rehearsal.wire import UNKNOWN, Secret

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.builds(wire.as_secret, inner)
)


@given(st.dictionaries(st.text(), VALUES))
def test_wire_round_trip(value: dict[str, Any]) -> None:
    """What goes over the wire comes back: numbers as whole ones where they are, marks where they were."""
    assert wire.from_struct(wire.to_struct(value)) == value


@given(VALUES)
def test_state_round_trip(value: Any) -> None:
    """The same through the state's JSON."""
    assert wire.from_json(wire.to_json(value)) == value


def test_unknowns() -> None:
    """An unknown crosses the wire, and cannot be recorded."""
    assert wire.from_struct(wire.to_struct({"a": [UNKNOWN], "b": 1.5})) == {"a": [UNKNOWN], "b": 1.5}
    assert wire.has_unknown({"a": [Secret(UNKNOWN)]})
    assert not wire.has_unknown({"a": [Secret(1)], "b": {}})
    with pytest.raises(TypeError):
        wire.to_json(UNKNOWN)


@given(VALUES)
def test_shown_keeps_the_outline_alone(value: Any) -> None:
    """A masked value has the same shape, and nothing of what was marked."""
    secrets = [leaf for _, leaf, secret in wire.leaves(value) if secret]
    masked = [leaf for path, leaf, _ in wire.leaves(wire.shown(value))]
    assert len(list(wire.leaves(value))) == len(masked)
    assert masked.count(wire.MASK) >= len([leaf for leaf in secrets if leaf not in ({}, [])])


def test_private_keys_are_masked_even_unmarked() -> None:
    """A PEM private key that lost its mark is still not shown."""
    assert wire.shown({"a": "-----BEGIN EC PRIVATE KEY-----\nx"}) == {"a": wire.MASK}


def test_repr_of_a_secret() -> None:
    """It shows nothing."""
    assert repr([Secret("hunter2")]) == "[Secret()]"


def test_dotted_paths_and_back() -> None:
    """Paths are written as Pulumi writes them, and read back."""
    path = ("metadata", "annotations", "konghq.com/plugins", 0, "x")
    assert wire.dotted(path) == 'metadata.annotations["konghq.com/plugins"][0].x'
    assert diff.parse(wire.dotted(path)) == path
    assert diff.parse("spec.ports[*].port") == ("spec", "ports", "*", "port")


@given(st.dictionaries(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), VALUES))
def test_yaml_says_what_was_meant(value: dict[str, Any]) -> None:
    """Whatever is written is read as the same by anyone's YAML, in one order."""
    text = yaml12.dump(wire.plain(value))
    assert yaml.safe_load(text) == wire.plain(value)
    assert yaml12.dump(wire.plain(dict(reversed(value.items())))) == text


def test_yaml_is_made_for_people() -> None:
    """What names a thing comes first; long texts stand as blocks; nothing is an alias."""
    same = {"b": 1}
    text = yaml12.dump(
        {"spec": {"x": same, "y": same}, "metadata": {"labels": {}, "name": "n"}, "kind": "K", "pem": "a\nb\n"}
    )
    assert text == (
        "kind: K\nmetadata:\n  name: n\n  labels: {}\npem: |\n  a\n  b\nspec:\n  x:\n    b: 1\n  y:\n    b: 1\n"
    )


def change(old: Any, new: Any) -> list[str]:
    return [item.property for item in diff.changes({"x": old}, {"x": new})]


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["x.a"]),
        ({"a": 1}, {}, ["x.a"]),
        ({}, None, ["x"]),
        ([1, 2], [1, 3, 4], ["x[1]", "x[2]"]),
        (Secret("a"), "a", []),
        (Secret("a"), Secret("b"), ["x"]),
        (1, True, ["x"]),
        ("1", 1, ["x"]),
        ({"a": "1", "b": "2"}, UNKNOWN, ["x"]),
        (UNKNOWN, UNKNOWN, ["x"]),
        ({"a": {}}, {"a": []}, []),
    ],
)
def test_changes(old: Any, new: Any, paths: list[str]) -> None:
    """Leaves that differ, each once; an unknown always counts as different."""
    assert change(old, new) == paths


def test_nothing_and_empty_are_the_same() -> None:
    """An empty object appears or goes without a change."""
    assert diff.changes({}, {"x": {}}) == ()
    assert diff.changes({"x": []}, {}) == ()


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("*", ("a",), True),
        ("data", ("data", "k"), True),
        ("data", ("database",), False),
        ("spec.ports[*].port", ("spec", "ports", 3, "port"), True),
        ("spec.ports[*].port", ("spec", "ports", 3, "name"), False),
        ("spec.ports[1].port", ("spec", "ports", 3, "port"), False),
        ("metadata.name", ("metadata",), True),
        ('metadata.labels["a.b"]', ("metadata", "labels", "a.b"), True),
    ],
)
def test_patterns(pattern: str, path: wire.Path, covered: bool) -> None:
    """A pattern covers what is at or below it, and what may hold it when that is unknown."""
    assert diff.covers(pattern, diff.Change(path, 1, UNKNOWN if path == ("metadata",) else 2, False)) is covered


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a", {"a": {"b": 1, "c": [1, 2]}, "new": 1}),
        ("a.b", {"a": {"b": 1, "c": [3, 4, 5]}, "new": 1}),
        ("a.c[0]", {"a": {"b": 2, "c": [1, 4, 5]}, "new": 1}),
        ("a.c[*]", {"a": {"b": 2, "c": [1, 2, 5]}, "new": 1}),
        ("a[*]", {"a": {"b": 1, "c": [1, 2]}, "new": 1}),
        ("new", {"a": {"b": 2, "c": [3, 4, 5]}}),
        ("*", {"a": {"b": 1, "c": [1, 2]}}),
        ("nowhere.x", {"a": {"b": 2, "c": [3, 4, 5]}, "new": 1}),
    ],
)
def test_ignored_values_are_kept(pattern: str, expected: Any) -> None:
    """At an ignored path the old value stays, or its absence does."""
    old = {"a": {"b": 1, "c": [1, 2]}}
    new = {"a": {"b": 2, "c": [3, 4, 5]}, "new": 1}
    assert diff.keep_ignored(old, new, [pattern]) == expected


def test_steps_as_json_have_no_values() -> None:
    """Machines get paths, never values."""
    step = diff.Step("u", "t", "n", "update", (diff.Change(("a",), "hunter1", "hunter2", True),))
    assert step.to_json() == {"urn": "u", "type": "t", "name": "n", "op": "update", "changes": ["a"]}
    assert "hunter" not in repr(step)
