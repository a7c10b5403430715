"""What isn't about one link: keys in the open, images that move, missing fences."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kong_mtls.reader.kic.annotation import PREFIX
from kong_mtls.reader.manifests import configmap_data, ident, key_of
from kong_mtls.reader.pods import dicts

from .. import certs
from ..context import Context
from ..gateways import Gateway
from ..hybrid import planes
from ..model import Hit, rule
from ..network import isolated
from ..unknown import known
from ..workloads import matches

_ENCODED = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{40,}")
_MOVING = re.compile(r"(latest|stable|edge|main|master|nightly|dev|develop|rolling|current)(-.*)?")


def _holds_key(text: str) -> bool:
    """Whether a text holds a private key, as PEM or as base64 of PEM."""
    if "PRIVATE KEY-----" in text and certs.holds_private_key(text):
        return True
    for match in _ENCODED.finditer(text):
        encoded = match.group(0)
        try:
            decoded = base64.b64decode(encoded[: len(encoded) // 4 * 4])
        except ValueError:
            continue
        if certs.holds_private_key(decoded):
            return True
    return False


@rule(
    "hygiene-key-in-configmap",
    "error",
    "A private key stands in a ConfigMap",
    effect="ConfigMaps aren't encrypted at rest, and nearly everybody may read them: take the key for stolen.",
    fix="Put it in a Secret, and replace it.",
    source="https://kubernetes.io/docs/concepts/configuration/configmap/",
    scope="object",
)
def _in_configmap(context: Context) -> Iterator[Hit]:
    for config_map in context.objects.all("ConfigMap"):
        for key, value in configmap_data(config_map).items():
            if value is not None and certs.holds_private_key(value):
                yield Hit(ident(config_map), f"key {key} holds a private key")


@rule(
    "hygiene-key-in-env",
    "error",
    "A private key stands in an environment variable or among a release's values",
    effect="It is in the Deployment, in Helm's history, in every crash dump and every child process: take it for "
    "stolen.",
    fix="Put it in a Secret and mount it; Kong's settings take a path. Replace the key.",
    source="https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
    scope="object",
)
def _in_env(context: Context) -> Iterator[Hit]:
    for release in context.objects.releases:
        for path, text in _texts(release.values, ""):
            # A Secret that the chart is to create from extraObjects is a Secret's own place.
            if not path.startswith("extraObjects") and _holds_key(text):
                yield Hit(f"Release/{release.namespace}/{release.name}", f"value {path} holds a private key")
    for workload in context.workloads:
        for container in workload.containers:
            for variable in dicts(container.get("env")):
                value = variable.get("value")
                if isinstance(value, str) and _holds_key(value):
                    yield Hit(workload.object, f"{variable.get('name')} holds a private key")


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, f"{path}[{index}]")


def _moves(image: str) -> str | None:
    """Why an image isn't the same tomorrow, or None."""
    if "@sha256:" in image or not image or not known(image):
        return None
    name = image.rsplit("/", 1)[-1]
    tag = name.partition(":")[2]
    if not tag:
        return "no tag, which means latest"
    return f"the tag {tag}, which moves" if _MOVING.fullmatch(tag) or re.fullmatch(r"v?\d+", tag) else None


@rule(
    "hygiene-moving-tag",
    "warning",
    "An image's tag moves",
    effect="Pods started at different times run different versions, and no preview shows it. (The kong chart doesn't "
    "render at all with a gateway tag that is no version.)",
    fix="Name a version, better a digest.",
    source="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    scope="object",
)
def _moving(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        images = [("image", release.image.reference)]
        if release.ingress_controller:
            images.append(("ingressController.image", release.ingress_controller.image.reference))
        for where, image in images:
            why = _moves(image)
            if why:
                yield Hit(context.ident(release), f"{where} has {why}")
    for workload in context.workloads:
        for container in workload.containers:
            why = _moves(str(container.get("image") or ""))
            if why:
                yield Hit(workload.object, f"the image of container {container.get('name')} has {why}")


@rule(
    "hygiene-network-policy",
    "warning",
    "The cluster port isn't fenced by a NetworkPolicy",
    effect="Any pod can knock at the control plane's port for data planes; what keeps it out is the certificate alone.",
    fix="Admit 8005 and 8006 from the data planes' namespaces (and CIDRs of remote ones), the Admin API from the "
    "controller; keep the ports of webhook and metrics open.",
    source="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
def _network_policy(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane"):
        for listener in (gateway.listeners("cluster_listen") or ())[:1]:
            if not isolated(context, gateway.namespace, gateway.labels, listener.port):
                yield Hit(gateway.object, f"no NetworkPolicy in {gateway.namespace} restricts port {listener.port}")


@rule(
    "hygiene-disruption-budget",
    "warning",
    "Several replicas without a disruption budget",
    effect="Draining nodes may stop all of them at once.",
    fix="Set podDisruptionBudget: {enabled: true, maxUnavailable: 1}.",
    source="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
)
def _budget(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        if gateway.replicas > 1 and not _has_budget(context, gateway):
            yield Hit(gateway.object, f"it has {gateway.replicas} replicas and no PodDisruptionBudget")


def _has_budget(context: Context, gateway: Gateway) -> bool:
    if gateway.release is not None and gateway.release.values.on("podDisruptionBudget.enabled"):
        return True
    return any(
        key_of(budget)[1] == gateway.namespace
        and matches((budget.get("spec") or {}).get("selector") or {}, gateway.labels)
        for budget in context.objects.all("PodDisruptionBudget")
    )


@rule(
    "hygiene-annotation-not-string",
    "error",
    "A konghq.com annotation isn't a string",
    effect="The API server refuses the whole object: annotations are strings, and YAML makes true or 1 something else.",
    fix='Put the value in quotes: "true", "1".',
    source="https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/",
    scope="object",
)
def _not_string(context: Context) -> Iterator[Hit]:
    for name, said in context.annotations.items():
        for key, value in said.items():
            if key.startswith(PREFIX) and not isinstance(value, str) and not name.startswith("Release/"):
                yield Hit(name, f"{key} is {value!r}")
