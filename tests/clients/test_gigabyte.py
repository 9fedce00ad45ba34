"""A gigabyte through the shield, clients and servers that do not read: memory stays as it is."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bench import clean_environment, need
from clients import dovecot
from memory import resident
from serve.serving import LOOPBACK, ForProgram
from talk import identity, served_by

pytestmark = [pytest.mark.long, pytest.mark.alone]

MEGABYTE = 1 << 20
MAILS, WARM = 40, 2
LINE = b"x" * 76 + b"\r\n"
MAIL = b"Subject: large\r\n\r\n" + LINE * (26 * MEGABYTE // len(LINE))
SECONDS = 240.0


@dataclass(frozen=True)
class Case:
    """How mitmail is started, and how many octets its memory may grow by."""

    name: str
    options: tuple[str, ...] = ("--antivirus", "generic")
    growth: int = 10 * MEGABYTE

    def __str__(self) -> str:
        return self.name


SCANNING = ("--antivirus", "generic", "--switch", "marked-in-header")
CASES = [
    Case("scanning off"),
    # 10 MiB of a message are kept until it turns out to be larger, and then sent on at once.
    Case("scanning on", SCANNING, growth=32 * MEGABYTE),
]


@dataclass
class Stand:
    """A shield before Dovecot: three processes, and this one is none of them."""

    shield: ForProgram
    case: Case
    letter: Path
    inbox: Path

    def curl(self, endpoint: str, *arguments: str) -> bytes:
        """Have curl fetch or send; the SHA-256 of all that it has fetched."""
        port = self.shield.places[endpoint].port
        url = f"{endpoint}://{dovecot.NAME}:{port}"
        command = [
            *(need("curl"), "-q", "-sS", "--ssl-reqd", "--max-time", str(SECONDS)),
            *("--cacert", self.shield.ready["antivirus_root_file"]),
            *("--user", f"{dovecot.USER}:{dovecot.PASSWORD}"),
            *("--connect-to", f"{dovecot.NAME}:{port}:{LOOPBACK}:{port}"),
            *(one.format(url=url, letter=self.letter) for one in arguments),
        ]
        seen, size, began = sha256(), 0, time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment()) as curl:
            assert curl.stdout is not None
            while piece := curl.stdout.read(MEGABYTE):
                seen.update(piece)
                size += len(piece)
        assert curl.returncode == 0
        size = size or len(MAIL) * arguments.count("--upload-file")
        print(f"{endpoint}: {size / MEGABYTE / (time.monotonic() - began):.0f} MB/s")
        return seen.digest()

    def stored(self, folder: str) -> int:
        """How many whole mails lie in a folder of Dovecot's (Maildir)."""
        found = [*(self.inbox.parent / f".{folder}").glob("[nc][eu][wr]/*")]
        return sum(one.stat().st_size >= len(MAIL) - MAIL.count(b"\r") for one in found)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Memory grows by no more than the case allows, at any moment within."""
        before = resident(self.shield.pid).now
        yield
        grown = resident(self.shield.pid).peak - before
        print(f"grown by {grown / MEGABYTE:.1f} MB")
        assert grown < self.case.growth


FETCH = {
    "imaps": "{{url}}/INBOX;MAILINDEX=[2-{last}]",
    "imap": "{{url}}/INBOX;MAILINDEX=[2-{last}]",
    "pop3s": "{{url}}/[2-{last}]",
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def stand(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stand]:
    home = tmp_path_factory.mktemp("gigabyte")
    letter = home / "letter"
    letter.write_bytes(MAIL)
    with _swallowing() as relay, dovecot.running(relay) as server:
        _fill(server.inbox)
        root = x509.load_der_x509_certificate(server.root)
        (home / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
        upstreams = [
            word
            for name in (*FETCH, "smtps")
            for word in ("--upstream", f"{name}={LOOPBACK}:{server.ports[name]}")
        ]
        options = [*request.param.options, *upstreams, "--upstream-ca", str(home / "root.pem")]
        with ForProgram(home, *options) as shield:
            yield Stand(shield, request.param, letter, server.inbox)


def _fill(inbox: Path) -> None:
    """Forty mails that take the room of one."""
    mine = next(inbox.iterdir()).stat()
    mail = inbox / "00002.mail"
    mail.write_bytes(MAIL.replace(b"\r\n", b"\n"))
    shutil.chown(mail, mine.st_uid, mine.st_gid)
    for number in range(3, 2 + MAILS):
        os.link(mail, inbox / f"{number:05}.mail")


@contextmanager
def _swallowing() -> Iterator[int]:
    """A mail server that keeps nothing, as a process of its own: aiosmtpd's."""
    with socket.create_server((LOOPBACK, 0)) as reserved:
        port = reserved.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "aiosmtpd", "-n"]
    command += ["-c", "aiosmtpd.handlers.Sink", "-l", f"{LOOPBACK}:{port}", "-s", "0"]
    process = subprocess.Popen(command, env=clean_environment())
    try:
        _await(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(SECONDS)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
                assert connection.recv(3) == b"220"
                return
        except OSError:
            continue
    pytest.fail("aiosmtpd does not start")


def test_a_gigabyte_is_more_than_is_allowed_by_far() -> None:
    assert len(MAIL) * MAILS > 1 << 30
    assert all(case.growth * 16 < len(MAIL) * MAILS for case in CASES)


@pytest.mark.parametrize("endpoint", FETCH)
def test_a_gigabyte_is_fetched(stand: Stand, endpoint: str) -> None:
    stand.curl(endpoint, FETCH[endpoint].format(last=1 + WARM))
    with stand.steady():
        seen = stand.curl(endpoint, FETCH[endpoint].format(last=1 + MAILS))
    sent = sha256()
    for _ in range(MAILS):
        sent.update(MAIL)
    assert seen == sent.digest()


def test_a_gigabyte_is_stored(stand: Stand) -> None:
    store = ("--upload-file", "{letter}", "{url}/sent")
    stand.curl("imaps", "{url}", "--request", "CREATE sent")
    stand.curl("imaps", *store * WARM)
    with stand.steady():
        stand.curl("imaps", *store * MAILS)
    assert stand.stored("sent") == WARM + MAILS


def test_large_mails_are_sent(stand: Stand) -> None:
    """Not a whole gigabyte: Dovecot and aiosmtpd do 8 MB/s, without mitmail between, too."""
    each = ("--upload-file", "{letter}", "{url}")
    who = ("--mail-from", dovecot.USER, "--mail-rcpt", dovecot.USER)
    stand.curl("smtps", *who, *each * WARM)
    with stand.steady():
        stand.curl("smtps", *who, *each * 8)


def test_a_client_that_does_not_read_takes_no_memory(stand: Stand) -> None:
    """Another fetches at the same time: so long the server could have gone on."""
    with _logged_in(stand) as client:
        with stand.steady():
            client.write(b"c FETCH 2:%d BODY.PEEK[]\r\n" % (1 + MAILS))
            client.flush()
            stand.curl("imaps", FETCH["imaps"].format(last=10))
        with stand.steady():
            for _ in range(4):
                assert _news(client).endswith(b"{%d}\r\n" % len(MAIL))
                mail = b"".join(iter(_pieces(client, len(MAIL))))
                assert sha256(mail).digest() == sha256(MAIL).digest()
                assert client.readline() == b")\r\n"


def _news(client: BinaryIO) -> bytes:
    """The next line that is not about what the other client has seen meanwhile."""
    while b" FETCH (FLAGS " in (line := client.readline()):
        pass
    return line


def _pieces(client: BinaryIO, size: int) -> Iterator[bytes]:
    """A slow reader's: a little at a time."""
    while size:
        piece = client.read(min(size, 1000))
        assert piece
        size -= len(piece)
        yield piece


@contextmanager
def _logged_in(stand: Stand) -> Iterator[BinaryIO]:
    with _connected(stand.shield) as client, client.makefile("rwb") as file:
        file.readline()
        file.write(f"a LOGIN {dovecot.USER} {dovecot.PASSWORD}\r\nb SELECT INBOX\r\n".encode())
        file.flush()
        while not file.readline().startswith(b"b OK"):
            pass
        yield cast(BinaryIO, file)


@contextmanager
def _connected(shield: ForProgram) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=shield.ready["antivirus_root_file"])
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    place = shield.places["imaps"]
    with (
        socket.create_connection((place.host, place.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=dovecot.NAME) as client,
    ):
        yield client


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_server_that_does_not_read_takes_no_memory(case: Case, tmp_path: Path) -> None:
    """The client goes on until nobody takes its octets any more."""
    with _deaf() as port:
        options = [*case.options, "--upstream", f"imaps={LOOPBACK}:{port}"]
        with ForProgram(tmp_path, *options) as shield, _connected(shield) as client:
            assert client.recv(100).startswith(b"* OK")
            client.sendall(b"a APPEND INBOX {2000000000+}\r\n" + LINE * 1000)
            stand = Stand(shield, case, tmp_path, tmp_path)
            sent = 0
            with stand.steady():
                client.settimeout(3)
                with suppress(TimeoutError):
                    while sent < 200 * MEGABYTE:
                        sent += client.send(LINE * 200)
            assert sent < 200 * MEGABYTE
            print(f"{sent / MEGABYTE:.1f} MB were taken")


@contextmanager
def _deaf() -> Iterator[int]:
    """A mail server that greets, and then hears nothing."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            plain, _ = listener.accept()
            with served_by(identity()).wrap_socket(plain, server_side=True) as server:
                server.sendall(b"* OK ready\r\n")
                done.wait(SECONDS)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        done.set()
        thread.join(SECONDS)
