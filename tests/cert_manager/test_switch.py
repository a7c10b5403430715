"""A stack switches issuer by one setting: keys change, and nothing else that a link could tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from kong_mtls.reader.manifests import Objects, secret_data
from kong_mtls.rehearsal.links import Link, prove
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import ProgramFailed
from tests.stacks import Stack

from .conftest import ISSUER, Run, ran

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ROLES = {
    "kong/kong-cluster-cert-control-plane": SERVER,
    "kong-dp/kong-cluster-cert-dp": CLIENT,
    "kong/kong-admin-cert": SERVER,
    "kong/kong-admin-client-cert": CLIENT,
    "kong/kong-postgres-cert": SERVER,
    "kong-dp/kong-server-cert-dp": SERVER,
}


def outcome(objects: Objects, day: datetime) -> list[tuple[str, str, str, str, str, str, bool | None]]:
    """Every case of every link as observed, without what is made for one proof alone."""

    def row(link: Link) -> tuple[str, str, str, str, str, str, bool | None]:
        return (link.link, link.client, link.server, link.case, link.expected, link.observed, link.ok)

    return sorted(row(link) for link in prove(objects, day))


def leaves(objects: Objects) -> Iterator[tuple[str, x509.Certificate]]:
    """Certificates that are no CAs, by namespace and name of their Secret."""
    for secret in objects.all("Secret"):
        pem = secret_data(secret).get("tls.crt")
        if not pem:
            continue
        certificate = x509.load_pem_x509_certificates(pem)[0]
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            yield f"{secret['metadata']['namespace']}/{secret['metadata']['name']}", certificate


def test_links_are_the_same(with_pulumi: Run, with_cert_manager: Run, day: datetime) -> None:
    """Case for case, good peers and bad, on all five links."""
    before, after = outcome(with_pulumi.objects, day), outcome(with_cert_manager.objects, day)
    assert before == after
    assert {row[0] for row in after} == {"cluster", "client", "upstream", "admin", "database"}
    assert all(row[-1] for row in after)


def test_keys_are_others(with_pulumi: Run, with_cert_manager: Run) -> None:
    """No certificate of the one has a key of the other."""

    def keys(run: Run) -> set[bytes]:
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {certificate.public_key().public_bytes(*form) for _, certificate in leaves(run.objects)}

    assert len(keys(with_pulumi)) >= len(ROLES)
    assert not keys(with_pulumi) & keys(with_cert_manager)


@pytest.mark.parametrize(("place", "usage"), ROLES.items())
def test_usages_of_each_role(
    with_pulumi: Run, with_cert_manager: Run, place: str, usage: x509.ObjectIdentifier
) -> None:
    """One extended key usage, digitalSignature alone, the same names and lifetime: with either issuer."""
    one, other = dict(leaves(with_pulumi.objects))[place], dict(leaves(with_cert_manager.objects))[f"{place}-tls"]
    for certificate in (one, other):
        extensions = certificate.extensions
        assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]
        usages = extensions.get_extension_for_class(x509.KeyUsage).value
        assert usages.digital_signature
        assert not usages.key_encipherment
        assert not usages.key_cert_sign
    names = [c.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for c in (one, other) if _named(c)]
    assert len(names) in (0, 2)
    assert not names or {str(name) for name in names[0]} == {str(name) for name in names[1]}
    assert one.subject == other.subject
    lifetimes = [c.not_valid_after_utc - c.not_valid_before_utc for c in (one, other)]
    assert abs(lifetimes[0] - lifetimes[1]) < timedelta(minutes=1)


def _named(certificate: x509.Certificate) -> bool:
    return any(extension.oid == x509.SubjectAlternativeName.oid for extension in certificate.extensions)


def test_what_is_asked_of_cert_manager(with_cert_manager: Run) -> None:
    """Everything is said: algorithm, size, rotation, lifetime, usages, and all of the issuer's reference."""
    spec = with_cert_manager.manifest("Certificate", "kong-dp", "kong-cluster-cert-dp-tls")["spec"]
    assert spec == {
        "secretName": "kong-cluster-cert-dp-tls",
        "commonName": "dp.data-plane",
        "dnsNames": ["dp.data-plane"],
        "duration": "2160h0m0s",
        "renewBefore": "720h0m0s",
        "privateKey": {"algorithm": "ECDSA", "size": 384, "encoding": "PKCS8", "rotationPolicy": "Always"},
        "usages": ["digital signature", "client auth"],
        "issuerRef": {"name": "kong-mtls-dev-kong-cluster-ca-g1", "kind": "ClusterIssuer", "group": "cert-manager.io"},
    }


def test_authorities_are_never_renewed_in_place(with_cert_manager: Run) -> None:
    """A renewed CA refuses its leaves, or changes trust unnoticed: generations do both in the open."""
    authorities = [it for it in with_cert_manager.objects.all("Certificate") if it["spec"].get("isCA")]
    assert len(authorities) == 7
    for authority in authorities:
        assert authority["spec"]["renewal"] == {"policy": "Disabled"}
        assert authority["spec"]["privateKey"]["rotationPolicy"] == "Never"
        assert authority["spec"]["usages"] == ["cert sign", "crl sign"]
        assert authority["metadata"]["namespace"] == "cert-manager"


def test_each_link_has_its_own(with_cert_manager: Run) -> None:
    """No two links share a CA or an issuer: with one for all any client could join as a data plane."""
    roots = [it["spec"]["commonName"] for it in with_cert_manager.objects.all("Certificate") if it["spec"].get("isCA")]
    assert len(set(roots)) == len(roots) == 7
    of_cluster = {
        it["metadata"]["name"]
        for it in with_cert_manager.objects.all("Certificate")
        if it["spec"]["issuerRef"]["name"] == "kong-mtls-dev-kong-cluster-ca-g1"
    }
    assert of_cluster == {"kong-cluster-cert-control-plane-tls", "kong-cluster-cert-dp-tls"}


def test_shared_mode_needs_a_pair_of_its_own(root: Path, day: datetime) -> None:
    """What cert-manager makes stays in one namespace: `shared` is refused, and left out it becomes `pki`."""
    stack = Stack(root, "dev", day)
    with pytest.raises(ProgramFailed, match="mtls 'shared' needs one pair in every namespace"):
        stack.up({ISSUER: "cert-manager", "kong-mtls:cluster": {"mtls": "shared"}})
    release = next(it for it in ran(stack, {ISSUER: "cert-manager"}).objects.releases if it.name == "kong-cp")
    assert release.values["env"]["cluster_mtls"] == "pki"


def test_nothing_changes_the_second_time(with_cert_manager: Run, root: Path, day: datetime) -> None:
    """What controllers have made is there already."""
    stack = Stack(root, "dev", day, settings=dict(with_cert_manager.settings), state=with_cert_manager.done.state)
    assert not stack.up().changed


def test_no_private_key_leaves_the_cluster(prod: Run, root: Path, day: datetime) -> None:
    """Not in resources, the state's program part, exports, manifests, values or preview; controllers' Secrets apart."""
    # What stand-ins for controllers have made is the cluster's; the rest is the program's.
    recorded = {urn: replace(record, cluster=()).to_json() for urn, record in prod.done.state.resources.items()}
    texts = {
        "state": json.dumps(recorded, default=str),
        "exports": repr(prod.done.exports),
        "messages": repr(prod.done.messages),
        **{path: text for path, text in render(prod.done, masked=False).items() if not path.startswith("cluster/")},
    }
    planned = Stack(root, "prod", day, state=prod.done.state).preview()
    texts |= {f"preview {path}": text for path, text in render(planned, masked=False).items()}
    assert any("cluster/" in path for path in render(prod.done, masked=False))
    holding = [path for path, text in texts.items() if "PRIVATE KEY" in text or "UFJJVkFURSBLRV" in text]
    assert holding == []
    kinds = {resource.type for resource in prod.done.resources}
    assert not {kind for kind in kinds if kind.startswith("tls:")}
