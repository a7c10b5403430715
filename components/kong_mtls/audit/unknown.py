"""What can't be judged: values that were masked in a file, and values a preview doesn't know yet."""

from __future__ import annotations

from collections.abc import Mapping

from kong_mtls.reader.manifests import MASKED

UNKNOWN = "(unknown)"
"""Stands where a value, a name or a whole branch is not known before the stack is applied."""


def known(value: object) -> bool:
    """Whether a value holds nothing masked and nothing unknown, however deep."""
    if isinstance(value, str):
        return MASKED not in value and UNKNOWN not in value
    if isinstance(value, Mapping):
        return all(known(key) and known(each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return all(known(each) for each in value)
    return True


def holds_unknown(value: object) -> bool:
    """Whether something in a value, however deep, isn't known yet. What is masked is there, only hidden."""
    if isinstance(value, str):
        return UNKNOWN in value
    if isinstance(value, Mapping):
        return any(holds_unknown(key) or holds_unknown(each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return any(holds_unknown(each) for each in value)
    return False
