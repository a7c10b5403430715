"""The cluster link under a CA: certificates by their extensions, steps by what they change."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from kong_mtls.pki.x509 import Facts, certificates, signed_by
from kong_mtls.reader.manifests import Objects, secret_data
from kong_mtls.rehearsal.links import LINKS
from kong_mtls.rehearsal.stage import ProgramFailed

from .conftest import CLUSTER, Stack, files


def pem_of(objects: Objects, namespace: str, name: str) -> list[Facts]:
    secret = objects.get("Secret", namespace, name)
    assert secret is not None, name
    text = secret_data(secret)["tls.crt"]
    assert text is not None
    return certificates(text.decode(), name)


def trusted(objects: Objects, namespace: str, name: str) -> list[Facts]:
    bundle = objects.get("ConfigMap", namespace, name)
    assert bundle is not None
    return certificates(bundle["data"]["ca.crt"], name)


def cluster_links(objects: Objects, at: datetime) -> dict[str | None, int]:
    """How many cases of the cluster link are right, wrong and unproved."""
    counts: dict[str | None, int] = {}
    for row in LINKS["cluster"](objects, at, lambda _: None):
        counts[str(row.ok)] = counts.get(str(row.ok), 0) + 1
    return counts


def test_certificates_of_both_ends(staging: Stack) -> None:
    """A P-384 CA; serverAuth with every name for the control plane; clientAuth and an own name for a data plane."""
    objects = files(staging.up())
    (root,) = trusted(objects, "kong", "kong-cluster-ca-control-plane")
    assert (root.key, root.is_ca, root.key_usages) == ("EC P-384", True, frozenset({"key_cert_sign", "crl_sign"}))
    (server,) = pem_of(objects, "kong", "kong-cluster-cert-control-plane")
    assert server.extended_usages == frozenset({"server_auth"})
    assert not server.is_ca
    assert {
        "kong-cp-kong-cluster.kong.svc.cluster.local",
        "kong-cp-kong-clustertelemetry.kong.svc.cluster.local",
        "kong-cp-kong-cluster",
        "kong_clustering",
    } <= set(server.dns_names)
    (client,) = pem_of(objects, "kong-dp", "kong-cluster-cert-dp")
    assert client.extended_usages == frozenset({"client_auth"})
    assert client.common_name == "dp.data-plane"
    assert signed_by(server, root)
    assert signed_by(client, root)
    assert client.not_after <= root.not_after
    key = client.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp384r1"


def test_an_intermediate_is_carried_along(staging: Stack, today: datetime) -> None:
    """With an intermediate CA each leaf comes with it, peers trust the root alone, and the links hold."""
    objects = files(staging.up({f"{CLUSTER}.authority.intermediate": True}))
    leaf, intermediate = pem_of(objects, "kong-dp", "kong-cluster-cert-dp")
    (root,) = trusted(objects, "kong-dp", "kong-cluster-ca-dp")
    assert root.path_length == 1
    assert intermediate.is_ca
    assert signed_by(leaf, intermediate)
    assert signed_by(intermediate, root)
    rows = cluster_links(objects, today)
    assert set(rows) == {"True"}


def test_adding_a_data_plane_touches_no_other(staging: Stack) -> None:
    """Everything made for the first data plane stays the same; the control plane stays too in pki mode."""
    staging.up()
    planes = [
        {"name": "dp", "proxy": {"service": {"type": "LoadBalancer"}}},
        {"name": "edge", "namespace": "kong-edge"},
    ]
    first = staging.up({"kong-mtls:dataPlanes": planes[:1]})
    second = staging.up({"kong-mtls:dataPlanes": planes})
    changed = {step.name for step in second.steps if step.op not in ("same", "read", "create")}
    # Its proxy is admitted to the control plane's ports; nothing else is touched.
    assert changed == {"kong-network-kong-cp"}
    assert {step.op for step in first.steps} >= {"same"}


def test_removing_a_data_plane_touches_no_other(staging: Stack) -> None:
    """The other data plane and the control plane stay as they are."""
    planes = [{"name": "dp"}, {"name": "edge", "namespace": "kong-edge"}]
    staging.up({"kong-mtls:dataPlanes": planes})
    done = staging.up({"kong-mtls:dataPlanes": planes[:1]})
    changed = {step.name for step in done.steps if step.op not in ("same", "read", "delete")}
    assert changed == {"kong-network-kong-cp"}
    assert all("edge" in step.name for step in done.steps if step.op == "delete")


def test_renewal_keeps_the_key_and_rolls_its_readers(staging: Stack, today: datetime) -> None:
    """Inside the early-renewal window an update renews the leaves with their keys, and rolls exactly both releases."""
    before = files(staging.up())
    later = staging.up(at=today + timedelta(days=61))
    changed = {(step.name, step.op) for step in later.steps if step.op not in ("same", "read")}
    assert ("kong-cluster-dp", "replace") in changed
    assert ("kong-cluster-control-plane", "replace") in changed
    assert {name for name, _ in changed} >= {"kong-cp", "kong-dp"}
    assert not any("key" in name or "-ca-" in name for name, _ in changed)
    (old,) = pem_of(before, "kong-dp", "kong-cluster-cert-dp")
    (new,) = pem_of(files(later), "kong-dp", "kong-cluster-cert-dp")
    assert new.not_after > old.not_after
    assert new.certificate.public_key() == old.certificate.public_key()


def test_a_new_key_only_when_asked_for(staging: Stack) -> None:
    """`keyGeneration` makes new keys for the leaves; the CA keeps its own."""
    before = files(staging.up())
    after = staging.up({f"{CLUSTER}.leaf.keyGeneration": "2"})
    (old,) = pem_of(before, "kong-dp", "kong-cluster-cert-dp")
    (new,) = pem_of(files(after), "kong-dp", "kong-cluster-cert-dp")
    assert new.certificate.public_key() != old.certificate.public_key()
    assert after.op("kong-cluster-ca-g1") == "same"


def test_a_generation_never_changes(staging: Stack) -> None:
    """A later setting of the CA applies to generations made later; the one in use stays."""
    staging.up()
    done = staging.up({f"{CLUSTER}.authority.validityDays": 2000})
    assert done.op("kong-cluster-ca-g1") == "same"
    assert done.op("kong-cluster-ca-g1-key") == "same"


@pytest.mark.parametrize(
    ("generations", "issuing", "message"),
    [
        (["g2"], "g2", "which no running peer trusts yet"),
        (["g1", "g2"], "g2", "which no running peer trusts yet"),
    ],
)
def test_a_jump_is_refused_before_anything_is_made(
    staging: Stack, generations: list[str], issuing: str, message: str
) -> None:
    """A step too far is found from the stack's own last outputs, and nothing of the new generation is made."""
    staging.up()
    assert staging.state is not None
    known = set(staging.state.resources)
    change = {f"{CLUSTER}.authority.generations": generations, f"{CLUSTER}.authority.issuing": issuing}
    with pytest.raises(ProgramFailed, match=message):
        staging.up(change)
    assert set(staging.state.resources) == known
    done = staging.up({**change, f"{CLUSTER}.skipSteps": True})
    assert done.op("kong-cluster-ca-g2") == "create"


def test_dropping_the_issuer_too_early_is_refused(staging: Stack) -> None:
    """The old generation can't go in the step in which the new one begins to issue."""
    staging.up()
    staging.up({f"{CLUSTER}.authority.generations": ["g1", "g2"], f"{CLUSTER}.authority.issuing": "g1"})
    with pytest.raises(ProgramFailed, match="drops 'g1', whose certificates running peers still show"):
        staging.up({f"{CLUSTER}.authority.generations": ["g2"], f"{CLUSTER}.authority.issuing": "g2"})


def test_a_leaf_never_outlives_its_ca(staging: Stack, today: datetime) -> None:
    """Near the CA's end a renewal is refused before it reaches a Secret; well before, runs ask for a successor."""
    done = staging.up()
    assert not any("ends on" in message.text for message in done.messages)
    warned = staging.up(at=today + timedelta(days=3650 - 300))
    assert any("CA 'kong cluster g1' ends on" in message.text for message in warned.messages)
    with pytest.raises(ProgramFailed, match=r"but its CA 'kong [a-z ]+ g1' ends on"):
        staging.up(at=today + timedelta(days=3650 - 10))


def test_common_names_are_checked_with_pki_check_cn(root: object, today: datetime, staging: Stack) -> None:
    """The control plane's list holds every data plane's common name, and another data plane is refused by it."""
    objects = files(staging.up({f"{CLUSTER}.mtls": "pki_check_cn"}))
    rows = LINKS["cluster"](objects, today, lambda _: None)
    assert {row.ok for row in rows} == {True}
    assert any("name" in row.case and row.observed == "refuse" for row in rows)


def request(common_name: str) -> str:
    """A signing request, as another stack puts it out."""
    from cryptography.hazmat.primitives import hashes, serialization

    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA384())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_a_remote_data_plane_is_signed_for(staging: Stack) -> None:
    """Its certificate is put out, under the CA, for the key of its request."""
    pem = request("far.data-plane")
    done = staging.up({f"{CLUSTER}.remoteDataPlanes": [{"name": "far", "certificateRequestPem": pem}]})
    made = certificates(done.exports["dataPlaneCertificatePems"]["far"], "far")[0]
    assert made.common_name == "far.data-plane"
    assert made.extended_usages == frozenset({"client_auth"})
    assert made.certificate.public_key() == x509.load_pem_x509_csr(pem.encode()).public_key()
    assert signed_by(made, certificates(done.exports["clusterTrustPem"], "ca")[0])


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        (request("dp.data-plane"), "asks for the common name 'dp.data-plane'; expected: 'far.data-plane'"),
        ("nonsense", "is no signing request in PEM"),
    ],
)
def test_a_wrong_request_is_refused(staging: Stack, pem: str, message: str) -> None:
    """One data plane can't ask for another's name."""
    with pytest.raises(ProgramFailed, match=message):
        staging.up({f"{CLUSTER}.remoteDataPlanes": [{"name": "far", "certificateRequestPem": pem}]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{CLUSTER}.mtls": "shared", f"{CLUSTER}.authority.generations": ["g1"]}, "authority is not used with mtls"),
        ({f"{CLUSTER}.validityDays": 10}, "validityDays is not used with mtls 'pki'"),
        ({f"{CLUSTER}.leaf.validityDays": 400}, "a certificate must not outlive its CA"),
        ({f"{CLUSTER}.leaf.validityDays": 30, f"{CLUSTER}.leaf.earlyRenewalDays": 30}, "must be shorter"),
        ({f"{CLUSTER}.authority.validityDays": 100}, "successorDays must be less than validityDays"),
        ({f"{CLUSTER}.authority.issuing": "g9"}, "issuing 'g9' is not among the generations"),
        ({"kong-mtls:edition": "oss", "kong-mtls:license": {}, f"{CLUSTER}.mtls": "pki_check_cn"}, "needs edition"),
        ({f"{CLUSTER}.allowedCommonNames": ["x"]}, "only checked with mtls 'pki_check_cn'"),
        ({"kong-mtls:dataPlanes": [{"name": "control-plane"}]}, "the name 'control-plane' is taken"),
        ({f"{CLUSTER}.migration": "leap"}, "migration"),
    ],
)
def test_settings_that_cannot_work(staging: Stack, changes: dict[str, object], message: str) -> None:
    """Each is refused by name before any resource."""
    with pytest.raises(ProgramFailed, match=message):
        staging.up(changes)
    assert staging.state is None
