"""Base and head of a real repository, each rehearsed by its own code."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.pull_request import __main__ as script
from scripts.pull_request.checkout import GitFailed, commit, merge_base, worktree
from scripts.pull_request.compare import Side
from scripts.pull_request.model import Comparison, Stack, parse
from scripts.pull_request.rehearsals import Commit, Task, continue_, environment, stacks

PROGRAM = """
import os
import pulumi, pulumi_kubernetes as k8s, pulumi_tls as tls
from parts import DAYS

config = pulumi.Config()
if os.environ.get("GITHUB_TOKEN") or os.environ.get("AWS_SECRET_ACCESS_KEY"):
    raise pulumi.RunError("a rehearsal must not see credentials")
if config.get("refuse"):
    raise pulumi.RunError(f"refuse: {config.get('refuse')}")
if config.get("reads"):
    pulumi.StackReference(config.get("reads")).get_output("pem")
key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P384")
certificate = tls.SelfSignedCert(
    "certificate",
    private_key_pem=key.private_key_pem,
    subject={"common_name": "demo"},
    validity_period_hours=24 * DAYS,
    allowed_uses=["server_auth"],
)
k8s.core.v1.Secret(
    "pair", metadata={"name": "pair", "namespace": "demo"}, type="kubernetes.io/tls",
    string_data={"tls.crt": certificate.cert_pem, "tls.key": key.private_key_pem},
)
k8s.core.v1.ConfigMap("settings", metadata={"name": "settings", "namespace": "demo"}, data={"port": config.get("port")})
pulumi.export("pem", certificate.cert_pem)
"""


@dataclass
class Repository:
    """A clone with a program in a folder, and its components beside it."""

    folder: Path

    def git(self, *arguments: str) -> str:
        settings = ["-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false"]
        command = ["git", *settings, "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def stack(self, name: str, **config: object) -> None:
        content = json.dumps({"config": {f"demo:{key}": value for key, value in config.items()}})
        (self.folder / "infra" / f"Pulumi.{name}.yaml").write_text(content)

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", "a change")
        return self.git("rev-parse", "HEAD")


@dataclass
class Done:
    """What `compare` left."""

    code: int
    comparison: Comparison
    out: Path
    base: str

    def stack(self, name: str) -> Stack:
        return next(stack for stack in self.comparison.stacks if stack.name == name)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("clone"))
    made.git("init", "-qb", "main")
    made.write({"infra/Pulumi.yaml": "name: demo\nruntime: python\n", "infra/__main__.py": PROGRAM})
    made.write({"components/parts.py": "DAYS = 90\n"})
    made.stack("same", port="80")
    made.stack("changed", port="80")
    made.stack("removed", port="80")
    made.stack("mended", refuse="the base")
    made.stack("broken", port="80")
    return made


@pytest.fixture(scope="module")
def done(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A branch that changes a stack, removes one, adds two, mends one and breaks one; main went on meanwhile."""
    base = repository.commit()
    repository.git("checkout", "-qb", "feature")
    repository.stack("changed", port="443")
    (repository.folder / "infra" / "Pulumi.removed.yaml").unlink()
    repository.stack("mended", port="80")
    repository.stack("broken", refuse="`code` and <b>")
    # It comes before the stack that it reads.
    repository.stack("a-reader", port="80", reads="same")
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.stack("same", port="9999")
    repository.commit()
    out = tmp_path_factory.mktemp("out")
    summary = out / "summary.md"
    given = ["compare", "--repository", str(repository.folder), "--base", "main", "--head", "feature"]
    given += ["--program", "infra", "--number", "7", "--out", str(out)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GITHUB_TOKEN", "secret")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        code = script.main(given, {"GITHUB_STEP_SUMMARY": str(summary)})
    return Done(code, parse((out / "comparison.json").read_text()), out, base)


def test_the_commits(done: Done) -> None:
    """The base is where the branch left, not where the other branch is now."""
    assert done.comparison.base == done.base
    assert done.comparison.number == 7


def test_what_does_not_change_does_not_show(done: Done) -> None:
    """The head starts from the base's keys: nothing is new that isn't changed."""
    assert not done.stack("same").changed
    found = done.stack("changed")
    assert [(step.op, step.name, step.properties) for step in found.steps] == [("replace", "settings", ("data.port",))]
    assert [file.path for file in found.files] == ["manifests/configmap-demo-settings.yaml"]
    assert [one.fate for one in found.certificates] == ["same"]


def test_stacks_that_one_side_has_not(done: Done) -> None:
    """One removed, one new, which is rehearsed after the one it reads."""
    assert not done.stack("removed").on_head
    reader = done.stack("a-reader")
    assert (reader.on_base, reader.head_error) == (False, "")


def test_stacks_that_one_side_cannot_rehearse(done: Done) -> None:
    """The one message of each."""
    assert done.stack("mended").base_error == "refuse: the base"
    assert done.stack("broken").head_error == "refuse: `code` and <b>"


def test_the_exit_code_is_the_head_s(done: Done) -> None:
    """A stack that the head breaks fails the job."""
    assert done.code == 1


def test_what_is_left(done: Done) -> None:
    """The data, the comment, the whole of it as the job's summary, and the head's reports; no key in any of them."""
    assert (done.out / "head" / "infra" / "changed" / "report.html").is_file()
    whole = (done.out / "comparison.md").read_text()
    assert (done.out / "summary.md").read_text() == whole == (done.out / "comment.md").read_text()
    for path in done.out.rglob("*"):
        assert path.is_dir() or "PRIVATE KEY" not in path.read_text()


def test_nothing_is_left_behind(done: Done, repository: Repository) -> None:
    """The clone is as it was: no working tree, no state, no other branch."""
    assert len(repository.git("worktree", "list").splitlines()) == 1
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("branch", "--show-current") == "main"


def test_the_base_is_rehearsed_by_its_own_components(
    repository: Repository, done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a component does differently shows, though no stack's file changes; only the stacks asked for are run."""
    repository.git("checkout", "-qb", "component", done.base)
    repository.write({"components/parts.py": "DAYS = 30\n"})
    repository.commit()
    given = ["compare", "--repository", str(repository.folder), "--base", "main", "--program", "infra"]
    assert script.main([*given, "--stack", "same", "--out", str(tmp_path)], {}) == 0
    (found,) = parse((tmp_path / "comparison.json").read_text()).stacks
    assert [(step.op, step.name) for step in found.steps] == [("replace", "pair"), ("replace", "certificate")]
    assert [one.fate for one in found.certificates] == ["changed"]
    assert (found.files, found.renewed) == ((), 0)
    assert "base: infra same" in capsys.readouterr().err


def test_a_state_that_the_head_cannot_read(repository: Repository, done: Done, tmp_path: Path) -> None:
    """Where the branch changes the state's own format, the head starts without it, and says so."""
    with worktree(repository.folder, done.base, tmp_path / "tree") as tree:
        state = tree / "infra" / ".rehearsal" / "same.json"
        state.parent.mkdir()
        state.write_text('{"format": "kong-mtls rehearsal", "version": 0}')
        (tmp_path / "home").mkdir()
        task = Task(["infra"], ["components"], [], "refuse", 600, print)
        found = continue_(task, Commit("head", tree, tmp_path / "out", tmp_path / "home"), "infra", "same")
    assert isinstance(found, Side)
    assert found.started_anew.startswith("infra/.rehearsal/same.json: written in version 0")
    assert found.ok


def test_a_rehearsal_that_takes_too_long(repository: Repository, done: Done, tmp_path: Path) -> None:
    """It is ended, and that is its message."""
    commit_ = Commit("base", repository.folder, tmp_path / "out", tmp_path)
    found = continue_(Task(["infra"], [], [], "refuse", 0, print), commit_, "infra", "same")
    assert found == "it took longer than 0 seconds"


def test_a_stack_with_an_odd_name(tmp_path: Path) -> None:
    """A name that would lead out of the folder, or be taken for an option, is refused before anything runs."""
    commit_ = Commit("head", tmp_path, tmp_path / "out", tmp_path)
    for name in ("..", "-x", "a b", "`x`"):
        assert "no name for a stack" in str(continue_(Task(["."], [], [], "refuse", 600, print), commit_, ".", name))


def test_a_commit_that_is_not_there(repository: Repository, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One message; what looks like an option isn't taken for one."""
    for ref in ("nowhere", "--help"):
        given = ["compare", "--repository", str(repository.folder), f"--base={ref}", "--out", str(tmp_path)]
        assert script.main(given, {}) == 1
        assert capsys.readouterr().err.startswith("error: git rev-parse: ")


def test_histories_that_never_met(repository: Repository, done: Done) -> None:
    """A clone that isn't deep enough is told from everything else."""
    alone = repository.git("commit-tree", "-m", "alone", f"{done.base}^{{tree}}")
    with pytest.raises(GitFailed, match="fetch-depth: 0"):
        merge_base(repository.folder, done.base, alone)


def test_a_working_tree_that_was_wrecked(repository: Repository, done: Done, tmp_path: Path) -> None:
    """Whatever ran in it, it goes away."""
    with worktree(repository.folder, commit(repository.folder, done.base), tmp_path / "tree") as tree:
        (tree / ".git").unlink()
    assert not (tmp_path / "tree").exists()
    assert len(repository.git("worktree", "list").splitlines()) == 1


def test_the_environment_of_a_rehearsal(tmp_path: Path) -> None:
    """A few variables by name, a home of its own, and the folders of components that the commit has."""
    (tmp_path / "components").mkdir()
    ours = {
        "PATH": "/bin",
        "HOME": "/root",
        "GITHUB_TOKEN": "x",
        "PYTHONPATH": "/elsewhere",
        "ACTIONS_RUNTIME_TOKEN": "x",
    }
    given = environment(Commit("head", tmp_path, tmp_path / "out", tmp_path / "home"), ["components", "lib"], ours)
    assert given.pop("PYTHONPATH") == str(tmp_path / "components")
    assert given.pop("HOME") == str(tmp_path / "home")
    assert set(given) == {"PATH", "PYTHONDONTWRITEBYTECODE", "NO_COLOR"}


def test_stacks_of_a_broken_project(tmp_path: Path) -> None:
    """Its stacks are still listed, so that each can say what is wrong; no program, no stacks."""
    assert stacks(tmp_path) == []
    (tmp_path / "Pulumi.yaml").write_text("name: [")
    (tmp_path / "Pulumi.dev.yaml").write_text("")
    assert stacks(tmp_path) == ["dev"]
