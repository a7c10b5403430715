"""The reference is what the code says of itself, and says something of everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.reference import PAGES, ROOT
from scripts.reference.commands import commands, parameters, targets
from scripts.reference.components import arguments_of, outputs, public_components
from scripts.reference.configuration import outputs as stack_outputs
from scripts.reference.configuration import schema, settings_of
from scripts.reference.docstrings import attribute_docs, default_of, described, hints, type_text, typed_dicts
from scripts.reference.texts import OUTPUTS, SETTINGS

OBJECTS = [key for key, given in schema().items() if given["type"] != "string"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_pages_are_generated(name: str) -> None:
    """docs/reference/ is what the code generates: run ``make reference``."""
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == PAGES[name]()


def test_there_is_no_other_page() -> None:
    """None is left of what is no longer generated."""
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == set(PAGES)


@pytest.mark.parametrize("key", OBJECTS)
def test_every_setting_is_described(key: str) -> None:
    """By its model, by the argument that it becomes, or in scripts/reference/texts.py."""
    assert [setting.path for setting in settings_of(key) if not setting.text] == []


def test_every_text_is_used() -> None:
    """None is left of a setting or output that is gone."""
    paths = {setting.path for key in OBJECTS for setting in settings_of(key)}
    assert set(SETTINGS) <= paths
    assert set(OUTPUTS) <= set(stack_outputs())


def test_every_output_of_the_program_is_described() -> None:
    """Whatever __main__.py puts out."""
    assert [name for name, text in stack_outputs().items() if not text] == []


@pytest.mark.parametrize("component", public_components(), ids=lambda each: each.__name__)
def test_every_component_is_described(component: type) -> None:
    """What it is, its arguments at every depth, its outputs, and what it refuses."""
    text, raises = described(component)
    assert text
    assert raises.startswith("- `")
    assert [name for name, _, doc in outputs(component) if not doc] == []
    seen, waiting = set(), [arguments_of(component)]
    while waiting:
        arguments = waiting.pop()
        if arguments in seen:
            continue
        seen.add(arguments)
        assert set(hints(arguments)) == set(attribute_docs(arguments)), arguments.__name__
        waiting += [inner for hint in hints(arguments).values() for inner in typed_dicts(hint)]


def test_every_command_is_described() -> None:
    """Targets of make, commands and their options."""
    assert [name for name, (what, _) in targets().items() if not what] == []
    for name, command in commands().items():
        assert command.__doc__, name
        assert [each.written for each in parameters(command) if not each.text] == []


def test_secrets_are_said_to_be_secret() -> None:
    """A setting that the program keeps secret says so where one looks."""
    kinds = {setting.path: setting.type for key in OBJECTS for setting in settings_of(key)}
    assert kinds["license.data"] == kinds["database.password"] == kinds["cluster.privateKeyPem"] == "secret text"


def test_lifetimes_are_in_days() -> None:
    """As the configuration has them, not as the argument does."""
    leaf = {setting.path: setting for setting in settings_of("cluster")}["cluster.leaf.validityDays"]
    assert (leaf.default, leaf.type) == ("90 days", "number, 1 to 36500")
    assert not [each.path for key in OBJECTS for each in settings_of(key) if " hours" in each.text]


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("Default `kong`.", "`kong`"),
        ("Names; default one, `g1`.", "`g1`"),
        ("P-256, P-384 (default), P-521.", "P-384"),
        ("`shared` (default): both. `pki`: each.", "`shared`"),
        ("`annotations` of the pod template (default), or `env-vars`.", "`annotations`"),
        ("Of a generation; default 87600 (3650 days).", "87600 (3650 days)"),
        ("Default `a` for enterprise, `b` for oss.", "`a` for enterprise, `b` for oss"),
        ("Default 3.4.1, whose keys are checked.", "3.4.1"),
        ("A file with the licence.", ""),
        ("By default it is there.", ""),
    ],
)
def test_defaults_are_found(text: str, default: str) -> None:
    """In the ways in which docstrings name them; none where they name none."""
    assert default_of(text) == default


def test_types_are_as_a_program_writes_them() -> None:
    """Argument types are links."""
    assert type_text(str) == "`str`"
    assert type_text(Path | None) == "`Path`"
    assert type_text(list[str]) == "`list[str]`"
