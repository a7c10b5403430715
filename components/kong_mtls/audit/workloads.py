"""Pods as the set describes them, found by label, and what selects them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kong_mtls.reader.container import Container
from kong_mtls.reader.manifests import Objects, ident, key_of
from kong_mtls.reader.pods import dicts, pod_container, volume_sources

# Where a kind keeps the template of its pods. ReplicaSets and pods with an owner repeat what the owner says.
_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}


@dataclass(frozen=True)
class Workload:
    """An object that makes pods.

    Attributes:
        object: its name in findings.
        obj: the object itself.
        labels: of its pods.
        spec: of its pods.
    """

    object: str
    namespace: str
    obj: Mapping[str, Any] = field(repr=False)
    labels: Mapping[str, str]
    spec: Mapping[str, Any] = field(repr=False)

    @property
    def replicas(self) -> int:
        """How many pods are asked for; 1 where nothing is said."""
        found = (self.obj.get("spec") or {}).get("replicas", 1)
        return found if isinstance(found, int) else 1

    @property
    def containers(self) -> Iterator[Mapping[str, Any]]:
        """Every container, also those that run before the others."""
        for part in ("initContainers", "containers"):
            yield from dicts(self.spec.get(part))

    @property
    def secrets(self) -> list[str]:
        """The Secrets its volumes are filled from."""
        volumes = dicts(self.spec.get("volumes"))
        return [s.name for volume in volumes for s in volume_sources(volume) if s.kind == "Secret"]

    def gateway(self) -> Container | None:
        """The container that runs Kong with a configuration by environment, if one does."""
        return pod_container(self.spec, self.namespace, self.object, _runs_kong)


def _runs_kong(container: Mapping[str, Any]) -> bool:
    names = {str(each.get("name")) for each in dicts(container.get("env"))}
    return bool(names & {"KONG_ROLE", "KONG_DATABASE", "KONG_PROXY_LISTEN", "KONG_CLUSTER_CERT"})


def workloads(objects: Objects) -> list[Workload]:
    """Everything that makes pods and isn't made by something else that does."""
    found = []
    for kind, path in _TEMPLATES.items():
        for obj in objects.all(kind):
            if (obj.get("metadata") or {}).get("ownerReferences"):
                continue
            template: Any = obj
            for part in path:
                template = template.get(part) if isinstance(template, dict) else None
            if isinstance(template, dict) and isinstance(template.get("spec"), dict):
                labels = (template.get("metadata") or {}).get("labels") or {}
                found.append(Workload(ident(obj), key_of(obj)[1], obj, labels, template["spec"]))
    return found


class Selection:
    """Workloads by namespace and label, so that a thousand Services each find theirs at once."""

    def __init__(self, found: list[Workload]) -> None:
        """Index the workloads by each of their pods' labels."""
        self._by_label: dict[tuple[str, str, str], list[Workload]] = {}
        for each in found:
            for key, value in each.labels.items():
                self._by_label.setdefault((each.namespace, str(key), str(value)), []).append(each)

    def by(self, namespace: str, selector: Mapping[str, Any]) -> list[Workload]:
        """The workloads whose pods a Service's selector picks; none for an empty one."""
        if not isinstance(selector, Mapping) or not selector:
            return []
        candidates = [self._by_label.get((namespace, str(k), str(v)), []) for k, v in selector.items()]
        smallest = min(candidates, key=len)
        return [each for each in smallest if matches({"matchLabels": selector}, each.labels)]


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector (``matchLabels``, ``matchExpressions``) takes some labels; empty takes all."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if str(labels.get(key)) != str(value):
            return False
    for each in dicts(selector.get("matchExpressions")):
        key, operator, values = str(each.get("key")), each.get("operator"), each.get("values") or ()
        present = key in labels
        inside = present and labels[key] in values
        if (
            (operator == "In" and not inside)
            or (operator == "NotIn" and inside)
            or (operator == "Exists" and not present)
            or (operator == "DoesNotExist" and present)
        ):
            return False
    return True
