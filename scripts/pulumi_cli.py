"""The Pulumi CLI on a stack: where it comes from, where the state is, how tracked files stay as they are.

With a passphrase the CLI writes an `encryptionsalt` into the stack's file, which is tracked. So it gets a copy of that
file (`--config-file`), and makes new stacks in a folder of copies, since `stack init` has no such option. Copies are
made anew each time and need no keeping: the state has a salt of its own, by which it judges the passphrase.
"""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kong_mtls.rehearsal import yaml12
from scripts.stack_file import Missing, StackFile

DEV = "dev"
SCRATCH = Path(".stack")
STATE = Path(".pulumi-state")
SERVICE = "https://api.pulumi.com"
# Backends that leave encryption to a secrets provider of the user's; a service has one of its own.
SELF_MANAGED = ("file://", "s3://", "azblob://", "gs://", "postgres://")
PASSPHRASE, PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
# Commands that take the stack's configuration from --config-file.
CONFIGURED = frozenset({"up", "update", "preview", "pre", "refresh", "destroy", "down", "import", "watch"})

Environment = Mapping[str, str]


def find_cli(environment: Environment, say: Callable[[str], None]) -> Path:
    """The CLI: that on PATH, else the official one of the SDK's own version, installed once for the user.

    Raises:
        Missing: it can't be installed.
    """
    found = shutil.which("pulumi", path=environment.get("PATH"))
    if found:
        return Path(found)
    # Imported here: it takes time, and few runs need it.
    from pulumi._version import version  # noqa: PLC0415
    from pulumi.automation import PulumiCommand  # noqa: PLC0415

    root = Path.home() / ".pulumi" / "versions" / str(version)
    if not (root / "bin").is_dir():
        say(f"no Pulumi CLI on PATH: installing {version} from get.pulumi.com into {root}")
    try:
        return Path(PulumiCommand.install(root=str(root)).command)
    except Exception as error:  # whatever download, shell and installer raise
        output = getattr(error, "output", None) or b""
        reason = output.decode(errors="replace").strip().rpartition("\n")[2] or str(error)
        raise Missing(f"no Pulumi CLI: none on PATH, and installing it failed ({reason}); install it") from None


def backend(stack: StackFile, environment: Environment) -> str | None:
    """Where the user keeps states: URL, or None when the CLI was never told."""
    project = yaml12.read(stack.project.folder / "Pulumi.yaml")
    home = environment.get("PULUMI_HOME") or str(Path.home() / ".pulumi")
    credentials = Path(environment.get("PULUMI_CREDENTIALS_PATH") or home) / "credentials.json"
    try:
        login = json.loads(credentials.read_text("utf-8")).get("current")
    except (OSError, ValueError, AttributeError):
        login = None
    found: str | None = (
        environment.get("PULUMI_BACKEND_URL")
        or (project.get("backend") or {}).get("url")
        or login
        or (SERVICE if environment.get("PULUMI_ACCESS_TOKEN") else None)
    )
    return found


class Workspace:
    """A stack with its CLI, and the environment that both need."""

    def __init__(self, stack: StackFile, cli: Path, environment: Environment) -> None:
        """Choose the backend; nothing is written."""
        self.stack, self.cli = stack, cli
        self.folder = stack.project.folder.resolve()
        chosen = backend(stack, environment)
        self.local = chosen is None
        self.backend = chosen or f"file://{self.folder / STATE}"
        self.environment = {
            **environment,
            "PULUMI_SKIP_UPDATE_CHECK": environment.get("PULUMI_SKIP_UPDATE_CHECK", "true"),
            # The language host lies beside the CLI.
            "PATH": f"{cli.parent}{os.pathsep}{environment.get('PATH', '')}",
        }
        # The CLI runs in two folders: what is relative to one would be elsewhere in the other.
        path = self.backend.removeprefix("file://")
        if path != self.backend and not path.startswith(("/", "~")):
            self.backend = f"file://{self.folder / path}"
        if self.local or path != self.backend:
            self.environment["PULUMI_BACKEND_URL"] = self.backend
        if self.environment.get(PASSPHRASE_FILE):
            self.environment[PASSPHRASE_FILE] = str(self.folder / self.environment[PASSPHRASE_FILE])

    @property
    def state(self) -> str:
        """Where the state is, for people."""
        return f"{STATE}/" if self.local else self.backend

    def up(self, *, confirmed: bool) -> tuple[list[str], dict[str, str]]:
        """Make the stack if there is none yet; return the command of `pulumi up` and its environment."""
        if self.local:
            (self.folder / STATE).mkdir(mode=0o700, exist_ok=True)
        exists = self.exists()
        self._unlock(exists)
        config = self._copy(self.folder / SCRATCH)
        if not exists:
            self._init(config)
        yes = ["--yes"] if confirmed else []
        return self._command("up", "--stack", self.stack.name, "--config-file", str(config), *yes), self.environment

    def preview(self, scratch: Path) -> tuple[list[str], dict[str, str]]:
        """The command of `pulumi preview` and its environment; all that is written goes to the folder `scratch`.

        A stack that isn't there yet is previewed on an empty state, which is what the first `up` starts from.
        """
        exists = (not self.local or (self.folder / STATE).is_dir()) and self.exists()
        if exists:
            self._unlock(exists)
        else:
            self.environment["PULUMI_BACKEND_URL"] = f"file://{scratch}"
            if not self.stack.encryption and not self._has_passphrase():
                self.environment[PASSPHRASE] = secrets.token_urlsafe(32)
        config = self._copy(scratch)
        if not exists:
            self._init(config)
        return self._command("preview", "--stack", self.stack.name, "--config-file", str(config)), self.environment

    def command(self, arguments: list[str]) -> tuple[list[str], dict[str, str]]:
        """Any command of the CLI on the stack, and its environment."""
        self._unlock(exists=True)
        self.environment["PULUMI_STACK"] = self.stack.name
        if arguments[:2] == ["stack", "rm"]:
            # Without it the stack's tracked file would go too.
            arguments = [*arguments, "--preserve-config"]
        if arguments[0] not in CONFIGURED:
            return self._command(*arguments), self.environment
        config = self._copy(self.folder / SCRATCH)
        return self._command(arguments[0], "--config-file", str(config), *arguments[1:]), self.environment

    def exists(self) -> bool:
        """Whether the backend has the stack.

        Raises:
            Missing: the backend can't be asked.
        """
        done = self._run("stack", "ls", "--json")
        known: list[dict[str, Any]] = json.loads(done)
        return any(entry["name"].rpartition("/")[2] == self.stack.name for entry in known)

    def _has_passphrase(self) -> bool:
        return PASSPHRASE in self.environment or PASSPHRASE_FILE in self.environment

    def _unlock(self, exists: bool) -> None:
        """Have a passphrase where one is needed; dev has a random one in a file of its own."""
        encryption = self.stack.encryption
        provider = encryption.get("secretsprovider", "passphrase")
        needed = provider == "passphrase" and ("encryptionsalt" in encryption or self.backend.startswith(SELF_MANAGED))
        if not needed or self._has_passphrase():
            return
        file = self.folder / SCRATCH / "passphrase"
        name = self.stack.name
        if name != DEV:
            other = ", or log in to another backend (`pulumi login`, PULUMI_BACKEND_URL)" if self.local else ""
            raise Missing(
                f"no passphrase for the secrets in {self.state}: set {PASSPHRASE} or {PASSPHRASE_FILE}{other}"
            )
        if not file.exists():
            if exists or "encryptionsalt" in encryption:
                holder = f"the state in {self.state}" if exists else self.stack.path.name
                raise Missing(f"no passphrase: {holder} was encrypted with one; set {PASSPHRASE}, or put it in {file}")
            file.parent.mkdir(exist_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(secrets.token_urlsafe(32))
        self.environment[PASSPHRASE_FILE] = str(file)

    def _copy(self, scratch: Path) -> Path:
        scratch.mkdir(exist_ok=True)
        shutil.copyfile(self.folder / "Pulumi.yaml", scratch / "Pulumi.yaml")
        return Path(shutil.copyfile(self.stack.path, scratch / self.stack.path.name))

    def _init(self, config: Path) -> None:
        provider = self.stack.encryption.get("secretsprovider")
        chosen = ["--secrets-provider", str(provider)] if provider else []
        self._run("stack", "init", self.stack.name, "--no-select", *chosen, cwd=config.parent)
        # Only the state's salt counts; a file as tracked is what the next command expects.
        shutil.copyfile(self.stack.path, config)

    def _run(self, *arguments: str, cwd: Path | None = None) -> str:
        command = self._command(*arguments, "--non-interactive")
        done = subprocess.run(  # noqa: S603 - the CLI and arguments of our own
            command, cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = " ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
            raise Missing(f"`pulumi {' '.join(arguments[:2])}` failed: {reason.removeprefix('error: ')}")
        return done.stdout

    def _command(self, *arguments: str) -> list[str]:
        return [str(self.cli), *arguments]
