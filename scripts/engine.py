"""Which engine does the job of `make up` and `make preview`: Pulumi's, or the rehearsal.

With `--engine auto` the stack dev is rehearsed on a machine that lacks what the real engine needs, and one line says
what that is. Every other stack, and `--engine pulumi`, fails then: an environment is never rehearsed by accident.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, Python looks beside it only

from kong_mtls.cli import app  # noqa: E402
from kong_mtls.reader.manifests import UnreadableInput  # noqa: E402
from scripts import kubeconfig  # noqa: E402
from scripts.pulumi_cli import DEV, Workspace, find_cli  # noqa: E402
from scripts.stack_file import Missing, StackFile, read_stack_file  # noqa: E402


def say(message: str) -> None:
    """One line for the person at the keyboard; standard output is the engine's."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


def check_cluster(stack: StackFile, environment: Mapping[str, str]) -> str:
    """See that the cluster that the stack names is there; return how to call it.

    Raises:
        Missing: it isn't, or the stack names none.
    """
    name = stack.value("kubernetes:context")
    if stack.value("kubernetes:kubeconfig") or (stack.imports_environment and not name):
        # It may be encrypted: only the engine can tell whether it leads anywhere.
        return "the cluster of its configuration"
    if not name:
        raise Missing(
            f"no cluster: {stack.path.name} names none; set kubernetes:context to a context of your kubeconfig "
            "(the current one is never used)"
        )
    context = kubeconfig.find_context(str(name), environment)
    kubeconfig.probe(context, environment)
    return f"{context.name} ({context.server})"


def prepare(stack: StackFile, environment: Mapping[str, str]) -> tuple[str, Workspace]:
    """What the real engine needs, cheapest first: nothing is downloaded for a stack that can't go up anyway.

    Raises:
        Missing: the first thing that isn't there.
    """
    cluster = check_cluster(stack, environment)
    stack.check_license()
    return cluster, Workspace(stack, find_cli(environment, say), environment)


def is_confirmed(stack: str, environment: Mapping[str, str]) -> bool:
    """Whether `up` goes ahead unasked: on dev, in CI and with YES=1.

    Raises:
        Missing: it doesn't, and nobody can be asked.
    """
    if stack == DEV or any(environment.get(name, "").lower() in ("1", "true", "yes") for name in ("YES", "CI")):
        return True
    if sys.stdin.isatty():
        return False
    raise Missing(f"nobody to confirm `up` of {stack}: run it in a terminal, or with YES=1")


def up(stack: StackFile, cluster: str, workspace: Workspace) -> None:
    """Become `pulumi up`: signals and exit code are its own."""
    confirmed = is_confirmed(stack.name, workspace.environment)
    command, environment = workspace.up(confirmed=confirmed)
    say(f"pulumi up: stack {stack.name} on {cluster}, state in {workspace.state}")
    os.execve(command[0], command, environment)  # noqa: S606


def preview(stack: StackFile, cluster: str, workspace: Workspace) -> int:
    """Run `pulumi preview` and leave nothing behind; return its exit code."""
    with tempfile.TemporaryDirectory(prefix="kong-mtls-") as scratch:
        command, environment = workspace.preview(Path(scratch))
        say(f"pulumi preview: stack {stack.name} on {cluster}, state in {workspace.state}")
        # Ctrl-C reaches the CLI by itself, which ends in good order; the folder goes after it.
        signal.signal(signal.SIGINT, lambda *_: None)
        child = subprocess.Popen(command, env=environment)  # noqa: S603
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = child.wait()
    return code if code >= 0 else 128 - code


def rehearse(stack: str, *, preview_only: bool) -> None:
    """Rehearse the stack; ends the process."""
    app(["rehearse", "--stack", stack, *(["--preview"] if preview_only else [])], prog_name="kong-mtls")


def run(command: str, stack_name: str, engine: str, environment: Mapping[str, str]) -> int:
    """Do the job with the engine that is asked for or there.

    Raises:
        UnreadableInput: the stack isn't there or its file is broken.
        Missing: the real engine is wanted and can't run.
    """
    preview_only = command == "preview"
    if engine != "rehearsal":
        stack = read_stack_file(Path(), stack_name)
        try:
            cluster, workspace = prepare(stack, environment)
        except Missing as missing:
            if engine != "auto" or stack_name != DEV:
                raise
            say(f"rehearsal, not `pulumi {command}`: {missing}")
        else:
            if preview_only:
                return preview(stack, cluster, workspace)
            up(stack, cluster, workspace)
    rehearse(stack_name, preview_only=preview_only)
    return 0


def pass_on(stack_name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
    """Become any other command of the CLI, on the stack that `up` made.

    Raises:
        UnreadableInput: the stack isn't there or its file is broken.
        Missing: no CLI, or no passphrase.
    """
    stack = read_stack_file(Path(), stack_name)
    command, given = Workspace(stack, find_cli(environment, say), environment).command(arguments)
    say(f"pulumi {shlex.join(arguments)}: stack {stack_name}")
    os.execve(command[0], command, given)  # noqa: S606


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="engine.py", description=__doc__.partition("\n")[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (
        ("up", "deploy the stack, or rehearse it"),
        ("preview", "what would change; writes nothing"),
        ("pulumi", "any command of the Pulumi CLI on the stack, after --"),
    ):
        command = commands.add_parser(name, help=help_text, allow_abbrev=False)
        command.add_argument("--stack", default=DEV, help="default: %(default)s")
        command.add_argument("--program", type=Path, default=ROOT, help="the folder with Pulumi.yaml")
        if name == "pulumi":
            command.add_argument("arguments", nargs="+", metavar="ARGUMENT")
        else:
            command.add_argument("--engine", choices=["auto", "pulumi", "rehearsal"], default="auto")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The script: an exit code, unless it became another program."""
    given = _arguments(arguments)
    os.chdir(given.program)
    try:
        if given.command == "pulumi":
            pass_on(given.stack, given.arguments, environment)
            return 0
        return run(given.command, given.stack, given.engine, environment)
    except UnreadableInput as error:
        say(f"error: {error}")
    except Missing as missing:
        instead = (
            f"; or rehearse it, which needs none of this: make {given.command} STACK={given.stack} ENGINE=rehearsal"
        )
        say(f"error: {missing}{instead if given.command != 'pulumi' else ''}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
