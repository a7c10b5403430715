"""The link from the ingress controller to the Admin API: verified by either end, by both, or by neither."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from kong_mtls.reader.manifests import MASKED
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
    control_plane_values,
    pair,
    read,
    release,
    secret,
)

CP = "releases/kong-cp.yaml"
GOOD = "the ingress controller itself"
CONTROLLER = ("values", "ingressController", "env")
ENV = ("values", "env")


@pytest.fixture(scope="module")
def ca() -> Minted:
    return issue("Admin CA", ca=True, not_before=BEFORE, not_after=CA_AFTER)


def server(ca: Minted, *names: str) -> Minted:
    return issue("admin", issuer=ca, server=True, dns_names=names, not_before=BEFORE, not_after=AFTER)


def client(ca: Minted) -> Minted:
    return issue("kic", issuer=ca, client=True, not_before=BEFORE, not_after=AFTER)


def mutual(ca: Minted) -> Documents:
    """Both ends verify: the controller the name `admin.example.com`, the Admin API a client of the CA."""
    values = control_plane_values(
        admin_ssl_cert="/etc/secrets/admin-cert/tls.crt", admin_ssl_cert_key="/etc/secrets/admin-cert/tls.key"
    )
    values["secretVolumes"].append("admin-cert")
    values["admin"] = {"tls": {"client": {"caBundle": ca.cert_pem.decode()}}}
    values["ingressController"] = {
        "env": {
            "kong_admin_tls_skip_verify": "false",
            "kong_admin_tls_server_name": "admin.example.com",
            "kong_admin_ca_cert": {"valueFrom": {"secretKeyRef": {"name": "admin-ca", "key": "ca.crt"}}},
        },
        "adminApi": {"tls": {"client": {"enabled": True, "certProvided": True, "secretName": "kic-client"}}},
    }
    return {
        CP: release("kong-cp", "kong", values),
        "admin-cert": secret("admin-cert", "kong", pair(server(ca, "admin.example.com"))),
        "admin-ca": secret("admin-ca", "kong", {"ca.crt": ca.cert_pem}),
        "kic-client": secret("kic-client", "kong", pair(client(ca))),
    }


def admin(documents: Documents) -> list[Link]:
    return [row for row in prove(read(documents), AT) if row.link == "admin"]


CLIENT_REASONS = {
    "no certificate": "Admin API: 400 No required SSL certificate was sent",
    "another CA's certificate": "Admin API: 400 The SSL certificate error",
    "an expired certificate": "Admin API: 400 The SSL certificate error: certificate has expired",
    "a server's certificate": "Admin API: 400 The SSL certificate error: unsuitable certificate purpose",
}
SERVER_REASONS = {
    "an Admin API of another CA": "ingress controller: unable to get local issuer certificate",
    "an Admin API with an expired certificate": "ingress controller: certificate has expired",
    "an Admin API of another name": "ingress controller: host name mismatch: admin.example.com",
}


@pytest.mark.parametrize("key_of_ca", [False, True])
def test_both_ends_verify(ca: Minted, key_of_ca: bool) -> None:
    """All cases, whether the CA's key is in the files or a stand-in signs the bad peers."""
    documents = mutual(ca)
    if key_of_ca:
        documents["ca"] = secret("ca", "kong", pair(ca))
    rows = admin(documents)
    assert not bad(rows)
    assert {row.case for row in rows} == {GOOD, *CLIENT_REASONS, *SERVER_REASONS}
    for name, reason in (CLIENT_REASONS | SERVER_REASONS).items():
        row = case(rows, name)
        assert (row.client, row.server) == ("kong/kong-cp (ingress controller)", "kong/kong-cp (Admin API)")
        assert reason in row.reason, row


def test_without_verification_there_is_nothing_to_prove(ca: Minted) -> None:
    """The chart's default, a data plane without controller, and no controller at all: no rows."""
    assert admin({CP: release("kong-cp", "kong", control_plane_values())}) == []
    values = control_plane_values() | {"ingressController": {"enabled": False}}
    assert admin({CP: release("kong-cp", "kong", values)}) == []
    elsewhere = control_plane_values()
    elsewhere["ingressController"] = {"env": {"kong_admin_url": "https://admin.elsewhere.example"}}
    assert admin({CP: release("kong-cp", "kong", elsewhere)}) == []


def test_only_the_controller_verifies(ca: Minted) -> None:
    """Without a client CA the Admin API lets in anybody, and only the server's cases are left."""
    documents = changed(mutual(ca), CP, ("values", "admin"))
    rows = admin(documents)
    assert not bad(rows)
    assert {row.case for row in rows} == {GOOD, *SERVER_REASONS}


def test_only_the_admin_api_verifies(ca: Minted) -> None:
    """A controller that skips verification shows its certificate all the same; the server shows Kong's own."""
    documents = changed(mutual(ca), CP, (*CONTROLLER, "kong_admin_tls_skip_verify"), "true")
    for key in ("admin_ssl_cert", "admin_ssl_cert_key"):
        documents = changed(documents, CP, (*ENV, key))
    rows = admin(documents)
    assert not bad(rows)
    assert {row.case for row in rows} == {GOOD, *CLIENT_REASONS}


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        ((*ENV, "admin_ssl_cert"), None, "Kong shows a certificate of its own making"),
        ((*ENV, "admin_ssl_cert_key"), None, "KONG_ADMIN_SSL_CERT_KEY of kong/kong-cp is not set"),
        ((*ENV, "admin_listen"), "127.0.0.1:9444 ssl", "does not listen on port 8444"),
        ((*ENV, "admin_listen"), "127.0.0.1:8444", "speaks plain HTTP on port 8444"),
        ((*ENV, "role"), "data_plane", "is a data plane, which has no Admin API"),
        ((*ENV, "nginx_admin_ssl_verify_client"), "yes", "which nginx refuses"),
        ((*ENV, "nginx_admin_ssl_verify_depth"), "on", "is no whole number: 'on'"),
        ((*ENV, "nginx_admin_ssl_client_certificate"), "/nowhere", "nothing is mounted at /nowhere"),
        ((*ENV, "nginx_admin_ssl_client_certificate"), "", "no ssl_client_certificate for ssl_verify_client"),
        ((*CONTROLLER, "kong_admin_tls_server_name"), None, "host name mismatch: localhost is not among"),
        ((*CONTROLLER, "kong_admin_tls_server_name"), "wrong", "host name mismatch: wrong is not among"),
        ((*CONTROLLER, "kong_admin_tls_skip_verify"), "maybe", "is no boolean: 'maybe'"),
        ((*CONTROLLER, "kong_admin_url"), "http://localhost:8001", "is plain HTTP"),
        ((*CONTROLLER, "kong_admin_url"), "https://localhost:9999", "does not listen on port 9999"),
        ((*CONTROLLER, "kong_admin_ca_cert_file"), "/x", "both CONTROLLER_KONG_ADMIN_CA_CERT and"),
        ((*CONTROLLER, "kong_admin_tls_client_cert_file"), "/x", "CLIENT_CERT_FILE: nothing is mounted at /x"),
        (("values", "ingressController", "adminApi"), None, "400 No required SSL certificate was sent"),
        (("values", "secretVolumes"), ["kong-cluster-cert"], "KONG_ADMIN_SSL_CERT: nothing is mounted"),
    ],
)
def test_what_is_wrong_is_named(ca: Minted, keys: tuple[str, ...], value: Any, reason: str) -> None:
    """Each setting that either end needs, taken away or spoilt."""
    row = case(admin(changed(mutual(ca), CP, keys, value)), GOOD)
    assert (row.ok, reason in row.reason) == (False, True), row


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        ((*CONTROLLER, "kong_admin_ca_cert"), None, "it trusts the CA bundle of its image"),
        ((*CONTROLLER, "kong_admin_url"), "https://admin.elsewhere.example", "is outside these files"),
        ((*CONTROLLER, "kong_admin_ca_cert"), MASKED, "CONTROLLER_KONG_ADMIN_CA_CERT"),
        (
            ("values", "ingressController", "adminApi", "tls", "client", "secretName"),
            None,
            "Secret kong/kong-cp-kong-admin-api-keypair is not in these files",
        ),
    ],
)
def test_what_the_files_do_not_tell(ca: Minted, keys: tuple[str, ...], value: Any, reason: str) -> None:
    """The image's trust, another cluster, masked values, the pair that the chart makes at install time."""
    row = case(admin(changed(mutual(ca), CP, keys, value)), GOOD)
    assert (row.ok, reason in row.reason) == (None, True), row


@pytest.mark.parametrize(
    ("path", "keys", "reason"),
    [
        ("admin-cert", ("data", "tls.crt"), "the Admin API's certificate is no PEM certificate"),
        ("admin-ca", ("data", "ca.crt"), "the controller's trust is no PEM certificate"),
        ("kic-client", ("data", "tls.crt"), "the client certificate is no PEM certificate"),
        (CP, ("values", "admin", "tls", "client", "caBundle"), "the client CA is no PEM certificate"),
    ],
)
def test_what_is_no_certificate_is_named(ca: Minted, path: str, keys: tuple[str, ...], reason: str) -> None:
    """A file that holds something else."""
    assert case(admin(changed(mutual(ca), path, keys, "eA==")), GOOD).reason == reason


@pytest.mark.parametrize("name", ["admin-cert", "admin-ca", "kic-client"])
def test_every_secret_and_key_matters(ca: Minted, name: str) -> None:
    """A missing key is broken, a missing Secret may be somebody else's."""
    documents = mutual(ca)
    for key in documents[name]["data"]:
        assert case(admin(changed(documents, name, ("data", key))), GOOD).ok is False
    del documents[name]
    assert case(admin(documents), GOOD).ok is None


def test_a_name_only_in_the_common_name_is_none_to_go(ca: Minted) -> None:
    """Go ignores the common name, where OpenSSL would take it."""
    documents = mutual(ca)
    minted = issue("admin.example.com", issuer=ca, server=True, not_before=BEFORE, not_after=AFTER)
    documents["admin-cert"] = secret("admin-cert", "kong", pair(minted))
    row = case(admin(documents), GOOD)
    assert (row.ok, "host name mismatch" in row.reason) == (False, True)


def test_go_shows_a_certificate_only_where_its_issuer_is_acceptable(ca: Minted) -> None:
    """A client pair of a CA by another name isn't even sent."""
    other = issue("Other CA", ca=True, not_before=BEFORE, not_after=CA_AFTER)
    documents = mutual(ca)
    documents["kic-client"] = secret("kic-client", "kong", pair(client(other)))
    row = case(admin(documents), GOOD)
    assert row.reason == "refused by the Admin API: 400 No required SSL certificate was sent"


def test_trust_may_end_at_the_servers_own_certificate() -> None:
    """A pinned self-signed certificate works, and another one of the same name does not."""
    own = issue(
        "admin", server=True, dns_names=["admin.example.com"], not_before=BEFORE, not_after=AT + timedelta(days=1)
    )
    documents = changed(mutual(issue("x", ca=True, not_before=BEFORE, not_after=AFTER)), CP, ("values", "admin"))
    documents["admin-cert"] = secret("admin-cert", "kong", pair(own))
    documents["admin-ca"] = secret("admin-ca", "kong", {"ca.crt": own.cert_pem})
    rows = admin(documents)
    assert not bad(rows)
    assert {row.case for row in rows} == {GOOD, *SERVER_REASONS}


def test_a_controller_of_its_own_finds_the_admin_api_by_discovery(ca: Minted) -> None:
    """Under gateway discovery the name asked for is pod.<service>.<namespace>.svc."""
    documents = mutual(ca)
    gateway = documents[CP]["values"]
    gateway["admin"] |= {"enabled": True, "type": "ClusterIP"}
    controller = {
        "deployment": {"kong": {"enabled": False}},
        "ingressController": deepcopy(gateway["ingressController"]),
    }
    controller["ingressController"]["gatewayDiscovery"] = {
        "enabled": True,
        "adminApiService": {"name": "kong-cp-kong-admin", "namespace": "kong"},
    }
    gateway["ingressController"] = {"enabled": False}
    documents["releases/kic.yaml"] = release("kic", "kong", controller)
    rows = admin(documents)
    assert "host name mismatch: pod.kong-cp-kong-admin.kong.svc" in case(rows, GOOD).reason
    fitting = server(ca, "*.kong-cp-kong-admin.kong.svc")
    documents["admin-cert"] = secret("admin-cert", "kong", pair(fitting))
    rows = admin(documents)
    assert not bad(rows)
    assert case(rows, GOOD).client == "kong/kic (ingress controller)"
