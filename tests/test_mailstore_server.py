"""The mail server's listeners: loopback, many sessions, rude clients, a prompt end."""

import asyncio
import gc
import logging
import poplib
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from imaplib import IMAP4

import pytest

from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store

USER, PASSWORD = "qa@customer.test", "s3cret word"
DEADLINE = 10.0


@dataclass
class Served:
    """A mail server that runs in a thread of its own, for clients that block."""

    store: Store
    ports: dict[str, int]
    loop: asyncio.AbstractEventLoop

    def call[T](self, function: Callable[[], T]) -> T:
        """Run a function in the server's thread, where the store lives."""

        async def called() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(DEADLINE)

    def imap(self) -> IMAP4:
        client = IMAP4("127.0.0.1", self.ports["imap"], timeout=DEADLINE)
        client.login(USER, PASSWORD)
        return client

    def pop3(self) -> poplib.POP3:
        client = poplib.POP3("127.0.0.1", self.ports["pop3"], timeout=DEADLINE)
        client.user(USER)
        client.pass_(PASSWORD)
        return client

    def smtp(self) -> smtplib.SMTP:
        client = smtplib.SMTP(
            "127.0.0.1", self.ports["smtp"], local_hostname="bench.test", timeout=DEADLINE
        )
        client.login(USER, PASSWORD)
        return client

    def raw(self, protocol: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[protocol]), timeout=DEADLINE)


@contextmanager
def running(*messages: bytes, eager: bool = False) -> Iterator[Served]:
    """Serve these messages; afterwards the loop must have had nothing to complain of."""
    store = Store(USER, PASSWORD, messages=messages)
    ready: list[Served] = []
    complaints: list[object] = []
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        if eager:
            loop.set_task_factory(asyncio.eager_task_factory)
        async with Mailstore(store) as served:
            ready.append(Served(store, served.ports, loop))
            started.set()
            await stop.wait()
        gc.collect()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    try:
        assert started.wait(DEADLINE)
        yield ready[0]
    finally:
        ready[0].loop.call_soon_threadsafe(stop.set)
        thread.join(DEADLINE)
    assert not thread.is_alive()
    assert complaints == []


@pytest.fixture(params=[False, True], ids=["plain", "eager"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with running(b"Subject: one\r\n\r\nfirst\r\n", eager=request.param) as served:
        yield served


def greeting(connection: socket.socket) -> bytes:
    return connection.recv(4096)


def test_every_protocol_listens_on_loopback_at_a_port_of_its_own(served: Served) -> None:
    assert sorted(served.ports) == ["imap", "pop3", "smtp"]
    assert len(set(served.ports.values())) == 3
    for protocol, hello in (("imap", b"* OK "), ("pop3", b"+OK "), ("smtp", b"220 mail.custom")):
        with served.raw(protocol) as connection:
            assert greeting(connection).startswith(hello)
        with pytest.raises(OSError, match=r"."):  # Linux owns all of 127/8
            socket.create_connection(("127.0.0.2", served.ports[protocol]), timeout=1)


def test_a_mail_sent_by_smtp_is_there_by_imap_and_by_pop3(served: Served) -> None:
    mail = b"Subject: two\r\n\r\nsecond\r\n"
    with served.smtp() as smtp:
        smtp.sendmail("bob@example.test", [USER], mail)
    with served.imap() as imap:
        imap.select()
        found = imap.fetch("2", "(BODY[])")[1][0]
        assert found is not None
        assert found[1] == mail
    pop = served.pop3()
    assert pop.retr(2)[1] == [b"Subject: two", b"", b"second"]
    pop.quit()


def test_150_sessions_at_a_time_are_served() -> None:
    async def one(ports: dict[str, int], protocol: str, script: bytes, last: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[protocol])
        await everyone.wait()
        await reader.readline()
        writer.write(script)
        assert last in await reader.read(-1)
        writer.close()
        await writer.wait_closed()

    async def all_at_once() -> None:
        async with Mailstore(Store(USER, PASSWORD)) as served, asyncio.timeout(DEADLINE):
            login = b'LOGIN "%s" "%s"' % (USER.encode(), PASSWORD.encode())
            scripts = (
                ("imap", b"a %b\r\nb SELECT INBOX\r\nc LOGOUT\r\n" % login, b"c OK"),
                ("pop3", b"USER %b\r\nPASS s3cret word\r\nQUIT\r\n" % USER.encode(), b"+OK Bye"),
                ("smtp", b"EHLO bench.test\r\nNOOP\r\nQUIT\r\n", b"221"),
            )
            await asyncio.gather(*(one(served.ports, *s) for s in scripts for _ in range(50)))

    everyone = asyncio.Barrier(150)
    asyncio.run(all_at_once())


DIALOGUES = {
    "imap": b'a LOGIN "qa@customer.test" {11}\r\ns3cret word\r\nb SELECT INBOX\r\n'
    b"c APPEND INBOX {5}\r\nhello\r\nd FETCH 1:* BODY[]\r\ne IDLE\r\nDONE\r\nf LOGOUT\r\n",
    "pop3": b"CAPA\r\nAUTH PLAIN\r\nAHFhQGN1c3RvbWVyLnRlc3QAczNjcmV0IHdvcmQ=\r\nUIDL\r\n"
    b"RETR 1\r\nDELE 1\r\nQUIT\r\n",
    "smtp": b"EHLO b.test\r\nAUTH LOGIN\r\ncWFAY3VzdG9tZXIudGVzdA==\r\nczNjcmV0IHdvcmQ=\r\n"
    b"MAIL FROM:<b@b.test>\r\nRCPT TO:<x@y.test>\r\nDATA\r\nS: 1\r\n\r\nx\r\n.\r\nQUIT\r\n",
}


@pytest.mark.parametrize(
    ("protocol", "last"), [("imap", b"f OK"), ("pop3", b"+OK"), ("smtp", b"221")]
)
def test_a_whole_dialogue_at_once_is_answered_to_its_end(
    served: Served, protocol: str, last: bytes
) -> None:
    with served.raw(protocol) as connection:
        connection.sendall(DIALOGUES[protocol])
        answers = b""
        while chunk := connection.recv(65536):
            answers += chunk
    assert answers.splitlines()[-1].startswith(last)
    assert b"BAD" not in answers
    assert b"-ERR" not in answers


@pytest.mark.parametrize("protocol", DIALOGUES)
@pytest.mark.parametrize("leave", ["close", "reset", "half-close"])
def test_a_client_may_vanish_at_any_octet(
    served: Served, protocol: str, leave: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dialogue = DIALOGUES[protocol]
    for octets in range(0, len(dialogue), 2):
        with served.raw(protocol) as connection:
            connection.sendall(dialogue[:octets])
            if leave == "reset":
                linger = (1).to_bytes(4, "little") + bytes(4)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            elif leave == "half-close":
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_sessions_leave_nothing_behind(served: Served) -> None:
    for protocol in served.ports:
        with served.raw(protocol) as connection:
            greeting(connection)

    def tasks() -> list[str]:
        return [str(task.get_coro()) for task in asyncio.all_tasks() if not task.done()]

    deadline = time.monotonic() + DEADLINE
    while len(served.call(tasks)) > 2 and time.monotonic() < deadline:
        pass
    assert len(served.call(tasks)) == 2, "the server's own task and this call's"


def test_closing_ends_open_sessions_and_frees_the_ports_within_a_second() -> None:
    async def check() -> None:
        served = await Mailstore(Store(USER, PASSWORD)).__aenter__()
        clients = [
            await asyncio.open_connection("127.0.0.1", served.ports[protocol])
            for protocol in ("imap", "pop3", "smtp") * 5
        ]
        for reader, _ in clients:
            await reader.readline()
        begin = time.monotonic()
        await served.close()
        assert time.monotonic() - begin < 1
        await served.close()
        assert len(asyncio.all_tasks()) == 1
        for reader, writer in clients:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(10_000)
            writer.close()
        for port in served.ports.values():
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(check())


FLOODS = {
    "imap": b'a LOGIN "qa@customer.test" "s3cret word"\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\n',
    "pop3": b"USER qa@customer.test\r\nPASS s3cret word\r\nRETR 1\r\n",
    "smtp": b"EHLO b.test\r\nAUTH PLAIN AHFhQGN1c3RvbWVyLnRlc3QAczNjcmV0IHdvcmQ=\r\n"
    + b"HELP x\r\n" * 60_000,
}


async def flooded(served: Mailstore, protocol: str) -> asyncio.StreamWriter:
    """A client that asks for more than the sockets hold, and reads nothing of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", served.ports[protocol]))
    reader, writer = await asyncio.open_connection(sock=client, limit=1)
    await reader.read(1)
    writer.write(FLOODS[protocol])
    for _ in range(200):
        await asyncio.sleep(0)
    return writer


@pytest.mark.parametrize("protocol", FLOODS)
def test_closing_does_not_wait_for_a_client_that_reads_nothing(protocol: str) -> None:
    async def check() -> None:
        big = b"Subject: big\r\n\r\n" + b"x" * 20_000_000
        async with Mailstore(Store(USER, PASSWORD, messages=[big])) as served:
            writer = await flooded(served, protocol)
            begin = time.monotonic()
        assert time.monotonic() - begin < 0.9
        writer.transport.abort()

    asyncio.run(check())


@pytest.mark.parametrize("protocol", FLOODS)
@pytest.mark.parametrize("eager", [False, True])
def test_a_client_may_vanish_while_it_is_answered(protocol: str, eager: bool) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        complaints: list[object] = []
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        if eager:
            loop.set_task_factory(asyncio.eager_task_factory)
        big = b"Subject: big\r\n\r\n" + b"x" * 20_000_000
        async with Mailstore(Store(USER, PASSWORD, messages=[big])) as served:
            for _ in range(3):
                writer = await flooded(served, protocol)
                writer.transport.abort()
                await asyncio.sleep(0)
        gc.collect()
        assert complaints == []

    asyncio.run(check())
