"""Trials of a link: the good pair, then peers that differ from the good ones by a single property.

A bad client is an attacker who verifies nothing, and a bad server lets anybody in, so that only the end under test
can refuse. A row is ok when that end did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from cryptography import x509

from ..mint import Minted, twin
from .authority import Authority, KeyRing, authority_over, issuer_of, namesake
from .ends import ClientEnd, Outcome, Request, ServerEnd, Side, answer_ok
from .handshake import Meetings, exchange, load_chain, revisit
from .model import ACCEPT, REFUSE, Link, Pair

ANOTHER_NAME = "stranger.invalid"
"""A name that no certificate of anybody's carries (RFC 2606)."""

_MOMENT = timedelta(seconds=1)


class Trials:
    """Both ends of a link as configured, and what can be tried with them."""

    def __init__(
        self,
        pair: Pair,
        client: ClientEnd,
        server: ServerEnd,
        keys: KeyRing,
        names: Mapping[Side, str],
        *,
        met: Meetings | None = None,
    ) -> None:
        """Set up the trials.

        Args:
            pair: the row's ends.
            client: the good client.
            server: the good server.
            keys: where a CA's key may be.
            names: what to call the ends in a reason.
            met: handshakes with bad servers that need not be played again.
        """
        self.pair, self.client, self.server = pair, client, server
        self.keys, self._names, self._met = keys, names, met

    @cached_property
    def client_chain(self) -> tuple[x509.Certificate, ...]:
        """What the good client shows; empty when it shows nothing."""
        pem = self.client.cert_chain_pem
        return tuple(load_chain(pem)) if pem is not None else ()

    @cached_property
    def server_chain(self) -> tuple[x509.Certificate, ...]:
        """What the good server shows."""
        return tuple(load_chain(self.server.cert_chain_pem))

    # --- rows

    def good(self, case: str) -> Link:
        """The two ends as configured."""
        outcome = exchange(self.client, self.server)
        return self.pair.row(case, ACCEPT, outcome.observed, self.describe(outcome))

    def describe(self, outcome: Outcome) -> str:
        """Who refused and why, or how it was let in."""
        if outcome.refused_by is None:
            return f"{outcome.version}, {outcome.reason}"
        return f"refused by the {self._names[outcome.refused_by]}: {outcome.reason}"

    def bad_client(self, case: str, client: ClientEnd, *, server: ServerEnd | None = None, note: str = "") -> Link:
        """A client that the server has to refuse."""
        return self._refused(case, exchange(replace(client, verify=False), server or self.server), "server", note)

    def bad_server(self, case: str, server: ServerEnd, *, client: ClientEnd | None = None, note: str = "") -> Link:
        """A server that the client has to refuse."""
        impostor = replace(server, verify="off", answer=answer_ok)
        end = client or self.client
        if self._met is None:
            return self._refused(case, exchange(end, impostor), "client", note)
        request = Request(host=end.server_name or "localhost")
        return self._refused(case, revisit(self._met, end, impostor, request), "client", note)

    def _refused(self, case: str, outcome: Outcome, by: Side, note: str) -> Link:
        reason = self.describe(outcome) + (f" ({note})" if note else "")
        if outcome.refused_by not in (None, by):
            return self.pair.unproved(case, REFUSE, f"not the end that has to judge: {reason}")
        return self.pair.row(case, REFUSE, outcome.observed, reason)

    # --- bad peers

    def showing(self, peer: Minted | None) -> ClientEnd:
        """The client with another certificate, or none."""
        if peer is None:
            return replace(self.client, cert_chain_pem=None, key_pem=None)
        return replace(self.client, cert_chain_pem=peer.chain_pem, key_pem=peer.key_pem)

    def no_certificate(self, case: str) -> Link:
        """A client that shows nothing."""
        return self.bad_client(case, self.showing(None))

    def client_of_another_ca(self, case: str) -> Link:
        """The good client's names and usages, signed by a CA of the same name with another key."""
        leaf = self.client_chain[0]
        return self.bad_client(case, self.showing(twin(leaf, issuer=namesake(leaf, self.server.at))))

    def server_of_another_ca(self, case: str) -> Link:
        """The good server's names and usages, signed by a CA of the same name with another key."""
        leaf = self.server_chain[0]
        # A self-signed certificate is its own CA.
        other = twin(leaf) if self.server_is_self_signed else twin(leaf, issuer=namesake(leaf, self.client.at))
        return self.bad_server(case, replace(self.server, cert_chain_pem=other.chain_pem, key_pem=other.key_pem))

    @property
    def server_is_self_signed(self) -> bool:
        """Whether the good server's certificate is its own issuer."""
        leaf = self.server_chain[0]
        return issuer_of(leaf, [leaf]) is not None

    def expired_client(self, case: str) -> Link:
        """The good client, judged the moment after its certificate's end."""
        late = self.client_chain[0].not_valid_after_utc + _MOMENT
        server = replace(self.server, at=late)
        return self.bad_client(case, self.client, server=server, note=f"on {late:%Y-%m-%d}")

    def expired_server(self, case: str) -> Link:
        """The good server, judged the moment after its certificate's end."""
        late = self.server_chain[0].not_valid_after_utc + _MOMENT
        client = replace(self.client, at=late)
        return self.bad_server(case, self.server, client=client, note=f"on {late:%Y-%m-%d}")

    def clients_of_the_ca(self, bad: Mapping[str, Mapping[str, Any]]) -> Iterator[Link]:
        """Clients of the right CA that differ from the good one by the arguments of `twin`, by case."""
        leaf = self.client_chain[0]
        authority = authority_over(self.client_chain, self.server.client_ca_pem or b"", self.keys, self.server.at)
        server = replace(self.server, client_ca_pem=authority.trust_pem)

        def client(**change: Any) -> ClientEnd:
            peer = twin(leaf, issuer=authority.signer, **change)
            return replace(self.client, cert_chain_pem=authority.chain_pem(peer), key_pem=peer.key_pem)

        control = exchange(replace(client(), verify=False), server)
        for case, change in bad.items():
            if control.accepted:
                yield self.bad_client(case, client(**change), server=server, note=authority.note)
            else:
                yield self._vacuous(case, control)

    def servers_of_the_ca(self, bad: Mapping[str, Mapping[str, Any]]) -> Iterator[Link]:
        """Servers of the right CA that differ from the good one by the arguments of `twin`, by case."""
        authority, client = self._server_authority
        control = exchange(client, self._impostor(authority))
        for case, change in bad.items():
            if control.accepted:
                server = self._impostor(authority, **change)
                yield self.bad_server(case, server, client=client, note=authority.note)
            else:
                yield self._vacuous(case, control)

    def with_server_of_the_ca(self, **change: Any) -> tuple[Outcome, str]:
        """The client to a server of the right CA, changed by arguments of `twin`; and how that came by its CA."""
        authority, client = self._server_authority
        return exchange(client, self._impostor(authority, **change)), authority.note

    @cached_property
    def _server_authority(self) -> tuple[Authority, ClientEnd]:
        """Who signs as the server's CA does, and the client that trusts it."""
        # A self-signed server certificate can sign itself, but as a rule nobody else: it is no CA.
        keys = None if self.server_is_self_signed else self.keys
        authority = authority_over(self.server_chain, self.client.trust_pem or b"", keys, self.client.at)
        return authority, replace(self.client, trust_pem=authority.trust_pem)

    def _impostor(self, authority: Authority, **change: Any) -> ServerEnd:
        peer = twin(self.server_chain[0], issuer=authority.signer, **change)
        chain_pem = authority.chain_pem(peer)
        return replace(self.server, cert_chain_pem=chain_pem, key_pem=peer.key_pem, verify="off", answer=answer_ok)

    def _vacuous(self, case: str, control: Outcome) -> Link:
        reason = f"its good counterpart is refused as well, so it would prove nothing: {control.reason}"
        return self.pair.unproved(case, REFUSE, reason)

    def without_intermediates_client(self, case: str) -> Iterator[Link]:
        """The good client's certificate alone; no case where the server holds its signer."""
        if self.client.cert_chain_pem is not None and _must_send(self.client_chain, self.server.client_ca_pem):
            alone = replace(self.client, cert_chain_pem=_first_pem(self.client.cert_chain_pem))
            yield self.bad_client(case, alone)

    def without_intermediates_server(self, case: str) -> Iterator[Link]:
        """The good server's certificate alone; no case where the client holds its signer."""
        if _must_send(self.server_chain, self.client.trust_pem):
            yield self.bad_server(case, replace(self.server, cert_chain_pem=_first_pem(self.server.cert_chain_pem)))

    def too_deep_server(self, case: str, setting: str) -> Iterator[Link]:
        """The good server to a client of less depth than its intermediates need; no case without any."""
        if _must_send(self.server_chain, self.client.trust_pem):
            depth = sum(each.issuer != each.subject for each in self.server_chain[1:]) - 1
            client = replace(self.client, depth=depth)
            yield self.bad_server(case, self.server, client=client, note=f"{setting} {depth}")


def _first_pem(pem: bytes) -> bytes:
    end = b"-----END CERTIFICATE-----"
    return pem[: pem.index(end) + len(end)] + b"\n"


def _must_send(chain: tuple[x509.Certificate, ...], trust_pem: bytes | None) -> bool:
    """Whether the leaf's own signer has to be sent along, since the other end doesn't hold it."""
    leaf, *sent = chain
    if trust_pem is None or issuer_of(leaf, sent) is None:
        return False
    return issuer_of(leaf, load_chain(trust_pem, "trust")) is None
