"""Generations of a CA: the pure rules of a rotation that drops nobody.

A CA is a list of generations that are trusted, one of which issues. A generation never changes; a rotation adds
one, issues from it, and drops the old one. Each step is one change that all peers pick up before the next.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,14}[a-z0-9])?")


@dataclass(frozen=True)
class Generations:
    """What is trusted, oldest first, and what issues."""

    trusted: tuple[str, ...]
    issuing: str


def generations(trusted: Sequence[str] | None, issuing: str | None, what: str) -> Generations:
    """The generations of a CA from its configuration.

    Args:
        trusted: names, oldest first; default one, `g1`.
        issuing: one of them; default the first, so that adding a generation does not yet issue from it.
        what: how to name the CA in messages.

    Raises:
        InputError: what the configuration itself shows to be out of order.
    """
    names = tuple(trusted or ("g1",))
    issuer = issuing or names[0]
    problems = [
        f"generation {name!r} can't be used; allowed: up to 16 lower-case letters, digits and '-'"
        for name in names
        if not _NAME.fullmatch(name)
    ]
    problems += [f"generation {name!r} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if issuer not in names:
        problems.append(
            f"issuing {issuer!r} is not among the generations {', '.join(names)}: what it issues would be trusted by "
            "nobody; add it first, and drop a generation only when it no longer issues"
        )
    if problems:
        raise InputError("; ".join(f"{what}: {problem}" for problem in problems))
    return Generations(names, issuer)


def step_problems(previous: Generations | None, wanted: Generations, what: str) -> list[str]:
    """Why a change from ``previous`` to ``wanted`` would refuse a good peer while peers restart one by one.

    A peer that has restarted shows a certificate of the wanted issuer to one that has not and trusts the previous
    generations, and the other way round. So each issuer must be trusted on both sides of the step.
    """
    if previous is None or previous == wanted:
        return []
    problems = []
    way_out = " (skip_steps allows it, for a CA that is stolen or has ended)"
    if wanted.issuing not in previous.trusted:
        problems.append(
            f"{what}: issues from {wanted.issuing!r}, which no running peer trusts yet; first add it and keep issuing "
            f"from {previous.issuing!r}, run an update, and let all peers restart{way_out}"
        )
    if previous.issuing not in wanted.trusted:
        problems.append(
            f"{what}: drops {previous.issuing!r}, whose certificates running peers still show; first issue from "
            f"{wanted.issuing!r} while both are trusted, run an update, and let all peers restart{way_out}"
        )
    return problems


def applied(last: Mapping[str, Any] | None) -> Generations | None:
    """What a stack last put out as ``{"generations": [...], "issuing": ...}``; None when it has put out nothing."""
    if not last or not last.get("generations") or not last.get("issuing"):
        return None
    return Generations(tuple(str(name) for name in last["generations"]), str(last["issuing"]))


def changed_generation(last: Mapping[str, Any] | None, name: str, key: str, what: str) -> str | None:
    """Why a generation can't be trusted under its name any more: it has another key than was applied.

    What the applied one has issued would fail at peers that trust the other. It happens when a CA's Secret is deleted
    in the cluster (cert-manager makes another key, whatever its rotation policy says), or when a name is used again.

    Args:
        last: what the stack last put out.
        name: the generation.
        key: SHA-256 of its public key now.
        what: how to name the CA in messages.
    """
    known = ((last or {}).get("keys") or {}).get(name)
    if known is None or known == key:
        return None
    return (
        f"{what}: generation {name!r} is not the CA that was applied under this name: its Secret was deleted or "
        "changed, or the name is used again; put the Secret back from a backup, or add a new generation and issue from "
        "it (skip_steps takes the new key, and drops peers until all have restarted)"
    )


def moved_generation(last: Mapping[str, Any] | None, name: str, issuer: str, what: str) -> str | None:
    """A word on a generation that another issuer makes anew under its name, as a switch of issuer in one step does.

    Args:
        last: what the stack last put out.
        name: the generation.
        issuer: who makes it now.
        what: how to name the CA in messages.
    """
    before = ((last or {}).get("issuers") or {}).get(name)
    if before is None or before == issuer:
        return None
    return (
        f"{what}: generation {name!r} came from {before!r} and is now made by {issuer!r}, with another key: peers "
        "refuse each other until all have restarted; to move without that, keep it (kept_in_state) and add a generation"
    )
