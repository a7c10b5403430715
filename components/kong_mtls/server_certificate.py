"""The gateway's own certificate, by which its clients know that it is the gateway.

Without one Kong shows a certificate that it has signed itself and that no client can verify. A data plane has a
default one (`ssl_cert`, Kong docs, "Configuration reference"); for a host an Ingress or Gateway names a TLS Secret of
its own, which is shown where a client asks for that host.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from .args import SecretRefArgs
from .cluster_pki import LeafArgs
from .errors import InputError
from .inputs import check_inputs
from .issued import IssuedSecret, issued_secret
from .objects import tls_secret
from .outputs import mapped, public
from .pki import checks, clock
from .pki.issue import KEYS, SERVER, KeyPair, Leaf
from .pki.signer import signer
from .pki.signing import SignerArgs
from .pki.x509 import certificates
from .resources import child_options

_HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_HOST, _MAX_COMMON_NAME = 253, 64


class ProxyCertificateArgs(TypedDict):
    """A certificate for one or several hosts: from `authority`, or a pair of your own."""

    namespace: pulumi.Input[str]
    """Where the Secret is made: the data plane's namespace, or that of the Ingress."""
    hosts: Sequence[str]
    """Host names that clients use, lower case; `*.example.com` stands for one level below."""
    authority: NotRequired[SignerArgs]
    """The CA that issues, which clients must trust."""
    certificate_pem: NotRequired[pulumi.Input[str]]
    """A certificate of your own, followed by its intermediates, in PEM."""
    private_key_pem: NotRequired[pulumi.Input[str]]
    """Its private key, in PEM without passphrase. Secret."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and key of what is issued."""
    key: NotRequired[str]
    """P-256, P-384 (default), P-521, RSA-2048, RSA-3072 or RSA-4096."""
    secret_name: NotRequired[str]
    """A fixed name for the Secret; default: named by Pulumi."""


class ProxyCertificate(pulumi.ComponentResource):
    """A server certificate of the gateway's, in a TLS Secret.

    Raises:
        InputError: arguments that can't work, by name; a pair that doesn't serve the hosts.
    """

    secret_name: pulumi.Output[str]
    """The Secret."""
    certificate_pem: pulumi.Output[str]
    """The certificate, with intermediates; empty where cert-manager renews it. Public."""
    not_before: pulumi.Output[str]
    """Start of its validity, RFC 3339; empty where cert-manager renews it."""
    not_after: pulumi.Output[str]
    """End of its validity, RFC 3339; likewise."""

    def __init__(self, name: str, args: ProxyCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Issue it, or take what is given."""
        super().__init__("kong-mtls:index:ProxyCertificate", name, {}, opts)
        where = f'ProxyCertificate "{name}"'
        check_inputs(ProxyCertificateArgs, args, where)
        found = problems(args)
        if found:
            raise InputError.of(found, f"{where}: the arguments can't be used:")
        child = child_options(self, opts)
        made = _issued if args.get("authority") is not None else _taken
        issued = made(name, args, where, child)
        self.ref: SecretRefArgs = issued.ref
        self.secret_name = pulumi.Output.from_input(self.ref["name"])
        self.certificate_pem = issued.certificate_pem
        self.not_before, self.not_after = issued.not_before, issued.not_after
        self.register_outputs(
            {
                "secret_name": self.secret_name,
                "certificate_pem": self.certificate_pem,
                "not_before": self.not_before,
                "not_after": self.not_after,
            }
        )


def _issued(name: str, args: ProxyCertificateArgs, where: str, opts: pulumi.ResourceOptions) -> IssuedSecret:
    hosts = sorted(set(args["hosts"]))
    leaf = Leaf(
        # Clients look at the alternative names alone (RFC 9525); a common name has room for 64 characters.
        common_name=args["hosts"][0][:_MAX_COMMON_NAME],
        usages=[SERVER],
        dns_names=hosts,
        key=args.get("key") or "P-384",
        **(args.get("leaf") or {}),
    )
    return issued_secret(
        name,
        leaf,
        signer(args["authority"], f"{where}: authority"),
        namespace=args["namespace"],
        fixed_name=args.get("secret_name"),
        what=f"{where}: secret_name",
        opts=opts,
    )


def _taken(name: str, args: ProxyCertificateArgs, where: str, opts: pulumi.ResourceOptions) -> IssuedSecret:
    pair = _given(args, where)
    ref = tls_secret(
        name,
        namespace=args["namespace"],
        certificate_pem=pair.certificate_pem,
        private_key_pem=pair.private_key_pem,
        fixed_name=args.get("secret_name"),
        what=f"{where}: secret_name",
        opts=opts,
    )
    return IssuedSecret(ref, pair.certificate_pem, pair.not_before, pair.not_after)


def _given(args: ProxyCertificateArgs, where: str) -> KeyPair:
    """The user's own pair, checked: at once where both are plain, else when the engine knows them."""
    certificate, key, hosts = args["certificate_pem"], args["private_key_pem"], args["hosts"]

    def check(both: Sequence[str]) -> str:
        found = pair_problems(both[0], both[1], hosts, where)
        if found:
            raise InputError.of(found, f"{where}: the given certificate can't be used:")
        return both[0]

    if isinstance(certificate, str) and isinstance(key, str):
        checked = pulumi.Output.from_input(check([certificate, key]))
    else:
        checked = pulumi.Output.all(certificate, key).apply(check)
    pem: pulumi.Output[str] = public(checked)
    date = partial(_date, where=where)
    return KeyPair(
        pem,
        pulumi.Output.secret(key),
        mapped(pem, partial(date, attribute="not_before")),
        mapped(pem, partial(date, attribute="not_after")),
    )


def _date(pem: str, attribute: str, where: str) -> str:
    text: str = getattr(certificates(pem, where)[0], attribute).strftime("%Y-%m-%dT%H:%M:%SZ")
    return text


def pair_problems(certificate_pem: str, private_key_pem: str, hosts: Sequence[str], where: str) -> list[str]:
    """Why clients would refuse a pair for these hosts.

    Raises:
        InputError: no certificate or no key at all.
    """
    certificate, *intermediates = certificates(certificate_pem, f"{where}: certificate_pem")
    found = checks.pair(certificate, private_key_pem, f"{where}: private_key_pem")
    for host in hosts:
        if host not in certificate.dns_names:
            found += checks.name(certificate, host)
    if not certificate.dns_names:
        found.append("has no subject alternative name, which is all that clients look at")
    found += [*checks.usage(certificate, SERVER), *checks.strength(certificate)]
    for one in (certificate, *intermediates):
        found += checks.dates(one, clock.now())
    return list(dict.fromkeys(found))


def problems(args: ProxyCertificateArgs) -> list[str]:
    """What can be judged before the first resource is made, each naming the argument, its value and what is allowed."""
    found = check_hosts(args["hosts"], "hosts")
    if not args["hosts"]:
        found.append("hosts: is empty; by which names do clients know the gateway?")
    pair = [key for key in ("certificate_pem", "private_key_pem") if args.get(key) is not None]
    if len(pair) == 1:
        found.append(f"{pair[0]} alone is half a pair; give certificate_pem and private_key_pem")
    if bool(pair) == (args.get("authority") is not None):
        found.append("exactly one of authority and a pair of your own (certificate_pem, private_key_pem) is needed")
    if args.get("key") is not None and args["key"] not in KEYS:
        found.append(f"key: {args['key']!r} is not known; allowed: {', '.join(KEYS)}")
    return found


def check_hosts(hosts: Sequence[str], what: str) -> list[str]:
    """What is no host name."""
    return [
        f"{what}: {host!r} is no host name; allowed: lower-case names such as api.example.com or *.example.com"
        for host in hosts
        if not _HOST.fullmatch(host) or len(host) > _MAX_HOST
    ]
