"""A Pulumi project and the configuration of one of its stacks, read as the engine reads them.

The program never sees ``Pulumi.yaml`` or ``Pulumi.<stack>.yaml``: the engine merges the project's defaults with
the stack's values, checks them against the declared types and hands over strings. The same happens here, with
the same refusals (pulumi/pulumi, ``sdk/go/common/workspace/project.go`` and ``config.go``). What only the engine
could decrypt is replaced by a placeholder of the right form.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal import yaml12
from kong_mtls.rehearsal.placeholders import Placeholders

PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
REHEARSAL_KEY: Final = "rehearsal"
SCALARS: Final = (str, bool, int, float)


@dataclass(frozen=True)
class Project:
    """What ``Pulumi.yaml`` says.

    Attributes:
        folder: Where the file is; the program runs there.
        name: The project's name: the namespace of its config keys.
        main: The file that is run.
        schema: Declared config by full key (``namespace:key``).
        stack_folder: Where the stacks' files are.
    """

    folder: Path
    name: str
    main: Path
    schema: Mapping[str, Mapping[str, Any]]
    stack_folder: Path

    def stack_file(self, stack: str) -> Path:
        """The file with the config of `stack`."""
        return self.stack_folder / f"Pulumi.{stack}.yaml"

    def stacks(self) -> list[str]:
        """The stacks that have a file, by name."""
        return sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in self.stack_folder.glob("Pulumi.*.yaml"))


@dataclass(frozen=True)
class StackConfig:
    """The configuration of a stack as its program will see it.

    Attributes:
        values: Full key to text; objects and lists are JSON.
        secret_keys: The keys whose value is secret, in whole or in part.
        placeholders: Config paths whose real value only the engine can decrypt, e.g. ``kong-mtls:database.password``.
        remembered: The placeholders themselves, to be kept in the rehearsal's state.
        placeholder_texts: The placeholders as the program sees them.
        notes: What a person should know about how this was read.
    """

    values: Mapping[str, str] = field(repr=False)
    secret_keys: frozenset[str] = frozenset()
    placeholders: tuple[str, ...] = ()
    remembered: Mapping[str, str] = field(default_factory=dict, repr=False)
    placeholder_texts: frozenset[str] = field(default=frozenset(), repr=False)
    notes: tuple[str, ...] = ()

    def flag(self, key: str) -> bool:
        """Whether `key` is set to a true value, as the providers read flags."""
        return self.values.get(key, "").lower() == "true"


def read_project(folder: Path) -> Project:
    """The project in `folder`.

    Raises:
        UnreadableInput: There is none, it is broken, or it is not a Python program.
    """
    path = next((folder / name for name in PROJECT_FILES if (folder / name).is_file()), None)
    if path is None:
        raise UnreadableInput(f"{folder}: no Pulumi project here (no Pulumi.yaml)")
    data = yaml12.read(path)
    if not isinstance(data, dict):
        raise UnreadableInput(f"{path}: not a Pulumi project: a mapping with name and runtime is expected")
    name = data.get("name")
    if not isinstance(name, str) or not name:
        raise UnreadableInput(f"{path}: the project is missing a 'name' attribute")
    runtime = data.get("runtime")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise UnreadableInput(f"{path}: runtime is {language!r}; only programs in Python can be rehearsed")
    main = folder / str(data.get("main") or ".")
    main = main / "__main__.py" if main.is_dir() else main
    if not main.is_file():
        raise UnreadableInput(f"{path}: the program {main} does not exist")
    stack_folder = folder / str(data.get("stackConfigDir") or ".")
    return Project(folder, name, main, _schema(path, name, data.get("config")), stack_folder)


def _schema(path: Path, project: str, declared: Any) -> dict[str, dict[str, Any]]:
    if declared is None or isinstance(declared, str):  # a string is the old form of stackConfigDir
        return {}
    if not isinstance(declared, dict):
        raise UnreadableInput(f"{path}: config must be a mapping of keys")
    schema: dict[str, dict[str, Any]] = {}
    for key, given in declared.items():
        own = ":" not in str(key) or str(key).startswith(f"{project}:")
        entry = given if isinstance(given, dict) else {"default" if own else "value": given}
        problem = _schema_problem(str(key), entry, own)
        if problem:
            raise UnreadableInput(f"{path}: {problem}")
        schema[_full_key(project, str(key))] = entry
    return schema


def _schema_problem(key: str, entry: Mapping[str, Any], own: bool) -> str | None:
    kind, default, value = entry.get("type"), entry.get("default"), entry.get("value")
    if default is not None and value is not None:
        return f"project config '{key}' cannot have both a 'default' and 'value' attribute"
    if own:
        if kind == "array" and not isinstance(entry.get("items"), dict):
            return f"the configuration key '{key}' declares an array but not the type of its 'items'"
        if kind is not None and default is not None and not _fits(entry, default):
            return f"the default of configuration key '{key}' is not of the expected type '{_type_name(entry)}'"
        return None
    if kind is not None:
        return f"configuration key '{key}' is not namespaced by the project and should not define a type"
    if default is not None:
        return f"configuration key '{key}' is not namespaced by the project: use 'value' instead of 'default'"
    return f"configuration key '{key}' is namespaced and must provide a 'value'" if value is None else None


def read_stack(
    project: Project,
    stack: str,
    at: datetime,
    remembered: Mapping[str, str] | None = None,
    missing: Iterable[str] = (),
) -> StackConfig:
    """The configuration of `stack`, project defaults included.

    One key is added: ``<project>:rehearsal`` is ``true``, so that a program can tell that it deploys nothing.

    Args:
        project: From :func:`read_project`.
        stack: The stack's name.
        at: The time at which placeholder certificates begin.
        remembered: Placeholders of earlier runs, so that they stay the same.
        missing: Keys of secrets that the program needs and the stack leaves out: they get a placeholder too.

    Raises:
        UnreadableInput: The stack has no file, the file is broken, a required key is missing or a value has
            another type than the project declares.
    """
    path = project.stack_file(stack)
    if not path.is_file():
        known = project.stacks()
        there = f"there are {', '.join(known)}" if known else "the project has no stack files"
        raise UnreadableInput(f"stack {json.dumps(stack)} does not exist: no {path.name} in {path.parent}; {there}")
    data = yaml12.read(path)
    data = {} if data is None else data
    given = data.get("config") if isinstance(data, dict) else 0
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise UnreadableInput(f"{path}: config must be a mapping of keys")
    stacked = {_full_key(project.name, str(key)): value for key, value in given.items()}
    for key in stacked:
        if key.count(":") != 1 or not all(key.split(":")):
            raise UnreadableInput(f"{path}: {key!r} is no config key: keys have the form <namespace>:<name>")
    for key in missing:
        stacked.setdefault(key, {"secure": ""})
    secret_keys = frozenset(key for key, value in stacked.items() if _holds_secure(value))
    fill = Placeholders(at, dict(remembered or {}))
    values = _merge(project, stack, fill.fill(stacked), secret_keys)
    values.setdefault(f"{project.name}:{REHEARSAL_KEY}", "true")
    notes = []
    if data.get("environment"):
        notes.append(f"{path.name} imports environments, which only the engine can open; their values are missing")
    return StackConfig(
        values={key: _text(value) for key, value in sorted(values.items())},
        secret_keys=secret_keys,
        placeholders=tuple(sorted(fill.used)),
        remembered=fill.remembered,
        placeholder_texts=frozenset(fill.texts),
        notes=tuple(notes),
    )


def _merge(project: Project, stack: str, values: dict[str, Any], secret_keys: frozenset[str]) -> dict[str, Any]:
    merged = {key: value for key, value in values.items() if value is not None}
    missing = []
    for key, entry in sorted(project.schema.items()):
        if key in merged:
            continue
        default = entry.get("default") if entry.get("default") is not None else entry.get("value")
        if default is not None:
            merged[key] = default
        elif key.startswith(f"{project.name}:"):
            missing.append(key.partition(":")[2])
    where = f"stack '{stack}' ({project.stack_file(stack).name})"
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        raise UnreadableInput(f"{where} is missing configuration value{'s' if len(missing) > 1 else ''} {names}")
    for key, entry in sorted(project.schema.items()):
        if entry.get("type") is None or key not in merged:
            continue
        name = key.partition(":")[2]
        if entry.get("secret") and key not in secret_keys:
            raise UnreadableInput(f"{where}: configuration key '{name}' must be encrypted as it's secret")
        # A scalar of the stack's file reaches the check as text; parts of objects keep their types.
        value = _text(merged[key]) if isinstance(merged[key], SCALARS) else merged[key]
        if not _fits(entry, value):
            raise UnreadableInput(f"{where}: configuration key '{name}' must be of type '{_type_name(entry)}'")
    return merged


def _fits(entry: Mapping[str, Any], value: Any) -> bool:
    """Whether `value` has the declared type (``ValidateConfigValue``)."""
    kind = entry.get("type")
    if kind == "string":
        return isinstance(value, str)
    if kind == "integer":
        if isinstance(value, str):
            return value.lstrip("+-").isdecimal()
        return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if kind == "object":
        return isinstance(value, dict)
    items = entry.get("items")
    if not isinstance(value, list) or not isinstance(items, dict):
        return False
    return all(_fits(items, item) for item in value)


def _type_name(entry: Mapping[str, Any]) -> str:
    items = entry.get("items")
    return f"array<{_type_name(items)}>" if isinstance(items, dict) else str(entry.get("type"))


def _full_key(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _holds_secure(value: Any) -> bool:
    if isinstance(value, dict):
        return is_secure(value) or any(_holds_secure(item) for item in value.values())
    return isinstance(value, list) and any(_holds_secure(item) for item in value)


def is_secure(value: Any) -> bool:
    """Whether `value` is how a stack's file writes an encrypted value: ``{secure: <ciphertext>}``."""
    return isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Go prints 1.0 as 1
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return str(value)
