"""The audit's rules as CrossGuard policies: one for each rule, of the rule's name.

A rule that one object shows is a policy on resources: in `pulumi up` it stops the object before it is made. A
rule that takes the whole set is a policy on the stack. Errors are mandatory, the rest is advisory; a policy
configuration changes that rule by rule (``{"client-no-snis": "mandatory", "hygiene-moving-tag": "disabled"}``).

The rules judge at the time of the run. What a preview doesn't know yet is left unjudged.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from kong_mtls.audit import Finding, Rule, all_rules, audit_rules
from kong_mtls.audit.context import Context
from kong_mtls.audit.resources import Converted, Resource, convert

NAME = "kong-mtls"

Clock = Callable[[], datetime]


def now() -> datetime:
    """The clock of a run."""
    return datetime.now(timezone.utc)


class _Last(threading.local):
    """The last set that a thread judged: the engine asks every policy about the same one in turn."""

    converted: Converted | None = None
    context: Context | None = None


_last = _Last()


def judged(rule: Rule, resources: Sequence[Resource], clock: Clock = now) -> list[tuple[Finding, str | None]]:
    """What a rule finds in some resources, each finding with the URN of the resource it is about.

    Silenced findings are left out.
    """
    converted = convert(resources, UnknownValueError)
    context = _last.context
    if context is None or converted != _last.converted:
        context = Context(converted.objects(), clock())
        _last.converted, _last.context = converted, context
    found = audit_rules([rule], context)
    return [(f, converted.urns.get(f.object)) for f in found if f.severity == rule.severity]


def message(finding: Finding) -> str:
    """One finding as a violation's text."""
    return f"{finding.object}: {finding.message}\nFix: {finding.fix}"


def enforcement(rule: Rule) -> EnforcementLevel:
    """The level of a rule that no configuration changes."""
    return EnforcementLevel.MANDATORY if rule.severity == "error" else EnforcementLevel.ADVISORY


def policy(rule: Rule, clock: Clock = now) -> Policy:
    """A rule as a policy."""

    def on_resource(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for finding, _ in judged(rule, [args], clock):
            report(message(finding), None)

    def on_stack(args: StackValidationArgs, report: ReportViolation) -> None:
        for finding, urn in judged(rule, args.resources, clock):
            report(message(finding), urn)

    description = f"{rule.title}. {rule.effect}"
    if rule.scope == "object":
        return ResourceValidationPolicy(rule.id, description, on_resource, enforcement(rule))
    return StackValidationPolicy(rule.id, description, on_stack, enforcement(rule))


def policies(clock: Clock = now) -> list[Policy]:
    """A policy for each rule."""
    return [policy(rule, clock) for rule in all_rules()]
