"""YAML and JSON texts as Kubernetes and Helm read them: documents, lists flattened, the shape checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml


class UnreadableInput(Exception):  # noqa: N818 - named after what the user handed in
    """A file that is missing, not YAML, or no Kubernetes object. ``str`` is one line without content."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Kubernetes and Helm read it (sigs.k8s.io/yaml): no dates, no base-60 numbers, no key twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [
            (tag, re.compile(r"[-+]?(0b[01_]+|0[0-7_]*|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"))
            if tag.endswith(":int")
            else (tag, regexp)
            for tag, regexp in resolvers
            if not tag.endswith(":timestamp")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        for key in keys if len(keys) != len(set(keys)) else ():
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        result: dict[Any, Any] = super().construct_mapping(node, deep)
        return result


def parse(path: str, text: str) -> list[Any]:
    """The documents of a text, empty ones left out.

    Raises:
        UnreadableInput: it is neither YAML nor JSON; the message quotes nothing of it.
    """
    if text.lstrip()[:1] == "{":
        try:
            return [json.loads(text)]
        except json.JSONDecodeError:
            pass  # YAML's flow style, or several documents; judged below
    try:
        return [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except yaml.MarkedYAMLError as e:
        # Not str(e): that quotes the text, which may be a key.
        mark = e.problem_mark or e.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise UnreadableInput(f"{path}{where}: not valid YAML: {e.problem or 'syntax error'}") from None
    except (yaml.YAMLError, ValueError, TypeError):
        raise UnreadableInput(f"{path}: not valid YAML (unprintable characters or a wrong value)") from None
    except RecursionError:
        raise UnreadableInput(f"{path}: not valid YAML: nested too deeply") from None


def flatten(path: str, document: Any) -> Iterator[dict[str, Any]]:
    """A document, or the items of a list of objects.

    Raises:
        UnreadableInput: it is no mapping.
    """
    if not isinstance(document, dict):
        found = type(document).__name__
        raise UnreadableInput(f"{path}: a document is a {found}; expected a Kubernetes object or a Helm release")
    kind, items = document.get("kind"), document.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for item in items:
            # The API server's own lists (SecretList) leave kind and apiVersion out of the items.
            implied = {} if kind == "List" else {"apiVersion": document.get("apiVersion"), "kind": kind[:-4]}
            yield from flatten(path, implied | item if isinstance(item, dict) else item)
    else:
        yield document


def is_release(document: Mapping[str, Any]) -> bool:
    """Whether it is a Helm release and no Kubernetes object."""
    return "kind" not in document and isinstance(document.get("chart"), str) and "release" in document


def is_foreign(document: Mapping[str, Any]) -> bool:
    """Whether it is neither: a report, a file of values."""
    return not is_release(document) and "kind" not in document and "apiVersion" not in document


def check_object(path: str, document: Mapping[str, Any]) -> None:
    """Refuse what the API server would not take for an object at all.

    Raises:
        UnreadableInput: naming the file, and the object where it has a name.
    """
    for key in ("apiVersion", "kind"):
        if not isinstance(document.get(key), str):
            raise UnreadableInput(f"{path}: a document has no {key}; expected a Kubernetes object or a Helm release")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not (metadata.get("name") or metadata.get("generateName")):
        raise UnreadableInput(f"{path}: a {document['kind']} has no metadata.name")
    title = f"{document['kind']} {metadata.get('name') or metadata.get('generateName')}"
    for part in ("name", "namespace"):
        if not isinstance(metadata.get(part) or "", str):
            raise UnreadableInput(f"{path}: a {document['kind']}'s metadata.{part} is no text")
    if not isinstance(document.get("spec") or {}, dict):
        raise UnreadableInput(f"{path}: {title}: spec is no mapping")
    for part in ("labels", "annotations"):
        if not isinstance(metadata.get(part) or {}, dict):
            raise UnreadableInput(f"{path}: {title}: metadata.{part} is no mapping")
    for part in ("data", "stringData", "binaryData") if document["kind"] in ("Secret", "ConfigMap") else ():
        if not isinstance(document.get(part) or {}, dict):
            raise UnreadableInput(f"{path}: {title}: {part} is no mapping")
