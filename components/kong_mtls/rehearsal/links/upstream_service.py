"""The cases of one Service: both ends as the files have them, then peers that differ by one property.

The gateway's end is a client that connects as nginx would with the effective settings. The other end is the workload
of the files where its certificate is there, else one whose certificate is what the gateway trusts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from ..mint import Minted, twin
from . import upstream_cases as cases
from .authority import namesake
from .cases import ANOTHER_NAME, Trials
from .client_peers import Peers, Signer, pem
from .ends import ClientEnd, ServerEnd, Side
from .handshake import Meetings, UnusableEnd, exchange, load_chain
from .model import Link, Pair
from .names import dns_names
from .upstream_cases import Case
from .upstream_ends import Workload
from .upstream_settings import POD_ADDRESS, EffectiveUpstream

_SIDES: dict[Side, str] = {"client": "gateway", "server": "upstream"}


@dataclass(frozen=True)
class _Trusted:
    """What the gateway trusts in the proof, and who can sign for it."""

    pem: bytes | None
    signer: Signer | None
    note: str


class ServiceProof:
    """The cases of one Service at one gateway."""

    def __init__(self, settings: EffectiveUpstream, workload: Workload | None, peers: Peers, at: datetime) -> None:
        """Nothing is tried yet."""
        self._settings, self._workload, self._peers, self._at = settings, workload, peers, at
        self._met: Meetings | None = None
        self._pair = Pair("upstream", settings.gateway, settings.service.object)

    # --- both ends

    @property
    def _wants_pair(self) -> bool:
        demanded = self._workload is not None and self._workload.demands is True
        asked = "client_certificate" in self._settings.service.asked
        return asked or demanded or self._settings.pair is not None or self._settings.defaults.pair_asked

    @property
    def _wants_verification(self) -> bool:
        asked = self._settings.service.asked
        meant = "ca_certificates" in asked or "tls_verify" in asked
        return self._settings.verify or (meant and self._settings.service.tls_verify is not False)

    @cached_property
    def _real(self) -> tuple[bytes, bytes] | None:
        return self._workload.pair if self._workload else None

    @cached_property
    def _trusted(self) -> _Trusted:
        """The trust as configured; with a stand-in for its CA where an upstream has to be made."""
        given = self._settings.trust_pem
        found = load_chain(given, "trust") if given is not None else []
        if not found or self._real is not None:
            return _Trusted(given, None, "")
        signers = [self._peers.signer(ca, found) for ca in found]
        note = f"upstream certificate {signers[0].note}"
        return _Trusted(pem([s.minted.cert for s in signers]), signers[0], note)

    @cached_property
    def _client(self) -> ClientEnd:
        name = self._name(self._settings.names[0])
        shown = self._settings.pair
        return ClientEnd(
            at=self._at,
            cert_chain_pem=shown[0] if shown else None,
            key_pem=shown[1] if shown else None,
            trust_pem=self._trusted.pem,
            verify=self._settings.verify,
            depth=self._settings.depth,
            server_name=None if name == POD_ADDRESS else name,
            check_name=name,
        )

    def _name(self, name: str) -> str:
        """A host name to be verified; where any may be asked for, one that the upstream has."""
        if name:
            return name
        found = dns_names(load_chain(self._real[0])[0]) if self._real else []
        return found[0].replace("*", "www", 1) if found else self._service_names[2]

    @property
    def _service_names(self) -> list[str]:
        service, namespace = self._settings.service.object.split("/")[2], self._settings.service.namespace
        return [service, f"{service}.{namespace}", f"{service}.{namespace}.svc"]

    @cached_property
    def _server(self) -> ServerEnd:
        """The upstream without any demand."""
        if self._real is not None:
            return ServerEnd(*self._real, self._at)
        made = self._upstream(self._issuer())
        return ServerEnd(made.chain_pem, made.key_pem, self._at)

    def _issuer(self) -> Minted:
        if self._trusted.signer is not None:
            return self._trusted.signer.minted
        return self._peers.root("a CA that the gateway has not been told of")

    def _upstream(self, issuer: Minted) -> Minted:
        names = [self._name(name) for name in self._settings.names]
        # Nobody can give a pod a certificate for its address: it has what Services' certificates have.
        wanted = [name for name in names if name != POD_ADDRESS] or self._service_names
        return self._peers.server(issuer, tuple(wanted))

    @cached_property
    def _demanding(self) -> tuple[ClientEnd, ServerEnd, str]:
        """Both ends with an upstream that demands a certificate, and how its trust was come by."""
        workload, client = self._workload, self._client
        if workload is not None and workload.demands and workload.client_ca_pem is not None:
            server = replace(self._server, client_ca_pem=workload.client_ca_pem, verify="on", depth=workload.depth)
            return client, server, f"demanded by {workload.object}"
        server = replace(self._server, verify="on", depth=9)
        if client.cert_chain_pem is None:
            invented = self._peers.root("a CA of clients")
            return client, replace(server, client_ca_pem=invented.cert_pem), ""
        chain = load_chain(client.cert_chain_pem)
        own = chain[0]
        roots = [own] if own.issuer == own.subject else self._peers.roots_for(chain)
        if roots:
            return client, replace(server, client_ca_pem=pem(roots)), ""
        stand_in = namesake(own, self._at)
        copy = twin(own, issuer=stand_in)
        client = replace(client, cert_chain_pem=copy.cert_pem, key_pem=copy.key_pem)
        note = "the pair's CA isn't in these files: a stand-in signed a copy of it"
        return client, replace(server, client_ca_pem=stand_in.cert_pem), note

    # --- rows

    def rows(self) -> Iterator[tuple[Case, Link]]:
        """Every case that makes sense for the settings."""
        early = self._not_reached()
        if early is not None:
            yield early
            return
        try:
            yield from self._pair_rows()
            yield from self._name_rows()
            yield from self._verification_rows()
            yield from self._override_rows()
        except UnusableEnd as e:
            yield cases.RIGHT_PAIR, self._pair.broken(cases.RIGHT_PAIR.name, cases.RIGHT_PAIR.expected, str(e))

    def _not_reached(self) -> tuple[Case, Link] | None:
        case = cases.RIGHT_PAIR if self._wants_pair else cases.NO_DEMAND
        workload, pair = self._workload, self._pair
        broken = self._settings.broken
        unknown = self._settings.unknown or (workload.unknown if workload else "")
        if not broken and workload is not None and workload.problem:
            broken = f"{workload.object} can't start: {workload.problem}"
        if broken:
            return case, pair.broken(case.name, case.expected, broken)
        return (case, pair.unproved(case.name, case.expected, unknown)) if unknown else None

    def _told(self, row: Link, *notes: str) -> Link:
        """A row with where the settings that matter come from."""
        said = [note for note in (*notes, *self._settings.lost) if note]
        return replace(row, reason="; ".join([row.reason, *said]))

    def _from(self, *names: str) -> str:
        return ", ".join(f"{name} by {self._settings.source(name)}" for name in names)

    def _trials(self, client: ClientEnd, server: ServerEnd) -> Trials:
        return Trials(self._pair, client, server, self._peers.keys, _SIDES, met=self._met)

    def named_rows(self, met: Meetings) -> Iterator[tuple[Case, Link]]:
        """Those that depend on the Service's names, or on its workload's certificate, for each Service.

        Args:
            met: handshakes with the same impostor, which one Service after the other needs.
        """
        self._met = met
        if self._not_reached() is None:
            yield next(self._pair_rows())
            yield from self._name_rows()
            if self._real is not None:
                yield from self._expired_upstream()

    def _pair_rows(self) -> Iterator[tuple[Case, Link]]:
        if not self._wants_pair:
            row = self._trials(self._client, self._server).good(cases.NO_DEMAND.name)
            yield cases.NO_DEMAND, self._told(row, self._from("verify", "trust", "name"), self._trusted.note)
            return
        client, server, note = self._demanding
        trials = self._trials(client, server)
        row = trials.good(cases.RIGHT_PAIR.name)
        yield cases.RIGHT_PAIR, self._told(row, self._from("client certificate", "verify", "name"), note)
        yield cases.NO_PAIR, self._told(trials.no_certificate(cases.NO_PAIR.name))
        if client.cert_chain_pem is None:
            return
        yield cases.ANOTHER_CAS_PAIR, self._told(trials.client_of_another_ca(cases.ANOTHER_CAS_PAIR.name))
        yield cases.EXPIRED_PAIR, self._told(trials.expired_client(cases.EXPIRED_PAIR.name))
        if self._workload is None or self._workload.demands is None:
            row = self._trials(self._client, self._server).good(cases.NO_DEMAND.name)
            yield cases.NO_DEMAND, self._told(row)

    def _name_rows(self) -> Iterator[tuple[Case, Link]]:
        for name in self._settings.names[1:]:
            client = replace(self._client, server_name=name, check_name=name)
            row = self._trials(client, self._server).good(f"{cases.AS}{self._name(name)}")
            yield Case(row.case, row.expected), self._told(row, self._from("name"))
        if not self._wants_verification:
            return
        client, server = self._client, self._server
        if self._real is None:
            impostor = self._peers.server(self._issuer(), (ANOTHER_NAME,))
            server = ServerEnd(impostor.chain_pem, impostor.key_pem, self._at)
        else:  # the workload's own certificate, when another name is asked for
            client = replace(client, server_name=ANOTHER_NAME, check_name=ANOTHER_NAME)
        row = self._trials(client, server).bad_server(cases.WRONG_NAME.name, server)
        yield cases.WRONG_NAME, self._told(row, self._from("name"))

    def _verification_rows(self) -> Iterator[tuple[Case, Link]]:
        trials = self._trials(self._client, self._server)
        if not self._wants_verification:
            stranger = self._peers.server(self._peers.root("a CA that nobody trusts"), (ANOTHER_NAME,))
            server = ServerEnd(stranger.chain_pem, stranger.key_pem, self._at)
            outcome = exchange(self._client, server)
            case = cases.VERIFICATION_OFF
            reason = f"warning: any upstream is believed; {trials.describe(outcome)}"
            yield (
                case,
                self._told(self._pair.row(case.name, case.expected, outcome.observed, reason), self._from("verify")),
            )
            return
        yield cases.UNTRUSTED, self._told(trials.server_of_another_ca(cases.UNTRUSTED.name), self._from("verify"))
        if self._trusted.pem is None:
            return
        yield from self._expired_upstream()
        yield from self._depth_rows()
        if any("CA certificate" in each for each in self._settings.lost):
            made = self._peers.server(self._peers.root("the Service's own CA"), (self._client.check_name or "",))
            server = ServerEnd(made.chain_pem, made.key_pem, self._at)
            case = cases.OWN_TRUST
            outcome = exchange(self._client, server)
            row = self._pair.row(case.name, case.expected, outcome.observed, trials.describe(outcome))
            yield case, self._told(row, self._from("trust"))

    def _expired_upstream(self) -> Iterator[tuple[Case, Link]]:
        if self._wants_verification and self._trusted.pem is not None:
            case = cases.EXPIRED_UPSTREAM
            yield case, self._told(self._trials(self._client, self._server).expired_server(case.name))

    def _depth_rows(self) -> Iterator[tuple[Case, Link]]:
        """Chains under a CA of the trusted one's name that limits no path: only the depth can refuse them."""
        trusted = load_chain(self._trusted.pem or b"", "trust")[0]
        root = self._peers.root(trusted.subject)
        client = replace(self._client, trust_pem=root.cert_pem)
        depth = self._settings.depth
        for case, length in ((cases.TOO_DEEP, depth + 1), (cases.DEEP_ENOUGH, depth)):
            made = self._peers.deep(root, length, (client.check_name or "",))
            server = ServerEnd(made.chain_pem, made.key_pem, self._at)
            outcome = exchange(client, server)
            described = self._trials(client, server).describe(outcome)
            reason = f"{described}; {length} intermediates, depth {depth}"
            yield (
                case,
                self._told(self._pair.row(case.name, case.expected, outcome.observed, reason), self._from("depth")),
            )

    def _override_rows(self) -> Iterator[tuple[Case, Link]]:
        """The Service's own settings over a data plane that says the opposite."""
        service, under = self._settings.service, self._settings.defaults
        if service.tls_verify is not None:
            over = self._settings.over(replace(under, verify=not service.tls_verify, problem=""))
            stranger = self._peers.server(self._peers.root("a CA that nobody trusts"), (self._client.check_name or "",))
            client = replace(self._client, verify=over.verify)
            outcome = exchange(client, ServerEnd(stranger.chain_pem, stranger.key_pem, self._at))
            case = cases.OWN_VERIFICATION if service.tls_verify else cases.OWN_NO_VERIFICATION
            reason = self._trials(client, self._server).describe(outcome)
            reason = reason if service.tls_verify else f"warning: any upstream is believed; {reason}"
            row = self._pair.row(case.name, case.expected, outcome.observed, reason)
            yield case, self._told(row, f"the data plane's own would be {'off' if service.tls_verify else 'on'}")
        if service.client_certificate is not None:
            other = self._peers.server(self._peers.root("another CA of clients"), ("another-gateway",), client=True)
            over = self._settings.over(replace(under, pair=(other.chain_pem, other.key_pem), problem=""))
            client, server, note = self._demanding
            shown = over.pair
            if not note.startswith("the pair's CA") and shown is not None:
                client = replace(client, cert_chain_pem=shown[0], key_pem=shown[1])
            row = self._trials(client, server).good(cases.OWN_PAIR.name)
            yield cases.OWN_PAIR, self._told(row, "the data plane's own pair would be another CA's")

    def likeness(self) -> tuple[object, ...]:
        """What rows other than those about names depend on; equal for Services that may share them."""
        settings, workload = self._settings, self._workload
        service, under = settings.service, settings.defaults
        return (
            settings.gateway,
            settings.verify,
            settings.depth,
            settings.trust_pem,
            settings.pair,
            settings.lost,
            settings.broken,
            settings.unknown,
            service.asked,
            service.tls_verify,
            service.client_certificate is None,
            len(settings.names) > 1,
            POD_ADDRESS in settings.names,
            "" in settings.names,
            under.verify,
            under.pair,
            self._real is None,
            (workload.demands, workload.client_ca_pem, workload.depth) if workload else None,
            (workload.problem, workload.unknown) if workload else None,
        )
