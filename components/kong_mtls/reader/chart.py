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

from .chart_values import CHART_NAME, Values, effective_version, go_text
from .container import Container, Content, EnvValue, KeyRef, Mount, Source
from .manifests import MASKED, Objects, Release
from .pods import dicts, env_from_list, mounts_of, value_from, volume_sources

Role = Literal["control_plane", "data_plane", "traditional"]

ADMIN_CLIENT_CA_PATH = "/etc/admin-client-ca"
ADMIN_API_CERT_PATH = "/etc/secrets/admin-api-cert"

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
        self.values = Values(release.values)
        self.name = release.name
        self.namespace = self.values.text("namespace") or release.namespace
        self.chart_name = (self.values.text("nameOverride") or CHART_NAME)[:63].removesuffix("-")
        joined = f"{release.name}-{self.values.text('nameOverride') or CHART_NAME}"[:63].removesuffix("-")
        self.fullname = self.values.text("fullnameOverride") or joined
        self.gateway = self.values.on("deployment.kong.enabled")
        """Whether there is a gateway in it at all; False for a release of the controller alone."""
        self.enterprise = self.values.on("enterprise.enabled")

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
        return (self.values.text("enterprise.license_secret") or None) if self.enterprise else None

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
            "app.kubernetes.io/name": self.chart_name,
            "app.kubernetes.io/component": "app",
            "app.kubernetes.io/instance": self.name,
            "app": self.fullname,
        } | {key: go_text(value) for key, value in self.values.map("podLabels").items()}

    # --- the gateway's container

    @cached_property
    def env(self) -> dict[str, EnvValue]:
        """The gateway's environment: what the chart computes, then ``env``, then ``customEnv`` over it."""
        env = self._computed_env()
        env |= {f"KONG_{key.upper()}": _env_value(value) for key, value in self.values.map("env").items()}
        return env | {key.upper(): _env_value(value) for key, value in self.values.map("customEnv").items()}

    @cached_property
    def container(self) -> Container:
        """The gateway's container (``proxy``)."""
        mounts = mounts_of(self.values.get("deployment.userDefinedVolumeMounts"), self._volumes)
        return Container(
            self.title,
            self.namespace,
            self.env,
            env_from_list(self.values.get("envFrom")),
            tuple(self._chart_mounts) + mounts,
        )

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
                target = target if isinstance(target, str) and not target.isdigit() else _number(target)
                found.append(Port(f"kong-{block}{suffix}", _number(listen.get("servicePort")), target))
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
        env = self._controller_env()
        env |= {f"CONTROLLER_{k.upper()}": _env_value(v) for k, v in self.values.map(f"{block}.env").items()}
        env |= {k.upper(): _env_value(v) for k, v in self.values.map(f"{block}.customEnv").items()}
        mounts = list(mounts_of(self.values.get(f"{block}.userDefinedVolumeMounts"), self._volumes))
        if "admin-api-cert" in self._volumes:
            mounts.append(self._mount(ADMIN_API_CERT_PATH, "admin-api-cert"))
        container = Container(
            f"{self.title} (ingress controller)",
            self.namespace,
            env,
            env_from_list(self.values.get(f"{block}.envFrom")),
            tuple(mounts),
        )
        return ControllerSidecar(
            container,
            self.values.text(f"{block}.ingressClass"),
            tuple(go_text(each) for each in self.values.get(f"{block}.watchNamespaces") or ()),
            _image(self.values.map(f"{block}.image")),
        )

    def _controller_env(self) -> dict[str, EnvValue]:
        block = "ingressController"
        ingress_class = self.values.text(f"{block}.ingressClass")
        proxy = self.values.text("proxy.nameOverride") or f"{self.fullname}-proxy"
        env: dict[str, EnvValue] = {
            "CONTROLLER_KONG_ADMIN_TLS_SKIP_VERIFY": "true",
            "CONTROLLER_PUBLISH_SERVICE": f"{self.namespace}/{proxy}",
            "CONTROLLER_INGRESS_CLASS": ingress_class,
            "CONTROLLER_ELECTION_ID": f"kong-ingress-controller-leader-{ingress_class}",
        }
        if watched := self.values.get(f"{block}.watchNamespaces"):
            env["CONTROLLER_WATCH_NAMESPACE"] = ",".join(go_text(each) for each in watched)
        if self.values.on(f"{block}.gatewayDiscovery.enabled"):
            service = self.values.text(f"{block}.gatewayDiscovery.adminApiService.name")
            if self.values.on(f"{block}.gatewayDiscovery.generateAdminApiService"):
                service = f"{self.name}-gateway-admin"
            namespace = self.values.text(f"{block}.gatewayDiscovery.adminApiService.namespace") or self.namespace
            env["CONTROLLER_KONG_ADMIN_SVC"] = f"{namespace}/{service}"
        else:
            env["CONTROLLER_KONG_ADMIN_URL"] = self._admin_local_url()
        if self.values.on(f"{block}.adminApi.tls.client.enabled"):
            env["CONTROLLER_KONG_ADMIN_TLS_CLIENT_CERT_FILE"] = f"{ADMIN_API_CERT_PATH}/tls.crt"
            env["CONTROLLER_KONG_ADMIN_TLS_CLIENT_KEY_FILE"] = f"{ADMIN_API_CERT_PATH}/tls.key"
        return env

    def _admin_local_url(self) -> str:
        for protocol, scheme in (("tls", "https"), ("http", "http")):
            if self.values.on(f"admin.{protocol}.enabled"):
                return f"{scheme}://localhost:{_number(self.values.get(f'admin.{protocol}.containerPort'))}"
        return "http://localhost:9999"

    # --- what the chart computes

    @cached_property
    def _volumes(self) -> dict[str, tuple[Source, ...]]:
        volumes: dict[str, tuple[Source, ...]] = {
            f"{self.fullname}-prefix-dir": (),
            f"{self.fullname}-tmp": (),
        }
        for block in self._cert_manager_blocks:
            name = f"{self.fullname}-{block}-cert"
            volumes[name] = (Source("Secret", name),)
        controller = self.values.on("ingressController.enabled")
        if controller and self.values.on("ingressController.admissionWebhook.enabled"):
            given = self.values.text("ingressController.admissionWebhook.certificate.secretName")
            volumes["webhook-cert"] = (Source("Secret", given or f"{self.fullname}-validation-webhook-keypair"),)
        if self.values.on("admin.tls.client.caBundle") or self.values.on("admin.tls.client.secretName"):
            volumes["admin-client-ca"] = (Source("ConfigMap", f"{self.fullname}-admin-client-ca"),)
        for name in self._secret_volumes:
            volumes[name] = (Source("Secret", name),)
        for each in dicts(self.values.get("extraConfigMaps")):
            volumes[str(each.get("name"))] = (Source("ConfigMap", str(each.get("name"))),)
        for each in dicts(self.values.get("extraSecrets")):
            volumes[str(each.get("name"))] = (Source("Secret", str(each.get("name"))),)
        if controller and self.values.on("ingressController.adminApi.tls.client.enabled"):
            given = self.values.text("ingressController.adminApi.tls.client.secretName")
            volumes["admin-api-cert"] = (Source("Secret", given or f"{self.fullname}-admin-api-keypair"),)
        for each in dicts(self.values.get("deployment.userDefinedVolumes")):
            volumes[str(each.get("name"))] = volume_sources(each)
        return volumes

    @property
    def _secret_volumes(self) -> list[str]:
        found = self.values.get("secretVolumes")
        return [go_text(each) for each in found] if isinstance(found, list) else []

    @property
    def _cert_manager_blocks(self) -> list[str]:
        """Where the chart asks cert-manager for certificates (if the cluster has it; else this is skipped)."""
        if not self.values.on("certificates.enabled"):
            return []
        blocks = ["cluster", "proxy", "admin"] + (["manager", "portal"] if self.enterprise else [])
        return [block for block in blocks if self.values.on(f"certificates.{block}.enabled")]

    def _mount(self, path: str, volume: str, sub_path: str = "") -> Mount:
        return Mount(path, volume, self._volumes.get(volume, ()), sub_path)

    @property
    def _chart_mounts(self) -> list[Mount]:
        mounts = [
            self._mount("/kong_prefix", f"{self.fullname}-prefix-dir"),
            self._mount("/tmp", f"{self.fullname}-tmp"),  # noqa: S108 - where the chart mounts it
        ]
        for block in self._cert_manager_blocks:
            mounts.append(self._mount(f"/etc/cert-manager/{block}", f"{self.fullname}-{block}-cert"))
        if "admin-client-ca" in self._volumes:
            mounts.append(self._mount(ADMIN_CLIENT_CA_PATH, "admin-client-ca"))
        mounts += [self._mount(f"/etc/secrets/{name}", name) for name in self._secret_volumes]
        return mounts + list(
            mounts_of(
                dicts(self.values.get("extraConfigMaps")) + dicts(self.values.get("extraSecrets")),
                self._volumes,
            )
        )

    def _computed_env(self) -> dict[str, EnvValue]:
        values = self.values
        env: dict[str, EnvValue] = {"KONG_NGINX_DAEMON": "off"}
        if values.on("ingressController.enabled"):
            env["KONG_KIC"] = "on"
        local = not values.on("admin.enabled") and not values.has("admin.addresses")
        env["KONG_ADMIN_LISTEN"] = self._listen("admin", ["127.0.0.1", "[::1]"] if local else None)
        if values.on("admin.tls.client.caBundle") or values.on("admin.tls.client.secretName"):
            env["KONG_NGINX_ADMIN_SSL_VERIFY_CLIENT"] = "on"
            env["KONG_NGINX_ADMIN_SSL_CLIENT_CERTIFICATE"] = f"{ADMIN_CLIENT_CA_PATH}/tls.crt"
        env |= self._cert_manager_env()
        env["KONG_PROXY_LISTEN"] = self._listen("proxy")
        env["KONG_STATUS_LISTEN"] = self._listen("status")
        env["KONG_CLUSTER_LISTEN"] = self._listen("cluster")
        if self.enterprise:
            env["KONG_ADMIN_GUI_LISTEN"] = self._listen("manager")
            env["KONG_CLUSTER_TELEMETRY_LISTEN"] = self._listen("clustertelemetry")
            if values.on("enterprise.portal.enabled"):
                env["KONG_PORTAL_GUI_LISTEN"] = self._listen("portal")
                env["KONG_PORTAL_API_LISTEN"] = self._listen("portalapi")
            if values.on("enterprise.rbac.enabled"):
                env["KONG_ENFORCE_RBAC"] = "on"
            if self.license_secret:
                env["KONG_LICENSE_DATA"] = KeyRef("Secret", self.license_secret, "license")
        if values.on("postgresql.enabled"):
            host = f"{self.name}-{values.text('postgresql.nameOverride') or 'postgresql'}"
            env["KONG_PG_HOST"] = host[:63].removesuffix("-")
            env["KONG_PG_PORT"] = values.text("postgresql.service.ports.postgresql")
            env["KONG_PG_PASSWORD"] = KeyRef("Secret", str(env["KONG_PG_HOST"]), "password")
        elif values.text("env.database") == "postgres":
            env["KONG_PG_PORT"] = "5432"
        return env

    def _cert_manager_env(self) -> dict[str, EnvValue]:
        env: dict[str, EnvValue] = {}
        blocks = self._cert_manager_blocks
        if "cluster" in blocks and self.values.on("cluster.enabled"):
            env["KONG_CLUSTER_MTLS"] = "pki"
            env["KONG_CLUSTER_SERVER_NAME"] = self.values.text("certificates.cluster.commonName")
            env["KONG_CLUSTER_CA_CERT"] = "/etc/cert-manager/cluster/ca.crt"
            env |= _pair("KONG_CLUSTER_CERT", "KONG_CLUSTER_CERT_KEY", "cluster")
        if "proxy" in blocks:
            env |= _pair("KONG_SSL_CERT", "KONG_SSL_CERT_KEY", "proxy")
        if "admin" in blocks:
            env |= _pair("KONG_ADMIN_SSL_CERT", "KONG_ADMIN_SSL_CERT_KEY", "admin")
        return env

    def _listen(self, block: str, addresses: list[str] | None = None) -> str:
        given = self.values.get(f"{block}.addresses")
        addresses = addresses or (given if isinstance(given, list) and given else ["0.0.0.0", "[::]"])  # noqa: S104
        listens = []
        for protocol in ("http", "tls"):
            listen = self.values.map(f"{block}.{protocol}")
            if listen.get("enabled"):
                flags = [go_text(flag) for flag in listen.get("parameters") or ()]
                flags += ["ssl"] if protocol == "tls" else []
                port = _number(listen.get("containerPort"))
                listens += [" ".join([f"{a}:{port}", *dict.fromkeys(flags)]) for a in addresses]
        return ", ".join(listens) or "off"


def _pair(cert: str, key: str, block: str) -> dict[str, EnvValue]:
    return {cert: f"/etc/cert-manager/{block}/tls.crt", key: f"/etc/cert-manager/{block}/tls.key"}


def _number(value: Any) -> int:
    try:
        return int(float(value))
    except (TypeError, ValueError):
        return 0  # what the template's int64 makes of it


def _env_value(value: Any) -> EnvValue:
    return value_from(value) if isinstance(value, dict) else go_text(value)


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
