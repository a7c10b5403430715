"""The link from the control plane to Postgres: the small one of the stack's own, and one elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from kong_mtls.pki.x509 import certificates, signed_by
from kong_mtls.reader.manifests import Objects, secret_data
from kong_mtls.rehearsal.links import prove
from kong_mtls.rehearsal.stage import Performance

Run = Callable[..., Performance]
Read = Callable[[Performance], Objects]
Values = Callable[[Performance, str], dict[str, Any]]


def changes(done: Performance) -> set[tuple[str, str]]:
    """Every resource that isn't the same, with what happens to it."""
    return {(step.name, step.op) for step in done.steps if step.op not in ("same", "read")}


@pytest.fixture(scope="module")
def dev(rehearse: Run, license_text: str) -> Performance:
    """The development stack."""
    return rehearse("dev", license={"data": license_text})


def test_the_development_postgres_serves_tls(dev: Performance, read: Read, values: Values, today: datetime) -> None:
    """Under a CA of its own, by its Service's names; the control plane demands it, and takes no other server."""
    objects = read(dev)
    rows = [row for row in prove(objects, today) if row.link == "database"]
    assert {row.ok for row in rows} == {True}
    assert {row.expected for row in rows} == {"accept", "refuse"}
    secret, trust = (
        objects.get("Secret", "kong", "kong-postgres-cert"),
        objects.get("ConfigMap", "kong", "kong-postgres-ca"),
    )
    assert secret is not None
    assert trust is not None
    (server,) = certificates((secret_data(secret)["tls.crt"] or b"").decode(), "server")
    (root,) = certificates(trust["data"]["ca.crt"], "trust")
    assert server.extended_usages == frozenset({"server_auth"})
    assert "kong-postgres.kong.svc.cluster.local" in server.dns_names
    assert signed_by(server, root)
    env = values(dev, "kong-cp")["env"]
    assert (env["pg_ssl"], env["pg_ssl_required"], env["pg_ssl_verify"]) == ("on", "on", "on")


def test_postgres_may_read_its_key(dev: Performance, read: Read) -> None:
    """A key of root's that the group may read, mode 0640 at most, is taken (PostgreSQL docs, "Secure TCP/IP")."""
    stateful_set = read(dev).get("StatefulSet", "kong", "kong-postgres")
    assert stateful_set is not None
    pod = stateful_set["spec"]["template"]["spec"]
    (volume,) = [it for it in pod["volumes"] if it["name"] == "certificate"]
    assert volume["secret"]["defaultMode"] == 0o440
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    (mount,) = [it for it in pod["containers"][0]["volumeMounts"] if it["name"] == volume["name"]]
    assert mount["readOnly"] is True
    assert f"-cssl_key_file={mount['mountPath']}/tls.key" in pod["containers"][0]["args"]


def test_a_renewed_certificate_rolls_postgres_alone(
    rehearse: Run, dev: Performance, license_text: str, today: datetime
) -> None:
    """It reads it when it starts; the control plane trusts the CA, which stays."""
    later = rehearse("dev", after=dev, license={"data": license_text}, at=today + timedelta(days=61))
    mine = {change for change in changes(later) if change[0].startswith("kong-postgres")}
    assert ("kong-postgres-cert", "replace") in mine
    assert ("kong-postgres", "update") in mine
    assert not any("-ca-" in name or "key" in name or "trust" in name for name, _ in mine)


@pytest.mark.parametrize("secret", [None, "kong-postgres-client"])
def test_a_postgres_elsewhere(rehearse: Run, read: Read, values: Values, license_text: str, secret: str | None) -> None:
    """Verified by its CA; with a client certificate where one is named. Both are mounted and never read."""
    tls: dict[str, Any] = {"trust": {"name": "postgres-ca"}}
    if secret:
        tls["clientCertificate"] = {"name": secret}
    database = {"host": "db.example.com", "passwordSecret": {"name": "kong-postgres"}, "tls": tls}
    done = rehearse("staging", license={"data": license_text}, database=database)
    given = values(done, "kong-cp")
    assert (given["env"]["pg_ssl"], given["env"]["pg_ssl_verify"]) == ("on", "on")
    (mount,) = [it for it in given["extraConfigMaps"] if it["name"] == "postgres-ca"]
    assert given["env"]["lua_ssl_trusted_certificate"] == f"{mount['mountPath']}/ca.crt"
    if secret:
        assert given["env"]["pg_ssl_cert"] == f"/etc/secrets/{secret}/tls.crt"
        assert given["env"]["pg_ssl_cert_key"] == f"/etc/secrets/{secret}/tls.key"
        assert secret in given["secretVolumes"]
    else:
        assert "pg_ssl_cert" not in given["env"]
    assert read(done).get("ConfigMap", "kong", "postgres-ca") is None
