"""Stand-ins for what a machine has around the engine: an API server on loopback, and a `pulumi` that takes notes."""

import base64
import json
import socket
import ssl
import sys
import textwrap
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
import yaml

CONTEXT = "kind-kong-mtls"


class ApiServer(ThreadingHTTPServer):
    """Answers every GET with `status`, and keeps what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, authority: trustme.CA, *names: str, behind_proxy: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.tunnel: list[str] = []
        self.behind_proxy = behind_proxy
        self.asked: list[dict[str, Any]] = []
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*(names or ("127.0.0.1",))).configure_cert(self.tls)
        authority.configure_trust(self.tls)
        self.tls.verify_mode = ssl.CERT_OPTIONAL

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.behind_proxy:
            while (head := request.recv(4096, socket.MSG_PEEK)) and b"\r\n\r\n" not in head:
                pass
            self.tunnel = request.recv(len(head)).decode().splitlines()
            request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            with self.tls.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError:  # a client that doesn't trust it
            pass


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        self.server.asked.append(
            {"path": self.path, "authorization": self.headers.get("Authorization"), "certificate": bool(peer)}
        )
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def in_base64(blob: trustme.Blob) -> str:
    return base64.b64encode(blob.bytes()).decode()


def write_stack(folder: Path, stack: str, config: dict[str, Any], **more: Any) -> None:
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config} | more))


class FakeCli:
    """A `pulumi` on PATH: knows `stack ls` and `stack init`, and writes the salt as the real one does."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.log, self.stacks = folder / "bin", folder / "calls", folder / "stacks.json"
        self.bin.mkdir()
        self.stacks.write_text("[]")
        script = self.bin / "pulumi"
        script.write_text(f"#!{sys.executable}\n" + textwrap.dedent(_SCRIPT))
        script.chmod(0o755)

    def has(self, *stacks: str) -> None:
        self.stacks.write_text(json.dumps([{"name": stack} for stack in stacks]))

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    @property
    def last(self) -> dict[str, Any]:
        return self.calls[-1]

    def arguments(self) -> list[str]:
        return [" ".join(call["argv"]) for call in self.calls]


_SCRIPT = """
    import json, os, pathlib, signal, sys
    here = pathlib.Path(__file__).parent.parent
    argv = sys.argv[1:]
    env = {key: value for key, value in os.environ.items() if key.startswith("PULUMI_")}
    file = argv[argv.index("--config-file") + 1] if "--config-file" in argv else None
    call = {"argv": argv, "env": env, "cwd": os.getcwd(), "path": os.environ["PATH"]}
    if file:
        call["config"] = pathlib.Path(file).read_text()
    if "PULUMI_CONFIG_PASSPHRASE_FILE" in env:
        call["passphrase"] = pathlib.Path(env["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text()
    with open(here / "calls", "a") as log:
        log.write(json.dumps(call) + "\\n")
    stacks = json.loads((here / "stacks.json").read_text())
    if argv[:2] == ["stack", "ls"]:
        print(json.dumps(stacks))
    elif argv[:2] == ["stack", "init"]:
        with open(f"Pulumi.{argv[2]}.yaml", "a") as out:
            out.write("encryptionsalt: made\\n")
    else:
        if file:
            with open(file, "a") as out:
                out.write("encryptionsalt: made\\n")
        if os.environ.get("FAKE_WAIT"):
            signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
            print("waiting", flush=True)
            signal.pause()
        print("from the engine")
        sys.exit(int(os.environ.get("FAKE_EXIT", "0")))
"""
