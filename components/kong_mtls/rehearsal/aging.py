"""What becomes of a stack without another run: controllers in the cluster go on, certificates are renewed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from kong_mtls.rehearsal import standins
from kong_mtls.rehearsal.cluster import Cluster
from kong_mtls.rehearsal.stage import Performance
from kong_mtls.rehearsal.standins import Call


def aged(performance: Performance, at: datetime) -> Performance:
    """What a run left, as controllers in the cluster have kept it up to a later day without another run.

    Args:
        performance: The run.
        at: The later day, with a time zone.
    """
    cluster = Cluster(performance.state, preview=False)
    for resource in performance.resources:
        if resource.custom and resource.staged:
            cluster.put(resource)
    for resource in performance.resources:
        stand_in = standins.find(resource.type) if resource.custom and resource.staged else None
        if stand_in is not None and stand_in.controller is not None:
            old = performance.state.resources.get(resource.urn)
            inputs = dict(resource.inputs)
            call = Call(resource.urn, resource.type, resource.name, inputs, at, False, old, {}, cluster)
            cluster.control(resource.urn, call, stand_in, resource.cluster)
    cluster.settle()
    cluster.finish()
    resources = tuple(
        replace(one, cluster=cluster.made_by(one.urn)) if one.urn in cluster.controlled() else one
        for one in performance.resources
    )
    return replace(performance, resources=resources, waiting=cluster.waiting())
