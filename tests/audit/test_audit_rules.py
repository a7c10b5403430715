"""Every rule: its bad example is found and its good one isn't, and correct stacks are clean."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from kong_mtls.audit import Rule, all_rules, audit
from kong_mtls.audit.context import Context
from kong_mtls.audit.model import run
from kong_mtls.reader.kic import FAILURES
from kong_mtls.reader.manifests import read_texts
from tests.audit import examples_client, examples_issuance, examples_links, examples_trust, examples_upstream
from tests.audit.audit_examples import Example
from tests.audit.audit_stack import (
    AT,
    Bend,
    Stack,
    bent,
    correct,
    findings,
    objects,
    rules_of,
    with_consumer,
    with_global,
)

EXAMPLES: dict[str, Example] = (
    examples_client.EXAMPLES
    | examples_upstream.EXAMPLES
    | examples_links.EXAMPLES
    | examples_trust.EXAMPLES
    | examples_issuance.EXAMPLES
)
RULES = {rule.id: rule for rule in all_rules()}


@pytest.mark.parametrize("base", [None, with_consumer, with_global], ids=["plugin", "consumer", "global"])
def test_a_correct_stack_is_clean(base: Bend | None) -> None:
    """Nothing at all is found on a stack that is right: no error, no warning."""
    assert findings(bent(*([base] if base else []))) == []


def test_every_rule_has_examples() -> None:
    """No rule without a bad and a good example, and no example without a rule."""
    assert set(EXAMPLES) == set(RULES)


def test_every_failure_of_the_controller_has_a_rule() -> None:
    """What the reader says the controller drops is a finding of some rule."""
    covered = {code for rule in RULES.values() for code in getattr(rule.check, "codes", ())}
    # Looked at more closely: client-ca-id-conflict compares contents, client-plugin-disabled knows global plugins.
    assert set(FAILURES) - covered == {"ca-object-duplicate-id", "plugin-disabled"}


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_bad_example_is_found(name: str) -> None:
    """The rule finds its bad example, on the object to be changed, with the rule's severity and a fix."""
    example, rule = EXAMPLES[name], RULES[name]
    found = [finding for finding in findings(bent(example.bad)) if finding.rule == name]
    assert [f for f in found if f.object == example.object and f.severity == rule.severity], found
    assert all(finding.message and finding.fix for finding in found)


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_good_example_is_clean(name: str) -> None:
    """The same thing done right isn't found by the rule, and nothing else calls it an error."""
    found = findings(bent(EXAMPLES[name].good))
    assert name not in rules_of(found)
    assert [finding for finding in found if finding.severity == "error"] == []


def alone(rule: Rule, stack: Stack) -> set[str]:
    """What a rule finds when it sees each object by itself, as a policy on resources does."""
    hits = set()
    for name, document in stack.items():
        context = Context(read_texts({f"{name}.json": json.dumps(document)}), AT)
        hits |= {hit.object for _, hit in run([rule], context) if context.judged(hit.object)}
    return hits


@pytest.mark.parametrize("name", sorted(rule.id for rule in RULES.values() if rule.scope == "object"))
def test_rules_over_one_object_need_no_others(name: str) -> None:
    """A rule that says so finds its bad example in the object alone, and nothing in correct objects."""
    rule, example = RULES[name], EXAMPLES[name]
    assert example.object in alone(rule, bent(example.bad))
    assert alone(rule, bent(example.good)) == set()
    assert alone(rule, correct()) == set()


def test_order_of_files_does_not_matter() -> None:
    """The same findings in the same order, however the files come."""
    stack = bent(examples_client.EXAMPLES["client-plain-http"].bad, examples_links.EXAMPLES["database-plain"].bad)
    backwards = dict(reversed(list(deepcopy(stack).items())))
    assert audit(objects(stack), AT) == audit(objects(backwards), AT)
