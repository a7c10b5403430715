"""Proofs of the links: both ends set up from files alone, as Kong would, and brought together by a handshake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ...reader.manifests import Objects
from . import admin, client, cluster, database, upstream
from .model import Link, Progress

__all__ = ["LINKS", "Link", "prove"]

# By name, in the order of a report.
LINKS: dict[str, Callable[[Objects, datetime, Progress], list[Link]]] = {
    "cluster": cluster.prove,
    "client": client.prove,
    "upstream": upstream.prove,
    "admin": admin.prove,
    "database": database.prove,
}


def prove(objects: Objects, at: datetime, progress: Progress | None = None) -> list[Link]:
    """Every link that the files describe, case by case.

    Args:
        objects: releases, Secrets and manifests, with their values in clear.
        at: the date that certificates are judged by, timezone-aware.
        progress: told in a few words what is being proved.

    Returns:
        One row per link, peers and case; none for a link that the files don't have.
    """
    tell = progress or (lambda _: None)
    return [row for link in LINKS.values() for row in link(objects, at, tell)]
