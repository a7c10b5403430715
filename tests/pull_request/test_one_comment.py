"""One comment on the right pull request, and on no other, whatever the artifact claims."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.pull_request import __main__ as script
from scripts.pull_request import comments, github
from scripts.pull_request.body import MARKER, comment
from scripts.pull_request.comments import Run, publish, upsert
from scripts.pull_request.github import Api, Refused
from scripts.pull_request.model import Comparison
from tests.pull_request.conftest import TOKEN
from tests.pull_request.doubles import REPOSITORY, GitHub

RUN = Run(id=5, commit="a" * 40, repository=1, link="https://github.com/team/gateway/actions/runs/5")


@pytest.fixture
def said() -> list[str]:
    return []


def event(**run: Any) -> dict[str, Any]:
    known = {"id": 5, "event": "pull_request", "head_sha": "a" * 40, "html_url": RUN.link, "head_repository": {"id": 1}}
    return {"workflow_run": {**known, **run}}


def test_the_first_comment(hub: GitHub, api: Api, comparison: Comparison, said: list[str]) -> None:
    """It is written where there is none."""
    hub.pull(7, RUN.commit)
    hub.artifact(comparison.dump())
    publish(api, RUN, said.append)
    assert hub.bodies() == [comment(comparison, RUN.link)]
    assert said == ["pull request 7: comment written"]


def test_the_same_comment_again(hub: GitHub, api: Api, comparison: Comparison, said: list[str]) -> None:
    """It is brought up to date, not written a second time; what others wrote stays."""
    hub.comment("looks good", "somebody")
    hub.comment(f"{MARKER}\nold")
    hub.comment("done?", "somebody")
    upsert(api, 7, f"{MARKER}\nnew", said.append)
    assert hub.bodies() == ["looks good", f"{MARKER}\nnew", "done?"]


def test_an_unchanged_comment(hub: GitHub, api: Api, said: list[str]) -> None:
    """Nothing is written, so nobody is notified; GitHub keeps line ends of its own."""
    hub.comment(f"{MARKER}\r\nsame\r\n")
    upsert(api, 7, f"{MARKER}\nsame\n", said.append)
    assert {asked.method for asked in hub.asked} == {"GET"}


def test_a_comment_far_down(hub: GitHub, api: Api, said: list[str]) -> None:
    """It is found among hundreds."""
    for number in range(250):
        hub.comment(f"comment {number}", "somebody")
    hub.comment(f"{MARKER}\nold")
    upsert(api, 7, f"{MARKER}\nnew", said.append)
    assert hub.bodies()[-1] == f"{MARKER}\nnew"
    assert len(hub.comments) == 251


def test_a_marker_of_somebody_else(hub: GitHub, api: Api, said: list[str]) -> None:
    """Another person's comment isn't rewritten, though it has the marker; nor one of ours that only quotes it."""
    hub.comment(f"{MARKER}\nmine", "somebody")
    hub.comment(f"> {MARKER}")
    upsert(api, 7, f"{MARKER}\nnew", said.append)
    assert hub.bodies() == [f"{MARKER}\nmine", f"> {MARKER}", f"{MARKER}\nnew"]


def test_two_at_the_same_moment(hub: GitHub, api: Api, said: list[str]) -> None:
    """Where two runs have each written one, one stays."""
    hub.comment(f"{MARKER}\none")
    hub.comment(f"{MARKER}\ntwo")
    upsert(api, 7, f"{MARKER}\nnew", said.append)
    assert hub.bodies() == [f"{MARKER}\nnew"]


@pytest.mark.parametrize(
    "head",
    [("c" * 40, 1, "open"), ("a" * 40, 2, "open"), ("a" * 40, 1, "closed")],
    ids=["another commit", "another repository", "closed"],
)
def test_a_number_that_isn_t_the_run_s(
    hub: GitHub, api: Api, comparison: Comparison, said: list[str], head: tuple[str, int, str]
) -> None:
    """An artifact that claims another pull request writes nothing there."""
    hub.pull(7, *head)
    hub.artifact(comparison.dump())
    publish(api, RUN, said.append)
    assert hub.comments == []
    assert "nothing to write" in said[0]


def test_a_fork_that_is_gone(hub: GitHub, api: Api, comparison: Comparison, said: list[str]) -> None:
    """A pull request whose fork was deleted has no repository to compare with."""
    hub.pulls[7] = {"state": "open", "head": {"sha": RUN.commit, "repo": None}}
    hub.artifact(comparison.dump())
    publish(api, RUN, said.append)
    assert hub.comments == []


@pytest.mark.parametrize("number", [0, -7, 8])
def test_a_number_that_is_none(hub: GitHub, api: Api, said: list[str], number: int) -> None:
    """No such pull request: nothing is written, and no other address is asked."""
    hub.pull(7, RUN.commit)
    hub.artifact(Comparison(1, number, "b", "a", ()).dump())
    publish(api, RUN, said.append)
    assert hub.comments == []


@pytest.mark.parametrize("more", [{"expired": True}, {"name": "another"}])
def test_no_artifact(hub: GitHub, api: Api, comparison: Comparison, said: list[str], more: dict[str, Any]) -> None:
    """A run that left nothing is no error."""
    hub.artifact(comparison.dump(), **more)
    publish(api, RUN, said.append)
    assert said == ["run 5 left no artifact pull-request-comparison: nothing to write"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("{}", "comparison.json"), "can't be used: not a comparison in version 1"),
        ((b"\xff\xfe", "comparison.json"), "can't be used"),
        (("{}", "../../scripts/pull_request/__main__.py"), "the artifact has no comparison.json"),
    ],
)
def test_an_artifact_that_is_something_else(
    hub: GitHub, api: Api, said: list[str], files: tuple[str | bytes, str], message: str
) -> None:
    """It is refused, with one message."""
    hub.artifact(*files)
    with pytest.raises(Refused, match=message):
        publish(api, RUN, said.append)
    assert hub.comments == []


def test_an_artifact_that_is_no_archive(hub: GitHub, api: Api, said: list[str]) -> None:
    """Neither is one that can't be opened."""
    hub.artifact("{}")
    hub.archives[1] = b"PK\x03\x04 nonsense"
    with pytest.raises(Refused, match="no zip archive"):
        publish(api, RUN, said.append)


@pytest.mark.parametrize("packed", [True, False])
def test_an_artifact_that_is_too_large(
    hub: GitHub, api: Api, said: list[str], monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """A small archive with a large file is refused as a large archive is; neither is read to its end."""
    hub.artifact("x" * 20_000)
    if not packed:
        hub.archives[1] += b"x" * 20_000
    monkeypatch.setattr(github, "MOST_BYTES", 10_000)
    with pytest.raises(Refused, match="MiB"):
        publish(api, RUN, said.append)


def test_the_token_goes_to_the_api_alone(hub: GitHub, api: Api, comparison: Comparison, said: list[str]) -> None:
    """The store that downloads are redirected to gets none."""
    hub.pull(7, RUN.commit)
    hub.artifact(comparison.dump())
    publish(api, RUN, said.append)
    tokens = {asked.path.startswith("/store/"): asked.token for asked in hub.asked}
    assert tokens == {True: None, False: f"Bearer {TOKEN}"}


def test_what_the_api_refuses(hub: GitHub, api: Api, said: list[str]) -> None:
    """Its status and message are ours; the token isn't in it."""
    hub.refused["/issues/7/comments"] = (403, "Resource not accessible by integration")
    with pytest.raises(Refused) as error:
        upsert(api, 7, "text", said.append)
    assert "403 Resource not accessible by integration" in str(error.value)
    assert TOKEN not in str(error.value)


def test_a_pull_request_that_cannot_be_read(hub: GitHub, api: Api, comparison: Comparison, said: list[str]) -> None:
    """That the API is down isn't taken for a pull request that isn't there."""
    hub.artifact(comparison.dump())
    hub.refused["/pulls/7"] = (502, "Bad gateway")
    with pytest.raises(Refused, match="502"):
        publish(api, RUN, said.append)


@pytest.mark.parametrize("other", [{"event": "push"}, {"head_repository": None}])
def test_a_run_for_no_pull_request(other: dict[str, Any]) -> None:
    """Other events write nothing."""
    assert Run.of(event(**other)) is None


def workflow(hub: GitHub, folder: Path, **run: Any) -> dict[str, str]:
    path = folder / "event.json"
    path.write_text(json.dumps(event(**run)))
    return {
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_API_URL": hub.url,
    }


def test_the_command(hub: GitHub, comparison: Comparison, tmp_path: Path) -> None:
    """All it needs is in the environment of a workflow."""
    hub.pull(7, RUN.commit)
    hub.artifact(comparison.dump())
    assert script.main(["comment"], workflow(hub, tmp_path)) == 0
    assert len(hub.comments) == 1


def test_the_command_refused(hub: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One message, and exit code 1."""
    hub.artifact("{}")
    assert script.main(["comment"], workflow(hub, tmp_path)) == 1
    assert capsys.readouterr().err.startswith("error: comparison.json in the artifact can't be used")


def test_the_command_elsewhere(hub: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For another event it does nothing; outside a workflow it says what it lacks."""
    assert script.main(["comment"], workflow(hub, tmp_path, event="schedule")) == 0
    assert script.main(["comment"], {}) == 1
    assert "GITHUB_REPOSITORY is not set" in capsys.readouterr().err
    assert hub.asked == []


def test_nothing_but_python_is_needed(root: Path) -> None:
    """What writes comments imports no package: in that job none is installed."""
    ours = {"scripts", "__future__"}
    import sys

    for name in (
        "comments",
        "github",
        "body",
        "sections",
        "markdown",
        "trust_map",
        "model",
        "environments",
        "checkout",
    ):
        lines = (root / "scripts" / "pull_request" / f"{name}.py").read_text().splitlines()
        imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
        assert imported <= ours | sys.stdlib_module_names
    assert comments.FILE == "comparison.json"
