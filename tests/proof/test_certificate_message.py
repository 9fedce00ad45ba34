"""The Certificate message is read octet for octet, whatever is in it."""

import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import need
from proof.certificate_message import NoCertificateMessage, certificates, client_hello
from proof.verifier import Target

BROKEN = (b"\x30\x03\x02\x01", b"", b"not DER at all" * 4000)


def sized(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets))[1:] + octets


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + sized(body)


def records(octets: bytes, size: int) -> bytes:
    parts = [octets[i : i + size] for i in range(0, len(octets), size)]
    return b"".join(b"\x16\x03\x03" + struct.pack(">H", len(part)) + part for part in parts)


FLIGHT = message(2, b"\x03\x03" + bytes(35)) + message(11, sized(b"".join(map(sized, BROKEN))))


@contextmanager
def server(answer: bytes) -> Iterator[Target]:
    """Somebody who reads a ClientHello, answers it with these octets and closes."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            connection, _ = door.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Target("127.0.0.1", door.getsockname()[1], "mail.customer.test", Path("/dev/null"))
        thread.join(10)


def test_broken_certificates_come_as_they_were_sent() -> None:
    with server(records(FLIGHT, 16000)) as target:
        assert certificates(target) == list(BROKEN)


def test_a_message_in_many_records_is_put_together() -> None:
    with server(records(FLIGHT, 7)) as target:
        assert certificates(target) == list(BROKEN)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "ended"),
        (records(FLIGHT, 16000)[:500], "ended"),
        (b"* OK IMAP ready\r\n" * 9, "no TLS handshake"),
    ],
    ids=["nothing", "half of it", "a greeting in clear"],
)
def test_what_is_no_whole_message_is_said_to_be_none(answer: bytes, says: str) -> None:
    with server(answer) as target, pytest.raises(NoCertificateMessage, match=says):
        certificates(target)


@contextmanager
def s_server(*options: str) -> Iterator[int]:
    """The port of an ``openssl s_server``, which stays as long as its input is open."""
    command = [need("openssl"), "s_server", "-accept", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith(b"ACCEPT"))
        try:
            yield int(line.rpartition(b":")[2])
        finally:
            process.kill()


def test_openssl_finds_nothing_wrong_with_the_client_hello() -> None:
    with (
        s_server("-nocert") as port,
        socket.create_connection(("127.0.0.1", port), 10) as connection,
    ):
        connection.sendall(client_hello("mail.customer.test"))
        alert = connection.recv(100)
    assert alert[:1] + alert[-2:] == b"\x15\x02\x28"  # handshake_failure: it has no certificate


def test_a_server_of_tls_1_3_alone_is_asked_through_openssl(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=mail.customer.test"]
    subprocess.run([need("openssl"), *make, *files], check=True, capture_output=True, timeout=20)
    with s_server("-tls1_3", "-cert", str(certificate), "-key", str(key)) as port:
        chain = certificates(Target("127.0.0.1", port, "mail.customer.test", certificate))
    assert chain == [ssl.PEM_cert_to_DER_cert(certificate.read_text())]
