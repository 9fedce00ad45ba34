"""The IMAP tracker, where the other protocols have nothing alike."""

import imaplib
import socket
import threading
import time

import pytest

from mitmail.wire import Dialogue, Kind, Piece, dialogue


def greeted() -> Dialogue:
    tracker = dialogue("imap")
    tracker.server(b"* OK ready\r\n")
    return tracker


def told(pieces: list[Piece]) -> list[str]:
    return [" ".join(filter(None, (p.kind.value, p.verb, p.status))) for p in pieces]


def test_replies_find_their_command_by_the_tag() -> None:
    tracker = greeted()
    tracker.client(b"a1 NOOP\r\na2 SELECT INBOX\r\na2 CHECK\r\n")
    assert list(tracker.outstanding) == [("NOOP", b"a1"), ("SELECT", b"a2"), ("CHECK", b"a2")]
    (reply,) = tracker.server(b"a2 OK [READ-WRITE] done\r\n")
    assert (reply.verb, reply.tag, reply.status, reply.ok) == ("SELECT", b"a2", "OK", True)
    assert list(tracker.outstanding) == [("NOOP", b"a1"), ("CHECK", b"a2")]
    assert told(tracker.server(b"A1 OK unknown tag\r\n")) == ["reply OK"]
    assert told(tracker.server(b"a1 NO no\r\na2 BAD no\r\n")) == [
        "reply NOOP NO",
        "reply CHECK BAD",
    ]


def test_every_piece_of_a_command_bears_its_tag() -> None:
    pieces = greeted().client(b"x7 APPEND INBOX {2+}\r\nhi {1+}\r\n!\r\n")
    assert [(p.kind.value, p.tag) for p in pieces] == [
        ("part", b"x7"),
        ("literal", b"x7"),
        ("part", b"x7"),
        ("literal", b"x7"),
        ("command", b"x7"),
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"a LOGIN bob pass\r\n", b"a LOGIN ***\r\n"),
        (b'a  login\t"bob" "pa ss"\n', b"a login ***\n"),
        (b"a LOGIN {3}\r\n", b"a LOGIN ***\r\n"),
        (b"a LOGIN{3+}\r\nbob\r\n", b"***\r\n***\r\n"),
        (b"a LOGIN {3+}\r\nbob {4+}\r\npass\r\n", b"a LOGIN ***\r\n******\r\n***\r\n"),
        (b"a AUTHENTICATE XOAUTH2 dXNlcj0=\r\n", b"a AUTHENTICATE XOAUTH2 ***\r\n"),
        (b"a authenticate plain =\r\n", b"a authenticate plain ***\r\n"),
        (b"a AUTHENTICATE PLAIN\r\n", b"a AUTHENTICATE PLAIN\r\n"),
        (b"a AUTHENTICATE PLAIN {6+}\r\nSECRET\r\n", b"a AUTHENTICATE PLAIN ***\r\n***\r\n"),
        (b"a AUTHENTICATE {1+}\r\nx SECRET\r\n", b"a AUTHENTICATE ***\r\n******\r\n"),
        (b"a LOGIN {3+}\r\nbob SECRET\r\n", b"a LOGIN ***\r\n******\r\n"),
        (b"a SELECT INBOX\r\n", b"a SELECT INBOX\r\n"),
        (b"a XYZZY bob pass\r\n", b"***\r\n"),
        (b"a APPEND x {3+}\r\nbob\r\n", b"a APPEND x {3+}\r\n<3 octets>\r\n"),
    ],
)
def test_arguments_of_a_login_are_never_shown(line: bytes, shown: bytes) -> None:
    assert b"".join(piece.shown for piece in greeted().client(line)) == shown


def test_a_refused_literal_is_followed_by_the_next_command() -> None:
    tracker = greeted()
    tracker.client(b"a APPEND x {1000}\r\n")
    assert told(tracker.server(b"a NO too big\r\n")) == ["reply APPEND NO"]
    assert told(tracker.client(b"s STARTTLS\r\n")) == ["command STARTTLS"]


def test_a_literal_sent_ahead_is_a_literal() -> None:
    tracker = greeted()
    pieces = tracker.client(b"a LOGIN {12}\r\ns STARTTLS\r\n {7}\r\nhunter2\r\nb NOOP\r\n")
    assert told(pieces)[-2:] == ["command LOGIN", "command NOOP"]
    assert b"hunter2" not in b"".join(piece.shown for piece in pieces)
    assert told(tracker.server(b"+ \r\n+ \r\na OK in\r\n"))[-1] == "reply LOGIN OK"


def test_an_early_reply_does_not_end_a_literal_that_was_invited() -> None:
    for announced, invitation in ((b"{12}", b"+ go\r\n"), (b"{12+}", b"")):
        tracker = greeted()
        tracker.client(b"a APPEND x " + announced + b"\r\n")
        tracker.server(invitation + b"a NO disk full\r\n")
        pieces = tracker.client(b"s STARTTLS\r\n\r\nb NOOP\r\n")
        assert told(pieces) == ["literal APPEND", "command APPEND", "command NOOP"]
        assert list(tracker.outstanding) == [("NOOP", b"b")]


def test_a_command_answered_before_its_end_has_no_effect() -> None:
    for verb in (b"STARTTLS", b"IDLE", b"AUTHENTICATE"):
        tracker = greeted()
        tracker.client(b"a " + verb + b" {2+}\r\n")
        tracker.server(b"a BAD no\r\n")
        assert told(tracker.client(b"hi\r\nb NOOP\r\n"))[-1] == "command NOOP"


def test_only_a_whole_argument_announces_a_literal() -> None:
    for argument in (b'"{5}"', b'"open {5}', b'"\\"{5}', b'"a" "b\\" {5}', b"{5} ", b"{5", b"{x}"):
        pieces = greeted().client(b"a SEARCH TEXT " + argument + b"\r\nb STARTTLS\r\n")
        assert told(pieces) == ["command SEARCH", "command STARTTLS"], argument
    for argument in (b"{5}", b"~{5+}", b'"a\\"" {5-}', b"({5}", b'"\\\\" {5}'):
        pieces = greeted().client(b"a SEARCH TEXT " + argument + b"\r\nhello\r\nb STARTTLS\r\n")
        assert told(pieces)[-1] == "command STARTTLS", argument
        assert told(pieces)[1] == "literal SEARCH", argument


def test_a_line_without_a_tag_announces_and_awaits_nothing() -> None:
    tracker = greeted()
    assert told(tracker.client(b"{5}\r\nSTARTTLS\r\n\r\n")) == ["command"] * 3
    assert told(tracker.client(b"t" * 300 + b" STARTTLS\r\n")) == ["command"]
    assert not tracker.outstanding
    assert told(tracker.client(b"a STARTTLS\r\n")) == ["command STARTTLS"]


def test_a_search_result_may_be_longer_than_a_line_may_be() -> None:
    tracker = greeted()
    result = b"* SEARCH " + b" ".join(b"%d" % number for number in range(100_000)) + b"\r\n"
    pieces = tracker.server(result + b"* 1 EXISTS\r\n")
    assert [p.kind for p in pieces[-3:]] == [Kind.PART, Kind.UNTAGGED, Kind.UNTAGGED]
    assert b"".join(p.raw for p in pieces[:-1]) == result


def test_a_literal_may_be_announced_behind_a_very_long_line() -> None:
    for length in range(65480, 65560):
        tracker = greeted()
        data = b"* 1 FETCH (" + b"x" * length + b" BODY[] {12}\r\na OK fake\r\n)\r\na OK\r\n"
        whole = told(tracker.server(data))
        assert whole[-3:] == ["literal", "untagged", "reply OK"]
        again = greeted()
        assert told(again.server(data[:65530]) + again.server(data[65530:]))[-3:] == whole[-3:]


def test_an_overlong_reply_line_is_opaque() -> None:
    assert told(greeted().server(b"a OK " + b"x" * 70000 + b"\r\n")) == ["opaque"]


def test_a_line_of_quotes_takes_no_time() -> None:
    begin = time.perf_counter()
    greeted().client(b'a LOGIN "' + b'\\"' * 32000 + b" {5}\r\n")
    assert time.perf_counter() - begin < 0.5


def test_what_comes_before_the_greeting_is_none() -> None:
    tracker = dialogue("imap")
    assert told(tracker.server(b"a OK hi\r\n* CAPABILITY x\r\n* NO\r\nhello\r\n")) == [
        "reply OK",
        "untagged",
        "untagged NO",
        "part",
    ]
    assert not tracker.greeted
    assert told(tracker.server(b"* bye too busy\r\n")) == ["greeting BYE"]


# What imaplib says, line by line, and what it is answered.
EXCHANGE = [
    (b" CAPABILITY", b"* CAPABILITY IMAP4rev1\r\n%s OK done\r\n"),
    (b" AUTHENTICATE PLAIN", b"+ \r\n"),
    (b"AGFsaWNlAGh1bnRlcjI=", b"%s OK in\r\n"),
    (b" SELECT INBOX", b"* 1 EXISTS\r\n%s OK [READ-WRITE] done\r\n"),
    (b" APPEND INBOX {10}", b"+ go\r\n"),
    (b"x STARTTLS", b"%s OK appended\r\n"),
    (b" UID FETCH 1 (BODY[])", b"* 1 FETCH (UID 1 BODY[] {11}\r\n%s OK no)\r\n%s OK done\r\n"),
    (b" LOGOUT", b"* BYE\r\n%s OK bye\r\n"),
]


def serve(connection: socket.socket, tracker: Dialogue, heard: list[Piece]) -> None:
    tag = b""

    def say(data: bytes) -> None:
        heard.extend(tracker.server(data))
        connection.sendall(data)

    say(b"* OK ready\r\n")
    with connection.makefile("rb") as lines:
        for line, (expected, answer) in zip(lines, EXCHANGE, strict=False):
            assert line.endswith(expected + b"\r\n")
            heard.extend(tracker.client(line))
            tag = line.split()[0] if expected.startswith(b" ") else tag
            say(answer.replace(b"%s", tag))


def test_imaplib_is_understood() -> None:
    heard: list[Piece] = []
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    theirs.settimeout(10)

    class Imap(imaplib.IMAP4):
        def _create_socket(self, timeout: float | None) -> socket.socket:
            return theirs

    server = threading.Thread(target=serve, args=(ours, dialogue("imap"), heard), daemon=True)
    server.start()
    with ours, Imap("localhost") as client:
        client.authenticate("PLAIN", lambda _: b"\0alice\0hunter2")
        client.select()
        client.append("INBOX", "", "", b"x STARTTLS")
        client.uid("FETCH", "1", "(BODY[])")
        client.logout()
        server.join(10)
    assert not server.is_alive()
    commands = [p.verb for p in heard if p.kind is Kind.COMMAND]
    assert commands == ["CAPABILITY", "AUTHENTICATE", "SELECT", "APPEND", "UID FETCH", "LOGOUT"]
    assert [p.verb for p in heard if p.kind is Kind.REPLY and p.ok] == commands
    assert [p.raw for p in heard if p.kind is Kind.SASL] == [b"AGFsaWNlAGh1bnRlcjI=\r\n"]
    literals = [p.raw for p in heard if p.kind is Kind.LITERAL]
    fake = next(p.tag for p in heard if p.verb == "UID FETCH") + b" OK no"
    assert literals == [b"x STARTTLS", fake]
