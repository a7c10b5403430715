"""The CLI works on copies and with a passphrase, and finds the state where the user keeps it."""

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pulumi.automation
import pytest

from scripts.pulumi_cli import Workspace, backend, find_cli
from scripts.stack_file import Missing, read_stack_file
from tests.engine.doubles import FakeCli, write_stack

Environment = dict[str, str]


@pytest.fixture
def workspace(project: Path, cli: FakeCli, environment: Environment) -> Any:
    def make(stack: str = "dev", **more: str) -> Workspace:
        return Workspace(read_stack_file(project, stack), cli.bin / "pulumi", environment | more)

    return make


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_up_leaves_the_project_as_it_is(project: Path, workspace: Any, cli: FakeCli) -> None:
    """A new stack is made, and configured, from copies: its salt ends up in none of the project's files."""
    before = tree(project)
    command, environment = workspace().up(confirmed=True)
    after = tree(project)
    new = {name for name in after if name not in before}
    assert {name: after[name] for name in before} == before
    assert new == {".stack/Pulumi.dev.yaml", ".stack/Pulumi.yaml", ".stack/passphrase"}
    config = str(project / ".stack" / "Pulumi.dev.yaml")
    assert command[1:] == ["up", "--stack", "dev", "--config-file", config, "--yes"]
    assert after[".stack/Pulumi.dev.yaml"] == before["Pulumi.dev.yaml"]
    assert cli.arguments() == ["stack ls --json --non-interactive", "stack init dev --no-select --non-interactive"]
    assert Path(cli.last["cwd"]) == project / ".stack"
    assert environment["PULUMI_BACKEND_URL"] == f"file://{project}/.pulumi-state"
    assert stat.S_IMODE((project / ".pulumi-state").stat().st_mode) == 0o700


def test_an_existing_stack_is_not_made_again(workspace: Any, cli: FakeCli) -> None:
    """What the backend lists, under an organisation or not, exists."""
    workspace().up(confirmed=True)
    for name in ("dev", "organization/kong-mtls/dev"):
        cli.has(name)
        workspace().up(confirmed=True)
        assert cli.last["argv"][:2] == ["stack", "ls"]


def test_the_copy_follows_the_tracked_file(project: Path, workspace: Any) -> None:
    """A changed stack file is copied again, whatever the CLI wrote into the copy."""
    workspace().up(confirmed=True)
    with (project / ".stack" / "Pulumi.dev.yaml").open("a") as copy:
        copy.write("encryptionsalt: v1:made\n")
    write_stack(project, "dev", {"kubernetes:context": "other"})
    workspace().up(confirmed=True)
    assert (project / ".stack" / "Pulumi.dev.yaml").read_text() == (project / "Pulumi.dev.yaml").read_text()


def test_the_passphrase_of_dev(project: Path, workspace: Any) -> None:
    """It is random, readable by its owner alone, kept, and never on a command line."""
    command, environment = workspace().up(confirmed=True)
    file = Path(environment["PULUMI_CONFIG_PASSPHRASE_FILE"])
    first = file.read_text()
    assert file == project / ".stack" / "passphrase"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first) >= 32
    assert not any(first in part for part in [*command, *environment.values()])
    workspace().up(confirmed=True)
    assert file.read_text() == first


def test_a_passphrase_of_the_user(project: Path, workspace: Any, cli: FakeCli) -> None:
    """What is set is used, even an empty one, and no file is made; a relative file is one in the project's folder."""
    (project / "phrase").write_text("of the user")
    for value in ("", "given"):
        _, environment = workspace(PULUMI_CONFIG_PASSPHRASE=value).up(confirmed=True)
        assert environment["PULUMI_CONFIG_PASSPHRASE"] == value
    workspace(PULUMI_CONFIG_PASSPHRASE_FILE="phrase").up(confirmed=True)
    assert cli.last["argv"][1] == "init"
    assert cli.last["passphrase"] == "of the user"
    assert not (project / ".stack" / "passphrase").exists()


def test_a_lost_passphrase(project: Path, workspace: Any, cli: FakeCli) -> None:
    """A new one wouldn't open the old state: that is said, and none is made."""
    workspace().up(confirmed=True)
    (project / ".stack" / "passphrase").unlink()
    cli.has("dev")
    said = re.escape("the state in .pulumi-state/ was encrypted with one")
    with pytest.raises(Missing, match=said):
        workspace().up(confirmed=True)
    with pytest.raises(Missing, match=said):
        workspace().preview(project / "scratch")
    assert not (project / ".stack" / "passphrase").exists()


def test_encrypted_values_need_their_passphrase(project: Path, workspace: Any) -> None:
    """A random passphrase wouldn't open what the stack's file holds."""
    write_stack(project, "dev", {}, encryptionsalt="v1:x")
    with pytest.raises(Missing, match=r"Pulumi\.dev\.yaml was encrypted with one; set PULUMI_CONFIG_PASSPHRASE"):
        workspace().up(confirmed=True)


def test_other_stacks_bring_their_passphrase(project: Path, workspace: Any) -> None:
    """Nothing is made up for an environment; both variables and the login are named."""
    with pytest.raises(Missing, match="PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, or log in"):
        workspace("prod").up(confirmed=True)
    with pytest.raises(Missing, match=r"secrets in s3://bucket: set PULUMI_CONFIG_PASSPHRASE or \S+$"):
        workspace("prod", PULUMI_BACKEND_URL="s3://bucket").up(confirmed=True)
    assert not (project / ".stack").exists()
    workspace("prod", PULUMI_CONFIG_PASSPHRASE="p").up(confirmed=False)


def test_a_service_or_key_service_needs_none(project: Path, workspace: Any, cli: FakeCli) -> None:
    """With a secrets provider of its own no passphrase is asked for; a new stack is made with that provider."""
    command, _ = workspace("prod", PULUMI_BACKEND_URL="https://api.pulumi.com").up(confirmed=False)
    assert "--yes" not in command
    write_stack(project, "prod", {}, secretsprovider="awskms://alias/x", encryptedkey="k")
    _, environment = workspace("prod", PULUMI_BACKEND_URL="s3://bucket").up(confirmed=False)
    assert cli.last["argv"][3:6] == ["--no-select", "--secrets-provider", "awskms://alias/x"]
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment
    write_stack(project, "prod", {}, encryptionsalt="v1:x")
    with pytest.raises(Missing, match="no passphrase"):
        workspace("prod", PULUMI_BACKEND_URL="https://api.pulumi.com").up(confirmed=False)


def test_where_states_are_kept(project: Path, environment: Environment, tmp_path: Path) -> None:
    """The environment comes before the project, the project before the login; a token alone means the service."""
    stack = read_stack_file(project, "dev")
    assert backend(stack, environment) is None
    assert backend(stack, environment | {"PULUMI_ACCESS_TOKEN": "pul-x"}) == "https://api.pulumi.com"
    home = tmp_path / "pulumi-home"
    home.mkdir()
    environment["PULUMI_HOME"] = str(home)
    for broken in ("{", "[]", "{}"):
        (home / "credentials.json").write_text(broken)
        assert backend(stack, environment) is None
    (home / "credentials.json").write_text(json.dumps({"current": "gs://login"}))
    assert backend(stack, environment) == "gs://login"
    with (project / "Pulumi.yaml").open("a") as file:
        file.write("backend: {url: s3://project}\n")
    assert backend(stack, environment) == "s3://project"
    assert backend(stack, environment | {"PULUMI_BACKEND_URL": "file:///x"}) == "file:///x"


@pytest.mark.parametrize("path", ["states", "./states"])
def test_a_relative_backend_is_the_project_folder_s(project: Path, workspace: Any, cli: FakeCli, path: str) -> None:
    """The CLI runs in two folders, and both mean the same state."""
    _, environment = workspace(PULUMI_BACKEND_URL=f"file://{path}").up(confirmed=True)
    assert environment["PULUMI_BACKEND_URL"] == f"file://{project}/states"
    _, environment = workspace(PULUMI_BACKEND_URL="file://~").up(confirmed=True)
    assert environment["PULUMI_BACKEND_URL"] == "file://~"


def test_a_login_is_left_alone(workspace: Any, project: Path) -> None:
    """With a backend of the user's no state is kept in the project."""
    _, environment = workspace(PULUMI_ACCESS_TOKEN="pul-x").up(confirmed=True)
    assert "PULUMI_BACKEND_URL" not in environment
    assert not (project / ".pulumi-state").exists()


def test_preview_of_a_new_stack_writes_elsewhere(project: Path, workspace: Any, cli: FakeCli, tmp_path: Path) -> None:
    """A stack that isn't there is made on an empty state in the scratch folder, with a passphrase of its own."""
    before = tree(project)
    scratch = tmp_path / "scratch"
    command, environment = workspace().preview(scratch)
    assert tree(project) == before
    assert not (project / ".stack").exists()
    assert command[1:] == ["preview", "--stack", "dev", "--config-file", str(scratch / "Pulumi.dev.yaml")]
    assert environment["PULUMI_BACKEND_URL"] == f"file://{scratch}"
    assert cli.arguments() == ["stack init dev --no-select --non-interactive"]
    assert cli.last["env"]["PULUMI_CONFIG_PASSPHRASE"] == environment["PULUMI_CONFIG_PASSPHRASE"]


def test_preview_of_a_stack_that_is_there(project: Path, workspace: Any, cli: FakeCli, tmp_path: Path) -> None:
    """It is compared with its state, and nothing is written beside it."""
    _, environment = workspace().up(confirmed=True)
    cli.has("dev")
    before = tree(project)
    _, again = workspace().preview(tmp_path / "scratch")
    assert tree(project) == before
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        assert again[name] == environment[name]


def test_encrypted_values_are_previewed_with_their_passphrase(workspace: Any, project: Path, tmp_path: Path) -> None:
    """A made-up passphrase couldn't read them."""
    write_stack(project, "dev", {}, encryptionsalt="v1:x")
    _, environment = workspace(PULUMI_CONFIG_PASSPHRASE="given").preview(tmp_path / "scratch")
    assert environment["PULUMI_CONFIG_PASSPHRASE"] == "given"
    _, environment = workspace().preview(tmp_path / "scratch")
    assert "PULUMI_CONFIG_PASSPHRASE" not in environment


def test_other_commands_find_the_stack(workspace: Any, project: Path, cli: FakeCli) -> None:
    """Commands that read configuration get the copy, others none; all know stack, state and passphrase."""
    _, up = workspace().up(confirmed=True)
    cli.has("dev")
    command, environment = workspace().command(["destroy", "--yes"])
    config = str(project / ".stack" / "Pulumi.dev.yaml")
    assert command[1:] == ["destroy", "--config-file", config, "--yes"]
    assert environment == up | {"PULUMI_STACK": "dev"}
    command, environment = workspace().command(["stack", "output"])
    assert command[1:] == ["stack", "output"]
    assert environment == up | {"PULUMI_STACK": "dev"}


def test_a_removed_stack_keeps_its_file(workspace: Any, cli: FakeCli) -> None:
    """The CLI would delete the tracked file together with the state."""
    cli.has("dev")
    command, _ = workspace(PULUMI_CONFIG_PASSPHRASE="p").command(["stack", "rm", "--yes"])
    assert command[1:] == ["stack", "rm", "--yes", "--preserve-config"]


def test_a_backend_that_can_not_be_asked(workspace: Any, cli: FakeCli) -> None:
    """What the CLI says is passed on in one line."""
    (cli.bin / "pulumi").write_text("#!/bin/sh\necho 'error: no\n  such bucket' >&2\nexit 1\n")
    with pytest.raises(Missing) as caught:
        workspace(PULUMI_BACKEND_URL="s3://bucket", PULUMI_CONFIG_PASSPHRASE="p").up(confirmed=True)
    assert str(caught.value) == "`pulumi stack ls` failed: no such bucket"


def test_the_cli_on_path_is_taken(cli: FakeCli, environment: Environment) -> None:
    """Nothing is said or installed when there is one."""
    said: list[str] = []
    assert find_cli(environment, said.append) == cli.bin / "pulumi"
    assert said == []


def test_the_cli_is_installed(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: FakeCli
) -> None:
    """Without one, the SDK installs its own version for the user, which is said before it takes its time."""
    monkeypatch.setenv("HOME", str(tmp_path))
    roots: list[str] = []

    def install(root: str) -> Any:
        roots.append(root)
        return type("Installed", (), {"command": f"{root}/bin/pulumi"})()

    monkeypatch.setattr(pulumi.automation.PulumiCommand, "install", install)
    said: list[str] = []
    found = find_cli(environment | {"PATH": os.defpath}, said.append)
    assert str(found) == f"{roots[0]}/bin/pulumi"
    assert roots[0].startswith(str(tmp_path / ".pulumi" / "versions"))
    assert len(said) == 1
    assert "installing 3." in said[0]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("no route to host"), "no route to host"),
        (pulumi.automation.errors.InvalidVersionError("too old"), "too old"),
    ],
)
def test_the_cli_can_not_be_installed(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    """One line with the last thing the installer said."""

    def install(root: str) -> Any:
        raise error

    monkeypatch.setattr(pulumi.automation.PulumiCommand, "install", install)
    with pytest.raises(Missing, match=rf"no Pulumi CLI: .*\({reason}\); install it"):
        find_cli(environment | {"PATH": os.defpath}, lambda _: None)
