"""Commands in the documentation are commands that there are, with options and settings that there are."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.reference import commands as known
from scripts.reference.configuration import outputs, schema, settings_of

from .documents import Document, commands, documents

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [document for document in documents(ROOT) if document.commands]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
# What a target takes besides: what the commands read from the environment.
VARIABLES = {
    *re.findall(r"\$\((?:filter 1,)?([A-Z]+)\)", MAKEFILE),
    "YES",
    "CHART_PATH",
    "WAIT_FOR_PODS",
    "LICENSE_FILE",
}
# An example has settings and outputs of its own.
OWN = [document for document in DOCUMENTS if document.path.parts[0] != "examples"]
PLACEHOLDER = re.compile(r"\.\.\.|<[a-z ]+>")


def each(documents: list[Document], *beginning: str) -> Iterator[tuple[str, list[str]]]:
    """Commands that begin with these words, after the path of a folder, and where they stand.

    Those that `make pulumi` passes on count as the CLI's.
    """
    for document in documents:
        for words in document.commands:
            given = [words[0].rpartition("/")[2], *words[1:]]
            if given[:2] == ["make", "pulumi"] or given[:3] == ["make", "-s", "pulumi"]:
                passed = next((word[len("ARGS=") :] for word in given if word.startswith("ARGS=")), "")
                if beginning[0] == "pulumi":
                    given = ["pulumi", *shlex.split(passed)]
            if given[: len(beginning)] == list(beginning) and not PLACEHOLDER.search(" ".join(given)):
                yield str(document.path), given[len(beginning) :]


def problems_of_make(arguments: list[str]) -> list[str]:
    """What of a `make` there isn't."""
    plain = [word.strip("[]") for word in arguments if word.strip("[]") and not word.startswith("-")]
    targets = [word for word in plain if "=" not in word]
    variables = [word.partition("=")[0] for word in plain if "=" in word]
    found = [f"target {target}" for target in targets if target not in known.targets()]
    return [*found, *(f"variable {name}" for name in variables if name not in VARIABLES)]


def problems_of_kong_mtls(arguments: list[str]) -> list[str]:
    """What of a `kong-mtls` there isn't."""
    name, *rest = arguments
    if name not in known.commands():
        return [f"command {name}"]
    options = {
        option
        for parameter in known.parameters(known.commands()[name])
        for option in re.findall(r"--[a-z-]+", parameter.written)
    }
    return [f"option {word}" for word in rest if word.startswith("--") and word.partition("=")[0] not in options]


@functools.cache
def paths() -> dict[str, str]:
    """Every path of the configuration, with [] for a place in a list and <name> for a key of one's own: its type."""
    keys = schema()
    fields = [setting for key, given in keys.items() if given["type"] != "string" for setting in settings_of(key)]
    return {**dict.fromkeys(keys, "section"), **{setting.path: setting.type for setting in fields}}


def problems_of_path(path: str) -> list[str]:
    """What of a setting there isn't."""
    plain = re.sub(r"\[\d+\]", "[]", path)
    return [] if {plain, plain.removesuffix("[]")} & set(paths()) else [f"setting {path}"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.path))
def test_scripts_can_be_read(document: Document) -> None:
    """Each block marked `sh` by itself: quotation marks, brackets, arrays."""
    for block in document.blocks:
        if block.language == "sh":
            done = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
            assert done.returncode == 0, f"{done.stderr}\n{block.text}"


def test_make() -> None:
    """Targets and variables."""
    found = list(each(DOCUMENTS, "make"))
    assert len(found) > 20
    assert [(where, words) for where, words in found if problems_of_make(words)] == []
    assert problems_of_make(["-s", "deploy", "STAGE=prod"]) == ["target deploy", "variable STAGE"]


def test_kong_mtls() -> None:
    """Commands and options."""
    found = [*each(DOCUMENTS, "kong-mtls"), *each(DOCUMENTS, "python", "-m", "kong_mtls")]
    assert len(found) >= 3
    assert [(where, words) for where, words in found if problems_of_kong_mtls(words)] == []
    assert problems_of_kong_mtls(["prove", "out/dev", "--when", "now"]) == ["option --when"]
    assert problems_of_kong_mtls(["approve"]) == ["command approve"]


def test_modules() -> None:
    """What is run with `python -m` is there."""
    for where, words in each(DOCUMENTS, "python", "-m"):
        name = words[0].replace(".", "/")
        homes = [folder / name for folder in (ROOT, ROOT / "components")]
        if words[0] != "venv":
            assert any(home.with_suffix(".py").exists() or (home / "__main__.py").exists() for home in homes), where


def test_settings_that_are_set() -> None:
    """Paths given to `pulumi config set` and `rm`."""
    found = 0
    for verb in ("set", "rm"):
        for where, words in each(OWN, "pulumi", "config", verb):
            path = next(word for word in words if not word.startswith("-"))
            found += 1
            assert problems_of_path(path) == [], where
    assert found > 10
    assert problems_of_path("cluster.authority.generations[1]") == []
    assert problems_of_path("cluster.authority.generation[1]") == ["setting cluster.authority.generation[1]"]


def test_outputs_that_are_read() -> None:
    """Names given to `pulumi stack output`, and those that the guides name in prose."""
    found = [(where, words[0]) for where, words in each(OWN, "pulumi", "stack", "output") if words]
    assert found
    assert [(where, name) for where, name in found if name not in outputs()] == []


def test_numbers_that_are_set_are_taken() -> None:
    """`--path` makes an integer or a boolean of what looks like one: only where the setting is one."""
    kinds = paths()
    for where, words in each(OWN, "pulumi", "config", "set"):
        plain = [word for word in words if not word.startswith("-")]
        if "--path" in words and len(plain) == 2 and (plain[1].isdigit() or plain[1] in ("true", "false")):
            kind = kinds[re.sub(r"\[\d+\]", "[]", plain[0])]
            assert kind.startswith("number" if plain[1].isdigit() else "boolean"), f"{where}: {plain}"


@pytest.mark.parametrize("document", OWN, ids=lambda document: str(document.path))
def test_make_in_prose(document: Document) -> None:
    """A code span that begins with make names a target."""
    for code in re.findall(r"`(make [^`\n]+)`", document.prose):
        words = next(commands(code.replace("\\|", "or").replace("[", "").replace("]", "")), None)
        if words and not PLACEHOLDER.search(code):
            assert problems_of_make(words[1:]) == [], code
