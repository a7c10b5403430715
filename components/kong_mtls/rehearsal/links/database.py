"""The link from Kong to its Postgres, where it is encrypted (``pg_ssl``).

Kong's end: Kong/kong ``kong/db/strategies/postgres/connector.lua`` (``ssl_verify`` against
``lua_ssl_trusted_certificate``) and pgmoon, which starts TLS without a server name (leafo/pgmoon
``pgmoon/init.lua``, ``send_ssl_message``: ``sslhandshake(false, nil, ssl_verify)``): Kong checks the chain and the
dates of the server's certificate, not its name. ``pg_ssl_cert``, ``pg_ssl_cert_key`` and ``pg_ssl_required`` are in
the configuration reference but not in the open-source code: they are Enterprise's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ...reader.chart import KongRelease, kong_releases
from ...reader.manifests import Objects
from ...reader.pods import mapping
from ..mint import issue
from .authority import KeyRing
from .cases import ANOTHER_NAME, Trials
from .endpoints import service_named, service_port
from .ends import ClientEnd, ServerEnd, Side
from .handshake import UnusableEnd, load_chain
from .model import ACCEPT, Link, Pair, Progress
from .postgres import Postgres, find_postgres
from .settings import Broken, Settings, Unproved, default_verify_depth

OTHER_CA = "a server of another CA"
EXPIRED = "a server with an expired certificate"
OTHER_NAME = "a server of another name"

_NAMES: Mapping[Side, str] = {"client": "gateway", "server": "database"}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class _Client:
    """Kong as a client of its database."""

    end: ClientEnd
    verifies: bool
    host: str
    user: str
    database: str


def prove(objects: Objects, at: datetime, progress: Progress) -> list[Link]:
    """Every control plane, and every gateway with a database of its own, against its Postgres."""
    releases = kong_releases(objects)
    keys = KeyRing(objects)
    rows: list[Link] = []
    for release in releases:
        if release.gateway and release.role != "data_plane":
            found = list(_rows(Settings(release, objects), releases, keys, at))
            if found:
                progress(f"database link of {release.title}")
            rows += found
    return rows


def _rows(settings: Settings, releases: list[KongRelease], keys: KeyRing, at: datetime) -> Iterator[Link]:
    title = settings.release.title
    good = f"the {'control plane' if settings.release.role == 'control_plane' else 'gateway'} itself"
    pair = Pair("database", title, "(unknown)")
    try:
        if settings.text("database", "postgres") != "postgres" or not settings.flag("pg_ssl"):
            return  # no database, or one in clear: nothing to prove
        host = settings.text("pg_host", "127.0.0.1") or ""
        pair = Pair("database", title, host)
        client = _client(settings, host, at)
        postgres = _postgres(settings, host, releases)
        if postgres is not None:
            pair = Pair("database", title, postgres.title)
            server = _server(settings, postgres, client, at)
    except (Broken, UnusableEnd) as e:
        yield pair.broken(good, ACCEPT, str(e))
        return
    except Unproved as e:
        yield pair.unproved(good, ACCEPT, str(e))
        return
    if postgres is None:
        yield pair.unproved(good, ACCEPT, "the server is not in these files")
        yield from _external(pair, client, keys, at)
    else:
        demanded = postgres.client_certificate(client.user, client.database) != "no"
        yield from _cases(Trials(pair, client.end, server, keys, _NAMES), client, good, demanded)


def _client(settings: Settings, host: str, at: datetime) -> _Client:
    release = settings.release
    newest = release.enterprise and release.image.version is not None and release.image.version >= (3, 14, 0)
    verifies = settings.flag("pg_ssl_verify", "on" if newest else "off")
    trusted = settings.trusted_certificates()
    cert_pem = key_pem = None
    if release.enterprise and settings.text("pg_ssl_cert") is not None:
        cert_pem, key_pem = settings.pem("pg_ssl_cert"), settings.pem("pg_ssl_cert_key")
        load_chain(cert_pem, "client certificate")
    end = ClientEnd(
        at,
        cert_pem,
        key_pem,
        b"\n".join(trusted) if trusted else None,
        verify=verifies,
        depth=settings.number("lua_ssl_verify_depth", default_verify_depth(release)),
    )
    user, database = settings.text("pg_user", "kong") or "", settings.text("pg_database", "kong") or ""
    return _Client(end, verifies, host, user, database)


def _postgres(settings: Settings, host: str, releases: list[KongRelease]) -> Postgres | None:
    """The Postgres behind the host; None when it isn't in the files.

    Raises:
        Broken: the Service of that name doesn't lead to it.
        Unproved: it is in the files but can't be read.
    """
    release, objects = settings.release, settings.objects
    if release.values.on("postgresql.enabled"):
        raise Unproved(f"the sub-chart's database of {release.title} is in no file")
    service = service_named(host, release.namespace, objects, releases)
    obj = objects.get("Service", service.namespace, service.name) if service is not None else None
    if service is None or obj is None:
        return None
    spec = mapping(obj.get("spec"))
    postgres = find_postgres(objects, service.namespace, mapping(spec.get("selector")))
    if postgres is None:
        return None
    port = settings.number("pg_port", 5432)
    target = service_port(spec, port)
    if target is None or (isinstance(target, int) and target != postgres.port):
        raise Broken(
            f"KONG_PG_PORT {port} of Service {service} does not lead to port {postgres.port} of {postgres.title}"
        )
    return postgres


def _server(settings: Settings, postgres: Postgres, client: _Client, at: datetime) -> ServerEnd:
    if not postgres.offers_tls:
        # Kong docs, configuration reference: pg_ssl "is only a hint" unless pg_ssl_required is on.
        required = settings.release.enterprise and settings.flag("pg_ssl_required")
        what = "Kong refuses to connect" if required else "Kong connects in clear"
        raise Broken(f"{postgres.title} offers no TLS, and {what}")
    return postgres.server(at, client.user, client.database)


def _cases(trials: Trials, client: _Client, good: str, demanded: bool) -> Iterator[Link]:
    row = trials.good(good)
    if not row.ok and client.verifies and client.end.trust_pem is None:
        reason = f"whether the CA bundle of the image holds the server's CA is in no file ({row.reason})"
        row = trials.pair.unproved(good, ACCEPT, reason)
    yield row
    if client.verifies and client.end.trust_pem is not None:
        yield trials.server_of_another_ca(OTHER_CA)
        yield trials.expired_server(EXPIRED)
        yield _other_name(trials)
    if demanded:
        yield trials.no_certificate("no certificate")
    if trials.server.client_ca_pem is not None and trials.client_chain:
        yield trials.client_of_another_ca("another CA's certificate")
        yield trials.expired_client("an expired certificate")
        yield from trials.clients_of_the_ca({"a server's certificate": {"client": False, "server": True}})


def _other_name(trials: Trials) -> Link:
    outcome, note = trials.with_server_of_the_ca(common_name=ANOTHER_NAME, dns_names=[ANOTHER_NAME])
    reason = f"Kong gives no server name and checks none ({trials.describe(outcome)}; {note})"
    return trials.pair.row(OTHER_NAME, ACCEPT, outcome.observed, reason)


def _external(pair: Pair, client: _Client, keys: KeyRing, at: datetime) -> Iterator[Link]:
    """What Kong would refuse in the place of a server elsewhere, as far as its own trust is in the files."""
    if not client.verifies or client.end.trust_pem is None:
        return
    ca = load_chain(client.end.trust_pem, "trust")[0].subject
    stand_in = issue(ca, ca=True, not_before=at - _DAY, not_after=at + 3 * _DAY)
    leaf = issue(
        client.host,
        issuer=stand_in,
        server=True,
        dns_names=[client.host],
        not_before=at - _DAY,
        not_after=at + _DAY,
    )
    server = ServerEnd(leaf.chain_pem, leaf.key_pem, at)
    yield Trials(pair, client.end, server, keys, _NAMES).bad_server(OTHER_CA, server)
    trusting = Trials(pair, replace(client.end, trust_pem=stand_in.cert_pem), server, keys, _NAMES)
    yield trusting.expired_server(EXPIRED)
    yield _other_name(trusting)
