"""The command ``kong-mtls``: rehearse a stack, prove the links of what was written, audit manifests.

Exit codes: 0 all is well; 1 a link failed, a finding is an error, or the program refused; 2 unreadable input
(``audit``), wrong usage.
"""

# ruff: noqa: PLC0415 - imports stand where they are used: the SDK takes half a second that `--help` need not wait for

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kong_mtls.client_export_command import client_certificate

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Rehearse a Kong mTLS stack without a cluster, prove its links, audit manifests.",
)


class Format(str, Enum):
    """How results are printed."""

    text = "text"
    json = "json"


class Unstaged(str, Enum):
    """What to do with resources that have no stand-in."""

    refuse = "refuse"
    pass_ = "pass"  # noqa: S105 - no password


def _day(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day or time: expected 2027-05-01 or 2027-05-01T12:00:00Z") from None
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


FormatOption = Annotated[Format, typer.Option("--format", help="text for people, json for machines.")]
AtOption = Annotated[
    datetime | None, typer.Option("--at", parser=_day, metavar="DATE", help="Judge dates as of this day (UTC).")
]
StackOption = Annotated[str, typer.Option("--stack", help="The stack.")]
ProgramOption = Annotated[Path, typer.Option("--program", help="The folder with Pulumi.yaml.")]
UnstagedOption = Annotated[
    Unstaged,
    typer.Option(
        "--unstaged",
        help="Resources of other providers: refuse, naming each; or pass them through, list them, and prove the rest.",
    ),
]


@app.command()
def rehearse(  # noqa: PLR0917 - options, not arguments
    stack: StackOption = "dev",
    program: ProgramOption = Path(),
    secrets: Annotated[bool, typer.Option("--secrets", help="Write Secrets in clear, files 0600.")] = False,
    at: AtOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the results go, in a folder per stack; default: out beside the program."),
    ] = None,
    drill: Annotated[bool, typer.Option("--drill", help="Also run the stack's drills (drills/*.yaml).")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Show what would change; write nothing.")] = False,
    unstaged: UnstagedOption = Unstaged.refuse,
    form: FormatOption = Format.text,
) -> None:
    """Run the program without a cluster, write what it deploys, prove every link."""
    passing = unstaged is Unstaged.pass_
    with _errors(code=1), _progress(form) as (console, tell):
        from kong_mtls.rehearsal import diff, run

        tell(f"reading stack {stack}")
        now = datetime.now(timezone.utc)
        if preview:
            planned = run.preview(program, stack, now=at or now, pass_unstaged=passing)
            tell("")
            if form is Format.json:
                _print_json({"stack": stack, "changed": planned.changed, "steps": [s.to_json() for s in planned.steps]})
            else:
                _print_lines(diff.lines(planned.steps))
            return
        done = run.rehearse(
            program, stack, now=now, at=at, out=out, secrets=secrets, drills=drill, pass_unstaged=passing, progress=tell
        )
        tell("")
        if form is Format.json:
            _print_json(done.report)
        else:
            from kong_mtls.rehearsal import report

            report.print_terminal(done.report, console)
            _print_lines([f"written to {_short(done.folder)}"])
    raise typer.Exit(0 if done.ok else 1)


@app.command()
def prove(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A rehearsal's folder, written with --secrets.")],
    form: FormatOption = Format.text,
    at: AtOption = None,
) -> None:
    """Do the handshakes of every link from the files of a rehearsal alone."""
    with _errors(code=1), _progress(form) as (console, tell):
        from dataclasses import asdict

        from kong_mtls.rehearsal import report, run

        links = run.prove_folder(folder, at or datetime.now(timezone.utc), tell)
        tell("")
        if form is Format.json:
            _print_json({"links": [asdict(link) for link in links]})
        else:
            report.print_links([asdict(link) for link in links], console)
    raise typer.Exit(0 if run.is_ok(links, ()) else 1)


@app.command()
def audit(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Files, folders, or - for standard input.")],
    form: FormatOption = Format.text,
    at: AtOption = None,
) -> None:
    """Apply the rules to manifests, whoever wrote them."""
    with _errors(code=2), _progress(form) as (console, tell):
        from dataclasses import asdict

        from kong_mtls.audit import audit as find
        from kong_mtls.reader.manifests import read_paths

        objects = read_paths(files, sys.stdin)
        found = find(objects, at or datetime.now(timezone.utc))
        tell("")
        if form is Format.json:
            _print_json({"findings": [asdict(item) for item in found]})
        else:
            from kong_mtls.rehearsal import terminal_report  # alone: the audit needs no Pulumi

            terminal_report.print_findings([asdict(item) for item in found], console)
    raise typer.Exit(1 if any(item.severity == "error" for item in found) else 0)


app.command()(client_certificate)


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _print_lines(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


def _short(path: Path) -> str:
    """`path` from here, where that is shorter."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextmanager
def _errors(code: int) -> Iterator[None]:
    """One clear message and exit code `code` for what a person can mend; bugs keep their traceback."""
    from kong_mtls.reader.manifests import UnreadableInput

    try:
        yield
    except UnreadableInput as error:
        _fail(str(error), code)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except Exception as error:
        from kong_mtls.rehearsal.stage import ProgramFailed

        if not isinstance(error, ProgramFailed):
            raise
        _fail(str(error), code)


def _fail(message: str, code: int) -> None:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code) from None


@contextmanager
def _progress(form: Format) -> Iterator[tuple[Console, Callable[[str], None]]]:
    """A console for results, and a way to say what is being done: one line that goes away, on a terminal only."""
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=160, no_color=True, highlight=False)
    if form is Format.json or not sys.stderr.isatty():
        yield console, lambda _: None
        return
    with Console(stderr=True).status("") as status:

        def tell(text: str) -> None:
            status.update(text) if text else status.stop()

        yield console, tell


def main() -> None:
    """The command's entry point."""
    # A process of seconds, whose objects live to its end: looking for garbage among them takes a fifth of its time.
    gc.disable()
    app()


if __name__ == "__main__":
    main()
