"""The configuration of Kong's mtls-auth plugin: its fields, their defaults, since when, and what is refused.

Source: Kong/developer.konghq.com app/_schemas/gateway/plugins/3.*/MtlsAuth.json and
app/_data/changelogs/gateway.json (default_consumer came with 3.7.0.0 and the patches 3.4.3.5, 3.5.0.4,
3.6.1.4; ssl_verify with 3.13, san_dirname_matcher with 3.14).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

Version = tuple[int, int, int]


@dataclass(frozen=True)
class MtlsAuth:
    """What the plugin goes by; the fields that decide about a request."""

    ca_certificates: tuple[str, ...]
    skip_consumer_lookup: bool = False
    consumer_by: tuple[str, ...] = ("custom_id", "username")
    authenticated_group_by: str | None = "CN"
    anonymous: str | None = None
    default_consumer: str | None = None
    revocation_check_mode: str = "IGNORE_CA_ERROR"
    allow_partial_chain: bool = False
    send_ca_dn: bool = False


def is_uuid(value: object) -> bool:
    """Whether Kong's schema takes a value for a UUID: 36 characters, in any case."""
    try:
        UUID(str(value))
    except ValueError:
        return False
    return isinstance(value, str) and len(value) == 36


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _port(value: Any) -> bool:
    return _number(value) and 0 <= value <= 65535


def _one_of(*allowed: str) -> Callable[[Any], bool]:
    return lambda value: value in allowed


def _uuids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(is_uuid(each) for each in value)


def _consumer_by(value: Any) -> bool:
    return isinstance(value, list) and all(each in ("custom_id", "username") for each in value)


_ALWAYS: Version = (0, 0, 0)
_FIELDS: dict[str, tuple[Callable[[Any], bool], str, Version]] = {
    "ca_certificates": (_uuids, "a list of UUIDs, at least one", _ALWAYS),
    "skip_consumer_lookup": (_boolean, "a boolean", _ALWAYS),
    "authenticated_group_by": (_one_of("CN", "DN"), "CN or DN", _ALWAYS),
    "consumer_by": (_consumer_by, "a list of custom_id, username", _ALWAYS),
    "default_consumer": (_text, "a consumer's username or id", (3, 4, 3)),
    "anonymous": (_text, "a consumer's username or id", _ALWAYS),
    "revocation_check_mode": (
        _one_of("SKIP", "IGNORE_CA_ERROR", "STRICT"),
        "SKIP, IGNORE_CA_ERROR or STRICT",
        _ALWAYS,
    ),
    "http_timeout": (_number, "a number", _ALWAYS),
    "cert_cache_ttl": (_number, "a number", _ALWAYS),
    "cache_ttl": (_number, "a number", _ALWAYS),
    "send_ca_dn": (_boolean, "a boolean", _ALWAYS),
    "allow_partial_chain": (_boolean, "a boolean", _ALWAYS),
    "http_proxy_host": (_text, "a host name", _ALWAYS),
    "http_proxy_port": (_port, "a port number", _ALWAYS),
    "https_proxy_host": (_text, "a host name", _ALWAYS),
    "https_proxy_port": (_port, "a port number", _ALWAYS),
    "ssl_verify": (_boolean, "a boolean", (3, 13, 0)),
    "san_dirname_matcher": (lambda _: True, "", (3, 14, 0)),
}


def refusal(config: Mapping[str, Any], version: Version | None = None) -> str:
    """Why Kong's schema refuses a configuration; empty when it doesn't.

    Args:
        config: the plugin's ``config``.
        version: the gateway's; fields that came later are then unknown to it. None takes every field.
    """
    if config.get("ca_certificates") is None:
        return "ca_certificates is required"
    for key, value in config.items():
        if key not in _FIELDS:
            return f"{key} is no field of it"
        fits, allowed, since = _FIELDS[key]
        if version is not None and version < since:
            return f"{key} came with {'.'.join(map(str, since[:2]))}; this gateway doesn't know it"
        if value is not None and not fits(value):
            return f"{key} must be {allowed}"
    return ""


def settings(config: Mapping[str, Any]) -> MtlsAuth:
    """The settings of a configuration that isn't refused, with Kong's defaults where nothing is said."""
    given = {key: value for key, value in config.items() if value is not None or key == "authenticated_group_by"}
    known = MtlsAuth.__dataclass_fields__
    picked: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items() if key in known}
    return MtlsAuth(**picked)
