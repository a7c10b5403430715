"""The stacks as they are shipped: who gets in, proved by handshakes from their files; and settings that can't be."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kong_mtls.audit import audit
from kong_mtls.reader.kic import translate
from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal import project as projects
from kong_mtls.rehearsal.links import LINKS, Link
from kong_mtls.rehearsal.project import StackConfig
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, ProgramFailed, perform
from kong_mtls.rehearsal.state import State

Run = Callable[..., Performance]


@pytest.fixture(scope="module")
def run(root: Path, today: datetime) -> Run:
    """Runs a stack of the repository with keys of its own: ``run("dev", clientMtls={...})``; None removes one."""
    project = projects.read_project(root)

    def go(stack: str = "dev", *, after: Performance | None = None, **keys: Any) -> Performance:
        values = dict(projects.read_stack(project, stack, today).values)
        for key, value in keys.items():
            values.pop(f"kong-mtls:{key}", None)
            if value is not None:
                values[f"kong-mtls:{key}"] = value if isinstance(value, str) else json.dumps(value)
        state = after.state if after is not None else State("kong-mtls", stack)
        return perform(root, stack, at=today, state=state, config=StackConfig(values=values, secret_keys=frozenset()))

    return go


def read(performance: Performance) -> Objects:
    return read_texts(render(performance, masked=False))


def callers(performance: Performance, today: datetime) -> list[Link]:
    """The cases of the client link."""
    return LINKS["client"](read(performance), today, lambda _: None)


def statuses(rows: list[Link]) -> dict[str, str]:
    return {row.case: row.observed for row in rows}


CALLERS: dict[str, Any] = {
    "ca": {"generate": {}},
    "consumers": [{"name": "alice"}],
    "certificates": [{"name": "alice"}],
}


def test_the_development_stack_is_protected(run: Run, today: datetime) -> None:
    """The guide's test: 401 without a certificate, 200 with one; and every other case as it should be."""
    done = run()
    rows = callers(done, today)
    assert {row.ok for row in rows} == {True}
    seen = statuses(rows)
    assert seen["no certificate"] == "401"
    assert seen["valid certificate"] == "200"
    assert seen["right CA, unknown consumer"] == "401"
    assert seen["the gateway's certificate"] == "accept"
    assert seen["client trusts another CA"] == seen["client asks for another host name"] == "refuse"
    (valid,) = [row for row in rows if row.case == "valid certificate"]
    assert "X-Consumer-Username: alice" in valid.reason
    assert translate(read(done), today).failures == ()
    assert not [finding for finding in audit(read(done), today) if finding.severity == "error"]


def test_the_guides_settings(run: Run, today: datetime) -> None:
    """Any certificate of the CA passes, its own pair too, and nobody asks whether it is revoked."""
    plugin = {"skipConsumerLookup": True, "revocationCheckMode": "SKIP"}
    rows = callers(run(clientMtls={**CALLERS, "consumers": [], "plugin": plugin}), today)
    assert {row.ok for row in rows} == {True}
    assert statuses(rows)["the CA's own pair"] == "200"
    assert statuses(rows)["no certificate"] == "401"


@pytest.mark.parametrize("named", [True, False], ids=["asked for", "by edition"])
def test_without_a_licence_the_listener_verifies(run: Run, today: datetime, named: bool) -> None:
    """400 instead of 401, for everything that is served."""
    given = {"ca": {"generate": {}}, "certificates": [{"name": "alice"}]}
    arguments = {"clientMtls": {**given, "enforcement": "listener"}} if named else {}
    done = run(edition="oss", **arguments)
    rows = callers(done, today)
    assert {row.ok for row in rows} == {True}
    assert statuses(rows)["no certificate"] == "400"
    assert statuses(rows)["valid certificate"] == "200"
    assert not read(done).all("KongPlugin")


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_the_other_stacks_protect_every_route(run: Run, today: datetime, stack: str) -> None:
    """One global plugin with the class that its controller serves."""
    done = run(stack)
    config = translate(read(done), today)
    assert config.failures == ()
    (plugin,) = [each for each in config.plugins if each.is_global]
    assert plugin.name == "mtls-auth"
    ids = (plugin.config or {})["ca_certificates"]
    assert [config.ca(each) is not None for each in ids] == [True]


def test_a_rotation_drops_no_caller(run: Run, today: datetime) -> None:
    """Each step one update; a caller with either certificate passes while both are trusted."""
    before: Performance | None = None
    for generations, issuing in ((["g1"], "g1"), (["g1", "g2"], "g1"), (["g1", "g2"], "g2"), (["g2"], "g2")):
        ca = {"generate": {"generations": generations, "issuing": issuing}}
        before = run(after=before, clientMtls={**CALLERS, "ca": ca})
        rows = callers(before, today)
        assert {row.ok for row in rows} == {True}
        valid = [row.observed for row in rows if row.case.startswith("valid certificate")]
        assert valid == ["200"] * len(generations)


def test_every_data_plane_shows_a_certificate_of_its_own(run: Run) -> None:
    """For its Service's names and those given; what clients trust is beside it."""
    planes = [{"name": "dp", "serverNames": ["api.example.com"]}, {"name": "edge", "namespace": "edge"}]
    objects = read(run(dataPlanes=planes))
    for release in ("kong-dp", "kong-edge"):
        (found,) = [it for it in objects.releases if it.name == release]
        name = found.values["env"]["ssl_cert"].split("/")[3]
        assert objects.get("Secret", found.namespace, name) is not None
        assert objects.get("ConfigMap", found.namespace, "kong-server-ca") is not None


def test_given_cas_can_be_files(run: Run, tmp_path: Path, ca_pem: Callable[[str], str], today: datetime) -> None:
    """A bundle, say; each certificate of it reaches Kong."""
    file = tmp_path / "cas.pem"
    file.write_text(ca_pem("a") + ca_pem("b"))
    ca = {"given": [{"name": "partners", "file": str(file)}]}
    config = translate(read(run(clientMtls={"ca": ca, "globalPlugin": True}, sample=None)), today)
    assert len(config.ca_certificates) == 2
    assert config.failures == ()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"edition": "oss", "clientMtls": {**CALLERS, "enforcement": "plugin"}}, "Use enforcement 'listener'"),
        ({"clientMtls": None}, "sample: needs clientMtls"),
        ({"sample": {"path": "/echo"}}, "sample.host: missing"),
        ({"sample": {"host": "*.example.com"}}, "stands for many"),
        ({"sample": {"host": "a.example.com", "path": "echo"}}, "'echo' is no path"),
        ({"clientMtls": {"consumers": []}}, "one of generate, given and existing is needed"),
        ({"clientMtls": {**CALLERS, "enforcement": "nobody"}}, "clientMtls.enforcement: 'nobody'"),
        ({"clientMtls": {**CALLERS, "plugin": {"sslVerify": True}}}, "clientMtls.plugin.sslVerify came with 3.13"),
        ({"clientMtls": {**CALLERS, "plugin": {"sslverify": True}}}, "unknown field; allowed: skipConsumerLookup"),
        ({"clientMtls": {**CALLERS, "ca": {"given": [{"name": "a"}]}}}, "exactly one of certificatePem and file"),
        ({"clientMtls": {**CALLERS, "ca": {"given": [{"name": "a", "file": "no"}]}}}, "file 'no': No such file"),
        ({"clientMtls": {**CALLERS, "certificates": [{"name": "a"}, {"name": "a"}]}}, "'a' is listed twice"),
        ({"clientMtls": {**CALLERS, "routes": [{"name": "a"}]}}, "Ingress kong-clients/a: snis is missing"),
        ({"clientMtls": {**CALLERS, "routes": [{"name": "echo", "namespace": "echo", "snis": []}]}}, "listed twice"),
        ({"dataPlanes": [{"name": "dp", "serverNames": ["A"]}]}, "dataPlanes[0].serverNames: 'A' is no host name"),
        (
            {"dataPlanes": [{"name": "dp", "proxy": {"http": True}}], "edition": "oss"},
            "a plain port verifies nobody",
        ),
        (
            {"dataPlanes": [{"name": "dp", "serverNames": ["a"], "serverCertificate": {"name": "own"}}]},
            "is not used, since serverCertificate is your own",
        ),
    ],
)
def test_settings_that_cannot_be(run: Run, keys: dict[str, Any], message: str) -> None:
    """Each in the words of the configuration, before any resource."""
    with pytest.raises(ProgramFailed) as error:
        run(**keys)
    assert message in str(error.value)
    assert "kong-mtls:" in str(error.value)
