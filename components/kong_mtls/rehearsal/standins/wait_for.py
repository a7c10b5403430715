"""The annotation ``pulumi.com/waitFor``: when the engine takes a Kubernetes object for ready.

Source: pulumi/pulumi-kubernetes, ``provider/pkg/metadata/overrides.go`` (``ReadyCondition``), ``provider/pkg/jsonpath``
and ``provider/pkg/await/condition``. Of JSONPath (RFC 9535) names, indexes, wildcards and filters for equality are
understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins.model import ResourceError

ANNOTATION: Final = "pulumi.com/waitFor"
SKIP: Final = "pulumi.com/skipAwait"

_BRACKETS: Final = re.compile(r"\{\s*(.*?)\s*\}")
_SEGMENT: Final = re.compile(
    r"""\.(?P<name>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*|\*)
    | \[\s*(?:'(?P<single>[^'\\]*)'|"(?P<double>[^"\\]*)")\s*\]
    | \[\s*(?P<index>-?\d+|\*)\s*\]
    | \[\s*\?\s*\(?\s*@\.(?P<key>[A-Za-z_]\w*)\s*==\s*(?P<quote>['"])(?P<value>[^'"]*)(?P=quote)\s*\)?\s*\]
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class _Condition:
    """One thing to wait for: a condition of the status, or what a path selects."""

    text: str
    type: str = ""
    path: tuple[re.Match[str], ...] = ()
    value: str = ""

    def holds(self, live: Mapping[str, Any]) -> bool:
        if self.type:
            conditions = (live.get("status") or {}).get("conditions") or ()
            return any(
                str(one.get("type")).lower() == self.type.lower()
                and str(one.get("status")).lower() == self.value.lower()
                for one in conditions
            )
        found = next(_select(live, self.path), None)
        if found is None:
            return False
        return not self.value or _shown(found) == self.value


def _select(value: Any, path: tuple[re.Match[str], ...]) -> Iterator[Any]:
    if not path:
        yield value
        return
    step, rest = path[0], path[1:]
    name = step["name"] or step["single"] or step["double"]
    if step["key"]:
        items = value if isinstance(value, list) else value.values() if isinstance(value, Mapping) else ()
        chosen = [one for one in items if isinstance(one, Mapping) and one.get(step["key"]) == step["value"]]
    elif name == "*" or step["index"] == "*":
        chosen = list(value) if isinstance(value, list) else list(value.values()) if isinstance(value, Mapping) else []
    elif name is not None:
        chosen = [value[name]] if isinstance(value, Mapping) and name in value else []
    else:
        index = int(step["index"])
        chosen = [value[index]] if isinstance(value, list) and -len(value) <= index < len(value) else []
    for one in chosen:
        yield from _select(one, rest)


def _shown(value: Any) -> str:
    """A scalar as Go prints it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse(annotations: Mapping[str, Any]) -> tuple[_Condition, ...]:
    """What an object's annotations say to wait for; nothing where they say to skip it, or nothing.

    Raises:
        ResourceError: The engine would refuse the annotation.
    """
    given = annotations.get(ANNOTATION)
    if not given or not isinstance(given, str) or str(annotations.get(SKIP, "")).lower() == "true":
        return ()
    try:
        listed = json.loads(given)
    except ValueError:
        listed = None
    values = listed if isinstance(listed, list) and all(isinstance(one, str) for one in listed) else [given]
    if not values:
        raise ResourceError(f"{ANNOTATION}: at least one condition must be specified")
    return tuple(_parse_one(one) for one in values)


def _parse_one(text: str) -> _Condition:
    if text.startswith("condition="):
        type_, equals, value = text.removeprefix("condition=").partition("=")
        return _Condition(text, type_, (), value if equals else "True")
    if not text.startswith("jsonpath="):
        raise ResourceError(f'{ANNOTATION}: expected a "jsonpath=" or "condition=" prefix, got "{text}"')
    raw = text.removeprefix("jsonpath=")
    path, *values = raw.replace("==", "\ufffd").split("=")
    path = path.replace("\ufffd", "==")
    if len(values) > 1:
        raise ResourceError(f'{ANNOTATION}: format should be {{.path}}=value or {{.path}}, got "{raw}"')
    value = values[0].replace("\ufffd", "==") if values else ""
    if values and not value:
        raise ResourceError(f"{ANNOTATION}: {path}= requires a value")
    if path.startswith("'") and path.endswith("'"):
        raise ResourceError(f"{ANNOTATION}: {path} should omit shell quotes")
    inner = _BRACKETS.search(path)
    if inner is None:
        raise ResourceError(f"{ANNOTATION}: {path} should be wrapped in brackets {{ ... }}")
    return _Condition(text, "", tuple(_steps(inner[1], path)), value)


def _steps(path: str, shown: str) -> Iterator[re.Match[str]]:
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        step = _SEGMENT.match(path, at)
        if step is None:
            raise ResourceError(
                f'{ANNOTATION}: parsing "{shown}": jsonpath: unexpected "{path[at:]}"; keys with other characters than '
                "letters, digits and underscores are written ['ca.crt']"
            )
        yield step
        at = step.end()


def unmet(metadata: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """The first thing in an object's annotations that it does not fulfil as it is now; empty if it does.

    Args:
        metadata: The object's, without secret marks.
        live: The object with its status.

    Raises:
        ResourceError: The engine would refuse the annotation.
    """
    shown = wire.plain(live)
    return next((one.text for one in parse(metadata.get("annotations") or {}) if not one.holds(shown)), "")
