"""The real engine on a real cluster: preview, up and no-op of the component and of the same resources flat.

It needs ``pulumi`` on PATH and a cluster by KUBECONFIG, the one that the stack ``dev`` names; without them it is left
out. The state is a folder that goes away. Namespaces are called ``kong-mtls-bench-<n>`` and are removed at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.figures import figure, seconds_of
from bench.upstream_bench import WAYS, world
from scripts.kubeconfig import find_context, probe
from scripts.stack_file import Missing, StackFile, read_stack_file

ROOT = Path(__file__).resolve().parent.parent
SIZE = 100
ROUNDS = 2
STEPS = {
    "preview": ("preview",),
    "up": ("up", "--yes", "--skip-preview"),
    "no-op": ("preview", "--expect-no-changes"),
}


def missing() -> str | None:
    """Why it can't run; None when it can."""
    if not shutil.which("pulumi"):
        return "no pulumi on PATH"
    if not os.environ.get("KUBECONFIG"):
        return "KUBECONFIG is not set"
    try:
        probe(find_context(_context(read_stack_file(ROOT, "dev")), dict(os.environ)), dict(os.environ))
    except Missing as error:
        return str(error)
    return None


def _context(stack: StackFile) -> str:
    return str(stack.value("kubernetes:context"))


class _Project:
    """A project of its own, in a folder with its state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("Pulumi.yaml", "__main__.py"):
            shutil.copy(ROOT / "bench" / "engine" / name, folder / name)
        (folder / "state").mkdir()
        (folder / "world.json").write_text(json.dumps(world()._asdict()))
        self._context = _context(read_stack_file(ROOT, "dev"))
        self._environment: Mapping[str, str] = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT / "components"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "bench",
        }

    def init(self, stack: str) -> None:
        """Make a stack."""
        values = {
            "kubernetes:context": self._context,
            "bench:folder": str(ROOT),
            "bench:services": str(SIZE),
            "bench:world": str(self._folder / "world.json"),
            "bench:way": stack,
        }
        self.run("stack", "init", "--non-interactive", stack)
        for key, value in values.items():
            self.run("config", "set", "--stack", stack, key, value)

    def run(self, *arguments: str) -> float:
        """A command of the CLI; its processor time, the program's and the provider's included."""
        return seconds_of(["pulumi", *arguments], self._folder, self._environment)

    def on(self, stack: str, *arguments: str) -> float:
        """A command on a stack."""
        return self.run(*arguments, "--non-interactive", "--stack", stack)


def bench() -> list[dict[str, Any]]:
    """A row for each step; none where CLI or cluster is missing."""
    reason = missing()
    if reason is not None:
        sys.stderr.write(f"engine: left out: {reason}\n")
        return []
    seconds: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        project = _Project(Path(folder))
        for stack in ("base", *WAYS):
            project.init(stack)
        try:
            project.on("base", "up", "--yes", "--skip-preview")
            for _ in range(ROUNDS):
                for way in WAYS:
                    for step, arguments in STEPS.items():
                        taken = project.on(way, *arguments)
                        seconds[step, way] = min(taken, seconds.get((step, way), taken))
                    project.on(way, "destroy", "--yes", "--skip-preview")
        finally:
            for stack in (*WAYS, "base"):
                project.on(stack, "destroy", "--yes", "--skip-preview")
    ours, flat = WAYS
    return [
        figure(
            f"{step} of {SIZE} Services by the engine",
            seconds[step, ours],
            "s",
            against=seconds[step, flat],
            against_what=flat,
        )
        for step in STEPS
    ]
