"""What NetworkPolicies leave open. Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kong_mtls.reader.manifests import key_of, labels_of
from kong_mtls.reader.pods import dicts

from .context import Context
from .workloads import matches

EVERYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Peer:
    """Who knocks: a pod by its namespace and labels."""

    namespace: str
    labels: Mapping[str, str]


def _selecting(context: Context, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The policies that restrict who reaches these pods."""
    return [
        policy
        for policy in context.objects.all("NetworkPolicy")
        if key_of(policy)[1] == namespace
        and "Ingress" in ((policy.get("spec") or {}).get("policyTypes") or ("Ingress",))
        and matches((policy.get("spec") or {}).get("podSelector") or {}, labels)
    ]


def admitted(context: Context, namespace: str, labels: Mapping[str, str], port: int, peer: Peer) -> bool:
    """Whether a peer may reach a port of these pods; also where a range of addresses may be its own."""
    if not context.all_judged("NetworkPolicy"):
        return True  # nobody can tell yet
    selecting = _selecting(context, namespace, labels)
    return not selecting or any(
        _covers(each, port) and _from(context, each, namespace, peer)
        for policy in selecting
        for each in dicts((policy.get("spec") or {}).get("ingress"))
    )


def _from(context: Context, ingress: Mapping[str, Any], namespace: str, peer: Peer) -> bool:
    peers = dicts(ingress.get("from"))
    return not peers or any(_is(context, each, namespace, peer) for each in peers)


def _is(context: Context, each: Mapping[str, Any], namespace: str, peer: Peer) -> bool:
    if each.get("ipBlock"):
        return True  # addresses of pods are in no file
    pods = each.get("podSelector")
    if isinstance(pods, dict) and not matches(pods, peer.labels):
        return False
    spaces = each.get("namespaceSelector")
    if not isinstance(spaces, dict):
        return peer.namespace == namespace
    known = context.objects.get("Namespace", None, peer.namespace)
    labels = labels_of(known or {}) | {"kubernetes.io/metadata.name": peer.namespace}
    # Without the Namespace in the set it may have any other label.
    asked = set(spaces.get("matchLabels") or {}) | {str(e.get("key")) for e in dicts(spaces.get("matchExpressions"))}
    return matches(spaces, labels) or (known is None and not asked <= set(labels))


def isolated(context: Context, namespace: str, labels: Mapping[str, str], port: int) -> bool:
    """Whether some policies select these pods for ingress, and none of them opens a port to everybody.

    Also where a policy isn't wholly known yet.

    Policies add up: one that admits everybody undoes the others. Ports by name are taken for other ports,
    unless the rule has no peers at all.
    """
    if not context.all_judged("NetworkPolicy"):
        return True  # nobody can tell yet
    selecting = _selecting(context, namespace, labels)
    return bool(selecting) and not any(_opens(policy, port) for policy in selecting)


def _opens(policy: Mapping[str, Any], port: int) -> bool:
    for each in (policy.get("spec") or {}).get("ingress") or ():
        if isinstance(each, dict) and _to_everybody(each) and _covers(each, port):
            return True
    return False


def _to_everybody(ingress: Mapping[str, Any]) -> bool:
    peers = dicts(ingress.get("from"))
    return not peers or any(_is_everybody(peer) for peer in peers)


def _is_everybody(peer: Mapping[str, Any]) -> bool:
    if peer.get("namespaceSelector") == {} and not peer.get("podSelector"):
        return True  # every pod of the cluster
    return (peer.get("ipBlock") or {}).get("cidr") in EVERYWHERE


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
