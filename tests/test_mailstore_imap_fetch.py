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


STRUCTURE = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" %d 3'


def test_structure_is_described(client: Dialogue) -> None:
    described = STRUCTURE % len(TEXT)
    assert client.untagged(b"FETCH 1 BODY") == [b"* 1 FETCH (BODY " + described + b"))"]
    assert client.untagged(b"FETCH 1 (BODYSTRUCTURE)") == [
        b"* 1 FETCH (BODYSTRUCTURE " + described + b" NIL NIL NIL NIL))"
    ]
    assert client.untagged(b"FETCH 1 FULL")[0].endswith(b" BODY " + described + b"))")


PARTS = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8g\r\nd29ybGQ=\r\n"
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYQBi\r\n"
    b"--b\r\nContent-Transfer-Encoding: x-unknown\r\n\r\nfoo\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n--b--\r\n"
)


@pytest.fixture
def parted() -> Iterator[Dialogue]:
    with running(PARTS, MESSAGE) as served, Dialogue(served, b"SELECT INBOX") as client:
        yield client


@pytest.mark.parametrize(
    ("item", "label", "octets"),
    [
        (b"BODY.PEEK[1]", b"BODY[1]", b"aGVsbG8g\r\nd29ybGQ="),
        (b"BODY.PEEK[1]<3.4>", b"BODY[1]<3>", b"sbG8"),
        (b"body.peek[1.mime]", b"BODY[1.MIME]", b"Content-Transfer-Encoding: base64\r\n\r\n"),
        (b"BODY.PEEK[4.HEADER]", b"BODY[4.HEADER]", b"Subject: inner\r\n\r\n"),
        (b"BODY.PEEK[4.1]", b"BODY[4.1]", b"text"),
        (
            b"BODY.PEEK[4.HEADER.FIELDS (subject)]<0.3>",
            b"BODY[4.HEADER.FIELDS (subject)]<0>",
            b"Sub",
        ),
        (b"BODY.PEEK[5]", b"BODY[5]", b""),
        (b"BODY.PEEK[1.TEXT]", b"BODY[1.TEXT]", b""),
        (b"BINARY.PEEK[1]", b"BINARY[1]", b"hello world"),
        (b"BINARY.PEEK[1]<6.99>", b"BINARY[1]<6>", b"world"),
        (b"BINARY.PEEK[9]", b"BINARY[9]", b""),
    ],
)
def test_parts_are_answered_octet_for_octet(
    parted: Dialogue, item: bytes, label: bytes, octets: bytes
) -> None:
    assert parted.untagged(b"FETCH 1 " + item) == answer(label, octets)


def test_decoded_parts_are_counted_and_may_hold_nul(parted: Dialogue) -> None:
    assert parted.untagged(b"FETCH 1 BINARY.SIZE[1]") == [b"* 1 FETCH (BINARY.SIZE[1] 11)"]
    parted.write(b"t FETCH 1 BINARY[2]\r\n")
    found = parted.to_tagged()
    assert found[0] == rb"* 1 FETCH (BINARY[2] ~{3}" + b"\r\na\0b FLAGS (\\Recent \\Seen))"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b"BINARY.PEEK[3]", b"NO [UNKNOWN-CTE]"),
        (b"BINARY.SIZE[3]", b"NO [UNKNOWN-CTE]"),
        (b"BINARY.PEEK[4]", b"NO BINARY"),
        (b"BINARY.PEEK[]", b"NO BINARY"),
        (b"BINARY[1.MIME]", b"BAD"),
        (b"BINARY[TEXT]", b"BAD"),
        (b"BINARY.SIZE[1]<0.1>", b"BAD"),
    ],
)
def test_what_cannot_be_decoded_is_refused(parted: Dialogue, item: bytes, reason: bytes) -> None:
    *answered, tagged = parted.say(b"FETCH 1 " + item)
    assert answered == []
    assert tagged.startswith(b"t " + reason)


def test_one_message_that_is_refused_does_not_hide_the_others(parted: Dialogue) -> None:
    *answered, tagged = parted.say(b"UID FETCH 1:2 (BINARY.PEEK[3] BINARY.PEEK[1])")
    assert answered[0].startswith(b"* 1 FETCH (UID 1 BINARY[1] {11}")
    assert TEXT in answered[1]
    assert tagged.startswith(b"t NO [UNKNOWN-CTE]")


@pytest.mark.parametrize(
    "item",
    [
        *(b"BODY[0]", b"BODY[01]", b"BODY[1.]", b"BODY[MIME]", b"BODY[1.NONSENSE]", b"BODY.PEEK"),
        *(
            b"BODYSTRUCTURE[1]",
            b"BODY[TEXT.1]",
            b"BINARY",
            b"BODY[1",
            b"BODY[NONSENSE]",
            b"BODY[",
            b"BODY[]<1>",
            b"BODY[]<0.0>",
        ),
        *(b"BODY[]<1.99999999999>", b"BODY[HEADER.FIELDS]", b"BODY[HEADER.FIELDS ()]", b"()x"),
        *(b"BODY[HEADER.FIELDS (a:b)]", b"(FAST)", b"NONSENSE", b"(UID", b"", b"UID FLAGS"),
    ],
)
def test_other_items_are_bad(client: Dialogue, item: bytes) -> None:
    assert client.status(b"FETCH 1 " + item) == "BAD"
