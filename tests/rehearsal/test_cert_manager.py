"""What cert-manager makes of Certificates, as was seen on the real one: one program, one test for each thing seen."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kong_mtls.rehearsal import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State

from .certificates import HELPERS, chain, leaf, objects, secret
from .conftest import NOW, PULUMI

PROGRAM = """
root()
certificate("middle", "root", isCA=True, duration="43800h", usages=["cert sign"])
issuer("middle", ca={"secretName": "middle"})
certificate("under-root", "root", "apps", usages=["digital signature", "server auth"])
certificate("under-middle", "middle", "apps", usages=["client auth", "digital signature"])
certificate("plain", "root", "apps", privateKey={"algorithm": None, "size": None})
certificate("sub-ca", "root", "apps", isCA=True)
certificate("curve", "root", "apps", privateKey={"size": None})
certificate("large", "root", "apps", privateKey={"size": 521, "encoding": "PKCS8"})
certificate("edwards", "root", "apps", privateKey={"algorithm": "Ed25519", "size": None})
certificate("rsa8", "root", "apps", privateKey={"algorithm": "RSA", "size": 2048, "encoding": "PKCS8"})
certificate("named", "root", "apps", dnsNames=["a.example", "*.b.example"], ipAddresses=["10.0.0.1", "::1"],
    uris=["spiffe://x/y"], emailAddresses=["a@b.example"], subject={"organizations": ["One, Inc.", "Two"],
    "organizationalUnits": ["Unit"], "countries": ["DE"], "localities": ["L"], "provinces": ["P"],
    "streetAddresses": ["S 1"], "postalCodes": ["12345"], "serialNumber": "7"})
certificate("nameless", "root", "apps", commonName=None, dnsNames=["only.example"])
certificate("literal", "root", "apps", commonName=None, literalSubject="CN=x,OU=y,O=z")
certificate("templated", "root", "apps", secretName="other", duration="1h30m", renewBefore="10m",
    secretTemplate={"labels": {"konghq.com/credential": "mtls"}, "annotations": {"a": "b"}},
    additionalOutputFormats=[{"type": "DER"}, {"type": "CombinedPEM"}])
certificate("local", "mine", "apps", kind="Issuer")
certificate("mine", "self-signed", "apps", isCA=True)
issuer("mine", "Issuer", "apps", ca={"secretName": "mine", "crlDistributionPoints": ["http://crl.example"],
    "ocspServers": ["http://ocsp.example"], "issuingCertificateURLs": ["http://ca.example"]})
certificate("alone", "self-signed", "apps")
certificate("long", "root", "apps", duration="175200h")
certificate("constrained", "root", "apps", isCA=True, nameConstraints={"critical": True,
    "permitted": {"dnsDomains": ["example"], "ipRanges": ["10.0.0.0/8"]}})
before = k8s.core.v1.Secret("before", metadata={"name": "before", "namespace": "apps"}, string_data={"x": "y"})
certificate("opaque", "root", "apps", secretName=before.metadata["name"])
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Performance:
    """One run with everything in it."""
    folder: Path = tmp_path_factory.mktemp("program")
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    (folder / "__main__.py").write_text(PULUMI + HELPERS + PROGRAM)
    return perform(folder, "dev", at=NOW, state=State("demo", "dev"))


def usages(certificate: x509.Certificate) -> tuple[set[str], list[x509.ObjectIdentifier]]:
    """Key usages and extended key usages."""
    bits = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    names = ("digital_signature", "key_encipherment", "key_cert_sign", "crl_sign", "data_encipherment")
    try:
        purposes = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        purposes = []
    return {name for name in names if getattr(bits, name)}, purposes


def test_everything_is_ready(done: Performance) -> None:
    """All issuers and certificates are, although leaves come before their issuers."""
    assert done.waiting == {}
    assert done.messages == ()


def test_secret_of_a_self_signed_root(done: Performance) -> None:
    """`tls.crt` and `ca.crt` are the same root."""
    data = secret(done, "root", "cert-manager")
    [root] = chain(data["tls.crt"])
    assert data["ca.crt"] == data["tls.crt"]
    assert root.issuer == root.subject
    assert sorted(data) == ["ca.crt", "tls.crt", "tls.key"]


def test_secret_of_an_intermediate_ca(done: Performance) -> None:
    """`tls.crt` is the intermediate only, `ca.crt` the root."""
    data = secret(done, "middle", "cert-manager")
    assert [one.subject.rfc4514_string() for one in chain(data["tls.crt"])] == ["CN=middle"]
    assert data["ca.crt"] == secret(done, "root", "cert-manager")["tls.crt"]


def test_secret_of_a_leaf_under_a_root(done: Performance) -> None:
    """`tls.crt` is the leaf only: the root is never appended; `ca.crt` is the root."""
    data = secret(done, "under-root")
    [certificate] = chain(data["tls.crt"])
    [root] = chain(data["ca.crt"])
    certificate.verify_directly_issued_by(root)


def test_secret_of_a_leaf_under_an_intermediate(done: Performance) -> None:
    """`tls.crt` is the leaf, then the intermediate; `ca.crt` is the root."""
    data = secret(done, "under-middle")
    certificate, middle = chain(data["tls.crt"])
    [root] = chain(data["ca.crt"])
    certificate.verify_directly_issued_by(middle)
    middle.verify_directly_issued_by(root)
    assert root == chain(secret(done, "root", "cert-manager")["tls.crt"])[0]


def test_usages_are_those_that_were_asked_for(done: Performance) -> None:
    """Nothing is added for a leaf, and the order of extended usages is kept."""
    assert usages(leaf(done, "under-root")) == ({"digital_signature"}, [ExtendedKeyUsageOID.SERVER_AUTH])
    assert usages(leaf(done, "under-middle")) == ({"digital_signature"}, [ExtendedKeyUsageOID.CLIENT_AUTH])


def test_usages_by_default(done: Performance) -> None:
    """Digital signature and key encipherment, no extended usage; a CA also signs certificates."""
    assert usages(leaf(done, "plain")) == ({"digital_signature", "key_encipherment"}, [])
    assert usages(leaf(done, "sub-ca")) == ({"digital_signature", "key_encipherment", "key_cert_sign"}, [])
    assert usages(leaf(done, "root", "cert-manager")) == ({"key_cert_sign", "crl_sign"}, [])


def test_basic_constraints(done: Performance) -> None:
    """They are always there and critical; no path length is ever written."""
    for name, ca in (("sub-ca", True), ("plain", False)):
        found = leaf(done, name).extensions.get_extension_for_class(x509.BasicConstraints)
        assert (found.critical, found.value.ca, found.value.path_length) == (True, ca, None)


def test_any_namespace_gets_a_sub_ca(done: Performance) -> None:
    """A ClusterIssuer signs CAs for whoever asks."""
    leaf(done, "sub-ca").verify_directly_issued_by(leaf(done, "root", "cert-manager"))


@pytest.mark.parametrize(
    ("name", "header", "kind", "size"),
    [
        ("plain", "RSA PRIVATE KEY", rsa.RSAPrivateKey, 2048),
        ("rsa8", "PRIVATE KEY", rsa.RSAPrivateKey, 2048),
        ("curve", "EC PRIVATE KEY", ec.EllipticCurvePrivateKey, 256),
        ("large", "PRIVATE KEY", ec.EllipticCurvePrivateKey, 521),
        ("edwards", "PRIVATE KEY", ed25519.Ed25519PrivateKey, None),
    ],
)
def test_keys(done: Performance, name: str, header: str, kind: type, size: int | None) -> None:
    """RSA 2048 and P-256 by default; PKCS#1, for EC SEC 1, unless PKCS#8 is asked for."""
    text = secret(done, name)["tls.key"]
    assert text.startswith(f"-----BEGIN {header}-----\n")
    key = load_pem_private_key(text.encode(), None)
    assert isinstance(key, kind)
    assert getattr(key, "key_size", None) == size
    assert leaf(done, name).public_key() == key.public_key()


def test_lifetime_by_default(done: Performance) -> None:
    """Ninety days from now on: nothing is backdated."""
    certificate = leaf(done, "plain")
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc == NOW + timedelta(hours=2160)


def test_leaf_outlives_its_ca(done: Performance) -> None:
    """The CA issuer signs it all the same."""
    assert leaf(done, "long").not_valid_after_utc > leaf(done, "root", "cert-manager").not_valid_after_utc


def test_names(done: Performance) -> None:
    """Every kind of alternative name and every part of the subject is written."""
    certificate = leaf(done, "named")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not names.critical
    assert names.value.get_values_for_type(x509.DNSName) == ["a.example", "*.b.example"]
    assert [str(one) for one in names.value.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "::1"]
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://x/y"]
    assert names.value.get_values_for_type(x509.RFC822Name) == ["a@b.example"]
    said = {one.oid: one.value for one in certificate.subject}
    assert said[NameOID.COMMON_NAME] == "named"
    assert said[NameOID.COUNTRY_NAME] == "DE"
    assert said[NameOID.SERIAL_NUMBER] == "7"
    organizations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert [one.value for one in organizations] == ["Two", "One, Inc."]  # a set, in the order of its encoding


def test_without_a_subject(done: Performance) -> None:
    """The alternative names are critical then."""
    certificate = leaf(done, "nameless")
    assert list(certificate.subject) == []
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_literal_subject(done: Performance) -> None:
    """It is taken as it is written."""
    assert leaf(done, "literal").subject.rfc4514_string() == "CN=x,OU=y,O=z"


def test_key_identifiers(done: Performance) -> None:
    """Only a CA says its own; what it signs names it, itself excepted."""
    root, certificate = leaf(done, "root", "cert-manager"), leaf(done, "under-root")
    own = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    above = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert above == own
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    with pytest.raises(x509.ExtensionNotFound):
        root.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


def test_secret_says_what_it_holds(done: Performance) -> None:
    """Type, label and annotations are cert-manager's."""
    item = objects(done)["Secret/apps/named"]
    assert item["type"] == "kubernetes.io/tls"
    assert item["metadata"]["labels"] == {"controller.cert-manager.io/fao": "true"}
    notes = {key.partition("/")[2]: value for key, value in item["metadata"]["annotations"].items()}
    assert notes == {
        "alt-names": "a.example,*.b.example",
        "certificate-name": "named",
        "common-name": "named",
        "email-sans": "a@b.example",
        "ip-sans": "10.0.0.1,::1",
        "issuer-group": "cert-manager.io",
        "issuer-kind": "ClusterIssuer",
        "issuer-name": "root",
        "subject-countries": "DE",
        "subject-localities": "L",
        "subject-organizations": 'Two,"One, Inc."',
        "subject-organizationalunits": "Unit",
        "subject-postalcodes": "12345",
        "subject-provinces": "P",
        "subject-serialnumber": "7",
        "subject-streetaddresses": "S 1",
        "uri-sans": "spiffe://x/y",
    }


def test_secret_template_and_formats(done: Performance) -> None:
    """Labels and annotations of the template are there, and the formats beside the PEM files."""
    item, data = objects(done)["Secret/apps/other"], secret_bytes(done, "other")
    assert item["metadata"]["labels"]["konghq.com/credential"] == "mtls"
    assert item["metadata"]["annotations"]["a"] == "b"
    assert data["tls-combined.pem"] == data["tls.key"] + b"\n" + data["tls.crt"]
    assert base64.b64encode(data["key.der"]) in data["tls.key"].replace(b"\n", b"")
    lifetime = chain(data["tls.crt"].decode())[0]
    assert lifetime.not_valid_after_utc - lifetime.not_valid_before_utc == timedelta(minutes=90)


def secret_bytes(done: Performance, name: str) -> dict[str, bytes]:
    """A Secret's data."""
    return {key: base64.b64decode(text) for key, text in objects(done)[f"Secret/apps/{name}"]["data"].items()}


def test_existing_secret_keeps_its_type(done: Performance) -> None:
    """A Secret that was there before gets the certificate, and stays of its type."""
    assert objects(done)["Secret/apps/before"]["type"] == "Opaque"


def test_issuer_reads_its_own_namespace(done: Performance) -> None:
    """An Issuer's CA lies beside it; what it says of revocation is in what it signs."""
    certificate = leaf(done, "local")
    certificate.verify_directly_issued_by(leaf(done, "mine"))
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [point.full_name[0].value for point in points if point.full_name] == ["http://crl.example"]
    assert [one.access_location.value for one in access] == ["http://ocsp.example", "http://ca.example"]


def test_self_signed_leaf(done: Performance) -> None:
    """It is its own CA as far as its Secret says."""
    data = secret(done, "alone")
    assert data["ca.crt"] == data["tls.crt"]


def test_name_constraints(done: Performance) -> None:
    """They are written for a CA that asks for them."""
    found = leaf(done, "constrained").extensions.get_extension_for_class(x509.NameConstraints)
    assert found.critical
    assert [str(one.value) for one in found.value.permitted_subtrees or ()] == ["example", "10.0.0.0/8"]


@pytest.mark.parametrize(
    ("name", "digest"), [("plain", "sha256"), ("under-root", "sha256"), ("alone", "sha256"), ("large", "sha256")]
)
def test_the_signers_key_chooses_the_hash(done: Performance, name: str, digest: str) -> None:
    """Not the certificate's own key: the root here has P-256."""
    algorithm = leaf(done, name).signature_hash_algorithm
    assert algorithm is not None
    assert algorithm.name == digest


def test_request_of_a_certificate(done: Performance) -> None:
    """The CertificateRequest is kept with what it was granted; there is nothing secret in it."""
    item = objects(done)["CertificateRequest/apps/under-root-1"]
    csr = x509.load_pem_x509_csr(base64.b64decode(item["spec"]["request"]))
    assert csr.subject.rfc4514_string() == "CN=under-root"
    assert base64.b64decode(item["status"]["certificate"]).decode() == secret(done, "under-root")["tls.crt"]
    assert base64.b64decode(item["status"]["ca"]).decode() == secret(done, "under-root")["ca.crt"]
    assert item["metadata"]["annotations"]["cert-manager.io/certificate-revision"] == "1"
    assert "PRIVATE" not in str(item)


def test_files(done: Performance) -> None:
    """The Secrets are in `cluster/` and only in clear; no private key is in what the program itself makes."""
    clear, masked = render.render(done, masked=False), render.render(done, masked=True)
    assert "cluster/secret-apps-under-root.yaml" in clear
    assert not any(name.startswith("cluster/") for name in masked)
    own = "".join(text for name, text in clear.items() if not name.startswith("cluster/"))
    assert "PRIVATE KEY" not in own
    assert base64.b64encode(b"-----BEGIN EC PRIVATE").decode()[:20] not in own


def test_second_run(done: Performance) -> None:
    """Nothing changes, and nothing is made anew."""
    again = perform(done.project.folder, "dev", at=NOW, state=done.state)
    assert not again.changed
    assert again.state.dump() == done.state.dump()
