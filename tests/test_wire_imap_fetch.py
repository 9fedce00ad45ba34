"""FETCH as it goes over the wire: the examples of the RFCs, and what is none."""

import random
import time

import pytest

from mitmail.wire.imap_fetch import Fetch, Item, NotFetch, is_response, read, response, string

FIELDS = "HEADER.FIELDS (DATE FROM)"
# RFC 3501 section 8; the lines of the RFC are joined.
ENVELOPE = (
    b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
    b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
    b'((NIL NIL "imap" "cac.washington.edu")) NIL NIL "<B27397-0100000@cac.washington.edu>")'
)


def items(command: bytes) -> list[bytes]:
    return [item.raw for item in read(command).items]


# -- the command ----


@pytest.mark.parametrize(
    ("command", "verb", "numbers", "asked"),
    [
        # RFC 9051 section 6.4.5.
        (
            b"A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])\r\n",
            b"FETCH", b"2:4", [b"FLAGS", b"BODY[HEADER.FIELDS (DATE FROM)]"],
        ),
        # RFC 3501 section 8.
        (b"a003 fetch 12 full\r\n", b"FETCH", b"12",
         [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"]),
        (b"a004 fetch 12 body[header]\r\n", b"FETCH", b"12", [b"BODY[header]"]),
        # RFC 9051 section 6.4.9.
        (b"A999 UID FETCH 4827313:4828442 FLAGS\r\n", b"UID FETCH", b"4827313:4828442",
         [b"FLAGS"]),
        # RFC 3516 section 4.3, with a part and a partial.
        (b"f uid fetch $ (binary.peek[2.1]<0.2048> binary.size[1])\r\n", b"UID FETCH", b"$",
         [b"BINARY.PEEK[2.1]<0.2048>", b"BINARY.SIZE[1]"]),
        # RFC 8970 section 3.2.
        (b"F FETCH 1 (RFC822.SIZE PREVIEW (LAZY))\r\n", b"FETCH", b"1",
         [b"RFC822.SIZE", b"PREVIEW (LAZY)"]),
        (b"a FETCH 1:* FAST\n", b"FETCH", b"1:*", [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"]),
        (b"a FETCH 1 ( FLAGS  UID )  \r\n", b"FETCH", b"1", [b"FLAGS", b"UID"]),
    ],
)  # fmt: skip
def test_a_command_is_read(
    command: bytes, verb: bytes, numbers: bytes, asked: list[bytes]
) -> None:
    found = read(command)

    assert (found.verb, found.numbers) == (verb, numbers)
    assert [item.raw for item in found.items] == asked
    assert found.tag == command.split()[0]
    assert found.modifiers == b""


def test_a_modifier_stands_behind_the_items() -> None:
    """RFC 7162 section 3.1.4.1."""
    found = read(b"s100 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345 VANISHED)\r\n")

    assert found == Fetch(
        b"s100", True, b"1:*", (Item("FLAGS"),), b"(CHANGEDSINCE 12345 VANISHED)"
    )


@pytest.mark.parametrize("name", [b"{4}\r\nDATE", b"{4+}\r\nDATE", b"~{4}\r\nDATE", b'"DATE"'])
def test_a_field_may_be_named_by_any_string(name: bytes) -> None:
    assert items(b"a FETCH 1 BODY[HEADER.FIELDS (" + name + b" FROM)]\r\n") == [
        b'BODY[HEADER.FIELDS ("DATE" FROM)]'
    ]


def test_what_a_literal_holds_is_no_syntax() -> None:
    assert items(b'a FETCH 1 BODY[HEADER.FIELDS ({5}\r\na"]\\) B)]\r\n') == [
        b'BODY[HEADER.FIELDS ("a\\"]\\\\)" B)]'
    ]


@pytest.mark.parametrize(
    "command",
    [
        b"", b"\r\n", b"a FETCH 1 FLAGS", b"a FETCH\r\n", b"a FETCH 1\r\n", b"a FETCH 1 ()\r\n",
        b"a FETCH 1 (FLAGS\r\n", b"a FETCH 1 FLAGS)\r\n", b"a FETCH one FLAGS\r\n",
        b"a FETCH 1 BODY[HEADER\r\n", b"a FETCH 1 BODY[HEADER.FIELDS ({9}\r\nDATE)]\r\n",
        b"a FETCH 1 FLAGS UID\r\n", b"a STORE 1 FLAGS ()\r\n", b"a FETCH 1 (PREVIEW (LAZY)\r\n",
        b"a FETCH 1 (FLAGS) CHANGEDSINCE 1\r\n", b'a FETCH 1 "FLAGS"\r\n',
        b'a FETCH 1 BODY["DATE]\r\n',
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused(command: bytes) -> None:
    with pytest.raises(NotFetch):
        read(command)


# -- how an item is answered ----


@pytest.mark.parametrize(
    ("asked", "label"),
    [
        (Item("BODY.PEEK", FIELDS), b"BODY[HEADER.FIELDS (DATE FROM)]"),
        (Item("BODY", "", (0, 2048)), b"BODY[]<0>"),
        (Item("BINARY.PEEK", "1", (5, 10)), b"BINARY[1]<5>"),
        # RFC 3516 section 4.3: a size is of the whole.
        (Item("BINARY.SIZE", "1", (5, 10)), b"BINARY.SIZE[1]"),
        (Item("RFC822"), b"RFC822"),
    ],
)
def test_an_answer_names_its_origin_and_no_peeking(asked: Item, label: bytes) -> None:
    assert asked.label == label


# -- the response ----


def test_the_response_of_the_rfc_is_read() -> None:
    found = response(
        b'* 12 FETCH (FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" '
        b"RFC822.SIZE 4286 ENVELOPE " + ENVELOPE + b" BODY[HEADER] {6}\r\nA: b)\n UID 7)\r\n"
    )

    assert found.number == 12
    assert [item.name for item, _ in found.items] == [
        "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "UID",
    ]  # fmt: skip
    assert found.value("FLAGS") == b"(\\Seen)"
    assert found.value("RFC822.SIZE") == b"4286"
    assert found.value("ENVELOPE") == ENVELOPE
    assert found.value("BODY") == b"{6}\r\nA: b)\n"
    assert found.value("X-GM-MSGID") is None


def test_the_label_of_a_partial_has_an_origin_and_no_length() -> None:
    ((item, value),) = response(b"* 1 FETCH (BODY[TEXT]<10> {3}\r\nabc)\r\n").items

    assert (item.section, item.partial, value) == ("TEXT", (10, None), b"{3}\r\nabc")


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (b"{3}\r\nabc", b"abc"), (b"~{2}\r\n\0a", b"\0a"), (b"{0}\r\n", b""),
        (b'"a \\"b\\" \\\\"', b'a "b" \\'), (b'""', b""), (b"NIL", None),
    ],
)  # fmt: skip
def test_a_string_is_its_octets_however_it_is_sent(value: bytes, octets: bytes | None) -> None:
    assert string(value) == octets


@pytest.mark.parametrize("line", [b"* 1 FETCH (", b"*  23 fetch (FLAGS ())\r\n"])
def test_a_response_is_known_by_how_it_begins(line: bytes) -> None:
    assert is_response(line)


@pytest.mark.parametrize(
    "line", [b"* FETCH (", b"* 1 EXISTS\r\n", b"a OK FETCH\r\n", b"* 1 FETCH"]
)
def test_other_lines_are_no_responses(line: bytes) -> None:
    assert not is_response(line)
    with pytest.raises(NotFetch):
        response(line)


WHOLE = b'* 1 FETCH (UID 1 FLAGS (\\Seen ("a" b)) BODY[1] {5}\r\nab)\r\n X "q\\"" BODY[] NIL)'


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_a_response_that_is_cut_off_is_none(end: int) -> None:
    assert len(response(WHOLE).items) == 5
    with pytest.raises(NotFetch):
        response(WHOLE[:end])


@pytest.mark.parametrize("number", range(3))
def test_garbled_octets_are_read_or_refused_and_nothing_else(number: int) -> None:
    chance = random.Random(number)
    whole = (WHOLE, b"a UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS ({4}\r\nDATE)]<0.9> UID) (X)\r\n")
    for _ in range(1_000):
        octets = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.choice(b'(){}[]<>"\\ \r\n*19a\0\xff')
        for reader in (read, response):
            try:
                reader(bytes(octets))
            except NotFetch:
                continue


@pytest.mark.parametrize("sign", [b"(", b'"', b"[", b"{", b"a ", b'\\"', b"{1}\r\n"])
def test_what_never_ends_costs_no_more_than_its_length(sign: bytes) -> None:
    began = time.process_time()
    for octets in (
        b"* 1 FETCH (X (" + sign * 50_000,
        b"a FETCH 1 BODY[" + sign * 50_000 + b"\r\n",
    ):
        with pytest.raises(NotFetch):
            (response if octets.startswith(b"*") else read)(octets)

    assert time.process_time() - began < 2.0  # what is quadratic takes minutes
