"""trust-manager's Bundles: which Secrets and ConfigMaps they are made of, and what is written where.

Source: cert-manager/trust-manager ``pkg/apis/trust/v1alpha1/types_bundle.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .kic.authorities import CA_LABEL
from .manifests import Objects, ident, key_of
from .pods import dicts, mapping

GROUP = "trust.cert-manager.io"


@dataclass(frozen=True)
class Source:
    """One source of a Bundle: a Secret or ConfigMap by name, in trust-manager's trust namespace.

    Attributes:
        kind: Secret or ConfigMap.
        name: its name.
        key: which of its keys; "" where none is named.
        every_key: whether all of them are taken.
    """

    kind: str
    name: str
    key: str
    every_key: bool = False


@dataclass(frozen=True)
class Bundle:
    """A Bundle of trust-manager's.

    Attributes:
        object: ``Bundle//name``.
        name: its own, and that of what it writes.
        sources: Secrets and ConfigMaps by name; those by label and in line are left out.
        public: whether the public CAs are among its sources.
        target: as it stands.
    """

    object: str
    name: str
    sources: tuple[Source, ...]
    public: bool
    target: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def selector(self) -> Mapping[str, Any] | None:
        """Which namespaces it is written to; None where nothing is said."""
        said = self.target.get("namespaceSelector")
        return said if isinstance(said, Mapping) else None

    @property
    def kinds(self) -> tuple[str, ...]:
        """``ConfigMap``, ``Secret``: what it writes."""
        forms = (("configMap", "ConfigMap"), ("secret", "Secret"))
        return tuple(kind for form, kind in forms if self.target.get(form) is not None)

    def _form(self, kind: str) -> Mapping[str, Any]:
        return mapping(self.target.get("configMap" if kind == "ConfigMap" else "secret"))

    def key(self, kind: str) -> str:
        """The key under which it writes the certificates."""
        return str(self._form(kind).get("key"))

    def labels(self, kind: str) -> Mapping[str, Any]:
        """The labels it puts on what it writes."""
        return mapping(mapping(self._form(kind).get("metadata")).get("labels"))

    @property
    def is_ca_object(self) -> bool:
        """Whether Kong's ingress controller takes what it writes for a CA certificate."""
        return any(str(self.labels(kind).get(CA_LABEL)) == "true" for kind in self.kinds)


def _bundle(obj: Mapping[str, Any]) -> Bundle:
    spec = mapping(obj.get("spec"))
    sources = []
    for each in dicts(spec.get("sources")):
        for form, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
            given = mapping(each.get(form))
            if given.get("name"):
                every = given.get("includeAllKeys") is True
                sources.append(Source(kind, str(given["name"]), str(given.get("key") or ""), every))
    public = any(each.get("useDefaultCAs") is True for each in dicts(spec.get("sources")))
    return Bundle(ident(obj), key_of(obj)[2], tuple(sources), public, mapping(spec.get("target")))


def bundles(objects: Objects) -> list[Bundle]:
    """Every Bundle of a set."""
    return [_bundle(obj) for obj in objects.all("Bundle") if str(obj.get("apiVersion")).startswith(f"{GROUP}/")]
