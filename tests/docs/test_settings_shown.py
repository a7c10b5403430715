"""Configuration in the documentation is configuration that a stack takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
import yaml
from pydantic import TypeAdapter

import settings
from settings.model import Model, _inside

from .documents import documents

ROOT = Path(__file__).resolve().parents[2]
PREFIX = f"{settings.PROJECT}:"
# Manifests, rules of Prometheus, and annotations are no configuration.
OTHERS = ("apiVersion", "groups", "metadata", "kind")


def shown() -> list[tuple[str, dict[str, Any]]]:
    """Every YAML block with settings, and where it stands."""
    found = []
    for document in documents(ROOT):
        if document.path.parts[0] == "examples":
            continue
        for block in document.blocks:
            if block.language != "yaml":
                continue
            for content in yaml.safe_load_all(block.text.replace("[...]", "[]").replace("<name>", "name")):
                if not set(content) & set(OTHERS):
                    found.append((str(document.path), content))
    return found


def sections(content: dict[str, Any]) -> dict[str, Any]:
    """Settings by key, whatever the block begins with."""
    config = content.get("config", content)
    return {key.removeprefix(PREFIX): value for key, value in config.items() if key.startswith(PREFIX)}


def models() -> Iterator[type[Model]]:
    """Every model of the configuration."""
    waiting = [each for shape in settings._SECTIONS.values() for each in _inside(shape)]
    seen: set[Any] = set()
    while waiting:
        shape = waiting.pop()
        if shape in seen or not (isinstance(shape, type) and issubclass(shape, Model)):
            continue
        seen.add(shape)
        yield shape
        waiting += [inner for field in shape.model_fields.values() for inner in _inside(field.annotation)]


def fits(content: dict[str, Any]) -> bool:
    """Whether a part of a section, as guides show one, is a part of any."""
    for model in models():
        fields = {field.alias for field in model.model_fields.values()}
        if set(content) <= fields:
            try:
                model.model_validate(content)
            except pydantic.ValidationError as error:
                if all(problem["type"] == "missing" and len(problem["loc"]) == 1 for problem in error.errors()):
                    return True
            else:
                return True
    return False


@pytest.mark.parametrize(("where", "content"), shown(), ids=lambda given: given if isinstance(given, str) else "")
def test_settings_are_taken(where: str, content: dict[str, Any]) -> None:
    """Whole sections by their model; parts of a section by any model that has their fields."""
    whole = sections(content)
    if not whole:
        assert fits(content), f"{where}: {content}"
    for key, value in whole.items():
        if key in settings._TEXTS:
            assert isinstance(value, str)
        else:
            TypeAdapter(settings._SECTIONS[key]).validate_python(value)


def test_there_are_some() -> None:
    """The blocks are found."""
    documents_with_settings = {where for where, _ in shown()}
    assert {"README.md", "docs/tutorial.md", "docs/client-mtls.md", "docs/cert-manager.md"} <= documents_with_settings


@pytest.mark.parametrize(
    "content",
    [{"consumer": [{"name": "alice"}]}, {"ca": {"generate": {"issuing": 1}}}, {"services": [{"name": "orders"}]}],
)
def test_what_no_section_has_is_seen(content: dict[str, Any]) -> None:
    """A misspelt field, a number for a text, a missing one further in."""
    assert not fits(content)
