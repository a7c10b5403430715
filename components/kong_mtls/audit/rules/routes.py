"""Routes: who serves them, whether plain HTTP or a twin goes around the plugin, which handshakes ask."""

from __future__ import annotations

from collections.abc import Iterator

from kong_mtls.reader.kic import MTLS_AUTH, Failure, KongRoute
from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.manifests import annotations_of, ident

from ..context import Context
from ..failures import KIC, failure_rule
from ..model import Hit, rule
from .plugins import protected

_INGRESS = KIC + "internal/dataplane/translator/subtranslator/ingress.go"
_ROUTE = KIC + "internal/dataplane/kongstate/route.go"


def _no_facade(context: Context, failure: Failure) -> bool:
    """A KongServiceFacade is a backend where the controller's feature gate of that name is on."""
    rules = (context.by_ident[failure.object].get("spec") or {}).get("rules") or ()
    backends = [p.get("backend") or {} for r in rules for p in (r.get("http") or {}).get("paths") or ()]
    return not any((backend.get("resource") or {}).get("kind") == "KongServiceFacade" for backend in backends)


failure_rule(
    "client-ingress-no-class",
    "error",
    "An Ingress with Kong's annotations is taken by no controller",
    codes=("ingress-class-missing",),
    effect="Without a class, and without a default class that is Kong's, the controller passes over it without a "
    "word; another controller that takes everything would serve it without mTLS.",
    fix="Set spec.ingressClassName to the class of Kong's controller.",
    source=KIC + "internal/store/store.go (ListIngressesV1)",
)


failure_rule(
    "client-not-watched",
    "error",
    "An object with Kong's annotations is in a namespace that the controller doesn't watch",
    codes=("namespace-not-watched",),
    effect="The controller passes over it: a route isn't served, a plugin or Service of it goes unprotected where "
    "something else refers to it.",
    fix="Add the namespace to ingressController.watchNamespaces, or leave that empty to watch all.",
    source="Kong/kubernetes-ingress-controller docs/cli-arguments.md (--watch-namespace)",
)


@rule(
    "client-ingress-other-class",
    "warning",
    "An Ingress with Kong's annotations names a class that no controller of the set serves",
    effect="Kong's controllers here pass over it without a word. If no other one serves that class, the route "
    "doesn't exist; if a controller of another make does, it is served without mTLS.",
    fix="Correct spec.ingressClassName, or take the konghq.com/ annotations away.",
    source=KIC + "internal/annotations/annotations.go",
)
def _other_class(context: Context) -> Iterator[Hit]:
    if not any(release.ingress_controller for release in context.releases):
        return
    for ingress in context.objects.all("Ingress"):
        named = annotations_of(ingress).get(ann.CLASS) or (ingress.get("spec") or {}).get("ingressClassName")
        if named is None or not ann.kong(ingress) or str(named) in context.classes:
            continue
        if context.objects.get("IngressClass", None, str(named)) is None:
            served = ", ".join(context.classes)
            yield Hit(ident(ingress), f"its class is {named!r}; the controllers of the set serve {served}")


failure_rule(
    "client-gateway-not-seen",
    "warning",
    "An HTTPRoute's Gateway isn't in the set",
    codes=("gateway-missing",),
    effect="Whether Kong serves the route, and on which listeners, can't be told from these files.",
    fix="Audit it together with its Gateway.",
    source=KIC + "internal/controllers/gateway/route_utils.go",
)

failure_rule(
    "client-httproute-invalid",
    "error",
    "The controller can't translate an HTTPRoute",
    codes=("httproute-invalid",),
    effect="It isn't served at all; what was there before may stay.",
    fix="Give it rules, and matches that the controller knows (no query parameters).",
    source=KIC + "internal/dataplane/translator/translate_httproute.go",
    scope="object",
)

failure_rule(
    "client-route-backend",
    "error",
    "A route's backend can't be used",
    codes=("backend-invalid", "backend-not-granted"),
    only=_no_facade,
    effect="The controller leaves the path or the backend out: requests get 503, or fall to a wider route that may "
    "not be protected.",
    fix="Name a Service; one in another namespace takes a ReferenceGrant there.",
    source=_INGRESS,
)

failure_rule(
    "client-route-no-service",
    "warning",
    "A route's Service isn't in the set, or has no such port",
    codes=("service-missing", "service-port-missing"),
    only=lambda context, _: context.all_judged("Service", "Ingress", "HTTPRoute"),
    effect="If it isn't in the cluster either, requests get 503; its annotations (plugins, TLS) can't be judged here.",
    fix="Audit the route together with its Service, or correct name and port.",
    source=KIC + "internal/dataplane/translator/ingressrules.go",
)

failure_rule(
    "client-protocols-invalid",
    "error",
    "konghq.com/protocols holds something else than Kong's protocols",
    codes=("protocols-invalid", "protocols-mixed"),
    effect="With an unknown word Kong refuses the route, in DB mode the whole synchronisation with it. grpc mixed "
    "with http becomes http and https: plain HTTP passes where only TLS was meant.",
    fix="Write `https`, or `grpcs` for gRPC.",
    source=_ROUTE,
    scope="object",
)

failure_rule(
    "client-snis-invalid",
    "error",
    "konghq.com/snis holds something that is no host name",
    codes=("snis-invalid",),
    effect="The controller drops the whole list: certificates are asked for on every handshake, and the route is "
    "reached under any name.",
    fix="List host names alone: no wildcard, no port.",
    source=_ROUTE + " (validSNIs)",
    scope="object",
)

failure_rule(
    "client-redirect-invalid",
    "error",
    "konghq.com/https-redirect-status-code holds a code that Kong doesn't know",
    codes=("https-redirect-code-invalid",),
    effect="The annotation is dropped: plain HTTP is answered with 426, which browsers don't follow.",
    fix="Write 301, 302, 307, 308 or 426.",
    source=_ROUTE,
    scope="object",
)


def _plain_path(path: str) -> str:
    """One spelling for /a, /a/ and ~/a$, which is how path types come out."""
    return path.removeprefix("~").removesuffix("$").rstrip("/") or "/"


def _narrower(context: Context, route: KongRoute) -> bool:
    """Whether a route also asks for a method or headers: then it is meant to be another one."""
    obj = context.by_ident.get(route.object, {})
    if any(key == "methods" or key.startswith("headers.") for key in ann.kong(obj)):
        return True
    rules = (obj.get("spec") or {}).get("rules") or ()
    matches = [match for rule in rules for match in rule.get("matches") or ()]
    return any(match.get("method") or match.get("headers") for match in matches)


@rule(
    "client-route-twin",
    "error",
    "A protected route is also reached through another one that isn't protected",
    effect="Kong picks one of two equal routes; whoever gets the other one is let in without a certificate.",
    fix="Remove the twin, or give it the same konghq.com/plugins.",
    source="https://developer.konghq.com/gateway/routing/traditional/",
)
def _twin(context: Context) -> Iterator[Hit]:
    for config in context.configs:
        places: dict[tuple[str, str], list[KongRoute]] = {}
        for route in config.routes:
            for host in route.hosts or ("",):
                for path in {_plain_path(each) for each in route.paths}:
                    places.setdefault((host.lower(), path), []).append(route)
        for (host, path), routes in places.items():
            closed = [route for route in routes if config.plugin(MTLS_AUTH, route) is not None]
            if not closed or len(closed) == len(routes):
                continue
            for route in routes:
                if route not in closed and route.object != closed[0].object and not _narrower(context, route):
                    where = f"{host or 'any host'}{path}"
                    yield Hit(route.object, f"{where} is open here; {closed[0].object} protects the same place")


@rule(
    "client-plain-http",
    "warning",
    "A protected route takes plain HTTP",
    effect="Without `https` alone in konghq.com/protocols a request over plain HTTP isn't redirected: it reaches "
    "the plugin, gets 401, and what it carried has crossed the network in clear.",
    fix='Annotate konghq.com/protocols: "https" and, for browsers, konghq.com/https-redirect-status-code: "308".',
    source="https://developer.konghq.com/kubernetes-ingress-controller/reference/annotations/#konghq-com-protocols",
)
def _plain_http(context: Context) -> Iterator[Hit]:
    if context.plain_http_closed:
        return
    unseen = {failure.object for failure in context.failures("gateway-missing")}
    for _, route, _ in protected(context):
        said = route.protocols
        if said is None and (route.partial or context.https_by_default or route.object in unseen):
            continue
        if said is None or set(said) & {"http", "grpc", "ws"}:
            took = ", ".join(said) if said else "http and https, the default"
            yield Hit(route.object, f"it takes {took}")


@rule(
    "client-no-snis",
    "warning",
    "A protected route names no SNIs",
    effect="Kong can't tell in the handshake which route is meant, so it asks every client of the gateway for a "
    "certificate, also those of other routes: browsers show a dialogue.",
    fix="Annotate konghq.com/snis with the route's host names.",
    source="https://developer.konghq.com/plugins/mtls-auth/#client-certificate-request",
)
def _no_snis(context: Context) -> Iterator[Hit]:
    for _, route, plugin in protected(context):
        if not route.snis and not plugin.is_global and not route.partial:
            yield Hit(route.object, "mtls-auth runs on it, and konghq.com/snis is not set")


@rule(
    "client-snis-hosts",
    "warning",
    "A protected route names SNIs, and not all of its hosts",
    effect="Kong matches both: a request for a host that isn't among the SNIs finds no route, and gets 404 or a wider "
    "route.",
    fix="List every host of the route in konghq.com/snis.",
    source="https://developer.konghq.com/gateway/routing/traditional/",
)
def _snis_hosts(context: Context) -> Iterator[Hit]:
    for _, route, _ in protected(context):
        left = [host for host in route.hosts if "*" not in host and host not in route.snis]
        if route.snis and left:
            yield Hit(route.object, f"konghq.com/snis has {', '.join(route.snis)}, and not {left[0]}")
