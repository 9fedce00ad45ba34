"""What holds for the dialogues of all three protocols, however the network cuts them."""

import random
import time
from itertools import pairwise
from typing import Literal

import pytest

from mitmail.wire import Dialogue, Kind, Piece, dialogue
from mitmail.wire.dialogue import OUTSTANDING_LIMIT, is_http

type Protocol = Literal["imap", "pop3", "smtp"]
type Turn = tuple[str, bytes]
type Event = tuple[str, str, bytes]

PROTOCOLS: tuple[Protocol, ...] = ("imap", "pop3", "smtp")

# "alice", "hunter2", SASL PLAIN of both, either in base64, and the digest of RFC 1939 section 7.
SECRETS = (
    b"hunter2 AGFsaWNlAGh1bnRlcjI= YWxpY2U= aHVudGVyMg== c4c9334bac560ecc979e58001b3e22fb".split()
)

# One line is one piece: who says it, its octets (CRLF is added unless a backslash ends them) and
# what it is: kind, verb, status. Neighbouring lines of one side travel together.
DIALOGUES = {
    "smtp": """
S: 220-mail.test ESMTP                      >> part 220
S: 220 at your service                      >> greeting 220
C: EHLO me.test                             >> command EHLO
S: 250-mail.test                            >> part EHLO 250
S: 250-STARTTLS                             >> part EHLO 250
S: 250 SIZE 1000000                         >> reply EHLO 250
C: aUtH   pLaIn   AGFsaWNlAGh1bnRlcjI=      >> command AUTH
S: 535 no                                   >> reply AUTH 535
C: AUTH PLAIN                               >> command AUTH
S: 334                                      >> continue AUTH 334
C: AGFsaWNlAGh1bnRlcjI=                     >> sasl AUTH
S: 235-fine                                 >> part AUTH 235
S: 235 go on                                >> reply AUTH 235
C: AUTH LOGIN                               >> command AUTH
S: 334 VXNlcm5hbWU6                         >> continue AUTH 334
C: YWxpY2U=                                 >> sasl AUTH
S: 334 UGFzc3dvcmQ6                         >> continue AUTH 334
C: aHVudGVyMg==                             >> sasl AUTH
S: 235 ok                                   >> reply AUTH 235
C: AUTH CRAM-MD5                            >> command AUTH
S: 334 PDEyMz4=                             >> continue AUTH 334
C: *                                        >> sasl AUTH
S: 501 cancelled                            >> reply AUTH 501
C: AUTH PLAIN                               >> command AUTH
S: 504 unknown                              >> reply AUTH 504
C: AGFsaWNlAGh1bnRlcjI=                     >> command
S: 500 what?                                >> reply 500
C: MAIL FROM:<a@customer.test>              >> command MAIL
C: RCPT TO:<b@customer.test>                >> command RCPT
C: RCPT TO:<c@customer.test>                >> command RCPT
C: DATA                                     >> command DATA
S: 250 ok                                   >> reply MAIL 250
S: 250-ok                                   >> part RCPT 250
S: 250 ok                                   >> reply RCPT 250
S: 550 no                                   >> reply RCPT 550
S: 354 go                                   >> continue DATA 354
C: Subject: STARTTLS                        >> body DATA
C:                                          >> body DATA
C: STARTTLS                                 >> body DATA
C: ..                                       >> body DATA
C: .\\n.\\r.\\n                             >> body DATA
C: bare\\n.\\n\\                            >> body DATA
C: x                                        >> body DATA
C: .                                        >> body DATA
C: MAIL FROM:<a@customer.test>              >> command MAIL
C: DATA                                     >> command DATA
S: 250 queued                               >> reply DATA 250
S: 250 ok                                   >> reply MAIL 250
S: 354 go                                   >> continue DATA 354
C: .                                        >> body DATA
C: noop\\n\\                                >> command NOOP
S: 250 queued                               >> reply DATA 250
S: 250                                      >> reply NOOP 250
C: DATA                                     >> command DATA
S: 503 no                                   >> reply DATA 503
C: BDAT 12                                  >> command BDAT
C: STARTTLS\\r\\n.\\r\\                     >> body BDAT
C: BDAT 0 LAST                              >> command BDAT
C: bdat 3 last                              >> command BDAT
C: .\\r\\n\\                                >> body BDAT
C: QUIT                                     >> command QUIT
S: 250 12 octets                            >> reply BDAT 250
S: 250 ok                                   >> reply BDAT 250
S: 503 no                                   >> reply BDAT 503
S: 221 bye                                  >> reply QUIT 221
S: 421 time out                             >> reply 421
""",
    "smtp upgrade": """
C: EHLO early                               >> command EHLO
S: 220-wait                                 >> part 220
S: 220 mail.test                            >> greeting 220
S: 250 mail.test                            >> reply EHLO 250
C: HELP STARTTLS                            >> command HELP
C: starttls                                 >> command STARTTLS
C: MAIL FROM:<a@customer.test>              >> after-starttls STARTTLS
S: 214 help                                 >> reply HELP 214
C: \\0                                      >> after-starttls STARTTLS
S: 454 not now                              >> reply STARTTLS 454
C: NOOP                                     >> command NOOP
C: STARTTLS                                 >> command STARTTLS
C: AUTH PLAIN AGFsaWNlAGh1bnRlcjI=          >> after-starttls STARTTLS
S: 250 ok                                   >> reply NOOP 250
S: 220 go                                   >> reply STARTTLS 220
S: 250 injected                             >> after-starttls STARTTLS
C: \\x16\\x03\\x01                          >> after-starttls STARTTLS
""",
    "imap": """
S: * OK [CAPABILITY IMAP4rev1] ready {3}    >> greeting OK
C: a1 login alice hunter2                   >> command LOGIN
S: a1 NO no {3}                             >> reply LOGIN NO
C: a2  LoGiN  "alice" "hunter2 \\\\"{5}"    >> command LOGIN
S: a2 no                                    >> reply LOGIN NO
C: a3 LOGIN "alice\\\\"" {7+}               >> part LOGIN
C: hunter2\\                                >> literal LOGIN
C:                                          >> command LOGIN
S: a3 NO no                                 >> reply LOGIN NO
C: a4 LOGIN {5}                             >> part LOGIN
S: + go                                     >> continue LOGIN +
C: alice\\                                  >> literal LOGIN
C:  {7}                                     >> part LOGIN
S: +                                        >> continue LOGIN +
C: hunter2\\                                >> literal LOGIN
C:                                          >> command LOGIN
S: a4 OK in                                 >> reply LOGIN OK
C: a5 LOGIN {5}                             >> part LOGIN
S: a5 BAD too long                          >> reply LOGIN BAD
C: a6 NOOP                                  >> command NOOP
C: a7 LOGIN "alice" "open {7}               >> command LOGIN
C: a8 CHECK                                 >> command CHECK
S: a7 BAD quoted                            >> reply LOGIN BAD
S: a6 OK                                    >> reply NOOP OK
S: a8 OK done                               >> reply CHECK OK
C: b1 AUTHENTICATE PLAIN AGFsaWNlAGh1bnRlcjI=   >> command AUTHENTICATE
S: b1 NO no                                 >> reply AUTHENTICATE NO
C: b2 authenticate plain                    >> command AUTHENTICATE
S: +                                        >> continue AUTHENTICATE +
C: AGFsaWNlAGh1bnRlcjI=                     >> sasl AUTHENTICATE
S: * CAPABILITY IMAP4rev1                   >> untagged
S: b2 NO no                                 >> reply AUTHENTICATE NO
C: b3 AUTHENTICATE LOGIN                    >> command AUTHENTICATE
S: + VXNlcm5hbWU6                           >> continue AUTHENTICATE +
C: b3 STARTTLS                              >> sasl AUTHENTICATE
S: + UGFzc3dvcmQ6                           >> continue AUTHENTICATE +
C: *                                        >> sasl AUTHENTICATE
S: b3 BAD cancelled                         >> reply AUTHENTICATE BAD
C: AGFsaWNlAGh1bnRlcjI=                     >> command
S: * BAD what? {9}                          >> untagged BAD
C: c1 IDLE                                  >> command IDLE
S: + idling                                 >> continue IDLE +
S: * 5 EXISTS                               >> untagged
C: c1 LOGIN alice hunter2                   >> continuation IDLE
C: done                                     >> continuation IDLE
C: c2 NOOP                                  >> command NOOP
S: c1 OK                                    >> reply IDLE OK
S: c2 OK                                    >> reply NOOP OK
C: c3 IDLE                                  >> command IDLE
S: c3 NO not here                           >> reply IDLE NO
C: d1 APPEND INBOX (\\\\Seen) {12+}         >> part APPEND
C: a STARTTLS\\r\\n\\                       >> literal APPEND
C:  {0+}                                    >> part APPEND
C:  ~{3-}                                   >> part APPEND
C: \\0\\n\\r\\                              >> literal APPEND
C: \\n\\                                    >> command APPEND
C: d2 UID FETCH 1:* (BODY.PEEK[])           >> command UID FETCH
C: d3 SEARCH TEXT STARTTLS                  >> command SEARCH
S: d1 OK done                               >> reply APPEND OK
S: * 1 FETCH (UID 7 BODY[] {22}             >> part
S: d2 OK fake\\r\\n* BYE\\r\\n+\\r\\n\\     >> literal
S:  BODY[2] ~{4}                            >> part
S: \\0\\r\\n\\r\\                           >> literal
S:  FLAGS ())                               >> untagged
S: d2 OK done                               >> reply UID FETCH OK
S: * SEARCH                                 >> untagged
S: d3 OK done                               >> reply SEARCH OK
S: d3 OK again                              >> reply OK
C: e1 LOGOUT                                >> command LOGOUT
S: * BYE see you                            >> untagged BYE
S: e1 OK bye                                >> reply LOGOUT OK
""",
    "imap upgrade": """
S: * PREAUTH hello                          >> greeting PREAUTH
C: x NOOP                                   >> command NOOP
C: x starttls                               >> command STARTTLS
C: y LOGIN alice hunter2                    >> after-starttls STARTTLS
S: x OK noop                                >> reply NOOP OK
S: * OK still here                          >> untagged OK
S: x BAD no                                 >> reply STARTTLS BAD
C: z NOOP STARTTLS                          >> command NOOP
C: z2 "STARTTLS"                            >> command
C: s StartTLS\\n\\                          >> command STARTTLS
S: z OK                                     >> reply NOOP OK
S: s OK begin                               >> reply STARTTLS OK
S: * CAPABILITY EVIL                        >> after-starttls STARTTLS
""",
    "imap compressed": """
S: * OK hello                               >> greeting OK
C: a COMPRESS DEFLATE                       >> command COMPRESS
S: a OK from now on                         >> reply COMPRESS OK
S: ab\\r\\n\\                               >> opaque
C: b LOGIN alice hunter2                    >> opaque
""",
    "pop3": """
S: +OK ready <1896.697170952@dbc.mtview.ca.us>  >> greeting +OK
C: CAPA                                     >> command CAPA
S: +OK list follows                         >> part CAPA +OK
S: STLS                                     >> part CAPA +OK
S: ..                                       >> part CAPA +OK
S: .                                        >> reply CAPA +OK
C: CAPA                                     >> command CAPA
S: -ERR no                                  >> reply CAPA -ERR
C: AUTH                                     >> command AUTH
S: +OK                                      >> part AUTH +OK
S: PLAIN                                    >> part AUTH +OK
S: .                                        >> reply AUTH +OK
C: apop alice c4c9334bac560ecc979e58001b3e22fb  >> command APOP
S: -ERR no                                  >> reply APOP -ERR
C: USER carol                               >> command USER
S: +OK                                      >> reply USER +OK
C: \\t paSS\\t hunter2 hunter2              >> command PASS
S: -ERR no                                  >> reply PASS -ERR
C: AUTH PLAIN                               >> command AUTH
S: +                                        >> continue AUTH +
C: AGFsaWNlAGh1bnRlcjI=                     >> sasl AUTH
S: +OK in                                   >> reply AUTH +OK
C: auth plain AGFsaWNlAGh1bnRlcjI=          >> command AUTH
S: -ERR twice                               >> reply AUTH -ERR
C: AGFsaWNlAGh1bnRlcjI=                     >> command
S: -ERR what                                >> reply -ERR
C: LIST                                     >> command LIST
C: LIST 1                                   >> command LIST
C: UIDL                                     >> command UIDL
C: RETR 1                                   >> command RETR
C: TOP 1 0                                  >> command TOP
C: dele 1                                   >> command DELE
S: +OK                                      >> part LIST +OK
S: 1 120                                    >> part LIST +OK
S: .                                        >> reply LIST +OK
S: +OK 1 120                                >> reply LIST +OK
S: +ok\\n.\\n\\                             >> part UIDL +OK / reply UIDL +OK
S: +OK 120 octets                           >> part RETR +OK
S: +OK a line of the message                >> part RETR +OK
S: ..                                       >> part RETR +OK
S: a bare\\n.\\nand \\0 and \\r             >> part RETR +OK
S: .                                        >> reply RETR +OK
S: -ERR no such message                     >> reply TOP -ERR
S: +OK deleted                              >> reply DELE +OK
C: STLS                                     >> command STLS
C: CAPA                                     >> after-starttls STLS
S: -ERR no                                  >> reply STLS -ERR
C: stls\\n\\                                >> command STLS
C: PASS hunter2                             >> after-starttls STLS
S: +OK begin                                >> reply STLS +OK
S: +OK injected                             >> after-starttls STLS
""",
    "a TLS client at a clear-text port": """
S: +OK hello                                >> greeting +OK
C: \\x16\\x03\\x01\\x01\\n\\x01\\0          >> opaque
C: QUIT                                     >> opaque
S: -ERR what?                               >> reply -ERR
""",
    "a NUL in a command": """
S: +OK hello                                >> greeting +OK
C: NOOP                                     >> command NOOP
C: PASS \\0hunter2                          >> opaque
C: QUIT                                     >> opaque
""",
}


def protocol_of(name: str) -> Protocol:
    first = name.partition(" ")[0]
    return next((known for known in PROTOCOLS if known == first), "pop3")


def script(name: str) -> tuple[list[Turn], list[Event]]:
    turns: list[Turn] = []
    expected: list[Event] = []
    for line in DIALOGUES[name].strip().splitlines():
        text, _, what = line.partition(" >>")
        side, octets = text[0], decoded(text[3:].rstrip())
        if turns and turns[-1][0] == side:
            octets, turns = turns.pop()[1] + octets, turns
        turns.append((side, octets))
        said = decoded(text[3:].rstrip())
        first, slash, second = what.strip().partition(" / ")
        cut = said.index(b"\n") + 1 if slash else len(said)
        expected.append((side, first, said[:cut]))
        if slash:
            expected.append((side, second, said[cut:]))
    return turns, joined(expected)


def decoded(text: str) -> bytes:
    text = text.removesuffix("\\") if text.endswith("\\") else text + "\\r\\n"
    return text.encode().decode("unicode_escape").encode("latin-1")


def joined(events: list[Event]) -> list[Event]:
    """Join what may come in any number of pieces."""
    streamed = ("part", "literal", "body", "after-starttls", "opaque")
    result: list[Event] = []
    for side, what, raw in events:
        if result and result[-1][:2] == (side, what) and what.startswith(streamed):
            raw = result.pop()[2] + raw
        result.append((side, what, raw))
    return result


def described(piece: Piece) -> str:
    return " ".join(filter(None, (piece.kind.value, piece.verb, piece.status)))


def say(tracker: Dialogue, side: str, data: bytes) -> list[Piece]:
    return tracker.client(data) if side == "C" else tracker.server(data)


def heard(protocol: Protocol, chunks: list[Turn]) -> tuple[list[Event], bytes]:
    """Play the chunks; return what was heard and everything that may be logged."""
    tracker = dialogue(protocol)
    events, shown = [], b""
    for side, chunk in chunks:
        for piece in say(tracker, side, chunk):
            events.append((side, described(piece), piece.raw))
            shown += piece.shown
    return joined(events), shown


@pytest.mark.parametrize("name", DIALOGUES)
class TestEveryDialogue:
    """The scripts above, whole and in pieces."""

    def test_is_understood(self, name: str) -> None:
        turns, expected = script(name)
        assert heard(protocol_of(name), turns)[0] == expected

    def test_is_understood_octet_by_octet(self, name: str) -> None:
        turns, expected = script(name)
        octets = [(side, bytes([octet])) for side, data in turns for octet in data]
        assert heard(protocol_of(name), octets)[0] == expected

    def test_is_understood_with_any_turn_cut_anywhere(self, name: str) -> None:
        turns, expected = script(name)
        for at, (side, data) in enumerate(turns):
            for cut in range(1, len(data)):
                parts = [(side, data[:cut]), (side, data[cut:])]
                chunks = turns[:at] + parts + turns[at + 1 :]
                assert heard(protocol_of(name), chunks)[0] == expected

    def test_is_understood_in_random_segments(self, name: str) -> None:
        chance = random.Random(name)
        turns, expected = script(name)
        for _ in range(100):
            chunks = [(side, part) for side, data in turns for part in segments(chance, data)]
            assert heard(protocol_of(name), chunks)[0] == expected

    def test_gives_every_octet_back(self, name: str) -> None:
        turns, _ = script(name)
        events, _ = heard(protocol_of(name), turns)
        for one in "CS":
            given = b"".join(data for side, data in turns if side == one)
            assert b"".join(raw for side, _, raw in events if side == one) == given

    def test_shows_no_credentials(self, name: str) -> None:
        turns, _ = script(name)
        octets = [(side, bytes([octet])) for side, data in turns for octet in data]
        for chunks in (turns, octets):
            shown = heard(protocol_of(name), chunks)[1]
            assert [secret for secret in SECRETS if secret in shown] == []


def segments(chance: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted({0, len(data), *(chance.randrange(len(data)) for _ in range(4))})
    return [data[start:end] for start, end in pairwise(cuts)]


def test_the_scripts_hold_every_secret() -> None:
    said = b"".join(data for name in DIALOGUES for _, data in script(name)[0])
    assert all(secret in said for secret in SECRETS)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_garbage_raises_or_is_lost(protocol: Protocol) -> None:
    chance = random.Random(5321)
    words = (
        b'\r\n|\n|\r|.|.\r\n|\0|\x16\x03|{3}|{2+}\r\n|~{1}|"|\\|(|)| |a1 |* |+ |+OK |-ERR |250 |'
        b"250-|354 |334 |220 |OK |NO |BAD |STARTTLS|STLS|AUTH PLAIN|DATA|BDAT 3|LOGIN|APPEND|IDLE|"
        b"DONE|AUTHENTICATE X|RETR 1|LIST|CAPA|\xff\xfe|" + b"A" * 700
    ).split(b"|")
    for _ in range(5000):
        tracker = dialogue(protocol)
        given, returned = {"C": b"", "S": b""}, {"C": b"", "S": b""}
        for _ in range(chance.randrange(20)):
            side = chance.choice("CS")
            data = b"".join(chance.choices(words, k=chance.randrange(8)))
            given[side] += data
            returned[side] += b"".join(piece.raw for piece in say(tracker, side, data))
            if chance.random() < 0.02:
                tracker.secured()
                given, returned = {"C": b"", "S": b""}, {"C": b"", "S": b""}
        assert all(given[side].startswith(returned[side]) for side in "CS")


BULK = {
    "DATA": ("smtp", b"220 \r\n", b"DATA\r\n", b"354 \r\n", "C", Kind.BODY),
    "BDAT": ("smtp", b"220 \r\n", b"BDAT 52428800\r\n", b"", "C", Kind.BODY),
    "APPEND": ("imap", b"* OK \r\n", b"a APPEND x {52428800}\r\n", b"+ \r\n", "C", Kind.LITERAL),
    "FETCH": ("imap", b"* OK \r\n", b"", b"* 1 FETCH (BODY[] {52428800}\r\n", "S", Kind.LITERAL),
    "RETR": ("pop3", b"+OK \r\n", b"RETR 1\r\n", b"+OK \r\n", "S", Kind.PART),
}


@pytest.mark.parametrize("what", BULK)
def test_fifty_megabytes_flow_through_at_once(what: str) -> None:
    name, greeting, command, answer, side, kind = BULK[what]
    tracker = dialogue(protocol_of(name))
    tracker.server(greeting)
    tracker.client(command)
    tracker.server(answer)
    chunk = (b"A line of a message, as long as most of them are and no longer.\r\n" * 1100)[:65536]
    begin = time.perf_counter()
    for _ in range(800):
        (piece,) = say(tracker, side, chunk)
        assert (piece.kind, len(piece.raw)) == (kind, 65536)
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_line_without_end_becomes_opaque_at_64_kib(protocol: Protocol) -> None:
    tracker = dialogue(protocol)
    assert tracker.client(b"x" * 65535) == []
    (piece,) = tracker.client(b"x")
    assert (piece.kind, len(piece.raw)) == (Kind.OPAQUE, 65536)
    assert described(tracker.client(b"NOOP\r\n")[0]) == "opaque"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_client_that_never_reads_is_not_followed_forever(protocol: Protocol) -> None:
    tracker = dialogue(protocol)
    tracker.client(b"a NOOP\r\n" * (OUTSTANDING_LIMIT + 5))
    assert len(tracker.outstanding) == OUTSTANDING_LIMIT
    assert tracker.client(b"a NOOP\r\n")[0].kind is Kind.OPAQUE


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tls_makes_it_forget_everything(protocol: Protocol) -> None:
    tracker = dialogue(protocol)
    tracker.client(b"NOOP\r\na NOOP\r\nSTLS\r\nSTARTTLS\r\na STARTTLS\r\nhalf a li")
    assert tracker.outstanding
    assert not tracker.greeted
    tracker.secured()
    assert tracker.outstanding == ()
    assert tracker.greeted
    tag = b"b " if protocol == "imap" else b""
    assert [described(piece) for piece in tracker.client(tag + b"NOOP\r\n")] == ["command NOOP"]
    reply = {"imap": b"b OK x\r\n", "pop3": b"+OK x\r\n", "smtp": b"250 x\r\n"}[protocol]
    (piece,) = tracker.server(reply)
    assert (piece.kind, piece.verb, piece.ok) == (Kind.REPLY, "NOOP", True)


@pytest.mark.parametrize(
    ("line", "http"),
    [
        (b"GET / HTTP/1.1\r\n", True),
        (b"OPTIONS * HTTP/1.0\n", True),
        (b"GET /", False),
        (b"a GET HTTP\r\n", False),
        (b"get / HTTP/1.1\r\n", True),
        (b"VERSION-CONTROL http://x/ HTTP/1.1\r\n", True),
        (b"CONNECT x:443 HTTP/1.1\r\n", True),
        (b"HTTP/1.1 400 Bad Request\r\n", True),
        (b"a1 LOGIN x HTTP/1.1\r\n", False),
        (b"abcd SELECT HTTP/1.1\r\n", False),
        (b"", False),
    ],
)
def test_an_http_request_line_is_told_from_a_mail_command(line: bytes, http: bool) -> None:
    assert is_http(line) is http


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_http_is_no_mail_command(protocol: Protocol) -> None:
    tracker = dialogue(protocol)
    pieces = tracker.client(b"GET / HTTP/1.1\r\nAuthorization: Basic aHVudGVyMg==\r\n\r\n")
    assert {(piece.kind, piece.verb) for piece in pieces} == {(Kind.COMMAND, "")}
    assert b"aHVudGVyMg==" not in b"".join(piece.shown for piece in pieces)
