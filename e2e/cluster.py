"""The cluster as the tests see it: objects, and what happened to them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from scripts.kubeconfig import Context, connect, credentials

ANSWER_SECONDS = 60.0
GONE_SECONDS = 120
RELEASES = ("kong-cp", "kong-dp")
NAMESPACE, CRD = "/api/v1/namespaces", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CLUSTER_WIDE = (
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/apis/networking.k8s.io/v1/ingressclasses",
)


@dataclass(frozen=True)
class Event:
    """What happened to an object: ADDED, MODIFIED or DELETED."""

    what: str
    object: dict[str, Any]

    @property
    def name(self) -> str:
        """The object as namespace/name."""
        return f"{self.object['metadata'].get('namespace', '')}/{self.object['metadata']['name']}"


class Cluster:
    """The API server of a context, by plain HTTP."""

    def __init__(self, context: Context, environment: dict[str, str]) -> None:
        """Nothing is asked yet."""
        self.context, self._environment = context, environment
        self._prefix = urlsplit(context.server).path.rstrip("/")
        self._namespaces: frozenset[str] = frozenset()
        self._definitions: frozenset[str] = frozenset()

    def remember(self) -> None:
        """Take note of what is there before the tests."""
        self._namespaces = frozenset(_names(self.items(NAMESPACE)))
        self._definitions = frozenset(_names(self.items(CRD)))

    def added_namespaces(self) -> list[str]:
        """The namespaces that weren't there before."""
        return sorted(set(_names(self.items(NAMESPACE))) - self._namespaces)

    def added_definitions(self) -> list[str]:
        """The custom resource definitions that weren't there before."""
        return sorted(set(_names(self.items(CRD))) - self._definitions)

    def release_objects(self, release: str) -> list[str]:
        """Cluster-wide objects of a Helm release, as paths."""
        label = f"app.kubernetes.io/instance={release}"
        return [f"{path}/{name}" for path in CLUSTER_WIDE for name in _names(self.items(path, labelSelector=label))]

    def clear(self) -> None:
        """Remove what was added, and wait until it is gone; Helm itself never removes custom resource definitions."""
        namespaces = self.added_namespaces()
        for namespace in namespaces:
            self.delete(f"{NAMESPACE}/{namespace}")
        for release in RELEASES:
            for path in self.release_objects(release):
                self.delete(path)
        for definition in self.added_definitions():
            self.delete(f"{CRD}/{definition}")
        for namespace in namespaces:
            self.wait_gone(f"{NAMESPACE}/{namespace}", GONE_SECONDS)

    def get(self, path: str) -> dict[str, Any] | None:
        """An object or a list, or None where there is none."""
        status, answer = self._ask("GET", path)
        if status == 404:
            return None
        assert status == 200, f"GET {path}: {status} {answer.get('message')}"
        return answer

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The objects of a list."""
        found: list[dict[str, Any]] = (self.get(_with(path, query)) or {}).get("items", [])
        return found

    def delete(self, path: str, **query: str) -> None:
        """Delete an object, or a collection by selector; what isn't there is no error."""
        status, answer = self._ask("DELETE", _with(path, query))
        assert status in (200, 202, 404), f"DELETE {path}: {status} {answer.get('message')}"

    def patch(self, path: str, change: dict[str, Any]) -> None:
        """Change an object that is there, by a merge patch, as `kubectl edit` does."""
        status, answer = self._ask("PATCH", path, change)
        assert status == 200, f"PATCH {path}: {status} {answer.get('message')}"

    def version(self, path: str) -> str:
        """The moment of a list, for `events`."""
        found = self.get(_with(path, {"limit": "1"}))
        assert found
        return str(found["metadata"]["resourceVersion"])

    def events(self, path: str, since: str, seconds: int = 1, **query: str) -> Iterator[Event]:
        """What happened to the objects of a list after `since`; then what happens in the next `seconds`."""
        asked = {"watch": "true", "resourceVersion": since, "timeoutSeconds": str(seconds), **query}
        connection = connect(self.context, self._environment, seconds + ANSWER_SECONDS)
        try:
            connection.request("GET", self._prefix + _with(path, asked), headers=credentials(self.context))
            answer = connection.getresponse()
            while line := answer.readline():
                event = json.loads(line)
                assert event["type"] != "ERROR", event["object"].get("message")
                yield Event(event["type"], event["object"])
        finally:
            connection.close()

    def wait_gone(self, path: str, seconds: int) -> None:
        """Wait until an object isn't there any more."""
        collection, _, name = path.rpartition("/")
        since = self.version(collection)
        if self.get(path) is None:
            return
        for event in self.events(collection, since, seconds, fieldSelector=f"metadata.name={name}"):
            if event.what == "DELETED":
                return
        raise AssertionError(f"{path} is still there after {seconds} s")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        connection = connect(self.context, self._environment, ANSWER_SECONDS)
        headers = credentials(self.context) | ({"Content-Type": "application/merge-patch+json"} if body else {})
        try:
            connection.request(method, self._prefix + path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def _names(items: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def _with(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path
