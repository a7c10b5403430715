"""The Services behind the gateway: verified, and shown its certificate, as the stack's settings have it."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from kong_mtls import CertificateAuthority, EchoSample, EchoSampleArgs, KongHybrid, UpstreamMtls, signer_args
from settings.upstream import UpstreamSettings


@dataclass(frozen=True)
class Upstreams:
    """The link to upstreams as made.

    Attributes:
        link: the component; None where nothing is asked for.
        namespace: the sample's, where the sample speaks TLS: it is there before what the link puts into it.
    """

    link: UpstreamMtls | None = None
    namespace: kubernetes.core.v1.Namespace | None = None


def make_upstreams(upstream: UpstreamSettings, opts: pulumi.ResourceOptions | None) -> Upstreams:
    """The link to upstreams.

    Args:
        upstream: the settings.
        opts: what it waits for.
    """
    if upstream.mtls is None:
        return Upstreams()
    if upstream.echo_namespace is None:
        return Upstreams(UpstreamMtls("upstream", upstream.mtls, opts))
    namespace = kubernetes.core.v1.Namespace("echo", metadata={"name": upstream.echo_namespace})
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[namespace]))
    return Upstreams(UpstreamMtls("upstream", upstream.mtls, after), namespace)


def make_echo(
    sample: EchoSampleArgs | None,
    upstream: UpstreamSettings,
    made: Upstreams,
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
    link, namespace = made.link, made.namespace
    if link is None or namespace is None or upstream.echo_namespace is None:
        return EchoSample("echo", arguments)
    arguments["create_namespace"] = False
    arguments["tls"] = {
        "certificate": link.server_refs[upstream.echo],
        "gateway_trust": link.gateway_trust_refs[upstream.echo_namespace],
        "annotations": link.unpatched[upstream.echo],
        "without_network_policy": upstream.without_policies,
    }
    return EchoSample("echo", arguments, pulumi.ResourceOptions(depends_on=[namespace, link]))


def upstreams_applied(link: UpstreamMtls, kong: KongHybrid) -> pulumi.Output[Any]:
    """Generations of the link's CAs, once Services and data planes go by them.

    Args:
        link: the link as made.
        kong: the deployment.
    """
    return pulumi.Output.all(link.authorities, kong.release_names).apply(lambda both: both[0])
