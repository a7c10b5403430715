"""The upstream section of a stack's configuration: what it becomes, and every mistake by its key."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import settings
from kong_mtls.rehearsal.mint import Minted
from settings.upstream import with_upstreams

Load = Callable[..., settings.Settings]
Refused = Callable[..., list[str]]
Make = Callable[..., Minted]

CA: dict[str, Any] = {"generate": {}}
ECHO = {"name": "echo", "namespace": "apps"}


def test_without_the_section_nothing_is_made(load: Load) -> None:
    """Also by an empty one, which is the schema's default."""
    nothing: list[dict[str, Any]] = [{}, {"upstreamMtls": {}}]
    for given in nothing:
        loaded = load(**given)
        assert loaded.upstream.mtls is None
        assert with_upstreams(loaded.hybrid, loaded.upstream) == loaded.hybrid


def test_a_section_becomes_arguments(load: Load) -> None:
    """In the component's spelling, lifetimes in hours, with what the deployment knows about itself."""
    loaded = load(
        image={"tag": "3.9.1"},
        controlPlane={"ingressController": {"ingressClass": "internal"}},
        upstreamMtls={
            "services": [{**ECHO, "verifyDepth": 2, "takeOver": True}],
            "clientCertificate": {"issue": {"commonName": "gw", "leaf": {"validityDays": 30, "earlyRenewalDays": 10}}},
            "serverCertificates": {"services": [ECHO], "authority": {"generations": ["g1", "g2"]}},
            "routes": [{**ECHO, "kind": "HTTPRoute", "backends": ["echo"]}],
            "dataPlaneDefaults": {"verifyDepth": 3},
        },
    )
    assert loaded.upstream.mtls == {
        "services": [{**ECHO, "verify_depth": 2, "take_over": True}],
        "client_certificate": {
            "issue": {"common_name": "gw", "leaf": {"validity_hours": 720, "early_renewal_hours": 240}}
        },
        "server_certificates": {"services": [ECHO], "authority": {"generations": ["g1", "g2"]}},
        "routes": [{**ECHO, "kind": "HTTPRoute", "backends": ["echo"]}],
        "ingress_class": "internal",
        "edition": "oss",
        "gateway_version": "3.9",
        "fixed_trust_names": True,
    }
    assert loaded.upstream.defaults == {"verify_depth": 3}
    common = with_upstreams(loaded.hybrid, loaded.upstream)["upstream"]
    assert common.keys() == {"verify_depth", "trust_pem", "certificate_pem", "private_key_pem"}


def test_the_sample_is_among_the_services_where_it_speaks_tls(load: Load) -> None:
    """Made by the program, so not patched; with a certificate of its own."""
    loaded = load(clientMtls={"ca": CA}, sample={"host": "echo.example", "tls": True, "namespace": "try"})
    assert loaded.upstream.mtls is not None
    assert loaded.upstream.mtls["services"] == [{"name": "echo", "namespace": "try", "patch": False}]
    assert loaded.upstream.mtls["server_certificates"] == {"services": [{"name": "echo", "namespace": "try"}]}
    assert loaded.upstream.echo == "try/echo"
    assert loaded.clients.sample == {"host": "echo.example", "namespace": "try"}


def test_a_key_arrives_as_a_secret(load: Load, make: Make, loop: asyncio.AbstractEventLoop) -> None:
    """Also where the file holds it in clear."""
    pair = make("gateway")
    pem = {"certificatePem": pair.cert_pem.decode(), "privateKeyPem": pair.key_pem.decode()}
    loaded = load(upstreamMtls={"services": [ECHO], "clientCertificate": pem, "trust": {"configMaps": ["ca"]}})
    assert loaded.upstream.mtls is not None
    key: Any = loaded.upstream.mtls["client_certificate"]["private_key_pem"]
    assert loop.run_until_complete(key.is_secret())
    assert "PRIVATE KEY" not in repr(loaded)


def test_a_bundle_may_be_a_file(load: Load, refused: Refused, make: Make, tmp_path: Path) -> None:
    """As a company's CAs often are; an unreadable one is named."""
    file = tmp_path / "ca.pem"
    pem = make("corporate", ca=True, client=False, server=False, dns_names=()).cert_pem.decode()
    file.write_text(pem)
    loaded = load(upstreamMtls={"services": [ECHO], "trust": {"file": str(file)}})
    assert loaded.upstream.mtls is not None
    assert loaded.upstream.mtls["trust"] == {"bundle_pem": pem}
    missing = str(tmp_path / "none.pem")
    assert refused(upstreamMtls={"services": [ECHO], "trust": {"file": missing}}) == [
        f"upstreamMtls.trust: file {missing!r}: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"services": [ECHO]}, "upstreamMtls.trust: apps/echo would be verified against nobody"),
        (
            {"services": [{**ECHO, "verifyDepth": "on"}], "trust": {"configMaps": ["ca"]}},
            "upstreamMtls.services: apps/echo: verifyDepth: 'on' is no depth: it counts intermediate certificates",
        ),
        (
            {"services": [{**ECHO, "caSecrets": ["kong/ca"]}]},
            "upstreamMtls.services: apps/echo: caSecrets: 'kong/ca' names a namespace",
        ),
        (
            {
                "services": [{**ECHO, "annotations": {"configuration.konghq.com/protocol": "https"}}],
                "trust": {"configMaps": ["ca"]},
            },
            "upstreamMtls.services: apps/echo: annotations: 'configuration.konghq.com/protocol': no supported",
        ),
        ({"services": [{"name": "echo"}]}, "upstreamMtls.services[0].namespace: missing"),
        ({"services": [{**ECHO, "depth": 1}]}, "upstreamMtls.services[0].depth: unknown field; allowed: name,"),
        ({"dataPlaneDefaults": {"form": "both"}}, "upstreamMtls.dataPlaneDefaults.form: 'both': input should be"),
        (
            {"dataPlaneDefaults": {}},
            "upstreamMtls.dataPlaneDefaults: a data plane mounts CA certificates, and none is known here",
        ),
        (
            {"dataPlaneDefaults": {"verifyDepth": 65}, "serverCertificates": {}},
            "upstreamMtls.dataPlaneDefaults.verifyDepth: 65 is no depth; allowed: an integer from 0 to 64",
        ),
        (
            {"trust": {"bundlePem": "x", "file": "y"}},
            "upstreamMtls.trust: bundlePem and file exclude each other",
        ),
        (
            {"serverCertificates": {"services": [ECHO, ECHO]}},
            "upstreamMtls.serverCertificates: services: apps/echo is listed twice",
        ),
        (
            {"serverCertificates": {"leaf": {"validityDays": 10}}},
            "upstreamMtls.serverCertificates.leaf: renewed 30 days before its end but valid for 10 days only",
        ),
    ],
)
def test_a_mistake_is_named_by_its_key(refused: Refused, given: dict[str, Any], problem: str) -> None:
    """As the stack's file spells it, before the first resource."""
    found = refused(upstreamMtls=given)
    assert [line for line in found if line.startswith(problem)], found


def test_a_sample_that_cant_know_the_gateway_is_refused(refused: Refused) -> None:
    """It would demand a certificate under a CA that nobody has given."""
    (problem,) = refused(
        clientMtls={"ca": CA},
        sample={"host": "echo.example", "tls": True},
        upstreamMtls={"clientCertificate": {"existingSecret": "pair"}},
    )
    assert problem.startswith("sample.tls: the sample demands a certificate under the gateway's CA")


def test_a_pair_that_doesnt_match_is_refused_without_showing_it(refused: Refused, make: Make) -> None:
    """While its key is at hand."""
    other = make("other", key=None)
    pem = {"certificatePem": make("gateway").cert_pem.decode(), "privateKeyPem": other.key_pem.decode()}
    found = refused(upstreamMtls={"services": [], "clientCertificate": pem})
    assert found == ["upstreamMtls.clientCertificate: privateKeyPem does not belong to the certificate"]
