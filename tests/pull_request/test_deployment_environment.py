"""What a job that deploys finds in its environment on GitHub."""

import stat
from pathlib import Path

import pytest

from scripts.pull_request import __main__ as script
from scripts.pull_request.environments import check_protected, credentials
from scripts.pull_request.github import Api, Refused
from tests.pull_request.conftest import TOKEN
from tests.pull_request.doubles import REPOSITORY, GitHub

REVIEWERS = {"type": "required_reviewers", "reviewers": [{"type": "Team"}]}


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    output = tmp_path / "output"
    output.write_text("before=1\n")
    return {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(output)}


STATE = {"PULUMI_BACKEND_URL": "s3://states"}


@pytest.mark.parametrize("backend", [{"PULUMI_ACCESS_TOKEN": "x"}, STATE | {"PULUMI_CONFIG_PASSPHRASE": "x"}])
def test_credentials(job: dict[str, str], backend: dict[str, str]) -> None:
    """With a cluster and a state there is a kubeconfig that only its user can read, and later steps run."""
    said: list[str] = []
    job |= {"KUBECONFIG_CONTENT": "kind: Config\n", **backend}
    assert credentials("prod", job, said.append, Path())
    file = Path(job["RUNNER_TEMP"]) / "kubeconfig"
    assert Path(job["GITHUB_OUTPUT"]).read_text() == f"before=1\nready=true\nkubeconfig={file}\n"
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode), said) == ("kind: Config\n", 0o600, [])


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "lacks the secret KUBECONFIG and the secret PULUMI_ACCESS_TOKEN or the variable PULUMI_BACKEND_URL"),
        ({"KUBECONFIG_CONTENT": "x"}, "lacks the secret PULUMI_ACCESS_TOKEN or the variable PULUMI_BACKEND_URL"),
        ({"PULUMI_ACCESS_TOKEN": "x", "KUBECONFIG_CONTENT": ""}, "lacks the secret KUBECONFIG"),
        (STATE | {"KUBECONFIG_CONTENT": "x"}, "lacks the secret PULUMI_CONFIG_PASSPHRASE"),
    ],
)
def test_no_credentials(job: dict[str, str], given: dict[str, str], missing: str) -> None:
    """A notice names what isn't set, the steps after this one are passed over, and it is no error."""
    said: list[str] = []
    assert not credentials("prod", job | given, said.append, Path())
    assert said == [f"::notice::prod: nothing done, its environment {missing}"]
    assert Path(job["GITHUB_OUTPUT"]).read_text() == "before=1\nready=false\n"
    assert not (Path(job["RUNNER_TEMP"]) / "kubeconfig").exists()


@pytest.mark.parametrize(
    ("line", "enough"),
    [("secretsprovider: awskms://alias/x", True), ("secretsprovider: passphrase", False), ("", False)],
)
def test_a_state_without_a_passphrase(job: dict[str, str], tmp_path: Path, line: str, enough: bool) -> None:
    """Only where the stack's file says that something else encrypts it."""
    (tmp_path / "Pulumi.prod.yaml").write_text(f"config: {{}}\n{line}\n")
    said: list[str] = []
    assert credentials("prod", job | STATE | {"KUBECONFIG_CONTENT": "x"}, said.append, tmp_path) is enough
    assert len(said) == (not enough)


def test_the_notice_is_for_github(job: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to standard output; outside a workflow there is one message instead."""
    assert script.main(["credentials", "dev"], job) == 0
    assert capsys.readouterr().out.startswith("::notice::dev: ")
    assert script.main(["credentials", "dev"], {}) == 1
    assert "this runs in a workflow" in capsys.readouterr().err


def test_a_protected_environment(hub: GitHub, api: Api) -> None:
    """Required reviewers are what protects it."""
    hub.environments["prod"] = {"protection_rules": [{"type": "wait_timer"}, REVIEWERS]}
    check_protected(api, "prod")


@pytest.mark.parametrize(
    "rules", [[], [{"type": "wait_timer", "wait_timer": 5}], [{"type": "required_reviewers", "reviewers": []}]]
)
def test_an_open_environment(hub: GitHub, api: Api, rules: list[dict[str, object]]) -> None:
    """One that nobody has to agree to is refused: GitHub makes an environment that isn't there, without protection."""
    hub.environments["prod"] = {"protection_rules": rules}
    with pytest.raises(Refused, match="environment prod has no required reviewers"):
        check_protected(api, "prod")


def test_an_environment_that_cannot_be_seen(hub: GitHub, capsys: pytest.CaptureFixture[str]) -> None:
    """Not to know is no reason to deploy."""
    given = {"GITHUB_API_URL": hub.url, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": TOKEN}
    assert script.main(["protected", "prod"], given) == 1
    assert "404" in capsys.readouterr().err
