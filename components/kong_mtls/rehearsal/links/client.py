"""Proof of the client link: who gets in at every protected route of every gateway, and who doesn't.

For each route that mtls-auth guards, or was meant to guard, the cases of `client_cases` are played against a
listener made from the files. Routes that are guarded alike share the cases that don't depend on their names;
each still has its own handshakes without a certificate and with a valid one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from kong_mtls.reader.kic import KongRoute
from kong_mtls.reader.manifests import Objects, secret_data

from ..mint import issue
from . import client_cases as cases
from .client_gateways import Gateway, gateways
from .client_kong import Door, door, protocols_of
from .client_peers import ClientPair, Peers, Shown
from .client_play import Identity, Listener, names_in
from .client_route import ANOTHER_HOST, RouteProof, Situation
from .ends import Outcome
from .handshake import UnusableEnd, load_chain
from .model import Link, Pair, Progress

CALLER = "caller"


@dataclass(frozen=True)
class Visit:
    """A client of the files at a route: its certificate, and whom it trusts (None: it doesn't verify the gateway)."""

    caller: ClientPair
    trust: tuple[x509.Certificate, ...] | None
    gateway: str
    route: str


class _GatewayProof:
    """All rows of one gateway."""

    def __init__(self, gateway: Gateway, peers: Peers, at: datetime) -> None:
        self._gateway, self._peers = gateway, peers
        self._listener = Listener(gateway, peers, at)
        self._invented = issue("a CA that isn't in these files", ca=True, not_before=at, not_after=at).cert
        self._greeted: dict[str, bool] = {}
        self._first_of: dict[tuple[object, ...], tuple[str, list[Link]]] = {}

    def rows(self) -> Iterator[Link]:
        gateway = self._gateway
        doors = [door(gateway, route) for route in gateway.config.routes]
        for each in doors:
            yield from self._identity_rows(each.route)
        for each in (each for each in doors if each.is_guarded):
            yield from self._route_rows(each)
        if gateway.listening.verify != "off":
            yield from self._route_rows(door(gateway, self._any_route()))

    def _any_route(self) -> KongRoute:
        """A route without a plugin; it takes plain HTTP if any route does."""
        routes = self._gateway.config.routes
        plain = [each for each in routes if {"http", "grpc"} & set(protocols_of(self._gateway, each))]
        like = (plain or [*routes] or [KongRoute("", "", "", None)])[0]
        return KongRoute("", "", "", None, hosts=like.hosts, protocols=like.protocols)

    # --- clients of the files

    def visits(self, objects: Objects) -> Iterator[Visit]:
        """Every client certificate of some files at every route that trusts its CA, with the trust that lies beside it.

        ``objects`` are the files that the peers of this proof are from.
        """
        doors = (door(self._gateway, route) for route in self._gateway.config.routes)
        for each in (each for each in doors if each.rules is not None):
            pairs = {pair.object: pair for ca in self._authorities(each) for pair in self._peers.pairs_of(ca)}
            for pair in pairs.values():
                kind, namespace, name = pair.object.split("/")
                beside = secret_data(objects.get(kind, namespace, name) or {}).get("ca.crt")
                visit = Visit(pair, tuple(load_chain(beside)) if beside else None, self._gateway.name, each.route.name)
                outcome = self.visit(visit)
                if outcome is not None and outcome.status == "200":
                    yield visit

    def visit(self, visit: Visit) -> Outcome | None:
        """How a client fares at the route of that name; None where there is none."""
        for route in self._gateway.config.routes:
            if route.name == visit.route:
                host, caller = self._host(route), visit.caller
                shown = Shown(caller.chain_pem, caller.key_pem, f"client certificate of {caller.object}", True)
                at = door(self._gateway, route)
                outcome, _ = self._listener.request(
                    at, shown, host=host, server_name=host, trust=visit.trust, authorities=()
                )
                return outcome
        return None

    # --- the gateway's own certificate

    def _host(self, route: KongRoute) -> str:
        if route.hosts:
            return route.hosts[0].replace("*", "www", 1)
        if route.snis:
            return route.snis[0]
        identity = self._listener.identity(None)
        names = names_in(identity) if identity.source and not self._gateway.certificate_problem else []
        return names[0] if names else "gateway.invalid"

    def _trust(self, identity: Identity) -> list[x509.Certificate]:
        try:
            chain = load_chain(identity.chain_pem)
        except UnusableEnd:
            return []
        if chain[0].issuer == chain[0].subject and identity.source:
            return [chain[0]]  # given, self-signed: clients can only have been told to trust it itself
        return self._peers.roots_for(chain)

    def _identity_rows(self, route: KongRoute) -> Iterator[Link]:
        host = self._host(route)
        if host in self._greeted:
            return
        identity = self._listener.identity(host)
        pair = Pair("client", CALLER, f"{self._gateway.name}, host {host}")
        trust = self._trust(identity)
        good = cases.GOOD_SERVER
        self._greeted[host] = False
        if self._gateway.certificate_problem and identity.source == "":
            yield pair.broken(good.name, cases.ACCEPT, f"Kong can't start: {self._gateway.certificate_problem}")
            return
        if identity.unknown:
            yield pair.unproved(good.name, cases.ACCEPT, identity.unknown)
            return
        if not trust and identity.source:
            why = f"{identity.source} was issued by a CA that isn't in these files"
            yield pair.unproved(good.name, cases.ACCEPT, why)
            return
        outcome = self._listener.greet(identity, host, trust)
        self._greeted[host] = outcome.accepted
        shown_by = identity.source or "Kong's self-signed default is shown: no ssl_cert, no tls entry for the host"
        reason = f"certificate of {shown_by}" if outcome.accepted else f"{outcome.reason}; {shown_by}"
        yield pair.row(good.name, good.plugin or "", outcome.observed, reason)
        if outcome.accepted and sum(self._greeted.values()) == 1:
            yield from self._bad_identities(pair, identity, host, trust)

    def _bad_identities(
        self, pair: Pair, identity: Identity, host: str, trust: list[x509.Certificate]
    ) -> Iterator[Link]:
        stranger = [self._peers.stranger(trust[0]).cert]
        tried = (
            (cases.WRONG_AUTHORITY, identity, host, stranger),
            (cases.WRONG_NAME, identity, ANOTHER_HOST, trust),
            (cases.KONGS_DEFAULT, self._listener.kongs_default(), host, trust),
        )
        for case, shown_by, name, trusted in tried:
            outcome = self._listener.greet(shown_by, name, trusted)
            yield pair.row(case.name, case.plugin or "", outcome.observed, outcome.reason)

    # --- routes

    def _route_rows(self, each: Door) -> Iterator[Link]:
        route = each.route
        label = f"route {route.name}" if route.name and each.is_guarded else "every route"
        pair = Pair("client", CALLER, f"{self._gateway.name}, {label}")
        refusal = self._never_served(each)
        if refusal:
            yield pair.broken(cases.VALID.name, "200", refusal)
            return
        if self._gateway.listening.unknown:
            yield pair.unproved(cases.VALID.name, "200", self._gateway.listening.unknown)
            return
        if each.mtls is not None and each.rules is None:
            yield pair.unproved(cases.VALID.name, "200", f"the configuration of {each.mtls.object} is masked")
            return
        host = self._host(route)
        identity = self._listener.identity(host)
        verified = self._greeted.get(host, False)
        note = "" if verified else "; the gateway's certificate wasn't verified (curl -k)"
        trust = self._trust(identity) if verified else None
        situation = Situation(self._listener, each, pair, host, trust, self._authorities(each), note)
        yield from self._shared(RouteProof(situation, self._peers), situation, identity)

    def _never_served(self, each: Door) -> str:
        gateway, service = self._gateway, each.gateway.config.service(each.route.service)
        if gateway.certificate_problem:
            return f"Kong can't start: {gateway.certificate_problem}"
        if gateway.listening.problem:
            return gateway.listening.problem
        if each.route.refused:
            return f"Kong refuses the route: {each.route.refused}"
        return f"Kong refuses its service: {service.refused}" if service and service.refused else ""

    def _authorities(self, each: Door) -> tuple[x509.Certificate, ...]:
        if each.rules is not None:
            found = [self._gateway.config.ca(id_) for id_ in each.rules.ca_certificates]
            known = tuple(ca.certificate for ca in found if ca)
            return tuple(dict.fromkeys(known)) or (self._invented,)
        if not each.is_guarded and self._gateway.listening.ca_pem is not None:
            return tuple(load_chain(self._gateway.listening.ca_pem))
        return (self._invented,)

    def _shared(self, play: RouteProof, at: Situation, identity: Identity) -> Iterator[Link]:
        """All cases for the first route of its kind; for the next ones only those that depend on names."""
        each = at.door
        key = (
            identity.chain_pem,
            repr(each.rules),
            repr(sorted((each.acl or {}).items(), key=str)),
            each.open_because,
            each.mtls is None,
            protocols_of(each.gateway, each.route),
            each.route.https_redirect_status_code,
            bool(each.route.snis),
            at.note,
        )
        callers = list(play.callers())
        if each.rules is None and each.is_guarded:  # nobody knows which CA was meant
            callers = [c for c in callers if not c[0].needs_authority]
        if key in self._first_of:
            first, rows = self._first_of[key]
            own = {
                title: play.play(case, title, caller, again=True)
                for case, title, caller in callers
                if case in (cases.NO_CERTIFICATE, cases.VALID)
            }
            for row in rows:
                mine = own.get(row.case)
                yield mine or replace(row, server=at.pair.server, reason=f"{row.reason}; as on {first}")
            return
        played = [play.play(case, title, caller) for case, title, caller in callers]
        rows = [*(row for row in played if row), play.plain(), play.another_name()]
        self._first_of[key] = (at.pair.server, rows)
        yield from rows


def prove_callers(theirs: Objects, objects: Objects, at: datetime) -> list[Link]:
    """Clients with certificates and trust of some files, at the gateways of others: who got in there gets in here.

    In the middle of a rotation a caller may still have what it had before, or have the new already.

    Args:
        theirs: the files that the clients have theirs from, and in which they do get in.
        objects: the files that the gateways are made from.
        at: the moment at which certificates are judged; timezone-aware.
    """
    own, here = Peers(theirs, at), Peers(objects, at)
    proofs = {gateway.name: _GatewayProof(gateway, here, at) for gateway in gateways(objects, at)}
    rows = []
    for gateway in gateways(theirs, at):
        for visit in _GatewayProof(gateway, own, at).visits(theirs):
            outcome = proofs[visit.gateway].visit(visit) if visit.gateway in proofs else None
            if outcome is not None:
                pair = Pair("client", visit.caller.object, f"{visit.gateway}, route {visit.route}")
                rows.append(pair.row("the caller itself", "200", outcome.status, outcome.reason))
    return rows


def prove(objects: Objects, at: datetime, progress: Progress | None = None) -> list[Link]:
    """Rows of the client link: every gateway, its certificates, and every route that demands a client's.

    Args:
        objects: the files.
        at: the moment at which certificates are judged; timezone-aware.
        progress: told of each gateway.
    """
    peers = Peers(objects, at)
    rows: list[Link] = []
    for gateway in gateways(objects, at):
        if progress:
            progress(f"client: {gateway.name}, {len(gateway.config.routes)} routes")
        rows += _GatewayProof(gateway, peers, at).rows()
    return rows
