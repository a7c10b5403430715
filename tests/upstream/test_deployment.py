"""Upstream settings of a whole deployment: what data planes mount, who is told what, and what can't be."""

from collections.abc import Callable
from typing import Any

import pytest

from kong_mtls import KongHybrid, KongHybridArgs
from kong_mtls.hybrid_checks import problems
from kong_mtls.reader.manifests import Objects, read_texts, secret_data
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance
from tests.upstream.conftest import Mint, Stage

DATABASE: Any = {"host": "db.example", "password_secret": {"name": "pg"}}
ENTERPRISE: Any = {"edition": "enterprise", "license": {"data": "{}"}}


def args_of(**given: Any) -> KongHybridArgs:
    """Arguments of a deployment of the open-source edition, unless said otherwise."""
    return {"edition": "oss", "database": DATABASE, **given}  # type: ignore[typeddict-item]


def deployed(stage: Stage, after: Performance | None = None, **given: Any) -> Performance:
    return stage(lambda: KongHybrid("kong", args_of(**given)), after=after)


def values_of(performance: Performance, release: str) -> dict[str, Any]:
    releases = read_texts(render(performance, masked=False)).releases
    return next(dict(each.values) for each in releases if each.name == release)


@pytest.fixture(scope="module")
def material(mint: Mint) -> dict[str, str]:
    """Trust and pair of a deployment."""
    pair = mint("gateway", issuer=mint("gateways", ca=True), client=True)
    return {
        "trust_pem": mint("corporate", ca=True).cert_pem.decode(),
        "certificate_pem": pair.cert_pem.decode(),
        "private_key_pem": pair.key_pem.decode(),
    }


def test_every_data_plane_mounts_trust_and_pair_where_it_is(
    stage: Stage, read: Callable[[Performance], Objects], material: dict[str, str]
) -> None:
    """Two data planes in two namespaces, a third with settings of its own; the control plane proxies nothing."""
    planes = [
        {"name": "a"},
        {"name": "b", "namespace": "edge"},
        {"name": "own", "namespace": "lab", "upstream": {"trust": {"name": "lab-ca"}, "verify_depth": 3}},
    ]
    performance = deployed(stage, upstream=material, data_planes=planes)
    objects = read(performance)
    for release, namespace in (("kong-a", "kong-dp"), ("kong-b", "edge")):
        values = values_of(performance, release)
        trusted = values["env"]["nginx_proxy_proxy_ssl_trusted_certificate"]
        (mount,) = [it for it in values["extraConfigMaps"] if trusted.startswith(it["mountPath"])]
        config_map = objects.get("ConfigMap", namespace, mount["name"])
        assert config_map is not None
        assert config_map["data"]["ca.crt"] == material["trust_pem"]
        secret = values["env"]["client_ssl_cert"].split("/")[-2]
        assert secret in values["secretVolumes"]
        assert secret_data(objects.get("Secret", namespace, secret) or {})["tls.key"] is not None
        assert {"checksum/upstream-client-cert", "checksum/upstream-trust"} <= values["podAnnotations"].keys()
    own = values_of(performance, "kong-own")
    assert own["env"]["nginx_proxy_proxy_ssl_verify_depth"] == "3"
    assert "client_ssl" not in own["env"]
    assert not [
        name for name in values_of(performance, "kong-cp")["env"] if "proxy_ssl" in name or "client_ssl" in name
    ]
    assert "edge" in {it["metadata"]["namespace"] for it in objects.all("ConfigMap")}
    assert "lab" not in {it["metadata"]["namespace"] for it in objects.all("ConfigMap")}


def test_a_new_pair_rolls_the_data_planes_alone(stage: Stage, material: dict[str, str], mint: Mint) -> None:
    """By the checksum in their pods' annotations."""
    before = deployed(stage, upstream=material)
    other = mint("gateway 2", issuer=mint("gateways", ca=True), client=True)
    pair = {"certificate_pem": other.cert_pem.decode(), "private_key_pem": other.key_pem.decode()}
    after = deployed(stage, after=before, upstream={**material, **pair})
    old, new = (values_of(it, "kong-dp")["podAnnotations"] for it in (before, after))
    assert {key for key in old if old[key] != new[key]} == {"checksum/upstream-client-cert"}
    assert values_of(before, "kong-cp") == values_of(after, "kong-cp")


def test_existing_objects_are_mounted_by_name(stage: Stage) -> None:
    """Nothing is made for them."""
    upstream = {"trust_config_map": "up-ca", "existing_secret": "gateway-pair", "form": "nginx"}
    env = values_of(deployed(stage, upstream=upstream), "kong-dp")["env"]
    assert env["nginx_proxy_proxy_ssl_certificate"] == "/etc/secrets/gateway-pair/tls.crt"
    assert "client_ssl" not in env


def test_enforcement_is_told_to_control_plane_and_data_planes(stage: Stage, material: dict[str, str]) -> None:
    """They must agree, or a data plane refuses what the control plane takes."""
    given = {**ENTERPRISE, "image": {"tag": "3.13.0.1"}, "upstream": {**material, "enforce": True}}
    performance = deployed(stage, **given)
    for release in ("kong-cp", "kong-dp"):
        assert values_of(performance, release)["env"]["tls_certificate_verify"] == "on"


def test_unverified_upstreams_are_warned_of_at_the_data_plane(stage: Stage) -> None:
    """On every run."""
    messages = deployed(stage, upstream={"verify": False}).messages
    assert ["upstream.verify is off" in message.text for message in messages] == [True]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"upstream": {}}, "upstream: verification needs trust"),
        ({"upstream": {"certificate_pem": "x", "trust_pem": "y"}}, "upstream: certificate_pem alone is half a pair"),
        (
            {"upstream": {"trust_pem": "y", "trust_config_map": "z"}},
            "upstream: trust_pem and trust_config_map exclude each other",
        ),
        (
            {"upstream": {"trust_pem": "y", "certificate_pem": "a", "private_key_pem": "b", "existing_secret": "c"}},
            "upstream: existing_secret and certificate_pem exclude each other",
        ),
        ({"upstream": {"trust_pem": "y", "verify_depth": "on"}}, "upstream.verify_depth: 'on' is no depth"),
        ({"upstream": {"trust_pem": "y", "enforce": True}}, "upstream.enforce: `tls_certificate_verify` is known to"),
        (
            {**ENTERPRISE, "image": {"tag": "3.14"}, "upstream": {"verify": False}},
            "upstream.verify: false contradicts `tls_certificate_verify`",
        ),
        (
            {**ENTERPRISE, "image": {"tag": "3.14"}, "database": {**DATABASE, "tls": {"verify": False}}},
            "database.tls.verify: false contradicts `tls_certificate_verify`",
        ),
        (
            {"data_planes": [{"name": "dp", "upstream": {"trust": {"name": "a"}, "verify_depth": 65}}]},
            "data_planes[0].upstream.verify_depth: 65 is no depth",
        ),
        (
            {
                "upstream": {"trust_config_map": "a"},
                "data_planes": [{"name": "dp", "values": {"env": {"client_ssl_cert": "/x"}}}],
            },
            "client_ssl_cert and client_ssl_cert_key go together",
        ),
        (
            {"data_planes": [{"name": "dp", "values": {"env": {"nginx_proxy_proxy_ssl_verify_depth": "on"}}}]},
            "env.nginx_proxy_proxy_ssl_verify_depth: 'on' is no depth",
        ),
    ],
)
def test_what_cant_work_is_found_before_anything_is_made(given: dict[str, Any], words: str) -> None:
    """One problem, which names the argument."""
    found = problems(args_of(**given))
    assert len(found) == 1, found
    assert words in found[0]


def test_an_unverified_database_passes_where_enforcement_is_off() -> None:
    """On purpose, and said so."""
    database = {**DATABASE, "tls": {"verify": False}}
    given = {**ENTERPRISE, "image": {"tag": "3.14"}, "database": database}
    assert problems(args_of(**given, upstream={"trust_pem": "y", "enforce": False})) == []
