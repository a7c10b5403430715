"""What makes a workload read anew what it reads when it starts: a pod annotation that changes, or Reloader.

Stakater Reloader watches Secrets by names in an annotation of the workload, not of the pod template; names are
anchored regular expressions (stakater/Reloader, README, "Named Resource Reload"). Where it restarts pods, no checksum
does: both would roll them twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from .args import SecretRefArgs, TrustRefArgs

SECRETS = "secret.reloader.stakater.com/reload"


def checksums(refs: Mapping[str, SecretRefArgs | TrustRefArgs]) -> dict[str, pulumi.Input[str]]:
    """Pod annotations `checksum/<role>` that change with the content."""
    return {f"checksum/{role}": ref["checksum"] for role, ref in refs.items() if ref.get("checksum") is not None}


def reload_annotations(refs: Sequence[SecretRefArgs | TrustRefArgs]) -> dict[str, pulumi.Input[str]]:
    """The workload's annotation for Secrets that Reloader is to watch; none when there is none."""
    watched = [ref["name"] for ref in refs if ref.get("renewal") == "reloader"]
    if not watched:
        return {}
    if all(isinstance(name, str) for name in watched):
        return {SECRETS: _listed(watched)}
    return {SECRETS: pulumi.Output.all(*watched).apply(_listed)}


def _listed(watched: Sequence[Any]) -> str:
    return ",".join(sorted({str(name) for name in watched}))
