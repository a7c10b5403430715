"""Whether the cluster that a stack names is there.

Kubeconfig files are read as client-go reads them (kubernetes.io, "Organizing Cluster Access Using kubeconfig
Files"): several are merged, the first to name an entry wins. The current context plays no part: a stack names its
own. The API server is asked for `/version` with the context's authority and credentials; credentials that need a
plugin are left out, then any answer at all will do.
"""

import base64
import binascii
import http.client
import os
import ssl
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import yaml

from scripts.stack_file import Missing

TIMEOUT = 5.0
"""Seconds that connecting, and then the answer, may take."""


@dataclass(frozen=True)
class Context:
    """A context of a kubeconfig with what it refers to.

    Attributes:
        name: its name.
        server: URL of the API server.
        cluster: the cluster entry's fields.
        user: the user entry's fields.
    """

    name: str
    server: str
    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)

    @property
    def needs_plugin(self) -> bool:
        """Whether credentials come from a program, which isn't run here."""
        return bool(self.user.get("exec") or self.user.get("auth-provider"))


def files(environment: Mapping[str, str]) -> list[Path]:
    """The kubeconfig files: those of KUBECONFIG, else `~/.kube/config`."""
    given = [part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [Path(part) for part in given] or [Path(environment.get("HOME", "~")).expanduser() / ".kube" / "config"]


def find_context(name: str, environment: Mapping[str, str]) -> Context:
    """The context called `name`.

    Raises:
        Missing: no kubeconfig, a broken one, or none that has the context with its cluster.
    """
    paths = files(environment)
    present = [path for path in paths if path.is_file()]
    shown = ", ".join(str(path) for path in paths)
    if not present:
        raise Missing(f"no cluster: the kubeconfig {shown} doesn't exist; make a cluster or set KUBECONFIG")
    contexts: dict[str, Any] = {}
    clusters: dict[str, Any] = {}
    users: dict[str, Any] = {}
    for path in present:
        document = _read(path)
        for section, entry, merged in (
            ("contexts", "context", contexts),
            ("clusters", "cluster", clusters),
            ("users", "user", users),
        ):
            for item in document.get(section) or []:
                merged.setdefault(item["name"], _absolute(item.get(entry) or {}, path.parent))
    if name not in contexts:
        raise Missing(
            f"no cluster: the kubeconfig {shown} has no context {name!r}, the stack's kubernetes:context; "
            "make the cluster, or name one you have"
        )
    cluster = clusters.get(contexts[name].get("cluster")) or {}
    if not cluster.get("server"):
        raise Missing(
            f"no cluster: context {name!r} in {shown} refers to no cluster with a server; mend the kubeconfig"
        )
    return Context(name, cluster["server"], cluster, users.get(contexts[name].get("user")) or {})


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        document = {} if document is None else document
        for section in ("contexts", "clusters", "users"):
            for item in document.get(section) or []:
                item["name"].strip()
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "it is no kubeconfig"
        raise Missing(f"no cluster: {path} can't be read: {reason}; mend it or set KUBECONFIG") from None
    return dict(document)


def _absolute(entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Paths inside a kubeconfig are relative to it."""
    path_fields = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
    return {key: str(folder / value) if key in path_fields and value else value for key, value in entry.items()}


def probe(context: Context, environment: Mapping[str, str]) -> None:
    """See that the API server of `context` answers.

    Raises:
        Missing: it doesn't, isn't the one the kubeconfig describes, or refuses the credentials.
    """
    where = f"the API server of context {context.name!r}, {context.server},"
    retry = "start the cluster, or mend the kubeconfig"
    try:
        status = _version_status(context, environment)
    except ssl.SSLCertVerificationError as error:
        raise Missing(f"{where} is another than the kubeconfig says ({error.verify_message}); {retry}") from None
    except (ssl.SSLError, http.client.HTTPException) as error:
        raise Missing(f"{where} doesn't speak TLS and HTTP as expected ({type(error).__name__}); {retry}") from None
    except TimeoutError:
        raise Missing(f"{where} doesn't answer within {TIMEOUT:.0f} s; {retry}") from None
    except OSError as error:
        raise Missing(f"{where} can't be reached ({error.strerror or error}); {retry}") from None
    except (ValueError, binascii.Error):
        raise Missing(f"{where} can't be tried: the context's URL or PEM data is broken; {retry}") from None
    # Without credentials a refusal still proves that it is there.
    if status == http.HTTPStatus.UNAUTHORIZED and not context.needs_plugin:
        raise Missing(f"{where} refuses the context's credentials; {retry}")
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Missing(f"{where} answers {status}; {retry}")


def _version_status(context: Context, environment: Mapping[str, str]) -> int:
    connection = connect(context, environment)
    try:
        path = f"{urlsplit(context.server).path.rstrip('/')}/version"
        connection.request("GET", path, headers=credentials(context))
        return connection.getresponse().status
    finally:
        connection.close()


def connect(context: Context, environment: Mapping[str, str], timeout: float = TIMEOUT) -> http.client.HTTPConnection:
    """An open connection to the API server of `context`, with its authority checked and its certificate shown.

    Raises:
        OSError, ValueError: nobody is there, it isn't the one expected, or an entry is broken.
    """
    server = urlsplit(context.server)
    if not server.hostname or server.scheme not in ("https", "http"):
        raise ValueError(context.server)
    port = server.port or (443 if server.scheme == "https" else 80)
    proxy = _proxy(context, server, environment)
    connection = http.client.HTTPConnection(server.hostname, port, timeout=timeout)
    if proxy and proxy.hostname:
        connection = http.client.HTTPConnection(proxy.hostname, proxy.port or 80, timeout=timeout)
        connection.set_tunnel(server.hostname, port, _login(proxy))
    try:
        connection.connect()
        if server.scheme == "https":
            name = context.cluster.get("tls-server-name") or server.hostname
            connection.sock = _tls(context).wrap_socket(connection.sock, server_hostname=str(name))
    except BaseException:
        connection.close()
        raise
    return connection


def _proxy(context: Context, server: SplitResult, environment: Mapping[str, str]) -> SplitResult | None:
    """The HTTP proxy on the way, as client-go chooses it: the kubeconfig's, else the environment's, none for loopback.

    A proxy of another kind (SOCKS) is asked like an HTTP one, and says no: name the API server in NO_PROXY then.
    """
    given = context.cluster.get("proxy-url")
    if given:
        return urlsplit(str(given))
    host = str(server.hostname)
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    proxies = {
        name.lower().removesuffix("_proxy"): value
        for name, value in environment.items()
        if name.lower().endswith("_proxy") and value
    }
    url = proxies.get(server.scheme)
    if loopback or not url or urllib.request.proxy_bypass_environment(host, proxies):  # type: ignore[attr-defined]
        return None
    return urlsplit(url if "//" in url else f"http://{url}")


def _login(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def credentials(context: Context) -> dict[str, str]:
    """Headers that say who asks, for a user with a token."""
    token = context.user.get("token")
    if not token and context.user.get("tokenFile"):
        token = Path(context.user["tokenFile"]).read_text("utf-8").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _tls(context: Context) -> ssl.SSLContext:
    cluster = context.cluster
    embedded = cluster.get("certificate-authority-data")
    tls = ssl.create_default_context(
        cafile=cluster.get("certificate-authority") if not embedded else None,
        cadata=base64.b64decode(embedded).decode("ascii") if embedded else None,
    )
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as folder:  # ssl takes a certificate from files only; the folder is 0700
        pair = [_as_file(context.user, field, Path(folder)) for field in ("client-certificate", "client-key")]
        if pair[0] and pair[1]:
            tls.load_cert_chain(pair[0], pair[1])
    return tls


def _as_file(user: Mapping[str, Any], field_name: str, folder: Path) -> Path | None:
    embedded, path = user.get(f"{field_name}-data"), user.get(field_name)
    if embedded:
        (folder / field_name).write_bytes(base64.b64decode(embedded))
        return folder / field_name
    return Path(path) if path else None
