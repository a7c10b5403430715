"""Control plane and data plane as the two ends of the cluster link, read from settings and files.

Sources, all in Kong/kong: what Kong refuses to start with, and what a data plane trusts:
``kong/conf_loader/parse.lua``; the listener: ``kong/templates/nginx_kong.lua`` (server ``kong_cluster_listener``);
what the control plane compares: ``kong/clustering/tls.lua`` (``validate_shared_cert``); what the data plane checks:
``kong/clustering/utils.lua`` (``connect_cp``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, cast, get_args

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from .ends import Answer, ClientEnd, Closed, Request, Response, ServerEnd, Session
from .handshake import load_chain
from .names import common_names
from .settings import Broken, Settings, default_verify_depth

Mode = Literal["shared", "pki", "pki_check_cn"]

SHARED_NAME = "kong_clustering"
LISTENER_DEPTH = 4  # ssl_verify_depth of the listener, a constant of the template


@dataclass(frozen=True)
class ControlPlane:
    """What a control plane shows and demands on its cluster and telemetry listeners."""

    mode: Mode
    chain: tuple[x509.Certificate, ...]
    cert_pem: bytes
    key_pem: bytes = field(repr=False)
    ca_pem: bytes | None
    allowed_names: tuple[str, ...]
    """Common names that may join (``pki_check_cn``); empty: those of the same parent domain."""

    def listener(self, at: datetime) -> ServerEnd:
        """The listening end, judging by a date."""
        return ServerEnd(
            self.cert_pem,
            self.key_pem,
            at,
            client_ca_pem=self.ca_pem,
            verify="optional_no_ca" if self.mode == "shared" else "on",
            depth=LISTENER_DEPTH,
            answer=self._judge(),
        )

    def _judge(self) -> Answer:
        judges: dict[Mode, Callable[[x509.Certificate], str | None]] = {
            "shared": self._judge_digest,
            "pki": lambda _: None,
            "pki_check_cn": self._judge_name,
        }
        objection_of = judges[self.mode]

        def answer(session: Session, _: Request) -> Response | Closed:
            if not session.certificates:
                return Closed("data plane failed to present client certificate during handshake")
            objection = objection_of(session.certificates[0])
            return Closed(objection) if objection else switching_protocols(session, _)

        return answer

    def _judge_digest(self, shown: x509.Certificate) -> str | None:
        if shown.fingerprint(hashes.SHA256()) == self.chain[0].fingerprint(hashes.SHA256()):
            return None
        return (
            "data plane presented incorrect client certificate during handshake "
            "(digest does not match the control plane certificate)"
        )

    def _judge_name(self, shown: x509.Certificate) -> str | None:
        # Enterprise; by the documentation of cluster_allowed_common_names (Kong docs, configuration reference).
        names = common_names(shown)
        if self.allowed_names:
            allowed = bool(names) and names[0] in self.allowed_names
        else:
            parents = {name.partition(".")[2] for name in common_names(self.chain[0])} - {""}
            allowed = bool(names) and names[0].partition(".")[2] in parents
        return None if allowed else f"common name {names[0] if names else '(none)'} is not allowed"


def switching_protocols(_: Session, __: Request) -> Response:
    """The WebSocket is opened."""
    return Response(101, "Switching Protocols")


@dataclass(frozen=True)
class DataPlane:
    """What a data plane shows and demands when it connects to its control plane."""

    chain: tuple[x509.Certificate, ...]
    cert_pem: bytes
    key_pem: bytes = field(repr=False)
    trust_pem: bytes | None
    system_trust: bool
    """It also trusts the CA bundle of its image, which is in no file."""
    depth: int
    server_name: str

    def client(self, at: datetime) -> ClientEnd:
        """The connecting end, judging by a date."""
        return ClientEnd(
            at,
            self.cert_pem,
            self.key_pem,
            self.trust_pem,
            depth=self.depth,
            server_name=self.server_name,
            check_name=self.server_name,
        )


def _mode(settings: Settings) -> Mode:
    value = settings.text("cluster_mtls", "shared")
    if value not in get_args(Mode):
        raise Broken(f"KONG_CLUSTER_MTLS of {settings.release.title} is {value!r}: shared, pki or pki_check_cn")
    if value == "pki_check_cn" and not settings.release.enterprise:
        raise Broken(f"KONG_CLUSTER_MTLS of {settings.release.title} is {value!r}, which needs Enterprise")
    return cast("Mode", value)


def _pair(settings: Settings) -> tuple[bytes, bytes]:
    return settings.pem("cluster_cert"), settings.pem("cluster_cert_key")


def _cluster_ca(settings: Settings) -> bytes:
    pem = settings.pem("cluster_ca_cert")
    load_chain(pem, "cluster CA")
    return pem


def _is_off(settings: Settings, key: str) -> bool:
    return (settings.text(key) or "off").split(",")[0].strip() == "off"


def control_plane(settings: Settings) -> ControlPlane:
    """A control plane from its settings.

    Raises:
        Broken: Kong would not start, or something it reads isn't there.
        Unproved: something it reads isn't in the files.
        UnusableEnd: a certificate is none.
    """
    title = settings.release.title
    if settings.release.role != "control_plane":
        raise Broken(f"{title} is no control plane: its role is {settings.release.role}")
    mode = _mode(settings)
    if settings.text("database", "postgres") == "off":
        raise Broken(f"{title} refuses to start: a control plane needs a database, and KONG_DATABASE is off")
    if _is_off(settings, "admin_listen"):
        raise Broken(f"{title} refuses to start: a control plane needs its Admin API, and KONG_ADMIN_LISTEN is off")
    cert_pem, key_pem = _pair(settings)
    ca_pem = _cluster_ca(settings) if mode != "shared" else None
    allowed = tuple(settings.words("cluster_allowed_common_names"))
    return ControlPlane(mode, tuple(load_chain(cert_pem, "cluster certificate")), cert_pem, key_pem, ca_pem, allowed)


def data_plane(settings: Settings, host: str, server_name_key: str) -> DataPlane:
    """A data plane from its settings.

    Args:
        settings: the data plane's.
        host: the host it connects to, which is the server name when none is set.
        server_name_key: the setting for the server name of this connection; shared mode has a fixed one.

    Raises:
        Broken: Kong would not start, or something it reads isn't there.
        Unproved: something it reads isn't in the files.
        UnusableEnd: a certificate is none.
    """
    title = settings.release.title
    mode = _mode(settings)
    if settings.text("database", "postgres") != "off":
        raise Broken(f"{title} refuses to start: a data plane has no database, and KONG_DATABASE is not off")
    if _is_off(settings, "proxy_listen"):
        raise Broken(f"{title} refuses to start: a data plane needs KONG_PROXY_LISTEN, and it is off")
    cert_pem, key_pem = _pair(settings)
    trust = settings.trusted_certificates()
    if mode == "shared":
        trust.append(cert_pem)
    elif settings.text("cluster_ca_cert") is not None:
        trust.append(_cluster_ca(settings))
    server_name = SHARED_NAME if mode == "shared" else settings.text(server_name_key) or host
    return DataPlane(
        tuple(load_chain(cert_pem, "cluster certificate")),
        cert_pem,
        key_pem,
        b"\n".join(trust) if trust else None,
        settings.trusts_system,
        settings.number("lua_ssl_verify_depth", default_verify_depth(settings.release)),
        server_name,
    )
