"""The link between control plane and data planes: what Kong refuses to start with, and what refuses a peer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from .. import certs
from ..context import Context
from ..gateways import Gateway, Material
from ..model import Hit, rule

_PARSE = "Kong/kong kong/conf_loader/parse.lua"
_TLS = "Kong/kong kong/clustering/tls.lua"
_NGINX = "Kong/kong kong/templates/nginx_kong.lua"
_DOCS = "https://developer.konghq.com/gateway/cp-dp-communication/"
_CHART = "Kong/charts charts/kong/templates/_helpers.tpl"
SHARED_NAME = "kong_clustering"
CONTROL_PLANE_DEPTH = 4
_DOWN = "the data plane gets no configuration: it never becomes ready, or goes on with the last one it has"

# Since these versions the data plane's default for lua_ssl_verify_depth is 5, before it is 1
# (https://developer.konghq.com/gateway/changelog/).
_DEPTH_FIVE = ((3, 10, 0, 15), (3, 12, 0, 9), (3, 13, 0, 7), (3, 14, 0, 7), (3, 15, 0, 1))


@dataclass(frozen=True)
class Link:
    """A data plane and the control plane that its settings lead to."""

    data_plane: Gateway
    control_plane: Gateway


def host_of(endpoint: str) -> str:
    """The host of ``host:port``."""
    return endpoint.rsplit(":", 1)[0] if ":" in endpoint else endpoint


def in_cluster(host: str, namespace: str) -> tuple[str, str] | None:
    """Name and namespace of the Service that a host name stands for inside the cluster; None if it's outside."""
    match = re.fullmatch(r"([a-z0-9-]+)(?:\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?)?\.?", host)
    return (match[1], match[2] or namespace) if match else None


def planes(context: Context, role: str) -> list[Gateway]:
    """The gateways of a role."""
    return [gateway for gateway in context.gateways if gateway.role == role]


def links(context: Context) -> Iterator[Link]:
    """Every data plane whose control plane is in the set, found by the Service's name."""
    for data_plane in planes(context, "data_plane"):
        target = in_cluster(host_of(data_plane.setting("cluster_control_plane") or ""), data_plane.namespace)
        if target is None:
            continue
        for control_plane in planes(context, "control_plane"):
            if control_plane.namespace != target[1]:
                continue
            release = control_plane.release
            names = {service.name for service in release.services.values()} if release else {target[0]}
            if target[0] in names:
                yield Link(data_plane, control_plane)


def certificate(gateway: Gateway) -> Material | None:
    """The cluster certificate, if it is set."""
    found = gateway.material("cluster_cert", "cluster_cert_key")
    return found[0] if found else None


def trusted(gateway: Gateway) -> tuple[x509.Certificate, ...] | None:
    """The CAs for the link, as far as they can be known: a data plane also trusts lua_ssl_trusted_certificate."""
    own = gateway.material("cluster_ca_cert")
    if gateway.role == "data_plane":
        own = own + gateway.material("lua_ssl_trusted_certificate")
    if not own or any(each.chain is None for each in own):
        return None
    return tuple(certificate for each in own for certificate in each.chain or ())


@rule(
    "cluster-no-certificate",
    "error",
    "A control plane or data plane has no cluster certificate",
    effect="Kong refuses to start: cluster certificate and key must be provided to use hybrid mode.",
    fix="Set env.cluster_cert and env.cluster_cert_key to the files of a mounted Secret.",
    source=_PARSE,
    scope="object",
)
def _no_certificate(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane") + planes(context, "data_plane"):
        for name in ("cluster_cert", "cluster_cert_key"):
            if gateway.content(name) is None:
                yield Hit(gateway.object, f"{name} is not set, and its role is {gateway.role}")


@rule(
    "cluster-no-ca",
    "error",
    "PKI mode without cluster_ca_cert",
    effect="A control plane refuses to start; a data plane has nothing to verify the control plane with.",
    fix="Set env.cluster_ca_cert to the CA's file on control plane and data planes.",
    source=_PARSE,
    scope="object",
)
def _no_ca(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane") + planes(context, "data_plane"):
        if gateway.cluster_mtls.startswith("pki") and gateway.content("cluster_ca_cert") is None:
            yield Hit(gateway.object, f"cluster_mtls is {gateway.cluster_mtls}, and cluster_ca_cert is not set")


@rule(
    "cluster-database",
    "error",
    "The database setting doesn't go with the role",
    effect="Kong refuses to start: a control plane needs a database, a data plane must have none (and with one the "
    "chart runs migration Jobs for it).",
    fix='Set env.database to "postgres" on the control plane and to "off" (a string) on data planes.',
    source=_PARSE,
    scope="object",
)
def _database(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        wrong = {"control_plane": ("off",), "data_plane": ("postgres", "cassandra")}.get(gateway.role, ())
        if gateway.database in wrong:
            yield Hit(gateway.object, f"its role is {gateway.role} and its database is {gateway.database}")


@rule(
    "cluster-controller",
    "error",
    "A data plane runs the ingress controller",
    effect="The chart switches the controller on by default. On a data plane it has no Admin API to configure: it "
    "fails for ever, writes Ingress status, and its webhook answers for a gateway that isn't there.",
    fix="Set ingressController.enabled: false on data planes.",
    source=_CHART,
    scope="object",
)
def _controller(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "data_plane"):
        if gateway.release is not None and gateway.release.ingress_controller is not None:
            yield Hit(gateway.object, "its role is data_plane, and ingressController.enabled is true or left out")


@rule(
    "cluster-listener",
    "error",
    "A control plane doesn't listen for data planes",
    effect="The chart needs cluster.enabled and cluster.tls.enabled, both off by default: without them Kong refuses "
    "to start as a control plane.",
    fix="Set cluster: {enabled: true, tls: {enabled: true}}, and clustertelemetry likewise with Enterprise.",
    source="Kong/charts charts/kong/values.yaml; " + _PARSE,
    scope="object",
)
def _listener(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane"):
        if gateway.listeners("cluster_listen") == ():
            yield Hit(gateway.object, "cluster_listen is off")


@rule(
    "cluster-proxy-listener",
    "error",
    "A data plane doesn't listen for requests",
    effect="Kong refuses to start: proxy_listen must be specified for a data plane.",
    fix="Leave env.proxy_listen to the chart, and proxy.tls.enabled on.",
    source=_PARSE,
    scope="object",
)
def _proxy_listener(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "data_plane"):
        if gateway.content("proxy_listen") is not None and gateway.listeners("proxy_listen") == ():
            yield Hit(gateway.object, "proxy_listen is off")


@rule(
    "cluster-publish-service",
    "warning",
    "The controller on the control plane publishes a proxy that isn't there",
    effect="Ingress status gets no address: DNS controllers and readiness of Ingress objects wait for one for ever.",
    fix="Set ingressController.env.publish_service to <data plane's namespace>/<its release>-kong-proxy.",
    source="Kong/charts charts/kong/README.md (hybrid mode)",
    scope="object",
)
def _publish(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane"):
        release = gateway.release
        if release is None or release.ingress_controller is None or "proxy" in release.services:
            continue
        named = release.ingress_controller.container.env_value("CONTROLLER_PUBLISH_SERVICE", context.objects)
        if named == f"{release.namespace}/{release.fullname}-proxy":
            yield Hit(gateway.object, f"it publishes {named}, and proxy.enabled is false")


@rule(
    "cluster-endpoint",
    "error",
    "A data plane is pointed at something the control plane doesn't have",
    effect=f"The name doesn't resolve, or nobody answers: {_DOWN}.",
    fix="Use <release>-kong-cluster.<namespace>.svc.cluster.local:8005, and -clustertelemetry with 8006.",
    source="Kong/charts charts/kong/templates/service-kong-cluster.yaml",
)
def _endpoint(context: Context) -> Iterator[Hit]:
    for data_plane in planes(context, "data_plane"):
        for setting, block in (
            ("cluster_control_plane", "cluster"),
            ("cluster_telemetry_endpoint", "clustertelemetry"),
        ):
            endpoint = data_plane.setting(setting)
            if endpoint is None:
                if setting == "cluster_control_plane" and data_plane.content(setting) is None:
                    yield Hit(data_plane.object, "cluster_control_plane is not set")
                continue
            problem = _unreachable(context, endpoint, data_plane.namespace, block)
            if problem:
                yield Hit(data_plane.object, f"{setting} is {endpoint}: {problem}")


def _unreachable(context: Context, endpoint: str, namespace: str, block: str) -> str | None:
    """Why an endpoint leads nowhere; None if it's outside the cluster, or the set can't tell."""
    target = in_cluster(host_of(endpoint), namespace)
    if target is None or context.objects.get("Service", target[1], target[0]) is not None:
        return None
    near = [g.release for g in planes(context, "control_plane") if g.release and g.namespace == target[1]]
    if not near:
        return None
    services = [service for release in near for service in release.services.values()]
    found = next((service for service in services if service.name == target[0]), None)
    if found is None:
        offered = [release.services[block].name for release in near if block in release.services]
        return f"there is no Service {target[0]} in {target[1]}" + (f" (there is {offered[0]})" if offered else "")
    port = endpoint.rsplit(":", 1)[-1]
    if port.isdigit() and found.target(int(port)) is None:
        return f"Service {found.name} has no port {port}"
    return None


@rule(
    "cluster-mode",
    "error",
    "Control plane and data plane disagree on cluster_mtls",
    effect=f"One side compares digests, the other verifies a chain, under different names: {_DOWN}.",
    fix="Set env.cluster_mtls to the same value on both; migrate them together.",
    source="Kong/kong kong/clustering/utils.lua; " + _TLS,
)
def _mode(context: Context) -> Iterator[Hit]:
    for link in links(context):
        theirs, mine = link.control_plane.cluster_mtls, link.data_plane.cluster_mtls
        if theirs and mine and theirs.startswith("pki") != mine.startswith("pki"):
            yield Hit(
                link.data_plane.object, f"cluster_mtls is {mine} here and {theirs} on {link.control_plane.object}"
            )


def _shared(context: Context) -> Iterator[tuple[Gateway, Material, x509.Certificate]]:
    for gateway in planes(context, "control_plane") + planes(context, "data_plane"):
        found = certificate(gateway)
        if gateway.cluster_mtls == "shared" and found is not None and found.chain:
            yield gateway, found, found.chain[0]


@rule(
    "cluster-shared-differs",
    "error",
    "Shared mode, and the two sides have different certificates",
    effect=f"The control plane compares SHA-256 digests and refuses every other certificate: {_DOWN}.",
    fix="Put the same pair into both Secrets, and roll control plane and data planes together; or use pki.",
    source=_TLS + " (validate_shared_cert)",
)
def _differs(context: Context) -> Iterator[Hit]:
    for link in links(context):
        mine, theirs = certificate(link.data_plane), certificate(link.control_plane)
        if {link.data_plane.cluster_mtls, link.control_plane.cluster_mtls} != {"shared"}:
            continue
        if mine and theirs and mine.chain and theirs.chain and mine.chain[0] != theirs.chain[0]:
            yield Hit(mine.object, f"it isn't the certificate of {theirs.object}")


@rule(
    "cluster-shared-name",
    "error",
    f"Shared mode, and the certificate isn't made out to {SHARED_NAME}",
    effect=f"The data plane asks for the server name {SHARED_NAME}, whatever the host, and refuses another: {_DOWN}.",
    fix=f"Issue the certificate with CN and SAN {SHARED_NAME}.",
    source="Kong/kong kong/clustering/utils.lua",
)
def _shared_name(context: Context) -> Iterator[Hit]:
    for _, found, leaf in _shared(context):
        if not certs.covers(leaf, SHARED_NAME):
            offered = ", ".join(certs.dns_names(leaf)) or certs.subject(leaf)
            yield Hit(found.object, f"it is made out to {offered}")


@rule(
    "cluster-shared-no-san",
    "warning",
    "The shared cluster certificate has no SAN",
    effect="OpenSSL still takes the CN where there is no SAN; other verifiers have stopped doing so.",
    fix=f"Issue it with the DNS name {SHARED_NAME}.",
    source="https://docs.openssl.org/3.0/man3/X509_check_host/",
)
def _shared_no_san(context: Context) -> Iterator[Hit]:
    for _, found, leaf in _shared(context):
        if not certs.dns_names(leaf) and certs.covers(leaf, SHARED_NAME):
            yield Hit(found.object, f"only its CN says {SHARED_NAME}")


@rule(
    "cluster-usage",
    "error",
    "A cluster certificate isn't for the side that shows it",
    effect=f"The other side refuses a certificate whose extended key usage doesn't allow its role: {_DOWN}.",
    fix="serverAuth on the control plane, clientAuth on data planes; both in shared mode.",
    source=_DOCS,
)
def _usage(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane") + planes(context, "data_plane"):
        found = certificate(gateway)
        if found is None or not found.chain:
            continue
        if gateway.role == "control_plane" and not certs.serves_as(found.chain[0], "server"):
            yield Hit(found.object, f"{gateway.object} shows it as a server, and it has no serverAuth")
        pki = gateway.cluster_mtls.startswith("pki")
        if pki and gateway.role == "data_plane" and not certs.serves_as(found.chain[0], "client"):
            yield Hit(found.object, f"{gateway.object} shows it as a client, and it has no clientAuth")


def _chain(
    certificate_: Material | None, ca: tuple[x509.Certificate, ...] | None
) -> tuple[Material, list[x509.Certificate] | None] | None:
    if certificate_ is None or not certificate_.chain or ca is None:
        return None
    return certificate_, certs.path(certificate_.chain[0], certificate_.chain[1:], ca)


@rule(
    "cluster-untrusted",
    "error",
    "A cluster certificate doesn't chain to the CA the other side trusts",
    effect=f"The handshake is refused: {_DOWN}.",
    fix="Trust the issuing CA in cluster_ca_cert on both sides, and send intermediates along in tls.crt; during a CA "
    "rotation trust old and new on both sides first.",
    source=_NGINX + "; " + _DOCS,
)
def _untrusted(context: Context) -> Iterator[Hit]:
    for link in links(context):
        if not (link.data_plane.cluster_mtls.startswith("pki") and link.control_plane.cluster_mtls.startswith("pki")):
            continue
        sides = ((link.data_plane, link.control_plane), (link.control_plane, link.data_plane))
        for shows, verifies in sides:
            found = _chain(certificate(shows), trusted(verifies))
            if found is not None and found[1] is None:
                yield Hit(found[0].object, f"{verifies.object} trusts no CA that leads to it")


@rule(
    "cluster-depth",
    "error",
    "A cluster certificate's chain is longer than the other side accepts",
    effect=f"The handshake is refused as too long a chain: {_DOWN}.",
    fix="Set env.lua_ssl_verify_depth on the data plane to the number of intermediates (the control plane takes "
    f"{CONTROL_PLANE_DEPTH}), or issue from a shorter chain.",
    source="https://developer.konghq.com/gateway/configuration/#lua-ssl-verify-depth; " + _NGINX,
)
def _depth(context: Context) -> Iterator[Hit]:
    for link in links(context):
        for shows, verifies, depth in (
            (link.control_plane, link.data_plane, verify_depth(link.data_plane)),
            (link.data_plane, link.control_plane, CONTROL_PLANE_DEPTH),
        ):
            found = _chain(certificate(shows), trusted(verifies))
            between = len(found[1]) - 2 if found is not None and found[1] is not None else 0
            if found is not None and between > depth:
                yield Hit(found[0].object, f"{between} intermediates, and {verifies.object} accepts {depth}")


def verify_depth(gateway: Gateway) -> int:
    """``lua_ssl_verify_depth``: as set, else the version's default; the greater one where the tag leaves it open."""
    said = gateway.setting("lua_ssl_verify_depth")
    if said is not None:
        return int(said) if said.isdigit() else 1
    version = gateway.version or (3, 10)
    for first in _DEPTH_FIVE:
        if version[:2] == first[:2]:
            return 5 if len(version) < 4 or version >= first else 1
    return 5 if version >= _DEPTH_FIVE[-1][:2] else 1


@rule(
    "cluster-server-name",
    "error",
    "The control plane's certificate isn't made out to the name a data plane verifies",
    effect=f"In pki mode the name is cluster_server_name, else the endpoint's host; the data plane refuses another: "
    f"{_DOWN}, or telemetry stays away.",
    fix="Issue the control plane's certificate with every cluster and telemetry name, or set cluster_server_name and "
    "cluster_telemetry_server_name to names it has.",
    source="Kong/kong kong/clustering/utils.lua",
)
def _server_name(context: Context) -> Iterator[Hit]:
    for link in links(context):
        found = certificate(link.control_plane)
        if not link.data_plane.cluster_mtls.startswith("pki") or found is None or not found.chain:
            continue
        for endpoint, given in (
            ("cluster_control_plane", "cluster_server_name"),
            ("cluster_telemetry_endpoint", "cluster_telemetry_server_name"),
        ):
            target = link.data_plane.setting(endpoint)
            name = link.data_plane.setting(given) or (host_of(target) if target else None)
            if name and target and not certs.covers(found.chain[0], name):
                offered = ", ".join(certs.dns_names(found.chain[0])) or certs.subject(found.chain[0])
                yield Hit(found.object, f"{link.data_plane.object} verifies {name}; it is made out to {offered}")


@rule(
    "cluster-common-name",
    "error",
    "A data plane's CN isn't among cluster_allowed_common_names",
    effect=f"With pki_check_cn the control plane refuses it: {_DOWN}.",
    fix="Add the CN of the data plane's certificate to cluster_allowed_common_names.",
    source="https://developer.konghq.com/gateway/configuration/#cluster-allowed-common-names",
)
def _common_name(context: Context) -> Iterator[Hit]:
    for link in links(context):
        allowed = link.control_plane.setting("cluster_allowed_common_names")
        found = certificate(link.data_plane)
        if link.control_plane.cluster_mtls != "pki_check_cn" or not allowed or found is None or not found.chain:
            continue
        names = [each.strip() for each in allowed.split(",")]
        own = certs.common_name(found.chain[0])
        if own not in names:
            yield Hit(found.object, f"its CN is {own!r}; {link.control_plane.object} allows {', '.join(names)}")
