"""From clear text to TLS: the greeting is heard, and STARTTLS asked for."""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from mitmail.diagnose.finding import Finding
from mitmail.diagnose.link import Deadlines, Link
from mitmail.diagnose.listening import first_words, foreign
from mitmail.diagnose.obstacle import ObstacleError, Way
from mitmail.diagnose.tongue import MAIL, NAMES, tongue
from mitmail.endpoint import MailProtocol
from mitmail.engine.starttls_client import StarttlsClient

# What is asked where STARTTLS was refused: whether it had been on offer at all.
CAPABILITIES: Final[dict[MailProtocol, bytes]] = {
    "imap": b"mitmail2 CAPABILITY\r\n", "pop3": b"CAPA\r\n", "smtp": b"",
}  # fmt: skip
IMPLICIT: Final[dict[MailProtocol, int]] = {"imap": 993, "pop3": 995, "smtp": 465}
_COMPLETE: Final[dict[MailProtocol, re.Pattern[bytes]]] = {
    "imap": re.compile(rb"^mitmail2 .*\n", re.MULTILINE),
    "pop3": re.compile(rb"\A(-ERR.*\n|(?s:.*)^\.\r?\n)", re.MULTILINE),
    "smtp": re.compile(rb""),
}
_REFUSED = re.compile(r"refused (STARTTLS|STLS)\b")
_OFFERED = re.compile(rb"\b(STARTTLS|STLS)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The server waits for TLS; ``beyond`` is what it said behind its go-ahead."""

    protocol: MailProtocol
    beyond: bytes


async def upgraded(link: Link, where: str, way: Way, deadlines: Deadlines) -> Agreed | None:
    """Ask for STARTTLS as the way says; None where TLS is to begin at once.

    Raises ObstacleError.
    """
    if way.tls == "implicit":
        return None
    octets = await _greeting(link, where, way, deadlines)
    if not octets:
        return None
    said = tongue(octets)
    if said not in MAIL:
        raise foreign(where, said, octets)
    if way.protocol is not None and MAIL[said] != way.protocol:
        words = f"it greets in {NAMES[said]}, and {NAMES[way.protocol]} is expected there"
        finding = Finding(id="other-protocol", severity="medium", where=where, words=words)
        raise ObstacleError(finding, judged=True, instead=Way("starttls", MAIL[said]))
    return await _asked(link, where, MAIL[said], octets, deadlines)


async def _greeting(link: Link, where: str, way: Way, deadlines: Deadlines) -> bytes:
    seconds = deadlines.silence if way.tls is None else deadlines.greeting
    try:
        octets = await first_words(link, seconds)
    except EOFError:
        raise ObstacleError(_closed(where, "without a word")) from None
    if octets or way.tls is None:
        return octets
    finding = Finding(
        id="no-greeting", severity="unknown", where=where,
        words=f"it accepts the connection and does not greet within {seconds:g} s",
        fix="try again later; or is the port one for SSL/TLS?",
    )  # fmt: skip
    raise ObstacleError(finding, instead=Way("implicit", way.protocol))


async def _asked(
    link: Link, where: str, protocol: MailProtocol, octets: bytes, deadlines: Deadlines
) -> Agreed:
    client = StarttlsClient(protocol)
    heard = b""
    try:
        async with asyncio.timeout(deadlines.greeting):
            while True:
                heard += octets
                await link.send(client.receive(octets))
                if client.done:
                    return Agreed(protocol, client.beyond)
                if client.refused is not None:
                    break
                if not (octets := await link.receive()):
                    raise ObstacleError(_closed(where, "before it agreed to STARTTLS"))
    except TimeoutError:
        finding = Finding(
            id="starttls-silent", severity="high", reason="starttls", where=where,
            words=f"it does not agree to STARTTLS within {deadlines.greeting:g} s",
        )  # fmt: skip
        raise ObstacleError(finding, judged=True) from None
    raise await _refused(link, where, protocol, client.refused, heard, deadlines)


async def _refused(
    link: Link, where: str, protocol: MailProtocol, clause: str, heard: bytes, deadlines: Deadlines
) -> ObstacleError:
    if _REFUSED.match(clause) is None:
        word = "flood" if clause.startswith("said too much") else "not-let-in"
        finding = Finding(id=word, severity="high", where=where, words=f"the mail server {clause}")
        return ObstacleError(finding, judged=True)
    heard += await _capabilities(link, protocol, deadlines.answer)
    offered = _OFFERED.search(_answers(heard)) is not None
    offers = "offers STARTTLS and" if offered else "does not offer STARTTLS:"
    finding = Finding(
        id="starttls-refused" if offered else "starttls-missing", severity="high",
        reason="starttls", where=where,
        words=f"the mail server {offers} {clause.replace('refused', 'refuses', 1)}",
        fix=f"use SSL/TLS, port {IMPLICIT[protocol]}; an antivirus or a gateway in between may "
        "have taken STARTTLS away; without TLS the password would go over the network in clear",
    )  # fmt: skip
    return ObstacleError(finding, judged=True)


async def _capabilities(link: Link, protocol: MailProtocol, seconds: float) -> bytes:
    heard = b""
    await link.send(CAPABILITIES[protocol])
    try:
        async with asyncio.timeout(seconds):
            while not _COMPLETE[protocol].search(heard) and (octets := await link.receive()):
                heard += octets
    except TimeoutError:
        pass
    return heard


def _answers(heard: bytes) -> bytes:
    # An error may quote the command that it refuses: "502 STARTTLS is not known here".
    kept = [x for x in heard.splitlines() if not re.match(rb"[45]\d\d|-ERR|mitmail\d? ", x)]
    return b"\n".join(kept)


def _closed(where: str, when: str) -> Finding:
    return Finding(
        id="closed", severity="unknown", where=where,
        words=f"it closes the connection {when}",
        fix="it may turn this network's addresses away, or be overloaded: try again later",
    )  # fmt: skip
