"""Kong routes of Ingresses: hosts, paths, and what the annotations make of protocols, SNIs and redirects.

Sources: Kong/kubernetes-ingress-controller internal/dataplane/translator/subtranslator/ingress.go,
translate_ingress.go and internal/dataplane/kongstate/route.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic.model import KongRoute
from kong_mtls.reader.kic.services import Backend
from kong_mtls.reader.kic.store import Store
from kong_mtls.reader.manifests import annotations_of, ident

CONTROLLER_REGEX_PREFIX = "/~"


@dataclass(frozen=True)
class Draft:
    """A route before its service and plugins are known.

    Attributes:
        route: the route so far.
        parent: the Ingress or HTTPRoute.
        service: Kong's name for the service; None when the object gives no backend.
        backends: the Services behind it.
        plugins: texts of plugin references, the annotation's and those of filters.
    """

    route: KongRoute
    parent: dict[str, Any]
    service: str | None
    backends: tuple[Backend, ...]
    plugins: str


def paths_of(path: str, kind: str, prefix: str) -> list[str]:
    """Kong's paths for one path of an Ingress; expressions start with ``~``."""
    path = re.sub("/+", "/", path) or "/"
    if kind == "Prefix":
        base = path.strip("/")
        plain = [f"/{base}/", f"~/{base}$"] if base else ["/"]
    elif kind == "Exact":
        plain = ["~/" + path.lstrip("/") + "$"]
    else:
        plain = [path]
    return ["~" + each[len(prefix) :] if prefix and each.startswith(prefix) else each for each in plain]


def _ssl_only(protocols: Sequence[str]) -> tuple[str, ...]:
    grpc = any("grpc" in each for each in protocols)
    http = any("http" in each for each in protocols)
    return (*(("grpcs",) if grpc else ()), *(("https",) if http or not grpc else ()))


def _redirect_and_host(store: Store, obj: dict[str, Any]) -> dict[str, Any]:
    given, owner, add = ann.kong(obj), ident(obj), store.failures.add
    changes: dict[str, Any] = {}
    if str(annotations_of(obj).get(ann.FORCE_SSL)) == "true":
        changes["https_redirect_status_code"] = 302
    key = "https-redirect-status-code"
    if given.get(key):
        code = ann.integer(given[key])
        if code in ann.REDIRECT_CODES:
            changes["https_redirect_status_code"] = code
        else:
            allowed = ", ".join(map(str, sorted(ann.REDIRECT_CODES)))
            message = f"{ann.PREFIX}{key} is {given[key]!r}, none of {allowed}: it stays 426"
            add("https-redirect-code-invalid", owner, message, ann.PREFIX + key)
    key = "preserve-host"
    if given.get(key):
        value = given[key].lower()
        if value in ("true", "false"):
            changes["preserve_host"] = value == "true"
        else:
            message = f"{ann.PREFIX}{key} is {given[key]!r}, neither true nor false: it stays true"
            add("preserve-host-invalid", owner, message, ann.PREFIX + key)
    return changes


def _protocols(store: Store, route: KongRoute, obj: dict[str, Any]) -> dict[str, Any]:
    owner, add, key = ident(obj), store.failures.add, f"{ann.PREFIX}protocols"
    protocols, refused = tuple(route.protocols or ()), ""
    if str(annotations_of(obj).get(ann.FORCE_SSL)) == "true":
        protocols = _ssl_only(protocols)
    said = ann.comma_list(ann.kong(obj).get("protocols", ""))
    if said:
        # The text reaches Kong even when a word is unknown; Kong then refuses the route.
        protocols = tuple(sorted(set(said)))
        unknown = [each for each in said if each not in ann.PROTOCOLS]
        if unknown:
            refused = f"protocol {unknown[0]!r} is unknown"
            add("protocols-invalid", owner, f"{key}: {unknown[0]!r} is none of Kong's; Kong refuses the route", key)
    if any("grpc" in each for each in protocols) and any("http" in each for each in protocols):
        message = f"{key} mixes grpc and http: the controller makes it http and https, so plain HTTP passes"
        add("protocols-mixed", owner, message, key)
        protocols = ("http", "https")
    return {"protocols": protocols or None, "refused": refused}


def _snis(store: Store, obj: dict[str, Any]) -> tuple[str, ...]:
    snis = ann.comma_list(ann.kong(obj).get("snis", ""))
    bad = [each for each in snis if not ann.is_sni(each)]
    if not bad:
        return snis
    message = f"{ann.PREFIX}snis: {bad[0]!r} is no host name; the whole list is dropped"
    store.failures.add("snis-invalid", ident(obj), message, f"{ann.PREFIX}snis")
    return ()


def override(store: Store, route: KongRoute, obj: dict[str, Any]) -> KongRoute:
    """Apply an object's annotations to its route, as the controller does."""
    aliases = ann.comma_list(ann.kong(obj).get("host-aliases", ""))
    return replace(
        route,
        hosts=tuple(dict.fromkeys((*route.hosts, *aliases))),
        snis=_snis(store, obj),
        **_redirect_and_host(store, obj),
        **_protocols(store, route, obj),
    )


def _backend(store: Store, ingress: dict[str, Any], backend: Mapping[str, Any]) -> Backend | None:
    namespace = str((ingress.get("metadata") or {}).get("namespace") or "default")
    service = backend.get("service")
    if not isinstance(service, dict) or not service.get("name"):
        message = "a backend is no Service: its path is left out"
        store.failures.add("backend-invalid", ident(ingress), message, "backend")
        return None
    port = service.get("port") or {}
    return Backend(namespace, str(service["name"]), port.get("number") or port.get("name"))


def _drafts(store: Store, ingress: dict[str, Any]) -> Iterator[Draft]:
    metadata, spec = ingress.get("metadata") or {}, ingress.get("spec") or {}
    namespace, name = str(metadata.get("namespace") or "default"), str(metadata.get("name"))
    given = ann.kong(ingress)
    prefix = given.get("regex-prefix", CONTROLLER_REGEX_PREFIX)
    grouped: dict[str, tuple[Backend, str, list[str]]] = {}
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            backend = _backend(store, ingress, path.get("backend") or {})
            if backend is None:
                continue
            host = str(rule.get("host") or "")
            key = f"{namespace}.{name}.{backend.name}.{host.replace('*', '_')}.{backend.port}"
            _, _, paths = grouped.setdefault(key, (backend, host, []))
            kind = str(path.get("pathType") or "ImplementationSpecific")
            paths += paths_of(str(path.get("path") or "/"), kind, prefix)
    for key, (backend, host, paths) in grouped.items():
        service = f"{namespace}.{backend.name}.{backend.port}"
        route = KongRoute(key, ident(ingress), namespace, service, (host,) if host else (), tuple(dict.fromkeys(paths)))
        yield Draft(override(store, route, ingress), ingress, service, (backend,), given.get("plugins", ""))


def _catch_all(store: Store, ingress: dict[str, Any], backend: Backend | None) -> Draft:
    """The route of a default backend; without a backend, that of an Ingress we only hold a patch of."""
    metadata = ingress.get("metadata") or {}
    namespace = str(metadata.get("namespace") or "default")
    service = f"{namespace}.{backend.name}.{backend.port}" if backend else None
    hosts = tuple(str(rule["host"]) for rule in (ingress.get("spec") or {}).get("rules") or () if rule.get("host"))
    route = KongRoute(
        f"{namespace}.{metadata.get('name')}",
        ident(ingress),
        namespace,
        service,
        hosts=() if backend else hosts,
        paths=("/",) if backend else (),
        partial=backend is None,
    )
    plugins = ann.kong(ingress).get("plugins", "")
    return Draft(override(store, route, ingress), ingress, service, (backend,) if backend else (), plugins)


def taken(store: Store) -> list[dict[str, Any]]:
    """The Ingresses that the controller serves, oldest first; those without any class are failures."""
    result = []
    for ingress in store.objects.all("Ingress"):
        named = annotations_of(ingress).get(ann.CLASS) or (ingress.get("spec") or {}).get("ingressClassName")
        # Of an Ingress that is only patched here the class is not known; we patch it because it is Kong's.
        if store.takes_ingress(ingress) or (named is None and store.objects.is_partial(ingress)):
            result.append(ingress)
        elif named is None and ann.kong(ingress):
            message = f"it has no class, and {store.ingress_class} isn't the default one: it is passed over"
            store.failures.add("ingress-class-missing", ident(ingress), message, "spec.ingressClassName")
    return sorted(result, key=lambda i: str((i.get("metadata") or {}).get("creationTimestamp") or ""))


def drafts(store: Store, ingresses: Sequence[dict[str, Any]]) -> Iterator[Draft]:
    """Every route of some Ingresses."""
    default_done = False
    for ingress in ingresses:
        made = list(_drafts(store, ingress))
        default = (ingress.get("spec") or {}).get("defaultBackend")
        if default and not default_done:
            default_done = True  # only the oldest default backend counts
            backend = _backend(store, ingress, default)
            if backend:
                made.append(_catch_all(store, ingress, backend))
        if not made and store.objects.is_partial(ingress):
            made.append(_catch_all(store, ingress, None))
        yield from made
