"""Looking ahead: the stack as of a later day, and what the next update on that day would do; files of drills proved."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kong_mtls import cli
from kong_mtls.rehearsal import run

MODULES = [it.name for it in Path(__file__).resolve().parents[2].glob("*.py")]
STAGED = ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.staging.yaml", "settings", *MODULES)
LEAVES = {"kong-cluster-control-plane", "kong-cluster-dp", "kong-admin-server", "kong-admin-client"}


@pytest.fixture
def program(root: Path, tmp_path: Path) -> Path:
    """The repository's program in a folder of its own, so that nothing is written beside it."""
    for name in STAGED:
        (tmp_path / name).symlink_to(root / name)
    return tmp_path


def with_drill(program: Path, root: Path, name: str) -> None:
    """Give the program one of the repository's drills."""
    (program / "drills").mkdir()
    (program / "drills" / f"{name}.yaml").symlink_to(root / "drills" / f"{name}.yaml")


def rehearsed(program: Path, now: datetime, days: int) -> run.Rehearsal:
    """The stack in PKI mode, judged so many days from now."""
    return run.rehearse(program, "staging", now=now, at=now + timedelta(days=days))


def replaced(done: run.Rehearsal) -> set[str]:
    """What the next update would replace."""
    return {step.name for step in done.ahead if step.op == "replace"}


def test_well_before_nothing_is_due(program: Path, today: datetime) -> None:
    """No link has gone, and an update would change nothing."""
    done = rehearsed(program, today, 30)
    assert done.ok
    assert done.ahead == ()
    assert done.report["ahead"] == []


def test_inside_the_window_the_next_update_renews(program: Path, today: datetime) -> None:
    """Links still hold; the leaves are named, with the releases that they roll, and no CA and no key."""
    done = rehearsed(program, today, 75)
    assert {link.ok for link in done.links if link.link in ("cluster", "admin")} == {True}
    assert replaced(done) >= LEAVES
    changed = {step["name"]: step["op"] for step in done.report["ahead"]}
    assert changed["kong-cp"] == changed["kong-dp"] == "update"
    assert not any("-ca-" in name or name.endswith("-key") for name in changed)


def test_after_the_end_links_have_gone(program: Path, today: datetime) -> None:
    """Nobody has run an update: good peers are refused, the rehearsal fails, and what would mend it is named."""
    done = rehearsed(program, today, 91)
    assert not done.ok
    for link in ("cluster", "admin"):
        good = [row for row in done.links if row.link == link and row.expected == "accept"]
        assert good
        assert not any(row.ok for row in good), link
    assert replaced(done) >= LEAVES
    ended = {one["name"] for one in done.report["certificates"] if one["days_left"] < 0}
    assert {"control-plane", "dp.data-plane", "ingress-controller"} <= ended
    # Soonest first, so that the calendar begins with what is most urgent.
    days = [one["days_left"] for one in done.report["certificates"]]
    assert days == sorted(days)


def test_each_step_of_a_drill_can_be_proved_from_its_files(program: Path, root: Path, today: datetime) -> None:
    """By the command, in another place: `drills/<drill>/<step>` below a rehearsal made with secrets."""
    with_drill(program, root, "cluster-ca")
    day = (today + timedelta(days=1)).date().isoformat()
    done = run.rehearse(program, "staging", now=today, secrets=True, drills=True)
    assert done.ok
    steps = done.folder / "drills" / "cluster-ca"
    assert sorted(path.name for path in steps.iterdir()) == ["1", "2", "3"]
    before = Path.cwd()
    os.chdir(program)
    try:
        for number in ("1", "2", "3"):
            folder = str((steps / number).relative_to(program))
            assert folder == f"out/staging/drills/cluster-ca/{number}"
            proved = CliRunner().invoke(cli.app, ["prove", folder, "--at", day])
            assert proved.exit_code == 0, proved.output
            assert "cluster" in proved.output
            late = CliRunner().invoke(cli.app, ["prove", folder, "--at", "2099-01-01"])
            assert late.exit_code == 1
    finally:
        os.chdir(before)
    assert {path.stat().st_mode & 0o777 for path in steps.rglob("*.yaml")} == {0o600}


def test_masked_drills_are_not_written(program: Path, root: Path, today: datetime) -> None:
    """Without secrets the steps' files would prove nothing."""
    with_drill(program, root, "cluster-leaf")
    done = run.rehearse(program, "staging", now=today, drills=True)
    assert not (done.folder / "drills").exists()
    assert done.report["drill"]
