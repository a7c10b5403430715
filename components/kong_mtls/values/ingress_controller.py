"""Values of the ingress controller beside a control plane."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .admin import AdminLinkArgs, controller_values
from .pods import Files


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


def ingress_controller_values(
    controller: IngressControllerArgs | None, admin: AdminLinkArgs | None, files: Files
) -> dict[str, Any]:
    """The chart's ``ingressController`` block; the chart's own default is *enabled*, so off is said aloud."""
    if controller is None:
        return {"enabled": False}
    # The chart's default is a boolean, and env takes strings only.
    link = {"env": {"kong_admin_tls_skip_verify": "true"}} if admin is None else controller_values(admin, files)
    env: dict[str, pulumi.Input[str]] = dict(link["env"])
    if controller.get("publish_service") is not None:
        env["publish_service"] = controller["publish_service"]
    values: dict[str, Any] = {
        **link,
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
