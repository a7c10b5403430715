"""Runs a Pulumi program, unchanged, on a stage of stand-ins.

The program is started as the engine's language host starts it (pulumi/pulumi,
``sdk/python/cmd/pulumi-language-python-exec``): in its own folder, as ``__main__``, with the stack's config. Everything
that a run touches in this process is put back afterwards, so that programs can be run one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import importlib
import logging
import os
import runpy
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import settings as runtime_settings
from pulumi.runtime import stack as runtime_stack

from kong_mtls.pki import clock
from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal import project as projects
from kong_mtls.rehearsal import state as states
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.diff import Step
from kong_mtls.rehearsal.monitor import REFERENCE_TYPE, Message, Monitor, Resource
from kong_mtls.rehearsal.project import Project, StackConfig
from kong_mtls.rehearsal.standins import ResourceError
from kong_mtls.rehearsal.state import Recorded, State

ORGANIZATION = "organization"
"""The organization of every stack in a local backend."""


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
        monitor = Monitor(
            project=project.name,
            stack=stack,
            settings=read.values,
            state=state,
            at=at,
            preview=preview,
            references=lambda name: _exports(project, state, name),
        )
        failure = _attempt(monitor, project, read)
        wanted = _missing_secret(failure)
        if config is not None or wanted is None or wanted in missing:
            break
        missing.append(wanted)
    redact = redactor(monitor, read)
    if monitor.unstaged and not pass_unstaged:
        raise NotStaged(_unstaged_message(monitor.unstaged, failure, redact), monitor.unstaged) from None
    if failure is not None:
        raise _told_apart(failure, redact) from None
    try:
        deletions = monitor.deletions()
    except ResourceError as error:
        raise ProgramFailed(str(error)) from None
    return _performance(monitor, project, read, deletions, redact)


def _attempt(monitor: Monitor, project: Project, config: StackConfig) -> Exception | None:
    """One run; what stopped it, a stand-in's refusal before what followed from it."""
    failure: Exception | None = None
    with warnings.catch_warnings():
        # A run that stops half-way leaves the SDK's own coroutines (`StackReference.get_output` makes some) behind.
        warnings.filterwarnings("ignore", r"coroutine 'Output\.\w+' was never awaited", RuntimeWarning)
        try:
            with clock.at(monitor.at), _program_environment(project):
                contextvars.copy_context().run(_run, monitor, project, config)
        except Exception as error:  # handed to the caller, who tells them apart
            failure = error
        failure = monitor.failure or failure
        if failure is not None and _is_refusal(failure):
            _let_go(failure)
    return failure


def _is_refusal(failure: Exception) -> bool:
    """Whether the message is all that a person needs; of anything else they need the traceback."""
    return isinstance(failure, (pulumi.RunError, ResourceError, UnreadableInput))


def _let_go(failure: Exception) -> None:
    """Drops what a failed run left unfinished and the traceback that holds it."""
    seen: BaseException | None = failure
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen.__traceback__, seen = None, seen.__context__
    gc.collect()


def _missing_secret(failure: Exception | None) -> str | None:
    """The config key of the secret for want of which the program stopped."""
    return failure.key if isinstance(failure, pulumi.ConfigMissingError) and failure.secret else None


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
    resources = tuple(monitor.made[urn] for urn in sorted(monitor.made))
    notes = [Message("warning", note) for note in config.notes]
    messages = [*notes, *(replace(message, text=redact(message.text)) for message in monitor.messages)]
    after = monitor.state
    if not monitor.preview:
        after = State(
            project=project.name,
            stack=monitor.stack,
            resources={r.urn: _record(r) for r in resources if _is_recorded(r)},
            exports=monitor.exports,
            placeholders=config.remembered,
        )
    return Performance(
        project=project,
        stack=monitor.stack,
        at=monitor.at,
        preview=monitor.preview,
        resources=resources,
        steps=(*(monitor.steps[urn] for urn in sorted(monitor.steps)), *deletions),
        exports=monitor.exports,
        messages=tuple(messages),
        placeholders=config.placeholders,
        placeholder_texts=config.placeholder_texts,
        unstaged=dict(sorted(monitor.unstaged.items())),
        waiting=monitor.waiting(),
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


def _run(monitor: Monitor, project: Project, config: StackConfig) -> None:
    """The run itself, in a context of its own: the SDK keeps its settings in context variables."""
    runtime_settings.ROOT.set(None)
    runtime_settings.configure(
        runtime_settings.Settings(
            project=project.name,
            stack=monitor.stack,
            monitor=monitor,
            engine=monitor,
            dry_run=monitor.preview,
            organization=ORGANIZATION,
            root_directory=str(project.folder),
        )
    )
    pulumi.runtime.set_all_config(dict(config.values), list(config.secret_keys))
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # a failed run leaves futures that nobody reads
    loop.set_default_executor(_Inline())
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(
            runtime_stack.run_in_stack(lambda: _discard(runpy.run_path(str(project.main), run_name="__main__")))
        )
    finally:
        try:
            _finish(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


class _Inline(ThreadPoolExecutor):
    """Answers the SDK's requests where they are made, one after the other: no thread could do more here than wait its
    turn, and the order of registration is the same in every run."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Calls `fn` at once."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # handed on, as an executor does
            future.set_exception(error)
        return future


def _discard(_: Any) -> None:
    """The SDK awaits what a program returns; its globals are nothing to await."""


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Ends what an interrupted or failed run left behind, quietly."""
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    if pending:
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())


_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def _program_environment(project: Project) -> Iterator[None]:
    """The process as the language host sets it up: folder, import path, arguments; and back again."""
    folder = project.main.parent
    asyncio_log = logging.getLogger("asyncio")
    with _ONE_AT_A_TIME:
        where, path, argv = Path.cwd(), list(sys.path), list(sys.argv)
        bytecode, level, collecting = sys.dont_write_bytecode, asyncio_log.level, gc.isenabled()
        hidden = _own_modules(folder)
        aside = {name: sys.modules.pop(name) for name in hidden}
        # Two versions of a file within one second look the same to a bytecode cache.
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        sys.path.insert(0, str(folder))
        sys.argv = [str(project.main)]
        # As the language host does: the SDK abandons futures when a program fails, which asyncio would lament.
        asyncio_log.setLevel(logging.CRITICAL)
        # A run makes a great many objects that live until its end: looking for garbage among them takes half its time.
        gc.disable()
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(where)
            if collecting:
                gc.enable()
            asyncio_log.setLevel(level)
            sys.argv, sys.path[:] = argv, path
            sys.dont_write_bytecode = bytecode
            for name in _own_modules(folder):
                del sys.modules[name]
            sys.modules.update(aside)


def _own_modules(folder: Path) -> list[str]:
    """Loaded modules that bear the name of a module beside the program, such as ``settings``."""
    names = {path.stem for path in folder.glob("*.py")} - {"__main__"}
    names |= {path.parent.name for path in folder.glob("*/__init__.py")}
    return [name for name in sys.modules if name.partition(".")[0] in names]


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


def redactor(monitor: Monitor, config: StackConfig) -> Callable[[str], str]:
    """A function that masks every secret of the run in a text, as the engine does in what it prints."""
    known: set[str] = set()

    def collect(value: Any) -> None:
        for _, item, secret in wire.leaves(value):
            if secret and isinstance(item, str) and len(item) >= 6:
                known.update((item, item.strip()))

    for resource in monitor.made.values():
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


def _unstaged_message(unstaged: Mapping[str, str], failure: Exception | None, redact: Callable[[str], str]) -> str:
    lines = [f"{len(unstaged)} of the program's resources cannot be staged (no stand-in for their type):"]
    for urn, type_ in sorted(unstaged.items()):
        parts = urn.split("::")
        lines.append(f"  - {type_}  {parts[3]}" if len(parts) == 4 else f"  - {urn}")
    if failure is not None:
        lines.append(f"The program then stopped: {redact(str(failure)).splitlines()[0] if str(failure) else ''}")
    else:
        lines.append("With --unstaged pass they go through with their inputs as outputs, and the rest is proved.")
    return "\n".join(lines)
