"""GitHub as far as comments need it: a repository's comments, pull requests, artifacts and environments, over HTTP."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "team/gateway"


@dataclass
class Asked:
    """A request as it came in."""

    method: str
    path: str
    token: str | None


@dataclass
class GitHub:
    """What the repository has; tests change it, and see what was asked."""

    url: str = ""
    store: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    archives: dict[int, bytes] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @classmethod
    @contextmanager
    def running(cls) -> "Iterator[GitHub]":
        """The API and, elsewhere, the store that downloads are redirected to."""
        hub = cls()
        servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) for _ in range(2)]
        threads = [Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
        hub.url, hub.store = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
        for thread in threads:
            thread.start()
        try:
            yield hub
        finally:
            for server, thread in zip(servers, threads, strict=True):
                server.shutdown()
                thread.join()
                server.server_close()

    def artifact(self, content: bytes | str, file: str = "comparison.json", **more: Any) -> None:
        """Leave an artifact of the run with one file."""
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(file, content)
        number = len(self.artifacts) + 1
        self.archives[number] = made.getvalue()
        self.artifacts.append({"id": number, "name": "pull-request-comparison", "expired": False, **more})

    def pull(self, number: int, sha: str, repository: int = 1, state: str = "open") -> None:
        """Open a pull request."""
        self.pulls[number] = {"state": state, "head": {"sha": sha, "repo": {"id": repository}}}

    def comment(self, body: str, login: str = "github-actions[bot]") -> int:
        """Write a comment by hand."""
        identity = len(self.comments) + 1
        self.comments.append({"id": identity, "body": body, "user": {"login": login}})
        return identity

    def bodies(self) -> list[str]:
        """What all comments say."""
        return [item["body"] for item in self.comments]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        """Status and answer."""
        if path in self.refused:
            status, message = self.refused[path]
            return status, {"message": message}
        if re.fullmatch(r"/issues/\d+/comments", path):
            return self._list_or_write(method, query, body)
        if match := re.fullmatch(r"/issues/comments/(\d+)", path):
            return self._change(method, int(match[1]), body)
        if match := re.fullmatch(r"/pulls/(\d+)", path):
            found = self.pulls.get(int(match[1]))
            return (200, found) if found else (404, {"message": "Not Found"})
        if re.fullmatch(r"/actions/runs/\d+/artifacts", path):
            return 200, {"artifacts": [item for item in self.artifacts if item["name"] in query["name"]]}
        if match := re.fullmatch(r"/environments/(.+)", path):
            found = self.environments.get(match[1])
            return (200, found) if found else (404, {"message": "Not Found"})
        return 404, {"message": "Not Found"}

    def _list_or_write(self, method: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if method == "GET":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, self.comments[(page - 1) * size : page * size]
        self.comment(body["body"])
        return 201, {}

    def _change(self, method: str, identity: int, body: Any) -> tuple[int, Any]:
        item = next(item for item in self.comments if item["id"] == identity)
        if method == "DELETE":
            self.comments.remove(item)
            return 204, None
        item["body"] = body["body"]
        return 200, {}


def _handler(hub: GitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            address = urlsplit(self.path)
            hub.asked.append(Asked(self.command, self.path, self.headers.get("Authorization")))
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if match := re.fullmatch(r"/store/(\d+)", address.path):
                self._send(200, hub.archives[int(match[1])])
                return
            path = address.path.removeprefix(f"/repos/{REPOSITORY}")
            if match := re.fullmatch(r"/actions/artifacts/(\d+)/zip", path):
                self._send(302, b"", Location=f"{hub.store}/store/{match[1]}")
                return
            status, answer = hub.answer(self.command, path, parse_qs(address.query), json.loads(given or b"null"))
            self._send(status, b"" if answer is None else json.dumps(answer).encode())

        def _send(self, status: int, content: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler
