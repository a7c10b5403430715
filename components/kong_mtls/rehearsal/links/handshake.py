"""A real TLS handshake between two ends in one thread, with a request and an answer over it.

Both ends are OpenSSL on a socket pair: no port, no wait, no clock but the one passed in. After the
handshake the client sends one request and waits for the answer: in TLS 1.3 the client's handshake is done
before the server has judged its certificate, so only an answer means that it was accepted.

The server judges as nginx does unless told otherwise: the handshake goes through, and a bad client
certificate is answered with status 400 ("The SSL certificate error", "No required SSL certificate was
sent"; nginx, ``ngx_http_process_request`` in ``src/http/ngx_http_request.c``). What a server does above
that (compare digests, look up a plugin's CA list) is `ServerEnd.answer`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from .ends import ClientEnd, Closed, Outcome, Request, Response, ServerEnd, Session, VerifyError
from .names import describe_names

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work that yields whenever it has to wait for the other end."""
Version = Literal["1.2", "1.3"]

_VERSIONS: dict[Version, int] = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_MODE_NO_AUTO_CHAIN = 0x8  # SSL_MODE_NO_AUTO_CHAIN, as nginx has it (ngx_ssl_create): send what the file holds
_CONTEXTS = 64  # one end meets many others; more than the cases of a link have
_MOST_TURNS = 200  # a handshake takes about five; more means that neither end will ever move
# What passes with `optional_no_ca`: nginx, ngx_ssl_verify_error_optional in src/event/ngx_event_openssl.h.
_OPTIONAL_NO_CA = frozenset({2, 18, 19, 20, 21, 27})


@dataclass(frozen=True)
class Meeting:
    """A handshake that went through at both ends, and what they saw of each other."""

    version: str
    seen_by_client: tuple[x509.Certificate, ...]
    session: Session


Meetings = dict[tuple[object, ...], Meeting]
"""Handshakes by all that they depend on."""


class UnusableEnd(Exception):  # noqa: N818 - an outcome of a configuration, not an error of the caller
    """An end that could not be set up at all: no PEM, a key that doesn't match. ``str`` shows no secret."""


def load_chain(pem: bytes, what: str = "certificate") -> list[x509.Certificate]:
    """Every certificate of a PEM text, in order.

    Raises:
        UnusableEnd: it holds none, or one that can't be parsed.
    """
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise UnusableEnd(f"the {what} is no PEM certificate") from None


def exchange(
    client: ClientEnd,
    server: ServerEnd,
    request: Request | None = None,
    *,
    version: Version | None = None,
) -> Outcome:
    """Connect a client to a server, send a request, and say who refused whom, or what was answered.

    Args:
        client: the connecting end.
        server: the listening end; settings for the client's server name are taken from its ``by_name``.
        request: what is asked over the connection; by default a GET of ``/`` from the server name.
        version: hold both ends to this TLS version; by default the best of 1.2 and 1.3.

    Returns:
        The outcome. An end that can't even be set up (a key of another certificate, say) is the one that
        refuses.
    """
    return _play(client, server.for_name(client.server_name), request, version)[0]


def revisit(met: Meetings, client: ClientEnd, server: ServerEnd, request: Request) -> Outcome:
    """What comes of ``exchange`` where many pairs of ends differ by names and by what is said alone.

    The handshake of such a pair is played once, and both ends judge as ever what they saw in it: the client the name,
    the server the rest. A handshake that fails is played each time.

    Args:
        met: the handshakes that went through, to be used and filled.
        client: the connecting end.
        server: the listening end.
        request: what is asked over the connection.
    """
    server = server.for_name(client.server_name)
    alike = _all_but_names(client, server)
    if alike in met:
        return _Play(client, server, request).again(met[alike])
    outcome, meeting = _play(client, server, request, None)
    if meeting is not None:
        met[alike] = meeting
    return outcome


def _play(
    client: ClientEnd, server: ServerEnd, request: Request | None, version: Version | None
) -> tuple[Outcome, Meeting | None]:
    """What comes of it, and the handshake if it went through."""
    play = _Play(client, server, request or Request(host=client.server_name or "localhost"))
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        try:
            left = _client(client, near, version)
        except UnusableEnd as e:
            return Outcome(False, "client", f"the client cannot start: {e}"), None
        try:
            right = _server(server, far, version)
        except UnusableEnd as e:
            return Outcome(False, "server", f"the server cannot start: {e}"), None
        _alternate(left.run(play.client_side(left)), right.run(play.server_side(right)))
    outcome = play.outcome(left.trouble, right.trouble)
    return outcome, None if left.trouble or right.trouble else play.meeting


def _all_but_names(client: ClientEnd, server: ServerEnd) -> tuple[object, ...]:
    """What a handshake depends on, once the server has chosen by the name what it shows."""
    unnamed = replace(client, server_name=None, check_name=None)
    of_server = (server.cert_chain_pem, server.key_pem, server.at, server.client_ca_pem, server.verify, server.depth)
    return unnamed, of_server, server.refuses


def _alternate(*lines: Steps[None]) -> None:
    running = list(lines)
    for _ in range(_MOST_TURNS):
        running = [line for line in running if next(line, "over") is None]
        if not running:
            return
    raise RuntimeError("neither end of the handshake moves: a bug in the handshake driver")


class _Socket:
    """One end of the socket pair, with what went wrong at it."""

    def __init__(self, sock: socket.socket, context: SSL.Context, mode: int, *, lenient: bool) -> None:
        self.objections: list[VerifyError] = []
        self.trouble: str | None = None  # an error of this end, not an alert that the other one sent
        self._lenient = lenient
        self._sock = sock
        self.tls = SSL.Connection(context, sock)
        self.tls.set_verify(mode, self._judge)

    def _judge(self, _: SSL.Connection, __: crypto.X509, number: int, depth: int, ok: int) -> bool:
        if not ok:
            self.objections.append(VerifyError(number, depth))
        return bool(ok) or self._lenient

    def run(self, line: Steps[None]) -> Steps[None]:
        """Follow a line of action to its end, however that comes, and close."""
        try:
            yield from line
        except (SSL.ZeroReturnError, SSL.SysCallError):
            pass  # the other end's doing
        except SSL.Error as e:
            text = _openssl_text(e)
            if "alert" not in text:
                self.trouble = str(self.objections[-1]) if self.objections else text
        finally:
            with contextlib.suppress(SSL.Error):
                self.tls.shutdown()
            self._sock.close()

    def handshake(self) -> Steps[None]:
        return self._until_done(self.tls.do_handshake)

    def send(self, data: bytes) -> Steps[int]:
        return self._until_done(lambda: self.tls.send(data))

    def receive(self, complete: Callable[[bytes], bool]) -> Steps[bytes]:
        """Everything up to completeness, or until the other end closes."""
        data = b""
        with contextlib.suppress(SSL.ZeroReturnError):
            while not complete(data):
                data += yield from self._until_done(lambda: self.tls.recv(65536))
        return data

    @staticmethod
    def _until_done(step: Callable[[], T]) -> Steps[T]:
        while True:
            try:
                return step()
            except (SSL.WantReadError, SSL.WantWriteError):
                yield

    def presented(self) -> tuple[x509.Certificate, ...]:
        """The other end's certificates, its own first."""
        own = self.tls.get_peer_certificate(as_cryptography=True)
        if own is None:
            return ()
        # SSL_get_peer_cert_chain: "on the server side the peer's certificate is not included".
        chain = self.tls.get_peer_cert_chain(as_cryptography=True) or []
        return (own, *(each for each in chain if each != own))


def _openssl_text(error: SSL.Error) -> str:
    reasons = [str(part[-1]) for part in (error.args[0] if error.args else ()) if part]
    return reasons[-1] if reasons else "TLS failure"


def _client(end: ClientEnd, sock: socket.socket, version: Version | None) -> _Socket:
    shown = (end.cert_chain_pem, end.key_pem or b"") if end.cert_chain_pem is not None else None
    context = _context(shown, end.trust_pem, end.at, end.depth, version, partial_chain=end.partial_chain)
    mode = SSL.VERIFY_PEER if end.verify else SSL.VERIFY_NONE
    made = _Socket(sock, context, mode, lenient=not end.verify)
    made.tls.set_connect_state()
    if end.server_name:
        made.tls.set_tlsext_host_name(end.server_name.encode())
    return made


def _server(end: ServerEnd, sock: socket.socket, version: Version | None) -> _Socket:
    context = _context((end.cert_chain_pem, end.key_pem), end.client_ca_pem, end.at, end.depth, version)
    mode = SSL.VERIFY_NONE if end.verify == "off" else SSL.VERIFY_PEER
    if end.verify == "on" and end.refuses == "in_handshake":
        mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    made = _Socket(sock, context, mode, lenient=end.refuses == "in_http")
    made.tls.set_accept_state()
    return made


@lru_cache(maxsize=_CONTEXTS)
def _context(
    shown: tuple[bytes, bytes] | None,
    trust_pem: bytes | None,
    at: datetime,
    depth: int,
    version: Version | None,
    *,
    partial_chain: bool = False,
) -> SSL.Context:
    """What an end shows and whom it trusts. Nothing of a connection is left in it, so that those alike share one."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(_VERSIONS[version or "1.2"])
    context.set_max_proto_version(_VERSIONS[version or "1.3"])
    # A resumed session shows no certificate: with reuse, a bad peer would ride on a good one's session.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_mode(_MODE_NO_AUTO_CHAIN)
    context.set_verify_depth(depth)
    store = context.get_cert_store()
    assert store is not None
    store.set_time(at)
    for trusted in load_chain(trust_pem, "trust") if trust_pem is not None else ():
        store.add_cert(crypto.X509.from_cryptography(trusted))
    if partial_chain:
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    if shown is not None:
        _show(context, *shown)
    return context


def _show(context: SSL.Context, chain_pem: bytes, key_pem: bytes) -> None:
    own, *intermediates = load_chain(chain_pem)
    try:
        key = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError):
        raise UnusableEnd("the private key is no unencrypted PEM key") from None
    try:
        context.use_certificate(own)
        context.use_privatekey(key)  # type: ignore[arg-type]  # kinds that TLS lacks are refused below
        context.check_privatekey()  # a key of another kind than the certificate's is taken without a word
        for intermediate in intermediates:
            context.add_extra_chain_cert(intermediate)
    except SSL.Error as e:
        raise UnusableEnd(f"OpenSSL refuses the certificate with this key: {_openssl_text(e)}") from None
    except TypeError:
        raise UnusableEnd("the private key is of a kind that TLS does not use") from None


def _encode(first: str, headers: Mapping[str, str], body: str = "") -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _decode(data: bytes) -> tuple[str, dict[str, str], str]:
    """The middle word of the first line, the headers, the body."""
    head, _, body = data.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return first.split(" ")[1], headers, body


def _judge_in_http(end: ServerEnd, session: Session) -> Response | None:
    """What nginx itself answers before anything above it is asked."""
    error = session.verify_error
    if end.verify == "request":
        return None
    if error and not (end.verify == "optional_no_ca" and error.number in _OPTIONAL_NO_CA):
        return Response(400, "The SSL certificate error")
    if end.verify == "on" and not session.certificates:
        return Response(400, "No required SSL certificate was sent")
    return None


class _Play:
    """What both ends do, and what comes of it."""

    def __init__(self, client: ClientEnd, server: ServerEnd, request: Request) -> None:
        self._client, self._server, self._request = client, server, request
        self._session: Session | None = None
        self._response: Response | None = None
        self._client_objects: str | None = None
        self._server_objects: str | None = None
        self._version = ""
        self._seen_by_client: tuple[x509.Certificate, ...] = ()

    @property
    def meeting(self) -> Meeting | None:
        """What both ends saw of each other; None when they didn't get to that."""
        if self._session is None or not self._seen_by_client:
            return None
        return Meeting(self._version, self._seen_by_client, self._session)

    def again(self, meeting: Meeting) -> Outcome:
        """What both ends make of a handshake that went through before."""
        self._version, self._seen_by_client = meeting.version, meeting.seen_by_client
        self._session = replace(meeting.session, server_name=self._client.server_name)
        if not self._is_other_name():
            self._response = self._judge(self._session, self._request)
        return self.outcome(None, None)

    def _is_other_name(self) -> bool:
        """Whether the client asked for a name that the server's certificate doesn't have."""
        shown, name = self._seen_by_client[0], self._client.check_name
        if self._client.verify and name is not None and not self._client.matches(shown, name):
            self._client_objects = f"host name mismatch: {name} is not among {describe_names(shown)}"
        return self._client_objects is not None

    def _judge(self, session: Session, request: Request) -> Response | None:
        """The server's answer; None when it closes the connection instead."""
        refusal = _judge_in_http(self._server, session)
        if refusal is not None:
            error = session.verify_error
            self._server_objects = f"{refusal.status} {refusal.body}" + (f": {error}" if error else "")
            return refusal
        response = self._server.answer(session, request)
        if isinstance(response, Closed):
            self._server_objects = response.reason
            return None
        return response

    def client_side(self, sock: _Socket) -> Steps[None]:
        yield from sock.handshake()
        self._seen_by_client = sock.presented()
        self._version = sock.tls.get_protocol_version_name()
        if self._is_other_name():
            return  # nginx and lua-nginx-module look at the name after the handshake, before they send anything
        headers = {"host": self._request.host, **self._request.headers}
        yield from sock.send(_encode(f"GET {self._request.path} HTTP/1.1", headers))
        data = yield from sock.receive(lambda _: False)
        if data:
            status, headers, body = _decode(data)
            self._response = Response(int(status), body, headers)

    def server_side(self, sock: _Socket) -> Steps[None]:
        yield from sock.handshake()
        error = sock.objections[-1] if sock.objections else None
        name = sock.tls.get_servername()
        session = self._session = Session(name.decode() if name else None, sock.presented(), error)
        data = yield from sock.receive(lambda data: b"\r\n\r\n" in data)
        if not data:
            return
        path, headers, _ = _decode(data)
        response = self._judge(session, Request(headers.pop("host", ""), path, headers))
        if response is None:
            return
        first = f"HTTP/1.1 {response.status} -"
        yield from sock.send(_encode(first, response.headers, response.body))

    def outcome(self, client_trouble: str | None, server_trouble: str | None) -> Outcome:
        seen_by_server = self._session.certificates if self._session else ()
        base = Outcome(False, None, "", None, self._version, self._seen_by_client, seen_by_server)
        # The client's objection comes first: nothing is sent after it.
        if objection := self._client_objects or client_trouble:
            return replace(base, refused_by="client", reason=objection)
        if server_trouble:
            return replace(base, refused_by="server", reason=server_trouble)
        if self._response is None:
            reason = self._server_objects or "the connection was closed without an answer"
            return replace(base, refused_by="server", reason=reason)
        base = replace(base, response=self._response)
        reason = self._server_objects or f"{self._response.status} {self._response.body}".strip()
        if self._response.status >= 400:
            return replace(base, refused_by="server", reason=reason)
        return replace(base, accepted=True, reason=reason)
