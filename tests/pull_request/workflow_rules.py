"""What a workflow mustn't do, as rules over its YAML."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kong_mtls.rehearsal import yaml12

Document = Mapping[str, Any]
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
# Who may write what, and nobody anything else.
WRITES = {"comment": {"pull-requests": "write"}}
READS = {"contents": "read", "actions": "read"}
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
NO_PULL_REQUEST = "github.event_name != 'pull_request' && "
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
# What an author of a branch, a commit or a pull request chooses.
CHOSEN_BY_OTHERS = re.compile(r"github\s*\.\s*(event|head_ref|ref_name|actor|triggering_actor)|inputs\s*\.|github\[")


def read(path: Path) -> dict[str, Any]:
    """A workflow or action, by YAML 1.2: `on` is a word, not true."""
    document = yaml12.read(path)
    assert isinstance(document, dict)
    return document


def jobs(document: Document) -> dict[str, Document]:
    """The jobs of a workflow; an action's steps are one."""
    return dict(document["jobs"]) if "jobs" in document else {"action": document["runs"]}


def steps(document: Document) -> Iterator[tuple[str, Document]]:
    """Every step with its job's name."""
    for name, job in jobs(document).items():
        for step in job.get("steps", ()):
            yield name, step


def triggers(document: Document) -> set[str]:
    """The events on which a workflow runs; none for an action."""
    on = document.get("on", ())
    return {on} if isinstance(on, str) else set(on)


def unpinned(document: Document, root: Path) -> Iterator[str]:
    """Actions come by commit, with the version beside it; our own come with the checkout."""
    for _, step in steps(document):
        uses = str(step.get("uses", ""))
        if uses.startswith("./"):
            if not (root / uses / "action.yml").is_file():
                yield f"{uses}: there is no such action"
        elif uses and not PINNED.fullmatch(uses):
            yield f"{uses}: not pinned to a commit"


def permitted_too_much(document: Document, _root: Path) -> Iterator[str]:
    """A workflow may read at most; a job may have what `WRITES` lists for it."""
    if "jobs" not in document:
        return
    top = document.get("permissions")
    if not isinstance(top, dict):
        yield "permissions: a mapping at the top is expected"
    else:
        yield from (
            f"permissions: {key}: {value}" for key, value in top.items() if (key, value) != ("contents", "read")
        )
    for name, job in jobs(document).items():
        allowed = {**READS, **WRITES.get(str(document.get("name")), {})}
        given = job.get("permissions", {})
        if not isinstance(given, dict):
            yield f"{name}: permissions: {given}"
            continue
        yield from (f"{name}: permissions: {key}: {value}" for key, value in given.items() if allowed.get(key) != value)


def privileged_trigger(document: Document, _root: Path) -> Iterator[str]:
    """`pull_request_target` runs a branch's workflow with the repository's secrets; comments and issues do the same."""
    known = {"push", "pull_request", "workflow_run", "workflow_dispatch", "schedule"}
    yield from (f"on: {event}" for event in sorted(triggers(document) - known))


def injection(document: Document, _root: Path) -> Iterator[str]:
    """A script gets what others chose by its environment: an expression in a script is pasted into it."""
    for name, step in steps(document):
        for expression in EXPRESSION.findall(str(step.get("run", ""))):
            if CHOSEN_BY_OTHERS.search(expression):
                yield f"{name}: run: {expression.strip()}"


def secrets_for_branches(document: Document, _root: Path) -> Iterator[str]:
    """A job for a pull request has secrets only where it is no fork's, or takes none for pull requests."""
    if "pull_request" not in triggers(document):
        return
    if re.search(r"\bsecrets\b", str(document.get("env", ""))):
        yield f"env: {document['env']}"
    for name, job in jobs(document).items():
        if re.sub(r"\s+", " ", str(job.get("if", ""))) == SAME_REPOSITORY:
            continue
        if job.get("secrets"):
            yield f"{name}: secrets: {job['secrets']}"
        for expression in EXPRESSION.findall(yaml12.dump(dict(job))):
            if re.search(r"\bsecrets\b", expression) and not expression.strip().startswith(NO_PULL_REQUEST):
                yield f"{name}: {expression.strip()}"


def branch_in_a_privileged_job(document: Document, _root: Path) -> Iterator[str]:
    """`workflow_run` may write, so it checks out no commit but its own and unpacks nothing that a branch has left."""
    if "workflow_run" not in triggers(document):
        return
    for name, step in steps(document):
        uses, given = str(step.get("uses", "")), step.get("with", {})
        if uses.startswith("actions/checkout@") and {"ref", "repository"} & set(given):
            yield f"{name}: checks out {given.get('ref') or given.get('repository')}"
        if uses.startswith("actions/download-artifact@"):
            yield f"{name}: {uses}"
        if re.search(r"(?m)(?:^|[;&|])\s*(git|gh|unzip|curl|wget)\b", str(step.get("run", ""))):
            yield f"{name}: run: {step['run']}"


def kept_credentials(document: Document, _root: Path) -> Iterator[str]:
    """A checkout leaves no token behind."""
    for name, step in steps(document):
        checkout = str(step.get("uses", "")).startswith("actions/checkout@")
        if checkout and step.get("with", {}).get("persist-credentials") is not False:
            yield f"{name}: persist-credentials isn't false"


def unknown_commands(document: Document, root: Path) -> Iterator[str]:
    """Scripts, make targets and files that a step calls are there."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for name, step in steps(document):
        script = str(step.get("run", ""))
        yield from (
            f"{name}: make {each}"
            for each in re.findall(r"(?m)(?:^|[;&|])\s*make ([a-z0-9-]+)", script)
            if each not in targets
        )
        for module in re.findall(r"python3? -m (scripts[\w.]*)", script):
            place = root / module.replace(".", "/")
            if not (place / "__main__.py").is_file() and not place.with_suffix(".py").is_file():
                yield f"{name}: {module}"
        for path in re.findall(r"(?<![\w/.$])((?:\.ci|scripts|policy|e2e)/[\w./-]+)", script):
            if ".venv" not in path and not (root / path).exists():
                yield f"{name}: {path}"


RULES: tuple[Callable[[Document, Path], Iterator[str]], ...] = (
    unpinned,
    permitted_too_much,
    privileged_trigger,
    injection,
    secrets_for_branches,
    branch_in_a_privileged_job,
    kept_credentials,
    unknown_commands,
)
