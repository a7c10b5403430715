"""A CA that issues, given as texts: so that it can come from another component, another stack or a file."""

from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from ..errors import InputError
from ..outputs import checked, mapped, public
from . import checks, clock
from .authority import CertificateAuthority
from .issue import Signer
from .x509 import Facts, certificates


class SignerArgs(TypedDict):
    """The certificate and key of a CA."""

    certificate_pem: pulumi.Input[str]
    """Its certificate, in PEM."""
    private_key_pem: pulumi.Input[str]
    """Its private key, in PEM without passphrase. Secret."""
    name: NotRequired[str]
    """How messages name it."""
    intermediates_pem: NotRequired[pulumi.Input[str]]
    """What a certificate from it must carry along for its peer to reach a trusted root: the CA's own certificate and
    those above it, where it isn't a root; default none."""


def signer_args(authority: CertificateAuthority) -> SignerArgs:
    """The generation of a CA that issues."""
    return {
        "certificate_pem": authority.signer.certificate_pem,
        "private_key_pem": authority.signer.private_key_pem,
        "name": authority.signer.name,
        "intermediates_pem": authority.signer.intermediates_pem,
    }


def signer(given: SignerArgs, where: str) -> Signer:
    """What issues; checked at once where it is known, else when the engine knows it.

    Raises:
        InputError: no CA, one that has ended, or a key of another certificate.
    """
    key = given["private_key_pem"]

    def check(pem: str) -> None:
        check_signer(pem, key if isinstance(key, str) else None, where)

    pem = checked(public(given["certificate_pem"]), check)
    not_after = mapped(pem, lambda text: _one(text, where).not_after.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return Signer(
        given.get("name") or where,
        pulumi.Output.from_input(pem),
        pulumi.Output.secret(_of(pem, key, where)),
        pulumi.Output.from_input(public(given.get("intermediates_pem") or "")),
        pulumi.Output.from_input(not_after),
    )


def check_signer(certificate_pem: str, private_key_pem: str | None, where: str) -> Facts:
    """What can't issue.

    Raises:
        InputError: everything, in one message.
    """
    certificate = _one(certificate_pem, where)
    problems = [*checks.authority(certificate), *checks.dates(certificate, clock.now())]
    if private_key_pem is not None:
        problems += checks.pair(certificate, private_key_pem, f"{where}: private_key_pem")
    if problems:
        raise InputError.of(problems, f"{where}: {certificate.subject!r} can't issue certificates:")
    return certificate


def _of(pem: Any, key: pulumi.Input[str], where: str) -> pulumi.Input[str]:
    """The key, once it is known to be the certificate's."""
    if isinstance(pem, str) and isinstance(key, str):
        return key

    def check(both: list[str]) -> str:
        check_signer(both[0], both[1], where)
        return both[1]

    result: pulumi.Output[str] = pulumi.Output.all(pem, key).apply(check)
    return result


def _one(pem: str, where: str) -> Facts:
    found = certificates(pem, f"{where}: certificate_pem")
    if len(found) != 1:
        raise InputError(f"{where}: certificate_pem holds {len(found)} certificates; needed: the one that issues")
    return found[0]
