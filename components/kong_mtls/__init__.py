"""Pulumi components for Kong Gateway in hybrid mode with mutual TLS on every link."""

from .admin_tls import AdminTls, AdminTlsArgs
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
from .pki.signer import SignerArgs, signer_args
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
    "KongHybrid",
    "KongHybridArgs",
    "License",
    "LicenseArgs",
    "NetworkPolicies",
    "NetworkPoliciesArgs",
    "ProxyCertificate",
    "ProxyCertificateArgs",
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
