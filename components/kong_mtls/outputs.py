"""Small helpers over ``pulumi.Input``: plain values stay plain, outputs stay outputs.

Helm values are built as trees whose leaves may be outputs, so that a preview shows everything but the leaves
that are not known yet. The builders stay pure functions: given plain strings they return plain strings.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import pulumi


def is_output(value: object) -> bool:
    """Whether the value is known only to the engine."""
    return isinstance(value, pulumi.Output)


def text(template: str, **parts: pulumi.Input[str]) -> Any:
    """``template.format(**parts)``: a plain string when every part is one, else an output."""
    if any(is_output(part) for part in parts.values()):
        return pulumi.Output.format(template, **parts)
    return template.format(**parts)


def mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    """``function(value)``: at once for a plain value, by ``apply`` for an output."""
    return value.apply(function) if isinstance(value, pulumi.Output) else function(value)


def checked(value: Any, check: Callable[[Any], None]) -> Any:
    """The value itself, after ``check`` has passed it; ``check`` raises on a value that can't work.

    An output that is unknown in a preview is not checked there: it is checked by the `up`.
    """

    def run(plain: Any) -> Any:
        check(plain)
        return plain

    return mapped(value, run)


def public(value: pulumi.Input[str]) -> Any:
    """The value without its secret mark: only for what is public by nature, such as a certificate."""
    return pulumi.Output.unsecret(value) if isinstance(value, pulumi.Output) else value


def digest(value: pulumi.Input[str]) -> Any:
    """SHA-256 of a public text (a certificate, a bundle), as 64 hex digits.

    It goes into a pod annotation, in clear. So never of a password or a licence: a short secret could be
    guessed from its digest.
    """
    return mapped(public(value), lambda plain: hashlib.sha256(str(plain).encode()).hexdigest())


def together(values: Mapping[str, Any]) -> pulumi.Output[Mapping[str, Any]]:
    """One output of many; of none an empty mapping, where ``Output.all`` gives an empty list."""
    return pulumi.Output.all(**values) if values else pulumi.Output.from_input({})


def plain_mapping(value: object) -> Mapping[str, Any]:
    """The value as a mapping, empty when absent."""
    return value if isinstance(value, Mapping) else {}
