"""Issuers that sign, that cannot yet, and that a CA of the rehearsal's own plays."""

from __future__ import annotations

import base64

import pytest

from kong_mtls.rehearsal import mint
from kong_mtls.rehearsal.standins import cert_manager_request as requests

from .certificates import HELPERS, chain, leaf, objects, secret
from .conftest import NOW, Program

PLAYED = "a CA of the rehearsal's own plays it"


def reasons(program: Program, text: str) -> dict[str, str]:
    """Why resources wait, by logical name."""
    done = program.write(HELPERS + text).run()
    return {urn.rpartition("::")[2]: reason for urn, reason in done.waiting.items()}


def test_missing_ca_secret(program: Program) -> None:
    """The issuer says so, and its leaf waits for it."""
    found = reasons(program, 'issuer("ca", ca={"secretName": "nowhere"})\ncertificate("leaf", "ca", "apps")\n')
    assert found == {
        "ca-ClusterIssuer": 'ErrGetKeyPair: Error getting keypair for CA issuer: secrets "nowhere" not found in '
        "namespace cert-manager",
        "apps-leaf-Certificate": "DoesNotExist: Issuing certificate as Secret does not exist (IssuerNotReady: "
        'ClusterIssuer "ca": ErrGetKeyPair: Error getting keypair for CA issuer: secrets "nowhere" not found in '
        "namespace cert-manager)",
    }


def test_cluster_issuer_reads_one_namespace(program: Program) -> None:
    """A ClusterIssuer does not see a CA in another namespace than cert-manager's; an Issuer sees that of its own."""
    text = 'issuer("boot", selfSigned={})\ncertificate("ca", "boot", "apps", isCA=True)\n'
    found = reasons(program, text + 'issuer("ca", ca={"secretName": "ca"})\n')
    assert "not found in namespace cert-manager" in found["ca-ClusterIssuer"]
    assert reasons(program, text + 'issuer("ca", "Issuer", "apps", ca={"secretName": "ca"})\n') == {}
    assert "apps-ca-Issuer" not in reasons(program, text + 'issuer("ca", "Issuer", "other", ca={"secretName": "ca"})\n')
    assert "other-ca-Issuer" in reasons(program, text + 'issuer("ca", "Issuer", "other", ca={"secretName": "ca"})\n')


@pytest.mark.parametrize(
    ("release", "namespace"),
    [
        ('namespace="pki", values={}', "pki"),
        ('namespace="pki", values={"clusterResourceNamespace": "cas"}', "cas"),
        ('namespace="pki", values={"namespace": "inner"}', "inner"),
    ],
)
def test_cluster_resource_namespace(program: Program, release: str, namespace: str) -> None:
    """It is where cert-manager's release in the program says."""
    text = (
        f'k8s.helm.v3.Release("cm", chart="cert-manager", {release})\nissuer("boot", selfSigned={{}})\n'
        f'certificate("ca", "boot", "{namespace}", isCA=True)\nissuer("ca", ca={{"secretName": "ca"}})\n'
    )
    assert reasons(program, text) == {}


def test_ca_that_is_none(program: Program) -> None:
    """All that the CA issuer looks at is whether the certificate is a CA."""
    found = reasons(
        program,
        'issuer("boot", selfSigned={})\ncertificate("leaf", "boot")\nissuer("ca", ca={"secretName": "leaf"})\n',
    )
    assert found == {
        "ca-ClusterIssuer": "ErrInvalidKeyPair: Error getting keypair for CA issuer: certificate is not a CA"
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"tls.key": "x"}, "no certificate data for"),
        ({"tls.crt": "x"}, "no private key data for"),
        ({"tls.crt": "x", "tls.key": "y"}, "cannot be parsed"),
    ],
)
def test_damaged_ca_secret(program: Program, data: dict[str, str], reason: str) -> None:
    """A Secret of the program's own may be the CA's, if it holds one."""
    text = (
        f'k8s.core.v1.Secret("ca", metadata={{"name": "ca", "namespace": "cert-manager"}}, string_data={data})\n'
        'issuer("ca", ca={"secretName": "ca"})\n'
    )
    assert reason in reasons(program, text)["ca-ClusterIssuer"]


def test_ca_of_the_programs_own(program: Program) -> None:
    """An intermediate CA without its root signs; `ca.crt` is then the highest certificate that is known."""
    root = mint.issue("top", not_before=NOW, not_after=NOW.replace(year=2036), ca=True)
    middle = mint.issue("mid", not_before=NOW, not_after=NOW.replace(year=2035), ca=True, issuer=root)
    data = {"tls.crt": middle.cert_pem.decode(), "tls.key": middle.key_pem.decode()}
    done = program.write(
        HELPERS
        + f'k8s.core.v1.Secret("ca", metadata={{"name": "ca", "namespace": "cert-manager"}}, string_data={data})\n'
        'issuer("ca", ca={"secretName": "ca"})\ncertificate("leaf", "ca", "apps")\n'
    ).run()
    held = secret(done, "leaf")
    assert held["ca.crt"] == middle.cert_pem.decode()
    assert [one.subject.rfc4514_string() for one in chain(held["tls.crt"])] == ["CN=leaf", "CN=mid"]


def test_broken_chain(program: Program) -> None:
    """Another certificate in the CA's Secret breaks all signing."""
    ca, other = (mint.issue(name, not_before=NOW, not_after=NOW.replace(year=2036), ca=True) for name in ("a", "b"))
    data = {"tls.crt": ca.cert_pem.decode(), "tls.key": ca.key_pem.decode(), "ca.crt": other.cert_pem.decode()}
    text = (
        f'k8s.core.v1.Secret("ca", metadata={{"name": "ca", "namespace": "cert-manager"}}, string_data={data})\n'
        'issuer("ca", ca={"secretName": "ca"})\ncertificate("leaf", "ca", "apps")\n'
    )
    assert "certificate chain is malformed or broken" in reasons(program, text)["apps-leaf-Certificate"]


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ('certificate("leaf", "mine", "apps")', "ClusterIssuer/mine", "is not in the program"),
        ('certificate("leaf", "mine", "apps", "Issuer")', "Issuer/apps/mine", "is not in the program"),
        (
            'certificate("leaf", "mine", "apps", "AWSPCAClusterIssuer", "awspca.cert-manager.io")',
            "AWSPCAClusterIssuer.awspca.cert-manager.io/mine",
            "is of a group that has no stand-in",
        ),
        (
            'issuer("mine", vault={"server": "https://v", "path": "pki/sign/kong", "auth": {"tokenSecretRef": '
            '{"name": "t", "key": "k"}}})\ncertificate("leaf", "mine", "apps")',
            "ClusterIssuer/mine",
            "is of type vault",
        ),
    ],
)
def test_played_issuers(program: Program, text: str, place: str, why: str) -> None:
    """An issuer that cannot be known is played, which every report of the stack says; its CA stays the same."""
    done = program.write(HELPERS + text).run()
    assert not done.waiting
    [message] = done.messages
    assert message.severity == "warning"
    assert message.text.startswith(f"{place} {why}: {PLAYED}")
    held = secret(done, "leaf")
    [certificate], [ca] = chain(held["tls.crt"]), chain(held["ca.crt"])
    certificate.verify_directly_issued_by(ca)
    assert ca.subject.rfc4514_string() == f"CN=rehearsal: {place}"
    again = program.run()
    assert again.messages == done.messages
    assert again.state.dump() == done.state.dump()
    more = program.write(
        HELPERS + text + '\ncertificate("second", **{**ARGS})\n'.replace("**{**ARGS}", call_of(text))
    ).run()
    assert secret(more, "second")["ca.crt"] == held["ca.crt"]


def call_of(text: str) -> str:
    """The arguments after the name in the last call of `text`."""
    return text.rpartition('certificate("leaf", ')[2].rstrip(")")


def test_acme_gives_no_ca(program: Program) -> None:
    """An ACME issuer's Secret has no `ca.crt`."""
    done = program.write(
        HELPERS + 'issuer("mine", acme={"server": "https://a", "privateKeySecretRef": {"name": "k"}})\n'
        'certificate("leaf", "mine", "apps")\n'
    ).run()
    assert sorted(secret(done, "leaf")) == ["tls.crt", "tls.key"]


def test_declared_issuers_are_not_played(program: Program) -> None:
    """Not even where the leaf comes first and is waited for."""
    text = 'certificate("leaf", "root", "apps", annotations={"pulumi.com/waitFor": "condition=Ready"})\nroot()\n'
    done = program.write(HELPERS + text).run()
    assert done.messages == ()
    leaf(done, "leaf").verify_directly_issued_by(leaf(done, "root", "cert-manager"))


REQUEST = """
import base64
class Request(pulumi.CustomResource):
    status: pulumi.Output
    def __init__(self, name, notes, issuer):
        super().__init__("kubernetes:cert-manager.io/v1:CertificateRequest", name, {{
            "apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest",
            "metadata": {{"name": name, "namespace": "apps", "annotations": notes}},
            "spec": {{"request": {request!r}, "usages": ["client auth"], "duration": "48h",
                     "issuerRef": {{"name": issuer, "kind": "ClusterIssuer", "group": "cert-manager.io"}}}},
            "status": None}}, None)
"""
WAITING = '{"pulumi.com/waitFor": "condition=Ready"}'


@pytest.fixture
def request_class() -> str:
    """The text of a class for CertificateRequests, with a request in it."""
    text = requests.request({"commonName": "remote", "usages": ["client auth"]}, mint.new_key())
    return HELPERS + REQUEST.format(request=base64.b64encode(text.encode()).decode())


def test_request_of_the_programs_own(program: Program, request_class: str) -> None:
    """Its certificate is an output, unknown in the first preview, and stays the same."""
    text = (
        request_class
        + f"""
root()
asked = Request("remote", {WAITING}, "root")
for key in ("certificate", "ca"):
    pulumi.export(key, asked.status.apply(lambda status, key=key: base64.b64decode(status[key]).decode()))
"""
    )
    planned = program.write(text).run(preview=True)
    assert repr(planned.exports["certificate"]) == "(known after up)"
    done = program.run()
    [certificate], [ca] = chain(done.exports["certificate"]), chain(done.exports["ca"])
    certificate.verify_directly_issued_by(ca)
    assert certificate.subject.rfc4514_string() == "CN=remote"
    assert ca == leaf(done, "root", "cert-manager")
    assert "CertificateRequest/apps/remote" in objects(done)
    again = program.run()
    assert again.exports == done.exports
    assert again.state.dump() == done.state.dump()
    assert program.run(preview=True).exports == done.exports


def test_request_that_nobody_waits_for(program: Program, request_class: str) -> None:
    """Without `waitFor` the engine reads the object back before anybody has signed it."""
    text = request_class + (
        'root()\npulumi.export("status", Request("remote", {}, "root").status.apply(lambda status: status))\n'
    )
    assert program.write(text).run().exports.get("status") is None


def test_self_signed_issuers_do_not_sign_requests(program: Program, request_class: str) -> None:
    """They would need the private key."""
    done = program.write(request_class + 'issuer("boot", selfSigned={})\nRequest("remote", {}, "boot")\n').run()
    [reason] = done.waiting.values()
    assert 'MissingAnnotation: Annotation "cert-manager.io/private-key-secret-name" missing' in reason
