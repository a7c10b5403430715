"""The link to clients: the gateway's own certificates, who may call it, and a sample to try it with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from kong_mtls import InputError, IssuanceArgs, KongHybridArgs
from kong_mtls.client_ca import ClientCa, ClientCaArgs
from kong_mtls.client_mtls import OF_PLUGIN, ClientMtlsArgs, problems
from kong_mtls.cluster_checks import authority_problems
from kong_mtls.hybrid_args import HybridServerCertificatesArgs
from kong_mtls.hybrid_checks import data_planes
from kong_mtls.pki.authority import CertificateAuthority, CertificateAuthorityArgs
from kong_mtls.pki.cert_manager.args import with_issuance
from kong_mtls.pki.signer import signer_args
from kong_mtls.pki.signing import SignerArgs
from kong_mtls.routes import ProtectedRouteArgs
from kong_mtls.sample import EchoSampleArgs
from kong_mtls.sample import problems as sample_problems
from kong_mtls.values.pods import gateway_version

from .common import KeyedAuthority, Leaf
from .model import Model

NAMESPACE = "kong-clients"


class NamedAuthority(KeyedAuthority):
    """A CA whose subject can be chosen."""

    common_name: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    locality: str | None = None
    province: str | None = None
    country: str | None = None


class GeneratedCa(NamedAuthority):
    """A CA made here for client certificates."""

    ids: dict[str, str] | None = None


class GivenCa(Model):
    """A CA certificate of the user's own."""

    name: str
    certificate_pem: str | None = None
    file: str | None = None
    id: str | None = None


class ExistingCa(Model):
    """A CA Secret that exists."""

    name: str
    id: str


class Ca(Model):
    """Whom client certificates must come from."""

    generate: GeneratedCa | None = None
    given: list[GivenCa] | None = None
    existing: list[ExistingCa] | None = None


class Consumer(Model):
    """Who calls."""

    name: str
    username: str | None = None
    custom_id: str | None = None
    subject_names: list[str] | None = None
    groups: list[str] | None = None


class CallerCertificate(Model):
    """A client certificate for a workload."""

    name: str
    namespace: str | None = None
    common_name: str | None = None
    dns_names: list[str] | None = None
    key: str | None = None
    leaf: Leaf | None = None


class Route(Model):
    """A route to protect."""

    name: str
    namespace: str | None = None
    kind: str | None = None
    snis: list[str] | None = None
    protocol: str | None = None
    redirect_status_code: int | None = None
    other_plugins: list[str] | None = None
    annotations: dict[str, str] | None = None
    take_over: bool | None = None
    spec: dict[str, Any] | None = None


class Plugin(Model):
    """How certificates are judged."""

    skip_consumer_lookup: bool | None = None
    authenticated_group_by: str | None = None
    consumer_by: list[str] | None = None
    default_consumer: str | None = None
    anonymous: str | None = None
    revocation_check_mode: str | None = None
    http_timeout: int | None = None
    cert_cache_ttl: int | None = None
    cache_ttl: int | None = None
    send_ca_dn: bool | None = None
    allow_partial_chain: bool | None = None
    http_proxy_host: str | None = None
    http_proxy_port: int | None = None
    https_proxy_host: str | None = None
    https_proxy_port: int | None = None
    ssl_verify: bool | None = None
    san_dirname_matcher: list[str] | None = None


class ClientMtls(Model):
    """Who may call the gateway."""

    enforcement: Literal["plugin", "listener"] | None = None
    namespace: str | None = None
    create_namespace: bool | None = None
    ca: Ca | None = None
    consumers: list[Consumer] | None = None
    certificates: list[CallerCertificate] | None = None
    routes: list[Route] | None = None
    plugin: Plugin | None = None
    plugin_name: str | None = None
    plugin_namespaces: list[str] | None = None
    global_plugin: bool | None = None
    allow_groups: list[str] | None = None
    deny_groups: list[str] | None = None


class ServerCertificates(Model):
    """The certificates that the gateway shows to clients."""

    authority: NamedAuthority | None = None
    leaf: Leaf | None = None


class Sample(Model):
    """The echo service."""

    host: str | None = None
    path: str | None = None
    namespace: str | None = None
    image: str | None = None
    tls: bool | None = None


SECTIONS: dict[str, Any] = {
    "serverCertificates": ServerCertificates,
    "clientMtls": ClientMtls,
    "sample": Sample,
}
"""Keys of Pulumi.yaml, and their shapes."""


@dataclass(frozen=True)
class ClientSettings:
    """What the program needs for the link to clients.

    Attributes:
        server_authority: the CA of the gateway's own certificates.
        server_leaf: lifetime of these.
        callers: CAs of client certificates; None where no client needs one.
        mtls: who may call what.
        sample: the echo service, or None.
        is_listener: whether data planes verify clients themselves.
    """

    server_authority: CertificateAuthorityArgs
    server_leaf: dict[str, Any] = field(default_factory=dict)
    callers: ClientCaArgs | None = None
    mtls: ClientMtlsArgs = field(default_factory=lambda: ClientMtlsArgs(namespace=NAMESPACE))
    sample: EchoSampleArgs | None = None
    is_listener: bool = False


def client_settings(
    plain: Mapping[str, Any], hybrid: KongHybridArgs, found: list[str], warnings: list[str]
) -> ClientSettings:
    """The settings of the link to clients.

    Args:
        plain: the sections as given, by key.
        hybrid: the deployment that clients call.
        found: problems are added to it, each beginning with its key.
        warnings: what to tell the user on every run is added to it.
    """
    servers = plain.get("serverCertificates") or {}
    issuance = hybrid.get("cert_manager")
    authority: Any = with_issuance({"common_name": "kong gateway server", **(servers.get("authority") or {})}, issuance)
    leaf: Any = servers.get("leaf") or {}
    found += authority_problems(authority, leaf, "server_certificates")
    sample = _sample(plain.get("sample") or {}, found)
    given: dict[str, Any] = dict(plain.get("clientMtls") or {})
    if not given:
        if sample is not None:
            found.append("sample: needs client_mtls: without it, whoever finds its route may use it")
        return ClientSettings(authority, servers.get("leaf") or {})
    _fall_back(given, hybrid.get("edition") or "enterprise", warnings)
    callers = _callers(given, issuance, found)
    mtls = _mtls(given, hybrid)
    judged: Any = {**mtls, "ca": callers}
    if sample is not None:
        judged["routes"] = [*mtls.get("routes", []), stand_in_route(sample)]
    found += [f"client_mtls.{problem}" for problem in problems(judged, "callers")]
    listener = mtls.get("enforcement") == "listener"
    return ClientSettings(authority, servers.get("leaf") or {}, callers, mtls, sample, listener)


def _fall_back(given: dict[str, Any], edition: str, warnings: list[str]) -> None:
    """The open-source gateway without a word about enforcement: its listener, which is stricter, and all it has."""
    if edition != "oss" or given.get("enforcement") is not None:
        return
    given["enforcement"] = "listener"
    unused = sorted(key for key in OF_PLUGIN if given.pop(key, None))
    without = f"; {', '.join(unused)} of clientMtls is left out" if unused else ""
    warnings.append(
        "edition 'oss' has no mtls-auth plugin: data planes demand a client certificate for everything they serve "
        f"(enforcement 'listener'){without}"
    )


def stand_in_route(sample: EchoSampleArgs) -> ProtectedRouteArgs:
    """As the sample's own, which is only there once the sample is made."""
    return {"name": "echo", "namespace": sample.get("namespace") or "echo", "snis": [sample["host"]]}


def _sample(given: dict[str, Any], found: list[str]) -> EchoSampleArgs | None:
    if not given:
        return None
    if not given.get("host"):
        found.append("sample.host: missing; by which host name is it called?")
        return None
    # Whether it speaks TLS is a matter of the link to upstreams.
    sample = cast("EchoSampleArgs", {key: value for key, value in given.items() if key != "tls"})
    found += [f"sample.{problem}" for problem in sample_problems(sample)]
    return sample


def _callers(given: dict[str, Any], issuance: IssuanceArgs | None, found: list[str]) -> ClientCaArgs:
    callers: dict[str, Any] = dict(given.pop("ca", {}))
    if callers.get("generate") is not None:
        callers["generate"] = with_issuance({"common_name": "kong callers", **callers["generate"]}, issuance)
    callers["given"] = [_read(entry, found) for entry in callers.get("given", [])]
    callers |= {
        "namespace": given.get("namespace") or NAMESPACE,
        "create_namespace": given.pop("create_namespace", True),
        "certificates": given.pop("certificates", []),
    }
    return cast("ClientCaArgs", callers)


def _read(entry: dict[str, Any], found: list[str]) -> dict[str, Any]:
    """A given CA with the text of its file."""
    where = f"client_mtls.ca.given: {entry['name']!r}"
    pem, file = entry.get("certificate_pem"), entry.pop("file", None)
    if (pem is None) == (file is None):
        found.append(f"{where}: exactly one of certificate_pem and file is needed")
        return {**entry, "certificate_pem": ""}
    if file is None:
        return entry
    try:
        return {**entry, "certificate_pem": Path(file).read_text("utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        found.append(f"{where}: file {file!r}: {reason}")
        return {**entry, "certificate_pem": ""}


def _mtls(given: dict[str, Any], hybrid: KongHybridArgs) -> ClientMtlsArgs:
    edition = hybrid.get("edition") or "enterprise"
    controller = (hybrid.get("control_plane") or {}).get("ingress_controller") or {}
    mtls = {
        **given,
        "namespace": given.get("namespace") or NAMESPACE,
        "ingress_class": controller.get("ingress_class") or "kong",
        "edition": edition,
        "gateway_version": _oldest(hybrid, edition),
    }
    return cast("ClientMtlsArgs", mtls)


def _oldest(hybrid: KongHybridArgs, edition: str) -> str:
    """The oldest gateway of the deployment: its schema decides what the plugin may be told."""
    planes: list[Any] = [hybrid.get("control_plane") or {}, *data_planes(hybrid)]
    versions = []
    for plane in planes:
        try:
            versions.append(gateway_version(edition, plane.get("image") or hybrid.get("image") or {}))
        except InputError:
            continue  # said of the image itself
    major, minor = min(versions, default=(3, 10))
    return f"{major}.{minor}"


def judged_with_clients(hybrid: KongHybridArgs, clients: ClientSettings) -> KongHybridArgs:
    """The deployment as ``with_clients`` makes it, with stand-ins for what only the program knows."""
    authority: SignerArgs = {"certificate_pem": "", "private_key_pem": ""}
    if hybrid.get("cert_manager") is not None:
        authority = {"issuer": {"name": "issuer"}, "cert_manager": hybrid["cert_manager"]}
    return _with_clients(hybrid, clients, {"authority": authority}, "")


def with_clients(
    hybrid: KongHybridArgs, clients: ClientSettings, server_ca: CertificateAuthority, callers: ClientCa | None
) -> KongHybridArgs:
    """The deployment with what its data planes show to clients, and what they demand where the listener verifies.

    Args:
        hybrid: the deployment.
        clients: the settings.
        server_ca: the CA of the gateway's own certificates.
        callers: CAs of client certificates.
    """
    servers: HybridServerCertificatesArgs = {"authority": signer_args(server_ca), "trust_pem": server_ca.trust_pem}
    return _with_clients(hybrid, clients, servers, callers.trust_pem if callers else "")


def _with_clients(
    hybrid: KongHybridArgs, clients: ClientSettings, servers: HybridServerCertificatesArgs, callers_pem: Any
) -> KongHybridArgs:
    result: Any = {**hybrid, "server_certificates": {**servers, "leaf": clients.server_leaf}}
    if clients.is_listener:
        verification = {"client_verification": {"trust_pem": callers_pem}}
        result["data_planes"] = [{**plane, **verification} for plane in data_planes(hybrid)]
    return cast("KongHybridArgs", result)
