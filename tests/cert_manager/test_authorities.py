"""CAs of cert-manager's in generations, from the user's own issuers, and lifetimes that can't work."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from kong_mtls.reader.manifests import secret_data
from kong_mtls.rehearsal.links import prove
from kong_mtls.rehearsal.mint import issue, new_key
from kong_mtls.rehearsal.stage import ProgramFailed
from tests.stacks import Stack

from .conftest import ISSUER, Run, ran

CLUSTER = "kong-mtls:cluster"
CERT_MANAGER = "kong-mtls:certManager"


def settings(**cluster: Any) -> dict[str, Any]:
    """Issuer cert-manager and a cluster link."""
    return {ISSUER: "cert-manager", CLUSTER: {"mtls": "pki", **cluster}}


def after(run: Run, root: Path, day: datetime) -> Stack:
    """The stack as a run has left it."""
    kept = dict(run.settings)
    return Stack(root, "dev", day, settings=kept, state=run.done.state)


def shown(run: Run, namespace: str, secret: str) -> list[x509.Certificate]:
    """The chain in a Secret of cert-manager's."""
    pem = secret_data(run.manifest("Secret", namespace, secret))["tls.crt"]
    assert pem is not None
    return x509.load_pem_x509_certificates(pem)


def trusted(run: Run, namespace: str, name: str) -> list[str]:
    """Subjects of a trust bundle."""
    pem = run.manifest("ConfigMap", namespace, name)["data"]["ca.crt"]
    return [it.subject.rfc4514_string() for it in x509.load_pem_x509_certificates(pem.encode())]


def all_hold(run: Run, day: datetime) -> bool:
    """Whether every link does."""
    return all(link.ok is not False for link in prove(run.objects, day))


def test_rotation(with_cert_manager: Run, root: Path, day: datetime) -> None:
    """Three updates: trust both, issue from the new one, drop the old one; leaves move with the second alone."""
    first, stack = with_cert_manager, after(with_cert_manager, root, day)
    both = ran(stack, settings(authority={"generations": ["g1", "g2"], "issuing": "g1"}))
    assert trusted(both, "kong-dp", "kong-cluster-ca-dp") == ["CN=kong cluster g1", "CN=kong cluster g2"]
    leaf = shown(first, "kong-dp", "kong-cluster-cert-dp-tls")
    assert shown(both, "kong-dp", "kong-cluster-cert-dp-tls") == leaf
    moved = ran(stack, settings(authority={"generations": ["g1", "g2"], "issuing": "g2"}))
    assert shown(moved, "kong-dp", "kong-cluster-cert-dp-tls")[0].issuer.rfc4514_string() == "CN=kong cluster g2"
    last = ran(stack, settings(authority={"generations": ["g2"], "issuing": "g2"}))
    assert trusted(last, "kong", "kong-cluster-ca-control-plane") == ["CN=kong cluster g2"]
    assert all(all_hold(run, day) for run in (first, both, moved, last))
    assert last.objects.get("ClusterIssuer", None, "kong-mtls-dev-kong-cluster-ca-g1") is None


def test_a_generation_never_changes(root: Path, day: datetime) -> None:
    """Another lifetime is for generations made later: cert-manager would sign the old one anew."""
    stack = Stack(root, "dev", day)
    first = ran(stack, settings(authority={"validityDays": 3650}))
    second = ran(stack, settings(authority={"validityDays": 1000, "successorDays": 300}))
    place = ("cert-manager", "kong-mtls-dev-kong-cluster-ca-g1")
    assert shown(first, *place) == shown(second, *place)
    assert second.done.op("kong-cluster-ca-g1", ":Certificate") == "same"


@pytest.mark.parametrize(
    ("path", "generations"),
    [
        (CLUSTER, {"mtls": "pki", "authority": {"generations": ["g2"]}}),
        ("kong-mtls:admin", {"authority": {"generations": ["g2"]}}),
        ("kong-mtls:database", {"development": {"storage": "1Gi", "authority": {"generations": ["g2"]}}}),
        ("kong-mtls:serverCertificates", {"authority": {"generations": ["g2"]}}),
        ("kong-mtls:clientMtls", {"ca": {"generate": {"generations": ["g2"]}}}),
        ("kong-mtls:upstreamMtls", {"serverCertificates": {"authority": {"generations": ["g2"]}}}),
        ("kong-mtls:upstreamMtls", {"clientCertificate": {"issue": {"authority": {"generations": ["g2"]}}}}),
    ],
)
@pytest.mark.parametrize("issuer", ["with_pulumi", "with_cert_manager"])
def test_jumps_are_refused(
    request: pytest.FixtureRequest, root: Path, issuer: str, path: str, generations: dict[str, Any]
) -> None:
    """Of every CA, whoever makes it: running peers trust no g2 yet, and still show what g1 has issued."""
    stack = after(request.getfixturevalue(issuer), root, request.getfixturevalue("day"))
    with pytest.raises(ProgramFailed, match="issues from 'g2', which no running peer trusts yet"):
        stack.up({path: generations})


def test_from_the_state_into_the_cluster(with_pulumi: Run, root: Path, day: datetime) -> None:
    """A generation from before the switch keeps its key, so that the link holds while it moves over."""
    first, stack = with_pulumi, after(with_pulumi, root, day)
    root_before = trusted(first, "kong-dp", "kong-cluster-ca-dp")
    moving = {"generations": ["g1", "g2"], "issuing": "g1", "keptInState": ["g1"]}
    both = ran(stack, settings(authority=moving))
    assert trusted(both, "kong-dp", "kong-cluster-ca-dp") == [*root_before, "CN=kong cluster g2"]
    assert both.done.op("kong-cluster-ca-g1", ":SelfSignedCert") == "same"
    moved = ran(stack, settings(authority={**moving, "issuing": "g2"}))
    assert shown(moved, "kong-dp", "kong-cluster-cert-dp-tls")[0].issuer.rfc4514_string() == "CN=kong cluster g2"
    last = ran(stack, settings(authority={"generations": ["g2"]}))
    assert all(all_hold(run, day) for run in (first, both, moved, last))


def test_intermediates(root: Path, day: datetime) -> None:
    """Leaves carry the intermediate along, peers trust the root alone."""
    run = ran(Stack(root, "dev", day), settings(authority={"intermediate": True}))
    chain = [it.subject.rfc4514_string() for it in shown(run, "kong-dp", "kong-cluster-cert-dp-tls")]
    assert chain == ["CN=dp.data-plane", "CN=kong cluster intermediate g1"]
    assert trusted(run, "kong-dp", "kong-cluster-ca-dp") == ["CN=kong cluster g1"]
    assert all_hold(run, day)


def test_another_key_generation(with_cert_manager: Run, root: Path, day: datetime) -> None:
    """New keys at once, in another Secret, which its readers move over to."""
    first = with_cert_manager
    second = ran(after(first, root, day), settings(leaf={"keyGeneration": "k2"}))
    old = shown(first, "kong-dp", "kong-cluster-cert-dp-tls")[0]
    new = shown(second, "kong-dp", "kong-cluster-cert-dp-tls-k2")[0]
    assert old.public_key() != new.public_key()
    release = next(it for it in second.objects.releases if it.name == "kong-dp")
    assert release.values["env"]["cluster_cert"] == "/etc/secrets/kong-cluster-cert-dp-tls-k2/tls.crt"
    assert all_hold(second, day)


def test_pods_roll_by_what_is_asked_for(with_cert_manager: Run, root: Path, day: datetime) -> None:
    """Where nobody restarts them: a certificate asked for anew changes the pods' checksum, once it is there."""
    stack = after(with_cert_manager, root, day)

    def checksum(run: Run) -> str:
        release = next(it for it in run.objects.releases if it.name == "kong-dp")
        return str(release.values["podAnnotations"]["checksum/cluster-cert"])

    first = checksum(with_cert_manager)
    assert checksum(ran(stack)) == first
    assert checksum(ran(stack, settings(leaf={"validityDays": 80}))) != first


def test_reloader_or_checksum(root: Path, day: datetime) -> None:
    """With Reloader the Deployment names the Secrets, and no checksum of theirs would roll the pods a second time."""
    run = ran(Stack(root, "dev", day), {**settings(), CERT_MANAGER: {"renewal": "reloader"}})
    release = next(it for it in run.objects.releases if it.name == "kong-dp")
    annotation = release.values["deploymentAnnotations"]["secret.reloader.stakater.com/reload"]
    assert annotation == "kong-cluster-cert-dp-tls,kong-server-cert-dp-tls"
    assert "checksum/cluster-cert" not in release.values["podAnnotations"]
    database = run.manifest("StatefulSet", "kong", "kong-postgres")
    assert "kong-postgres-cert-tls" in database["metadata"]["annotations"]["secret.reloader.stakater.com/reload"]
    echo = run.manifest("Deployment", "echo", "echo")
    assert "echo-tls-" in echo["metadata"]["annotations"]["secret.reloader.stakater.com/reload"]
    rules = {finding.rule for finding in _findings(run, day)}
    assert "trust-renewal-not-loaded" not in rules


def test_restart_is_in_the_report(with_cert_manager: Run, day: datetime) -> None:
    """Otherwise the audit names each certificate that would be renewed and not loaded."""
    found = [it for it in _findings(with_cert_manager, day) if it.rule == "trust-renewal-not-loaded"]
    assert {it.object for it in found} == {"Release/kong/kong-cp", "Release/kong-dp/kong-dp"}


def _findings(run: Run, day: datetime) -> list[Any]:
    from kong_mtls.audit import audit

    return audit(run.objects, day)


def test_approvals(root: Path, day: datetime) -> None:
    """With approver-policy each certificate has a policy for itself, and the warning about the CA goes."""
    changes = {**settings(), CERT_MANAGER: {"approverPolicy": {}}}
    run = ran(Stack(root, "dev", day), changes)
    policies = run.objects.all("CertificateRequestPolicy")
    assert len(policies) == len(run.objects.all("Certificate"))
    assert "cluster-anyone-issues" not in {finding.rule for finding in _findings(run, day)}
    assert not run.done.waiting
    leaf = next(it for it in policies if it["metadata"]["name"].endswith("kong-cluster-dp"))
    assert leaf["spec"]["selector"]["namespace"] == {"matchNames": ["kong-dp"]}
    assert leaf["spec"]["allowed"]["usages"] == ["digital signature", "client auth"]
    assert "isCA" not in leaf["spec"]["allowed"]


def authority(name: str, day: datetime) -> str:
    """A CA of the user's own."""
    made = issue(name, ca=True, not_before=day - timedelta(days=1), not_after=day + timedelta(days=3650))
    return made.cert_pem.decode()


def test_the_users_own_issuer(root: Path, day: datetime) -> None:
    """Leaves name it, peers trust its root, and nothing else is made for that link."""
    reference = {"name": "vault", "kind": "VaultIssuer", "group": "example.com"}
    issuers = {"g1": {**reference, "trustPem": authority("own", day)}}
    run = ran(Stack(root, "dev", day), settings(authority={"issuers": issuers}))
    spec = run.manifest("Certificate", "kong-dp", "kong-cluster-cert-dp-tls")["spec"]
    assert spec["issuerRef"] == reference
    assert trusted(run, "kong-dp", "kong-cluster-ca-dp") == ["CN=own"]
    assert run.objects.get("ClusterIssuer", None, "kong-mtls-dev-kong-cluster-ca-g1") is None
    # What it would really sign isn't known here: no handshake is played with a CA that peers wouldn't trust.
    found = {link.link: link.ok for link in prove(run.objects, day)}
    assert found.pop("cluster") is None
    assert set(found.values()) == {True}


def test_one_issuer_for_two_links(root: Path, day: datetime) -> None:
    """Refused by name, and by certificate under two names: any client could join as a data plane."""
    stack, pem = Stack(root, "dev", day), authority("own", day)
    issuers = {"g1": {"name": "vault", "trustPem": pem}}
    callers = {"ca": {"generate": {"issuers": issuers}}}
    with pytest.raises(ProgramFailed, match="any client could join as a data plane") as refused:
        stack.up({**settings(authority={"issuers": issuers}), "kong-mtls:clientMtls": callers})
    assert "cluster.authority.issuers: ClusterIssuer 'vault' is also that of clientMtls.ca.generate" in str(
        refused.value
    )
    other = {"ca": {"generate": {"issuers": {"g1": {"name": "other", "trustPem": pem}}}}}
    with pytest.raises(ProgramFailed, match=r"cluster.authority.issuers: the CA certificate [0-9a-f]{16}"):
        stack.up({**settings(authority={"issuers": issuers}), "kong-mtls:clientMtls": other})


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({"authority": {"validityDays": 60, "successorDays": 30}}, "a certificate must not outlive its CA"),
        ({"leaf": {"validityDays": 30, "earlyRenewalDays": 30}}, "must be shorter than the validity"),
        ({"authority": {"issuers": {"g9": {"name": "a", "trustPem": "x"}}}}, "issuers.g9.trustPem: is no PEM"),
        ({"authority": {"keptInState": ["g9"]}}, "keptInState: there is no generation 'g9'"),
    ],
)
def test_what_cant_work(root: Path, day: datetime, cluster: dict[str, Any], words: str) -> None:
    """Refused before anything is made, by the setting's name."""
    with pytest.raises(ProgramFailed) as refused:
        Stack(root, "dev", day).up(settings(**cluster))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({ISSUER: "openssl"}, "kong-mtls:issuer: 'openssl': input should be 'pulumi' or 'cert-manager'"),
        ({CERT_MANAGER: {"install": False}}, "certManager: is not used with issuer 'pulumi'"),
        ({ISSUER: "cert-manager", CERT_MANAGER: {"namePrefix": "No"}}, "certManager.namePrefix: 'No' can't be used"),
        ({ISSUER: "cert-manager", CERT_MANAGER: {"reloader": {}}}, "certManager.reloader: is only used with renewal"),
        ({ISSUER: "cert-manager", CERT_MANAGER: {"timeoutSeconds": 0}}, "certManager.timeoutSeconds"),
    ],
)
def test_settings_that_cant_be_used(root: Path, day: datetime, changes: dict[str, Any], words: str) -> None:
    """By key, value and what is allowed."""
    with pytest.raises(ProgramFailed) as refused:
        Stack(root, "dev", day).up(changes)
    assert words in str(refused.value)


def test_a_leaf_never_outlives_its_authority(root: Path, day: datetime) -> None:
    """Late in a generation's life an update refuses to ask for what cert-manager would sign all the same."""
    stack = Stack(root, "dev", day)
    short = settings(authority={"validityDays": 400, "successorDays": 200}, leaf={"validityDays": 90})
    stack.up(short)
    with pytest.raises(ProgramFailed, match=r"its CA 'kong (cluster|callers) g1' ends on .* add a new generation"):
        stack.up(at=day + timedelta(days=350))
    messages = [message.text for message in stack.preview(at=day + timedelta(days=250)).messages]
    assert any("CA 'kong cluster g1' ends on" in text and "add a new generation" in text for text in messages)


def test_a_remote_data_plane(root: Path, day: datetime) -> None:
    """Its signing request becomes a CertificateRequest, whose certificate the stack puts out; another key, another."""
    stack = Stack(root, "dev", day)

    def remote(generation: str = "1") -> dict[str, Any]:
        planes = [{"name": "west", "certificateRequestPem": REQUEST}]
        return settings(remoteDataPlanes=planes, leaf={"keyGeneration": generation})

    first = ran(stack, remote())
    pem = first.done.exports["dataPlaneCertificatePems"]["west"]
    leaf = x509.load_pem_x509_certificates(pem.encode())[0]
    assert leaf.subject.rfc4514_string() == "CN=west.data-plane"
    assert leaf.issuer.rfc4514_string() == "CN=kong cluster g1"
    assert leaf.public_key() == x509.load_pem_x509_csr(REQUEST.encode()).public_key()
    assert ran(stack).done.exports["dataPlaneCertificatePems"]["west"] == pem
    assert ran(stack, remote("2")).done.exports["dataPlaneCertificatePems"]["west"] != pem


def test_a_remote_data_plane_is_approved(root: Path, day: datetime) -> None:
    """Its request has a policy too, for its one name and nothing that a server or a CA could use."""
    planes = [{"name": "west", "certificateRequestPem": REQUEST}]
    run = ran(Stack(root, "dev", day), {**settings(remoteDataPlanes=planes), CERT_MANAGER: {"approverPolicy": {}}})
    policy = run.manifest("CertificateRequestPolicy", "", "kong-mtls-dev-kong-cluster-west")
    assert policy["spec"]["allowed"]["commonName"] == {"value": "west.data-plane", "required": True}
    assert policy["spec"]["allowed"]["usages"] == ["digital signature", "client auth"]


def _request(name: str) -> str:
    from cryptography.hazmat.primitives import hashes, serialization

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(new_key(), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


REQUEST = _request("west.data-plane")


def test_a_generation_that_is_another_certificate(with_cert_manager: Run, root: Path, day: datetime) -> None:
    """A CA whose Secret was deleted has another key: refused before anybody trusts it, and allowed when asked for."""
    name = "kong-mtls-dev-kong-cluster-ca-g1"
    state = with_cert_manager.done.state
    lost = {urn: it for urn, it in state.resources.items() if not urn.endswith("::kong-cluster-ca-g1")}
    assert len(lost) == len(state.resources) - 1
    stack = Stack(root, "dev", day, settings=dict(with_cert_manager.settings), state=replace(state, resources=lost))
    with pytest.raises(ProgramFailed, match="generation 'g1' is not the CA that was applied under this name"):
        stack.up()
    again = ran(stack, settings(skipSteps=True))
    assert shown(again, "cert-manager", name) != shown(with_cert_manager, "cert-manager", name)
    assert not stack.preview().changed


def test_the_issuer_in_one_step(with_pulumi: Run, root: Path, day: datetime) -> None:
    """It is allowed, with a word on what it costs and how it can be had without."""
    stack = after(with_pulumi, root, day)
    moved = ran(stack, settings())
    texts = [message.text for message in moved.done.messages]
    assert any("generation 'g1' came from 'pulumi' and is now made by 'cert-manager'" in text for text in texts)
    assert all_hold(moved, day)
    assert not any("came from" in message.text for message in ran(stack).done.messages)
