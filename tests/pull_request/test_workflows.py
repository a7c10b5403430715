"""The workflows: safe for forks, pinned, with the rights they need, and calling what is there."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.pull_request import __main__ as script
from tests.pull_request import workflow_rules as rules
from tests.pull_request.workflow_rules import RULES, Document, jobs, read, steps, triggers

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.y*ml"))
STACKS = {path.name[len("Pulumi.") : -len(".yaml")] for path in ROOT.glob("Pulumi.*.yaml")}
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"

Rule = Callable[[Document, Path], Iterator[str]]


def workflow(name: str) -> dict[str, Any]:
    return read(ROOT / ".github" / "workflows" / f"{name}.yml")


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_rule_is_broken(path: Path) -> None:
    """By any workflow or action."""
    assert [said for rule in RULES for said in rule(read(path), ROOT)] == []


def test_there_are_workflows() -> None:
    """The rules have something to judge; every one of them is read as YAML 1.2, where `on` is a word."""
    assert {path.stem for path in WORKFLOWS} >= {"rehearse", "comment", "preview", "deploy", "ci", "e2e"}
    assert all("on" in read(path) for path in WORKFLOWS)


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_commit_has_its_version_beside_it(path: Path) -> None:
    """People see which version it is, and update tools find it."""
    used = [line for line in path.read_text().splitlines() if re.search(r"uses: (?!\./)", line)]
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in used)


def test_one_version_of_each_action() -> None:
    """All workflows use the same commit of an action."""
    used = {str(step["uses"]) for path in [*WORKFLOWS, *ACTIONS] for _, step in steps(read(path)) if "uses" in step}
    names = [each.partition("@")[0] for each in used]
    assert len(names) == len(set(names))


def bad(on: Any = "pull_request", job: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """A workflow of one job that breaks no rule but what the arguments make it break."""
    return {"name": "bad", "on": on, "permissions": {"contents": "read"}, "jobs": {"it": job or {}}, **top}


def step(**parts: Any) -> dict[str, Any]:
    return {"steps": [parts]}


def guarded(value: str) -> dict[str, Any]:
    return step(run="true", env={"TOKEN": f"${{{{ {value} }}}}"})


KEPT = {"persist-credentials": False}
BAD: list[tuple[Rule, dict[str, Any]]] = [
    (rules.unpinned, bad(job=step(uses="actions/setup-python@v7"))),
    (rules.unpinned, bad(job=step(uses="actions/setup-python@5fda3b9"))),
    (rules.unpinned, bad(job=step(uses="docker://alpine:3"))),
    (rules.unpinned, bad(job=step(uses="./.github/actions/nowhere"))),
    (rules.permitted_too_much, {"name": "bad", "on": "push", "jobs": {}}),
    (rules.permitted_too_much, bad(permissions="write-all")),
    (rules.permitted_too_much, bad(permissions={"contents": "write"})),
    (rules.permitted_too_much, bad(job={"permissions": {"pull-requests": "write"}})),
    (rules.permitted_too_much, bad(job={"permissions": "write-all"})),
    (rules.permitted_too_much, bad(job={"permissions": {"id-token": "write"}})),
    (rules.privileged_trigger, bad("pull_request_target")),
    (rules.privileged_trigger, bad(["push", "pull_request_target"])),
    (rules.privileged_trigger, bad({"issue_comment": {"types": ["created"]}})),
    (rules.injection, bad(job=step(run='echo "${{ github.event.pull_request.title }}"'))),
    (rules.injection, bad(job=step(run="git checkout ${{github.head_ref}}"))),
    (rules.injection, bad(job=step(run="x\n${{\n github.event.comment.body }}"))),
    (rules.injection, bad(job=step(run="${{ github['event'].issue.title }}"))),
    (rules.injection, {"runs": step(run="pulumi ${{ inputs.command }}")}),
    (rules.secrets_for_branches, bad(job=guarded("secrets.KUBECONFIG"))),
    (rules.secrets_for_branches, bad(job=guarded("secrets['KUBECONFIG']"))),
    (rules.secrets_for_branches, bad(job=guarded("toJSON(secrets)"))),
    (rules.secrets_for_branches, bad(env={"TOKEN": "${{ secrets.A }}"})),
    (rules.secrets_for_branches, bad(job={**guarded("secrets.A"), "if": "github.actor != 'mallory'"})),
    (rules.secrets_for_branches, bad(job={"uses": "./.github/workflows/x.yml", "secrets": "inherit"})),
    (
        rules.branch_in_a_privileged_job,
        bad({"workflow_run": {}}, step(uses=CHECKOUT, **{"with": {**KEPT, "ref": "x"}})),
    ),
    (rules.branch_in_a_privileged_job, bad({"workflow_run": {}}, step(run="true && gh pr checkout 7"))),
    (
        rules.branch_in_a_privileged_job,
        bad({"workflow_run": {}}, step(uses="actions/download-artifact@" + "a" * 40)),
    ),
    (rules.kept_credentials, bad(job=step(uses=CHECKOUT))),
    (rules.kept_credentials, bad(job=step(uses=CHECKOUT, **{"with": {"persist-credentials": True}}))),
    (rules.unknown_commands, bad(job=step(run="make everything"))),
    (rules.unknown_commands, bad(job=step(run="python3 -m scripts.nothing"))),
    (rules.unknown_commands, bad(job=step(run="bash scripts/nothing.sh"))),
]


@pytest.mark.parametrize(("rule", "document"), BAD, ids=[f"{rule.__name__}-{i}" for i, (rule, _) in enumerate(BAD)])
def test_each_rule_finds_what_it_forbids(rule: Rule, document: dict[str, Any]) -> None:
    """A workflow that breaks it is told so, and it breaks no other."""
    assert list(rule(document, ROOT))
    assert [said for other in RULES if other is not rule for said in other(document, ROOT)] == []


def test_every_rule_has_a_bad_example() -> None:
    """A rule that finds nothing is no rule."""
    assert {rule for rule, _ in BAD} == set(RULES)


@pytest.mark.parametrize(
    "document",
    [
        bad(job={**guarded("secrets.A"), "if": rules.SAME_REPOSITORY}),
        bad(job=guarded("github.event_name != 'pull_request' && secrets.A || ''")),
        bad("push", guarded("secrets.A")),
        bad(job=step(run='echo "$TITLE"', env={"TITLE": "${{ github.event.pull_request.title }}"})),
        bad(job=step(run="make setup && .ci/run && python -m scripts.pull_request compare")),
    ],
)
def test_what_is_allowed(document: dict[str, Any]) -> None:
    """What the rules mean to allow."""
    assert [said for rule in RULES for said in rule(document, ROOT)] == []


def test_the_comment_writes_what_rehearse_left() -> None:
    """The names that one workflow has from the other are the same."""
    from scripts.pull_request.comments import ARTIFACT, FILE

    rehearse, comment = workflow("rehearse"), workflow("comment")
    assert comment["on"]["workflow_run"]["workflows"] == [rehearse["name"]]
    uploads = {
        step["with"]["name"]: step["with"]["path"]
        for _, step in steps(rehearse)
        if "with" in step and "path" in step["with"]
    }
    assert Path(uploads[ARTIFACT]).name == FILE
    assert triggers(rehearse) == {"pull_request"}


def test_a_failed_rehearsal_is_written_too() -> None:
    """What went wrong is what people want to read."""
    uploads = [step for _, step in steps(workflow("rehearse")) if "upload-artifact" in step.get("uses", "")]
    assert [step["if"] for step in uploads] == ["${{ !cancelled() }}"] * 2
    assert "conclusion" not in str(jobs(workflow("comment"))["comment"]["if"])


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_commands_of_our_script_are_known(path: Path) -> None:
    """Their arguments are ones that it takes."""
    for _, one in steps(read(path)):
        for line in re.findall(r"-m scripts\.pull_request (.*)", str(one.get("run", ""))):
            words = re.sub(r'"\$\w+"', "7", line).split()
            assert script._arguments(words).command == words[0]


def test_every_stack_is_previewed_and_deployed() -> None:
    """The lists in the workflows are those of the files."""
    preview = jobs(workflow("preview"))["preview"]
    assert set(preview["strategy"]["matrix"]["stack"]) == STACKS
    assert set(jobs(workflow("deploy"))) == STACKS


def test_one_environment_after_the_other() -> None:
    """Each has its GitHub environment and its turn; what has begun is never cut off."""
    deploy = jobs(workflow("deploy"))
    assert [job.get("needs") for job in deploy.values()] == [None, *list(deploy)[:-1]]
    for name, job in deploy.items():
        assert job["environment"] == name
        assert job["concurrency"] == {"group": f"deploy-{name}", "cancel-in-progress": False}
        assert [step["with"]["stack"] for step in job["steps"] if step.get("uses", "").startswith("./")] == [name]


def test_prod_is_protected() -> None:
    """Its job looks whether somebody had to agree, before anything else of it is done."""
    first, second, third = jobs(workflow("deploy"))["prod"]["steps"]
    assert first["uses"].startswith("actions/checkout@")
    assert second["run"] == "python3 -m scripts.pull_request protected prod"
    assert third["uses"] == "./.github/actions/pulumi"


def test_previews_are_never_for_forks_and_have_credentials_of_their_own() -> None:
    """A branch's code runs with them: they aren't those that deploy."""
    preview = jobs(workflow("preview"))["preview"]
    assert preview["if"] == rules.SAME_REPOSITORY
    assert preview["environment"] == "${{ matrix.stack }}-preview"


def test_the_engine_is_the_sdk_s_version_and_has_the_policy_pack() -> None:
    """The CLI and the pinned SDK go together; the pack judges previews and updates."""
    action = read(ROOT / ".github" / "actions" / "pulumi" / "action.yml")
    (engine,) = [step for _, step in steps(action) if step.get("uses", "").startswith("pulumi/actions@")]
    pinned = re.search(r"^pulumi==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    assert engine["with"]["pulumi-version"] == pinned[1]
    assert (ROOT / engine["with"]["policyPacks"] / "PulumiPolicy.yaml").is_file()
    following = [step for _, step in steps(action)][1:]
    assert all(step["if"] == "steps.credentials.outputs.ready == 'true'" for step in following)
