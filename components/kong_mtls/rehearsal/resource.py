"""A resource as a program declares it, and as a run leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Resource:
    """A resource of the program, with what became of it.

    Attributes:
        custom: Whether a provider manages it (components have no provider).
        staged: Whether a stand-in answered for it; False for what was passed through.
        inputs: As the provider completed them; secrets and unknowns marked.
        outputs: What the program got back; in a preview only what is known.
        cluster: What a controller would make of it.
    """

    urn: str
    type: str
    name: str
    parent: str = ""
    custom: bool = True
    staged: bool = True
    id: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    provider: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    protect: bool = False
    retain_on_delete: bool = False
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    cluster: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Message:
    """A line of the program's log: severity ``debug``, ``info``, ``warning`` or ``error``."""

    severity: str
    text: str
    urn: str = ""


def label(urn: str) -> str:
    """A URN in the words of its program: ``kubernetes:core/v1:Secret "name"``."""
    parts = urn.split("::")
    return f'{parts[2].rpartition("$")[2]} "{parts[3]}"' if len(parts) == 4 else urn
