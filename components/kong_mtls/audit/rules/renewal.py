"""Renewed by cert-manager and not loaded: processes that read a certificate when they start, and who restarts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kong_mtls.reader.cert_manager import Certificate
from kong_mtls.reader.manifests import annotations_of
from kong_mtls.reader.pods import dicts, mapping
from kong_mtls.reader.trust_manager import Bundle

from .. import certs
from ..context import Context
from ..model import Hit, rule
from ..reloader import CHART, Reloader, asks, reloaders
from ..unknown import known
from ..uses import Use
from .issuers import current, days

_CSI = "csi.cert-manager.io"
_RELOADER = "https://github.com/stakater/Reloader"
_FIX = (
    "Run Reloader and name the object in the Deployment's own annotations, not its pods' (deploymentAnnotations; "
    "secret.reloader.stakater.com/reload, configmap.reloader.stakater.com/reload), or restart the pods within the "
    "renewal window."
)

_Annotations = Mapping[str, Any]


def _said(context: Context, reader: str) -> tuple[_Annotations, _Annotations]:
    """The annotations of a workload, and those of its pods."""
    if reader.startswith("Release/"):
        values = context.values[reader]
        return mapping(values.get("deploymentAnnotations")), mapping(values.get("podAnnotations"))
    obj = context.by_ident[reader]
    template = mapping(mapping(obj.get("spec")).get("template"))
    return annotations_of(obj), mapping(mapping(template.get("metadata")).get("annotations"))


def _deaf(context: Context, seen: list[Reloader], use: Use, resource: _Annotations) -> str | None:
    """Why nothing restarts a reader when what it reads changes; None if something does."""
    own, pods = _said(context, use.reader)
    watching = [each for each in seen if each.watches(use.namespace, use.kind)]
    if asks(own, use.kind, use.name, resource):
        if seen and not watching:
            return f"it is annotated, but {seen[0].object} doesn't watch {use.kind}s of {use.namespace}"
        return None
    if any(each.unasked for each in watching) and "reloader.stakater.com/auto" not in own:
        return None
    if pods and asks(pods, use.kind, use.name, resource):
        return "Reloader's annotation stands on the pods, and belongs on the Deployment"
    return "nothing restarts its pods"


def _readers(context: Context, kind: str, namespace: str, name: str, reading: str) -> dict[str, list[Use]]:
    found: dict[str, list[Use]] = {}
    for use in context.uses_of(kind, namespace, name):
        if use.restartable and use.reading == reading:
            found.setdefault(use.reader, []).append(use)
    return found


def _known(context: Context, certificate: Certificate) -> bool:
    return context.judged(certificate.object) and known(certificate.secret)


def _on_secret(context: Context, certificate: Certificate) -> _Annotations:
    """The annotations of a Certificate's Secret."""
    there = context.objects.get("Secret", certificate.namespace, certificate.secret)
    return {**annotations_of(there or {}), **certificate.secret_annotations}


def _places(found: list[Use]) -> str:
    named = [use.where for use in found if not use.where.startswith("volume ") and "_key" not in use.where.lower()]
    return ", ".join(dict.fromkeys(named or [use.where for use in found]))


def _renewal(context: Context, certificate: Certificate) -> str:
    lifetime, early = certificate.duration, certificate.renew_before
    said = f"{certificate.object} renews it {days(lifetime - early) if lifetime and early else 'some time'} after issue"
    now = current(context, certificate)
    if now is not None and early is not None and now.not_valid_after_utc - early > context.at:
        said += f", next on {certs.day(now.not_valid_after_utc - early)}"
    return said


@rule(
    "trust-renewal-not-loaded",
    "warning",
    "A certificate that is renewed in the cluster isn't loaded by the running pods",
    effect="The Secret (or a Bundle's ConfigMap) changes in the cluster, without an `up` that could roll anything: the "
    "process shows the old certificate until it expires, or goes on trusting the old CA alone.",
    fix=_FIX,
    source=_RELOADER,
)
def _not_loaded(context: Context) -> Iterator[Hit]:
    seen = reloaders(context.objects)
    for (namespace, name), certificate in context.cert_manager.by_secret.items():
        if certificate.never_renewed or not _known(context, certificate):
            continue
        for reader, found in _readers(context, "Secret", namespace, name, "start").items():
            why = _deaf(context, seen, found[0], _on_secret(context, certificate))
            if why:
                yield Hit(reader, f"Secret {name} ({_places(found)}): {_renewal(context, certificate)}, and {why}")
    for bundle in context.cert_manager.bundles:
        for kind in bundle.kinds:
            yield from _bundle(context, seen, kind, bundle)


def _bundle(context: Context, seen: list[Reloader], kind: str, bundle: Bundle) -> Iterator[Hit]:
    still = _still(context, bundle)
    for namespace in context.namespaces_of(kind, bundle.name):
        if context.inventory.maker(kind, namespace, bundle.name) is None:
            continue
        for reader, found in _readers(context, kind, namespace, bundle.name, "start").items():
            if still and any(str(key).startswith("checksum/") for key in _said(context, reader)[1]):
                continue
            why = _deaf(context, seen, found[0], {})
            if why:
                yield Hit(reader, f"{kind} {bundle.name} ({_places(found)}): {bundle.object} writes it, and {why}")


def _still(context: Context, bundle: Bundle) -> bool:
    """Whether a Bundle's content changes only when somebody applies something: the sources never renew."""
    fixed = {each.secret for each in context.cert_manager.exported(bundle) if each.never_renewed}
    return all(source.kind == "Secret" and source.name in fixed for source in bundle.sources)


@rule(
    "trust-renewal-unknown",
    "info",
    "A workload mounts a certificate that is renewed in the cluster",
    effect="The mounted file changes within minutes of a renewal. Whether the program reads it again can't be told "
    "from manifests.",
    fix="None if it does. Else let Reloader restart it.",
    source="https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically",
)
def _unknown(context: Context) -> Iterator[Hit]:
    seen = reloaders(context.objects)
    for (namespace, name), certificate in context.cert_manager.by_secret.items():
        if certificate.never_renewed or not _known(context, certificate):
            continue
        for reader, found in _readers(context, "Secret", namespace, name, "unknown").items():
            if _deaf(context, seen, found[0], _on_secret(context, certificate)):
                yield Hit(reader, f"Secret {name} ({_places(found)}): {_renewal(context, certificate)}")


@rule(
    "trust-reloader-not-in-view",
    "info",
    "A workload counts on Reloader, and the set shows none",
    effect="If it doesn't run in the cluster either, a renewed certificate is never loaded.",
    fix="Install Reloader, or none if it is installed elsewhere.",
    source=_RELOADER,
)
def _not_in_view(context: Context) -> Iterator[Hit]:
    # Where nothing of the cluster's other charts is shown, Reloader's isn't missed.
    others = [each for each in context.objects.releases if each.chart_name not in ("kong", CHART)]
    if not others or reloaders(context.objects) or _deployed(context):
        return
    for (namespace, name), certificate in context.cert_manager.by_secret.items():
        for reader, found in _readers(context, "Secret", namespace, name, "start").items():
            if _known(context, certificate) and asks(
                _said(context, reader)[0], "Secret", name, _on_secret(context, certificate)
            ):
                yield Hit(reader, f"Reloader is to restart it when Secret {name} ({_places(found)}) changes")


def _deployed(context: Context) -> bool:
    return any("reloader" in str(container.get("image")) for each in context.workloads for container in each.containers)


@rule(
    "trust-csi-certificate",
    "warning",
    "Kong's certificate comes from cert-manager's CSI driver",
    effect="The driver renews the file on the node; Kong reads it when it starts, and as no Secret changes Reloader "
    "sees nothing either. Every replica has a key of its own, which shared mode doesn't take.",
    fix="A Certificate whose Secret is mounted, and Reloader.",
    source="https://cert-manager.io/docs/usage/csi-driver/",
    scope="object",
)
def _csi(context: Context) -> Iterator[Hit]:
    pods = {each.object: each.spec for each in context.workloads}
    for gateway in context.gateways:
        release = gateway.release
        volumes = (
            release.values.get("deployment.userDefinedVolumes") if release else pods[gateway.object].get("volumes")
        )
        for volume in dicts(volumes):
            if mapping(volume.get("csi")).get("driver") == _CSI:
                yield Hit(gateway.object, f"volume {volume.get('name')} is of {_CSI}")
