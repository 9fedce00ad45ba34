"""One connection to a server: in as a mail client, and out with a good-bye."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from mitmail.diagnose import tls_trouble
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.handshake import Handshake
from mitmail.diagnose.link import Deadlines, Link, connected
from mitmail.diagnose.listening import first_words, foreign, secured_words
from mitmail.diagnose.obstacle import ObstacleError, Way
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.seen import Seen
from mitmail.diagnose.target import shown
from mitmail.diagnose.tongue import MAIL, NAMES, tongue
from mitmail.diagnose.upgrade import upgraded
from mitmail.endpoint import MailProtocol
from mitmail.engine.context import Verifier
from mitmail.engine.spec import Trust
from mitmail.hello import Hello

GOODBYE: Final[dict[MailProtocol | None, bytes]] = {
    "imap": b"mitmail LOGOUT\r\n", "pop3": b"QUIT\r\n", "smtp": b"QUIT\r\n", None: b"QUIT\r\n",
}  # fmt: skip
_TLS = re.compile(rb"[\x15\x16]\x03")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Where to, and how. ``name`` is what the certificate is judged by; ``sni`` what is asked for.

    ``roots`` (DER) are trusted, and with ``system`` those of this machine, too.
    """

    host: str
    address: str
    port: int
    name: str
    sni: str | None
    way: Way
    roots: tuple[bytes, ...] = ()
    system: bool = True
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def where(self) -> str:
        """``HOST:PORT``."""
        return shown(self.host, self.port)


class HandshakeFailedError(ObstacleError):
    """TLS failed; ``partial`` is what the server had shown before."""

    def __init__(self, finding: Finding, partial: Seen | None = None) -> None:
        super().__init__(finding, judged=True)
        self.partial = partial


class Visit:
    """Makes one connection, with this hello."""

    def __init__(self, one: Call, hello: Hello) -> None:
        self._call = one
        self._verifier = Verifier(Trust(name=one.name, roots=one.roots, system=one.system), hello)
        self._handshake = Handshake(self._verifier.leg(one.sni))
        self._tls = one.way.tls
        self._protocol: MailProtocol | None = None
        self._findings: list[Finding] = []

    async def made(self) -> Seen:
        """Make it; raises ObstacleError."""
        one = self._call
        try:
            async with connected(one.address, one.port, one.where, one.deadlines.connect) as link:
                await self._shake(link, await self._upgrade(link))
                if self._tls == "implicit":
                    await self._be_greeted(link)
                await self._leave(link)
        except OverflowError:
            raise ObstacleError(tls_trouble.too_much(one.where), judged=True) from None
        except HandshakeFailedError as error:
            partial = self._seen() if self._handshake.chain else None
            raise HandshakeFailedError(error.finding, partial) from None
        return self._seen()

    async def _upgrade(self, link: Link) -> bytes:
        """Come to where TLS begins; octets of TLS that the server has sent already."""
        agreed = await upgraded(link, self._call.where, self._call.way, self._call.deadlines)
        self._tls = "starttls" if agreed else "implicit"
        if agreed is None:
            return b""
        self._protocol = agreed.protocol
        begins = _TLS.search(agreed.beyond)
        in_clear = begins.start() if begins else len(agreed.beyond)
        if in_clear:
            self._findings.append(tls_trouble.early(self._call.where, in_clear))
        return agreed.beyond[in_clear:]

    async def _shake(self, link: Link, octets: bytes) -> None:
        one, tls = self._call, self._handshake
        begun = self._tls == "starttls"
        try:
            async with asyncio.timeout(one.deadlines.handshake):
                await link.send(tls.start())
                while not tls.done and not tls.over:
                    if not (octets := octets or await link.receive()):
                        raise HandshakeFailedError(tls_trouble.closed(one.where))
                    if not begun and octets[:1] not in (b"\x15", b"\x16"):
                        raise await self._spoke_in_clear(link, octets)
                    begun = True
                    await link.send(tls.receive(octets))
                    octets = b""
        except TimeoutError:
            seconds = one.deadlines.handshake
            raise ObstacleError(tls_trouble.hangs(one.where, seconds), judged=True) from None
        if not tls.done and tls.alert is not None:
            raise HandshakeFailedError(tls_trouble.refused(one.where, tls.alert))
        if not tls.done:
            raise HandshakeFailedError(tls_trouble.failed(one.where, tls.failed or "it ended"))

    async def _spoke_in_clear(self, link: Link, octets: bytes) -> ObstacleError:
        octets = await first_words(link, self._call.deadlines.answer, octets)
        said = tongue(octets)
        if said not in MAIL:
            return foreign(self._call.where, said, octets)
        finding = tls_trouble.in_clear(self._call.where, NAMES[said])
        return ObstacleError(finding, judged=True, instead=Way("starttls", MAIL[said]))

    async def _be_greeted(self, link: Link) -> None:
        one = self._call
        octets = await secured_words(link, self._handshake, one.deadlines.silence)
        asked = not octets and not self._handshake.over
        if asked:  # a web server waits, and answers whatever is no request of its own
            await link.send(self._handshake.say(GOODBYE[None]))
            octets = await secured_words(link, self._handshake, one.deadlines.answer)
        if self._handshake.alert is not None:
            alert = self._handshake.alert
            self._findings.append(tls_trouble.refused_late(one.where, alert))
        elif asked and (not octets or tongue(octets) in MAIL):
            self._findings.append(_without_greeting(one))
        elif not octets:
            self._findings.append(_ended(one))
        elif (said := tongue(octets)) not in MAIL:
            self._findings.append(foreign(one.where, said, octets).finding)
        else:
            self._protocol = MAIL[said]
            self._findings += _expected(one, MAIL[said])

    async def _leave(self, link: Link) -> None:
        if not self._handshake.over:
            await link.send(self._handshake.say(GOODBYE[self._protocol]))
            await secured_words(link, self._handshake, self._call.deadlines.answer)
        await link.send(self._handshake.shut())

    def _seen(self) -> Seen:
        one, tls = self._call, self._handshake
        presented = Presented(
            chain=tls.chain, name=one.name, at=datetime.now(UTC), source=one.where,
            staple=self._verifier.staple or None, port=one.port, tls=self._tls,
        )  # fmt: skip
        return Seen(
            presented=presented, address=one.address, sni=one.sni, version=tls.version,
            cipher=tls.cipher, protocol=self._protocol, errors=self._verifier.found().errors,
            findings=tuple(self._findings),
        )  # fmt: skip


def _without_greeting(one: Call) -> Finding:
    return Finding(
        id="no-greeting", severity="unknown", where=one.where,
        words=f"behind TLS it does not greet within {one.deadlines.silence:g} s: no mail server, "
        "or a slow one",
    )  # fmt: skip


def _ended(one: Call) -> Finding:
    return Finding(
        id="no-greeting", severity="medium", where=one.where,
        words="behind TLS it closes the connection without a greeting",
    )  # fmt: skip


def _expected(one: Call, protocol: MailProtocol) -> list[Finding]:
    wanted = one.way.protocol
    if wanted is None or wanted == protocol:
        return []
    words = f"it speaks {NAMES[protocol]}, and {NAMES[wanted]} is expected there"
    return [Finding(id="other-protocol", severity="medium", where=one.where, words=words)]
