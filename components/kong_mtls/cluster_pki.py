"""The cluster link with a CA: a certificate of its own for the control plane and for each data plane.

The control plane demands a client certificate under its trusted CAs (``ssl_verify_client on``, depth 4); a data plane
checks the control plane's certificate and its name (Kong/kong, kong/templates/nginx_kong.lua, kong/clustering/tls.lua).
Kong docs, "Control plane and data plane communication": serverAuth for the control plane, clientAuth for data planes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .args import ClusterLinkArgs, SecretRefArgs, TrustRefArgs
from .inputs import check_inputs
from .issued import IssuedSecret, issued_secret
from .outputs import checked
from .pki.authority import CertificateAuthority, bundle, link_authority
from .pki.cert_manager.args import AuthorityIssuerArgs, IssuanceArgs
from .pki.cert_manager.issuer import Issuer, signed
from .pki.issue import CLIENT, SERVER, Leaf, sign
from .pki.requests import check_request
from .resources import child_options
from .trust import trust_bundle

DAY_HOURS = 24


class ClusterAuthorityArgs(TypedDict):
    """The CA of the cluster link, which issues for nothing else."""

    generations: NotRequired[Sequence[str]]
    """Generations that both ends trust, oldest first; default one, `g1`."""
    issuing: NotRequired[str]
    """The generation that issues; default the first of them."""
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


class LeafArgs(TypedDict):
    """Lifetime of the certificates."""

    validity_hours: NotRequired[int]
    """Default 2160 (90 days)."""
    early_renewal_hours: NotRequired[int]
    """Replaced by an `up` this long before its end; default 720 (30 days)."""
    key_generation: NotRequired[str]
    """Another text makes new keys at the next `up`; renewal alone keeps them. Default `1`."""


class DataPlaneIdentityArgs(TypedDict):
    """A data plane of this stack."""

    name: str
    """Its name, which goes into names of resources."""
    namespace: pulumi.Input[str]
    """Where its Secret and its trust go."""
    common_name: NotRequired[str]
    """Common name of its certificate; default `<name>.data-plane`."""


class RemoteIdentityArgs(TypedDict):
    """A data plane of another stack, which keeps its key to itself."""

    name: str
    """Its name, which goes into names of resources."""
    certificate_request_pem: pulumi.Input[str]
    """Its signing request, from that stack's outputs. Public."""
    common_name: NotRequired[str]
    """Common name it must ask for; default `<name>.data-plane`."""


class ClusterPkiArgs(TypedDict):
    """Who takes part in the link."""

    namespace: pulumi.Input[str]
    """The control plane's namespace."""
    server_names: Sequence[pulumi.Input[str]]
    """Every name by which data planes reach the cluster and the telemetry endpoint."""
    data_planes: NotRequired[Sequence[DataPlaneIdentityArgs]]
    """Data planes of this stack."""
    remote_data_planes: NotRequired[Sequence[RemoteIdentityArgs]]
    """Data planes of other stacks."""
    authority: NotRequired[ClusterAuthorityArgs]
    """The CA."""
    leaf: NotRequired[LeafArgs]
    """The certificates."""
    further_trust_pem: NotRequired[pulumi.Input[str]]
    """A certificate to trust besides the CA: the shared one, while a deployment moves from shared mode."""
    last_applied: NotRequired[pulumi.Input[Mapping[str, Any]]]
    """`{"generations": [...], "issuing": ...}` as this stack last put out; a jump over a step is refused."""
    skip_steps: NotRequired[bool]
    """Allow a jump, which drops peers until they restart: for a CA that is stolen or has ended. Default false."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make the certificates; default: made here."""
    fixed_secret_names: NotRequired[bool]
    """Use fixed names (`kong-cluster-cert-control-plane`, `kong-cluster-cert-<data plane>`, `kong-cluster-ca-...`)
    instead of Pulumi's; default false."""


@dataclass(frozen=True)
class ClusterCredentials:
    """What each end of the link reads.

    Attributes:
        control_plane: the control plane's end.
        data_planes: each data plane's end, by its name.
        not_before: start of validity of the control plane's certificate; empty when it is never read.
        not_after: end of its validity; empty when it is never read.
    """

    control_plane: ClusterLinkArgs
    data_planes: Mapping[str, ClusterLinkArgs]
    not_before: pulumi.Output[str]
    not_after: pulumi.Output[str]


def common_name(name: str, given: str | None) -> str:
    """The common name of a data plane's certificate."""
    return given or f"{name}.data-plane"


class ClusterPki(pulumi.ComponentResource):
    """A CA for the cluster link, a server certificate for the control plane, a client certificate per data plane.

    Adding or removing a data plane touches nothing of the others.

    Raises:
        InputError: arguments that can't work, by name; a signing request for another name.
    """

    trust_pem: pulumi.Output[str]
    """What both ends trust: all generations. Public."""
    issuing: pulumi.Output[str]
    """The generation that issues."""
    generations: pulumi.Output[Sequence[str]]
    """The generations that are trusted."""
    remote_certificate_pems: pulumi.Output[Mapping[str, str]]
    """Certificate of each remote data plane, by its name. Public."""
    not_after: pulumi.Output[Mapping[str, str]]
    """End of each certificate's validity, RFC 3339: `control-plane` and each data plane's name."""

    def __init__(self, name: str, args: ClusterPkiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the CA, the certificates and their Secrets."""
        super().__init__("kong-mtls:index:ClusterPki", name, {}, opts)
        self._where = f'ClusterPki "{name}"'
        check_inputs(ClusterPkiArgs, args, self._where)
        self._prefix, self._args, self._options = name, args, child_options(self, opts)
        authority = link_authority("kong cluster", args.get("authority"), args.get("cert_manager"))
        for key in ("last_applied", "skip_steps"):
            if args.get(key) is not None:
                authority[key] = args[key]
        self._authority = CertificateAuthority(f"{name}-ca", authority, self._options)
        further = args.get("further_trust_pem")
        self.trust_pem = self._authority.trust_pem
        if further is not None:
            self.trust_pem = pulumi.Output.all(self.trust_pem, further).apply(bundle)
        self._ends: dict[str, pulumi.Output[str]] = {}
        self.credentials = self._credentials()
        self.issuing = self._authority.issuing
        self.generations = pulumi.Output.from_input(list(self._authority.generations.trusted))
        self.applied = self._authority.applied
        self.remote_certificate_pems = pulumi.Output.all(**self._sign_remote())
        self.not_after = pulumi.Output.all(**self._ends)
        self.register_outputs(
            {
                "trust_pem": self.trust_pem,
                "issuing": self.issuing,
                "generations": self.generations,
                "remote_certificate_pems": self.remote_certificate_pems,
                "not_after": self.not_after,
            }
        )

    def _leaf(self, subject: str, usage: str, dns_names: Sequence[pulumi.Input[str]] = ()) -> Leaf:
        return Leaf(common_name=subject, usages=[usage], dns_names=dns_names, **(self._args.get("leaf") or {}))

    def _credentials(self) -> ClusterCredentials:
        planes = self._args.get("data_planes") or []
        server_names = self._args["server_names"]
        leaf = self._leaf("control-plane", SERVER, [*server_names, names.SHARED_CLUSTER_NAME])
        issued = self._secret("control-plane", self._args["namespace"], leaf)
        control_plane = self._link(
            issued.ref,
            self._trust("control-plane", self._args["namespace"], f"{names.CLUSTER_TRUST}-control-plane"),
        )
        return ClusterCredentials(
            control_plane,
            {plane["name"]: self._data_plane(plane) for plane in planes},
            issued.not_before,
            issued.not_after,
        )

    def _data_plane(self, plane: DataPlaneIdentityArgs) -> ClusterLinkArgs:
        name = plane["name"]
        subject = common_name(name, plane.get("common_name"))
        leaf = self._leaf(subject, CLIENT, [subject])
        return self._link(
            self._secret(name, plane["namespace"], leaf).ref,
            self._trust(name, plane["namespace"], f"{names.CLUSTER_TRUST}-{name}"),
        )

    def _sign_remote(self) -> dict[str, pulumi.Output[str]]:
        certificates = {}
        for plane in self._args.get("remote_data_planes") or []:
            name = plane["name"]
            subject = common_name(name, plane.get("common_name"))
            where = f"{self._where}: remote data plane {name!r}"
            request = checked(plane["certificate_request_pem"], partial(check_request, common_name=subject, what=where))
            leaf = self._leaf(subject, CLIENT)
            resource, signer = f"{self._prefix}-{name}", self._authority.issuing_signer
            certificates[name], _, self._ends[name] = (
                signed(resource, request, leaf, signer, self._options)
                if isinstance(signer, Issuer)
                else sign(resource, request, leaf, signer, self._options)
            )
        return certificates

    def _secret(self, end: str, namespace: pulumi.Input[str], leaf: Leaf) -> IssuedSecret:
        issued = issued_secret(
            f"{self._prefix}-{end}",
            leaf,
            self._authority.issuing_signer,
            namespace=namespace,
            fixed_name=None,
            usual_name=f"{names.CLUSTER_SECRET}-{end}" if self._args.get("fixed_secret_names") else None,
            what=self._where,
            opts=self._options,
        )
        self._ends[end] = issued.not_after
        return issued

    def _trust(self, end: str, namespace: pulumi.Input[str], fixed: str) -> TrustRefArgs:
        return trust_bundle(
            f"{self._prefix}-{end}-trust",
            namespace=namespace,
            pem=self.trust_pem,
            fixed_name=fixed if self._args.get("fixed_secret_names") else None,
            what=self._where,
            opts=self._options,
        )

    def _link(self, certificate: SecretRefArgs, trust: TrustRefArgs) -> ClusterLinkArgs:
        link: ClusterLinkArgs = {"certificate": certificate, "trust": trust, "mtls": "pki"}
        if self._authority.intermediates:
            link["verify_depth"] = self._authority.intermediates
        return link
