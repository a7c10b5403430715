"""Each component by itself, as a team imports it; what it needs is given by name."""

import subprocess
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from kong_mtls import (
    ClusterCertificate,
    ControlPlane,
    ControlPlaneArgs,
    DataPlane,
    DataPlaneArgs,
    DevelopmentPostgres,
    ExternalDatabase,
    KongHybrid,
    License,
)
from kong_mtls.pki.x509 import certificates
from kong_mtls.reader.manifests import Objects, secret_data
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.mint import Minted, issue, new_key
from kong_mtls.rehearsal.stage import Performance, ProgramFailed

Run = Callable[..., Performance]
Read = Callable[[Performance], Objects]
Values = Callable[[Performance, str], dict[str, Any]]

CONTROL_PLANE: ControlPlaneArgs = {
    "namespace": "kong",
    "edition": "oss",
    "cluster": {"certificate": {"name": "there"}},
    "database": {"host": "db", "password_secret": {"name": "pg"}},
}
DATA_PLANE: DataPlaneArgs = {
    "namespace": "kong-dp",
    "edition": "oss",
    "control_plane": {"cluster_host": "cp.example.com", "cluster_port": 443},
    "cluster": {"certificate": {"name": "there"}},
}


def wrong(**given: Any) -> Any:
    """Arguments that a type checker would refuse: callers in plain Python have none."""
    return given


def refused(stage: Run, program: Callable[[], Any], **given: Any) -> str:
    """The one message with which a program is refused."""
    with pytest.raises(ProgramFailed) as error:
        stage(program, **given)
    return str(error.value)


def outputs(performance: Performance, kind: str) -> Mapping[str, Any]:
    """What the one component of that type puts out."""
    return next(it.outputs for it in performance.resources if it.type == f"kong-mtls:index:{kind}")


# Control plane and data plane.


def test_a_control_plane_alone_is_one_release(stage: Run, values: Values) -> None:
    """And its two hosts, for data planes elsewhere."""
    done = stage(
        lambda: ControlPlane("cp", {**CONTROL_PLANE, "edition": "enterprise", "license_secret": {"name": "l"}})
    )
    assert [it.type.rpartition(":")[2] for it in done.resources if it.custom] == ["Release"]
    assert values(done, "kong-cp")["secretVolumes"] == ["there"]
    assert outputs(done, "ControlPlane") == {
        "cluster_host": "kong-cp-kong-cluster.kong.svc.cluster.local",
        "telemetry_host": "kong-cp-kong-clustertelemetry.kong.svc.cluster.local",
        "release_name": "kong-cp",
    }


def test_a_data_plane_in_another_cluster(stage: Run, values: Values) -> None:
    """Host names and certificate as inputs, also as outputs of something else."""

    def program() -> None:
        host = pulumi.Output.from_input("cp.example.com")
        DataPlane("dp", {**DATA_PLANE, "control_plane": {"cluster_host": host, "cluster_port": 443}})

    done = stage(program)
    assert values(done, "kong-dp")["env"]["cluster_control_plane"] == "cp.example.com:443"
    assert outputs(done, "DataPlane")["proxy_https_port"] == 443


def test_two_of_a_kind_in_one_stack(stage: Run, read: Read) -> None:
    """Under two names they share nothing."""

    def program() -> None:
        for team in ("red", "blue"):
            ControlPlane(f"{team}-cp", {**CONTROL_PLANE, "namespace": team, "release_name": f"{team}-cp"})
            DataPlane(f"{team}-dp", {**DATA_PLANE, "namespace": team, "release_name": f"{team}-dp"})
            License(f"{team}-license", {"namespaces": {"it": team}, "data": "{}"})
            ClusterCertificate(f"{team}-cert", {"namespaces": {"it": team}})
            ExternalDatabase(f"{team}-db", {"namespace": team, "host": "db", "password": "x"})
            DevelopmentPostgres(f"{team}-pg", {"namespace": team})

    objects = read(stage(program))
    assert sorted(it.name for it in objects.releases) == ["blue-cp", "blue-dp", "red-cp", "red-dp"]
    certificate = [
        secret_data(it)["tls.crt"]
        for it in objects.all("Secret")
        if it["metadata"]["name"].startswith(("red-cert", "blue-cert"))
    ]
    assert len(certificate) == 2
    assert certificate[0] != certificate[1]


def test_two_deployments_in_one_stack(stage: Run, read: Read, mutable: Mapping[str, str]) -> None:
    """In namespaces and releases of their own, with fixed names; the second leaves the CRDs to the first."""

    def program() -> None:
        for team in ("red", "blue"):
            KongHybrid(
                team,
                {
                    "edition": "oss",
                    "database": {"development": {}},
                    "fixed_secret_names": True,
                    "control_plane": {
                        "namespace": team,
                        "release_name": f"{team}-cp",
                        "ingress_controller": {"ingress_class": team},
                        "skip_crds": team == "blue",
                    },
                    "data_planes": [{"name": "dp", "namespace": f"{team}-dp", "release_name": f"{team}-dp"}],
                },
            )

    objects = read(stage(program, config=mutable))
    assert len(objects.releases) == 4
    for team in ("red", "blue"):
        for namespace in (team, f"{team}-dp"):
            assert objects.get("Secret", namespace, "kong-cluster-cert") is not None
        assert objects.get("StatefulSet", team, "kong-postgres") is not None


def test_two_deployments_of_one_release_are_told_apart(stage: Run) -> None:
    """The second of the same names is refused, as Kubernetes and Helm would, naming what collides."""

    def program() -> None:
        for team in ("red", "blue"):
            KongHybrid(team, {"edition": "oss", "database": {"host": "db", "password_secret": {"name": "pg"}}})

    message = refused(stage, program)
    assert "already exists" in message or "still in use" in message


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (
            lambda: ControlPlane("cp", wrong()),
            'ControlPlane "cp": the arguments can\'t be used:\n  - namespace: missing',
        ),
        (
            lambda: ControlPlane("cp", wrong(**CONTROL_PLANE, relase_name="x")),
            "relase_name: unknown; did you mean 'relea",
        ),
        (lambda: ControlPlane("cp", {**CONTROL_PLANE, "edition": "x"}), "edition: 'x' is not known; allowed: enterpri"),
        (
            lambda: ControlPlane("cp", {**CONTROL_PLANE, "edition": "enterprise"}),
            "license_secret: edition 'enterprise'",
        ),
        (
            lambda: ControlPlane("cp", {**CONTROL_PLANE, "release_name": "a" * 35}),
            "cp: release_name: 'aaaaaaaaaaaaaaaa",
        ),
        (
            lambda: ControlPlane("cp", {**CONTROL_PLANE, "image": {"tag": "latest"}}),
            "image.tag: 'latest' is no version",
        ),
        (lambda: ControlPlane("cp", {**CONTROL_PLANE, "chart": {"timeout_seconds": 0}}), "chart.timeout_seconds: 0 is"),
        (
            lambda: ControlPlane("cp", {**CONTROL_PLANE, "values": {"env": {"role": "x"}}}),
            "ControlPlane \"cp\": values: can't be merged over the component's values:\n  - env.role: 'x' is refused",
        ),
        (
            lambda: ControlPlane("cp", {**CONTROL_PLANE, "values": {"replicas": 3}}),
            "cp: values that chart kong 3.4.1 doesn't have:\n  - replicas (did you mean replicaCount?)",
        ),
        (lambda: DataPlane("dp", wrong()), 'DataPlane "dp": the arguments can\'t be used:\n  - namespace: missing'),
        (lambda: DataPlane("dp", {**DATA_PLANE, "control_plane": wrong()}), "  - control_plane.cluster_host: missing"),
        (
            lambda: DataPlane("dp", {**DATA_PLANE, "cluster": {"certificate": {"name": "x"}, "mtls": "pki"}}),
            "cluster.trust: cluster.mtls 'pki' needs the CA certificates that the other end is under",
        ),
        (lambda: License("l", wrong()), 'License "l": the arguments can\'t be used:\n  - namespaces: missing'),
        (
            lambda: License("l", {"namespaces": {"a": "a"}}),
            'License "l": exactly one of data, file and existing_secret is needed; given: none',
        ),
        (
            lambda: License("l", {"namespaces": {"a": "a"}, "data": "{}", "existing_secret": "x"}),
            "exactly one of data, file and existing_secret is needed; given: data, existing_secret",
        ),
        (
            lambda: License("l", {"namespaces": {"a": "a"}, "data": "no"}),
            'License "l": the licence is no JSON document',
        ),
        (lambda: License("l", {"namespaces": {"a": "a"}, "file": "/nowhere"}), "licence file '/nowhere': No such file"),
        (
            lambda: License("l", {"namespaces": {"a": "a"}, "data": "{}", "secret_name": "A"}),
            "secret_name: 'A' can't be",
        ),
        (
            lambda: License("My_Licence", {"namespaces": {"a": "a"}, "data": "{}"}),
            "Secret named after its resource: 'My_Licence-a' can't be used; allowed are 1 to 54 lower-case",
        ),
        (
            lambda: ClusterCertificate("c", {"namespaces": {"n" * 60: "a"}}),
            f"Secret named after its resource: 'c-{'n' * 60}' can't be used; allowed are 1 to 54",
        ),
        (
            lambda: ClusterCertificate("c", {"namespaces": {}, "validity_hours": 24}),
            "c: renewed 720 hours before its end but valid for 24 hours only; the early renewal must be shorter",
        ),
        (
            lambda: ClusterCertificate("c", {"namespaces": {}, "certificate_pem": "x"}),
            'ClusterCertificate "c": private_key_pem is missing: a certificate of your own needs both',
        ),
        (
            lambda: ClusterCertificate("c", {"namespaces": {}, "private_key_pem": "s3cret"}),
            'ClusterCertificate "c": certificate_pem is missing: a certificate of your own needs both',
        ),
        (
            lambda: ExternalDatabase("d", {"namespace": "a", "host": "db"}),
            'ExternalDatabase "d": exactly one of password and password_secret is needed',
        ),
        (
            lambda: ExternalDatabase(
                "d", {"namespace": "a", "host": "db", "password": "x", "tls": {}, "without_tls": True}
            ),
            'ExternalDatabase "d": tls and without_tls exclude each other',
        ),
        (lambda: ExternalDatabase("d", wrong(namespace="a")), "  - host: missing"),
        (lambda: DevelopmentPostgres("p", {"namespace": "a", "image": "postgres"}), "image: 'postgres' floats; give a"),
        (
            lambda: DevelopmentPostgres("p", {"namespace": "a", "storage": "big"}),
            "storage: 'big' is no size; allowed: a",
        ),
        (lambda: DevelopmentPostgres("p", {"namespace": "a", "service_name": "P"}), "service_name: 'P' can't be used"),
        (lambda: KongHybrid("k", wrong()), 'KongHybrid "k": the arguments can\'t be used:\n  - database: missing'),
        (
            lambda: KongHybrid("k", {"database": {"development": {}}, "data_planes": [{"name": "a"}, {"name": "a"}]}),
            "  - license: edition 'enterprise' needs exactly one of data, file and existing_secret (given: none); with",
        ),
    ],
)
def test_a_mistake_is_one_message(stage: Run, program: Callable[[], Any], problem: str) -> None:
    """Naming component, argument, value and what is allowed; never a traceback, never a secret."""
    message = refused(stage, program)
    assert problem in message
    assert "Traceback" not in message
    assert "s3cret" not in message


def test_everything_wrong_with_a_deployment_is_one_message(stage: Run) -> None:
    """Both what is missing and what is there twice."""
    args: Any = {
        "database": {"host": "db"},
        "data_planes": [{"name": "a"}, {"name": "a"}],
        "image": {"tag": "latest"},
        "cluster": {"validity_hours": 1},
    }
    message = refused(stage, lambda: KongHybrid("k", args))
    assert message.count("\n  - ") == 5


# The licence.


def test_a_licence_goes_into_every_namespace(stage: Run, read: Read, license_text: str, tmp_path: Path) -> None:
    """From text or from a file, the same; secret either way."""
    file = tmp_path / "license.json"
    file.write_text(license_text)
    for source in ({"data": license_text}, {"file": str(file)}):
        args: Any = {"namespaces": {"cp": "kong", "dp": "kong-dp"}, **source}
        done = stage(lambda args=args: License("license", args))
        secrets = read(done).all("Secret")
        assert {it["metadata"]["namespace"] for it in secrets} == {"kong", "kong-dp"}
        assert all(secret_data(it) == {"license": license_text.encode()} for it in secrets)
        for it in done.resources:
            if it.type.endswith(":Secret"):
                assert all(secret for _, _, secret in wire.leaves(it.inputs["stringData"]))


def test_an_existing_licence_is_named_and_never_read(stage: Run) -> None:
    """Reading it would put it into the state."""
    done = stage(lambda: License("license", {"namespaces": {"cp": "kong"}, "existing_secret": "theirs"}))
    assert [it.type for it in done.resources] == ["kong-mtls:index:License"]
    assert outputs(done, "License")["secret_names"] == {"cp": "theirs"}


def test_a_secret_licence_is_judged_when_it_is_known(stage: Run) -> None:
    """An output that turns out to be no JSON is refused with the same one message, without its content."""

    def program() -> None:
        License("license", {"namespaces": {"cp": "kong"}, "data": pulumi.Output.secret("s3cret")})

    message = refused(stage, program)
    assert message.startswith('License "license": the licence is no JSON document')
    assert "s3cret" not in message


# The shared certificate.


def own(minted: Minted, **given: Any) -> Callable[[], ClusterCertificate]:
    """A program with a certificate of the user's own."""
    args: Any = {
        "namespaces": {"cp": "kong"},
        "certificate_pem": minted.cert_pem.decode(),
        "private_key_pem": minted.key_pem.decode(),
        **given,
    }
    return lambda: ClusterCertificate("cert", args)


@pytest.fixture(scope="session")
def like_the_guides(today: datetime) -> Minted:
    """What Kong's guide's openssl command makes: P-384, a CA by OpenSSL's defaults, no name but the common name."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    key = new_key("P-384")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kong_clustering")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today)
        .not_valid_after(today + timedelta(days=1095))
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Minted(certificate, key)


def test_the_guides_certificate_is_taken_with_two_warnings(stage: Run, read: Read, like_the_guides: Minted) -> None:
    """It works: OpenSSL falls back to the common name. What is worth changing is said."""
    done = stage(own(like_the_guides))
    secret = read(done).all("Secret")[0]
    assert secret_data(secret) == {"tls.crt": like_the_guides.cert_pem, "tls.key": like_the_guides.key_pem}
    assert [message.text for message in done.messages] == [
        'ClusterCertificate "cert": the certificate has no subject alternative name; its common name is used instead',
        'ClusterCertificate "cert": the certificate is a CA: its key could sign others; prefer one with CA:FALSE',
    ]
    assert outputs(done, "ClusterCertificate")["not_after"] == "2029-11-20T12:00:00Z"


def test_the_guides_own_command_makes_such_a_certificate(stage: Run, tmp_path: Path) -> None:
    """Kong docs, "Generate a certificate/key pair": taken as it is, wherever the command is there."""
    certificate, key = tmp_path / "cluster.crt", tmp_path / "cluster.key"
    command = (
        "openssl req -new -x509 -nodes -newkey ec:<(openssl ecparam -name secp384r1) "
        f"-keyout {key} -out {certificate} -days 1095 -subj /CN=kong_clustering"
    )
    made = subprocess.run(["bash", "-c", command], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if made.returncode != 0:
        pytest.skip("no openssl command here")
    args: Any = {
        "namespaces": {"cp": "kong"},
        "certificate_pem": certificate.read_text(),
        "private_key_pem": key.read_text(),
    }
    made_on = certificates(certificate.read_text(), "it")[0].not_before  # by the machine's clock
    done = stage(lambda: ClusterCertificate("cert", args), at=made_on)
    assert ["no subject alternative name" in it.text or "is a CA" in it.text for it in done.messages] == [True, True]


def test_a_clean_certificate_has_nothing_to_warn_of(stage: Run, today: datetime) -> None:
    """With the name as alternative name, and no CA."""
    clean = issue(
        "anything",
        not_before=today,
        not_after=today + timedelta(days=90),
        client=True,
        server=True,
        dns_names=["kong_clustering"],
    )
    done = stage(own(clean))
    assert done.messages == ()
    assert not [it for it in done.resources if it.type.startswith("tls:")]


@pytest.mark.parametrize("as_output", [False, True])
def test_a_wrong_pair_is_refused_whenever_it_is_known(
    stage: Run, like_the_guides: Minted, today: datetime, as_output: bool
) -> None:
    """At construction where it is plain, on the `up` where it is an output; the message shows nothing of the key."""
    other = issue("kong_clustering", not_before=today, not_after=today + timedelta(days=1), client=True, server=True)
    given: dict[str, Any] = {"private_key_pem": other.key_pem.decode()}

    def program() -> None:
        if as_output:
            given["private_key_pem"] = pulumi.Output.secret(other.key_pem.decode())
        own(like_the_guides, **given)()

    message = refused(stage, program)
    assert "private_key_pem does not belong to the certificate" in message
    assert "BEGIN" not in message
    assert "(masked)" not in message


def test_what_is_unknown_is_not_judged(stage: Run) -> None:
    """A preview with a certificate that another resource makes goes through."""

    def program() -> None:
        import pulumi_tls as tls

        key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P384")
        made = tls.SelfSignedCert(
            "made",
            private_key_pem=key.private_key_pem,
            subject={"common_name": "kong_clustering"},
            allowed_uses=["digital_signature", "server_auth", "client_auth"],
            validity_period_hours=24,
        )
        args: Any = {
            "namespaces": {"cp": "kong"},
            "certificate_pem": made.cert_pem,
            "private_key_pem": key.private_key_pem,
        }
        ClusterCertificate("cert", args)

    assert stage(program, preview=True).changed
    done = stage(program)
    assert ["no subject alternative name" in message.text for message in done.messages] == [True]


def test_an_existing_certificate_is_named_and_never_read(stage: Run) -> None:
    """Nothing is made, and no date is known."""
    done = stage(lambda: ClusterCertificate("cert", {"namespaces": {"cp": "kong"}, "existing_secret": "theirs"}))
    assert [it.type for it in done.resources] == ["kong-mtls:index:ClusterCertificate"]
    assert outputs(done, "ClusterCertificate") == {
        "secret_names": {"cp": "theirs"},
        "certificate_pem": "",
        "not_before": "",
        "not_after": "",
    }


# Databases.


def test_a_password_becomes_a_secret_of_its_own(stage: Run, read: Read) -> None:
    """Marked secret, under a name of Pulumi's."""
    done = stage(
        lambda: ExternalDatabase(
            "db", {"namespace": "kong", "host": "db", "password": pulumi.Output.secret("hunter2-x")}
        )
    )
    secret = read(done).all("Secret")[0]
    assert secret_data(secret) == {"password": b"hunter2-x"}
    assert outputs(done, "ExternalDatabase")["password_secret_name"] == secret["metadata"]["name"]


def test_an_existing_password_is_named(stage: Run) -> None:
    """Nothing is made."""
    done = stage(
        lambda: ExternalDatabase("db", {"namespace": "kong", "host": "db", "password_secret": {"name": "theirs"}})
    )
    assert not [it for it in done.resources if it.custom]


def test_a_development_postgres_is_the_official_image_with_a_volume(stage: Run, read: Read) -> None:
    """As a user of its own, with a random password and what is configured."""
    done = stage(lambda: DevelopmentPostgres("pg", {"namespace": "kong", "storage": "5Gi", "storage_class": "fast"}))
    objects = read(done)
    workload = objects.get("StatefulSet", "kong", "kong-postgres")
    assert workload is not None
    pod = workload["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "postgres:17.6"
    assert pod["securityContext"]["runAsNonRoot"] is True
    claim = workload["spec"]["volumeClaimTemplates"][0]["spec"]
    assert claim["resources"] == {"requests": {"storage": "5Gi"}}
    assert claim["storageClassName"] == "fast"
    environment = objects.get("ConfigMap", "kong", pod["containers"][0]["envFrom"][0]["configMapRef"]["name"])
    assert environment is not None
    mounts = {it["mountPath"]: it["name"] for it in pod["containers"][0]["volumeMounts"]}
    folder, _, key = environment["data"]["POSTGRES_PASSWORD_FILE"].rpartition("/")
    volume = next(it for it in pod["volumes"] if it["name"] == mounts[folder])
    secret = objects.get("Secret", "kong", volume["secret"]["secretName"])
    assert secret is not None
    password = secret_data(secret)[key]
    assert password is not None
    assert len(password) == 32
    assert password.decode() not in str(workload)


# What comes before.


def test_a_component_waits_for_what_it_is_told_to(stage: Run) -> None:
    """The engine doesn't hand a component's `depends_on` to its children: each of them has it by itself."""

    def program() -> None:
        import pulumi_kubernetes as kubernetes

        first = kubernetes.core.v1.ConfigMap("first", metadata={"name": "first"})
        after = pulumi.ResourceOptions(depends_on=[first])
        args: Any = {"edition": "oss", "database": {"development": {}}}
        KongHybrid("kong", args, after)
        License("license", {"namespaces": {"a": "a"}, "data": "{}"}, after)

    done = stage(program)
    first = next(it for it in done.resources if it.name == "first")
    by_urn = {it.urn: it for it in done.resources}

    def waits(urn: str) -> bool:
        return urn == first.urn or any(waits(it) for it in by_urn[urn].dependencies)

    missing = [it.name for it in done.resources if it.custom and not waits(it.urn)]
    assert missing == []


def test_children_hang_below_their_component(stage: Run) -> None:
    """With names from its own, so that two never collide and a rename is seen."""
    done = stage(lambda: KongHybrid("kong", {"edition": "oss", "database": {"development": {}}}))
    for it in done.resources:
        if it.custom:
            assert "kong-mtls:index:KongHybrid$" in it.urn, it.urn
            assert it.name.startswith("kong-")


def test_every_output_of_a_component_is_registered(stage: Run, license_text: str) -> None:
    """What is annotated on the class is what other languages get."""
    args: Any = {"license": {"data": license_text}, "database": {"development": {}}}
    done = stage(lambda: KongHybrid("kong", args))
    for kind in (KongHybrid, ControlPlane, DataPlane, License, ClusterCertificate, DevelopmentPostgres):
        annotated = {name for name in kind.__annotations__ if not name.startswith("_")}
        assert set(outputs(done, kind.__name__)) == annotated, kind.__name__


def test_generations_are_applied_once_the_releases_are(stage: Run) -> None:
    """A failed update leaves the last good outputs: what it did not bring to the pods isn't taken for there."""

    def program() -> None:
        kong = KongHybrid("kong", {"edition": "oss", "database": {"development": {}}, "cluster": {"mtls": "pki"}})
        read = {"cluster": kong.cluster_authority.apply(str), "others": kong.authorities.apply(str)}
        for name, value in read.items():
            kubernetes.core.v1.ConfigMap(name, metadata={"namespace": "default"}, data={"value": value})

    done = stage(program)
    releases = {it.urn for it in done.resources if it.type.endswith(":Release")}
    assert len(releases) == 2
    for name in ("cluster", "others"):
        reader = next(it for it in done.resources if it.name == name and it.type.endswith(":ConfigMap"))
        assert releases <= set(reader.property_dependencies["data"])
        assert "'g1'" in reader.inputs["data"]["value"]
