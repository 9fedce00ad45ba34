"""Thunderbird's driver, as far as it goes without Thunderbird: packets, pictures, words."""

import socket
import struct
import threading
import time
import zlib
from typing import Any

import pytest

from mitmail.judge.thunderbird.answer import read
from mitmail.judge.thunderbird.display import png
from mitmail.judge.thunderbird.job import unfit
from mitmail.judge.thunderbird.kept import GoneError
from mitmail.judge.thunderbird.marionette import Marionette, RefusedError, packet, split
from test_judge_driver import TARGET

HELLO = b'50:{"applicationType":"gecko","marionetteProtocol":3}'


# -- Marionette's packets ----


def test_a_packet_is_its_length_in_octets_and_json() -> None:
    assert packet([0, 1, "x", {"é": 1}]) == b'26:[0, 1, "x", {"\\u00e9": 1}]'


@pytest.mark.parametrize("cut", range(len(HELLO)))
def test_a_packet_may_come_in_pieces(cut: int) -> None:
    assert split(HELLO[:cut]) == (None, HELLO[:cut])
    message, rest = split(HELLO + b"7:")
    assert message["marionetteProtocol"] == 3
    assert rest == b"7:"


@pytest.mark.parametrize("octets", [b"HTTP/1.1 400", b"-1:{}", b":{}", b"9" * 30, b"2:{]"])
def test_what_is_no_packet_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        split(octets)


def answering(*answers: bytes) -> int:
    """The port of one that says hello, and to each command the next answer, then leaves."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]

    def serve() -> None:
        with listener, listener.accept()[0] as one:
            for answer in answers:
                one.sendall(answer)
                one.recv(65536)

    threading.Thread(target=serve, daemon=True).start()
    return port


def soon() -> float:
    return time.monotonic() + 5


def test_a_commands_result_is_that_of_its_number() -> None:
    port = answering(HELLO, b'12:[1,9,null,8]17:[1,1,null,"mine"]')
    marionette = Marionette(port, soon())
    assert marionette.command("x", soon()) == "mine"
    with pytest.raises(GoneError):
        marionette.command("x", soon())
    marionette.close()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([b"5:hello"], "no Marionette"),
        ([b'24:{"marionetteProtocol":2}'], "no Marionette of level 3"),
        ([HELLO, b'57:[1,1,{"error":"unknown","message":"no such thing"},null] '], "no such"),
    ],
)
def test_an_error_is_said_as_it_came(answers: list[bytes], words: str) -> None:
    with pytest.raises(RefusedError, match=words):  # noqa: PT012 # whichever of the two says it
        marionette = Marionette(answering(*answers), soon())
        try:
            marionette.command("x", soon())
        finally:
            marionette.close()


def test_one_that_never_answers_is_waited_for_until_its_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(TimeoutError):
        Marionette(listener.getsockname()[1], time.monotonic() + 0.05)


# -- The display's picture ----


def dump(width: int, height: int, pixels: bytes, line: int) -> bytes:
    """An X window dump (XWDFile.h) of 32 bits a pixel, with a name and two colours."""
    words = [0] * 25
    words[0], words[1], words[2], words[3] = 104, 7, 2, 24
    words[4], words[5], words[11], words[12], words[19] = width, height, 32, line, 2
    return struct.pack(">25I", *words) + b"abc\0" + b"\xee" * 24 + pixels


def test_a_picture_is_what_the_display_keeps() -> None:
    red, green, blue = b"\0\0\xff\0", b"\0\xff\0\0", b"\xff\0\0\0"
    pixels = red + green + b"pad." + blue + red + b"pad."
    picture = png(dump(2, 2, pixels, 12))

    # Read by the letter of the format: signature, then length, kind, data and CRC of each chunk.
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, rest = {}, picture[8:]
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        kind, data = rest[4:8], rest[8 : 8 + size]
        assert struct.unpack(">I", rest[8 + size : 12 + size])[0] == zlib.crc32(kind + data)
        chunks[kind], rest = data, rest[12 + size :]
    assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    rows = b"\0\xff\0\0\0\xff\0" + b"\0\0\0\xff\xff\0\0"
    assert zlib.decompress(chunks[b"IDAT"]) == rows


def test_another_file_or_a_part_of_one_is_no_picture() -> None:
    whole = dump(2, 2, bytes(16), 8)
    for octets in (whole[:-1], whole[:7] + b"\x06" + whole[8:], bytes(200)):
        with pytest.raises(ValueError, match="X window dump"):
            png(octets)


# -- What it says ----


def found(**said: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"shown": [], "alerts": [], "exceptions": [], "issuer_trusted": False}
    return base | said


def test_what_thunderbird_says_is_read_by_the_name_of_nss() -> None:
    notified = {"kind": "notification", "title": "Thunderbird", "texts": ["It expired."]}
    dialog = {"kind": "exception", "texts": ["a", "Outdated Information"], "pressed": "Cancel"}
    name = "SEC_ERROR_EXPIRED_CERTIFICATE"
    said = read(
        found(error=name, nss=name, overridable=True, shown=[notified, dialog]), b"\x89PNG"
    )
    assert (said.verdict, said.reason, said.exit_code) == ("reject", "expired", None)
    assert said.text.splitlines()[:2] == [name, "It expired."]
    assert said.details["notification"] == "It expired."
    assert said.details["dialog"] == dialog
    assert said.screenshot == b"\x89PNG"


@pytest.mark.parametrize(
    ("said", "gist"),
    [
        ({"done": True}, ("accept", None)),
        # What NSS says of several things, it says of none.
        ({"error": "SEC_ERROR_BAD_DER", "nss": "SEC_ERROR_BAD_DER"}, ("reject", None)),
        (
            {"error": "SEC_ERROR_UNKNOWN_ISSUER", "nss": "SEC_ERROR_UNKNOWN_ISSUER"},
            ("reject", "unknown-issuer"),
        ),
        (
            {
                "error": "SEC_ERROR_UNKNOWN_ISSUER",
                "nss": "SEC_ERROR_UNKNOWN_ISSUER",
                "issuer_trusted": True,
            },
            ("reject", None),
        ),
        # No word about TLS: the other side went away, was not there, or said nothing.
        ({"error": "PR_CONNECT_RESET_ERROR"}, ("error", None)),
        ({"error": "NS_ERROR_NET_RESET"}, ("error", None)),
        ({"error": "no answer in time"}, ("error", None)),
        (
            {
                "error": "NS_ERROR_FAILURE",
                "alerts": [
                    "Unable to establish TLS connection to POP3 server. The server may be down "
                    "or may be incorrectly configured."
                ],
            },
            ("reject", "starttls"),
        ),
    ],
)
def test_a_verdict_is_thunderbirds_own(said: dict[str, Any], gist: tuple[str, str | None]) -> None:
    answer = read(found(**said), b"")
    assert (answer.verdict, answer.reason) == gist
    assert answer.screenshot is None


def test_it_is_led_to_loopback_only() -> None:
    assert unfit(TARGET) is None
