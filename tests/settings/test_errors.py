"""Every mistake in a stack's configuration is named by its key, with its value and what is allowed."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

import settings
from kong_mtls import InputError
from kong_mtls.pki.x509 import certificates
from kong_mtls.rehearsal.mint import Minted, new_key
from settings import model

Load = Callable[..., settings.Settings]
Refused = Callable[..., list[str]]
Make = Callable[..., Minted]


def pair(minted: Minted, **given: Any) -> dict[str, Any]:
    """A certificate of the user's own, as configured."""
    return {"certificatePem": minted.cert_pem.decode(), "privateKeyPem": minted.key_pem.decode(), **given}


def only(problems: list[str]) -> str:
    """The one problem there is."""
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        # Unknown keys and fields.
        ({"editon": "oss"}, "editon: unknown key; allowed: edition, image, chart, license, cluster, "),
        ({"image": {"tags": "3.9"}}, "image.tags: unknown field; allowed: repository, tag, digest, pullSecrets"),
        ({"chart": {"wait_for_pods": True}}, "chart.wait_for_pods: unknown field; allowed: version, repository, path,"),
        (
            {"dataPlanes": [{"name": "a"}, {"name": "b", "pods": {"replica": 1}}]},
            "dataPlanes[1].pods.replica: unknown field; allowed: replicas, resources, autoscaling,",
        ),
        ({"dataPlanes": [{}]}, "dataPlanes[0].name: missing"),
        ({"database": {"passwordSecret": {}}}, "database.passwordSecret.name: missing"),
        # Wrong types.
        ({"cluster": "shared"}, "cluster: is no structured value; set its fields with `pulumi config set --path`"),
        ({"cluster": ["shared"]}, "cluster: a mapping is needed, not list"),
        ({"controlPlane": {"pods": 3}}, "controlPlane.pods: a mapping is needed, not int"),
        ({"dataPlanes": {"name": "dp"}}, "dataPlanes: input should be a valid list"),
        ({"dataPlanes": ["dp"]}, "dataPlanes[0]: a mapping is needed, not str"),
        ({"controlPlane": {"pods": {"replicas": "2"}}}, "controlPlane.pods.replicas: '2': input should be a valid int"),
        ({"controlPlane": {"pods": {"replicas": 1.5}}}, "controlPlane.pods.replicas: 1.5: input should be a valid int"),
        ({"chart": {"atomic": "yes"}}, "chart.atomic: 'yes': input should be a valid boolean"),
        ({"image": {"tag": 3.9}}, "image.tag: 3.9: input should be a valid string"),
        ({"image": {"pullSecrets": "pull"}}, "image.pullSecrets: 'pull': input should be a valid list"),
        # Closed sets.
        ({"edition": "community"}, "edition: 'community': input should be 'enterprise' or 'oss'"),
        ({"edition": ""}, "edition: '': input should be 'enterprise' or 'oss'"),
        ({"cluster": {"mtls": "mutual"}}, "cluster.mtls: 'mutual': input should be 'shared', 'pki' or 'pki_check_cn'"),
        (
            {"dataPlanes": [{"name": "dp", "proxy": {"service": {"type": "Ingress"}}}]},
            "dataPlanes[0].proxy: service type: 'Ingress' is not known; allowed: ClusterIP, NodePort, LoadBalancer",
        ),
        # Durations.
        ({"cluster": {"validityDays": 0}}, "cluster.validityDays: 0: input should be greater than or equal to 1"),
        ({"cluster": {"validityDays": "1 year"}}, "cluster.validityDays: '1 year': input should be a valid integer"),
        ({"cluster": {"validityDays": 40000}}, "cluster.validityDays: 40000: input should be less than or equal to"),
        ({"cluster": {"earlyRenewalDays": -1}}, "cluster.earlyRenewalDays: -1: input should be greater than or equal"),
        ({"chart": {"timeoutSeconds": 0}}, "chart.timeoutSeconds: 0 is no time to wait; allowed: 1 or more"),
        (
            {"cluster": {"validityDays": 90, "earlyRenewalDays": 90}},
            "cluster: renewed 90 days before its end but valid for 90 days only; the early renewal must be shorter",
        ),
        # The default of the other half counts too.
        ({"cluster": {"validityDays": 20}}, "cluster: renewed 30 days before its end but valid for 20 days only"),
        ({"cluster": {"earlyRenewalDays": 1095}}, "cluster: renewed 1095 days before its end but valid for 1095 days"),
        # Images.
        ({"image": {"tag": "latest"}}, "image.tag: 'latest' is no version; the chart reads the gateway's version"),
        ({"controlPlane": {"image": {"tag": "latest"}}}, "controlPlane.image.tag: 'latest' is no version"),
        ({"dataPlanes": [{"name": "dp", "image": {"tag": "x"}}]}, "dataPlanes[0].image.tag: 'x' is no version"),
        (
            {"image": {"digest": "sha256:0"}},
            "image.digest: 'sha256:0' is no digest; allowed: sha256: and 64 hex digits",
        ),
        (
            {"database": {"development": {"image": "postgres"}}},
            "database.development.image: 'postgres' floats; give a version, such as 'postgres:17.6'",
        ),
        ({"database": {"development": {"image": "a:5000/pg"}}}, "database.development.image: 'a:5000/pg' floats"),
        ({"database": {"development": {"image": "pg:latest"}}}, "database.development.image: 'pg:latest' floats"),
        (
            {"database": {"development": {"storage": "1 GB"}}},
            "database.development.storage: '1 GB' is no size; allowed: a number with Mi, Gi or Ti, such as '1Gi'",
        ),
        # Names.
        ({"controlPlane": {"releaseName": "a" * 35}}, f"controlPlane.releaseName: '{'a' * 35}' can't be used; allowed"),
        ({"dataPlanes": [{"name": "d" * 30}]}, f"dataPlanes[0].releaseName: 'kong-{'d' * 30}' can't be used; allowed"),
        ({"controlPlane": {"namespace": "Kong"}}, "controlPlane.namespace: 'Kong' can't be used; allowed are 1 to 63"),
        (
            {"dataPlanes": [{"name": "dp", "namespace": "a.b"}]},
            "dataPlanes[0].namespace: 'a.b' can't be used; allowed are 1 to 63 lower-case letters, digits and '-'",
        ),
        ({"cluster": {"existingSecret": "a.b"}}, "cluster.existingSecret: 'a.b' can't be used; allowed are 1 to 63"),
        (
            {"dataPlanes": [{"name": "dp", "serverCertificate": {"name": "a.b"}}]},
            "dataPlanes[0].serverCertificate.name: 'a.b' can't be used",
        ),
        # The database.
        ({"database": {}}, "database: needs host, or development for a small Postgres of its own"),
        ({"database": None}, "database: needs host, or development for a small Postgres of its own"),
        ({"database": {"development": {}, "host": "db", "port": 1}}, "database: development excludes host, port"),
        ({"database": {"host": "db"}}, "database: needs exactly one of password and passwordSecret"),
        (
            {"database": {"host": "db", "password": "x", "passwordSecret": {"name": "y"}}},
            "database: needs exactly one of password and passwordSecret",
        ),
        (
            {"database": {"host": "db", "password": "x", "tls": {}, "withoutTls": True}},
            "database: tls and withoutTls exclude each other",
        ),
        ({"database": {"host": "db", "password": "x", "port": 0}}, "database.port: 0 is no port; allowed: 1 to 65535"),
        (
            {"database": {"host": "db", "password": "x", "port": "5432"}},
            "database.port: '5432': input should be a valid",
        ),
        (
            {"database": {"host": "db", "password": "x", "tls": {"clientCertificate": {"name": "a_b"}}}},
            "database.tls.clientCertificate.name: 'a_b' can't be used",
        ),
        # Planes that share what each needs for itself.
        ({"dataPlanes": [{"name": "a"}, {"name": "a"}]}, "dataPlanes: two have the name 'a'; each needs its own"),
        (
            {"dataPlanes": [{"name": "a"}, {"name": "b", "releaseName": "kong-a"}]},
            "dataPlanes: another release has the name 'kong-a'; each needs its own",
        ),
        ({"dataPlanes": [{"name": "cp"}]}, "dataPlanes: another release has the name 'kong-cp'; each needs its own"),
        # Pods.
        ({"controlPlane": {"pods": {"replicas": 0}}}, "controlPlane.pods.replicas: 0 can't serve; allowed: 1 or more"),
        (
            {"dataPlanes": [{"name": "dp", "pods": {"autoscaling": {}}}]},
            "dataPlanes[0].pods.autoscaling: needs pods.resources.requests.cpu",
        ),
        # The chart.
        (
            {"chart": {"path": ".", "version": "3.4.1"}},
            "chart.path: a local chart has its own version; leave chart.repository and chart.version out",
        ),
        (
            {"chart": {"path": "/nowhere/kong"}},
            "chart.path: '/nowhere/kong' does not exist; needed: a chart's directory",
        ),
        # Values of the user's own.
        (
            {"controlPlane": {"values": {"env": {"role": "traditional"}}}},
            "controlPlane.values: can't be merged over the component's values:",
        ),
        (
            {"controlPlane": {"values": {"podAnnotation": {}}}},
            "controlPlane.values: the chart has no podAnnotation (did you mean podAnnotations?)",
        ),
        # The licence.
        ({"license": {"existingSecret": "it"}}, "license: edition 'oss' reads none; leave it out, or use edition 'ent"),
        (
            {"edition": "enterprise"},
            "license: edition 'enterprise' needs the licence: without it Enterprise plugins are",
        ),
        ({"edition": "enterprise", "license": {"data": "{"}}, "license.data: the licence is no JSON document; needed:"),
        (
            {"edition": "enterprise", "license": {"data": "[]"}},
            "license.data: the licence is no JSON document; needed:",
        ),
        (
            {"edition": "enterprise", "license": {"file": "/nowhere/license.json"}},
            "license.file: licence file '/nowhere/license.json': No such file or directory",
        ),
        ({"edition": "enterprise", "license": {"file": "/"}}, "license.file: licence file '/': Is a directory"),
        (
            {"edition": "enterprise", "license": {"existingSecret": "Not A Name"}},
            "license.existingSecret: 'Not A Name' can't be used; allowed are 1 to 63 lower-case letters",
        ),
        (
            {"edition": "enterprise", "license": {"existingSecret": "a", "data": "{}"}},
            "license: edition 'enterprise' needs exactly one of data, file and existingSecret (given: data, existing",
        ),
    ],
)
def test_a_mistake_is_named(refused: Refused, given: dict[str, Any], problem: str) -> None:
    """In the configuration's own spelling, once, and nothing else with it."""
    found = refused(**given)
    assert found[0].startswith(problem)
    assert len(found) == 1 + found[0].endswith("values:")


def test_a_missing_licence_has_two_ways_out(refused: Refused) -> None:
    """Both as commands to copy."""
    problem = only(refused(edition="enterprise"))
    assert "requests pass" in problem
    assert "`pulumi config set --secret --path license.data < license.json`" in problem
    assert "`pulumi config set edition oss`" in problem


def test_a_licence_file_that_is_none(refused: Refused, tmp_path: Path) -> None:
    """Binary or no JSON; its content is not shown."""
    file = tmp_path / "license.json"
    file.write_bytes(b"\xff\xfes3cret")
    problem = only(refused(edition="enterprise", license={"file": str(file)}))
    assert problem == f"license.file: licence file {str(file)!r}: is no UTF-8 text"
    file.write_text("s3cret: true")
    problem = only(refused(edition="enterprise", license={"file": str(file)}))
    assert problem.startswith(f"license.file: licence file {str(file)!r}: the licence is no JSON document")
    assert "s3cret" not in problem


def test_everything_wrong_is_said_at_once(refused: Refused, make: Make) -> None:
    """One run, one message: to mend one mistake only to meet the next is tiring."""
    found = refused(
        edition="enterprise",
        image={"tag": "latest"},
        chart={"timeoutSeconds": -5},
        cluster=pair(make(), privateKeyPem="nonsense", validityDays=10, earlyRenewalDays=20),
        database={"host": "db"},
        controlPlane={"releaseName": "UPPER"},
        dataPlanes=[{"name": "a"}, {"name": "a", "pods": {"replicas": 0}}],
    )
    for part in (
        "license:",
        "image.tag:",
        "chart.timeoutSeconds:",
        "cluster: private",
        "cluster: renewed",
        "database:",
    ):
        assert [problem for problem in found if problem.startswith(part)], part
    for part in ("controlPlane.releaseName:", "dataPlanes: two have", "dataPlanes[1].pods.replicas:"):
        assert [problem for problem in found if problem.startswith(part)], part


def test_all_mistakes_of_form_are_said_at_once(refused: Refused) -> None:
    """What can't be read is said before what is read is judged."""
    found = refused(frob="x", image={"tags": 1}, chart={"atomic": 1}, dataPlanes=[{"name": 1}, {}])
    assert [problem.partition(":")[0] for problem in found] == [
        "frob",
        "image.tags",
        "chart.atomic",
        "dataPlanes[0].name",
        "dataPlanes[1].name",
    ]


CA: dict[str, Any] = {"generate": {}}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        # The cluster link under a CA.
        (
            {"cluster": {"mtls": "pki", "authority": {"generations": ["g1"], "issuing": "g2"}}},
            "cluster.authority: issuing 'g2' is not among the generations g1: what it issues would be trusted by",
        ),
        (
            {"cluster": {"mtls": "pki", "leaf": {"validityDays": 20}}},
            "cluster.leaf: renewed 30 days before its end but valid for 20 days only; the early renewal must be",
        ),
        (
            {"cluster": {"mtls": "pki", "remoteDataPlanes": [{"name": "far"}]}},
            "cluster.remoteDataPlanes: 'far' needs exactly one of stack and certificateRequestPem",
        ),
        (
            {
                "cluster": {
                    "mtls": "pki",
                    "remoteDataPlanes": [{"name": "f", "stack": "s", "certificateRequestPem": "x"}],
                }
            },
            "cluster.remoteDataPlanes: 'f' needs exactly one of stack and certificateRequestPem",
        ),
        # The gateway's own certificates.
        (
            {"serverCertificates": {"authority": {"generations": ["g1"], "issuing": "g2"}}},
            "serverCertificates.authority: issuing 'g2' is not among the generations g1",
        ),
        (
            {"serverCertificates": {"authority": {"key": "RSA-512"}}},
            "serverCertificates.authority.key: 'RSA-512' is not known; allowed: P-256, P-384, P-521, RSA-2048,",
        ),
        (
            {"serverCertificates": {"authority": {"validityDays": 100, "successorDays": 100}}},
            "serverCertificates.authority: a new generation is asked for 100 days before the end of one that is valid",
        ),
        (
            {"serverCertificates": {"leaf": {"validityDays": 5, "earlyRenewalDays": 5}}},
            "serverCertificates.leaf: renewed 5 days before its end but valid for 5 days only",
        ),
        (
            {"serverCertificates": {"leaf": {"validityDays": 400}}},
            "serverCertificates.leaf: valid for 400 days, but a CA issues until 365 days before its end "
            "(serverCertificates.authority.successorDays); a certificate must not outlive its CA",
        ),
        # Inner links.
        (
            {"admin": {"authority": {"generations": ["G"]}}},
            "admin.authority: generation 'G' can't be used; allowed: up",
        ),
        ({"admin": {"leaf": {"earlyRenewalDays": 90}}}, "admin.leaf: renewed 90 days before its end but valid for 90"),
        (
            {"database": {"development": {"authority": {"issuing": "g9"}}}},
            "database.development.authority: issuing 'g9' is not among the generations g1",
        ),
        (
            {"networkPolicies": {"remoteDataPlaneCidrs": ["10.0.0.0/33"]}},
            "networkPolicies.remoteDataPlaneCidrs: '10.0.0.0/33' is no CIDR",
        ),
        # Clients.
        (
            {"clientMtls": {"ca": {}}},
            "clientMtls.ca: one of generate, given and existing is needed: without a CA nobody",
        ),
        (
            {"clientMtls": {"ca": {"generate": {"validityDays": 30, "successorDays": 30}}}},
            "clientMtls.ca: generate: a new generation is asked for 30 days before the end of one that is valid for 30",
        ),
        (
            {"clientMtls": {"ca": {"generate": {"key": "DSA"}}}},
            "clientMtls.ca: generate.key: 'DSA' is not known; allowed: P-256, P-384, P-521, RSA-2048, RSA-3072, RSA-4",
        ),
        (
            {"clientMtls": {"ca": CA, "certificates": [{"name": "a", "leaf": {"validityDays": 1}}]}},
            "clientMtls.ca: certificates: a: renewed 30 days before its end but valid for 1 days only",
        ),
        (
            {"clientMtls": {"ca": CA, "certificates": [{"name": "a", "leaf": {"validityDays": 200}}]}},
            "clientMtls.ca: certificates: a: valid for 200 days, but a CA issues until 2920 hours before its end",
        ),
        ({"clientMtls": {"ca": CA, "namespace": "A B"}}, "clientMtls.namespace: 'A B' can't be used; allowed are 1 to"),
        (
            {"clientMtls": {"ca": CA, "enforcement": "all"}},
            "clientMtls.enforcement: 'all': input should be 'plugin' or",
        ),
        (
            {"sample": {"host": "echo.example"}},
            "sample: needs clientMtls: without it, whoever finds its route may use it",
        ),
        (
            {"clientMtls": {"ca": CA}, "sample": {"path": "/x"}},
            "sample.host: missing; by which host name is it called?",
        ),
        (
            {"clientMtls": {"ca": CA}, "sample": {"host": "echo.example", "image": "kong/go-echo"}},
            "sample.image: 'kong/go-echo' floats; give a version, such as",
        ),
        (
            {"clientMtls": {"ca": CA}, "sample": {"host": "echo.example", "image": "kong/go-echo:latest"}},
            "sample.image: 'kong/go-echo:latest' floats; give a version",
        ),
    ],
)
def test_a_mistake_of_another_link_is_named_too(refused: Refused, given: dict[str, Any], problem: str) -> None:
    """Also before the first resource: a program that stops in its middle leaves half a deployment."""
    found = refused(**given)
    assert [line for line in found if line.startswith(problem)], found


# Certificates of the user's own.


def test_a_good_pair_is_taken(load: Load, make: Make) -> None:
    """With PKCS#8 or the key's own form."""
    assert load(cluster=pair(make())).hybrid["cluster"]["certificate_pem"]


def test_half_a_pair(refused: Refused, make: Make) -> None:
    """Either half."""
    whole = pair(make())
    for key in whole:
        problem = only(refused(cluster={key: whole[key]}))
        assert problem == f"cluster: {key} alone is half a pair; give certificatePem and privateKeyPem"


def test_a_pair_beside_an_existing_secret(refused: Refused, make: Make) -> None:
    """One of them would be ignored."""
    problem = only(refused(cluster=pair(make(), existingSecret="it")))
    assert problem == "cluster: existingSecret and certificatePem exclude each other"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"certificatePem": "nonsense"}, "cluster: certificatePem: is no PEM certificate; needed: -----BEGIN CERT"),
        ({"privateKeyPem": "nonsense"}, "cluster: privateKeyPem: is no private key in PEM; needed: a block BEGIN"),
    ],
)
def test_a_pem_that_is_none(refused: Refused, make: Make, given: dict[str, Any], problem: str) -> None:
    """By its key, without its content."""
    found = only(refused(cluster=pair(make(), **given)))
    assert found.startswith(problem)
    assert "nonsense" not in found


def test_a_key_with_a_passphrase(refused: Refused, make: Make) -> None:
    """Kong reads it without one."""
    locked = make().key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"correct horse"),
    )
    problem = only(refused(cluster=pair(make(), privateKeyPem=locked.decode())))
    assert problem.startswith("cluster: privateKeyPem: has a passphrase")


def test_a_key_among_the_certificates(refused: Refused, make: Make) -> None:
    """It would go wherever the certificate goes, exports too."""
    both = make().cert_pem.decode() + make().key_pem.decode()
    problem = only(refused(cluster=pair(make(), certificatePem=both)))
    assert problem.startswith("cluster: certificatePem: holds a private key")
    assert "BEGIN" not in problem


def certificates_that_cannot_serve(make: Make, today: datetime) -> Iterator[tuple[Minted, str]]:
    """Each with what is wrong about it."""
    authority = make("CA", ca=True, dns_names=[], key=new_key())
    yield make(not_after=today - timedelta(hours=1)), "expired on 2026-11-21 11:00 UTC"
    yield make(not_before=today + timedelta(days=1)), "not valid before 2026-11-22 12:00 UTC"
    yield make(dns_names=["kong.example"]), "is for kong.example; needed: kong_clustering"
    yield make("other", dns_names=[]), "is for other; needed: kong_clustering"
    yield make(client=False), "its extended key usage lacks client_auth"
    yield make(server=False), "its extended key usage lacks server_auth"
    yield make(ca=True), "its key usage lacks digitalSignature"
    yield make(key=new_key("RSA-1024")), "its key is RSA 1024; needed: RSA 2048 or more, or EC"
    yield make(issuer=authority), "is not self-signed: in shared mode a data plane trusts exactly this certificate"


def test_a_certificate_that_cannot_serve(refused: Refused, make: Make, today: datetime) -> None:
    """Judged as of the day of the run, by what it says; everything about it in one message."""
    for minted, problem in certificates_that_cannot_serve(make, today):
        found = refused(cluster=pair(minted))
        assert found[0].startswith("cluster: the given certificate can't be used:")
        assert [line for line in found[1:] if line.startswith(problem)], (problem, found)


def test_a_key_of_another_certificate(refused: Refused, make: Make) -> None:
    """And an expired certificate in the same message."""
    other = make(key=new_key())
    found = refused(
        cluster=pair(make(not_after=make().cert.not_valid_before_utc), privateKeyPem=other.key_pem.decode())
    )
    assert found[1] == "cluster: privateKeyPem does not belong to the certificate"
    assert found[2].startswith("expired on ")


def test_the_certificate_of_kongs_guide_is_taken(load: Load, tmp_path: Path) -> None:
    """Made by the guide's own command: no alternative name, and a CA. It works, so it passes."""
    certificate, key = tmp_path / "cluster.crt", tmp_path / "cluster.key"
    command = (
        "openssl req -new -x509 -nodes -newkey ec:<(openssl ecparam -name secp384r1) "
        f"-keyout {key} -out {certificate} -days 1095 -subj /CN=kong_clustering"
    )
    made = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if made.returncode != 0:
        pytest.skip("no openssl command here")
    pem = certificate.read_text()
    made_on = certificates(pem, "it")[0].not_before  # by the machine's clock, which is not the day of the tests
    loaded = load(cluster={"certificatePem": pem, "privateKeyPem": key.read_text()}, day=made_on)
    assert loaded.hybrid["cluster"]["certificate_pem"] == pem


# Nothing secret is said.

SECRET = "hunter2-hunter2"


def secret_places(shape: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path of the models at which a secret belongs."""
    for inner in model._inside(shape):
        if inner is model.Secret:
            yield path
        elif isinstance(inner, type) and issubclass(inner, model.Model):
            for field in inner.model_fields.values():
                annotation = field.annotation
                step: tuple[Any, ...] = (field.alias,)
                step += (0,) if "list[" in str(annotation) else ()
                step += ("dp",) if "dict[" in str(annotation) else ()
                yield from secret_places(annotation, (*path, *step))


def nested(path: tuple[Any, ...], value: Any) -> Any:
    """The value at a path of mappings and lists."""
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


PLACES = [(key, place) for key, shape in settings._SECTIONS.items() for place in secret_places(shape)]


def test_the_secret_places_are_these() -> None:
    """A new one is found by itself; these are known."""
    assert {"license.data", "cluster.privateKeyPem", "database.password"} <= {
        ".".join(map(str, (key, *place))) for key, place in PLACES
    }


@pytest.mark.parametrize(("key", "place"), PLACES)
@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: [it], lambda it: {"x": it}, lambda it: {it: it}])
def test_a_secret_of_the_wrong_form_is_not_shown(
    load: Load, key: str, place: tuple[Any, ...], wrap: Callable[[str], Any]
) -> None:
    """Wherever one belongs, whatever was made of it."""
    message = ""
    try:
        load(**{"edition": "enterprise", key: nested(place, wrap(SECRET))})
    except InputError as error:
        message = str(error)
    assert SECRET not in message


@pytest.mark.parametrize("key", sorted(settings._SECTIONS))
@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps([SECRET]),
        json.dumps({"name": SECRET, "tag": [SECRET], "host": {"x": SECRET}, "validityDays": SECRET}),
        json.dumps({"license": {"payload": {"customer": SECRET}}}),
    ],
)
def test_a_key_that_is_secret_is_not_shown(load: Load, key: str, text: str) -> None:
    """`pulumi config set --secret license < license.json`, one level too high: the key is named, its value is not."""
    with pytest.raises(InputError) as error:
        load(**{"edition": "enterprise", key: text}, secret=[key])
    assert f"kong-mtls:{key}" in str(error.value)
    assert SECRET not in str(error.value)


def test_a_password_in_the_place_of_its_secrets_name_is_not_shown(load: Load) -> None:
    """A mapping is asked for, not given back; a text too long for a name is only counted."""
    licence = json.dumps({"license": {"payload": {"customer": SECRET, "more": "x" * 80}}})
    for given in (
        {"database": {"host": "db", "passwordSecret": SECRET}},
        {"edition": "enterprise", "license": {"existingSecret": licence}},
    ):
        with pytest.raises(InputError) as error:
            load(**given)
        assert SECRET not in str(error.value)
