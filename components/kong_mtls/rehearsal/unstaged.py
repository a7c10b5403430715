"""What of a program can't be staged, in words: which things, why, and what a person can do about each kind."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

GO_ON: Final = (
    "With --unstaged pass they go through: what they put out is what the program put in, and nothing else. The rest is "
    "rehearsed and proved."
)
LEAVE_OUT: Final = (
    "A rehearsal knows nothing else of them. Leave them out of it, or give what they would put out: "
    'pulumi.Config().get_bool("rehearsal") is true in a rehearsal only.'
)
_OWN: Final = "kong-mtls:index:"

# Suffixes with which the monitor and the deployment mark what is no resource to be made.
_READ, _FUNCTION, _TRANSFORMS = " (read of ", " (function)", " (transforms)"

_KINDS: Final = (
    ("type", "no stand-in for their type"),
    ("component", "components that a plugin makes, with all that is in them"),
    ("read", "looked up in a cluster or a cloud, not made by this program"),
    ("function", "functions of providers, of which nothing comes back"),
    ("transform", "transforms, which only the engine runs"),
)


def message(unstaged: Mapping[str, str], components: Collection[str]) -> str:
    """All of it, kind by kind, and that ``--unstaged pass`` goes on without.

    Args:
        unstaged: URN (or what else was asked for) to type.
        components: the URNs of those that are components in a plugin.
    """
    return "\n".join([*_listed(unstaged, components), GO_ON])


def stopped(
    unstaged: Mapping[str, str], components: Collection[str], failure: Exception, reason: str, folder: Path
) -> str:
    """Why the program came to no end without them.

    Args:
        unstaged: as above.
        components: as above.
        failure: what stopped the program.
        reason: its text, without secrets.
        folder: the program's, to say which line of it.
    """
    cause = (
        f"The program then stopped{_line(failure, folder)}: {type(failure).__name__}{': ' if reason else ''}{reason}"
    )
    return "\n".join([*_listed(unstaged, components), cause, LEAVE_OUT])


def lines(unstaged: Mapping[str, str], components: Collection[str] = ()) -> list[str]:
    """One line for each type of each kind, with the names of its resources, sorted."""
    found: dict[str, dict[str, list[str]]] = {kind: {} for kind, _ in _KINDS}
    for what, type_ in sorted(unstaged.items()):
        kind, label = _kind(what, components)
        found[kind].setdefault(type_, []).append(label)
    listed = []
    for kind, title in _KINDS:
        if found[kind]:
            listed.append(f"{title}:")
            listed += [f"  - {type_}  {_names(labels)}".rstrip() for type_, labels in found[kind].items()]
    return listed


def _listed(unstaged: Mapping[str, str], components: Collection[str]) -> list[str]:
    listed = [f"{len(unstaged)} of the program's resources cannot be staged:", *lines(unstaged, components)]
    if any(unstaged.get(urn, "").startswith(_OWN) for urn in components):
        listed.append("Components of this package are staged with all they make where the program imports kong_mtls.")
    return listed


def _kind(what: str, components: Collection[str]) -> tuple[str, str]:
    """What kind of thing it is, and its name."""
    if what.endswith(_FUNCTION):
        name = what.removesuffix(_FUNCTION)
        return ("transform", name) if name.startswith("register_") else ("function", "")
    if what.endswith(_TRANSFORMS):
        return "transform", _name(what.removesuffix(_TRANSFORMS))
    urn, marked, id_ = what.partition(_READ)
    if marked:
        return "read", f"{_name(urn)} ({id_.removesuffix(')')})"
    return ("component" if what in components else "type"), _name(what)


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def _names(labels: Iterable[str]) -> str:
    return ", ".join(label for label in labels if label)


def _line(failure: Exception, folder: Path) -> str:
    """The last line of the program's own that led to the failure."""
    own = [frame for frame in traceback.extract_tb(failure.__traceback__) if _is_within(Path(frame.filename), folder)]
    return f" ({Path(own[-1].filename).relative_to(folder)}, line {own[-1].lineno})" if own else ""


def _is_within(file: Path, folder: Path) -> bool:
    return folder in file.parents and "site-packages" not in file.parts
