"""Pulumi components for Kong Gateway in hybrid mode with mutual TLS on every link."""

from .admin_tls import AdminTls, AdminTlsArgs
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
from .postgres import DevelopmentPostgres, DevelopmentPostgresArgs
from .remote_data_plane import RemoteDataPlane, RemoteDataPlaneArgs

__version__ = "0.1.0"

__all__ = [
    "AdminTls",
    "AdminTlsArgs",
    "CertificateAuthority",
    "CertificateAuthorityArgs",
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
    "ExistingClusterPki",
    "ExistingClusterPkiArgs",
    "ExternalDatabase",
    "ExternalDatabaseArgs",
    "InputError",
    "KongHybrid",
    "KongHybridArgs",
    "License",
    "LicenseArgs",
    "NetworkPolicies",
    "NetworkPoliciesArgs",
    "RemoteDataPlane",
    "RemoteDataPlaneArgs",
]
