"""The audit itself: silences, and what it left unjudged."""

from __future__ import annotations

from collections.abc import Iterator

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.manifests import ident, key_of

from ..context import Context
from ..existing import ANNOTATION as EXISTING
from ..existing import Presence
from ..model import Hit, all_rules, rule
from ..silence import ANNOTATION as IGNORE
from ..silence import problems
from .files import named
from .plugins import kong_plugins, secret_references

_HERE = "docs/rules.md"


@rule(
    "audit-malformed",
    "error",
    "An object has another shape than its kind",
    effect="The API server refuses it (a release's values: Helm does, or renders something else), so that what it was "
    "to protect goes without. Nothing else of it is judged.",
    fix="Correct the field: a mapping, a list or a single value as the kind's reference has it.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/",
    scope="object",
)
def _malformed(context: Context) -> Iterator[Hit]:
    for name, why in context.malformed.items():
        yield Hit(name, why)


@rule(
    "audit-silence-reason",
    "warning",
    "A rule is silenced without a reason",
    effect="Nothing is silenced. Without a reason nobody can tell later whether it still holds.",
    fix=f'Write {IGNORE}: "<rule-id>: <reason>".',
    source=_HERE,
    scope="object",
)
def _bare(context: Context) -> Iterator[Hit]:
    yield from problems(context.silences, {rule.id for rule in all_rules()})[0]


@rule(
    "audit-silence-unknown",
    "warning",
    "A silence names a rule that doesn't exist",
    effect="Nothing is silenced.",
    fix=f'Write {IGNORE}: "<rule-id>: <reason>", with an id of this list.',
    source=_HERE,
    scope="object",
)
def _unknown(context: Context) -> Iterator[Hit]:
    yield from problems(context.silences, {rule.id for rule in all_rules()})[1]


def _references(context: Context) -> Iterator[tuple[str, str, str, str]]:
    """Who names which Secret or ConfigMap, outside of Kong's own pods: referrer, kind, namespace, name."""
    for service in context.objects.all("Service"):
        given, namespace = ann.kong(service), key_of(service)[1]
        for key, kind in (
            ("client-cert", "Secret"),
            ("ca-certificates-secrets", "Secret"),
            ("ca-certificates-configmaps", "ConfigMap"),
        ):
            for name in ann.comma_list(given.get(key, "")):
                if "/" not in name:
                    yield ident(service), kind, namespace, name
    for consumer in context.objects.all("KongConsumer"):
        for name in consumer.get("credentials") or ():
            yield ident(consumer), "Secret", key_of(consumer)[1], str(name)
    for plugin in kong_plugins(context):
        for namespace, name in secret_references(plugin):
            yield ident(plugin), "Secret", namespace, name
    for failure in context.failures("server-certificate-missing"):
        yield failure.object, "Secret", failure.object.split("/")[1], failure.subject


def _presences(context: Context) -> Iterator[tuple[str, str, str, str, Presence]]:
    for referrer, kind, namespace, name in _references(context):
        declared = context.declared_by(referrer)
        yield referrer, kind, namespace, name, context.inventory.presence(kind, namespace, name, declared)
    for gateway, kind, name, _, presence in named(context):
        yield gateway.object, kind, gateway.namespace, name, presence


@rule(
    "audit-not-in-view",
    "warning",
    "Something named here can't be judged: the set plainly leaves its like out",
    effect="If it isn't in the cluster either, pods don't start, or the controller leaves the reference out and the "
    "route or Service goes without.",
    fix=f'Audit it together with the Secrets, or declare it: {EXISTING}: "<name>".',
    source=_HERE,
)
def _not_in_view(context: Context) -> Iterator[Hit]:
    for referrer, kind, namespace, name, presence in _presences(context):
        if presence is Presence.UNSEEN:
            yield Hit(referrer, f"{kind} {namespace}/{name} is not in the set")


@rule(
    "audit-declared",
    "info",
    "A Secret is taken to exist because an annotation says so",
    effect="Nothing of it is judged.",
    fix="None is needed.",
    source=_HERE,
)
def _declared(context: Context) -> Iterator[Hit]:
    for referrer, kind, namespace, name, presence in _presences(context):
        if presence is Presence.DECLARED:
            yield Hit(referrer, f"{kind} {namespace}/{name} is declared to exist")
