"""What a rehearsal remembers of a stack: ``.rehearsal/<stack>.json``, readable by its owner only.

The file holds the keys, names and ids that the stand-ins made, the inputs they were made from, and the stack's
exports. It is what the engine's state is to ``pulumi up``, and it is written whole or not at all.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal import wire

FORMAT: Final = "kong-mtls rehearsal"
VERSION: Final = 1
FOLDER: Final = ".rehearsal"


@dataclass(frozen=True)
class Recorded:
    """A custom resource as the last run left it."""

    type: str
    id: str
    inputs: Mapping[str, Any] = field(repr=False)
    outputs: Mapping[str, Any] = field(repr=False)
    provider: str = ""
    protect: bool = False
    retain_on_delete: bool = False
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cluster: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """This record as JSON data; empty parts are left out."""
        data: dict[str, Any] = {
            "type": self.type,
            "id": self.id,
            "inputs": wire.to_json(self.inputs),
            "outputs": wire.to_json(self.outputs),
        }
        if self.provider:
            data["provider"] = self.provider
        if self.protect:
            data["protect"] = True
        if self.retain_on_delete:
            data["retainOnDelete"] = True
        if self.property_dependencies:
            data["propertyDependencies"] = {k: list(v) for k, v in sorted(self.property_dependencies.items())}
        if self.cluster:
            data["cluster"] = [wire.to_json(item) for item in self.cluster]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recorded:
        """The record that :meth:`to_json` wrote."""
        return cls(
            type=data["type"],
            id=data["id"],
            inputs=wire.from_json(data["inputs"]),
            outputs=wire.from_json(data["outputs"]),
            provider=data.get("provider", ""),
            protect=data.get("protect", False),
            retain_on_delete=data.get("retainOnDelete", False),
            property_dependencies={k: tuple(v) for k, v in data.get("propertyDependencies", {}).items()},
            cluster=tuple(wire.from_json(item) for item in data.get("cluster", ())),
        )


@dataclass(frozen=True)
class State:
    """Everything remembered of one stack.

    Attributes:
        project: The project's name, from ``Pulumi.yaml``.
        stack: The stack's name.
        resources: Custom resources by URN.
        exports: The stack's outputs; secret ones marked.
        placeholders: What stood in for secure config values, by ``<config path>#<digest of the ciphertext>``.
        remains: Kubernetes objects that controllers made and that outlived their resource.
        memory: What stand-ins remember beyond any resource.
    """

    project: str
    stack: str
    resources: Mapping[str, Recorded] = field(default_factory=dict)
    exports: Mapping[str, Any] = field(default_factory=dict)
    placeholders: Mapping[str, str] = field(default_factory=dict, repr=False)
    remains: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    memory: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def dump(self) -> str:
        """The file's text; the same for the same state."""
        data: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "project": self.project,
            "stack": self.stack,
            "resources": {urn: self.resources[urn].to_json() for urn in sorted(self.resources)},
            "exports": wire.to_json(self.exports),
            "placeholders": dict(sorted(self.placeholders.items())),
        }
        if self.remains:
            data["remains"] = [wire.to_json(item) for item in self.remains]
        if self.memory:
            data["memory"] = wire.to_json(self.memory)
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def path_of(program: Path, stack: str) -> Path:
    """Where the state of `stack` is kept, beside the program's ``Pulumi.yaml``."""
    return program / FOLDER / f"{stack}.json"


def load(path: Path, project: str, stack: str) -> State:
    """The state kept in `path`, or an empty one if there is no such file.

    Raises:
        UnreadableInput: The file is damaged, written by another version, or of another project or stack.
    """
    advice = "Move the file away to start afresh (new keys and certificates will be made)."
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return State(project, stack)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path}: the rehearsal's state cannot be read: {_reason(error)}") from None
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UnreadableInput(f"{path}: the rehearsal's state is damaged: {_where(error)}. {advice}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UnreadableInput(f"{path}: this is not a rehearsal's state. {advice}")
    if data.get("version") != VERSION:
        raise UnreadableInput(
            f"{path}: written in version {data.get('version')!r} of the state's format; this program reads "
            f"version {VERSION}. {advice}"
        )
    if (data.get("project"), data.get("stack")) != (project, stack):
        raise UnreadableInput(
            f"{path}: the state of stack {data.get('stack')!r} of project {data.get('project')!r}, "
            f"not of {stack!r} of {project!r}. {advice}"
        )
    try:
        return State(
            project=project,
            stack=stack,
            resources={urn: Recorded.from_json(item) for urn, item in data["resources"].items()},
            exports=wire.from_json(data["exports"]),
            placeholders=dict(data["placeholders"]),
            remains=tuple(wire.from_json(item) for item in data.get("remains", ())),
            memory=wire.from_json(data.get("memory", {})),
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UnreadableInput(f"{path}: the rehearsal's state is damaged: parts are missing. {advice}") from None


def save(state: State, path: Path) -> None:
    """Writes `state` to `path` (mode 0600) as a whole: at any moment the old file or the new one is there.

    Raises:
        UnreadableInput: The folder or file cannot be written.
    """
    text = state.dump()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.read_bytes() == text.encode():
            path.chmod(0o600)
            return
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise UnreadableInput(f"{path}: the rehearsal's state cannot be written: {_reason(error)}") from None


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself last through a power cut, where the system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"


def _where(error: ValueError) -> str:
    return f"{error.msg} at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "not JSON"
