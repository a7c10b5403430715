"""Whom client certificates must come from: CAs made here, given, or there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from typing_extensions import NotRequired

from .client_ca_checks import (
    ExistingCaArgs,
    GivenCaArgs,
    check_together,
    id_of,
    is_uuid,
    name_problems,
    split,
    without_root,
)
from .client_certificate import CallerCertificateArgs, ClientCertificate, caller_problems
from .errors import InputError
from .inputs import check_inputs
from .kong_objects import INGRESS_CLASS, ca_object
from .outputs import mapped, public
from .pki import checks
from .pki.authority import CertificateAuthority, CertificateAuthorityArgs, bundle
from .pki.cert_manager.args import AuthorityIssuerArgs, IssuanceArgs, issuer_problems
from .pki.generations import generations
from .pki.issue import KEYS, Leaf
from .pki.signer import signer_args
from .pki.signing import SignerArgs
from .resources import child_options

DAY_HOURS = 24
VALIDITY_HOURS = 365 * DAY_HOURS


class GeneratedCaArgs(TypedDict):
    """A CA made here, in generations."""

    common_name: str
    """Common name; the generation's name is added, so that generations are told apart."""
    organization: NotRequired[str]
    """Organisation in the subject."""
    organizational_unit: NotRequired[str]
    """Unit of the organisation in the subject."""
    locality: NotRequired[str]
    """Town in the subject."""
    province: NotRequired[str]
    """State or province in the subject."""
    country: NotRequired[str]
    """Country in the subject, two letters."""
    generations: NotRequired[Sequence[str]]
    """Generations that are trusted, oldest first; default one, `g1`."""
    issuing: NotRequired[str]
    """The generation that issues; default the first of them."""
    key: NotRequired[str]
    """P-256, P-384 (default), P-521, RSA-2048, RSA-3072 or RSA-4096 (as in Kong's guide)."""
    validity_hours: NotRequired[int]
    """Of a generation, from the moment it is made; default 8760 (365 days)."""
    successor_hours: NotRequired[int]
    """This long before a generation's end every run asks for a new one; default a third of its validity."""
    intermediate: NotRequired[bool]
    """Issue from an intermediate CA below the root; default false."""
    ids: NotRequired[Mapping[str, str]]
    """Ids in Kong, UUIDs, by generation; default made from the certificates."""
    last_applied: NotRequired[pulumi.Input[Mapping[str, Any]]]
    """`{"generations": [...], "issuing": ...}` as this stack last put out; a jump over a step is refused."""
    skip_steps: NotRequired[bool]
    """Allow a jump, for a CA that is stolen or has ended. Default false."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make it, and what it issues; default: made here."""
    issuers: NotRequired[Mapping[str, AuthorityIssuerArgs]]
    """With `cert_manager`: issuers of your own that generations are, by their names; the others are made."""
    kept_in_state: NotRequired[Sequence[str]]
    """With cert-manager: generations from before it, whose keys stay in the state until they are dropped."""


class ClientCaArgs(TypedDict):
    """CAs that are trusted for client certificates; at least one of `generate`, `given` and `existing`."""

    namespace: NotRequired[pulumi.Input[str]]
    """Where their Secrets are made; plugins refer to them from any namespace. Without it none are made, as where the
    whole listener verifies."""
    create_namespace: NotRequired[bool]
    """Make that namespace; default false: it is there."""
    generate: NotRequired[GeneratedCaArgs]
    """Make one here."""
    given: NotRequired[Sequence[GivenCaArgs]]
    """Take certificates of your own."""
    existing: NotRequired[Sequence[ExistingCaArgs]]
    """Refer to CA Secrets that exist."""
    certificates: NotRequired[Sequence[CallerCertificateArgs]]
    """Issue certificates to callers, from the CA made here."""
    server_trust_pem: NotRequired[pulumi.Input[str]]
    """CAs of the gateway's own certificate, which callers get with theirs to verify the gateway. Public."""
    ingress_class: NotRequired[str]
    """The class that the ingress controller serves; default `kong`."""


@dataclass(frozen=True)
class _Trusted:
    """One certificate: its text, and its id, which waits for the object that carries it."""

    pem: Any
    id: Any


class ClientCa(pulumi.ComponentResource):
    """CAs for client certificates, as the Secrets from which the ingress controller puts them into Kong.

    Each certificate is a Secret of its own, named after its content, so that a changed CA is a new Secret: plugins
    move over to it before the old one goes. Source: Kong docs, "mTLS" of the ingress controller.

    Raises:
        InputError: no CA, or one that Kong, its controller or OpenSSL wouldn't take, with the reason.
    """

    ids: pulumi.Output[Sequence[str]]
    """Ids of all CAs, sorted: what a plugin lists."""
    secret_names: pulumi.Output[Mapping[str, str]]
    """Names of the Secrets made, by generation or given name."""
    trust_pem: pulumi.Output[str]
    """All certificates made or given, one after the other. Public."""
    certificate_pems: pulumi.Output[Mapping[str, str]]
    """Each of them by generation or given name. Public."""
    certificate_secret_names: pulumi.Output[Mapping[str, str]]
    """The Secret of each caller's certificate, by its name."""
    generations: pulumi.Output[Sequence[str]]
    """The generations of the CA made here."""
    issuing: pulumi.Output[str]
    """The generation that issues; empty without one."""

    def __init__(self, name: str, args: ClientCaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the CAs and their Secrets."""
        super().__init__("kong-mtls:index:ClientCa", name, {}, opts)
        self._where = f'ClientCa "{name}"'
        check_inputs(ClientCaArgs, args, self._where)
        found = problems(args)
        if found:
            raise InputError.of(found, f"{self._where}: the arguments can't be used:")
        self._prefix, self._args, self._options = name, args, child_options(self, opts)
        self._secret_names: dict[str, pulumi.Output[str]] = {}
        self._namespace = self._make_namespace()
        self.authority = self._make_authority()
        trusted = {**self._generated(), **self._given()}
        self.signer: SignerArgs | None = None if self.authority is None else signer_args(self.authority)
        self.certificate_secret_names = _by_name(self._issue())
        self._export(trusted)

    def _make_namespace(self) -> pulumi.Input[str] | None:
        namespace = self._args.get("namespace")
        if namespace is None or not self._args.get("create_namespace"):
            return namespace
        made = kubernetes.core.v1.Namespace(
            f"{self._prefix}-namespace", metadata={"name": namespace}, opts=self._options
        )
        result: pulumi.Output[str] = made.metadata.apply(lambda metadata: str(metadata.name))
        return result

    def _make_authority(self) -> CertificateAuthority | None:
        given = self._args.get("generate")
        if given is None:
            return None
        validity = given.get("validity_hours", VALIDITY_HOURS)
        arguments: CertificateAuthorityArgs = {
            "common_name": given["common_name"],
            "validity_hours": validity,
            "successor_hours": validity // 3,
        }
        arguments |= {key: value for key, value in given.items() if key != "ids"}  # type: ignore[typeddict-item]
        return CertificateAuthority(f"{self._prefix}-ca", arguments, self._options)

    def _generated(self) -> dict[str, _Trusted]:
        if self.authority is None:
            return {}
        ids = self._args["generate"].get("ids") or {}
        return {name: self._trust(name, pem, ids.get(name)) for name, pem in self.authority.roots.items()}

    def _given(self) -> dict[str, _Trusted]:
        trusted: dict[str, _Trusted] = {}
        for given in self._args.get("given") or ():
            pem = given["certificate_pem"]
            if isinstance(pem, str):
                trusted |= {
                    key: self._trust(key, text, given.get("id")) for key, text in split(given, self._where).items()
                }
            else:
                trusted[given["name"]] = self._trust(given["name"], pem, given.get("id"))
        return trusted

    def _issue(self) -> dict[str, pulumi.Output[str]]:
        """Secrets with certificates for callers."""
        issued: dict[str, pulumi.Output[str]] = {}
        for caller in self._args.get("certificates") or ():
            arguments: Any = {
                "namespace": self._namespace,
                "common_name": caller["name"],
                "authority": self.signer,
                **{key: value for key, value in caller.items() if key != "name"},
            }
            if self._args.get("server_trust_pem") is not None:
                arguments["server_trust_pem"] = self._args["server_trust_pem"]
            made = ClientCertificate(f"{self._prefix}-{caller['name']}", arguments, self._options)
            issued[caller["name"]] = made.secret_name
        return issued

    def _in_cluster(self, key: str) -> bool:
        """Whether a CA is a generation that cert-manager made."""
        generate = self._args.get("generate")
        if generate is None or generate.get("cert_manager") is None or self.authority is None:
            return False
        return key in self.authority.roots and key not in (generate.get("kept_in_state") or ())

    def _trust(self, key: str, pem: pulumi.Input[str], given_id: str | None) -> _Trusted:
        what = f"{self._where}: {key}"
        own: Any = public(pem)
        identity = mapped(own, partial(_identity, given_id=given_id, what=what))
        if self._namespace is None:
            return _Trusted(own, identity)
        secret = ca_object(
            f"{self._prefix}-{key}",
            namespace=self._namespace,
            pem=own,
            stem=f"{self._prefix}-{key.rpartition('-')[0] if isinstance(pem, str) else key}",
            what=what,
            # A Secret as in Kong's guides; from cert-manager comes what is public alone, and no Secret is written.
            kind="ConfigMap" if self._in_cluster(key) else "Secret",
            given_id=given_id,
            ingress_class=self._args.get("ingress_class") or INGRESS_CLASS,
            opts=self._options,
        )
        self._secret_names[key] = secret
        # Through the object's name, so that a plugin that lists the id waits for the object.
        return _Trusted(own, pulumi.Output.all(secret, identity).apply(lambda both: both[1]))

    def _export(self, trusted: Mapping[str, _Trusted]) -> None:
        where = self._where
        pems = _by_name({key: one.pem for key, one in trusted.items()})

        def judged(texts: Mapping[str, str]) -> Mapping[str, str]:
            check_together(texts, where)
            return texts

        checked = pems.apply(judged)
        checked.apply(self._warn_of_intermediates)
        existing = [entry["id"] for entry in self._args.get("existing") or ()]
        self.ids = pulumi.Output.all(checked, *(one.id for one in trusted.values()), *existing).apply(
            lambda values: sorted(values[1:])
        )
        self.secret_names = _by_name(self._secret_names)
        self.certificate_pems = checked
        self.trust_pem = checked.apply(lambda texts: bundle([texts[key] for key in sorted(texts)]))
        authority = self.authority
        self.generations = pulumi.Output.from_input(list(authority.generations.trusted) if authority else [])
        self.issuing = authority.issuing if authority else pulumi.Output.from_input("")
        outputs = (
            "ids",
            "secret_names",
            "trust_pem",
            "certificate_pems",
            "certificate_secret_names",
            "generations",
            "issuing",
        )
        self.register_outputs({key: getattr(self, key) for key in outputs})

    def _warn_of_intermediates(self, pems: Mapping[str, str]) -> None:
        for subject in without_root(pems):
            pulumi.log.warn(
                f"{self._where}: {subject!r} is an intermediate CA whose root is not among the CAs: callers pass only "
                "if the plugin has allow_partial_chain",
                self,
            )


def _by_name(values: Mapping[str, Any]) -> pulumi.Output[Mapping[str, str]]:
    """One output of several; of none an empty mapping, for which the SDK has a list."""
    empty: Mapping[str, str] = {}
    return pulumi.Output.all(**values) if values else pulumi.Output.from_input(empty)


def _identity(pem: str, given_id: str | None, what: str) -> str:
    made = id_of(pem, what)
    return given_id or made


def _lifetime_problems(generate: GeneratedCaArgs, callers: Sequence[CallerCertificateArgs]) -> list[str]:
    """Lifetimes of the CA and of the certificates from it that can't work together."""
    validity = generate.get("validity_hours", VALIDITY_HOURS)
    successor = generate.get("successor_hours", validity // 3)
    found = checks.succession(validity, successor, "generate")
    key = generate.get("key")
    if key is not None and key not in KEYS:
        found.append(f"generate.key: {key!r} is not known; allowed: {', '.join(KEYS)}")
    for caller in callers:
        leaf, where = caller.get("leaf") or {}, f"certificates: {caller['name']}"
        hours = leaf.get("validity_hours", Leaf.validity_hours)
        found += checks.lifetime(hours, leaf.get("early_renewal_hours", Leaf.early_renewal_hours), where)
        found += checks.within(hours, successor, where, "generate")
    return found


def problems(args: ClientCaArgs) -> list[str]:
    """What can be judged before the first resource is made, each naming the argument, its value and what is allowed."""
    generate = args.get("generate")
    given, existing = args.get("given") or [], args.get("existing") or []
    found: list[str] = []
    if generate is None and not given and not existing:
        found.append("one of generate, given and existing is needed: without a CA nobody could call")
    known: Sequence[str] = ()
    if generate is not None:
        try:
            known = generations(generate.get("generations"), generate.get("issuing"), "generate").trusted
        except InputError as error:
            found.append(str(error))
        of_others = generate.get("issuers") or {}, generate.get("kept_in_state") or ()
        found += issuer_problems(*of_others, known, "generate") if known else []
        ids = generate.get("ids") or {}
        found += [f"generate.ids: there is no generation {key!r}" for key in ids if known and key not in known]
        found += [
            f"generate.ids: {value!r} is no UUID; Kong takes no other" for value in ids.values() if not is_uuid(value)
        ]
    found += name_problems(given, existing, known)
    callers = args.get("certificates") or []
    if generate is not None:
        found += _lifetime_problems(generate, callers)
    found += caller_problems(callers)
    if callers and generate is None:
        found.append("certificates: need a CA that is made here, generate, to issue them")
    if args.get("namespace") is None:
        homeless = [caller["name"] for caller in callers if not caller.get("namespace")]
        found += [f"certificates: {name}: namespace is missing" for name in homeless]
    plain: dict[str, str] = {}
    for entry in given:
        if isinstance(entry["certificate_pem"], str):
            try:
                plain |= split(entry, "given")
            except InputError as error:
                found.append(str(error))
    try:
        check_together(plain, "given")
    except InputError as error:
        found.append(str(error))
    return found
