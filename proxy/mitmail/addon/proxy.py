"""The mitmproxy of this process: one at most, started lean, or somebody's that runs already."""

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode

from mitmail.addon.addon import Mitmail, stop_sessions
from mitmail.addon.capture import CaptureMode
from mitmail.addon.mode import MailMode
from mitmail.addon.route import Capture, Route
from mitmail.errors import CannotJudgeError

# mitmproxy closes a connection that is idle for 600 s; a dialog may stay open over lunch.
IDLE_LIMIT = 24 * 3600
GRACE = 1.0


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a route listens, or a capture."""

    route: Route | Capture
    host: str
    port: int = 0


class Proxy:
    """Listeners of routes, opened and closed while it runs."""

    def __init__(self, master: Master, addon: Mitmail) -> None:
        self._master = master
        self._addon = addon
        self._ours: dict[str, ProxyMode] = {}
        self._running: asyncio.Task[None] | None = None
        self._stopped = False

    @classmethod
    async def start(cls) -> "Proxy":
        """Start a mitmproxy with nothing in it but its listeners and our addon.

        Its configuration folder is neither read nor written: what does so is left out.
        """
        logging.getLogger("mitmproxy").setLevel(logging.ERROR)
        # It logs a port that is taken, and so would we, with what to do about it.
        logging.getLogger("mitmproxy.addons.proxyserver").disabled = True
        master = Master(Options(mode=[], tcp_timeout=IDLE_LIMIT))
        addon, started = Mitmail(), _Started()
        master.addons.add(Proxyserver(), addon, started)
        proxy = cls(master, addon)
        proxy._running = asyncio.create_task(master.run())
        await asyncio.wait(
            {proxy._running, waiter := asyncio.create_task(started.event.wait())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        waiter.cancel()
        if proxy._running.done():
            await proxy._running
        return proxy

    async def open(self, listeners: Sequence[Listener]) -> dict[str, int]:
        """Open listeners; the port of each route's key.

        Raises CannotJudgeError when a port is taken; then none of them is left open.
        """
        self._addon.add(listener.route for listener in listeners)
        modes = {
            x.route.key: ProxyMode.parse(f"{_kind(x.route)}:{x.route.key}@{x.host}:{x.port}")
            for x in listeners
        }
        self._ours |= modes
        await self._update()
        for key, mode in modes.items():
            error = self._proxyserver.servers[mode].last_exception
            if error is not None:
                await self.close(list(modes))
                raise CannotJudgeError(_refusal(mode, error))
            assert key in self._ours
        servers = self._proxyserver.servers
        return {key: int(servers[mode].listen_addrs[0][1]) for key, mode in modes.items()}

    async def close(self, keys: Sequence[str]) -> None:
        """Close the listeners of these routes."""
        for key in keys:
            self._ours.pop(key, None)
        await self._update()
        self._addon.forget(keys)

    def replace(self, routes: Iterable[Route]) -> None:
        """Give listeners, by the keys of these routes, other routes: for new connections only."""
        routes = list(routes)
        assert {route.key for route in routes} <= self._ours.keys()
        self._addon.add(routes)

    def uses(self, route: Route) -> bool:
        """Whether a session that came by this very route is not over yet."""
        return self._addon.uses(route)

    async def stop(self) -> None:
        """End every session with a verdict, free every port, and stop what we started.

        Once is enough; a second call does nothing.
        """
        if self._stopped:
            return
        self._stopped = True
        await self.close(list(self._ours))
        await stop_sessions()
        deadline = asyncio.get_running_loop().time() + GRACE
        while self._proxyserver.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.005)  # the last octets are on their way to the sockets
        if self._running is not None:
            self._master.shutdown()
            await self._running

    @property
    def _proxyserver(self) -> Proxyserver:
        found = self._master.addons.get("proxyserver")
        assert isinstance(found, Proxyserver)
        return found

    async def _update(self) -> None:
        # update() takes the whole set: what somebody else listens on stays as it is.
        servers = self._proxyserver.servers
        foreign = [x.mode for x in servers if not isinstance(x.mode, MailMode)]
        await servers.update([*foreign, *self._ours.values()])


class _Started:
    def __init__(self) -> None:
        self.event = asyncio.Event()

    def running(self) -> None:
        self.event.set()


def _kind(route: Route | Capture) -> str:
    return (CaptureMode if isinstance(route, Capture) else MailMode).type_name


def _refusal(mode: ProxyMode, error: Exception) -> str:
    host, port = mode.custom_listen_host, mode.custom_listen_port
    if isinstance(error, PermissionError):
        return f"not allowed to listen on {host} port {port}: ports below 1024 need privileges"
    if isinstance(error, OSError) and "in use" in str(error).lower():
        advice = "stop what uses it, or move all ports with --port-offset 100"
        return f"port {port} on {host} is taken: {advice}"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        # mitmproxy wraps the system's words in its own; the number says all.
        return f"cannot listen on {host} port {port}: {os.strerror(error.errno)}"
    return f"cannot listen on {host} port {port}: {error}"
