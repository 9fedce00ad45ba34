"""A client's first words tell which protocol it speaks, however they are cut."""

import pytest

from mitmail.wire.first_words import LIMIT, FirstWords, Tongue

RDP = bytes.fromhex("030000130ee000000000000100080003000000")


@pytest.mark.parametrize(
    ("here", "line", "tongue"),
    [
        ("imap", b"a1 CAPABILITY", "imap"),
        ("imap", b"EHLO [127.0.0.1]", "smtp"),
        ("imap", b"helo x", "smtp"),
        ("imap", b"CAPA", "pop3"),
        ("imap", b"USER boss", "pop3"),
        ("pop3", b"USER boss", "pop3"),
        ("pop3", b". CAPABILITY", "imap"),
        ("pop3", b"EHLO x", "smtp"),
        ("smtp", b"EHLO x", "smtp"),
        ("smtp", b"a1 LOGIN boss secret", "imap"),
        ("smtp", b"STLS", "pop3"),
        # A line that may be of the protocol that is due is taken for it: a tag is any word.
        ("imap", b"EHLO CAPABILITY", "imap"),
        ("imap", b"USER LOGIN x y", "imap"),
        ("pop3", b"USER LOGIN", "pop3"),
        # These words are in all of them.
        ("imap", b"QUIT", "text"),
        ("pop3", b"AUTH PLAIN", "text"),
        ("smtp", b"ehlox", "text"),
        ("imap", b"GET / HTTP/1.1", "http"),
        ("smtp", b"OPTIONS * HTTP/1.0", "http"),
        ("smtp", b"SSH-2.0-OpenSSH_9.9", "ssh"),
        ("pop3", RDP, "rdp"),
        ("imap", b"\x80\x2e\x01\x03\x01", "binary"),
        ("imap", b"\xc3\xa4 LOGOUT", "imap"),
        ("imap", b"\xc3\xa4", "binary"),
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_the_first_line_is_of(here: Tongue, line: bytes, tongue: str, end: bytes) -> None:
    for cut in range(len(line) + len(end) + 1):
        words = FirstWords(here)
        words.hear((line + end)[:cut])
        words.hear((line + end)[cut:] + b"EHLO later\r\nb CAPABILITY\r\n")
        assert words.tongue == tongue


def test_nothing_and_tls_are_of_no_protocol() -> None:
    silent, tls = FirstWords("imap"), FirstWords("imap")
    silent.hear(b"")
    tls.hear(b"\x16\x03\x01\x02\x00\x01EHLO x\r\n")

    assert (silent.tongue, tls.tongue) == (None, None)


def test_what_comes_later_changes_nothing() -> None:
    words = FirstWords("smtp")
    words.hear(b"EHLO x\r\n")
    words.hear(b"a LOGIN x y\r\n")

    assert words.tongue == "smtp"


def test_a_line_without_an_end_is_not_kept() -> None:
    words = FirstWords("smtp")
    for _ in range(100):
        words.hear(b"x" * LIMIT)
    words.hear(b"\r\n")

    assert words.tongue == "text"
    assert len(words._octets) <= 2 * LIMIT
