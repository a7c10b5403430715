"""The trust map as data: link by link who issues, what for, who reads it and who trusts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kong_mtls.rehearsal import summaries

MOST_LEAVES = 12
"""More of one issuer are folded away behind those that end first."""
OTHER = "other"


@dataclass(frozen=True)
class Branch:
    """An issuer and what it issued for a link.

    Attributes:
        authority: its certificate; None when it is in no file.
        name: how it is called.
        leaves: what it issued, those that end first at the top.
    """

    authority: Mapping[str, Any] | None
    name: str
    leaves: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def shown(self) -> summaries.Rows:
        """The leaves that are drawn."""
        return self.leaves[:MOST_LEAVES]

    @property
    def folded(self) -> summaries.Rows:
        """The leaves that aren't."""
        return self.leaves[MOST_LEAVES:]


@dataclass(frozen=True)
class Band:
    """One link of the map."""

    link: str
    what: str
    branches: list[Branch]


def bands(certificates: summaries.Rows) -> list[Band]:
    """The map, in the order of the links; what belongs to none comes last."""
    made = []
    for link, what in {**summaries.LINKS, OTHER: "read by nothing in these files"}.items():
        of_link = [one for one in certificates if link in (one["links"] or [OTHER])]
        if of_link:
            made.append(Band(link, what, _branches(of_link)))
    return made


def _branches(certificates: summaries.Rows) -> list[Branch]:
    # A self-signed certificate that is no CA is its own root: it stands with the CAs.
    roots = [one for one in certificates if _is_root(one)]
    made = {one["fingerprint_sha256"]: Branch(one, one["name"]) for one in roots}
    for one in _by_end(one for one in certificates if not _is_root(one)):
        branch = made.get(one["issued_by"]) or made.setdefault(one["issuer"], Branch(None, one["issuer"]))
        branch.leaves.append(one)
    return sorted(made.values(), key=lambda branch: branch.leaves[0]["days_left"] if branch.leaves else 10**9)


def _is_root(certificate: Mapping[str, Any]) -> bool:
    return bool(certificate["ca"]) or certificate["issued_by"] == certificate["fingerprint_sha256"]


def _by_end(certificates: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(certificates, key=lambda one: (one["not_after"], one["name"]))
