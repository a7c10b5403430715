"""The few calls of GitHub's REST API that a comment takes.

The token goes to the API alone: a download is answered by a redirection to a store elsewhere, which gets no token.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

ANSWER_SECONDS = 60
PAGE = 100
MOST_BYTES = 32 * 2**20
VERSION = "2022-11-28"


class Refused(Exception):  # noqa: N818 - said of the call
    """GitHub didn't do it. ``str`` is one message."""


class _Stay(HTTPRedirectHandler):
    """Redirections are answers, to be looked at."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Api:
    """A repository as the API has it."""

    def __init__(self, url: str, repository: str, token: str) -> None:
        """Args: the API's address (`GITHUB_API_URL`), `owner/name`, and a token for both."""
        self._root = f"{url.rstrip('/')}/repos/{repository}"
        self._token = token
        self._opener = build_opener(_Stay)

    def get(self, path: str, **query: object) -> Any:
        """An object or a list.

        Raises:
            Refused: there is none, or the token may not see it.
        """
        return json.loads(self._answer("GET", path + (f"?{urlencode(query)}" if query else "")))

    def pages(self, path: str) -> Iterator[Any]:
        """Every item of a list, page by page."""
        page, items = 1, [None] * PAGE
        while len(items) == PAGE:
            items = self.get(path, per_page=PAGE, page=page)
            yield from items
            page += 1

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Make, change or remove something.

        Raises:
            Refused: it can't be.
        """
        self._answer(method, path, body)

    def download(self, path: str) -> bytes:
        """A file that the API redirects to, of at most `MOST_BYTES`.

        Raises:
            Refused: there is none, or it is too large.
        """
        target = self._redirection(path)
        if not target:
            raise Refused(f"GET {path}: a redirection was expected")
        try:
            with build_opener().open(Request(target), timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - see below
                content: bytes = answer.read(MOST_BYTES + 1)
        except (URLError, OSError) as error:
            raise Refused(f"GET {path}: the download failed ({_reason(error)})") from None
        if len(content) > MOST_BYTES:
            raise Refused(f"GET {path}: more than {MOST_BYTES >> 20} MiB")
        return content

    def _redirection(self, path: str) -> str:
        try:
            self._answer("GET", path)
        except _Redirected as redirected:
            ours = urlsplit(self._root).scheme
            if urlsplit(redirected.target).scheme not in ("https", ours):
                raise Refused(f"GET {path}: redirected to something else than https") from None
            return redirected.target
        return ""

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        request = Request(  # noqa: S310 - the address is the runner's own setting
            self._root + path,
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "User-Agent": "kong-mtls",
                "X-GitHub-Api-Version": VERSION,
            },
        )
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                content: bytes = answer.read(MOST_BYTES)
                return content
        except HTTPError as error:
            with error:
                if error.code in (301, 302, 303, 307, 308):
                    raise _Redirected(error.headers.get("Location", "")) from None
                raise Refused(f"{method} {path}: {error.code} {_said(error.read(MOST_BYTES))}".rstrip()) from None
        except (URLError, OSError) as error:
            raise Refused(f"{method} {path}: {_reason(error)}") from None


class _Redirected(Exception):  # noqa: N818
    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target


def _said(content: bytes) -> str:
    try:
        answer = json.loads(content)
    except ValueError:
        return ""
    return " ".join(str(answer.get("message", "")).split()) if isinstance(answer, dict) else ""


def _reason(error: URLError | OSError) -> str:
    return str(getattr(error, "reason", "") or error)


def only_file(archive: bytes, name: str) -> bytes:
    """The content of one file of a zip archive, read in memory: nothing is unpacked to anywhere.

    Raises:
        Refused: it isn't a zip archive, hasn't that file, or the file is too large.
    """
    try:
        with zipfile.ZipFile(BytesIO(archive)) as opened, opened.open(name) as file:
            content = file.read(MOST_BYTES + 1)
    except KeyError:
        raise Refused(f"the artifact has no {name}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise Refused("the artifact is no zip archive") from None
    if len(content) > MOST_BYTES:
        raise Refused(f"{name} in the artifact has more than {MOST_BYTES >> 20} MiB")
    return content
