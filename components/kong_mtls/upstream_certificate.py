"""Certificates of the link to upstreams: the gateway's client pair, and server certificates for workloads.

Each side has a CA of its own: whoever holds one for a server can't pass for the gateway.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .args import SecretRefArgs
from .cluster_pki import LeafArgs
from .errors import InputError
from .inputs import check_inputs
from .issued import issued_secret
from .outputs import together
from .pki.authority import CertificateAuthority, link_authority
from .pki.cert_manager.args import AuthorityIssuerArgs, IssuanceArgs
from .pki.cert_manager.issuer import Issuer, check_leaf
from .pki.issue import CLIENT, SERVER, KeyPair, Leaf, issue
from .resources import child_options

_DNS_NAME = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class UpstreamAuthorityArgs(TypedDict):
    """A CA for one side of the link to upstreams, which issues for nothing else."""

    generations: NotRequired[Sequence[str]]
    """Generations that are trusted, oldest first; default one, `g1`."""
    issuing: NotRequired[str]
    """The generation that issues; default the first of them."""
    key: NotRequired[str]
    """P-256, P-384 (default), P-521, RSA-2048, RSA-3072 or RSA-4096."""
    validity_hours: NotRequired[int]
    """Of a generation; default 87600 (3650 days)."""
    successor_hours: NotRequired[int]
    """This long before its end every run asks for a new generation; default 8760 (365 days)."""
    intermediate: NotRequired[bool]
    """Issue from an intermediate CA below the root; default false."""
    last_applied: NotRequired[pulumi.Input[Mapping[str, Any]]]
    """`{"generations": [...], "issuing": ...}` as this stack last put out; a jump over a step is refused."""
    skip_steps: NotRequired[bool]
    """Allow a jump, for a CA that is stolen or has ended. Default false."""
    issuers: NotRequired[Mapping[str, AuthorityIssuerArgs]]
    """With cert-manager: issuers of your own that generations are, by their names; the others are made."""
    kept_in_state: NotRequired[Sequence[str]]
    """With cert-manager: generations from before it, whose keys stay in the state until they are dropped."""


class GatewayCertificateArgs(TypedDict):
    """The gateway's client certificate."""

    common_name: NotRequired[str]
    """By which upstreams know the gateway; default `kong-gateway`."""
    dns_names: NotRequired[Sequence[str]]
    """Subject alternative names, for upstreams that look at them; default the common name."""
    authority: NotRequired[UpstreamAuthorityArgs]
    """Its CA, which upstreams trust."""
    leaf: NotRequired[LeafArgs]
    """Its lifetime and key."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make the CA, and a pair in each namespace that needs one; default: made here, one pair."""


class GatewayCertificate(pulumi.ComponentResource):
    """The pair that the gateway shows to upstreams (clientAuth), and the CA that they trust for it.

    Raises:
        InputError: arguments that can't work, by name.
    """

    certificate_pem: pulumi.Output[str]
    """The certificate, with its intermediate where there is one; empty with cert-manager. Public."""
    private_key_pem: pulumi.Output[str]
    """Its private key; empty with cert-manager. Secret."""
    trust_pem: pulumi.Output[str]
    """What upstreams trust: all generations of its CA. Public."""
    generations: pulumi.Output[Sequence[str]]
    """The generations of its CA."""
    issuing: pulumi.Output[str]
    """The generation that has issued it."""
    not_after: pulumi.Output[str]
    """End of its validity, RFC 3339; empty with cert-manager."""

    def __init__(self, name: str, args: GatewayCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the CA and the pair."""
        super().__init__("kong-mtls:index:GatewayCertificate", name, {}, opts)
        where = f'GatewayCertificate "{name}"'
        check_inputs(GatewayCertificateArgs, args, where)
        child = child_options(self, opts)
        common_name = args.get("common_name") or "kong-gateway"
        dns_names = args.get("dns_names", [common_name])
        _check_dns_names(dns_names, f"{where}: dns_names")
        given = link_authority("kong gateway client", args.get("authority"), args.get("cert_manager"))
        authority = CertificateAuthority(f"{name}-ca", given, child)
        self.signer = authority.issuing_signer
        self.leaf = Leaf(common_name=common_name, usages=[CLIENT], dns_names=dns_names, **(args.get("leaf") or {}))
        self.pair: KeyPair | None = None
        self.certificate_pem = self.not_after = pulumi.Output.from_input("")
        self.private_key_pem = pulumi.Output.secret("")
        if isinstance(self.signer, Issuer):
            check_leaf(name, self.leaf)
        else:
            self.pair = issue(name, self.leaf, self.signer, child)
            self.certificate_pem, self.private_key_pem = self.pair.certificate_pem, self.pair.private_key_pem
            self.not_after = self.pair.not_after
        self.trust_pem = authority.trust_pem
        self.generations = pulumi.Output.from_input(list(authority.generations.trusted))
        self.applied = authority.applied
        self.issuing = authority.issuing
        self.register_outputs(
            {
                "certificate_pem": self.certificate_pem,
                "private_key_pem": self.private_key_pem,
                "trust_pem": self.trust_pem,
                "generations": self.generations,
                "issuing": self.issuing,
                "not_after": self.not_after,
            }
        )


class ServerCertificateArgs(TypedDict):
    """A server certificate for the workload behind one Service."""

    name: str
    """The Service's name."""
    namespace: str
    """Its namespace, where the Secret is made."""
    dns_names: NotRequired[Sequence[str]]
    """Names besides the Service's own four, such as a public host name that routes preserve."""
    secret_name: NotRequired[str]
    """A fixed name for the Secret; default `<name>-tls-<digits of its content>`: new for a new certificate, so that
    what takes the name from here rolls by itself."""


class UpstreamCertificatesArgs(TypedDict):
    """Who gets a certificate."""

    services: Sequence[ServerCertificateArgs]
    """The Services."""
    authority: NotRequired[UpstreamAuthorityArgs]
    """Their CA, which the gateway trusts."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and keys."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make them; default: made here."""


class UpstreamCertificates(pulumi.ComponentResource):
    """Server certificates (serverAuth) for upstream workloads, as TLS Secrets, and the CA that the gateway trusts for
    them.

    Each is for the Service's names `svc`, `svc.ns`, `svc.ns.svc` and `svc.ns.svc.cluster.local`. Adding or removing one
    touches nothing of the others.

    Raises:
        InputError: arguments that can't work, by name.
    """

    secret_names: pulumi.Output[Mapping[str, str]]
    """Name of each Secret, by `namespace/name` of its Service."""
    trust_pem: pulumi.Output[str]
    """All generations of their CA, one after the other. Public."""
    authorities: pulumi.Output[Mapping[str, str]]
    """Certificate of each generation of their CA, by its name. Public."""
    generations: pulumi.Output[Sequence[str]]
    """The generations of their CA."""
    issuing: pulumi.Output[str]
    """The generation that issues."""
    not_after: pulumi.Output[Mapping[str, str]]
    """End of each certificate's validity, RFC 3339, by `namespace/name`; empty where cert-manager renews it."""

    def __init__(self, name: str, args: UpstreamCertificatesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the CA, the pairs and their Secrets."""
        super().__init__("kong-mtls:index:UpstreamCertificates", name, {}, opts)
        where = f'UpstreamCertificates "{name}"'
        check_inputs(UpstreamCertificatesArgs, args, where)
        problems = server_problems(args["services"])
        if problems:
            raise InputError.of(problems, f"{where}: the arguments can't be used:")
        child = child_options(self, opts)
        given = link_authority("kong upstreams", args.get("authority"), args.get("cert_manager"))
        authority = CertificateAuthority(f"{name}-ca", given, child)
        self.refs: dict[str, SecretRefArgs] = {}
        ends: dict[str, pulumi.Output[str]] = {}
        for service in args["services"]:
            key = f"{service['namespace']}/{service['name']}"
            issued = issued_secret(
                f"{name}-{_resource(service)}",
                _server_leaf(service, args),
                authority.issuing_signer,
                namespace=service["namespace"],
                fixed_name=service.get("secret_name"),
                what=f"{where}: {key}: secret_name",
                stem=f"{service['name']}-tls",
                opts=child,
            )
            self.refs[key] = issued.ref
            ends[key] = issued.not_after
        self.roots = authority.roots
        self.secret_names = together({key: ref["name"] for key, ref in self.refs.items()})
        self.trust_pem, self.authorities = authority.trust_pem, authority.certificate_pems
        self.generations = pulumi.Output.from_input(list(authority.generations.trusted))
        self.applied = authority.applied
        self.issuing, self.not_after = authority.issuing, together(ends)
        self.register_outputs(
            {
                "secret_names": self.secret_names,
                "trust_pem": self.trust_pem,
                "authorities": self.authorities,
                "generations": self.generations,
                "issuing": self.issuing,
                "not_after": self.not_after,
            }
        )


def _resource(service: ServerCertificateArgs) -> str:
    """A part of names of resources: with a dot, which neither name has, no two Services have the same."""
    return f"{service['namespace']}.{service['name']}"


def _server_leaf(service: ServerCertificateArgs, args: UpstreamCertificatesArgs) -> Leaf:
    own = names.service_dns_names(service["name"], service["namespace"])
    dns_names = list(dict.fromkeys([*own, *service.get("dns_names", [])]))
    return Leaf(common_name=service["name"], usages=[SERVER], dns_names=dns_names, **(args.get("leaf") or {}))


def server_problems(services: Sequence[ServerCertificateArgs]) -> list[str]:
    """Names that can't be, and Services that are listed twice."""
    problems = []
    keys = [f"{service['namespace']}/{service['name']}" for service in services]
    problems += [f"services: {key} is listed twice" for key in sorted({key for key in keys if keys.count(key) > 1})]
    for key, service in zip(keys, services, strict=True):
        for value, what in ((service["namespace"], "namespace"), (service["name"], "name")):
            problems += _caught(names.check_label, value, f"services: {key}: {what}")
        problems += _caught(_check_dns_names, service.get("dns_names", []), f"services: {key}: dns_names")
    return problems


def _caught(check: Any, value: Any, what: str) -> list[str]:
    try:
        check(value, what)
    except InputError as error:
        return [str(error)]
    return []


def _check_dns_names(dns_names: Sequence[str], what: str) -> None:
    for dns_name in dns_names:
        if not _DNS_NAME.fullmatch(dns_name) or len(dns_name) > 253:
            raise InputError(f"{what}: {dns_name!r} is no DNS name; allowed: lower-case names such as echo.example.com")
