"""The process of a program: started as the engine's language host starts it, and left as it was.

Source: pulumi/pulumi, ``sdk/python/cmd/pulumi-language-python-exec``: a program runs in its folder, as ``__main__``,
inside a stack resource, with the stack's config in the runtime. Everything that a run touches in this process is put
back afterwards, so that programs can be run one after the other.
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
import selectors
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import settings as runtime_settings
from pulumi.runtime import stack as runtime_stack

from kong_mtls.pki import clock
from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal.monitor import Monitor
from kong_mtls.rehearsal.project import Project, StackConfig
from kong_mtls.rehearsal.standins import ResourceError

REFUSALS = (pulumi.RunError, ResourceError, UnreadableInput)
"""Exceptions whose message is all that a person needs; of anything else they need the traceback."""

ORGANIZATION = "organization"
"""The organization of every stack in a local backend."""


def run(monitor: Monitor, project: Project, config: StackConfig, *, at: datetime, preview: bool) -> Exception | None:
    """Runs the program once.

    Args:
        monitor: Answers its requests.
        project: The program.
        config: The stack's config.
        at: What the time is to the components' own checks.
        preview: Whether the SDK takes what is missing for unknown.

    Returns:
        What stopped the program; None if it came to its end.
    """
    failure: Exception | None = None
    with warnings.catch_warnings():
        # A run that stops half-way leaves the SDK's own coroutines (`StackReference.get_output` makes some) behind.
        warnings.filterwarnings("ignore", r"coroutine 'Output\.\w+' was never awaited", RuntimeWarning)
        try:
            with clock.at(at), _environment(project):
                contextvars.copy_context().run(_run, monitor, project, config, preview)
        except Exception as error:  # handed to the caller, who tells them apart
            failure = error
        if failure is not None and isinstance(monitor.failure or failure, REFUSALS):
            _let_go(failure)
    return monitor.failure or failure


def _let_go(failure: Exception) -> None:
    """Drops what a failed run left unfinished and the traceback that holds it."""
    seen: BaseException | None = failure
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen.__traceback__, seen = None, seen.__context__
    gc.collect()


def _run(monitor: Monitor, project: Project, config: StackConfig, preview: bool) -> None:
    """The run itself, in a context of its own: the SDK keeps its settings in context variables."""
    runtime_settings.ROOT.set(None)
    runtime_settings.configure(
        runtime_settings.Settings(
            project=project.name,
            stack=monitor.stack,
            monitor=monitor,
            engine=monitor,
            dry_run=preview,
            organization=ORGANIZATION,
            root_directory=str(project.folder),
        )
    )
    pulumi.runtime.set_all_config(dict(config.values), list(config.secret_keys))
    loop = asyncio.SelectorEventLoop(_Idle(monitor))
    loop.set_exception_handler(lambda _loop, _context: None)  # a failed run leaves futures that nobody reads
    loop.set_default_executor(_Inline())
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(
            runtime_stack.run_in_stack(lambda: _settled(runpy.run_path(str(project.main), run_name="__main__")))
        )
    finally:
        try:
            _finish(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


_TURNS = 2_000
"""An idle turn takes microseconds. What depends on more resources in a row than these settle is left to the SDK."""


class _Inline(ThreadPoolExecutor):
    """Answers the SDK's requests where they are made, one after the other: no thread could do more here than wait its
    turn, and the order of registration is the same in every run."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Calls `fn` at once."""
        future: Future[Any] = Future()
        try:
            answer = fn(*args, **kwargs)
            if isinstance(answer, Future):  # held back until the resource is ready
                return answer
            future.set_result(answer)
        except Exception as error:  # handed on, as an executor does
            future.set_exception(error)
        return future


class _Idle(selectors.DefaultSelector):
    """Tells the monitor when the program has nothing left to do but to wait: the loop then selects without a limit."""

    def __init__(self, monitor: Monitor) -> None:
        super().__init__()
        self._monitor = monitor

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready for reading or writing."""
        if timeout is None:
            self._monitor.idle()
        return super().select(timeout)


async def _settled(_: Any) -> None:
    """Lets everything that the program has begun go on. The SDK would wait for it too, but looks at each of its outputs
    anew whenever one of them has come; nothing here waits for anything from outside, so that turns of the loop do."""
    for _turn in range(_TURNS):
        await asyncio.sleep(0)


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
def _environment(project: Project) -> Iterator[None]:
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
