"""Arguments of a whole hybrid deployment."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .args import ChartArgs, ImageArgs, PodsArgs, SecretRefArgs, ServiceArgs
from .cluster_existing import ExistingClusterArgs
from .cluster_pki import ClusterAuthorityArgs, LeafArgs, RemoteIdentityArgs
from .pki.cert_manager.args import IssuanceArgs
from .pki.signing import SignerArgs
from .upstream_defaults import CommonUpstreamArgs
from .values.data_plane import ProxyArgs
from .values.database import DatabaseTlsArgs, PasswordSecretArgs
from .values.ingress_controller import IngressControllerArgs
from .values.upstream import UpstreamDefaultsArgs


class HybridLicenseArgs(TypedDict):
    """Exactly one of them."""

    data: NotRequired[pulumi.Input[str]]
    """The licence, a JSON document. Secret."""
    file: NotRequired[str]
    """A file with the licence."""
    existing_secret: NotRequired[str]
    """A Secret of this name, with key `license`, that exists in every namespace of the deployment."""


class HybridClusterArgs(TypedDict):
    """The link between control plane and data planes."""

    mtls: NotRequired[str]
    """`shared` (default), `pki` (default with `cert_manager`), or `pki_check_cn` (Enterprise)."""
    authority: NotRequired[ClusterAuthorityArgs]
    """pki: the CA of the link and its generations."""
    leaf: NotRequired[LeafArgs]
    """pki: lifetime and keys of the certificates."""
    server_names: NotRequired[Sequence[str]]
    """pki: further names by which data planes of other clusters reach the control plane."""
    remote_data_planes: NotRequired[Sequence[RemoteIdentityArgs]]
    """pki: data planes of other stacks, by their signing requests."""
    allowed_common_names: NotRequired[Sequence[str]]
    """pki_check_cn: further common names that may join."""
    existing: NotRequired[ExistingClusterArgs]
    """pki: certificates from a PKI of your own instead of a CA made here."""
    migration: NotRequired[str]
    """On the way from shared to pki: `accept`, then `join`, then `present`, then left out; an `up` each."""
    last_applied: NotRequired[pulumi.Input[Mapping[str, Any]]]
    """pki: `{"generations": [...], "issuing": ...}` as this stack last put out, to refuse a jump over a step."""
    skip_steps: NotRequired[bool]
    """pki: allow a jump over a step, that drops peers until they restart: for a stolen or ended CA. Default false."""
    validity_hours: NotRequired[int]
    """Shared certificate made here: default 26280 (1095 days)."""
    early_renewal_hours: NotRequired[int]
    """Shared certificate made here: replaced this long before its end; default 720 (30 days)."""
    certificate_pem: NotRequired[pulumi.Input[str]]
    """A shared certificate of your own, in PEM."""
    private_key_pem: NotRequired[pulumi.Input[str]]
    """Its private key. Secret."""
    existing_secret: NotRequired[str]
    """A TLS Secret of this name that exists in every namespace of the deployment."""


class HybridPostgresArgs(TypedDict):
    """A Postgres for development."""

    image: NotRequired[str]
    """Default `postgres:17.6`."""
    storage: NotRequired[str]
    """Size of its volume; default `1Gi`."""
    storage_class: NotRequired[str]
    """A StorageClass; default the cluster's."""
    authority: NotRequired[ClusterAuthorityArgs]
    """The CA of its server certificate, and the CA's generations."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and key of its server certificate."""


class HybridDatabaseArgs(TypedDict):
    """An external Postgres (`host`), or a small one for development (`development: {}`)."""

    development: NotRequired[HybridPostgresArgs]
    """Run a small Postgres here, for development."""
    host: NotRequired[pulumi.Input[str]]
    """External: host name or address."""
    port: NotRequired[pulumi.Input[int]]
    """External: default 5432."""
    user: NotRequired[pulumi.Input[str]]
    """External: default `kong`."""
    database: NotRequired[pulumi.Input[str]]
    """External: default `kong`."""
    password: NotRequired[pulumi.Input[str]]
    """External: the password. Secret."""
    password_secret: NotRequired[PasswordSecretArgs]
    """External: an existing Secret with the password."""
    tls: NotRequired[DatabaseTlsArgs]
    """External: TLS; verified unless said otherwise."""
    without_tls: NotRequired[bool]
    """External: connect in clear; default false."""


class HybridControlPlaneArgs(TypedDict):
    """The control plane of the deployment."""

    namespace: NotRequired[str]
    """Default `kong`."""
    create_namespace: NotRequired[bool]
    """Default true; false when it is there already."""
    release_name: NotRequired[str]
    """Default `kong-cp`."""
    image: NotRequired[ImageArgs]
    """Default: the deployment's image."""
    ingress_controller: NotRequired[IngressControllerArgs]
    """The ingress controller; its publish service is the first data plane's proxy unless given."""
    without_ingress_controller: NotRequired[bool]
    """Leave the ingress controller out; default false."""
    pods: NotRequired[PodsArgs]
    """Number, size and place of its pods."""
    cluster_service: NotRequired[ServiceArgs]
    """The Service that data planes connect to; default ClusterIP."""
    telemetry_service: NotRequired[ServiceArgs]
    """The Service for telemetry (Enterprise); default ClusterIP."""
    skip_crds: NotRequired[bool]
    """Leave out the chart's CRDs, where they are installed already; default false."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values, merged over the component's."""


class HybridServerCertificatesArgs(TypedDict):
    """The certificates that data planes show to clients."""

    authority: SignerArgs
    """The CA that issues, which clients must trust."""
    trust_pem: NotRequired[pulumi.Input[str]]
    """What clients trust: put beside each data plane in a ConfigMap, for them to fetch. Public."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and keys."""


class HybridClientVerificationArgs(TypedDict):
    """Demand a client certificate for everything that a data plane serves."""

    trust_pem: pulumi.Input[str]
    """The CAs that client certificates are under. Public."""
    verify_depth: NotRequired[int]
    """How many intermediate certificates a chain may have; default 1."""


class HybridDataPlaneArgs(TypedDict):
    """One data plane of the deployment."""

    name: str
    """Its name within the deployment; it goes into names of resources and, as `kong-<name>`, of the release."""
    namespace: NotRequired[str]
    """Default `kong-dp`."""
    create_namespace: NotRequired[bool]
    """Default true; false when it is there already."""
    release_name: NotRequired[str]
    """Default `kong-<name>`."""
    common_name: NotRequired[str]
    """pki: common name of its certificate; default `<name>.data-plane`."""
    image: NotRequired[ImageArgs]
    """Default: the deployment's image."""
    server_certificate: NotRequired[SecretRefArgs]
    """TLS Secret shown to clients where no other matches; default one from `server_certificates`."""
    server_names: NotRequired[Sequence[str]]
    """Host names of its certificate from `server_certificates`, besides those of its Service."""
    client_verification: NotRequired[HybridClientVerificationArgs]
    """Demand a client certificate for everything it serves, in any edition; default: routes do, by plugin."""
    upstream: NotRequired[UpstreamDefaultsArgs]
    """How it speaks TLS to Services that have no settings of their own; default: the deployment's `upstream`."""
    proxy: NotRequired[ProxyArgs]
    """Its public Service."""
    pods: NotRequired[PodsArgs]
    """Number, size and place of its pods."""
    values: NotRequired[Mapping[str, Any]]
    """Your own Helm values, merged over the component's."""


class HybridAdminArgs(TypedDict):
    """The link between ingress controller and Admin API, under a CA of its own."""

    authority: NotRequired[ClusterAuthorityArgs]
    """The CA and its generations."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and keys of the certificates."""


class HybridNetworkPoliciesArgs(TypedDict):
    """NetworkPolicies around the deployment."""

    disabled: NotRequired[bool]
    """Make none; default false."""
    remote_data_plane_cidrs: NotRequired[Sequence[str]]
    """Addresses from which data planes of other clusters arrive."""


class KongHybridArgs(TypedDict):
    """A deployment; everything has a default but the licence (or edition `oss`) and the database."""

    database: HybridDatabaseArgs
    """The control plane's Postgres."""
    edition: NotRequired[str]
    """`enterprise` (default) or `oss`."""
    license: NotRequired[HybridLicenseArgs]
    """The Enterprise licence; needed with edition `enterprise`."""
    image: NotRequired[ImageArgs]
    """The gateway's image, for all releases."""
    cluster: NotRequired[HybridClusterArgs]
    """The link between control plane and data planes; default: shared mode with a certificate made here, or `pki` with
    `cert_manager`: it makes no pair that namespaces share."""
    control_plane: NotRequired[HybridControlPlaneArgs]
    """The control plane."""
    data_planes: NotRequired[Sequence[HybridDataPlaneArgs]]
    """The data planes; default one, `dp`."""
    admin: NotRequired[HybridAdminArgs]
    """The link between ingress controller and Admin API."""
    without_admin_tls: NotRequired[bool]
    """Leave that link as the chart has it, on localhost and unverified; default false."""
    network_policies: NotRequired[HybridNetworkPoliciesArgs]
    """NetworkPolicies; on unless disabled."""
    server_certificates: NotRequired[HybridServerCertificatesArgs]
    """Issue what data planes show to clients where no other certificate matches; default: Kong's self-signed one,
    which no client can verify."""
    upstream: NotRequired[CommonUpstreamArgs]
    """How data planes speak TLS to Services that have no settings of their own; default: they show nothing and check
    nothing."""
    chart: NotRequired[ChartArgs]
    """The chart, and how it is installed."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make the certificates that are made here: cluster link (then `pki` by default), Admin API,
    database; default: in the stack's state."""
    fixed_secret_names: NotRequired[bool]
    """Use the names of Kong's guides (`kong-enterprise-license`, `kong-cluster-cert`); default false: Pulumi names the
    Secrets, which is safe under any provider. Set it where the provider has `enableSecretMutable`."""
