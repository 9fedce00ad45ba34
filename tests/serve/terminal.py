"""neomutt in a terminal: its prompt is shown, and keys are pressed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import monotonic

import pytest

from bench import need
from serve.program import SECONDS, environment
from serve.serving import LOOPBACK, NAME, USER, Place

PROMPT = r"\(r\)eject, accept \(o\)nce"
CONFIGURATION = """\
set imap_user="{user}"
set imap_pass="{password}"
set ssl_force_tls=yes
set ssl_starttls=yes
set imap_authenticators="login"
set folder={home}
set wait_key=no
set certificate_file={home}/exceptions
set ssl_ca_certificates_file={root}
"""


def _openpty() -> tuple[int, int]:
    if sys.platform == "win32":
        pytest.skip("neomutt needs a terminal of POSIX")
    return os.openpty()


class Terminal:
    """A program in a terminal of its own: read what it shows, and press keys."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._screen, other = _openpty()
        self.shown = ""
        self._process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=environ, start_new_session=True
        )
        os.close(other)

    def shows(self, pattern: str) -> None:
        """Wait until a pattern is on the screen."""
        deadline = monotonic() + SECONDS
        while not re.search(pattern, self.shown):
            if not select([self._screen], [], [], max(0.0, deadline - monotonic()))[0]:
                pytest.fail(f"{pattern!r} is not on the screen, but this: {self.shown!r}")
            self.shown += os.read(self._screen, 65536).decode(errors="replace")

    def press(self, key: str) -> None:
        os.write(self._screen, key.encode())

    def close(self) -> None:
        self._process.kill()
        self._process.wait(SECONDS)
        os.close(self._screen)


@contextmanager
def neomutt(home: Path, place: Place, password: str, root: Path) -> Iterator[Terminal]:
    """Neomutt opens the mailbox, and knows where the name leads."""
    home.mkdir()
    (home / "hosts").write_text(f"{LOOPBACK} {NAME}\n")
    (home / "exceptions").touch()
    settings = {"user": USER, "password": password, "home": home, "root": root}
    (home / "rc").write_text(CONFIGURATION.format(**settings))
    environ = environment(
        home, TERM="xterm", LC_ALL="C.UTF-8", LD_PRELOAD="libnss_wrapper.so",
        NSS_WRAPPER_HOSTS=str(home / "hosts"),
    )  # fmt: skip
    box = f"{place.endpoint}://{NAME}:{place.port}/INBOX"
    terminal = Terminal([need("neomutt"), "-n", "-F", str(home / "rc"), "-f", box], environ)
    try:
        yield terminal
    finally:
        terminal.close()
