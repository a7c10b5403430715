"""What the README says is so: its program runs, its links lead somewhere, its table is the Makefile's."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kong_mtls.rehearsal.stage import Performance

Run = Callable[..., Performance]


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    """Its text."""
    return (root / "README.md").read_text("utf-8")


def test_the_program_in_the_readme_runs(stage: Run, readme: str) -> None:
    """As it stands, copied by somebody who has read nothing else."""
    programs = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert programs
    for text in programs:
        done = stage(lambda text=text: exec(compile(text, "README.md", "exec"), {"__name__": "__main__"}))
        assert done.exports
        assert done.messages == ()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(root: Path, document: str) -> None:
    """Every file that is linked is there."""
    text = (root / document).read_text("utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert targets
    for target in targets:
        assert (root / target).exists(), target


def test_every_command_is_in_the_table(root: Path, readme: str) -> None:
    """And none that `make` doesn't know."""
    makefile = (root / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    shown = set(re.findall(r"`make ([a-z0-9-]+)", readme))
    assert shown <= known
    assert known - shown <= {"setup", "clean", "bench"}


def test_the_stacks_are_those_of_the_table(root: Path, readme: str) -> None:
    """One column a stack, with its cluster."""
    stacks = sorted(path.name.split(".")[1] for path in root.glob("Pulumi.*.yaml"))
    header = next(line for line in readme.splitlines() if line.startswith("| |"))
    assert sorted(re.findall(r"`([a-z]+)`", header)) == stacks
    clusters = next(line for line in readme.splitlines() if line.startswith("| cluster (context)"))
    for stack in stacks:
        context = re.search(r"kubernetes:context: (\S+)", (root / f"Pulumi.{stack}.yaml").read_text("utf-8"))
        assert context is not None
        assert f"`{context[1]}`" in clusters
