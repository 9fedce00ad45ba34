"""FETCH: sections, partials, macros, and what is not supported."""

from collections.abc import Iterator

import pytest

from test_mailstore_imap import Dialogue
from test_mailstore_server import Served, running

HEADER = b"From: a@b.test\r\nX-Long: one\r\n\ttwo\r\nSubject: s\r\nfrom: second@b.test\r\n\r\n"
TEXT = b"first\r\n\r\nsecond\r\n"
MESSAGE = HEADER + TEXT


@pytest.fixture
def served() -> Iterator[Served]:
    with running(MESSAGE, b"no header field\r\n", b"") as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Dialogue]:
    with Dialogue(served, b"EXAMINE INBOX") as client:
        yield client


def answer(label: bytes, octets: bytes, number: int = 1) -> list[bytes]:
    return [b"* %d FETCH (%b {%d}\r\n%b)" % (number, label, len(octets), octets)]


@pytest.mark.parametrize(
    ("item", "label", "octets"),
    [
        (b"BODY[]", b"BODY[]", MESSAGE),
        (b"body.peek[]", b"BODY[]", MESSAGE),
        (b"RFC822", b"RFC822", MESSAGE),
        (b"BODY[HEADER]", b"BODY[HEADER]", HEADER),
        (b"RFC822.HEADER", b"RFC822.HEADER", HEADER),
        (b"BODY[TEXT]", b"BODY[TEXT]", TEXT),
        (b"RFC822.TEXT", b"RFC822.TEXT", TEXT),
        (b"BODY[]<0.5>", b"BODY[]<0>", MESSAGE[:5]),
        (b"BODY[TEXT]<7.4294967295>", b"BODY[TEXT]<7>", TEXT[7:]),
        (b"BODY[TEXT]<4294967295.1>", b"BODY[TEXT]<4294967295>", b""),
        (
            b"BODY.PEEK[HEADER.FIELDS (FROM)]",
            b"BODY[HEADER.FIELDS (FROM)]",
            b"From: a@b.test\r\nfrom: second@b.test\r\n\r\n",
        ),
        (
            b'BODY[header.fields ("x-long" subject)]',
            b"BODY[HEADER.FIELDS (x-long subject)]",
            b"X-Long: one\r\n\ttwo\r\nSubject: s\r\n\r\n",
        ),
        (
            b"BODY[HEADER.FIELDS.NOT (from x-long)]<2.5>",
            b"BODY[HEADER.FIELDS.NOT (from x-long)]<2>",
            b"bject",
        ),
        (b"BODY[HEADER.FIELDS (Absent)]", b"BODY[HEADER.FIELDS (Absent)]", b"\r\n"),
    ],
)
def test_sections_are_answered_octet_for_octet(
    client: Dialogue, item: bytes, label: bytes, octets: bytes
) -> None:
    assert client.untagged(b"FETCH 1 " + item) == answer(label, octets)


def test_messages_without_an_empty_line_are_all_header(client: Dialogue) -> None:
    for number, octets in ((2, b"no header field\r\n"), (3, b"")):
        header = client.untagged(b"FETCH %d BODY[HEADER]" % number)
        assert header == answer(b"BODY[HEADER]", octets, number)
        text = client.untagged(b"FETCH %d BODY[TEXT]" % number)
        assert text == answer(b"BODY[TEXT]", b"", number)


def test_macros_and_lists_answer_in_order(client: Dialogue) -> None:
    fast = client.untagged(b"FETCH 1 FAST")[0].split()
    assert [fast[3], fast[5], fast[9]] == [b"(FLAGS", b"INTERNALDATE", b"RFC822.SIZE"]
    assert b" ENVELOPE (" in client.untagged(b"FETCH 1 ALL")[0]
    assert client.untagged(b"FETCH 1 (rfc822.size UID)") == [
        b"* 1 FETCH (RFC822.SIZE %d UID 1)" % len(MESSAGE)
    ]


def test_uid_fetch_always_says_the_uid(client: Dialogue) -> None:
    size = b"RFC822.SIZE %d" % len(MESSAGE)
    assert client.untagged(b"UID FETCH 1 RFC822.SIZE") == [b"* 1 FETCH (UID 1 " + size + b")"]
    assert client.untagged(b"UID FETCH 1 (RFC822.SIZE UID)") == [
        b"* 1 FETCH (" + size + b" UID 1)"
    ]


@pytest.mark.parametrize("item", [b"BODY[TEXT]", b"BODY[]<0.1>", b"RFC822", b"RFC822.TEXT"])
def test_reading_marks_as_seen_and_says_so_once(served: Served, item: bytes) -> None:
    with Dialogue(served, b"SELECT INBOX") as client:
        assert client.untagged(b"FETCH 1 " + item)[0].endswith(rb" FLAGS (\Recent \Seen))")
        assert b"FLAGS" not in b"".join(client.untagged(b"FETCH 1 " + item))


@pytest.mark.parametrize("item", [b"BODY.PEEK[]", b"RFC822.HEADER", b"ENVELOPE", b"FAST"])
def test_peeking_does_not(served: Served, item: bytes) -> None:
    with Dialogue(served, b"SELECT INBOX") as client:
        client.untagged(b"FETCH 1 " + item)
        assert client.untagged(b"SEARCH SEEN") == [b"* SEARCH"]


@pytest.mark.parametrize("item", [b"BODYSTRUCTURE", b"BODY", b"FULL", b"(FLAGS BODYSTRUCTURE)"])
def test_structure_is_refused_in_clear_words(client: Dialogue, item: bytes) -> None:
    assert b"BAD" in client.tagged(b"FETCH 1 " + item)
    assert b"does not describe MIME structure" in client.tagged(b"FETCH 1 " + item)


@pytest.mark.parametrize(
    "item",
    [
        *(b"BODY[1]", b"BODY[1.MIME]", b"BODY[NONSENSE]", b"BODY[", b"BODY[]<1>", b"BODY[]<0.0>"),
        *(b"BODY[]<1.99999999999>", b"BODY[HEADER.FIELDS]", b"BODY[HEADER.FIELDS ()]", b"()x"),
        *(b"BODY[HEADER.FIELDS (a:b)]", b"(FAST)", b"NONSENSE", b"(UID", b"", b"UID FLAGS"),
    ],
)
def test_other_items_are_bad(client: Dialogue, item: bytes) -> None:
    assert client.status(b"FETCH 1 " + item) == "BAD"
