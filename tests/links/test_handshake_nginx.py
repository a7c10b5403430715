"""The server's judgement beside that of a real nginx: the same clients, the same directives, the same status."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from kong_mtls.rehearsal.links.ends import ClientEnd, ServerEnd
from kong_mtls.rehearsal.links.handshake import exchange, load_chain
from kong_mtls.rehearsal.mint import Minted, issue, twin

pytestmark = [
    pytest.mark.nginx,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="no nginx on this machine"),
]

# nginx has no other clock than the machine's.
NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)
DATES: dict[str, Any] = {"not_before": NOW - DAY, "not_after": NOW + DAY}
PAST: dict[str, Any] = {"not_before": NOW - 3 * DAY, "not_after": NOW - DAY}
FUTURE: dict[str, Any] = {"not_before": NOW + DAY, "not_after": NOW + 3 * DAY}


@dataclass(frozen=True)
class Listener:
    """An nginx that demands certificates in one of its ways."""

    socket: Path
    end: ServerEnd


def clients() -> dict[str, Minted | None]:
    ca = issue("CA", ca=True, **DATES)
    other = issue("CA", ca=True, **DATES)
    intermediate = issue("Intermediate", issuer=ca, ca=True, **DATES)
    good = issue("client", issuer=ca, client=True, **DATES)
    deep = issue("client", issuer=intermediate, client=True, **DATES)
    deeper = issue("client", issuer=issue("Second", issuer=intermediate, ca=True, **DATES), client=True, **DATES)
    alone = issue("client", client=True, server=True, **DATES)
    return {
        "CA": ca,
        "good": good,
        "none": None,
        "another CA": issue("client", issuer=other, client=True, **DATES),
        "a server's": issue("client", issuer=ca, server=True, **DATES),
        "expired": issue("client", issuer=ca, client=True, **PAST),
        "not yet valid": issue("client", issuer=ca, client=True, **FUTURE),
        "no usages": issue("client", issuer=ca, **DATES),
        "issued by a leaf": issue("client", issuer=good, client=True, **DATES),
        "deep": deep,
        "deep alone": Minted(deep.cert, deep.key),
        "deeper": deeper,
        "self-signed": alone,
        "self-signed server's": issue("client", server=True, **DATES),
        "self-signed expired": issue("client", client=True, server=True, **PAST),
        "signed by self-signed": twin(alone.cert, issuer=alone),
        "another CA expired": issue("client", issuer=other, client=True, **PAST),
        "another CA server's": issue("client", issuer=other, server=True, **DATES),
    }


CLIENTS = clients()
MODES = {
    "on": ("on", 1, True),
    "deep": ("on", 4, True),
    "optional": ("optional", 1, True),
    "shared": ("optional_no_ca", 1, False),
}


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Listener]]:
    """One nginx with a socket per mode; it has bound them all when its command returns."""
    folder = tmp_path_factory.mktemp("nginx")
    ca = CLIENTS["CA"]
    assert ca is not None
    server = issue("server", issuer=ca, server=True, dns_names=["server.example.com"], **DATES)
    for name, pem in {"ca.pem": ca.cert_pem, "cert.pem": server.chain_pem, "key.pem": server.key_pem}.items():
        (folder / name).write_bytes(pem)
    found, blocks = {}, ""
    for mode, (verify, depth, with_ca) in MODES.items():
        trust = f"ssl_client_certificate {folder}/ca.pem;" if with_ca else ""
        blocks += (
            f"server {{ listen unix:{folder}/{mode}.sock ssl; ssl_certificate {folder}/cert.pem; "
            f"ssl_certificate_key {folder}/key.pem; ssl_verify_client {verify}; {trust} ssl_verify_depth {depth}; "
            "ssl_session_cache off; ssl_session_tickets off; location / { return 200 ok; } }\n"
        )
        found[mode] = Listener(
            folder / f"{mode}.sock",
            ServerEnd(
                server.chain_pem,
                server.key_pem,
                NOW,
                client_ca_pem=ca.cert_pem if with_ca else None,
                verify=verify,  # type: ignore[arg-type]
                depth=depth,
            ),
        )
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; ssl_protocols TLSv1.2 TLSv1.3; {temporary}\n{blocks} }}\n"
    )
    command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield found
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, capture_output=True)


def ask_nginx(path: Path, client: Minted | None, version: int) -> int:
    """The status of a GET over TLS with a client certificate, or without."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.set_mode(0x8)  # send what is given, complete nothing from elsewhere
    if client is not None:
        own, *rest = load_chain(client.chain_pem)
        context.use_certificate(own)
        context.use_privatekey(load_pem_private_key(client.key_pem, None))  # type: ignore[arg-type]
        for each in rest:
            context.add_extra_chain_cert(each)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        tls = SSL.Connection(context, sock)
        tls.set_connect_state()
        tls.set_tlsext_host_name(b"server.example.com")
        tls.do_handshake()
        tls.sendall(b"GET / HTTP/1.1\r\nHost: server.example.com\r\nConnection: close\r\n\r\n")
        data = tls.recv(65536)
    return int(data.split(b" ", 2)[1])


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("name", list(CLIENTS))
def test_the_same_status_as_nginx(listeners: dict[str, Listener], name: str, mode: str, version: str) -> None:
    """For every client and every way to ask for certificates, in both versions of TLS."""
    client = CLIENTS[name]
    end = ClientEnd(
        NOW,
        client.chain_pem if client else None,
        client.key_pem if client else None,
        verify=False,
        server_name="server.example.com",
    )
    outcome = exchange(end, listeners[mode].end, version=version)  # type: ignore[arg-type]
    number = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}[version]
    assert outcome.status == str(ask_nginx(listeners[mode].socket, client, number)), outcome.reason
