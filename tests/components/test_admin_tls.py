"""The link from the ingress controller to the Admin API, made by the component: what each end shows and demands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest

from kong_mtls import AdminTls, KongHybrid
from kong_mtls.pki.x509 import certificates, signed_by
from kong_mtls.reader.manifests import Objects, secret_data
from kong_mtls.rehearsal.links import prove
from kong_mtls.rehearsal.stage import Performance, ProgramFailed

Run = Callable[..., Performance]
Read = Callable[[Performance], Objects]
Values = Callable[[Performance, str], dict[str, Any]]


def pem(objects: Objects, name: str) -> str:
    """The certificate of a Secret in the control plane's namespace."""
    secret = objects.get("Secret", "kong", name)
    assert secret is not None, name
    text = secret_data(secret)["tls.crt"]
    assert text is not None
    return text.decode()


def test_each_end_has_a_certificate_for_its_side(stage: Run, read: Read, mutable: Mapping[str, str]) -> None:
    """The Admin API's is a server's with names; the controller's is a client's; both under one CA of their own."""
    done = stage(lambda: AdminTls("admin", {"namespace": "kong", "fixed_secret_names": True}), config=mutable)
    objects = read(done)
    (server,) = certificates(pem(objects, "kong-admin-cert"), "server")
    (client,) = certificates(pem(objects, "kong-admin-client-cert"), "client")
    assert server.extended_usages == frozenset({"server_auth"})
    assert client.extended_usages == frozenset({"client_auth"})
    assert "localhost" in server.dns_names
    assert server.common_name in server.dns_names
    outputs = next(dict(it.outputs) for it in done.resources if it.type.endswith(":AdminTls"))
    (root,) = certificates(outputs["trust_pem"], "trust")
    assert root.is_ca
    assert signed_by(server, root)
    assert signed_by(client, root)


def test_names_are_pulumis_unless_fixed(stage: Run, read: Read) -> None:
    """Without the provider's setting for changed Secrets, names are safe under any provider."""
    done = stage(lambda: AdminTls("admin", {"namespace": "kong"}))
    names = {it["metadata"]["name"] for it in read(done).all("Secret")}
    assert len(names) == 2
    assert not names & {"kong-admin-cert", "kong-admin-client-cert"}


@pytest.mark.parametrize("variant", ["dev", "staging", "prod"])
def test_both_ends_verify_each_other(
    rehearse: Run, read: Read, license_text: str, today: datetime, variant: str
) -> None:
    """In every stack of ours: the controller gets in, and neither end takes another."""
    done = rehearse(variant, license={"data": license_text})
    rows = [row for row in prove(read(done), today) if row.link == "admin"]
    assert {row.ok for row in rows} == {True}
    assert {row.expected for row in rows} == {"accept", "refuse"}
    # Bad peers at both sides: a controller without our certificate, and an Admin API that isn't ours.
    assert any("certificate" in row.case and row.expected == "refuse" for row in rows)
    assert len(rows) >= 6


def test_kong_manager_is_off(rehearse: Run, values: Values, license_text: str) -> None:
    """Unless asked for in one's own values."""
    shown = values(rehearse("dev", license={"data": license_text}), "kong-cp")
    assert shown["manager"]["enabled"] is False
    assert shown["admin"]["enabled"] is False or shown["admin"]["type"] == "ClusterIP"


def test_it_can_be_left_as_the_chart_has_it(stage: Run, read: Read, today: datetime) -> None:
    """Without the link's certificates there is nothing to prove, and nothing left over."""
    args: Any = {"edition": "oss", "database": {"development": {}}, "without_admin_tls": True}
    done = stage(lambda: KongHybrid("kong", args))
    assert not [it for it in done.resources if "admin" in it.name]
    assert not [row for row in prove(read(done), today) if row.link == "admin"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"authority": {"issuing": "g2"}}, "issuing 'g2' is not among the generations g1"),
        ({"leaf": {"validity_hours": 0}}, "valid for 0 hours"),
        ({"name": "x"}, "name: unknown"),
    ],
)
def test_what_cannot_work_is_refused(stage: Run, given: dict[str, Any], message: str) -> None:
    """By name."""
    args: Any = {"namespace": "kong", **given}
    with pytest.raises(ProgramFailed, match=message):
        stage(lambda: AdminTls("admin", args))
