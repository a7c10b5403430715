"""Server certificates by server name: those of Ingresses, then those of Gateways.

Source: Kong/kubernetes-ingress-controller internal/dataplane/translator/{ingressrules,translate_certs}.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from kong_mtls.reader.kic.httproutes import GATEWAY_GROUP, is_kongs
from kong_mtls.reader.kic.model import KeyPair, ServerCertificate
from kong_mtls.reader.kic.pairs import key_pair
from kong_mtls.reader.kic.store import Store
from kong_mtls.reader.manifests import ident

Claim = tuple[dict[str, Any], str, str, tuple[str, ...]]  # who asks, Secret's namespace and name, server names


def _ingress_claims(store: Store, ingresses: Sequence[dict[str, Any]]) -> Iterator[Claim]:
    for ingress in ingresses:
        namespace = str((ingress.get("metadata") or {}).get("namespace") or "default")
        for tls in (ingress.get("spec") or {}).get("tls") or ():
            hosts = tuple(str(host) for host in tls.get("hosts") or ())
            secret = tls.get("secretName")
            if hosts and secret:
                yield ingress, namespace, str(secret), hosts
            else:
                lacking = "hosts" if secret else "a secretName"
                message = f"a tls entry without {lacking} is passed over: clients get the default certificate"
                store.failures.add("server-certificate-no-hosts", ident(ingress), message, "spec.tls")


def _gateway_claims(store: Store) -> Iterator[Claim]:
    for gateway in store.objects.all("Gateway"):
        if not is_kongs(store, gateway):
            continue
        own = str((gateway.get("metadata") or {}).get("namespace") or "default")
        for listener in (gateway.get("spec") or {}).get("listeners") or ():
            refs = list((listener.get("tls") or {}).get("certificateRefs") or ())
            if len(refs) != 1:  # the controller refuses more than one
                continue
            namespace, name = str(refs[0].get("namespace") or own), str(refs[0].get("name"))
            to = ("", "Secret", namespace, name)
            if namespace != own and not store.granted((GATEWAY_GROUP, "Gateway", own), to):
                message = f"no ReferenceGrant in {namespace} allows Secret {name}: its certificate is left out"
                store.failures.add("server-certificate-missing", ident(gateway), message, name)
                continue
            yield gateway, namespace, name, (str(listener.get("hostname") or "*"),)


def server_certificates(store: Store, ingresses: Sequence[dict[str, Any]]) -> tuple[ServerCertificate, ...]:
    """Every certificate with the server names it is shown for; one name is never served by two."""
    holders: dict[str, str] = {}
    names: dict[str, list[str]] = {}
    pairs: dict[str, KeyPair] = {}
    for parent, namespace, name, hosts in chain(_ingress_claims(store, ingresses), _gateway_claims(store)):
        secret = store.objects.get("Secret", namespace, name)
        if secret is None:
            message = f"Secret {namespace}/{name} is not there: clients get the default certificate"
            store.failures.add("server-certificate-missing", ident(parent), message, name)
            continue
        key = ident(secret)
        pair, problem = key_pair(secret)
        if problem:
            message = f"{problem}: clients of {', '.join(hosts)} get the default certificate"
            store.failures.add("server-certificate-bad-pair", key, message, "tls.key")
            continue
        pairs[key] = pair
        for host in hosts:
            holder = holders.setdefault(host, key)
            if holder == key:
                names.setdefault(key, []).append(host)
            else:
                message = f"{host} is served with {holder} already; {key} is not shown for it"
                store.failures.add("server-certificate-conflict", ident(parent), message, host)
    return tuple(ServerCertificate(pairs[key], tuple(dict.fromkeys(hosts))) for key, hosts in sorted(names.items()))
