"""What the templates of the kong chart compute from values: environment, volumes, mounts.

Facts are those of chart 3.4.1: Kong/charts, ``charts/kong/templates/_helpers.tpl`` (``kong.fullname``, ``kong.env``,
``kong.ingressController.env``, ``kong.volumes``, ``kong.volumeMounts``, ``kong.listen``).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from .chart_values import CHART_NAME, Values, go_text
from .container import EnvValue, KeyRef, Mount, Source
from .manifests import Release
from .pods import dicts, mounts_of, value_from, volume_sources

ADMIN_CLIENT_CA_PATH = "/etc/admin-client-ca"
ADMIN_API_CERT_PATH = "/etc/secrets/admin-api-cert"


class Templates:
    """The templates over the values of one release."""

    def __init__(self, release: Release) -> None:
        """Names and values."""
        self.values = Values(release.values)
        self.name = release.name
        self.namespace = self.values.text("namespace") or release.namespace
        self.chart_name = (self.values.text("nameOverride") or CHART_NAME)[:63].removesuffix("-")
        joined = f"{release.name}-{self.values.text('nameOverride') or CHART_NAME}"[:63].removesuffix("-")
        self.fullname = self.values.text("fullnameOverride") or joined
        self.enterprise = self.values.on("enterprise.enabled")

    @property
    def license_secret(self) -> str | None:
        """The Secret whose key ``license`` becomes KONG_LICENSE_DATA; None without one or without Enterprise."""
        return (self.values.text("enterprise.license_secret") or None) if self.enterprise else None

    def gateway_env(self) -> dict[str, EnvValue]:
        """The gateway's environment: what is computed, then ``env``, then ``customEnv`` over it."""
        return self._computed_env() | self._given_env("", "KONG_")

    def controller_env(self) -> dict[str, EnvValue]:
        """The controller's environment, likewise."""
        return self._controller_env() | self._given_env("ingressController.", "CONTROLLER_")

    def _given_env(self, block: str, prefix: str) -> dict[str, EnvValue]:
        given = self.values.map(f"{block}env").items()
        custom = self.values.map(f"{block}customEnv").items()
        env = {f"{prefix}{key.upper()}": _env_value(value) for key, value in given}
        return env | {key.upper(): _env_value(value) for key, value in custom}

    def gateway_mounts(self) -> tuple[Mount, ...]:
        """What is mounted into the gateway's container."""
        own = mounts_of(self.values.get("deployment.userDefinedVolumeMounts"), self._volumes)
        return (*self._chart_mounts, *own)

    def controller_mounts(self) -> tuple[Mount, ...]:
        """What is mounted into the controller's container: none of the gateway's ``secretVolumes``."""
        mounts = mounts_of(self.values.get("ingressController.userDefinedVolumeMounts"), self._volumes)
        if "admin-api-cert" in self._volumes:
            mounts += (self._mount(ADMIN_API_CERT_PATH, "admin-api-cert"),)
        return mounts

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
                return f"{scheme}://localhost:{number(self.values.get(f'admin.{protocol}.containerPort'))}"
        return "http://localhost:9999"

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
                port = number(listen.get("containerPort"))
                listens += [" ".join([f"{a}:{port}", *dict.fromkeys(flags)]) for a in addresses]
        return ", ".join(listens) or "off"


def _pair(cert: str, key: str, block: str) -> dict[str, EnvValue]:
    return {cert: f"/etc/cert-manager/{block}/tls.crt", key: f"/etc/cert-manager/{block}/tls.key"}


def number(value: Any) -> int:
    """A value as the templates' ``int64`` makes it; 0 for what is no number."""
    try:
        return int(float(value))
    except (TypeError, ValueError):
        return 0


def _env_value(value: Any) -> EnvValue:
    return value_from(value) if isinstance(value, dict) else go_text(value)
