"""The cluster link with certificates of the user's own PKI."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .args import ClusterLinkArgs, SecretRefArgs, TrustRefArgs
from .cluster_pki import ClusterCredentials
from .errors import InputError
from .inputs import check_inputs
from .objects import tls_secret
from .outputs import mapped, public
from .pki import checks, clock
from .pki.issue import CLIENT, SERVER
from .pki.x509 import Facts, certificates
from .resources import child_options
from .trust import trust_bundle


class ExistingEndArgs(TypedDict):
    """The certificate of one end: a pair in PEM, or a Secret by name."""

    certificate_pem: NotRequired[pulumi.Input[str]]
    """The certificate, followed by its intermediates, in PEM."""
    private_key_pem: NotRequired[pulumi.Input[str]]
    """Its private key, in PEM without passphrase. Secret."""
    existing_secret: NotRequired[str]
    """A TLS Secret in the end's namespace. It is never read, so nothing about it is checked."""


class ExistingClusterArgs(TypedDict):
    """Certificates and trust from a PKI of your own."""

    trust_pem: NotRequired[pulumi.Input[str]]
    """CA certificates that both ends trust, in PEM."""
    trust_config_map: NotRequired[str]
    """Instead: a ConfigMap with them under `ca.crt` that exists in every namespace of the deployment."""
    control_plane: ExistingEndArgs
    """The control plane's certificate: serverAuth, every name it is reached by."""
    data_planes: Mapping[str, ExistingEndArgs]
    """Each data plane's certificate, by its name: clientAuth."""


class ExistingClusterPkiArgs(TypedDict):
    """The certificates, and where they go."""

    namespace: pulumi.Input[str]
    """The control plane's namespace."""
    server_names: Sequence[str]
    """Names that the control plane's certificate must carry."""
    data_plane_namespaces: Mapping[str, pulumi.Input[str]]
    """Namespace of each data plane, by its name."""
    existing: ExistingClusterArgs
    """The certificates."""
    fixed_secret_names: NotRequired[bool]
    """Use fixed names instead of Pulumi's; default false."""


class ExistingClusterPki(pulumi.ComponentResource):
    """Secrets and trust for the cluster link from certificates that are made elsewhere.

    Raises:
        InputError: a pair that doesn't match, or a certificate that can't do what its end needs.
    """

    not_after: pulumi.Output[str]
    """End of the control plane's certificate, RFC 3339; empty for an existing Secret."""

    def __init__(self, name: str, args: ExistingClusterPkiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Check what is given, and make the Secrets."""
        super().__init__("kong-mtls:index:ExistingClusterPki", name, {}, opts)
        self._where = f'ExistingClusterPki "{name}"'
        check_inputs(ExistingClusterPkiArgs, args, self._where)
        self._prefix, self._args, self._options = name, args, child_options(self, opts)
        self._existing = args["existing"]
        problems = structure_problems(self._existing, list(args["data_plane_namespaces"]))
        trust = self._existing.get("trust_pem")
        if isinstance(trust, str):
            problems += trust_problems(trust)
        if problems:
            raise InputError.of(problems, f"{self._where}: the arguments can't be used:")
        control_plane, dates = self._end("control-plane", args["namespace"], self._existing["control_plane"], SERVER)
        planes = {
            plane: self._end(plane, namespace, self._existing["data_planes"][plane], CLIENT)[0]
            for plane, namespace in args["data_plane_namespaces"].items()
        }
        self.not_after = dates[1]
        self.credentials = ClusterCredentials(control_plane, planes, *dates)
        self.register_outputs({"not_after": self.not_after})

    def _end(
        self, end: str, namespace: pulumi.Input[str], given: ExistingEndArgs, usage: str
    ) -> tuple[ClusterLinkArgs, tuple[pulumi.Output[str], pulumi.Output[str]]]:
        empty = pulumi.Output.from_input("")
        dates = (empty, empty)
        if given.get("existing_secret"):
            pulumi.log.warn(f"{self._where}: Secret {given['existing_secret']!r} is never read: {end} is not checked")
            certificate: SecretRefArgs = {"name": given["existing_secret"]}
        else:
            pem = self._checked(end, given, usage)
            dates = (_date(pem, "not_before"), _date(pem, "not_after"))
            certificate = tls_secret(
                f"{self._prefix}-{end}",
                namespace=namespace,
                certificate_pem=pem,
                private_key_pem=given["private_key_pem"],
                fixed_name=f"{names.CLUSTER_SECRET}-{end}" if self._args.get("fixed_secret_names") else None,
                what=self._where,
                opts=self._options,
            )
        link: ClusterLinkArgs = {"certificate": certificate, "trust": self._trust(end, namespace), "mtls": "pki"}
        depth = self._depth(given)
        if depth > 1:
            link["verify_depth"] = depth
        return link, dates

    def _depth(self, given: ExistingEndArgs) -> int:
        """The longest chain of intermediates among those given in plain; Kong's default covers one."""
        ends = [self._existing["control_plane"], *self._existing["data_planes"].values(), given]
        plain = [pem for end in ends if isinstance(pem := end.get("certificate_pem"), str)]
        return max((len(certificates(pem, self._where)) - 1 for pem in plain), default=0)

    def _checked(self, end: str, given: ExistingEndArgs, usage: str) -> pulumi.Output[str]:
        wanted = self._args["server_names"] if usage == SERVER else []
        where = f"{self._where}: {end}"
        trust = self._existing.get("trust_pem")

        def check(values: Sequence[str]) -> str:
            given_trust = values[2] if trust is not None else None
            problems = trust_problems(given_trust) if given_trust is not None else []
            problems = problems or end_problems(values[0], values[1], given_trust, usage, wanted)
            if problems:
                raise InputError.of(problems, f"{where}: the given certificate can't be used:")
            return values[0]

        parts = [given["certificate_pem"], given["private_key_pem"], *([] if trust is None else [trust])]
        if all(isinstance(part, str) for part in parts):
            return pulumi.Output.from_input(check([str(part) for part in parts]))
        later: pulumi.Output[str] = public(pulumi.Output.all(*parts).apply(check))
        return later

    def _trust(self, end: str, namespace: pulumi.Input[str]) -> TrustRefArgs:
        if self._existing.get("trust_config_map"):
            return {"name": self._existing["trust_config_map"]}
        return trust_bundle(
            f"{self._prefix}-{end}-trust",
            namespace=namespace,
            pem=self._existing["trust_pem"],
            fixed_name=f"{names.CLUSTER_TRUST}-{end}" if self._args.get("fixed_secret_names") else None,
            what=self._where,
            opts=self._options,
        )


def _date(pem: pulumi.Output[str], attribute: str) -> pulumi.Output[str]:
    result: pulumi.Output[str] = mapped(
        pem, lambda text: getattr(certificates(text, "certificate")[0], attribute).strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    return result


def structure_problems(existing: ExistingClusterArgs, planes: Sequence[str]) -> list[str]:
    """What is missing, given twice, or for nobody."""
    problems = []
    if bool(existing.get("trust_pem")) == bool(existing.get("trust_config_map")):
        problems.append("cluster.existing: needs exactly one of trust_pem and trust_config_map")
    problems += _label_problems(existing.get("trust_config_map"), "cluster.existing.trust_config_map")
    given_for = existing["data_planes"]
    ends = {"control_plane": existing["control_plane"], **{f"data_planes.{k}": v for k, v in given_for.items()}}
    for end, given in ends.items():
        pair = [key for key in ("certificate_pem", "private_key_pem") if given.get(key) is not None]
        if len(pair) == 1 or bool(pair) == bool(given.get("existing_secret")):
            problems.append(f"cluster.existing.{end}: needs certificate_pem and private_key_pem, or existing_secret")
        problems += _label_problems(given.get("existing_secret"), f"cluster.existing.{end}.existing_secret")
    missing, unknown = (sorted(one) for one in (set(planes) - set(given_for), set(given_for) - set(planes)))
    if missing:
        problems.append(f"cluster.existing.data_planes: no certificate for {', '.join(missing)}")
    if unknown:
        problems.append(
            f"cluster.existing.data_planes: there is no data plane {', '.join(unknown)}; there are: {', '.join(planes)}"
        )
    return problems


def _label_problems(name: str | None, what: str) -> list[str]:
    try:
        if name:
            names.check_label(name, what)
    except InputError as error:
        return [str(error)]
    return []


def trust_problems(trust_pem: str) -> list[str]:
    """Why CA certificates of the user's own can't be trusted, whatever is under them."""
    try:
        trusted = certificates(trust_pem, "trust_pem")
    except InputError as error:
        return [str(error)]
    return [
        f"trust_pem: {authority.subject}: {problem}" for authority in trusted for problem in checks.authority(authority)
    ]


def end_problems(
    certificate_pem: str, key_pem: str, trust_pem: str | None, usage: str, server_names: Sequence[str]
) -> list[str]:
    """Why a certificate of the user's own can't serve its end of the link; the trust is one without problems."""
    now = clock.now()
    try:
        chain: list[Facts] = certificates(certificate_pem, "certificate_pem")
        problems = checks.pair(chain[0], key_pem, "private_key_pem")
    except InputError as error:
        return [str(error)]
    leaf = chain[0]
    problems += [
        *checks.usage(leaf, usage),
        *checks.dates(leaf, now),
        *checks.strength(leaf),
        *(problem for wanted in server_names for problem in checks.name(leaf, wanted)),
    ]
    if trust_pem is None:
        return problems
    return [
        *problems,
        *_chain_problems(leaf, chain[1:], certificates(trust_pem, "trust_pem"), now),
        *(
            f"{issuer.subject}: {problem}"
            for issuer in chain[1:]
            for problem in (*checks.authority(issuer), *checks.dates(issuer, now))
        ),
    ]


def _chain_problems(leaf: Facts, sent: Sequence[Facts], trusted: Sequence[Facts], now: datetime) -> list[str]:
    """No way to a trusted CA, or only to one that has ended; others that have ended may stay in the bundle."""
    problems = checks.chain(leaf, sent, trusted)
    ended = [f"trust_pem: {one.subject}: {problem}" for one in trusted for problem in checks.dates(one, now)]
    if not problems and checks.chain(leaf, sent, [one for one in trusted if not checks.dates(one, now)]):
        return ended
    return problems
