"""Postgres as a server on a link, read from the pod that runs it.

Sources: PostgreSQL documentation, "Secure TCP/IP Connections with SSL" (files, ``ssl_ca_file``, permissions of the key)
and "The pg_hba.conf File" (``clientcert``); its server asks for a client certificate once ``ssl_ca_file`` is set and
refuses a bad one in the handshake (``src/backend/libpq/be-secure-openssl.c``). The official image's entry point passes
``-c`` arguments on and writes a ``pg_hba.conf`` without ``clientcert`` (docker-library/postgres,
``docker-entrypoint.sh``).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ...reader.container import Container
from ...reader.manifests import Objects, ident
from ...reader.pods import dicts, mapping, pod_container
from .ends import Closed, Request, Response, ServerEnd, Session
from .handshake import load_chain
from .names import common_names
from .settings import Broken, Unproved, container_file

ClientCert = Literal["no", "verify-ca", "verify-full"]

DEFAULT_PORT = 5432
_TRUE = frozenset({"on", "true", "yes", "1", "t", "y"})
_ANY_DEPTH = 100  # Postgres sets no limit, and OpenSSL's own is 100


@dataclass(frozen=True)
class Postgres:
    """A Postgres in a pod."""

    title: str
    container: Container
    settings: Mapping[str, str]
    objects: Objects

    @property
    def port(self) -> int:
        """Where it listens."""
        value = self.settings.get("port", str(DEFAULT_PORT))
        return int(value) if value.isdigit() else DEFAULT_PORT

    @property
    def offers_tls(self) -> bool:
        """Whether ``ssl`` is on."""
        return self.settings.get("ssl", "off").lower() in _TRUE

    def _file(self, setting: str, default: str | None = None) -> bytes | None:
        path = self.settings.get(setting, default)
        if not path:
            return None
        if not path.startswith("/"):
            raise Unproved(f"{setting} of {self.title} is {path} in its data directory, which is in no file")
        return container_file(self.container, path, f"{setting} of {self.title}", self.objects)

    def server(self, at: datetime, user: str, database: str) -> ServerEnd:
        """The listening end, judging by a date and letting a user into a database.

        Raises:
            Broken: Postgres would not start, or something it reads isn't there.
            Unproved: something it reads isn't in the files.
            UnusableEnd: a certificate is none.
        """
        cert_pem, key_pem = self._file("ssl_cert_file", "server.crt"), self._file("ssl_key_file", "server.key")
        assert cert_pem is not None
        assert key_pem is not None
        load_chain(cert_pem, "Postgres' certificate")
        self._check_key_mode()
        ca_pem = self._file("ssl_ca_file")
        if ca_pem is not None:
            load_chain(ca_pem, "client CA of Postgres")
        demanded = self.client_certificate(user, database)
        if demanded != "no" and ca_pem is None:
            raise Broken(f"{self.title} refuses to start: pg_hba.conf has clientcert, and ssl_ca_file is not set")

        def answer(session: Session, _: Request) -> Response | Closed:
            if demanded != "no" and not session.certificates:
                return Closed("connection requires a valid client certificate")
            if demanded == "verify-full" and user not in common_names(session.certificates[0])[:1]:
                return Closed(f'certificate authentication failed for user "{user}"')
            return Response(200, "ready for query")

        return ServerEnd(
            cert_pem,
            key_pem,
            at,
            client_ca_pem=ca_pem,
            verify="optional" if ca_pem is not None else "off",
            depth=_ANY_DEPTH,
            refuses="in_handshake",
            answer=answer,
        )

    def _check_key_mode(self) -> None:
        # "0640 or less if owned by root": files of a Secret's volume belong to root, and are 0644 unless told.
        mount = self.container.mount_at(self.settings.get("ssl_key_file", ""))
        for source in mount.sources if mount else ():
            if source.mode & 0o037:
                raise Broken(
                    f"{self.title} refuses its key: the volume of {source.kind} {source.name} has mode "
                    f"{source.mode:04o}, and Postgres takes 0640 at most"
                )

    def client_certificate(self, user: str, database: str) -> ClientCert:
        """What the first line of ``pg_hba.conf`` for a user and database demands of a remote client over TLS."""
        hba = self._file("hba_file")
        for fields in _hba_lines(hba.decode("utf-8", "replace")) if hba is not None else ():
            kind, databases, users, address, *rest = fields
            if kind not in ("host", "hostssl") or address in ("127.0.0.1/32", "::1/128", "localhost", "samehost"):
                continue
            if not (_covers(databases, database, user) and _covers(users, user, database)):
                continue
            # A mask may follow the address as a field of its own.
            options = rest[1:] if rest and re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]+", rest[0]) else rest
            if options[:1] == ["reject"]:
                raise Broken(f"pg_hba.conf of {self.title} rejects user {user} on database {database}")
            if options[:1] == ["cert"]:
                return "verify-full"
            chosen = [option.partition("=")[2].strip('"') for option in options if option.startswith("clientcert=")]
            return "verify-full" if "verify-full" in chosen else "verify-ca" if chosen else "no"
        if hba is not None:
            raise Broken(f"pg_hba.conf of {self.title} has no line for user {user} on database {database}")
        return "no"


def _hba_lines(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = line.partition("#")[0].split()
        if len(fields) >= 5:
            yield fields


def _covers(listed: str, name: str, same_as: str) -> bool:
    names = [each.strip('"') for each in listed.split(",")]
    return "all" in names or name in names or ("sameuser" in names and name == same_as)


def find_postgres(objects: Objects, namespace: str, selector: Mapping[str, str]) -> Postgres | None:
    """The Postgres whose pods a Service selects; None when no workload of the files has such pods."""
    for kind in ("StatefulSet", "Deployment"):
        for workload in objects.all(kind):
            spec = mapping(workload.get("spec"))
            template = mapping(spec.get("template"))
            labels = mapping(mapping(template.get("metadata")).get("labels"))
            in_namespace = (workload.get("metadata") or {}).get("namespace", "default") == namespace
            if in_namespace and selector and selector.items() <= labels.items():
                title = ident(workload)
                container = _container(mapping(template.get("spec")), spec, namespace, title)
                if container is not None:
                    return Postgres(title, container, _settings(container, objects), objects)
    return None


def _container(pod: Mapping[str, Any], spec: Mapping[str, Any], namespace: str, title: str) -> Container | None:
    claims = [str(mapping(each.get("metadata")).get("name")) for each in dicts(spec.get("volumeClaimTemplates"))]

    def runs_postgres(container: Mapping[str, Any]) -> bool:
        ports = [port.get("containerPort") for port in dicts(container.get("ports"))]
        return "postgres" in str(container.get("image")) or DEFAULT_PORT in ports

    return pod_container(pod, namespace, title, runs_postgres, claims)


def _settings(container: Container, objects: Objects) -> dict[str, str]:
    """Server settings: those of a mounted ``config_file``, and over them those of the command line."""
    given = dict(_arguments(container.args))
    path = given.get("config_file")
    if path is None:
        return given
    content = container.file_content(path, objects)
    if content.data is None:
        raise (Broken if content.known else Unproved)(f"config_file of {container.name}: {content.origin}")
    found = re.findall(r"^\s*(\w+)\s*(?:=|\s)\s*'?([^'#\n]*?)'?\s*(?:#.*)?$", content.text or "", re.MULTILINE)
    return {key.lower(): value for key, value in found} | given


def _arguments(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """``-c name=value``, ``-cname=value`` and ``--name=value``, also inside a shell's command line."""
    words = [word for arg in args for word in (_split(arg) if " " in arg else [arg])]
    for position, word in enumerate(words):
        match = re.match(r"(?:-c|--)?([A-Za-z_][\w-]*)=(.*)", word, re.DOTALL)
        option = word.startswith(("-c", "--")) or words[position - 1 : position] == ["-c"]
        if match and option:
            yield match[1].replace("-", "_").lower(), match[2].strip("'\"")
        elif word == "-l":  # the short form of ssl=on
            yield "ssl", "on"


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an unbalanced quote
        return text.split()
