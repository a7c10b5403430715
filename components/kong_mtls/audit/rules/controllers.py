"""The charts of cert-manager, trust-manager and Reloader, and what the kong chart does with cert-manager by itself."""

from __future__ import annotations

from collections.abc import Iterator

from kong_mtls.reader.cert_manager import value
from kong_mtls.reader.manifests import Release

from ..context import Context
from ..model import Hit, rule
from ..reloader import CHART, reloaders

_CERT_MANAGER = "cert-manager/cert-manager deploy/charts/cert-manager/values.yaml"
_BLOCKS = ("cluster", "proxy", "admin", "manager", "portal")
_CRDS = {
    "cert-manager": ("certificates.cert-manager.io", False),
    "trust-manager": ("bundles.trust.cert-manager.io", True),
}


def _ident(release: Release) -> str:
    return f"Release/{release.namespace}/{release.name}"


@rule(
    "trust-chart-certificates",
    "warning",
    "The kong chart is to ask cert-manager for certificates by itself",
    effect="It sets no usages, so that each certificate is good for servers and clients; it skips them without a word "
    "where cert-manager's CRDs aren't there; it rolls nothing when they are renewed; and for the cluster link it sets "
    "cluster_mtls to pki, whatever CA stands behind the issuer.",
    fix="certificates.enabled: false, and Certificates of your own with usages, mounted by secretVolumes.",
    source="Kong/charts charts/kong/templates/certificate.yaml; charts/kong/templates/_helpers.tpl (kong.env)",
    scope="object",
)
def _chart(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        if release.values.on("certificates.enabled"):
            blocks = [each for each in _BLOCKS if release.values.on(f"certificates.{each}.enabled")]
            yield Hit(context.ident(release), f"certificates.enabled, for {', '.join(blocks) or 'nothing'}")


@rule(
    "hygiene-cert-manager-crds",
    "warning",
    "A release doesn't bring its CRDs, or by a switch that is going away",
    effect="Both charts leave CRDs to be installed by hand unless they are told: without them every Certificate, "
    "issuer and Bundle is refused. installCRDs is deprecated since cert-manager 1.15.",
    fix="crds: {enabled: true, keep: true}.",
    source=_CERT_MANAGER,
)
def _crds(context: Context) -> Iterator[Hit]:
    for chart, (crd, default) in _CRDS.items():
        there = context.objects.get("CustomResourceDefinition", None, crd) is not None
        for release in context.cert_manager.releases(chart):
            if value(release, "installCRDs"):
                yield Hit(_ident(release), "installCRDs is set")
            elif not value(release, "crds.enabled", default) and not there:
                yield Hit(_ident(release), "crds.enabled isn't set, and the CRDs aren't in the set")


@rule(
    "hygiene-trust-manager-secrets",
    "warning",
    "trust-manager may read and write every Secret of the cluster",
    effect="secretTargets.authorizedSecretsAll gives its service account all of them, signing keys included.",
    fix="Write Bundles into ConfigMaps; else list the names in secretTargets.authorizedSecrets.",
    source="cert-manager/trust-manager deploy/charts/trust-manager/values.yaml",
    scope="object",
)
def _all_secrets(context: Context) -> Iterator[Hit]:
    for release in context.cert_manager.releases("trust-manager"):
        if (
            value(release, "secretTargets.enabled") is True
            and value(release, "secretTargets.authorizedSecretsAll") is True
        ):
            yield Hit(_ident(release), "secretTargets.authorizedSecretsAll is true")


@rule(
    "hygiene-reloader-everywhere",
    "warning",
    "Reloader may read every Secret of the cluster",
    effect="By default its ClusterRole lists all Secrets and changes all Deployments: who gets into its pod has every "
    "private key.",
    fix=f"{CHART}: {{watchGlobally: false, namespaces: [...]}} with those that need it: Roles, no ClusterRole.",
    source="stakater/Reloader deployments/kubernetes/chart/reloader/templates/clusterrole.yaml",
    scope="object",
)
def _everywhere(context: Context) -> Iterator[Hit]:
    for each in reloaders(context.objects):
        if each.everywhere and "Secret" not in each.blind:
            yield Hit(each.object, f"{CHART}.watchGlobally isn't false")
