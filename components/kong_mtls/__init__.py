"""Pulumi components for Kong Gateway in hybrid mode with mutual TLS on every link.

A name of `__all__` is imported when it is first asked for, so that a program pays for the components it uses, and the
command line and the audit, which live in the same package, pay for none.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .admin_tls import AdminTls, AdminTlsArgs
    from .cert_manager import CertManager, Reloader
    from .cert_manager_args import CertManagerArgs, ReloaderArgs
    from .client_ca import ClientCa, ClientCaArgs
    from .client_certificate import ClientCertificate, ClientCertificateArgs
    from .client_consumers import ClientConsumers, ClientConsumersArgs
    from .client_mtls import ClientMtls, ClientMtlsArgs
    from .cluster_certificate import ClusterCertificate, ClusterCertificateArgs
    from .cluster_existing import ExistingClusterPki, ExistingClusterPkiArgs
    from .cluster_pki import ClusterPki, ClusterPkiArgs
    from .control_plane import ControlPlane, ControlPlaneArgs
    from .data_plane import DataPlane, DataPlaneArgs
    from .database import ExternalDatabase, ExternalDatabaseArgs
    from .errors import InputError
    from .hybrid import KongHybrid
    from .hybrid_args import KongHybridArgs
    from .license import License, LicenseArgs
    from .network_policies import NetworkPolicies, NetworkPoliciesArgs
    from .pki.authority import CertificateAuthority, CertificateAuthorityArgs
    from .pki.cert_manager.args import IssuanceArgs
    from .pki.signer import signer_args
    from .pki.signing import SignerArgs
    from .postgres import DevelopmentPostgres, DevelopmentPostgresArgs
    from .remote_data_plane import RemoteDataPlane, RemoteDataPlaneArgs
    from .sample import EchoSample, EchoSampleArgs
    from .server_certificate import ProxyCertificate, ProxyCertificateArgs
    from .upstream_args import UpstreamMtlsArgs
    from .upstream_certificate import (
        GatewayCertificate,
        GatewayCertificateArgs,
        UpstreamCertificates,
        UpstreamCertificatesArgs,
    )
    from .upstream_defaults import UpstreamDefaults, UpstreamObjectsArgs
    from .upstream_mtls import UpstreamMtls

__version__ = "0.1.0"

__all__ = [
    "AdminTls",
    "AdminTlsArgs",
    "CertManager",
    "CertManagerArgs",
    "CertificateAuthority",
    "CertificateAuthorityArgs",
    "ClientCa",
    "ClientCaArgs",
    "ClientCertificate",
    "ClientCertificateArgs",
    "ClientConsumers",
    "ClientConsumersArgs",
    "ClientMtls",
    "ClientMtlsArgs",
    "ClusterCertificate",
    "ClusterCertificateArgs",
    "ClusterPki",
    "ClusterPkiArgs",
    "ControlPlane",
    "ControlPlaneArgs",
    "DataPlane",
    "DataPlaneArgs",
    "DevelopmentPostgres",
    "DevelopmentPostgresArgs",
    "EchoSample",
    "EchoSampleArgs",
    "ExistingClusterPki",
    "ExistingClusterPkiArgs",
    "ExternalDatabase",
    "ExternalDatabaseArgs",
    "GatewayCertificate",
    "GatewayCertificateArgs",
    "InputError",
    "IssuanceArgs",
    "KongHybrid",
    "KongHybridArgs",
    "License",
    "LicenseArgs",
    "NetworkPolicies",
    "NetworkPoliciesArgs",
    "ProxyCertificate",
    "ProxyCertificateArgs",
    "Reloader",
    "ReloaderArgs",
    "RemoteDataPlane",
    "RemoteDataPlaneArgs",
    "SignerArgs",
    "UpstreamCertificates",
    "UpstreamCertificatesArgs",
    "UpstreamDefaults",
    "UpstreamMtls",
    "UpstreamMtlsArgs",
    "UpstreamObjectsArgs",
    "signer_args",
]

# The imports above, for the interpreter: a module and what it has of `__all__`.
_MODULES: Final = {
    "admin_tls": "AdminTls AdminTlsArgs",
    "cert_manager": "CertManager Reloader",
    "cert_manager_args": "CertManagerArgs ReloaderArgs",
    "client_ca": "ClientCa ClientCaArgs",
    "client_certificate": "ClientCertificate ClientCertificateArgs",
    "client_consumers": "ClientConsumers ClientConsumersArgs",
    "client_mtls": "ClientMtls ClientMtlsArgs",
    "cluster_certificate": "ClusterCertificate ClusterCertificateArgs",
    "cluster_existing": "ExistingClusterPki ExistingClusterPkiArgs",
    "cluster_pki": "ClusterPki ClusterPkiArgs",
    "control_plane": "ControlPlane ControlPlaneArgs",
    "data_plane": "DataPlane DataPlaneArgs",
    "database": "ExternalDatabase ExternalDatabaseArgs",
    "errors": "InputError",
    "hybrid": "KongHybrid",
    "hybrid_args": "KongHybridArgs",
    "license": "License LicenseArgs",
    "network_policies": "NetworkPolicies NetworkPoliciesArgs",
    "pki.authority": "CertificateAuthority CertificateAuthorityArgs",
    "pki.cert_manager.args": "IssuanceArgs",
    "pki.signer": "signer_args",
    "pki.signing": "SignerArgs",
    "postgres": "DevelopmentPostgres DevelopmentPostgresArgs",
    "remote_data_plane": "RemoteDataPlane RemoteDataPlaneArgs",
    "sample": "EchoSample EchoSampleArgs",
    "server_certificate": "ProxyCertificate ProxyCertificateArgs",
    "upstream_args": "UpstreamMtlsArgs",
    "upstream_certificate": "GatewayCertificate GatewayCertificateArgs UpstreamCertificates UpstreamCertificatesArgs",
    "upstream_defaults": "UpstreamDefaults UpstreamObjectsArgs",
    "upstream_mtls": "UpstreamMtls",
}
_HOMES: Final = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Imports the module that `name` is from."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value  # asked once
    return value


def __dir__() -> list[str]:
    """What is here and what can be had."""
    return sorted({*globals(), *__all__})
