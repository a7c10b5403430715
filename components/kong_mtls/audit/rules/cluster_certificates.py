"""Certificates of the link between control plane and data planes: what one side shows and the other refuses."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from .. import certs
from ..context import Context
from ..gateways import Gateway, Material
from ..hybrid import certificate, host_of, links, planes, trusted
from ..model import Hit, rule

_TLS = "Kong/kong kong/clustering/tls.lua"
_NGINX = "Kong/kong kong/templates/nginx_kong.lua"
_DOCS = "https://developer.konghq.com/gateway/cp-dp-communication/"
_DOWN = "the data plane gets no configuration: it never becomes ready, or goes on with the last one it has"
SHARED_NAME = "kong_clustering"
CONTROL_PLANE_DEPTH = 4

# Since these versions the data plane's default for lua_ssl_verify_depth is 5, before it is 1
# (https://developer.konghq.com/gateway/changelog/).
_DEPTH_FIVE = ((3, 10, 0, 15), (3, 12, 0, 9), (3, 13, 0, 7), (3, 14, 0, 7), (3, 15, 0, 1))


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
            # A data plane takes the public authorities too: lua_ssl_trusted_certificate is `system` by default.
            public = shows.role == "control_plane" and found is not None and certs.is_public((found[0].chain or ())[0])
            if found is not None and found[1] is None and not public:
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
