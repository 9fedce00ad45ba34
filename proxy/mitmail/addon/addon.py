"""The addon object: it knows the routes, counts the sessions, and lets a shield reach its door."""

from collections.abc import Iterable

from mitmproxy import ctx
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from mitmail.addon.layer import MailLayer, Stop
from mitmail.addon.route import Route


class Mitmail:
    """Gives every connection on one of our listeners its route and its number."""

    name = "mitmail"

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._sessions = 0

    def add(self, routes: Iterable[Route]) -> None:
        """Make routes known, before their listeners are opened.

        A route takes the place of the one that had its key: for new connections only.
        """
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

    def uses(self, route: Route) -> bool:
        """Whether a session that was admitted to this very route is not over yet."""
        return any(layer.route is route and not layer.session.over for layer in _layers())

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Let a shield reach the door of its own process.

        mitmproxy takes any connection to one of its own listeners for a loop, and refuses it. An
        ``--upstream`` that leads back to us is one indeed.
        """
        # The session's own route: its listener may have been given another one meanwhile.
        layer = _handlers()[data.client.id].layer if data.client.id in _handlers() else None
        if not isinstance(layer, MailLayer) or not layer.route.to_door:
            return
        if data.server.address == layer.route.server:
            data.server.error = None


def _handlers() -> dict[str, ProxyConnectionHandler]:
    found: dict[str, ProxyConnectionHandler] = ctx.master.addons.get("proxyserver").connections
    return found


def _layers() -> list[MailLayer]:
    layers = (handler.layer for handler in _handlers().values())
    return [layer for layer in layers if isinstance(layer, MailLayer)]


async def stop_sessions() -> None:
    """End every session of ours in this process with a verdict, in order."""
    ours = [x for x in _handlers().values() if isinstance(x.layer, MailLayer)]
    for handler in ours:
        await handler.server_event(Stop())
