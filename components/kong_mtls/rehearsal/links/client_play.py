"""One request to a protected route, over a real handshake with the gateway's listener.

The listener shows the certificate that Kong would show for the server name (Kong/kong
kong/runloop/certificate.lua: the name, its wildcards, ``*``, then ``ssl_cert``, then a self-signed one), and asks
for a client certificate as mtls-auth makes it ask: on every handshake, unless every route with the plugin has
SNIs, then for those alone (Kong/developer.konghq.com app/_kong_plugins/mtls-auth/index.md, "Client certificate
request"). ``send_ca_dn`` only helps a client to choose; callers here have chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from kong_mtls.reader.kic import MTLS_AUTH

from ..mint import Minted, issue
from .client_gateways import Gateway
from .client_kong import Door, Verdict, judge
from .client_peers import Peers, Shown, pem
from .ends import ClientEnd, Outcome, Request, Response, ServerEnd, Session
from .handshake import Meetings, exchange, load_chain, revisit
from .names import name_matches

_FULL_DEPTH = 9  # curl and browsers set no limit that a real chain meets


@dataclass(frozen=True)
class Asking:
    """For which server names the gateway asks for a client certificate because of mtls-auth."""

    everywhere: bool
    names: frozenset[str]

    def asks(self, server_name: str | None) -> bool:
        """Whether a handshake with this server name is asked."""
        return self.everywhere or (server_name or "").lower() in self.names


def asking(gateway: Gateway) -> Asking:
    """What the plugins of a gateway make its listener ask."""
    everywhere, names = False, set()
    if gateway.plugins_run != "no":
        by_service: dict[str | None, list[tuple[str, ...]]] = {}
        by_route = {}
        for route in gateway.config.routes:
            by_service.setdefault(route.service, []).append(route.snis)
            by_route[route.name] = route.snis
        for plugin in gateway.config.plugins:
            if plugin.name != MTLS_AUTH or not plugin.enabled or plugin.refused:
                continue
            if plugin.route is not None:
                lists = [by_route.get(plugin.route, ())]
            elif plugin.service is not None:
                lists = by_service.get(plugin.service, [()])
            else:
                lists = [()]
            everywhere = everywhere or not all(lists)
            names |= {name.lower() for each in lists for name in each}
    return Asking(everywhere, frozenset(names))


@dataclass(frozen=True)
class Identity:
    """What a gateway shows for a server name.

    Attributes:
        chain_pem, key_pem: the pair.
        source: where it comes from; empty for Kong's self-signed default.
        unknown: why the real one can't be shown here; empty when it can.
    """

    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    source: str
    unknown: str = ""


def default_certificate(at: datetime) -> Minted:
    """Kong's self-signed certificate for ``localhost`` (kong/cmd/utils/prefix_handler.lua), 20 years long."""
    parts = (
        (NameOID.COUNTRY_NAME, "US"),
        (NameOID.STATE_OR_PROVINCE_NAME, "California"),
        (NameOID.LOCALITY_NAME, "San Francisco"),
        (NameOID.ORGANIZATION_NAME, "Kong"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "IT Department"),
        (NameOID.COMMON_NAME, "localhost"),
    )
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])
    year = timedelta(days=365)
    return issue(subject, not_before=at - timedelta(days=1), not_after=at + 20 * year)


class Listener:
    """The TLS listener of a gateway."""

    def __init__(self, gateway: Gateway, peers: Peers, at: datetime) -> None:
        """Prepare what all its handshakes share."""
        self.gateway, self.at = gateway, at
        self._peers = peers
        self._asking = asking(gateway)
        self._default = default_certificate(at)
        self._met: Meetings = {}
        self._greeted: set[bytes] = set()
        self._by_name = {sni.lower(): c.pair for c in gateway.config.certificates for sni in c.snis}

    def identity(self, server_name: str | None) -> Identity:
        """What is shown to a client that asks for a name."""
        name = (server_name or "").lower()
        first, dot, rest = name.partition(".")
        wildcards = [f"*.{rest}"] if dot and "." in rest else []
        wildcards += [f"{name.rpartition('.')[0]}.*"] if dot else []
        for candidate in (name, *wildcards, "*") if first else ():
            pair = self._by_name.get(candidate)
            if pair is not None:
                if pair.cert_pem is None or pair.key_pem is None:
                    return self._self_signed(f"{pair.object} is masked")
                return Identity(pair.cert_pem, pair.key_pem, pair.object)
        if self.gateway.certificate is not None:
            return Identity(*self.gateway.certificate, "ssl_cert")
        unknown = self.gateway.certificate_unknown
        if not unknown and not self.gateway.is_in_files:
            unknown = "the gateway's default certificate isn't in these files"
        return self._self_signed(unknown)

    def _self_signed(self, unknown: str) -> Identity:
        return Identity(self._default.cert_pem, self._default.key_pem, "", unknown)

    def kongs_default(self) -> Identity:
        """What a gateway without any certificate shows."""
        return self._self_signed("")

    def request(
        self,
        door: Door,
        shown: Shown,
        *,
        host: str,
        server_name: str,
        trust: Sequence[x509.Certificate] | None,
        authorities: Sequence[x509.Certificate],
        again: bool = False,
    ) -> tuple[Outcome, Verdict | None]:
        """Send one request, and hear Kong's answer.

        Args:
            door: the route.
            shown: what the client presents.
            host: the Host header, and the name that the gateway's certificate must carry.
            server_name: the name in the handshake.
            trust: whom the client trusts; None doesn't verify the gateway (curl -k).
            authorities: the CAs that stand-ins may stand in for.
            again: a route guarded in the same way was tried in full: a handshake that differs from a former one by
                names alone need not be played.

        Returns:
            How it went, and Kong's own verdict if the request got that far.
        """
        stand_ins = {}
        if shown.by_stand_in:
            signers = [self._peers.signer(ca, authorities) for ca in authorities]
            stand_ins = {s.certificate.fingerprint(SHA256()): s.minted.cert for s in signers}
            door = replace(door, trust={k: _swap(ca, stand_ins) for k, ca in door.trust.items()})
        heard: list[Verdict] = []

        def answer(session: Session, _: Request) -> Response:
            verdict = judge(door, session.certificates, session.server_name, self.at)
            heard.append(verdict)
            return Response(verdict.status, verdict.message, verdict.headers)

        identity, listening = self.identity(server_name), self.gateway.listening
        mode: Literal["off", "request", "optional", "optional_no_ca", "on"] = listening.verify
        if mode == "off" and self._asking.asks(server_name):
            mode = "request"
        ca_pem = listening.ca_pem
        if ca_pem is not None and stand_ins:
            ca_pem = pem([_swap(ca, stand_ins) for ca in load_chain(ca_pem, "ssl_client_certificate")])
        server = ServerEnd(
            cert_chain_pem=identity.chain_pem,
            key_pem=identity.key_pem,
            at=self.at,
            client_ca_pem=ca_pem,
            verify=mode,
            depth=listening.depth,
            answer=answer,
        )
        client = ClientEnd(
            at=self.at,
            cert_chain_pem=shown.chain_pem,
            key_pem=shown.key_pem,
            trust_pem=pem(trust) if trust is not None else None,
            verify=trust is not None,
            depth=_FULL_DEPTH,
            server_name=server_name,
            check_name=host if trust is not None else None,
        )
        asked = Request(host, _path(door))
        outcome = revisit(self._met, client, server, asked) if again else exchange(client, server, asked)
        return outcome, heard[0] if heard else None

    def greet(self, identity: Identity, host: str, trust: Sequence[x509.Certificate]) -> Outcome:
        """A client that looks at nothing but the gateway's certificate."""
        server = ServerEnd(identity.chain_pem, identity.key_pem, self.at)
        client = ClientEnd(
            self.at,
            trust_pem=pem(trust) if trust else None,
            depth=_FULL_DEPTH,
            server_name=host,
            check_name=host,
        )
        if identity.chain_pem in self._greeted:
            return revisit(self._met, client, server, Request(host))
        self._greeted.add(identity.chain_pem)
        return exchange(client, server, Request(host))


def _swap(ca: x509.Certificate, stand_ins: Mapping[bytes, x509.Certificate]) -> x509.Certificate:
    return stand_ins.get(ca.fingerprint(SHA256()), ca)


def _path(door: Door) -> str:
    plain = [path for path in door.route.paths if path.startswith("/")]
    return plain[0] if plain else "/"


def names_in(identity: Identity) -> list[str]:
    """The host names of a certificate; a wildcard is asked for as ``www``."""
    (own, *_) = load_chain(identity.chain_pem)
    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = found.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    return [name.replace("*", "www", 1) for name in names if name_matches(own, name.replace("*", "www", 1))]
