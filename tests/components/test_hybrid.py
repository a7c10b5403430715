"""The whole deployment as its program makes it: certificates, order, what is known when, and what is never said."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from kong_mtls.reader.manifests import Objects, secret_data
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.monitor import Resource
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance

Run = Callable[..., Performance]
Read = Callable[[Performance], Objects]
Values = Callable[[Performance, str], dict[str, Any]]

CLUSTER = {"kong": "kong-cluster-cert", "kong-dp": "kong-cluster-cert"}


def data(objects: Objects, namespace: str, name: str) -> dict[str, bytes]:
    """A Secret's content."""
    secret = objects.get("Secret", namespace, name)
    assert secret is not None, (namespace, name)
    return {key: value for key, value in secret_data(secret).items() if value is not None}


def resource(performance: Performance, name: str, kind: str) -> Resource:
    """The one resource of that name and type."""
    found = [it for it in performance.resources if it.name == name and it.type.endswith(f":{kind}")]
    assert len(found) == 1, (name, kind, len(found))
    return found[0]


@pytest.fixture(scope="session")
def dev(rehearse: Run, license_text: str) -> Performance:
    """The development stack with a licence."""
    return rehearse("dev", license={"data": license_text}, secret=["license"])


def test_the_cluster_certificate_says_what_both_ends_need(dev: Performance, read: Read, today: datetime) -> None:
    """EC P-384, self-signed, no CA, for both usages and the one name, 1095 days; judged by its extensions."""
    it = x509.load_pem_x509_certificate(data(read(dev), "kong", "kong-cluster-cert")["tls.crt"])
    key = it.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP384R1)
    assert it.subject == it.issuer
    it.verify_directly_issued_by(it)
    extensions = it.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["kong_clustering"]
    assert it.subject.rfc4514_string() == "CN=kong_clustering"
    usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert set(usages.value) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    # An EC key doesn't encipher.
    assert not usage.value.key_encipherment
    assert (it.not_valid_before_utc, it.not_valid_after_utc) == (today, today + timedelta(days=1095))


def test_both_namespaces_have_the_same_pair(dev: Performance, read: Read) -> None:
    """As a TLS Secret under the name of Kong's guides; key and certificate belong together."""
    objects = read(dev)
    pairs = [data(objects, namespace, name) for namespace, name in CLUSTER.items()]
    assert pairs[0] == pairs[1]
    assert set(pairs[0]) == {"tls.crt", "tls.key"}
    for namespace, name in CLUSTER.items():
        secret = objects.get("Secret", namespace, name)
        assert secret is not None
        assert secret["type"] == "kubernetes.io/tls"


def test_both_namespaces_have_the_licence(dev: Performance, read: Read, license_text: str) -> None:
    """Under the key that the chart reads; a data plane without it would let requests pass."""
    for namespace in ("kong", "kong-dp"):
        assert data(read(dev), namespace, "kong-enterprise-license") == {"license": license_text.encode()}


def test_the_releases_fit_each_other(dev: Performance, values: Values) -> None:
    """The data plane asks for the Services that the control plane's release makes, the controller publishes its own."""
    control_plane, data_plane = values(dev, "kong-cp"), values(dev, "kong-dp")
    env = data_plane["env"]
    assert env["cluster_control_plane"] == "kong-cp-kong-cluster.kong.svc.cluster.local:8005"
    assert env["cluster_telemetry_endpoint"] == "kong-cp-kong-clustertelemetry.kong.svc.cluster.local:8006"
    assert control_plane["ingressController"]["env"]["publish_service"] == "kong-dp/kong-dp-kong-proxy"
    for release in (control_plane, data_plane):
        assert release["env"]["cluster_cert"] == "/etc/secrets/kong-cluster-cert/tls.crt"
        assert "kong-cluster-cert" in release["secretVolumes"]
        assert release["enterprise"] == {"enabled": True, "license_secret": "kong-enterprise-license"}


def test_only_one_release_brings_the_crds(dev: Performance) -> None:
    """The control plane's, where the ingress controller is."""
    assert resource(dev, "kong-cp", "Release").inputs.get("skipCrds") in (None, False)
    assert resource(dev, "kong-dp", "Release").inputs["skipCrds"] is True


def test_the_data_plane_comes_after_the_control_plane(dev: Performance) -> None:
    """It gets ready only with a configuration, which it has from there."""
    control_plane, data_plane = (resource(dev, name, "Release") for name in ("kong-cp", "kong-dp"))
    assert control_plane.urn in data_plane.dependencies
    assert data_plane.urn not in control_plane.dependencies


def kong_releases(performance: Performance) -> list[Resource]:
    """The gateway's releases; a stack may have cert-manager's as well."""
    releases = [it for it in performance.resources if it.type.endswith(":Release")]
    return [it for it in releases if it.inputs["chart"] == "kong"]


@pytest.mark.parametrize("variant", ["dev", "staging", "prod"])
def test_readers_come_after_what_they_read(rehearse: Run, license_text: str, variant: str) -> None:
    """Each release depends on every Secret and ConfigMap that its values name, and on its namespace."""
    performance = rehearse(variant, license={"data": license_text}, secret=["license"])
    made = {
        (str(wire.plain(it.inputs["metadata"])["namespace"]), str(wire.plain(it.inputs["metadata"])["name"])): it
        for it in performance.resources
        if it.type in ("kubernetes:core/v1:Secret", "kubernetes:core/v1:ConfigMap")
    }
    checked = 0
    for release in kong_releases(performance):
        namespace = str(wire.plain(release.inputs["namespace"]))
        texts = {str(value) for _, value, _ in wire.leaves(release.inputs["values"])}
        for (place, name), secret in made.items():
            if place == namespace and name in texts:
                assert secret.urn in release.dependencies, (release.name, name)
                checked += 1
        assert any(urn.endswith(f"Namespace::kong-{namespace}") for urn in release.dependencies)
    assert checked >= (2 if variant == "prod" else 4)


def test_every_object_of_a_namespace_comes_after_it(dev: Performance) -> None:
    """Or the API server refuses it."""
    for it in dev.resources:
        if not it.type.startswith("kubernetes:") or it.type.endswith(":Namespace"):
            continue
        assert any("Namespace::" in urn for urn in it.dependencies), it.name


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=1), timedelta(days=1)])
def test_an_unchanged_stack_changes_nothing(
    rehearse: Run, dev: Performance, license_text: str, later: timedelta
) -> None:
    """Whatever the clock says, as long as no certificate is due."""
    again = rehearse("dev", after=dev, license={"data": license_text}, secret=["license"], at=dev.at + later)
    assert [(step.name, step.op) for step in again.steps if step.op not in ("same", "read")] == []
    assert again.exports == dev.exports
    assert render(again, masked=False) == render(dev, masked=False)


def test_a_preview_right_after_says_no_change(rehearse: Run, dev: Performance, license_text: str) -> None:
    """With everything known."""
    preview = rehearse("dev", after=dev, preview=True, license={"data": license_text}, secret=["license"])
    assert not preview.changed


def test_the_exports_say_what_a_person_needs_next(dev: Performance, today: datetime) -> None:
    """Hosts, ports and dates; in clear, for nothing of it is secret."""
    exports = dev.exports
    assert exports["dataPlanes"] == {"dp": {"host": "kong-dp-kong-proxy.kong-dp.svc.cluster.local", "httpsPort": 443}}
    assert exports["clusterEndpoint"] == "kong-cp-kong-cluster.kong.svc.cluster.local:8005"
    assert exports["telemetryEndpoint"] == "kong-cp-kong-clustertelemetry.kong.svc.cluster.local:8006"
    assert exports["certificates"]["cluster"] == {
        "notBefore": f"{today:%Y-%m-%dT%H:%M:%SZ}",
        "notAfter": f"{today + timedelta(days=1095):%Y-%m-%dT%H:%M:%SZ}",
    }


def secrets_of(performance: Performance) -> set[str]:
    """Every text that nobody may see: content of Secrets, keys, and what is marked secret."""
    found: set[str] = set()
    for it in performance.resources:
        if "konghq.com/ca-cert" in ((wire.plain(it.inputs.get("metadata")) or {}).get("labels") or {}):
            continue  # a CA and its id in Kong, which plugins list: public, wherever they are kept
        for _, value, secret in [*wire.leaves(it.inputs), *wire.leaves(it.outputs)]:
            # A certificate is public, wherever it is kept.
            if not isinstance(value, str) or len(value) <= 5 or value.startswith("-----BEGIN CERTIFICATE-----"):
                continue
            if secret or wire.holds_private_key(value):
                found.add(value)
    return found


def test_nothing_secret_is_said(dev: Performance, license_text: str) -> None:
    """Not in exports, messages, masked files or the run's own repr; and there are secrets to look for."""
    secrets = secrets_of(dev)
    assert license_text in secrets
    assert any("PRIVATE KEY" in secret for secret in secrets)
    assert any(re.fullmatch(r"[A-Za-z0-9]{32}", secret) for secret in secrets), "the database's password"
    said = [json.dumps(dev.exports), repr(dev), *(message.text for message in dev.messages)]
    said += render(dev, masked=True).values()
    for text in said:
        assert "PRIVATE KEY" not in text
        for secret in secrets:
            assert secret not in text
            assert json.dumps(secret)[1:-1] not in text


def test_every_key_and_password_is_secret_to_the_engine(dev: Performance) -> None:
    """Going in and coming out: what isn't marked would be in the state in clear."""
    for it in dev.resources:
        if it.type.endswith(":Secret"):
            assert all(secret for _, _, secret in wire.leaves(it.inputs["stringData"])), it.name
        for side in (it.inputs, it.outputs):
            for path, value, secret in wire.leaves(side):
                if wire.holds_private_key(value) and not it.type.startswith("tls:index/privateKey"):
                    assert secret, (it.name, path)


def test_release_values_show_no_secret(dev: Performance, license_text: str) -> None:
    """They name Secrets; what is in them stays there, so that `helm get values` shows nothing."""
    for it in dev.resources:
        if it.type.endswith(":Release"):
            text = str(wire.plain(it.inputs["values"]))
            for secret in secrets_of(dev) - {"kong-mtls"}:
                assert secret not in text


def test_pod_annotations_give_nothing_away(dev: Performance, values: Values, license_text: str) -> None:
    """A digest of a short password could be guessed: its mark is random. That of the certificate is its digest."""
    annotations = values(dev, "kong-cp")["podAnnotations"]
    marks = {key: value for key, value in annotations.items() if key.startswith("checksum/")}
    assert set(marks) >= {"checksum/cluster-cert", "checksum/license", "checksum/database-password"}
    digests = {
        algorithm(secret.encode()).hexdigest()
        for secret in secrets_of(dev)
        for algorithm in (hashlib.sha256, hashlib.sha1, hashlib.md5)
    }
    for key, mark in marks.items():
        assert not any(digest.startswith(mark) for digest in digests), key


@pytest.mark.parametrize("variant", ["dev", "staging", "prod"])
def test_a_first_preview_knows_everything_but_the_providers_work(
    rehearse: Run, license_text: str, variant: str
) -> None:
    """Same resources under the same names as the run itself; keys and PEMs unknown, names and hosts known."""
    keys: dict[str, Any] = {"license": {"data": license_text}, "secret": ["license"]}
    preview, run = rehearse(variant, preview=True, **keys), rehearse(variant, **keys)
    assert [it.urn for it in preview.resources] == [it.urn for it in run.resources]
    assert preview.exports["clusterEndpoint"] == run.exports["clusterEndpoint"]
    assert preview.exports["dataPlanes"] == run.exports["dataPlanes"]
    for it in kong_releases(preview):
        values = it.inputs["values"]
        unknown = {wire.dotted(path) for path, value, _ in wire.leaves(values) if isinstance(value, wire.Unknown)}
        assert unknown, it.name
        allowed = ("podAnnotations", "admin.tls.client.caBundle", "ingressController.env.kong_admin_ca_cert")
        assert all(path.startswith(allowed) for path in unknown), unknown


def test_oss_is_one_setting_away(rehearse: Run, read: Read, values: Values) -> None:
    """No licence, no telemetry, the open-source image; nothing else to change."""
    oss = rehearse("dev", edition="oss")
    objects = read(oss)
    assert not [it for it in objects.all("Secret") if "license" in it["metadata"]["name"]]
    assert ["enforcement 'listener'" in message.text for message in oss.messages] == [True]
    for release in ("kong-cp", "kong-dp"):
        it = values(oss, release)
        assert it["image"] == {"repository": "kong", "tag": "3.9"}
        assert "enterprise" not in it
        assert "clustertelemetry" not in it
        assert not [key for key in it["env"] if "telemetry" in key]
    assert oss.exports["telemetryEndpoint"] == ""


def test_several_data_planes(rehearse: Run, read: Read, values: Values, license_text: str) -> None:
    """In namespaces of their own or in one; each namespace has licence and certificate once."""
    planes = [
        {"name": "public"},
        {"name": "internal", "proxy": {"service": {"type": "ClusterIP"}, "http": True}},
        {"name": "edge", "namespace": "edge"},
        {"name": "here", "namespace": "kong"},
    ]
    performance = rehearse("dev", dataPlanes=planes, license={"data": license_text}, secret=["license"])
    objects = read(performance)
    for namespace in ("kong", "kong-dp", "edge"):
        names = [it["metadata"]["name"] for it in objects.all("Secret") if it["metadata"]["namespace"] == namespace]
        assert names.count("kong-cluster-cert") == 1
        assert names.count("kong-enterprise-license") == 1
    assert sorted(it.name for it in objects.releases) == [
        "kong-cp",
        "kong-edge",
        "kong-here",
        "kong-internal",
        "kong-public",
    ]
    assert set(performance.exports["dataPlanes"]) == {"public", "internal", "edge", "here"}
    publish = values(performance, "kong-cp")["ingressController"]["env"]["publish_service"]
    assert publish == "kong-dp/kong-public-kong-proxy"


def test_namespaces_that_are_there_are_not_made(rehearse: Run, read: Read) -> None:
    """Nor deleted with the stack; everything still goes into them."""
    performance = rehearse(
        "dev",
        edition="oss",
        clientMtls={},
        sample={},
        controlPlane={"namespace": "gateway", "createNamespace": False},
        dataPlanes=[{"name": "dp", "namespace": "gateway-dp"}],
    )
    objects = read(performance)
    made = {it["metadata"]["name"] for it in objects.all("Namespace")}
    assert made & {"gateway", "gateway-dp", "kong", "kong-dp"} == {"gateway-dp"}
    assert {it.namespace for it in objects.releases} == {"gateway", "gateway-dp"}
    assert objects.get("Secret", "gateway", "kong-cluster-cert") is not None
