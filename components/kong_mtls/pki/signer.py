"""A CA that issues, given as texts or by reference: so that it can come from another component, stack or file."""

from typing import Any

import pulumi

from ..errors import InputError
from ..outputs import checked, mapped, public
from . import checks, clock
from .authority import CertificateAuthority
from .cert_manager import objects
from .cert_manager.args import issuance
from .cert_manager.issuer import Issuer
from .issue import Signer
from .signing import SignerArgs, args_of
from .x509 import Facts, certificates


def signer_args(authority: CertificateAuthority) -> SignerArgs:
    """The generation of a CA that issues."""
    return args_of(authority.issuing_signer)


def signer(given: SignerArgs, where: str) -> Signer | Issuer:
    """What issues; checked at once where it is known, else when the engine knows it.

    Raises:
        InputError: no CA, one that has ended, a key of another certificate, or something beside an issuer.
    """
    if given.get("issuer") is not None:
        return _issuer(given, where)
    missing = [field for field in ("certificate_pem", "private_key_pem") if given.get(field) is None]
    if missing:
        raise InputError(f"{where}: {' and '.join(missing)} is missing; give both, or issuer")
    if given.get("cert_manager") is not None:
        raise InputError(f"{where}: cert_manager is only used with issuer")
    key = given["private_key_pem"]

    def check(pem: str) -> None:
        check_signer(pem, key if isinstance(key, str) else None, where)

    pem = checked(public(given["certificate_pem"]), check)
    return Signer(
        given.get("name") or where,
        pulumi.Output.from_input(pem),
        pulumi.Output.secret(_of(pem, key, where)),
        pulumi.Output.from_input(public(given.get("intermediates_pem") or "")),
        pulumi.Output.from_input(_end(pem, where)),
    )


def _issuer(given: SignerArgs, where: str) -> Issuer:
    unused = [field for field in ("private_key_pem", "intermediates_pem") if given.get(field) is not None]
    if unused:
        raise InputError(f"{where}: {' and '.join(unused)} is not used with issuer, which keeps its key to itself")
    reference, pem = given["issuer"], given.get("certificate_pem")
    return Issuer(
        given.get("name") or where,
        objects.issuer_ref(
            reference["name"], reference.get("kind") or "ClusterIssuer", reference.get("group") or objects.GROUP
        ),
        issuance(given.get("cert_manager") or {}, f"{where}: cert_manager"),
        pulumi.Output.from_input("" if pem is None else _end(public(pem), where)),
        pem,
    )


def _end(pem: Any, where: str) -> Any:
    return mapped(pem, lambda text: _one(text, where).not_after.strftime("%Y-%m-%dT%H:%M:%SZ"))


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
