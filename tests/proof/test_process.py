"""A verifier as a process: bounded in time, alone in its environment, and gone afterwards."""

import os
import select
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from bench import need
from proof.batch import Batch
from proof.process import run, unjudged
from proof.verifier import SILENT, Error, Target, Word

posix = pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
PARENT = "sleep 600 & echo $!; read line; echo heard; sleep 600"
NOWHERE = Target("127.0.0.1", 1, "mail.customer.test", Path("/nonexistent"))


def is_gone(pid: int) -> bool:
    """Whether a process has ended, or does so within some seconds: a kill takes its time."""
    if sys.platform != "linux":
        pytest.skip("only Linux has pidfd")
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended, _, _ = select.select([handle], [], [], 5)
    os.close(handle)
    return bool(ended)


@posix
def test_what_takes_too_long_is_ended_with_its_children() -> None:
    began = monotonic()
    ended = run(["sh", "-c", PARENT], seconds=0.3)
    assert monotonic() - began < 5
    assert (ended.code, ended.in_time) == (None, False)
    assert is_gone(int(ended.out))


@posix
def test_who_never_leaves_is_ended_once_it_has_said_what_was_waited_for() -> None:
    ended = run(["sh", "-c", PARENT], give=b"line\n", until=b"heard", seconds=20)
    assert ended.in_time
    assert ended.out.endswith(b"heard\n")
    assert is_gone(int(ended.out.split()[0]))


def test_the_input_stays_open_unless_it_is_closed() -> None:
    assert not run(["cat"], give=b"x", seconds=0.3).in_time
    assert run(["cat"], give=b"x", close=True).out == b"x"


def test_the_users_settings_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = (
        "SSL_CERT_FILE", "OPENSSL_CONF", "GNUTLS_SYSTEM_PRIORITY_FILE", "NODE_EXTRA_CA_CERTS",
        "JAVA_TOOL_OPTIONS", "GODEBUG", "https_proxy", "LD_PRELOAD_", "FAKETIME", "PYTHONPATH",
    )  # fmt: skip
    for name in settings:
        monkeypatch.setenv(name, "mine")
    assert b"mine" not in run(["env"], close=True).out


def test_its_clock_can_be_moved() -> None:
    need("faketime")
    then = datetime.now(UTC) + timedelta(days=400)
    assert run(["date", "+%F"], close=True, at=then).out.decode().strip() == f"{then:%F}"


def test_who_crashes_or_is_not_there_has_not_judged() -> None:
    for program in ("kill -SEGV $$", "exec /no/such/program"):
        word = unjudged(run(["sh", "-c", program], close=True))
        assert word is not None
        assert word.verdict == "error"
    assert unjudged(run(["false"], close=True)) is None


def batch(program: str) -> Batch:
    return Batch([sys.executable, "-c", program], lambda code, text: [Error(f"{code} {text}")])


def test_a_batch_answers_in_the_order_of_its_targets() -> None:
    backwards = "import sys\nfor x in reversed(sys.stdin.readlines()):\n"
    backwards += " a = x.split('\\t'); print(a[0], 'reject', a[2], a[3], sep='\\t')"
    targets = [Target(NOWHERE.host, port, f"{port}.test", NOWHERE.roots) for port in (1, 2, 3)]
    words = batch(backwards)(targets)
    assert [word.errors[0].says for word in words] == ["1 1.test", "2 2.test", "3 3.test"]


def test_a_batch_that_says_nothing_of_a_target_could_not_judge_it() -> None:
    word = batch("import sys; sys.exit('no such thing')")([NOWHERE])[0]
    assert word == Word("error", (), "it did not say: no such thing\n")


def test_a_batch_tells_silence_from_refusal() -> None:
    assert batch("print('0', 'silent', '', '', sep='\\t')")([NOWHERE]) == [SILENT]


def test_a_batch_is_started_once_for_each_time_that_it_cannot_be_told(tmp_path: Path) -> None:
    need("faketime")
    log = tmp_path / "log"
    program = f"import sys; open({str(log)!r}, 'a').write('started\\n'); sys.stdin.read()"
    later = datetime.now(UTC) + timedelta(days=1)
    targets = [NOWHERE, NOWHERE, Target("h", 1, "n", NOWHERE.roots, later)]
    batch(program)(targets)
    assert log.read_text().count("started") == 2
