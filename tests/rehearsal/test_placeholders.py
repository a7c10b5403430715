"""Secure values that only the engine can decrypt become placeholders of the right form, stable per ciphertext."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kong_mtls.rehearsal.placeholders import Placeholders

from .conftest import NOW


def secure(cipher: str) -> dict[str, str]:
    return {"secure": cipher}


def fill(config: dict[str, Any], known: dict[str, str] | None = None) -> tuple[dict[str, Any], Placeholders]:
    placeholders = Placeholders(NOW, known or {})
    return placeholders.fill(config), placeholders


@pytest.mark.parametrize("path", ["p:license", "p:kongLicence", "p:enterprise.license", "p:license.data"])
def test_licence(path: str) -> None:
    """Where the path says licence, a JSON document stands in."""
    key, _, inner = path.partition(".")
    filled, found = fill({key: {inner: secure("a")} if inner else secure("a")})
    text = filled[key][inner] if inner else filled[key]
    assert "license" in json.loads(text)
    assert found.used == {path}


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        ("certificate", "key"),
        ("certificatePem", "privateKeyPem"),
        ("cert", "privateKey"),
        ("tls.crt", "tls.key"),
        ("clusterCert", "clusterKey"),
        ("client_certificate", "client_private_key"),
    ],
)
def test_pair_matches(certificate: str, key: str) -> None:
    """A certificate and its key among siblings belong together, and serve as server and client."""
    filled, found = fill({"p:pair": {certificate: secure("a"), key: secure("b"), "note": "x"}})
    leaf = x509.load_pem_x509_certificate(filled["p:pair"][certificate].encode())
    private = serialization.load_pem_private_key(filled["p:pair"][key].encode(), None)
    assert leaf.public_key() == private.public_key()
    assert leaf.subject.rfc4514_string() == "CN=kong_clustering"
    assert leaf.not_valid_after_utc > NOW + timedelta(days=1000)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert found.used == {f"p:pair.{certificate}", f"p:pair.{key}"}
    assert filled["p:pair"]["note"] == "x"


def test_pair_of_top_level_keys() -> None:
    """Two config keys of their own make a pair as well."""
    filled, _ = fill({"p:serverCertificate": secure("a"), "p:serverKey": secure("b")})
    leaf = x509.load_pem_x509_certificate(filled["p:serverCertificate"].encode())
    assert leaf.public_key() == serialization.load_pem_private_key(filled["p:serverKey"].encode(), None).public_key()


def test_public_certificate_gives_way() -> None:
    """A certificate in clear beside a key that cannot be decrypted would not match it: both are placeholders."""
    filled, found = fill({"p:pair": {"certificate": "-----BEGIN CERTIFICATE-----...", "key": secure("b")}})
    leaf = x509.load_pem_x509_certificate(filled["p:pair"]["certificate"].encode())
    assert leaf.public_key() == serialization.load_pem_private_key(filled["p:pair"]["key"].encode(), None).public_key()
    assert found.used == {"p:pair.certificate", "p:pair.key"}


def test_authority() -> None:
    """What is called a CA is one."""
    filled, _ = fill({"p:caCertificate": secure("a"), "p:caKey": secure("b")})
    leaf = x509.load_pem_x509_certificate(filled["p:caCertificate"].encode())
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("name", ["apiKey", "accessKey", "password", "token", "monkey", "keyId"])
def test_anything_else_is_a_random_string(name: str) -> None:
    """Passwords, tokens and API keys are texts that open nothing."""
    filled, found = fill({f"p:{name}": secure("a")})
    assert filled[f"p:{name}"].startswith("placeholder-")
    assert len(filled[f"p:{name}"]) > 30
    assert found.texts == {filled[f"p:{name}"]}


def test_lists_and_depth() -> None:
    """Secure values are found at any depth; each place is named."""
    filled, found = fill({"p:planes": [{"name": "a", "auth": {"token": secure("x")}}, secure("y")]})
    assert found.used == {"p:planes[0].auth.token", "p:planes[1]"}
    assert filled["p:planes"][0]["name"] == "a"


def test_remembered_until_the_ciphertext_changes() -> None:
    """The same ciphertext keeps its placeholder; a new one gets a new value, and the old one is forgotten."""
    config = {"p:password": secure("one"), "p:pair": {"cert": secure("c"), "key": secure("k")}}
    first, before = fill(config)
    again, _ = fill(config, before.remembered)
    assert again == first
    rotated, after = fill({**config, "p:password": secure("two")}, before.remembered)
    assert rotated["p:password"] != first["p:password"]
    assert rotated["p:pair"] == first["p:pair"]
    assert len(after.remembered) == len(before.remembered)
    rekeyed, _ = fill({"p:pair": {"cert": secure("c"), "key": secure("new")}}, before.remembered)
    assert rekeyed["p:pair"]["cert"] != first["p:pair"]["cert"]


def test_plain_values_stay() -> None:
    """Nothing else is touched."""
    config = {"p:a": "x", "p:cert": "PEM", "p:o": {"secure": 1, "key": "k"}, "p:l": [None, 1]}
    assert fill(config)[0] == config
