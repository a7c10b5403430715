"""Who may call the gateway: its routes, as the stack's settings have them."""

from typing import Any

import pulumi

from kong_mtls import CertificateAuthority, ClientCa, ClientMtls, EchoSample, KongHybrid
from settings.client import ClientSettings


def make_callers(
    clients: ClientSettings, server_ca: CertificateAuthority, opts: pulumi.ResourceOptions | None
) -> ClientCa | None:
    """Whom client certificates must come from; None where no client needs one.

    Args:
        clients: the settings.
        server_ca: the CA of the gateway's own certificates, which callers get with theirs.
        opts: what it waits for.
    """
    if clients.callers is None:
        return None
    return ClientCa("callers", {**clients.callers, "server_trust_pem": server_ca.trust_pem}, opts)


def applied(
    server_ca: CertificateAuthority, callers: ClientCa | None, kong: KongHybrid, mtls: ClientMtls | None
) -> pulumi.Output[Any]:
    """Generations of the CAs, once all who go by them have them: the next step of a rotation needs to know.

    Args:
        server_ca: the CA of the gateway's own certificates.
        callers: CAs of client certificates.
        kong: the deployment.
        mtls: who may call what.
    """
    own: dict[str, Any] = {"server": server_ca.applied}
    if callers is not None and callers.authority is not None:
        own["callers"] = callers.authority.applied
    plugin: Any = mtls.plugin_name if mtls is not None else ""
    return pulumi.Output.all(own, kong.authorities, plugin).apply(lambda links: {**links[0], **links[1]})


def protect(
    clients: ClientSettings, callers: ClientCa | None, echo: EchoSample | None, after: pulumi.Resource
) -> ClientMtls | None:
    """Put routes behind client certificates.

    Args:
        clients: the settings.
        callers: whom certificates must come from; None where no client needs one.
        echo: the sample, whose route is one of them.
        after: the gateway; plugins and consumers are of kinds that come with it.
    """
    if callers is None:
        return None
    ready: list[pulumi.Resource] = [after, callers]
    routes = list(clients.mtls.get("routes") or [])
    if echo is not None:
        ready.append(echo)
        routes.append(echo.route)
    arguments: Any = {**clients.mtls, "routes": routes}
    if not clients.is_listener:
        arguments["ca_ids"] = callers.ids
    return ClientMtls("callers", arguments, pulumi.ResourceOptions(depends_on=ready))
