"""Listening to a server's first words, for a time."""

import asyncio
from contextlib import suppress

from mitmail.diagnose.finding import Finding
from mitmail.diagnose.handshake import Handshake
from mitmail.diagnose.link import Link
from mitmail.diagnose.obstacle import ObstacleError
from mitmail.diagnose.tongue import NAMES, Tongue, is_whole

SHOWN = 80  # octets of a server's words that are told


async def first_words(link: Link, seconds: float, octets: bytes = b"") -> bytes:
    """What a server says first in clear: until it can be told what it is, or for so long.

    ``octets`` are those that came already. Raises EOFError where it ends without a word.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not is_whole(octets):
                came = await link.receive()
                if not came and not octets:
                    raise EOFError
                if not came:
                    break
                octets += came
    return octets


async def secured_words(link: Link, handshake: Handshake, seconds: float) -> bytes:
    """What a server says behind TLS, until its first line is there, or for so long."""
    before = len(handshake.said)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not is_whole(handshake.said[before:]) and not handshake.over:
                came = await link.receive()
                if not came:
                    break
                await link.send(handshake.receive(came))
    return handshake.said[before:]


def foreign(where: str, said: Tongue, octets: bytes) -> ObstacleError:
    """What is to be said of a port that speaks no mail."""
    words = f"it speaks {NAMES[said]}, not mail"
    if said == "other":
        words = f"it answers in {NAMES[said]}: {shown(octets)}"
    return ObstacleError(
        Finding(
            id="not-mail", severity="high", where=where, words=words,
            fix="mail is usually at 993 or 143 (IMAP), 995 or 110 (POP3), 465 or 587 (SMTP)",
        )
    )  # fmt: skip


def shown(octets: bytes) -> str:
    """A server's first line as it may be printed."""
    line = octets.partition(b"\n")[0].strip()[:SHOWN]
    return "".join(chr(x) if 32 <= x < 127 else "?" for x in line)
