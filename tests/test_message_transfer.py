"""Transfer encodings undone, also where they are damaged."""

import base64
import quopri

import pytest

from mitmail.message.part import parse
from mitmail.message.transfer import decoded

OCTETS = bytes(range(256)) * 3


def undone(encoding: bytes, body: bytes) -> bytes | None:
    octets = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body
    return decoded(octets, parse(octets))


def test_what_the_standard_library_encodes_comes_back() -> None:
    assert undone(b"BASE64", base64.encodebytes(OCTETS)) == OCTETS
    assert undone(b"quoted-printable", quopri.encodestring(OCTETS)) == OCTETS


@pytest.mark.parametrize("encoding", [b"7bit", b"8BIT", b"binary", b""])
def test_what_is_not_encoded_stays(encoding: bytes) -> None:
    assert undone(encoding, b"a=3D\r\n") == b"a=3D\r\n"


def test_an_unknown_encoding_is_nobodys() -> None:
    assert undone(b"x-uuencode", b"x") is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"aGVsbG8", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVs!bG8=", b"hello"),
        (b"aGVsb", b"hel"),
        (b"====", b""),
        (b"", b""),
    ],
)
def test_damaged_base64_is_read_as_far_as_it_goes(body: bytes, text: bytes) -> None:
    assert undone(b"base64", body) == text


@pytest.mark.parametrize(("body", "text"), [(b"a=ZZ=", b"a=ZZ"), (b"=3d=\r\nb", b"=b")])
def test_damaged_quoted_printable_stays_where_it_is_damaged(body: bytes, text: bytes) -> None:
    assert undone(b"quoted-printable", body) == text
