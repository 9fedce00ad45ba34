"""Dialogue attacks, put to clients: what our side found, and whether the client said a word."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.finding import Finding
from mitmail.engine.session import Session
from mitmail.judge.client import Client, Said, Target
from mitmail.judge.crash import CRASHES
from mitmail.judge.watch import Watch
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.plan.server import utc_now
from mitmail.scenario import loader
from mitmail.scenario.model import Scenario
from mitmail.service.orders import HEALTHY, USER
from mitmail.service.service import Service

PATIENCE = 3.0  # seconds of silence that a client is told to bear
END = 8.0  # seconds for its sessions to end once it has
# A run of several sessions: what one of them proves counts before what another leaves open.
ORDER = ("vulnerable", "inconclusive", "safe", "aborted")


@dataclass(frozen=True, slots=True)
class Trial:
    """One client in one case on one endpoint.

    A vulnerable finding was seen twice, and not without the attack.
    """

    case: str
    endpoint: str
    client: str
    finding: Finding
    said: Said
    on_screen: bool = False

    @property
    def word(self) -> str:
        """The finding, and of a client that left, whether it crashed or told nobody."""
        if self.finding.finding in {"safe", "vulnerable"}:
            return self.finding.finding
        if self.said.exit_code in CRASHES:
            return "crashed"
        if self.finding.finding == "inconclusive":
            return "inconclusive"
        told = self.said.text.strip() and (self.said.exit_code != 0 or self.on_screen)
        return "aborted" if told else "aborted, silently"


@dataclass(frozen=True, slots=True)
class Range:
    """Where clients are attacked: a service, the password of its user, a folder for roots."""

    service: Service
    password: str
    folder: Path

    async def run(
        self,
        clients: Sequence[Client],
        scenarios: Sequence[Scenario],
        *,
        done: Callable[[int, int], None] = lambda count, total: None,
    ) -> list[Trial]:
        """Put every client to every case, on each endpoint that both of them know."""
        store = Store(None)
        healthy = self._prepared(make(loader.find(HEALTHY), None, store))
        plans = [self._prepared(make(x, None, store, now=utc_now())) for x in scenarios]
        # Most of its time a client waits: for our greeting, or for a server that fell silent.
        gate = asyncio.Semaphore(4 * (os.cpu_count() or 1))
        jobs = [
            (client, [(p, x) for p in plans for x in _endpoints(p.plan, client)], healthy)
            for client in clients
        ]
        total, finished = sum(len(cases) for _, cases, _ in jobs), 0

        async def attack(client: Client, case: _Prepared, endpoint: str) -> Trial:
            nonlocal finished
            async with gate:
                trial = await self._attack(client, case, endpoint)
            finished += 1
            done(finished, total)
            return trial

        trials: list[Trial] = []
        for client, cases, control in jobs:
            unfit = await self._unfit(client, control)
            fit = [(case, x) for case, x in cases if x not in unfit]
            trials += await asyncio.gather(*(attack(client, case, x) for case, x in fit))
            trials += [
                Trial(case.plan.scenario.id, x, client.name, _open(unfit[x][0]), unfit[x][1])
                for case, x in cases
                if x in unfit
            ]
        return trials

    def _prepared(self, plan: Plan) -> "_Prepared":
        file = self.folder / f"{plan.scenario.id}.pem"
        file.write_bytes(pem(*plan.server_roots))
        return _Prepared(plan, file)

    async def _unfit(self, client: Client, healthy: "_Prepared") -> dict[str, tuple[str, Said]]:
        """Endpoints on which a client fails where nothing is wrong: it proves nothing there."""
        found: dict[str, tuple[str, Said]] = {}
        for name in _endpoints(healthy.plan, client):
            if not name.endswith("s"):
                sessions, said = await self._ask(client, healthy, name)
                verdicts = {x.verdict.verdict for x in sessions if x.verdict is not None}
                if said.verdict != "accept" or "accept" not in verdicts:
                    words = f"the client fails the healthy server: {said.text.strip()[-200:]}"
                    found[name] = (words, said)
        return found

    async def _attack(self, client: Client, case: "_Prepared", endpoint: str) -> Trial:
        sessions, said = await self._ask(client, case, endpoint)
        finding = combined(sessions)
        if finding.finding == "vulnerable":
            again, _ = await self._ask(client, case, endpoint)
            finding = confirmed(finding, combined(again))
        if (finding.finding, finding.certainty) == ("vulnerable", "suspected"):
            control, _ = await self._ask(client, case.control(), endpoint)
            finding = controlled(finding, control)
        elif finding.finding == "aborted":
            # Where nothing is wrong it does its work: it was the attack that made it leave.
            finding = replace(finding, certainty="sure")
        id_ = case.plan.scenario.id
        return Trial(id_, endpoint, client.name, finding, said, client.on_screen)

    async def _ask(
        self, client: Client, case: "_Prepared", endpoint: str
    ) -> tuple[list[Session], Said]:
        watch = Watch()
        served = await self.service.open(case.plan, watch.observe, only=endpoint)
        try:
            one = served[endpoint]
            target = Target(
                endpoint=ENDPOINTS[endpoint],
                host=one.host,
                port=one.port,
                name=case.plan.name,
                user=USER,
                password=self.password,
                roots=case.roots,
                patience=PATIENCE,
            )
            for _ in range(case.before):
                await client.ask(target)
                await watch.over(END)
            said = await client.ask(target)
            return await watch.over(END), said
        finally:
            await self.service.close(served)


@dataclass(frozen=True, slots=True)
class _Prepared:
    plan: Plan
    roots: Path

    @property
    def before(self) -> int:
        """How often a client is asked before the run that counts."""
        dialogue = self.plan.scenario.server.dialogue
        return dialogue.from_session - 1 if dialogue is not None else 0

    def control(self) -> "_Prepared":
        return replace(self, plan=self.plan.control())


def _endpoints(plan: Plan, client: Client) -> list[str]:
    return [x for x in plan.scenario.endpoints if client.speaks(ENDPOINTS[x])]


def _open(words: str) -> Finding:
    return Finding("inconclusive", "sure", words)


def combined(sessions: Sequence[Session]) -> Finding:
    """The finding of one run of a client, which may connect more than once."""
    if not sessions:
        return _open("the client never connected")
    findings = [_of(x) for x in sessions]
    return min(findings, key=lambda x: (ORDER.index(x.finding), x.certainty != "sure"))


def _of(session: Session) -> Finding:
    found, verdict = session.finding, session.verdict
    if found is not None and (found.finding, found.certainty) == ("vulnerable", "sure"):
        return found  # whatever comes after it
    if session.error is not None:
        return _open(f"our side failed: {session.error}")
    if not session.over:
        return _open("a session of the client is still open")
    if found is not None:
        return found
    if verdict is not None and (verdict.verdict, verdict.certainty) == ("accept", "sure"):
        return Finding("safe", "sure", "nothing wrong reached the client, and it went on by TLS")
    return _open("nothing was to be seen")


def confirmed(first: Finding, second: Finding) -> Finding:
    """A vulnerable client is one twice."""
    if second.finding == "vulnerable":
        return first
    return _open(f"vulnerable once ({first.evidence}), the second time {second.finding}")


def controlled(finding: Finding, control: Sequence[Session]) -> Finding:
    """What a client does of itself, it does without the attack, too."""
    if any(x.finding is not None and x.finding.finding == "vulnerable" for x in control):
        return _open(f"it does so without the attack, too: {finding.evidence}")
    verdicts = {(x.verdict.verdict, x.verdict.certainty) for x in control if x.verdict is not None}
    if ("accept", "sure") not in verdicts:
        return _open("without the attack the client does not get through either")
    return replace(finding, certainty="sure")
