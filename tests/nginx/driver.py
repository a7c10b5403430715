"""A real nginx as both ends of a connection: configured with directives, asked over unix sockets, stopped by handle."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kong_mtls.reader.chart import KongRelease
from kong_mtls.reader.manifests import Objects

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin")
INJECTED = "KONG_NGINX_PROXY_"

_CONF = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ }}
http {{
    error_log {folder}/error.log info;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{servers}
}}
"""


@dataclass(frozen=True)
class Answer:
    """What nginx answered."""

    status: int
    text: str


class Folder:
    """A folder for one nginx: its files, its sockets (short paths: a unix socket's may have 107 bytes), its servers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._servers: list[str] = []

    def file(self, name: str, content: bytes) -> Path:
        """Write a file, by a name that may begin with a slash."""
        path = self.path / "files" / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def socket(self, name: str) -> Path:
        """Where a server listens."""
        return self.path / f"{name}.sock"

    def server(self, name: str, directives: Sequence[str], *, tls: bool, location: Sequence[str]) -> None:
        """Add a server that listens on a socket of that name."""
        listen = f"listen unix:{self.socket(name)}{' ssl' if tls else ''};"
        lines = [listen, *directives, "location / {", *(f"    {line}" for line in location), "}"]
        self._servers.append("\n".join(["server {", *(f"    {line}" for line in lines), "}"]))

    def write(self) -> Path:
        """The configuration file."""
        conf = self.path / "nginx.conf"
        conf.write_text(_CONF.format(folder=self.path, servers="\n".join(self._servers)))
        return conf

    def errors(self) -> str:
        """What nginx has to say about connections."""
        return (self.path / "error.log").read_text()


@contextmanager
def folder() -> Iterator[Folder]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ngx") as path:
        yield Folder(Path(path))


def _command(of: Folder) -> list[str]:
    assert NGINX is not None
    return [NGINX, "-e", "stderr", "-p", str(of.path), "-c", str(of.write())]


def check(of: Folder) -> str:
    """What ``nginx -t`` says; empty when it would start."""
    done = subprocess.run([*_command(of), "-t", "-q"], capture_output=True, text=True, check=False, timeout=30)
    return done.stderr.strip() if done.returncode else ""


@contextmanager
def running(of: Folder) -> Iterator[Folder]:
    """nginx in the foreground of a process of ours; its sockets are open when this is entered."""
    with subprocess.Popen(_command(of), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = []
            for line in process.stderr:  # ends when nginx does; it logs its limits once all sockets listen
                said.append(line)
                if "getrlimit" in line:
                    break
            else:
                raise AssertionError(f"nginx did not start: {''.join(said)}")
            yield of
        finally:
            process.terminate()
            process.wait(timeout=30)


def ask(path: Path, host: str = "localhost") -> Answer:
    """A request over a unix socket, in plain HTTP."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(30)
        sock.connect(str(path))
        sock.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while chunk := sock.recv(65536):
            data += chunk
    head, _, body = data.decode().partition("\r\n\r\n")
    return Answer(int(head.split(" ")[1]), body)


def injected(release: KongRelease, objects: Objects, into: Folder) -> list[str]:
    """The directives that Kong puts into its proxy server block for a release's environment.

    ``KONG_NGINX_PROXY_<X>`` becomes ``<x>`` (Kong/kong kong.conf.default, "Nginx injected directives"). Files are
    written where nginx can read them, under the same path within the folder.
    """
    lines = []
    for key in release.env:
        value = release.env_value(key, objects)
        if not key.startswith(INJECTED) or value is None:
            continue
        if value.startswith("/"):
            content = release.file(value, objects)
            value = str(into.file(f"{release.name}{value}", content) if content is not None else value)
        lines.append(f"{key.removeprefix(INJECTED).lower()} {value};")
    return sorted(lines)


def kong_location(target: Path, name: str) -> list[str]:
    """The location of Kong's proxy server block, as far as TLS goes (Kong/kong kong/templates/nginx_kong.lua).

    Sessions are not resumed: nginx keeps them by address, so one case would ride on another's.
    """
    return [
        f'set $upstream_host "{name}";',
        "proxy_ssl_name $upstream_host;",
        "proxy_ssl_server_name on;",
        "proxy_set_header Host $upstream_host;",
        "proxy_ssl_session_reuse off;",
        f"proxy_pass https://unix:{target}:;",
    ]


def text_of(answer: Answer) -> str:
    """The title of nginx's own error page, or the text that was returned."""
    found = re.search(r"<center>(?!nginx)([^<]+)</center>", answer.text)
    return found[1] if found else answer.text.strip()


def lines(directives: Mapping[str, object]) -> list[str]:
    """Directives from names and values."""
    return [f"{name} {value};" for name, value in directives.items()]
