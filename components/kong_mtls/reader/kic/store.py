"""Which objects the controller takes in, and which references across namespaces are allowed.

Sources: Kong/kubernetes-ingress-controller internal/store/store.go,
internal/controllers/utils/ingress_predicates.go, internal/gatewayapi/references.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic.failures import Failures
from kong_mtls.reader.manifests import Objects, annotations_of, ident, key_of

KIC_GATEWAY_CONTROLLER = "konghq.com/kic-gateway-controller"


class Store:
    """The objects of one controller: an index with its ingress class, a clock and a list of failures."""

    def __init__(
        self, objects: Objects, at: datetime, ingress_class: str, watch_namespaces: Sequence[str] = ()
    ) -> None:
        """Look up whether the class is the default one: then objects without a class are taken too."""
        self.at = at
        self.ingress_class = ingress_class
        self.failures = Failures()
        self.objects = self._watched(objects, watch_namespaces) if watch_namespaces else objects
        definition = objects.get("IngressClass", None, ingress_class)
        self.is_default = bool(definition and str(annotations_of(definition).get(ann.DEFAULT_CLASS)) == "true")
        self._policies: dict[tuple[str, str], list[dict[str, Any]]] | None = None
        self._policy_config_maps: set[tuple[str, str]] = set()
        self._grants: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] | None = None

    def _watched(self, objects: Objects, namespaces: Sequence[str]) -> Objects:
        seen, sources, partial = {}, {}, set()
        for obj in objects:
            key = key_of(obj)
            if key[1] and key[1] not in namespaces:
                if ann.kong(obj):
                    message = f"the controller watches {', '.join(namespaces)} only: it is passed over"
                    self.failures.add("namespace-not-watched", ident(obj), message, "metadata.namespace")
                continue
            seen[key], sources[key] = obj, objects.source(obj)
            partial |= {key} if objects.is_partial(obj) else set()
        return Objects(seen, objects.releases, sources, frozenset(partial))

    def has_class(self, obj: Mapping[str, Any]) -> bool:
        """Whether the class annotation makes a Kong object this controller's."""
        found = annotations_of(obj)
        if ann.CLASS in found:
            return str(found[ann.CLASS]) == self.ingress_class
        return self.is_default

    def takes_ingress(self, obj: Mapping[str, Any]) -> bool:
        """Whether an Ingress is this controller's: the annotation goes before spec.ingressClassName."""
        annotation = annotations_of(obj).get(ann.CLASS)
        if annotation:
            return str(annotation) == self.ingress_class
        name = (obj.get("spec") or {}).get("ingressClassName")
        return self.is_default if name is None else str(name) == self.ingress_class

    def granted(self, from_: tuple[str, str, str], to: tuple[str, str, str, str]) -> bool:
        """Whether a ReferenceGrant allows a reference.

        Args:
            from_: group, kind and namespace of the object that refers.
            to: group, kind, namespace and name of the one referred to.
        """
        if self._grants is None:
            self._grants = {}
            for grant in self.objects.all("ReferenceGrant"):
                namespace = str((grant.get("metadata") or {}).get("namespace") or "default")
                spec = grant.get("spec") or {}
                for each in spec.get("from") or ():
                    key = (each.get("group", ""), each.get("kind", ""), each.get("namespace", ""), namespace)
                    self._grants.setdefault(key, []).extend(spec.get("to") or ())
        group, kind, namespace, name = to
        return any(
            target.get("group", "") == group and target.get("kind") == kind and target.get("name") in (None, name)
            for target in self._grants.get((*from_, namespace), ())
        )

    def _index_policies(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        if self._policies is None:
            self._policies = {}
            for policy in self.objects.all("BackendTLSPolicy"):
                namespace = str((policy.get("metadata") or {}).get("namespace") or "default")
                spec = policy.get("spec") or {}
                for name in {
                    str(ref.get("name"))
                    for ref in spec.get("targetRefs") or ()
                    if ref.get("kind") == "Service" and ref.get("group", "") in ("", "core")
                }:
                    self._policies.setdefault((namespace, name), []).append(policy)
                for ref in (spec.get("validation") or {}).get("caCertificateRefs") or ():
                    if ref.get("kind") == "ConfigMap":
                        self._policy_config_maps.add((namespace, str(ref.get("name"))))
        return self._policies

    def backend_policies(self, namespace: str, service: str) -> list[dict[str, Any]]:
        """The BackendTLSPolicies that target a Service; they work within one namespace."""
        return self._index_policies().get((namespace, service), [])

    def policy_refers(self, namespace: str, config_map: str) -> bool:
        """Whether a BackendTLSPolicy names a ConfigMap, which then is watched without any label."""
        self._index_policies()
        return (namespace, config_map) in self._policy_config_maps

    def warn_of_legacy_annotations(self) -> None:
        """Note every annotation of the old prefix, which nothing reads any more."""
        for obj in self.objects:
            for key in annotations_of(obj):
                if key.startswith(ann.LEGACY_PREFIX):
                    modern = ann.PREFIX + key[len(ann.LEGACY_PREFIX) :]
                    self.failures.add(
                        "legacy-annotation-prefix",
                        ident(obj),
                        f"{key} is read by no supported controller; the annotation is now called {modern}",
                        key,
                    )
