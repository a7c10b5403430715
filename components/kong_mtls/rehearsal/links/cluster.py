"""The link from data planes to their control planes, for configuration and for telemetry.

Telemetry is Enterprise's; it is documented to use the same certificates, on an endpoint and under a server name of its
own (Kong docs, configuration reference, ``cluster_telemetry_*``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ...reader.chart import KongRelease, kong_releases, parse_listen
from ...reader.manifests import Objects
from .authority import KeyRing
from .cluster_cases import GOOD
from .cluster_cases import rows as cluster_rows
from .cluster_ends import control_plane, data_plane
from .endpoints import Target, kong_behind, parse_endpoint
from .handshake import UnusableEnd
from .model import ACCEPT, Link, Pair, Progress
from .settings import Broken, Settings, Unproved


@dataclass(frozen=True)
class _Channel:
    """One of the two connections that a data plane keeps to its control plane."""

    endpoint: str
    server_name: str
    listen: str
    suffix: str = ""


_UNKNOWN = "(unknown)"
_CONFIGURATION = _Channel("cluster_control_plane", "cluster_server_name", "cluster_listen")
_TELEMETRY = _Channel(
    "cluster_telemetry_endpoint", "cluster_telemetry_server_name", "cluster_telemetry_listen", " (telemetry)"
)


def prove(objects: Objects, at: datetime, progress: Progress) -> list[Link]:
    """Every data plane against the control plane that its settings name."""
    releases = kong_releases(objects)
    gateways = [release for release in releases if release.gateway]
    keys = KeyRing(objects)
    rows: list[Link] = []
    for release in gateways:
        if not _is_data_plane(release):
            continue
        progress(f"cluster link of {release.title}")
        settings = Settings(release, objects)
        rows += _rows(settings, _CONFIGURATION, gateways, keys, at)
        if _has_telemetry(settings, gateways):
            rows += _rows(settings, _TELEMETRY, gateways, keys, at)
    met = {row.server for row in rows}
    lost = any(row.ok is False and row.server == _UNKNOWN for row in rows)  # and its row says so
    for release in gateways:
        if release.role == "control_plane" and release.title not in met and not lost:
            pair = Pair("cluster", "(a data plane elsewhere)", release.title)
            rows.append(pair.unproved(GOOD, ACCEPT, "no data plane of this control plane is in these files"))
    return rows


def _is_data_plane(release: KongRelease) -> bool:
    """A data plane, or a gateway that was meant to be one: it is told of a control plane."""
    told = ("KONG_CLUSTER_CONTROL_PLANE", "KONG_CLUSTER_TELEMETRY_ENDPOINT")
    return release.role == "data_plane" or any(key in release.env for key in told)


def _has_telemetry(settings: Settings, gateways: Sequence[KongRelease]) -> bool:
    """Whether the data plane sends telemetry, or its control plane waits for it."""
    if not settings.release.enterprise:
        return False
    if "KONG_CLUSTER_TELEMETRY_ENDPOINT" in settings.release.env:
        return True
    try:
        target = _target(settings, _CONFIGURATION, gateways)
    except (Broken, Unproved):
        return False
    return "clustertelemetry" in target.release.services


def _target(settings: Settings, channel: _Channel, gateways: Sequence[KongRelease]) -> Target:
    key = f"KONG_{channel.endpoint.upper()}"
    value = settings.text(channel.endpoint)
    if value is None:
        raise Broken(f"{key} of {settings.release.title} is not set")
    endpoint = parse_endpoint(value, key)
    return kong_behind(endpoint, settings.release.namespace, key, settings.objects, gateways)


def _rows(
    settings: Settings, channel: _Channel, gateways: Sequence[KongRelease], keys: KeyRing, at: datetime
) -> Iterator[Link]:
    pair = Pair("cluster", settings.release.title, _UNKNOWN + channel.suffix)
    try:
        if settings.release.role != "data_plane":
            raise Broken(f"{settings.release.title} is no data plane: its role is {settings.release.role}")
        target = _target(settings, channel, gateways)
        pair = Pair("cluster", settings.release.title, target.release.title + channel.suffix)
        server = Settings(target.release, settings.objects)
        cp = control_plane(server)
        _check_listener(server, channel, target.port)
        host = parse_endpoint(settings.text(channel.endpoint) or "", channel.endpoint).host
        dp = data_plane(settings, host, channel.server_name)
    except (Broken, UnusableEnd) as e:
        yield pair.broken(GOOD, ACCEPT, str(e))
    except Unproved as e:
        yield pair.unproved(GOOD, ACCEPT, str(e))
    else:
        yield from cluster_rows(pair, dp, cp, keys, at)


def _check_listener(server: Settings, channel: _Channel, port: int) -> None:
    # Kong adds `ssl` to these listeners itself (kong/templates/nginx_kong.lua).
    key = f"KONG_{channel.listen.upper()}"
    listeners = parse_listen(server.text(channel.listen) or "")
    if not listeners:
        raise Broken(f"{key} of {server.release.title} is off")
    if not any(each.port == port and not each.local_only for each in listeners):
        raise Broken(f"{key} of {server.release.title} does not listen on port {port}, where its Service leads")
