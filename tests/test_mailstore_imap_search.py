"""SEARCH: which messages each key finds."""

from collections.abc import Iterator

import pytest

from test_mailstore_imap import Dialogue
from test_mailstore_server import Served, running

APPENDED = (
    (rb"(\Seen)", b" 1-Jan-2020 23:59:59 +0000", b"Subject: Eins\r\nTo: a@b.test\r\n\r\n"),
    (
        rb"(\Flagged $Mine)",
        b" 2-Jan-2020 00:00:00 +0000",
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n",
    ),
    (
        rb"(\Deleted)",
        b" 3-Jan-2020 00:00:00 +0000",
        b"Cc: c@d.test\r\nX-A: 1\r\n\r\n" + b"x" * 500,
    ),
    (b"()", b" 4-Jan-2020 00:00:00 +0000", "Subject: Grüße\r\n\r\n".encode()),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running() as served, Dialogue(served) as client:
        for flags, date, octets in APPENDED:
            announced = b"{%d+}\r\n" % len(octets)
            client.write(b't APPEND Sent %b "%b" %b%b\r\n' % (flags, date, announced, octets))
            assert client.to_tagged()[-1].startswith(b"t OK")
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Dialogue]:
    with Dialogue(served, b"EXAMINE Sent") as client:
        yield client


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("ALL", "1 2 3 4"),
        ("seen", "1"),
        ("UNSEEN", "2 3 4"),
        ("DELETED", "3"),
        ("UNDELETED", "1 2 4"),
        ("FLAGGED", "2"),
        ("KEYWORD $MINE", "2"),
        ("UNKEYWORD $Mine", "1 3 4"),
        ("UNSEEN UNDELETED", "2 4"),
        ("NOT (UNSEEN UNDELETED)", "1 3"),
        ("OR SEEN (DELETED)", "1 3"),
        ("OR OR SEEN DELETED 4", "1 3 4"),
        ("2:3,*", "2 3 4"),
        ("*:3", "3 4"),
        ("UID 2:1", "1 2"),
        ("UID 99", ""),
        ("SINCE 2-Jan-2020", "2 3 4"),
        ("BEFORE 2-jan-2020", "1"),
        ('ON "2-Jan-2020"', "2"),
        ("LARGER 500", "3"),
        ("SMALLER 40", "1 4"),
        ('SUBJECT "EINS"', "1"),
        ("TO b.test", "1"),
        ("CC c@d", "3"),
        ('HEADER X-A ""', "3"),
        ("BODY xxx", "3"),
        ("BODY eins", ""),
        ("TEXT eins", "1"),
        ('TEXT "x-a: 1"', "3"),
        ("SENTSINCE 1-Jan-1990", ""),
        ("HEADER x-a 2", ""),
    ],
)
def test_keys_find(client: Dialogue, keys: str, found: str) -> None:
    expected = [f"* SEARCH {found}".strip().encode()]
    for charset in ("", "CHARSET UTF-8 ", "charset us-ascii "):
        assert client.untagged(f"SEARCH {charset}{keys}".encode()) == expected


def test_encoded_words_and_raw_utf8_are_searched_alike(client: Dialogue) -> None:
    for text in ("grüße", "GRÜßE", "gru\N{COMBINING DIAERESIS}ße"):
        octets = text.encode()
        client.write(b"t SEARCH CHARSET UTF-8 SUBJECT {%d+}\r\n%b\r\n" % (len(octets), octets))
        assert client.to_tagged()[0] == b"* SEARCH 2 4"


MIME = (
    b"Date: Sat, 3 Feb 2018 23:30:00 -0800\r\nSubject: outer\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\nunseen preamble\r\n"
    b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding:"
    b" quoted-printable\r\n\r\nGr=FC=DF=\r\ne aus der Ferne\r\n"
    b"--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"PGI+aGVsbG88L2I+\r\n"
    b"--b\r\nContent-Type: application/octet-stream; name=secret\r\n\r\nhidden\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?n=C3=A4her?=\r\n\r\ndeep\r\n"
    b"--b--\r\n"
)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("BODY grüße", True),
        ('BODY "GRÜßE AUS"', True),
        ('TEXT "<B>HELLO</B>"', True),
        ("BODY PGI+", False),
        ("BODY hidden", False),
        ("BODY preamble", False),
        ("BODY secret", False),
        ("TEXT secret", True),
        ("BODY deep", True),
        ("BODY näher", False),
        ("TEXT näher", True),
        ("SUBJECT näher", False),
        ("SENTON 3-Feb-2018", True),
        ("SENTBEFORE 4-Feb-2018", True),
        ("SENTSINCE 4-Feb-2018", False),
    ],
)
def test_decoded_text_is_searched(keys: str, found: bool) -> None:
    key, _, sought = keys.partition(" ")
    octets = sought.strip('"').encode()
    with running(MIME) as served, Dialogue(served, b"SELECT INBOX") as client:
        client.write(b"t SEARCH %b {%d+}\r\n%b\r\n" % (key.encode(), len(octets), octets))
        assert client.to_tagged()[0] == b"* SEARCH" + b" 1" * found


def test_uid_search_answers_with_uids(served: Served) -> None:
    with Dialogue(served, b"CREATE gap", b"SELECT Sent", b"COPY 1:4 gap", b"SELECT gap") as client:
        client.status(rb"STORE 1:2 +FLAGS.SILENT \Deleted")
        client.status(b"EXPUNGE")
        assert client.untagged(b"UID SEARCH 1:*") == [b"* SEARCH 4"]
        assert client.untagged(b"SEARCH UID 4") == [b"* SEARCH 1"]


def test_a_hundred_keys_may_be_nested(client: Dialogue) -> None:
    assert client.untagged(b"SEARCH " + b"NOT " * 98 + b"SEEN") == [b"* SEARCH 1"]
    assert client.untagged(b"SEARCH " + b"(" * 99 + b"SEEN" + b")" * 99) == [b"* SEARCH 1"]


def test_other_character_sets_are_named(client: Dialogue) -> None:
    assert client.tagged(b"SEARCH CHARSET KOI8-R ALL").startswith(
        b"t NO [BADCHARSET (UTF-8 US-ASCII)]"
    )


@pytest.mark.parametrize(
    "keys",
    [
        *(b"", b"NONSENSE", b"BODY", b"TEXT ", b"SENTSINCE tomorrow", b"SINCE yesterday"),
        *(b"SINCE 31-Feb-2020", b"NOT", b"OR SEEN", b"(SEEN", b"SEEN)", b"UID", b"UID x", b"0"),
        *(b"LARGER x", b"KEYWORD", b"HEADER x", b"SEEN ", b"RETURN (COUNT) ALL", b"()"),
        b"SEEN " * 100 + b"SEEN",
    ],
)
def test_other_keys_are_bad(client: Dialogue, keys: bytes) -> None:
    assert client.status(b"SEARCH " + keys) == "BAD"
