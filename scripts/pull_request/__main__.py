"""What a pull request changes: rehearsed by one job (`compare`), written as a comment by another (`comment`).

`compare` runs code of the branch and needs no secret; it takes the Python environment of the branch. `comment` runs
no code of the branch and needs nothing but Python. `credentials` and `protected` are for the jobs that deploy.
"""

# ruff: noqa: PLC0415 - all but `compare` run without any package installed

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a folder, Python looks into it only

from scripts.pull_request import body, checkout, comments, environments, github  # noqa: E402
from scripts.pull_request.model import VERSION, Comparison  # noqa: E402

# GitHub takes summaries of up to 1 MiB a step.
SUMMARY_BYTES = 2**20


def say(message: str) -> None:
    """One line in the job's log."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


def compare(given: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Rehearse base and head, write the comparison, and judge the head.

    Raises:
        GitFailed: a commit isn't there.
    """
    from scripts.pull_request.rehearsals import Commit, Task, rehearse_all

    repository = Path(given.repository)
    head = checkout.commit(repository, given.head)
    base = checkout.merge_base(repository, checkout.commit(repository, given.base), head)
    task = Task(given.program or ["."], given.source, given.stack, given.unstaged, given.seconds, say)
    out: Path = given.out.resolve()
    results = out / "head"
    shutil.rmtree(results, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="pull-request-") as made:
        scratch = Path(made)
        home = scratch / "home"
        home.mkdir()
        trees = scratch / "base", scratch / "head"
        with checkout.worktree(repository, base, trees[0]), checkout.worktree(repository, head, trees[1]):
            stacks = rehearse_all(
                task,
                Commit("base", trees[0], scratch / "results", home),
                Commit("head", trees[1], results, home),
            )
    comparison = Comparison(VERSION, given.number, base, head, stacks)
    _write(comparison, out, environment)
    return 0 if comparison.ok else 1


def _write(comparison: Comparison, out: Path, environment: Mapping[str, str]) -> None:
    """The data for the comment, the whole for people, and a summary of the job where that is wanted."""
    out.mkdir(parents=True, exist_ok=True)
    whole = body.whole(comparison)
    (out / comments.FILE).write_text(comparison.dump(), "utf-8")
    (out / "comparison.md").write_text(whole, "utf-8")
    (out / "comment.md").write_text(body.comment(comparison), "utf-8")
    summary = environment.get("GITHUB_STEP_SUMMARY")
    if summary:
        # A character has four bytes at most.
        fits = len(whole.encode()) <= SUMMARY_BYTES
        Path(summary).write_text(whole if fits else body.comment(comparison, limit=SUMMARY_BYTES // 4), "utf-8")
    say(f"written to {out}")


def comment(given: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Write the comment of the pull request whose run the event names.

    Raises:
        Refused: the API refused, or the artifact can't be used.
    """
    api = _api(environment)
    event = json.loads(Path(_needed(environment, "GITHUB_EVENT_PATH")).read_text("utf-8"))
    run = comments.Run.of(event)
    if run is None:
        say("the run wasn't for a pull request: nothing to write")
        return 0
    comments.publish(api, run, say, given.author)
    return 0


def credentials(given: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """See whether a stack can be deployed from here; that it can't is no error.

    Raises:
        Refused: this is no workflow.
    """
    # GitHub reads a notice from standard output.
    environments.credentials(given.stack, environment, print, given.program)
    return 0


def protected(given: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """See that somebody had to agree before this job began.

    Raises:
        Refused: nobody had to.
    """
    environments.check_protected(_api(environment), given.environment)
    return 0


def _api(environment: Mapping[str, str]) -> github.Api:
    url = environment.get("GITHUB_API_URL") or "https://api.github.com"
    return github.Api(url, _needed(environment, "GITHUB_REPOSITORY"), _needed(environment, "GITHUB_TOKEN"))


def _needed(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise github.Refused(f"{name} is not set; this runs in a workflow")
    return environment[name]


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="pull_request", description=__doc__.partition("\n")[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("compare", help="rehearse every stack on base and head", allow_abbrev=False)
    one.add_argument("--base", required=True, help="the branch or commit to merge into")
    one.add_argument("--head", default="HEAD", help="the branch's last commit; default: %(default)s")
    one.add_argument("--repository", default=".", help="the clone; default: here")
    one.add_argument("--program", action="append", help="a folder with Pulumi.yaml (again for more); default: the root")
    one.add_argument("--stack", action="append", default=[], help="only this stack (again for more)")
    one.add_argument("--source", action="append", default=["components"], help="a folder of components in the clone")
    one.add_argument("--unstaged", choices=["refuse", "pass"], default="refuse", help="resources without a stand-in")
    one.add_argument("--seconds", type=int, default=600, help="for one rehearsal; default: %(default)s")
    one.add_argument("--number", type=int, default=0, help="the pull request's number")
    one.add_argument("--out", type=Path, default=Path("out/pull-request"), help="default: %(default)s")
    two = commands.add_parser("comment", help="write the comment, in a workflow_run", allow_abbrev=False)
    two.add_argument("--author", default=comments.AUTHOR, help="whose comments are ours; default: %(default)s")
    three = commands.add_parser("credentials", help="outputs whether a stack can be deployed", allow_abbrev=False)
    three.add_argument("stack")
    three.add_argument("--program", type=Path, default=Path(), help="the folder with Pulumi.yaml; default: here")
    four = commands.add_parser("protected", help="fails if nobody must agree to a deployment", allow_abbrev=False)
    four.add_argument("environment")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The script: 0 all is well, 1 the head isn't or GitHub refused, 2 wrong usage."""
    given = _arguments(arguments)
    commands = {"compare": compare, "comment": comment, "credentials": credentials, "protected": protected}
    try:
        return commands[given.command](given, environment)
    except (checkout.GitFailed, github.Refused) as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
