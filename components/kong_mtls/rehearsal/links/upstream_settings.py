"""How Kong connects to an upstream: the Service's own settings over the data plane's, with where each is from.

Sources: Kong/kong kong/runloop/upstream_ssl.lua (what a Service sets, field by field) and
kong/templates/nginx_kong.lua (``proxy_ssl_name $upstream_host``). From gateway 3.14 on ``tls_certificate_verify`` is
on: a Service with ``tls_verify=false`` then makes a data plane reject its whole configuration
(Kong/developer.konghq.com app/_includes/upgrade/tls-verify-314.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from kong_mtls.reader.kic import KongRoute, KongService
from kong_mtls.reader.manifests import MASKED, Objects

from .client_gateways import Gateway, gateways, is_enterprise
from .client_peers import pem
from .handshake import UnusableEnd, load_chain
from .upstream_globals import Global, global_settings

TLS_PROTOCOLS = ("https", "grpcs", "wss")
"""Those that are proxied over TLS; ``tls`` is for streams, which the controller makes no routes of."""

POD_ADDRESS = "10.0.0.1"
"""Stands for the address of a pod, which Kong dials and, without a host name, verifies."""


@dataclass(frozen=True)
class Setting:
    """One effective setting: its name, its value as a person reads it, and what decided."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class EffectiveUpstream:
    """A Service as one gateway connects to it.

    Attributes:
        gateway: the gateway's name.
        service: the Kong service.
        verify, depth, trust_pem, pair: what is in effect; trust None verifies nothing, pair None shows nothing.
        names: the host names that are verified, one for each way the routes lead there.
        settings: the same for people, with sources.
        defaults: the data plane's settings beneath.
        broken: why it can't be reached at all; empty when it can.
        unknown: what can't be seen in the files; empty when all can.
        lost: settings that were asked for and don't hold, in words.
        at_gateway, routes: what it was merged from, to merge it with other defaults.
    """

    gateway: str
    service: KongService
    verify: bool
    depth: int
    trust_pem: bytes | None = field(repr=False)
    pair: tuple[bytes, bytes] | None = field(repr=False)
    names: tuple[str, ...]
    settings: tuple[Setting, ...]
    defaults: Global
    broken: str = ""
    unknown: str = ""
    lost: tuple[str, ...] = ()
    at_gateway: Gateway | None = field(default=None, repr=False)
    routes: tuple[KongRoute, ...] = field(default=(), repr=False)

    def over(self, defaults: Global) -> EffectiveUpstream:
        """The same Service over other settings of the data plane."""
        assert self.at_gateway is not None
        return merge(self.at_gateway, self.service, self.routes, defaults)

    def source(self, name: str) -> str:
        """Where a setting comes from."""
        return next(each.source for each in self.settings if each.name == name)


def _names(service: KongService, routes: tuple[KongRoute, ...]) -> tuple[tuple[str, ...], str]:
    """What ``$upstream_host`` becomes, without a port, and why."""
    own = service.host_header or service.target
    own_source = service.sources.get("host_header") or ("the target's host name" if own else "the address of a pod")
    if not routes:
        return (own or "",), own_source if own else "no route is in these files"
    names: dict[str, str] = {}
    for route in routes:
        if not route.preserve_host:
            names[own or POD_ADDRESS] = own_source
        else:
            for host in route.hosts or ("",):
                names[host.replace("*", "www", 1)] = f"the client's Host ({route.object} preserves it)"
    return tuple(names), "; ".join(dict.fromkeys(names.values()))


def _trust(gateway: Gateway, service: KongService, under: Global) -> tuple[bytes | None, str, str]:
    """Trust, its source, and why the Service's own doesn't hold."""
    ids = service.ca_certificates
    if ids is None:
        lost = "its CA certificates were dropped" if "ca_certificates" in service.asked else ""
        return under.trust_pem, under.trust_source, lost
    found = [gateway.config.ca(id_) for id_ in ids]
    missing = [id_ for id_, ca in zip(ids, found, strict=True) if ca is None]
    if missing:
        # get_ca_certificate_store fails as a whole, and the error is only logged (upstream_ssl.lua).
        return under.trust_pem, under.trust_source, f"CA certificate {missing[0]} isn't in Kong"
    own = list(dict.fromkeys(ca.certificate for ca in found if ca))
    return pem(own), service.sources["ca_certificates"], ""


def merge(gateway: Gateway, service: KongService, routes: tuple[KongRoute, ...], under: Global) -> EffectiveUpstream:
    """A Service's own settings over those of its data plane, field by field as Kong does it for each request."""
    trust, trust_source, lost_trust = _trust(gateway, service, under)
    names, names_source = _names(service, routes)
    own, shown = service.client_certificate, under.pair
    if own is not None and own.cert_pem is not None and own.key_pem is not None:
        shown = (own.cert_pem, own.key_pem)
    pair_source = service.sources.get("client_certificate") or under.pair_source
    verify = under.verify if service.tls_verify is None else service.tls_verify
    depth = under.depth if service.tls_verify_depth is None else service.tls_verify_depth
    asked = service.asked
    lost = [lost_trust] if lost_trust else []
    lost += ["its client certificate was dropped"] if "client_certificate" in asked and own is None else []
    lost += ["its tls-verify counts as not set"] if "tls_verify" in asked and service.tls_verify is None else []
    broken = under.problem
    if service.refused:
        broken = broken or f"Kong refuses the service: {service.refused}"
    release = gateway.release
    if service.refused_by_open_source and release is not None and not is_enterprise(release):
        broken = broken or f"Kong refuses the service: {service.refused_by_open_source}"
    unknown = under.unknown
    if own is not None and not own.is_known:
        unknown = unknown or f"{own.object} is masked"
    if MASKED in (service.ca_certificates or ()):
        unknown = unknown or "the id of a CA object is masked"
    settings = (
        Setting("protocol", service.protocol, service.sources.get("protocol", "Kong's default")),
        Setting("verify", "on" if verify else "off", service.sources.get("tls_verify") or under.verify_source),
        Setting("depth", str(depth), service.sources.get("tls_verify_depth") or under.depth_source),
        Setting("trust", _described(trust), trust_source),
        Setting("client certificate", _described(shown[0] if shown else None), pair_source),
        Setting("name", ", ".join(name or "any" for name in names), names_source),
    )
    return EffectiveUpstream(
        gateway.name,
        service,
        verify,
        depth,
        trust,
        shown,
        names,
        settings,
        under,
        broken,
        unknown,
        tuple(lost),
        gateway,
        routes,
    )


def _described(certificates: bytes | None) -> str:
    if certificates is None:
        return "none"
    try:
        return ", ".join(each.subject.rfc4514_string() or "(no subject)" for each in load_chain(certificates))
    except UnusableEnd:
        return "unreadable"


def effective(objects: Objects, at: datetime) -> list[EffectiveUpstream]:
    """Every Service that is reached over TLS, or was meant to be, as each gateway would connect to it.

    Args:
        objects: the files.
        at: the moment at which certificates are judged; timezone-aware.
    """
    result: list[EffectiveUpstream] = []
    for gateway in gateways(objects, at):
        by_service: dict[str | None, list[KongRoute]] = {}
        for route in gateway.config.routes:
            by_service.setdefault(route.service, []).append(route)
        families = {protocol: global_settings(gateway, objects, protocol) for protocol in ("https", "grpcs")}
        mine = []
        for service in gateway.config.services:
            tls_asked = service.asked & {"client_certificate", "tls_verify", "tls_verify_depth", "ca_certificates"}
            if service.protocol in TLS_PROTOCOLS or tls_asked:
                under = families["grpcs" if service.protocol == "grpcs" else "https"]
                mine.append(merge(gateway, service, tuple(by_service.get(service.name, ())), under))
        result += _enforced(mine)
    return result


def _enforced(found: list[EffectiveUpstream]) -> list[EffectiveUpstream]:
    """From 3.14 on one Service that switches verification off takes the whole configuration down."""
    guilty = [each.service.object for each in found if each.defaults.enforced and each.service.tls_verify is False]
    if not guilty:
        return found
    why = f"{guilty[0]} sets tls_verify false, and tls_certificate_verify makes the data plane reject everything"
    return [replace(each, broken=each.broken or why) for each in found]
