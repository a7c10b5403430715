"""SECURITY.md says where each key is: it is there, and nowhere else."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kong_mtls.reader.manifests import secret_data
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance
from tests.stacks import Stack, files

from .documents import Document

ROOT = Path(__file__).resolve().parents[2]
SECURITY = Document(Path("SECURITY.md"), (ROOT / "SECURITY.md").read_text("utf-8"))
KEY = "tls:index/privateKey:PrivateKey"
# Keys of the program with issuer `pulumi`, by resource: what SECURITY.md calls them.
ROWS = {
    "kong-cluster-cert-key": "Cluster, shared pair",
    "kong-cluster-ca-g1-key": "Cluster CA",
    "kong-cluster-control-plane-key": "Control plane's leaf",
    "kong-cluster-dp-key": "Data plane's leaf",
    "kong-admin-ca-g1-key": "Admin CA",
    "kong-admin-server-key": "Admin CA",
    "kong-admin-client-key": "Admin CA",
    "kong-postgres-ca-g1-key": "Database CA",
    "kong-postgres-cert-key": "Database CA",
    "server-ca-g1-key": "Server CA",
    "echo-server-key": "Server leaf",
    "kong-dp-server-key": "Server leaf",
    "callers-ca-g1-key": "Client CA",
    "callers-alice-key": "A client's leaf",
    "upstream-servers-ca-g1-key": "Upstream CA",
    "upstream-servers-echo.echo-key": "An upstream's leaf",
    "upstream-gateway-ca-g1-key": "Gateway's client pair",
    "upstream-gateway-key": "Gateway's client pair",
}


@pytest.fixture(scope="module")
def with_ca(root: Path, today: datetime) -> Performance:
    """The stack dev with its cluster link under a CA."""
    return Stack(root, "dev", today).up({"kong-mtls:cluster.mtls": "pki"})


def keys(done: Performance) -> dict[str, list[bytes]]:
    """Private keys that the program made, by resource (a leaf's without its generation): in each form of theirs."""
    made = {}
    for each in done.resources:
        if each.type == KEY:
            pems = [str(wire.plain(each.outputs[form])) for form in ("privateKeyPem", "privateKeyPemPkcs8")]
            made[each.name.removesuffix("-1")] = ["".join(pem.splitlines()[1:-1]).encode() for pem in pems]
    return made


def holders(done: Performance) -> dict[str, set[str]]:
    """Namespaces of the Secrets that hold each key."""
    secrets = [
        (secret["metadata"]["namespace"], b"".join(b"".join((value or b"").split()) for value in data.values()))
        for secret in files(done).all("Secret")
        for data in [secret_data(secret)]
    ]
    return {
        name: {namespace for namespace, data in secrets if any(form in data for form in forms)}
        for name, forms in keys(done).items()
    }


def test_every_key_has_a_row(dev: Performance, with_ca: Performance) -> None:
    """What each is called there; none is missing, and none is listed that isn't made."""
    assert all(all(forms) for forms in keys(dev).values())
    made = {*keys(dev), *keys(with_ca)}
    assert made == set(ROWS)
    rows = re.findall(r"^\| \*\*(.+?)\*\*", SECURITY.text, re.MULTILINE)
    assert {name for name in ROWS.values() if not any(row.startswith(name) for row in rows)} == set()


def test_keys_of_cas_are_in_the_state_alone(dev: Performance, with_ca: Performance) -> None:
    """Of none with issuer `pulumi` a Secret is made."""
    for done in (dev, with_ca):
        for name, namespaces in holders(done).items():
            assert bool(namespaces) == ("-ca-g1" not in name), name


def test_leaves_are_where_their_readers_are(dev: Performance, with_ca: Performance) -> None:
    """In the namespaces that the table names."""
    found, with_pki = holders(dev), holders(with_ca)
    assert found["kong-cluster-cert-key"] == {"kong", "kong-dp"}
    assert found["kong-admin-server-key"] == found["kong-admin-client-key"] == {"kong"}
    assert found["kong-postgres-cert-key"] == {"kong"}
    assert found["callers-alice-key"] == {"kong-clients"}
    assert found["upstream-gateway-key"] == found["upstream-servers-echo.echo-key"] == {"echo"}
    assert with_pki["kong-cluster-control-plane-key"] == {"kong"}
    assert with_pki["kong-cluster-dp-key"] == {"kong-dp"}


def test_with_cert_manager_no_key_is_in_the_state(prod: Performance) -> None:
    """Neither made by the program, nor in what it is handed back or writes down."""
    assert keys(prod) == {}
    written = "".join(text for path, text in render(prod, masked=False).items() if not path.startswith("cluster/"))
    assert "PRIVATE KEY" not in written
    for each in prod.resources:
        values = [value for _, value, _ in wire.leaves({"inputs": each.inputs, "outputs": each.outputs})]
        assert not any(wire.holds_private_key(value) for value in values), each.name


def test_with_cert_manager_cas_are_in_its_namespace(prod: Performance) -> None:
    """Their Secrets, which the controller makes."""
    cas = [each for each in files(prod).all("Secret") if each["metadata"]["name"].endswith("-ca-g1")]
    assert len(cas) == 6
    assert {each["metadata"]["namespace"] for each in cas} == {"cert-manager"}


def test_lifetimes_are_those_of_the_table(dev: Performance, with_ca: Performance, today: datetime) -> None:
    """Ten years for CAs, one for that of clients, three for the shared pair, ninety days for leaves."""
    kinds = ("tls:index/selfSignedCert:SelfSignedCert", "tls:index/locallySignedCert:LocallySignedCert")
    ends = {
        each.name: datetime.fromisoformat(str(each.outputs["validityEndTime"]).replace("Z", "+00:00")) - today
        for done in (dev, with_ca)
        for each in done.resources
        if each.type in kinds
    }
    expected = {"callers-ca-g1": 365, "kong-cluster-cert": 1095}
    for name, left in ends.items():
        days = expected.get(name, 3650 if name.endswith("-ca-g1") else 90)
        assert left == timedelta(days=days), name


def test_every_setting_that_opens_is_one() -> None:
    """What stays open on purpose, by the names that the configuration has."""
    from .test_commands import paths

    last = {path.rpartition(".")[2] for path in paths()}
    opens = SECURITY.prose.partition("What stays open, on purpose")[2].partition("## Out of scope")[0]
    for name in re.findall(r"`([a-zA-Z]+\.?[a-zA-Z]*)(?:: false)?`", opens):
        if name not in ("STRICT", "trust"):
            assert name.rpartition(".")[2] in last, name
