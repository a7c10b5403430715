"""Kong Gateway in hybrid mode with mutual TLS on every link."""

import pulumi

import settings
from kong_mtls import KongHybrid

stack = settings.load()
for warning in stack.warnings:
    pulumi.log.warn(warning)

kong = KongHybrid("kong", settings.connect(stack.hybrid))

pulumi.export("dataPlanes", kong.proxies.apply(settings.camel))
pulumi.export("clusterEndpoint", kong.cluster_endpoint)
pulumi.export("telemetryEndpoint", kong.telemetry_endpoint)
pulumi.export("certificates", {"cluster": {"notBefore": kong.cluster_not_before, "notAfter": kong.cluster_not_after}})
# What a rotation's next step, and data planes of other stacks, need to know. Public, all of it.
pulumi.export("clusterAuthority", kong.cluster_authority)
pulumi.export("clusterTrustPem", kong.cluster_trust_pem)
pulumi.export("dataPlaneCertificatePems", kong.remote_certificate_pems)
