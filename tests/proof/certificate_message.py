"""The certificates of a server octet for octet, broken ones too: its Certificate message, raw.

A ClientHello for TLS 1.2 and older is answered with a Certificate message in clear (RFC 5246
section 7.4.2), so that nothing has to be agreed, verified or even parsed. A server that speaks
TLS 1.3 alone is asked through openssl s_client, which needs certificates that it can read.
"""

import os
import re
import socket
import ssl
import struct
from collections.abc import Iterator

from bench import find
from proof.process import run
from proof.verifier import Target

# Everything that a server of the catalogue may want; nothing of it is ever carried out.
_SUITES = bytes.fromhex(
    "c02bc02cc02fc030cca9cca8c009c00ac013c014c023c024c027c028"  # ECDHE
    "009e009fccaa003300390067006b00a200a3003200380040006a"  # DHE, with RSA and DSS
    "009c009d002f0035003c003dc008c01200160013000ac011c00700050004c006c01000010002003b"
    "00ff"  # renegotiation is safe, RFC 5746
)
_GROUPS = bytes.fromhex("001d00170018001900150016001a001b001c001e01000101010201030104")
_SIGNATURES = bytes.fromhex(
    "040305030603080708080809080a080b080408050806040105010601040205020602030303010302"
    "0203020102020904090509060101"
)
_HANDSHAKE, _ALERT, _CERTIFICATE = 22, 21, 11
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class NoCertificateMessage(Exception):
    """The server ended, or said something else, before its Certificate message was whole."""


def certificates(target: Target) -> list[bytes]:
    """The certificates (DER, or what stands for it) that the server sends, leaf first.

    Raises NoCertificateMessage, OSError for a connection that cannot be made, and UnicodeError
    for a name that SNI cannot carry.
    """
    with socket.create_connection((target.host, target.port), target.seconds) as connection:
        connection.sendall(client_hello(None if target.is_address else target.name))
        try:
            for kind, body in _messages(connection):
                if kind == _CERTIFICATE:
                    return list(_entries(body))
        except _Refused:
            return _by_openssl(target)
    raise NoCertificateMessage("the server sent no Certificate message")


class _Refused(Exception):
    pass


def client_hello(name: str | None) -> bytes:
    """A ClientHello of TLS 1.2 as one record, for RFC 6066's server name if there is one."""
    sni = b"" if name is None else _extension(0, _sized(b"\0" + _sized(name.encode("idna"))))
    extensions = sni + b"".join(
        [
            _extension(10, _sized(_GROUPS)),
            _extension(11, b"\x01\x00"),
            _extension(13, _sized(_SIGNATURES)),
            _extension(23, b""),
        ]
    )
    body = b"\x03\x03" + os.urandom(32) + b"\0" + _sized(_SUITES) + b"\x01\0" + _sized(extensions)
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + _sized(message)


def _sized(octets: bytes) -> bytes:
    return struct.pack(">H", len(octets)) + octets


def _extension(number: int, value: bytes) -> bytes:
    return struct.pack(">H", number) + _sized(value)


def _messages(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    stream = b""
    while True:
        while len(stream) >= 4 and len(stream) >= 4 + int.from_bytes(stream[1:4]):
            end = 4 + int.from_bytes(stream[1:4])
            yield stream[0], stream[4:end]
            stream = stream[end:]
        kind, _, length = struct.unpack(">BHH", _exactly(connection, 5))
        if kind not in (_HANDSHAKE, _ALERT):
            raise NoCertificateMessage("what the server sent is no TLS handshake")
        payload = _exactly(connection, length)
        if kind == _ALERT and payload[:1] == b"\x02":
            raise _Refused
        stream += payload if kind == _HANDSHAKE else b""


def _exactly(connection: socket.socket, size: int) -> bytes:
    octets = b""
    while len(octets) < size:
        more = connection.recv(size - len(octets))
        if not more:
            raise NoCertificateMessage("the server ended before its Certificate message was whole")
        octets += more
    return octets


def _entries(body: bytes) -> Iterator[bytes]:
    rest = body[3:]
    while rest:
        size = int.from_bytes(rest[:3])
        yield rest[3 : 3 + size]
        rest = rest[3 + size :]


def _by_openssl(target: Target) -> list[bytes]:
    openssl = find("openssl")
    if openssl is None:
        raise NoCertificateMessage("the server refused TLS 1.2, and openssl is not there")
    sni = ["-noservername"] if target.is_address else ["-servername", target.name]
    where = ["-connect", f"{target.host}:{target.port}"]
    command = [openssl, "s_client", "-showcerts", *where, *sni]
    ended = run(command, close=True, seconds=target.seconds)
    found = _PEM.findall(ended.out.decode(errors="replace"))
    if not found:
        raise NoCertificateMessage("the server refused TLS 1.2, and openssl showed no certificate")
    return [ssl.PEM_cert_to_DER_cert(pem) for pem in found]
