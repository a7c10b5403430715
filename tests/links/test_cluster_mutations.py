"""Take anything away from a working deployment, and a row of the cluster link is no longer ok."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from kong_mtls.rehearsal.links import LINKS, Link
from kong_mtls.rehearsal.mint import Minted
from tests.links.hybrid import AT, Documents, Pki, bad, pki, read, shared

Path = tuple[str | int, ...]

CP, DP = "releases/kong-cp.yaml", "releases/kong-dp.yaml"

# What may go without a trace in the cluster link, and where it is noticed instead.
NOT_OF_THIS_LINK: dict[tuple[str, Path], str] = {
    (CP, ("values", "env", "pg_host")): "the database link",
    (CP, ("values", "ingressController")): "the controller then publishes its own Service's address: audit",
    (CP, ("values", "ingressController", "env")): "the same",
    (CP, ("values", "ingressController", "env", "publish_service")): "the same",
    (CP, ("values", "proxy")): "a Service too many, which nobody listens behind: audit",
    (CP, ("values", "proxy", "enabled")): "the same",
    (CP, ("values", "enterprise", "license_secret")): "licence: audit",
    (DP, ("values", "enterprise", "license_secret")): "licence: audit",
    (DP, ("values", "ingressController")): "a controller too many: audit",
    (DP, ("values", "ingressController", "enabled")): "the same",
    (DP, ("values", "env", "database")): "off is the chart's default",
    (DP, ("values", "enterprise")): "without Enterprise there is no telemetry to prove, and no licence: audit",
    (DP, ("values", "enterprise", "enabled")): "the same",
}
ANYWHERE = {"version", "type"}  # the chart's version, and what kind of Secret: no mount asks for it


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every key and list entry, containers first."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield (*path, key)
        yield from leaves(child, (*path, key))


def mutations(documents: Documents) -> Iterator[tuple[str, Path]]:
    """Whole documents, then everything in them but what makes them readable at all."""
    needed = {("chart",), ("release",), ("kind",), ("apiVersion",), ("metadata",), ("metadata", "name")}
    for name, document in documents.items():
        yield name, ()
        yield from ((name, path) for path in leaves(document) if path not in needed)


def without(documents: Documents, name: str, path: Path) -> Documents:
    copy = deepcopy(documents)
    if not path:
        del copy[name]
        return copy
    at: Any = copy[name]
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return copy


def cluster(documents: Documents) -> list[Link]:
    return LINKS["cluster"](read(documents), AT, lambda _: None)


def survivors(documents: Documents) -> list[tuple[str, Path]]:
    """What can be taken away without a row turning bad."""
    assert not bad(cluster(documents)), "the deployment itself must be sound"
    return [
        (name, path)
        for name, path in mutations(documents)
        if not (path and (path[0] in ANYWHERE or path[:2] == ("values", "image")))
        and not bad(cluster(without(documents, name, path)))
    ]


def test_nothing_can_be_taken_away_unnoticed_in_shared_mode(cluster_certificate: Minted) -> None:
    """Every env key, volume, Secret key and file of either end bears on a row, or is listed with its reason.

    And every listed one is needed: an exception too many would hide a hole.
    """
    assert set(survivors(shared(cluster_certificate))) == set(NOT_OF_THIS_LINK)


def test_nothing_can_be_taken_away_unnoticed_in_pki_mode(deep_certificates: Pki) -> None:
    """The same with a CA, intermediates, a depth and allowed names."""
    documents = pki(deep_certificates, mode="pki_check_cn", depth="2")
    assert set(survivors(documents)) <= set(NOT_OF_THIS_LINK)
