"""Client pairs of the user's own, checked."""

import pulumi

from .cluster_existing import end_problems
from .errors import InputError
from .outputs import public
from .pki.issue import CLIENT, KeyPair
from .pki.x509 import certificates


def given_client_pair(certificate: pulumi.Input[str], key: pulumi.Input[str], where: str) -> KeyPair:
    """A client pair of the user's own, checked: at once where both are plain, else when the engine knows them.

    Raises:
        InputError: a pair that doesn't match, or a certificate that is no client's, or not of today.
    """

    def check(values: list[str]) -> str:
        found = end_problems(values[0], values[1], None, CLIENT, [])
        if found:
            raise InputError.of(found, f"{where}: the given client pair can't be used:")
        return values[0]

    if isinstance(certificate, str) and isinstance(key, str):
        pem = pulumi.Output.from_input(check([certificate, key]))
    else:
        pem = public(pulumi.Output.all(certificate, key).apply(check))

    def date(attribute: str) -> pulumi.Output[str]:
        return pem.apply(lambda text: getattr(certificates(text, where)[0], attribute).strftime("%Y-%m-%dT%H:%M:%SZ"))

    return KeyPair(pem, pulumi.Output.secret(key), date("not_before"), date("not_after"))
