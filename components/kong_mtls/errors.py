"""The one error for input that can't work."""

from collections.abc import Iterable

import pulumi


class InputError(pulumi.RunError):
    """An input that can't work: the message names the input, its value and what is allowed.

    It is a ``pulumi.RunError``, so `pulumi up` prints the message alone, without a traceback
    (pulumi/pulumi, sdk/python/cmd/pulumi-language-python-exec). Not a ``ValueError``: raised in an ``apply``, the SDK
    would wrap it in another, with a traceback (sdk/python/lib/pulumi/runtime/rpc.py). The message never holds a secret.
    """

    @classmethod
    def of(cls, problems: Iterable[str], heading: str) -> "InputError":
        """One error for all problems found, each on a line of its own."""
        return cls("\n  - ".join([heading, *problems]))
