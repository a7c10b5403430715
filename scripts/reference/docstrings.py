"""What the code says of itself: docstrings of classes and of their attributes, and types as a reader writes them.

A string under an attribute is no docstring to the interpreter (PEP 258 calls it an attribute docstring): it is read
from the source, as the SDK's schema analyser does (pulumi/pulumi, ``sdk/python/lib/pulumi/provider/experimental``).
"""

import ast
import functools
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints, is_typeddict

import pulumi
from typing_extensions import NotRequired, Required

ROOT: Final = Path(__file__).resolve().parent.parent.parent
"""The repository: where Pulumi.yaml is."""

_WRAPPERS: Final = (NotRequired, Required)
_SECTION: Final = re.compile(r"^(Args|Raises|Attributes|Returns):\n((?:[ ].*\n?|\n)*)", re.MULTILINE)
_DEFAULTS: Final = (
    re.compile(r"\bdefault one, (`[^`]+`)"),
    re.compile(r"(`[^`]+`)[^`,;.]*\(default\)"),
    re.compile(r"\b([A-Z0-9][\w-]*) \(default\)"),
    # Up to the end of the clause; a comma ends it unless the default has a second half.
    re.compile(r"(?<![Bb]y )\b[Dd]efault:? (.+?)(?=;(?:\s|$)|,\s(?!`|false\b|true\b)|\.(?:\s|$)|:\s|$)"),
)


@functools.cache
def attribute_docs(cls: type) -> Mapping[str, str]:
    """The string under each attribute of a class, on one line; those of its bases too."""
    found: dict[str, str] = {}
    module = sys.modules[cls.__module__]
    for owner in _classes(cls.__module__):
        if owner.name != cls.__name__:
            continue
        # Of a TypedDict's bases the interpreter remembers nothing before Python 3.12.
        for base in (getattr(module, name.id, None) for name in owner.bases if isinstance(name, ast.Name)):
            if isinstance(base, type) and _is_ours(base):
                found |= attribute_docs(base)
        for statement, following in zip(owner.body, owner.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = _text_of(following)
                if text is not None:
                    found[statement.target.id] = one_line(text)
    return found


@functools.cache
def _classes(module: str) -> Sequence[ast.ClassDef]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in ("kong_mtls", "settings")


def _text_of(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        value = statement.value.value
        return value if isinstance(value, str) else None
    return None


def one_line(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def described(cls: type) -> tuple[str, str]:
    """A class's docstring without its sections, and its section `Raises`, as Markdown; empty where there is none."""
    text = inspect.cleandoc(cls.__doc__ or "")
    raises = ""
    for section in _SECTION.finditer(text):
        if section[1] == "Raises":
            raises = "\n".join(_entries(section[2]))
    return _SECTION.sub("", text).replace("``", "`").strip(), raises


def _entries(section: str) -> list[str]:
    """``Name: text`` of a section, a bullet each."""
    entries: list[str] = []
    for line in textwrap.dedent(section).strip().splitlines():
        if line.startswith(" "):
            entries[-1] += f" {line.strip()}"
        else:
            name, _, text = line.partition(": ")
            entries.append(f"- `{name}`: {text}")
    return entries


def default_of(text: str) -> str:
    """The default that a description names; empty where it names none."""
    for pattern in _DEFAULTS:
        found = pattern.search(text)
        if found is not None:
            return _whole(found[1])
    return ""


def _whole(text: str) -> str:
    """A default that no longer ends within a code span or brackets."""
    if text.count("`") % 2:
        text = text.rpartition("`")[0].rstrip(" ,")
    return text if text.count("(") == text.count(")") else text.rpartition("(")[0].rstrip(" ,")


@functools.cache
def hints(cls: type) -> Mapping[str, Any]:
    """Annotations of a class with everything that wraps them."""
    # pulumi.Input[str] is Union[str, Awaitable[str], "Output[T]"]: the text isn't filled in.
    return get_type_hints(cls, localns={"Output": pulumi.Output, "T": Any}, include_extras=True)


def is_required(hint: Any) -> bool:
    """Whether an argument must be given; the class itself doesn't know before Python 3.11."""
    return get_origin(hint) is not NotRequired


def unwrapped(hint: Any) -> Any:
    """A type without what says that it may be left out."""
    while get_origin(hint) in _WRAPPERS:
        hint = get_args(hint)[0]
    return hint


def typed_dicts(hint: Any) -> list[type]:
    """Argument types that a type is made of, in order."""
    if is_typeddict(hint):
        return [hint]
    found: list[type] = []
    for inner in get_args(hint):
        found += [each for each in typed_dicts(inner) if each not in found]
    return found


def _is_input(members: Sequence[Any]) -> bool:
    """Whether a union is what `pulumi.Input` stands for."""
    return any(get_origin(member) is pulumi.Output for member in members)


def type_text(hint: Any, anchor: str = "") -> str:
    """A type as Markdown; argument types as links.

    Args:
        hint: the type.
        anchor: the page that has the argument types; empty for this one.
    """
    text, has_link = _type(unwrapped(hint), anchor)
    return text if has_link else f"`{text}`"


def _type(hint: Any, anchor: str) -> tuple[str, bool]:
    if is_typeddict(hint):
        return f"[`{hint.__name__}`]({anchor}#{hint.__name__.lower()})", True
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if _is_input(inner):
            text, has_link = _type(inner[0], anchor)  # the union is T, Awaitable[T], Output[T]
            return (f"Input of {text}" if has_link else f"Input[{text}]"), has_link
        kept = [each for each in inner if each is not types.NoneType]
        parts = [_type(each, anchor) for each in kept]
        return " or ".join(text for text, _ in parts), any(has_link for _, has_link in parts)
    if origin is None:
        return getattr(hint, "__name__", str(hint)), False
    name = origin.__name__
    parts = [_type(each, anchor) for each in inner]
    if any(has_link for _, has_link in parts):
        return f"{name} of {parts[-1][0]}", True
    return f"{name}[{', '.join(text for text, _ in parts)}]", False


def source_link(cls: type) -> str:
    """A link from docs/reference/ to the file that a class is in."""
    path = Path(inspect.getsourcefile(cls) or "").resolve().relative_to(ROOT)
    return f"[{path}](../../{path})"


def row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(one_line(cell).replace("|", "\\|") for cell in cells) + " |"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table with an empty line on either side."""
    return ["", row(*header), "|" + "---|" * len(header), *(row(*cells) for cells in rows), ""]


def single_blanks(lines: Iterable[str]) -> list[str]:
    """The lines without two empty ones in a row."""
    kept: list[str] = []
    for line in "\n".join(lines).splitlines():
        if line or (kept and kept[-1]):
            kept.append(line)
    return kept
