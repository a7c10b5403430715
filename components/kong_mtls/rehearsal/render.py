"""What a run deploys, as files: one manifest per Kubernetes object, one file per Helm release.

Masked, nothing secret is in them: the data of Secrets is masked whoever marked it, every other value by its mark. Not
masked, they can be applied, and the links are proved from them; only placeholders for secrets that the rehearsal could
not know stay masked, so that nothing is proved by them.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal import wire, yaml12
from kong_mtls.rehearsal.stage import Performance
from kong_mtls.rehearsal.standins import kubernetes

RELEASE_TYPE: Final = "kubernetes:helm.sh/v3:Release"
OURS: Final = ("manifests", "releases", "cluster")
"""What describes the stack in ``out/<stack>/``, beside its reports (``report.*``)."""
DRILLS: Final = "drills"
"""The files of each step of its drills."""


def render(performance: Performance, *, masked: bool) -> dict[str, str]:
    """Relative path to text: ``manifests/``, ``releases/`` and, unless `masked`, ``cluster/``.

    Args:
        performance: The run.
        masked: Whether to leave out everything secret.
    """
    files: dict[str, str] = {}
    show = _shower(performance.placeholder_texts, masked)
    # What the program only reads belongs to somebody else.
    read = {step.urn for step in performance.steps if step.op == "read"}
    for resource in performance.resources:
        if not resource.custom or not resource.staged or not resource.type.startswith("kubernetes:"):
            continue
        if resource.type == RELEASE_TYPE:
            release = _release(resource.inputs)
            _add(files, "releases", _safe(release["release"]), resource.name, show(release))
        elif "kind" in resource.inputs and resource.urn not in read:
            patch = kubernetes.is_patch(resource.type, resource.inputs)
            item = _manifest(show(resource.inputs), masked)
            _add(files, "manifests", _file_name(resource.inputs, patch), resource.name, item)
        if not masked:
            for made in resource.cluster:
                # What somebody unknown would really sign isn't known: shown as there, with its content unseen.
                item = _manifest(show(made), masked or is_played(made))
                _add(files, "cluster", _file_name(made, patch=False), resource.name, item)
    return dict(sorted(files.items()))


def is_played(made: Mapping[str, Any]) -> bool:
    """Whether an object is what a CA of the rehearsal's own has made in an issuer's place."""
    return kubernetes.PLAYED in (kubernetes.metadata(made).get("annotations") or {})


def _release(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A release in the form in which the files have it; values are the program's, nulls kept (Helm's way to unset)."""
    known = wire.plain({key: inputs.get(key) for key in ("name", "namespace", "chart", "version", "skipCrds")})
    options = wire.plain(inputs.get("repositoryOpts")) or {}
    release: dict[str, Any] = {
        "release": _word(known["name"]),
        "namespace": _word(known["namespace"]),
        "chart": _word(known["chart"]),
        "version": known["version"],
        "repository": options.get("repo") if isinstance(options, dict) else None,
        "skipCrds": bool(known["skipCrds"]) if isinstance(known["skipCrds"], bool) else False,
    }
    release = {key: value for key, value in release.items() if value is not None}
    return {**release, "values": inputs.get("values") or {}}


def _manifest(shown: Any, masked: bool) -> dict[str, Any]:
    """The object as registered, without nulls (the API server reads them as absent) and without Pulumi's own mark."""
    item: dict[str, Any] = _without_nulls(shown)
    meta = item.get("metadata")
    if isinstance(meta, dict):
        notes = meta.get("annotations")
        if isinstance(notes, dict) and notes.pop(kubernetes.AUTONAMED, None) is not None and not notes:
            del meta["annotations"]
        meta.pop("uid", None)
    if item.get("kind") == "Secret":
        _mask_data(item, masked)
    return item


def _mask_data(secret: dict[str, Any], every: bool) -> None:
    """Moves masked entries to ``stringData``, where they are text; with `every`, all entries are."""
    hidden: set[str] = set()
    for part in ("data", "stringData"):
        given = secret.get(part)
        entries = given if isinstance(given, dict) else {} if given is None else {part: given}
        chosen = {key for key, value in entries.items() if every or value == wire.MASK}
        hidden |= chosen
        if len(chosen) == len(entries):
            secret.pop(part, None)
        elif chosen:
            secret[part] = {key: value for key, value in entries.items() if key not in chosen}
    if hidden:
        secret["stringData"] = {**secret.get("stringData", {}), **dict.fromkeys(hidden, wire.MASK)}


def _shower(placeholders: frozenset[str], masked: bool) -> Callable[[Any], Any]:
    """A function that gives a value as it may be written."""
    if masked:
        return wire.shown

    def leaf(item: Any, secret: bool) -> Any:
        if secret and isinstance(item, str) and any(text in part for part in _readings(item) for text in placeholders):
            return wire.MASK
        return _word(item)

    return lambda value: wire.transform(value, leaf)


def _readings(text: str) -> Iterator[str]:
    """`text`, and what it says if it is base64, as the data of Secrets is."""
    yield text
    with suppress(ValueError):
        yield base64.b64decode(text, validate=True).decode()


def _word(value: Any) -> Any:
    return wire.UNKNOWN_MASK if isinstance(value, wire.Unknown) else value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _file_name(inputs: Mapping[str, Any], patch: bool) -> str:
    meta = kubernetes.metadata(inputs)
    kind = str(_word(inputs.get("kind"))).lower()
    place = kubernetes.namespace_of(inputs) or "cluster"
    if isinstance(meta.get("namespace"), wire.Unknown):
        place = "unknown"
    return ("patch-" if patch else "") + _safe(f"{kind}-{place}-{_word(meta.get('name', 'unnamed'))}")


def _safe(name: Any) -> str:
    """`name` as a file name: nothing that leads out of the folder or means something to a shell."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", str(name)).lstrip(".") or "_"


def _add(files: dict[str, str], folder: str, name: str, resource: str, item: Mapping[str, Any]) -> None:
    """Adds a document; a second one of that name (two patches of one object) gets its resource's name as well."""
    path = f"{folder}/{name}.yaml"
    if path in files:
        path = f"{folder}/{name}--{_safe(resource)}.yaml"
    number = 2
    while path in files:
        path, number = f"{folder}/{name}--{_safe(resource)}-{number}.yaml", number + 1
    files[path] = yaml12.dump(item)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder`, as a whole, once everything in it is written.

    If anything fails on the way, `folder` is as it was.

    Raises:
        UnreadableInput: It cannot be written, or it holds files that no rehearsal wrote.
    """
    foreign = _foreign(folder)
    if foreign:
        raise UnreadableInput(
            f"{folder}: holds {foreign[0]!r}, which is not a rehearsal's; name another folder with --out"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
    except OSError as error:
        raise UnreadableInput(f"{folder}: cannot be written: {error.strerror}") from None
    try:
        yield fresh
        _swap(fresh, folder)
    except OSError as error:
        raise UnreadableInput(f"{folder}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _foreign(folder: Path) -> list[str]:
    if not folder.exists():
        return []
    if not folder.is_dir():
        return [folder.name]
    try:
        return sorted(
            entry.name
            for entry in folder.iterdir()
            if entry.name not in (*OURS, DRILLS) and not entry.name.startswith("report.")
        )
    except OSError as error:
        raise UnreadableInput(f"{folder}: cannot be read: {error.strerror}") from None


def _swap(fresh: Path, folder: Path) -> None:
    fresh.chmod(0o777 & ~_umask())  # mkdtemp makes it 0700
    if not folder.exists():
        fresh.replace(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old-", dir=folder.parent))
    try:
        folder.replace(old / folder.name)
        try:
            fresh.replace(folder)
        except OSError:
            (old / folder.name).replace(folder)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write(files: Mapping[str, str], folder: Path, *, secret: bool) -> None:
    """Writes `files` under `folder`.

    Args:
        files: From :func:`render`.
        folder: Where to; made if missing.
        secret: Whether the files hold secrets: then only their owner can read them (0600).
    """
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if secret else 0o666)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
