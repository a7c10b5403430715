"""Whether Stakater Reloader restarts a workload when a Secret or ConfigMap that it reads changes.

Source: stakater/Reloader ``pkg/common/common.go`` (ShouldReload), ``internal/pkg/options/flags.go`` and the chart's
``values.yaml`` in ``deployments/kubernetes/chart/reloader``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kong_mtls.reader.cert_manager import value
from kong_mtls.reader.container import Kind
from kong_mtls.reader.manifests import Objects, Release

from .unknown import known

CHART = "reloader"

_AUTO = "reloader.stakater.com/auto"
_SEARCH = "reloader.stakater.com/search"
_MATCH = "reloader.stakater.com/match"
_IGNORE = "reloader.stakater.com/ignore"
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})


def asks(annotations: Mapping[str, Any], kind: Kind, name: str, resource: Mapping[str, Any]) -> bool:
    """Whether a workload's annotations ask for a restart when an object that it reads changes.

    Where they can't be known (a template's expression, a value of a preview) they are taken to.

    Args:
        annotations: the workload's own, not its pods'.
        kind: what changes.
        name: of what changes.
        resource: the annotations of what changes.
    """
    typed = kind.lower()
    found = {key: given for key, given in annotations.items() if "reloader.stakater.com/" in str(key)}
    if any(not known(given) or "{{" in str(given) for given in found.values()):
        return True
    if resource.get(_IGNORE) == "true":
        return False
    if name in _listed(found.get(f"{typed}s.exclude.reloader.stakater.com/reload")):
        return False
    if any(_matches(each, name) for each in _listed(found.get(f"{typed}.reloader.stakater.com/reload"))):
        return True
    if found.get(_SEARCH) == "true" and resource.get(_MATCH) == "true":
        return True
    return any(str(found.get(key)) in _TRUE for key in (_AUTO, f"{typed}.{_AUTO}"))


def _listed(text: object) -> list[str]:
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else []


def _matches(pattern: str, name: str) -> bool:
    """Names in the list are regular expressions, anchored at both ends; one that doesn't compile is passed over."""
    try:
        return bool(pattern) and re.fullmatch(pattern, name) is not None
    except re.error:
        return False


@dataclass(frozen=True)
class Reloader:
    """A release of Reloader: what it looks at.

    Attributes:
        object: how findings name it.
        everywhere: whether it watches every namespace.
        namespaces: those it watches otherwise.
        left_out: namespaces that it doesn't look at.
        blind: kinds that it doesn't look at.
        unasked: whether it restarts what doesn't ask for it.
    """

    object: str
    everywhere: bool
    namespaces: frozenset[str]
    left_out: frozenset[str]
    blind: frozenset[str]
    unasked: bool

    def watches(self, namespace: str, kind: Kind) -> bool:
        """Whether it sees changes of a kind in a namespace; selectors by label are taken to let everything through."""
        if kind in self.blind or namespace in self.left_out:
            return False
        return self.everywhere or namespace in self.namespaces


def reloaders(objects: Objects) -> list[Reloader]:
    """The releases of Reloader in a set."""
    return [_reloader(release) for release in objects.releases if release.chart_name == CHART]


def _reloader(release: Release) -> Reloader:
    def on(name: str) -> bool:
        return value(release, f"{CHART}.{name}") is True

    given = value(release, f"{CHART}.namespaces")
    within = given if isinstance(given, list) else _listed(given)
    everywhere = value(release, f"{CHART}.watchGlobally", True) is not False
    own = str(value(release, "namespace") or release.namespace)
    ignored = [name for name in _listed(value(release, f"{CHART}.ignoreNamespaces")) if name]
    blind = {kind for name, kind in (("ignoreSecrets", "Secret"), ("ignoreConfigMaps", "ConfigMap")) if on(name)}
    return Reloader(
        f"Release/{release.namespace}/{release.name}",
        everywhere,
        frozenset({own, *(str(each) for each in within)}),
        frozenset(ignored if everywhere else ()),
        frozenset(blind),
        on("autoReloadAll"),
    )
