"""The state is readable by its owner alone, whole at any moment, and refused when it is not ours."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal import state as states
from kong_mtls.rehearsal.state import Recorded, State
from kong_mtls.rehearsal.wire import Secret

STATE = State(
    "demo",
    "dev",
    {
        "urn:a": Recorded(
            "t", "1", {"a": [1, Secret({"k": "v"})]}, {"b": None}, "p", True, True, {"a": ("urn:b",)}, ({"kind": "X"},)
        )
    },
    {"e": Secret("s")},
    {"demo:p#1": "placeholder"},
)


def test_round_trip(tmp_path: Path) -> None:
    """What was saved is loaded, secrets still marked; a missing file is an empty state."""
    path = tmp_path / ".rehearsal" / "dev.json"
    assert states.load(path, "demo", "dev") == State("demo", "dev")
    states.save(STATE, path)
    assert states.load(path, "demo", "dev") == STATE


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    """Mode 0600 in a folder of 0700, also where the file was open before."""
    path = tmp_path / ".rehearsal" / "dev.json"
    states.save(STATE, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    states.save(STATE, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_unchanged_state_is_not_rewritten(tmp_path: Path) -> None:
    """The file of an unchanged stack is left alone."""
    path = tmp_path / "dev.json"
    states.save(STATE, path)
    before = path.stat()
    states.save(STATE, path)
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize("broken", ["write", "fsync", "replace"])
def test_interrupted_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Ctrl-C at any point of a save leaves the old state whole and no rest behind."""
    path = tmp_path / "dev.json"
    states.save(STATE, path)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if broken == "write":
            patch.setattr(os, "fdopen", interrupt)
        elif broken == "fsync":
            patch.setattr(os, "fsync", interrupt)
        else:
            patch.setattr(Path, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            states.save(State("demo", "dev"), path)
    assert states.load(path, "demo", "dev") == STATE
    assert [entry.name for entry in tmp_path.iterdir()] == ["dev.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged: .* at line 1"),
        ("", "is damaged"),
        ("[]", "this is not a rehearsal's state"),
        ('{"version": 3, "deployment": {}}', "this is not a rehearsal's state"),
        (json.dumps({"format": states.FORMAT, "version": 99}), "version 99 of the state's format"),
        (STATE.dump().replace('"demo"', '"other"'), "of project 'other', not of 'dev' of 'demo'"),
        (STATE.dump().replace('"resources"', '"things"'), "parts are missing"),
        (STATE.dump().replace('"type"', '"typ"'), "parts are missing"),
    ],
)
def test_files_that_are_no_state(tmp_path: Path, text: str, message: str) -> None:
    """Damaged, foreign or of another version: one error that names the file and the way out, no secret."""
    path = tmp_path / "dev.json"
    path.write_text(text)
    with pytest.raises(UnreadableInput, match=message) as caught:
        states.load(path, "demo", "dev")
    assert str(path) in str(caught.value)
    assert "Move the file away" in str(caught.value)
    assert "placeholder" not in str(caught.value)
    assert path.read_text() == text


def test_unreadable_and_unwritable(tmp_path: Path) -> None:
    """Folders and files in the way are one clear error each."""
    folder = tmp_path / "dev.json"
    folder.mkdir()
    with pytest.raises(UnreadableInput, match="cannot be read: Is a directory"):
        states.load(folder, "demo", "dev")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(UnreadableInput, match="cannot be written: "):
        states.save(STATE, in_the_way / "dev.json")
    in_the_way.write_bytes(b"\xff")
    with pytest.raises(UnreadableInput, match="not UTF-8 text"):
        states.load(in_the_way, "demo", "dev")


def test_repr_shows_no_values() -> None:
    """Secrets stay out of logs and tracebacks."""
    assert "'s'" not in repr(STATE)
    assert "placeholder" not in repr(STATE)
    assert "'v'" not in repr(STATE)
