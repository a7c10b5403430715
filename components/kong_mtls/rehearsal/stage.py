"""Runs a Pulumi program, unchanged, on a stage of stand-ins, and says what it would deploy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pulumi

from kong_mtls.rehearsal import process, unstaged, wire
from kong_mtls.rehearsal import project as projects
from kong_mtls.rehearsal import state as states
from kong_mtls.rehearsal.deployment import Deployment
from kong_mtls.rehearsal.diff import Step
from kong_mtls.rehearsal.monitor import REFERENCE_TYPE, Message, Monitor, Resource
from kong_mtls.rehearsal.project import Project, StackConfig
from kong_mtls.rehearsal.standins import ResourceError
from kong_mtls.rehearsal.state import Recorded, State


class ProgramFailed(Exception):  # noqa: N818 - said of the program, not of this code
    """The program refused its settings, or a resource was refused. ``str`` is one message without secrets."""


class NotStaged(ProgramFailed):
    """The program declares resources that have no stand-in.

    Attributes:
        unstaged: What cannot be staged: URN (or function) to type.
    """

    def __init__(self, message: str, unstaged: Mapping[str, str]) -> None:  # noqa: D107 - said above
        super().__init__(message)
        self.unstaged = dict(unstaged)


@dataclass(frozen=True)
class Performance:
    """One run of a program and what came of it.

    Attributes:
        project: The project that was run.
        stack: The stack's name.
        at: The time of the run.
        preview: Whether provider-computed values were left unknown.
        resources: Every resource that the program declared, by URN order; components too.
        steps: What happens to each custom resource, deletions last.
        exports: The stack's outputs; secrets and unknowns marked.
        messages: What the program logged, without secrets.
        placeholders: Config paths whose value only the engine can decrypt, or that the stack leaves out.
        placeholder_texts: The placeholders themselves.
        unstaged: What has no stand-in and was passed through: URN (or function) to type.
        waiting: Resources whose controller is not done, and why.
        state: What to remember of this run (the old state after a preview).
    """

    project: Project
    stack: str
    at: datetime
    preview: bool
    resources: tuple[Resource, ...] = field(repr=False)
    steps: tuple[Step, ...] = field(repr=False)
    exports: Mapping[str, Any] = field(repr=False)
    messages: tuple[Message, ...]
    placeholders: tuple[str, ...]
    placeholder_texts: frozenset[str] = field(repr=False)
    unstaged: Mapping[str, str]
    waiting: Mapping[str, str]
    state: State = field(repr=False)

    @property
    def changed(self) -> bool:
        """Whether anything would be created, changed or deleted."""
        return any(step.op not in ("same", "read") for step in self.steps)

    def op(self, name: str, type_: str = "") -> str:
        """What happens to the one resource with that logical name (and type, or the type's end)."""
        found = [step.op for step in self.steps if step.name == name and step.type.endswith(type_)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} resources are called {name!r}")
        return found[0]


def perform(
    program: Path,
    stack: str,
    *,
    at: datetime,
    preview: bool = False,
    state: State | None = None,
    config: StackConfig | None = None,
    pass_unstaged: bool = False,
) -> Performance:
    """Runs the program in the folder `program` for `stack`. Writes nothing.

    A secret that the program requires and the stack's config leaves out becomes a placeholder, like one that only the
    engine can decrypt: the run starts over when the program stops with ``pulumi.ConfigMissingError`` for a secret.

    Args:
        program: The folder with ``Pulumi.yaml``.
        stack: The stack's name.
        at: The time of the run, with a time zone: when new certificates begin, and what is due for renewal.
        preview: Leave provider-computed values of new and changed resources unknown.
        state: What the last run left; default: what ``.rehearsal/<stack>.json`` says.
        config: The stack's config; default: read from the project's files.
        pass_unstaged: Let resources without a stand-in through with their inputs as outputs, instead of refusing.

    Raises:
        UnreadableInput: The project, the stack's config or the recorded state cannot be read.
        ProgramFailed: The program or a stand-in refused; NotStaged where stand-ins are missing.
        Exception: Whatever else the program raised.
    """
    project = projects.read_project(program.resolve())
    if state is None:
        state = states.load(states.path_of(project.folder, stack), project.name, stack)
    missing: list[str] = []
    while True:
        read = config or projects.read_stack(project, stack, at, state.placeholders, missing)
        deployment = Deployment(
            settings=read.values,
            state=state,
            at=at,
            preview=preview,
            references=lambda name: _exports(project, state, name),
        )
        monitor = Monitor(project.name, stack, deployment)
        failure = process.run(monitor, project, read, at=at, preview=preview)
        wanted = _missing_secret(failure)
        if config is not None or wanted is None or wanted in missing:
            break
        missing.append(wanted)
    redact = _redactor(monitor, read)
    goes_on = pass_unstaged and (failure is None or isinstance(failure, process.REFUSALS))
    if deployment.unstaged and not goes_on:
        raise NotStaged(_not_staged(deployment, failure, redact, project), deployment.unstaged) from None
    if failure is not None:
        raise _told_apart(failure, redact) from None
    try:
        if not preview:
            deployment.finish()
        deployment.check_order()
        deletions = deployment.deletions()
    except ResourceError as error:
        raise ProgramFailed(str(error)) from None
    return _performance(monitor, project, read, deletions, redact)


def _missing_secret(failure: Exception | None) -> str | None:
    """The config key of the secret for want of which the program stopped."""
    return failure.key if isinstance(failure, pulumi.ConfigMissingError) and failure.secret else None


def _not_staged(
    deployment: Deployment, failure: Exception | None, redact: Callable[[str], str], project: Project
) -> str:
    components = {one.urn for one in deployment.made.values() if not one.custom and not one.staged}
    if failure is None:
        return unstaged.message(deployment.unstaged, components)
    return unstaged.stopped(deployment.unstaged, components, failure, redact(str(failure)), project.folder)


def _told_apart(failure: Exception, redact: Callable[[str], str]) -> Exception:
    """What to raise: one message for what a person can mend, the exception itself for anything else."""
    if isinstance(failure, (pulumi.RunError, ResourceError)):
        return ProgramFailed(redact(str(failure)))
    if isinstance(failure, ModuleNotFoundError):
        return ProgramFailed(f"the program imports {failure.name}, which is not installed in {sys.prefix}")
    return failure


def _performance(
    monitor: Monitor,
    project: Project,
    config: StackConfig,
    deletions: Iterable[Step],
    redact: Callable[[str], str],
) -> Performance:
    deployment = monitor.deployment
    resources = tuple(deployment.made[urn] for urn in sorted(deployment.made))
    notes = [Message("warning", note) for note in (*config.notes, *deployment.cluster.notes)]
    messages = [*notes, *(replace(message, text=redact(message.text)) for message in monitor.messages)]
    after = deployment.state
    if not deployment.preview:
        after = State(
            project=project.name,
            stack=monitor.stack,
            resources={r.urn: _record(r) for r in resources if _is_recorded(r)},
            exports=monitor.exports,
            placeholders=config.remembered,
            remains=deployment.cluster.remains(),
            memory=deployment.cluster.memory,
        )
    return Performance(
        project=project,
        stack=monitor.stack,
        at=deployment.at,
        preview=deployment.preview,
        resources=resources,
        steps=(*(deployment.steps[urn] for urn in sorted(deployment.steps)), *deletions),
        exports=monitor.exports,
        messages=tuple(messages),
        placeholders=config.placeholders,
        placeholder_texts=config.placeholder_texts,
        unstaged=dict(sorted(deployment.unstaged.items())),
        waiting=deployment.waiting(),
        state=after,
    )


def _is_recorded(resource: Resource) -> bool:
    return resource.custom and resource.staged and resource.type != REFERENCE_TYPE and resource.id != ""


def _record(resource: Resource) -> Recorded:
    return Recorded(
        type=resource.type,
        id=resource.id,
        inputs=resource.inputs,
        outputs=resource.outputs,
        provider=resource.provider,
        protect=resource.protect,
        retain_on_delete=resource.retain_on_delete,
        property_dependencies=resource.property_dependencies,
        cluster=resource.cluster,
    )


def _exports(project: Project, own: State, name: str) -> Mapping[str, Any]:
    """The exports of the stack called `name` as its last rehearsal left them; a stack may ask for its own.

    Names are ``<stack>``, ``<project>/<stack>`` and ``<organization>/<project>/<stack>``.
    """
    parts = name.split("/")
    stack = parts[-1]
    if len(parts) > 1 and parts[-2] != project.name:
        raise ResourceError(
            f"a stack of project {parts[-2]!r}; only stacks of {project.name!r}, rehearsed in this folder, are known"
        )
    if stack == own.stack:
        return own.exports
    path = states.path_of(project.folder, stack)
    if not path.is_file():
        known = ", ".join(project.stacks()) or "none"
        raise ResourceError(
            f"stack {stack!r} has not been rehearsed yet (no {path.parent.name}/{path.name}); rehearse it first. "
            f"Stacks of this project: {known}"
        )
    return states.load(path, project.name, stack).exports


def _redactor(monitor: Monitor, config: StackConfig) -> Callable[[str], str]:
    """A function that masks every secret of the run in a text, as the engine does in what it prints."""
    known: set[str] = set()

    def collect(value: Any) -> None:
        for _, item, secret in wire.leaves(value):
            if secret and isinstance(item, str) and len(item) >= 6:
                known.update((item, item.strip()))

    for resource in monitor.deployment.made.values():
        collect(resource.inputs)
        collect(resource.outputs)
    collect(monitor.exports)
    known.update(value for key, value in config.values.items() if key in config.secret_keys and len(value) >= 6)
    texts = sorted(known, key=len, reverse=True)

    def redact(text: str) -> str:
        for secret in texts:
            text = text.replace(secret, wire.MASK)
        return wire.MASK if wire.holds_private_key(text) else text

    return redact
