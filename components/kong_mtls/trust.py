"""Trust bundles: CA certificates in a ConfigMap, where whoever verifies can mount them."""

import pulumi
import pulumi_kubernetes as kubernetes

from .args import TrustRefArgs
from .objects import check_name
from .outputs import digest

KEY = "ca.crt"


def trust_bundle(
    resource_name: str,
    *,
    namespace: pulumi.Input[str],
    pem: pulumi.Input[str],
    fixed_name: str | None,
    what: str,
    opts: pulumi.ResourceOptions,
) -> TrustRefArgs:
    """A ConfigMap with CA certificates under `ca.crt`, and how its readers refer to it.

    It is public, so a ConfigMap, and apart from any key: readers need no access to Secrets.
    """
    check_name("ConfigMap", resource_name, fixed_name, what, opts)
    made = kubernetes.core.v1.ConfigMap(
        resource_name, metadata={"name": fixed_name, "namespace": namespace}, data={KEY: pem}, opts=opts
    )
    return {"name": made.metadata.name, "key": KEY, "checksum": digest(pem)}
