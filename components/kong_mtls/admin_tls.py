"""Certificates for the Admin API and the ingress controller that writes to it."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .args import SecretRefArgs
from .cluster_pki import ClusterAuthorityArgs, LeafArgs
from .inputs import check_inputs
from .issued import issued_secret
from .pki.authority import CertificateAuthority, link_authority
from .pki.cert_manager.args import IssuanceArgs
from .pki.issue import CLIENT, SERVER, Leaf
from .resources import child_options
from .values.admin import SERVER_NAME, AdminLinkArgs


class AdminTlsArgs(TypedDict):
    """A CA of its own, which issues for nothing else."""

    namespace: pulumi.Input[str]
    """The control plane's namespace."""
    authority: NotRequired[ClusterAuthorityArgs]
    """The CA and its generations."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and keys of the certificates."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make them; default: made here."""
    fixed_secret_names: NotRequired[bool]
    """Use the names `kong-admin-cert` and `kong-admin-client-cert`; default false: named by Pulumi."""


class AdminTls(pulumi.ComponentResource):
    """Mutual TLS between ingress controller and Admin API, whose default is to verify nothing.

    Raises:
        InputError: arguments that can't work, by name.
    """

    trust_pem: pulumi.Output[str]
    """What both ends trust. Public."""
    authority: pulumi.Output[Mapping[str, Any]]
    """`{"generations": [...], "issuing": ...}`, to be given back as the authority's `last_applied`."""
    server_secret_name: pulumi.Output[str]
    """TLS Secret of the Admin API."""
    client_secret_name: pulumi.Output[str]
    """TLS Secret of the ingress controller."""

    def __init__(self, name: str, args: AdminTlsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the CA, both certificates and their Secrets."""
        super().__init__("kong-mtls:index:AdminTls", name, {}, opts)
        check_inputs(AdminTlsArgs, args, f'AdminTls "{name}"')
        child = child_options(self, opts)
        given = link_authority("kong admin api", args.get("authority"), args.get("cert_manager"))
        authority = CertificateAuthority(f"{name}-ca", given, child)
        leaf = args.get("leaf") or {}
        server = Leaf(SERVER_NAME, [SERVER], [SERVER_NAME, "localhost"], **leaf)
        client = Leaf("ingress-controller", [CLIENT], **leaf)

        def secret(end: str, leaf: Leaf, fixed: str) -> SecretRefArgs:
            return issued_secret(
                f"{name}-{end}",
                leaf,
                authority.issuing_signer,
                namespace=args["namespace"],
                fixed_name=None,
                usual_name=fixed if args.get("fixed_secret_names") else None,
                what=f'AdminTls "{name}"',
                opts=child,
            ).ref

        self.link: AdminLinkArgs = {
            "server_certificate": secret("server", server, _SERVER),
            "client_certificate": secret("client", client, _CLIENT),
            "trust_pem": authority.trust_pem,
        }
        self.trust_pem, self.authority = authority.trust_pem, authority.applied
        self.server_secret_name = pulumi.Output.from_input(self.link["server_certificate"]["name"])
        self.client_secret_name = pulumi.Output.from_input(self.link["client_certificate"]["name"])
        self.register_outputs(
            {
                "trust_pem": self.trust_pem,
                "authority": self.authority,
                "server_secret_name": self.server_secret_name,
                "client_secret_name": self.client_secret_name,
            }
        )


_SERVER = "kong-admin-cert"
_CLIENT = "kong-admin-client-cert"
