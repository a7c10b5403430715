"""What the definitions and the webhooks of cert-manager and trust-manager refuse is refused, in their words."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest

from kong_mtls.rehearsal import mint
from kong_mtls.rehearsal.stage import ProgramFailed
from kong_mtls.rehearsal.standins import cert_manager_request as requests
from kong_mtls.rehearsal.standins.go_time import parse_duration, show_duration

from .certificates import HELPERS, objects
from .conftest import Program

WEBHOOK = 'admission webhook "webhook.cert-manager.io" denied the request: '


def refusal(program: Program, text: str, preview: bool = False) -> str:
    """The one message with which a program fails."""
    with pytest.raises(ProgramFailed) as failed:
        program.write(HELPERS + text).run(preview=preview)
    return str(failed.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('duration="59m"', "spec.duration: Invalid value: 59m0s: certificate duration must be greater than 1h0m0s"),
        ('duration="90d"', 'time: unknown unit "d" in duration "90d"'),
        (
            'duration="24h", renewBefore="24h"',
            "spec.renewBefore: Invalid value: 24h0m0s: certificate duration 24h0m0s must be greater than renewBefore",
        ),
        (
            'renewBefore="4m"',
            "spec.renewBefore: Invalid value: 4m0s: certificate renewBefore must be greater than 5m0s",
        ),
        (
            'renewBefore="6h", renewBeforePercentage=20',
            "renewBefore and renewBeforePercentage are mutually exclusive and cannot both be set",
        ),
        (
            'duration="1h", renewBeforePercentage=99',
            "certificate renewBeforePercentage must result in a renewBefore greater than 5m0s",
        ),
        (
            'duration="1h", renewBeforePercentage=0',
            "certificate renewBeforePercentage must result in a renewBefore less than duration",
        ),
        ("commonName='x' * 65", "spec.commonName: Too long: may not be more than 64 bytes"),
        ("commonName=None", 'spec: Invalid value: "": at least one of commonName'),
        ("secretName=''", "spec.secretName: Required value: must be specified"),
        ("secretName='A_b'", 'spec.secretName: Invalid value: "A_b": a lowercase RFC 1123 subdomain'),
        ("ipAddresses=['10.0.0']", 'spec.ipAddresses[0]: Invalid value: "10.0.0": invalid IP address'),
        ("emailAddresses=['A <a@b>']", 'spec.emailAddresses[0]: Invalid value: "A <a@b>": invalid email address'),
        ("otherNames=[{'oid': 'x', 'utf8Value': 'y'}]", 'spec.otherNames[0].oid: Invalid value: "x": invalid oid'),
        ("otherNames=[{'oid': '1.2.3'}]", "spec.otherNames[0].utf8Value: Required value"),
        (
            "privateKey={'algorithm': 'RSA', 'size': 1024}",
            "spec.privateKey.size: Invalid value: 1024: must be between 2048 and 8192 for rsa keyAlgorithm",
        ),
        ("privateKey={'size': 255}", 'spec.privateKey.size: Unsupported value: 255: supported values: "256", "384"'),
        (
            "signatureAlgorithm='SHA256WithRSA'",
            'spec.signatureAlgorithm: Invalid value: "SHA256WithRSA": for key algorithm ECDSA the allowed signature '
            "algorithms are [ECDSAWithSHA256 ECDSAWithSHA384 ECDSAWithSHA512]",
        ),
        ("revisionHistoryLimit=0", "spec.revisionHistoryLimit: Invalid value: 0: must not be less than 1"),
        (
            "secretTemplate={'annotations': {'cert-manager.io/x': 'y'}}",
            'spec.secretTemplate.annotations: Invalid value: "cert-manager.io/x": cert-manager.io/* annotations are',
        ),
        ("literalSubject='CN=x'", "When providing a `LiteralSubject` no `commonName` may be provided."),
        (
            "commonName=None, literalSubject='CN=x', subject={'organizations': ['y']}",
            "When providing a `LiteralSubject` no `Subject` properties may be provided.",
        ),
        ("commonName=None, literalSubject='x'", 'spec.literalSubject: Invalid value: "x"'),
        ("nameConstraints={'permitted': {'dnsDomains': ['x']}}", "isCa should be true when nameConstraints is set"),
        ("isCA=True, nameConstraints={'critical': True}", "either permitted or excluded must be set"),
        (
            "additionalOutputFormats=[{'type': 'DER'}, {'type': 'DER'}]",
            'spec.additionalOutputFormats[type]: Duplicate value: "DER"',
        ),
        (
            "renewal={'policy': 'Disabled', 'windows': [{'cron': '* * * * *', 'windowDuration': '1h'}]}",
            "windows cannot be set when `renewal.policy` is set to Disabled",
        ),
        ("renewal={'windows': []}", "spec.renewal.policy: Unsupported value"),
        ("issuerRef={'name': ''}", "spec.issuerRef.name: Required value: must be specified"),
        (
            "issuerRef={'name': 'x', 'kind': 'VaultIssuer'}",
            'spec.issuerRef.kind: Invalid value: "VaultIssuer": must be one of Issuer or ClusterIssuer (did you forget',
        ),
        (
            "issuerRef={'name': 'x', 'kind': 'VaultIssuer', 'group': 'cert-manager.io'}",
            'spec.issuerRef.kind: Invalid value: "VaultIssuer": must be one of Issuer or ClusterIssuer',
        ),
    ],
)
def test_webhook_on_certificates(program: Program, given: str, message: str) -> None:
    """A Certificate that the webhook refuses is named with the field and the reason."""
    said = refusal(program, f'certificate("leaf", "x", "apps", **dict({given}))\n')
    assert said.startswith(f'kubernetes:cert-manager.io/v1:Certificate "apps-leaf-Certificate": {WEBHOOK}')
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "given",
    [
        'duration="1h", renewBefore="59m"',
        'renewBefore="5m"',
        'renewBeforePercentage="20"[:0] or 20',
        "commonName='x' * 64",
        "commonName=None, uris=['spiffe://x']",
        "issuerRef={'name': 'x', 'kind': 'AWSPCAClusterIssuer', 'group': 'awspca.cert-manager.io'}",
        "otherNames=[{'oid': '1.3.6.1.4.1.311.20.2.3', 'utf8Value': 'a@b'}]",
        "renewal={'policy': 'RenewBefore'}",
    ],
)
def test_webhook_lets_pass(program: Program, given: str) -> None:
    """What is just within the limits is made."""
    done = program.write(HELPERS + f'certificate("leaf", "x", "apps", **dict({given}))\n').run()
    assert "Secret/apps/leaf" in objects(done)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{}", "spec: Required value: at least one issuer must be configured"),
        ("{'ca': {'secretName': 'x'}, 'selfSigned': {}}", "spec.selfSigned: Forbidden: may not specify more than one"),
        ("{'ca': {'secretName': ''}}", "spec.ca.secretName: Required value"),
        ("{'vault': {'server': '', 'path': 'x', 'auth': {}}}", "spec.vault.server: Required value"),
        (
            "{'acme': {'server': 'https://x', 'privateKeySecretRef': {'name': ''}}}",
            "private key secret name is a required",
        ),
        ("{'acme': {'server': '', 'privateKeySecretRef': {'name': 'x'}}}", "acme server URL is a required field"),
    ],
)
def test_webhook_on_issuers(program: Program, given: str, message: str) -> None:
    """An issuer is of exactly one type, with what that type needs."""
    said = refusal(program, f"issuer('x', **{given})\n")
    assert WEBHOOK in said
    assert message in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'certificate("leaf", "x", "apps", dnsName="y")',
            "Kind=Certificate): .spec.dnsName: field not declared in schema (did you mean .spec.dnsNames?)",
        ),
        ('certificate("leaf", "x", "apps", privateKey={"kind": "RSA"})', ".spec.privateKey.kind: field not declared"),
        ('certificate("leaf", "x", "apps", isCA="true")', ".spec.isCA: expected boolean, got str"),
        ('certificate("leaf", "x", "apps", dnsNames="y")', ".spec.dnsNames: expected list, got str"),
        ('certificate("leaf", "x", "apps", privateKey={"size": True})', ".spec.privateKey.size: expected integer"),
        (
            'certificate("leaf", "x", "apps", secretTemplate={"labels": {"a": 1}})',
            ".spec.secretTemplate.labels.a: expected string, got int",
        ),
        (
            'certificate("leaf", "x", "apps", usages=["server auth", "tls server"])',
            'Certificate.cert-manager.io "leaf" is invalid: spec.usages[1]: Unsupported value: "tls server"',
        ),
        (
            'certificate("leaf", "x", "apps", privateKey={"rotationPolicy": "Sometimes"})',
            'spec.privateKey.rotationPolicy: Unsupported value: "Sometimes": supported values: "Never", "Always"',
        ),
        ('certificate("leaf", "x", "apps", issuerRef={"kind": "Issuer"})', "spec.issuerRef.name: Required value"),
        ('issuer("x", ca={"secret": "y"})', "Kind=ClusterIssuer): .spec.ca.secret: field not declared in schema"),
        ('issuer("x", "Issuer", "apps", ca={})', 'Issuer.cert-manager.io "x" is invalid: spec.ca.secretName: Required'),
        (
            'made("Bundle", "x", None, {"source": []}, "trust.cert-manager.io/v1alpha1")',
            "Kind=Bundle): .spec.source: field not declared in schema (did you mean .spec.sources?)",
        ),
        (
            'made("CertificateRequestPolicy", "x", None, {"allowed": {"isCa": False}, "selector": {}}, '
            '"policy.cert-manager.io/v1alpha1")',
            "Kind=CertificateRequestPolicy): .spec.allowed.isCa: field not declared in schema",
        ),
    ],
)
def test_definitions(program: Program, text: str, message: str) -> None:
    """A field that the definition does not have, or not with such a value, is named."""
    assert message in refusal(program, text)


def test_previews_refuse_as_well(program: Program) -> None:
    """What can be judged is judged in a preview; what is unknown there is passed over."""
    wrong = 'certificate("leaf", "x", "apps", duration="1m")'
    assert "certificate duration must be greater than" in refusal(program, wrong, preview=True)
    text = 'certificate("leaf", tls.PrivateKey("k", algorithm="ED25519").id, "apps")'
    program.write(HELPERS + text).run(preview=True)


REQUEST = """
import base64
made("CertificateRequest", "remote", "apps", {{"request": {request!r}, "issuerRef": {{"name": "x"}}, {more}}})
"""


@pytest.mark.parametrize(
    ("request_text", "more", "message"),
    [
        ("", "", "spec.request: Required value: must be specified"),
        ("eA==", "", 'spec.request: Invalid value: "eA==": error decoding certificate request PEM block'),
        ("csr", "", "the KeyUsages [] do not match the expected KeyUsages [ 'digital signature', 'key encipherment' ]"),
        (
            "csr",
            '"usages": ["server auth"]',
            "[ 'client auth' ] do not match the expected ExtKeyUsages [ 'server auth' ]",
        ),
        ("csr", '"usages": ["client auth"], "isCA": True', "do not match the expected KeyUsages [ 'cert sign' ]"),
    ],
)
def test_webhook_on_requests(program: Program, request_text: str, more: str, message: str) -> None:
    """A request that cannot be read, or asks for something else than the object around it, is refused."""
    if request_text == "csr":
        text = requests.request({"commonName": "remote", "usages": ["client auth"]}, mint.new_key())
        request_text = base64.b64encode(text.encode()).decode()
    assert message in refusal(program, REQUEST.format(request=request_text, more=more))


def test_requests_do_not_change(program: Program) -> None:
    """The spec of a CertificateRequest is what it was; in a preview that is said as well."""
    texts = []
    for name in ("one", "two"):
        csr = requests.request({"commonName": name, "usages": ["client auth"]}, mint.new_key())
        encoded = base64.b64encode(csr.encode()).decode()
        texts.append(REQUEST.format(request=encoded, more='"usages": ["client auth"]'))
    program.write(HELPERS + texts[0]).run()
    for preview in (True, False):
        said = refusal(program, texts[1], preview=preview)
        assert "spec: Forbidden: cannot change spec after creation" in said


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("2160h", 7776000, "2160h0m0s"),
        ("1h30m", 5400, "1h30m0s"),
        ("1.5h", 5400, "1h30m0s"),
        ("90s", 90, "1m30s"),
        ("1500ms", 1.5, "1.5s"),
        ("-2m", -120, "-2m0s"),
        ("0", 0, "0s"),
        ("100ms", 0.1, "100ms"),
    ],
)
def test_durations(text: str, seconds: float, shown: str) -> None:
    """They are read and written as Go does it."""
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert show_duration(parse_duration(text)) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("h", 'time: invalid duration "h"'),
        ("12", 'time: missing unit in duration "12"'),
        ("1h2", 'time: missing unit in duration "1h2"'),
        ("3 h", 'time: unknown unit " h" in duration "3 h"'),
        ("1y", 'time: unknown unit "y" in duration "1y"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_no_durations(text: str, message: str) -> None:
    """What Go does not read is refused with its words."""
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_duration(text)
