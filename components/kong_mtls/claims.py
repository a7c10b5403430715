"""What only one component of a program may do, such as own a field or make the one global plugin.

Names of resources are unique below one parent only, so that two components could each make what there must be once.
A claim lasts as long as the program: it is tied to the engine's connection, of which each run has its own.
"""

from weakref import WeakKeyDictionary

from pulumi.runtime.settings import get_monitor

from .errors import InputError

_claims: WeakKeyDictionary[object, dict[str, str]] = WeakKeyDictionary()


def claim(what: str, who: str, why: str) -> None:
    """Note that ``who`` does ``what``.

    Raises:
        InputError: somebody else does already; ``why`` says why that can't be.
    """
    owners = _claims.setdefault(get_monitor(), {})
    owner = owners.setdefault(what, who)
    if owner != who:
        raise InputError(f"{who}: {what} is {owner}'s already; {why}")
