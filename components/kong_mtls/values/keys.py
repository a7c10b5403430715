"""The value keys that the pinned chart has.

Helm drops a key it doesn't know without a word, and with it whatever the key was meant to secure. The list is
kept with the chart's version, next to this module.
"""

import difflib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from ..names import CHART_VERSION


@lru_cache(maxsize=1)
def known_keys() -> frozenset[str]:
    """Dotted keys of the pinned chart; `a.b.*` stands for a map whose keys are the user's."""
    listed = resources.files(__package__).joinpath(f"kong-{CHART_VERSION}.txt").read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if line and not line.startswith("#"))


@lru_cache(maxsize=1)
def _branches() -> frozenset[str]:
    """Every key that has keys below it."""
    return frozenset(
        ".".join(parts[:depth]) for key in known_keys() for parts in [key.split(".")] for depth in range(1, len(parts))
    )


def unknown_keys(values: Mapping[str, Any]) -> list[str]:
    """Keys of ``values`` that the chart doesn't have, each with the nearest one that it has."""
    return [f"{path}{_hint(path)}" for path in _unknown(values, "")]


def _unknown(values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in values.items():
        path = f"{prefix}{key}"
        if path in known_keys() or f"{path}.*" in known_keys():
            continue
        if path not in _branches():
            yield path
        elif isinstance(value, Mapping):
            yield from _unknown(value, f"{path}.")


def _hint(path: str) -> str:
    close = difflib.get_close_matches(path, [key.removesuffix(".*") for key in known_keys()], n=1)
    return f" (did you mean {close[0]}?)" if close else ""
