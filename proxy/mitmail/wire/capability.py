"""Capabilities that a server announces, rewritten in the dialect of its protocol."""

import re
from collections.abc import Sequence
from typing import Literal

from mitmail.wire.mask import eol

_EHLO_LINE = re.compile(rb"250(?:[- ].*)?\r?\n")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_IMAP = re.compile(
    rb"^(\* +CAPABILITY|[^\s]+ +(?:OK|PREAUTH) +\[CAPABILITY)(?=[\s\]])((?: +[^\s\]]+)*)",
    re.I | re.M,
)


def rewrite(
    protocol: Literal["imap", "pop3", "smtp"],
    reply: bytes,
    *,
    add: Sequence[str],
    remove: Sequence[str],
) -> bytes:
    """Return ``reply`` without the capabilities ``remove`` and then with ``add`` at its end.

    ``reply`` is one complete reply: to EHLO (its first line, the greeting, is no capability), to
    CAPA with its final dot, or IMAP lines: ``* CAPABILITY``, ``OK [CAPABILITY ...]``. A negative,
    incomplete or other reply comes back as it is; so does every octet that nobody asked about.
    ``remove`` names first words, in any letter case; ``AUTH`` also stands for every ``AUTH=...``.
    What is there already is not added: the same first word (SMTP, POP3), the same item (IMAP).
    """
    return {"smtp": _ehlo, "pop3": _capa, "imap": _imap}[protocol](reply, add, remove)


def _ehlo(reply: bytes, add: Sequence[str], remove: Sequence[str]) -> bytes:
    first, *lines = _lines(reply)
    complete = [line[3:4] == b"-" for line in (first, *lines)] == [True] * len(lines) + [False]
    if not complete or not all(map(_EHLO_LINE.fullmatch, (first, *lines))):
        return reply
    *before, last = first, *_edited(lines, add, remove, b"250-", eol(first))
    return b"".join([_going_on(line) for line in before] + [_final(last)])


def _lines(reply: bytes) -> list[bytes]:
    # bytes.splitlines also splits at a bare CR, where no line of these protocols ends.
    return _LINE.findall(reply) or [b""]


def _going_on(line: bytes) -> bytes:
    return line if line[3:4] == b"-" else b"250-" + line[3:].removeprefix(b" ")


def _final(line: bytes) -> bytes:
    return b"250 " + line[4:] if line[3:4] == b"-" else line


def _capa(reply: bytes, add: Sequence[str], remove: Sequence[str]) -> bytes:
    first, *lines = _lines(reply)
    if first[:3].upper() != b"+OK" or not lines or lines[-1].rstrip(b"\r\n") != b".":
        return reply
    return b"".join([first, *_edited(lines[:-1], add, remove, b"", eol(first)), lines[-1]])


def _edited(
    lines: list[bytes], add: Sequence[str], remove: Sequence[str], prefix: bytes, end: bytes
) -> list[bytes]:
    kept = [line for line in lines if not _named(line[len(prefix) :], remove)]
    there = {_word(line[len(prefix) :]) for line in kept}
    return kept + [
        prefix + capability + end
        for capability in map(str.encode, add)
        if _word(capability) not in there
    ]


def _imap(reply: bytes, add: Sequence[str], remove: Sequence[str]) -> bytes:
    def edited(announced: re.Match[bytes]) -> bytes:
        kept = [item for item in re.findall(rb" +[^ ]+", announced[2]) if not _named(item, remove)]
        there = {_word(item) for item in kept}
        new = [b" " + item for item in map(str.encode, add) if _word(item) not in there]
        return b"".join([announced[1], *kept, *new])

    return _IMAP.sub(edited, reply)


def _word(capability: bytes) -> bytes:
    return b"".join(capability.upper().split()[:1])


def _named(capability: bytes, names: Sequence[str]) -> bool:
    word = _word(capability)
    return any(
        word == name or word.startswith(name + b"=")
        for name in (name.upper().encode() for name in names)
    )
