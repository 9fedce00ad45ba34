"""A certificate prompt that stays open: neomutt in a terminal, answered after a while."""

import re
from pathlib import Path

import pytest

from serve.serving import ForPerson
from serve.terminal import PROMPT, neomutt

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

# A judge gives up after 10 s. It takes 3 s until it is said that a session waits.
LONG = 9.0


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
