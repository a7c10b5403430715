"""The Services behind the gateway: verified, and shown its certificate, as the stack's settings have it."""

import pulumi
import pulumi_kubernetes as kubernetes

from kong_mtls import CertificateAuthority, EchoSample, EchoSampleArgs, UpstreamMtls, signer_args
from settings.upstream import UpstreamSettings


def make_upstreams(upstream: UpstreamSettings) -> UpstreamMtls | None:
    """The link to upstreams; None where nothing is asked for.

    Args:
        upstream: the settings.
    """
    if upstream.mtls is None:
        return None
    options = None
    if upstream.echo_namespace is not None:
        namespace = kubernetes.core.v1.Namespace("echo", metadata={"name": upstream.echo_namespace})
        options = pulumi.ResourceOptions(depends_on=[namespace])
    return UpstreamMtls("upstream", upstream.mtls, options)


def make_echo(
    sample: EchoSampleArgs | None,
    upstream: UpstreamSettings,
    made: UpstreamMtls | None,
    server_ca: CertificateAuthority,
) -> EchoSample | None:
    """The sample, if any.

    Args:
        sample: how clients reach it.
        upstream: whether it speaks TLS to the gateway.
        made: the link to upstreams as made.
        server_ca: the CA of the gateway's own certificates.
    """
    if sample is None:
        return None
    arguments: EchoSampleArgs = {**sample, "server_authority": signer_args(server_ca)}
    if made is None or upstream.echo_namespace is None:
        return EchoSample("echo", arguments)
    arguments["create_namespace"] = False
    arguments["tls"] = {
        "certificate": made.server_refs[upstream.echo],
        "gateway_trust": made.gateway_trust_refs[upstream.echo_namespace],
        "annotations": made.unpatched[upstream.echo],
    }
    return EchoSample("echo", arguments, pulumi.ResourceOptions(depends_on=[made]))
