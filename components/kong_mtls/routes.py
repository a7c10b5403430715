"""Routes that demand a client certificate: what they are annotated with, and how that reaches them.

`konghq.com/plugins` is one list in one annotation, so one component owns it whole. Plain HTTP never passes: the route
is for TLS alone. With server names a certificate is asked only of clients that name one of them; Kong asks everyone as
soon as one protected route has none (Kong docs, "Mutual TLS Authentication", client certificate request).
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from typing_extensions import NotRequired

from . import names
from .claims import claim
from .errors import InputError
from .patches import Patches

KINDS = ("Ingress", "HTTPRoute", "Service")
PROTOCOLS = ("https", "grpcs")
REDIRECTS = (426, 301, 302, 307, 308)
"""What Kong can answer to plain HTTP (Kong/kong, kong/db/schema/entities/routes.lua)."""

PREFIX = "konghq.com/"
_OWNED = ("plugins", "protocols", "snis", "https-redirect-status-code")
_GATEWAY_API = "gateway.networking.k8s.io/v1"
# What the controller takes for a server name (Kong/kubernetes-ingress-controller
# internal/dataplane/kongstate/route.go): no wildcard, no port, no two hyphens in a row, so no `xn--` either. One bad
# name, and it drops the whole list: the gateway then asks everyone.
_SNI = re.compile(r"[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*(\.[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*)*")
# The provider would wait for an address that a NodePort never gets, and for endpoints of pods that come later.
_SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}


class ProtectedRouteArgs(TypedDict):
    """An Ingress, HTTPRoute or Service. With `spec` it is made here, else it exists and is patched."""

    name: str
    """Its name."""
    namespace: NotRequired[str]
    """Its namespace; default the component's."""
    kind: NotRequired[str]
    """`Ingress` (default), `HTTPRoute` or `Service`."""
    spec: NotRequired[Mapping[str, Any]]
    """Make it, with this spec, written as in Kubernetes (camelCase)."""
    snis: NotRequired[Sequence[str]]
    """Server names that clients ask for in the handshake, and of which alone a certificate is asked; default the hosts
    of `spec`. Empty: the gateway asks every client for one, of other routes too. Not for a Service."""
    protocol: NotRequired[str]
    """`https` (default) or `grpcs`. Not for a Service."""
    redirect_status_code: NotRequired[int]
    """What plain HTTP is answered, where the gateway listens for it: 426 (default), 301, 302, 307 or 308. Not for a
    Service."""
    other_plugins: NotRequired[Sequence[pulumi.Input[str]]]
    """Names of all other plugins of it: the list is owned here, as a whole."""
    annotations: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Further annotations, such as `konghq.com/strip-path`. Only with `spec`."""
    take_over: NotRequired[bool]
    """Overwrite annotations that somebody else has set to another value; default false: that is an error. A later
    removal doesn't bring theirs back. Only without `spec`."""


def kind_of(route: ProtectedRouteArgs) -> str:
    """The kind, `Ingress` where none is given."""
    return route.get("kind") or KINDS[0]


def key_of(route: ProtectedRouteArgs, namespace: str) -> str:
    """``Kind namespace/name``."""
    return f"{kind_of(route)} {route.get('namespace') or namespace}/{route['name']}"


def annotations_of(route: ProtectedRouteArgs, plugins: Sequence[pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
    """What protects a route, given the names of the plugins that do."""
    everything = [*plugins, *(route.get("other_plugins") or ())]
    found: dict[str, pulumi.Input[str]] = {}
    if everything:
        found[f"{PREFIX}plugins"] = _comma_list(everything)
    if kind_of(route) == "Service":
        return found
    found[f"{PREFIX}protocols"] = route.get("protocol") or PROTOCOLS[0]
    found[f"{PREFIX}https-redirect-status-code"] = str(route.get("redirect_status_code") or REDIRECTS[0])
    snis = server_names(route)
    if snis:
        found[f"{PREFIX}snis"] = ",".join(snis)
    return found


def _comma_list(parts: Sequence[pulumi.Input[str]]) -> pulumi.Input[str]:
    """One text, the same for any order of the parts: the order means nothing to Kong."""
    if all(isinstance(part, str) for part in parts):
        return ",".join(sorted({str(part) for part in parts}))
    result: pulumi.Output[str] = pulumi.Output.all(*parts).apply(lambda given: ",".join(sorted(set(given))))
    return result


def server_names(route: ProtectedRouteArgs) -> list[str]:
    """Names of which a certificate is asked, sorted; empty asks everyone."""
    given = route.get("snis")
    hosts = [host for host in _hosts(route) if host is not None] if given is None else given
    return sorted(set(hosts))


def _hosts(route: ProtectedRouteArgs) -> list[str | None]:
    """Hosts that a spec routes by; None stands for any."""
    spec = route.get("spec") or {}
    if kind_of(route) == "HTTPRoute":
        return list(spec.get("hostnames") or [None])
    rules = [rule.get("host") for rule in spec.get("rules") or ()]
    return [*rules, *([None] if spec.get("defaultBackend") or not rules else [])]


def route_problems(routes: Sequence[ProtectedRouteArgs], namespace: str) -> list[str]:
    """What can't work, each naming the route, the argument and what is allowed."""
    found: list[str] = []
    for route in routes:
        found += [f"routes: {key_of(route, namespace)}: {problem}" for problem in _problems(route, namespace)]
    keys = [key_of(route, namespace) for route in routes]
    found += [f"routes: {key} is listed twice" for key in sorted({key for key in keys if keys.count(key) > 1})]
    return found


def _problems(route: ProtectedRouteArgs, namespace: str) -> list[str]:
    found = []
    for value, what in ((route["name"], "name"), (route.get("namespace") or namespace, "namespace")):
        try:
            names.check_label(value, what)
        except InputError as error:
            found.append(str(error))
    kind = kind_of(route)
    if kind not in KINDS:
        return [*found, f"kind {kind!r} is not known; allowed: {', '.join(KINDS)}"]
    if kind == "Service":
        found += [
            f"{key} is set on the routes to a Service, not on itself"
            for key in ("snis", "protocol", "redirect_status_code")
            if route.get(key) is not None
        ]
    else:
        found += _tls_problems(route)
    found += _plugin_problems(route)
    if route.get("spec") is not None and route.get("take_over"):
        found.append("take_over is for what exists; with spec it is made here")
    if route.get("spec") is None and route.get("annotations"):
        found.append("annotations are for what is made here; without spec only what protects it is patched")
    owned = [f"{PREFIX}{key}" for key in _OWNED if f"{PREFIX}{key}" in (route.get("annotations") or {})]
    if owned:
        found.append(f"annotations: {', '.join(owned)} is set by the route's own arguments")
    return found


def _tls_problems(route: ProtectedRouteArgs) -> list[str]:
    found = []
    protocol, redirect = route.get("protocol") or PROTOCOLS[0], route.get("redirect_status_code") or REDIRECTS[0]
    if protocol not in PROTOCOLS:
        found.append(
            f"protocol {protocol!r} can't be used; allowed: {' or '.join(PROTOCOLS)}: others pass without a certificate"
        )
    if redirect not in REDIRECTS:
        found.append(f"redirect_status_code {redirect!r} is unknown to Kong; allowed: {', '.join(map(str, REDIRECTS))}")
    given = route.get("snis")
    if given is None:
        if route.get("spec") is None:
            found.append(
                "snis is missing: which server names do its clients ask for? Empty ([]) makes the gateway ask every "
                "client for a certificate, of other routes too"
            )
        elif any(host is None or not _SNI.fullmatch(host) for host in _hosts(route)):
            found.append(
                "it serves any host or a wildcard, which is no server name: give snis, or [] to have the gateway ask "
                "every client for a certificate, of other routes too"
            )
    found += [
        f"snis: {name!r} is no server name to the controller; allowed: host names such as api.example.com, without "
        "wildcard, port and `--`"
        for name in given or ()
        if not _SNI.fullmatch(name)
    ]
    return found


def _plugin_problems(route: ProtectedRouteArgs) -> list[str]:
    return [
        f"other_plugins: {name!r} is no plugin's name; allowed: name, or namespace:name"
        for name in route.get("other_plugins") or ()
        if isinstance(name, str) and not re.fullmatch(r"([-a-z0-9]+:)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)
    ]


class Attachment:
    """Puts protection on routes, for one component."""

    def __init__(
        self,
        component: pulumi.ComponentResource,
        name: str,
        where: str,
        ingress_class: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Prepare.

        Args:
            component: to which failures are reported.
            name: stem of the resources' names.
            where: names the component in messages.
            ingress_class: of the Ingresses that are made.
            opts: options of routes and patches: they come after what protects them, and go before it.
        """
        self._name, self._where, self._class, self._options = name, where, ingress_class, opts
        self._patches = partial(
            Patches,
            component,
            where,
            opts,
            made_here="give its `spec`",
            owned=". The list of plugins is owned here as a whole: name the others in `other_plugins`",
        )
        self._patching: Patches | None = None
        self._first: pulumi.Resource | None = None

    def attach(self, route: ProtectedRouteArgs, namespace: str, plugins: Sequence[pulumi.Input[str]]) -> None:
        """Make or patch one route.

        Raises:
            InputError: another component of the program owns its list of plugins.
        """
        key = key_of(route, namespace)
        claim(f"{PREFIX}plugins of {key}", self._where, "one owner lists all plugins: name the others in other_plugins")
        kind, place = kind_of(route), route.get("namespace") or namespace
        resource = f"{self._name}-{kind.lower()}-{place}.{route['name']}"
        annotations = annotations_of(route, plugins)
        # Where the cluster has no Gateway API, the first HTTPRoute says so, and no second one.
        after = [self._first] if kind == "HTTPRoute" and self._first is not None else []
        if route.get("spec") is not None:
            made = self._make(resource, route, place, annotations, after)
        else:
            made = self._patch(resource, route, place, annotations, after)
        if kind == "HTTPRoute" and self._first is None:
            self._first = made

    def _patch(
        self,
        resource: str,
        route: ProtectedRouteArgs,
        namespace: str,
        annotations: Mapping[str, pulumi.Input[str]],
        after: Sequence[pulumi.Resource],
    ) -> pulumi.Resource:
        if self._patching is None:
            self._patching = self._patches()
        return self._patching.annotate(
            resource,
            kind_of(route),
            namespace=namespace,
            name=route["name"],
            annotations=annotations,
            take_over=bool(route.get("take_over")),
            after=after,
        )

    def _make(
        self,
        resource: str,
        route: ProtectedRouteArgs,
        namespace: str,
        annotations: Mapping[str, pulumi.Input[str]],
        after: Sequence[pulumi.Resource],
    ) -> pulumi.Resource:
        kind, spec = kind_of(route), dict(route["spec"])
        waiting = {} if kind == "HTTPRoute" else _SKIP_AWAIT
        notes = {**waiting, **(route.get("annotations") or {}), **annotations}
        metadata: Any = {"name": route["name"], "namespace": namespace, "annotations": notes}
        options = pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(depends_on=list(after)))
        made: pulumi.Resource
        if kind == "Ingress":
            spec.setdefault("ingressClassName", self._class)
            made = kubernetes.networking.v1.Ingress(resource, metadata=metadata, spec=spec, opts=options)
        elif kind == "Service":
            made = kubernetes.core.v1.Service(resource, metadata=metadata, spec=spec, opts=options)
        else:
            made = kubernetes.apiextensions.CustomResource(
                resource, api_version=_GATEWAY_API, kind=kind, metadata=metadata, spec=spec, opts=options
            )
        return made
