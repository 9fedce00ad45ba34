"""Every dialogue attack put to clients, as users serve them."""

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mitmail.addon.proxy import Proxy
from mitmail.judge.attack import Range, Trial
from mitmail.judge.client import Client
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store
from mitmail.plan.server import utc_now
from mitmail.scenario import loader
from mitmail.scenario.model import Scenario
from mitmail.service.orders import USER
from mitmail.service.service import Service

GROUP = "starttls"


def cases() -> list[Scenario]:
    """The cases of the group, by id."""
    every = [loader.load(file) for file in loader.files().values()]
    return sorted((x for x in every if x.group == GROUP), key=lambda x: x.id)


async def run(
    clients: Sequence[Client],
    scenarios: Sequence[Scenario] | None = None,
    done: Callable[[int, int], None] = lambda count, total: None,
) -> list[Trial]:
    """Put these clients to these cases (all of the group, by default)."""
    password = secrets.token_urlsafe(12)
    mail = Store(USER, password, messages=seed(USER, utc_now()))
    async with Mailstore(mail) as mailstore:
        proxy = await Proxy.start()
        try:
            with tempfile.TemporaryDirectory(prefix="mitmail-") as folder:
                place = Range(Service(proxy, mailstore), password, Path(folder))
                return await place.run(clients, scenarios or cases(), done=done)
        finally:
            # A process that is asked many times belongs to this loop.
            await asyncio.gather(*(client.close() for client in clients))
            await proxy.stop()
