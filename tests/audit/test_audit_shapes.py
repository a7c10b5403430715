"""Objects of a wrong shape: a finding, never a traceback, and no trouble for the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kong_mtls.audit import audit
from kong_mtls.audit.shapes import NUMBER, VALUE, problem
from kong_mtls.reader.manifests import UnreadableInput, read_texts
from tests.audit.audit_stack import AT, Bend, bent, both, change, env, findings, rules_of, values, with_consumer
from tests.audit.examples_client import ROUTED
from tests.audit.examples_issuance import approving, cert_manager, chart, labelled, reloader
from tests.audit.examples_links import admin_tls, postgres

ODD = ("x", [None], {"a": None})


CHARTS = both(
    approving(disableAutoApproval=True, clusterResourceNamespace="cert-manager", approveSignerNames=["x"]),
    chart(
        "trust-manager", "cert-manager", app={"trust": {"namespace": "cert-manager"}}, secretTargets={"enabled": True}
    ),
    reloader("kong", ignoreNamespaces="x", autoReloadAll=True),
    labelled(with_id=True),
)


def misshapen(value: Any) -> Iterator[Any]:
    """Copies of a document, each with one part of it in another shape."""
    if isinstance(value, dict):
        for key, each in value.items():
            for changed in (*ODD, *misshapen(each)):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for index, each in enumerate(value):
            for changed in (*ODD, *misshapen(each)):
                yield [*value[:index], changed, *value[index + 1 :]]


@pytest.mark.parametrize(
    "base",
    [
        with_consumer,
        ROUTED,
        both(postgres(), admin_tls()),
        cert_manager(),
        CHARTS,
    ],
    ids=["ingress", "gateway-api", "links", "cert-manager", "charts"],
)
def test_no_shape_brings_the_audit_down(base: Bend) -> None:
    """Whatever part of an object is something else, the audit ends with findings or a message, not a traceback."""
    stack = bent(base)
    front: dict[str, str] = {name: json.dumps(stack[name]) for name in ("plugin", "ingress") if name in stack}
    for name, document in stack.items():
        for changed in misshapen(document):
            try:
                objects = read_texts({**front, f"{name}.json": json.dumps(changed)})
            except UnreadableInput:
                continue
            audit(objects, AT)


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        (change("ingress", "spec", "rules", to="x"), "spec.rules is a text, not a list"),
        (change("ingress", "spec", "rules", to=[None]), "spec.rules[0] is empty"),
        (
            change("ingress", "spec", "tls", to=[{"hosts": "echo.example.com"}]),
            "spec.tls[0].hosts is a text, not a list",
        ),
        (change("service", "spec", "ports", to=[{"name": "https"}]), "spec.ports[0].port is missing"),
        (change("consumer", "credentials", to=[{"name": "a"}]), "credentials[0] is a mapping, not a single value"),
        (env("dp", pg_password={"valueFrom": "a"}), "env.pg_password is neither of two"),
        (values("dp", secretVolumes="dp-cluster"), "secretVolumes is a text, not a list"),
    ],
)
def test_the_finding_says_where(bend: Bend, said: str) -> None:
    """The path to the field, what it is, and what it should be."""
    found = [finding for finding in findings(bent(both(with_consumer, bend))) if finding.rule == "audit-malformed"]
    assert [finding.message for finding in found] == [said]


def test_the_others_are_judged_as_ever() -> None:
    """One object that can't be read hides no mistake in another."""
    found = findings(bent(both(change("policy", "spec", "ingress", to="x"), env("dp", database="postgres"))))
    assert rules_of(found) >= {"audit-malformed", "cluster-database"}


def test_what_is_left_out_fits() -> None:
    """Only what is there is judged, but for a number that can't be left out."""
    assert problem({}, {"a": [VALUE], "b": {"c": VALUE}}) is None
    assert problem({"a": None}, {"a": [VALUE]}) is None
    assert problem({}, {"a": NUMBER}) == "a is missing"
