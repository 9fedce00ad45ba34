"""The ClientHello parser, on what real TLS clients send and on what nobody should."""

import random
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterable
from hashlib import sha256

import pytest

from mitmail.wire.clienthello import LIMIT, ClientHello, Malformed, NotTls, parse

V = ssl.TLSVersion


def python_hello(name: str | None = "mail.customer.test", **settings: object) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    alpn = settings.pop("alpn", None)
    for setting, value in settings.items():
        setattr(context, setting, value)
    if isinstance(alpn, list):
        context.set_alpn_protocols(alpn)
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def vector(length_size: int, body: bytes) -> bytes:
    return len(body).to_bytes(length_size) + body


def words(values: Iterable[int]) -> bytes:
    return b"".join(struct.pack("!H", value) for value in values)


def record(fragment: bytes, version: bytes = b"\x03\x01") -> bytes:
    return b"\x16" + version + vector(2, fragment)


def handshake(ciphers: Iterable[int], extensions: list[tuple[int, bytes]] | None) -> bytes:
    body = b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, words(ciphers)) + vector(1, b"\0")
    if extensions is not None:
        body += vector(2, b"".join(words([kind]) + vector(2, data) for kind, data in extensions))
    return b"\x01" + vector(3, body)


def read(data: bytes) -> ClientHello:
    hello = parse(data)
    assert hello is not None
    return hello


def server_name(name: bytes) -> tuple[int, bytes]:
    return 0, vector(2, b"\0" + vector(2, name))


def test_python_names_the_host_and_the_protocols_that_it_wants() -> None:
    hello = read(python_hello(alpn=["imap", "managesieve"]))
    assert hello.sni == "mail.customer.test"
    assert hello.alpn == ("imap", "managesieve")


def test_without_a_name_there_is_no_sni() -> None:
    assert read(python_hello(name=None)).sni is None


@pytest.mark.parametrize(
    ("oldest", "newest", "offered"),
    [
        (V.TLSv1_2, V.TLSv1_3, ("TLSv1.3", "TLSv1.2")),
        (V.TLSv1_3, V.TLSv1_3, ("TLSv1.3",)),
        (V.TLSv1_2, V.TLSv1_2, ("TLSv1.2",)),
    ],
)
def test_versions_are_those_that_the_context_allows(
    oldest: ssl.TLSVersion, newest: ssl.TLSVersion, offered: tuple[str, ...]
) -> None:
    hello = read(python_hello(minimum_version=oldest, maximum_version=newest))
    assert hello.versions == offered


def test_ciphers_are_those_of_the_context() -> None:
    scsv = 0x00FF
    offered = {cipher["id"] & 0xFFFF for cipher in ssl.create_default_context().get_ciphers()}
    assert set(read(python_hello()).ciphers) - {scsv} == offered


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
def test_openssl_offers_what_its_command_line_says() -> None:
    asked = "-servername imap.customer.test -alpn imap,h2 -curves X25519:P-256 -sigalgs"
    options = [*asked.split(), "RSA-PSS+SHA256:ECDSA+SHA384", "-tls1_3", "-ciphersuites"]
    hello = openssl_hello([*options, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"])
    assert hello.sni == "imap.customer.test"
    assert hello.alpn == ("imap", "h2")
    assert hello.versions == ("TLSv1.3",)
    assert hello.groups == (0x001D, 0x0017)
    assert hello.signature_algorithms == (0x0804, 0x0503)
    assert hello.ciphers[:2] == (0x1302, 0x1303)
    assert {0, 10, 13, 16, 43, 51} <= set(hello.extensions)
    assert hello.fingerprint.startswith("t13d03")
    assert "ip_" in hello.fingerprint


def openssl_hello(options: list[str]) -> ClientHello:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with subprocess.Popen(
            ["openssl", "s_client", "-connect", address, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as client:
            try:
                return read(first_hello(server))
            finally:
                client.kill()


def first_hello(server: socket.socket) -> bytes:
    connection, _ = server.accept()
    connection.settimeout(10)
    data = b""
    with connection:
        while parse(data) is None:
            received = connection.recv(100)
            assert received
            data += received
    return data


def test_every_beginning_of_a_hello_asks_for_more() -> None:
    data = python_hello()
    assert [parse(data[:size]) for size in range(len(data))] == [None] * len(data)
    assert parse(data) == parse(data + b"early data")


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100])
def test_a_hello_may_be_spread_over_records(size: int) -> None:
    data = python_hello()
    message = data[5:]
    spread = b"".join(record(message[at : at + size]) for at in range(0, len(message), size))
    assert parse(spread) == parse(data)
    assert parse(spread[:-1]) is None


def test_an_ssl3_hello_has_no_extensions() -> None:
    data = record(b"\x01" + vector(3, b"\x03\x00" + bytes(33) + b"\0\x02\x00\x0a\x01\x00"))
    hello = read(data)
    assert (hello.versions, hello.ciphers, hello.extensions) == (("SSLv3",), (0x000A,), ())
    assert hello.fingerprint == f"ts3i010000_{sha256(b'000a').hexdigest()[:12]}_000000000000"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"mail.customer.test", "mail.customer.test"),
        (b"", ""),
        (b"m\xc3\xbcller.test", "m\\xc3\\xbcller.test"),
        (b"a\r\n\x1b[31m\0", "a\\x0d\\x0a\\x1b[31m\\x00"),
        (b"back\\slash", "back\\x5cslash"),
    ],
)
def test_any_octets_in_a_name_are_printable(raw: bytes, shown: str) -> None:
    hello = read(record(handshake([0x1301], [server_name(raw)])))
    assert hello.sni == shown
    assert hello.fingerprint.startswith("t12d0101")


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", b"\x80\x2e\x01\x00\x02", b"\x15\x03\x01", b"\x16\x02", b"A"]
)
def test_the_first_octets_tell_what_is_not_tls(data: bytes) -> None:
    with pytest.raises(NotTls):
        parse(data)


@pytest.mark.parametrize(
    "data",
    [
        record(b"\x02" + vector(3, bytes(40))),
        record(b"\x01" + vector(3, b"\x03\x03")),
        record(handshake([0x1301], [(0, b"\0\x09\0\0\x01a")])),
        record(handshake([0x1301], [(16, b"\0\x02\x05a")])),
        record(b"\x01\xff\xff\xff"),
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x40\x01",
        record(handshake([0x1301], [])[:9]) + b"\x17\x03\x03\x00\x01\x00",
        record(handshake([0x1301], []).replace(b"\x00\x00\x2b", b"\x00\x00\x2c") + b"!"),
    ],
)
def test_a_broken_hello_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


def test_a_hello_that_never_ends_is_malformed_after_64_kib() -> None:
    endless = (record(b"\x01\x00\xff\xf0") + record(bytes(64)) * 950)[:65535]
    assert parse(endless) is None
    with pytest.raises(Malformed, match="64 KiB"):
        parse(endless + b"\x16")


def test_what_is_behind_64_kib_completes_no_hello() -> None:
    hello = handshake([0x1301], [(0xFFFF, bytes(65_440))])
    assert len(hello) < LIMIT
    data = b"".join(record(hello[at : at + 1000]) for at in range(0, len(hello), 1000))
    assert len(data) > LIMIT
    assert outcome(data[:LIMIT]) == outcome(data) == "Malformed"


def test_a_hello_in_thousands_of_records_is_malformed() -> None:
    with pytest.raises(Malformed, match="records"):
        parse(record(b"\x01\x00\xff\xf0") + record(b"\0") * 2048)


def test_only_the_named_errors_come_out_of_mutated_hellos() -> None:
    chance = random.Random(8446)
    original = python_hello(alpn=["h2", "http/1.1"])
    outcomes = set()
    for _ in range(2000):
        data = bytearray(original)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        del data[chance.choice([len(data), chance.randrange(len(data))]) :]
        outcomes.add(outcome(bytes(data)))
    assert outcomes == {"None", "ClientHello", "NotTls", "Malformed"}


def outcome(data: bytes) -> str:
    try:
        hello = parse(data)
    except (NotTls, Malformed) as error:
        return type(error).__name__
    if hello is None:
        return "None"
    assert len(hello.fingerprint) == 36
    return "ClientHello"


# Source of the values: FoxIO-LLC/ja4, technical_details/JA4.md, sections "Cipher hash",
# "Extension hash" and "ALPN Extension Value".
JA4_CIPHERS = "1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"
JA4_EXTENSIONS = "001b 0000 0033 0010 4469 0017 002d 000d 0005 0023 0012 002b ff01 000b 000a 0015"
JA4_SIGNATURES = "0403 0804 0401 0503 0805 0501 0806 0601"


def hexes(text: str) -> list[int]:
    return [int(value, 16) for value in text.split()]


def ja4_hello(signatures: str = JA4_SIGNATURES, alpn: bytes = b"h2") -> bytes:
    content = {
        0x0000: vector(2, b"\0" + vector(2, b"mail.customer.test")),
        0x0010: vector(2, vector(1, alpn)),
        0x000D: vector(2, words(hexes(signatures))),
        0x002B: vector(1, words([0x3A3A, 0x0303, 0x0304])),
        0x000A: vector(2, words([0x3A3A, 0x001D])),
    }
    kinds = [0xFAFA, *hexes(JA4_EXTENSIONS), 0x1A1A]
    extensions = [(kind, content.get(kind, b"")) for kind in kinds]
    return record(handshake([0x5A5A, *hexes(JA4_CIPHERS)], extensions))


def test_the_fingerprint_is_the_published_one_for_the_published_example() -> None:
    assert read(ja4_hello()).fingerprint == "t13d1516h2_8daaf6152771_e5627efa2ab1"


def test_without_signature_algorithms_the_published_hash_has_no_underscore() -> None:
    assert read(ja4_hello(signatures="")).fingerprint == "t13d1516h2_8daaf6152771_6d807ffa2a79"


@pytest.mark.parametrize(
    ("alpn", "two"),
    [
        ("ab", "ab"),
        ("abcd", "ad"),
        ("30ab", "3b"),
        ("3031abcd", "3d"),
        ("30abcd31", "01"),
        ("68", "hh"),
        ("687474702f312e31", "h1"),
    ],
)
def test_the_alpn_part_of_the_fingerprint_follows_the_published_table(alpn: str, two: str) -> None:
    assert read(ja4_hello(alpn=bytes.fromhex(alpn))).fingerprint[8:10] == two


def test_grease_stays_in_the_lists_but_not_in_the_versions() -> None:
    hello = read(ja4_hello())
    assert hello.ciphers[0] == 0x5A5A
    assert hello.groups == (0x3A3A, 0x001D)
    assert hello.extensions[0] == 0xFAFA
    assert hello.versions == ("TLSv1.3", "TLSv1.2")
