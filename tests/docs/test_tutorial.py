"""The tutorial's stack does what the tutorial says, step by step."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from kong_mtls import names
from kong_mtls.rehearsal.links import LINKS, prove
from kong_mtls.rehearsal.stage import Performance
from tests.stacks import Stack, files

from .documents import Document

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = Document(Path("docs/tutorial.md"), (ROOT / "docs" / "tutorial.md").read_text("utf-8"))
README = Document(Path("README.md"), (ROOT / "README.md").read_text("utf-8"))
GENERATE = "kong-mtls:clientMtls.ca.generate"


def changes(done: Performance) -> Counter[str]:
    """How many resources are made, changed, replaced, dropped."""
    return Counter(step.op for step in done.steps if step.op not in ("same", "read"))


@pytest.fixture(scope="module")
def steps(root: Path, today: datetime) -> list[Performance]:
    """Deployed without a licence, then each step of the new CA."""
    stack = Stack(root, "dev", today)
    return [
        stack.up({"kong-mtls:edition": "oss"}),
        stack.up({f"{GENERATE}.generations": ["g1", "g2"], f"{GENERATE}.issuing": "g1"}),
        stack.up({f"{GENERATE}.issuing": "g2"}),
        stack.up({f"{GENERATE}.generations": ["g2"], f"{GENERATE}.issuing": None}),
    ]


def test_its_settings_are_those_of_the_steps() -> None:
    """What the reader is told to write is what the steps below set."""
    shown = [yaml.safe_load(block.text) for block in TUTORIAL.blocks if block.language == "yaml"]
    assert shown[0] == {"kong-mtls:edition": "oss"}
    generated = [each["kong-mtls:clientMtls"]["ca"]["generate"] for each in shown[1:]]
    assert generated == [{"generations": ["g1", "g2"], "issuing": "g1"}, {"generations": ["g2"]}]
    shipped = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text("utf-8"))["config"]["kong-mtls:clientMtls"]
    for each in shown[1:]:
        assert {**each["kong-mtls:clientMtls"], "ca": {"generate": {}}} == shipped


def test_the_changes_are_those_that_it_counts(steps: list[Performance]) -> None:
    """Five to trust both; alice's certificate and Secret to issue; five to drop the old one."""
    assert "Five changes: key, certificate and Secret of `g2`" in TUTORIAL.prose
    assert changes(steps[1]) == {"create": 3, "update": 2}
    assert {step.name for step in steps[2].steps if step.op not in ("same", "read")} == {"callers-alice"}
    assert changes(steps[3]) == {"update": 2, "delete": 3}


def test_the_namespaces_are_those_that_it_lists(steps: list[Performance]) -> None:
    """Four, each named in its place."""
    made = {
        resource.inputs["metadata"]["name"]
        for resource in steps[0].resources
        if resource.type == "kubernetes:core/v1:Namespace"
    }
    said = re.search(r"Four namespaces are new: (.*?)\n\n", TUTORIAL.prose, re.DOTALL)
    assert said is not None
    assert set(re.findall(r"`([a-z-]+)`", said[1])) == made


def test_what_kubectl_is_asked_for_is_there(steps: list[Performance]) -> None:
    """Namespaces, Services and Secrets of README and tutorial."""
    spaces = {step.inputs["metadata"].get("namespace") for step in steps[0].resources if "metadata" in step.inputs}
    asked = [words for each in (README, TUTORIAL) for words in each.commands if words[0] == "kubectl" and "-n" in words]
    assert len(asked) > 5
    for words in asked:
        assert words[words.index("-n") + 1] in spaces, words
        for word in words:
            kind, _, name = word.partition("/")
            if kind == "service":
                assert name == names.service("kong-dp", "proxy")
    secrets = [each.name for each in steps[0].resources if each.type == "kubernetes:core/v1:Secret"]
    assert "callers-alice" in secrets


def test_the_context_is_that_of_kind() -> None:
    """`kind create cluster --name X` makes the context kind-X, which the stack names."""
    shipped = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text("utf-8"))["config"]
    made = {
        words[words.index("--name") + 1] for each in (README, TUTORIAL) for words in each.commands if words[0] == "kind"
    }
    assert {f"kind-{name}" for name in made} == {shipped["kubernetes:context"]}


def test_the_host_and_path_are_the_samples() -> None:
    """What curl asks for."""
    shipped = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text("utf-8"))["config"]["kong-mtls:sample"]
    for each in (README, TUTORIAL):
        assert f"https://{shipped['host']}/echo" in each.text


def links_of(done: Performance) -> dict[tuple[str, str, str], str]:
    """Link, client and server: how many cases held of how many."""
    found: dict[tuple[str, str, str], list[bool]] = {}
    for case in prove(files(done), done.at):
        found.setdefault((case.link, case.client, case.server), []).append(case.ok is True)
    return {peers: f"{sum(held)}/{len(held)}" for peers, held in found.items()}


def links_shown(document: Document) -> dict[tuple[str, str, str], str]:
    """The same, as a document's sample of the output has it."""
    found = {}
    for block in document.blocks:
        for line in block.text.splitlines() if block.language == "text" else ():
            cells = re.split(r" {2,}", line.strip())
            if cells[0] in LINKS and len(cells) == 5:
                link, client, server, held, verdict = cells
                assert verdict == "ok"
                found[link, client, server] = held
    return found


def test_the_output_of_the_tutorial(steps: list[Performance]) -> None:
    """The links of its first rehearsal, case by case."""
    assert links_shown(TUTORIAL) == links_of(steps[0])


def test_the_output_of_the_readme(dev: Performance) -> None:
    """The links of `make up` without a cluster, as the stack is shipped."""
    shown = links_shown(README)
    assert shown == links_of(dev)
    assert f"Links ({sum(int(held.partition('/')[2]) for held in shown.values())} cases)" in README.text
