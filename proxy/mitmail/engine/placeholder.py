"""The placeholders in what a conduct says, filled when it is said."""

import re
from string import ascii_lowercase, ascii_uppercase

_LAST_NUMBER = re.compile(rb"\d+(?=\D*\Z)")
_LAST_LETTERS = re.compile(rb"(?:[a-z]+|[A-Z]+)(?=[^A-Za-z]*\Z)")


def fill(text: bytes, *, tag: bytes = b"", greeting: bytes = b"") -> bytes:
    """The text with what its placeholders stand for.

    ``tag`` is that of the command that is answered, ``greeting`` the server's own.
    """
    following = [tag]
    for _ in range(3):
        following.append(next_tag(following[-1]))
    values = (greeting, *following[1:], tag)
    names = (b"{greeting}", b"{next}", b"{next2}", b"{next3}", b"{tag}")
    for name, value in zip(names, values, strict=True):
        text = text.replace(name, value)
    return text


def next_tag(tag: bytes) -> bytes:
    """The tag that an IMAP client will use after this one: ``A001`` -> ``A002``, ``az`` -> ``ba``.

    A client may choose its tags as it likes (RFC 9051 section 2.2.1): this is what most do. One
    that counts in another base, or not at all, is not met.
    """
    if (number := _LAST_NUMBER.search(tag)) is not None:
        counted = b"%0*d" % (len(number[0]), int(number[0]) + 1)
        return tag[: number.start()] + counted + tag[number.end() :]
    if (letters := _LAST_LETTERS.search(tag)) is not None:
        return tag[: letters.start()] + _counted(letters[0]) + tag[letters.end() :]
    return tag


def _counted(letters: bytes) -> bytes:
    alphabet = (ascii_lowercase if letters.islower() else ascii_uppercase).encode()
    kept = letters.rstrip(alphabet[-1:])
    rest = alphabet[:1] * (len(letters) - len(kept))
    if not kept:
        return alphabet[:1] + rest
    return kept[:-1] + bytes((kept[-1] + 1,)) + rest
