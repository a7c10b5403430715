"""One comment on a pull request, from what the run of an untrusted branch has left.

What this trusts: the event that GitHub wrote (which run, of which commit, in which repository), and the API. What it
doesn't: the artifact, which code of the branch has made. So the artifact says what changes and claims a number; the
number counts if that pull request is open and its head is the commit and repository of the run.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.pull_request import body
from scripts.pull_request.github import Api, Refused, only_file
from scripts.pull_request.model import Comparison, Unusable, parse

ARTIFACT = "pull-request-comparison"
FILE = "comparison.json"
AUTHOR = "github-actions[bot]"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """The run of a workflow, as the event `workflow_run` has it."""

    id: int
    commit: str
    repository: int
    link: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> "Run | None":
        """The run that the event is about; None if that wasn't one for a pull request."""
        run = event.get("workflow_run") or {}
        if run.get("event") != "pull_request" or not run.get("head_repository"):
            return None
        return cls(int(run["id"]), str(run["head_sha"]), int(run["head_repository"]["id"]), str(run["html_url"]))


def publish(api: Api, run: Run, say: Say, author: str = AUTHOR) -> None:
    """Write the comment of a run's pull request, or bring it up to date.

    Where there is nothing to write (no artifact, a pull request that was closed or has a newer commit) that is said.

    Raises:
        Refused: the API refused, or the artifact can't be used.
    """
    comparison = _fetch(api, run)
    if comparison is None:
        say(f"run {run.id} left no artifact {ARTIFACT}: nothing to write")
        return
    if not _belongs(api, run, comparison.number):
        say(f"pull request {comparison.number} is closed, or its head isn't {run.commit} any more: nothing to write")
        return
    upsert(api, comparison.number, body.comment(comparison, run.link), say, author)


def upsert(api: Api, number: int, text: str, say: Say, author: str = AUTHOR) -> None:
    """Have exactly one comment of `author` with the marker on pull request `number`, and have it say `text`.

    Others may write the marker too; their comments are left alone.

    Raises:
        Refused: the API refused.
    """
    ours = [
        item
        for item in api.pages(f"/issues/{number}/comments")
        if (item.get("user") or {}).get("login") == author and str(item.get("body") or "").startswith(body.MARKER)
    ]
    if not ours:
        api.send("POST", f"/issues/{number}/comments", {"body": text})
        say(f"pull request {number}: comment written")
        return
    first, *others = ours
    if first["body"].replace("\r\n", "\n").rstrip() == text.rstrip():
        say(f"pull request {number}: comment as it was")
    else:
        api.send("PATCH", f"/issues/comments/{first['id']}", {"body": text})
        say(f"pull request {number}: comment brought up to date")
    for other in others:  # two runs at the same moment
        api.send("DELETE", f"/issues/comments/{other['id']}")


def _fetch(api: Api, run: Run) -> Comparison | None:
    listed = api.get(f"/actions/runs/{run.id}/artifacts", name=ARTIFACT)["artifacts"]
    there = [item for item in listed if item["name"] == ARTIFACT and not item["expired"]]
    if not there:
        return None
    newest = max(there, key=lambda item: int(item["id"]))
    try:
        return parse(only_file(api.download(f"/actions/artifacts/{int(newest['id'])}/zip"), FILE))
    except (Unusable, UnicodeDecodeError, zlib.error) as error:
        raise Refused(f"{FILE} in the artifact can't be used: {error}") from None


def _belongs(api: Api, run: Run, number: int) -> bool:
    """Whether the run was for the newest commit of that open pull request."""
    if number <= 0:
        return False
    try:
        found = api.get(f"/pulls/{number}")
    except Refused as refused:
        if ": 404" in str(refused):
            return False
        raise
    head = found["head"]
    return (
        found["state"] == "open" and head["sha"] == run.commit and (head.get("repo") or {}).get("id") == run.repository
    )
