"""What data planes go by towards Services that have no settings of their own: trust and pair, where they are "
"mounted."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from .args import SecretRefArgs, TrustRefArgs
from .cluster_pki import LeafArgs
from .errors import InputError
from .inputs import check_inputs
from .issued import issued_secret
from .objects import tls_secret
from .outputs import together
from .pki.issue import CLIENT, Leaf
from .pki.signer import signer
from .pki.signing import SignerArgs
from .resources import child_options
from .trust import trust_bundle
from .upstream_pair import given_client_pair
from .values.upstream import UpstreamDefaultsArgs

TRUST = "kong-upstream-ca"
CLIENT_SECRET = "kong-upstream-client-cert"  # noqa: S105  # the name of a Secret


class IssuedPairArgs(TypedDict):
    """A client pair of the gateway's, issued in every namespace that needs one."""

    authority: SignerArgs
    """Who issues."""
    common_name: str
    """By which upstreams know the gateway."""
    dns_names: NotRequired[Sequence[str]]
    """Subject alternative names; default none."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and key."""


class CommonUpstreamArgs(TypedDict):
    """How all data planes of a deployment speak TLS to Services that have no settings of their own."""

    trust_pem: NotRequired[pulumi.Input[str]]
    """CA certificates that Services' certificates are under, in PEM."""
    trust_config_map: NotRequired[str]
    """Instead: a ConfigMap with them under `ca.crt` that exists in every data plane's namespace."""
    certificate_pem: NotRequired[pulumi.Input[str]]
    """A certificate to show them, followed by its intermediates, in PEM."""
    private_key_pem: NotRequired[pulumi.Input[str]]
    """Its private key. Secret."""
    issue: NotRequired[IssuedPairArgs]
    """Instead: a certificate issued in every data plane's namespace."""
    existing_secret: NotRequired[str]
    """Instead: a TLS Secret of this name that exists in every data plane's namespace. It is never read."""
    verify: NotRequired[bool]
    """Check Services' certificates and names; default true, which needs trust."""
    verify_depth: NotRequired[int]
    """How many intermediate certificates a chain may have, 0 to 64; default nginx's, 1."""
    form: NotRequired[str]
    """How the pair is set: `client_ssl` (default), for gRPC and TLS streams too, or `nginx`, for HTTP alone."""
    enforce: NotRequired[bool]
    """Kong's `tls_certificate_verify`, Enterprise from 3.13, on control plane and data planes: nobody may switch
    verification off. Default the gateway's."""


class UpstreamObjectsArgs(TypedDict):
    """The settings, and where their objects are needed."""

    namespaces: Mapping[str, pulumi.Input[str]]
    """Namespaces of data planes. The keys are yours; they go into the names of resources."""
    upstream: CommonUpstreamArgs
    """The settings."""
    fixed_secret_names: NotRequired[bool]
    """Use fixed names (`kong-upstream-ca`, `kong-upstream-client-cert`) instead of Pulumi's; default false."""


def common_problems(upstream: CommonUpstreamArgs) -> list[str]:
    """What is given twice or by half; the rest is judged with the values of a data plane."""
    found = []
    pair = [field for field in ("certificate_pem", "private_key_pem") if upstream.get(field) is not None]
    if len(pair) == 1:
        found.append(f"upstream: {pair[0]} alone is half a pair; give certificate_pem and private_key_pem")
    sources = [*(field for field in ("existing_secret", "issue") if upstream.get(field)), *pair[:1]]
    if len(sources) > 1:
        found.append(f"upstream: {' and '.join(sources)} exclude each other")
    if upstream.get("trust_pem") is not None and upstream.get("trust_config_map"):
        found.append("upstream: trust_pem and trust_config_map exclude each other")
    return found


def defaults_with(
    upstream: CommonUpstreamArgs, trust: TrustRefArgs | None, client_certificate: SecretRefArgs | None
) -> UpstreamDefaultsArgs:
    """The settings of a data plane, given what it mounts."""
    defaults: UpstreamDefaultsArgs = {}
    for field in ("verify", "verify_depth", "form", "enforce"):
        if upstream.get(field) is not None:
            defaults[field] = upstream[field]
    if trust is not None:
        defaults["trust"] = trust
    if client_certificate is not None:
        defaults["client_certificate"] = client_certificate
    return defaults


def planned(upstream: CommonUpstreamArgs) -> UpstreamDefaultsArgs:
    """The settings with stand-ins for what is mounted, to be judged before anything is made."""
    has_trust = upstream.get("trust_pem") is not None or upstream.get("trust_config_map")
    has_pair = any(upstream.get(field) is not None for field in ("certificate_pem", "issue", "existing_secret"))
    return defaults_with(
        upstream, {"name": TRUST} if has_trust else None, {"name": CLIENT_SECRET} if has_pair else None
    )


class UpstreamDefaults(pulumi.ComponentResource):
    """Trust and client pair for data planes, in each of their namespaces.

    Raises:
        InputError: half a pair, one that doesn't match, or something given twice.
    """

    trust_names: pulumi.Output[Mapping[str, str]]
    """ConfigMap with the CAs, under the keys of `namespaces`."""
    secret_names: pulumi.Output[Mapping[str, str]]
    """Secret with the pair, under the keys of `namespaces`."""

    def __init__(self, name: str, args: UpstreamObjectsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the objects, or refer to existing ones."""
        super().__init__("kong-mtls:index:UpstreamDefaults", name, {}, opts)
        where = f'UpstreamDefaults "{name}"'
        check_inputs(UpstreamObjectsArgs, args, where)
        upstream, fixed = args["upstream"], args.get("fixed_secret_names", False)
        found = common_problems(upstream)
        if found:
            raise InputError.of(found, f"{where}: the arguments can't be used:")
        child = child_options(self, opts)
        trusts: dict[str, TrustRefArgs] = {}
        pairs: dict[str, SecretRefArgs] = {}
        pair = None
        if upstream.get("certificate_pem") is not None:
            pair = given_client_pair(upstream["certificate_pem"], upstream["private_key_pem"], f"{where}: upstream")
        for key, namespace in args["namespaces"].items():
            if upstream.get("trust_config_map"):
                trusts[key] = {"name": upstream["trust_config_map"]}
            elif upstream.get("trust_pem") is not None:
                trusts[key] = trust_bundle(
                    f"{name}-{key}",
                    namespace=namespace,
                    pem=upstream["trust_pem"],
                    fixed_name=TRUST if fixed else None,
                    what=where,
                    opts=child,
                )
            if upstream.get("existing_secret"):
                pairs[key] = {"name": upstream["existing_secret"]}
            elif upstream.get("issue") is not None:
                pairs[key] = _issued(
                    f"{name}-{key}", upstream["issue"], namespace=namespace, fixed=fixed, where=where, opts=child
                )
            elif pair is not None:
                pairs[key] = tls_secret(
                    f"{name}-{key}",
                    namespace=namespace,
                    certificate_pem=pair.certificate_pem,
                    private_key_pem=pair.private_key_pem,
                    fixed_name=CLIENT_SECRET if fixed else None,
                    what=where,
                    opts=child,
                )
        self.defaults = {key: defaults_with(upstream, trusts.get(key), pairs.get(key)) for key in args["namespaces"]}
        self.trust_names = together({key: ref["name"] for key, ref in trusts.items()})
        self.secret_names = together({key: ref["name"] for key, ref in pairs.items()})
        self.register_outputs({"trust_names": self.trust_names, "secret_names": self.secret_names})


def _issued(
    name: str,
    given: IssuedPairArgs,
    *,
    namespace: pulumi.Input[str],
    fixed: bool,
    where: str,
    opts: pulumi.ResourceOptions,
) -> SecretRefArgs:
    leaf = Leaf(given["common_name"], [CLIENT], list(given.get("dns_names") or ()), **(given.get("leaf") or {}))
    return issued_secret(
        name,
        leaf,
        signer(given["authority"], f"{where}: upstream.issue.authority"),
        namespace=namespace,
        fixed_name=None,
        usual_name=CLIENT_SECRET if fixed else None,
        what=where,
        opts=opts,
    ).ref
