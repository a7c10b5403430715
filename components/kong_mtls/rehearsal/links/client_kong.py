"""How Kong answers a request on a protected route: router, mtls-auth, ACL, in that order.

The certificate check is OpenSSL's own. Sources: Kong/kong kong/runloop/handler.lua (protocols, redirects, 404)
and kong/plugins/acl/handler.lua; for mtls-auth Kong/developer.konghq.com app/_kong_plugins/mtls-auth/index.md
(statuses, messages, order of matching, headers) and app/_includes/plugins/manual-consumer-mapping.md. The
plugin is Enterprise, its code not public; where the documentation is silent, the behaviour is that of copies
of its older versions that can be found in public (up to about 3.6): the chain is verified without a purpose,
so the extended key usage isn't looked at; a CA id that isn't there is a 500; the common name is looked at
after the subject alternative names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from OpenSSL import crypto

from kong_mtls.reader.kic import ACL, MTLS_AUTH, KongConsumer, KongPlugin, KongRoute
from kong_mtls.reader.kic.mtls_auth import MtlsAuth, is_uuid, refusal, settings

from .client_gateways import Gateway

NO_CERTIFICATE = "No required TLS certificate was sent"
FAILED = "TLS certificate failed verification"
UNEXPECTED = "An unexpected error occurred"
NO_NAME = "Certificate missing Common Name"
FAILURES = frozenset({NO_CERTIFICATE, FAILED, NO_NAME})  # what an anonymous consumer may stand in for
NO_ROUTE = "no Route matched with those values"
USE_HTTPS = "Please use HTTPS protocol"
NO_CONSUMING = "You cannot consume this service"

# typedefs.protocols_http of Kong's schema: what a plugin runs on when it says nothing.
PLUGIN_PROTOCOLS = ("grpc", "grpcs", "http", "https")


@dataclass(frozen=True)
class Verdict:
    """What Kong answers, and why in a line of our own.

    Attributes:
        status: 200 means that the request goes on to the service.
        message: Kong's text; empty for 200.
        why: what decided.
        headers: what the service gets to know of the caller.
        unknown: why the files alone can't tell; empty when they can.
    """

    status: int
    message: str = ""
    why: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    unknown: str = ""


@dataclass(frozen=True)
class Door:
    """A route at a gateway, with all that decides who comes in.

    Attributes:
        gateway: where the route is served.
        route: the route.
        mtls: the mtls-auth instance that runs on it; None when none does, whatever was meant.
        rules: its settings, also when it doesn't run; None when there are none or they are masked.
        trust: the CA certificates it goes by, by id in lower case.
        acl: configuration of the ACL plugin on the route, if any.
        open_because: why mtls-auth doesn't run although it was meant to; empty when it does or wasn't.
    """

    gateway: Gateway
    route: KongRoute
    mtls: KongPlugin | None
    rules: MtlsAuth | None
    trust: Mapping[str, x509.Certificate] = field(repr=False)
    acl: Mapping[str, Any] | None = None
    open_because: str = ""

    @property
    def is_guarded(self) -> bool:
        """Whether somebody meant mtls-auth to run on it."""
        return self.mtls is not None or bool(self.open_because)


def door(gateway: Gateway, route: KongRoute) -> Door:
    """A route as its gateway guards it."""
    config = gateway.config
    mtls, rules, why = config.plugin(MTLS_AUTH, route), None, ""
    lost = config.lost_plugin(MTLS_AUTH, route) if mtls is None else None
    asked = mtls or lost
    if asked is not None and asked.config is not None and not refusal(asked.config):
        rules = settings(asked.config)
        refused = refusal(asked.config, gateway.version)
        why = f"Kong refuses {asked.object}: {refused}" if refused else ""
    if lost is not None:
        why = f"{lost.object} doesn't run: {lost.refused or 'it is disabled'}"
    elif mtls is not None and gateway.plugins_run == "no":
        why = gateway.plugins_why
    elif mtls is None and {MTLS_AUTH, ""} & set(route.lost):
        why = f"{', '.join(route.unresolved)} doesn't come to run, and the controller exposes the route without it"
    acl = config.plugin(ACL, route)
    trusted = ((id_, config.ca(id_)) for id_ in (rules.ca_certificates if rules else ()))
    return Door(
        gateway=gateway,
        route=route,
        mtls=None if why else mtls,
        rules=rules,
        trust={id_.lower(): ca.certificate for id_, ca in trusted if ca is not None},
        acl=acl.config if acl else None,
        open_because=why,
    )


def protocols_of(gateway: Gateway, route: KongRoute) -> tuple[str, ...]:
    """The route's protocols; by default http and https, and https alone from 3.14 on."""
    if route.protocols is not None:
        return route.protocols
    return ("https",) if gateway.version and gateway.version >= (3, 14, 0) else ("http", "https")


def verify_chain(
    shown: Sequence[x509.Certificate],
    trusted: Iterable[x509.Certificate],
    at: datetime,
    *,
    partial: bool = False,
) -> tuple[list[x509.Certificate], str]:
    """OpenSSL's verification of a certificate against a store, without a purpose.

    Returns:
        The verified chain, its own certificate first; or nothing, and OpenSSL's objection.
    """
    store = crypto.X509Store()
    store.set_time(at)
    if partial:
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    for each in trusted:
        store.add_cert(crypto.X509.from_cryptography(each))
    own, *more = (crypto.X509.from_cryptography(each) for each in shown)
    try:
        chain = crypto.X509StoreContext(store, own, more).get_verified_chain()
    except crypto.X509StoreContextError as e:
        return [], str(e)
    return [each.to_cryptography() for each in chain], ""


def subject_names(certificate: x509.Certificate) -> list[str]:
    """The names a consumer is looked up by: subject alternative names, then the common name."""
    names: list[str] = []
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(name.value) for name in found if not isinstance(name, x509.OtherName)]
    except (x509.ExtensionNotFound, ValueError):
        pass
    return names + [str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _find_consumer(door: Door, names: Sequence[str]) -> tuple[KongConsumer | None, str]:
    """The consumer of a certificate with these names, and by what it was found."""
    consumers, rules = door.gateway.config.consumers, door.rules
    for name in names:
        for consumer in consumers:
            if name in consumer.subject_names:
                return consumer, f"subject_name {name}"
    for name in names:
        for key in rules.consumer_by if rules else ():
            for consumer in consumers:
                if getattr(consumer, key) == name:
                    return consumer, f"{key} {name}"
    return None, ""


def _named(door: Door, reference: str) -> KongConsumer | None:
    return next((each for each in door.gateway.config.consumers if each.username == reference), None)


def _consumer_headers(consumer: KongConsumer) -> dict[str, str]:
    found = {"X-Consumer-Username": consumer.username, "X-Consumer-Custom-ID": consumer.custom_id}
    return {key: value for key, value in found.items() if value}


def _revocation(rules: MtlsAuth, certificate: x509.Certificate) -> tuple[bool, str]:
    """Whether the certificate passes the revocation check, and what can't be told without the network."""
    if rules.revocation_check_mode == "SKIP":
        return True, ""
    extensions, urls = certificate.extensions, False
    try:
        access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        urls = any(each.access_method == AuthorityInformationAccessOID.OCSP for each in access)
    except x509.ExtensionNotFound:
        pass
    try:
        extensions.get_extension_for_class(x509.CRLDistributionPoints)
        urls = True
    except x509.ExtensionNotFound:
        pass
    if rules.revocation_check_mode == "IGNORE_CA_ERROR":
        return True, ""
    return urls, "its OCSP or CRL server decides (revocation_check_mode STRICT)" if urls else ""


def _acl(door: Door, verdict: Verdict, consumer: KongConsumer | None, groups: Sequence[str] | None) -> Verdict:
    """The ACL plugin after mtls-auth: by the consumer's groups, or by the certificate's."""
    config = door.acl
    if config is None:
        return verdict
    authenticated = consumer is not None and "X-Anonymous-Consumer" not in verdict.headers
    held: Sequence[str] | None = groups
    if consumer is not None:
        held = consumer.acl_groups
        if config.get("include_consumer_groups"):
            held = (*held, *consumer.consumer_groups)
        held = held or (None if config.get("allow") else ())
    if held is None:
        if authenticated:
            return Verdict(403, NO_CONSUMING, f"{verdict.why}; it is in no group")
        return Verdict(401, "Unauthorized", "the ACL plugin finds neither a consumer nor a group")
    allow, deny = config.get("allow") or (), config.get("deny") or ()
    if (allow and not set(held) & set(allow)) or set(held) & set(deny):
        return Verdict(403, NO_CONSUMING, f"{verdict.why}; its groups ({', '.join(held) or 'none'}) aren't let in")
    return verdict


def _identify(door: Door, rules: MtlsAuth, certificate: x509.Certificate) -> Verdict:
    """What follows for a certificate that is trusted."""
    names = subject_names(certificate)
    passes, unknown = _revocation(rules, certificate)
    if not passes:
        return Verdict(401, FAILED, "it names no OCSP or CRL server, which revocation_check_mode STRICT demands")
    if rules.skip_consumer_lookup:
        dn = certificate.subject.rfc4514_string()
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        by = rules.authenticated_group_by
        if by == "CN" and not common:
            return Verdict(401, NO_NAME, "authenticated_group_by is CN")
        groups = None if by is None else [str(common[0].value)] if by == "CN" else [dn]
        headers = {"X-Client-Cert-DN": dn} | ({"X-Client-Cert-SAN": ",".join(names)} if names else {})
        verdict = Verdict(200, "", "any certificate of the CA passes", headers, unknown)
        return _acl(door, verdict, None, groups)
    consumer, found_by = _find_consumer(door, names)
    if consumer is None and rules.default_consumer:
        consumer, found_by = _named(door, rules.default_consumer), "default_consumer"
    if consumer is None:
        return Verdict(401, FAILED, f"no consumer for {', '.join(names) or 'a certificate without names'}")
    verdict = Verdict(200, "", f"{consumer.object} by {found_by}", _consumer_headers(consumer), unknown)
    return _acl(door, verdict, consumer, None)


def _authenticate(door: Door, rules: MtlsAuth, shown: Sequence[x509.Certificate], at: datetime) -> Verdict:
    if not shown:
        return Verdict(401, NO_CERTIFICATE, "none was shown")
    missing = [id_ for id_ in rules.ca_certificates if id_.lower() not in door.trust]
    if missing:
        return Verdict(500, UNEXPECTED, f"CA certificate {missing[0]} isn't in Kong")
    chain, objection = verify_chain(shown, door.trust.values(), at, partial=rules.allow_partial_chain)
    if not chain:
        return Verdict(401, FAILED, objection)
    return _identify(door, rules, chain[0])


def _as_anonymous(door: Door, reference: str, refused: Verdict) -> Verdict:
    consumer = _named(door, reference)
    if consumer is None:
        if is_uuid(reference):
            return Verdict(200, "", refused.why, unknown=f"anonymous {reference}: ids aren't in the files")
        return Verdict(500, UNEXPECTED, f"anonymous consumer {reference} isn't there")
    headers = {"X-Anonymous-Consumer": "true", **_consumer_headers(consumer)}
    why = f"{refused.why}: let in as anonymous consumer {reference}"
    return _acl(door, Verdict(200, "", why, headers), consumer, None)


def judge(door: Door, shown: Sequence[x509.Certificate], server_name: str | None, at: datetime) -> Verdict:
    """Kong's answer to an HTTPS request that matches the route in host and path.

    Args:
        door: the route.
        shown: what the client presented, its own certificate first; empty without one.
        server_name: what the handshake asked for.
        at: the moment to judge certificates at.
    """
    route = door.route
    if route.snis and (server_name or "").lower() not in [sni.lower() for sni in route.snis]:
        return Verdict(404, NO_ROUTE, f"server name {server_name} is none of the route's ({', '.join(route.snis)})")
    return _plugins(door, shown, at, ("https", "grpcs"))


def judge_plain(door: Door, at: datetime) -> Verdict:
    """Kong's answer to the same request over plain HTTP."""
    protocols = protocols_of(door.gateway, door.route)
    if not {"http", "grpc"} & set(protocols):
        code = door.route.https_redirect_status_code
        if code == 426:
            return Verdict(426, USE_HTTPS, "the route takes https only")
        return Verdict(code, "", "the route takes https only: the client is sent there")
    return _plugins(door, (), at, ("http", "grpc"))


def _plugins(door: Door, shown: Sequence[x509.Certificate], at: datetime, schemes: tuple[str, ...]) -> Verdict:
    mtls = door.mtls
    runs = mtls is not None and bool(set(mtls.protocols or PLUGIN_PROTOCOLS) & set(schemes))
    if not runs or mtls is None:
        why = door.open_because or (f"{mtls.object} doesn't run on {schemes[0]}" if mtls else "no mtls-auth runs")
        return _acl(door, Verdict(200, "", why), None, None)
    if door.rules is None:
        return Verdict(200, unknown=f"the configuration of {mtls.object} is masked")
    verdict = _authenticate(door, door.rules, shown, at)
    if verdict.message in FAILURES and door.rules.anonymous:
        return _as_anonymous(door, door.rules.anonymous, verdict)
    return verdict
