"""The link from Kong to Postgres: a server in the files, one elsewhere, and none."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from kong_mtls.rehearsal.links import Link, prove
from kong_mtls.rehearsal.mint import Minted, issue
from tests.links.hybrid import (
    AFTER,
    AT,
    BEFORE,
    CA_AFTER,
    Documents,
    bad,
    case,
    changed,
    config_map,
    control_plane_values,
    pair,
    read,
    release,
    secret,
)

CP, SERVER = "releases/kong-cp.yaml", "manifests/statefulset.yaml"
GOOD = "the control plane itself"
ENV = ("values", "env")
HOST = "kong-postgres.kong.svc.cluster.local"
CONTAINER = ("spec", "template", "spec", "containers", 0)
VOLUME = ("spec", "template", "spec", "volumes", 0)


@pytest.fixture(scope="module")
def ca() -> Minted:
    return issue("Database CA", ca=True, not_before=BEFORE, not_after=CA_AFTER)


def server(ca: Minted, **change: Any) -> Minted:
    fields: dict[str, Any] = {"issuer": ca, "server": True, "dns_names": [HOST]}
    return issue("kong-postgres", **(fields | {"not_before": BEFORE, "not_after": AFTER} | change))


def postgres_values(**env: str) -> dict[str, Any]:
    """A control plane that verifies its database."""
    values = control_plane_values(
        pg_host=HOST,
        pg_ssl="on",
        pg_ssl_required="on",
        pg_ssl_verify="on",
        lua_ssl_trusted_certificate="/etc/kong-trust/database/ca.crt",
        **env,
    )
    values["extraConfigMaps"] = [{"name": "database-trust", "mountPath": "/etc/kong-trust/database"}]
    return values


def stateful_set(*args: str) -> dict[str, Any]:
    """The official image with its certificate from a Secret."""
    labels = {"app": "postgres"}
    container = {
        "name": "postgres",
        "image": "postgres:17.6",
        "args": list(args),
        "ports": [{"name": "postgres", "containerPort": 5432}],
        "volumeMounts": [
            {"name": "data", "mountPath": "/var/lib/postgresql/data"},
            {"name": "cert", "mountPath": "/etc/postgres-certificate"},
            {"name": "ca", "mountPath": "/etc/postgres-ca"},
            {"name": "hba", "mountPath": "/etc/postgres-hba"},
        ],
    }
    volumes = [
        {"name": "cert", "secret": {"secretName": "postgres-cert", "defaultMode": 0o440}},
        {"name": "ca", "configMap": {"name": "postgres-ca"}},
        {"name": "hba", "configMap": {"name": "postgres-hba"}},
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "kong-postgres", "namespace": "kong"},
        "spec": {
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": volumes}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        },
    }


TLS_ARGS = (
    "-cssl=on",
    "-c",
    "ssl_cert_file=/etc/postgres-certificate/tls.crt",
    "--ssl-key-file=/etc/postgres-certificate/tls.key",
)
MUTUAL_ARGS = (*TLS_ARGS, "-c", "ssl_ca_file=/etc/postgres-ca/ca.crt", "-c", "hba_file=/etc/postgres-hba/pg_hba.conf")


def own(ca: Minted) -> Documents:
    """A Postgres in the files."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kong-postgres", "namespace": "kong"},
        "spec": {"selector": {"app": "postgres"}, "ports": [{"port": 5432, "targetPort": "postgres"}]},
    }
    return {
        CP: release("kong-cp", "kong", postgres_values()),
        SERVER: stateful_set(*TLS_ARGS),
        "service": service,
        "cert": secret("postgres-cert", "kong", pair(server(ca))),
        "trust": config_map("database-trust", "kong", {"ca.crt": ca.cert_pem}),
        "ca": config_map("postgres-ca", "kong", {"ca.crt": ca.cert_pem}),
    }


def mutual(ca: Minted, hba: str = "hostssl all all all scram-sha-256 clientcert=verify-ca") -> Documents:
    """A Postgres that demands a client certificate, and a control plane that has one."""
    client = issue("kong", issuer=ca, client=True, not_before=BEFORE, not_after=AFTER)
    values = postgres_values(
        pg_ssl_cert="/etc/secrets/pg-client/tls.crt", pg_ssl_cert_key="/etc/secrets/pg-client/tls.key"
    )
    values["secretVolumes"].append("pg-client")
    return own(ca) | {
        CP: release("kong-cp", "kong", values),
        SERVER: stateful_set(*MUTUAL_ARGS),
        "client": secret("pg-client", "kong", pair(client)),
        "hba": config_map(
            "postgres-hba",
            "kong",
            {"pg_hba.conf": f"# TYPE DATABASE USER ADDRESS METHOD\nlocal all all trust\n{hba}\n".encode()},
        ),
    }


def database(documents: Documents) -> list[Link]:
    return [row for row in prove(read(documents), AT) if row.link == "database"]


SERVER_CASES = {
    "a server of another CA": ("refuse", "refused by the gateway: unable to get local issuer certificate"),
    "a server with an expired certificate": ("refuse", "refused by the gateway: certificate has expired"),
    "a server of another name": ("accept", "Kong gives no server name and checks none"),
}
CLIENT_CASES = {
    "no certificate": ("refuse", "refused by the database: connection requires a valid client certificate"),
    "another CA's certificate": ("refuse", "refused by the database: unable to get local issuer certificate"),
    "an expired certificate": ("refuse", "refused by the database: certificate has expired"),
    "a server's certificate": ("refuse", "refused by the database: unsuitable certificate purpose"),
}


def check(rows: list[Link], cases: dict[str, tuple[str, str]]) -> None:
    assert not bad(rows)
    assert {row.case for row in rows} == {GOOD, *cases}
    for name, (expected, reason) in cases.items():
        row = case(rows, name)
        assert (row.client, row.server) == ("kong/kong-cp", "StatefulSet/kong/kong-postgres")
        assert (row.expected, row.observed, reason in row.reason) == (expected, expected, True), row


def test_a_postgres_in_the_files(ca: Minted) -> None:
    """Chain and date are checked; the name is not, and the row says so."""
    check(database(own(ca)), SERVER_CASES)


@pytest.mark.parametrize("key_of_ca", [False, True])
def test_a_postgres_that_demands_a_client_certificate(ca: Minted, key_of_ca: bool) -> None:
    """Both directions, whether the CA's key is in the files or a stand-in signs."""
    documents = mutual(ca)
    if key_of_ca:
        documents["key"] = secret("ca-key", "kong", pair(ca))
    check(database(documents), SERVER_CASES | CLIENT_CASES)


@pytest.mark.parametrize(
    ("hba", "ok", "reason"),
    [
        ("hostssl kong kong all scram-sha-256 clientcert=verify-full", True, ""),
        ("hostssl all all 0.0.0.0 0.0.0.0 cert", True, ""),
        ("hostssl all all 127.0.0.1/32 trust\nhost all all all cert", True, ""),
        ("hostssl sameuser kong all cert", True, ""),
        ("hostssl other,postgres all all cert", False, "has no line for user kong on database kong"),
        ("hostnossl all all all trust", False, "has no line for user kong on database kong"),
        ("hostssl all kong all reject", False, "rejects user kong on database kong"),
    ],
)
def test_lines_of_pg_hba(ca: Minted, hba: str, ok: bool, reason: str) -> None:
    """The first line for Kong's user and database over the network counts."""
    rows = database(mutual(ca, hba))
    if ok:
        check(rows, SERVER_CASES | CLIENT_CASES)
    else:
        row = case(rows, GOOD)
        assert (row.ok, reason in row.reason) == (False, True), row


def test_verify_full_asks_for_the_user_in_the_common_name(ca: Minted) -> None:
    """A good certificate of another user doesn't log in as kong."""
    documents = mutual(ca, "hostssl all all all cert")
    documents = changed(documents, CP, (*ENV, "pg_user"), "gateway")
    row = case(database(documents), GOOD)
    assert row.reason == 'refused by the database: certificate authentication failed for user "gateway"'


def test_a_certificate_asked_for_but_not_demanded(ca: Minted) -> None:
    """With ssl_ca_file alone a bad certificate is refused, and none is fine: no case."""
    documents = mutual(ca, "host all all all scram-sha-256")
    cases = SERVER_CASES | {name: row for name, row in CLIENT_CASES.items() if name != "no certificate"}
    check(database(documents), cases)
    for key in ("pg_ssl_cert", "pg_ssl_cert_key"):
        documents = changed(documents, CP, (*ENV, key))
    check(database(documents), SERVER_CASES)


def test_the_open_source_gateway_shows_no_client_certificate(ca: Minted) -> None:
    """pg_ssl_cert is Enterprise's: without it a server that demands one lets nobody in."""
    row = case(database(changed(mutual(ca), CP, ("values", "enterprise"))), GOOD)
    assert row.reason == "refused by the database: connection requires a valid client certificate"


def test_without_tls_there_is_nothing_to_prove(ca: Minted) -> None:
    """No pg_ssl, no database, or a data plane: no rows."""
    assert database(changed(own(ca), CP, (*ENV, "pg_ssl"), "off")) == []
    assert database(changed(own(ca), CP, (*ENV, "database"), "off")) == []
    assert database(changed(own(ca), CP, (*ENV, "role"), "data_plane")) == []


def test_without_verification_only_the_good_pair_is_left(ca: Minted) -> None:
    """Kong then takes any server; a newer gateway verifies unless told not to."""
    documents = changed(own(ca), CP, (*ENV, "pg_ssl_verify"))
    check(database(documents), {})
    check(database(changed(documents, CP, ("values", "image", "tag"), "3.14")), SERVER_CASES)


@pytest.mark.parametrize(
    ("path", "keys", "value", "reason"),
    [
        (CP, (*ENV, "lua_ssl_trusted_certificate"), "/nowhere", "nothing is mounted at /nowhere"),
        (CP, ("values", "extraConfigMaps"), None, "nothing is mounted at /etc/kong-trust/database/ca.crt"),
        (CP, (*ENV, "pg_port"), "5433", "KONG_PG_PORT 5433 of Service kong/kong-postgres does not lead to port 5432"),
        (CP, (*ENV, "pg_port"), "x", "is no whole number: 'x'"),
        (CP, (*ENV, "pg_ssl_cert_key"), None, "KONG_PG_SSL_CERT_KEY of kong/kong-cp is not set"),
        (CP, ("values", "secretVolumes"), ["kong-cluster-cert"], "KONG_PG_SSL_CERT: nothing is mounted"),
        ("trust", ("data", "ca.crt"), None, "ConfigMap kong/database-trust has no key ca.crt"),
        ("trust", ("data", "ca.crt"), "nonsense", "the trust is no PEM certificate"),
        ("cert", ("data", "tls.crt"), None, "ssl_cert_file of StatefulSet/kong/kong-postgres: Secret kong/"),
        ("cert", ("data", "tls.key"), None, "Secret kong/postgres-cert has no key tls.key"),
        ("ca", ("data", "ca.crt"), None, "ConfigMap kong/postgres-ca has no key ca.crt"),
        ("hba", ("data", "pg_hba.conf"), None, "ConfigMap kong/postgres-hba has no key pg_hba.conf"),
        ("client", ("data", "tls.key"), None, "Secret kong/pg-client has no key tls.key"),
        ("service", ("spec", "ports", 0, "port"), 5433, "does not lead to port 5432"),
        ("service", ("spec", "ports", 0, "targetPort"), 9999, "does not lead to port 5432"),
        (SERVER, (*CONTAINER, "args"), None, "offers no TLS, and Kong refuses to connect"),
        (SERVER, (*CONTAINER, "volumeMounts", 1), None, "nothing is mounted at /etc/postgres-certificate/tls.crt"),
        (SERVER, VOLUME, None, "from volume cert, which it doesn't have"),
        (SERVER, (*VOLUME, "secret", "defaultMode"), None, "has mode 0644, and Postgres takes 0640"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(ca: Minted, path: str, keys: tuple[Any, ...], value: Any, reason: str) -> None:
    """Each setting, key, volume and port that either end needs, taken away or spoilt."""
    row = case(database(changed(mutual(ca), path, keys, value)), GOOD)
    assert (row.ok, reason in row.reason) == (False, True), row.reason


def test_clear_text_is_said(ca: Minted) -> None:
    """Without pg_ssl_required Kong goes on in clear when the server has no TLS."""
    documents = changed(own(ca), SERVER, (*CONTAINER, "args"))
    row = case(database(changed(documents, CP, (*ENV, "pg_ssl_required"))), GOOD)
    assert (row.ok, "offers no TLS, and Kong connects in clear" in row.reason) == (False, True)


@pytest.mark.parametrize(
    ("path", "keys", "value", "reason"),
    [
        (CP, (*ENV, "pg_host"), "db.example.com", "the server is not in these files"),
        (CP, (*ENV, "pg_host"), "other.kong.svc", "the server is not in these files"),
        (CP, (*ENV, "lua_ssl_trusted_certificate"), None, "whether the CA bundle of the image holds the server's CA"),
        (CP, ("values", "postgresql"), {"enabled": True}, "the sub-chart's database of kong/kong-cp is in no file"),
        (SERVER, (*CONTAINER, "args"), ["-cssl=on"], "ssl_cert_file of StatefulSet/kong/kong-postgres is server.crt"),
        ("cert", (), None, "Secret kong/postgres-cert is not in these files"),
        (SERVER, (), None, "the server is not in these files"),
    ],
)  # fmt: skip
def test_what_the_files_do_not_tell(ca: Minted, path: str, keys: tuple[Any, ...], value: Any, reason: str) -> None:
    """A server elsewhere, the image's trust, a data directory, an existing Secret: left open."""
    documents = own(ca)
    if keys:
        documents = changed(documents, path, keys, value)
    else:
        del documents[path]
    row = case(database(documents), GOOD)
    assert (row.ok, reason in row.reason) == (None, True), row


def test_a_server_elsewhere_is_still_not_any_server(ca: Minted) -> None:
    """What Kong would refuse in its place is proved with the trust that is in the files."""
    rows = database(changed(own(ca), CP, (*ENV, "pg_host"), "db.example.com"))
    assert case(rows, GOOD).ok is None
    assert {row.case: row.observed for row in rows if row.ok} == {
        name: expected for name, (expected, _) in SERVER_CASES.items()
    }
    assert {row.server for row in rows} == {"db.example.com"}


@pytest.mark.parametrize(
    "change",
    [{"not_after": AT - timedelta(days=1)}, {"server": False, "client": True}, {"issuer": None}],
)
def test_a_server_certificate_that_does_not_serve(ca: Minted, change: dict[str, Any]) -> None:
    """Expired, a client's, self-signed: Kong refuses the good pair itself."""
    documents = own(ca)
    documents["cert"] = secret("postgres-cert", "kong", pair(server(ca, **change)))
    row = case(database(documents), GOOD)
    assert (row.ok, row.reason.startswith("refused by the gateway")) == (False, True)


@pytest.mark.parametrize(
    "args",
    [
        ["postgres", "-c", "ssl=on", *TLS_ARGS[1:]],
        ["sh", "-c", f"exec docker-entrypoint.sh postgres {' '.join(TLS_ARGS)}"],
        ["-l", *TLS_ARGS[1:]],
        ["-c", "config_file=/etc/postgres-hba/postgresql.conf"],
    ],
)
def test_ways_to_give_postgres_its_settings(ca: Minted, args: list[str]) -> None:
    """Arguments of any form, in a shell's command line, or a configuration file."""
    documents = own(ca)
    directory = "/etc/postgres-certificate"
    conf = f"ssl = on # TLS\nssl_cert_file = '{directory}/tls.crt'\nssl_key_file '{directory}/tls.key'\n"
    documents["conf"] = config_map("postgres-hba", "kong", {"postgresql.conf": conf.encode()})
    check(database(changed(documents, SERVER, (*CONTAINER, "args"), args)), SERVER_CASES)


def test_a_gateway_with_a_database_of_its_own(ca: Minted) -> None:
    """A traditional gateway has the link too; its row is called so."""
    documents = deepcopy(own(ca))
    del documents[CP]["values"]["env"]["role"]
    assert case(database(documents), "the gateway itself").ok is True
