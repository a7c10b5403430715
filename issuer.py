"""Who makes certificates: what of cert-manager the stack's settings have installed."""

from collections.abc import Sequence

import pulumi

from kong_mtls import CertManager, Reloader
from settings.cert_manager import CertManagerSettings


def make_issuer(cert_manager: CertManagerSettings) -> pulumi.ResourceOptions | None:
    """Install what isn't there; return what whoever needs a certificate waits for.

    Args:
        cert_manager: the settings.
    """
    if cert_manager.install is None:
        return None
    made = CertManager("cert-manager", cert_manager.install)
    return pulumi.ResourceOptions(depends_on=[made])


def watch_renewals(cert_manager: CertManagerSettings, after: Sequence[pulumi.Resource]) -> None:
    """Install Reloader, once the namespaces that it watches are there.

    Args:
        cert_manager: the settings.
        after: what makes the namespaces.
    """
    if cert_manager.reloader is not None:
        Reloader("reloader", cert_manager.reloader, pulumi.ResourceOptions(depends_on=list(after)))
