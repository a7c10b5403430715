"""The time by which given certificates are judged.

Nothing that is created depends on it: dates of new certificates come from the provider that makes them. A
rehearsal of a later day sets it, so that one place decides what "now" is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone

_rehearsed: ContextVar[datetime | None] = ContextVar("rehearsed", default=None)


def now() -> datetime:
    """The time, in UTC: that of the clock, or of the day being rehearsed."""
    return _rehearsed.get() or datetime.now(timezone.utc)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Judge everything inside as of ``moment`` (with a time zone)."""
    token = _rehearsed.set(moment.astimezone(timezone.utc))
    try:
        yield
    finally:
        _rehearsed.reset(token)
