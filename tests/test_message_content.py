"""The Content- fields of a part, well written and badly."""

import pytest

from mitmail.message.content import Content, Parameters, content

BAD_TYPES = (b"", b"   ", b"; charset=x", b'"text"/plain', b"/plain")


def read(fields: bytes) -> Content:
    octets = b"MIME-Version: 1.0\r\n" + fields + b"\r\n\r\n"
    return content(octets, 0, len(octets))


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        (b"TEXT/Html; Charset=UTF-8", b"text/html", ((b"Charset", b"UTF-8"),)),
        (b"text/plain; a=b; c = d ;e=f", b"text/plain",
         ((b"a", b"b"), (b"c", b"d"), (b"e", b"f"))),
        (b'text/plain; name="a;b\\"c"; x=y', b"text/plain", ((b"name", b'a;b"c'), (b"x", b"y"))),
        (b"text/plain (c) ; (c;a=b) x (d) = (e) y (f)", b"text/plain", ((b"x", b"y"),)),
        (b"text/plain\r\n\t; charset=x", b"text/plain", ((b"charset", b"x"),)),
        (b"text/plain; name==?utf-8?Q?a?=; x=y", b"text/plain",
         ((b"name", b"=?utf-8?Q?a?="), (b"x", b"y"))),
        (b"text/plain; n*1=def; n*0=abc", b"text/plain", ((b"n", b"abcdef"),)),
        (b"text/plain; n*0*=utf-8''%C3%BC; n*1=d%; a=b", b"text/plain",
         ((b"a", b"b"), (b"n*", b"utf-8''%C3%BCd%25"))),
        (b"text/plain; N*0=a; n*1=b", b"text/plain", ((b"N", b"ab"),)),
        (b"text/plain; n*1=x", b"text/plain", ((b"n*1", b"x"),)),
        (b"text/plain; name=\xc3\xbc", b"text/plain", ((b"name", b"\xc3\xbc"),)),
        (b"text/plain; charset=a b; x=y", b"text/plain", ((b"charset", b"a"), (b"x", b"y"))),
        (b"text/plain charset=x", b"text/plain", ()),
        (b"text", b"text/", ()),
    ],
)  # fmt: skip
def test_types_and_parameters(value: bytes, kind: bytes, parameters: Parameters) -> None:
    found = read(b"Content-Type: " + value)
    assert (found.kind, found.parameters) == (kind, parameters)


@pytest.mark.parametrize("value", BAD_TYPES)
def test_a_type_that_cannot_be_read_is_none(value: bytes) -> None:
    assert read(b"Content-Type: " + value).kind == b"/"


def test_the_first_field_of_a_name_counts() -> None:
    found = read(b"content-type : text/html\r\nContent-Type: text/plain")
    assert found.kind == b"text/html"


@pytest.mark.parametrize(
    ("field", "name", "value"),
    [
        (b"Transfer-Encoding: BASE64", "encoding", b"BASE64"),
        (b"Transfer-Encoding: quoted-printable (c)", "encoding", b"quoted-printable"),
        (b"Transfer-Encoding: 8bit;", "encoding", None),
        (b"Transfer-Encoding: a b", "encoding", None),
        (b"Transfer-Encoding:", "encoding", None),
        (b"Disposition: INLINE", "disposition", (b"INLINE", ())),
        (b"Disposition:", "disposition", None),
        (b"Language: en, de-CH (Swiss)", "language", (b"en", b"de-CH")),
        (b"Language: en de", "language", (b"en",)),
        (b"Description: a\r\n b", "description", b"a b"),
        (b"ID: <a@b>", "id", b"<a@b>"),
    ],
)
def test_other_fields(field: bytes, name: str, value: object) -> None:
    assert getattr(read(b"Content-" + field), name) == value


def test_a_message_that_is_no_mime_says_so() -> None:
    octets = b"Content-Transfer-Encoding: base64\r\n\r\n"
    found = content(octets, 0, len(octets))
    assert (found.mime, found.encoding) == (False, b"base64")
    assert content(octets, 0, len(octets), Content()).mime
