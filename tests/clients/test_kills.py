"""A client that is killed at any step of an attacked dialogue: one verdict, one end, nothing open.

About 6 s on two cores.
"""

import asyncio
import socket
import ssl
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import pytest
from mitmproxy import ctx

from clients.house import House
from mitmail.addon.route import Happening
from mitmail.endpoint import MailProtocol
from mitmail.engine.session import Session
from mitmail.service.record import Served

pytestmark = pytest.mark.long  # half a minute of deaths

type Death = Literal["FIN", "RST"]

CASES: dict[str, MailProtocol] = {
    "starttls-stripped": "smtp",
    "starttls-refused-no": "imap",
    "starttls-accept-then-stall": "pop3",
    "starttls-accept-then-plaintext": "imap",
    "starttls-accept-then-garbage": "smtp",
    "starttls-inject-suffix-imap": "imap",
    "starttls-inject-fragment": "smtp",
    "starttls-pipelined-relay": "imap",
    "starttls-pipelined-close": "pop3",
    "imap-preauth-plain": "imap",
    "tls-disrupted-after-handshake-smtp": "smtp",
    "starttls-login-in-clear": "imap",
}
ASKING = {"imap": b"a CAPABILITY\r\n", "pop3": b"CAPA\r\n", "smtp": b"EHLO x\r\n"}
STARTTLS = {"imap": b"b STARTTLS\r\n", "pop3": b"STLS\r\n", "smtp": b"STARTTLS\r\n"}
WORK = {"imap": b"c SELECT INBOX\r\n", "pop3": b"STAT\r\n", "smtp": b"MAIL FROM:<>\r\n"}
STEPS = ("nothing", "asked", "half", "starttls", "hello", "tls", "worked")
DEATHS: tuple[Death, ...] = ("FIN", "RST")
PATIENCE = 0.3  # seconds; some of these servers fall silent on purpose


class Victim:
    """A client that gets as far as it is told, and dies."""

    def __init__(self, protocol: MailProtocol, port: int) -> None:
        self._protocol: MailProtocol = protocol
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._hears()

    def _hears(self) -> None:
        with suppress(TimeoutError, ConnectionError):
            self._socket.recv(65536)

    def _says(self, octets: bytes) -> None:
        self._socket.sendall(octets)
        self._hears()

    def _begins_tls(self, *, whole: bool) -> None:
        if whole:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        else:
            self._socket.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")

    def goes_as_far_as(self, step: str) -> None:
        """Do all that comes before this step, and it."""
        with suppress(OSError):  # the server may be worse than the client is patient
            for one in STEPS[1 : STEPS.index(step) + 1]:
                self._does(one, last=one == step)

    def _does(self, step: str, *, last: bool) -> None:
        if step == "asked":
            self._says(ASKING[self._protocol])
        elif step == "half" and last:
            self._socket.sendall(STARTTLS[self._protocol][:4])
        elif step == "starttls":
            self._says(STARTTLS[self._protocol])
        elif (step == "hello" and last) or step == "tls":
            self._begins_tls(whole=step == "tls")
        elif step == "worked":
            self._says(WORK[self._protocol])

    def dies(self, death: Death) -> None:
        """Without a goodbye, as a process does that is killed."""
        if self._socket.fileno() < 0:
            return  # where TLS fails Python's client closes by itself
        if death == "RST":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.close(self._socket)


@dataclass
class Register:
    """What was told of the sessions."""

    told: Counter[tuple[int, str]] = field(default_factory=Counter)
    sessions: dict[int, Session] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def observe(self, what: Happening, served: Served, number: int, session: Session) -> None:
        self.told[number, what] += 1
        self.sessions[number] = session
        self.changed.set()

    async def all_over(self, count: int) -> None:
        async with asyncio.timeout(15):
            while sum(x.over for x in self.sessions.values()) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.mark.parametrize("case", CASES)
def test_a_client_that_is_killed_leaves_one_verdict_one_end_and_nothing_open(
    house: House, case: str
) -> None:
    register = Register()
    deaths: list[tuple[str, Death]] = [(x, y) for x in STEPS for y in DEATHS]

    async def kill_all() -> None:
        served = await house.service.open(house.plan(case), register.observe, only=CASES[case])
        port = served[CASES[case]].port
        await asyncio.gather(*(asyncio.to_thread(_kill, case, port, *x) for x in deaths))
        await register.all_over(len(deaths))
        await house.service.close(served)
        async with asyncio.timeout(5):
            while ctx.master.addons.get("proxyserver").connections:
                await asyncio.sleep(0)  # what is over is being closed

    house.run(kill_all())
    numbers = {number for number, _ in register.told}
    assert len(numbers) == len(deaths)
    for number in numbers:
        assert register.told[number, "verdict"] == 1
        assert register.told[number, "end"] == 1
        assert register.sessions[number].error is None


def _kill(case: str, port: int, step: str, death: Death) -> None:
    victim = Victim(CASES[case], port)
    victim.goes_as_far_as(step)
    victim.dies(death)
