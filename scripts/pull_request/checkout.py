"""The two commits of a pull request as folders."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class GitFailed(Exception):  # noqa: N818 - it reads as what happened
    """Git refused. ``str`` is one message."""


def commit(repository: Path, ref: str) -> str:
    """The commit that `ref` names.

    Raises:
        GitFailed: it names none.
    """
    return _git(repository, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")


def merge_base(repository: Path, base: str, head: str) -> str:
    """The commit from which `head` left `base`: what the pull request is to be compared with.

    Raises:
        GitFailed: they have none in common, as in a clone that isn't deep enough.
    """
    try:
        return _git(repository, "merge-base", base, head)
    except GitFailed:
        raise GitFailed(
            f"{base[:12]} and {head[:12]} have no commit in common here: clone the whole history (fetch-depth: 0)"
        ) from None


@contextmanager
def worktree(repository: Path, revision: str, folder: Path) -> Iterator[Path]:
    """The files of a commit in `folder`, which mustn't be there yet; gone afterwards.

    Raises:
        GitFailed: Git can't.
    """
    _git(repository, "worktree", "add", "--detach", "--quiet", str(folder), revision)
    try:
        yield folder
    finally:
        # Whatever became of the folder meanwhile: what ran in it may have done anything.
        shutil.rmtree(folder, ignore_errors=True)
        _git(repository, "worktree", "prune")


def _git(repository: Path, *arguments: str) -> str:
    # No hooks: nothing but files is wanted.
    command = ["git", "-c", "core.hooksPath=/dev/null", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise GitFailed("git isn't installed") from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise GitFailed(f"git {arguments[0]}: {said.removeprefix('fatal: ')}")
    return done.stdout.strip()
