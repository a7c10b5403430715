"""Rows of the one table: what was measured, what it is compared with, and the target where there is one."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def figure(
    what: str,
    value: float,
    unit: str,
    *,
    against: float | None = None,
    against_what: str = "",
    ratio_at_most: float | None = None,
    at_most: float | None = None,
    more_at_most: float | None = None,
) -> dict[str, Any]:
    """One row.

    Args:
        what: what was measured.
        value: the measurement.
        unit: of the measurement and of what it is compared with.
        against: the measurement of the other way, in the same run.
        against_what: what that is.
        ratio_at_most: the target for value by against.
        at_most: the target for the value.
        more_at_most: the target for the difference.
    """
    row: dict[str, Any] = {"what": what, "measured": f"{value:.3g} {unit}"}
    targets = []
    if against is not None:
        row |= {"against": f"{against:.3g} {unit}, {against_what}", "ratio": round(value / against, 2)}
    if ratio_at_most is not None and against is not None:
        targets.append((f"ratio <= {ratio_at_most}", round(value / against, 2) <= ratio_at_most))
    if at_most is not None:
        targets.append((f"<= {at_most:g} {unit}", value <= at_most))
    if more_at_most is not None and against is not None:
        targets.append((f"+ <= {more_at_most:g} {unit}", value - against <= more_at_most))
    if targets:
        met = all(ok for _, ok in targets)
        row |= {"target": ", ".join(text for text, _ in targets), "met": "yes" if met else "NO"}
    return row


def best(rounds: int, *ways: Callable[[], float]) -> list[float]:
    """The least of several measurements of each way, taken by turns: another's load counts for all alike."""
    found = [float("inf")] * len(ways)
    for _ in range(rounds):
        for at, way in enumerate(ways):
            found[at] = min(found[at], way())
    return found


def seconds_of(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> float:
    """Processor time of a command and all that it started; its failure is an error with what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=cwd, env={**environment}, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
