"""The proxy mode ``mail:KEY@host:port``: a listener whose sessions are our layer's."""

import asyncio
import socket
import struct
import sys

from mitmproxy import ctx
from mitmproxy.connection import Connection
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_servers import AsyncioServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import ConnectionIO
from mitmproxy_rs.udp import UdpServer
from mitmproxy_rs.wireguard import WireGuardServer

from mitmail.addon.layer import MailLayer
from mitmail.addon.route import Route
from mitmail.addon.scanning import start_scan

LOOPBACK, LOOPBACK6 = "127.0.0.1", "::1"
ATTEMPTS = 20


class PatientReader(asyncio.StreamReader):
    """A reader that hands out what it has before it tells of a reset.

    asyncio's own drops the octets that lie in it once the connection is reset: a late alert
    followed by RST would be lost. While it is paused it gives nothing out; asyncio stops reading
    from the socket once twice its limit lies here (128 KiB).
    """

    def __init__(self, limit: int = 2**16, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(limit, loop)
        self._flowing = asyncio.Event()
        self._flowing.set()

    def pause(self, *, paused: bool = True) -> None:
        """Give nothing out any more, or give out again."""
        if paused:
            self._flowing.clear()
        else:
            self._flowing.set()

    async def read(self, n: int = -1) -> bytes:
        """Give out what is here, up to so many octets, once it is not paused."""
        await self._flowing.wait()
        return await super().read(n)

    def set_exception(self, exc: BaseException) -> None:
        """Turn a broken connection into its end."""
        if isinstance(exc, OSError):
            self.feed_eof()
        else:
            super().set_exception(exc)  # type: ignore[arg-type] # typeshed says type, asyncio passes an instance


class MailMode(ProxyMode):
    """``mail:KEY``: the route of that key."""

    description = "mitmail"
    transport_protocol = "tcp"

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("mail mode needs the key of a route")

    def get_state(self) -> str:
        """The mode that a saved flow names: one that a mitmproxy without this addon can read."""
        return f"regular@{self.custom_listen_host}:{self.custom_listen_port}"


class LoopbackInstance[M: MailMode](AsyncioServerInstance[M]):
    """A listener of ours; 127.0.0.1 means ::1 too, on the same port."""

    async def listen(
        self, host: str, port: int
    ) -> list[asyncio.Server | UdpServer | WireGuardServer]:
        """Bind and listen; port 0 lets the kernel choose."""
        return [await self._serve(sock) for sock in bind(host, port)]

    async def _serve(self, sock: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            reader = PatientReader(loop=loop)
            return asyncio.StreamReaderProtocol(reader, self.handle_stream, loop=loop)

        return await loop.create_server(protocol, sock=sock)


class MailInstance(LoopbackInstance[MailMode]):
    """The listener of one route."""

    def make_top_layer(self, context: Context) -> MailLayer:
        """Give a new connection its session."""
        addon = ctx.master.addons.get("mitmail")
        return session_layer(context, *addon.admit(self.mode.data))


def session_layer(context: Context, route: Route, number: int) -> MailLayer:
    """The layer of a new connection that has its route and its number."""
    return MailLayer(
        context,
        route,
        number,
        lambda connection: _reset(context, connection),
        lambda connection, paused: _pause(context, connection, paused=paused),
        lambda token, octets: start_scan(context, route, token, octets),
    )


def _streams(context: Context, connection: Connection) -> ConnectionIO:
    handlers = ctx.master.addons.get("proxyserver").connections
    return handlers[context.client.id].transports.get(connection) or ConnectionIO()


def _reset(context: Context, connection: Connection) -> None:
    writer = _streams(context, connection).writer
    if isinstance(writer, asyncio.StreamWriter):
        reset(writer)


def _pause(context: Context, connection: Connection, *, paused: bool) -> None:
    reader = _streams(context, connection).reader
    if isinstance(reader, PatientReader):
        reader.pause(paused=paused)


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection with RST, once what was written has been handed to the kernel."""
    # abort() alone ends with FIN, unless something of the client's lies unread.
    now = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
    writer.transport.abort()


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets for ``host``; for 127.0.0.1 a second one on ::1 where the machine has IPv6.

    Raises OSError when the port is taken on either.
    """
    hosts = [host, LOOPBACK6] if host == LOOPBACK and _has_ipv6() else [host]
    for attempt in range(ATTEMPTS):
        sockets: list[socket.socket] = []
        try:
            for one in hosts:
                chosen = sockets[0].getsockname()[1] if sockets else port
                sockets.append(_bound(one, chosen))
            return sockets
        except OSError:
            for sock in sockets:
                sock.close()
            # The kernel's choice for 127.0.0.1 may be somebody else's port on ::1.
            if port or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only where the protocol is named.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        # Bound is not enough: SO_REUSEADDR lets a second program bind until one listens.
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _has_ipv6() -> bool:
    try:
        _bound(LOOPBACK6, 0).close()
    except OSError:
        return False
    return True
