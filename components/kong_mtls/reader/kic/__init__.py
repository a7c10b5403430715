"""What the Kong Ingress Controller makes of manifests, by its own rules, and what it leaves out silently.

The rules are those of Kong/kubernetes-ingress-controller 3.5 in its default configuration; each module names
the files they were read from. The controller fails open: what it can't resolve it leaves out and sends the
rest. So every such thing is a `Failure` here, with a stable code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic import httproutes, routes
from kong_mtls.reader.kic.authorities import authorities
from kong_mtls.reader.kic.consumers import consumers
from kong_mtls.reader.kic.failures import FAILURES
from kong_mtls.reader.kic.model import (
    ACL,
    DEFAULT_INGRESS_CLASS,
    MTLS_AUTH,
    CaCertificate,
    Failure,
    KeyPair,
    KongConfig,
    KongConsumer,
    KongPlugin,
    KongRoute,
    KongService,
    ServerCertificate,
)
from kong_mtls.reader.kic.plugins import Plugins, Relation
from kong_mtls.reader.kic.server_certificates import server_certificates
from kong_mtls.reader.kic.services import TLS_ANNOTATIONS, Backend, build
from kong_mtls.reader.kic.store import Store
from kong_mtls.reader.manifests import MASKED, Objects, ident

__all__ = [
    "ACL",
    "DEFAULT_INGRESS_CLASS",
    "FAILURES",
    "MTLS_AUTH",
    "CaCertificate",
    "Failure",
    "KeyPair",
    "KongConfig",
    "KongConsumer",
    "KongPlugin",
    "KongRoute",
    "KongService",
    "ServerCertificate",
    "translate",
]


def _group(obj: dict[str, Any]) -> str:
    group, slash, _ = str(obj.get("apiVersion") or "").partition("/")
    return group if slash else ""


class _Translation:
    """Services and routes as they come together; each Kong service is built once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.plugins = Plugins(store)
        self.routes: list[KongRoute] = []
        self.services: dict[str, KongService | None] = {}
        self.behind: dict[str, tuple[list[str], dict[str, str]]] = {}  # plugin references of a service's Services

    def service(self, name: str, backends: Sequence[Backend], parent: dict[str, Any] | None) -> None:
        if name in self.services:
            return
        made, members = build(self.store, name, backends, parent)
        self.services[name] = made
        written: list[str] = []
        dropped: dict[str, str] = {}
        for member in members if made else ():
            relation = Relation(member, _group(member), service=name)
            found = self.plugins.ask(relation, ann.kong(member).get("plugins", ""))
            written += found[0]
            dropped |= found[1]
        self.behind[name] = (written, dropped)

    def route(self, draft: routes.Draft) -> None:
        behind: tuple[list[str], dict[str, str]] = ([], {})
        if draft.service is not None:
            self.service(draft.service, draft.backends, draft.parent)
            if self.services[draft.service] is None:
                return  # dropped together with its service
            behind = self.behind[draft.service]
        relation = Relation(draft.parent, _group(draft.parent), route=draft.route.name)
        written, dropped = self.plugins.ask(relation, draft.plugins)
        dropped = behind[1] | dropped
        self.routes.append(
            replace(
                draft.route,
                references=tuple(dict.fromkeys(written + behind[0])),
                unresolved=tuple(dropped),
                lost=tuple(dropped.values()),
            )
        )

    def unrouted(self) -> None:
        """Services that bear TLS annotations while the route to them is somewhere else."""
        seen = {member for made in self.services.values() if made for member in made.backends}
        for obj in self.store.objects.all("Service"):
            given = ann.kong(obj)
            asks = given.get("protocol") == "https" or any(key in given for key in TLS_ANNOTATIONS)
            if ident(obj) in seen or not asks:
                continue
            metadata = obj.get("metadata") or {}
            namespace, name = str(metadata.get("namespace") or "default"), str(metadata.get("name"))
            ports = (obj.get("spec") or {}).get("ports") or ()
            port = ports[0].get("port") if ports else None
            label = f"{namespace}.{name}.{port}" if port else f"{namespace}.{name}"
            self.service(label, (Backend(namespace, name, port),), None)


def _warn_of_dangling(
    store: Store, services: Sequence[KongService], plugins: Sequence[KongPlugin], known: set[str]
) -> None:
    for service in services:
        for id_ in service.ca_certificates or ():
            if id_.lower() not in known and id_ != MASKED:
                message = f"CA certificate {id_} isn't in Kong: the service is verified by global trust, if any"
                for backend in service.backends:
                    store.failures.add("service-ca-dangling", backend, message, id_)
    for plugin in (each for each in plugins if not each.refused):
        ids = (plugin.config or {}).get("ca_certificates")
        for id_ in ids if plugin.name == MTLS_AUTH and isinstance(ids, list) else ():
            if str(id_).lower() not in known:
                message = f"CA certificate {id_} isn't in Kong: every client certificate gets a 500"
                store.failures.add("plugin-ca-dangling", plugin.object, message, str(id_))


def translate(
    objects: Objects,
    at: datetime,
    ingress_class: str = DEFAULT_INGRESS_CLASS,
    watch_namespaces: Sequence[str] = (),
) -> KongConfig:
    """What a controller of one ingress class configures Kong with, and everything it drops.

    Args:
        objects: all that is known of the cluster. What is missing there counts as missing in the cluster.
        at: the moment to judge certificates at; timezone-aware.
        ingress_class: the class the controller serves.
        watch_namespaces: the only namespaces it looks at; all of them when empty.
    """
    store = Store(objects, at, ingress_class, watch_namespaces)
    store.warn_of_legacy_annotations()
    ingresses = routes.taken(store)
    translation = _Translation(store)
    for draft in (*routes.drafts(store, ingresses), *httproutes.drafts(store)):
        translation.route(draft)
    translation.unrouted()
    found = consumers(store)
    by_object = {consumer.object: consumer for consumer in found}
    for obj in store.objects.all("KongConsumer"):
        consumer = by_object.get(ident(obj))
        if consumer:
            relation = Relation(obj, _group(obj), consumer=consumer.username or consumer.custom_id)
            translation.plugins.ask(relation, ann.kong(obj).get("plugins", ""))
    plugins = translation.plugins.make()
    trusted = authorities(store)
    services = tuple(service for service in translation.services.values() if service)
    _warn_of_dangling(store, services, plugins, {ca.id.lower() for ca in trusted})
    certificates = server_certificates(store, ingresses)
    return KongConfig(
        routes=tuple(sorted(translation.routes, key=lambda route: route.name)),
        services=tuple(sorted(services, key=lambda service: service.name)),
        plugins=plugins,
        ca_certificates=trusted,
        consumers=found,
        certificates=certificates,
        failures=store.failures.result(),
    )
