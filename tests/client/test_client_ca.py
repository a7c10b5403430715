"""CAs for client certificates: which are taken, what becomes of them, and what is refused with which reason."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pulumi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from kong_mtls.client_ca import ClientCa
from kong_mtls.pki.ids import ca_id
from kong_mtls.pki.x509 import certificates
from kong_mtls.reader.manifests import labels_of, secret_data
from kong_mtls.rehearsal.mint import issue
from kong_mtls.rehearsal.stage import ProgramFailed
from tests.client.conftest import MUTABLE, OTHER_UUID, UUID, Late, Mint, Outcome, Play, Stage, resolved

# `openssl req -x509 -sha1`, valid for a hundred years; the SDK that other certificates are made with can't sign so.
SHA1_ROOT = """-----BEGIN CERTIFICATE-----
MIIBcjCCARigAwIBAgIUY9PxyilL+OV++NuXZ71gJpN28fUwCQYHKoZIzj0EATAO
MQwwCgYDVQQDDANvbGQwIBcNMjYxMTIxMTIxODE0WhgPMjEyNjEwMjgxMjE4MTRa
MA4xDDAKBgNVBAMMA29sZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOB7fXN6
7jt7jV0HdahM0S780qjxeWrmdDusMD8O8Q4yJ/3DpgKuhKsCI76CmgXXYfPq1FMo
q2/kSVstT9sDhdujUzBRMB0GA1UdDgQWBBRkrTBSAJurIvvuof/CIw0IpoYqGTAf
BgNVHSMEGDAWgBRkrTBSAJurIvvuof/CIw0IpoYqGTAPBgNVHRMBAf8EBTADAQH/
MAkGByqGSM49BAEDSQAwRgIhALcff/BnZsADenf5OunzFOewnhDm+jq8F9TE+jBM
jm27AiEAw6GrsdrQ+mGZiBXlWdw2712znajCjtjFGlPDvqdB/JU=
-----END CERTIFICATE-----
"""


def ca(**arguments: Any) -> Callable[[], None]:
    """A program that makes one component, in the namespace `kong`."""

    def program() -> None:
        known: Any = {"namespace": "kong", **resolved(arguments)}
        made = ClientCa("callers", known)
        for output in ("ids", "trust_pem", "certificate_pems", "secret_names", "issuing"):
            pulumi.export(output, getattr(made, output))

    return program


def given(name: str, pem: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "certificate_pem": pem, **more}


def refused(stage: Stage, **arguments: Any) -> str:
    with pytest.raises(ProgramFailed) as error:
        stage(ca(**arguments))
    return str(error.value)


def test_a_generated_ca_is_a_secret_that_reaches_kong(play: Play) -> None:
    """Label, class, id and one certificate; CA:TRUE, keyCertSign, a year; the key stays out of the cluster."""
    outcome = play(ca(generate={"common_name": "callers", "organization": "Example", "country": "DE"}))
    assert outcome.failures() == []
    (authority,) = outcome.config.ca_certificates
    (secret,) = outcome.objects.all("Secret")
    assert labels_of(secret)["konghq.com/ca-cert"] == "true"
    assert secret["metadata"]["annotations"]["kubernetes.io/ingress.class"] == "kong"
    assert secret["metadata"]["namespace"] == "kong"
    assert set(secret_data(secret)) == {"id", "cert"}
    facts = certificates(authority.pem.decode(), "it")[0]
    assert facts.is_ca
    assert facts.key_usages is not None
    assert "key_cert_sign" in facts.key_usages
    assert (facts.not_after - facts.not_before).days == 365
    assert facts.key == "EC P-384"
    assert facts.subject == "CN=callers g1,O=Example,C=DE"
    assert authority.id == ca_id(facts)
    assert outcome.performance.exports["ids"] == [authority.id]


def test_the_guides_key_can_be_asked_for(play: Play) -> None:
    """RSA-4096, and the whole subject of Kong's guide."""
    subject = {
        "common_name": "www.example.com",
        "organization": "Kong",
        "organizational_unit": "Org",
        "locality": "San Francisco",
        "province": "California",
        "country": "US",
    }
    outcome = play(ca(generate={**subject, "key": "RSA-4096"}))
    facts = certificates(outcome.config.ca_certificates[0].pem.decode(), "it")[0]
    assert facts.key == "RSA 4096"
    parts = {"CN=www.example.com g1", "OU=Org", "O=Kong", "L=San Francisco", "ST=California", "C=US"}
    assert set(facts.subject.split(",")) == parts


def test_an_id_is_the_certificates_own_everywhere(play: Play, ca_pem: Callable[[str], str]) -> None:
    """The same in any namespace and component, and another one for another certificate."""

    def ids(pem: str, namespace: str) -> Any:
        return play(ca(namespace=namespace, given=[given("one", pem)])).performance.exports["ids"]

    assert ids(ca_pem("a"), "kong") == ids(ca_pem("a"), "elsewhere") != ids(ca_pem("b"), "kong")


def test_an_id_can_be_given(play: Play, ca_pem: Callable[[str], str]) -> None:
    """For a CA that is in Kong under another id already, generated ones too."""
    outcome = play(ca(given=[given("one", ca_pem("a"), id=UUID)]))
    assert [authority.id for authority in outcome.config.ca_certificates] == [UUID]
    outcome = play(ca(generate={"common_name": "callers", "ids": {"g1": OTHER_UUID}}))
    assert outcome.performance.exports["ids"] == [OTHER_UUID]


def test_a_bundle_is_split(play: Play, ca_pem: Callable[[str], str]) -> None:
    """One Secret each, whatever the order and the text around them; the same Secrets in any order."""
    pems = [ca_pem(name) for name in "abc"]
    outcome = play(ca(given=[given("all", "a bundle\n" + "\n".join(pems))]))
    assert outcome.failures() == []
    assert len(outcome.config.ca_certificates) == len(outcome.objects.all("Secret")) == 3
    again = play(ca(given=[given("all", "".join(reversed(pems)))]), after=outcome)
    assert not again.performance.changed


def test_a_ca_of_the_guides_openssl_command_is_taken(play: Play, today: datetime) -> None:
    """`openssl req -x509`: CA:TRUE without key usage, which means any."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "www.example.com")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(today).not_valid_after(today + timedelta(days=365))
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    from cryptography.hazmat.primitives import hashes, serialization

    pem = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    assert play(ca(given=[given("guide", pem)])).failures() == []


def test_existing_secrets_are_named_and_never_read(play: Play) -> None:
    """Nothing is made of them; their ids are among those that plugins list."""
    outcome = play(ca(existing=[{"name": "partner-ca", "id": UUID}]))
    assert outcome.objects.all("Secret") == []
    assert outcome.performance.exports["ids"] == [UUID]
    assert not [step for step in outcome.performance.steps if step.op == "read"]


def test_without_a_namespace_there_are_no_secrets(play: Play) -> None:
    """Where the listener verifies, nobody reads them; the certificates are put out all the same."""

    def program() -> None:
        made = ClientCa("callers", {"generate": {"common_name": "callers"}})
        pulumi.export("trust", made.trust_pem)

    outcome = play(program)
    assert outcome.objects.all("Secret") == []
    assert "BEGIN CERTIFICATE" in outcome.performance.exports["trust"]


def test_a_changed_ca_is_a_new_secret_before_the_old_one_goes(play: Play, ca_pem: Callable[[str], str]) -> None:
    """Given as text or as output: created or replaced under another name, never updated in place."""
    for wrap in (str, Late):
        first = play(ca(given=[given("one", wrap(ca_pem("a")))]), config=MUTABLE)
        second = play(ca(given=[given("one", wrap(ca_pem("b")))]), after=first, config=MUTABLE)
        steps = [step for step in second.performance.steps if step.type.endswith(":Secret")]
        assert {step.op for step in steps} in ({"create", "delete"}, {"replace"})
        assert not any(step.delete_first for step in steps)
        names = [one.objects.all("Secret")[0]["metadata"]["name"] for one in (first, second)]
        assert names[0] != names[1]


def test_a_rotation_has_two_side_by_side(play: Play) -> None:
    """A second generation is added, issues, and the first goes; the one that stays is never touched."""

    def ids(outcome: Outcome) -> set[str]:
        return {authority.id for authority in outcome.config.ca_certificates}

    def generations(*names: str, issuing: str | None = None) -> Callable[[], None]:
        rest = {"issuing": issuing} if issuing else {}
        return ca(generate={"common_name": "callers", "generations": list(names), **rest})

    first = play(generations("g1"))
    both = play(generations("g1", "g2"), after=first)
    issuing = play(generations("g1", "g2", issuing="g2"), after=both)
    last = play(generations("g2"), after=issuing)
    assert len(ids(both)) == 2
    assert ids(first) < ids(both) == ids(issuing) > ids(last)
    assert not ids(first) & ids(last)
    assert both.performance.op("callers-g1", ":Secret") == "same"
    assert last.performance.op("callers-g2", ":Secret") == "same"


def test_a_callers_certificate_is_under_the_ca(play: Play, ca_pem: Callable[[str], str]) -> None:
    """clientAuth, its names, within the CA's time; with the gateway's CA beside it; renewed by its issuer's change."""
    outcome = play(
        ca(
            generate={"common_name": "callers"},
            certificates=[{"name": "alice"}, {"name": "robot", "common_name": "r", "namespace": "jobs"}],
            server_trust_pem=ca_pem("servers"),
        )
    )
    by_place = {
        (one["metadata"]["namespace"], certificates(secret_data(one)["tls.crt"].decode(), "it")[0].common_name): one  # type: ignore[union-attr]
        for one in outcome.objects.all("Secret")
        if one.get("type") == "kubernetes.io/tls"
    }
    assert set(by_place) == {("kong", "alice"), ("jobs", "r")}
    data = secret_data(by_place["kong", "alice"])
    assert data["ca.crt"] == ca_pem("servers").encode()
    facts = certificates((data["tls.crt"] or b"").decode(), "it")[0]
    assert facts.extended_usages == frozenset({"client_auth"})
    assert facts.not_after < certificates(outcome.config.ca_certificates[0].pem.decode(), "ca")[0].not_after


def test_no_private_key_is_put_out(stage: Stage) -> None:
    """Neither by the component nor in a Secret: a CA's key is in the state alone."""
    done = stage(ca(generate={"common_name": "callers"}))
    for resource in done.resources:
        if not resource.custom or resource.type.endswith(":Secret"):
            assert "PRIVATE KEY" not in str(resource.outputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of generate, given and existing is needed"),
        ({"generate": {"common_name": "x", "generations": ["g1", "g1"]}}, "listed twice"),
        ({"generate": {"common_name": "x", "issuing": "g9"}}, "issuing 'g9' is not among"),
        ({"generate": {"common_name": "x", "ids": {"g7": UUID}}}, "there is no generation 'g7'"),
        ({"generate": {"common_name": "x", "ids": {"g1": "7"}}}, "'7' is no UUID"),
        ({"generate": {"common_name": "x", "validity_hours": 10, "successor_hours": 10}}, "must be less than"),
        ({"generate": {}}, "generate.common_name: missing"),
        ({"generate": {"common_name": "x", "key": "RSA-1024"}}, "'RSA-1024' is not known"),
        ({"existing": [{"name": "a", "id": "b"}]}, "'b' is no UUID"),
        ({"existing": [{"name": "a", "id": UUID}, {"name": "b", "id": UUID.upper()}]}, "is given twice"),
        ({"existing": [{"name": "a"}]}, "existing[0].id: missing"),
        ({"given": [{"name": "A b", "certificate_pem": "x"}]}, "'A b' can't be used"),
        ({"given": [{"name": "a", "certificate_pem": "x"}]}, "is no PEM certificate"),
        ({"certificates": [{"name": "a"}], "existing": [{"name": "a", "id": UUID}]}, "need a CA that is made here"),
        ({"certificates": [{"name": "a"}, {"name": "a"}], "generate": {"common_name": "x"}}, "'a' is listed twice"),
    ],
)
def test_what_cannot_be(stage: Stage, arguments: dict[str, Any], message: str) -> None:
    """Each named, with its value and what is allowed, before the first resource."""
    assert message in refused(stage, **arguments)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ({}, "is no CA: its basic constraints don't say CA:TRUE"),
        ({"ca": True, "late": True}, "not valid before"),
        ({"ca": True, "over": True}, "expired on"),
        ({"ca": True, "with_key": True}, "holds a private key"),
        ({"ca": True, "small": True}, "RSA 1024"),
        ({"ca": True, "no_sign": True}, "lacks keyCertSign"),
        ({"ca": True, "twice": True}, "is in it twice"),
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["text", "output"])
def test_certificates_that_are_refused(
    stage: Stage, bad_pem: Callable[[dict[str, Any]], str], kind: dict[str, Any], message: str, late: bool
) -> None:
    """A leaf, one out of date, a weak one, one with its key: the reason is said, given as text or as output."""
    if late and kind.get("twice"):
        message = "holds 2 certificates"  # two checks say so, whichever comes first
    pem = bad_pem(kind)
    text = refused(stage, given=[given("one", Late(pem) if late else pem)])
    assert message in text
    assert "PRIVATE KEY" not in text


@pytest.fixture(scope="session")
def bad_pem(today: datetime, small_rsa: rsa.RSAPrivateKey) -> Callable[[dict[str, Any]], str]:
    """A certificate with the faults that are asked for."""

    def make(kind: dict[str, Any]) -> str:
        day = timedelta(days=1)
        made = issue(
            "it",
            ca=kind.get("ca", False),
            not_before=today + day if kind.get("late") else today - 9 * day,
            not_after=today - day if kind.get("over") else today + 9 * day,
            key=small_rsa if kind.get("small") else None,
            key_usage=_usage_without_signing() if kind.get("no_sign") else None,
        )
        pem = made.cert_pem.decode() + (made.key_pem.decode() if kind.get("with_key") else "")
        return pem * (2 if kind.get("twice") else 1)

    return make


@pytest.mark.parametrize("wrap", [str, Late], ids=["text", "output"])
def test_a_root_signed_with_sha1_is_refused(stage: Stage, wrap: Callable[[str], Any]) -> None:
    """Nobody verifies a root's own signature; but whoever made it so issues with SHA-1 too."""
    assert "is signed with sha1, which peers refuse" in refused(stage, given=[given("old", wrap(SHA1_ROOT))])


def _usage_without_signing() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.mark.parametrize("wrap", [str, Late], ids=["text", "output"])
def test_one_certificate_under_two_names_is_refused(
    stage: Stage, ca_pem: Callable[[str], str], wrap: Callable[[str], Any]
) -> None:
    """Kong holds a certificate once."""
    pem = ca_pem("a")
    text = refused(stage, given=[given("one", wrap(pem)), given("two", wrap(pem))])
    assert "are the same certificate" in text


def test_an_intermediate_without_its_root_gets_a_warning(play: Play, mint: Mint) -> None:
    """OpenSSL trusts it only where the plugin says so; with its root beside it nothing is said."""
    root = mint("root", ca=True)
    below = mint("below", ca=True, issuer=root)
    alone = play(ca(given=[given("below", below.cert_pem.decode())]))
    assert ["allow_partial_chain" in message.text for message in alone.performance.messages] == [True]
    both = play(ca(given=[given("below", below.cert_pem.decode()), given("root", root.cert_pem.decode())]))
    assert both.performance.messages == ()
    assert both.failures() == []


def test_a_preview_knows_no_ids_and_is_content(stage: Stage, ca_pem: Callable[[str], str]) -> None:
    """Before the first run nothing of a generated CA is known, of given ones all is."""
    program = ca(generate={"common_name": "x"}, given=[given("one", ca_pem("a"))], certificates=[{"name": "alice"}])
    planned = stage(program, preview=True)
    done = stage(program)
    assert {step.name for step in planned.steps} == {step.name for step in done.steps}
    assert not stage(program, after=done, preview=True).changed
