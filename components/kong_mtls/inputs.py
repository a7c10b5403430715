"""Checks of component arguments against their ``TypedDict``: unknown and missing keys, said by name.

A misspelt key in a plain dictionary would otherwise be dropped without a word, and with it what it was meant to
secure.
"""

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Union, get_args, get_origin

import pulumi
from typing_extensions import NotRequired, is_typeddict

from .errors import InputError


def _origin(hint: Any) -> Any:
    return get_origin(hint)


@cache
def _fields(shape: Any) -> dict[str, tuple[Any, bool]]:
    """Field -> (type, required) of a TypedDict."""
    # Not typing.get_type_hints: it would resolve the reference to Output inside pulumi.Input, which has no place to
    # be resolved in. A TypedDict's own annotations include those of its bases.
    return {
        name: (get_args(hint)[0], False) if _origin(hint) is NotRequired else (hint, True)
        for name, hint in shape.__annotations__.items()
    }


def _shapes(hint: Any) -> list[type]:
    """The TypedDicts a value of this type may be (Input[X] is a union that has X among its members)."""
    if is_typeddict(hint):
        return [hint]
    if get_origin(hint) is Union:
        return [shape for member in get_args(hint) for shape in _shapes(member)]
    return []


def _item_hint(hint: Any) -> Any | None:
    """The type of the items of a sequence type, or None."""
    if get_origin(hint) is Union:
        found = [item for member in get_args(hint) if (item := _item_hint(member)) is not None]
        return found[0] if found else None
    origin = get_origin(hint)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return get_args(hint)[0]
    return None


def check_inputs(shape: type, args: Mapping[str, Any], where: str) -> None:
    """Refuse keys that the TypedDict ``shape`` doesn't have, and miss none that it requires, at every depth.

    Args:
        shape: the component's args type.
        args: what the caller gave.
        where: how to name it in messages, such as ``KongHybrid "kong"``.

    Raises:
        InputError: all problems in one message.
    """
    problems: list[str] = []
    _collect(shape, args, "", problems)
    if problems:
        raise InputError.of(problems, f"{where}: the arguments can't be used:")


def _collect(shape: type, args: Any, path: str, problems: list[str]) -> None:
    if isinstance(args, pulumi.Output):
        return  # what only the engine knows is checked where it is used
    if not isinstance(args, Mapping):
        problems.append(f"{path.rstrip('.') or 'args'}: a mapping is needed, not {type(args).__name__}")
        return
    fields = _fields(shape)
    for key in args:
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"allowed: {', '.join(sorted(fields))}"
            problems.append(f"{path}{key}: unknown; {hint}")
    for key, (hint, required) in fields.items():
        value = args.get(key)
        if value is not None:
            _collect_field(hint, value, f"{path}{key}", problems)
        elif required:
            problems.append(f"{path}{key}: missing")


def _collect_field(hint: Any, value: Any, path: str, problems: list[str]) -> None:
    for inner in _shapes(hint):
        _collect(inner, value, f"{path}.", problems)
    item = _item_hint(hint)
    if item is None or isinstance(value, pulumi.Output):
        return
    if isinstance(value, str) or not isinstance(value, Sequence):
        # A text would be taken for the list of its letters.
        problems.append(f"{path}: a list is needed, not {type(value).__name__}")
        return
    for index, element in enumerate(value):
        for inner in _shapes(item):
            _collect(inner, element, f"{path}[{index}].", problems)


def choice(value: str, allowed: Sequence[str], what: str) -> str:
    """The value, when it is one of those allowed.

    Raises:
        InputError: naming the input, the value and what is allowed.
    """
    if value not in allowed:
        raise InputError(f"{what}: {value!r} is not known; allowed: {', '.join(allowed)}")
    return value


def check_pinned(image: str, example: str, what: str) -> None:
    """Refuse an image that would be another one every day.

    Raises:
        InputError: no tag and no digest, or the tag `latest`.
    """
    name = image.rsplit("/", 1)[-1]
    if not ("@" in name or ":" in name) or image.endswith(":latest"):
        raise InputError(f"{what}: {image!r} floats; give a version, such as {example!r}")
