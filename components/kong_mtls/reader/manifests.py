"""Kubernetes objects and Helm releases from YAML or JSON texts, indexed, with Secrets decoded.

Two kinds of documents are understood: Kubernetes objects (``apiVersion``, ``kind``, ``metadata``; also
lists of them, as ``kubectl get -o yaml`` writes) and Helm releases (``{chart, version, repository, release,
namespace, skipCrds, values}``). A file whose name starts with ``patch-`` holds part of an object: what it
says is laid over the full object of the same kind, namespace and name, wherever that one stands.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from .documents import UnreadableInput, check_object, flatten, is_foreign, is_release, parse

__all__ = [
    "CLUSTER_SCOPED",
    "MASKED",
    "PATCH_PREFIX",
    "Key",
    "Objects",
    "Release",
    "UnreadableInput",
    "annotations_of",
    "configmap_data",
    "ident",
    "key_of",
    "labels_of",
    "read_paths",
    "read_texts",
    "secret_data",
]

MASKED = "(masked)"
"""What stands in a file in place of a secret value that was left out."""

PATCH_PREFIX = "patch-"

# Kinds without a namespace: Kubernetes' own (`kubectl api-resources --namespaced=false`), then those of Kong,
# Gateway API, cert-manager, trust-manager and approver-policy.
CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "CSIDriver",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "KongClusterPlugin",
        "KongLicense",
        "KongVault",
        "GatewayClass",
        "ClusterIssuer",
        "Bundle",
        "CertificateRequestPolicy",
    }
)

Key = tuple[str, str, str]  # kind, namespace ("" when cluster-scoped), name


@dataclass(frozen=True)
class Release:
    """A Helm release as it is to be installed: which chart, under which name, with which values."""

    name: str
    namespace: str
    chart: str
    version: str | None
    values: dict[str, Any] = field(repr=False)
    source: str

    @property
    def chart_name(self) -> str:
        """The chart's own name: the last element of a path, URL or ``repo/chart``; no version, no .tgz."""
        last = self.chart.rstrip("/").rsplit("/", 1)[-1]
        return re.sub(r"(-\d+\.\d+\.\d+[^/]*)?\.tgz$", "", last)


class Objects:
    """An index of Kubernetes objects and Helm releases. What it hands out is not to be changed."""

    def __init__(
        self,
        objects: Mapping[Key, dict[str, Any]],
        releases: Sequence[Release],
        sources: Mapping[Key, str],
        partial: frozenset[Key],
    ) -> None:
        """Prefer `read_texts` or `read_paths`."""
        self.releases = tuple(sorted(releases, key=lambda r: (r.namespace, r.name)))
        self._objects = {key: objects[key] for key in sorted(objects)}
        self._sources = dict(sources)
        self._partial = partial
        self._by_kind: dict[str, list[dict[str, Any]]] = {}
        for (kind, _, _), obj in self._objects.items():
            self._by_kind.setdefault(kind, []).append(obj)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every object, sorted by kind, namespace, name."""
        return iter(self._objects.values())

    def __len__(self) -> int:
        """How many Kubernetes objects there are (releases not counted)."""
        return len(self._objects)

    def get(self, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The object of that name, or None. The namespace is ignored for kinds that have none."""
        return self._objects.get((kind, _namespace(kind, namespace), name))

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Every object of a kind, sorted by namespace, name."""
        return list(self._by_kind.get(kind, ()))

    def source(self, obj: Mapping[str, Any]) -> str:
        """The file that an object came from (the full object's, when patches were laid over it)."""
        return self._sources.get(key_of(obj), "")

    def is_partial(self, obj: Mapping[str, Any]) -> bool:
        """Whether only patches of this object were read: the object itself is somebody else's."""
        return key_of(obj) in self._partial


def _namespace(kind: str, namespace: str | None) -> str:
    # An object without a namespace lands in the current one: "default" unless somebody chose another.
    return "" if kind in CLUSTER_SCOPED else namespace or "default"


def key_of(obj: Mapping[str, Any]) -> Key:
    """Kind, namespace, name; the namespace is "" for cluster-scoped kinds, "default" where none is given."""
    metadata = obj.get("metadata") or {}
    kind = str(obj.get("kind", ""))
    name = metadata.get("name") or metadata.get("generateName") or ""
    return kind, _namespace(kind, metadata.get("namespace")), str(name)


def ident(obj: Mapping[str, Any]) -> str:
    """``Kind/namespace/name``; ``Kind//name`` for a cluster-scoped object."""
    return "/".join(key_of(obj))


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """The object's labels; empty when there are none."""
    return dict((obj.get("metadata") or {}).get("labels") or {})


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """The object's annotations; empty when there are none."""
    return dict((obj.get("metadata") or {}).get("annotations") or {})


def _decode(value: object) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:  # the API server's decoder (Go's base64.StdEncoding) skips line breaks and nothing else
        return base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return None


def _plain(value: object) -> bytes | None:
    return value.encode() if isinstance(value, str) and value != MASKED else None


def secret_data(obj: Mapping[str, Any]) -> dict[str, bytes | None]:
    """A Secret's values by key: ``data`` decoded, ``stringData`` over it; None if masked or undecodable."""
    data = {key: _decode(value) for key, value in (obj.get("data") or {}).items() if value != MASKED}
    data |= {key: None for key, value in (obj.get("data") or {}).items() if value == MASKED}
    return data | {key: _plain(value) for key, value in (obj.get("stringData") or {}).items()}


def configmap_data(obj: Mapping[str, Any]) -> dict[str, bytes | None]:
    """A ConfigMap's values by key: ``data`` as it stands, ``binaryData`` decoded; None where undecodable."""
    data = {key: _decode(value) for key, value in (obj.get("binaryData") or {}).items()}
    return data | {key: _plain(value) for key, value in (obj.get("data") or {}).items()}


def _release(path: str, document: Mapping[str, Any]) -> Release:
    values = document.get("values") or {}
    if not isinstance(values, dict):
        raise UnreadableInput(f"{path}: values is a {type(values).__name__}; expected a mapping")
    version = document.get("version")
    return Release(
        name=str(document["release"]),
        namespace=str(document.get("namespace") or "default"),
        chart=str(document["chart"]),
        version=None if version is None else str(version),
        values=values,
        source=path,
    )


def _overlay(base: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _overlay(base[key], value)
        elif value is not None:
            base[key] = deepcopy(value)


def _index(documents: Sequence[tuple[str, dict[str, Any]]]) -> Objects:
    objects: dict[Key, dict[str, Any]] = {}
    releases: list[Release] = []
    sources: dict[Key, str] = {}
    # Full objects first, in the order of the files; patches over them.
    full = [(path, d) for path, d in documents if not Path(path).name.startswith(PATCH_PREFIX)]
    patches = [(path, d) for path, d in documents if Path(path).name.startswith(PATCH_PREFIX)]
    whole: set[Key] = set()
    for path, document in full + patches:
        if is_release(document):
            releases.append(_release(path, document))
            continue
        check_object(path, document)
        key = key_of(document)
        if key in objects:
            _overlay(objects[key], document)
        else:
            objects[key] = deepcopy(document)
            sources[key] = path
            if not Path(path).name.startswith(PATCH_PREFIX):
                whole.add(key)
    return Objects(objects, releases, sources, frozenset(objects) - whole)


def read_texts(texts: Mapping[str, str]) -> Objects:
    """Index the documents of some texts.

    Args:
        texts: path (for messages, and for the ``patch-`` prefix) to YAML or JSON, any number of documents.

    Raises:
        UnreadableInput: a text is not YAML, or a document is neither a Kubernetes object nor a Helm release.
    """
    documents: list[tuple[str, dict[str, Any]]] = []
    for path, text in texts.items():
        for document in parse(path, text):
            documents.extend((path, each) for each in flatten(path, document))
    for path, document in documents:
        if is_foreign(document):
            raise UnreadableInput(f"{path}: a document is neither a Kubernetes object nor a Helm release")
    return _index(documents)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UnreadableInput(f"{path}: not a text file (UTF-8)") from None
    except OSError as e:
        raise UnreadableInput(f"{path}: {(e.strerror or 'cannot be read').lower()}") from None


def read_paths(paths: Sequence[str | Path], stdin: TextIO | None = None) -> Objects:
    """Index the documents of files and folders.

    In a folder every ``*.yaml``, ``*.yml`` and ``*.json`` below it is read, hidden folders left out, and
    what is neither a Kubernetes object nor a Helm release (a report, a values file) is passed over. A file
    named by itself must hold nothing else.

    Args:
        paths: files, folders, or ``-`` for standard input.
        stdin: what ``-`` reads; the process's own by default.

    Raises:
        UnreadableInput: nothing is there, it can't be read, or it isn't YAML of these kinds.
    """
    texts: dict[str, str] = {}
    passed_over: dict[str, str] = {}
    for each in paths:
        path = Path(each)
        if str(each) == "-":
            texts["<stdin>"] = (stdin or sys.stdin).read()
        elif path.is_dir():
            for found in sorted(path.rglob("*")):
                hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
                if found.suffix in (".yaml", ".yml", ".json") and found.is_file() and not hidden:
                    passed_over[str(found)] = _read(found)
        else:
            texts[str(path)] = _read(path)
    documents: list[tuple[str, dict[str, Any]]] = []
    for name, text in (passed_over | texts).items():
        for document in parse(name, text):
            if name not in texts and not isinstance(document, dict):
                continue
            for flat in flatten(name, document):
                if not is_foreign(flat):
                    documents.append((name, flat))
                elif name in texts:
                    raise UnreadableInput(f"{name}: a document is neither a Kubernetes object nor a Helm release")
    return _index(documents)
