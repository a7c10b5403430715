"""What NetworkPolicies leave open. Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kong_mtls.reader.manifests import key_of
from kong_mtls.reader.pods import dicts

from .context import Context
from .workloads import matches

EVERYWHERE = ("0.0.0.0/0", "::/0")


def isolated(context: Context, namespace: str, labels: Mapping[str, str], port: int) -> bool:
    """Whether some policies select these pods for ingress, and none of them opens a port to everybody.

    Also where a policy isn't wholly known yet.

    Policies add up: one that admits everybody undoes the others. Ports by name are taken for other ports,
    unless the rule has no peers at all.
    """
    if not context.all_judged("NetworkPolicy"):
        return True  # nobody can tell yet
    selecting = [
        policy
        for policy in context.objects.all("NetworkPolicy")
        if key_of(policy)[1] == namespace
        and "Ingress" in ((policy.get("spec") or {}).get("policyTypes") or ("Ingress",))
        and matches((policy.get("spec") or {}).get("podSelector") or {}, labels)
    ]
    return bool(selecting) and not any(_opens(policy, port) for policy in selecting)


def _opens(policy: Mapping[str, Any], port: int) -> bool:
    for each in (policy.get("spec") or {}).get("ingress") or ():
        if isinstance(each, dict) and _to_everybody(each) and _covers(each, port):
            return True
    return False


def _to_everybody(ingress: Mapping[str, Any]) -> bool:
    peers = dicts(ingress.get("from"))
    return not peers or any((peer.get("ipBlock") or {}).get("cidr") in EVERYWHERE for peer in peers)


def _covers(ingress: Mapping[str, Any], port: int) -> bool:
    ports = dicts(ingress.get("ports"))
    if not ports:
        return True
    for each in ports:
        first = each.get("port")
        if each.get("protocol", "TCP") != "TCP":
            continue
        if first is None or (isinstance(first, int) and first <= port <= int(each.get("endPort") or first)):
            return True
    return False
