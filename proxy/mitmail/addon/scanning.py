"""Has messages scanned while their sessions go on."""

import asyncio
import logging

from mitmproxy import ctx
from mitmproxy.proxy.context import Context

from mitmail.addon.layer import ScanDone
from mitmail.addon.route import Route
from mitmail.screening import Scanned

logger = logging.getLogger(__name__)
_running: set[asyncio.Task[None]] = set()


def start_scan(context: Context, route: Route, token: int, octets: bytes) -> None:
    """Have octets scanned; the session that asked gets ``ScanDone``, if it is still there."""
    task = asyncio.get_running_loop().create_task(_scan(context, route, token, octets))
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _scan(context: Context, route: Route, token: int, octets: bytes) -> None:
    try:
        result = Scanned(error="there is no scanner")
        if route.scan is not None:
            result = await route.scan(octets)
    except Exception as error:  # a session waits: it must hear of whatever went wrong
        logger.exception("a scan failed")
        result = Scanned(error=f"{type(error).__name__}: {error}")
    handlers = ctx.master.addons.get("proxyserver").connections
    handler = handlers.get(context.client.id)
    if handler is not None:
        await handler.server_event(ScanDone(token, result))
