"""An example of a mistake, and of the same thing done right."""

from __future__ import annotations

from dataclasses import dataclass

from tests.audit.audit_stack import Bend, Stack


def _nothing(stack: Stack) -> None:
    """The correct stack is the good example."""


@dataclass(frozen=True)
class Example:
    """What to do to a correct stack.

    Attributes:
        object: what the finding has to name.
        bad: makes the mistake.
        good: the same thing done right; the correct stack itself where that has it.
    """

    object: str
    bad: Bend
    good: Bend = _nothing
