"""The stack dev in a folder of its own, run by the same script as `make up`."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml

STEP_SECONDS = 1800


class Stack:
    """A copy of the project whose configuration and state are the test's."""

    def __init__(self, root: Path, folder: Path, base: dict[str, Any]) -> None:
        """Copy the program and its stacks from `root`; `base` goes over the configuration of dev."""
        self.root, self.folder = root, folder
        folder.mkdir()
        for path in [*root.glob("Pulumi*.yaml"), *root.glob("*.py")]:
            shutil.copy(path, folder)
        shutil.copytree(root / "settings", folder / "settings", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / ".venv").symlink_to(sys.prefix)
        self.file = folder / "Pulumi.dev.yaml"
        self.shipped = yaml.safe_load(self.file.read_text())
        self.base = base
        state = folder / "states"
        state.mkdir()
        theirs = ("PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_STACK", "FORCE_COLOR")
        self.environment = {key: value for key, value in os.environ.items() if key not in theirs} | {
            # Never the user's own backend.
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(16),
            "NO_COLOR": "1",
        }
        self.configure()

    def configure(self, **sections: Any) -> None:
        """The configuration of dev with `base` and then `sections` over it, merged a mapping at a time."""
        config = self.shipped["config"]
        for over in (self.base, {f"kong-mtls:{key}": value for key, value in sections.items()}):
            config = _merged(config, over)
        self.file.write_text(yaml.safe_dump(self.shipped | {"config": config}))

    def tracked(self) -> dict[str, str]:
        """The files that git would have, and their content."""
        kept = {".stack", "states", ".venv"}
        return {
            str(path.relative_to(self.folder)): path.read_text()
            for path in self.folder.rglob("*")
            if path.is_file() and kept.isdisjoint(path.relative_to(self.folder).parts) and path.suffix != ".pyc"
        }

    def up(self, **environment: str) -> str:
        """`make up` with more environment; what it printed."""
        return self.succeed("up", "--engine", "pulumi", **environment)

    def pulumi(self, *arguments: str) -> str:
        """`make pulumi`; what it printed on standard output."""
        return self.succeed("pulumi", "--", *arguments)

    def planned(self) -> dict[str, str]:
        """What `pulumi preview` would do, by resource; what stays the same or is only read is left out."""
        steps = json.loads(self.pulumi("preview", "--json"))["steps"]
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] not in ("same", "read")}

    def drifted(self) -> list[str]:
        """Types of the resources that `pulumi refresh` finds other than the state has them.

        What a stack put out last, which it reads back in PKI mode, is one run behind by nature: that is no drift.
        """
        shown = self.pulumi("refresh", "--preview-only", "--diff", "--non-interactive")
        changes = re.findall(r"^ +[~+-]+ ([\w:./-]+): \(", shown, re.MULTILINE)
        return [kind for kind in changes if kind != "pulumi:pulumi:StackReference"]

    def unchanged(self) -> None:
        """Neither a preview nor a refresh finds anything to change."""
        assert self.planned() == {}
        assert self.drifted() == []

    def resources(self) -> list[dict[str, Any]]:
        """What the state has, providers and the stack itself included."""
        deployment = json.loads(self.pulumi("stack", "export"))["deployment"]
        found: list[dict[str, Any]] = deployment.get("resources") or []
        return found

    def pending(self) -> list[str]:
        """The operations that the state thinks are under way."""
        deployment = json.loads(self.pulumi("stack", "export"))["deployment"]
        return [item["type"] for item in deployment.get("pending_operations") or []]

    def succeed(self, *arguments: str, **environment: str) -> str:
        """Run the script; its standard output."""
        done = self._run(*arguments, **environment)
        assert done.returncode == 0, f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def fail(self, *arguments: str) -> str:
        """Run the script, which must fail; all that it printed."""
        done = self._run(*arguments)
        assert done.returncode != 0, f"{' '.join(arguments)} went through\n{done.stdout}"
        return done.stdout + done.stderr

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """The script in a process group of its own, as a terminal starts it; killed if the block fails."""
        log = self.folder.parent / "running.log"
        with log.open("w") as out, self._process(arguments, out) as process:
            try:
                yield process
                process.wait(STEP_SECONDS)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise

    def _process(self, arguments: tuple[str, ...], out: IO[str]) -> subprocess.Popen[bytes]:
        # A file: plugins that outlive the CLI would hold a pipe open.
        return subprocess.Popen(  # noqa: S603
            self._command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end_orphans(self) -> int:
        """Kill what a killed CLI has left running: its plugins, told from others by the state they were started on."""
        mark = self.environment["PULUMI_BACKEND_URL"].encode()
        killed = 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
                    killed += 1
            except OSError:  # gone, or another user's
                continue
        return killed

    def _run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            self._command(*arguments),
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )

    def _command(self, *arguments: str) -> list[str]:
        script = str(self.root / "scripts" / "engine.py")
        return [sys.executable, script, arguments[0], "--program", str(self.folder), *arguments[1:]]


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: value for key, value in over.items() if isinstance(value, dict) and isinstance(under.get(key), dict)}
    return {**under, **over, **{key: _merged(under[key], value) for key, value in both.items()}}
