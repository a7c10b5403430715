"""What an `up` does to the cluster, as far as rotation goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from e2e.cluster import NAMESPACE, Cluster
from e2e.stack import Stack

SECRETS, CONFIG_MAPS = "/api/v1/secrets", "/api/v1/configmaps"
WORKLOADS = ("deployments", "statefulsets", "daemonsets")
CONTROL_PLANE, DATA_PLANE = "kong/kong-cp-kong", "kong-dp/kong-dp-kong"


@dataclass
class Change:
    """What happened between two states of the cluster; objects are written namespace/name.

    Attributes:
        created: Secrets and ConfigMaps that are new.
        rewritten: those that have new content, and are the same objects.
        deleted: those that went away at any moment, whether or not something of that name came back.
        rolled: workloads whose pods are made anew.
        respecified: those of them that changed in more than annotations.
    """

    created: set[str] = field(default_factory=set)
    rewritten: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    rolled: set[str] = field(default_factory=set)
    respecified: set[str] = field(default_factory=set)


@contextmanager
def observed(stack: Stack, cluster: Cluster) -> Iterator[Change]:
    """What the `up` inside the block does; after it nothing is left to change."""
    change = Change()
    since = {path: cluster.version(path) for path in (SECRETS, CONFIG_MAPS)}
    files, pods = _files(cluster), _pods(cluster)
    yield change
    for path, moment in since.items():
        gone = (event for event in cluster.events(path, moment) if event.what == "DELETED")
        change.deleted |= {event.name for event in gone if not _is_record(event.object)}
    for name, item in _files(cluster).items():
        before = files.get(name)
        if before is None or before["metadata"]["uid"] != item["metadata"]["uid"]:
            change.created.add(name)
        elif before.get("data") != item.get("data"):
            change.rewritten.add(name)
    for name, template in _pods(cluster).items():
        if pods.get(name) != template:
            change.rolled.add(name)
            if _plain(pods.get(name)) != _plain(template):
                change.respecified.add(name)
    stack.unchanged()


def secrets(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """The stack's Secrets by namespace/name."""
    return {name: item for name, item in _files(cluster).items() if "type" in item}


def _files(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """What pods mount, by name: a Secret and a ConfigMap of one name don't occur together."""
    found = {}
    for namespace in cluster.added_namespaces():
        for kind in ("secrets", "configmaps"):
            for item in cluster.items(f"{NAMESPACE}/{namespace}/{kind}"):
                if not _is_record(item):
                    found[f"{namespace}/{item['metadata']['name']}"] = item
    return found


def _is_record(item: dict[str, Any]) -> bool:
    """Whether no pod reads it: Helm's own, what Kubernetes puts into every namespace, a key that cert-manager is about
    to use."""
    metadata = item["metadata"]
    passing = "cert-manager.io/next-private-key" in metadata.get("labels", {})
    return item.get("type") == "helm.sh/release.v1" or metadata["name"] == "kube-root-ca.crt" or passing


def _pods(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """The pod templates of all workloads."""
    return {
        f"{namespace}/{item['metadata']['name']}": item["spec"]["template"]
        for namespace in cluster.added_namespaces()
        for kind in WORKLOADS
        for item in cluster.items(f"/apis/apps/v1/namespaces/{namespace}/{kind}")
    }


def _plain(template: dict[str, Any] | None) -> dict[str, Any] | None:
    """A pod template without its annotations."""
    return template and {**template, "metadata": {**template["metadata"], "annotations": {}}}
