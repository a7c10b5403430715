"""The link from the ingress controller to the Admin API, where one end verifies the other.

The controller's end: Kong/kubernetes-ingress-controller ``internal/adminapi/kong.go`` (``makeHTTPClient``),
``internal/adminapi/endpoints.go`` (the name it asks for under gateway discovery) and ``docs/cli-arguments.md``. Go
verifies the name by the subject alternative names only, at any depth, and shows a client certificate only to a server
that names its issuer among the acceptable ones (Go ``crypto/tls/common.go``, ``SupportsCertificate``). The Admin API's
end: Kong/kong ``kong/templates/nginx_kong.lua``, server ``kong_admin``, with the injected ``nginx_admin_*`` directives.

Without verification at either end (the chart's default: localhost, ``kong_admin_tls_skip_verify``) there is nothing to
prove and no row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ...reader.chart import KongRelease, kong_releases, parse_listen
from ...reader.container import Container
from ...reader.manifests import Objects
from ..mint import issue
from .authority import KeyRing
from .cases import ANOTHER_NAME, Trials
from .endpoints import Endpoint, Target, kong_behind
from .ends import ClientEnd, ServerEnd, Side
from .handshake import UnusableEnd, load_chain
from .model import ACCEPT, Link, Pair, Progress
from .names import name_matches_go
from .settings import Broken, Settings, Unproved, container_file, required

GOOD = "the ingress controller itself"

_NAMES: Mapping[Side, str] = {"client": "ingress controller", "server": "Admin API"}
_ANY_DEPTH = 100  # Go has no limit
_PREFIX = "CONTROLLER_KONG_ADMIN_"
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})  # Go, strconv.ParseBool
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False", ""})


@dataclass(frozen=True)
class _Controller:
    """The controller's settings, which are all environment variables."""

    container: Container
    objects: Objects

    def text(self, key: str) -> str | None:
        content = self.container.env_content(_PREFIX + key, self.objects)
        return required(content, _PREFIX + key) or None if content is not None else None

    def flag(self, key: str) -> bool:
        value = self.text(key) or ""
        if value not in _TRUE | _FALSE:
            raise Broken(f"{_PREFIX}{key} of {self.container.name} is no boolean: {value!r}")
        return value in _TRUE

    def pem(self, key: str) -> bytes | None:
        """PEM given as a value or as ``<key>_FILE``; the value goes first."""
        value = self.text(key)
        if value is not None:
            return value.encode()
        path = self.text(f"{key}_FILE")
        return container_file(self.container, path, f"{_PREFIX}{key}_FILE", self.objects) if path else None

    @property
    def verifies(self) -> bool:
        return not self.flag("TLS_SKIP_VERIFY")


def prove(objects: Objects, at: datetime, progress: Progress) -> list[Link]:
    """Every ingress controller against the Admin API that its settings name."""
    releases = kong_releases(objects)
    gateways = [release for release in releases if release.gateway]
    keys = KeyRing(objects)
    rows: list[Link] = []
    for release in releases:
        sidecar = release.ingress_controller
        if sidecar is not None:
            controller = _Controller(sidecar.container, objects)
            found = list(_rows(release, controller, gateways, keys, at))
            if found:
                progress(f"Admin API link of {release.title}")
            rows += found
    return rows


def _rows(
    release: KongRelease, controller: _Controller, gateways: Sequence[KongRelease], keys: KeyRing, at: datetime
) -> Iterator[Link]:
    pair = Pair("admin", controller.container.name, "(unknown)")
    try:
        target, name, encrypted = _target(release, controller, gateways)
        pair = Pair("admin", controller.container.name, f"{target.release.title} (Admin API)")
        settings = Settings(target.release, controller.objects)
        demands = (settings.text("nginx_admin_ssl_verify_client") or "off") != "off"
        if not controller.verifies and not demands:
            return
        if not encrypted:
            raise Broken(f"{_PREFIX}URL of {controller.container.name} is plain HTTP, so nothing is verified")
        _check_listener(settings, target.port)
        server = _server(settings, controller.verifies, at)
        trials = Trials(pair, _client(controller, server, name, at), server, keys, _NAMES)
    except (Broken, UnusableEnd) as e:
        if _meant_to_verify(controller):
            yield pair.broken(GOOD, ACCEPT, str(e))
    except Unproved as e:
        if _meant_to_verify(controller):
            yield pair.unproved(GOOD, ACCEPT, str(e))
    else:
        yield from _cases(trials, controller)


def _meant_to_verify(controller: _Controller) -> bool:
    """Whether a controller whose link can't be read was told to verify, or to show a certificate."""
    try:
        return controller.verifies or any(
            _PREFIX + key in controller.container.env for key in ("TLS_CLIENT_CERT", "TLS_CLIENT_CERT_FILE")
        )
    except (Broken, Unproved):
        return True


def _target(release: KongRelease, controller: _Controller, gateways: Sequence[KongRelease]) -> tuple[Target, str, bool]:
    """The Admin API's release and port, the name that its certificate is asked for, and whether it is TLS at all."""
    objects = controller.objects
    own_name = controller.text("TLS_SERVER_NAME")
    discovered = controller.text("SVC")
    if discovered is not None:
        namespace, _, service = discovered.rpartition("/")
        endpoint = Endpoint(f"{service}.{namespace or release.namespace}.svc", _admin_port(discovered, gateways))
        target = kong_behind(endpoint, release.namespace, f"{_PREFIX}SVC", objects, gateways)
        return target, f"pod.{service}.{namespace or release.namespace}.svc", True
    url = urlsplit(controller.text("URL") or "http://localhost:8001")
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    encrypted = url.scheme == "https"
    if host in ("localhost", "127.0.0.1", "::1"):
        if not release.gateway:
            raise Broken(f"{_PREFIX}URL of {controller.container.name} is {host}, and no gateway runs in its pod")
        return Target(release, port), own_name or host, encrypted
    return (
        kong_behind(Endpoint(host, port), release.namespace, f"{_PREFIX}URL", objects, gateways),
        own_name or host,
        encrypted,
    )


def _admin_port(service: str, gateways: Sequence[KongRelease]) -> int:
    """The port of a discovered Service that speaks TLS: the one named admin-tls or kong-admin-tls."""
    for release in gateways:
        admin = release.services.get("admin")
        if admin and service in (admin.name, f"{admin.namespace}/{admin.name}"):
            return next((port.port for port in admin.ports if port.name == "kong-admin-tls"), 8444)
    return 8444


def _check_listener(settings: Settings, port: int) -> None:
    title = settings.release.title
    if settings.release.role == "data_plane":
        raise Broken(f"{title} is a data plane, which has no Admin API")
    listeners = [each for each in parse_listen(settings.text("admin_listen") or "") if each.port == port]
    if not listeners:
        raise Broken(f"KONG_ADMIN_LISTEN of {title} does not listen on port {port}")
    if not listeners[0].tls:
        raise Broken(f"KONG_ADMIN_LISTEN of {title} speaks plain HTTP on port {port}")


def _server(settings: Settings, verified: bool, at: datetime) -> ServerEnd:
    title = settings.release.title
    if settings.text("admin_ssl_cert") is not None:
        cert_pem, key_pem = settings.first_pem("admin_ssl_cert"), settings.first_pem("admin_ssl_cert_key")
        load_chain(cert_pem, "Admin API's certificate")
    elif verified:
        raise Broken(f"KONG_ADMIN_SSL_CERT of {title} is not set: Kong shows a certificate of its own making")
    else:  # what Kong makes itself at start; nobody looks at it
        own = issue("localhost", not_before=at - timedelta(days=1), not_after=at + timedelta(days=1))
        cert_pem, key_pem = own.cert_pem, own.key_pem
    verify = settings.text("nginx_admin_ssl_verify_client") or "off"
    if verify not in ("off", "on", "optional", "optional_no_ca"):
        raise Broken(f"KONG_NGINX_ADMIN_SSL_VERIFY_CLIENT of {title} is {verify!r}, which nginx refuses")
    ca = [
        settings.content_of(f"KONG_NGINX_ADMIN_{key.upper()}", path)
        for key in ("ssl_client_certificate", "ssl_trusted_certificate")
        if (path := settings.text(f"nginx_admin_{key}"))
    ]
    for pem in ca:
        load_chain(pem, "client CA")
    if verify in ("on", "optional") and not ca:
        raise Broken(f"nginx refuses to start {title}: no ssl_client_certificate for ssl_verify_client")
    return ServerEnd(
        cert_pem,
        key_pem,
        at,
        client_ca_pem=b"\n".join(ca) if ca else None,
        verify=verify,  # type: ignore[arg-type]  # one of the four, as checked
        depth=settings.number("nginx_admin_ssl_verify_depth", 1),
    )


def _client(controller: _Controller, server: ServerEnd, name: str, at: datetime) -> ClientEnd:
    title = controller.container.name
    if controller.text("CA_CERT") and controller.text("CA_CERT_FILE"):
        raise Broken(f"{title} refuses to start: both {_PREFIX}CA_CERT and {_PREFIX}CA_CERT_FILE are set")
    trust = controller.pem("CA_CERT")
    if controller.verifies and trust is None:
        raise Unproved(f"{title} has no {_PREFIX}CA_CERT: it trusts the CA bundle of its image, which is in no file")
    if trust is not None:
        load_chain(trust, "controller's trust")
    cert, key = controller.pem("TLS_CLIENT_CERT"), controller.pem("TLS_CLIENT_KEY")
    if cert is None or key is None or not _would_show(cert, server):
        cert = key = None
    return ClientEnd(
        at,
        cert,
        key,
        trust,
        verify=controller.verifies,
        depth=_ANY_DEPTH,
        partial_chain=True,  # any certificate of Go's root pool is an anchor, be it an intermediate
        server_name=name,
        check_name=name,
        matches=name_matches_go,
    )


def _would_show(cert_pem: bytes, server: ServerEnd) -> bool:
    """Whether Go shows a certificate: the server names its issuer, or that of an intermediate, as acceptable."""
    if server.client_ca_pem is None:
        return True
    acceptable = {each.subject for each in load_chain(server.client_ca_pem, "trust")}
    return any(each.issuer in acceptable for each in load_chain(cert_pem, "client certificate"))


def _cases(trials: Trials, controller: _Controller) -> Iterator[Link]:
    yield trials.good(GOOD)
    if trials.server.verify == "on":
        yield trials.no_certificate("no certificate")
    if trials.server.verify in ("on", "optional") and trials.client_chain:
        yield trials.client_of_another_ca("another CA's certificate")
        yield trials.expired_client("an expired certificate")
        yield from trials.clients_of_the_ca({"a server's certificate": {"client": False, "server": True}})
    if controller.verifies:
        yield trials.server_of_another_ca("an Admin API of another CA")
        yield trials.expired_server("an Admin API with an expired certificate")
        other = {"common_name": ANOTHER_NAME, "dns_names": [ANOTHER_NAME]}
        yield from trials.servers_of_the_ca({"an Admin API of another name": other})
