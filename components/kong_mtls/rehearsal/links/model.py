"""What a proof says: one row per link, peers and case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

LinkName = Literal["cluster", "client", "upstream", "admin", "database"]
Progress = Callable[[str], None]

ACCEPT = "accept"
REFUSE = "refuse"


@dataclass(frozen=True)
class Link:
    """One case of one link: what should happen, what happened, and why."""

    link: LinkName
    client: str
    server: str
    case: str
    expected: str
    """``accept``, ``refuse`` or an HTTP status: from the table of cases."""
    observed: str
    """The same alphabet, from the socket; ``-`` when nothing could be tried."""
    ok: bool | None
    """None: it could not be proved from the files."""
    reason: str
    """One line: why it came out as observed. Never a secret."""


@dataclass(frozen=True)
class Pair:
    """The two ends of a link by name, to make its rows from."""

    link: LinkName
    client: str
    server: str

    def row(self, case: str, expected: str, observed: str, reason: str) -> Link:
        """A case that was tried: ok when it came out as expected."""
        return Link(self.link, self.client, self.server, case, expected, observed, observed == expected, reason)

    def broken(self, case: str, expected: str, reason: str) -> Link:
        """A case that fails before a handshake: something is missing or does not fit."""
        return Link(self.link, self.client, self.server, case, expected, REFUSE, False, reason)

    def unproved(self, case: str, expected: str, reason: str) -> Link:
        """A case that the files alone cannot decide."""
        return Link(self.link, self.client, self.server, case, expected, "-", None, reason)
