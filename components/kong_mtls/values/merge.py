"""The user's own Helm values over ours.

Maps are merged key by key. Lists that both sides add to (volumes, mounts) are joined; any other list or scalar
is the user's. What would break a link or a name that other objects rely on is refused with the reason.
"""

import re
from collections.abc import Mapping
from typing import Any

import pulumi

from ..errors import InputError

JOINED_LISTS = frozenset(
    {
        "secretVolumes",
        "extraConfigMaps",
        "extraSecrets",
        "deployment.userDefinedVolumes",
        "deployment.userDefinedVolumeMounts",
        "ingressController.userDefinedVolumeMounts",
        "envFrom",
        "image.pullSecrets",
    }
)
ENVIRONMENTS = frozenset({"env", "customEnv", "ingressController.env", "ingressController.customEnv"})

# Names of settings whose value is, or may be, secret: messages leave it out.
_SECRETIVE = re.compile(r"passw|secret|token|key|licen|credential|session", re.IGNORECASE)
_LONGEST_SHOWN = 80


def merge(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], protected: Mapping[str, str], what: str
) -> dict[str, Any]:
    """Ours with theirs on top.

    Args:
        ours: values built from typed arguments.
        theirs: the user's own values.
        protected: dotted key (or the stem of keys) -> why it can't be changed here.
        what: how to name the user's values in messages, such as ``dataPlanes[0].values``.

    Raises:
        InputError: a protected key with another value, or an environment value that is no string. Helm renders
            the number 16777216 as 1.6777216e+07 and a boolean as true/false where Kong wants on/off
            (Kong/charts, charts/kong/templates/_helpers.tpl, ``kong.env``).
    """
    problems: list[str] = []
    merged = _merge(dict(ours), theirs, "", protected, problems)
    if problems:
        raise InputError.of(problems, f"{what}: can't be merged over the component's values:")
    return merged


def _merge(
    ours: dict[str, Any],
    theirs: Mapping[str, Any],
    prefix: str,
    protected: Mapping[str, str],
    problems: list[str],
) -> dict[str, Any]:
    merged = dict(ours)
    environment = prefix.removesuffix(".") in ENVIRONMENTS
    for given, value in theirs.items():
        # The chart upper-cases environment keys, so that CLUSTER_CERT and cluster_cert are one key.
        key = given.lower() if environment and not prefix.startswith("customEnv") else given
        path = f"{prefix}{key}"
        reason = next((why for stem, why in protected.items() if path == stem or path.startswith(f"{stem}.")), None)
        if reason is not None and not _same(value, merged.get(key)):
            problems.append(f"{path}: {_shown(key, value)} is refused: {reason}")
        elif path.lower().startswith("customenv.kong_"):
            # The chart lays customEnv over env: KONG_ROLE there would win over env.role (_helpers.tpl, kong.env).
            problems.append(f"{path}: set it in `env`, as {key[5:].lower()}")
        elif environment and not isinstance(value, str | Mapping | pulumi.Output):
            problems.append(f"{path}: {_shown(key, value)} must be a string, in quotes: Helm would rewrite it")
        elif path in JOINED_LISTS and isinstance(merged.get(key), list):
            if isinstance(value, list):
                merged[key] = [*merged[key], *(item for item in value if item not in merged[key])]
            else:
                problems.append(f"{path}: must be a list, which is added to the component's own")
        elif isinstance(value, Mapping) and not environment:
            below = merged.get(key)
            merged[key] = _merge(
                dict(below) if isinstance(below, Mapping) else {}, value, f"{path}.", protected, problems
            )
        elif any(stem.startswith(f"{path}.") for stem in protected):
            problems.append(f"{path}: {_shown(key, value)} would remove what the component sets below it")
        else:
            merged[key] = value
    return merged


def _same(theirs: Any, ours: Any) -> bool:
    """Whether a protected value is left as it is; an output can't be compared, so it counts as a change."""
    if isinstance(theirs, pulumi.Output) or isinstance(ours, pulumi.Output):
        return theirs is ours
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        return all(key in ours and _same(value, ours[key]) for key, value in theirs.items())
    return bool(theirs == ours)


def _shown(key: str, value: Any) -> str:
    """The value as a message may show it: nothing that could be a password, a key or a licence."""
    shown = repr(value)
    hidden = isinstance(value, pulumi.Output | Mapping | list) or _SECRETIVE.search(key) or len(shown) > _LONGEST_SHOWN
    return "the given value" if hidden else shown
