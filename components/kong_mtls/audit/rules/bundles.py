"""Trust by trust-manager: what a Bundle exports, where to, and pods that trust what only one leaf's Secret says."""

from __future__ import annotations

from collections.abc import Iterator

from kong_mtls.reader.cert_manager import value
from kong_mtls.reader.kic.authorities import object_data
from kong_mtls.reader.trust_manager import Bundle

from ..context import Context
from ..existing import Presence
from ..model import Hit, rule
from ..unknown import known
from ..uses import Use
from .issuers import changes_key, issued, renewed_too_late

_TRUST = "https://cert-manager.io/docs/trust/trust-manager/"
_API = "cert-manager/trust-manager pkg/apis/trust/v1alpha1/types_bundle.go"


@rule(
    "trust-own-ca-crt",
    "warning",
    "Peers are verified by the ca.crt of a leaf's own Secret",
    effect="cert-manager writes one CA there, that of the last issue: old and new can't both be trusted, so that a "
    "rotation of the CA drops every peer that has not moved yet.",
    fix="Mount a ConfigMap with all generations of the CA: a Bundle's, or one of your own (extraConfigMaps).",
    source="https://cert-manager.io/docs/trust/",
)
def _own_ca(context: Context) -> Iterator[Hit]:
    for (namespace, name), certificate in context.cert_manager.by_secret.items():
        for use in context.uses_of("Secret", namespace, name):
            leaf = not certificate.is_ca and context.judged(certificate.object)
            if use.trusts and use.reading == "start" and leaf:
                yield Hit(use.reader, f"{use.where} is {use.key} of Secret {name}, which {certificate.object} writes")


@rule(
    "trust-bundle-live-source",
    "warning",
    "A Bundle's source is a CA that is renewed in place",
    effect="On the day of the renewal the old CA certificate is gone from every target at once, and what it issued is "
    "refused while it is still valid.",
    fix="Copy the CA's certificate into a source of its own (inLine, or a ConfigMap in the trust namespace) and take "
    "it out later; or renewal.policy: Disabled on the CA, and the next generation under a new name beside it.",
    source=_TRUST,
)
def _live(context: Context) -> Iterator[Hit]:
    below = issued(context)
    for bundle in context.cert_manager.bundles:
        for ca in context.cert_manager.exported(bundle):
            if (
                ca.is_ca
                and context.judged(ca.object)
                and (changes_key(ca) or renewed_too_late(ca, below.get(ca.object, [])))
            ):
                yield Hit(bundle.object, f"its source Secret {ca.secret} is that of {ca.object}")


@rule(
    "trust-bundle-everywhere",
    "warning",
    "A Bundle says nothing of namespaces",
    effect="It is written into every namespace of the cluster, those of other teams included, and a later version of "
    "trust-manager may take it for none.",
    fix="target.namespaceSelector with the namespaces that verify something, by the label kubernetes.io/metadata.name; "
    "{} where every one is meant.",
    source=_API,
    scope="object",
)
def _everywhere(context: Context) -> Iterator[Hit]:
    for bundle in context.cert_manager.bundles:
        if bundle.kinds and bundle.selector is None:
            yield Hit(bundle.object, "target.namespaceSelector isn't set")


@rule(
    "trust-bundle-secret",
    "warning",
    "A Bundle writes Secrets",
    effect="CA certificates are public. For this trust-manager needs to read and write Secrets, and without "
    "secretTargets in its release it writes nothing.",
    fix="target.configMap.",
    source=_TRUST,
    scope="object",
)
def _secret(context: Context) -> Iterator[Hit]:
    for bundle in context.cert_manager.bundles:
        if "Secret" in bundle.kinds:
            releases = context.cert_manager.releases("trust-manager")
            off = bool(releases) and not any(value(each, "secretTargets.enabled") is True for each in releases)
            why = "; secretTargets.enabled isn't set in trust-manager's release: nothing is written" if off else ""
            yield Hit(bundle.object, f"it has target.secret{why}")


@rule(
    "trust-bundle-source",
    "error",
    "A Bundle's source can't be read by trust-manager",
    effect="Sources are read from the trust namespace alone, and of TLS Secrets by key alone. Without one of them the "
    "whole Bundle isn't written: who mounts it doesn't start, or goes on with what it has.",
    fix="Put the Secret or ConfigMap into trust-manager's trust namespace (app.trust.namespace, cert-manager by "
    "default), and name the key tls.crt.",
    source=_TRUST,
)
def _source(context: Context) -> Iterator[Hit]:
    for bundle in context.cert_manager.bundles:
        made = {each.secret for each in context.cert_manager.exported(bundle)}
        for source in bundle.sources:
            if source.every_key and source.kind == "Secret" and source.name in made:
                yield Hit(bundle.object, f"includeAllKeys of Secret {source.name}, which holds a private key")
    spaces = context.cert_manager.trust_namespaces
    for bundle in context.cert_manager.bundles if spaces and known(list(spaces)) else ():
        said = context.declared_by(bundle.object)
        for source in bundle.sources:
            presence = [
                context.inventory.presence(source.kind, each, source.name, said, fails_open=False) for each in spaces
            ]
            if all(each is Presence.MISSING for each in presence):
                where = "/".join([*sorted(spaces), source.name])
                yield Hit(bundle.object, f"{source.kind} {where} isn't there")


@rule(
    "client-ca-bundle-no-id",
    "error",
    "A Bundle's ConfigMap is to be a CA object for Kong and has no id",
    effect="The ingress controller drops it with a Warning event: trust-manager writes one key, and no `id`. What "
    "counts on the CA refuses everybody or trusts the wrong ones.",
    fix="Write the exported certificate into a ConfigMap of your own with label, id and ca.crt, and take the label "
    "out of the Bundle.",
    source="Kong/kubernetes-ingress-controller internal/dataplane/translator/translate_cacerts.go",
)
def _no_id(context: Context) -> Iterator[Hit]:
    for bundle in context.cert_manager.bundles:
        if any(_has_id(context, kind, bundle) for kind in bundle.kinds):
            continue
        if bundle.is_ca_object:
            yield Hit(bundle.object, "its target is labelled konghq.com/ca-cert")
        for kind in bundle.kinds:
            for use in _asked_for(context, kind, bundle):
                yield Hit(bundle.object, f"{use.reader} names what it writes ({use.where})")


def _asked_for(context: Context, kind: str, bundle: Bundle) -> Iterator[Use]:
    """Who takes what a Bundle writes for a CA object."""
    for namespace in context.namespaces_of(kind, bundle.name):
        if context.inventory.maker(kind, namespace, bundle.name) is not None:
            found = context.uses_of(kind, namespace, bundle.name)
            yield from (use for use in found if use.trusts and use.reading == "watched")


def _has_id(context: Context, kind: str, bundle: Bundle) -> bool:
    """Whether the set has an object of the Bundle's name that brings the id along: a patch of somebody else's."""
    named = (obj for obj in context.objects.all(kind) if obj["metadata"].get("name") == bundle.name)
    return any("id" in object_data(obj) for obj in named)
