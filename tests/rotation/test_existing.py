"""The cluster link with certificates of the user's own PKI: what holds, and what is refused before any resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from kong_mtls.reader.manifests import secret_data
from kong_mtls.rehearsal import report, wire
from kong_mtls.rehearsal.links import LINKS, Link, prove
from kong_mtls.rehearsal.mint import Minted, issue
from kong_mtls.rehearsal.stage import Performance, ProgramFailed

from .conftest import CLUSTER, Stack, files

HOST = "kong-cp-kong-{block}.kong.svc.cluster.local"
BLOCKS = ("cluster", "clustertelemetry")
PREFIX = "kong-mtls:cluster.existing."


@dataclass(frozen=True)
class OwnPki:
    """A PKI as a security team runs one: a root, two intermediates below each other, leaves from any of them."""

    now: datetime
    root: Minted
    intermediate: Minted
    second: Minted

    def server(self, issuer: Minted, **changes: Any) -> Minted:
        """A control plane's certificate, right but for the changes."""
        release = "kong-cp-kong-{}"
        names = [
            release.format(block) + suffix
            for block in BLOCKS
            for suffix in ("", ".kong", ".kong.svc", ".kong.svc.cluster.local")
        ]
        return self._leaf("control-plane", issuer, {"server": True, "dns_names": names} | changes)

    def client(self, issuer: Minted, **changes: Any) -> Minted:
        """A data plane's certificate, right but for the changes."""
        return self._leaf("dp.data-plane", issuer, {"client": True} | changes)

    def _leaf(self, subject: str, issuer: Minted, changes: dict[str, Any]) -> Minted:
        dates: dict[str, Any] = {"not_before": self.now - timedelta(days=1), "not_after": self.now + timedelta(days=90)}
        return issue(subject, issuer=issuer, **(dates | changes))


@pytest.fixture(scope="module")
def own(today: datetime) -> OwnPki:
    """The PKI, made once."""
    dates: dict[str, Any] = {"not_before": today - timedelta(days=100), "not_after": today + timedelta(days=3650)}
    root = issue("example root", ca=True, **dates)
    intermediate = issue("example intermediate", ca=True, issuer=root, **dates)
    return OwnPki(
        today, root, intermediate, issue("example kong", ca=True, path_length=0, issuer=intermediate, **dates)
    )


def end(minted: Minted, *, key: Minted | None = None, sent: bytes | None = None) -> dict[str, str]:
    """The pair of one end as configuration."""
    return {
        "certificatePem": (sent or minted.chain_pem).decode(),
        "privateKeyPem": (key or minted).key_pem.decode(),
    }


def config(own: OwnPki, issuer: Minted | None = None, **changes: Any) -> dict[str, Any]:
    """The whole setting with good certificates of an issuer, and changes over it; None takes a field away."""
    signer = issuer or own.root
    good = {
        "trustPem": own.root.cert_pem.decode(),
        "controlPlane": end(own.server(signer)),
        "dataPlanes": {"dp": end(own.client(signer))},
    }
    return {f"{CLUSTER}.existing": {key: value for key, value in (good | changes).items() if value is not None}}


def links(done: Performance, at: datetime) -> list[Link]:
    """The cluster link's cases from the files."""
    return list(LINKS["cluster"](files(done), at, lambda _: None))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_good_certificates_hold(staging: Stack, own: OwnPki, today: datetime, depth: int) -> None:
    """Straight from the root or below intermediates, which are sent in full and for which the depth is raised."""
    issuer = (own.root, own.intermediate, own.second)[depth]
    done = staging.up(config(own, issuer))
    assert {row.ok for row in links(done, today)} == {True}
    objects = files(done)
    for namespace, name in (("kong", "kong-cluster-cert-control-plane"), ("kong-dp", "kong-cluster-cert-dp")):
        secret = objects.get("Secret", namespace, name)
        assert secret is not None
        assert (secret_data(secret)["tls.crt"] or b"").count(b"BEGIN CERTIFICATE") == depth + 1
    for release in objects.releases:
        # Kong's own default covers one intermediate.
        assert release.values["env"].get("lua_ssl_verify_depth") == (str(depth) if depth > 1 else None)
    assert not any("kong-cluster-ca" in step.name and step.type.startswith("tls:") for step in done.steps)


def test_the_dates_are_put_out(staging: Stack, own: OwnPki, today: datetime) -> None:
    """As for certificates made here, so that a monitor can ask for them."""
    done = staging.up(config(own))
    dates = done.exports["certificates"]["cluster"]
    assert dates["notAfter"] == f"{today + timedelta(days=90):%Y-%m-%dT%H:%M:%SZ}"
    assert dates["notBefore"] == f"{today - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"


def test_common_names_are_checked_too(staging: Stack, own: OwnPki, today: datetime) -> None:
    """With `pki_check_cn` the names of the deployment's data planes are let in, others are not."""
    done = staging.up(config(own) | {f"{CLUSTER}.mtls": "pki_check_cn"})
    assert {row.ok for row in links(done, today)} == {True}


def test_a_new_certificate_rolls_its_reader_alone(staging: Stack, own: OwnPki) -> None:
    """The data plane's Secret is updated in place and its release rolls; the control plane stays."""
    wanted = config(own)
    staging.up(wanted)
    assert not staging.up(wanted).changed
    wanted[f"{CLUSTER}.existing"]["dataPlanes"] = {"dp": end(own.client(own.root))}
    done = staging.up(wanted)
    changed = {(step.name, step.op) for step in done.steps if step.op not in ("same", "read")}
    assert changed == {("kong-cluster-dp", "update"), ("kong-dp", "update")}


def _server(own: OwnPki, **changes: Any) -> dict[str, Any]:
    return config(own, controlPlane=end(own.server(own.root, **changes)))


def _client(own: OwnPki, **changes: Any) -> dict[str, Any]:
    return config(own, dataPlanes={"dp": end(own.client(own.root, **changes))})


def _other_root(own: OwnPki) -> Minted:
    dates: dict[str, Any] = {"not_before": own.now - timedelta(days=1), "not_after": own.now + timedelta(days=99)}
    return issue("another root", ca=True, **dates)


def _ended_root(own: OwnPki) -> dict[str, Any]:
    ended = issue("ended root", ca=True, not_before=own.now - timedelta(days=99), not_after=own.now - timedelta(days=1))
    return config(own, ended, trustPem=ended.cert_pem.decode())


def _ended_intermediate(own: OwnPki) -> dict[str, Any]:
    dates: dict[str, Any] = {"not_before": own.now - timedelta(days=99), "not_after": own.now - timedelta(days=1)}
    return config(own, issue("ended intermediate", ca=True, issuer=own.root, **dates))


def _half(own: OwnPki, missing: str) -> dict[str, Any]:
    pair = end(own.server(own.root))
    del pair[missing]
    return config(own, controlPlane=pair)


Wrong = Callable[[OwnPki], dict[str, Any]]
WRONG: dict[str, tuple[Wrong, str]] = {
    "key of another": (
        lambda own: config(own, controlPlane=end(own.server(own.root), key=own.client(own.root))),
        "controlPlane: privateKeyPem does not belong to the certificate",
    ),
    "a data plane's key of another": (
        lambda own: config(own, dataPlanes={"dp": end(own.client(own.root), key=own.server(own.root))}),
        "dataPlanes.dp: privateKeyPem does not belong to the certificate",
    ),
    "server without serverAuth": (
        lambda own: _server(own, server=False, client=True),
        "controlPlane: its extended key usage lacks server_auth",
    ),
    "client without clientAuth": (
        lambda own: _client(own, server=True, client=False),
        "dataPlanes.dp: its extended key usage lacks client_auth",
    ),
    "name missing": (
        lambda own: _server(own, dns_names=["gateway.example.com"]),
        f"controlPlane: is for gateway.example.com; needed: {HOST.format(block='clustertelemetry')}",
    ),
    "further name missing": (
        lambda own: config(own) | {f"{CLUSTER}.serverNames": ["kong.example.com"]},
        "needed: kong.example.com",
    ),
    "expired": (
        lambda own: _server(own, not_before=own.now - timedelta(days=9), not_after=own.now - timedelta(days=1)),
        "controlPlane: expired on 2026-11-20 12:00 UTC",
    ),
    "not yet valid": (
        lambda own: _client(own, not_before=own.now + timedelta(days=1)),
        "dataPlanes.dp: not valid before 2026-11-22 12:00 UTC",
    ),
    "of another CA": (
        lambda own: config(own, dataPlanes={"dp": end(own.client(_other_root(own)))}),
        "dataPlanes.dp: no given CA has issued 'CN=dp.data-plane' (its issuer is 'CN=another root')",
    ),
    "intermediate not sent": (
        lambda own: config(own, controlPlane=end(server := own.server(own.intermediate), sent=server.cert_pem)),
        "controlPlane: no given CA has issued 'CN=control-plane' (its issuer is 'CN=example intermediate')",
    ),
    "second intermediate not sent": (
        lambda own: config(
            own, controlPlane=end(server := own.server(own.second), sent=server.cert_pem + own.second.cert_pem)
        ),
        "controlPlane: no given CA has issued 'CN=example kong' (its issuer is 'CN=example intermediate')",
    ),
    "intermediate ended": (_ended_intermediate, "controlPlane: CN=ended intermediate: expired on 2026-11-20 12:00 UTC"),
    "trust ended": (_ended_root, "trustPem: CN=ended root: expired on 2026-11-20 12:00 UTC"),
    "trust that is no CA": (
        lambda own: config(own, trustPem=own.client(own.root).cert_pem.decode()),
        "trustPem: CN=dp.data-plane: is no CA: its basic constraints don't say CA:TRUE",
    ),
    "private key in the trust": (
        lambda own: config(own, trustPem=(own.root.cert_pem + own.root.key_pem).decode()),
        "trustPem: holds a private key; give certificates only",
    ),
    "private key beside the certificate": (
        lambda own: config(
            own, controlPlane=end(server := own.server(own.root), sent=server.cert_pem + server.key_pem)
        ),
        "controlPlane: certificatePem: holds a private key",
    ),
    "trust that is no PEM": (lambda own: config(own, trustPem="rubbish"), "trustPem: is no PEM certificate"),
    "certificate that is no PEM": (
        lambda own: config(own, controlPlane=end(own.server(own.root), sent=b"rubbish")),
        "controlPlane: certificatePem: is no PEM certificate",
    ),
    "key that is no PEM": (
        lambda own: config(own, controlPlane=end(own.server(own.root)) | {"privateKeyPem": "rubbish"}),
        "controlPlane: privateKeyPem: is no private key in PEM",
    ),
    "no key": (
        lambda own: _half(own, "privateKeyPem"),
        "controlPlane: needs certificatePem and privateKeyPem, or existingSecret",
    ),
    "no certificate": (
        lambda own: _half(own, "certificatePem"),
        "controlPlane: needs certificatePem and privateKeyPem, or existingSecret",
    ),
    "pair and Secret": (
        lambda own: config(own, controlPlane=end(own.server(own.root)) | {"existingSecret": "theirs"}),
        "controlPlane: needs certificatePem and privateKeyPem, or existingSecret",
    ),
    "neither": (
        lambda own: config(own, controlPlane={}),
        "controlPlane: needs certificatePem and privateKeyPem, or existingSecret",
    ),
    "data plane missing": (
        lambda own: config(own, dataPlanes={}),
        "cluster.existing.dataPlanes: no certificate for dp",
    ),
    "data plane unknown": (
        lambda own: config(own, dataPlanes={"dp": end(own.client(own.root)), "db": end(own.client(own.root))}),
        "cluster.existing.dataPlanes: there is no data plane db",
    ),
    "both trusts": (
        lambda own: config(own, trustConfigMap="theirs"),
        "cluster.existing: needs exactly one of trustPem and trustConfigMap",
    ),
    "no trust": (
        lambda own: config(own, trustPem=None),
        "cluster.existing: needs exactly one of trustPem and trustConfigMap",
    ),
    "Secret that is no name": (
        lambda own: config(own, controlPlane={"existingSecret": "Not A Name"}),
        "cluster.existing.controlPlane.existingSecret: 'Not A Name' can't be used",
    ),
    "trust of Secrets by name that is no PEM": (
        lambda own: config(
            own,
            trustPem="rubbish",
            controlPlane={"existingSecret": "theirs"},
            dataPlanes={"dp": {"existingSecret": "theirs"}},
        ),
        "trustPem: is no PEM certificate",
    ),
    "a CA of our own as well": (
        lambda own: config(own) | {f"{CLUSTER}.authority.generations": ["g1"]},
        "cluster: authority is not used with certificates of your own (existing)",
    ),
    "shared mode": (
        lambda own: config(own) | {f"{CLUSTER}.mtls": "shared"},
        "cluster: existing is not used with mtls 'shared'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_work_is_refused(staging: Stack, own: OwnPki, case: str) -> None:
    """Each with a message of its own that names where it is, before any resource, and without any of the key."""
    make, message = WRONG[case]
    with pytest.raises(ProgramFailed) as error:
        staging.up(make(own))
    assert message in str(error.value)
    assert "PRIVATE KEY-----" not in str(error.value)
    assert str(error.value) != wire.MASK
    assert staging.state is None


def test_secrets_by_name_are_never_read(staging: Stack, own: OwnPki, today: datetime) -> None:
    """They are mounted and not made; what can't be proved says so, in the run and in the report."""
    done = staging.up(
        config(own, controlPlane={"existingSecret": "cp-pair"}, dataPlanes={"dp": {"existingSecret": "dp-pair"}})
    )
    objects = files(done)
    for namespace, name, release in (("kong", "cp-pair", "kong-cp"), ("kong-dp", "dp-pair", "kong-dp")):
        assert objects.get("Secret", namespace, name) is None
        values = next(it.values for it in objects.releases if it.name == release)
        assert values["env"]["cluster_cert"] == f"/etc/secrets/{name}/tls.crt"
        assert name in values["secretVolumes"]
        assert any(f"Secret {name!r} is never read" in message.text for message in done.messages)
    rows = [row for row in prove(objects, today) if row.link == "cluster"]
    assert {row.ok for row in rows} == {None}
    written = report.build(done, rows, (), objects, today)
    warned = [one for one in written["findings"] if one["rule"] == "link-unproved"]
    assert {one["severity"] for one in warned} == {"warning"}
    assert any("cp-pair" in one["message"] or "dp-pair" in one["message"] for one in warned)
    assert done.exports["certificates"]["cluster"] == {"notBefore": "", "notAfter": ""}


def test_trust_by_name_is_mounted(staging: Stack, own: OwnPki, today: datetime) -> None:
    """Whoever keeps the CAs in a ConfigMap of their own names it; the link can't be proved without it."""
    done = staging.up(config(own, trustPem=None, trustConfigMap="company-cas"))
    objects = files(done)
    assert objects.get("ConfigMap", "kong", "company-cas") is None
    assert {row.ok for row in links(done, today)} == {None}
