"""The bench of a judge: a mail server and a proxy, where each run of a client is served anew."""

import itertools
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mitmail.addon.proxy import Proxy
from mitmail.endpoint import ENDPOINTS
from mitmail.engine.session import Session
from mitmail.judge.case import Case
from mitmail.judge.client import Client, Said, Target
from mitmail.judge.watch import Watch
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.pki.certificate import pem
from mitmail.plan.server import utc_now
from mitmail.service.orders import USER
from mitmail.service.record import Served
from mitmail.service.service import Service

PATIENCE = 15.0
VERDICT_DEADLINE = 15.0
# What an attack on the dialogue came to is known at a session's end, soon after the client's.
END = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """One run of a client: its word, the sessions that we saw, and how long it took."""

    said: Said
    served: Served
    sessions: list[Session]
    seconds: float


@dataclass(slots=True)
class Bench:
    """Serves cases on loopback.

    Every run gets ports of its own, which are closed behind it: no late connection of one client
    is ever taken for another's, and what a case counts by session begins anew.
    """

    service: Service
    password: str
    folder: Path
    patience: float = PATIENCE
    _roots: dict[bytes, Path] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def hear(self, client: Client, case: Case, endpoint: str) -> Hearing:
        """Have a client do its work once in a case, on one of its endpoints."""
        watch = Watch()
        served = await self.service.open(case.plan, watch.observe, only=endpoint)
        try:
            dialogue = case.plan.scenario.server.dialogue
            target = self._target(served[endpoint], case)
            for _ in range(dialogue.from_session - 1 if dialogue is not None else 0):
                await client.ask(target)
                await watch.over(END)
            began = time.monotonic()
            said = await client.ask(target)
            seconds = time.monotonic() - began
            if dialogue is not None:
                sessions = await watch.over(END)
            else:
                sessions = await watch.settled(VERDICT_DEADLINE)
        finally:
            await self.service.close(served)
        return Hearing(
            said=said, served=served[endpoint], sessions=sessions, seconds=round(seconds, 3)
        )

    def _target(self, served: Served, case: Case) -> Target:
        product = case.plan.antivirus_root
        return Target(
            endpoint=ENDPOINTS[served.endpoint.name],
            host=served.host,
            port=served.port,
            name=case.name,
            user=USER,
            password=self.password,
            roots=self._written(case.roots),
            patience=self.patience,
            antivirus_root=None if product is None else self._written(pem(product.certificate)),
        )

    def _written(self, roots: bytes) -> Path:
        if roots not in self._roots:
            file = self.folder / f"{next(self._numbers)}.pem"
            file.write_bytes(roots)
            self._roots[roots] = file
        return self._roots[roots]


@asynccontextmanager
async def opened(patience: float = PATIENCE) -> AsyncIterator[Bench]:
    """A bench of this process' own; with it end its ports, its sessions and its files.

    ``patience`` is the time-out, in seconds, that clients are told.
    """
    password = secrets.token_urlsafe(12)
    # A mail that one client sends would arrive in the INBOX that another one reads: fetchmail
    # 6.4.37 takes that for a synchronization error, and the INBOX would grow cell by cell.
    mail = MailStore(USER, password, messages=seed(USER, utc_now()), keeps=False)
    async with Mailstore(mail) as mailstore:
        proxy = await Proxy.start()
        try:
            with tempfile.TemporaryDirectory(prefix="mitmail-") as folder:
                yield Bench(Service(proxy, mailstore), password, Path(folder), patience)
        finally:
            await proxy.stop()
