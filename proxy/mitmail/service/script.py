"""The addon for ``mitmdump -s`` and ``mitmweb -s``; ``mitmail addon`` prints this file's path.

Options: ``mitmail_scenario``, ``mitmail_antivirus``, ``mitmail_port_offset``. It opens the six
endpoints next to whatever modes mitmproxy was started with.
"""

import logging
from contextlib import AsyncExitStack

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from mitmail.addon.addon import Mitmail
from mitmail.addon.proxy import IDLE_LIMIT, Proxy
from mitmail.errors import MitmailError
from mitmail.service import bench
from mitmail.service.orders import Orders

logger = logging.getLogger("mitmail")


class Script(Mitmail):
    """Serves one plan inside somebody's mitmproxy."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = AsyncExitStack()

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        loader.add_option("mitmail_scenario", str, "healthy", "The scenario that mitmail serves.")
        loader.add_option("mitmail_antivirus", str, "none", "The simulated antivirus, or none.")
        loader.add_option("mitmail_port_offset", int, 0, "Added to every port of mitmail.")

    async def running(self) -> None:
        """Open the endpoints; modes cannot be named before the script is loaded."""
        # mitmproxy closes what is idle for 600 s: a dialog may stay open for longer.
        ctx.options.update(tcp_timeout=max(ctx.options.tcp_timeout, IDLE_LIMIT))
        orders = Orders(
            scenario=ctx.options.mitmail_scenario,
            antivirus=ctx.options.mitmail_antivirus,
            port_offset=ctx.options.mitmail_port_offset,
        )
        try:
            await bench.open_in(Proxy(ctx.master, self), orders, self._stack)
        except MitmailError as error:
            logger.error("mitmail: %s", error)
            await self._stack.aclose()
            ctx.master.shutdown()

    async def done(self) -> None:
        """Close the endpoints, and free their ports."""
        await self._stack.aclose()


addons = [Script()]
