"""Every example in Python runs as it stands, without a cluster, and its links hold."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal import run
from kong_mtls.rehearsal.links import LINKS
from kong_mtls.rehearsal.mint import Minted, issue
from kong_mtls.rehearsal.render import render

Rehearse = Callable[..., run.Rehearsal]

EXPECTED: dict[str, dict[str, set[bool | None]]] = {
    "minimal": {"cluster": {True}, "admin": {True}, "database": {True}},
    "cert_manager": {"cluster": {True}, "admin": {True}, "database": {True}},
    # What the gateway itself shows is known to whoever runs that gateway.
    "protect_ingress": {"client": {True, None}},
    "annotate_services": {"upstream": {True}},
}
"""Each example that needs nothing but its own files: its links, and how their cases come out."""


@pytest.fixture(scope="module")
def copied(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A copy of an example, for a rehearsal to write its results and its state beside."""
    folder = tmp_path_factory.mktemp("examples")

    def copy(name: str) -> Path:
        if not (folder / name).exists():
            ignored = shutil.ignore_patterns(".venv", ".rehearsal", "out", "__pycache__")
            shutil.copytree(root / "examples" / name, folder / name, ignore=ignored)
        return folder / name

    return copy


@pytest.fixture(scope="module")
def rehearse(copied: Callable[[str], Path], today: datetime) -> Rehearse:
    """Rehearses an example: ``rehearse("minimal", "dev", key=value)`` with settings over those of its file."""

    def play(name: str, stack: str, **settings: Any) -> run.Rehearsal:
        folder = copied(name)
        path = folder / f"Pulumi.{stack}.yaml"
        data = yaml.safe_load(path.read_text("utf-8"))
        project = yaml.safe_load((folder / "Pulumi.yaml").read_text("utf-8"))["name"]
        data["config"] |= {f"{project}:{key}": value for key, value in settings.items()}
        path.write_text(json.dumps(data), "utf-8")
        return run.rehearse(folder, stack, now=today)

    return play


def outcomes(done: run.Rehearsal) -> dict[str, set[bool | None]]:
    """How the cases of each link came out."""
    found: dict[str, set[bool | None]] = {}
    for link in done.links:
        found.setdefault(link.link, set()).add(link.ok)
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_the_example_holds(rehearse: Rehearse, name: str) -> None:
    """Its links are there and hold, peers that must not get in don't, and the audit finds nothing wrong."""
    done = rehearse(name, "dev")
    assert done.ok
    assert outcomes(done) == EXPECTED[name]
    assert len({link.expected for link in done.links}) >= 2  # some get in, some don't
    assert not [found for found in done.findings if found.severity == "error"]
    assert not [message for message in done.performance.messages if message.severity != "info"]
    assert done.performance.exports


def test_the_protected_ingress(rehearse: Rehearse) -> None:
    """Only what is unknown of somebody else's gateway stays open: its own certificate."""
    done = rehearse("protect_ingress", "dev")
    assert [link.case for link in done.links if link.ok is None] == ["the gateway's certificate"]
    answers = Counter(link.observed for link in done.links if link.ok)
    assert answers["200"] >= 1
    assert answers["401"] >= 5


def test_with_cert_manager_the_state_has_no_key(rehearse: Rehearse) -> None:
    """None is made outside the cluster, and nothing is left for the audit to say."""
    done = rehearse("cert_manager", "dev")
    assert not [one for one in done.performance.resources if one.type.startswith("tls:")]
    assert done.findings == ()


def minted(today: datetime) -> dict[str, str]:
    """The settings of the example with a PKI of one's own, from a PKI that is made for it."""
    make = partial(issue, not_before=today - timedelta(days=1), not_after=today + timedelta(days=90))
    cluster, outside = make("our cluster CA", ca=True), make("our public CA", ca=True)
    services = ("kong-cp-kong-cluster", "kong-cp-kong-clustertelemetry")
    ends_of_names = ("", ".kong", ".kong.svc", ".kong.svc.cluster.local")
    names = [f"{service}{end}" for service in services for end in ends_of_names]
    plane = make("data-plane", issuer=cluster, client=True)
    control = make("control-plane", issuer=cluster, server=True, dns_names=names)
    gateway = make("api.example.com", issuer=outside, server=True, dns_names=["api.example.com"])
    ends = {"controlPlane": control, "dataPlane": plane, "gateway": gateway}
    return {
        "clusterTrustPem": text(cluster),
        "callersTrustPem": text(make("our callers CA", ca=True)),
        **{f"{name}CertificatePem": text(end) for name, end in ends.items()},
        **{f"{name}KeyPem": end.key_pem.decode() for name, end in ends.items()},
    }


def text(made: Minted) -> str:
    """A certificate in PEM."""
    return made.cert_pem.decode()


def test_certificates_of_your_own(rehearse: Rehearse, today: datetime) -> None:
    """No CA is made for what the PKI signs; every link holds with its certificates."""
    done = rehearse("own_ca", "dev", **minted(today))
    assert done.ok
    found = outcomes(done)
    assert {"cluster", "client", "admin", "database"} <= set(found)
    assert found["cluster"] == {True}
    assert True in found["client"]
    assert False not in found["client"]
    commons = {one["name"] for one in done.report["certificates"]}
    assert {"our cluster CA", "control-plane", "data-plane"} <= commons
    assert "kong cluster g1" not in commons


def test_a_second_cluster_joins_in_three_updates(
    rehearse: Rehearse, copied: Callable[[str], Path], today: datetime
) -> None:
    """It asks, is signed for, joins; the files of both stacks together prove the link."""
    host = "kong-cp-kong-cluster.kong.svc.cluster.local"  # a name that the files lead to; DNS isn't in them
    asked = rehearse("second_cluster", "far", controlPlaneHost=host)
    assert "Release" not in {one.type.rpartition(":")[2] for one in asked.performance.resources}
    home = rehearse("second_cluster", "home", controlPlaneHost=host)
    assert home.ok
    assert outcomes(home)["cluster"] == {True}
    joined = rehearse("second_cluster", "far", controlPlaneHost=host, joins=True)
    files = {**render(home.performance, masked=False), **render(joined.performance, masked=False)}
    rows = [link for link in LINKS["cluster"](read_texts(files), today, lambda _: None) if "kong-far" in link.client]
    assert len(rows) >= 8
    assert {link.ok for link in rows} == {True}
    assert set(home.performance.exports) == {"trustPem", "certificatePems"}
    assert "PRIVATE KEY" not in json.dumps([str(home.performance.exports), str(joined.performance.exports)])


FOLDERS = sorted(path.parent.name for path in Path(__file__).parents[2].glob("examples/*/Pulumi.yaml"))


@pytest.mark.parametrize("name", FOLDERS)
def test_an_example_is_complete(root: Path, name: str) -> None:
    """A project with a description, what it needs, and how to run it; nothing of a test is left in it."""
    folder = root / "examples" / name
    project: Mapping[str, Any] = yaml.safe_load((folder / "Pulumi.yaml").read_text("utf-8"))
    assert project["description"]
    readme = (folder / "README.md").read_text("utf-8")
    assert readme.startswith("# ")
    assert "pulumi stack init" in readme
    assert "pulumi up" in readme
    if project["runtime"] != "yaml":
        assert "kong-mtls rehearse" in readme or "rehearsal" in readme
        assert "../..[rehearsal]" in (folder / "requirements.txt").read_text("utf-8")
        assert list(folder.glob("Pulumi.*.yaml"))


def test_every_example_is_rehearsed() -> None:
    """A new one is entered here, or has a test of its own."""
    assert set(FOLDERS) == {*EXPECTED, "own_ca", "second_cluster", "yaml"}
