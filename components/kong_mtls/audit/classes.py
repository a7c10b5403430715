"""Ingress classes that a set names, for sets without a controller of their own."""

from __future__ import annotations

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic.authorities import is_ca_object
from kong_mtls.reader.manifests import Objects, annotations_of, key_of

from .unknown import holds_unknown

_CLASSED = ("KongConsumer", "KongClusterPlugin", "KongConsumerGroup", "TCPIngress", "UDPIngress", "KongVault")
_KONG_CONTROLLER = "ingress-controllers.konghq.com/kong"


def classes_named(objects: Objects) -> set[str]:
    """The classes that objects meant for Kong name, without those that belong to another controller."""
    named = {str(annotations_of(obj).get(ann.CLASS) or "") for kind in _CLASSED for obj in objects.all(kind)}
    for ingress in objects.all("Ingress"):
        if ann.kong(ingress):
            spec = ingress.get("spec") or {}
            named.add(str(annotations_of(ingress).get(ann.CLASS) or spec.get("ingressClassName") or ""))
    named |= {
        str(annotations_of(obj).get(ann.CLASS) or "")
        for kind in ("Secret", "ConfigMap")
        for obj in objects.all(kind)
        if is_ca_object(obj)
    }
    foreign = set()
    for each in objects.all("IngressClass"):
        name, controller = key_of(each)[2], (each.get("spec") or {}).get("controller")
        if controller == _KONG_CONTROLLER:
            named.add(name)
        elif controller:
            foreign.add(name)
    return {name for name in named - foreign if name and not holds_unknown(name)}
