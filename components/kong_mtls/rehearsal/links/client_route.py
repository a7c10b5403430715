"""The cases of one protected route: its callers, what is expected of each, and what Kong answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cryptography import x509

from kong_mtls.reader.kic import KongConsumer

from . import client_cases as cases
from .client_cases import Case, expected_by_listener, expected_by_plugin
from .client_kong import Door, Verdict, judge_plain, protocols_of, subject_names
from .client_peers import NOTHING, Peers, Shown, Signer, common_name, shown
from .client_play import Listener
from .model import Link, Pair

ANOTHER_HOST = "another-name.invalid"
"""A host name that no route and no certificate can have (RFC 2606)."""


@dataclass(frozen=True)
class Situation:
    """One route at one gateway, ready to be knocked at.

    Attributes:
        listener: the gateway's.
        door: the route as it is guarded.
        pair: what its rows are called.
        host: the host name that callers ask for.
        trust: whom callers trust; None when they don't verify the gateway.
        authorities: the CAs that callers' certificates may be from.
        note: what every row is to say beside its own reason.
    """

    listener: Listener
    door: Door
    pair: Pair
    host: str
    trust: Sequence[x509.Certificate] | None = field(repr=False)
    authorities: tuple[x509.Certificate, ...] = field(repr=False)
    note: str = ""


def _status(outcome_status: str, verdict: Verdict | None, reason: str) -> str:
    if verdict is None:
        return reason
    text = f"{verdict.status} {verdict.message}".strip()
    told = "; ".join(f"{key}: {value}" for key, value in verdict.headers.items())
    parts = [text, verdict.why, f"the service is told {told}" if told and outcome_status == "200" else ""]
    return ": ".join(part for part in parts if part)


class RouteProof:
    """The cases of one route."""

    def __init__(self, situation: Situation, peers: Peers) -> None:
        """Find or make the CAs that sign its callers' certificates."""
        self._at = situation
        self._peers = peers
        self._rules = situation.door.rules
        self._signers = [peers.signer(ca, situation.authorities) for ca in situation.authorities]

    # --- who knocks

    def _subject(self) -> x509.Name:
        """A name that passes: a consumer's, or one of a group that is let in."""
        consumer = self._consumers(True)
        if consumer:
            return common_name(_name_of(consumer[0]))
        allowed = [str(group) for group in (self._at.door.acl or {}).get("allow") or ()]
        if self._rules and self._rules.skip_consumer_lookup and allowed:
            if self._rules.authenticated_group_by == "DN":
                try:
                    return x509.Name.from_rfc4514_string(allowed[0])
                except ValueError:
                    pass  # no distinguished name: nobody is in that group, and the proof will show it
            return common_name(allowed[0])
        return common_name("a caller of the rehearsal")

    def _consumers(self, let_in: bool) -> list[KongConsumer]:
        """Consumers that a certificate can stand for, by whether the route's ACL lets them in."""
        if self._rules is None or self._rules.skip_consumer_lookup:
            return []
        acl = self._at.door.acl or {}
        allow, deny = set(acl.get("allow") or ()), set(acl.get("deny") or ())
        found = []
        for consumer in self._at.door.gateway.config.consumers:
            groups = set(consumer.acl_groups)
            if acl.get("include_consumer_groups"):
                groups |= set(consumer.consumer_groups)
            passes = (not allow or bool(groups & allow)) and not groups & deny
            reachable = bool(consumer.subject_names) or any(getattr(consumer, key) for key in self._rules.consumer_by)
            if reachable and passes is let_in:
                found.append(consumer)
        return found

    def _valid(self, signer: Signer) -> Shown:
        """A client of the files where there is one that the route is for; else one made for it."""
        known = [name for consumer in self._consumers(True) for name in _names_of(consumer)]
        pairs = self._peers.pairs_of(signer.certificate)
        fitting = [p for p in pairs if not known or set(known) & set(subject_names(p.chain[0]))]
        if fitting and (known or not self._at.door.acl):
            pair = fitting[0]
            return Shown(pair.chain_pem, pair.key_pem, f"client certificate of {pair.object}", from_files=True)
        return shown(self._peers.leaf(signer.minted, self._subject()), signer, signer.note)

    def callers(self) -> Iterator[tuple[Case, str, Shown]]:
        """Each case with its title and its certificate; plain HTTP and other names apart."""
        yield cases.NO_CERTIFICATE, cases.NO_CERTIFICATE.name, NOTHING
        peers, several = self._peers, len(self._signers) > 1
        for signer in self._signers:
            name = signer.certificate.subject.rfc4514_string()
            title = f"{cases.VALID.name} of {name}" if several else cases.VALID.name
            yield cases.VALID, title, self._valid(signer)
        first = self._signers[0]
        subject, day = self._subject(), timedelta(days=1)
        stranger = peers.stranger(first.certificate)
        yield (
            cases.ANOTHER_CA,
            cases.ANOTHER_CA.name,
            shown(peers.leaf(stranger, subject), None, "a CA of the same name signed it"),
        )
        made = {
            cases.EXPIRED: peers.leaf(first.minted, subject, start=-30 * day, end=-day),
            cases.NOT_YET: peers.leaf(first.minted, subject, start=day, end=30 * day),
            cases.SERVER: peers.leaf(first.minted, subject, client=False, server=True),
            cases.BY_LEAF: peers.below(peers.leaf(first.minted, subject), subject),
        }
        for case, minted in made.items():
            yield case, case.name, shown(minted, first, first.note)
        own = Shown(first.minted.cert_pem, first.minted.key_pem, first.note, first.stand_in)
        yield cases.AUTHORITYS_OWN, cases.AUTHORITYS_OWN.name, own
        nobody = peers.leaf(first.minted, common_name("nobody-of-that-name"))
        yield cases.UNKNOWN_CONSUMER, cases.UNKNOWN_CONSUMER.name, shown(nobody, first, first.note)
        for consumer in self._consumers(True)[:1]:
            known = peers.leaf(first.minted, common_name(_name_of(consumer)))
            yield cases.KNOWN_CONSUMER, cases.KNOWN_CONSUMER.name, shown(known, first, first.note)
        yield from self._other_groups(first, nobody_shown=shown(nobody, first, first.note))

    def _other_groups(self, first: Signer, nobody_shown: Shown) -> Iterator[tuple[Case, str, Shown]]:
        if not (self._at.door.acl or {}).get("allow"):
            return
        if self._rules and self._rules.skip_consumer_lookup:
            yield cases.OTHER_GROUP, cases.OTHER_GROUP.name, nobody_shown
        for consumer in self._consumers(False)[:1]:
            leaf = self._peers.leaf(first.minted, common_name(_name_of(consumer)))
            yield cases.OTHER_GROUP, cases.OTHER_GROUP.name, shown(leaf, first, first.note)

    # --- what comes of it

    def _expected(self, case: Case) -> str | None:
        mode = self._at.listener.gateway.listening.verify
        by_listener = expected_by_listener(case, self._at.authorities[0])
        if not self._at.door.is_guarded:
            return by_listener
        by_plugin = expected_by_plugin(case, self._rules)
        by_group = (self._at.door.acl or {}).get("allow") and self._rules
        if case is cases.AUTHORITYS_OWN and by_plugin == "200" and by_group:
            by_plugin = "403"  # its common name is none of the groups
        # A listener that verifies answers before the plugin is asked.
        first = mode == "on" or (mode == "optional" and case is not cases.NO_CERTIFICATE)
        return by_listener if first and by_listener == "400" and by_plugin is not None else by_plugin

    def play(self, case: Case, title: str, caller: Shown, *, again: bool = False) -> Link | None:
        """One row; None where the case makes no sense for the route's settings.

        Args:
            case: who knocks, and what is expected.
            title: what the row calls it.
            caller: what it shows.
            again: whether a route of the same kind was tried in full.
        """
        expected = self._expected(case)
        if expected is None:
            return None
        at = self._at
        outcome, verdict = at.listener.request(
            at.door, caller, host=at.host, server_name=at.host, trust=at.trust, authorities=at.authorities, again=again
        )
        reason = _status(outcome.status, verdict, outcome.reason)
        if case is cases.SERVER and outcome.status == "200":
            reason = f"warning: the plugin doesn't look at the extended key usage; {reason}"
        reason = f"{reason}; {caller.note}".removesuffix("; ")
        return self._row(title, (expected, outcome.status), reason, caller, verdict)

    def _row(self, title: str, statuses: tuple[str, str], reason: str, caller: Shown, verdict: Verdict | None) -> Link:
        at, unknown = self._at, verdict.unknown if verdict else ""
        expected, observed = statuses
        gateway = at.listener.gateway
        strict = self._rules is not None and self._rules.revocation_check_mode == "STRICT"
        if strict and expected == "200" and not caller.from_files:
            unknown = "a certificate made here names no OCSP or CRL server, which STRICT demands"
        if gateway.plugins_run == "unknown" and at.door.is_guarded and expected != "200":
            unknown = unknown or gateway.plugins_why
        row = at.pair.row(title, expected, observed, reason + at.note)
        return replace(row, ok=None, reason=f"{unknown}; {row.reason}") if unknown else row

    def plain(self) -> Link:
        """The same request without TLS."""
        at, title = self._at, cases.PLAIN_HTTP.name
        gateway, route = at.listener.gateway, at.door.route
        if not gateway.plain_http:
            return at.pair.row(title, cases.REFUSE, cases.REFUSE, "the gateway has no listener without TLS")
        https_only = not {"http", "grpc"} & set(protocols_of(gateway, route))
        expected = str(route.https_redirect_status_code)
        if not https_only:
            expected = self._expected(cases.PLAIN_HTTP) or "401"
        verdict = judge_plain(at.door, at.listener.at)
        reason = _status(str(verdict.status), verdict, "")
        return self._row(title, (expected, str(verdict.status)), reason, NOTHING, verdict)

    def another_name(self) -> Link:
        """A handshake with a server name that no route has."""
        at, case = self._at, cases.ANOTHER_NAME
        expected = self._expected(case) or "401"
        if at.door.route.snis and expected != "400":
            expected = "404"
        outcome, verdict = at.listener.request(
            at.door,
            NOTHING,
            host=at.host,
            server_name=ANOTHER_HOST,
            trust=None,
            authorities=at.authorities,
        )
        reason = _status(outcome.status, verdict, outcome.reason)
        return self._row(case.name, (expected, outcome.status), reason, NOTHING, verdict)


def _names_of(consumer: KongConsumer) -> list[str]:
    return [name for name in (*consumer.subject_names, consumer.username, consumer.custom_id) if name]


def _name_of(consumer: KongConsumer) -> str:
    return _names_of(consumer)[0]
