"""The cluster link of a deployment: shared certificate, own CA, certificates given, or on the way between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from . import names
from .args import ClusterLinkArgs
from .cluster_certificate import ClusterCertificate, ClusterCertificateArgs
from .cluster_existing import ExistingClusterPki
from .cluster_pki import ClusterCredentials, ClusterPki, ClusterPkiArgs, common_name
from .hybrid_args import HybridClusterArgs
from .pki.cert_manager.args import IssuanceArgs, with_issuance

MODES = ("shared", "pki", "pki_check_cn")
MIGRATION = ("accept", "join", "present")
"""Steps from shared mode to pki: the control plane accepts both; the data planes join with certificates of their own;
the control plane presents its own. Left out, the shared certificate is gone."""

_SHARED_KEYS = ("validity_hours", "early_renewal_hours", "certificate_pem", "private_key_pem", "existing_secret")


@dataclass(frozen=True)
class Ends:
    """Who takes part.

    Attributes:
        namespaces: every namespace of the deployment, by key.
        control_plane: key of the control plane's namespace.
        data_planes: key of each data plane's namespace, by the data plane's name.
        common_names: each data plane's own common name where one is given.
        server_names: names by which data planes reach the control plane.
    """

    namespaces: Mapping[str, pulumi.Input[str]]
    control_plane: str
    data_planes: Mapping[str, str]
    common_names: Mapping[str, str]
    server_names: Sequence[str]


@dataclass(frozen=True)
class Link:
    """The link as made: what each end reads, and the CA's component where there is one."""

    credentials: ClusterCredentials
    pki: ClusterPki | None


def make_link(
    name: str,
    cluster: HybridClusterArgs,
    ends: Ends,
    *,
    fixed: bool,
    issuance: IssuanceArgs | None,
    opts: pulumi.ResourceOptions,
) -> Link:
    """Make the certificates of the link in the mode asked for."""
    mode = cluster.get("mtls") or "shared"
    migration = cluster.get("migration")
    shared = _shared(name, cluster, ends, fixed, opts) if mode == "shared" or migration else None
    if mode == "shared" and shared is not None:
        return Link(_shared_credentials(shared, ends), None)
    existing = cluster.get("existing")
    if existing is not None:
        made = ExistingClusterPki(
            f"{name}-cluster",
            {
                "namespace": ends.namespaces[ends.control_plane],
                "server_names": [*ends.server_names, *cluster.get("server_names", [])],
                "data_plane_namespaces": {plane: ends.namespaces[key] for plane, key in ends.data_planes.items()},
                "existing": existing,
                "fixed_secret_names": fixed,
            },
            opts,
        )
        return Link(_with_mode(made.credentials, mode, cluster, ends), None)
    arguments = with_issuance(_pki_arguments(cluster, ends, fixed, shared), issuance)
    pki = ClusterPki(f"{name}-cluster", arguments, opts)
    credentials = _with_mode(pki.credentials, mode, cluster, ends)
    if shared is not None:
        credentials = _migrating(str(migration), credentials, shared, ends)
    return Link(credentials, pki)


def _shared(
    name: str, cluster: HybridClusterArgs, ends: Ends, fixed: bool, opts: pulumi.ResourceOptions
) -> ClusterCertificate:
    given: dict[str, Any] = {key: cluster[key] for key in _SHARED_KEYS if cluster.get(key) is not None}  # type: ignore[literal-required]
    arguments: ClusterCertificateArgs = {"namespaces": ends.namespaces}
    arguments |= given  # type: ignore[typeddict-item]  # its fields are among the component's
    if fixed:
        arguments["secret_name"] = names.CLUSTER_SECRET
    return ClusterCertificate(f"{name}-cluster-cert", arguments, opts)


def _shared_credentials(shared: ClusterCertificate, ends: Ends) -> ClusterCredentials:
    return ClusterCredentials(
        {"certificate": shared.refs[ends.control_plane]},
        {plane: {"certificate": shared.refs[key]} for plane, key in ends.data_planes.items()},
        shared.not_before,
        shared.not_after,
    )


def _pki_arguments(
    cluster: HybridClusterArgs, ends: Ends, fixed: bool, shared: ClusterCertificate | None
) -> ClusterPkiArgs:
    arguments: ClusterPkiArgs = {
        "namespace": ends.namespaces[ends.control_plane],
        "server_names": [*ends.server_names, *cluster.get("server_names", [])],
        "data_planes": [
            {
                "name": plane,
                "namespace": ends.namespaces[key],
                "common_name": common_name(plane, ends.common_names.get(plane)),
            }
            for plane, key in ends.data_planes.items()
        ],
        "fixed_secret_names": fixed,
    }
    for key in ("authority", "leaf", "remote_data_planes", "last_applied", "skip_steps"):
        if cluster.get(key) is not None:
            arguments[key] = cluster[key]
    if shared is not None:
        arguments["further_trust_pem"] = shared.certificate_pem
    return arguments


def _with_mode(
    credentials: ClusterCredentials, mode: str, cluster: HybridClusterArgs, ends: Ends
) -> ClusterCredentials:
    """`pki_check_cn` also checks who a data plane is: its common name must be on the control plane's list."""
    if mode != "pki_check_cn":
        return credentials
    known = [common_name(plane, ends.common_names.get(plane)) for plane in ends.data_planes]
    remote = [common_name(it["name"], it.get("common_name")) for it in cluster.get("remote_data_planes") or []]
    allowed = list(dict.fromkeys([*known, *remote, *(cluster.get("allowed_common_names") or [])]))
    control_plane: ClusterLinkArgs = {**credentials.control_plane, "mtls": mode, "allowed_common_names": allowed}
    planes: dict[str, ClusterLinkArgs] = {
        plane: {**link, "mtls": mode} for plane, link in credentials.data_planes.items()
    }
    return replace(credentials, control_plane=control_plane, data_planes=planes)


def _migrating(step: str, own: ClusterCredentials, shared: ClusterCertificate, ends: Ends) -> ClusterCredentials:
    """Both ends trust the shared certificate as a root besides the CA, so that whoever has not moved yet still fits.

    A data plane in shared mode asks for `kong_clustering`, which the shared certificate and the control plane's own
    both carry; a control plane in pki mode compares no digests, it verifies against what it trusts.
    """
    control_plane: ClusterLinkArgs = {**own.control_plane}
    if step != "present":
        control_plane["certificate"] = shared.refs[ends.control_plane]
        # In its old place the shared certificate is shown by data planes too.
        if control_plane.get("allowed_common_names"):
            control_plane["allowed_common_names"] = [*control_plane["allowed_common_names"], names.SHARED_CLUSTER_NAME]
    planes: dict[str, ClusterLinkArgs] = {}
    for plane, link in own.data_planes.items():
        if step == "accept":
            planes[plane] = {"certificate": shared.refs[ends.data_planes[plane]]}
        else:
            name = names.SHARED_CLUSTER_NAME
            planes[plane] = {**link, "server_name": name, "telemetry_server_name": name}
    return replace(own, control_plane=control_plane, data_planes=planes)
