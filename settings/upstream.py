"""The link to upstreams: Services that are verified and shown the gateway's certificate, and data planes' defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from kong_mtls import InputError, KongHybridArgs, UpstreamMtls, UpstreamMtlsArgs
from kong_mtls.cluster_existing import end_problems
from kong_mtls.hybrid_checks import data_planes
from kong_mtls.pki.cert_manager.args import with_issuance
from kong_mtls.pki.issue import CLIENT
from kong_mtls.sample import NAME as ECHO
from kong_mtls.sample import NAMESPACE as ECHO_NAMESPACE
from kong_mtls.upstream_checks import problems
from kong_mtls.upstream_defaults import CommonUpstreamArgs
from kong_mtls.values.pods import gateway_version

from .common import KeyedAuthority, Leaf
from .model import Model, Secret


class UpstreamService(Model):
    """A Service that exists."""

    name: str
    namespace: str
    take_over: bool | None = None
    protocol: str | None = None
    verify: bool | None = None
    verify_depth: int | str | None = None
    host_header: str | None = None
    client_certificate_secret: str | None = None
    without_client_certificate: bool | None = None
    ca_secrets: list[str] | None = None
    ca_config_maps: list[str] | None = None
    data_plane_trust: bool | None = None
    annotations: dict[str, str] | None = None


class GatewayCertificate(Model):
    """The gateway's client certificate, issued here."""

    common_name: str | None = None
    dns_names: list[str] | None = None
    authority: KeyedAuthority | None = None
    leaf: Leaf | None = None


class ClientPair(Model):
    """What the gateway shows."""

    issue: GatewayCertificate | None = None
    certificate_pem: str | None = None
    private_key_pem: Secret | None = None
    existing_secret: str | None = None
    secret_name: str | None = None
    trust_pem: str | None = None


class Trust(Model):
    """Whom the gateway believes to be a Service."""

    authorities: dict[str, str] | None = None
    bundle_pem: str | None = None
    file: str | None = None
    secrets: list[str] | None = None
    config_maps: list[str] | None = None
    kind: str | None = None


class ServerCertificate(Model):
    """A certificate for the workload behind a Service."""

    name: str
    namespace: str
    dns_names: list[str] | None = None
    secret_name: str | None = None


class UpstreamServers(Model):
    """Certificates for workloads, issued here."""

    services: list[ServerCertificate] | None = None
    authority: KeyedAuthority | None = None
    leaf: Leaf | None = None


class UpstreamRoute(Model):
    """A route to the Services."""

    name: str
    namespace: str
    kind: str | None = None
    backends: list[str] | None = None
    patch: bool | None = None
    take_over: bool | None = None


class DataPlaneDefaults(Model):
    """What data planes go by for Services without settings of their own."""

    verify: bool | None = None
    verify_depth: int | str | None = None
    form: Literal["client_ssl", "nginx"] | None = None
    enforce: bool | None = None


class UpstreamLink(Model):
    """The link to upstreams."""

    services: list[UpstreamService] | None = None
    client_certificate: ClientPair | None = None
    without_client_certificate: bool | None = None
    trust: Trust | None = None
    server_certificates: UpstreamServers | None = None
    routes: list[UpstreamRoute] | None = None
    data_plane_defaults: DataPlaneDefaults | None = None


SECTIONS: dict[str, Any] = {"upstreamMtls": UpstreamLink}
"""Keys of Pulumi.yaml, and their shapes."""


@dataclass(frozen=True)
class UpstreamSettings:
    """What the program needs for the link to upstreams.

    Attributes:
        mtls: the Services, and what they need; None where nothing is asked for.
        defaults: what data planes go by, besides trust and pair; None for nothing.
        echo_namespace: namespace of the sample, where that speaks TLS; else None.
        without_policies: whether the stack goes without NetworkPolicies.
    """

    mtls: UpstreamMtlsArgs | None = None
    defaults: CommonUpstreamArgs | None = None
    echo_namespace: str | None = None
    without_policies: bool = False

    @property
    def echo(self) -> str:
        """How the sample is called among the Services."""
        return f"{self.echo_namespace}/{ECHO}"


def upstream_settings(plain: Mapping[str, Any], hybrid: KongHybridArgs, found: list[str]) -> UpstreamSettings:
    """The settings of the link to upstreams.

    Args:
        plain: the sections as given, by key.
        hybrid: the deployment that calls them.
        found: problems are added to it, each beginning with its key.
    """
    given: dict[str, Any] = dict(plain.get("upstreamMtls") or {})
    sample = plain.get("sample") or {}
    echo = (sample.get("namespace") or ECHO_NAMESPACE) if sample.get("tls") else None
    if not given and echo is None:
        return UpstreamSettings()
    defaults = given.pop("data_plane_defaults", None)
    given["services"] = list(given.get("services") or [])
    if given.get("trust"):
        given["trust"] = _trust(dict(given["trust"]), found)
    if given.get("server_certificates") is not None or echo is not None:
        servers = dict(given.get("server_certificates") or {})
        given["server_certificates"] = {**servers, "services": list(servers.get("services") or [])}
    if echo is not None:
        given["services"].append({"name": ECHO, "namespace": echo, "patch": False})
        given["server_certificates"]["services"].append({"name": ECHO, "namespace": echo})
    controller = (hybrid.get("control_plane") or {}).get("ingress_controller") or {}
    given |= {
        "ingress_class": controller.get("ingress_class") or "kong",
        "edition": hybrid.get("edition") or "enterprise",
        "gateway_version": _newest(hybrid),
        "fixed_trust_names": True,
    }
    given = with_issuance(given, hybrid.get("cert_manager"))
    mtls = cast("UpstreamMtlsArgs", given)
    judged = [*_own_pair(given), *problems(mtls), *_default_problems(defaults, mtls)]
    if echo is not None and not _has_gateway_trust(mtls):
        found.append(
            "sample.tls: the sample demands a certificate under the gateway's CA, which isn't known: let the pair be "
            "issued here, or give upstream_mtls.client_certificate.trust_pem"
        )
    found += [f"upstream_mtls.{problem}" for problem in judged]
    without_policies = bool((hybrid.get("network_policies") or {}).get("disabled"))
    return UpstreamSettings(mtls, cast("CommonUpstreamArgs | None", defaults), echo, without_policies)


def _trust(trust: dict[str, Any], found: list[str]) -> dict[str, Any]:
    """The trust with the text of its file."""
    file = trust.pop("file", None)
    if file is None:
        return trust
    if trust.get("bundle_pem"):
        found.append("upstream_mtls.trust: bundle_pem and file exclude each other")
        return trust
    try:
        return {**trust, "bundle_pem": Path(file).read_text("utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        found.append(f"upstream_mtls.trust: file {file!r}: {reason}")
        return {**trust, "config_maps": ["unreadable"]}


def _own_pair(given: Mapping[str, Any]) -> list[str]:
    """The user's own pair, while its key is at hand."""
    pair = given.get("client_certificate") or {}
    if not (pair.get("certificate_pem") and pair.get("private_key_pem")):
        return []
    try:
        wrong = end_problems(pair["certificate_pem"], pair["private_key_pem"].get_secret_value(), None, CLIENT, [])
    except InputError as error:
        wrong = [str(error)]
    return [f"client_certificate: {problem}" for problem in wrong]


def _default_problems(defaults: Mapping[str, Any] | None, mtls: UpstreamMtlsArgs) -> list[str]:
    """What data planes can't be given; the rest is judged with the deployment."""
    trust = mtls.get("trust") or {}
    known = trust.get("authorities") or trust.get("bundle_pem") or mtls.get("server_certificates") is not None
    if defaults is None or not defaults.get("verify", True) or known:
        return []
    return [
        "data_plane_defaults: a data plane mounts CA certificates, and none is known here: give trust.authorities, "
        "trust.bundle_pem, trust.file or server_certificates, or set verify to false"
    ]


def _newest(hybrid: KongHybridArgs) -> str:
    """The newest gateway of the deployment: it is the strictest."""
    edition = hybrid.get("edition") or "enterprise"
    planes: list[Any] = [hybrid.get("control_plane") or {}, *data_planes(hybrid)]
    versions = []
    for plane in planes:
        try:
            versions.append(gateway_version(edition, plane.get("image") or hybrid.get("image") or {}))
        except (InputError, KeyError):
            continue  # said of the image, or of the edition, itself
    major, minor = max(versions, default=(3, 10))
    return f"{major}.{minor}"


def with_upstreams(
    hybrid: KongHybridArgs, upstream: UpstreamSettings, made: UpstreamMtls | None = None
) -> KongHybridArgs:
    """The deployment with what its data planes go by towards upstreams.

    Args:
        hybrid: the deployment.
        upstream: the settings.
        made: the link as made; without it stand-ins, for judging the arguments.
    """
    if upstream.defaults is None or upstream.mtls is None:
        return hybrid
    common: Any = {**upstream.defaults}
    if upstream.defaults.get("verify", True):
        common["trust_pem"] = made.trust_pem if made is not None else ""
    if not upstream.mtls.get("without_client_certificate") and _has_pair(upstream.mtls):
        pair = made.pair if made is not None else None
        if made is not None and made.issued_pair is not None:
            common["issue"] = made.issued_pair
            return {**hybrid, "upstream": common}
        common["certificate_pem"] = pair.certificate_pem if pair is not None else ""
        common["private_key_pem"] = pair.private_key_pem if pair is not None else ""
    return {**hybrid, "upstream": common}


def in_section(problem: str) -> str:
    """A problem of the deployment's, where the configuration has what it is about."""
    beginning = "upstream"
    if not problem.startswith((f"{beginning}:", f"{beginning}.")):
        return problem
    return f"upstream_mtls.data_plane_defaults{problem.removeprefix(beginning)}"


def _has_gateway_trust(mtls: UpstreamMtlsArgs) -> bool:
    """Whether the CA that the gateway's certificate is under is known here."""
    pair = mtls.get("client_certificate") or {}
    issued = not (pair.get("certificate_pem") or pair.get("existing_secret"))
    return not mtls.get("without_client_certificate") and (issued or pair.get("trust_pem") is not None)


def _has_pair(mtls: UpstreamMtlsArgs) -> bool:
    """Whether the pair is known here; that of an existing Secret isn't."""
    return not (mtls.get("client_certificate") or {}).get("existing_secret")
