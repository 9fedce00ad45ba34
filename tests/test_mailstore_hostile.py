"""Garbled and hostile dialogues: the mail server answers or closes, and nothing else."""

import asyncio
import base64
import gc
import logging
import os
import random
import re
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from mitmail.mailstore import smtp as smtp_module
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import MAILBOXES, Store

USER, PASSWORD = "qa@customer.test", "secret"
DEADLINE = 10.0
PATIENCE = 3.0  # what is linear takes 0.1 s; what is not takes minutes
ROUNDS, BATCH = int(os.environ.get("HOSTILE_ROUNDS", "300")), 100
PLAIN = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())

LOGINS = {
    "imap": b'a LOGIN "qa@customer.test" secret\r\nb SELECT INBOX\r\n',
    "pop3": b"USER qa@customer.test\r\nPASS secret\r\n",
    "smtp": b"EHLO b.test\r\nAUTH PLAIN " + PLAIN + b"\r\n",
}
COMMANDS = {
    "imap": (
        *(b"CAPABILITY", b"NOOP", b"ID NIL", b'ID ("name" "x")', b"NAMESPACE", b"CHECK", b"CLOSE"),
        *(b"AUTHENTICATE PLAIN " + PLAIN, b"AUTHENTICATE LOGIN\r\neA==\r\neA==", b"EXPUNGE"),
        *(b'LIST "" "*"', b"LIST (SPECIAL-USE) (a b) % RETURN (CHILDREN)", b'LSUB "" %*%*%'),
        *(b"CREATE a/b", b"DELETE a/b", b"RENAME a {3}\r\nb/c", b"SUBSCRIBE a", b"UNSELECT"),
        *(b"STATUS INBOX (MESSAGES UNSEEN)", b"SELECT INBOX", b"EXAMINE Sent", b"IDLE\r\nDONE"),
        *(b'APPEND INBOX (\\Seen k) " 1-Jan-2020 00:00:00 +0000" {5+}\r\nhello', b"LOGOUT"),
        *(b"FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[HEADER.FIELDS (TO FROM)]<1.9>)", b"FETCH 1 ALL"),
        *(b"UID FETCH 4294967295:* BODY[TEXT]", b"STORE 1:2,4 +FLAGS.SILENT (\\Deleted x)"),
        *(b"SEARCH NOT (OR SEEN 1:3) HEADER Subject x", b"UID SEARCH CHARSET UTF-8 TO {2}\r\nqa"),
        *(b"FETCH 1:* (BODYSTRUCTURE BODY.PEEK[1.2.MIME]<1.9> BINARY.SIZE[1])", b"FETCH 1 FULL"),
        *(
            b"FETCH 4 (BODY[2] BINARY[2] BODY[1.HEADER.FIELDS.NOT (A)])",
            b"ENABLE X",
            b"FETCH 1 BODY",
        ),
        *(b"SEARCH CHARSET UTF-8 OR BODY {3}\r\n\xc3\xbcx TEXT y", b"SEARCH SENTSINCE 1-Jan-2020"),
        *(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (STATUS (SIZE UNSEEN))',),
        *(b'APPEND INBOX {3+}\r\na\0b " 1-Jan-2020 00:00:00 +0000" ~{2+}\r\n\0\0',),
        *(b"COPY 1:2 Sent", b"UID MOVE 1 Trash", b"UID EXPUNGE 1:*", b"UID STORE 1 FLAGS ()"),
    ),
    "pop3": (
        *(b"CAPA", b"STAT", b"LIST", b"LIST 1", b"UIDL", b"UIDL 2", b"RETR 1", b"TOP 5 3"),
        *(b"DELE 1", b"RSET", b"NOOP", b"AUTH", b"AUTH PLAIN", b"AUTH LOGIN eA==", b"USER x"),
        *(b"PASS y", b"QUIT", b"AUTH PLAIN " + PLAIN),
    ),
    "smtp": (
        *(b"EHLO x", b"HELO x", b"NOOP", b"RSET", b"HELP DATA", b"VRFY a@b.test", b"EXPN x"),
        *(b"AUTH PLAIN", b"auth login eA==", b"MAIL FROM:<a@b.test> SIZE=99", b"MAIL FROM:<>"),
        *(b"RCPT TO:<qa@customer.test>", b"RCPT TO:<x@y.test>", b"DATA\r\nS: x\r\n\r\n..y\r\n."),
        *(b'MAIL FROM:<"a b"@[1.2.3.4]> BODY=8BITMIME', b"RCPT TO:<@a,@b:c@d.test>", b"QUIT"),
    ),
}


def garbled(protocol: str, chance: random.Random) -> bytes:
    """A dialogue of known commands, most of them damaged somewhere."""
    octets = LOGINS[protocol] if chance.random() < 0.8 else b""
    for number in range(chance.randrange(1, 8)):
        line = chance.choice(COMMANDS[protocol])
        if protocol == "imap":
            line = b"t%d " % number + line
        octets += line if chance.random() < 0.3 else damaged(line, chance)
        octets += chance.choice([b"\r\n"] * 8 + [b"\n", b"\r", b"", b"\0\r\n"])
    return octets


def damaged(line: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(1, 4)):
        at, end = chance.randrange(len(line) + 1), chance.randrange(len(line) + 1)
        junk = chance.choice(
            (chance.randbytes(3), b'"', b"(" * 60, b"{9}\r\n", b"{99999999999}\r\n", b"*", b")")
        )
        line = chance.choice((line[:at] + junk + line[at:], line[:at] + line[end:], line + line))
    return line


@asynccontextmanager
async def serving(store: Store) -> AsyncIterator[dict[str, int]]:
    """The ports of a server; its loop must have nothing to complain of."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with Mailstore(store) as served:
        yield served.ports
    gc.collect()
    assert complaints == []


async def talk(port: int, octets: bytes, *, eof: bool) -> bytes:
    """Send all, and read to the end of the connection."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(octets)
            if eof:
                writer.write_eof()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()


@pytest.fixture(autouse=True)
def _no_log_noise(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert caplog.records == []


@pytest.mark.parametrize("protocol", COMMANDS)
def test_garbled_dialogues_neither_crash_nor_hang_nor_fill_memory(protocol: str) -> None:
    async def attack() -> list[int]:
        store = Store(USER, PASSWORD)
        sizes = []
        async with serving(store) as ports:
            for batch in range(0, ROUNDS, BATCH):
                for message in seed(USER):
                    store.deliver(message)
                dialogues = (
                    garbled(protocol, random.Random(n)) for n in range(batch, batch + 100)
                )
                # aiosmtpd drops what it has not answered yet when it sees the end of file.
                end = b"\r\n.\r\nQUIT\r\n" if protocol == "smtp" else b""
                await asyncio.gather(
                    *(talk(ports[protocol], d + end, eof=not end) for d in dialogues)
                )
                empty(store)
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        return sizes

    tracemalloc.start()
    try:
        sizes = asyncio.run(attack())
    finally:
        tracemalloc.stop()
    assert sizes[-1] - sizes[1] < 500_000, sizes


def empty(store: Store) -> None:
    for mailbox in store.mailboxes.values():
        mailbox.remove(list(mailbox.messages.values()))
        mailbox.keywords.clear()
    for name in sorted(set(store.mailboxes) - {"INBOX", "Sent", "Drafts", "Trash"}, reverse=True):
        store.delete(name)
    store.subscribed.clear()
    store.sent.clear()


def test_after_the_attack_a_session_works_as_before() -> None:
    async def check() -> None:
        async with serving(Store(USER, PASSWORD, messages=seed(USER))) as ports:
            for protocol in COMMANDS:
                for n in range(20):
                    octets = random.Random(n).randbytes(3000)
                    await talk(ports[protocol], octets, eof=True)
            answer = await talk(ports["imap"], LOGINS["imap"] + b"c LOGOUT\r\n", eof=False)
            assert b"b OK [READ-WRITE]" in answer
            assert b"c OK" in answer

    asyncio.run(check())


@pytest.mark.parametrize(
    "command",
    [
        b"SEARCH " + b"NOT " * 10_000 + b"ALL",
        b"SEARCH " + b"(" * 30_000,
        b"SEARCH " + b"OR ALL " * 8_000 + b"ALL",
        b"SEARCH " + b"SEEN " * 10_000 + b"SEEN",
        b"FETCH " + b"1:4294967295," * 4_000 + b"1 FLAGS",
        b"UID FETCH " + b"1:4294967295," * 4_000 + b"1 FLAGS",
        b"UID FETCH 4294967295:1 UID",
        b"FETCH 99999999999999999999 FLAGS",
        b"FETCH 1 " + b"(" * 60_000,
        b'LIST "" "' + b"*a" * 400 + b'"',
        b'LIST "" ' + b"*%" * 30_000,
        b"STORE 1 +FLAGS (" + b" ".join(b"k%d" % n for n in range(5_000)) + b")",
        b"STORE 1 +FLAGS " + b"k" * 60_000,
        b"CREATE " + b"a/" * 30_000,
        b"CREATE " + b"x" * 60_000,
        b"LIST " + b"{0+}\r\n " * 8_000,
        b"FETCH 1 BODY[" + b"1." * 30_000 + b"1]",
        b"FETCH 1 BODY[" + b"9" * 60_000 + b"]",
        b"FETCH 1 BODY[1.HEADER.FIELDS (" + b"a " * 30_000 + b"b)]",
        b"FETCH 1 (" + b"BODYSTRUCTURE " * 4_000 + b"UID)",
        b"FETCH 1:* (" + b"BINARY.PEEK[1] " * 99 + b"UID)",
        b"SEARCH " + b"TEXT absent " * 99 + b"SEEN",
        b"SEARCH BODY " + b"x" * 60_000,
        b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (' + b"%* " * 99 + b"x)",
    ],
    ids=lambda command: command[:24].decode(),
)
def test_costly_imap_commands_are_answered_soon(command: bytes) -> None:
    async def check() -> None:
        store = Store(USER, PASSWORD, messages=seed(USER) * 20)
        async with serving(store) as ports, asyncio.timeout(PATIENCE):
            script = LOGINS["imap"] + b"c " + command + b"\r\nd LOGOUT\r\n"
            answer = await talk(ports["imap"], script, eof=False)
            assert answer.rpartition(b"\r\nc ")[2][:3] in (b"OK ", b"NO ", b"BAD")

    asyncio.run(check())


@pytest.mark.parametrize(
    "value",
    [
        b"=?a?q?" * 10_000,
        b"=?utf-8?q?x?= " * 5_000,
        b"(" * 60_000,
        b'"' * 60_001,
        b"<" * 60_000,
        b"[" * 60_000,
        b":;," * 20_000,
        b"a@b," * 15_000,
        b"\\" * 60_001,
        b"\r\n " * 20_000,
    ],
    ids=lambda value: value[:12].decode().encode("unicode_escape").decode(),
)
def test_costly_headers_are_read_soon(value: bytes) -> None:
    message = b"To: " + value + b"\r\nSubject: " + value + b"\r\n\r\n"

    async def check() -> None:
        async with (
            serving(Store(USER, PASSWORD, messages=[message])) as ports,
            asyncio.timeout(PATIENCE),
        ):
            commands = b"c FETCH 1 ENVELOPE\r\nd SEARCH SUBJECT absent TO absent\r\ne LOGOUT\r\n"
            answer = await talk(ports["imap"], LOGINS["imap"] + commands, eof=False)
            assert b"\r\nc OK" in answer
            assert b"* SEARCH\r\nd OK" in answer

    asyncio.run(check())


NESTED = b"".join(
    b"Content-Type: multipart/x; boundary=b%dq\r\n\r\n--b%dq\r\n" % (n, n) for n in range(2_000)
)


@pytest.mark.parametrize(
    "message",
    [
        NESTED,
        b"Content-Type: message/rfc822\r\n\r\n" * 2_000,
        b"Content-Type: multipart/x; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000,
        b'Content-Type: multipart/x; boundary=""\r\n\r\n' + b"--\r\n" * 20_000,
        b"Content-Type: x/y" + b"; a*0*=b" * 20_000 + b"\r\n\r\n",
        b"Content-Type: text/plain; charset=punycode\r\n\r\n"
        + b"x" * 300_000
        + b"-"
        + b"a" * 300_000,
        b"Content-Type: text/plain; charset=\0\r\n\r\nx",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"=a" * 100_000,
        b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + b"=" * 200_000,
        b"To: a@b.test\r\n" * 30_000 + b"\r\n",
        b"Date: " + b"1" * 60_000 + b" Jan 9999999999 99:99:99 +9999\r\n\r\n",
        b"\r\n" + "ß".encode() * 500_000,
    ],
    ids=range(12),
)
def test_hostile_mime_is_described_and_searched_soon(message: bytes) -> None:
    async def check() -> None:
        store = Store(USER, PASSWORD, messages=[message])
        async with serving(store) as ports, asyncio.timeout(2 * PATIENCE):
            script = (
                b"c FETCH 1 (BODYSTRUCTURE ENVELOPE BODY.PEEK[1.1.1.MIME] BINARY.SIZE[1])\r\n"
                b"d SEARCH TEXT absent SENTBEFORE 1-Jan-2020\r\ne LOGOUT\r\n"
            )
            answer = await talk(ports["imap"], LOGINS["imap"] + script, eof=False)
            assert re.search(rb"\r\nc (OK|NO)", answer)
            assert b"* SEARCH\r\nd OK" in answer
            assert b"e OK" in answer

    asyncio.run(check())


@pytest.mark.parametrize("protocol", COMMANDS)
@pytest.mark.parametrize("login", [b"", None], ids=["before-login", "after-login"])
def test_an_endless_line_is_answered_and_ends_the_session(
    protocol: str, login: bytes | None
) -> None:
    async def check() -> None:
        async with serving(Store(USER, PASSWORD)) as ports:
            script = LOGINS[protocol] if login is None else login
            script += (b"c NOOP " if protocol == "imap" else b"NOOP ") + b"x" * 1_000_000
            # aiosmtpd reads the line to its end and goes on; the others cannot trust what follows.
            end = b"\r\nQUIT\r\n" if protocol == "smtp" else b""
            answer = await talk(ports[protocol], script + end, eof=False)
            expected = {"imap": b"BYE", "pop3": b"-ERR The line", "smtp": b"500 Command line too"}
            assert expected[protocol] in answer

    asyncio.run(check())


def test_an_endless_line_in_a_mail_does_not_stay_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_module, "MESSAGE_OCTETS", 1_000_000)

    async def check() -> None:
        async with serving(Store(USER, PASSWORD)) as ports:
            envelope = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<qa@customer.test>\r\nDATA\r\n"
            reader, writer = await asyncio.open_connection("127.0.0.1", ports["smtp"])
            async with asyncio.timeout(DEADLINE):
                writer.write(LOGINS["smtp"] + envelope)
                for _ in range(400):
                    writer.write(b"x" * 100_000)
                    await writer.drain()
                writer.write(b"\r\n.\r\nQUIT\r\n")
                answer = await reader.read()
            writer.transport.abort()
            assert b"552 5.3.4" in answer
            assert b"221" in answer
            assert tracemalloc.get_traced_memory()[1] < 10_000_000

    tracemalloc.start()
    try:
        asyncio.run(check())
    finally:
        tracemalloc.stop()


def test_mailboxes_cannot_be_made_without_end() -> None:
    async def check() -> None:
        store = Store(USER, PASSWORD)
        async with serving(store) as ports:
            many = b"".join(b"c CREATE m%d\r\n" % n for n in range(MAILBOXES + 10))
            answer = await talk(ports["imap"], LOGINS["imap"] + many + b"d LOGOUT\r\n", eof=False)
        assert len(store.mailboxes) == MAILBOXES
        assert b"c NO [LIMIT]" in answer

    asyncio.run(check())
