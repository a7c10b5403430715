"""Drills: a change in steps, rehearsed with every mixture of pods that have restarted and pods that have not.

A step of a drill is a change of the stack's configuration, followed by an update. A running pod keeps the files it
started with until it restarts, so within a step old and new peers meet. A drill proves a link for each mixture: every
good peer is accepted and every bad one refused, or the step drops somebody.

Drills are YAML files in the program's folder ``drills``::

    description: Replace the CA of the cluster link
    link: cluster
    stacks: [staging, prod]
    steps:
      - name: both generations are trusted
        set:
          kong-mtls:cluster.authority.generations: [g1, g2]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from kong_mtls.reader.manifests import Objects, UnreadableInput, read_texts
from kong_mtls.rehearsal import project as projects
from kong_mtls.rehearsal import render, stage, yaml12
from kong_mtls.rehearsal.links import LINKS, Link
from kong_mtls.rehearsal.links.client import prove_callers
from kong_mtls.rehearsal.mixture import Texts, changed_units, mixtures
from kong_mtls.rehearsal.project import StackConfig
from kong_mtls.rehearsal.stage import Performance

FOLDER: Final = "drills"
CALLERS: Final = ("callers", "the gateway's configuration")
"""What changes each by itself on the client link, besides the pods that restart."""


@dataclass(frozen=True)
class Step:
    """One change of configuration: config path (``kong-mtls:cluster.authority.issuing``) to value."""

    name: str
    set: Mapping[str, Any]


@dataclass(frozen=True)
class Drill:
    """A change in steps.

    Attributes:
        name: The file's name without its ending.
        description: What it is for.
        link: The link that must hold.
        stacks: Stacks it applies to; empty for all.
        steps: The changes, in order.
        outage: Whether a step is known to cut the link until all pods have restarted; the drill then shows it.
    """

    name: str
    description: str
    link: str
    stacks: tuple[str, ...]
    steps: tuple[Step, ...]
    outage: bool = False


@dataclass(frozen=True)
class Row:
    """One mixture within a step.

    Attributes:
        changes: What the step's update does to resources, such as ``3 update``.
        rolls: Releases and workloads whose pods restart in this step; on the client link also callers and
            configuration, which change without a restart.
        restarted: Those of them that have, in this mixture.
        cases: How many cases of the link were tried.
        failed: The cases that went wrong.
        ok: None where the link can't be proved from the files.
    """

    drill: str
    link: str
    step: int
    name: str
    changes: str
    rolls: tuple[str, ...]
    restarted: tuple[str, ...]
    cases: int
    failed: tuple[str, ...]
    ok: bool | None
    outage: bool = field(default=False)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        return asdict(self)


def read(program: Path, stack: str) -> list[Drill]:
    """The drills of a program that apply to a stack.

    Raises:
        UnreadableInput: A file that is no drill, naming it and what is missing.
    """
    drills = []
    for path in sorted((program / FOLDER).glob("*.yaml")):
        data = yaml12.read(path)
        try:
            drill = Drill(
                name=path.stem,
                description=str(data["description"]),
                link=str(data["link"]),
                stacks=tuple(data.get("stacks", ())),
                steps=tuple(Step(str(step["name"]), dict(step["set"])) for step in data["steps"]),
                outage=bool(data.get("outage", False)),
            )
        except (TypeError, KeyError, ValueError) as error:
            raise UnreadableInput(
                f"{path}: no drill: it needs description, link and steps with name and set"
            ) from error
        if drill.link not in LINKS:
            raise UnreadableInput(f"{path}: link {drill.link!r} is not known; allowed: {', '.join(LINKS)}")
        if not drill.stacks or stack in drill.stacks:
            drills.append(drill)
    return drills


def run(
    program: Path,
    stack: str,
    *,
    now: datetime,
    start: Performance | None = None,
    files: dict[str, str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Row]:
    """Every drill of the stack, from the stack as it stands.

    Args:
        program: The folder with ``Pulumi.yaml``.
        stack: The stack's name.
        now: The time of the run, with a time zone.
        start: The stack as it stands, where it was rehearsed already.
        files: Filled with each step's files in clear, below ``drills/<drill>/<step>/``, to be proved by themselves.
        progress: Told what is being done.

    Raises:
        UnreadableInput: A drill or the stack cannot be read.
        ProgramFailed: The program refused a step.
    """
    tell = progress or (lambda _: None)
    first = start or stage.perform(program, stack, at=now)
    rows: list[Row] = []
    for drill in read(program, stack):
        config = projects.read_stack(first.project, stack, now, first.state.placeholders)
        before, old = first, render.render(first, masked=False)
        for number, step in enumerate(drill.steps, 1):
            tell(f"drill {drill.name}, step {number}: {step.name}")
            config = overlaid(config, step.set)
            after = stage.perform(program, stack, at=now, state=before.state, config=config)
            fresh = render.render(after, masked=False)
            rows += _rows(drill, number, after, (old, fresh), now)
            if files is not None:
                files.update({f"{render.DRILLS}/{drill.name}/{number}/{path}": text for path, text in fresh.items()})
            before, old = after, fresh
    return rows


def overlaid(config: StackConfig, changes: Mapping[str, Any]) -> StackConfig:
    """The configuration with some paths set; a value of None removes the path."""
    values = dict(config.values)
    for path, value in changes.items():
        namespace, _, rest = path.partition(":")
        head, *inner = rest.split(".")
        key = f"{namespace}:{head}"
        if not inner:
            values[key] = value if isinstance(value, str) else json.dumps(value)
            continue
        document = json.loads(values.get(key) or "{}")
        place = document
        for part in inner[:-1]:
            place = place.setdefault(part, {})
        if value is None:
            place.pop(inner[-1], None)
        else:
            place[inner[-1]] = value
        values[key] = json.dumps(document)
    return replace(config, values=values)


def _rows(drill: Drill, number: int, after: Performance, files: tuple[Texts, Texts], now: datetime) -> Iterator[Row]:
    rolls = changed_units(*files)
    mixed = _with_callers(files, rolls, now) if drill.link == "client" else _mixed(drill.link, files, rolls, now)
    everyone = (*CALLERS, *rolls) if drill.link == "client" else tuple(rolls)
    changes = _changes(after)
    for restarted, links in mixed:
        bad = [f"{row.client} to {row.server}, {row.case}: {row.observed}" for row in links if row.ok is False]
        unproved = all(row.ok is None for row in links)
        yield Row(
            drill=drill.name,
            link=drill.link,
            step=number,
            name=drill.steps[number - 1].name,
            changes=changes,
            rolls=everyone,
            restarted=tuple(restarted),
            cases=len(links),
            failed=tuple(bad),
            ok=None if unproved else not bad,
            outage=drill.outage,
        )


def _mixed(
    link: str, files: tuple[Texts, Texts], rolls: Sequence[str], now: datetime
) -> Iterator[tuple[Sequence[str], Sequence[Link]]]:
    for restarted, texts in mixtures(*files, rolls, link):
        yield restarted, _prove(link, read_texts(texts), now)


def _with_callers(
    files: tuple[Texts, Texts], rolls: Sequence[str], now: datetime
) -> Iterator[tuple[Sequence[str], Sequence[Link]]]:
    """The client link: callers take up what is new when they will, before the gateway does or after."""
    callers, gateway = CALLERS
    old, new = (read_texts(texts) for texts in files)
    yield [callers], prove_callers(new, old, now)
    for restarted, texts in mixtures(*files, rolls, "client"):
        objects = read_texts(texts)
        yield [gateway, *restarted], prove_callers(old, objects, now)
        yield [callers, gateway, *restarted], [*prove_callers(new, objects, now), *_prove("client", objects, now)]


def _prove(link: str, objects: Objects, now: datetime) -> Sequence[Link]:
    return LINKS[link](objects, now, lambda _: None)


def _changes(after: Performance) -> str:
    counts: dict[str, int] = {}
    for one in after.steps:
        if one.op not in ("same", "read"):
            counts[one.op] = counts.get(one.op, 0) + 1
    return ", ".join(f"{count} {op}" for op, count in sorted(counts.items())) or "nothing"
