"""The addon object: it knows the routes, counts the sessions, and lets a shield reach its door."""

from collections.abc import Iterable

from mitmproxy import ctx
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from mitmail.addon.capture import LOOP, CaptureMode, is_ours
from mitmail.addon.layer import Answer, MailLayer, Stop
from mitmail.addon.route import Capture, Route


class Mitmail:
    """Gives every connection on one of our listeners its route and its number."""

    name = "mitmail"

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._captures: dict[str, Capture] = {}
        self._sessions = 0

    def add(self, routes: Iterable[Route | Capture]) -> None:
        """Make routes known, before their listeners are opened.

        A route takes the place of the one that had its key: for new connections only.
        """
        for one in routes:
            if isinstance(one, Capture):
                self._captures[one.key] = one
            else:
                self._routes[one.key] = one

    def forget(self, keys: Iterable[str]) -> None:
        """Drop routes whose listeners are closed."""
        for key in keys:
            self._routes.pop(key, None)
            self._captures.pop(key, None)

    def capture(self, key: str) -> Capture:
        """What is done with connections that the kernel led to us."""
        return self._captures[key]

    def admit(self, key: str) -> tuple[Route, int]:
        """The route of a new connection, and the number of its session."""
        route = self._routes[key]
        return route, self.number(route)

    def number(self, route: Route) -> int:
        """The number of a new session.

        Nobody observes a door behind a shield of ours: its sessions have no number (0).
        """
        if route.observe is None:
            return 0
        self._sessions += 1
        return self._sessions

    def uses(self, route: Route) -> bool:
        """Whether a session that was admitted to this very route is not over yet."""
        return any(layer.route is route and not layer.session.over for _, layer in _ours())

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Let a shield reach the door of its own process, and end what goes round in a circle.

        mitmproxy takes any connection to one of its own listeners for a loop, and refuses it. An
        ``--upstream`` that leads back to us is one indeed. A redirection that leads our own
        connections back to us would open ever more of them.
        """
        mode = data.client.proxy_mode
        if isinstance(mode, CaptureMode) and is_ours(data.client.peername[:2]):
            data.server.error = LOOP
            if (capture := self._captures.get(mode.data)) is not None:
                capture.refusing(LOOP)
            return
        # The session's own route: its listener may have been given another one meanwhile.
        route = next((x.route for handler, x in _ours() if handler.client is data.client), None)
        if route is not None and route.to_door and data.server.address == route.server:
            data.server.error = None


async def stop_sessions() -> None:
    """End every session of ours in this process with a verdict, in order.

    What only passes through is cut off.
    """
    ours = _ours()
    for handler, _ in ours:
        await handler.server_event(Stop())
    known = {handler for handler, _ in ours}
    for handler in _handlers():
        if isinstance(handler.client.proxy_mode, CaptureMode) and handler not in known:
            await handler.on_timeout()


async def answer(number: int, word: str) -> None:
    """Answer the pop-up of a session; raises ValueError, which says what may be answered."""
    for handler, layer in _ours():
        if layer.number == number and number > 0:
            layer.session.expect_answer(word)
            await handler.server_event(Answer(word))
            return
    raise ValueError(f"there is no session {number}")


def _ours() -> list[tuple[ProxyConnectionHandler, MailLayer]]:
    return [(x, x.layer) for x in _handlers() if isinstance(x.layer, MailLayer)]


def _handlers() -> list[ProxyConnectionHandler]:
    handlers: dict[object, ProxyConnectionHandler] = ctx.master.addons.get(
        "proxyserver"
    ).connections
    return list(handlers.values())
