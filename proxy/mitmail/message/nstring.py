"""IMAP's nstring (RFC 3501 section 9): NIL, a quoted string, or a literal."""

import re

_PLAIN = re.compile(rb"[\x20-\x7e]*")


def nstring(value: bytes | None) -> bytes:
    """NIL, a quoted string, or a literal when there are other octets than printable ASCII."""
    if value is None:
        return b"NIL"
    if not _PLAIN.fullmatch(value):
        return b"{%d}\r\n%b" % (len(value), value)
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
