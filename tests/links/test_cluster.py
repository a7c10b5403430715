"""The cluster link, proved from files: who is let in, who is not, and what happens when something is missing."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from kong_mtls.reader.manifests import MASKED
from kong_mtls.rehearsal.links import Link, prove
from kong_mtls.rehearsal.mint import Minted, issue, new_key
from tests.links.hybrid import (
    AFTER,
    AT,
    BEFORE,
    CP_HOST,
    Documents,
    Pki,
    bad,
    case,
    changed,
    pair,
    pki,
    pki_of,
    read,
    secret,
    shared,
)

CP, DP = "releases/kong-cp.yaml", "releases/kong-dp.yaml"
GOOD = "the data plane itself"


def cluster(documents: Documents, at: datetime = AT) -> list[Link]:
    return [row for row in prove(read(documents), at) if row.link == "cluster"]


def only(rows: list[Link]) -> Link:
    """The one row of the configuration channel."""
    found = [row for row in rows if "telemetry" not in row.server]
    assert len(found) == 1, found
    return found[0]


def test_shared_mode_lets_in_the_data_plane_and_nobody_else(cluster_certificate: Minted) -> None:
    """All cases of shared mode, on both connections, with the end and the reason that refuse."""
    rows = cluster(shared(cluster_certificate))
    assert not bad(rows)
    for server in ("kong/kong-cp", "kong/kong-cp (telemetry)"):
        assert case(rows, GOOD, server).observed == "accept"
        for name, reason in {
            "a stranger's own certificate": "digest does not match",
            "the same name with another key": "digest does not match",
            "a certificate signed by the cluster certificate": "digest does not match",
            "an expired certificate": "400 The SSL certificate error: certificate has expired",
            "no certificate": "data plane failed to present client certificate",
            "a control plane of the same name with another key": "data plane: self-signed certificate",
            "a control plane with an expired certificate": "data plane: certificate has expired",
        }.items():
            row = case(rows, name, server)
            assert (row.link, row.client, row.expected, row.observed) == (
                "cluster",
                "kong-dp/kong-dp",
                "refuse",
                "refuse",
            )
            assert reason in row.reason, name
    assert len(rows) == 16


PKI_REASONS = {
    "another CA's certificate": "control plane: 400 The SSL certificate error",
    "an expired certificate": "control plane: 400 The SSL certificate error: certificate has expired",
    "a server's certificate": "control plane: 400 The SSL certificate error: unsuitable certificate purpose",
    "no certificate": "control plane: 400 No required SSL certificate was sent",
    "a control plane of another CA": "data plane: unable to get local issuer certificate",
    "a control plane with an expired certificate": "data plane: certificate has expired",
    "a client's certificate as the control plane's": "data plane: unsuitable certificate purpose",
    "a control plane of another name": "data plane: host name mismatch",
}
DEEP_REASONS = {
    "its certificate without the intermediates": "control plane: 400 The SSL certificate error",
    "a control plane that leaves out its intermediates": "data plane: unable to get local issuer certificate",
    "a depth too small for the control plane's chain": "data plane: certificate chain too long",
}


@pytest.mark.parametrize("key_of_ca", [False, True])
def test_pki_mode_lets_in_the_ca_s_data_planes_and_nobody_else(certificates: Pki, key_of_ca: bool) -> None:
    """All cases of PKI mode, whether the CA's key is at hand to sign bad peers or a stand-in has to."""
    rows = cluster(pki(certificates, key_of_ca=key_of_ca))
    assert not bad(rows)
    assert {row.case for row in rows} == {GOOD, *PKI_REASONS}
    for server in ("kong/kong-cp", "kong/kong-cp (telemetry)"):
        for name, reason in PKI_REASONS.items():
            assert reason in case(rows, name, server).reason, name
    assert ("the CA itself" in case(rows, "a server's certificate", "kong/kong-cp").reason) == key_of_ca


@pytest.mark.parametrize("key_of_ca", [False, True])
def test_intermediates_must_be_sent_and_within_the_depth(deep_certificates: Pki, key_of_ca: bool) -> None:
    """With intermediates there are three more cases, and the depth must be set."""
    rows = cluster(pki(deep_certificates, depth="2", key_of_ca=key_of_ca))
    assert not bad(rows)
    assert {row.case for row in rows} == {GOOD, *PKI_REASONS, *DEEP_REASONS}
    for name, reason in DEEP_REASONS.items():
        assert reason in case(rows, name, "kong/kong-cp").reason
    too_small = case(cluster(pki(deep_certificates)), GOOD, "kong/kong-cp")
    assert (too_small.ok, too_small.reason) == (
        False,
        "refused by the data plane: certificate chain too long (depth 2)",
    )


def test_trusting_the_intermediate_needs_nothing_sent() -> None:
    """Where the other end holds the intermediate too, a chain without it is fine and no case."""
    certificates = pki_of(intermediates=1)
    signer = certificates.data_plane.issuer
    assert signer is not None
    documents = pki(certificates)
    for path in [path for path in documents if "configmap" in path]:
        documents[path]["data"]["ca.crt"] += signer.cert_pem.decode()
    rows = cluster(documents)
    assert not bad(rows)
    assert not {row.case for row in rows} & {*list(DEEP_REASONS)[:2]}


@pytest.mark.parametrize(
    ("allowed", "name", "ok"),
    [
        ("other.example.com, dp.example.com", "dp.example.com", True),
        ("other.example.com", "dp.example.com", False),
        (None, "dp.example.com", True),
        (None, "dp.elsewhere.com", False),
        (None, "dp", False),
    ],
)
def test_pki_check_cn_asks_for_the_common_name(certificates: Pki, allowed: str | None, name: str, ok: bool) -> None:
    """A listed name gets in; without a list one of the control plane's parent domain does."""
    signer = certificates.root
    control_plane = issue(
        "cp.example.com",
        issuer=signer,
        server=True,
        dns_names=["control-plane.example.com", "telemetry.example.com"],
        not_before=BEFORE,
        not_after=AFTER,
    )
    data_plane = issue(name, issuer=signer, client=True, not_before=BEFORE, not_after=AFTER)
    documents = pki(Pki(signer, control_plane, data_plane), mode="pki_check_cn")
    documents = changed(documents, CP, ("values", "env", "cluster_allowed_common_names"), allowed)
    rows = cluster(documents)
    good = case(rows, GOOD, "kong/kong-cp")
    assert good.ok is ok, good
    if ok:
        refused = case(rows, "another data plane's common name", "kong/kong-cp")
        assert (refused.ok, "is not allowed" in refused.reason) == (True, True)


def test_pki_check_cn_is_enterprises(certificates: Pki) -> None:
    """The open-source gateway refuses to start with it."""
    documents = pki(certificates, mode="pki_check_cn")
    for path in (CP, DP):
        documents = changed(documents, path, ("values", "enterprise"))
    row = only(cluster(documents))
    assert (row.ok, "needs Enterprise" in row.reason) == (False, True)


def guide_certificate() -> Minted:
    """What Kong's guide makes with openssl: self-signed, a CA by openssl's default, no name but the common name."""
    key = new_key("P-384")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kong_clustering")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(BEFORE)
        .not_valid_after(AFTER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.BasicConstraints(True, None), True)
    )
    return Minted(builder.sign(key, SHA256()), key)


def test_the_guides_openssl_certificate_works() -> None:
    """A CA without subject alternative name: the common name counts, and what it signs gets nobody in."""
    rows = cluster(shared(guide_certificate()))
    assert not bad(rows)
    assert "digest" in case(rows, "a certificate signed by the cluster certificate", "kong/kong-cp").reason


@pytest.mark.parametrize(
    ("minted", "reason"),
    [
        ({"client": False, "server": True}, "unsuitable certificate purpose"),
        ({"client": True, "server": False}, "unsuitable certificate purpose"),
        ({"dns_names": ["other"]}, "host name mismatch: kong_clustering is not among DNS:other"),
        ({"not_after": AT - timedelta(days=1)}, "certificate has expired"),
        ({"not_before": AT + timedelta(days=1)}, "certificate is not yet valid"),
    ],
)
def test_a_cluster_certificate_that_does_not_serve(minted: dict[str, Any], reason: str) -> None:
    """Usages, name and dates are checked by one end or the other."""
    fields = {
        "client": True,
        "server": True,
        "dns_names": ["kong_clustering"],
        "not_before": BEFORE,
        "not_after": AFTER,
    }
    certificate = issue("kong_clustering", **(fields | minted))  # type: ignore[arg-type]
    row = case(cluster(shared(certificate)), GOOD, "kong/kong-cp")
    assert (row.ok, row.observed, reason in row.reason) == (False, "refuse", True), row


def test_the_date_is_the_callers(cluster_certificate: Minted) -> None:
    """The day after the certificate's end nothing connects any more."""
    row = case(cluster(shared(cluster_certificate), AFTER + timedelta(days=1)), GOOD, "kong/kong-cp")
    assert (row.ok, row.reason) == (False, "refused by the data plane: certificate has expired")


@pytest.mark.parametrize("mode", ["shared", "pki"])
def test_one_end_with_another_certificate(mode: str, cluster_certificate: Minted, certificates: Pki) -> None:
    """A control plane rotated alone locks out its data planes."""
    other = pki_of()
    if mode == "shared":
        documents = shared(cluster_certificate)
        path = "manifests/secret-kong-kong-cluster-cert.yaml"
        documents[path] = secret("kong-cluster-cert", "kong", pair(guide_certificate()))
    else:
        documents = pki(certificates)
        documents["manifests/secret-kong-cert.yaml"] = secret("kong-cluster-cert", "kong", pair(other.control_plane))
    row = case(cluster(documents), GOOD, "kong/kong-cp")
    assert (row.ok, row.reason.startswith("refused by the data plane")) == (False, True)


def test_ends_in_different_modes(cluster_certificate: Minted, certificates: Pki) -> None:
    """A control plane in shared mode and a data plane in PKI mode don't meet."""
    documents = pki(certificates)
    documents = changed(documents, CP, ("values", "env", "cluster_mtls"), "shared")
    row = case(cluster(documents), GOOD, "kong/kong-cp")
    assert (row.ok, "digest does not match" in row.reason) == (False, True)


SECRET = "manifests/secret-kong-dp-kong-cluster-cert.yaml"

MISSING = [
    (DP, "env/cluster_cert", None, "KONG_CLUSTER_CERT of kong-dp/kong-dp is not set"),
    (DP, "env/cluster_cert", "", "KONG_CLUSTER_CERT of kong-dp/kong-dp is not set"),
    (DP, "env/cluster_cert", "tls.crt", "no absolute path, no PEM and no base64"),
    (DP, "secretVolumes", None, "KONG_CLUSTER_CERT: nothing is mounted at /etc/secrets/kong-cluster-cert"),
    (DP, "env/cluster_control_plane", None, "KONG_CLUSTER_CONTROL_PLANE of kong-dp/kong-dp is not set"),
    (DP, "env/cluster_control_plane", "nonsense", "KONG_CLUSTER_CONTROL_PLANE is no host:port: 'nonsense'"),
    (DP, "env/cluster_control_plane", f"{CP_HOST}:99999", "is no host:port"),
    (DP, "env/cluster_control_plane", f"{CP_HOST}:8006", "has no port 8006, only 8005"),
    (DP, "env/role", None, "kong-dp/kong-dp is no data plane: its role is traditional"),
    (DP, "env/database", "postgres", "a data plane has no database"),
    (DP, "env/proxy_listen", "off", "a data plane needs KONG_PROXY_LISTEN"),
    (DP, "env/cluster_mtls", "both", "is 'both': shared, pki or pki_check_cn"),
    (DP, "env/lua_ssl_trusted_certificate", "system,/etc/nosuch", "CERTIFICATE: nothing is mounted at /etc/nosuch"),
    (DP, "env/lua_ssl_verify_depth", "on", "is no whole number: 'on'"),
    (CP, "env/role", None, "kong/kong-cp is no control plane: its role is traditional"),
    (CP, "env/database", "off", "a control plane needs a database"),
    (CP, "env/admin_listen", "off", "a control plane needs its Admin API"),
    (CP, "cluster/enabled", False, "release kong/kong-cp renders no Service kong-cp-kong-cluster"),
    (CP, "cluster/tls", None, "release kong/kong-cp renders no Service kong-cp-kong-cluster"),
    (CP, "env/cluster_listen", "off", "KONG_CLUSTER_LISTEN of kong/kong-cp is off"),
    (CP, "env/cluster_listen", "0.0.0.0:9005", "does not listen on port 8005"),
    (CP, "env/cluster_listen", "127.0.0.1:8005", "does not listen on port 8005"),
    (SECRET, "data/tls.key", None, "KONG_CLUSTER_CERT_KEY: Secret kong-dp/kong-cluster-cert has no key tls.key"),
    (SECRET, "data/tls.crt", "eA==", "the cluster certificate is no PEM certificate"),
    (SECRET, "data/tls.key", "eA==", "the client cannot start: the private key is no unencrypted PEM key"),
]


def at_path(path: str, keys: str) -> tuple[str, ...]:
    """Keys of a document; those of a release are its values'."""
    return (*(() if path == SECRET else ("values",)), *keys.split("/"))


@pytest.mark.parametrize(("path", "keys", "value", "reason"), MISSING)
def test_what_is_missing_is_named(cluster_certificate: Minted, path: str, keys: str, value: Any, reason: str) -> None:
    """A setting, file, Service or listener that isn't there fails the good case by name."""
    documents = changed(shared(cluster_certificate), path, at_path(path, keys), value)
    rows = [row for row in cluster(documents) if "telemetry" not in row.server]
    row = case(rows, GOOD)
    assert (row.ok, row.observed, reason in row.reason) == (False, "refuse", True), row.reason


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        ("env/cluster_control_plane", "cp.elsewhere.example:8005", "is outside these files"),
        (
            "env/cluster_control_plane",
            "nosuch.kong.svc:8005",
            "no Service kong/nosuch is in these files",
        ),
        ("env/cluster_cert", MASKED, "KONG_CLUSTER_CERT of kong-dp/kong-dp"),
        ("env/cluster_cert", "{vault://env/cert}", "is a reference into a vault"),
        ("secretVolumes", ["kong-cluster-cert", "gone"], ""),
        ("env/cluster_cert", "/etc/ssl/certs/mine.pem", "is the image's own"),
    ],
)
def test_what_the_files_do_not_tell_is_left_open(
    cluster_certificate: Minted, keys: str, value: Any, reason: str
) -> None:
    """Elsewhere, masked, in a vault, in the image: neither proved nor broken."""
    rows = cluster(changed(shared(cluster_certificate), DP, at_path(DP, keys), value))
    if not reason:
        assert not bad(rows)
        return
    row = next(row for row in rows if "telemetry" not in row.server)
    assert (row.ok, row.observed, reason in row.reason) == (None, "-", True), row


@pytest.mark.parametrize("kind", ["absent", "masked"])
def test_existing_and_masked_secrets_are_left_open(cluster_certificate: Minted, kind: str) -> None:
    """A Secret that somebody else keeps, or whose values were left out: null, with the reason."""
    documents = shared(cluster_certificate)
    if kind == "absent":
        del documents[SECRET]
    else:
        documents[SECRET] = documents[SECRET] | {
            "data": None,
            "stringData": {"tls.crt": MASKED, "tls.key": MASKED},
        }
    row = only(cluster(documents))
    assert row.ok is None
    assert ("is not in these files" if kind == "absent" else "is masked") in row.reason


def test_a_control_plane_without_data_planes(cluster_certificate: Minted) -> None:
    """Its data planes are in other stacks: one row, open."""
    documents = shared(cluster_certificate)
    del documents[DP]
    (row,) = cluster(documents)
    assert (row.ok, row.server) == (None, "kong/kong-cp")


def test_no_cluster_no_rows() -> None:
    """A traditional gateway has no cluster link."""
    assert cluster({"r.yaml": {"chart": "kong", "release": "gw", "values": {}}}) == []
    assert cluster({"r.yaml": {"chart": "cert-manager", "release": "cm", "values": {}}}) == []


def test_certificates_may_stand_in_the_settings_themselves(cluster_certificate: Minted) -> None:
    """PEM text or base64 of it in place of a path, as Kong allows; also by secretKeyRef."""
    documents = shared(cluster_certificate)
    env = documents[DP]["values"]["env"]
    env["cluster_cert"] = cluster_certificate.cert_pem.decode()
    env["cluster_cert_key"] = {"valueFrom": {"secretKeyRef": {"name": "kong-cluster-cert", "key": "tls.key"}}}
    assert not bad(cluster(documents))


@pytest.mark.parametrize(
    ("host", "ok"),
    [("kong-cp-kong-cluster.kong.svc", True), ("kong-cp-kong-cluster.kong", True), ("kong-cp-kong-cluster", None)],
)
def test_short_names_of_the_service(cluster_certificate: Minted, host: str, ok: bool | None) -> None:
    """The Service's short names lead there too; without a namespace it is looked for beside the data plane."""
    rows = cluster(changed(shared(cluster_certificate), DP, ("values", "env", "cluster_control_plane"), f"{host}:8005"))
    assert next(row for row in rows if "telemetry" not in row.server).ok is ok


@pytest.mark.parametrize(
    ("spec", "ok"),
    [
        ({"selector": {"app": "kong-cp-kong"}, "ports": [{"port": 443, "targetPort": 8005}]}, True),
        ({"selector": {"app": "kong-cp-kong"}, "ports": [{"port": 443, "targetPort": 8443}]}, False),
        ({"selector": {"app": "kong-cp-kong"}, "ports": [{"port": 444}]}, False),
        ({"selector": {"app": "nobody"}, "ports": [{"port": 443, "targetPort": 8005}]}, None),
        ({"selector": {"app": "kong-cp-kong"}, "ports": [{"port": 443, "targetPort": "cluster-tls"}]}, None),
        ({"ports": [{"port": 443}]}, None),
    ],
)
def test_a_service_of_ones_own_in_front(cluster_certificate: Minted, spec: dict[str, Any], ok: bool | None) -> None:
    """A Service beside the chart's leads to the pods that it selects, on the port that it names."""
    documents = shared(cluster_certificate)
    documents["service.yaml"] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "join", "namespace": "kong"},
        "spec": spec,
    }
    rows = cluster(changed(documents, DP, ("values", "env", "cluster_control_plane"), "join.kong.svc:443"))
    assert next(row for row in rows if "telemetry" not in row.server).ok is ok


def test_telemetry_that_nobody_sends_is_noticed(cluster_certificate: Minted) -> None:
    """The control plane waits for it, the data plane has no endpoint; without the listener there is no case."""
    documents = changed(shared(cluster_certificate), DP, ("values", "env", "cluster_telemetry_endpoint"))
    (row,) = bad(cluster(documents))
    assert (row.ok, "KONG_CLUSTER_TELEMETRY_ENDPOINT of kong-dp/kong-dp is not set" in row.reason) == (False, True)
    documents = changed(documents, CP, ("values", "clustertelemetry"))
    assert not bad(cluster(documents))


@pytest.mark.parametrize("path", ["manifests/configmap-kong-trust.yaml", "manifests/configmap-kong-dp-trust.yaml"])
def test_trust_that_is_none(certificates: Pki, path: str) -> None:
    """A trust bundle without a certificate is named, at either end."""
    row = only(cluster(changed(pki(certificates), path, ("data", "ca.crt"), "nonsense")))
    assert (row.ok, row.reason) == (False, "the cluster CA is no PEM certificate")


def test_many_data_planes_each_have_their_cases(certificates: Pki) -> None:
    """Two data planes with certificates of their own: each is proved, and one's trouble isn't the other's."""
    documents = pki(certificates)
    documents["releases/b.yaml"] = documents[DP] | {"release": "b", "namespace": "b"}
    other = issue("b", issuer=certificates.root, client=True, not_before=BEFORE, not_after=AFTER)
    documents["b-cert"] = secret("kong-cluster-cert", "b", pair(other))
    trust = documents["manifests/configmap-kong-dp-trust.yaml"]
    documents["b-trust"] = trust | {"metadata": {"name": "kong-cluster-trust", "namespace": "b"}}
    assert not bad(cluster(documents))
    del documents["b-cert"]["data"]["tls.key"]
    assert {row.client for row in bad(cluster(documents))} == {"b/b"}


def test_the_images_own_trust_is_left_open(certificates: Pki) -> None:
    """PKI without cluster_ca_cert on the data plane trusts the image's bundle only: nobody can tell from here."""
    documents = changed(pki(certificates), DP, ("values", "env", "cluster_ca_cert"))
    row = case(cluster(documents), GOOD, "kong/kong-cp")
    assert (row.ok, "CA bundle of the image" in row.reason) == (None, True)
    mounted = changed(
        documents, DP, ("values", "env", "lua_ssl_trusted_certificate"), "system,/etc/kong-trust/cluster/ca.crt"
    )
    assert not bad(cluster(mounted))


@pytest.mark.parametrize(
    ("tag", "ok"), [("3.10", False), ("3.10.0.14", False), ("3.10.0.15", True), ("3.16.0.0", True), ("3.11.0.9", False)]
)
def test_the_default_depth_depends_on_the_version(deep_certificates: Pki, tag: str, ok: bool) -> None:
    """Newer patch releases of Enterprise verify five deep; before that one intermediate was the limit."""
    documents = changed(pki(deep_certificates), DP, ("values", "image", "tag"), tag)
    assert case(cluster(documents), GOOD, "kong/kong-cp").ok is ok


def test_no_reason_shows_a_secret(cluster_certificate: Minted) -> None:
    """Neither PEM nor base64 of a key is in any row."""
    documents = shared(cluster_certificate)
    documents[DP]["values"]["env"]["cluster_cert_key"] = "hunter2"
    text = repr(cluster(documents))
    assert "hunter2" not in text
    assert "PRIVATE KEY" not in text


def test_one_pair_is_proved_at_once(certificates: Pki) -> None:
    """All cases of a pair on both connections take less than 0.3 s of processor time."""
    objects = read(pki(certificates))
    start = time.process_time()
    prove(objects, AT)
    assert time.process_time() - start < 0.3
