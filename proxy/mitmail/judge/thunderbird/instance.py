"""One running Thunderbird: its display, its profile, and our scripts, which it has loaded."""

import json
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from mitmail.errors import CannotJudgeError
from mitmail.judge.thunderbird import preferences
from mitmail.judge.thunderbird.display import Display, png
from mitmail.judge.thunderbird.kept import GoneError, Kept
from mitmail.judge.thunderbird.marionette import Marionette, RefusedError

START = 60.0  # seconds: 23 were seen on a machine with other work
ANSWER = 5.0
LISTENING = re.compile(r"\bMarionette\b.*\bListening on port (\d+)")
SCRIPTS = files("mitmail.judge.thunderbird") / "scripts"
# A module of the system's lives as long as Thunderbird, whatever becomes of its windows.
LOAD = """
const folder = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
folder.initWithPath(arguments[0]);
Services.io.getProtocolHandler("resource").QueryInterface(Ci.nsIResProtocolHandler)
  .setSubstitution("mitmail", Services.io.newFileURI(folder));
ChromeUtils.importESModule("resource://mitmail/check.mjs");
ChromeUtils.importESModule("resource://mitmail/screen.mjs").showNothing();
"""
BEGIN = 'ChromeUtils.importESModule("resource://mitmail/check.mjs").begin(arguments[0]);'


class Instance:
    """A Thunderbird of our own, with an empty profile."""

    def __init__(self, program: str, xvfb: str) -> None:
        self._program, self._xvfb = program, xvfb
        self._display: Display | None = None
        self._kept: Kept | None = None
        self.marionette: Marionette | None = None
        self._ended = threading.Event()
        self.pid = 0

    def start(self, seconds: float = START) -> None:
        """Start it, until it can be asked.

        Raises CannotJudgeError where it does not start, or lets nobody steer it.
        """
        deadline = time.monotonic() + seconds
        try:
            self._start(deadline)
        except (GoneError, TimeoutError, RefusedError) as error:
            self.end()
            raise CannotJudgeError(_reason(self._program, error, seconds)) from None
        except BaseException:
            self.end()
            raise

    def answers(self) -> bool:
        """Whether it is still there, and no dialog of another check holds it up."""
        assert self.marionette is not None
        try:
            answer = self.marionette.execute("return 1;", time.monotonic() + ANSWER)
        except (GoneError, TimeoutError, RefusedError):
            return False
        return bool(answer == 1)

    def check(self, job: Mapping[str, object], seconds: float) -> tuple[dict[str, Any], bytes]:
        """What Thunderbird said of a job, and a picture (PNG) or nothing.

        Raises TimeoutError, GoneError and RefusedError; it is then of no more use.
        """
        assert self._kept is not None
        assert self._display is not None
        assert self.marionette is not None
        deadline = time.monotonic() + seconds
        mark = f"mitmail-{secrets.token_hex(8)} "
        picture = self._folder / "picture.xwd"
        told = {**job, "mark": mark, "frame": str(self._display.frame), "picture": str(picture)}
        self.marionette.execute(BEGIN, deadline, told)
        while True:
            _, found, text = self._kept.line(deadline).partition(mark)
            if found:
                break
        said: dict[str, Any] = json.loads(text)
        if "broken" in said:
            raise RefusedError(said["broken"])
        if not said["pictured"]:
            return said, b""
        return said, png(picture.read_bytes())

    def end(self) -> None:
        """End it, from whichever thread, also while it starts; nothing is left of it."""
        self._ended.set()
        if self.marionette is not None:
            self.marionette.close()
        if self._kept is not None:
            self._kept.end()
        if self._display is not None:
            self._display.end()

    def _start(self, deadline: float) -> None:
        self._display = Display(self._xvfb)
        self._folder = Path(tempfile.mkdtemp(prefix="mitmail-thunderbird-"))
        profile = preferences.write(self._folder)
        command = [self._program, "--profile", str(profile), "--no-remote"]
        command += ["--marionette", "--remote-allow-system-access"]
        self._kept = Kept(command, self._folder, self._environment())
        # Whoever ended it meanwhile saw nothing of what has just been started.
        if self._ended.is_set():
            raise GoneError("it was told to end")
        while not (match := LISTENING.search(self._kept.line(deadline))):
            pass
        self.marionette = Marionette(int(match[1]), deadline)
        session = self.marionette.command(
            "WebDriver:NewSession", deadline, unhandledPromptBehavior="ignore"
        )
        self.pid = int(session["capabilities"]["moz:processID"])
        self.marionette.command("Marionette:SetContext", deadline, value="chrome")
        self.marionette.execute(LOAD, deadline, f"{SCRIPTS}/")

    def _environment(self) -> dict[str, str]:
        assert self._display is not None
        folder = str(self._folder)
        return {
            "HOME": folder,
            "TMPDIR": folder,
            "DISPLAY": self._display.name,
            "GDK_BACKEND": "x11",
            # No word to the desktop of whoever runs this, and no daemon started for one.
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "NO_AT_BRIDGE": "1",
            "MOZ_CRASHREPORTER_DISABLE": "1",
            "LC_ALL": "C.UTF-8",
        }


def _reason(program: str, error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return (
            f"{program} was not ready to be steered in {seconds:.0f} s: mitmail needs one with "
            "Marionette (--marionette), as Thunderbird 128 and newer have it"
        )
    if isinstance(error, GoneError):
        return f"{program} ended as soon as it was started ({error}): try it by hand"
    return (
        f"{program} does not let itself be steered ({error}): mitmail needs one with Marionette "
        "that takes --remote-allow-system-access, as Thunderbird 140 and newer do"
    )
