"""The package's schema without its texts, and what a change of it means to programs that use the package.

``python plugin/schema.py > tests/plugin/schema.json`` keeps a changed one. With a file as argument it says what has
changed since that file was written, and exits with 1 when programs would break.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_OPENERS: Final = {"types": "type ", "resources": "component "}
# What of a property a program is written against, and in which words.
_SHAPE: Final = ("type", "$ref", "items", "additionalProperties", "plain")


@dataclass(frozen=True, order=True)
class Change:
    """One difference between two schemas.

    Attributes:
        breaks: Whether a program that was right before is wrong after it.
        text: What changed.
    """

    breaks: bool
    text: str

    def __str__(self) -> str:
        """A line for a person."""
        return f"{'BREAKS' if self.breaks else 'new   '}  {self.text}"


def shape(schema: Any) -> Any:
    """A schema without descriptions, which break nothing and would make every better sentence a change of it."""
    if isinstance(schema, dict):
        return {key: shape(item) for key, item in schema.items() if key != "description" or isinstance(item, dict)}
    return [shape(item) for item in schema] if isinstance(schema, list) else schema


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What a program written for `before` meets in `after`; what breaks it first.

    An input breaks programs when it goes, is needed from now on, or has another type; an output when it goes, may be
    missing from now on, or has another type. A type is used both ways, so both rules hold for its fields.
    """
    found: list[Change] = []
    for section, opener in _OPENERS.items():
        old, new = before.get(section, {}), after.get(section, {})
        for token in sorted(old.keys() | new.keys()):
            name = f"{opener}{token.rpartition(':')[2]}"
            if token not in new:
                found.append(Change(True, f"{name} is gone"))
            elif token not in old:
                found.append(Change(False, name))
            elif section == "types":
                found += _fields(old[token], new[token], "properties", "required", f"{name}: field ", given=True)
            else:
                found += _fields(
                    old[token], new[token], "inputProperties", "requiredInputs", f"{name}: input ", given=True
                )
                found += _fields(old[token], new[token], "properties", "required", f"{name}: output ", given=False)
    return sorted(found, key=lambda change: (not change.breaks, change.text))


def _fields(
    old: Mapping[str, Any], new: Mapping[str, Any], key: str, needed_key: str, where: str, *, given: bool
) -> Iterator[Change]:
    """Changes of the fields under `key`.

    Args:
        given: Whether programs give them; else they read them.
    """
    before, after = old.get(key, {}), new.get(key, {})
    was, needed = set(old.get(needed_key, ())), set(new.get(needed_key, ()))
    for field in sorted(before.keys() | after.keys()):
        if field not in after:
            yield Change(True, f"{where}{field} is gone")
        elif field not in before:
            yield Change(
                given and field in needed, f"{where}{field}{' (required)' if given and field in needed else ''}"
            )
        else:
            if _shape(before[field]) != _shape(after[field]):
                yield Change(True, f"{where}{field}: was {_shape(before[field])}, is {_shape(after[field])}")
            if given and field in needed - was:
                yield Change(True, f"{where}{field} was optional, is required")
            elif given and field in was - needed:
                yield Change(False, f"{where}{field} was required, is optional")
            elif not given and field in was - needed:
                yield Change(True, f"{where}{field} was always there, may be missing")


def _shape(field: Mapping[str, Any]) -> str:
    return json.dumps({key: field[key] for key in _SHAPE if key in field}, sort_keys=True)


def current() -> dict[str, Any]:
    """The shape of what the plugin serves now. The version is no part of it: a release is no change of the schema."""
    from provider import Components  # type: ignore[import-not-found]  # noqa: PLC0415 - it stands beside this file

    served: dict[str, Any] = shape(json.loads(Components().schema))
    del served["version"]
    return served


def _main(arguments: list[str]) -> int:
    schema = current()
    if not arguments:
        sys.stdout.write(json.dumps(schema, indent=1, sort_keys=True) + "\n")
        return 0
    found = changes(json.loads(Path(arguments[0]).read_text("utf-8")), schema)
    sys.stdout.write("".join(f"{change}\n" for change in found) or "no change\n")
    return 1 if any(change.breaks for change in found) else 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
