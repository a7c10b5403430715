"""Objects of the ingress controller's own kinds: plugins and consumers, as manifests and as resources.

The builders are pure: plain values or outputs in, a manifest in the API's own spelling out. Sources:
Kong/kubernetes-ingress-controller, the CRDs of ``configuration.konghq.com/v1``; KongPlugin needs no class, the others
are passed over without one (internal/store/store.go).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from .kong_objects import CLASS_ANNOTATION

API = "configuration.konghq.com/v1"
CREDENTIAL_LABEL = "konghq.com/credential"
GLOBAL_LABEL = "global"


def kong_plugin(
    plugin: str, *, name: str, namespace: pulumi.Input[str], config: Mapping[str, Any]
) -> dict[str, pulumi.Input[Any]]:
    """A KongPlugin: routes of its namespace refer to it by name."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API, "kind": "KongPlugin", "metadata": metadata, "plugin": plugin, "config": dict(config)}


def global_plugin(
    plugin: str, *, name: str, ingress_class: str, config: Mapping[str, Any]
) -> dict[str, pulumi.Input[Any]]:
    """A KongClusterPlugin for every request; without label or class the controller never makes it global, silently.

    Two of one plugin and class: the controller drops both (internal/dataplane/kongstate/kongstate.go).
    """
    metadata = {
        "name": name,
        "labels": {GLOBAL_LABEL: "true"},
        "annotations": {CLASS_ANNOTATION: ingress_class},
    }
    kind = "KongClusterPlugin"
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "plugin": plugin, "config": dict(config)}


def kong_consumer(
    *,
    name: str,
    namespace: pulumi.Input[str],
    ingress_class: str,
    username: str,
    custom_id: str | None,
    credentials: Sequence[pulumi.Input[str]],
) -> dict[str, pulumi.Input[Any]]:
    """A KongConsumer; its credentials are names of Secrets beside it."""
    metadata = {"name": name, "namespace": namespace, "annotations": {CLASS_ANNOTATION: ingress_class}}
    manifest: dict[str, Any] = {"apiVersion": API, "kind": "KongConsumer", "metadata": metadata, "username": username}
    if custom_id is not None:
        manifest["custom_id"] = custom_id
    if credentials:
        manifest["credentials"] = list(credentials)
    return manifest
