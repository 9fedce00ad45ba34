"""ENVELOPE, against addresses that RFC 5322 gives as examples, and worse ones."""

import pytest

from mitmail.message.envelope import envelope
from mitmail.message.nstring import nstring

NOBODY = b"(NIL NIL NIL NIL)"


def addresses(value: bytes) -> bytes:
    """What is in the place of To."""
    before, after = b"(NIL NIL NIL NIL NIL ", b" NIL NIL NIL NIL)"
    found = envelope(b"To: " + value + b"\r\n\r\n")
    assert found.startswith(before)
    assert found.endswith(after)
    return found[len(before) : -len(after)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"john@x.test", b'((NIL NIL "john" "x.test"))'),
        (b"John Doe <john@x.test>", b'(("John Doe" NIL "john" "x.test"))'),
        (b'"Joe Q. Public" <j@x.test>', b'(("Joe Q. Public" NIL "j" "x.test"))'),
        (b'"Giant; \\"Big\\" Box" <g@x.test>', b'(("Giant; \\"Big\\" Box" NIL "g" "x.test"))'),
        (b"a@x.test, b@y.test", b'((NIL NIL "a" "x.test")(NIL NIL "b" "y.test"))'),
        (b"A Group:a@x.test;", b'((NIL NIL "A Group" NIL)(NIL NIL "a" "x.test")' + NOBODY + b")"),
        (b"Undisclosed:;", b'((NIL NIL "Undisclosed" NIL)' + NOBODY + b")"),
        (b"open: a@x.test", b'((NIL NIL "open" NIL)(NIL NIL "a" "x.test")' + NOBODY + b")"),
        (b"Pete(A nice \\) chap) <pete@x.test>", b'(("Pete" NIL "pete" "x.test"))'),
        (b"pete@x.test (Pete)", b'(("Pete" NIL "pete" "x.test"))'),
        (b"<@a.test,@b.test:c@d.test>", b'((NIL "@a.test,@b.test" "c" "d.test"))'),
        (b'"a b"@x.test', b'((NIL NIL "a b" "x.test"))'),
        (b"j@[192.0.2.1]", b'((NIL NIL "j" "[192.0.2.1]"))'),
        (b"root", b'((NIL NIL "root" ""))'),
        (b"J\xc3\xb6 <j@x.test>", b'(({3}\r\nJ\xc3\xb6 NIL "j" "x.test"))'),
        (b"=?utf-8?q?J=C3=B6?= <j@x.test>", b'(("=?utf-8?q?J=C3=B6?=" NIL "j" "x.test"))'),
        (b"", b"NIL"),
        (b",,;", b"NIL"),
        (b"(only a comment)", b"NIL"),
        (b"a@x.test;b@y.test", b'((NIL NIL "a" "x.test")(NIL NIL "b" "y.test"))'),
    ],
)
def test_addresses(value: bytes, expected: bytes) -> None:
    assert addresses(value) == expected


@pytest.mark.parametrize(
    "value",
    [b"<", b">", b'"', b"(", b")", b"[", b"\\", b"<<a@b>>", b":", b"a:b:c", b"<a@b>c", b"@"],
)
def test_garbage_gives_some_answer(value: bytes) -> None:
    found = addresses(value)
    assert found == b"NIL" or (found.startswith(b"((") and found.endswith(b"))"))


def test_sender_and_reply_to_default_to_from() -> None:
    a = b'((NIL NIL "a" "b.test"))'
    found = envelope(b"From: a@b.test\r\nReply-To:\r\nMessage-ID: <1@b>\r\n\r\nTo: x@y\r\n")
    assert found == b"(NIL NIL " + b" ".join([a, a, a]) + b' NIL NIL NIL NIL "<1@b>")'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b"NIL"),
        (b"", b'""'),
        (b'a "b" \\', b'"a \\"b\\" \\\\"'),
        (b"a\tb", b"{3}\r\na\tb"),
        (b"\0", b"{1}\r\n\0"),
    ],
)
def test_nstrings(value: bytes | None, written: bytes) -> None:
    assert nstring(value) == written
