"""Client certificates for workloads that call the gateway."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .cluster_pki import LeafArgs
from .errors import InputError
from .inputs import check_inputs
from .issued import issued_secret
from .pki.cert_manager.issuer import Issuer
from .pki.issue import CLIENT, KEYS, Leaf
from .pki.signer import signer
from .pki.signing import SignerArgs
from .resources import child_options
from .server_certificate import check_hosts
from .trust import trust_bundle

TRUST_KEY = "ca.crt"
MAX_COMMON_NAME = 64


class ClientCertificateArgs(TypedDict):
    """A certificate for one caller."""

    namespace: pulumi.Input[str]
    """The workload's namespace, where the Secret is made."""
    authority: SignerArgs
    """The CA that issues: a `ClientCa`'s `signer`, or a certificate and key of your own."""
    common_name: str
    """Its common name: by default Kong takes it for a consumer's username or custom id."""
    dns_names: NotRequired[Sequence[str]]
    """Subject alternative names; default none. With any of them Kong looks for consumers by these alone, and no longer
    by the common name."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and key."""
    key: NotRequired[str]
    """P-256, P-384 (default), P-521, RSA-2048, RSA-3072 or RSA-4096."""
    server_trust_pem: NotRequired[pulumi.Input[str]]
    """CAs of the gateway's own certificate, for the workload to verify the gateway with: under `ca.crt` in the Secret,
    or in a ConfigMap of its own where the Secret is cert-manager's. Public."""
    secret_name: NotRequired[str]
    """A fixed name for the Secret; default: named by Pulumi."""


class CallerCertificateArgs(TypedDict):
    """A certificate for one caller, from a CA that is made beside it."""

    name: str
    """Yours; it goes into names of resources."""
    namespace: NotRequired[str]
    """The workload's namespace, where the Secret is made; default that of the CA's Secrets."""
    common_name: NotRequired[str]
    """Its common name; default `name`."""
    dns_names: NotRequired[Sequence[str]]
    """Subject alternative names; default none. With any of them Kong looks for consumers by these alone."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and key."""
    key: NotRequired[str]
    """P-256, P-384 (default), P-521, RSA-2048, RSA-3072 or RSA-4096."""
    secret_name: NotRequired[str]
    """A fixed name for the Secret; default: named by Pulumi."""


class ClientCertificate(pulumi.ComponentResource):
    """A key and a certificate (clientAuth), in a TLS Secret.

    Raises:
        InputError: arguments that can't work, by name; a lifetime that ends after the CA's.
    """

    secret_name: pulumi.Output[str]
    """The Secret: `tls.crt` with intermediates, `tls.key`, and `ca.crt` where the gateway's CAs are given. (In one of
    cert-manager's `ca.crt` is the client CA.)"""
    server_trust_name: pulumi.Output[str]
    """The ConfigMap with the gateway's CAs, where the Secret is cert-manager's; else empty."""
    certificate_pem: pulumi.Output[str]
    """The certificate, with intermediates; empty where cert-manager renews it. Public."""
    not_before: pulumi.Output[str]
    """Start of its validity, RFC 3339; empty where cert-manager renews it."""
    not_after: pulumi.Output[str]
    """End of its validity, RFC 3339; likewise."""

    def __init__(self, name: str, args: ClientCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Issue it."""
        super().__init__("kong-mtls:index:ClientCertificate", name, {}, opts)
        where = f'ClientCertificate "{name}"'
        check_inputs(ClientCertificateArgs, args, where)
        found = certificate_problems(args["common_name"], args.get("dns_names") or [], args.get("key"))
        if found:
            raise InputError.of(found, f"{where}: the arguments can't be used:")
        child = child_options(self, opts)
        leaf = Leaf(
            common_name=args["common_name"],
            usages=[CLIENT],
            dns_names=args.get("dns_names") or [],
            key=args.get("key") or "P-384",
            **(args.get("leaf") or {}),
        )
        issuing, trust = signer(args["authority"], f"{where}: authority"), args.get("server_trust_pem")
        apart = isinstance(issuing, Issuer)
        issued = issued_secret(
            name,
            leaf,
            issuing,
            namespace=args["namespace"],
            fixed_name=args.get("secret_name"),
            what=f"{where}: secret_name",
            further={TRUST_KEY: trust} if trust is not None and not apart else None,
            opts=child,
        )
        self.server_trust_name = pulumi.Output.from_input("")
        if trust is not None and apart:
            bundle = trust_bundle(
                f"{name}-server-ca", namespace=args["namespace"], pem=trust, fixed_name=None, what=where, opts=child
            )
            self.server_trust_name = pulumi.Output.from_input(bundle["name"])
        self.ref = issued.ref
        self.secret_name = pulumi.Output.from_input(issued.ref["name"])
        self.certificate_pem = issued.certificate_pem
        self.not_before, self.not_after = issued.not_before, issued.not_after
        self.register_outputs(
            {
                "secret_name": self.secret_name,
                "server_trust_name": self.server_trust_name,
                "certificate_pem": self.certificate_pem,
                "not_before": self.not_before,
                "not_after": self.not_after,
            }
        )


def caller_problems(callers: Sequence[CallerCertificateArgs]) -> list[str]:
    """What no certificate can be for, and names that can't be or are there twice."""
    found = []
    for caller in callers:
        name = caller["name"]
        try:
            names.check_label(name, "certificates: name")
        except InputError as error:
            found.append(str(error))
        problems = certificate_problems(
            caller.get("common_name") or name, caller.get("dns_names") or [], caller.get("key")
        )
        found += [f"certificates: {name}: {problem}" for problem in problems]
    known = [caller["name"] for caller in callers]
    found += [f"certificates: {name!r} is listed twice" for name in sorted({n for n in known if known.count(n) > 1})]
    return found


def certificate_problems(common_name: str, dns_names: Sequence[str], key: str | None) -> list[str]:
    """What no certificate can be for."""
    found = []
    if not 0 < len(common_name) <= MAX_COMMON_NAME:
        found.append(f"common_name: {common_name!r} has {len(common_name)} characters; allowed: 1 to {MAX_COMMON_NAME}")
    if key is not None and key not in KEYS:
        found.append(f"key: {key!r} is not known; allowed: {', '.join(KEYS)}")
    return [*found, *check_hosts(dns_names, "dns_names")]
