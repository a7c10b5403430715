"""A data plane's side towards clients: the certificate it shows them, and the CAs it demands theirs to be under."""

import pulumi

from . import names
from .args import SecretRefArgs
from .hybrid_args import HybridClientVerificationArgs, HybridDataPlaneArgs, HybridServerCertificatesArgs
from .objects import make_secret
from .outputs import digest
from .server_certificate import ProxyCertificate, ProxyCertificateArgs, check_hosts
from .trust import trust_bundle
from .values.listener import TRUST_KEY, ClientVerificationArgs

SERVER_SECRET = "kong-server-cert"  # noqa: S105  # the stem of names of Secrets
SERVER_TRUST = "kong-server-ca"
TRUST_SECRET = "kong-client-ca"  # noqa: S105  # likewise


def server_certificate(
    name: str,
    plane: HybridDataPlaneArgs,
    *,
    release: str,
    namespace: pulumi.Input[str],
    certificates: HybridServerCertificatesArgs,
    fixed: bool,
    opts: pulumi.ResourceOptions,
) -> SecretRefArgs:
    """Issue what a data plane shows to clients: for its Service's names, and those given."""
    in_cluster = names.service_dns_names(names.service(release, "proxy"), plane.get("namespace") or "kong-dp")
    own = [str(one) for one in in_cluster]
    arguments: ProxyCertificateArgs = {
        "namespace": namespace,
        "hosts": [*own, *(plane.get("server_names") or [])],
        "authority": certificates["authority"],
        "leaf": certificates.get("leaf") or {},
    }
    if fixed:
        ending = "-tls" if certificates["authority"].get("issuer") is not None else ""
        arguments["secret_name"] = f"{SERVER_SECRET}-{plane['name']}{ending}"
    return ProxyCertificate(f"{name}-{plane['name']}-server", arguments, opts).ref


def publish_trust(
    name: str,
    key: str,
    *,
    namespace: pulumi.Input[str],
    certificates: HybridServerCertificatesArgs,
    fixed: bool,
    opts: pulumi.ResourceOptions,
) -> None:
    """Put what clients trust where they can fetch it."""
    pem = certificates.get("trust_pem")
    if pem is not None:
        trust_bundle(
            f"{name}-{key}-server-ca",
            namespace=namespace,
            pem=pem,
            fixed_name=SERVER_TRUST if fixed else None,
            what="server_certificates",
            opts=opts,
        )


def client_verification(
    name: str,
    plane: str,
    given: HybridClientVerificationArgs,
    *,
    namespace: pulumi.Input[str],
    fixed: bool,
    opts: pulumi.ResourceOptions,
) -> ClientVerificationArgs:
    """Put the CAs where a data plane mounts them."""
    secret = make_secret(
        f"{name}-{plane}-client-ca",
        namespace=namespace,
        data={TRUST_KEY: given["trust_pem"]},
        fixed_name=f"{TRUST_SECRET}-{plane}" if fixed else None,
        what=f"data plane {plane!r}: client_verification",
        opts=opts,
    )
    checksum: pulumi.Input[str] = digest(given["trust_pem"])
    arguments: ClientVerificationArgs = {"trust": {"name": secret.metadata.name, "checksum": checksum}}
    if given.get("verify_depth") is not None:
        arguments["verify_depth"] = given["verify_depth"]
    return arguments


def server_name_problems(plane: HybridDataPlaneArgs, certificates: HybridServerCertificatesArgs | None) -> list[str]:
    """Host names that can't be, or that no certificate made here is for."""
    given = plane.get("server_names") or []
    found = check_hosts(given, "server_names")
    if given and (certificates is None or plane.get("server_certificate") is not None):
        why = "server_certificates is not given" if certificates is None else "server_certificate is your own"
        found.append(f"server_names: {', '.join(given)} is not used, since {why}")
    return found
