"""Credentials in a dialogue, made unreadable where they are parsed."""

import re
from collections.abc import Container

_MECHANISM = re.compile(
    rb"[A-Z0-9_-]{1,20}|(?i:plain|login|external|anonymous|ntlm|gssapi|(cram|digest)-md5"
    rb"|x?oauth(2|bearer)|scram-sha-?[0-9]+(-plus)?)"
)


def masked(line: bytes, keep: int = 0) -> bytes:
    """Return ``line`` with only its first ``keep`` words readable."""
    words = line.split()
    hidden = [b"***"] if len(words) > keep else []
    return b" ".join(words[:keep] + hidden) + eol(line)


def shown(line: bytes, verb: str, secret: Container[str], keep: int = 1) -> bytes:
    """Return ``line`` of the command ``verb`` as it may be logged.

    Of a ``secret`` command the first ``keep`` words stay (those up to its verb) and the name of a
    SASL mechanism. Without a verb nothing stays: such a line may be a credential sent at the
    wrong moment.
    """
    if not verb:
        return masked(line)
    if verb not in secret:
        return line
    words = line.split(None, keep + 1)
    mechanism = verb.startswith("AUTH") and 0 < keep < len(words) and _is_mechanism(words[keep])
    return masked(line, keep + mechanism)


def eol(line: bytes) -> bytes:
    """Return the end of ``line``: CRLF, a bare LF, or nothing."""
    return line[len(line.removesuffix(b"\n").removesuffix(b"\r")) :] if line[-1:] == b"\n" else b""


def _is_mechanism(word: bytes) -> bool:
    return _MECHANISM.fullmatch(word) is not None
