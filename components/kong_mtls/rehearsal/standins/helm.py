"""Stand-in for ``kubernetes:helm.sh/v3:Release``: the release as it would be handed to Helm.

Source: pulumi/pulumi-kubernetes, ``provider/pkg/provider/helm_release.go``.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins.model import Call, Made, StandIn
from kong_mtls.rehearsal.wire import Unknown

DEFAULT_TIMEOUT = 300
"""Seconds that a release waits for its pods unless it says otherwise (``defaultTimeoutSeconds``)."""


def _check(call: Call) -> dict[str, Any]:
    """Name (the old one, else ``<logical name>-<8 hex digits>``), namespace and timeout filled in."""
    inputs = dict(call.inputs)
    if not call.value("name"):
        inputs["name"] = call.old.inputs["name"] if call.old else f"{call.name}-{secrets.token_hex(4)}"
    if not call.value("namespace"):
        inputs["namespace"] = call.settings.get("namespace") or "default"
    if not call.value("skipAwait") and "timeout" not in inputs:
        inputs["timeout"] = DEFAULT_TIMEOUT
    return inputs


def _create(call: Call) -> Made:
    chart, version = call.value("chart"), call.value("version")
    name, namespace = call.value("name"), call.value("namespace")
    before = wire.plain(call.old.outputs.get("status")) if call.old else None
    status = {
        "chart": str(chart).rstrip("/").rpartition("/")[2],
        "name": name,
        "namespace": namespace,
        "revision": (before or {}).get("revision", 0) + 1,
        "status": "deployed",
        "version": version or "",
    }
    return Made(f"{namespace}/{name}", {**call.inputs, "status": status})


def _identity(inputs: Mapping[str, Any]) -> str | None:
    name, namespace = wire.plain(inputs.get("name")), wire.plain(inputs.get("namespace"))
    if isinstance(name, Unknown) or isinstance(namespace, Unknown):
        return None
    return f"helm release/{namespace}/{name}"


STAND_INS = {
    "kubernetes:helm.sh/v3:Release": StandIn(
        create=_create, check=_check, replace_on=("name", "namespace"), identity=_identity
    ),
}
