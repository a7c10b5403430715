"""Generations of a CA in the cluster: their keys are there, and only their certificates come here."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pulumi

from ...custom_object import CustomObject
from ...outputs import mapped, public
from ..x509 import certificates
from . import objects
from .args import AuthorityIssuerArgs, Issuance
from .declare import approve, declared
from .issuer import Issuer

_DAY_HOURS = 24
# A generation is never changed: a later default or setting applies to generations made later.
_IMMUTABLE = ["spec"]


@dataclass(frozen=True)
class Asked:
    """What a CA is asked to be.

    Attributes:
        common_name: without the generation's name.
        subject: its other parts, by their names in arguments.
        key: one of ``issue.KEYS``.
        validity_hours: of a generation.
        intermediate: whether an intermediate issues.
    """

    common_name: str
    subject: Mapping[str, str]
    key: str
    validity_hours: int
    intermediate: bool


@dataclass(frozen=True)
class Generation:
    """One generation.

    Attributes:
        root_pem: what peers trust. Public.
        not_after: its end, RFC 3339.
        signer: what issues.
    """

    root_pem: pulumi.Output[str]
    not_after: pulumi.Output[str]
    signer: Issuer


def given_generation(
    generation: str, given: AuthorityIssuerArgs, issuance: Issuance, what: str, after: pulumi.Output[None] | None
) -> Generation:
    """A generation that an issuer of the user's is.

    Args:
        generation: its name.
        given: the issuer.
        issuance: how certificates are asked for.
        what: how to name the CA in messages.
        after: what must have resolved before anything is asked of it.
    """
    kind, group = given.get("kind") or "ClusterIssuer", given.get("group") or objects.GROUP
    pem = pulumi.Output.from_input(given["trust_pem"])
    not_after = pem.apply(lambda text: _end(text, f"{what}.issuers.{generation}.trust_pem"))
    name = given["name"] if after is None else pulumi.Output.all(given["name"], after).apply(lambda both: str(both[0]))
    reference = objects.issuer_ref(name, kind, group)
    return Generation(pem, not_after, Issuer(f"{kind} of {generation}", reference, issuance, not_after, pem))


@dataclass(frozen=True)
class Maker:
    """Makes the generations of one CA.

    Attributes:
        name: stem of the resources' names.
        asked: what the CA is asked to be.
        self_signed: the issuer of roots.
        issuance: where they are made.
        opts: options for the resources.
    """

    name: str
    asked: Asked
    self_signed: CustomObject
    issuance: Issuance
    opts: pulumi.ResourceOptions

    def make(self, generation: str) -> Generation:
        """Make a CA, its issuer and the export of its certificate.

        The export is read back and passed on as text: the ingress controller wants `id` and one certificate in an
        object, which neither cert-manager nor trust-manager makes, and reading the CA's own Secret would bring its key
        here.
        """
        stem, object_name = f"{self.name}-{generation}", f"{self.issuance.prefix}-{self.name}-{generation}"
        common_name = f"{self.asked.common_name} {generation}"
        self_signed = objects.issuer_ref(self.self_signed.object_name)
        root = self._certificate(stem, object_name, common_name, self.asked.validity_hours, self_signed)
        root_pem = self._public(stem, object_name, root)
        not_after = mapped(root_pem, lambda text: _end(text, stem))
        issuer = self._declared(f"{stem}-issuer", objects.ca_issuer(object_name, root.object_name))
        if self.asked.intermediate:
            issuer = self._intermediate(stem, object_name, generation, issuer)
        reference = objects.issuer_ref(issuer.object_name)
        return Generation(root_pem, not_after, Issuer(common_name, reference, self.issuance, not_after, root_pem))

    def _intermediate(self, stem: str, object_name: str, generation: str, root: CustomObject) -> CustomObject:
        name, below = f"{stem}-intermediate", f"{object_name}-intermediate"
        common_name = f"{self.asked.common_name} intermediate {generation}"
        # A day less than the root, whichever of the two is made first.
        validity = max(1, self.asked.validity_hours - _DAY_HOURS)
        made = self._certificate(name, below, common_name, validity, objects.issuer_ref(root.object_name))
        return self._declared(f"{name}-issuer", objects.ca_issuer(below, made.object_name))

    def _certificate(
        self, name: str, object_name: str, common_name: str, validity_hours: int, issuer: Mapping[str, Any]
    ) -> CustomObject:
        manifest = objects.ca_certificate(
            object_name,
            self.issuance.namespace,
            common_name=common_name,
            subject=self.asked.subject,
            key=self.asked.key,
            validity_hours=validity_hours,
            issuer=issuer,
        )
        approved = approve(name, manifest, object_name, self.issuance, self.opts)
        immutable = pulumi.ResourceOptions(ignore_changes=_IMMUTABLE, depends_on=approved)
        return declared(name, manifest, self.issuance, pulumi.ResourceOptions.merge(self.opts, immutable))

    def _public(self, stem: str, object_name: str, root: CustomObject) -> pulumi.Output[str]:
        """The CA's certificate, by way of trust-manager, which lets no key through."""
        name, namespace = f"{stem}-public", self.issuance.namespace
        export = self._declared(name, objects.public_export(object_name, namespace, root.object_name))
        # From the id, which is unknown before the Bundle is there: a first preview would look for it, and fail.
        place = export.id.apply(lambda _: f"{namespace}/{object_name}")
        return PublicExport(name, place, object_name, namespace, self.opts).certificate_pem

    def _declared(self, name: str, manifest: Mapping[str, Any]) -> CustomObject:
        return declared(name, manifest, self.issuance, self.opts)


class PublicExport(pulumi.CustomResource):
    """A ConfigMap that trust-manager keeps, read at every update.

    The SDK's own ``ConfigMap.get`` gives the provider no inputs; it then takes the whole live object for them, a
    refresh takes them away again, and each refresh would show a change (pulumi-kubernetes, provider/pkg/provider,
    ``Read``).
    """

    data: pulumi.Output[Mapping[str, str]]
    """Its data; public."""

    def __init__(
        self,
        resource_name: str,
        place: pulumi.Output[str],
        object_name: str,
        namespace: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Read it."""
        # Without the namespace among the inputs the provider looks in `default`, whatever the id says.
        inputs = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": object_name, "namespace": namespace},
            "data": None,
        }
        read = pulumi.ResourceOptions(id=place, version=version("pulumi-kubernetes"))
        super().__init__(
            "kubernetes:core/v1:ConfigMap", resource_name, inputs, pulumi.ResourceOptions.merge(opts, read)
        )

    @property
    def certificate_pem(self) -> pulumi.Output[str]:
        """What is under ``objects.TRUST_KEY``."""
        return pulumi.Output.from_input(public(self.data.apply(lambda data: str(data[objects.TRUST_KEY]))))


def _end(pem: str, what: str) -> str:
    return min(f"{one.not_after:%Y-%m-%dT%H:%M:%SZ}" for one in certificates(pem, what))
