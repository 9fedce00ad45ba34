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
from mitmail.diagnose.listening import shown as words_of
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

    def __init__(
        self, finding: Finding, partial: Seen | None = None, *, judged: bool = True
    ) -> None:
        super().__init__(finding, judged=judged)
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
        self._begun = False  # to speak TLS
        self._in_clear = b""  # behind the go-ahead to STARTTLS

    async def made(self) -> Seen:
        """Make it; raises ObstacleError."""
        one = self._call
        try:
            async with connected(one.address, one.port, one.where, one.deadlines.connect) as link:
                await self._shake(link, await self._upgrade(link))
                if self._tls == "implicit":
                    await self._be_greeted(link)
                await self._leave(link)
                if self._handshake.alert is not None:
                    late = tls_trouble.refused_late(one.where, self._handshake.alert)
                    self._findings.append(late)
        except OverflowError:
            raise ObstacleError(tls_trouble.too_much(one.where), judged=True) from None
        except HandshakeFailedError as error:
            partial = self._seen() if self._handshake.chain else None
            raise HandshakeFailedError(error.finding, partial, judged=error.judged) from None
        return self._seen()

    async def _upgrade(self, link: Link) -> bytes:
        """Come to where TLS begins; octets of TLS that the server has sent already."""
        agreed = await upgraded(link, self._call.where, self._call.way, self._call.deadlines)
        self._tls = "starttls" if agreed else "implicit"
        if agreed is None:
            return b""
        self._protocol = agreed.protocol
        if agreed.offered is False:
            self._findings.append(tls_trouble.hidden(self._call.where))
        return agreed.beyond

    async def _shake(self, link: Link, octets: bytes) -> None:
        one, tls = self._call, self._handshake
        try:
            async with asyncio.timeout(one.deadlines.handshake):
                await link.send(tls.start())
                while not tls.done and not tls.over:
                    if not (octets := octets or await link.receive()):
                        raise HandshakeFailedError(
                            self._instead() or tls_trouble.closed(one.where),
                            judged=not self._is_mute(link),
                        )
                    await link.send(tls.receive(await self._of_tls(link, octets)))
                    octets = b""
        except TimeoutError:
            if self._is_mute(link):
                words = f"silent for {one.deadlines.handshake:g} s after a TLS hello"
                raise ObstacleError(tls_trouble.mute(one.where, words)) from None
            hangs = tls_trouble.hangs(one.where, one.deadlines.handshake)
            raise ObstacleError(self._instead() or hangs, judged=True) from None
        if self._in_clear:
            self._findings.append(tls_trouble.early(one.where, len(self._in_clear)))
        if not tls.done:
            raise HandshakeFailedError(self._why_failed())

    def _is_mute(self, link: Link) -> bool:
        # Where the port, or who asks, says that it is TLS, its silence is TLS that hangs.
        return self._call.way.tls is None and not link.has_heard

    def _why_failed(self) -> Finding:
        where, tls = self._call.where, self._handshake
        if tls.alert is not None:
            return tls_trouble.refused(where, tls.alert)
        if tls.failed is not None:
            return tls_trouble.failed(where, tls.failed)
        return tls_trouble.ended(where)

    async def _of_tls(self, link: Link, octets: bytes) -> bytes:
        """The part of what came that is TLS; in front of it there may be clear text."""
        if self._begun:
            return octets
        self._begun = octets[:1] in (b"\x15", b"\x16")
        if self._tls == "starttls" and not self._begun:
            begins = _TLS.search(octets)
            self._begun = begins is not None
            size = begins.start() if begins else len(octets)
            self._in_clear += octets[:size]
            return octets[size:]
        if not self._begun:
            raise await self._spoke_in_clear(link, octets)
        return octets

    def _instead(self) -> Finding | None:
        if self._begun or not self._in_clear:
            return None
        return tls_trouble.goes_on(self._call.where, words_of(self._in_clear))

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
            return  # that is told at the end
        if asked and (not octets or tongue(octets) in MAIL):
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
            version=tls.version or None, cipher=tls.cipher or None,
        )  # fmt: skip
        return Seen(
            presented=presented, address=one.address, sni=one.sni, protocol=self._protocol,
            errors=self._verifier.found().errors, findings=tuple(self._findings),
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
