"""The two ends of a TLS connection as data: what each shows, whom it trusts, what passes between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography import x509

from .names import name_matches

Side = Literal["client", "server"]

# What OpenSSL's verification says: X509_verify_cert_error_string; numbers of include/openssl/x509_vfy.h.
_VERIFY_TEXTS = {
    2: "unable to get issuer certificate",
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    22: "certificate chain too long",
    25: "path length constraint exceeded",
    26: "unsuitable certificate purpose",
    27: "certificate not trusted",
    28: "certificate rejected",
    30: "authority and subject key identifier mismatch",
    31: "authority and issuer serial number mismatch",
    32: "key usage does not include certificate signing",
    34: "unhandled critical extension",
    47: "permitted subtree violation",
    48: "excluded subtree violation",
    66: "EE certificate key too weak",
    67: "CA certificate key too weak",
    68: "CA signature digest algorithm too weak",
    79: "invalid CA certificate",
}


@dataclass(frozen=True)
class VerifyError:
    """What OpenSSL's chain verification objected to, and at which depth (0 is the peer's own certificate)."""

    number: int
    depth: int

    def __str__(self) -> str:
        """OpenSSL's text, with the depth where it isn't the peer's own certificate."""
        text = _VERIFY_TEXTS.get(self.number, f"verification error {self.number}")
        return f"{text} (depth {self.depth})" if self.depth else text


@dataclass(frozen=True)
class Request:
    """What the client asks for over the connection; headers by lower-case name."""

    host: str = "localhost"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    """What the server answers; headers by lower-case name."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Session:
    """What a server knows of its peer after the handshake."""

    server_name: str | None
    """The name the client asked for (SNI)."""
    certificates: tuple[x509.Certificate, ...]
    """What the client presented, its own certificate first; empty without one."""
    verify_error: VerifyError | None
    """OpenSSL's last objection to it, going by ``client_ca_pem``; None when there is none."""


@dataclass(frozen=True)
class Closed:
    """The server closes the connection without an answer (nginx's status 444), and why."""

    reason: str


Answer = Callable[[Session, Request], Response | Closed]
"""What a server does above TLS."""


def answer_ok(_: Session, __: Request) -> Response:
    """A server that lets in whoever got through the handshake."""
    return Response(200, "ok")


@dataclass(frozen=True)
class ServerEnd:
    """The listening end."""

    cert_chain_pem: bytes
    """Its certificate and the intermediates it sends along."""
    key_pem: bytes = field(repr=False)
    at: datetime
    """The date it judges certificates by."""
    client_ca_pem: bytes | None = None
    verify: Literal["off", "request", "optional", "optional_no_ca", "on"] = "off"
    """Like nginx's ``ssl_verify_client``: ``off`` asks for no certificate; ``optional`` lets a peer without
    one through; ``optional_no_ca`` too, and objects only to what has nothing to do with trust (dates,
    usage); ``on`` demands a trusted one. ``request`` is what nginx can't say and Kong's plugins do: ask, and
    leave every judgement to ``answer`` (request_client_certificate in Kong's lua-kong-nginx-module)."""
    depth: int = 1
    """How many certificates may stand between the client's and a trusted root."""
    refuses: Literal["in_http", "in_handshake"] = "in_http"
    """Where it objects: by a status of 400 (nginx), or by a TLS alert (Postgres, Go)."""
    answer: Answer = answer_ok
    by_name: Mapping[str, ServerEnd] = field(default_factory=dict)
    """Other settings by lower-case server name (SNI), which may start with ``*.``."""

    def for_name(self, server_name: str | None) -> ServerEnd:
        """The settings for a name: its own, else those of ``*.`` and ever shorter suffixes, else these."""
        labels = server_name.lower().split(".") if server_name else []
        wildcards = ["*." + ".".join(labels[i:]) for i in range(1, len(labels))]
        for candidate in (".".join(labels), *wildcards):
            if candidate in self.by_name:
                return self.by_name[candidate]
        return self


@dataclass(frozen=True)
class ClientEnd:
    """The connecting end."""

    at: datetime
    """The date it judges certificates by."""
    cert_chain_pem: bytes | None = None
    """Its certificate and the intermediates it sends along; None shows nothing when asked."""
    key_pem: bytes | None = field(default=None, repr=False)
    trust_pem: bytes | None = None
    """Whom it trusts; None trusts nobody."""
    verify: bool = True
    depth: int = 1
    """How many certificates may stand between the server's and a trusted root."""
    partial_chain: bool = False
    """Trust ends at any certificate of ``trust_pem``, not only at self-signed ones (OpenSSL's
    ``X509_V_FLAG_PARTIAL_CHAIN``; Go always does so)."""
    server_name: str | None = None
    """The name it asks for (SNI)."""
    check_name: str | None = None
    """The name that the server's certificate must carry; None checks no name."""
    matches: Callable[[x509.Certificate, str], bool] = name_matches
    """By which rules: OpenSSL's unless said otherwise."""


@dataclass(frozen=True)
class Outcome:
    """How an exchange went."""

    accepted: bool
    """The server answered with a status below 400."""
    refused_by: Side | None
    reason: str
    """Why it was refused, in OpenSSL's words where OpenSSL refused; else the answer."""
    response: Response | None = None
    version: str = ""
    """The TLS version, such as ``TLSv1.3``; empty when the client's handshake never got done."""
    seen_by_client: tuple[x509.Certificate, ...] = ()
    seen_by_server: tuple[x509.Certificate, ...] = ()

    @property
    def observed(self) -> str:
        """``accept`` or ``refuse``."""
        return "accept" if self.accepted else "refuse"

    @property
    def status(self) -> str:
        """The HTTP status where there was an answer, else ``refuse``."""
        return str(self.response.status) if self.response else "refuse"
