"""Stand-in for approver-policy: CertificateRequestPolicy, and whether a request is approved.

A request is judged where a release of cert-manager in the program leaves approval to somebody else
(``disableAutoApproval: true``). Of rules in CEL (``validations``) those of the form ``self in ["a", "b"]`` are judged
too; any other is taken to hold.

Source: cert-manager/approver-policy v0.27.0, ``pkg/internal/approver`` (``manager``: which policies count;
``allowed``, ``constraints``: what they let through); cert-manager/cert-manager v1.21.1,
``deploy/charts/cert-manager/templates/_helpers.tpl`` (the ServiceAccount that asks).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins import cert_manager_request as requests
from kong_mtls.rehearsal.standins import kubernetes
from kong_mtls.rehearsal.standins.cert_manager_issuers import NotReady
from kong_mtls.rehearsal.standins.cert_manager_rules import duration_of
from kong_mtls.rehearsal.standins.cert_manager_secret import ref_of
from kong_mtls.rehearsal.standins.model import World

GROUP: Final = "policy.cert-manager.io"
KIND: Final = "CertificateRequestPolicy"
_PLURAL: Final = "certificaterequestpolicies"
_LISTED: Final = re.compile(r"\s*self\s+in\s+(\[.*\])\s*", re.DOTALL)

Item = Mapping[str, Any]


def check_approved(
    world: World, namespace: str, spec: Item, csr: x509.CertificateSigningRequest, *, by_cert_manager: bool
) -> None:
    """Whether a CertificateRequest is approved.

    Args:
        world: What exists.
        namespace: The request's.
        spec: The request's: issuer, duration, usages, isCA.
        csr: The request itself.
        by_cert_manager: Whether cert-manager asks, for a Certificate; else whoever runs the program, who may use any
            policy.

    Raises:
        NotReady: It waits for approval, or is denied.
    """
    account = _asking(world)
    if account is None:
        return
    policies = [one for one in world.all(KIND) if _is_about(world, one, namespace, spec)]
    if by_cert_manager:
        policies = [one for one in policies if _may_use(world, account, namespace, _name(one))]
    if not policies:
        raise NotReady("WaitingForApproval: No CertificateRequestPolicies bound or applicable")
    denials = []
    for one in policies:
        policy = wire.plain(one["spec"])
        found = [
            *_refused(policy.get("allowed") or {}, spec, csr),
            *_outside(policy.get("constraints") or {}, spec, csr),
        ]
        if not found:
            return
        denials.append(f"[{_name(one)}: {', '.join(found)}]")
    raise NotReady(f"Denied: No policy approved this request: {' '.join(denials)}")


def _asking(world: World) -> tuple[str, str] | None:
    """Namespace and name of cert-manager's ServiceAccount, where it does not approve by itself; else None."""
    for release in world.releases("cert-manager"):
        values = release.get("values") or {}
        if values.get("disableAutoApproval") is True:
            given = values.get("serviceAccount") or {}
            name = given.get("name") or values.get("fullnameOverride")
            if not name:
                base, own = str(values.get("nameOverride") or "cert-manager"), str(release.get("name"))
                name = own if base in own else f"{own}-{base}"
            return str(values.get("namespace") or release.get("namespace")), str(name)
    return None


def _name(item: Item) -> str:
    return str(kubernetes.metadata(item).get("name"))


def _wild(pattern: str, text: str) -> bool:
    """Whether `text` fits a pattern, in which only ``*`` is special."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text, re.DOTALL) is not None


def _is_about(world: World, policy: Item, namespace: str, spec: Item) -> bool:
    selector = wire.plain(policy["spec"]).get("selector") or {}
    ref, asked = ref_of(spec), selector.get("issuerRef") or {}
    if any(asked.get(key) is not None and not _wild(asked[key], ref[key]) for key in ("name", "kind", "group")):
        return False
    place = selector.get("namespace") or {}
    names = place.get("matchNames") or []
    if names and not any(_wild(one, namespace) for one in names):
        return False
    labels = world.namespaces().get(namespace, {})
    return all(labels.get(key) == value for key, value in (place.get("matchLabels") or {}).items())


def _may_use(world: World, account: tuple[str, str], namespace: str, policy: str) -> bool:
    """Whether roles of the program let a ServiceAccount ``use`` a policy in a namespace."""
    for kind, home in (("ClusterRoleBinding", ""), ("RoleBinding", namespace)):
        for binding in world.all(kind):
            if kubernetes.namespace_of(binding) != home:
                continue
            given = wire.plain(binding)
            if not any(_is_subject(one, account) for one in given.get("subjects") or ()):
                continue
            ref = given.get("roleRef") or {}
            role = world.find(
                str(ref.get("kind")), "" if ref.get("kind") == "ClusterRole" else home, str(ref.get("name"))
            )
            if role is not None and any(_grants(one, policy) for one in wire.plain(role).get("rules") or ()):
                return True
    return False


def _is_subject(subject: Item, account: tuple[str, str]) -> bool:
    namespace, name = account
    if subject.get("kind") == "ServiceAccount":
        return (subject.get("namespace"), subject.get("name")) == (namespace, name)
    groups = ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    user = f"system:serviceaccount:{namespace}:{name}"
    return subject.get("name") in (groups if subject.get("kind") == "Group" else (user,))


def _grants(rule: Item, policy: str) -> bool:
    def has(key: str, value: str) -> bool:
        return bool({value, "*"} & set(rule.get(key) or ()))

    names = rule.get("resourceNames") or []
    return (
        has("apiGroups", GROUP) and has("resources", _PLURAL) and has("verbs", "use") and (not names or policy in names)
    )


def _refused(allowed: Item, spec: Item, csr: x509.CertificateSigningRequest) -> Iterator[str]:
    """What a request has that a policy does not allow, or lacks that it requires."""
    path = "spec.allowed"
    yield from _texts(_values(csr, NameOID.COMMON_NAME), allowed.get("commonName"), f"{path}.commonName")
    for key, values in requests.alternative_names(csr).items():
        yield from _texts(values, allowed.get(key), f"{path}.{key}")
    if spec.get("isCA") and not allowed.get("isCA"):
        yield f"{path}.isCA: Invalid value: true: {_shown(allowed.get('isCA'))}"
    usages = spec.get("usages") or []
    if usages and (allowed.get("usages") is None or not _all_fit(allowed["usages"], usages)):
        yield f"{path}.usages: Invalid value: {json.dumps(usages)}: {_shown(allowed.get('usages'))}"
    subject = allowed.get("subject") or {}
    for key, oid in (*requests.SUBJECT, ("serialNumber", NameOID.SERIAL_NUMBER)):
        yield from _texts(_values(csr, oid), subject.get(key), f"{path}.subject.{key}")


def _values(csr: x509.CertificateSigningRequest, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(one.value) for one in csr.subject.get_attributes_for_oid(oid)]


def _texts(values: Sequence[str], rule: Item | None, path: str) -> Iterator[str]:
    if not values:
        if rule is not None and rule.get("required"):
            yield f"{path}.required: Required value: true"
        return
    patterns = None if rule is None else [rule["value"]] if rule.get("value") is not None else rule.get("values")
    validations = [] if rule is None else rule.get("validations") or []
    if patterns is None and not validations:
        yield f"{path}: Invalid value: {json.dumps(list(values))}: no allowed values"
        return
    if patterns is not None and not _all_fit(patterns, values):
        yield f"{path}: Invalid value: {json.dumps(list(values))}: {', '.join(patterns)}"
    for validation in validations:
        listed = _LISTED.fullmatch(validation["rule"])
        if listed is not None and not set(values) <= set(json.loads(listed[1])):
            reason = validation.get("message") or f"failed rule: {validation['rule']}"
            yield f"{path}.validations: Invalid value: {json.dumps(list(values))}: {reason}"


def _all_fit(patterns: Sequence[str], values: Sequence[str]) -> bool:
    return all(any(_wild(pattern, value) for pattern in patterns) for value in values)


def _shown(value: Any) -> str:
    if value is None:
        return "nil"
    return ", ".join(value) if isinstance(value, list) else str(value).lower()


def _outside(limits: Item, spec: Item, csr: x509.CertificateSigningRequest) -> Iterator[str]:
    """What of a request's lifetime and key is outside a policy's constraints."""
    path, asked = "spec.constraints", duration_of(spec, "duration")
    for key in ("maxDuration", "minDuration"):
        limit = duration_of(limits, key)
        if limit is None:
            continue
        if asked is None or (limit < asked if key == "maxDuration" else limit > asked):
            yield f'{path}.{key}: Invalid value: "{spec.get("duration") or "nil"}": {limits[key]}'
    wanted = limits.get("privateKey") or {}
    public = csr.public_key()
    algorithm, size = "Ed25519", -1
    if isinstance(public, rsa.RSAPublicKey):
        algorithm, size = "RSA", public.key_size
    elif isinstance(public, ec.EllipticCurvePublicKey):
        algorithm, size = "ECDSA", public.curve.key_size
    elif not isinstance(public, ed25519.Ed25519PublicKey):
        algorithm = type(public).__name__
    if wanted.get("algorithm") not in (None, algorithm):
        yield f'{path}.privateKey.algorithm: Invalid value: "{algorithm}": {wanted["algorithm"]}'
    if wanted.get("maxSize") is not None and wanted["maxSize"] < size:
        yield f'{path}.privateKey.maxSize: Invalid value: "{size}": {wanted["maxSize"]}'
    if wanted.get("minSize") is not None and wanted["minSize"] > size:
        yield f'{path}.privateKey.minSize: Invalid value: "{size}": {wanted["minSize"]}'
