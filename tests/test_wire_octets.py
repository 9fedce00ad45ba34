"""Lines and dot-terminated texts, cut by the network wherever it likes."""

import random
import sys

import pytest

from mitmail.wire import dialogue
from mitmail.wire.octets import LINE_LIMIT, DotLines, NotText, Octets, Overlong


def filled(data: bytes) -> Octets:
    octets = Octets()
    octets.feed(data)
    return octets


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_a_text_ends_at_its_first_line_that_is_a_dot(eol: bytes) -> None:
    chance = random.Random(1939)
    ended = 0
    for _ in range(5000):
        data = b"".join(chance.choices((b"\r", b"\n", b".", b"\r\n", eol + b".", b"x"), k=12))
        end = (eol + data).find(eol + b"." + eol)
        ended += end >= 0
        text, octets = DotLines(eol), Octets()
        taken = b""
        for octet in data:
            octets.feed(bytes([octet]))
            while octets and not text.done and (part := text.read(octets)):
                taken += part
        assert text.done is (end >= 0)
        if text.done:
            assert taken == data[: end + len(b"." + eol)]
            assert part == b"." + eol
        else:
            assert data.startswith(taken)
            assert len(data) - len(taken) <= 2
    assert 500 < ended < 4500


def test_a_line_ends_at_lf_with_or_without_cr() -> None:
    octets = filled(b"one\r\ntwo\n\nhalf")
    assert [octets.line() for _ in range(4)] == [b"one\r\n", b"two\n", b"\n", None]
    octets.feed(b" done\n")
    assert octets.line() == b"half done\n"
    assert len(octets) == 0


@pytest.mark.parametrize("data", [b"a\0\n", b"a\0", b"\x16", b"\x15\n", b"\x16\x03\x01\x0a\n"])
def test_a_nul_or_a_tls_record_is_no_text(data: bytes) -> None:
    with pytest.raises(NotText):
        filled(data).line()


def test_a_nul_in_the_next_line_does_not_spoil_this_one() -> None:
    assert filled(b"good\r\nb\0d\r\n").line() == b"good\r\n"


def test_a_line_has_at_most_64_kib() -> None:
    assert filled(b"x" * (LINE_LIMIT - 1) + b"\n").line() == b"x" * (LINE_LIMIT - 1) + b"\n"
    assert filled(b"x" * (LINE_LIMIT - 1)).line() is None
    with pytest.raises(Overlong):
        filled(b"x" * LINE_LIMIT + b"\n").line()


def test_what_was_taken_is_held_no_longer() -> None:
    tracker = dialogue("smtp")
    before = sys.getrefcount(segment := b"250 x\r\n" * 1000 + b"25")
    tracker.server(segment)
    assert sys.getrefcount(segment) == before
