"""Certificate authorities in immutable generations, made by pulumi-tls or by cert-manager."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import pulumi
import pulumi_tls as tls
from typing_extensions import NotRequired

from ..errors import InputError
from ..inputs import check_inputs
from ..outputs import public
from ..resources import child_options
from .cert_manager import objects
from .cert_manager.args import AuthorityIssuerArgs, IssuanceArgs, issuance, issuer_problems
from .cert_manager.declare import declared
from .cert_manager.generation import Asked, Maker, given_generation
from .cert_manager.issuer import Issuer
from .generations import applied, changed_generation, generations, moved_generation, step_problems
from .issue import KEYS, Signer, ask_for_successor, private_key
from .signing import SignerArgs, args_of
from .x509 import certificates

DAY_HOURS = 24
VALIDITY_HOURS = 3650 * DAY_HOURS
SUCCESSOR_HOURS = 365 * DAY_HOURS

_SUBJECT = ("organization", "organizational_unit", "locality", "province", "country")
# A generation is never changed: a later default or setting applies to generations made later.
_IMMUTABLE = ["subject", "validityPeriodHours", "earlyRenewalHours", "allowedUses", "maxPathLength"]


class CertificateAuthorityArgs(TypedDict):
    """A CA of the stack's own."""

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
    """Names of the generations that are trusted, oldest first; default one, `g1`."""
    issuing: NotRequired[str]
    """The generation that issues; default the first of them."""
    key: NotRequired[str]
    """P-256, P-384 (default), P-521, RSA-2048, RSA-3072 or RSA-4096."""
    validity_hours: NotRequired[int]
    """Of a generation, from the moment it is made; default 87600 (3650 days)."""
    successor_hours: NotRequired[int]
    """This long before a generation's end every run asks for a new one; default 8760 (365 days). At least the validity
    of the certificates it issues, which can't outlive it."""
    last_applied: NotRequired[pulumi.Input[Mapping[str, Any]]]
    """`applied` as this stack last put out, from a stack reference to itself: a jump over a step of a rotation is then
    refused before anything of the CA is made, and a generation that has become another certificate before anybody
    trusts it."""
    skip_steps: NotRequired[bool]
    """Allow a jump, which drops peers until they restart: for a CA that is stolen or has ended. Default false."""
    intermediate: NotRequired[bool]
    """Issue from an intermediate CA below the root; default false. Peers trust the root, and leaves carry the
    intermediate along."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make it, so that its key never leaves the cluster; default: made here, its key in the state."""
    issuers: NotRequired[Mapping[str, AuthorityIssuerArgs]]
    """With `cert_manager`: issuers of your own that generations are, by their names; the others are made."""
    kept_in_state: NotRequired[Sequence[str]]
    """With `cert_manager`: generations from before it, whose keys stay in the state until they are dropped, so that a
    deployment moves over as in a rotation."""


@dataclass(frozen=True)
class _Generation:
    root_pem: pulumi.Output[str]
    not_after: pulumi.Output[str]
    signer: Signer | Issuer


class CertificateAuthority(pulumi.ComponentResource):
    """A CA whose generations are all trusted and one of which issues.

    A rotation is three changes of `generations` and `issuing`, each with an update of its own that all peers pick up:
    add a generation, issue from it, drop the old one. Private keys are kept, encrypted, in the stack's state; with
    `cert_manager` they are in the cluster alone.

    Raises:
        InputError: generations out of order, an unknown key, or lifetimes that can't work.
    """

    trust_pem: pulumi.Output[str]
    """Certificates of all trusted generations, one after the other."""
    certificate_pems: pulumi.Output[Mapping[str, str]]
    """Certificate of each generation, by its name."""
    not_after: pulumi.Output[Mapping[str, str]]
    """End of each generation, RFC 3339."""
    issuing: pulumi.Output[str]
    """The generation that issues."""
    signer: pulumi.Output[SignerArgs]
    """What issues, for the `authority` of other components; from another language field by field, since a group of
    fields is given in plain. Secret; with `cert_manager` there is no key in it."""
    applied: pulumi.Output[Mapping[str, Any]]
    """`{"generations": [...], "issuing": ..., "keys": {...}, "issuers": {...}}`, to be given back as
    `last_applied`."""

    def __init__(self, name: str, args: CertificateAuthorityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the generations."""
        super().__init__("kong-mtls:index:CertificateAuthority", name, {}, opts)
        where = f'CertificateAuthority "{name}"'
        check_inputs(CertificateAuthorityArgs, args, where)
        self.generations = generations(args.get("generations"), args.get("issuing"), where)
        self._args, self._options = args, child_options(self, opts)
        self._successor = args.get("successor_hours", SUCCESSOR_HOURS)
        if self._successor >= args.get("validity_hours", VALIDITY_HOURS):
            raise InputError(
                f"{where}: successor_hours {self._successor} must be less than validity_hours "
                f"{args.get('validity_hours', VALIDITY_HOURS)}: a generation would be due for replacement from birth"
            )
        self._allowed = self._allowed_step(where)
        in_cluster = args.get("cert_manager")
        kept = args.get("kept_in_state") or ()
        self._issuers = {
            generation: "pulumi" if in_cluster is None or generation in kept else "cert-manager"
            for generation in self.generations.trusted
        }
        for field in ("issuers", "kept_in_state"):
            if in_cluster is None and args.get(field):
                raise InputError(f"{where}: {field} is for cert-manager; it needs cert_manager")
        made = (
            {generation: self._make(name, generation) for generation in self.generations.trusted}
            if in_cluster is None
            else self._in_cluster(name, in_cluster, where)
        )
        self.issuing_signer = made[self.generations.issuing].signer
        self.signer = pulumi.Output.secret(args_of(self.issuing_signer))
        self.intermediates = 1 if args.get("intermediate") else 0
        self.roots = {generation: self._as_applied(generation, one.root_pem, where) for generation, one in made.items()}
        self.trust_pem = pulumi.Output.all(*self.roots.values()).apply(bundle)
        self.certificate_pems = pulumi.Output.all(**self.roots)
        self.not_after = pulumi.Output.all(**{generation: one.not_after for generation, one in made.items()})
        self.issuing = pulumi.Output.from_input(self.generations.issuing)
        trusted = list(self.generations.trusted)
        keys = {generation: pem.apply(key_of) for generation, pem in self.roots.items()}
        self.applied = pulumi.Output.all(generations=trusted, issuing=self.issuing, keys=keys, issuers=self._issuers)
        self.register_outputs(
            {
                "trust_pem": self.trust_pem,
                "certificate_pems": self.certificate_pems,
                "not_after": self.not_after,
                "issuing": self.issuing,
                # Here only its key is secret, not the CA's name: messages have that.
                "signer": args_of(self.issuing_signer),
                "applied": self.applied,
            }
        )

    def _allowed_step(self, where: str) -> pulumi.Output[None] | None:
        """Resolves once the step from what was last applied is known to drop nobody; None where there is no telling."""
        last = self._args.get("last_applied")
        if last is None or self._args.get("skip_steps"):
            return None

        def check(state: Any) -> None:
            problems = step_problems(applied(state), self.generations, where)
            if problems:
                raise InputError("; ".join(problems))

        return pulumi.Output.from_input(last).apply(check)

    def _as_applied(self, generation: str, pem: pulumi.Output[str], where: str) -> pulumi.Output[str]:
        """A generation's certificate, if it is still the one that was applied under its name."""
        last = self._args.get("last_applied")
        if last is None or self._args.get("skip_steps"):
            return pem

        def check(both: Sequence[Any]) -> str:
            moved = moved_generation(both[1], generation, self._issuers[generation], where)
            if moved is not None:
                pulumi.log.warn(moved, self)
                return str(both[0])
            problem = changed_generation(both[1], generation, key_of(both[0]), where)
            if problem is not None:
                raise InputError(problem)
            return str(both[0])

        return pulumi.Output.from_input(public(pulumi.Output.all(pem, last).apply(check)))

    def _in_cluster(self, name: str, given: IssuanceArgs, where: str) -> dict[str, _Generation]:
        """The generations as cert-manager makes them, or as issuers of the user's own are."""
        args, settings = self._args, issuance(given, f"{where}: cert_manager")
        issuers = args.get("issuers") or {}
        key = args.get("key") or "P-384"
        kept = args.get("kept_in_state") or ()
        problems = issuer_problems(issuers, kept, self.generations.trusted, where)
        if key not in KEYS:
            problems.append(f"{where}: key {key!r} is not known; allowed: {', '.join(KEYS)}")
        if problems:
            raise InputError("; ".join(problems))
        asked = Asked(
            args["common_name"],
            {field: args[field] for field in _SUBJECT if args.get(field)},  # type: ignore[literal-required]
            key,
            args.get("validity_hours", VALIDITY_HOURS),
            bool(args.get("intermediate")),
        )
        made: dict[str, _Generation] = {}
        maker = None
        if any(generation not in issuers and generation not in kept for generation in self.generations.trusted):
            bootstrap = objects.self_signed_issuer(f"{settings.prefix}-{name}-self-signed", after=self._allowed)
            self_signed = declared(f"{name}-self-signed", bootstrap, settings, self._options)
            maker = Maker(name, asked, self_signed, settings, self._options)
        for generation in self.generations.trusted:
            if generation in kept:
                made[generation] = self._make(name, generation)
                continue
            one = (
                given_generation(generation, issuers[generation], settings, where, self._allowed)
                if maker is None or generation in issuers
                else maker.make(generation)
            )
            ask_for_successor(one.signer.name, one.not_after, self._successor)
            made[generation] = _Generation(one.root_pem, one.not_after, one.signer)
        return made

    def _subject(self, generation: str, suffix: str = "") -> tls.SelfSignedCertSubjectArgsDict:
        subject: tls.SelfSignedCertSubjectArgsDict = {
            "common_name": f"{self._args['common_name']}{suffix} {generation}"
        }
        for field in _SUBJECT:
            if self._args.get(field):
                subject[field] = self._args[field]  # type: ignore[literal-required]
        return subject

    def _make(self, name: str, generation: str) -> _Generation:
        stem, args = f"{name}-{generation}", self._args
        options = pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(ignore_changes=_IMMUTABLE))
        key = private_key(f"{stem}-key", args.get("key") or "P-384", self._keep_key(), after=self._allowed)
        validity = args.get("validity_hours", VALIDITY_HOURS)
        root = tls.SelfSignedCert(
            stem,
            private_key_pem=key.private_key_pem,
            subject=self._subject(generation),
            allowed_uses=["cert_signing", "crl_signing"],
            is_ca_certificate=True,
            max_path_length=1 if args.get("intermediate") else 0,
            set_subject_key_id=True,
            validity_period_hours=validity,
            # Never renewed in place: a CA that changes under its leaves refuses them all.
            early_renewal_hours=0,
            opts=options,
        )
        root_pem, not_after = public(root.cert_pem), public(root.validity_end_time)
        ask_for_successor(f"{args['common_name']} {generation}", not_after, self._successor)
        own = Signer(
            f"{args['common_name']} {generation}",
            root_pem,
            pulumi.Output.secret(key.private_key_pem),
            pulumi.Output.from_input(""),
            not_after,
        )
        if not args.get("intermediate"):
            return _Generation(root_pem, not_after, own)
        return _Generation(root_pem, not_after, self._intermediate(stem, generation, own, options))

    def _keep_key(self) -> pulumi.ResourceOptions:
        """A generation's key is its own for good, whatever the setting says later."""
        immutable = pulumi.ResourceOptions(ignore_changes=["algorithm", "ecdsaCurve", "rsaBits"])
        return pulumi.ResourceOptions.merge(self._options, immutable)

    def _intermediate(self, stem: str, generation: str, root: Signer, options: pulumi.ResourceOptions) -> Signer:
        key = private_key(f"{stem}-intermediate-key", self._args.get("key") or "P-384", self._keep_key())
        request = tls.CertRequest(
            f"{stem}-intermediate-request",
            private_key_pem=key.private_key_pem,
            subject=self._subject(generation, " intermediate"),
            opts=options,
        )
        certificate = tls.LocallySignedCert(
            f"{stem}-intermediate",
            cert_request_pem=request.cert_request_pem,
            ca_cert_pem=root.certificate_pem,
            ca_private_key_pem=root.private_key_pem,
            allowed_uses=["cert_signing", "crl_signing"],
            is_ca_certificate=True,
            max_path_length=0,
            set_subject_key_id=True,
            # A day less than the root, whichever of the two is made first.
            validity_period_hours=max(1, self._args.get("validity_hours", VALIDITY_HOURS) - DAY_HOURS),
            early_renewal_hours=0,
            opts=options,
        )
        pem = public(certificate.cert_pem)
        return Signer(
            f"{root.name} intermediate",
            pem,
            pulumi.Output.secret(key.private_key_pem),
            pem,
            public(certificate.validity_end_time),
        )


def key_of(pem: str) -> str:
    """SHA-256 of a generation's public key."""
    return certificates(pem, "the CA's certificate")[0].key_fingerprint


def link_authority(
    common_name: str, given: Mapping[str, Any] | None, cert_manager: IssuanceArgs | None
) -> CertificateAuthorityArgs:
    """A link's own CA from the fields that its component lets through."""
    args: CertificateAuthorityArgs = {"common_name": common_name}
    if cert_manager is not None:
        args["cert_manager"] = cert_manager
    args |= given or {}  # type: ignore[typeddict-item]  # its fields are among the CA's
    return args


def bundle(pems: Sequence[str]) -> str:
    """Several certificates as one PEM text."""
    return "".join(f"{pem.strip()}\n" for pem in pems)
