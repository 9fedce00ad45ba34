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
from mitmail.engine.starttls_client import LIMIT, StarttlsClient

IMPLICIT: Final[dict[MailProtocol, int]] = {"imap": 993, "pop3": 995, "smtp": 465}
# What is asked before STARTTLS, and its answer: whole, and one that lists. EHLO is asked anyway.
_ASKING: Final[dict[MailProtocol, bytes]] = {
    "imap": b"mitmail0 CAPABILITY\r\n", "pop3": b"CAPA\r\n",
}  # fmt: skip
_WHOLE: Final[dict[MailProtocol, re.Pattern[bytes]]] = {
    "imap": re.compile(rb"^mitmail0 .*\n", re.MULTILINE),
    "pop3": re.compile(rb"\A(-ERR.*\n|(?s:.*)^\.\r?\n)", re.MULTILINE | re.IGNORECASE),
}
_LISTING: Final[dict[MailProtocol, re.Pattern[bytes]]] = {
    "imap": re.compile(rb"^\* CAPABILITY\b.*$", re.MULTILINE | re.IGNORECASE),
    "pop3": re.compile(rb"\A\+OK(?s:.*)", re.IGNORECASE),
    "smtp": re.compile(rb"^250[- ].*$", re.MULTILINE),
}
_REFUSED = re.compile(r"refused (STARTTLS|STLS)(?P<words>.*)")
TOO_MUCH = "said too much before TLS"
_OTHERWISE = {"flood": "said too much", "preauth": "has logged the client in"}
_OFFERED = re.compile(rb"\b(STARTTLS|STLS)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The server waits for TLS; ``beyond`` is what it said behind its go-ahead.

    ``offered`` says whether STARTTLS was among its capabilities, null where it told none.
    """

    protocol: MailProtocol
    beyond: bytes
    offered: bool | None = None


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
    if said == "tls":
        finding = Finding(
            id="tls-at-once", severity="high", reason="starttls", where=where,
            words="it begins with TLS where a greeting in clear is expected",
        )  # fmt: skip
        raise ObstacleError(finding, judged=True)
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
            if protocol in _ASKING and re.match(rb"\* OK|\+OK", octets, re.IGNORECASE):
                heard = await _capabilities(link, where, protocol)
            while True:
                await link.send(client.receive(octets))
                if client.done:
                    return Agreed(protocol, client.beyond, _offers(protocol, heard))
                if client.refused is not None:
                    break
                octets = await _more(link, where)
                heard += octets if protocol == "smtp" else b""
    except TimeoutError:
        finding = Finding(
            id="starttls-silent", severity="high", reason="starttls", where=where,
            words=f"it does not agree to STARTTLS within {deadlines.greeting:g} s",
        )  # fmt: skip
        raise ObstacleError(finding, judged=True) from None
    offered = _offers(protocol, heard)
    raise ObstacleError(_refused(where, protocol, client.refused, offered), judged=True)


async def _capabilities(link: Link, where: str, protocol: MailProtocol) -> bytes:
    heard = b""
    await link.send(_ASKING[protocol])
    while not _WHOLE[protocol].search(heard):
        heard += await _more(link, where)
        if len(heard) > LIMIT:
            raise ObstacleError(_refused(where, protocol, TOO_MUCH, None), judged=True)
    return heard


async def _more(link: Link, where: str) -> bytes:
    octets = await link.receive()
    if not octets:
        raise ObstacleError(_closed(where, "before it agreed to STARTTLS"))
    return octets


def _offers(protocol: MailProtocol, heard: bytes) -> bool | None:
    listed = _LISTING[protocol].findall(heard)
    return bool(_OFFERED.search(b"\n".join(listed))) if listed else None


def _refused(where: str, protocol: MailProtocol, clause: str, offered: bool | None) -> Finding:
    if not (said := _REFUSED.match(clause)):
        word = next((word for word, begin in _OTHERWISE.items() if clause.startswith(begin)), None)
        return Finding(
            id=word or "not-let-in", severity="high", where=where,
            words=f"the mail server {clause}", reason="starttls" if word == "preauth" else None,
        )  # fmt: skip
    offers = "offers STARTTLS" if offered else "does not offer STARTTLS"
    return Finding(
        id="starttls-refused" if offered else "starttls-missing", severity="high",
        reason="starttls", where=where,
        words=f"the mail server {offers}, and refuses it{said['words']}",
        fix=f"use SSL/TLS, port {IMPLICIT[protocol]}; an antivirus or a gateway in between may "
        "have taken STARTTLS away; without TLS the password would go over the network in clear",
    )  # fmt: skip


def _closed(where: str, when: str) -> Finding:
    return Finding(
        id="closed", severity="unknown", where=where,
        words=f"it closes the connection {when}",
        fix="it may turn this network's addresses away, or be overloaded: try again later",
    )  # fmt: skip
