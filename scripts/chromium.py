"""A headless Chromium, driven over a pipe by its DevTools protocol: no port, no package beside the browser.

Source: the Chrome DevTools Protocol, domains Target, Page, Runtime, Log, Network and Emulation; the switch
``--remote-debugging-pipe`` reads messages from descriptor 3 and writes them to 4, each ended by a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What the command is called, in this order."""

_SWITCHES = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
)
# Puts the two descriptors where the browser looks for them, then becomes it.
_LAUNCH = """import fcntl, os, sys
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 20) for number in sys.argv[1:3]]
os.dup2(high[0], 3)
os.dup2(high[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_END = b"\0"


def find() -> str | None:
    """The browser's path; None where PATH has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class BrowserError(RuntimeError):
    """The browser refused a command, or went away."""


class Browser:
    """A running browser; use it as a context manager."""

    def __init__(self, command: str) -> None:
        """Start it.

        Args:
            command: the path of the browser.
        """
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        switches = [*_SWITCHES, f"--user-data-dir={self._profile.name}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            switches.append("--no-sandbox")  # the sandbox doesn't run as root, as a build's container does
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - the browser that the caller found
            [sys.executable, "-I", "-S", "-c", _LAUNCH, str(theirs_in), str(theirs_out), command, *switches],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out: IO[bytes] = os.fdopen(ours_out, "wb", buffering=0)
        self._in: IO[bytes] = os.fdopen(ours_in, "rb")
        self._number = 0
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, and remove its profile."""
        with suppress(BrowserError, OSError):
            self.call("Browser.close")
        self._out.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._in.close()
        self._profile.cleanup()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command, and give its result; what happens meanwhile is added to ``events``.

        Raises:
            BrowserError: it was refused, or the browser is gone.
        """
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        try:
            self._out.write(json.dumps(message).encode() + _END)
        except OSError as error:
            raise BrowserError(f"the browser is gone: {error}") from None
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error'].get('message')}")
                return dict(answer["result"])
            self.events.append(answer)

    def wait_for(self, method: str, session: str) -> dict[str, Any]:
        """The next event of a kind of a page."""
        while True:
            for at, event in enumerate(self.events):
                if event.get("method") == method and event.get("sessionId") == session:
                    return self.events.pop(at)
            self.events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        while _END not in self._rest:
            more = os.read(self._in.fileno(), 1 << 20)
            if not more:
                raise BrowserError("the browser is gone")
            self._rest += more
        message, _, self._rest = self._rest.partition(_END)
        return dict(json.loads(message))

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A new page, closed at the end."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        try:
            yield Page(self, session)
        finally:
            self.call("Target.closeTarget", targetId=target)


class Page:
    """A page of a browser, with what it asked for and complained of."""

    def __init__(self, browser: Browser, session: str) -> None:
        """Listen to everything that happens in it."""
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command to this page."""
        return self._browser.call(method, self._session, **params)

    def look(self, *, width: int, height: int = 900, scheme: Literal["light", "dark"] = "light") -> None:
        """As a device of this size, in CSS pixels, whose owner prefers this colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url: str) -> None:
        """Go to an address, and wait until everything in it is loaded."""
        self.call("Page.navigate", url=url)
        self._browser.wait_for("Page.loadEventFired", self._session)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression.

        Raises:
            BrowserError: it threw.
        """
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise BrowserError(str(result["exceptionDetails"].get("exception", {}).get("description")))
        return result["result"].get("value")

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was made."""
        return [event["params"]["request"]["url"] for event in self._events("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and exceptions that nobody caught."""
        self.evaluate("0")  # what happened before this answer has arrived with it
        logged = [event["params"]["entry"]["text"] for event in self._events("Log.entryAdded")]
        said = [
            str([each.get("value") for each in event["params"]["args"]])
            for event in self._events("Runtime.consoleAPICalled")
            if event["params"]["type"] in ("error", "warning", "assert")
        ]
        thrown = [event["params"]["exceptionDetails"]["text"] for event in self._events("Runtime.exceptionThrown")]
        return [*logged, *said, *thrown]

    def _events(self, method: str) -> list[dict[str, Any]]:
        return [
            event
            for event in self._browser.events
            if event.get("method") == method and event.get("sessionId") == self._session
        ]

    def screenshot(self, path: Path, *, top: int = 0, height: int | None = None) -> None:
        """Write what the page looks like as PNG: all of it, or so much from a place on."""
        size = self.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": top, "width": size[0], "height": min(size[1] - top, height or size[1]), "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))
