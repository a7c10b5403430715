"""Pulumi components for Kong Gateway in hybrid mode with mutual TLS on every link."""

from .cluster_certificate import ClusterCertificate, ClusterCertificateArgs
from .control_plane import ControlPlane, ControlPlaneArgs
from .data_plane import DataPlane, DataPlaneArgs
from .database import ExternalDatabase, ExternalDatabaseArgs
from .errors import InputError
from .hybrid import KongHybrid
from .hybrid_args import KongHybridArgs
from .license import License, LicenseArgs
from .postgres import DevelopmentPostgres, DevelopmentPostgresArgs

__version__ = "0.1.0"

__all__ = [
    "ClusterCertificate",
    "ClusterCertificateArgs",
    "ControlPlane",
    "ControlPlaneArgs",
    "DataPlane",
    "DataPlaneArgs",
    "DevelopmentPostgres",
    "DevelopmentPostgresArgs",
    "ExternalDatabase",
    "ExternalDatabaseArgs",
    "InputError",
    "KongHybrid",
    "KongHybridArgs",
    "License",
    "LicenseArgs",
]
