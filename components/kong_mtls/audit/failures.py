"""Rules that repeat what the ingress controller would say, where it says anything at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kong_mtls.reader.kic import Failure

from .context import Context
from .model import Hit, Scope, Severity, rule

KIC = "Kong/kubernetes-ingress-controller "
"""How sources name the controller's repository on GitHub; a path in it follows."""

KONG = "Kong/kong "
"""How sources name the gateway's repository on GitHub; a path in it follows."""

Filter = Callable[[Context, Failure], bool]


def failure_rule(
    id: str,  # noqa: A002 - as in `rule`
    severity: Severity,
    title: str,
    *,
    codes: tuple[str, ...],
    effect: str,
    fix: str,
    source: str,
    scope: Scope = "set",
    only: Filter | None = None,
) -> None:
    """Register a rule whose hits are the reader's failures of some codes.

    Args:
        id: as in `rule`; so are severity, title, effect, fix, source and scope.
        severity: see there.
        title: see there.
        codes: of `kong_mtls.reader.kic.failures.FAILURES`.
        effect: see `rule`.
        fix: see `rule`.
        source: see `rule`.
        scope: see `rule`.
        only: which failures count; all of them without it.
    """

    def check(context: Context) -> Iterator[Hit]:
        for failure in context.failures(*codes):
            if only is None or only(context, failure):
                yield Hit(failure.object, failure.message)

    check.codes = codes  # type: ignore[attr-defined]  # a test sees that no code is left without a rule
    rule(id, severity, title, effect=effect, fix=fix, source=source, scope=scope)(check)
