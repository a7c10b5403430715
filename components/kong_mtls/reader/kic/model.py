"""What Kong is told by its ingress controller, and what the controller leaves out on the way.

The shapes are Kong's own entities (routes, services, plugins, CA certificates, consumers) reduced to what
TLS and mutual TLS depend on. Everything is immutable and comes from files alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

DEFAULT_INGRESS_CLASS = "kong"
"""The class served by default (Kong/kubernetes-ingress-controller internal/annotations/annotations.go)."""

MTLS_AUTH = "mtls-auth"
ACL = "acl"


@dataclass(frozen=True, order=True)
class Failure:
    """Something the controller or Kong drops, refuses, can't find or silently ignores.

    Attributes:
        code: stable, in kebab-case; a rule may be keyed on it. `FAILURES` says what each means.
        object: ``Kind/namespace/name`` of the object that is to be changed.
        message: one sentence: what is wrong and what follows from it. Never holds a secret value.
        subject: what in the object it is about: an annotation, a key, a reference. May be empty.
    """

    code: str
    object: str
    message: str
    subject: str = ""


@dataclass(frozen=True)
class CaCertificate:
    """A trusted authority as Kong holds it: found by ``id`` from plugins and services."""

    id: str
    object: str
    pem: bytes = field(repr=False)
    certificate: x509.Certificate = field(repr=False)


@dataclass(frozen=True)
class KeyPair:
    """A certificate with its key, from a Secret of the Kubernetes TLS form; None where a value was masked."""

    object: str
    cert_pem: bytes | None = field(repr=False)
    key_pem: bytes | None = field(repr=False)

    @property
    def is_known(self) -> bool:
        """Whether both halves are there to be used."""
        return self.cert_pem is not None and self.key_pem is not None


@dataclass(frozen=True)
class ServerCertificate:
    """What the gateway shows to clients that ask for one of these names (``*`` stands for any)."""

    pair: KeyPair
    snis: tuple[str, ...]


@dataclass(frozen=True)
class KongPlugin:
    """One plugin instance in Kong: for a route, for a service, for a consumer, or for everything.

    Attributes:
        name: the plugin's type, such as ``mtls-auth``.
        object: the KongPlugin or KongClusterPlugin it was made from.
        config: resolved through configFrom and configPatches; None where a value of a Secret was masked.
        enabled: False when the object says ``disabled``.
        protocols: what it is limited to; empty means the plugin's default.
        route, service, consumer: names it is bound to; all None for a global plugin.
        refused: why it isn't in Kong all the same: its schema refuses it, or the controller drops it. Empty
            when it is there.
    """

    name: str
    object: str
    config: Mapping[str, Any] | None = field(repr=False)
    enabled: bool = True
    protocols: tuple[str, ...] = ()
    route: str | None = None
    service: str | None = None
    consumer: str | None = None
    refused: str = ""

    @property
    def is_global(self) -> bool:
        """Whether it runs on every request."""
        return self.route is None and self.service is None and self.consumer is None

    @property
    def scope(self) -> tuple[str, str] | None:
        """What it is bound to, consumers aside; None for everything."""
        if self.route is not None:
            return "route", self.route
        return None if self.service is None else ("service", self.service)


_Scopes = dict[tuple[str, str] | None, KongPlugin]


@dataclass(frozen=True)
class KongRoute:
    """What is matched, and what becomes of it.

    Attributes:
        name: Kong's name for it, as the controller builds it.
        object: the Ingress or HTTPRoute.
        service: name of the `KongService` behind it; None when the object gives no backend.
        hosts, paths: match criteria; empty matches anything. Paths that start with ``~`` are expressions.
        protocols: None where nothing was said: Kong's default (http and https; https alone from 3.14).
        snis: server names that the TLS handshake must have named; empty matches any.
        https_redirect_status_code: answer to plain HTTP on an https-only route.
        references: the plugin names asked for, by the route's object and by its Services, as written.
        unresolved: those of them that don't come to run, so that the route goes without.
        lost: the types of plugins that the unresolved ones name; "" where nobody can tell.
        partial: only a patch of the object is in the files; hosts, paths and backends are unknown.
        refused: why Kong's schema refuses the route; empty when it doesn't.
    """

    name: str
    object: str
    namespace: str
    service: str | None
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    protocols: tuple[str, ...] | None = None
    snis: tuple[str, ...] = ()
    preserve_host: bool = True
    https_redirect_status_code: int = 426
    references: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    partial: bool = False
    refused: str = ""


@dataclass(frozen=True)
class KongService:
    """An upstream with its TLS settings, each None where nothing was said and the global one applies.

    Attributes:
        name: Kong's name for it.
        object: the Kubernetes Service (the first one, when a route spreads over several).
        backends: every Kubernetes Service behind it.
        port: the port of the Kubernetes Service, a number or a name; None when unknown.
        host_header: name sent and verified when the route doesn't preserve the client's host.
        target: host of the address that Kong dials: a Service name, or None for the addresses of pods.
        ca_certificates: ids of `CaCertificate`; None = not set. Ids may dangle.
        sources: for each setting that took effect, where it comes from, such as an annotation's name.
        asked: the settings that annotations name, whether or not they took effect.
        routed: whether a route in the files leads here. False for a Service that only bears annotations.
        refused: why Kong's schema refuses it; empty when it doesn't.
        refused_by_open_source: why only open-source Kong's schema does (TLS settings for grpcs and wss).
    """

    name: str
    object: str
    namespace: str
    backends: tuple[str, ...]
    port: int | str | None = None
    protocol: str = "http"
    host_header: str | None = None
    target: str | None = None
    client_certificate: KeyPair | None = None
    tls_verify: bool | None = None
    tls_verify_depth: int | None = None
    ca_certificates: tuple[str, ...] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    routed: bool = True
    refused: str = ""
    refused_by_open_source: str = ""


@dataclass(frozen=True)
class KongConsumer:
    """Who a certificate can stand for.

    Attributes:
        subject_names: of its mtls-auth credentials.
        acl_groups: groups given by credentials of type acl.
        consumer_groups: names of KongConsumerGroups.
    """

    object: str
    username: str | None
    custom_id: str | None
    subject_names: tuple[str, ...] = ()
    acl_groups: tuple[str, ...] = ()
    consumer_groups: tuple[str, ...] = ()


def _most_specific(found: _Scopes, route: KongRoute) -> KongPlugin | None:
    by_service = found.get(("service", route.service)) if route.service is not None else None
    return found.get(("route", route.name)) or by_service or found.get(None)


@dataclass(frozen=True)
class KongConfig:
    """All that the controller makes of a set of files."""

    routes: tuple[KongRoute, ...] = ()
    services: tuple[KongService, ...] = ()
    plugins: tuple[KongPlugin, ...] = ()
    ca_certificates: tuple[CaCertificate, ...] = ()
    consumers: tuple[KongConsumer, ...] = ()
    certificates: tuple[ServerCertificate, ...] = ()
    failures: tuple[Failure, ...] = ()

    def service(self, name: str | None) -> KongService | None:
        """The service of that name."""
        return self._services.get(name) if name else None

    def ca(self, id: str) -> CaCertificate | None:  # noqa: A002 - Kong's word
        """The CA certificate of that id; ids are compared as Kong's database does, without case."""
        return self._authorities.get(id.lower())

    def plugin(self, name: str, route: KongRoute) -> KongPlugin | None:
        """The instance of a plugin that runs on a route: the route's own, else its service's, else global.

        A disabled instance is none (Kong/kong kong/runloop/plugins_iterator.lua), nor is a refused one.
        """
        return _most_specific(self._plugins.get(name, {}), route)

    def lost_plugin(self, name: str, route: KongRoute) -> KongPlugin | None:
        """The instance that would run on a route if it weren't disabled, refused or dropped."""
        return _most_specific(self._lost_plugins.get(name, {}), route)

    def __post_init__(self) -> None:
        """Index what is looked up once per route, so that a thousand routes stay cheap."""
        for each in self.plugins:
            if each.consumer is None:
                runs = each.enabled and not each.refused
                index = self._plugins if runs else self._lost_plugins
                index.setdefault(each.name, {}).setdefault(each.scope, each)
        object.__setattr__(self, "_services", {each.name: each for each in self.services})
        object.__setattr__(self, "_authorities", {each.id.lower(): each for each in self.ca_certificates})

    _plugins: dict[str, _Scopes] = field(init=False, repr=False, compare=False, default_factory=dict)
    _lost_plugins: dict[str, _Scopes] = field(init=False, repr=False, compare=False, default_factory=dict)
    _services: dict[str, KongService] = field(init=False, repr=False, compare=False, default_factory=dict)
    _authorities: dict[str, CaCertificate] = field(init=False, repr=False, compare=False, default_factory=dict)
