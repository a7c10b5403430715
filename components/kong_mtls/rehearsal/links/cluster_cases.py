"""The table of cases of the cluster link: who is let in, who is not, and who refuses.

Bad peers are attackers: they verify nothing themselves, so that only the end under test can refuse. Each differs
from the good peer by the one property that its case is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509

from ..mint import Minted, issue, twin
from .authority import Authority, KeyRing, authority_over, issuer_of, namesake
from .cluster_ends import ControlPlane, DataPlane, switching_protocols
from .ends import ClientEnd, Outcome, ServerEnd, Side
from .handshake import exchange, load_chain
from .model import ACCEPT, REFUSE, Link, Pair

GOOD = "the data plane itself"
_MOMENT = timedelta(seconds=1)
_STRANGER = "stranger.invalid"


class Cases:
    """The cases of one data plane and one control plane, as rows."""

    def __init__(
        self, pair: Pair, data_plane: DataPlane, control_plane: ControlPlane, keys: KeyRing, at: datetime
    ) -> None:
        """Set up both ends as configured."""
        self._pair = pair
        self._dp, self._cp = data_plane, control_plane
        self._keys, self._at = keys, at
        self._client = data_plane.client(at)
        self._listener = control_plane.listener(at)

    def rows(self) -> Iterator[Link]:
        """The good pair first, then the bad peers of the control plane's mode."""
        yield self._good()
        yield from self._bad_clients_shared() if self._cp.mode == "shared" else self._bad_clients_pki()
        yield from self._bad_servers()

    def _good(self) -> Link:
        outcome = exchange(self._client, self._listener)
        if outcome.refused_by == "client" and self._dp.system_trust and not self._dp.own_trust:
            reason = f"whether the CA bundle of the image holds the control plane's CA is in no file ({outcome.reason})"
            return self._pair.unproved(GOOD, ACCEPT, reason)
        by = f"refused by the {_side(outcome)}: " if outcome.refused_by else f"{outcome.version}, "
        return self._pair.row(GOOD, ACCEPT, outcome.observed, by + outcome.reason)

    # --- who must not get in

    def _attacker(self, chain_pem: bytes | None, key_pem: bytes | None) -> ClientEnd:
        return replace(self._client, cert_chain_pem=chain_pem, key_pem=key_pem, verify=False)

    def _minted(self, peer: Minted) -> ClientEnd:
        return self._attacker(peer.chain_pem, peer.key_pem)

    def _refused_by_control_plane(self, case: str, client: ClientEnd, listener: ServerEnd, note: str = "") -> Link:
        return self._refused(case, exchange(client, listener), "server", note)

    def _refused_by_data_plane(self, case: str, client: ClientEnd, server: ServerEnd, note: str = "") -> Link:
        # An impostor lets anybody in.
        impostor = replace(server, verify="off", answer=switching_protocols)
        return self._refused(case, exchange(client, impostor), "client", note)

    def _refused(self, case: str, outcome: Outcome, by: Side, note: str) -> Link:
        detail = f"refused by the {_side(outcome)}: {outcome.reason}" if outcome.refused_by else outcome.reason
        reason = f"{detail} ({note})" if note else detail
        if outcome.refused_by not in (None, by):
            return self._pair.unproved(case, REFUSE, f"not the end that has to judge: {reason}")
        return self._pair.row(case, REFUSE, outcome.observed, reason)

    def _bad_clients_shared(self) -> Iterator[Link]:
        cert = self._cp.chain[0]
        day = timedelta(days=1)
        stranger = issue(
            _STRANGER,
            client=True,
            server=True,
            dns_names=[_STRANGER],
            not_before=self._at - day,
            not_after=self._at + day,
        )
        case = "a stranger's own certificate"
        yield self._refused_by_control_plane(case, self._minted(stranger), self._listener)
        same_name = twin(cert, not_before=self._at - day, not_after=self._at + day)
        case = "the same name with another key"
        yield self._refused_by_control_plane(case, self._minted(same_name), self._listener)
        yield self._expired_client()
        key = self._keys.of(cert)
        case = "a certificate signed by the cluster certificate"
        if key is None:
            yield self._pair.unproved(case, REFUSE, "the cluster certificate's key is in no Secret of these files")
        else:
            # Alone, without its signer: as a chain nginx would find fault with a signer that is no CA.
            signed = twin(cert, issuer=Minted(cert, key))
            client = self._attacker(signed.cert_pem, signed.key_pem)
            yield self._refused_by_control_plane(case, client, self._listener)
        yield self._refused_by_control_plane("no certificate", self._attacker(None, None), self._listener)

    def _expired_client(self) -> Link:
        # The good data plane on the day after: nothing but the date is wrong.
        late = self._dp.chain[0].not_valid_after_utc + _MOMENT
        client = replace(self._client, verify=False)
        note = f"on {late:%Y-%m-%d}"
        return self._refused_by_control_plane("an expired certificate", client, self._cp.listener(late), note)

    def _bad_clients_pki(self) -> Iterator[Link]:
        cert = self._dp.chain[0]
        other = twin(cert, issuer=namesake(cert, self._at))
        case = "another CA's certificate"
        yield self._refused_by_control_plane(case, self._minted(other), self._listener)
        yield self._expired_client()
        yield from self._clients_of_the_right_ca(cert)
        if _needs_intermediates(self._dp.chain, self._cp.ca_pem):
            client = self._attacker(_first_pem(self._dp.cert_pem), self._dp.key_pem)
            case = "its certificate without the intermediates"
            yield self._refused_by_control_plane(case, client, self._listener)
        yield self._refused_by_control_plane("no certificate", self._attacker(None, None), self._listener)

    def _clients_of_the_right_ca(self, cert: x509.Certificate) -> Iterator[Link]:
        authority = authority_over(self._dp.chain, self._cp.ca_pem or b"", self._keys, self._at)
        listener = replace(self._listener, client_ca_pem=authority.trust_pem)

        def client(peer: Minted) -> ClientEnd:
            return self._attacker(authority.chain_pem(peer), peer.key_pem)

        control = exchange(client(twin(cert, issuer=authority.signer)), listener)
        bad = {"a server's certificate": twin(cert, issuer=authority.signer, client=False, server=True)}
        if self._cp.mode == "pki_check_cn":
            name = "another data plane's common name"
            bad[name] = twin(cert, issuer=authority.signer, common_name=_STRANGER)
        for case, peer in bad.items():
            if control.accepted:
                yield self._refused_by_control_plane(case, client(peer), listener, authority.note)
            else:
                yield self._vacuous(case, control)

    def _vacuous(self, case: str, control: Outcome) -> Link:
        reason = f"its good counterpart is refused as well, so that it would prove nothing: {control.reason}"
        return self._pair.unproved(case, REFUSE, reason)

    # --- whom the data plane must not follow

    def _bad_servers(self) -> Iterator[Link]:
        cert = self._cp.chain[0]
        if self._dp.trust_pem is None:
            return  # the image's bundle decides, and the good pair's row says so
        self_signed = issuer_of(cert, [cert]) is not None
        impostor = twin(cert) if self_signed else twin(cert, issuer=namesake(cert, self._at))
        server = replace(self._listener, cert_chain_pem=impostor.chain_pem, key_pem=impostor.key_pem)
        case = "a control plane of the same name with another key" if self_signed else "a control plane of another CA"
        yield self._refused_by_data_plane(case, self._client, server)
        late = cert.not_valid_after_utc + _MOMENT
        client = replace(self._client, at=late)
        note = f"on {late:%Y-%m-%d}"
        yield self._refused_by_data_plane("a control plane with an expired certificate", client, self._listener, note)
        if self._cp.mode == "shared":
            return
        yield from self._servers_of_the_right_ca(cert, self_signed)
        if _needs_intermediates(self._cp.chain, self._dp.trust_pem):
            server = replace(self._listener, cert_chain_pem=_first_pem(self._cp.cert_pem))
            case = "a control plane that leaves out its intermediates"
            yield self._refused_by_data_plane(case, self._client, server)
            depth = sum(each.issuer != each.subject for each in self._cp.chain[1:]) - 1
            client, note = replace(self._client, depth=depth), f"lua_ssl_verify_depth {depth}"
            case = "a depth too small for the control plane's chain"
            yield self._refused_by_data_plane(case, client, self._listener, note)

    def _servers_of_the_right_ca(self, cert: x509.Certificate, self_signed: bool) -> Iterator[Link]:
        chain = self._cp.chain if not self_signed else (cert,)
        authority = authority_over(chain, self._dp.trust_pem or b"", self._keys, self._at)
        client = replace(self._client, trust_pem=authority.trust_pem)
        control = exchange(client, self._impostor(authority, twin(cert, issuer=authority.signer)))
        bad = {
            "a client's certificate as the control plane's": twin(
                cert, issuer=authority.signer, client=True, server=False
            ),
            "a control plane of another name": twin(
                cert, issuer=authority.signer, common_name=_STRANGER, dns_names=[_STRANGER]
            ),
        }
        for case, peer in bad.items():
            if control.accepted:
                yield self._refused_by_data_plane(case, client, self._impostor(authority, peer), authority.note)
            else:
                yield self._vacuous(case, control)

    def _impostor(self, authority: Authority, peer: Minted) -> ServerEnd:
        return ServerEnd(authority.chain_pem(peer), peer.key_pem, self._at, answer=switching_protocols)


def _side(outcome: Outcome) -> str:
    return "data plane" if outcome.refused_by == "client" else "control plane"


def _first_pem(pem: bytes) -> bytes:
    end = b"-----END CERTIFICATE-----"
    return pem[: pem.index(end) + len(end)] + b"\n"


def _needs_intermediates(chain: tuple[x509.Certificate, ...], trust_pem: bytes | None) -> bool:
    """Whether the chain's own issuer has to be sent along, since the other end doesn't hold it."""
    leaf, *sent = chain
    if trust_pem is None or not sent or issuer_of(leaf, sent) is None:
        return False
    return issuer_of(leaf, load_chain(trust_pem, "trust")) is None
