"""What a pull request changes, as data: the one thing that goes from the job that runs it to the job that writes.

The first job runs code of the pull request, so whoever reads this data trusts none of it: :func:`parse` takes exactly
these fields, of exactly these types, and nothing else.
"""

import json
import typing
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from typing import Any, Literal

VERSION = 1
Fate = Literal["new", "changed", "gone", "same"]
Verdict = Literal["ok", "failed", "unproved"]


class Unusable(Exception):  # noqa: N818 - said of the data
    """The data isn't a comparison. ``str`` says where, and quotes nothing of it."""


@dataclass(frozen=True)
class Step:
    """What happens to a resource: ``op`` is the engine's word; ``properties`` are paths, without values."""

    op: str
    type: str
    name: str
    properties: tuple[str, ...] = ()
    reason: str = ""
    delete_first: bool = False


@dataclass(frozen=True)
class File:
    """A manifest or a release's values that differs; ``diff`` is unified, without file names, and holds no secret."""

    path: str
    fate: Fate
    diff: str


@dataclass(frozen=True)
class Case:
    """A case of a link that is in trouble, or was decided otherwise on the base (``was``)."""

    case: str
    expected: str
    observed: str
    verdict: Verdict
    reason: str
    was: str = ""


@dataclass(frozen=True)
class Link:
    """The cases of a link between two peers: how many there are and hold, on head and, where it was there, on base."""

    link: str
    client: str
    server: str
    fate: Fate
    verdict: Verdict
    held: int
    cases: int
    was: str = ""
    trouble: tuple[Case, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """A certificate; ``was`` is the end of the one whose place it takes, ``issued_by`` another one's ``id``.

    One that is ``changed`` and ends as it did is the same one, read by others.
    """

    id: str
    name: str
    fate: Fate
    issuer: str
    key: str
    until: str
    days_left: int
    ca: bool
    issued_by: str = ""
    used_by: tuple[str, ...] = ()
    was: str = ""


@dataclass(frozen=True)
class Finding:
    """What the audit says."""

    fate: Fate
    severity: str
    rule: str
    object: str
    message: str
    fix: str


@dataclass(frozen=True)
class Stack:
    """A stack on base and head.

    Attributes:
        program: the folder with `Pulumi.yaml`, from the repository's root.
        name: the stack's name.
        on_base: whether the base has it.
        on_head: whether the head has it.
        base_error: why the base couldn't be rehearsed, one message.
        head_error: why the head couldn't be rehearsed, one message.
        started_anew: why the head couldn't start from the base's state; then keys and certificates are all new.
        ok: whether the head's rehearsal is: no link failed, no finding is an error.
        steps: the resources that change.
        unchanged: how many don't.
        files: what is applied otherwise.
        renewed: how many files differ in certificates, their digests or generated names alone.
        not_staged: the types of resources that no rehearsal knows.
    """

    program: str
    name: str
    on_base: bool = True
    on_head: bool = True
    base_error: str = ""
    head_error: str = ""
    started_anew: str = ""
    ok: bool = True
    steps: tuple[Step, ...] = ()
    unchanged: int = 0
    files: tuple[File, ...] = ()
    renewed: int = 0
    links: tuple[Link, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    findings: tuple[Finding, ...] = ()
    not_staged: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The stack's name, with its program's folder where that isn't the repository's root."""
        return self.name if self.program in ("", ".") else f"{self.program}: {self.name}"

    @property
    def compared(self) -> bool:
        """Whether both sides were rehearsed."""
        return self.on_base and self.on_head and not self.base_error and not self.head_error

    @property
    def changed(self) -> bool:
        """Whether there is anything to show."""
        parts = (self.steps, self.files, self.renewed, self.base_error, self.head_error, self.started_anew)
        fates = {one.fate for items in (self.links, self.certificates, self.findings) for one in items}
        return not self.compared or any(parts) or not self.ok or not fates <= {"same"}


@dataclass(frozen=True)
class Comparison:
    """All stacks on the commits `base` and `head` of pull request `number` (0: none)."""

    version: int
    number: int
    base: str
    head: str
    stacks: tuple[Stack, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every stack of the head was rehearsed and none has a failed link or an error."""
        return all(stack.ok and not stack.head_error for stack in self.stacks)

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"


def parse(text: str | bytes) -> Comparison:
    """The comparison that :meth:`Comparison.dump` wrote.

    Raises:
        Unusable: it is something else, or another version's.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise Unusable("not JSON") from None
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION:
        raise Unusable(f"not a comparison in version {VERSION}")
    made: Comparison = _decode(Comparison, data, "")
    return made


def _decode(kind: Any, data: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _decode_object(kind, data, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(data, list):
            raise Unusable(f"{where}: a list is expected")
        return tuple(_decode(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(data))
    if origin is Literal:
        if not isinstance(data, str) or data not in arguments:
            raise Unusable(f"{where}: one of {', '.join(arguments)} is expected")
        return data
    if type(data) is not kind:  # a bool is no int here
        raise Unusable(f"{where}: {kind.__name__} is expected")
    return data


def _decode_object(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise Unusable(f"{where or 'the whole'}: an object is expected")
    hints = typing.get_type_hints(kind)
    known = {each.name: each for each in fields(kind)}
    if set(data) - set(known):
        raise Unusable(f"{where or 'the whole'}: fields that no comparison has")
    given = {}
    for name, each in known.items():
        if name in data:
            given[name] = _decode(hints[name], data[name], f"{where}.{name}".lstrip("."))
        elif each.default is MISSING and each.default_factory is MISSING:
            raise Unusable(f"{where}.{name}: missing".lstrip("."))
    return kind(**given)


def count(items: Sequence[Any], **fields_: str) -> int:
    """How many of `items` have these values."""
    return sum(all(getattr(item, key) == value for key, value in fields_.items()) for item in items)
