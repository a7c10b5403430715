"""Certificates around the present: nginx knows no other time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache

from kong_mtls.rehearsal.mint import Minted, issue

NOW = datetime.now(timezone.utc).replace(microsecond=0)
DAY = timedelta(days=1)
NAME = "echo.app.svc"


@cache
def authority(name: str) -> Minted:
    """A CA that limits no path."""
    return issue(name, ca=True, not_before=NOW - 300 * DAY, not_after=NOW + 300 * DAY)


@cache
def leaf(
    name: str,
    issuer: str,
    *,
    client: bool = False,
    server: bool = False,
    dns: tuple[str, ...] = (),
    start: int = -1,
    days: int = 30,
    intermediates: int = 0,
) -> Minted:
    """A certificate of an authority, through so many intermediates.

    Args:
        name: the common name.
        issuer: name of the authority.
        client: extended key usage clientAuth.
        server: extended key usage serverAuth.
        dns: subject alternative names.
        start: first day, counted from now.
        days: how many days it is valid.
        intermediates: how many CAs stand between.
    """
    signer = authority(issuer)
    for number in range(intermediates):
        signer = _intermediate(issuer, number)
    return issue(
        name,
        issuer=signer,
        client=client,
        server=server,
        dns_names=dns,
        not_before=NOW + start * DAY,
        not_after=NOW + (start + days) * DAY,
    )


@cache
def _intermediate(issuer: str, number: int) -> Minted:
    above = _intermediate(issuer, number - 1) if number else authority(issuer)
    return issue(f"{issuer} {number}", issuer=above, ca=True, not_before=NOW - 100 * DAY, not_after=NOW + 100 * DAY)
