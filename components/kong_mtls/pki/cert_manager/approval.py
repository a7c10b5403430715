"""Who may get which certificate, for clusters where approver-policy decides: a policy per Certificate.

A ClusterIssuer signs for any namespace, also a CA's certificate, and whoever may write Certificates may ask it: the
chart of cert-manager gives that right to every namespace's `edit` and `admin` (deploy/charts/cert-manager,
templates/rbac.yaml). A policy lets exactly one request through: this issuer, this namespace, these names and usages.

What approver-policy does (cert-manager/approver-policy v0.27.0, pkg/internal/approver): every policy judges a request
whose selector matches it and which the requester may `use` in its namespace; one that lets it through is enough. When
there is none, the request waits; when all refuse, it is denied for good, and cert-manager asks again an hour later. So
a policy is there, ready and bound, before its Certificate. What Certificates want is asked for by cert-manager's own
ServiceAccount, the same for all of a namespace: what tells two of them apart is what they ask for.
"""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from ...custom_object import CustomObject
from ...errors import InputError
from ...outputs import is_output, mapped

API = "policy.cert-manager.io/v1alpha1"
KIND = "CertificateRequestPolicy"
_GROUP = "policy.cert-manager.io"
_RBAC = "rbac.authorization.k8s.io"

_LISTS = ("dnsNames", "ipAddresses", "uris", "emailAddresses")
_SUBJECT_LISTS = (
    "organizations",
    "organizationalUnits",
    "countries",
    "localities",
    "provinces",
    "streetAddresses",
    "postalCodes",
)
_UNSUPPORTED = ("literalSubject", "otherNames")
_SIZED = ("RSA", "ECDSA")
"""Algorithms whose keys have a size; with Ed25519 a size is refused (constraints/validation.go)."""
_DEFAULT_SIZE: Mapping[str, int] = {"RSA": 2048, "ECDSA": 256}


@dataclass(frozen=True)
class Requester:
    """Who asks for what Certificates want: the ServiceAccount of cert-manager's controller.

    Attributes:
        name: its name.
        namespace: cert-manager's.
    """

    name: str = "cert-manager"
    namespace: str = "cert-manager"


def policy(certificate: Mapping[str, Any], *, name: pulumi.Input[str]) -> dict[str, Any]:
    """The policy that lets exactly what a Certificate asks for through.

    What it doesn't list is denied: another name, usage or part of the subject, and a CA unless this is one. Lifetime
    and key are held to what is asked: neither longer nor shorter, no other algorithm or size.

    Args:
        certificate: the Certificate's manifest, as it is applied; outputs in it stay as they are.
        name: of the policy, which is one for the whole cluster.

    Raises:
        InputError: a Certificate with a literal subject or with other names, which are not compared here.
    """
    spec = certificate["spec"]
    unsupported = [field for field in _UNSUPPORTED if spec.get(field)]
    if unsupported:
        raise InputError(
            f"Certificate {_shown(certificate)}: {', '.join(unsupported)} can't be put in a policy; write the "
            "CertificateRequestPolicy yourself"
        )
    reference = spec["issuerRef"]
    issuer = {"name": reference["name"], "kind": reference["kind"], "group": reference["group"]}
    selector = {"issuerRef": issuer, "namespace": {"matchNames": [certificate["metadata"]["namespace"]]}}
    found: dict[str, Any] = {"selector": selector, "allowed": _allowed(spec)}
    constraints = _constraints(spec)
    if constraints:
        found["constraints"] = constraints
    metadata = {"name": name, "annotations": {"pulumi.com/waitFor": "condition=Ready"}}
    return {"apiVersion": API, "kind": KIND, "metadata": metadata, "spec": found}


def request_policy(
    request: Mapping[str, Any], *, name: pulumi.Input[str], common_name: pulumi.Input[str]
) -> dict[str, Any]:
    """The policy that lets a signing request through which somebody else's key made.

    It may have one name, as common name and perhaps as DNS name: what else a request holds would be signed unseen.
    The requester is whoever applies it, the user of the update, who must be allowed to `use` the policy; a cluster's
    administrator is.

    Args:
        request: the CertificateRequest's manifest.
        name: of the policy.
        common_name: the one expected of the request.
    """
    asked = {field: request["spec"][field] for field in ("usages", "duration", "issuerRef") if field in request["spec"]}
    made = policy({"metadata": request["metadata"], "spec": {**asked, "commonName": common_name}}, name=name)
    made["spec"]["allowed"]["dnsNames"] = {"values": [common_name], **_exactly([common_name])}
    return made


def role(certificate: Mapping[str, Any], *, name: pulumi.Input[str]) -> dict[str, Any]:
    """The right to use that policy, in the Certificate's namespace and for nothing else.

    Args:
        certificate: the Certificate's manifest.
        name: of the policy; the Role has the same.
    """
    rule = {
        "apiGroups": [_GROUP],
        "resources": ["certificaterequestpolicies"],
        "resourceNames": [name],
        "verbs": ["use"],
    }
    return {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": _place(certificate, name), "rules": [rule]}


def binding(
    certificate: Mapping[str, Any],
    *,
    name: pulumi.Input[str],
    requester: Requester = Requester(),
) -> dict[str, Any]:
    """That right, given to cert-manager's controller.

    Args:
        certificate: the Certificate's manifest.
        name: of policy and Role; the RoleBinding has the same.
        requester: who asks.
    """
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": _place(certificate, name),
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": requester.name, "namespace": requester.namespace}],
    }


def grants(
    resource_name: str,
    certificate: Mapping[str, Any],
    name: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    requester: Requester = Requester(),
) -> list[pulumi.Resource]:
    """Role and RoleBinding as resources; the Certificate depends on them and on the policy.

    Args:
        resource_name: stem of the resources' names.
        certificate: the Certificate's manifest.
        name: of the policy.
        opts: options for the resources.
        requester: who asks.
    """
    return [
        CustomObject(f"{resource_name}-policy-role", role(certificate, name=name), opts),
        CustomObject(f"{resource_name}-policy-binding", binding(certificate, name=name, requester=requester), opts),
    ]


def _place(certificate: Mapping[str, Any], name: pulumi.Input[str]) -> dict[str, Any]:
    return {"name": name, "namespace": certificate["metadata"]["namespace"]}


def _shown(certificate: Mapping[str, Any]) -> str:
    name = certificate["metadata"].get("name")
    return "" if name is None or is_output(name) else repr(name)


def _allowed(spec: Mapping[str, Any]) -> dict[str, Any]:
    allowed: dict[str, Any] = {}
    if spec.get("commonName"):
        allowed["commonName"] = _one(spec["commonName"])
    for field in _LISTS:
        if spec.get(field):
            values = spec[field]
            allowed[field] = _many([mapped(it, _address) for it in values] if field == "ipAddresses" else values)
    if spec.get("usages"):
        allowed["usages"] = list(spec["usages"])
    if spec.get("isCA"):
        allowed["isCA"] = True
    subject = spec.get("subject") or {}
    parts = {field: _many(subject[field]) for field in _SUBJECT_LISTS if subject.get(field)}
    if subject.get("serialNumber"):
        parts["serialNumber"] = _one(subject["serialNumber"])
    return allowed | ({"subject": parts} if parts else {})


def _address(value: Any) -> str:
    """An IP address as it is written when it is compared (Go, ``net.IP.String``)."""
    return str(ipaddress.ip_address(str(value)))


def _one(value: pulumi.Input[str]) -> dict[str, Any]:
    """A text that must be there, and be this one."""
    return {"value": value, "required": True, **_exactly([value])}


def _many(values: Sequence[pulumi.Input[str]]) -> dict[str, Any]:
    """Texts of which some must be there, and no others."""
    return {"values": list(values), "required": True, **_exactly(values)}


def _exactly(values: Sequence[pulumi.Input[str]]) -> dict[str, Any]:
    """A rule besides, where a `*` in a name would match anything: `*.example.com` also `a.b.example.com`."""
    if not any(isinstance(value, str) and "*" in value for value in values):
        return {}
    rule = (
        pulumi.Output.all(*values).apply(lambda known: _rule(list(known)))
        if any(is_output(value) for value in values)
        else _rule(list(values))
    )
    return {"validations": [{"rule": rule}]}


def _rule(values: list[Any]) -> str:
    # A JSON string is a string of CEL's, too (google/cel-spec, doc/langdef.md, "String and Bytes Values").
    return f"self in {json.dumps(values)}"


def _constraints(spec: Mapping[str, Any]) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    if spec.get("duration"):
        constraints |= {"minDuration": spec["duration"], "maxDuration": spec["duration"]}
    key = spec.get("privateKey")
    if key is not None:
        algorithm = key.get("algorithm") or "RSA"
        found: dict[str, Any] = {"algorithm": algorithm}
        if algorithm in _SIZED:
            size = key.get("size") or _DEFAULT_SIZE[algorithm]
            found |= {"minSize": size, "maxSize": size}
        constraints["privateKey"] = found
    return constraints
