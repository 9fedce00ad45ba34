"""A product with some behaviours in front of a mail server, in the test's own process."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from clients.house import PASSWORD, USER, House, Ledger, Site
from mitmail.addon.route import Happening
from mitmail.engine.session import Session
from mitmail.pki.certificate import pem
from mitmail.plan import make
from mitmail.scenario import loader
from mitmail.service.upstream import Server, Upstream
from serve.serving import Place

SECONDS = 20.0
__all__ = ["PASSWORD", "USER", "OpenHouse", "Shielded"]


class HeardLedger(Ledger):
    """A ledger that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._heard = Condition()

    def write(self, happening: Happening, number: int, session: Session) -> None:
        with self._heard:
            super().write(happening, number, session)
            self._heard.notify_all()

    def wait(self, until: Callable[[], bool]) -> None:
        """Until this is so."""
        with self._heard:
            assert self._heard.wait_for(until, SECONDS), self.told


class OpenHouse(House):
    """A house whose loop always runs, in a thread: clients may come whenever they like."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        super().__init__(folder)
        self.ledger: HeardLedger = HeardLedger()

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def close(self) -> None:
        super().close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def shield(
        self,
        *switches: str,
        scenario: str = "healthy",
        antivirus: str = "generic",
        before: dict[str, int] | None = None,
        roots: tuple[bytes, ...] = (),
        host: str = "127.0.0.1",
        relay_unverified: bool = False,
    ) -> "Shielded":
        """A product in front of our own door, or ``before`` the ports of another server."""
        vendor = None if antivirus == "none" else loader.find_vendor(antivirus)
        plan = make(loader.find(scenario), vendor, self.store, switches=frozenset(switches))
        upstream = None
        if before is not None:
            servers = {name: Server(host, port) for name, port in before.items()}
            upstream = Upstream(servers=servers, roots=roots, relay_unverified=relay_unverified)
        return Shielded(self, self.open(plan, upstream=upstream))


class Shielded:
    """Where a product listens, the root that it would have installed, and what it saw."""

    def __init__(self, house: OpenHouse, site: Site) -> None:
        self.site = site
        self.places = {name: Place(name, one.port) for name, one in site.served.items()}
        known = house.ledger.sessions
        self._ledger = house.ledger
        self._before = max(known, default=0)
        root = site.plan.antivirus_root
        shown = [root.certificate] if root is not None else list(site.plan.server_roots)
        self.root = house.roots(*shown)
        self.server_root = house.folder / f"{self.root.stem}-server.pem"
        self.server_root.write_bytes(b"".join(map(pem, site.plan.server_roots)))

    def session(self, number: int) -> Session:
        """One session, once it has ended; the first after the opening is 1."""
        self._ledger.wait(lambda: "end" in self._ledger.told.get(self._key(number), ()))
        return self._ledger.sessions[self._key(number)]

    def _key(self, number: int) -> int:
        mine = sorted(key for key in self._ledger.told if key > self._before)
        return mine[number - 1] if len(mine) >= number else -1

    def finding(self, number: int) -> str:
        """What an attack on the dialogue came to in this session."""
        found = self.session(number).finding
        assert found is not None
        return found.finding
