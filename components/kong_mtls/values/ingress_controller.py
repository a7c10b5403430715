"""Values of the ingress controller beside a control plane."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired


class IngressControllerArgs(TypedDict):
    """The Kong Ingress Controller, which runs in the control plane's pod and writes to its Admin API."""

    ingress_class: NotRequired[str]
    """Name of the IngressClass it serves; default `kong`."""
    publish_service: NotRequired[pulumi.Input[str]]
    """`namespace/name` of the data plane's proxy Service, whose address is put into the status of Ingresses."""
    watch_namespaces: NotRequired[Sequence[str]]
    """Namespaces it reads; default all."""
    image_tag: NotRequired[str]
    """Version of `kong/kubernetes-ingress-controller`; default that of the chart (3.5)."""
    resources: NotRequired[Mapping[str, Any]]
    """Requests and limits of its container; needed when the control plane is scaled by CPU."""


def ingress_controller_values(controller: IngressControllerArgs | None) -> dict[str, Any]:
    """The chart's ``ingressController`` block; the chart's own default is *enabled*, so off is said aloud."""
    if controller is None:
        return {"enabled": False}
    env: dict[str, pulumi.Input[str]] = {
        # localhost in the same pod; the chart's default is a boolean, and env takes strings only.
        "kong_admin_tls_skip_verify": "true",
    }
    if controller.get("publish_service") is not None:
        env["publish_service"] = controller["publish_service"]
    values: dict[str, Any] = {
        "enabled": True,
        "ingressClass": controller.get("ingress_class") or "kong",
        "env": env,
    }
    if controller.get("watch_namespaces"):
        values["watchNamespaces"] = list(controller["watch_namespaces"])
    if controller.get("image_tag"):
        values["image"] = {"tag": controller["image_tag"]}
    if controller.get("resources"):
        values["resources"] = controller["resources"]
    return values
