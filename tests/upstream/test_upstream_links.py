"""What is emitted, proved by handshakes from the files alone; and that taking anything of it away shows."""

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pulumi_kubernetes as kubernetes
import pytest
import yaml

from kong_mtls import EchoSample, KongHybrid, UpstreamMtls
from kong_mtls.audit import audit
from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal.links import Link, upstream
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance
from tests.upstream.conftest import Mint, Stage

Texts = dict[str, str]

DATABASE: Any = {"host": "db.example", "password_secret": {"name": "pg"}}


def echo(route: dict[str, Any] | None = None, **given: Any) -> Callable[[], None]:
    """A program: the sample speaks TLS and demands the gateway's certificate; a data plane calls it."""

    def run() -> None:
        service = {"name": "echo", "namespace": "echo", "patch": False, **given}
        made = UpstreamMtls(
            "upstream",
            {
                "services": [service],  # type: ignore[list-item]
                "server_certificates": {"services": [{"name": "echo", "namespace": "echo"}]},
            },
        )
        sample = EchoSample(
            "echo",
            {
                "host": "echo.example.com",
                "tls": {
                    "certificate": made.server_refs["echo/echo"],
                    "gateway_trust": made.gateway_trust_refs["echo"],
                    "annotations": made.unpatched["echo/echo"],
                },
            },
        )
        annotations = {**sample.route["annotations"], **(route or {})}
        kubernetes.networking.v1.Ingress(
            "echo",
            metadata={"name": "echo", "namespace": "echo", "annotations": annotations},
            spec={**sample.route["spec"], "ingressClassName": "kong"},
        )
        KongHybrid("kong", {"edition": "oss", "database": DATABASE})

    return run


def texts_of(performance: Performance) -> Texts:
    return render(performance, masked=False)


def proved(texts: Texts, at: datetime) -> list[Link]:
    return upstream.prove(read_texts(texts), at)


def bad(rows: list[Link]) -> list[Link]:
    return [row for row in rows if row.ok is not True]


@pytest.fixture(scope="module")
def sample(stage: Stage) -> Texts:
    """Files of the sample as it stands."""
    return texts_of(stage(echo()))


def test_the_sample_and_the_gateway_prove_themselves_to_each_other(sample: Texts, today: datetime) -> None:
    """Every case, with the workload's own certificate and nginx configuration."""
    rows = proved(sample, today)
    assert bad(rows) == []
    assert {row.server for row in rows} == {"Service/echo/echo"}
    assert {row.case for row in rows} >= {
        "right pair",
        "no pair",
        "another CA's pair",
        "expired pair",
        "wrong name",
        "untrusted upstream",
        "chain longer than the depth",
        "own verification over none",
        "own pair over another",
    }
    assert [finding for finding in audit(read_texts(sample), today) if "echo" in finding.object] == []


def find(texts: Texts, kind: str, beginning: str) -> str:
    """The file of an object."""
    (path,) = [path for path in texts if path.startswith(f"manifests/{kind}-echo-{beginning}")]
    return path


def without(path: tuple[str, ...]) -> Callable[[Any], None]:
    """A change that takes a field away."""

    def change(document: Any) -> None:
        *parents, last = path
        for parent in parents:
            document = document[parent]
        del document[last]

    return change


def with_value(value: str, *path: str) -> Callable[[Any], None]:
    """A change that sets a field."""

    def change(document: Any) -> None:
        *parents, last = path
        for parent in parents:
            document = document[parent]
        document[last] = value

    return change


ANNOTATIONS = ("client-cert", "protocol", "tls-verify", "ca-certificates-configmaps", "host-header")


@pytest.mark.parametrize(
    ("kind", "beginning", "change"),
    [
        *[("service", "echo", without(("metadata", "annotations", f"konghq.com/{key}"))) for key in ANNOTATIONS],
        ("service", "echo", with_value("upstream-0", "metadata", "annotations", "konghq.com/client-cert")),
        ("service", "echo", with_value("HTTPS", "metadata", "annotations", "konghq.com/protocol")),
        ("service", "echo", with_value("yes", "metadata", "annotations", "konghq.com/tls-verify")),
        ("ingress", "echo", without(("metadata", "annotations", "konghq.com/preserve-host"))),
        ("configmap", "upstream-ca", without(("metadata", "labels"))),
        ("configmap", "upstream-ca", without(("data", "id"))),
        ("configmap", "upstream-ca", without(("data", "cert"))),
        ("secret", "upstream", without(("stringData", "tls.key"))),
        ("secret", "echo-tls", without(("stringData", "tls.crt"))),
        ("configmap", "kong-gateway-ca", without(("data", "ca.crt"))),
    ],
)
def test_whatever_is_taken_away_shows(
    sample: Texts, today: datetime, kind: str, beginning: str, change: Callable[[Any], None]
) -> None:
    """As a link that no longer holds, or as an error of the audit."""
    texts = copy.copy(sample)
    path = find(texts, kind, beginning)
    document = yaml.safe_load(texts[path])
    change(document)
    texts[path] = yaml.safe_dump(document)
    objects = read_texts(texts)
    found = [finding.severity for finding in audit(objects, today) if "echo" in finding.object]
    assert bad(proved(texts, today)) or "error" in found or "warning" in found


@pytest.mark.parametrize("kind", ["service", "secret", "configmap"])
def test_an_object_that_is_missing_shows(sample: Texts, today: datetime, kind: str) -> None:
    """One after the other."""
    for path in [path for path in sample if path.startswith(f"manifests/{kind}-echo-")]:
        if path.startswith("manifests/secret-echo-echo-server"):
            continue  # what clients see; another link's
        texts = {name: text for name, text in sample.items() if name != path}
        rows = proved(texts, today)
        assert bad(rows) or not rows or audit(read_texts(texts), today), path


def test_an_unverified_service_is_proved_to_believe_anyone(stage: Stage, today: datetime) -> None:
    """That is what the warning says."""
    rows = proved(texts_of(stage(echo(verify=False))), today)
    assert bad(rows) == []
    assert "verification off" in {row.case for row in rows}
    assert "untrusted upstream" not in {row.case for row in rows}


def test_a_depth_of_none_refuses_intermediates(stage: Stage, today: datetime) -> None:
    """0 takes a leaf right under a trusted CA alone."""
    rows = {row.case: row for row in proved(texts_of(stage(echo(verify_depth=0))), today)}
    assert bad(list(rows.values())) == []
    assert "1 intermediates, depth 0" in rows["chain longer than the depth"].reason


def test_a_workload_that_is_shown_nothing_refuses_the_gateway(sample: Texts, today: datetime) -> None:
    """The sample demands a certificate: without one the link can't hold, and the proof says so."""
    path = find(sample, "service", "echo")
    bare = sample[path].replace("konghq.com/client-cert", "konghq.com/none")
    rows = bad(proved({**sample, path: bare}, today))
    assert any("No required SSL certificate was sent" in row.reason for row in rows)


def test_a_service_without_settings_goes_by_the_data_planes(stage: Stage, mint: Mint, today: datetime) -> None:
    """Trust and pair from what the data plane mounts; verified, and by the host that the client asks for."""
    authority = mint("corporate ca", ca=True)
    pair = mint("gateway", issuer=mint("gateways", ca=True), client=True)

    def program() -> None:
        KongHybrid(
            "kong",
            {
                "edition": "oss",
                "database": DATABASE,
                "fixed_secret_names": True,
                "upstream": {
                    "trust_pem": authority.cert_pem.decode(),
                    "certificate_pem": pair.cert_pem.decode(),
                    "private_key_pem": pair.key_pem.decode(),
                    "verify_depth": 2,
                },
            },
        )
        for name in ("plain", "own"):
            annotations = {"konghq.com/protocol": "https", "konghq.com/host-header": f"{name}.apps.svc"}
            if name == "own":
                annotations["konghq.com/tls-verify"] = "false"
            kubernetes.core.v1.Service(
                name,
                metadata={"name": name, "namespace": "apps", "annotations": annotations},
                spec={"ports": [{"port": 443}]},
            )

    mutable = {"kubernetes:enableSecretMutable": "true", "kubernetes:enableConfigMapMutable": "true"}
    texts = texts_of(stage(program, config=mutable))
    found = {each.service.object: each for each in upstream.effective(read_texts(texts), today)}
    plain = found["Service/apps/plain"]
    assert (plain.verify, plain.depth, plain.pair is not None) == (True, 2, True)
    assert "kong-dp" in plain.source("verify")
    assert "client_ssl" in plain.source("client certificate")
    assert found["Service/apps/own"].verify is False
    assert "Service/apps/own" in found["Service/apps/own"].source("verify")
    rows = proved(texts, today)
    assert bad(rows) == []
    assert {row.case for row in rows if row.server == "Service/apps/plain"} >= {"right pair", "untrusted upstream"}
    assert {row.case for row in rows if row.server == "Service/apps/own"} >= {"own verification off over on"}
