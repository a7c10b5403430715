"""Upstream mTLS for Services that exist: the gateway checks who they are, and shows them who it is.

The Services are somebody else's and are only annotated. Their certificates are issued here, for the workloads to mount;
where they have certificates already, give the CA in ``trust`` instead of ``server_certificates``.
"""

import pulumi

from kong_mtls import UpstreamMtls

services = pulumi.Config().require_object("services")

upstream = UpstreamMtls(
    "upstream",
    {
        "services": [{"namespace": one["namespace"], "name": one["name"]} for one in services],
        "server_certificates": {
            "services": [{"namespace": one["namespace"], "name": one["name"]} for one in services],
        },
    },
)

pulumi.export("gatewayTrustPem", upstream.gateway_trust_pem)
