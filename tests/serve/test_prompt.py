"""A certificate prompt that stays open: neomutt in a terminal, answered after a while."""

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
from serve.serving import LOOPBACK, NAME, USER, ForPerson, Place

if sys.platform == "win32":
    pytest.skip("neomutt needs a terminal of POSIX", allow_module_level=True)

import pty

# A judge gives up after 10 s. It takes 3 s until it is said that a session waits.
LONG = 9.0
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


class Terminal:
    """A program in a terminal of its own: read what it shows, and press keys."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._screen, other = pty.openpty()
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


def verdicts(serving: ForPerson, session: int) -> list[str]:
    """What was said of a session, but that it waits."""
    begins = re.compile(rf"session {session}: (?!waiting)")
    return [line for line in serving.out if begins.search(line)]


def test_an_answer_after_a_long_while_is_the_verdict_of_the_same_session(tmp_path: Path) -> None:
    with ForPerson(tmp_path / "home", "untrusted-root") as serving:
        serving.wait()
        root = tmp_path / "home" / "kept" / "server-root.pem"
        imap, imaps = (serving.places[name] for name in ("imap", "imaps"))
        with (
            neomutt(tmp_path / "one", imaps, serving.password, root) as accepting,
            neomutt(tmp_path / "two", imap, serving.password, root) as rejecting,
        ):
            accepting.shows(PROMPT)
            rejecting.shows(PROMPT)
            first = serving.line(r"^imaps +session \d+: waiting")
            second = serving.line(r"^imap +session \d+: waiting")
            early = serving.hears(r"session \d+: (?!waiting)", seconds=LONG)
            assert early is None, "a verdict before there was an answer"

            accepting.press("o")
            accepted = serving.line(r"^imaps +session \d+: accept")
            rejecting.press("r")
            rejected = serving.line(r"^imap +session \d+: reject")

        assert session(accepted) == session(first)
        assert session(rejected) == session(second)
        assert session(first) != session(second)
        assert "suspected" not in accepted
        assert ", suspected: " in rejected
        assert serving.stop() == 130
        assert verdicts(serving, session(first)) == [accepted]
        assert verdicts(serving, session(second)) == [rejected]
        assert serving.err == []


def session(line: str) -> int:
    match = re.search(r"session (\d+):", line)
    assert match is not None
    return int(match[1])
