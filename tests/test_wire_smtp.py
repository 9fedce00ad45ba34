"""The SMTP tracker, where the other protocols have nothing alike."""

import asyncio
import smtplib
from collections.abc import Callable

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, AuthResult

from mitmail.wire import Dialogue, Kind, Piece, dialogue


def greeted() -> Dialogue:
    tracker = dialogue("smtp")
    tracker.server(b"220 mail.test\r\n")
    return tracker


def told(pieces: list[Piece]) -> list[str]:
    return [" ".join(filter(None, (p.kind.value, p.verb, p.status))) for p in pieces]


def test_outstanding_commands_are_answered_in_their_order() -> None:
    tracker = greeted()
    tracker.client(b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n")
    assert list(tracker.outstanding) == [("MAIL", b""), ("RCPT", b""), ("DATA", b"")]
    tracker.server(b"250 ok\r\n550-no\r\n550 no\r\n354 go\r\n")
    assert list(tracker.outstanding) == [("DATA", b"")]
    tracker.client(b"text\r\n.\r\n")
    tracker.server(b"250 ok\r\n")
    assert not tracker.outstanding


@pytest.mark.parametrize(
    ("reply", "ok"), [("250 ok", True), ("250-ok", False), ("354 go", False), ("454 no", False)]
)
def test_only_a_final_2xx_is_ok(reply: str, ok: bool) -> None:
    tracker = greeted()
    tracker.client(b"STARTTLS\r\n")
    assert tracker.server(reply.encode() + b"\r\n")[0].ok is ok


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"AUTH PLAIN AGEAcA==\r\n", b"AUTH PLAIN ***\r\n"),
        (b"  auth\tscram-sha-256  n,,r=x\n", b"auth scram-sha-256 ***\n"),
        (b"AUTH LOGIN\r\n", b"AUTH LOGIN\r\n"),
        (b"AUTH cGFzc3dvcmQ\r\n", b"AUTH ***\r\n"),
        (b"AUTH\r\n", b"AUTH\r\n"),
        (b"cGFzc3dvcmQ=\r\n", b"***\r\n"),
        (b"MAIL FROM:<a@b>  SIZE=1\r\n", b"MAIL FROM:<a@b>  SIZE=1\r\n"),
    ],
)
def test_the_verb_and_the_mechanism_stay_readable(line: bytes, shown: bytes) -> None:
    assert greeted().client(line)[0].shown == shown


def test_bodies_are_shown_by_their_size() -> None:
    tracker = greeted()
    assert tracker.client(b"BDAT 6\r\nsecret")[1].shown == b"<6 octets>"


def test_a_body_sent_ahead_hides_no_command_and_shows_no_text() -> None:
    tracker = greeted()
    tracker.client(b"DATA\r\n")
    assert told(tracker.client(b"STARTTLS\r\n")) == ["body DATA"]
    assert told(tracker.server(b"354 go\r\n")) == ["continue DATA 354"]
    assert told(tracker.client(b"more\r\n.\r\nNOOP\r\n"))[-1] == "command NOOP"


def test_behind_a_whole_message_sent_ahead_come_commands() -> None:
    tracker = greeted()
    pieces = tracker.client(b"DATA\r\ntext\r\n.\r\nNOOP\r\n")
    assert told(pieces)[-1] == "command NOOP"
    assert told(tracker.server(b"354 go\r\n250 ok\r\n250 ok\r\n"))[-1] == "reply NOOP 250"


def test_after_a_refused_data_come_commands_whatever_was_sent_ahead() -> None:
    tracker = greeted()
    tracker.client(b"DATA\r\nSubject: x\r\n")
    tracker.server(b"554 no\r\n")
    assert told(tracker.client(b"STARTTLS\r\n")) == ["command STARTTLS"]


def test_the_reply_to_one_message_does_not_end_the_next() -> None:
    tracker = greeted()
    tracker.client(b"DATA\r\n")
    tracker.server(b"354 go\r\n")
    tracker.client(b"one\r\n.\r\nMAIL FROM:<>\r\nDATA\r\n")
    tracker.server(b"554 spam\r\n250 ok\r\n")
    tracker.server(b"354 go\r\n")
    assert told(tracker.client(b"STARTTLS\r\n")) == ["body DATA"]


def test_a_reply_in_the_midst_of_a_message_does_not_end_it() -> None:
    tracker = greeted()
    tracker.client(b"DATA\r\n")
    tracker.server(b"354 go\r\n")
    tracker.client(b"one\r\n")
    tracker.server(b"452 disk full\r\n")
    assert told(tracker.client(b"STARTTLS\r\n.\r\nNOOP\r\n"))[-1] == "command NOOP"


@pytest.mark.parametrize("command", [b"NOOP", b"AUTH PLAIN", b"STARTTLS"])
def test_354_is_a_go_ahead_for_data_only(command: bytes) -> None:
    tracker = greeted()
    tracker.client(command + b"\r\n")
    assert tracker.server(b"354 go\r\n")[0].kind is Kind.REPLY
    assert tracker.client(b"NOOP\r\n")[0].kind is Kind.COMMAND


@pytest.mark.parametrize("size", [b"x", b"-1", b"9" * 5000, b""])
def test_a_chunk_without_a_size_has_no_octets(size: bytes) -> None:
    pieces = greeted().client(b"BDAT " + size + b"\r\nNOOP\r\n")
    assert told(pieces) == ["command BDAT", "command NOOP"]


def test_a_line_that_is_no_reply_answers_nothing() -> None:
    tracker = dialogue("smtp")
    assert told(tracker.server(b"hello\r\n")) == ["part"]
    assert not tracker.greeted
    tracker.server(b"220 mail.test\r\n")
    tracker.client(b"NOOP\r\n")
    assert told(tracker.server(b"2x0 ok\r\n25 ok\r\n250ok\r\n")) == ["part NOOP"] * 3
    assert list(tracker.outstanding) == [("NOOP", b"")]


async def pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    feed: Callable[[bytes], list[Piece]],
) -> None:
    while data := await reader.read(7):
        writer.write(b"".join(piece.raw for piece in feed(data)))
        await writer.drain()
    writer.close()


async def overhear(heard: list[Piece], talk: Callable[[int], None]) -> None:
    """Let ``talk`` use a port that leads to aiosmtpd, 7 octets at a time through a tracker."""
    tracker = dialogue("smtp")

    def listening(feed: Callable[[bytes], list[Piece]]) -> Callable[[bytes], list[Piece]]:
        def feed_and_note(data: bytes) -> list[Piece]:
            pieces = feed(data)
            heard.extend(pieces)
            return pieces

        return feed_and_note

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*upstream)
        await asyncio.gather(
            pump(reader, up_writer, listening(tracker.client)),
            pump(up_reader, writer, listening(tracker.server)),
        )

    def anyone(*_: object) -> AuthResult:
        return AuthResult(success=True)

    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Sink(), hostname="mail.test", authenticator=anyone, auth_require_tls=False),
        "127.0.0.1",
        0,
    )
    upstream = server.sockets[0].getsockname()
    async with server, await asyncio.start_server(relay, "127.0.0.1", 0) as front:
        await asyncio.to_thread(talk, front.sockets[0].getsockname()[1])


def test_smtplib_and_aiosmtpd_are_understood() -> None:
    def talk(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, "me.test", timeout=10) as client:
            client.login("alice", "hunter2")
            text = "Subject: x\n\nSTARTTLS\n.\nend\n"
            client.sendmail("a@customer.test", ["b@customer.test"], text)

    heard: list[Piece] = []
    asyncio.run(asyncio.wait_for(overhear(heard, talk), 30))
    commands = [p.verb for p in heard if p.kind is Kind.COMMAND]
    assert commands == ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
    replies = [(p.verb, p.status) for p in heard if p.kind in (Kind.REPLY, Kind.CONTINUE)]
    assert replies == [
        ("EHLO", "250"),
        ("AUTH", "235"),
        ("MAIL", "250"),
        ("RCPT", "250"),
        ("DATA", "354"),
        ("DATA", "250"),
        ("QUIT", "221"),
    ]
    body = b"".join(p.raw for p in heard if p.kind is Kind.BODY)
    assert body == b"Subject: x\r\n\r\nSTARTTLS\r\n..\r\nend\r\n.\r\n"
