"""A rehearsal from beginning to end: program, files, proofs, audit, report.

Proofs and audit get the texts of the files alone, read back as anyone's manifests would be: what the program meant
cannot help it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from kong_mtls.audit import Finding, audit
from kong_mtls.reader.manifests import Objects, read_paths, read_texts
from kong_mtls.rehearsal import aging, drill, render, report, stage
from kong_mtls.rehearsal import state as states
from kong_mtls.rehearsal.diff import Step
from kong_mtls.rehearsal.links import Link, prove
from kong_mtls.rehearsal.stage import Performance

OUT: Final = "out"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that was written down.

    Attributes:
        performance: The run of the program.
        links: The cases of every link.
        findings: What the audit found.
        report: The content of ``report.json``.
        folder: ``out/<stack>``.
        ahead: For a rehearsal of a later day: what the next ``up`` on that day would do.
        drill: What the drills found.
    """

    performance: Performance
    links: tuple[Link, ...]
    findings: tuple[Finding, ...]
    report: Mapping[str, Any] = field(repr=False)
    folder: Path
    ahead: tuple[Step, ...] = ()
    drill: tuple[drill.Row, ...] = ()

    @property
    def ok(self) -> bool:
        """No link failed and no finding is an error. What could not be proved (``null``) is no failure."""
        return is_ok(self.links, self.findings) and all(row.ok is not False or row.outage for row in self.drill)


def is_ok(links: tuple[Link, ...], findings: tuple[Finding, ...]) -> bool:
    """Whether nothing that was tried failed and no finding is an error."""
    return all(link.ok is not False for link in links) and all(item.severity != "error" for item in findings)


def rehearse(
    program: Path,
    stack: str,
    *,
    now: datetime,
    at: datetime | None = None,
    out: Path | None = None,
    secrets: bool = False,
    drills: bool = False,
    pass_unstaged: bool = False,
    progress: Progress | None = None,
) -> Rehearsal:
    """Rehearses `stack` of the program in the folder `program` and writes ``<out>/<stack>`` and its state.

    Args:
        program: The folder with ``Pulumi.yaml``.
        stack: The stack's name.
        now: The time of the run, with a time zone.
        at: A later day to judge the stack by: what has expired then, and what the next ``up`` would renew. Nothing is
            made on that day; keys and certificates are those of `now`, but for what controllers in the cluster have
            renewed by themselves.
        out: The folder of all stacks' results; default: ``out`` beside the program.
        secrets: Write Secrets in clear (files 0600), so that the links can be proved from the files.
        drills: Also run the stack's drills; with ``secrets``, each step's files are written to ``drills`` below the
            stack's folder.
        pass_unstaged: Let resources without a stand-in through.
        progress: Told what is being done, in a few words.

    Raises:
        UnreadableInput: Input that cannot be read, or an output folder that cannot be written.
        ProgramFailed: The program or a stand-in refused.
    """
    tell = progress or (lambda _: None)
    tell(f"running {program}/__main__.py for stack {stack}")
    performance = stage.perform(program, stack, at=now, pass_unstaged=pass_unstaged)
    ahead: tuple[Step, ...] = ()
    if at is not None:
        tell(f"looking ahead to {at.date()}")
        later = stage.perform(program, stack, at=at, preview=True, state=performance.state, pass_unstaged=pass_unstaged)
        ahead = tuple(step for step in later.steps if step.op not in ("same", "read"))
    judged = at or now
    standing = performance if at is None else aging.aged(performance, at)
    clear = render.render(standing, masked=False)
    objects = read_texts(clear)
    links = tuple(prove(objects, judged, tell))
    tell("auditing the manifests")
    findings = tuple(audit(objects, judged))
    folder = (out or performance.project.folder / OUT) / stack
    steps: list[drill.Row] = []
    files_of_steps: dict[str, str] = {}
    if drills:
        steps = drill.run(program, stack, now=now, start=performance, files=files_of_steps, progress=tell)
    data = report.build(standing, links, findings, objects, judged, ahead=ahead, drill=steps)
    tell(f"writing {folder}")
    files = clear if secrets else render.render(standing, masked=True)
    with render.replacing(folder) as fresh:
        render.write({**files, **files_of_steps} if secrets else files, fresh, secret=secrets)
        report.write(data, fresh)
        # Keys before the files that hold them: a run that ends here finds them again.
        states.save(performance.state, states.path_of(performance.project.folder, stack))
    return Rehearsal(performance, links, findings, data, folder, ahead, tuple(steps))


def preview(program: Path, stack: str, *, now: datetime, pass_unstaged: bool = False) -> Performance:
    """What a rehearsal would change since the last one. Writes nothing."""
    return stage.perform(program, stack, at=now, preview=True, pass_unstaged=pass_unstaged)


def prove_folder(folder: Path, at: datetime, progress: Progress | None = None) -> tuple[Link, ...]:
    """The links of a rehearsal that was written with secrets, from its files alone."""
    return tuple(prove(_written(folder), at, progress))


def _written(folder: Path) -> Objects:
    return read_paths([folder / part for part in render.OURS if (folder / part).is_dir()] or [folder])
