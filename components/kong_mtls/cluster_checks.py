"""What can be judged about the cluster link before the first resource is made."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from . import names
from .cluster_certificate import EARLY_RENEWAL_HOURS, VALIDITY_HOURS
from .cluster_existing import structure_problems
from .cluster_pki import ClusterAuthorityArgs, LeafArgs
from .errors import InputError
from .hybrid_args import HybridClusterArgs
from .hybrid_cluster import MIGRATION, MODES
from .outputs import plain_mapping
from .pki import authority, checks
from .pki.cert_manager.args import issuer_problems
from .pki.generations import generations
from .pki.issue import KEYS, Leaf

_PAIR = ("certificate_pem", "private_key_pem")
_SHARED_ONLY = ("validity_hours", "early_renewal_hours", *_PAIR, "existing_secret")
_PKI_ONLY = ("authority", "leaf", "server_names", "remote_data_planes", "existing", "migration", "skip_steps")


def cluster_problems(cluster: HybridClusterArgs, edition: str, planes: Sequence[str]) -> list[str]:
    """All problems of the link's arguments; ``planes`` are the names of the data planes."""
    mode = cluster.get("mtls") or "shared"
    if mode not in MODES:
        return [f"cluster: mtls {mode!r} is not known; allowed: {', '.join(MODES)}"]
    migrating = cluster.get("migration") is not None
    unused = _PKI_ONLY if mode == "shared" else () if migrating else _SHARED_ONLY
    found = [
        f"cluster: {key} is not used with mtls {mode!r}" for key in unused if cluster.get(key) not in (None, [], {})
    ]
    if mode == "shared" or migrating:
        found += _shared(cluster)
    if mode != "shared":
        found += _pki(cluster, planes)
    if mode == "pki_check_cn" and edition != "enterprise":
        found.append("cluster: mtls 'pki_check_cn' needs edition 'enterprise'; with 'oss' use 'pki'")
    if cluster.get("allowed_common_names") and mode != "pki_check_cn":
        found.append(f"cluster: allowed_common_names is only checked with mtls 'pki_check_cn', not with {mode!r}")
    return found


def _shared(cluster: HybridClusterArgs) -> list[str]:
    validity = cluster.get("validity_hours", VALIDITY_HOURS)
    found = checks.lifetime(validity, cluster.get("early_renewal_hours", EARLY_RENEWAL_HOURS), "cluster")
    pair = [key for key in _PAIR if cluster.get(key) is not None]
    if len(pair) == 1:
        found.append(f"cluster: {pair[0]} alone is half a pair; give certificate_pem and private_key_pem")
    existing = cluster.get("existing_secret")
    if existing:
        _try(found, partial(names.check_label, existing, "cluster.existing_secret"))
    if pair and existing:
        found.append(f"cluster: existing_secret and {pair[0]} exclude each other")
    return found


def _pki(cluster: HybridClusterArgs, planes: Sequence[str]) -> list[str]:
    found: list[str] = []
    migration = cluster.get("migration")
    if migration is not None and migration not in MIGRATION:
        found.append(f"cluster: migration {migration!r} is not known; allowed, in this order: {', '.join(MIGRATION)}")
    existing = cluster.get("existing")
    if existing is not None:
        unused = [key for key in ("authority", "leaf", "remote_data_planes", "migration") if cluster.get(key)]
        found += [f"cluster: {key} is not used with certificates of your own (existing)" for key in unused]
        found += structure_problems(existing, planes)
    else:
        found += authority_problems(cluster.get("authority") or {}, cluster.get("leaf") or {}, "cluster")
    remote = [plane["name"] for plane in cluster.get("remote_data_planes") or []]
    for name in remote:
        _try(found, partial(names.check_label, name, "cluster.remote_data_planes: name"))
    everyone = ["control-plane", *planes, *remote]
    found += [
        f"cluster: the name {name!r} is taken; every data plane, here or remote, needs its own, and not 'control-plane'"
        for name in sorted({name for name in everyone if everyone.count(name) > 1})
    ]
    return found


def authority_problems(given: ClusterAuthorityArgs, leaf: LeafArgs, what: str) -> list[str]:
    """Generations out of order, and lifetimes that can't work, of a link's CA and its certificates."""
    found: list[str] = []
    _try(found, lambda: _generations(given, f"{what}.authority"))
    leaf_hours = leaf.get("validity_hours", Leaf.validity_hours)
    found += checks.lifetime(leaf_hours, leaf.get("early_renewal_hours", Leaf.early_renewal_hours), f"{what}.leaf")
    validity = given.get("validity_hours", authority.VALIDITY_HOURS)
    successor = given.get("successor_hours", authority.SUCCESSOR_HOURS)
    found += checks.succession(validity, successor, f"{what}.authority")
    found += checks.within(leaf_hours, successor, f"{what}.leaf", f"{what}.authority")
    key = plain_mapping(given).get("key")
    if key is not None and key not in KEYS:
        found.append(f"{what}.authority.key: {key!r} is not known; allowed: {', '.join(KEYS)}")
    return found


def _generations(given: ClusterAuthorityArgs, what: str) -> None:
    """Generations that can't be, or issuers of ones that aren't there.

    Raises:
        InputError: all of it.
    """
    trusted = generations(given.get("generations"), given.get("issuing"), what).trusted
    problems = issuer_problems(given.get("issuers") or {}, given.get("kept_in_state") or (), trusted, what)
    if problems:
        raise InputError("; ".join(problems))


def _try(found: list[str], action: Callable[[], Any]) -> None:
    try:
        action()
    except InputError as error:
        found.append(str(error))
