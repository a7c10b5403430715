"""Dates as pulumi-tls gives them."""

import re
from datetime import datetime

# Go writes up to nine digits of a second; Python reads six.
_FRACTION = re.compile(r"\.(\d+)")


def parse(text: str) -> datetime:
    """An RFC 3339 date with its time zone.

    Raises:
        ValueError: another form.
    """
    shortened = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text)
    return datetime.fromisoformat(shortened.replace("Z", "+00:00"))
