"""What the kinds of cert-manager, trust-manager and approver-policy have in common: checks, and conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins import cert_manager_rules as rules
from kong_mtls.rehearsal.standins import crd_fields, kubernetes
from kong_mtls.rehearsal.standins.go_time import rfc3339
from kong_mtls.rehearsal.standins.model import Call, Waiting


def spec_of(call: Call) -> dict[str, Any]:
    """The object's ``spec`` without secret marks and without what is null."""
    spec: dict[str, Any] = _without_nulls(call.value("spec", {}))
    return spec


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def checking(check_spec: rules.Rules, webhook: str = "webhook.cert-manager.io") -> Callable[[Call], dict[str, Any]]:
    """A ``check`` that completes an object as for every kind, then refuses what its definition and webhook refuse."""

    def check(call: Call) -> dict[str, Any]:
        inputs = kubernetes.check(call)
        if inputs.get("status") is None:
            inputs.pop("status", None)  # asked for by the program as an output; nothing is sent
        crd_fields.check(inputs)
        if not wire.has_unknown(inputs.get("spec")):
            rules.deny(check_spec(spec_of(replace(call, inputs=inputs))), webhook)
        return inputs

    return check


def condition(type_: str, ok: bool, reason: str, message: str, at: datetime) -> dict[str, str]:
    """One of an object's conditions."""
    said = {"type": type_, "status": str(ok), "reason": reason, "message": message}
    return {**said, "lastTransitionTime": rfc3339(at)}


def not_ready(call: Call, reason: str, message: str, **status: Any) -> Waiting:
    """What a controller answers while an object is not ready: the reason, also as its condition."""
    ready = condition("Ready", False, reason, message, call.at)
    return Waiting(f"{reason}: {message}", {"conditions": [ready], **status})
