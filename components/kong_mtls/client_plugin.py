"""The configuration of Kong's mtls-auth plugin, typed, and judged by the gateway's version.

A configuration that Kong's schema refuses leaves the route without the plugin, which is open then: so what would be
refused there is refused here. Source: Kong/developer.konghq.com app/_schemas/gateway/plugins/3.*/MtlsAuth.json and
app/_kong_plugins/mtls-auth/changelog.json.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .errors import InputError

MTLS_AUTH = "mtls-auth"
ACL = "acl"
GATEWAY_VERSION = "3.10"

GROUPS_BY = ("CN", "DN")
CONSUMER_BY = ("custom_id", "username")
REVOCATION_MODES = ("SKIP", "IGNORE_CA_ERROR", "STRICT")

_VERSION = re.compile(r"(\d+)\.(\d+)([.-].*)?")
# Fields that came after 3.4, the oldest release whose schema Kong documents.
_SINCE = {"default_consumer": (3, 7), "ssl_verify": (3, 13), "san_dirname_matcher": (3, 14)}
_LISTS = ("consumer_by", "san_dirname_matcher")
_TEXTS = ("anonymous", "default_consumer", "http_proxy_host", "https_proxy_host")
_FLAGS = ("skip_consumer_lookup", "send_ca_dn", "allow_partial_chain", "ssl_verify")
_DURATIONS = ("http_timeout", "cert_cache_ttl", "cache_ttl")
_PORTS = ("http_proxy_port", "https_proxy_port")
_OF_LOOKUP = ("consumer_by", "default_consumer", "san_dirname_matcher")


class MtlsAuthArgs(TypedDict):
    """How a certificate is judged and what becomes of it; what is left out has Kong's default."""

    skip_consumer_lookup: NotRequired[bool]
    """Let any certificate of the CAs pass, whoever's it is; default false: it must belong to a consumer. With true the
    upstream gets `X-Client-Cert-Dn` and `X-Client-Cert-San` instead of `X-Consumer-*`."""
    authenticated_group_by: NotRequired[str]
    """With `skip_consumer_lookup`: what of the certificate counts as the caller's group, `CN` (default) or `DN`."""
    consumer_by: NotRequired[Sequence[str]]
    """Which fields of a consumer are compared with the certificate's names, of `custom_id` and `username`; default
    both. Empty: only credentials count."""
    default_consumer: NotRequired[str]
    """Username or id of the consumer for certificates that belong to none. From 3.7."""
    anonymous: NotRequired[str]
    """Username or id of the consumer for callers **without** a valid certificate: they pass. Give that consumer a
    plugin that limits or ends its requests."""
    revocation_check_mode: NotRequired[str]
    """`IGNORE_CA_ERROR` (default): refuse what OCSP or CRL say is revoked, pass when they can't be reached. `STRICT`:
    pass only what they confirm, so that certificates without their address are refused. `SKIP`: don't ask."""
    http_timeout: NotRequired[int]
    """Milliseconds to wait for OCSP or CRL; default 30000."""
    cert_cache_ttl: NotRequired[int]
    """How long a revocation status is kept; default 60000."""
    cache_ttl: NotRequired[int]
    """Seconds for which consumers are kept; default 60."""
    send_ca_dn: NotRequired[bool]
    """Tell callers in the handshake which CAs are accepted, so that a browser offers the right certificate; default
    false."""
    allow_partial_chain: NotRequired[bool]
    """Trust an intermediate CA without its root; default false."""
    http_proxy_host: NotRequired[str]
    """Proxy towards OCSP and CRL by http."""
    http_proxy_port: NotRequired[int]
    """Its port."""
    https_proxy_host: NotRequired[str]
    """Proxy towards OCSP and CRL by https."""
    https_proxy_port: NotRequired[int]
    """Its port."""
    ssl_verify: NotRequired[bool]
    """Verify the servers of OCSP and CRL; default true from 3.14, false in 3.13. From 3.13."""
    san_dirname_matcher: NotRequired[Sequence[str]]
    """Attributes of a directory name in the certificate's alternative names that may name a consumer. From 3.14."""


def parse_version(version: str, what: str) -> tuple[int, int]:
    """Major and minor version of the gateway.

    Raises:
        InputError: no version.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise InputError(f"{what}: {version!r} is no version; allowed: one such as 3.10 or 3.10.0.2")
    return int(found[1]), int(found[2])


def mtls_auth_config(plugin: MtlsAuthArgs, ca_ids: pulumi.Input[Sequence[str]]) -> dict[str, pulumi.Input[Any]]:
    """The plugin's `config`: the CAs, and what is given."""
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in plugin.items()}
    return {"ca_certificates": ca_ids, **{key: value for key, value in given.items() if value is not None}}


def acl_config(allow: Sequence[str], deny: Sequence[str]) -> dict[str, Any]:
    """The `config` of Kong's ACL plugin: one of the two lists (Kong docs, ACL plugin)."""
    return {"allow": list(allow)} if allow else {"deny": list(deny)}


def plugin_problems(plugin: MtlsAuthArgs, gateway: tuple[int, int]) -> list[str]:
    """Why Kong's schema would refuse the configuration, or ignore a part of it; each names the field."""
    given = {key: value for key, value in plugin.items() if value is not None}
    found = [
        f"{key} came with {since[0]}.{since[1]}; gateway {gateway[0]}.{gateway[1]} doesn't know it and would refuse "
        "the whole plugin"
        for key, since in _SINCE.items()
        if key in given and gateway < since
    ]
    found += _types(given)
    if given.get("skip_consumer_lookup") is True:
        found += [
            f"{key} is not used with skip_consumer_lookup: no consumer is looked for"
            for key in _OF_LOOKUP
            if key in given
        ]
    for scheme in ("http", "https"):
        if (f"{scheme}_proxy_host" in given) != (f"{scheme}_proxy_port" in given):
            found.append(f"{scheme}_proxy_host and {scheme}_proxy_port go together; one of them is missing")
    return [f"plugin.{problem}" for problem in found]


def _types(given: Mapping[str, Any]) -> list[str]:
    found = []
    for key, allowed in (("authenticated_group_by", GROUPS_BY), ("revocation_check_mode", REVOCATION_MODES)):
        if key in given and given[key] not in allowed:
            found.append(f"{key}: {given[key]!r} is not known; allowed: {', '.join(allowed)}")
    consumer_by = given.get("consumer_by")
    for value in consumer_by if isinstance(consumer_by, list | tuple) else ():
        if value not in CONSUMER_BY:
            found.append(f"consumer_by: {value!r} is not known; allowed: {', '.join(CONSUMER_BY)}")
    for keys, fits, what in _SHAPES:
        found += [f"{key}: {given[key]!r} {what}" for key in keys if key in given and not fits(given[key])]
    return found


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# Fields of one kind, what they must be, and how to say that one isn't.
_SHAPES: tuple[tuple[Sequence[str], Callable[[Any], bool], str], ...] = (
    (_LISTS, lambda value: isinstance(value, list | tuple), "is no list"),
    (_TEXTS, lambda value: isinstance(value, str) and bool(value), "is no text; a name is needed"),
    (_FLAGS, lambda value: isinstance(value, bool), "is neither true nor false"),
    (_DURATIONS, lambda value: _number(value) and value >= 0, "is no duration; allowed: 0 or more"),
    (_PORTS, lambda value: _number(value) and 0 <= value <= 65535, "is no port; allowed: 0 to 65535"),
)
