"""The other end of an upstream connection: the workload behind a Service, as far as its manifests tell.

A Service selects pods; a pod mounts Secrets and ConfigMaps. Where an nginx configuration is among them, its
``ssl_certificate``, ``ssl_verify_client`` and ``ssl_client_certificate`` are what the workload does. Elsewhere a
mounted TLS Secret is taken for its server certificate, and whether it demands a client's can't be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from kong_mtls.reader.container import Container
from kong_mtls.reader.manifests import Objects, configmap_data, ident, secret_data
from kong_mtls.reader.pods import dicts, pod_container

from .handshake import UnusableEnd, load_chain

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")

_DIRECTIVE = re.compile(r"^\s*(ssl_[a-z_]+)\s+([^;{}]+?)\s*;", re.MULTILINE)
_COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)


@dataclass(frozen=True)
class Workload:
    """What listens behind a Service.

    Attributes:
        object: the workload.
        pair: its server certificate and key; None when the files don't tell.
        pair_source: where that is from.
        demands: whether it demands a client certificate; None when that can't be told.
        client_ca_pem: whom it trusts for that; None when nobody or unknown.
        depth: nginx's ``ssl_verify_depth``, 1 by default.
        problem: why it can't start; empty when it can.
        unknown: what of it can't be seen in the files; empty when all can.
    """

    object: str
    pair: tuple[bytes, bytes] | None = field(default=None, repr=False)
    pair_source: str = ""
    demands: bool | None = None
    client_ca_pem: bytes | None = field(default=None, repr=False)
    depth: int = 1
    problem: str = ""
    unknown: str = ""


def _labels(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return (obj.get("metadata") or {}).get("labels") or {}


class Workloads:
    """The pods of some files, found by the labels that a Service selects."""

    def __init__(self, objects: Objects) -> None:
        """Index pods by namespace and label."""
        self._objects = objects
        self._by_label: dict[tuple[str, str, str], list[tuple[dict[str, Any], Mapping[str, Any]]]] = {}
        self._seen: dict[str, Workload | None] = {}
        for kind in WORKLOADS:
            for obj in objects.all(kind):
                spec = obj.get("spec") or {}
                pod = obj if kind == "Pod" else spec.get("template") or {}
                namespace = str((obj.get("metadata") or {}).get("namespace") or "default")
                for key, value in _labels(pod).items():
                    entry = self._by_label.setdefault((namespace, str(key), str(value)), [])
                    entry.append((obj, pod))

    def behind(self, service: Mapping[str, Any], port: int | str | None) -> Workload | None:
        """The workload of a Service; None when it is in no file, or the Service selects nothing."""
        spec, metadata = service.get("spec") or {}, service.get("metadata") or {}
        selector = {str(k): str(v) for k, v in (spec.get("selector") or {}).items()}
        if not selector:
            return None
        namespace = str(metadata.get("namespace") or "default")
        first = next(iter(selector.items()))
        for obj, pod in self._by_label.get((namespace, *first), ()):
            labels = {str(k): str(v) for k, v in _labels(pod).items()}
            if selector.items() <= labels.items():
                targets = {str(each.get("targetPort", each.get("port"))) for each in dicts(spec.get("ports"))}
                targets |= {str(port)} if port is not None else set()
                return self._read(obj, pod, namespace, targets)
        return None

    def _read(self, obj: dict[str, Any], pod: Mapping[str, Any], namespace: str, ports: set[str]) -> Workload | None:
        owner = ident(obj)
        key = f"{owner} {sorted(ports)}"
        if key not in self._seen:
            self._seen[key] = self._workload(owner, pod.get("spec") or {}, namespace, ports)
        return self._seen[key]

    def _workload(self, owner: str, spec: Mapping[str, Any], namespace: str, ports: set[str]) -> Workload | None:
        def listens(container: Mapping[str, Any]) -> bool:
            found = dicts(container.get("ports"))
            return any(str(p.get("containerPort")) in ports or str(p.get("name")) in ports for p in found)

        container = pod_container(spec, namespace, owner, listens) or pod_container(
            spec, namespace, owner, lambda _: True
        )
        if container is None:
            return None
        conf = self._nginx(container)
        return self._by_nginx(container, conf) if conf else self._by_secret(container)

    def _nginx(self, container: Container) -> dict[str, str]:
        """The ``ssl_*`` directives of a mounted nginx configuration; the last of a kind counts."""
        found: dict[str, str] = {}
        for mount in container.mounts:
            for source in mount.sources:
                obj = self._objects.get(source.kind, container.namespace, source.name)
                if obj is None or source.kind != "ConfigMap":
                    continue
                for value in configmap_data(obj).values():
                    text = _COMMENT.sub("", (value or b"").decode(errors="replace"))
                    found |= {name: argument.strip("\"'") for name, argument in _DIRECTIVE.findall(text)}
        return found if "ssl_certificate" in found else {}

    def _by_nginx(self, container: Container, conf: Mapping[str, str]) -> Workload:
        def file(name: str) -> tuple[bytes | None, str, bool]:
            path = conf.get(name)
            if path is None:
                return None, f"its nginx configuration has no {name}", True
            content = container.file_content(path, self._objects)
            return content.data, f"{name}: {content.origin}", content.known

        owner = container.name
        found = {name: file(name) for name in ("ssl_certificate", "ssl_certificate_key")}
        mode = conf.get("ssl_verify_client", "off")
        demands = mode in ("on", "optional", "optional_no_ca")
        if demands and mode != "optional_no_ca":
            found["ssl_client_certificate"] = file("ssl_client_certificate")
        for data, why, known in found.values():
            if data is None:
                problem, unknown = (why, "") if known else ("", why)
                return Workload(owner, demands=mode == "on", problem=problem, unknown=unknown)
        pair = (found["ssl_certificate"][0] or b"", found["ssl_certificate_key"][0] or b"")
        ca_pem = found["ssl_client_certificate"][0] if "ssl_client_certificate" in found else None
        text = conf.get("ssl_verify_depth", "1")
        depth = int(text) if text.isdigit() else 1
        source = f"{owner}, {found['ssl_certificate'][1]}"
        return Workload(owner, pair, source, mode == "on", ca_pem, depth)

    def _by_secret(self, container: Container) -> Workload:
        owner, unknown = container.name, ""
        for mount in container.mounts:
            for source in mount.sources:
                if source.kind != "Secret":
                    continue
                secret = self._objects.get("Secret", container.namespace, source.name)
                if secret is None:
                    unknown = f"Secret {container.namespace}/{source.name}, mounted by {owner}, isn't in these files"
                    continue
                data = secret_data(secret)
                cert, key = data.get("tls.crt"), data.get("tls.key")
                if cert and key and _serves(cert):
                    return Workload(owner, (cert, key), f"{ident(secret)}, mounted by {owner}")
        return Workload(owner, unknown=unknown)


def _serves(cert_pem: bytes) -> bool:
    try:
        certificate = load_chain(cert_pem)[0]
    except UnusableEnd:
        return False
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.SERVER_AUTH in usages
