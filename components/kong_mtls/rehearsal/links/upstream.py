"""Proof of the upstream link: what Kong shows to the Services behind it, and what it takes from them.

Services whose effective settings and certificates are the same share the cases that don't depend on their names; each
still has handshakes of its own with the right name and with a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from kong_mtls.reader.manifests import Objects

from . import upstream_cases as cases
from .client_peers import Peers
from .handshake import Meetings
from .model import Link, Progress
from .upstream_cases import Case
from .upstream_ends import Workloads
from .upstream_service import ServiceProof
from .upstream_settings import EffectiveUpstream, effective

__all__ = ["EffectiveUpstream", "effective", "prove"]


def prove(objects: Objects, at: datetime, progress: Progress | None = None) -> list[Link]:
    """Rows of the upstream link: every Service that a gateway reaches over TLS.

    Args:
        objects: the files.
        at: the moment at which certificates are judged; timezone-aware.
        progress: told of each gateway.
    """
    found = effective(objects, at)
    if not found:
        return []
    peers, workloads = Peers(objects, at), Workloads(objects)
    rows: list[Link] = []
    first: dict[tuple[object, ...], tuple[str, list[tuple[Case, Link]]]] = {}
    told: set[str] = set()
    met: Meetings = {}
    for settings in found:
        if progress and settings.gateway not in told:
            told.add(settings.gateway)
            progress(f"upstream: {settings.gateway}, {sum(e.gateway == settings.gateway for e in found)} services")
        _, namespace, name = settings.service.object.split("/")
        service = objects.get("Service", namespace, name)
        workload = workloads.behind(service, settings.service.port) if service else None
        proof = ServiceProof(settings, workload, peers, at)
        key = proof.likeness()
        if key not in first:
            first[key] = (settings.service.object, list(proof.rows()))
            rows += [row for _, row in first[key][1]]
        else:
            rows += _shared(proof, settings, met, *first[key])
    return rows


def _shared(
    proof: ServiceProof, settings: EffectiveUpstream, met: Meetings, origin: str, played: list[tuple[Case, Link]]
) -> Iterator[Link]:
    own = {row.case: row for _, row in proof.named_rows(met)}
    yield from own.values()
    for _, row in played:
        if row.case not in own and not row.case.startswith(cases.AS):
            yield replace(row, server=settings.service.object, reason=f"{row.reason}; as for {origin}")
