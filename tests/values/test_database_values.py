"""The link to Postgres: Kong docs, "Configuration reference", Postgres settings."""

from collections.abc import Callable
from typing import Any

import pytest

from kong_mtls import InputError

Build = Callable[..., dict[str, Any]]
DATABASE = {"host": "db.example", "password_secret": {"name": "pg"}}


def test_tls_is_required_and_verified(control_plane: Build) -> None:
    """Against the system's CAs, which Kong trusts only when told: the chart never sets the trusted certificate."""
    env = control_plane(database={**DATABASE, "tls": {}})["env"]
    assert {key: env[key] for key in env if key.startswith(("pg_ssl", "lua_ssl"))} == {
        "pg_ssl": "on",
        "pg_ssl_required": "on",
        "pg_ssl_verify": "on",
        "lua_ssl_trusted_certificate": "system",
    }


def test_a_ca_and_a_client_certificate(control_plane: Build) -> None:
    """The bundle from a ConfigMap, the pair from a Secret, each with a mark."""
    tls = {"trust": {"name": "pg-ca", "checksum": "t"}, "client_certificate": {"name": "pg-client", "checksum": "c"}}
    values = control_plane(database={**DATABASE, "tls": tls})
    env = values["env"]
    assert env["lua_ssl_trusted_certificate"] == "/etc/kong-trust/database/ca.crt"
    assert env["pg_ssl_cert"] == "/etc/secrets/pg-client/tls.crt"
    assert env["pg_ssl_cert_key"] == "/etc/secrets/pg-client/tls.key"
    assert values["extraConfigMaps"] == [{"name": "pg-ca", "mountPath": "/etc/kong-trust/database"}]
    assert values["secretVolumes"] == ["kong-cluster-cert", "pg-client"]
    assert values["podAnnotations"]["checksum/database-trust"] == "t"
    assert values["podAnnotations"]["checksum/database-client-cert"] == "c"


def test_verification_can_be_left_out_but_not_encryption(control_plane: Build) -> None:
    """`verify: false` is said aloud: its default differs between versions of the gateway."""
    env = control_plane(database={**DATABASE, "tls": {"verify": False}})["env"]
    assert (env["pg_ssl"], env["pg_ssl_required"], env["pg_ssl_verify"]) == ("on", "on", "off")


def test_everything_can_be_named(control_plane: Build) -> None:
    """Numbers are written as strings, the password is read from its key."""
    database = {
        "host": "db",
        "port": 6432,
        "user": "gateway",
        "database": "config",
        "password_secret": {"name": "pg", "key": "PGPASSWORD"},
    }
    env = control_plane(database=database)["env"]
    assert (env["pg_port"], env["pg_user"], env["pg_database"]) == ("6432", "gateway", "config")
    assert env["pg_password"]["valueFrom"]["secretKeyRef"] == {"name": "pg", "key": "PGPASSWORD"}


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_an_error(control_plane: Build, port: int) -> None:
    """With the range."""
    with pytest.raises(InputError, match=rf"database\.port: {port} is no port; allowed: 1 to 65535"):
        control_plane(database={**DATABASE, "port": port})
