"""Kong Gateway in hybrid mode with mutual TLS on every link."""

import pulumi

import settings
from clients import applied, make_callers, protect
from issuer import make_issuer, watch_renewals
from kong_mtls import CertificateAuthority, KongHybrid
from upstreams import make_echo, make_upstreams, upstreams_applied

stack = settings.load()
for warning in stack.warnings:
    pulumi.log.warn(warning)

clients = settings.connect_clients(stack.clients)
upstream = settings.connect_upstream(stack.upstream)

issuer = make_issuer(stack.cert_manager)
server_ca = CertificateAuthority("server-ca", clients.server_authority, issuer)
callers = make_callers(clients, server_ca, issuer)
upstreams = make_upstreams(upstream, issuer)
hybrid = settings.with_clients(settings.connect(stack.hybrid), clients, server_ca, callers)
kong = KongHybrid("kong", settings.with_upstreams(hybrid, upstream, upstreams.link), issuer)
echo = make_echo(clients.sample, upstream, upstreams, server_ca)
mtls = protect(clients, callers, echo, after=kong)
watch_renewals(stack.cert_manager, after=[kong, *([echo] if echo else [])])

pulumi.export("dataPlanes", kong.proxies.apply(settings.camel))
pulumi.export("clusterEndpoint", kong.cluster_endpoint)
pulumi.export("telemetryEndpoint", kong.telemetry_endpoint)
pulumi.export("certificates", {"cluster": {"notBefore": kong.cluster_not_before, "notAfter": kong.cluster_not_after}})
# What a rotation's next step, and data planes of other stacks, need to know. Public, all of it.
pulumi.export("clusterAuthority", kong.cluster_authority)
pulumi.export("authorities", applied(server_ca, callers, kong, mtls))
pulumi.export("clusterTrustPem", kong.cluster_trust_pem)
pulumi.export("dataPlaneCertificatePems", kong.remote_certificate_pems)
pulumi.export("serverTrustPem", server_ca.trust_pem)
if upstreams.link:
    pulumi.export("upstreamAuthorities", upstreams_applied(upstreams.link, kong))
    pulumi.export("gatewayTrustPem", upstreams.link.gateway_trust_pem)
