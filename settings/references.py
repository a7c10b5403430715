"""What the program reads from outputs: its own last ones, and those of other stacks.

A stack reference reads all outputs of a stack, so nothing secret may be among them.
"""

from typing import Any

import pulumi

from kong_mtls import InputError, KongHybridArgs


def connect(hybrid: KongHybridArgs) -> KongHybridArgs:
    """The arguments with what stack references know.

    The stack's own last outputs show a jump over a step of a rotation; a remote data plane's stack puts out its signing
    request.
    """
    cluster: Any = dict(hybrid.get("cluster") or {})
    if cluster.get("mtls", "shared") == "shared" or cluster.get("existing"):
        return hybrid
    own = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")
    cluster["last_applied"] = own.get_output("clusterAuthority").apply(lambda last: last or {})
    cluster["remote_data_planes"] = [_remote(plane) for plane in cluster.get("remote_data_planes", [])]
    return {**hybrid, "cluster": cluster}


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
