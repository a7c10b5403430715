"""Client certificates for workloads that call the gateway."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .cluster_pki import LeafArgs
from .errors import InputError
from .inputs import check_inputs
from .objects import TLS_TYPE, make_secret
from .outputs import digest
from .pki.issue import CLIENT, KEYS, Leaf, issue
from .pki.signer import SignerArgs, signer
from .resources import child_options
from .server_certificate import check_hosts

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
    """CAs of the gateway's own certificate, put under `ca.crt` for the workload to verify the gateway with. Public."""
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
    """The Secret: `tls.crt` with intermediates, `tls.key`, and `ca.crt` where the gateway's CAs are given."""
    certificate_pem: pulumi.Output[str]
    """The certificate, with intermediates. Public."""
    not_before: pulumi.Output[str]
    """Start of its validity, RFC 3339."""
    not_after: pulumi.Output[str]
    """End of its validity, RFC 3339."""

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
        pair = issue(name, leaf, signer(args["authority"], f"{where}: authority"), child)
        data: dict[str, pulumi.Input[str]] = {"tls.crt": pair.certificate_pem, "tls.key": pair.private_key_pem}
        if args.get("server_trust_pem") is not None:
            data[TRUST_KEY] = args["server_trust_pem"]
        secret = make_secret(
            name,
            namespace=args["namespace"],
            data=data,
            fixed_name=args.get("secret_name"),
            what=f"{where}: secret_name",
            secret_type=TLS_TYPE,
            opts=child,
        )
        self.secret_name = secret.metadata.apply(lambda metadata: str(metadata.name))
        self.ref = {"name": self.secret_name, "checksum": digest(pair.certificate_pem)}
        self.certificate_pem, self.not_before, self.not_after = pair.certificate_pem, pair.not_before, pair.not_after
        self.register_outputs(
            {
                "secret_name": self.secret_name,
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
