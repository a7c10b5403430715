"""What the program reads from outputs: its own last ones, and those of other stacks.

A stack reference reads all outputs of a stack, so nothing secret may be among them.
"""

from dataclasses import replace
from typing import Any, cast
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

from kong_mtls import InputError, KongHybridArgs
from kong_mtls.hybrid_checks import cluster_args

from .client import ClientSettings
from .upstream import UpstreamSettings

# One in a program: its name is the resource's. Each run has an engine's connection of its own.
_own: WeakKeyDictionary[object, pulumi.StackReference] = WeakKeyDictionary()


def _last(output: str) -> pulumi.Output[Any]:
    """An output of this very stack, as its last update left it; empty before."""
    monitor = get_monitor()
    if monitor not in _own:
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        _own[monitor] = pulumi.StackReference(stack)
    result: pulumi.Output[Any] = _own[monitor].get_output(output).apply(lambda last: last or {})
    return result


def connect_upstream(upstream: UpstreamSettings) -> UpstreamSettings:
    """The settings with the generations of its CAs that the stack has last put out."""
    if upstream.mtls is None:
        return upstream
    mtls: Any = dict(upstream.mtls)
    last = _last("upstreamAuthorities")
    pair: Any = dict(mtls.get("client_certificate") or {})
    if not (pair.get("certificate_pem") or pair.get("existing_secret") or mtls.get("without_client_certificate")):
        pair["issue"] = _after(pair.get("issue"), last.apply(lambda both: both.get("gateway") or {}))
        mtls["client_certificate"] = pair
    if mtls.get("server_certificates") is not None:
        servers = last.apply(lambda both: both.get("servers") or {})
        mtls["server_certificates"] = _after(mtls["server_certificates"], servers)
    return replace(upstream, mtls=mtls)


def _after(given: Any, last: pulumi.Output[Any]) -> dict[str, Any]:
    """What is issued, with what its CA was."""
    return {**(given or {}), "authority": {**((given or {}).get("authority") or {}), "last_applied": last}}


def connect_clients(clients: ClientSettings) -> ClientSettings:
    """The settings with the generations of its CAs that the stack has last put out."""
    server: Any = {**clients.server_authority, "last_applied": _authority("server")}
    callers: Any = clients.callers
    if callers is not None and callers.get("generate") is not None:
        callers = {**callers, "generate": {**callers["generate"], "last_applied": _authority("callers")}}
    return replace(clients, server_authority=server, callers=callers)


def _authority(link: str) -> pulumi.Output[Any]:
    """Generations of a link's CA as last put out."""
    return _last("authorities").apply(lambda links: links.get(link) or {})


def connect(hybrid: KongHybridArgs) -> KongHybridArgs:
    """The arguments with what stack references know.

    The stack's own last outputs show a jump over a step of a rotation; a remote data plane's stack puts out its signing
    request.
    """
    result: Any = {**hybrid, "admin": _after(hybrid.get("admin"), _authority("admin"))}
    database = hybrid["database"]
    if database.get("development") is not None:
        result["database"] = {**database, "development": _after(database["development"], _authority("database"))}
    cluster: Any = dict(cluster_args(hybrid))
    if cluster.get("mtls", "shared") == "shared" or cluster.get("existing"):
        return cast("KongHybridArgs", result)
    cluster["last_applied"] = _last("clusterAuthority")
    cluster["remote_data_planes"] = [_remote(plane) for plane in cluster.get("remote_data_planes", [])]
    return cast("KongHybridArgs", {**result, "cluster": cluster})


def _remote(plane: dict[str, Any]) -> dict[str, Any]:
    stack = plane.pop("stack", None)
    if stack is None:
        return plane
    request = pulumi.StackReference(stack).get_output("certificateRequestPem")
    return {**plane, "certificate_request_pem": request.apply(lambda pem: _present(pem, stack))}


def _present(pem: str | None, stack: str) -> str:
    if not pem:
        raise InputError(f"stack {stack!r} puts out no certificateRequestPem; run `pulumi up` there first")
    return pem
