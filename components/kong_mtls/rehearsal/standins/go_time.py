"""Durations and moments as Go writes and reads them, in cert-manager's fields and conditions.

Source: Go's ``time`` package (``ParseDuration``, ``Duration.String``) and Kubernetes' ``metav1.Time`` (RFC 3339, UTC,
whole seconds).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Final

_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_LONGEST: Final = timedelta(microseconds=(2**63 - 1) // 1000)


def parse_duration(text: str) -> timedelta:
    """The duration that Go reads in `text`, such as ``2160h`` or ``1h30m``.

    Raises:
        ValueError: Go refuses it; the message is Go's.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return timedelta()
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    seconds, end = 0.0, 0
    while end < len(rest):
        part = _PART.match(rest, end)
        if part is None:
            number = re.match(r"\d+\.?\d*|\.\d+", rest[end:])
            if number is None:
                raise ValueError(f'time: invalid duration "{text}"')
            unit = re.match(r"[^\d.]*", rest[end + number.end() :])
            word = unit[0] if unit else ""
            if word:
                raise ValueError(f'time: unknown unit "{word}" in duration "{text}"')
            raise ValueError(f'time: missing unit in duration "{text}"')
        seconds += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * timedelta(seconds=seconds)


def show_duration(duration: timedelta) -> str:
    """`duration` as Go prints it: ``2160h0m0s``, ``5m0s``, ``1.5s``."""
    seconds = duration.total_seconds()
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 1:
        return "0s" if not seconds else f"{sign}{seconds * 1000:g}ms"
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{left:.6f}".rstrip("0").rstrip(".") + "s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else f"{sign}{text}"


def rfc3339(moment: datetime) -> str:
    """`moment` as Kubernetes writes it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
