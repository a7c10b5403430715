"""Files of a deployment in the middle of a rollout: some pods run with what they started with, others with the new.

A pod reads Secrets and ConfigMaps when it starts. So for each release or workload that has not restarted, the objects
it reads are kept beside the new ones under names of their own, and it is made to refer to those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import yaml

Texts = Mapping[str, str]

_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet")
_CONTENT: Final = ("Secret", "ConfigMap")
_SUFFIX: Final = "-before"
_LIVE: Final = "konghq.com/"
_MOST_SUBSETS: Final = 4


def changed_units(old: Texts, new: Texts) -> list[str]:
    """Releases and workloads whose pods meet a change: their own text differs, or a Secret or ConfigMap they read.

    A text that differs rolls the pods. Where only what they read differs none is rolled, but whoever restarts for
    another reason has it. A release that is new or gone restarts nobody.
    """
    renames = {place: name for place, (name, _) in _before(old, new).items()}

    def reads_changed(path: str) -> bool:
        document = yaml.safe_load(old[path])
        return bool(_renamed(document, _here(document, renames)) != document)

    return [
        path
        for path in sorted(old)
        if path in new and _is_unit(path, new[path]) and (old[path] != new[path] or reads_changed(path))
    ]


def mixtures(old: Texts, new: Texts, rolls: Sequence[str], link: str) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Each mixture: the units that have restarted, and the files as the running pods have them.

    The cluster link has two ends, so it is enough to take each control plane with each data plane, the others left
    out. Elsewhere all subsets are taken, or where that is too many each unit by itself and all the others.
    """
    if link == "cluster":
        for group in _pairs(new, rolls):
            others = [path for path in new if _is_gateway(path) and path not in group]
            for restarted in _subsets([path for path in group if path in rolls]):
                mixed = mix(old, new, [path for path in rolls if path in group and path not in restarted])
                yield restarted, {path: text for path, text in mixed.items() if path not in others}
        return
    for restarted in _subsets(list(rolls)):
        yield restarted, mix(old, new, [path for path in rolls if path not in restarted])


def mix(old: Texts, new: Texts, waiting: Sequence[str]) -> dict[str, str]:
    """The new files, with the units in ``waiting`` and whatever they read as they were."""
    mixed = dict(new)
    renames: dict[tuple[str, str], str] = {}
    for (namespace, name), (fresh, (path, document)) in _before(old, new).items():
        renames[namespace, name] = fresh
        mixed[f"{path}{_SUFFIX}.yaml"] = yaml.safe_dump(document)
    for path in waiting:
        document = yaml.safe_load(old[path])
        mixed[path] = yaml.safe_dump(_renamed(document, _here(document, renames)))
    return mixed


def _before(old: Texts, new: Texts) -> dict[tuple[str, str], tuple[str, tuple[str, dict[str, Any]]]]:
    """Secrets and ConfigMaps that differ or are gone: namespace and name to a name of their own, path and content."""
    found = {}
    for path, text in old.items():
        document = yaml.safe_load(text) if new.get(path) != text else {}
        if document.get("kind") in _CONTENT:
            name, namespace = document["metadata"]["name"], document["metadata"].get("namespace", "")
            fresh = f"{name}{_SUFFIX}"
            labels = document["metadata"].get("labels") or {}
            # The ingress controller reads its own by their labels, and at once: for it there are no old ones.
            labels = {key: value for key, value in labels.items() if not key.startswith(_LIVE)}
            document["metadata"] |= {"name": fresh, "labels": labels}
            found[namespace, name] = fresh, (path, document)
    return found


def _here(document: Mapping[str, Any], renames: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Those in the namespace of a release or workload."""
    namespace = document.get("namespace") or document.get("metadata", {}).get("namespace", "")
    return {name: fresh for (where, name), fresh in renames.items() if where == namespace}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """References by name, and paths below the mount of a Secret that carries its name."""
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, str):
        if value in names:
            return names[value]
        for name, fresh in names.items():
            value = value.replace(f"/etc/secrets/{name}/", f"/etc/secrets/{fresh}/")
    return value


def _is_unit(path: str, text: str) -> bool:
    return _is_gateway(path) or yaml.safe_load(text).get("kind") in _WORKLOADS


def _is_gateway(path: str) -> bool:
    return path.startswith("releases/")


def _role(text: str) -> str:
    env = (yaml.safe_load(text).get("values") or {}).get("env") or {}
    return str(env.get("role", ""))


def _pairs(texts: Texts, rolls: Sequence[str]) -> Iterator[tuple[str, str]]:
    roles = {path: _role(text) for path, text in texts.items() if _is_gateway(path)}
    for control_plane in (path for path, role in roles.items() if role == "control_plane"):
        for data_plane in (path for path, role in roles.items() if role == "data_plane"):
            if control_plane in rolls or data_plane in rolls:
                yield control_plane, data_plane


def _subsets(units: Sequence[str]) -> Iterator[list[str]]:
    sizes = range(len(units) + 1) if len(units) <= _MOST_SUBSETS else (0, 1, len(units) - 1, len(units))
    for size in sizes:
        for chosen in combinations(units, size):
            yield list(chosen)
