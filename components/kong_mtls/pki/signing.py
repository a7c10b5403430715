"""What issues, as arguments of a component: texts, or a reference."""

from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from .cert_manager.args import IssuanceArgs, IssuerRefArgs
from .cert_manager.issuer import Issuer
from .issue import Signer


class SignerArgs(TypedDict):
    """A CA that issues: its certificate and key, or an issuer of cert-manager's."""

    certificate_pem: NotRequired[pulumi.Input[str]]
    """Its certificate, in PEM. With `issuer` it is only asked for its end, and may be left out."""
    private_key_pem: NotRequired[pulumi.Input[str]]
    """Its private key, in PEM without passphrase. Secret. Not with `issuer`."""
    name: NotRequired[str]
    """How messages name it."""
    intermediates_pem: NotRequired[pulumi.Input[str]]
    """What a certificate from it must carry along for its peer to reach a trusted root: the CA's own certificate and
    those above it, where it isn't a root; default none. Not with `issuer`, which knows."""
    issuer: NotRequired[IssuerRefArgs]
    """An issuer of cert-manager's: keys are made in the cluster and stay there."""
    cert_manager: NotRequired[IssuanceArgs]
    """With `issuer`: how certificates are asked for."""


def args_of(issuing: Signer | Issuer) -> SignerArgs:
    """What issues, as arguments of another component."""
    if isinstance(issuing, Issuer):
        reference: IssuerRefArgs = {
            "name": issuing.reference["name"],
            "kind": issuing.reference["kind"],
            "group": issuing.reference["group"],
        }
        found: SignerArgs = {"name": issuing.name, "issuer": reference, "cert_manager": issuing.issuance.args()}
        if issuing.certificate_pem is not None:
            found["certificate_pem"] = issuing.certificate_pem
        return found
    return {
        "certificate_pem": issuing.certificate_pem,
        "private_key_pem": issuing.private_key_pem,
        "name": issuing.name,
        "intermediates_pem": issuing.intermediates_pem,
    }
