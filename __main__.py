"""Kong Gateway in hybrid mode with mutual TLS on every link."""

import pulumi

import settings
from clients import make_callers, protect
from kong_mtls import CertificateAuthority, KongHybrid
from upstreams import make_echo, make_upstreams

stack = settings.load()
for warning in stack.warnings:
    pulumi.log.warn(warning)

server_ca = CertificateAuthority("server-ca", stack.clients.server_authority)
callers = make_callers(stack.clients, server_ca)
upstream = settings.connect_upstream(stack.upstream)
upstreams = make_upstreams(upstream)
hybrid = settings.with_clients(settings.connect(stack.hybrid), stack.clients, server_ca, callers)
kong = KongHybrid("kong", settings.with_upstreams(hybrid, upstream, upstreams.link))
echo = make_echo(stack.clients.sample, upstream, upstreams, server_ca)
if callers:
    protect(stack.clients, callers, echo, after=kong)

pulumi.export("dataPlanes", kong.proxies.apply(settings.camel))
pulumi.export("clusterEndpoint", kong.cluster_endpoint)
pulumi.export("telemetryEndpoint", kong.telemetry_endpoint)
pulumi.export("certificates", {"cluster": {"notBefore": kong.cluster_not_before, "notAfter": kong.cluster_not_after}})
# What a rotation's next step, and data planes of other stacks, need to know. Public, all of it.
pulumi.export("clusterAuthority", kong.cluster_authority)
pulumi.export("clusterTrustPem", kong.cluster_trust_pem)
pulumi.export("dataPlaneCertificatePems", kong.remote_certificate_pems)
pulumi.export("serverTrustPem", server_ca.trust_pem)
if upstreams.link:
    pulumi.export("upstreamAuthorities", upstreams.link.authorities)
    pulumi.export("gatewayTrustPem", upstreams.link.gateway_trust_pem)
