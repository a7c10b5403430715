"""A whole hybrid deployment: one control plane, any number of data planes, and what the links need."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes

from . import names
from .admin_tls import AdminTls
from .args import SecretRefArgs
from .control_plane import ControlPlane, ControlPlaneArgs
from .data_plane import DataPlane, DataPlaneArgs
from .database import ExternalDatabase, ExternalDatabaseArgs
from .errors import InputError
from .hybrid_args import HybridControlPlaneArgs, HybridDataPlaneArgs, KongHybridArgs
from .hybrid_checks import cluster_args, data_planes, problems, release_name, server_names
from .hybrid_clients import client_verification, publish_trust, server_certificate
from .hybrid_cluster import Ends, Link, make_link
from .inputs import check_inputs
from .license import License, LicenseArgs
from .network_policies import NetworkPolicies, NetworkPoliciesArgs
from .outputs import text, together
from .postgres import SERVICE as POSTGRES_SERVICE
from .postgres import DevelopmentPostgres, DevelopmentPostgresArgs
from .resources import child_options
from .upstream_defaults import UpstreamDefaults
from .values.database import DatabaseLinkArgs
from .values.ingress_controller import IngressControllerArgs
from .values.upstream import UpstreamDefaultsArgs


class ProxyEndpoint(TypedDict):
    """Where clients reach a data plane."""

    host: str
    """Host of its proxy Service."""
    https_port: int
    """Its HTTPS port."""


class KongHybrid(pulumi.ComponentResource):
    """Kong Gateway in hybrid mode with mutual TLS between control plane and data planes.

    Raises:
        InputError: arguments that can't work, by name, before any resource is created.
    """

    cluster_endpoint: pulumi.Output[str]
    """`host:port` that data planes connect to."""
    telemetry_endpoint: pulumi.Output[str]
    """`host:port` that data planes send telemetry to; empty with edition `oss`, which has none."""
    proxies: pulumi.Output[Mapping[str, ProxyEndpoint]]
    """Where clients reach each data plane inside the cluster, by the data plane's name."""
    release_names: pulumi.Output[Sequence[str]]
    """Names of all releases, known once they are installed."""
    cluster_authority: pulumi.Output[Mapping[str, Any]]
    """pki: the CA's generations as applied, to be given back as `cluster.last_applied`; else empty."""
    authorities: pulumi.Output[Mapping[str, Mapping[str, Any]]]
    """Likewise of the other CAs made here, `admin` and `database`: each is its authority's `last_applied`."""
    cluster_trust_pem: pulumi.Output[str]
    """pki: the CA certificates of the link, for data planes of other stacks; else empty. Public."""
    remote_certificate_pems: pulumi.Output[Mapping[str, str]]
    """pki: the certificate of each remote data plane, by its name. Public."""
    cluster_not_before: pulumi.Output[str]
    """Start of the cluster certificate's validity, RFC 3339; empty for an existing Secret."""
    cluster_not_after: pulumi.Output[str]
    """End of the cluster certificate's validity, RFC 3339; empty for an existing Secret."""

    def __init__(self, name: str, args: KongHybridArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make everything, control plane first."""
        super().__init__("kong-mtls:index:KongHybrid", name, {}, opts)
        self._where = f'KongHybrid "{name}"'
        check_inputs(KongHybridArgs, args, self._where)
        self._name, self._args, self._child = name, args, child_options(self, opts)
        self._edition = args.get("edition") or "enterprise"
        self._control_plane: HybridControlPlaneArgs = args.get("control_plane") or {}
        self._data_planes = data_planes(args)
        found = problems(args)
        if found:
            raise InputError.of(found, f"{self._where}: the arguments can't be used:")
        self._authorities: dict[str, pulumi.Output[Mapping[str, Any]]] = {}
        self._namespaces = self._make_namespaces()
        licenses = self._license()
        self._cluster = self._link()
        control_plane = self._make_control_plane(licenses, self._database())
        self._network_policies()
        self._publish_server_trust()
        self._upstream = self._upstream_defaults()
        planes = {plane["name"]: self._make_data_plane(plane, licenses, control_plane) for plane in self._data_planes}
        self._export(control_plane, planes)

    def _make_namespaces(self) -> dict[str, pulumi.Input[str]]:
        """Every namespace once: created here, or there already."""
        wanted: dict[str, bool] = {}
        for spec, default in (
            (self._control_plane, "kong"),
            *((plane, "kong-dp") for plane in self._data_planes),
        ):
            namespace = spec.get("namespace") or default
            names.check_label(namespace, f"{self._where}: namespace")
            wanted[namespace] = wanted.get(namespace, True) and spec.get("create_namespace", True)
        return {
            namespace: kubernetes.core.v1.Namespace(
                f"{self._name}-{namespace}", metadata={"name": namespace}, opts=self._child
            ).metadata.name
            if create
            else namespace
            for namespace, create in wanted.items()
        }

    def _fixed(self, fixed_name: str) -> dict[str, Any]:
        return {"secret_name": fixed_name} if self._args.get("fixed_secret_names") else {}

    def _fixed_names(self) -> dict[str, Any]:
        return {"fixed_secret_names": bool(self._args.get("fixed_secret_names"))}

    def _issuance(self) -> dict[str, Any]:
        return {"cert_manager": self._args["cert_manager"]} if self._args.get("cert_manager") is not None else {}

    def _license(self) -> Mapping[str, SecretRefArgs]:
        if self._edition == "oss":
            return {}
        given = self._args.get("license") or {}
        arguments: LicenseArgs = _joined({"namespaces": self._namespaces}, self._fixed(names.LICENSE_SECRET), given)
        return License(f"{self._name}-license", arguments, self._child).refs

    def _link(self) -> Link:
        control_plane = self._control_plane.get("namespace") or "kong"
        ends = Ends(
            namespaces=self._namespaces,
            control_plane=control_plane,
            data_planes={plane["name"]: plane.get("namespace") or "kong-dp" for plane in self._data_planes},
            common_names={it["name"]: it["common_name"] for it in self._data_planes if it.get("common_name")},
            server_names=server_names(self._args),
        )
        return make_link(
            self._name,
            cluster_args(self._args),
            ends,
            fixed=bool(self._args.get("fixed_secret_names")),
            issuance=self._args.get("cert_manager"),
            opts=self._child,
        )

    def _database(self) -> DatabaseLinkArgs:
        given: dict[str, Any] = {**self._args["database"]}
        development = given.pop("development", None)
        namespace = self._namespaces[self._control_plane.get("namespace") or "kong"]
        if development is not None:
            arguments: DevelopmentPostgresArgs = _joined(
                {"namespace": namespace}, self._fixed_names(), self._issuance(), development
            )
            made = DevelopmentPostgres(f"{self._name}-postgres", arguments, self._child)
            self._authorities["database"] = made.authority
            return made.link
        external: ExternalDatabaseArgs = _joined({"namespace": namespace}, self._fixed("kong-postgres-password"), given)
        return ExternalDatabase(f"{self._name}-database", external, self._child).link

    def _make_control_plane(
        self,
        licenses: Mapping[str, SecretRefArgs],
        database: DatabaseLinkArgs,
    ) -> ControlPlane:
        spec = self._control_plane
        key = spec.get("namespace") or "kong"
        controller: IngressControllerArgs = {"publish_service": self._publish_service()}
        controller |= spec.get("ingress_controller") or {}
        arguments: ControlPlaneArgs = {
            "namespace": self._namespaces[key],
            "cluster": self._cluster.credentials.control_plane,
            "database": database,
            "edition": self._edition,
            "image": spec.get("image") or self._args.get("image") or {},
            "ingress_controller": controller,
            "chart": self._args.get("chart") or {},
        }
        arguments |= _chosen(
            spec,
            "release_name",
            "without_ingress_controller",
            "pods",
            "cluster_service",
            "telemetry_service",
            "skip_crds",
            "values",
        )
        if key in licenses:
            arguments["license_secret"] = licenses[key]
        enforce = (self._args.get("upstream") or {}).get("enforce")
        if enforce is not None:
            arguments["enforce_upstream_verification"] = enforce
        if not spec.get("without_ingress_controller") and not self._args.get("without_admin_tls"):
            admin = _joined(
                {"namespace": self._namespaces[key]},
                self._fixed_names(),
                self._issuance(),
                self._args.get("admin") or {},
            )
            made = AdminTls(f"{self._name}-admin", admin, self._child)
            self._authorities["admin"] = made.authority
            arguments["admin"] = made.link
        return ControlPlane(f"{self._name}-cp", arguments, self._child)

    def _network_policies(self) -> None:
        given = self._args.get("network_policies") or {}
        if given.get("disabled"):
            return
        arguments: NetworkPoliciesArgs = {
            "control_plane_namespace": self._namespaces[self._control_plane.get("namespace") or "kong"],
            "control_plane_release": self._control_plane.get("release_name") or "kong-cp",
            "data_planes": {
                release_name(plane): self._namespaces[plane.get("namespace") or "kong-dp"]
                for plane in self._data_planes
            },
            "remote_data_plane_cidrs": given.get("remote_data_plane_cidrs") or [],
        }
        if self._args["database"].get("development") is not None:
            arguments["postgres_service"] = POSTGRES_SERVICE
        NetworkPolicies(f"{self._name}-network", arguments, self._child)

    def _upstream_defaults(self) -> Mapping[str, UpstreamDefaultsArgs]:
        """What data planes without settings of their own go by towards upstreams, by key of their namespace."""
        given = self._args.get("upstream")
        keys = {it.get("namespace") or "kong-dp" for it in self._data_planes if it.get("upstream") is None}
        if given is None or not keys:
            return {}
        namespaces = {key: self._namespaces[key] for key in sorted(keys)}
        arguments = _joined({"namespaces": namespaces, "upstream": given}, self._fixed_names())
        return UpstreamDefaults(f"{self._name}-upstream", arguments, self._child).defaults

    def _publish_service(self) -> pulumi.Input[str]:
        """The Service whose address Ingresses report: the first data plane's."""
        first = self._data_planes[0]
        service = names.service(release_name(first), "proxy")
        namespace = self._namespaces[first.get("namespace") or "kong-dp"]
        result: pulumi.Input[str] = text("{namespace}/{service}", namespace=namespace, service=service)
        return result

    def _make_data_plane(
        self,
        spec: HybridDataPlaneArgs,
        licenses: Mapping[str, SecretRefArgs],
        control_plane: ControlPlane,
    ) -> DataPlane:
        key = spec.get("namespace") or "kong-dp"
        arguments: DataPlaneArgs = {
            "namespace": self._namespaces[key],
            "control_plane": {
                "cluster_host": control_plane.cluster_host,
                "telemetry_host": control_plane.telemetry_host,
            },
            "cluster": self._cluster.credentials.data_planes[spec["name"]],
            "edition": self._edition,
            "release_name": release_name(spec),
            "image": spec.get("image") or self._args.get("image") or {},
            "chart": self._args.get("chart") or {},
        }
        arguments |= _chosen(spec, "server_certificate", "upstream", "proxy", "pods", "values")
        if "upstream" not in arguments and key in self._upstream:
            arguments["upstream"] = self._upstream[key]
        arguments |= self._towards_clients(spec, key)
        if key in licenses:
            arguments["license_secret"] = licenses[key]
        # It gets ready only with a configuration, which it has from the control plane.
        after = pulumi.ResourceOptions(parent=self, depends_on=[control_plane.release])
        return DataPlane(f"{self._name}-{spec['name']}", arguments, after)

    def _publish_server_trust(self) -> None:
        certificates, fixed = self._args.get("server_certificates"), bool(self._args.get("fixed_secret_names"))
        if certificates is None:
            return
        for key in dict.fromkeys(plane.get("namespace") or "kong-dp" for plane in self._data_planes):
            namespace = self._namespaces[key]
            publish_trust(
                self._name, key, namespace=namespace, certificates=certificates, fixed=fixed, opts=self._child
            )

    def _towards_clients(self, spec: HybridDataPlaneArgs, key: str) -> Any:
        """What the data plane shows to clients, and what it demands of them all."""
        found: dict[str, Any] = {}
        namespace, fixed = self._namespaces[key], bool(self._args.get("fixed_secret_names"))
        certificates, demanded = self._args.get("server_certificates"), spec.get("client_verification")
        if certificates is not None and spec.get("server_certificate") is None:
            found["server_certificate"] = server_certificate(
                self._name,
                spec,
                release=release_name(spec),
                namespace=namespace,
                certificates=certificates,
                fixed=fixed,
                opts=self._child,
            )
        if demanded is not None:
            found["client_verification"] = client_verification(
                self._name, spec["name"], demanded, namespace=namespace, fixed=fixed, opts=self._child
            )
        return found

    def _export(
        self,
        control_plane: ControlPlane,
        planes: Mapping[str, DataPlane],
    ) -> None:
        self.cluster_endpoint = control_plane.cluster_host.apply(lambda host: f"{host}:{names.CLUSTER_PORT}")
        self.telemetry_endpoint = control_plane.telemetry_host.apply(
            lambda host: f"{host}:{names.TELEMETRY_PORT}" if host else ""
        )
        self.proxies = pulumi.Output.all(
            **{
                name: pulumi.Output.all(host=plane.proxy_host, https_port=plane.proxy_https_port)
                for name, plane in planes.items()
            }
        )
        credentials, pki = self._cluster.credentials, self._cluster.pki
        installed = [control_plane.release_name, *(plane.release_name for plane in planes.values())]
        self.release_names = pulumi.Output.all(*installed)
        self.cluster_authority = pulumi.Output.from_input({})
        self.authorities = self._applied(together(self._authorities))
        self.cluster_trust_pem = pulumi.Output.from_input("")
        self.remote_certificate_pems = pulumi.Output.from_input({})
        if pki is not None:
            self.cluster_authority = self._applied(pki.applied)
            self.cluster_trust_pem = pki.trust_pem
            self.remote_certificate_pems = pki.remote_certificate_pems
        self.cluster_not_before, self.cluster_not_after = credentials.not_before, credentials.not_after
        self.register_outputs(
            {
                "cluster_endpoint": self.cluster_endpoint,
                "telemetry_endpoint": self.telemetry_endpoint,
                "proxies": self.proxies,
                "release_names": self.release_names,
                "cluster_authority": self.cluster_authority,
                "authorities": self.authorities,
                "cluster_trust_pem": self.cluster_trust_pem,
                "remote_certificate_pems": self.remote_certificate_pems,
                "cluster_not_before": self.cluster_not_before,
                "cluster_not_after": self.cluster_not_after,
            }
        )

    def _applied(self, generations: pulumi.Output[Mapping[str, Any]]) -> pulumi.Output[Mapping[str, Any]]:
        """Generations once those who show and trust them have them: after a failed update they are not yet applied."""
        return pulumi.Output.all(generations, self.release_names).apply(lambda both: both[0])


def _joined(*parts: Mapping[str, Any]) -> Any:
    """One mapping, later parts over earlier ones; its keys are checked where it is used."""
    return {key: value for part in parts for key, value in part.items()}


def _chosen(spec: Mapping[str, Any], *keys: str) -> Any:
    """The keys that are given."""
    return {key: spec[key] for key in keys if spec.get(key) is not None}
