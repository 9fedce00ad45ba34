"""The proxy mode ``capture:KEY@host:port``: connections that the kernel redirected to us.

It is mitmproxy's transparent mode for mail: where a client wanted to go chooses its route, before
a word is said.
"""

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Final

from mitmproxy import ctx, platform
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import TCPLayer
from mitmproxy_rs import Stream

from mitmail.addon.mode import LoopbackInstance, MailMode, session_layer
from mitmail.addon.route import Address

NOT_LED: Final = (
    "a connection came straight to this port: clients connect to their own mail server"
)
LOOP: Final = (
    "mitmail's own connection was led back to it: the redirection must leave out its group"
)


class CaptureMode(MailMode):
    """``capture:KEY``: the capture of that key."""


class CaptureInstance(LoopbackInstance[CaptureMode]):
    """The listener of a capture."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self._wanted: dict[object, Address] = {}  # by the client's own address
        super().__init__(*args, **kwargs)

    async def handle_stream(
        self,
        reader: asyncio.StreamReader | Stream,
        writer: asyncio.StreamWriter | Stream | None = None,
    ) -> None:
        """Ask the kernel where a new connection was meant for."""
        assert isinstance(writer, asyncio.StreamWriter)
        wanted = destination(writer.get_extra_info("socket"))
        if wanted is None:
            ctx.master.addons.get("mitmail").capture(self.mode.data).refusing(NOT_LED)
            writer.close()
            return
        self._wanted[writer.get_extra_info("peername")] = wanted
        await super().handle_stream(reader, writer)

    def make_top_layer(self, context: Context) -> Layer:
        """Give a new connection its session; what is no mail passes untouched."""
        addon = ctx.master.addons.get("mitmail")
        wanted = self._wanted.pop(context.client.peername)
        context.client.sockname = wanted  # as in mitmproxy's own transparent mode
        capture = addon.capture(self.mode.data)
        route = capture.choose(wanted)
        if route is not None:
            return session_layer(context, route, addon.number(route))
        capture.passing(wanted)
        context.server.address = wanted
        return TCPLayer(context, ignore=True)


def destination(sock: socket.socket) -> Address | None:
    """Where the client of a connection wanted to go; None where nothing led it here."""
    assert platform.original_addr is not None  # captures are opened where there is one
    try:
        host, port = platform.original_addr(sock)
    except OSError:  # the kernel has no translation of this connection
        return None
    return None if (host, port) == sock.getsockname()[:2] else (host, port)


def is_ours(client: Address) -> bool:
    """Whether the client of a connection is this very process: it goes round in a circle.

    Only the kernel knows in time. mitmproxy learns the address of a connection of its own when
    that is up: the other end may have been accepted, and have dialled, long before (measured:
    465 times).
    """
    return any(_address(int(entry.name)) == client for entry in Path("/proc/self/fd").iterdir())


def _address(descriptor: int) -> Address | None:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None  # fromfd would leave a copy of it open
        with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as sock:
            host, port, *_ = sock.getsockname()
    except (OSError, ValueError):  # it is closed by now, or no socket of the internet's
        return None
    return host, port
