"""What the kong chart renders from a release's values: environment, files, Services, listeners.

Facts are those of chart 3.4.1: Kong/charts, ``charts/kong/templates/_helpers.tpl`` (names ``kong.fullname``,
environment ``kong.env`` and ``kong.ingressController.env``, volumes ``kong.volumes`` and ``kong.volumeMounts``),
``templates/deployment.yaml`` and ``templates/service-kong-*.yaml``. Nothing is rendered that decides neither about a
link nor about who may use it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from .chart_templates import ADMIN_CLIENT_CA_PATH, Templates, number
from .chart_values import CHART_NAME, effective_version, go_text
from .container import Container, Content, EnvValue, Mount
from .manifests import MASKED, Objects, Release
from .pods import env_from_list

Role = Literal["control_plane", "data_plane", "traditional"]

# Blocks of values that make a Service, and the stem of its name where it isn't the block's.
_SERVICE_BLOCKS = ("proxy", "admin", "manager", "portal", "portalapi", "cluster", "clustertelemetry")
_ENTERPRISE_BLOCKS = frozenset({"portal", "portalapi"})


@dataclass(frozen=True)
class Port:
    """A port of a Service."""

    name: str
    port: int
    target_port: int | str


@dataclass(frozen=True)
class ChartService:
    """A Service that the chart renders."""

    name: str
    namespace: str
    type: str
    ports: tuple[Port, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    def target(self, port: int) -> int | str | None:
        """The container port behind a port; None when the Service has no such port."""
        return next((p.target_port for p in self.ports if p.port == port), None)


@dataclass(frozen=True)
class Listener:
    """One address of a Kong ``*_listen`` setting."""

    address: str
    port: int
    flags: frozenset[str]

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS."""
        return "ssl" in self.flags

    @property
    def local_only(self) -> bool:
        """Whether only the pod itself can reach it."""
        return self.address in ("localhost", "[::1]") or self.address.startswith("127.")


@dataclass(frozen=True)
class ImageRef:
    """A container image."""

    repository: str
    tag: str
    reference: str
    """What the kubelet pulls."""
    version: tuple[int, int, int] | None
    """The version the chart goes by; None when the tag is none, and then the chart does not render."""


@dataclass(frozen=True)
class ControllerSidecar:
    """The ingress controller as the chart runs it."""

    container: Container
    ingress_class: str
    watch_namespaces: tuple[str, ...]
    image: ImageRef


class KongRelease:
    """A release of the kong chart, read as Helm, Kubernetes and Kong will read it."""

    def __init__(self, release: Release) -> None:
        """Read a release whose chart is ``kong``."""
        self.release = release
        self._templates = Templates(release)
        self.values = self._templates.values
        self.name = release.name
        self.namespace = self._templates.namespace
        self.fullname = self._templates.fullname
        self.gateway = self.values.on("deployment.kong.enabled")
        """Whether there is a gateway in it at all; False for a release of the controller alone."""
        self.enterprise = self._templates.enterprise

    def __repr__(self) -> str:
        """Without values: they may hold secrets."""
        return f"KongRelease({self.title})"

    @property
    def title(self) -> str:
        """``namespace/release``, to name it in messages and reports."""
        return f"{self.namespace}/{self.name}"

    @property
    def role(self) -> Role:
        """Kong's role; ``traditional`` unless ``env.role`` says otherwise."""
        value = self.env.get("KONG_ROLE")
        return value if value in ("control_plane", "data_plane") else "traditional"  # type: ignore[return-value]

    @cached_property
    def image(self) -> ImageRef:
        """The gateway's image."""
        return _image(self.values.map("image"))

    @property
    def license_secret(self) -> str | None:
        """The Secret whose key ``license`` becomes KONG_LICENSE_DATA; None without one or without Enterprise."""
        return self._templates.license_secret

    @property
    def replicas(self) -> int:
        """How many pods run at least."""
        path = "autoscaling.minReplicas" if self.autoscaled else "replicaCount"
        found = self.values.get(path, 1)
        return int(found) if isinstance(found, int | float) else 1

    @property
    def autoscaled(self) -> bool:
        """Whether a HorizontalPodAutoscaler sets the replicas."""
        return self.values.on("autoscaling.enabled")

    @property
    def pod_annotations(self) -> dict[str, str]:
        """Annotations of the pods from the values (before ``tpl``)."""
        return {key: go_text(value) for key, value in self.values.map("podAnnotations").items()}

    @cached_property
    def pod_labels(self) -> dict[str, str]:
        """The labels by which Services find the pods, and those of ``podLabels``."""
        return {
            "app.kubernetes.io/name": self._templates.chart_name,
            "app.kubernetes.io/component": "app",
            "app.kubernetes.io/instance": self.name,
            "app": self.fullname,
        } | {key: go_text(value) for key, value in self.values.map("podLabels").items()}

    # --- the gateway's container

    @cached_property
    def env(self) -> dict[str, EnvValue]:
        """The gateway's environment: what the chart computes, then ``env``, then ``customEnv`` over it."""
        return self._templates.gateway_env()

    @cached_property
    def container(self) -> Container:
        """The gateway's container (``proxy``)."""
        env_from = env_from_list(self.values.get("envFrom"))
        return Container(self.title, self.namespace, self.env, env_from, self._templates.gateway_mounts())

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What is mounted into the gateway's container."""
        return self.container.mounts

    def env_content(self, key: str, objects: Objects) -> Content | None:
        """A variable of the gateway, with where it comes from; None when it isn't set."""
        return self.container.env_content(key, objects)

    def env_value(self, key: str, objects: Objects) -> str | None:
        """A variable of the gateway; None when it isn't set or can't be known."""
        found = self.env_content(key, objects)
        return found.text if found else None

    def file_content(self, path: str, objects: Objects) -> Content:
        """What the gateway finds at a path."""
        return self._own_file(path) or self.container.file_content(path, objects)

    def file(self, path: str, objects: Objects) -> bytes | None:
        """What the gateway finds at a path; None when nothing is there or it can't be known."""
        return self.file_content(path, objects).data

    def _own_file(self, path: str) -> Content | None:
        """A file of a ConfigMap that the chart itself renders from its values."""
        bundle = self.values.text("admin.tls.client.caBundle")
        if path == f"{ADMIN_CLIENT_CA_PATH}/tls.crt" and bundle:
            known = bundle != MASKED
            return Content(bundle.encode() if known else None, "admin.tls.client.caBundle", known)
        return None

    # --- Services and listeners

    @cached_property
    def services(self) -> dict[str, ChartService]:
        """The Services that the chart renders, by block of values."""
        found = {}
        for block in _SERVICE_BLOCKS if self.gateway else ():
            ports = self._ports(block)
            if not self.values.on(f"{block}.enabled") or not ports:
                continue
            if block in _ENTERPRISE_BLOCKS and not self.enterprise:
                continue
            name = self.values.text(f"{block}.nameOverride") or f"{self.fullname}-{block}"
            annotations = {k: go_text(v) for k, v in self.values.map(f"{block}.annotations").items()}
            kind = self.values.text(f"{block}.type")
            found[block] = ChartService(name, self.namespace, kind, ports, annotations)
        return found

    def _ports(self, block: str) -> tuple[Port, ...]:
        found = []
        for protocol, suffix in (("http", ""), ("tls", "-tls")):
            listen = self.values.map(f"{block}.{protocol}")
            hidden = protocol == "http" and go_text(listen.get("servicePort")) == "0"
            if listen.get("enabled") and not hidden:
                target = listen.get("overrideServiceTargetPort") or listen.get("containerPort")
                target = target if isinstance(target, str) and not target.isdigit() else number(target)
                found.append(Port(f"kong-{block}{suffix}", number(listen.get("servicePort")), target))
        return tuple(found)

    def listeners(self, key: str, objects: Objects) -> tuple[Listener, ...] | None:
        """The addresses of a ``KONG_*_LISTEN``; none when it is off, None when it can't be known."""
        found = self.env_content(key, objects)
        if found is None:
            return ()
        return parse_listen(found.text) if found.text is not None else None

    # --- the ingress controller

    @cached_property
    def ingress_controller(self) -> ControllerSidecar | None:
        """The controller in this release's pods; None when it is off."""
        if not self.values.on("ingressController.enabled"):
            return None
        block = "ingressController"
        container = Container(
            f"{self.title} (ingress controller)",
            self.namespace,
            self._templates.controller_env(),
            env_from_list(self.values.get(f"{block}.envFrom")),
            self._templates.controller_mounts(),
        )
        return ControllerSidecar(
            container,
            self.values.text(f"{block}.ingressClass"),
            tuple(go_text(each) for each in self.values.get(f"{block}.watchNamespaces") or ()),
            _image(self.values.map(f"{block}.image")),
        )


def _image(values: Mapping[str, Any]) -> ImageRef:
    repository, tag = go_text(values.get("repository") or ""), go_text(values.get("tag") or "")
    reference = go_text(values.get("unifiedRepoTag") or f"{repository}:{tag}")
    return ImageRef(repository, tag, reference, effective_version(values))


def parse_listen(text: str) -> tuple[Listener, ...]:
    """The addresses of a Kong listen setting: ``ip:port [flag ...]``, comma-separated, or ``off``.

    Source: Kong/kong ``kong/conf_loader/listeners.lua``. What doesn't parse is left out; Kong refuses to start on it.
    """
    found = []
    for part in text.split(","):
        words = part.split()
        match = re.fullmatch(r"(.+):(\d+)", words[0]) if words else None
        if match:
            found.append(Listener(match[1], int(match[2]), frozenset(words[1:])))
    return tuple(found)


def kong_releases(objects: Objects) -> list[KongRelease]:
    """The releases of the kong chart among the files, sorted by namespace and name."""
    return [KongRelease(release) for release in objects.releases if release.chart_name == CHART_NAME]
