"""Whether a Secret or ConfigMap that something names is there: read, made by a controller, declared, missing.

Files seldom hold everything a cluster holds. What is plainly left out is not called missing; what a set
holds the neighbours of, and itself not, is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from kong_mtls.reader.cert_manager import GROUP, of_group
from kong_mtls.reader.manifests import Objects, annotations_of, key_of, labels_of
from kong_mtls.reader.pods import dicts
from kong_mtls.reader.trust_manager import Bundle, bundles

from .unknown import holds_unknown
from .workloads import matches

ANNOTATION = "kong-mtls.io/existing-secrets"

_SHIM = frozenset({"cert-manager.io/issuer", "cert-manager.io/cluster-issuer"})

# Secrets that the API server, kubelet or Helm keep: they say nothing about what else is left out.
_NOT_SHIPPED = ("kubernetes.io/service-account-token", "helm.sh/release.v1", "bootstrap.kubernetes.io/token")


class Presence(Enum):
    """How much the set knows of an object that is named in it."""

    HERE = "here"
    MADE = "made by a controller from another object of the set"
    DECLARED = "declared to exist"
    UNSEEN = "not in the set, which plainly leaves its like out"
    UNKNOWN = "not known in this preview"
    MISSING = "missing"


def declared(annotations: Mapping[str, object]) -> frozenset[str]:
    """The names that the annotation declares to exist."""
    text = annotations.get(ANNOTATION)
    return frozenset(re.findall(r"[^\s,]+", text)) if isinstance(text, str) else frozenset()


class Inventory:
    """Answers `Presence` for Secrets and ConfigMaps; built once per set."""

    def __init__(self, objects: Objects) -> None:
        """Go through the set once."""
        self._objects = objects
        self._made = dict(_made(objects))
        self._makers = {(kind, name): key_of(obj) for (kind, _, name), obj in self._made.items()}
        self._bundled: dict[tuple[str, str], list[Bundle]] = {}
        for bundle in bundles(objects):
            for kind in bundle.kinds:
                self._bundled.setdefault((kind, bundle.name), []).append(bundle)
        self._declared: dict[str, frozenset[str]] = {}
        for namespace in objects.all("Namespace"):
            self._declared[key_of(namespace)[2]] = declared(annotations_of(namespace))
        self._seen: set[tuple[str, str]] = set()
        self._kinds: set[str] = set()
        self._names: set[tuple[str, str]] = set()
        self._unnamed: set[tuple[str, str]] = set()
        for kind in ("Secret", "ConfigMap"):
            for obj in objects.all(kind):
                _, within, name = key_of(obj)
                if obj.get("type") not in _NOT_SHIPPED and name != "kube-root-ca.crt":
                    self._kinds.add(kind)
                    self._seen.add((kind, within))
                    self._names.add((kind, name))
                if holds_unknown(within):
                    self._unnamed.add((kind, "*"))
                elif holds_unknown(name):
                    self._unnamed.add((kind, within))
        self._vague: set[tuple[str, str]] = set()
        self._unknown_makers(objects)
        # A name that a controller writes elsewhere makes it as plain as one that is elsewhere what was meant.
        self._names.update((kind, name) for kind, _, name in self._made)

    def presence(
        self,
        kind: str,
        namespace: str,
        name: str,
        referrer: frozenset[str] = frozenset(),
        *,
        fails_open: bool = True,
    ) -> Presence:
        """What is known of ``kind namespace/name``.

        Args:
            kind: ``Secret`` or ``ConfigMap``.
            namespace: its namespace.
            name: its name.
            referrer: what the object that names it declares to exist (see `declared`).
            fails_open: what names it goes on without it, as the ingress controller does. Then it is missing as
                soon as the set has any of its kind; a pod, which wouldn't start, only where the set has
                others of its namespace. Where one of its name is in another namespace it is missing anyway.
        """
        if self._objects.get(kind, namespace, name) is not None:
            return Presence.HERE
        if holds_unknown((name, namespace)) or self._unnamed & {(kind, namespace), (kind, "*")}:
            return Presence.UNKNOWN
        if (kind, name) in self._vague:
            return Presence.UNKNOWN
        if self.maker(kind, namespace, name) is not None:
            return Presence.MADE
        if name in referrer or name in self._declared.get(namespace, frozenset()):
            return Presence.DECLARED
        seen = kind in self._kinds if fails_open else (kind, namespace) in self._seen
        return Presence.MISSING if seen or (kind, name) in self._names else Presence.UNSEEN

    def _unknown_makers(self, objects: Objects) -> None:
        """Certificates and Bundles of which it isn't known yet what they write, or where."""
        for obj in objects.all("Certificate"):
            within, spec = key_of(obj)[1], obj.get("spec") or {}
            if holds_unknown(within):
                self._unnamed.add(("Secret", "*"))
            elif holds_unknown(spec.get("secretName")) or (not spec.get("secretName") and holds_unknown(obj)):
                self._unnamed.add(("Secret", within))
        for obj in objects.all("Bundle"):
            if holds_unknown(obj):
                metadata = obj.get("metadata") or {}
                unnamed = holds_unknown((metadata.get("name"), metadata.get("namespace")))
                for kind in ("ConfigMap", "Secret"):
                    if unnamed:
                        self._unnamed.add((kind, "*"))
                    else:
                        self._vague.add((kind, key_of(obj)[2]))

    def maker(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object from which a controller makes this one."""
        made = self._made.get((kind, namespace, name))
        if made is not None:
            return made
        reaching = (each for each in self._bundled.get((kind, name), ()) if self._reaches(each, namespace))
        return next((self._objects.get("Bundle", None, each.name) for each in reaching), None)

    def elsewhere(self, kind: str, name: str) -> str | None:
        """An object from which a controller makes one of this name in another namespace."""
        found = self._makers.get((kind, name)) or (self._bundled.get((kind, name)) and ("Bundle", "", name))
        return "/".join(found) if found else None

    def _reaches(self, bundle: Bundle, namespace: str) -> bool:
        """Whether a Bundle is written to a namespace; labels of one that isn't in the set may be any."""
        selector = bundle.selector or {}
        found = self._objects.get("Namespace", None, namespace)
        labels = labels_of(found or {}) | {"kubernetes.io/metadata.name": namespace}
        asked = {
            *(selector.get("matchLabels") or ()),
            *(str(e.get("key")) for e in dicts(selector.get("matchExpressions"))),
        }
        return matches(selector, labels) or (found is None and not asked <= set(labels))


def _made(objects: Objects) -> list[tuple[tuple[str, str, str], dict[str, Any]]]:
    made: list[tuple[tuple[str, str, str], dict[str, Any]]] = []
    for kind in ("Certificate", "ExternalSecret", "SealedSecret", "VaultStaticSecret"):
        for obj in objects.all(kind):
            _, namespace, name = key_of(obj)
            spec = obj.get("spec") or {}
            if kind == "Certificate":
                if of_group(obj, GROUP) and not objects.is_partial(obj):
                    made.append((("Secret", namespace, str(spec.get("secretName"))), obj))
            else:
                target = spec.get("target") or spec.get("destination") or spec.get("template") or {}
                own = target.get("name") or (target.get("metadata") or {}).get("name")
                made.append((("Secret", namespace, str(own or name)), obj))
    return [*made, *_shimmed(objects)]


def _shimmed(objects: Objects) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    """What cert-manager makes for the tls sections of annotated Ingresses and Gateways.

    Source: https://cert-manager.io/docs/usage/ingress/, https://cert-manager.io/docs/usage/gateway/.
    """
    for kind in ("Ingress", "Gateway"):
        for obj in objects.all(kind):
            if not _SHIM & set(annotations_of(obj)):
                continue
            namespace, spec = key_of(obj)[1], obj.get("spec") or {}
            names = [tls.get("secretName") for tls in dicts(spec.get("tls"))]
            for listener in dicts(spec.get("listeners")):
                names += [ref.get("name") for ref in dicts((listener.get("tls") or {}).get("certificateRefs"))]
            for name in names:
                yield ("Secret", namespace, str(name)), obj
