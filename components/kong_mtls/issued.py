"""Certificates issued into TLS Secrets, by whoever issues: the program itself, or cert-manager in the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from . import names
from .args import SecretRefArgs
from .objects import pair_secret, tls_secret
from .pki.cert_manager import issuer as cert_manager
from .pki.cert_manager.issuer import Issuer
from .pki.issue import Leaf, Signer, issue


@dataclass(frozen=True)
class IssuedSecret:
    """A certificate and where its readers find it.

    Attributes:
        ref: how readers refer to the Secret.
        certificate_pem: the certificate, with intermediates; empty where cert-manager renews it. Public.
        not_before: RFC 3339; empty where cert-manager renews it.
        not_after: RFC 3339; likewise.
    """

    ref: SecretRefArgs
    certificate_pem: pulumi.Output[str]
    not_before: pulumi.Output[str]
    not_after: pulumi.Output[str]


def issued_secret(
    name: str,
    leaf: Leaf,
    signer: Signer | Issuer,
    *,
    namespace: pulumi.Input[str],
    fixed_name: str | None,
    usual_name: str | None = None,
    what: str,
    stem: str | None = None,
    further: Mapping[str, pulumi.Input[str]] | None = None,
    opts: pulumi.ResourceOptions,
) -> IssuedSecret:
    """Issue a certificate into a TLS Secret.

    Args:
        name: stem of the resources' names.
        leaf: what it is asked to be.
        signer: who issues.
        namespace: the reader's.
        fixed_name: the Secret's own name, if the user gives one.
        usual_name: else its name, where names are fixed. One of cert-manager's has an ending of its own: while a
            deployment moves from one issuer to the other no Secret has two owners.
        what: how to name the Secret in a message.
        stem: without a fixed name, how the Secret's name begins; the rest comes from its content.
        further: data beside the pair; a Secret of cert-manager's has none.

    Raises:
        InputError: a lifetime that can't work, or an unknown key.
    """
    if isinstance(signer, Issuer):
        if fixed_name is not None:
            names.check_label(fixed_name, what)
        usual = None if usual_name is None else f"{usual_name}-tls"
        # A name can't come from a content that is never read; the stack's own digits keep stacks apart.
        object_name = fixed_name or usual or signer.own_name(stem or name)
        return _in_cluster(name, leaf, signer, namespace=namespace, object_name=object_name, opts=opts)
    pair, fixed_name = issue(name, leaf, signer, opts), fixed_name or usual_name
    if fixed_name is None and stem is not None:
        ref = pair_secret(name, namespace=namespace, pair=pair, stem=stem, fixed_name=None, what=what, opts=opts)
    else:
        ref = tls_secret(
            name,
            namespace=namespace,
            certificate_pem=pair.certificate_pem,
            private_key_pem=pair.private_key_pem,
            fixed_name=fixed_name,
            what=what,
            further=further,
            opts=opts,
        )
    return IssuedSecret(ref, pair.certificate_pem, pair.not_before, pair.not_after)


def _in_cluster(
    name: str,
    leaf: Leaf,
    signer: Issuer,
    *,
    namespace: pulumi.Input[str],
    object_name: str,
    opts: pulumi.ResourceOptions,
) -> IssuedSecret:
    """A Secret of cert-manager's. Its content is never read; what is asked for stands for it where pods roll by it."""
    made = cert_manager.certificate(name, leaf, signer, namespace=namespace, object_name=object_name, opts=opts)
    ref: SecretRefArgs = {"name": made.secret_name, "renewal": signer.issuance.renewal}
    if signer.issuance.renewal == "restart":
        ref["checksum"] = made.marker
    empty = pulumi.Output.from_input("")
    return IssuedSecret(ref, empty, empty, empty)
