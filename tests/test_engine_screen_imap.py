"""What an IMAP client fetches through a shield that screens, whatever its server says."""

import re

from letters import CLEAN, FOOTER, INFECTED, MARKS, marking
from mitmail.engine.spec import Mode
from mitmail.message.edit import Edit, edited
from mitmail.message.part import parse
from mitmail.message.threat import EICAR
from mitmail.screening import Drip, Screening, Way
from talk import Side, Talk, TlsSide, legs_up

BAD = INFECTED["plain"]()
REMOVED = b"A part of this message was infected and has been removed."
MARKED = edited(CLEAN, parse(CLEAN), Edit(
    headers=(MARKS[0], "X-Antivirus-Status: Clean"), footer=FOOTER,
))  # fmt: skip


def literal(octets: bytes) -> bytes:
    return b"{%d}\r\n" % len(octets) + octets


class Server:
    """An IMAP server that says what it is told to."""

    def __init__(self, side: Side | TlsSide) -> None:
        self.side = side

    def answers(self, asked: bytes, *responses: bytes, status: bytes = b"OK done") -> None:
        """Hear this command, under whatever tag, and answer it."""
        tag, _, command = self.side.hears().partition(b" ")
        assert command == asked + b"\r\n"
        lines = [b"* " + response + b"\r\n" for response in responses]
        self.side.says(b"".join(lines) + tag + b" " + status + b"\r\n")

    def lists(self, fetch: bytes, *mails: bytes) -> None:
        """Tell the sizes of mails 1, 2, ..., whose UIDs are tenfold."""
        sizes = (
            b"%d FETCH (UID %d RFC822.SIZE %d)" % (n, 10 * n, len(mail))
            for n, mail in enumerate(mails, 1)
        )
        self.answers(fetch + b" (UID RFC822.SIZE)", *sizes)


def opened(screening: Screening, mode: Mode = "plain") -> tuple[Talk, Side | TlsSide, Server]:
    talk, client, server = legs_up("imap", mode, "plain", screening=screening)
    client.hears()
    return talk, client, Server(server)


def given(heard: bytes, number: int) -> bytes:
    """The one literal that the client is given of a message."""
    (found,) = re.finditer(rb"\* %d FETCH \([^{]*\{(\d+)\}\r\n" % number, heard)
    return heard[found.end() : found.end() + int(found[1])]


def test_flags_that_come_before_the_text_are_not_the_text() -> None:
    _, client, server = opened(marking())
    client.says(b"a UID FETCH 10 (UID FLAGS BODY.PEEK[])\r\n")
    server.lists(b"UID FETCH 10", BAD)
    server.answers(
        b"UID FETCH 10 (UID FLAGS BODY.PEEK[])",
        b"1 FETCH (UID 10 FLAGS (\\Flagged))",
        b"1 FETCH (UID 10 FLAGS (\\Flagged) BODY[] " + literal(BAD) + b")",
    )
    heard = client.hears()
    assert REMOVED in given(heard, 1)
    assert EICAR not in heard
    assert heard.startswith(b"* 1 FETCH (UID 10 FLAGS (\\Flagged))\r\n* 1 FETCH (UID 10 ")


def test_what_another_client_did_is_told_behind_the_answer() -> None:
    """fetchmail loses its place where it comes before the text that it has asked for."""
    _, client, server = opened(marking())
    client.says(b"a FETCH 1 BODY.PEEK[]\r\n")
    server.answers(
        b"FETCH 1 (UID RFC822.SIZE)",
        b"1 FETCH (FLAGS (\\Seen))", b"1 FETCH (UID 10 RFC822.SIZE %d)" % len(CLEAN),
    )  # fmt: skip
    server.answers(
        b"FETCH 1 (UID BODY.PEEK[])", b"1 FETCH (UID 10 BODY[] " + literal(CLEAN) + b")"
    )
    answer = b"* 1 FETCH (BODY[] " + literal(MARKED) + b")\r\n"
    assert client.hears() == answer + b"* 1 FETCH (FLAGS (\\Seen))\r\na OK done\r\n"


def test_a_text_without_its_uid_is_screened() -> None:
    _, client, server = opened(marking())
    client.says(b"a FETCH 1 (FLAGS BODY.PEEK[])\r\n")
    server.lists(b"FETCH 1", BAD)
    server.answers(
        b"FETCH 1 (UID FLAGS BODY.PEEK[])",
        b"1 FETCH (FLAGS ())", b"1 FETCH (BODY[] " + literal(BAD) + b")", b"1 FETCH (UID 10)",
    )  # fmt: skip
    heard = client.hears()
    assert REMOVED in given(heard, 1)
    assert EICAR not in heard


def test_a_text_that_nobody_asked_for_is_kept_from_the_client() -> None:
    _, client, server = opened(marking())
    client.says(b"a UID FETCH 10 BODY.PEEK[]\r\n")
    server.lists(b"UID FETCH 10", CLEAN)
    server.answers(
        b"UID FETCH 10 (UID BODY.PEEK[])",
        b"2 FETCH (UID 20 BODY[] " + literal(BAD) + b")",
        b"1 FETCH (UID 10 BODY[] " + literal(CLEAN) + b")",
    )
    heard = client.hears()
    assert given(heard, 1) == MARKED
    assert EICAR not in heard


def test_a_message_is_deleted_without_others_getting_its_number() -> None:
    _, client, server = opened(Screening(inbound=Way(infected="replace-body", delete=True)))
    client.says(b"a FETCH 1:2 BODY.PEEK[]\r\n")
    server.lists(b"FETCH 1:2", BAD, CLEAN)
    server.answers(b"FETCH 1 (UID BODY.PEEK[])", b"1 FETCH (UID 10 BODY[] " + literal(BAD) + b")")
    server.answers(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    server.answers(
        b"FETCH 2 (UID BODY.PEEK[])", b"2 FETCH (UID 20 BODY[] " + literal(CLEAN) + b")"
    )
    heard = client.hears()
    assert REMOVED in given(heard, 1)
    assert given(heard, 2) == CLEAN
    client.says(b"b UID FETCH 10 BODY.PEEK[]\r\n")
    server.lists(b"UID FETCH 10", BAD)
    client.says(b"c NOOP\r\n")
    server.answers(b"UID EXPUNGE 10", b"1 EXPUNGE")
    server.answers(b"NOOP")
    assert client.hears().endswith(b"* 1 EXPUNGE\r\nc OK done\r\n")


def test_a_message_without_text_is_no_empty_message() -> None:
    _, client, server = opened(marking())
    client.says(b"a UID FETCH 10 (RFC822.SIZE FLAGS BODY.PEEK[])\r\n")
    server.lists(b"UID FETCH 10", CLEAN)
    server.answers(
        b"UID FETCH 10 (UID FLAGS BODY.PEEK[])", b"1 FETCH (UID 10 FLAGS () BODY[] NIL)"
    )
    assert client.hears() == b"* 1 FETCH (UID 10 FLAGS () BODY[] NIL)\r\na OK done\r\n"


def test_what_became_of_one_message_is_said_behind_all() -> None:
    _, client, server = opened(marking())
    client.says(b"a FETCH 1:2 BODY.PEEK[]\r\n")
    server.lists(b"FETCH 1:2", CLEAN, CLEAN)
    server.answers(b"FETCH 1 (UID BODY.PEEK[])", status=b"NO [EXPUNGEISSUED] gone")
    server.answers(
        b"FETCH 2 (UID BODY.PEEK[])", b"2 FETCH (UID 20 BODY[] " + literal(CLEAN) + b")"
    )
    heard = client.hears()
    assert given(heard, 2) == MARKED
    assert heard.endswith(b"a NO [EXPUNGEISSUED] gone\r\n")


def test_no_reply_of_ours_breaks_into_a_response() -> None:
    talk, client, server = opened(marking(), "implicit")
    client.says(b'a LIST "" *\r\n')
    tag = server.side.hears().split()[0]
    server.side.says(b'* LIST () "/" {5}\r\nab')
    client.says(b"b COMPRESS DEFLATE\r\n")
    server.side.says(b"cde\r\n" + tag + b" OK done\r\n")
    talk.settle()
    assert client.hears() == (
        b'* LIST () "/" {5}\r\nabcde\r\na OK done\r\nb BAD Not available here\r\n'
    )


def test_a_client_that_waits_for_the_tenth_message_gets_one_filler_at_a_time() -> None:
    talk, client, server = opened(marking(drip=Drip(header="X-Filler: 0", seconds=5.0)))
    client.says(b"a UID FETCH 10:100 BODY.PEEK[]\r\n")
    server.lists(b"UID FETCH 10:100", *[CLEAN] * 10)
    for number in range(1, 10):
        text = b"%d FETCH (UID %d BODY[] %b)" % (number, 10 * number, literal(CLEAN))
        server.answers(b"UID FETCH %d (UID BODY.PEEK[])" % (10 * number), text)
    client.hears()
    talk.passes(4.9)
    assert client.hears() == b""
    talk.passes(10.2)
    assert client.hears() == b"* OK Still scanning\r\n" * 3


def test_a_text_is_screened_beside_an_item_with_arguments() -> None:
    _, client, server = opened(marking())
    client.says(b"a UID FETCH 10 (UID PREVIEW (LAZY) BODY.PEEK[])\r\n")
    server.lists(b"UID FETCH 10", BAD)
    server.answers(
        b"UID FETCH 10 (UID PREVIEW (LAZY) BODY.PEEK[])",
        b'1 FETCH (UID 10 PREVIEW "X5O" BODY[] ' + literal(BAD) + b")",
    )
    heard = client.hears()
    assert heard.startswith(b'* 1 FETCH (UID 10 PREVIEW "X5O" BODY[] ')
    assert REMOVED in given(heard, 1)


def test_a_span_of_any_length_is_screened() -> None:
    _, client, server = opened(marking())
    client.says(b"a UID FETCH 10 BODY.PEEK[]<0.9223372036854775807>\r\n")  # number64 of RFC 9051
    server.lists(b"UID FETCH 10", BAD)
    server.answers(
        b"UID FETCH 10 (UID BODY.PEEK[])", b"1 FETCH (UID 10 BODY[] " + literal(BAD) + b")"
    )
    assert REMOVED in given(client.hears(), 1)
