"""Drills: a step that drops nobody passes, one that drops somebody shows whom."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kong_mtls.reader.manifests import UnreadableInput, read_texts
from kong_mtls.rehearsal import drill
from kong_mtls.rehearsal.links import LINKS
from kong_mtls.rehearsal.links.client import prove_callers
from kong_mtls.rehearsal.mixture import changed_units, mixtures
from kong_mtls.rehearsal.render import render

from .conftest import CLUSTER, Stack


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_every_drill_of_our_stacks_drops_nobody(root: Path, today: datetime, stack: str) -> None:
    """Each step with each mixture: good peers get in, bad ones don't."""
    rows = drill.run(root, stack, now=today, start=Stack(root, stack, today).up())
    assert rows
    assert {row.ok for row in rows} == {True}
    assert all(row.cases >= 10 for row in rows if row.link == "cluster")
    assert all(row.cases >= 4 for row in rows if row.link != "client")
    # Every step of a CA's drill restarts somebody, so that there is something to mix; but on the link to upstreams what
    # the gateway goes by changes without a restart.
    assert all(row.rolls for row in rows if row.link != "upstream")
    assert {row.drill for row in rows if row.rolls} == {row.drill for row in rows}
    links = {row.link for row in rows}
    assert links >= {"dev": {"cluster", "admin", "database", "client"}}.get(stack, {"cluster", "admin"})


def jump(ca: str) -> dict[str, Any]:
    """A CA exchanged in one step, which is refused unless it is asked for."""
    return {f"{ca}.generations": ["g2"], f"{ca}.issuing": "g2", f"{ca}.skipSteps": True}


def failures(
    before: dict[str, str], after: dict[str, str], today: datetime, link: str = "cluster"
) -> dict[tuple[str, ...], list[str]]:
    """For each mixture within a step: the cases of the link that went wrong."""
    rolls = changed_units(before, after)
    found = {}
    for restarted, texts in mixtures(before, after, rolls, link):
        rows = LINKS[link](read_texts(texts), today, lambda _: None)
        assert rows
        found[tuple(restarted)] = [row.case for row in rows if row.ok is not True]
    return found


def test_a_jump_drops_whoever_has_not_restarted(staging: Stack, today: datetime) -> None:
    """A CA exchanged in one step: links hold before and after, and fail in between."""
    before = render(staging.up(), masked=False)
    jump = {
        f"{CLUSTER}.authority.generations": ["g2"],
        f"{CLUSTER}.authority.issuing": "g2",
        f"{CLUSTER}.skipSteps": True,
    }
    after = render(staging.up(jump), masked=False)
    found = failures(before, after, today)
    assert found[()] == []
    assert found["releases/kong-cp.yaml", "releases/kong-dp.yaml"] == []
    assert found[("releases/kong-cp.yaml",)]
    assert found[("releases/kong-dp.yaml",)]


def test_a_new_shared_certificate_cuts_the_link_until_both_have_it(dev: Stack, today: datetime) -> None:
    """In shared mode every rotation is an outage of the link: the documentation says so, and this shows it."""
    before = render(dev.up(), masked=False)
    after = render(dev.up({f"{CLUSTER}.earlyRenewalDays": 40}), masked=False)
    found = failures(before, after, today)
    assert found["releases/kong-cp.yaml", "releases/kong-dp.yaml"] == []
    assert found[("releases/kong-cp.yaml",)]
    assert found[("releases/kong-dp.yaml",)]


def test_a_jump_of_the_databases_ca_shows(dev: Stack, today: datetime) -> None:
    """Control plane and Postgres roll each by itself: a CA exchanged in one step cuts them off from each other."""
    ca = "kong-mtls:database.development.authority"
    before = render(dev.up(), masked=False)
    after = render(dev.up(jump(ca)), masked=False)
    found = failures(before, after, today, "database")
    postgres, control_plane = "manifests/statefulset-kong-kong-postgres.yaml", "releases/kong-cp.yaml"
    assert found[()] == []
    assert found[postgres, control_plane] == []
    assert found[(postgres,)]
    assert found[(control_plane,)]


def test_both_ends_of_the_admin_api_are_in_one_pod(dev: Stack, today: datetime) -> None:
    """So they change together, and even a jump of that CA drops nobody."""
    ca = "kong-mtls:admin.authority"
    before = render(dev.up(), masked=False)
    after = render(dev.up(jump(ca)), masked=False)
    assert changed_units(before, after) == ["releases/kong-cp.yaml"]
    assert not any(failures(before, after, today, "admin").values())


CALLERS_CA = "kong-mtls:clientMtls.ca.generate"
SERVER_CA = "kong-mtls:serverCertificates.authority"
REFUSED = [(CALLERS_CA, "401"), (SERVER_CA, "refuse")]


@pytest.mark.parametrize(("ca", "observed"), REFUSED)
def test_a_jump_on_the_client_link_shows(dev: Stack, today: datetime, ca: str, observed: str) -> None:
    """A caller with what it had is refused by the gateway, or refuses it; so is one that is ahead of the gateway."""
    before = read_texts(render(dev.up(), masked=False))
    after = read_texts(render(dev.up(jump(ca)), masked=False))
    for theirs, gateway in ((before, after), (after, before)):
        rows = prove_callers(theirs, gateway, today)
        assert [row.observed for row in rows] == [observed]
        assert {row.ok for row in rows} == {False}
    assert {row.ok for row in prove_callers(after, after, today)} == {True}


@pytest.mark.parametrize(("ca", "observed"), REFUSED)
def test_who_sleeps_through_a_whole_rotation_is_out(dev: Stack, today: datetime, ca: str, observed: str) -> None:
    """Each step holds; only a caller that never took up anything new finds itself refused after the last."""
    first = read_texts(render(dev.up(), masked=False))
    steps = (
        {f"{ca}.generations": ["g1", "g2"], f"{ca}.issuing": "g1"},
        {f"{ca}.issuing": "g2"},
        {f"{ca}.generations": ["g2"]},
    )
    seen = []
    for change in steps:
        rows = prove_callers(first, read_texts(render(dev.up(change), masked=False)), today)
        seen += [row.observed for row in rows]
    # Callers that trust only the old CA are out as soon as the new one issues what the gateway shows.
    assert seen == (["200", "200", observed] if ca == CALLERS_CA else ["200", observed, observed])


def unmarked(texts: dict[str, str]) -> dict[str, str]:
    """The files without what rolls pods when something they read has changed."""
    found = dict(texts)
    for path in (path for path in texts if path.startswith("releases/")):
        document = yaml.safe_load(texts[path])
        document["values"].pop("podAnnotations", None)
        found[path] = yaml.safe_dump(document)
    return found


def test_who_is_not_rolled_may_restart_all_the_same(staging: Stack, today: datetime) -> None:
    """Without the marks that roll pods a jump goes wrong as well: whoever restarts has what is new."""
    before = unmarked(render(staging.up(), masked=False))
    jump = {
        f"{CLUSTER}.authority.generations": ["g2"],
        f"{CLUSTER}.authority.issuing": "g2",
        f"{CLUSTER}.skipSteps": True,
    }
    after = unmarked(render(staging.up(jump), masked=False))
    found = failures(before, after, today)
    assert found[()] == []
    assert found[("releases/kong-cp.yaml",)]
    assert found[("releases/kong-dp.yaml",)]


STEPS = st.lists(st.sampled_from(["add", "issue", "drop", "key"]), min_size=1, max_size=4)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_any_sequence_of_allowed_steps_holds(root: Path, today: datetime, steps: list[str]) -> None:
    """Whatever the order of allowed steps, every mixture within each lets good peers in and keeps bad ones out."""
    stack = Stack(root, "staging", today)
    trusted, issuing, key, made = ["g1"], "g1", 1, 1
    before = render(stack.up(), masked=False)
    for step in steps:
        if step == "add":
            made += 1
            trusted = [*trusted, f"g{made}"]
        elif step == "issue":
            issuing = trusted[-1]
        elif step == "drop":
            trusted = [name for name in trusted if name == issuing or name == trusted[-1]]
        else:
            key += 1
        change = {
            f"{CLUSTER}.authority.generations": trusted,
            f"{CLUSTER}.authority.issuing": issuing,
            f"{CLUSTER}.leaf.keyGeneration": str(key),
        }
        after = render(stack.up(change), masked=False)
        assert not any(failures(before, after, today).values())
        before = after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description: x\nsteps: []\n", "no drill: it needs description, link and steps"),
        ("description: x\nlink: pigeon\nsteps: []\n", "link 'pigeon' is not known; allowed: cluster"),
        ("- 1\n", "no drill"),
        ("description: x\nlink: cluster\nsteps: [{name: a}]\n", "no drill"),
    ],
)
def test_a_file_that_is_no_drill(tmp_path: Path, text: str, message: str) -> None:
    """One message names the file and what is missing."""
    (tmp_path / "drills").mkdir()
    (tmp_path / "drills" / "bad.yaml").write_text(text)
    with pytest.raises(UnreadableInput, match=message):
        drill.read(tmp_path, "dev")
