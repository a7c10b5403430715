"""cert-manager's objects as its controller reads them: who issues what, into which Secret, when.

Source: cert-manager/cert-manager ``pkg/apis/certmanager/v1`` (``types_certificate.go``, ``types_issuer.go``) and
``pkg/util/pki/renewaltime.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple

from .kic.authorities import CA_LABEL
from .manifests import Objects, Release, ident, key_of
from .pods import dicts, mapping, texts
from .trust_manager import Bundle, bundles

GROUP = "cert-manager.io"
VERSION = f"{GROUP}/v1"

DEFAULT_DURATION = timedelta(hours=2160)
"""Of a Certificate that says nothing."""

KEY_USAGES = frozenset(
    {
        *("signing", "digital signature", "content commitment", "key encipherment", "key agreement"),
        *("data encipherment", "cert sign", "crl sign", "encipher only", "decipher only"),
    }
)
"""What goes into the extension key usage (``pkg/apis/certmanager/v1/types.go``)."""

EXTENDED_USAGES = frozenset(
    {
        *("server auth", "client auth", "any"),
        *("code signing", "email protection", "s/mime", "ipsec end system", "ipsec tunnel", "ipsec user"),
        *("timestamping", "ocsp signing", "microsoft sgc", "netscape sgc"),
    }
)
"""What goes into the extension extended key usage."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_OWN_NAMESPACE = "$(POD_NAMESPACE)"
_FLAG = "--cluster-resource-namespace="
_TRUST_NAMESPACE = "cert-manager"


def go_duration(text: object) -> timedelta | None:
    """A Go duration such as ``2160h`` or ``1h30m``; None for anything else."""
    if not isinstance(text, str) or not re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+", text):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)", text)
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        return None


def value(release: Release, path: str, default: Any = None) -> Any:
    """A value of a release at a dotted path; the default where none is given."""
    at: Any = release.values
    for part in path.split("."):
        if not isinstance(at, Mapping) or part not in at:
            return default
        at = at[part]
    return at


def of_group(obj: Mapping[str, Any], group: str) -> bool:
    """Whether an object's kind is of an API group: other projects have Certificates and Issuers too."""
    return str(obj.get("apiVersion")).startswith(f"{group}/")


class IssuerRef(NamedTuple):
    """An issuer's name: kind, namespace ("" for kinds without one), name, group."""

    kind: str
    namespace: str
    name: str
    group: str = GROUP

    @property
    def object(self) -> str:
        """How findings name it."""
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def for_all(self) -> bool:
        """Whether it signs for every namespace."""
        return "Cluster" in self.kind


@dataclass(frozen=True)
class Certificate:
    """A Certificate: what cert-manager is asked for.

    Attributes:
        object: ``Certificate/namespace/name``.
        namespace: where it is, and the Secret that it writes.
        spec: as it stands.
    """

    object: str
    namespace: str
    spec: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def secret(self) -> str:
        """The Secret that cert-manager writes; "" when none is named."""
        return str(self.spec.get("secretName") or "")

    @property
    def is_ca(self) -> bool:
        """Whether it is to sign others."""
        return self.spec.get("isCA") is True

    @property
    def issuer(self) -> IssuerRef:
        """Who is asked; kind Issuer and cert-manager's own group where nothing is said."""
        given = mapping(self.spec.get("issuerRef"))
        kind, group = str(given.get("kind") or "Issuer"), str(given.get("group") or GROUP)
        return IssuerRef(kind, "" if "Cluster" in kind else self.namespace, str(given.get("name")), group)

    @property
    def duration(self) -> timedelta | None:
        """How long it is asked for; None where what is said is no Go duration."""
        said = self.spec.get("duration")
        return DEFAULT_DURATION if said is None else go_duration(said)

    @property
    def never_renewed(self) -> bool:
        """Whether renewal is switched off (``renewal.policy``, cert-manager 1.21 and later)."""
        return mapping(self.spec.get("renewal")).get("policy") == "Disabled"

    @property
    def renew_before(self) -> timedelta | None:
        """How long before its end it is renewed: as said, else a third of its time; None where it never is."""
        lifetime, percent = self.duration, self.spec.get("renewBeforePercentage")
        if self.never_renewed or lifetime is None:
            return None
        before = go_duration(self.spec.get("renewBefore"))
        if before is not None and timedelta() < before < lifetime:
            return before
        if isinstance(percent, int) and 0 < percent < 100:
            return lifetime * percent / 100
        return lifetime / 3

    @property
    def key(self) -> Mapping[str, Any]:
        """What is said of its private key."""
        return mapping(self.spec.get("privateKey"))

    @property
    def keeps_key(self) -> bool:
        """Whether a renewal leaves the key as it is; since cert-manager 1.18 only where that is said."""
        return self.key.get("rotationPolicy") == "Never"

    @property
    def usages(self) -> tuple[str, ...]:
        """The usages it is asked for; empty where nothing is said."""
        return tuple(texts(self.spec.get("usages")))

    def serves_as(self, role: str) -> bool:
        """Whether a certificate with these usages plays a role (``server``, ``client``); any does that names none."""
        named = EXTENDED_USAGES.intersection(self.usages)
        return not named or bool(named & {f"{role} auth", "any"})

    @property
    def secret_labels(self) -> Mapping[str, Any]:
        """The labels that cert-manager puts on the Secret."""
        return mapping(mapping(self.spec.get("secretTemplate")).get("labels"))

    @property
    def is_ca_object(self) -> bool:
        """Whether Kong's ingress controller takes the Secret for a CA certificate."""
        return str(self.secret_labels.get(CA_LABEL)) == "true"

    @property
    def secret_annotations(self) -> Mapping[str, Any]:
        """The annotations that cert-manager puts on the Secret."""
        return mapping(mapping(self.spec.get("secretTemplate")).get("annotations"))


class CertManager:
    """The Certificates, issuers and Bundles of a set, and how they hang together."""

    def __init__(self, objects: Objects) -> None:
        """Nothing is read before it is asked for."""
        self._objects = objects

    @cached_property
    def certificates(self) -> list[Certificate]:
        """Every Certificate that is there as a whole."""
        whole = (obj for obj in self._objects.all("Certificate") if not self._objects.is_partial(obj))
        found = (obj for obj in whole if of_group(obj, GROUP))
        return [Certificate(ident(obj), key_of(obj)[1], mapping(obj.get("spec"))) for obj in found]

    @cached_property
    def bundles(self) -> list[Bundle]:
        """Every Bundle."""
        return bundles(self._objects)

    @cached_property
    def by_secret(self) -> dict[tuple[str, str], Certificate]:
        """Certificates by namespace and name of the Secret that they write; the first of several."""
        found: dict[tuple[str, str], Certificate] = {}
        for each in self.certificates:
            found.setdefault((each.namespace, each.secret), each)
        return found

    @cached_property
    def authorities(self) -> dict[str, list[Certificate]]:
        """The CAs among the Certificates, by the name of their Secret."""
        found: dict[str, list[Certificate]] = {}
        for each in self.certificates:
            if each.is_ca and each.secret:
                found.setdefault(each.secret, []).append(each)
        return found

    @cached_property
    def issuers(self) -> dict[IssuerRef, Mapping[str, Any]]:
        """The spec of every issuer of cert-manager's own group."""
        return {
            IssuerRef(*key_of(obj)): mapping(obj.get("spec"))
            for kind in ("Issuer", "ClusterIssuer")
            for obj in self._objects.all(kind)
            if of_group(obj, GROUP)
        }

    def releases(self, chart: str) -> list[Release]:
        """The releases of a chart by its name."""
        return [each for each in self._objects.releases if each.chart_name == chart]

    @cached_property
    def resource_namespaces(self) -> frozenset[str]:
        """Where ClusterIssuers read Secrets: cert-manager's own namespace unless it is told another.

        Empty where the set doesn't show a cert-manager. Source: cert-manager/cert-manager
        ``deploy/charts/cert-manager/values.yaml``, clusterResourceNamespace.
        """
        paths = ("clusterResourceNamespace", "namespace")
        said = {
            str(next((given for path in paths if (given := value(each, path))), each.namespace))
            for each in self.releases("cert-manager")
        }
        return frozenset(said or self._flagged())

    def _flagged(self) -> Iterator[str]:
        for obj in self._objects.all("Deployment"):
            pod = mapping(mapping(mapping(obj.get("spec")).get("template")).get("spec"))
            for container in dicts(pod.get("containers")):
                for flag in texts(container.get("args")):
                    if flag.startswith(_FLAG):
                        given = flag.removeprefix(_FLAG)
                        yield key_of(obj)[1] if given == _OWN_NAMESPACE else given

    @cached_property
    def trust_namespaces(self) -> frozenset[str]:
        """Where Bundles read their sources; empty where the set doesn't show a trust-manager."""
        found = self.releases("trust-manager")
        return frozenset(str(value(each, "app.trust.namespace") or _TRUST_NAMESPACE) for each in found)

    def signs_with(self, issuer: IssuerRef) -> str | None:
        """The name of the Secret that a CA issuer signs with; None for other issuers and those not in the set."""
        return mapping(self.issuers.get(issuer, {}).get("ca")).get("secretName") or None

    def authority(self, issuer: IssuerRef) -> Certificate | None:
        """The CA Certificate that an issuer signs with, if the set has it."""
        candidates = self.authorities.get(str(self.signs_with(issuer)), [])
        spaces = self.resource_namespaces if issuer.for_all else {issuer.namespace}
        return next((each for each in candidates if not spaces or each.namespace in spaces), None)

    def self_signed(self, issuer: IssuerRef) -> bool:
        """Whether it only signs with the requester's own key."""
        return self.issuers.get(issuer, {}).get("selfSigned") is not None

    def issuers_of(self, certificate: Certificate) -> list[IssuerRef]:
        """The issuers from a Certificate's own up to the highest that the set knows, without self-signed ones."""
        found: list[IssuerRef] = []
        step: Certificate | None = certificate
        while step is not None and step.issuer not in found and not self.self_signed(step.issuer):
            found.append(step.issuer)
            step = self.authority(step.issuer)
        return found

    def above(self, certificate: Certificate) -> list[Certificate]:
        """The CA Certificates from the one that issues a Certificate up to the root."""
        found: list[Certificate] = []
        for issuer in self.issuers_of(certificate):
            ca = self.authority(issuer)
            if ca is not None and ca is not certificate:
                found.append(ca)
        return found

    def exported(self, bundle: Bundle) -> list[Certificate]:
        """The Certificates whose Secrets are a Bundle's sources."""
        spaces = self.trust_namespaces
        return [
            each
            for source in bundle.sources
            if source.kind == "Secret"
            for each in self._by_name.get(source.name, ())
            if not spaces or each.namespace in spaces
        ]

    @cached_property
    def _by_name(self) -> dict[str, list[Certificate]]:
        found: dict[str, list[Certificate]] = {}
        for each in self.certificates:
            found.setdefault(each.secret, []).append(each)
        return found
