"""Certificates for the Admin API and the ingress controller that writes to it."""

from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from .args import SecretRefArgs
from .cluster_pki import ClusterAuthorityArgs, LeafArgs
from .inputs import check_inputs
from .objects import tls_secret
from .pki.authority import CertificateAuthority, CertificateAuthorityArgs
from .pki.issue import CLIENT, SERVER, KeyPair, Leaf, issue
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
    fixed_secret_names: NotRequired[bool]
    """Use the names `kong-admin-cert` and `kong-admin-client-cert`; default false: named by Pulumi."""


class AdminTls(pulumi.ComponentResource):
    """Mutual TLS between ingress controller and Admin API, whose default is to verify nothing.

    Raises:
        InputError: arguments that can't work, by name.
    """

    trust_pem: pulumi.Output[str]
    """What both ends trust. Public."""
    server_secret_name: pulumi.Output[str]
    """TLS Secret of the Admin API."""
    client_secret_name: pulumi.Output[str]
    """TLS Secret of the ingress controller."""

    def __init__(self, name: str, args: AdminTlsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the CA, both certificates and their Secrets."""
        super().__init__("kong-mtls:index:AdminTls", name, {}, opts)
        check_inputs(AdminTlsArgs, args, f'AdminTls "{name}"')
        child = child_options(self, opts)
        given: CertificateAuthorityArgs = {"common_name": "kong admin api"}
        given |= args.get("authority") or {}  # type: ignore[typeddict-item]  # its fields are among the CA's
        authority = CertificateAuthority(f"{name}-ca", given, child)
        leaf = args.get("leaf") or {}
        server = Leaf(SERVER_NAME, [SERVER], [SERVER_NAME, "localhost"], **leaf)
        client = Leaf("ingress-controller", [CLIENT], **leaf)

        def secret(end: str, pair: KeyPair, fixed: str) -> SecretRefArgs:
            return tls_secret(
                f"{name}-{end}",
                namespace=args["namespace"],
                certificate_pem=pair.certificate_pem,
                private_key_pem=pair.private_key_pem,
                fixed_name=fixed if args.get("fixed_secret_names") else None,
                what=f'AdminTls "{name}"',
                opts=child,
            )

        self.link: AdminLinkArgs = {
            "server_certificate": secret("server", issue(f"{name}-server", server, authority.signer, child), _SERVER),
            "client_certificate": secret("client", issue(f"{name}-client", client, authority.signer, child), _CLIENT),
            "trust_pem": authority.trust_pem,
        }
        self.trust_pem = authority.trust_pem
        self.server_secret_name = pulumi.Output.from_input(self.link["server_certificate"]["name"])
        self.client_secret_name = pulumi.Output.from_input(self.link["client_certificate"]["name"])
        self.register_outputs(
            {
                "trust_pem": self.trust_pem,
                "server_secret_name": self.server_secret_name,
                "client_secret_name": self.client_secret_name,
            }
        )


_SERVER = "kong-admin-cert"
_CLIENT = "kong-admin-client-cert"
