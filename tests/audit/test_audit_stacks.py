"""The stacks we ship, as files and as resources, applied and in a first preview, are clean."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

from kong_mtls.audit import Finding, audit
from kong_mtls.audit.resources import convert
from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State
from tests.audit.test_audit_policy import Resource
from tests.stacks import Stack, files

STACKS = ("dev", "staging", "prod")

# What a stack means to show: without approver-policy any namespace may ask cert-manager's issuers.
MEANT = {"prod": {"cluster-anyone-issues"}}


@pytest.fixture(scope="module")
def performed(root: Path, today: datetime) -> dict[tuple[str, bool], Performance]:
    """Each stack from nothing: applied, and previewed."""
    return {
        (stack, preview): perform(root, stack, at=today, preview=preview, state=State("kong-mtls", stack))
        for stack in STACKS
        for preview in (False, True)
    }


def as_policy_sees(value: Any) -> Any:
    """Secrets in clear, what isn't known as the engine's own mark."""
    if isinstance(value, wire.Secret):
        return as_policy_sees(value.value)
    if isinstance(value, wire.Unknown):
        return UNKNOWN_STRING_VALUE
    if isinstance(value, dict):
        return {key: as_policy_sees(each) for key, each in value.items()}
    return [as_policy_sees(each) for each in value] if isinstance(value, list) else value


def as_resources(performance: Performance, today: datetime) -> list[Finding]:
    found = [
        Resource(each.type, unknown_checking_proxy(as_policy_sees(dict(each.inputs))), each.name, each.urn)
        for each in performance.resources
        if each.custom
    ]
    return audit(convert(found, UnknownValueError).objects(), today)


def loud(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.severity != "info"]


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("masked", [False, True], ids=["secrets", "masked"])
def test_files_are_clean(
    performed: dict[tuple[str, bool], Performance], today: datetime, stack: str, masked: bool
) -> None:
    """What a rehearsal writes has no errors, and only warnings that are meant, with its secrets and without."""
    found = loud(audit(read_texts(render(performed[stack, False], masked=masked)), today))
    assert {each.rule for each in found} == MEANT.get(stack, set()), found
    assert {each.severity for each in found} <= {"warning"}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_resources_are_clean(
    performed: dict[tuple[str, bool], Performance], today: datetime, stack: str, preview: bool
) -> None:
    """A policy pack says nothing else to the same stacks, in `up` and in a first preview."""
    found = loud(as_resources(performed[stack, preview], today))
    assert {each.rule for each in found} <= MEANT.get(stack, set()), found


def test_prod_without_reloader_and_with_policies(root: Path, today: datetime) -> None:
    """Every certificate that Kong reads at start is named once it isn't reloaded; policies close the issuers."""
    ours = {"kong-mtls:certManager": {"renewal": "restart", "approverPolicy": {}, "replicas": 2}}
    found = loud(audit(files(Stack(root, "prod", today).up(ours)), today))
    assert {each.rule for each in found} == {"trust-renewal-not-loaded"}
    renewed = {each.message.split("(")[1].split(")")[0] for each in found}
    assert renewed == {
        "cluster_cert",
        "ssl_cert",
        "client_ssl_cert",
        "admin_ssl_cert",
        "CONTROLLER_KONG_ADMIN_TLS_CLIENT_CERT_FILE",
    }
