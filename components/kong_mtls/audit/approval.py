"""Who may have what approved: approver-policy's CertificateRequestPolicies, and the rights that go with them.

Sources: cert-manager/approver-policy ``pkg/apis/policy/v1alpha1/types_certificaterequestpolicy.go`` and
``pkg/internal/approver/manager/predicate/predicate.go``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from kong_mtls.reader.cert_manager import IssuerRef, of_group
from kong_mtls.reader.manifests import Objects, ident, key_of, labels_of
from kong_mtls.reader.pods import dicts, mapping, texts

from .workloads import matches

POLICY_GROUP = "policy.cert-manager.io"
_RESOURCE = "certificaterequestpolicies"


@dataclass(frozen=True)
class Policy:
    """A CertificateRequestPolicy.

    Attributes:
        object: ``CertificateRequestPolicy//name``.
        name: its own.
        spec: as it stands.
    """

    object: str
    name: str
    spec: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def issuer_name(self) -> str:
        """The one issuer's name that it is about; "" where it may be another's too."""
        name = str(mapping(mapping(self.spec.get("selector")).get("issuerRef")).get("name") or "")
        return "" if "*" in name else name

    @property
    def namespaces(self) -> list[str]:
        """The names of namespaces, or patterns of them, that it is about; empty for any."""
        return texts(mapping(mapping(self.spec.get("selector")).get("namespace")).get("matchNames"))

    def selects(self, issuer: IssuerRef) -> bool:
        """Whether it is about requests to an issuer; what its selector leaves out is any."""
        given = mapping(mapping(self.spec.get("selector")).get("issuerRef"))
        asked = (("name", issuer.name), ("kind", issuer.kind), ("group", issuer.group))
        return all(given.get(part) is None or _wild(given[part], own) for part, own in asked)

    def admits(self, namespace: str, objects: Objects) -> bool:
        """Whether it is about requests from a namespace; labels of one that isn't in the set may be any."""
        selector = mapping(mapping(self.spec.get("selector")).get("namespace"))
        if self.namespaces and not any(_wild(name, namespace) for name in self.namespaces):
            return False
        labels, found = mapping(selector.get("matchLabels")), objects.get("Namespace", None, namespace)
        return not labels or found is None or matches({"matchLabels": labels}, labels_of(found))

    @property
    def every_namespace(self) -> bool:
        """Whether requests of every namespace are its business."""
        selector = mapping(mapping(self.spec.get("selector")).get("namespace"))
        return (not self.namespaces or "*" in self.namespaces) and not selector.get("matchLabels")

    @property
    def allows_ca(self) -> bool:
        """Whether a CA may be asked for."""
        return mapping(self.spec.get("allowed")).get("isCA") is True

    @property
    def constrained(self) -> bool:
        """Whether anything is said of duration or key."""
        return bool(mapping(self.spec.get("constraints")))


class Policies:
    """The policies of a set, found by issuer and namespace; built once, so that thousands are no matter."""

    def __init__(self, objects: Objects) -> None:
        """Go through the set once."""
        self._objects = objects
        found = (obj for obj in objects.all("CertificateRequestPolicy") if of_group(obj, POLICY_GROUP))
        self.all = [Policy(ident(obj), key_of(obj)[2], mapping(obj.get("spec"))) for obj in found]
        self._named: dict[str, list[Policy]] = {}
        for each in self.all:
            self._named.setdefault(each.issuer_name, []).append(each)
        self._selecting: dict[IssuerRef, list[Policy]] = {}
        self._within: dict[IssuerRef, dict[str, list[Policy]]] = {}

    def selecting(self, issuer: IssuerRef) -> list[Policy]:
        """Those that are about requests to an issuer."""
        if issuer not in self._selecting:
            near = [*self._named.get(issuer.name, ()), *self._named.get("", ())]
            self._selecting[issuer] = [each for each in near if each.selects(issuer)]
        return self._selecting[issuer]

    def admitting(self, issuer: IssuerRef, namespace: str) -> list[Policy]:
        """Those that are about requests to an issuer from a namespace."""
        if issuer not in self._within:
            within: dict[str, list[Policy]] = {}
            for each in self.selecting(issuer):
                names = set(each.namespaces) or {""}
                for name in {""} if any("*" in name for name in names) else names:
                    within.setdefault(name, []).append(each)
            self._within[issuer] = within
        near = [*self._within[issuer].get(namespace, ()), *self._within[issuer].get("", ())]
        return [each for each in near if each.admits(namespace, self._objects)]


def _wild(pattern: object, text: str) -> bool:
    # Only * is special in a policy; fnmatch knows ? and [ too.
    literal = str(pattern).replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(text, literal)


def usable(objects: Objects) -> frozenset[str] | None:
    """The policies that some role in use lets somebody use; None when one lets them use all.

    A policy that the requester has no right to use approves nothing. For a Certificate the requester is
    cert-manager's own service account. Roles that allow everything are the administrators'.
    """
    found: set[str] = set()
    bindings = bound(objects)
    for role, rule in _granted(objects, POLICY_GROUP, _RESOURCE, ("use",)):
        if role in bindings:
            names = texts(rule.get("resourceNames"))
            if not names:
                return None
            found.update(names)
    return frozenset(found)


def _granted(
    objects: Objects, group: str, resource: str, verbs: tuple[str, ...]
) -> Iterator[tuple[tuple[str, str, str], Mapping[str, Any]]]:
    for kind in ("ClusterRole", "Role"):
        for obj in objects.all(kind):
            for rule in dicts(obj.get("rules")):
                groups, resources = texts(rule.get("apiGroups")), texts(rule.get("resources"))
                everything = "*" in groups and "*" in resources
                named = {group, "*"} & set(groups) and {resource, "*"} & set(resources)
                if named and not everything and {*verbs, "*"} & set(texts(rule.get("verbs"))):
                    yield key_of(obj), rule


def bound(objects: Objects) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """The bindings of each role, by the role's key."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for obj in objects.all(kind):
            reference = mapping(obj.get("roleRef"))
            role = str(reference.get("kind"))
            namespace = "" if role == "ClusterRole" else key_of(obj)[1]
            if dicts(obj.get("subjects")):
                found.setdefault((role, namespace, str(reference.get("name"))), []).append(obj)
    return found


def may_ask_anywhere(objects: Objects, group: str, resources: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], str]]:
    """ClusterRoleBindings by which somebody may create some of these in every namespace, with the resource."""
    bindings = bound(objects)
    for resource in resources:
        for role, _ in _granted(objects, group, resource, ("create",)):
            for binding in bindings.get(role, ()):
                if binding.get("kind") == "ClusterRoleBinding":
                    yield binding, resource
