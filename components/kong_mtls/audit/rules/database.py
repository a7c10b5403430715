"""The link from the control plane to Postgres."""

from __future__ import annotations

from collections.abc import Iterator

from .. import certs
from ..context import Context
from ..gateways import Gateway
from ..hybrid import in_cluster
from ..model import Hit, rule
from ..network import Peer, admitted

_CONF = "https://developer.konghq.com/gateway/configuration/#pg-ssl"


def _with_database(context: Context) -> Iterator[Gateway]:
    for gateway in context.gateways:
        if gateway.database == "postgres" and gateway.role != "data_plane":
            host = gateway.setting("pg_host")
            if host is None or host not in ("localhost", "127.0.0.1"):
                yield gateway


@rule(
    "database-host",
    "error",
    "A database is asked for, and no host is given",
    effect="Kong tries 127.0.0.1, where in a pod there is none: control plane and migrations don't start.",
    fix="Set env.pg_host to the server's name.",
    source="https://developer.konghq.com/gateway/configuration/#pg-host",
    scope="object",
)
def _host(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        sidecars = gateway.release.values.get("deployment.sidecarContainers") if gateway.release else None
        if gateway.content("pg_host") is None and not sidecars:
            yield Hit(gateway.object, "its database is postgres, and pg_host is not set")


@rule(
    "database-fenced",
    "error",
    "A NetworkPolicy keeps the control plane from its database",
    effect="The connection times out: the control plane and its migration Jobs don't start.",
    fix="Admit the control plane's pods, and those of its migrations, to the database's port.",
    source="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
def _fenced(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        server = _server(context, gateway)
        for workload in context.behind(server) if server else ():
            port = (
                int(gateway.setting("pg_port") or "5432") if (gateway.setting("pg_port") or "5432").isdigit() else 5432
            )
            peer = Peer(gateway.namespace, gateway.labels)
            if not admitted(context, workload.namespace, workload.labels, port, peer):
                yield Hit(workload.object, f"port {port} is closed to {gateway.object}")


@rule(
    "database-plain",
    "warning",
    "The connection to Postgres isn't encrypted",
    effect="The password's exchange and everything Kong stores, private keys of certificates too, cross the network "
    "in clear.",
    fix='Set env.pg_ssl: "on", pg_ssl_required: "on" and pg_ssl_verify: "on".',
    source=_CONF,
    scope="object",
)
def _plain(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        content = gateway.content("pg_ssl")
        if content is None or (gateway.setting("pg_ssl") is not None and not gateway.is_on("pg_ssl")):
            yield Hit(gateway.object, "pg_ssl is not on")


@rule(
    "database-optional-tls",
    "warning",
    "The connection to Postgres falls back to plain text",
    effect="With pg_ssl on and pg_ssl_required off, a server (or who stands before it) that declines TLS gets "
    "everything in clear.",
    fix='Set env.pg_ssl_required: "on".',
    source=_CONF,
    scope="object",
)
def _optional(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        if gateway.is_on("pg_ssl") and gateway.content("pg_ssl_required") is None:
            yield Hit(gateway.object, "pg_ssl_required is not on")
        elif gateway.is_on("pg_ssl") and (gateway.setting("pg_ssl_required") or "on") in ("off", "false"):
            yield Hit(gateway.object, "pg_ssl_required is off")


@rule(
    "database-verify-off",
    "warning",
    "Postgres isn't verified",
    effect="Kong sends its password and its configuration to whoever answers under that name. (On by default from "
    "3.14 on.)",
    fix='Set env.pg_ssl_verify: "on", and env.lua_ssl_trusted_certificate to the CA of the database.',
    source=_CONF,
    scope="object",
)
def _verify_off(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        said = gateway.content("pg_ssl_verify")
        by_default = said is None and (gateway.version or (0,)) < (3, 14)
        off = said is not None and (gateway.setting("pg_ssl_verify") or "on").lower() in ("off", "false")
        if gateway.is_on("pg_ssl") and (by_default or off):
            yield Hit(gateway.object, "pg_ssl is on and pg_ssl_verify is not")


def _server(context: Context, gateway: Gateway) -> str | None:
    """The Service that pg_host stands for, if it is in the set."""
    target = in_cluster(gateway.setting("pg_host") or "", gateway.namespace)
    name = f"Service/{target[1]}/{target[0]}" if target else ""
    return name if name in context.by_ident else None


@rule(
    "database-name",
    "warning",
    "Postgres' certificate isn't made out to the host Kong connects to",
    effect="Kong's driver verifies the chain and not the name, so it connects; psql with sslmode=verify-full, and "
    "whatever else looks at the name, refuses.",
    fix="Issue the server's certificate with the name in pg_host.",
    source="Kong/pgmoon, pgmoon/init.lua (`tlshandshake` is called without a server name)",
)
def _name(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        server, host = _server(context, gateway), gateway.setting("pg_host") or ""
        shown = context.shown_by(server) if server else []
        if gateway.is_on("pg_ssl_verify") and shown and not any(certs.covers(each[0], host) for each in shown):
            offered = ", ".join(name for each in shown for name in certs.dns_names(each[0])) or "no DNS name"
            yield Hit(gateway.object, f"pg_host is {host}; its pods' certificate is made out to {offered}")


@rule(
    "database-untrusted",
    "error",
    "Postgres' certificate doesn't chain to what Kong trusts",
    effect="With pg_ssl_verify Kong refuses the connection: the control plane doesn't start.",
    fix="Add the issuing CA to env.lua_ssl_trusted_certificate (a comma list of files).",
    source=_CONF,
)
def _untrusted(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        server = _server(context, gateway)
        shown = context.shown_by(server) if server else []
        given = gateway.material("lua_ssl_trusted_certificate")
        if not gateway.is_on("pg_ssl_verify") or not shown or any(each.chain is None for each in given):
            continue
        ca = [certificate for each in given for certificate in each.chain or ()]
        if not any(certs.path(each[0], each[1:], ca) for each in shown):
            yield Hit(gateway.object, f"{certs.subject(shown[0][0])} of {server} isn't issued by any CA that it trusts")


@rule(
    "database-client-usage",
    "error",
    "Kong's certificate for Postgres isn't for clients",
    effect="Its extended key usage lacks clientAuth: a server that verifies clients refuses it.",
    fix="Issue it with the usage client auth.",
    source="https://www.postgresql.org/docs/current/ssl-tcp.html",
)
def _client_usage(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        for found in gateway.material("pg_ssl_cert", "pg_ssl_cert_key"):
            if found.chain and not certs.serves_as(found.chain[0], "client"):
                yield Hit(found.object, "its extended key usage has no clientAuth")


@rule(
    "database-password-in-values",
    "warning",
    "The database's password stands in the release's values",
    effect="It is in the Deployment, in Helm's history and in every place that shows either.",
    fix="Put it in a Secret and refer to it: env.pg_password: {valueFrom: {secretKeyRef: ...}}.",
    source="Kong/charts charts/kong/README.md",
    scope="object",
)
def _password(context: Context) -> Iterator[Hit]:
    for gateway in _with_database(context):
        source = gateway.source
        if isinstance(source.env.get("KONG_PG_PASSWORD"), str) and gateway.setting("pg_password"):
            yield Hit(gateway.object, "pg_password is written out")
