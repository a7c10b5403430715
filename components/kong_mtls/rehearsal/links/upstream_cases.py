"""The cases that are played for every Service that Kong reaches over TLS, and what is expected of each."""

from __future__ import annotations

from dataclasses import dataclass

from .model import ACCEPT, REFUSE


@dataclass(frozen=True)
class Case:
    """One kind of upstream, or of pair that the gateway shows it.

    Attributes:
        name: as it stands in the report.
        expected: what should come of it.
    """

    name: str
    expected: str


# The upstream demands a client certificate.
RIGHT_PAIR = Case("right pair", ACCEPT)
NO_PAIR = Case("no pair", REFUSE)
ANOTHER_CAS_PAIR = Case("another CA's pair", REFUSE)
EXPIRED_PAIR = Case("expired pair", REFUSE)

# It demands none.
NO_DEMAND = Case("upstream that demands no certificate", ACCEPT)

AS = "as "
"""How a case begins that repeats the first one with another name that a route makes Kong verify."""

# The gateway verifies it.
WRONG_NAME = Case("wrong name", REFUSE)
EXPIRED_UPSTREAM = Case("expired upstream", REFUSE)
UNTRUSTED = Case("untrusted upstream", REFUSE)
TOO_DEEP = Case("chain longer than the depth", REFUSE)
DEEP_ENOUGH = Case("depth enough", ACCEPT)

# The gateway doesn't verify it: every upstream is believed, and the row warns.
VERIFICATION_OFF = Case("verification off", ACCEPT)

# The Service's own settings over the opposite in the data plane's.
OWN_VERIFICATION = Case("own verification over none", REFUSE)
OWN_NO_VERIFICATION = Case("own verification off over on", ACCEPT)
OWN_PAIR = Case("own pair over another", ACCEPT)

# The Service's own trust, where it doesn't hold.
OWN_TRUST = Case("upstream of the Service's own CA", ACCEPT)
