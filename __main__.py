"""Kong Gateway in hybrid mode with mutual TLS on every link."""

import pulumi

import settings
from kong_mtls import KongHybrid

stack = settings.load()
for warning in stack.warnings:
    pulumi.log.warn(warning)

kong = KongHybrid("kong", stack.hybrid)

pulumi.export(
    "dataPlanes",
    kong.proxies.apply(
        lambda proxies: {name: {"host": it["host"], "httpsPort": it["https_port"]} for name, it in proxies.items()}
    ),
)
pulumi.export("clusterEndpoint", kong.cluster_endpoint)
pulumi.export("telemetryEndpoint", kong.telemetry_endpoint)
pulumi.export("certificates", {"cluster": {"notBefore": kong.cluster_not_before, "notAfter": kong.cluster_not_after}})
