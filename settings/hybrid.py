"""The shape of the configuration of a hybrid deployment: one model a key of Pulumi.yaml."""

from typing import Any, Literal

from pydantic import Field

from .common import Authority, Leaf
from .model import Model, Secret, in_hours

Edition = Literal["enterprise", "oss"]


class Image(Model):
    """The gateway's image."""

    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    pull_secrets: list[str] | None = None


class License(Model):
    """The Enterprise licence."""

    data: Secret | None = None
    file: str | None = None
    existing_secret: str | None = None


class RemoteDataPlane(Model):
    """A data plane of another stack: its signing request, or the stack that puts it out."""

    name: str
    common_name: str | None = None
    certificate_request_pem: str | None = None
    stack: str | None = None


class ExistingEnd(Model):
    """The certificate of one end of the link."""

    certificate_pem: str | None = None
    private_key_pem: Secret | None = None
    existing_secret: str | None = None


class ExistingCluster(Model):
    """Certificates of the user's own PKI."""

    trust_pem: str | None = None
    trust_config_map: str | None = None
    control_plane: ExistingEnd
    data_planes: dict[str, ExistingEnd]


class Cluster(Model):
    """The link between control plane and data planes."""

    mtls: Literal["shared", "pki", "pki_check_cn"] | None = None
    validity_days: int | None = Field(default=None, ge=1, le=36500)
    early_renewal_days: int | None = Field(default=None, ge=0, le=36500)
    certificate_pem: str | None = None
    private_key_pem: Secret | None = None
    existing_secret: str | None = None
    authority: Authority | None = None
    leaf: Leaf | None = None
    server_names: list[str] | None = None
    remote_data_planes: list[RemoteDataPlane] | None = None
    allowed_common_names: list[str] | None = None
    existing: ExistingCluster | None = None
    migration: Literal["accept", "join", "present"] | None = None
    skip_steps: bool | None = None

    def arguments(self) -> dict[str, Any]:
        """As given, lifetimes in hours."""
        return in_hours(super().arguments())


class Autoscaling(Model):
    """Scale by CPU."""

    min_replicas: int | None = None
    max_replicas: int | None = None
    target_cpu_percent: int | None = Field(default=None, ge=1, le=1000)


class DisruptionBudget(Model):
    """How many pods a drain may take."""

    min_available: str | None = None
    max_unavailable: str | None = None


class Pods(Model):
    """Number, size and place of pods."""

    replicas: int | None = None
    resources: dict[str, Any] | None = None
    autoscaling: Autoscaling | None = None
    disruption_budget: DisruptionBudget | None = None
    node_selector: dict[str, str] | None = None
    tolerations: list[dict[str, Any]] | None = None
    affinity: dict[str, Any] | None = None
    topology_spread_constraints: list[dict[str, Any]] | None = None
    priority_class_name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Service(Model):
    """A Service of the chart."""

    type: str | None = None
    annotations: dict[str, str] | None = None
    load_balancer_source_ranges: list[str] | None = None
    external_traffic_policy: Literal["Cluster", "Local"] | None = None


class IngressController(Model):
    """The ingress controller."""

    ingress_class: str | None = None
    publish_service: str | None = None
    watch_namespaces: list[str] | None = None
    image_tag: str | None = None
    resources: dict[str, Any] | None = None


class ControlPlane(Model):
    """The control plane."""

    namespace: str | None = None
    create_namespace: bool | None = None
    release_name: str | None = None
    image: Image | None = None
    ingress_controller: IngressController | None = None
    without_ingress_controller: bool | None = None
    pods: Pods | None = None
    cluster_service: Service | None = None
    telemetry_service: Service | None = None
    skip_crds: bool | None = None
    values: dict[str, Any] | None = None


class Proxy(Model):
    """A data plane's public Service."""

    service: Service | None = None
    http: bool | None = None


class SecretRef(Model):
    """A Secret by name."""

    name: str
    checksum: str | None = None


class TrustRef(Model):
    """A ConfigMap with CA certificates, by name."""

    name: str
    key: str | None = None
    checksum: str | None = None


class DataPlane(Model):
    """One data plane."""

    name: str
    namespace: str | None = None
    create_namespace: bool | None = None
    release_name: str | None = None
    common_name: str | None = None
    image: Image | None = None
    server_certificate: SecretRef | None = None
    server_names: list[str] | None = None
    proxy: Proxy | None = None
    pods: Pods | None = None
    values: dict[str, Any] | None = None


class Admin(Model):
    """The link between ingress controller and Admin API."""

    authority: Authority | None = None
    leaf: Leaf | None = None


class NetworkPolicies(Model):
    """NetworkPolicies around the deployment."""

    disabled: bool | None = None
    remote_data_plane_cidrs: list[str] | None = None


class DevelopmentPostgres(Model):
    """A small Postgres of the stack's own."""

    image: str | None = None
    storage: str | None = None
    storage_class: str | None = None
    authority: Authority | None = None
    leaf: Leaf | None = None


class PasswordSecret(Model):
    """A Secret with a password, by name."""

    name: str
    key: str | None = None
    checksum: str | None = None


class DatabaseTls(Model):
    """TLS to Postgres."""

    verify: bool | None = None
    trust: TrustRef | None = None
    client_certificate: SecretRef | None = None


class Database(Model):
    """The control plane's Postgres."""

    development: DevelopmentPostgres | None = None
    host: str | None = None
    port: int | None = None
    user: str | None = None
    database: str | None = None
    password: Secret | None = None
    password_secret: PasswordSecret | None = None
    tls: DatabaseTls | None = None
    without_tls: bool | None = None
