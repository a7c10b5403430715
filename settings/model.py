"""What the models of the configuration have in common."""

from collections.abc import Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic.alias_generators import to_camel

Secret = SecretStr
DAY_HOURS = 24


class Model(BaseModel):
    """A section: fields in camelCase, unknown ones refused, types as written."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, strict=True, frozen=True)

    def arguments(self) -> dict[str, Any]:
        """The component's arguments: what was given, in snake_case; secrets still wrapped."""
        given = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, Model):
                value = value.arguments()
            elif isinstance(value, list):
                value = [item.arguments() if isinstance(item, Model) else item for item in value]
            elif isinstance(value, dict):
                value = {key: item.arguments() if isinstance(item, Model) else item for key, item in value.items()}
            given[name] = value
        return given


def in_hours(arguments: dict[str, Any]) -> dict[str, Any]:
    """Fields in days as the components' fields in hours."""
    return {
        (f"{name.removesuffix('_days')}_hours" if name.endswith("_days") else name): (
            value * DAY_HOURS if name.endswith("_days") else value
        )
        for name, value in arguments.items()
    }


def _inside(shape: Any) -> list[Any]:
    """A type and the members of a union or sequence."""
    if get_origin(shape) is None:
        return [shape]
    return [inner for member in get_args(shape) for inner in _inside(member)]


def _members(shape: Any) -> list[Any]:
    """A type, or the members of a union."""
    if get_origin(shape) in (Union, UnionType):
        return [inner for member in get_args(shape) for inner in _members(member)]
    return [shape]


def _below(shape: Any, part: str | int) -> list[Any]:
    """The types that a field, an item or an entry may have."""
    found = []
    for member in _members(shape):
        origin = get_origin(member)
        if (origin is list and isinstance(part, int)) or origin is dict:
            found.append(get_args(member)[-1])
        elif isinstance(member, type) and issubclass(member, Model):
            found += [field.annotation for field in member.model_fields.values() if field.alias == part]
    return found


def _at(shape: Any, location: Sequence[str | int]) -> list[Any]:
    shapes = [shape]
    for part in location:
        shapes = [inner for candidate in shapes for inner in _below(candidate, part)]
    return [member for candidate in shapes for member in _members(candidate)]


def fields_at(shape: Any, location: Sequence[str | int]) -> list[str]:
    """Names of the fields allowed at a place of the configuration."""
    return [
        str(field.alias)
        for candidate in _at(shape, location)
        if isinstance(candidate, type) and issubclass(candidate, Model)
        for field in candidate.model_fields.values()
    ]


def spellings(shape: Any) -> dict[str, str]:
    """Names of the components' fields -> as the configuration writes them, at every depth."""
    found: dict[str, str] = {}
    for candidate in _inside(shape):
        if isinstance(candidate, type) and issubclass(candidate, Model):
            for name, field in candidate.model_fields.items():
                given = f"{name.removesuffix('_days')}_hours" if name.endswith("_days") else name
                found |= {given: str(field.alias), **spellings(field.annotation)}
    return found


def is_secret(shape: Any, location: Sequence[str | int]) -> bool:
    """Whether the value at a place of the configuration may be secret."""
    return Secret in _at(shape, location)
