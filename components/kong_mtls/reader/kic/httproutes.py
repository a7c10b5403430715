"""Kong routes of Gateway API's HTTPRoutes.

Sources: Kong/kubernetes-ingress-controller internal/dataplane/translator/subtranslator/httproute.go and
backendref.go, internal/dataplane/translator/translate_httproute.go, with the controller's default flags:
the traditional router, no services shared between HTTPRoutes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic.model import KongRoute
from kong_mtls.reader.kic.plugins import GROUP as KONG_GROUP
from kong_mtls.reader.kic.routes import Draft, override
from kong_mtls.reader.kic.services import Backend
from kong_mtls.reader.kic.store import KIC_GATEWAY_CONTROLLER, Store
from kong_mtls.reader.manifests import ident

GATEWAY_GROUP = "gateway.networking.k8s.io"


def _namespace(obj: Mapping[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "default")


def is_kongs(store: Store, gateway: Mapping[str, Any]) -> bool:
    """Whether a Gateway is this controller's; without its GatewayClass in the files it is taken for it."""
    name = str((gateway.get("spec") or {}).get("gatewayClassName") or "")
    gateway_class = store.objects.get("GatewayClass", None, name)
    found = (gateway_class or {}).get("spec") or {}
    return gateway_class is None or found.get("controllerName") == KIC_GATEWAY_CONTROLLER


def _parents(store: Store, route: Mapping[str, Any]) -> tuple[list[tuple[dict[str, Any], Any]], bool]:
    """Kong's Gateways among the parents, with the section named, and whether a parent is not in the files."""
    found, unknown = [], False
    for ref in (route.get("spec") or {}).get("parentRefs") or ():
        if ref.get("kind", "Gateway") != "Gateway":
            continue
        gateway = store.objects.get("Gateway", str(ref.get("namespace") or _namespace(route)), str(ref.get("name")))
        if gateway is None:
            unknown = True
        elif is_kongs(store, gateway):
            found.append((gateway, ref.get("sectionName")))
    return found, unknown


def _protocols(parents: list[tuple[dict[str, Any], Any]]) -> tuple[str, ...] | None:
    known = {"HTTP": "http", "HTTPS": "https"}
    listeners = [
        known[listener["protocol"]]
        for gateway, section in parents
        for listener in (gateway.get("spec") or {}).get("listeners") or ()
        if section in (None, listener.get("name")) and listener.get("protocol") in known
    ]
    return tuple(sorted(set(listeners))) or None


def _paths(match: Mapping[str, Any]) -> list[str]:
    path = match.get("path") or {}
    kind, value = path.get("type", "PathPrefix"), str(path.get("value") or "/")
    if not path:
        return []
    if kind == "PathPrefix":
        return [f"~{value}$", value if value.endswith("/") else f"{value}/"]
    return [f"~{value}$"] if kind == "Exact" else [f"~{value}"]


def _backends(store: Store, route: dict[str, Any], rule: Mapping[str, Any]) -> tuple[Backend, ...]:
    own = _namespace(route)
    result = []
    for ref in rule.get("backendRefs") or ():
        namespace, name = str(ref.get("namespace") or own), str(ref.get("name"))
        if ref.get("kind", "Service") != "Service" or ref.get("group", "") not in ("", "core"):
            message = f"backend {name} is no Service: it is left out"
            store.failures.add("backend-invalid", ident(route), message, name)
            continue
        to = ("", "Service", namespace, name)
        if namespace != own and not store.granted((GATEWAY_GROUP, "HTTPRoute", own), to):
            message = f"no ReferenceGrant in {namespace} allows backend {name}: it is left out"
            store.failures.add("backend-not-granted", ident(route), message, name)
            continue
        result.append(Backend(namespace, name, ref.get("port")))
    return tuple(result)


def _filter_plugins(rule: Mapping[str, Any]) -> list[str]:
    refs = (f.get("extensionRef") or {} for f in rule.get("filters") or () if f.get("type") == "ExtensionRef")
    return [str(r.get("name")) for r in refs if r.get("group") == KONG_GROUP and r.get("kind") == "KongPlugin"]


def _route_drafts(store: Store, obj: dict[str, Any], protocols: tuple[str, ...] | None) -> Iterator[Draft]:
    metadata, spec = obj.get("metadata") or {}, obj.get("spec") or {}
    base = f"httproute.{_namespace(obj)}.{metadata.get('name')}"
    hosts = tuple(str(host) for host in spec.get("hostnames") or ())
    annotation = ann.kong(obj).get("plugins", "")
    services: dict[str, str] = {}
    grouped: dict[str, tuple[str, str, Mapping[str, Any], list[str]]] = {}
    for number, rule in enumerate(spec.get("rules") or ()):
        same_backends = json.dumps(sorted(json.dumps(r, sort_keys=True) for r in rule.get("backendRefs") or ()))
        service = services.setdefault(same_backends, f"{base}.{number}")
        same_filters = json.dumps(sorted(json.dumps(f, sort_keys=True) for f in rule.get("filters") or ()))
        matches = rule.get("matches") or ()
        for index, match in enumerate(matches or ({},)):
            criteria = json.dumps([match.get("method"), match.get("headers")], sort_keys=True)
            alone = f"{number}" if not matches else ""  # a rule without matches makes a route of its own
            key = "|".join((service, same_filters, criteria, alone))
            entry = grouped.setdefault(key, (f"{base}.{number}.{index}", service, rule, []))
            entry[3].extend(_paths(match))
    for name, service, rule, paths in grouped.values():
        route = KongRoute(name, ident(obj), _namespace(obj), service, hosts, tuple(dict.fromkeys(paths)), protocols)
        plugins = ",".join(text for text in (annotation, *_filter_plugins(rule)) if text)
        yield Draft(override(store, route, obj), obj, service, _backends(store, obj, rule), plugins)
    if not grouped:
        route = KongRoute(base, ident(obj), _namespace(obj), None, hosts, (), protocols, partial=True)
        yield Draft(override(store, route, obj), obj, None, (), annotation)


def drafts(store: Store) -> Iterator[Draft]:
    """Every route of the HTTPRoutes whose parents are Kong's, or aren't in the files."""
    for obj in store.objects.all("HTTPRoute"):
        partial = store.objects.is_partial(obj)
        parents, unknown = _parents(store, obj)
        if not parents and not unknown and not partial:
            continue
        if not parents and not partial:
            message = "no parent Gateway is in the files; whether Kong serves it can't be told"
            store.failures.add("gateway-missing", ident(obj), message, "spec.parentRefs")
        rules = (obj.get("spec") or {}).get("rules") or ()
        queries = any(match.get("queryParams") for rule in rules for match in rule.get("matches") or ())
        if queries or (not rules and not partial):
            why = "a match on query parameters" if queries else "no rules"
            message = f"the controller can't translate an HTTPRoute with {why}: it isn't served"
            store.failures.add("httproute-invalid", ident(obj), message, "spec.rules")
            continue
        yield from _route_drafts(store, obj, _protocols(parents))
