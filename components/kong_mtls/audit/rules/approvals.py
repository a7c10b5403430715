"""Who may have a certificate: approver-policy's policies for the cluster link, and rights to ask."""

from __future__ import annotations

from collections.abc import Iterator

from kong_mtls.reader.cert_manager import GROUP, Certificate, IssuerRef, value
from kong_mtls.reader.manifests import ident
from kong_mtls.reader.pods import dicts

from ..approval import may_ask_anywhere, usable
from ..context import Context
from ..model import Hit, rule
from ..unknown import known
from .doors import of_cluster

_APPROVER = "https://cert-manager.io/docs/policy/approval/approver-policy/"
_TYPES = "cert-manager/approver-policy pkg/apis/policy/v1alpha1/types_certificaterequestpolicy.go"
_JOINS = "in pki mode any client certificate of that CA joins as a data plane and gets the whole configuration"
_CHART = "cert-manager"


def _own_approval(context: Context) -> bool | None:
    """Whether cert-manager approves requests by itself; None where no release of it is in the set."""
    found = context.cert_manager.releases(_CHART)
    if not found:
        return None
    # Approval is switched off as a whole, or by leaving no signer's name to approve.
    return any(
        value(each, "disableAutoApproval") is not True and value(each, "approveSignerNames") not in ([], "")
        for each in found
    )


def _of_cluster(context: Context) -> dict[IssuerRef, list[Certificate]]:
    """The issuers behind the cluster link that sign for every namespace, with the cluster certificates under them."""
    found: dict[IssuerRef, list[Certificate]] = {}
    for certificate, _ in of_cluster(context).values():
        for issuer in context.cert_manager.issuers_of(certificate):
            if issuer.for_all and context.judged(issuer.object):
                found.setdefault(issuer, []).append(certificate)
    return found


@rule(
    "cluster-anyone-issues",
    "warning",
    "Any namespace can have a certificate issued for the cluster link",
    effect=f"A ClusterIssuer signs for every namespace, CAs included, and {_JOINS}.",
    fix="Restrict it with approver-policy (a CertificateRequestPolicy for this issuer), or use an Issuer in a closed "
    "namespace.",
    source=_APPROVER,
)
def _anyone(context: Context) -> Iterator[Hit]:
    if not context.all_judged("CertificateRequestPolicy") or _own_approval(context) is False:
        return
    for issuer, certificates in _of_cluster(context).items():
        if not context.policies.selecting(issuer) and known(list(issuer)):
            yield Hit(issuer.object, f"it signs {certificates[0].object} and whatever else is asked of it")


@rule(
    "cluster-policy-wide",
    "warning",
    "A policy lets too many have a certificate for the cluster link",
    effect=f"Requests that one policy allows are approved, whatever the others say; {_JOINS}.",
    fix="selector.namespace.matchNames with the namespaces of control plane and data planes; no isCA unless a CA is "
    "issued here; constraints with maxDuration and the key's algorithm.",
    source=_TYPES,
)
def _wide(context: Context) -> Iterator[Hit]:
    issuers = _of_cluster(context)
    for policy in context.policies.all:
        for issuer in (each for each in issuers if policy.selects(each)):
            wide = ["it takes requests of every namespace"] if policy.every_namespace else []
            below = (each for each in context.cert_manager.certificates if each.is_ca and each.issuer == issuer)
            if policy.allows_ca and not any(policy.admits(each.namespace, context.objects) for each in below):
                wide.append("it allows CAs, and none is issued here")
            if not policy.constrained:
                wide.append("it sets no constraints on duration and key")
            if wide:
                yield Hit(policy.object, f"for {issuer.object}: {'; '.join(wide)}")
                break


@rule(
    "trust-policy-unbound",
    "warning",
    "Nobody has the right to use a policy",
    effect="A policy counts only for requesters with the verb use on it (for Certificates: cert-manager's own service "
    "account). Without that the requests it was made for are denied or hang.",
    fix="A ClusterRole with verbs: [use] on certificaterequestpolicies.policy.cert-manager.io and this resourceName, "
    "bound to the service account of cert-manager.",
    source="cert-manager/approver-policy pkg/internal/approver/manager/predicate/predicate.go (RBACBound)",
)
def _unbound(context: Context) -> Iterator[Hit]:
    if not context.policies.all or not context.all_judged("ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"):
        return
    named = usable(context.objects)
    for policy in context.policies.all:
        if named is not None and policy.name not in named:
            yield Hit(policy.object, "no role in the set that is bound to somebody grants its use")


@rule(
    "trust-policy-bypassed",
    "error",
    "cert-manager approves by itself what policies are to decide",
    effect="Its own approver and approver-policy race: what no policy allows is issued all the same.",
    fix="Set disableAutoApproval: true in cert-manager's release.",
    source=_APPROVER,
)
def _bypassed(context: Context) -> Iterator[Hit]:
    if context.policies.all and _own_approval(context):
        for release in context.cert_manager.releases(_CHART):
            name = f"Release/{release.namespace}/{release.name}"
            yield Hit(name, f"disableAutoApproval isn't set, and there is {context.policies.all[0].object}")


@rule(
    "trust-request-unapproved",
    "error",
    "Nothing approves what a Certificate asks for",
    effect="cert-manager is told to approve nothing by itself, and no policy is about this issuer and namespace: the "
    "request waits for ever, and so does whatever waits for the Secret.",
    fix="Add a CertificateRequestPolicy that selects the issuer and the namespace.",
    source=_APPROVER,
)
def _unapproved(context: Context) -> Iterator[Hit]:
    closed = _own_approval(context) is False and context.policies.all
    if not closed or not context.all_judged("CertificateRequestPolicy"):
        return
    for certificate in context.cert_manager.certificates:
        found = context.policies.admitting(certificate.issuer, certificate.namespace)
        if not found:
            yield Hit(certificate.object, f"no policy takes requests to {certificate.issuer.object} from here")
        elif certificate.is_ca and not any(policy.allows_ca for policy in found):
            yield Hit(certificate.object, f"isCA, and no policy for {certificate.issuer.object} allows that")
    for release in context.cert_manager.releases("trust-manager"):
        own = IssuerRef("Issuer", release.namespace, "trust-manager")
        alone = any(
            value(release, f"app.webhook.tls.{each}.enabled") is True for each in ("helmCert", "approverPolicy")
        )
        if not alone and not context.policies.admitting(own, release.namespace):
            yield Hit(
                f"Release/{release.namespace}/{release.name}",
                "its webhook's certificate: app.webhook.tls.approverPolicy.enabled isn't set",
            )


@rule(
    "hygiene-issuance-rights",
    "warning",
    "Somebody may ask for certificates in every namespace",
    effect="With a ClusterIssuer that is as good as holding its CA: names, usages and sub-CAs are the requester's "
    "choice.",
    fix="Grant it by a RoleBinding in the namespaces that need it, and restrict what may be asked for with "
    "approver-policy.",
    source="cert-manager/cert-manager deploy/charts/cert-manager/templates/rbac.yaml",
)
def _rights(context: Context) -> Iterator[Hit]:
    found: dict[str, list[str]] = {}
    for binding, resource in may_ask_anywhere(context.objects, GROUP, ("certificates", "certificaterequests")):
        if not _controllers(context, binding):
            found.setdefault(ident(binding), []).append(resource)
    for name, resources in found.items():
        yield Hit(name, f"it lets its subjects create {' and '.join(dict.fromkeys(resources))} everywhere")


def _controllers(context: Context, binding: dict[str, object]) -> bool:
    """Whether only cert-manager's own service accounts are bound (its chart's roles for the shim)."""
    spaces = context.cert_manager.resource_namespaces | {_CHART}
    subjects = dicts(binding.get("subjects"))
    return all(each.get("kind") == "ServiceAccount" and each.get("namespace") in spaces for each in subjects)
