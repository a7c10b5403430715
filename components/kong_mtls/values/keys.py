"""The value keys that a pinned chart has.

Helm drops a key it doesn't know without a word, and with it whatever the key was meant to secure. The list is
kept with the chart's version, next to this module.
"""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from .charts import KONG, PinnedChart


@cache
def known_keys(chart: PinnedChart = KONG) -> frozenset[str]:
    """Dotted keys of the pinned chart; `a.b.*` stands for a map whose keys are the user's."""
    listed = resources.files(__package__).joinpath(chart.key_list).read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if line and not line.startswith("#"))


@cache
def _branches(chart: PinnedChart) -> frozenset[str]:
    """Every key that has keys below it."""
    return frozenset(
        ".".join(parts[:depth])
        for key in known_keys(chart)
        for parts in [key.split(".")]
        for depth in range(1, len(parts))
    )


def unknown_keys(values: Mapping[str, Any], chart: PinnedChart = KONG) -> list[str]:
    """Keys of ``values`` that the chart doesn't have, each with the nearest one that it has."""
    return [f"{path}{_hint(path, chart)}" for path in _unknown(values, "", chart)]


def _unknown(values: Mapping[str, Any], prefix: str, chart: PinnedChart) -> Iterator[str]:
    for key, value in values.items():
        path = f"{prefix}{key}"
        if path in known_keys(chart) or f"{path}.*" in known_keys(chart):
            continue
        if path not in _branches(chart):
            yield path
        elif isinstance(value, Mapping):
            yield from _unknown(value, f"{path}.", chart)


def _hint(path: str, chart: PinnedChart) -> str:
    close = difflib.get_close_matches(path, [key.removesuffix(".*") for key in known_keys(chart)], n=1)
    return f" (did you mean {close[0]}?)" if close else ""
