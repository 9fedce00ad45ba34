"""A real browser, asked through a pipe: what a page holds, fetches and complains of."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from bench import clean_environment, need
from mitmail.judge import report
from mitmail.judge.result import Run

SECONDS = 30.0
# The squares of the matrix that somebody sees.
MARKS = "[...document.querySelectorAll('a.mark')].filter(x => x.checkVisibility())"
# Nothing is asked of anybody: no updates, no sync, no first-run page.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-extensions"),
    *("--remote-debugging-pipe", "--window-size=1300,900"),
)


class Tab:
    """A tab with one page. ``complaints`` are what its console and its policy said of it."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self._session = browser, session
        self.complaints: list[str] = []
        self.fetched: list[str] = []
        for domain in ("Runtime", "Log", "Page", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command of the DevTools protocol to this tab."""
        return self._browser.ask(method, parameters, self._session, self._heard)

    def open(self, path: Path, fragment: str = "") -> Self:
        """Open a file, and wait until it is loaded."""
        self._loaded = False
        self.ask("Page.navigate", url=path.as_uri() + fragment)
        self._browser.hear(self._heard, lambda: self._loaded)
        return self

    def js(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page; what it throws fails the test."""
        said = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def text(self, selector: str) -> str:
        """What somebody reads in an element."""
        read = self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? null")
        assert read is not None, f"there is no {selector}"
        return str(read)

    def press(self, key: str) -> None:
        """Press a key, and let it go."""
        for kind in ("rawKeyDown", "keyUp"):
            codes = {"Escape": 27, "ArrowRight": 39, "ArrowLeft": 37}
            self.ask(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes[key]
            )

    def _heard(self, event: dict[str, Any]) -> None:
        said = event.get("params", {})
        match event["method"]:
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.fetched.append(said["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] in {"error", "warning", "assert"}:
                self.complaints.append(str(said["args"]))
            case "Log.entryAdded" if said["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(said["entry"]["text"])


class Browser:
    """A running browser; its pipe carries JSON, ended by NUL."""

    def __init__(self, out: int, into: int) -> None:
        self._out, self._in = out, into
        self._rest = b""
        self._number = 0

    def tab(self) -> Tab:
        """A new, empty tab."""
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        attach = {"targetId": target, "flatten": True}
        return Tab(self, self.ask("Target.attachToTarget", attach)["sessionId"])

    def ask(
        self, method: str, parameters: Any, session: str | None = None, heard: Any = None
    ) -> Any:
        """Send a command, and wait for its answer."""
        self._number += 1
        number = self._number
        command = {"id": number, "method": method, "params": parameters}
        os.write(
            self._in,
            json.dumps(command | ({"sessionId": session} if session else {})).encode() + b"\0",
        )
        answers: list[Any] = []

        def listen(message: dict[str, Any]) -> None:
            if message.get("id") == number:
                answers.append(message)
            elif heard is not None and message.get("sessionId") == session:
                heard(message)

        self.hear(listen, lambda: bool(answers))
        assert "error" not in answers[0], answers[0]
        return answers[0]["result"]

    def hear(self, heard: Any, enough: Any) -> None:
        """Listen until it is enough."""
        deadline = time.monotonic() + SECONDS
        while not enough():
            *messages, self._rest = self._rest.split(b"\0")
            for message in messages:
                heard(json.loads(message))
            if not messages:
                left = deadline - time.monotonic()
                ready = select.select([self._out], [], [], max(left, 0))[0]
                assert ready, "the browser does not answer"
                octets = os.read(self._out, 1 << 20)
                assert octets, "the browser has ended"
                self._rest += octets


@contextmanager
def browser(home: Path) -> Iterator[Browser]:
    """A browser that knows nothing and nobody; it ends with the block."""
    path = need("chromium")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # The pipe is where Chromium looks for it: it reads from 3, and writes to 4.
    fds = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    command = ["bash", "-c", fds, "bash", path, *FLAGS, f"--user-data-dir={home}", "about:blank"]
    process = subprocess.Popen(
        command,
        pass_fds=(theirs_in, theirs_out),
        env=clean_environment(HOME=str(home)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_in, ours_out)
    finally:
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)
        os.close(ours_in)
        os.close(ours_out)


def shown(browser: Browser, folder: Path, what: Run, fragment: str = "") -> Tab:
    """The page of a run, in a tab."""
    path = folder / "report.html"
    report.write(what, "html", path)
    return browser.tab().open(path, fragment)
