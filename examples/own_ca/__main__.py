"""A hybrid deployment that makes no CA: every certificate is one of yours.

Your PKI signs the two ends of the cluster link and the gateway's own certificate, and says whom callers' certificates
must come from. What you give is checked before anything is made: a pair that doesn't match, a missing name or usage, an
end that has passed.
"""

import pulumi
import pulumi_kubernetes as kubernetes

from kong_mtls import KongHybrid, ProxyCertificate

config = pulumi.Config()

namespace = kubernetes.core.v1.Namespace("kong-dp", metadata={"name": "kong-dp"})
shown = ProxyCertificate(
    "shown",
    {
        "namespace": namespace.metadata.name,
        "hosts": ["api.example.com"],
        "certificate_pem": config.require("gatewayCertificatePem"),
        "private_key_pem": config.require_secret("gatewayKeyPem"),
    },
)
kong = KongHybrid(
    "kong",
    {
        "edition": "oss",
        "database": {"development": {}},
        "cluster": {
            "mtls": "pki",
            "existing": {
                "trust_pem": config.require("clusterTrustPem"),
                "control_plane": {
                    "certificate_pem": config.require("controlPlaneCertificatePem"),
                    "private_key_pem": config.require_secret("controlPlaneKeyPem"),
                },
                "data_planes": {
                    "dp": {
                        "certificate_pem": config.require("dataPlaneCertificatePem"),
                        "private_key_pem": config.require_secret("dataPlaneKeyPem"),
                    }
                },
            },
        },
        "data_planes": [
            {
                "name": "dp",
                "create_namespace": False,
                "server_certificate": {"name": shown.secret_name},
                "client_verification": {"trust_pem": config.require("callersTrustPem")},
            }
        ],
    },
    pulumi.ResourceOptions(depends_on=[shown]),
)

pulumi.export("clusterCertificateEnds", kong.cluster_not_after)
