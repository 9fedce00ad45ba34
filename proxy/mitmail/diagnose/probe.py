"""Connections that no client makes, to find out what a server is that no client can talk to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from mitmail.diagnose.certificate_message import CertificateMessage
from mitmail.diagnose.handshake import Handshake, anonymous
from mitmail.diagnose.link import Link, connected
from mitmail.diagnose.obstacle import ObstacleError
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.seen import Seen
from mitmail.diagnose.upgrade import Agreed, upgraded
from mitmail.diagnose.visit import Call
from mitmail.engine.context import Verifier
from mitmail.engine.spec import Trust
from mitmail.hello import Hello


async def is_anonymous(one: Call) -> bool:
    """Whether the server agrees to a suite without a certificate."""
    tls = Handshake(anonymous())
    with suppress(ObstacleError, TimeoutError, OverflowError):
        async with _opened(one) as (link, agreed):
            await link.send(tls.start())
            octets = agreed.beyond if agreed else b""
            while not tls.done and not tls.over:
                if not (octets := octets or await link.receive()):
                    break
                await link.send(tls.receive(octets))
                octets = b""
            await link.send(tls.shut())
    return tls.done and not tls.chain


async def off_the_wire(one: Call, hello: Hello) -> Seen | None:
    """What the server shows to a hello without TLS 1.3, be it certificates or not.

    Nothing is verified, and the handshake is not brought to its end.
    """
    tls = Handshake(Verifier(Trust(name=one.name), hello).leg(one.sni))
    message = CertificateMessage()
    agreed = None
    with suppress(ObstacleError, TimeoutError, OverflowError):
        async with _opened(one) as (link, agreed):
            await link.send(tls.start())
            message.hear(agreed.beyond if agreed else b"")
            while message.chain is None and not message.over:
                if not (octets := await link.receive()):
                    break
                message.hear(octets)
    if message.chain is None:
        return None
    presented = Presented(
        chain=message.chain, name=one.name, at=datetime.now(UTC), source=one.where,
        port=one.port, tls="starttls" if agreed else "implicit",
    )  # fmt: skip
    protocol = agreed.protocol if agreed else None
    return Seen(
        presented=presented, address=one.address, sni=one.sni, protocol=protocol,
        errors=("malformed",),
    )  # fmt: skip


@asynccontextmanager
async def _opened(one: Call) -> AsyncIterator[tuple[Link, Agreed | None]]:
    async with connected(one.address, one.port, one.where, one.deadlines.connect) as link:
        agreed = await upgraded(link, one.where, one.way, one.deadlines)
        async with asyncio.timeout(one.deadlines.handshake):
            yield link, agreed
