"""What the files of a stack say is read before any engine runs."""

from pathlib import Path

import pytest

from kong_mtls.reader.manifests import UnreadableInput
from scripts.stack_file import Missing, read_stack_file
from tests.engine.doubles import write_stack


def test_values_and_defaults(project: Path) -> None:
    """A key is found with and without the project's name in front, else the project's default."""
    write_stack(project, "dev", {"license": {"file": "f"}, "kubernetes:context": "c"})
    stack = read_stack_file(project, "dev")
    assert stack.value("kong-mtls:license") == {"file": "f"}
    assert stack.value("kubernetes:context") == "c"
    assert stack.value("kong-mtls:edition") == "enterprise"
    assert stack.value("context") is None


@pytest.mark.parametrize("stack", ["nope", "", "../dev", "dev.yaml", "*", "a b"])
def test_a_stack_that_is_not_there(project: Path, stack: str) -> None:
    """The message lists the stacks that are."""
    with pytest.raises(UnreadableInput, match="there are bare, dev, prod") as caught:
        read_stack_file(project, stack)
    assert "\n" not in str(caught.value)


def test_no_stack_at_all(project: Path) -> None:
    """A project without stack files says so."""
    for path in project.glob("Pulumi.*.yaml"):
        path.unlink()
    with pytest.raises(UnreadableInput, match="no stack files"):
        read_stack_file(project, "dev")


@pytest.mark.parametrize("content", ["- a", "text", "config: [1]", "{"])
def test_a_broken_stack_file(project: Path, content: str) -> None:
    """Something else than a mapping is refused with the file's name."""
    (project / "Pulumi.dev.yaml").write_text(content)
    with pytest.raises(UnreadableInput, match=r"Pulumi\.dev\.yaml"):
        read_stack_file(project, "dev")


def test_an_empty_stack_file(project: Path) -> None:
    """An empty file is a stack without values."""
    (project / "Pulumi.dev.yaml").write_text("")
    assert read_stack_file(project, "dev").value("kubernetes:context") is None


def test_enterprise_needs_a_licence(project: Path) -> None:
    """Both ways out are named."""
    with pytest.raises(Missing, match=r"kong-mtls:license in Pulumi\.bare\.yaml.*kong-mtls:edition to oss"):
        read_stack_file(project, "bare").check_license()


@pytest.mark.parametrize(
    ("config", "more"),
    [
        ({"kong-mtls:license": {"file": "f"}}, {}),
        ({"kong-mtls:license": {"data": {"secure": "v1:x"}}}, {}),
        ({"kong-mtls:license": {"secure": "v1:x"}}, {}),
        ({"kong-mtls:edition": "oss"}, {}),
        ({}, {"environment": ["shared"]}),  # it may come from there
    ],
)
def test_a_licence_or_none_needed(project: Path, config: dict[str, object], more: dict[str, object]) -> None:
    """A licence in any form will do; what it is worth is for the program to judge."""
    write_stack(project, "dev", config, **more)
    read_stack_file(project, "dev").check_license()
