"""Dot-stuffing: a message as lines that a single dot ends (RFC 5321 section 4.5.2, RFC 1939)."""

import re

END = b".\r\n"
_STUFFED = re.compile(rb"(\A|\r\n)\.")
_TO_STUFF = re.compile(rb"(?:\A|(?<=\r\n))\.")


def stuffed(octets: bytes) -> bytes:
    """Double each dot that begins a line; end the last line, if it has no end."""
    whole = octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"
    return _TO_STUFF.sub(b"..", whole)


def unstuffed(octets: bytes) -> bytes:
    """Take one dot from each line that begins with one."""
    return _STUFFED.sub(rb"\1", octets)
