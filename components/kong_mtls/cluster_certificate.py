"""The one certificate of shared mode."""

from collections.abc import Mapping
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .args import SecretRefArgs
from .errors import InputError
from .inputs import check_inputs
from .objects import tls_secret
from .outputs import mapped, public
from .pki import checks, clock
from .pki.issue import CLIENT, SERVER, KeyPair, self_signed
from .pki.x509 import certificates
from .resources import child_options

DAY_HOURS = 24
VALIDITY_HOURS = 1095 * DAY_HOURS
EARLY_RENEWAL_HOURS = 30 * DAY_HOURS


class ClusterCertificateArgs(TypedDict):
    """Made here unless `certificate_pem` with `private_key_pem`, or `existing_secret`, is given."""

    namespaces: Mapping[str, pulumi.Input[str]]
    """Where it is needed: the control plane's namespace and every data plane's. The keys are yours; they go into the
    names of resources, so that adding a namespace leaves the others alone."""
    validity_hours: NotRequired[int]
    """Default 26280 (1095 days)."""
    early_renewal_hours: NotRequired[int]
    """Replaced by an `up` this many hours before its end; default 720 (30 days). In shared mode a replaced certificate
    cuts the link until both ends have restarted: data planes serve on with the configuration they have."""
    certificate_pem: NotRequired[pulumi.Input[str]]
    """A certificate of your own, in PEM."""
    private_key_pem: NotRequired[pulumi.Input[str]]
    """Its private key, in PEM without passphrase. Secret."""
    existing_secret: NotRequired[str]
    """A TLS Secret of this name that exists in every one of the namespaces, with the same pair. It is never read."""
    secret_name: NotRequired[str]
    """A fixed name for the Secrets; default: named by Pulumi."""


class ClusterCertificate(pulumi.ComponentResource):
    """The certificate that control plane and data planes share: EC P-384, self-signed, for `kong_clustering`.

    The control plane compares the SHA-256 digest of what a data plane shows with its own; the data plane asks for
    the name `kong_clustering` (Kong/kong, kong/clustering/tls.lua and kong/clustering/utils.lua).

    Raises:
        InputError: half a pair, a pair that doesn't match, or one that can't serve both ends.
    """

    secret_names: pulumi.Output[Mapping[str, str]]
    """Name of the Secret in each namespace, under the keys of `namespaces`."""
    certificate_pem: pulumi.Output[str]
    """The certificate, public; empty for an existing Secret, which is never read."""
    not_before: pulumi.Output[str]
    """Start of its validity, RFC 3339; empty for an existing Secret."""
    not_after: pulumi.Output[str]
    """End of its validity, RFC 3339; empty for an existing Secret."""

    def __init__(self, name: str, args: ClusterCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the pair and its Secrets, or take what is given."""
        super().__init__("kong-mtls:index:ClusterCertificate", name, {}, opts)
        where = f'ClusterCertificate "{name}"'
        check_inputs(ClusterCertificateArgs, args, where)
        self.refs: dict[str, SecretRefArgs] = {}
        existing = args.get("existing_secret")
        child = child_options(self, opts)
        if existing:
            names.check_label(existing, f"{where}: existing_secret")
            self.refs = {key: {"name": existing} for key in args["namespaces"]}
            empty = pulumi.Output.from_input("")
            self.certificate_pem, self.not_before, self.not_after = empty, empty, empty
        else:
            pair = self._pair(name, args, where, child)
            self.certificate_pem, self.not_before, self.not_after = (
                pair.certificate_pem,
                pair.not_before,
                pair.not_after,
            )
            for key, namespace in args["namespaces"].items():
                self.refs[key] = tls_secret(
                    f"{name}-{key}",
                    namespace=namespace,
                    certificate_pem=pair.certificate_pem,
                    private_key_pem=pair.private_key_pem,
                    fixed_name=args.get("secret_name"),
                    what=f"{where}: secret_name",
                    opts=child,
                )
        self.secret_names = pulumi.Output.all(**{key: ref["name"] for key, ref in self.refs.items()})
        self.register_outputs(
            {
                "secret_names": self.secret_names,
                "certificate_pem": self.certificate_pem,
                "not_before": self.not_before,
                "not_after": self.not_after,
            }
        )

    def _pair(self, name: str, args: ClusterCertificateArgs, where: str, child: pulumi.ResourceOptions) -> KeyPair:
        certificate, key = args.get("certificate_pem"), args.get("private_key_pem")
        if certificate is None and key is None:
            return self_signed(
                name,
                common_name=names.SHARED_CLUSTER_NAME,
                dns_names=[names.SHARED_CLUSTER_NAME],
                usages=[SERVER, CLIENT],
                validity_hours=args.get("validity_hours", VALIDITY_HOURS),
                early_renewal_hours=args.get("early_renewal_hours", EARLY_RENEWAL_HOURS),
                opts=child,
            )
        if certificate is None or key is None:
            missing = "certificate_pem" if certificate is None else "private_key_pem"
            raise InputError(f"{where}: {missing} is missing: a certificate of your own needs both")
        return given_pair(certificate, key, where, self)


def given_pair(
    certificate: pulumi.Input[str],
    key: pulumi.Input[str],
    where: str,
    resource: pulumi.Resource | None = None,
) -> KeyPair:
    """The user's own pair, checked: at once where both are plain, else when the engine knows them."""

    def check(values: tuple[str, str]) -> str:
        for warning in check_given(values[0], values[1], where):
            pulumi.log.warn(f"{where}: {warning}", resource)
        return values[0]

    if isinstance(certificate, str) and isinstance(key, str):
        check((certificate, key))
        checked_pem = pulumi.Output.from_input(certificate)
    else:
        checked_pem = pulumi.Output.all(certificate, key).apply(lambda values: check((values[0], values[1])))
    pem = public(checked_pem)

    def date(attribute: str) -> pulumi.Output[str]:
        result: pulumi.Output[str] = mapped(
            pem, lambda text: getattr(certificates(text, where)[0], attribute).strftime("%Y-%m-%dT%H:%M:%SZ")
        )
        return result

    return KeyPair(pem, pulumi.Output.secret(key), date("not_before"), date("not_after"))


def check_given(certificate_pem: str, key_pem: str, where: str) -> list[str]:
    """Judge a pair for shared mode; return what is worth a warning.

    Kong's guide makes one without a subject alternative name that is also a CA: it works, since OpenSSL falls back
    to the common name, but whoever holds its key can also issue certificates that other software may trust.

    Raises:
        InputError: everything that makes the link fail, in one message.
    """
    certificate = certificates(certificate_pem, f"{where}: certificate_pem")[0]
    problems = [
        *checks.pair(certificate, key_pem, f"{where}: private_key_pem"),
        *checks.name(certificate, names.SHARED_CLUSTER_NAME),
        *checks.usage(certificate, SERVER, CLIENT),
        *checks.dates(certificate, clock.now()),
        *checks.strength(certificate),
    ]
    if not certificate.self_signed:
        problems.append("is not self-signed: in shared mode a data plane trusts exactly this certificate as its root")
    if problems:
        raise InputError.of(problems, f"{where}: the given certificate can't be used:")
    warnings = []
    if not certificate.dns_names:
        warnings.append("the certificate has no subject alternative name; its common name is used instead")
    if certificate.is_ca:
        warnings.append("the certificate is a CA: its key could sign others; prefer one with CA:FALSE")
    return warnings
