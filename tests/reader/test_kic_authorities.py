"""CA certificates: which objects reach Kong, and why others don't."""

from __future__ import annotations

import pytest

from tests.reader.kic_world import AT, CA_ID, OTHER_ID, ca_secret, codes, made, pem, protected, translated


def test_secrets_and_config_maps_count_by_label() -> None:
    """Key cert or ca.crt, whichever kind; id and PEM arrive in Kong."""
    config_map = made(
        "ConfigMap",
        "root",
        labels={"konghq.com/ca-cert": "true"},
        annotations={"kubernetes.io/ingress.class": "kong"},
        data={"id": OTHER_ID, "ca.crt": pem("other")[0]},
    )
    config = translated(ca_secret(), config_map)
    assert config.failures == ()
    assert {ca.id: ca.object for ca in config.ca_certificates} == {
        CA_ID: "Secret/app/ca",
        OTHER_ID: "ConfigMap/app/root",
    }
    assert config.ca(CA_ID.upper()) is config.ca(CA_ID)


@pytest.mark.parametrize(
    ("manifest", "code", "reaches"),
    [
        (ca_secret(labels={}), "ca-object-unlabelled", False),
        (ca_secret(labels={"konghq.com/ca-cert": "yes"}), "ca-object-unlabelled", False),
        (ca_secret(annotations={}), "ca-object-no-class", True),
        (ca_secret(uuid=None), "ca-object-no-id", False),
        (ca_secret(uuid="my-ca"), "ca-object-id-not-uuid", False),
        (ca_secret(uuid="{" + CA_ID + "}"), "ca-object-id-not-uuid", False),
        (ca_secret(cert="hello"), "ca-object-not-pem", False),
        (ca_secret(cert=pem()[0] + "trailing words"), "ca-object-not-pem", False),
        (ca_secret(cert=pem()[0] + pem()[1]), "ca-object-private-key", False),
        (ca_secret(cert=pem()[0] + pem("b")[0]), "ca-object-several-certificates", False),
        (ca_secret(cert=pem("leaf", ca=False)[0]), "ca-object-not-ca", False),
        (ca_secret(cert=pem("old", start=-30, days=10)[0]), "ca-object-expired", False),
        (ca_secret(cert=pem("new", start=30)[0]), "ca-object-not-yet-valid", True),
    ],
)
def test_what_is_wrong_with_a_ca_object_has_a_name(manifest: dict[str, object], code: str, reaches: bool) -> None:
    """One failure each; only two of them still reach Kong."""
    config = translated(manifest)
    assert codes(config) == {code}
    assert bool(config.ca_certificates) is reaches
    assert "PRIVATE" not in repr(config)


def test_the_form_of_a_tls_secret_is_not_read() -> None:
    """tls.crt is no CA certificate to the controller."""
    manifest = ca_secret()
    manifest["stringData"]["tls.crt"] = manifest["stringData"].pop("cert")
    assert codes(translated(manifest)) == {"ca-object-no-cert"}


def test_text_before_a_certificate_is_passed_over() -> None:
    """OpenSSL's text output in front of the PEM does no harm, as with Go's decoder."""
    assert translated(ca_secret(cert="Certificate:\n    Data:\n" + pem()[0])).failures == ()


@pytest.mark.parametrize(
    ("older", "newer", "winner"),
    [
        ({"creationTimestamp": "2025-01-01T00:00:00Z"}, {"creationTimestamp": "2025-06-01T00:00:00Z"}, "z"),
        ({}, {}, "a"),
    ],
)
def test_of_two_objects_with_one_id_the_oldest_wins(older: dict[str, str], newer: dict[str, str], winner: str) -> None:
    """Then namespace and name decide; the other one is a failure."""
    config = translated(ca_secret("z", **older), ca_secret("a", **newer))
    assert [ca.object for ca in config.ca_certificates] == [f"Secret/app/{winner}"]
    assert codes(config) == {"ca-object-duplicate-id"}


def test_one_certificate_under_two_ids_is_refused_by_kong() -> None:
    """The controller doesn't see it, Kong's unique digest does."""
    config = translated(ca_secret("a"), ca_secret("b", OTHER_ID))
    assert codes(config) == {"ca-object-duplicate-certificate"}
    assert len(config.ca_certificates) == 1


def test_a_missing_ca_leaves_the_plugin_dangling() -> None:
    """The plugin's list is checked against what is in Kong."""
    world = [m for m in protected() if m["metadata"]["name"] != "ca"]
    assert codes(translated(*world)) == {"plugin-ca-dangling"}


def test_a_masked_certificate_is_not_judged() -> None:
    """Neither right nor wrong can be told."""
    config = translated(ca_secret(cert="(masked)"))
    assert config.failures == ()
    assert config.ca_certificates == ()
    assert AT.tzinfo is not None
