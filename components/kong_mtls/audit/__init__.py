"""Rules over manifests and release values: what Kong and its ingress controller would do with a mistake.

>>> from kong_mtls.reader.manifests import read_paths
>>> findings = audit(read_paths(["out/dev"]), datetime.now(timezone.utc))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kong_mtls.reader.manifests import Objects

from .context import Context
from .model import Finding, Hit, Rule, Severity, all_rules, run
from .silence import apply

__all__ = ["Finding", "Rule", "Severity", "all_rules", "audit", "audit_rules", "order"]

_ORDER = {"error": 0, "warning": 1, "info": 2}


def audit(objects: Objects, at: datetime) -> list[Finding]:
    """What every rule finds in a set of objects and releases, the worst first.

    Args:
        objects: from `kong_mtls.reader.manifests`.
        at: the moment to judge dates by, with a timezone.
    """
    return audit_rules(all_rules(), Context(objects, at))


def audit_rules(checked: Iterable[Rule], context: Context) -> list[Finding]:
    """The same for some of the rules, over a context that may be used again."""
    findings = {_finding(rule, hit): None for rule, hit in run(checked, context) if context.judged(hit.object)}
    return order(apply(findings, context.silences))


def order(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first; then by object and rule."""
    return sorted(findings, key=lambda f: (_ORDER[f.severity], f.object, f.rule, f.message))


def _finding(rule: Rule, hit: Hit) -> Finding:
    return Finding(rule.id, rule.severity, hit.object, hit.message, hit.fix or rule.fix)
