"""Going to a mail server: every port and address that was asked for, with and without the name."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from mitmail.diagnose.call import called
from mitmail.diagnose.difference import (
    another_each_time,
    between_addresses,
    between_ports,
    not_each_time,
    without_name,
)
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.link import Deadlines
from mitmail.diagnose.lookup import Lookup, NameServer
from mitmail.diagnose.naming import renamed
from mitmail.diagnose.obstacle import ObstacleError, Way
from mitmail.diagnose.reached import Reached, in_sentences, of_silence
from mitmail.diagnose.seen import Seen
from mitmail.diagnose.target import Target, is_address
from mitmail.diagnose.visit import Call
from mitmail.endpoint import ENDPOINTS
from mitmail.errors import CannotJudgeError

type Starttls = Literal["auto", "imap", "pop3", "smtp", "none"]

USUAL: Final = (993, 143, 995, 110, 465, 587)
"""The ports that are asked where none was said."""
ADDRESSES: Final = 4  # of one host that are asked
AT_ONCE: Final = 6  # connections; servers limit those of one address
AGAIN: Final = 3  # connections, to tell a difference from a server that has several certificates

_WAYS: Final = {
    25: Way("starttls", "smtp"),
    **{
        one.port: Way("starttls" if one.tls == "starttls" else "implicit", one.protocol)
        for one in ENDPOINTS.values()
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """How to go. ``name`` (ASCII) is asked for and judged by, in place of the target's own host.

    ``roots`` (DER) are trusted, and with ``system`` those of this machine, too; ``dns`` is asked
    in place of the system's resolver.
    """

    name: str | None = None
    starttls: Starttls = "auto"
    roots: tuple[bytes, ...] = ()
    system: bool = True
    dns: NameServer | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)


def announcement(target: Target) -> str:
    """What is said before anything leaves this machine."""
    ports = [target.port] if target.port is not None else USUAL
    where = target.at(ports[0]) + "".join(f", {port}" for port in ports[1:])
    return f"Connecting to {where} as a mail client would; no password is sent."


def way(port: int, starttls: Starttls) -> Way:
    """How a port is spoken to."""
    if starttls == "auto":
        return _WAYS.get(port, Way())
    return Way("implicit") if starttls == "none" else Way("starttls", starttls)


async def reach(target: Target, errand: Errand | None = None) -> Reached:
    """Connect as a careful mail client does, and take what is shown; no password is ever sent.

    Raises CannotJudgeError where no port has anything to judge: host unknown, refused, silent, no
    mail.
    """
    errand = errand or Errand()
    expedition = _Expedition(target, errand, errand.name or target.host)
    try:
        async with asyncio.timeout(errand.deadlines.whole):
            await expedition.go()
    except TimeoutError:
        expedition.out_of_time()
    return expedition.reached()


type _Outcome = Seen | Finding


class _Expedition:
    def __init__(self, target: Target, errand: Errand, name: str) -> None:
        self._target, self._errand, self._name = target, errand, name
        self._lookup = Lookup(errand.dns, errand.deadlines.dns)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._calls: list[Call] = []
        self._seen: dict[Call, Seen] = {}
        self._obstacles: dict[Call, ObstacleError] = {}
        self._findings: list[Finding] = []

    async def go(self) -> None:
        addresses = await self._lookup.host(self._target.host)
        if len(addresses) > ADDRESSES:
            self._findings.append(self._others(addresses))
        ports = USUAL if self._target.port is None else (self._target.port,)
        self._calls = [
            self._call(address, port) for address in addresses[:ADDRESSES] for port in ports
        ]
        await asyncio.gather(*map(self._make, self._calls))
        if self._seen:
            await self._compare()
            await self._rename()

    def _call(self, address: str, port: int) -> Call:
        return Call(
            host=self._target.host, address=address, port=port, name=self._name,
            sni=None if is_address(self._name) else self._name,
            way=way(port, self._errand.starttls), roots=self._errand.roots,
            system=self._errand.system, deadlines=self._errand.deadlines,
        )  # fmt: skip

    async def _make(self, one: Call) -> None:
        async with self._at_once:
            try:
                self._seen[one] = await called(one)
            except ObstacleError as error:
                self._obstacles[one] = error

    def _known(self, one: Call) -> Call:
        """The call again, now that it is known how the port is spoken to."""
        seen = self._seen[one]
        starttls = seen.presented.tls == "starttls"
        return replace(one, way=Way("starttls" if starttls else "implicit", seen.protocol))

    @property
    def _answered(self) -> list[Seen]:
        return [self._seen[one] for one in self._calls if one in self._seen]

    async def _compare(self) -> None:
        answered = self._answered
        here = [one for one in answered if one.address == answered[0].address]
        found = between_ports(here)
        for port in dict.fromkeys(one.port for one in answered):
            found += between_addresses([one for one in answered if one.port == port])
        first, *more = [x for x in self._calls if self._seen.get(x) in here]
        if first.sni is not None:
            parts = await asyncio.gather(*map(self._without_name, (first, *more)))
            found += [finding for part in parts for finding in part]
        if found:
            again = await asyncio.gather(*map(self._again, (first, *more)))
            # Where a server is not the same each time, nothing follows from any other difference.
            found = [finding for part in again for finding in part] or found
        self._findings += found

    async def _without_name(self, one: Call) -> list[Finding]:
        nameless = replace(self._known(one), sni=None)
        words = ""
        for _ in range(2):  # once may be by chance
            try:
                async with self._at_once:
                    return without_name(self._seen[one], await called(nameless))
            except ObstacleError as error:
                words = error.finding.words
        return [
            Finding(
                id="sni-needed", severity="info", where=one.where,
                words=f"without the name (SNI) no certificate is shown: {words}",
            )
        ]  # fmt: skip

    async def _again(self, first: Call) -> list[Finding]:
        # Two servers behind one address would look like any other difference.
        for _ in range(AGAIN):
            try:
                async with self._at_once:
                    second = await called(self._known(first))
            except ObstacleError as error:
                return [not_each_time(self._seen[first], error.finding)]
            if unsteady := another_each_time(self._seen[first], second):
                return unsteady
        return []

    async def _rename(self) -> None:
        for one in self._calls:
            seen = self._seen.get(one)
            if seen is not None and "name-mismatch" in seen.errors:
                self._findings.append(await renamed(self._known(one), seen, self._lookup))
                return

    def _others(self, addresses: Sequence[str]) -> Finding:
        return Finding(
            id="addresses-left", severity="unknown", where=self._target.host,
            words=f"it has {len(addresses)} addresses; the first {ADDRESSES} were asked",
        )  # fmt: skip

    def out_of_time(self) -> None:
        self._findings.append(
            Finding(
                id="out-of-time", severity="unknown", where=self._target.host,
                words=f"not everything was asked within {self._errand.deadlines.whole:g} s",
            )
        )  # fmt: skip

    def reached(self) -> Reached:
        seen = tuple(self._answered)
        obstacles = [(one, self._obstacles[one]) for one in self._calls if one in self._obstacles]
        if not seen and not any(error.judged for _, error in obstacles):
            found = [error.finding for _, error in obstacles] or self._findings
            raise CannotJudgeError(of_silence(found))
        told = [finding for one in seen for finding in one.findings]
        told += [self._told(one, error) for one, error in obstacles]
        written = dict.fromkeys(map(in_sentences, told + self._findings))
        return Reached(host=self._target.host, seen=seen, findings=tuple(written))

    def _told(self, one: Call, error: ObstacleError) -> Finding:
        others = [x for x in self._seen if x.port == one.port]
        if others and len({x.address for x in self._calls}) > 1:
            words = f"{one.address}: {error.finding.words}; {others[0].address} answers there"
            return replace(error.finding, words=words)
        asked = self._target.port is not None
        closed = error.finding.id in {"refused", "no-answer"} and not asked
        return replace(error.finding, severity="info", fix="") if closed else error.finding
