"""Clients as processes: bounded in time and in words, and nothing of them is left behind."""

import asyncio
import os
import socket
import sys
import time
from pathlib import Path

import pytest

from bench import ends
from mitmail.errors import CannotJudgeError
from mitmail.judge import program
from mitmail.judge.program import KEPT, Ended, Kept, environment, run

linux = pytest.mark.skipif(sys.platform != "linux", reason="no pidfd")
posix = pytest.mark.skipif(sys.platform == "win32", reason="no process groups")


def python(text: str, *arguments: str, seconds: float = 20, give: bytes = b"") -> Ended:
    command = [sys.executable, "-c", text, *arguments]
    return asyncio.run(run(command, seconds=seconds, give=give))


CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.alarm(60); signal.pause()"])
print(child.pid, flush=True)
"""


@linux
def test_what_a_client_started_ends_with_it_and_is_not_waited_for() -> None:
    began = time.monotonic()
    ended = python(CHILD)

    assert ended.code == 0
    assert time.monotonic() - began < 10
    assert ends(int(ended.out))


@linux
def test_at_the_deadline_the_whole_group_is_ended_and_its_words_are_kept() -> None:
    ended = python(CHILD + "child.wait()", seconds=2)

    assert ended.code is None
    assert ends(int(ended.out))


def test_who_is_ended_while_it_starts_takes_along_what_it_has_started(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("no pidfd")
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    command = ["/bin/sh", "-c", f"sleep 60 & echo $! >{pipe}; wait"]

    async def started() -> int:
        starting = asyncio.ensure_future(program.start(command, environment()))
        for _ in range(3):  # it runs then, and its pipes are not connected
            await asyncio.sleep(0)
        pid = int(pipe.read_text())
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(20):
                await starting
        return pid

    assert ends(asyncio.run(started()))


@posix
def test_who_left_the_group_and_holds_the_pipes_is_not_waited_for() -> None:
    text = """
import subprocess, sys
waits = f"import socket; socket.create_connection(('127.0.0.1', {sys.argv[1]})).recv(1)"
subprocess.Popen([sys.executable, "-c", waits], start_new_session=True)
print("done", flush=True)
"""
    with socket.create_server(("127.0.0.1", 0)) as until:  # it ends when this is closed
        until.settimeout(20)
        began = time.monotonic()
        ended = python(text, str(until.getsockname()[1]))
        assert (ended.code, ended.out) == (0, b"done\n")
        assert time.monotonic() - began < 6
        with until.accept()[0] as gone:
            gone.settimeout(1)
            with pytest.raises(TimeoutError):
                gone.recv(1)


def test_a_flood_is_cut_and_says_so() -> None:
    ended = python("import os\nfor _ in range(160): os.write(1, b'x' * 65536)\nprint('the end')")

    assert ended.code == 0
    assert len(ended.out) < 2 * KEPT + 100
    assert b"octets left out here" in ended.out
    assert ended.out.endswith(b"the end\n")


def test_what_fits_is_kept_as_it_is() -> None:
    kept = Kept()
    for size in (KEPT - 1, 1, 1, KEPT - 1):
        kept += b"y" * size

    assert bytes(kept) == b"y" * 2 * KEPT


def test_who_reads_nothing_is_no_error() -> None:
    assert python("", give=b"z" * 500_000).code == 0


def test_a_program_that_is_not_here_is_said_in_one_line() -> None:
    with pytest.raises(CannotJudgeError, match="cannot run no-such-mailer: No such file"):
        asyncio.run(run(["no-such-mailer"]))


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "PERL5LIB", "RUBYOPT", "JAVA_TOOL_OPTIONS"])
def test_what_changes_a_verdict_is_not_in_its_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")

    assert name not in environment()


@posix
@pytest.mark.skipif(not program.privileged(), reason="only root gives a process away")
def test_a_client_may_be_somebody_elses_process() -> None:
    ended = asyncio.run(run(["/usr/bin/id", "-u"], user=65534))

    assert ended.out == b"65534\n"
