"""The addon object: it knows the routes, counts the sessions, and lets a shield reach its door."""

from collections.abc import Iterable

from mitmproxy import ctx
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from mitmail.addon.layer import Answer, MailLayer, Stop
from mitmail.addon.mode import MailMode
from mitmail.addon.route import Route


class Mitmail:
    """Gives every connection on one of our listeners its route and its number."""

    name = "mitmail"

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._sessions = 0

    def add(self, routes: Iterable[Route]) -> None:
        """Make routes known, before their listeners are opened."""
        self._routes |= {route.key: route for route in routes}

    def forget(self, keys: Iterable[str]) -> None:
        """Drop routes whose listeners are closed."""
        for key in keys:
            self._routes.pop(key, None)

    def admit(self, key: str) -> tuple[Route, int]:
        """The route of a new connection, and the number of its session.

        Nobody observes a door behind a shield of ours: its sessions have no number (0).
        """
        route = self._routes[key]
        if route.observe is None:
            return route, 0
        self._sessions += 1
        return route, self._sessions

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Let a shield reach the door of its own process.

        mitmproxy takes any connection to one of its own listeners for a loop, and refuses it. An
        ``--upstream`` that leads back to us is one indeed.
        """
        mode = data.client.proxy_mode
        route = self._routes.get(mode.data) if isinstance(mode, MailMode) else None
        if route is not None and route.to_door and data.server.address == route.server:
            data.server.error = None


async def stop_sessions() -> None:
    """End every session of ours in this process with a verdict, in order."""
    for handler, _ in _ours():
        await handler.server_event(Stop())


async def answer(number: int, word: str) -> None:
    """Answer the pop-up of a session; raises ValueError, which says what may be answered."""
    for handler, layer in _ours():
        if layer.number == number and number > 0:
            layer.session.expect_answer(word)
            await handler.server_event(Answer(word))
            return
    raise ValueError(f"there is no session {number}")


def _ours() -> list[tuple[ProxyConnectionHandler, MailLayer]]:
    handlers: dict[object, ProxyConnectionHandler] = ctx.master.addons.get(
        "proxyserver"
    ).connections
    return [(x, x.layer) for x in handlers.values() if isinstance(x.layer, MailLayer)]
