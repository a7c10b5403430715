"""The stacks of two commits rehearsed, each by its own code, without a secret in reach.

A rehearsal is a process of its own: `kong-mtls rehearse` on the commit's files, with the components that lie beside
them, in the Python environment of this process. Its environment variables are the few that a program needs to run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal.project import read_project
from kong_mtls.rehearsal.state import path_of
from scripts.pull_request import compare
from scripts.pull_request.compare import Side
from scripts.pull_request.model import Stack

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
# A name that is a folder's as well, and can't be taken for an option.
STACK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Task:
    """What is rehearsed, and how.

    Attributes:
        programs: folders with a `Pulumi.yaml`, from the root of the commit.
        sources: folders that programs import from, from there; those that a commit hasn't are left out.
        stacks: the only stacks wanted, or none for every one.
        unstaged: what becomes of resources without a stand-in, as `--unstaged` of `kong-mtls rehearse` has it.
        seconds: how long one run may take.
        say: told what is being done.
    """

    programs: Sequence[str]
    sources: Sequence[str]
    stacks: Sequence[str]
    unstaged: str
    seconds: int
    say: Callable[[str], None]


@dataclass(frozen=True)
class Commit:
    """A commit's files, a folder for results and one to be at home in."""

    title: str
    tree: Path
    results: Path
    home: Path

    def folder(self, program: str) -> Path:
        """Where the program is."""
        return self.tree / program


def rehearse_all(task: Task, base: Commit, head: Commit) -> tuple[Stack, ...]:
    """Every stack of every program, on the base and then on the head, from where the base left off."""
    return tuple(stack for program in task.programs for stack in _rehearse(task, base, head, program))


def _rehearse(task: Task, base: Commit, head: Commit, program: str) -> Iterator[Stack]:
    there, here = stacks(base.folder(program)), stacks(head.folder(program))
    names = [name for name in sorted({*there, *here}) if not task.stacks or name in task.stacks]
    before = _in_turn([name for name in names if name in there], lambda name: _run(task, base, program, name))
    for name, side in before.items():
        if isinstance(side, Side):
            hand_over(base.folder(program), head.folder(program), name)
    after = _in_turn([name for name in names if name in here], lambda name: continue_(task, head, program, name))
    for name in names:
        try:
            yield compare.stack(program, name, before.get(name), after.get(name))
        except (KeyError, TypeError, AttributeError):
            # Of another version of the rehearsal, say: what the head has is what counts.
            yield compare.stack(program, name, "its report has another form", after.get(name))


def stacks(folder: Path) -> list[str]:
    """The stacks of the program in `folder`; none where there is no program, or none that can be read."""
    try:
        return read_project(folder).stacks()
    except UnreadableInput:
        return sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in folder.glob("Pulumi.*.yaml"))


def hand_over(base: Path, head: Path, stack: str) -> None:
    """Give the head the state that the base's rehearsal left: what doesn't change keeps its keys and names."""
    state, target = path_of(base, stack), path_of(head, stack)
    if state.is_file():
        target.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(state, target)


def _in_turn(names: Sequence[str], run: Callable[[str], Side | str]) -> dict[str, Side | str]:
    """Each stack's result. One that fails is tried again once others are through: it may read what they export."""
    done: dict[str, Side | str] = {name: run(name) for name in names}
    while True:
        failed = [name for name in names if isinstance(done[name], str) and _waits(str(done[name]))]
        again = {name: run(name) for name in failed}
        done |= again
        if not any(isinstance(side, Side) for side in again.values()):
            return done


def _waits(message: str) -> bool:
    return "has not been rehearsed yet" in message


def continue_(task: Task, head: Commit, program: str, stack: str) -> Side | str:
    """The head's rehearsal, from the state it was given if it can read that."""
    state = path_of(head.folder(program), stack)
    side = _run(task, head, program, stack, preview=True)
    if isinstance(side, Side) or not state.is_file() or f"{state.parent.name}/{state.name}:" not in side:
        return side
    state.unlink()
    anew = _run(task, head, program, stack, preview=True)
    if isinstance(anew, str):
        return anew
    return Side(anew.report, anew.files, anew.steps, anew.ok, started_anew=side)


def _run(task: Task, commit: Commit, program: str, stack: str, *, preview: bool = False) -> Side | str:
    """A rehearsal, or why it failed, in one message."""
    if not STACK_NAME.fullmatch(stack):
        return "this is no name for a stack: letters, digits, hyphens, underscores and dots are"
    task.say(f"{commit.title}: {program} {stack}")
    steps: Any = ()
    if preview:
        planned = _command(task, commit, program, stack, "--preview")
        if isinstance(planned, str):
            return planned
        steps = planned[0]["steps"]
    done = _command(task, commit, program, stack)
    if isinstance(done, str):
        return done
    report, ok = done
    return Side(report, _files(commit.results / program / stack), steps, ok)


def _command(task: Task, commit: Commit, program: str, stack: str, *more: str) -> tuple[Mapping[str, Any], bool] | str:
    command = [sys.executable, "-m", "kong_mtls.cli", "rehearse", f"--stack={stack}", "--format=json"]
    command += [f"--program={commit.folder(program)}", f"--unstaged={task.unstaged}"]
    command += more or [f"--out={commit.results / program}"]
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=commit.home,
            env=environment(commit, task.sources, os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=task.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {task.seconds} seconds"
    try:
        report = json.loads(done.stdout)
        if not isinstance(report, dict):
            raise ValueError
    except ValueError:
        task.say(done.stderr.rstrip() or f"exit code {done.returncode}, and nothing said")
        return _message(done.stderr, commit.tree) or f"the rehearsal ended with exit code {done.returncode}"
    return report, done.returncode == 0


def environment(commit: Commit, sources: Sequence[str], ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a rehearsal: no token, no credentials, no home of anybody's."""
    folders = [str(commit.tree / source) for source in sources if (commit.tree / source).is_dir()]
    return {
        **{name: ours[name] for name in PASSED_ON if name in ours},
        "HOME": str(commit.home),
        # Before whatever is installed: a commit is rehearsed by its own components.
        "PYTHONPATH": os.pathsep.join(folders),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
    }


def _message(stderr: str, tree: Path) -> str:
    """The one message of a rehearsal that refused; of one that broke, the last line."""
    said = stderr.replace(f"{tree}/", "").replace(str(tree), ".").strip()
    match = re.search(r"^error: (.*)", said, re.DOTALL | re.MULTILINE)
    return match[1].strip() if match else said.rpartition("\n")[2]


def _files(folder: Path) -> dict[str, str]:
    """Manifests and releases, masked as they are without `--secrets`."""
    found = [path for part in ("manifests", "releases") for path in (folder / part).rglob("*.yaml")]
    return {str(path.relative_to(folder)): path.read_text("utf-8", "replace") for path in sorted(found)}
