"""`make up` and `make preview` choose their engine as promised, and say why in one line."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts import engine
from scripts.stack_file import Missing
from tests.engine.doubles import CONTEXT, ApiServer, FakeCli, write_stack

REHEARSED = "rehearsed"


@dataclass
class Outcome:
    """What a run of the script came to."""

    code: int
    said: str
    rehearsed: list[str]


Run = Callable[..., Outcome]


@pytest.fixture
def run(
    project: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """The script in this process; becoming the CLI is running it, the rehearsal is noted."""

    def become(_path: str, command: list[str], environment: dict[str, str]) -> None:
        raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)

    def start(*arguments: str, **more: str) -> Outcome:
        rehearsed: list[str] = []
        monkeypatch.setattr(os, "execve", become)
        monkeypatch.setattr(engine, "rehearse", lambda stack, preview_only: rehearsed.append(f"{stack} {preview_only}"))
        monkeypatch.chdir(project)
        try:
            code = engine.main([*arguments[:1], "--program", str(project), *arguments[1:]], environment | more)
        except SystemExit as end:
            code = int(end.code or 0)
        return Outcome(code, capsys.readouterr().err, rehearsed)

    return start


@pytest.fixture
def cluster(api: ApiServer, kubeconfig: Callable[..., Path]) -> ApiServer:
    """The cluster of dev, running."""
    kubeconfig(api.url)
    return api


def one_line(outcome: Outcome) -> str:
    assert outcome.said.endswith("\n")
    assert outcome.said.count("\n") == 1, outcome.said
    return outcome.said


@pytest.mark.usefixtures("cluster")
def test_dev_with_everything_goes_up(run: Run, cli: FakeCli) -> None:
    """Cluster, licence and CLI are there: `pulumi up`, unasked, and the line says where."""
    outcome = run("up")
    assert (outcome.code, outcome.rehearsed) == (0, [])
    assert cli.last["argv"][:3] == ["up", "--stack", "dev"]
    assert cli.last["argv"][-1] == "--yes"
    assert CONTEXT in one_line(outcome)
    assert "state in .pulumi-state/" in outcome.said


@pytest.mark.usefixtures("cluster")
def test_preview_with_everything(run: Run, cli: FakeCli, project: Path) -> None:
    """`pulumi preview` runs, and nothing is left of it."""
    before = sorted(project.iterdir())
    outcome = run("preview")
    assert (outcome.code, outcome.rehearsed) == (0, [])
    assert cli.last["argv"][0] == "preview"
    scratch = Path(cli.last["argv"][-1]).parent
    assert not scratch.exists()
    assert sorted(project.iterdir()) == before


@pytest.mark.parametrize("command", ["up", "preview"])
@pytest.mark.usefixtures("cluster")
def test_exit_codes_pass_through(run: Run, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's failure is the command's."""
    assert run(command, FAKE_EXIT="9").code == 9


@pytest.mark.parametrize(("command", "preview_only"), [("up", False), ("preview", True)])
def test_dev_without_cluster_is_rehearsed(run: Run, cli: FakeCli, command: str, preview_only: bool) -> None:
    """One line says what is missing; the CLI isn't touched."""
    outcome = run(command)
    assert (outcome.code, outcome.rehearsed) == (0, [f"dev {preview_only}"])
    assert f"rehearsal, not `pulumi {command}`: no cluster" in one_line(outcome)
    assert cli.calls == []


def test_a_cluster_is_looked_for_before_a_cli(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded for a machine without a cluster."""
    monkeypatch.setattr(engine, "find_cli", lambda *_: pytest.fail("looked for a CLI"))
    assert run("up").rehearsed == ["dev False"]


@pytest.mark.usefixtures("cluster")
def test_a_licence_is_looked_for_before_a_cli(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for a stack that couldn't go up anyway; the line names both ways out."""
    monkeypatch.setattr(engine, "find_cli", lambda *_: pytest.fail("looked for a CLI"))
    write_stack(project, "dev", {"kubernetes:context": CONTEXT})
    outcome = run("up")
    assert outcome.rehearsed == ["dev False"]
    assert "kong-mtls:license" in one_line(outcome)
    assert "kong-mtls:edition to oss" in outcome.said


@pytest.mark.usefixtures("cluster")
def test_a_cli_that_can_not_be_had(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without network is still good for a rehearsal."""

    def missing(*_: Any) -> Path:
        raise Missing("no Pulumi CLI: none on PATH; install it")

    monkeypatch.setattr(engine, "find_cli", missing)
    assert "no Pulumi CLI" in one_line(run("up"))
    assert run("up").rehearsed == ["dev False"]
    outcome = run("up", "--engine", "pulumi")
    assert (outcome.code, outcome.rehearsed) == (1, [])


@pytest.mark.parametrize(
    "arguments", [["--engine", "pulumi"], ["--stack", "prod"], ["--stack", "prod", "--engine", "pulumi"]]
)
@pytest.mark.parametrize("command", ["up", "preview"])
def test_the_engine_is_wanted(run: Run, cli: FakeCli, command: str, arguments: list[str]) -> None:
    """When forced, and for every other stack, what is missing is an error, with the rehearsal as the other way out."""
    outcome = run(command, *arguments)
    stack = "prod" if "prod" in arguments else "dev"
    assert (outcome.code, outcome.rehearsed, cli.calls) == (1, [], [])
    assert one_line(outcome).startswith("error: no cluster: the kubeconfig ")
    assert f"make {command} STACK={stack} ENGINE=rehearsal" in outcome.said


def test_the_current_context_is_never_used(
    run: Run, cli: FakeCli, api: ApiServer, kubeconfig: Callable[..., Path]
) -> None:
    """A kubeconfig with another cluster, be it current, isn't the stack's."""
    kubeconfig(api.url, name="another")
    outcome = run("up", "--stack", "prod")
    assert outcome.code == 1
    assert "no context 'prod'" in outcome.said
    assert (cli.calls, api.asked) == ([], [])
    assert run("up").rehearsed == ["dev False"]


@pytest.mark.usefixtures("cluster")
def test_a_stack_without_context(run: Run, project: Path) -> None:
    """It is told to name one."""
    write_stack(project, "dev", {"kong-mtls:edition": "oss"})
    outcome = run("up", "--engine", "pulumi")
    assert "set kubernetes:context" in one_line(outcome)


@pytest.mark.parametrize(
    ("config", "more"),
    [
        ({"kubernetes:kubeconfig": {"secure": "v1:x"}, "kong-mtls:edition": "oss"}, {}),
        ({"kong-mtls:edition": "oss"}, {"environment": ["shared"]}),
    ],
)
def test_a_cluster_that_only_the_engine_knows(
    run: Run, project: Path, cli: FakeCli, config: dict[str, Any], more: dict[str, Any]
) -> None:
    """A kubeconfig in encrypted configuration, or in an environment, is left to the engine."""
    write_stack(project, "dev", config, **more)
    assert run("up").code == 0
    assert cli.last["argv"][0] == "up"


@pytest.mark.usefixtures("cluster")
def test_rehearsal_on_request(run: Run, cli: FakeCli) -> None:
    """It needs nothing and explains nothing."""
    outcome = run("up", "--engine", "rehearsal", "--stack", "prod")
    assert (outcome.code, outcome.said, outcome.rehearsed) == (0, "", ["prod False"])
    assert cli.calls == []


def test_other_stacks_are_confirmed(
    run: Run, cli: FakeCli, api: ApiServer, kubeconfig: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away from dev the CLI asks; where nobody can answer it takes YES=1 or CI, and is an error without."""
    kubeconfig(api.url, name="prod")
    given = {"PULUMI_CONFIG_PASSPHRASE": "p"}
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    outcome = run("up", "--stack", "prod", **given)
    assert outcome.code == 1
    assert "with YES=1" in one_line(outcome)
    assert cli.calls == []
    for name in ("YES", "CI"):
        assert run("up", "--stack", "prod", **given, **{name: "true"}).code == 0
        assert cli.last["argv"][-1] == "--yes"
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert run("up", "--stack", "prod", **given).code == 0
    assert "--yes" not in cli.last["argv"]


@pytest.mark.parametrize("name", ["auto", "pulumi"])
def test_a_stack_that_is_not_there(run: Run, name: str) -> None:
    """The stacks that are there are listed; dev is no exception."""
    outcome = run("up", "--stack", "nope", "--engine", name)
    assert (outcome.code, outcome.rehearsed) == (1, [])
    assert "there are bare, dev, prod" in one_line(outcome)


def test_a_broken_stack_file(run: Run, project: Path) -> None:
    """Nothing is rehearsed in its place."""
    (project / "Pulumi.dev.yaml").write_text("config: {")
    outcome = run("up")
    assert (outcome.code, outcome.rehearsed) == (1, [])
    assert "Pulumi.dev.yaml" in one_line(outcome)


def test_other_commands(run: Run, cli: FakeCli) -> None:
    """Any command of the CLI runs with the stack, state and passphrase of `up`; its own errors are its own."""
    outcome = run("pulumi", "--", "destroy", "--yes", PULUMI_CONFIG_PASSPHRASE="p", FAKE_EXIT="4")
    assert outcome.code == 4
    assert cli.last["argv"][0] == "destroy"
    assert cli.last["env"]["PULUMI_STACK"] == "dev"


def script(project: Path, *arguments: str) -> list[str]:
    return [sys.executable, engine.__file__, *arguments[:1], "--program", str(project), *arguments[1:]]


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("command", ["up", "preview"])
def test_interrupt_reaches_the_cli_once(project: Path, environment: dict[str, str], cli: FakeCli, command: str) -> None:
    """Ctrl-C: the CLI ends in its own way, the exit code is its own, and no scratch folder stays behind."""
    with subprocess.Popen(
        script(project, command),
        env=environment | {"FAKE_WAIT": "1", "TMPDIR": str(project.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 7, said
    assert "Traceback" not in said
    assert not list(project.parent.glob("kong-mtls-*"))


def test_the_rehearsal_runs(project: Path, environment: dict[str, str]) -> None:
    """The script as make calls it: without a cluster the stack is rehearsed."""
    done = subprocess.run(script(project, "preview"), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("rehearsal, not `pulumi preview`: no cluster")
    assert done.stdout.startswith("no change")


@pytest.mark.parametrize("arguments", [[], ["up", "--engine", "other"], ["up", "--stak", "dev"], ["pulumi"], ["down"]])
def test_wrong_usage(project: Path, environment: dict[str, str], arguments: list[str]) -> None:
    """Exit code 2, and what is allowed."""
    with pytest.raises(SystemExit) as end:
        engine.main(arguments, environment)
    assert end.value.code == 2
