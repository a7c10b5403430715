"""Annotations as the ingress controller reads them: Go's booleans and integers, comma lists, host names.

Source: Kong/kubernetes-ingress-controller internal/annotations/annotations.go and, for plugin names,
Kong/kubernetes-configuration pkg/metadata/plugins.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kong_mtls.reader.manifests import annotations_of

PREFIX = "konghq.com/"
LEGACY_PREFIX = "configuration.konghq.com/"  # deprecated in 0.8.0, dropped in 1.0.0
CLASS = "kubernetes.io/ingress.class"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
FORCE_SSL = "ingress.kubernetes.io/force-ssl-redirect"
SERVICE_UPSTREAM = "ingress.kubernetes.io/service-upstream"

PROTOCOLS = frozenset({"http", "https", "grpc", "grpcs", "ws", "wss", "tls", "tcp", "tls_passthrough"})
NON_TLS_PROTOCOLS = frozenset({"http", "grpc", "tcp", "tls_passthrough", "udp", "ws"})
REDIRECT_CODES = frozenset({426, 301, 302, 307, 308})

# strconv.ParseBool and strconv.Atoi of Go's standard library.
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_INTEGER = re.compile(r"[+-]?[0-9]+")
# kongstate/route.go, validSNIs; written without its nested repetition, which takes exponential time here.
_SNI = re.compile(r"[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*(\.([a-zA-Z0-9]+(-[a-zA-Z0-9]+)*)?)*")


def kong(obj: Mapping[str, Any]) -> dict[str, str]:
    """The object's ``konghq.com/`` annotations, without the prefix."""
    found = annotations_of(obj)
    return {key[len(PREFIX) :]: str(value) for key, value in found.items() if key.startswith(PREFIX)}


def boolean(text: str) -> bool | None:
    """What Go's ParseBool makes of it; None for what it refuses ("yes", "on", "")."""
    return True if text in _TRUE else False if text in _FALSE else None


def integer(text: str) -> int | None:
    """What Go's Atoi makes of it; None for what it refuses ("on", " 1", "1.0")."""
    return int(text) if _INTEGER.fullmatch(text) and len(text) < 19 else None


def comma_list(text: str) -> tuple[str, ...]:
    """Parts between commas, spaces trimmed, empty ones dropped, duplicates kept."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def is_sni(text: str) -> bool:
    """Whether the controller takes it for a server name: no wildcard, no port."""
    return bool(_SNI.fullmatch(text))


def plugin_references(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Namespace ("" when not given) and name of each plugin asked for, and the parts that are skipped."""
    found: list[tuple[str, str]] = []
    skipped: list[str] = []
    for part in text.split(","):
        if not part.strip():
            continue
        namespace, colon, name = part.partition(":")
        if not colon:
            found.append(("", part.strip()))
        elif not namespace or not name:  # compared before trimming, as the source does
            skipped.append(part.strip())
        else:
            found.append((namespace.strip(), name.strip()))
    return found, skipped
