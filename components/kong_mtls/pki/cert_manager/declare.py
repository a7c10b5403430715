"""Objects of cert-manager's kinds as resources: what an update waits for, and who approves them."""

from collections.abc import Mapping
from typing import Any

import pulumi

from ...custom_object import CustomObject
from . import approval
from .args import Issuance


def declared(name: str, manifest: Mapping[str, Any], issuance: Issuance, opts: pulumi.ResourceOptions) -> CustomObject:
    """An object that an update waits for, no longer than it should."""
    limit = f"{issuance.timeout_seconds}s"
    waits = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=limit, update=limit))
    return CustomObject(name, manifest, pulumi.ResourceOptions.merge(opts, waits))


def approve(
    name: str, certificate: Mapping[str, Any], object_name: str, issuance: Issuance, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Where approver-policy runs, say that this certificate may be asked for, as it is and from its namespace.

    Args:
        name: stem of the resources' names.
        certificate: the Certificate's manifest.
        object_name: name of the policy, which is one for the whole cluster.
        issuance: how certificates are asked for.
        opts: options for the resources.
    """
    if not issuance.approver_policy:
        return []
    requester = approval.Requester(issuance.service_account, issuance.namespace)
    policy = CustomObject(f"{name}-policy", approval.policy(certificate, name=object_name), opts)
    return [policy, *approval.grants(name, certificate, object_name, opts, requester)]


def approve_request(
    name: str,
    request: Mapping[str, Any],
    object_name: str,
    common_name: str,
    issuance: Issuance,
    *,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Likewise for somebody else's signing request, which the user of the update must be allowed to use the policy for.

    Args:
        name: the policy's resource is named after it.
        request: the CertificateRequest's manifest.
        object_name: name of the policy.
        common_name: the one name that it may have.
        issuance: how certificates are asked for.
        opts: options for the resource.
    """
    if not issuance.approver_policy:
        return []
    policy = approval.request_policy(request, name=object_name, common_name=common_name)
    return [CustomObject(f"{name}-policy", policy, opts)]
