"""A small real run: real clients, asked in real cases, as the records of a judge."""

import asyncio
import hashlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from mitmail.addon.proxy import Proxy
from mitmail.endpoint import ENDPOINTS
from mitmail.engine.session import Session
from mitmail.judge import driver
from mitmail.judge.client import Client, Target
from mitmail.judge.outcome import decide, strongest
from mitmail.judge.result import Head, Result, Run, Shard
from mitmail.judge.watch import Watch
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.pki.certificate import pem, sha256
from mitmail.pki.store import Store
from mitmail.plan import Plan, Trusted, make
from mitmail.plan.expectation import exception
from mitmail.plan.server import utc_now
from mitmail.scenario import loader
from mitmail.service import record
from mitmail.service.orders import USER
from mitmail.service.service import Service

SERVER_ROOT: frozenset[Trusted] = frozenset({"server-root"})


@dataclass(frozen=True)
class Case:
    name: str
    plan: Plan


def case(name: str, store: Store) -> Case:
    """``expired`` or ``expired+norton``."""
    scenario, _, antivirus = name.partition("+")
    vendor = loader.find_vendor(antivirus) if antivirus else None
    return Case(name, make(loader.find(scenario), vendor, store, now=utc_now()))


def judge(
    cases: Sequence[str], clients: Sequence[str], endpoints: Sequence[str]
) -> tuple[Run, str]:
    """The run, and the password that was used in it."""
    password = secrets.token_urlsafe(12)
    return asyncio.run(_judge(cases, clients, endpoints, password)), password


async def _judge(
    cases: Sequence[str], names: Sequence[str], endpoints: Sequence[str], password: str
) -> Run:
    store = Store(None)
    clients = [x for x in await driver.found(names) if x.name in names]
    mail = MailStore(USER, password, messages=seed(USER, utc_now()))
    results: list[Result] = []
    async with Mailstore(mail) as mailstore:
        proxy = await Proxy.start()
        try:
            with tempfile.TemporaryDirectory(prefix="mitmail-") as folder:
                service = Service(proxy, mailstore)
                for client in clients:
                    for each in (case(x, store) for x in cases):
                        for name in _endpoints(each, client, endpoints):
                            asked = Asked(len(results), each, client, name, password)
                            results.append(await asked.judge(service, Path(folder)))
        finally:
            await proxy.stop()
    return Run(head(clients, results), tuple(results))


def _endpoints(case: Case, client: Client, wanted: Sequence[str]) -> list[str]:
    able = case.plan.scenario.endpoints
    return [x for x in wanted if x in able and ENDPOINTS[x].protocol in client.protocols]


@dataclass(frozen=True)
class Asked:
    index: int
    case: Case
    client: Client
    endpoint: str
    password: str

    async def judge(self, service: Service, folder: Path) -> Result:
        watch = Watch()
        numbers: list[int] = []

        def observe(happening: Any, served: Any, number: int, session: Session) -> None:
            if happening == "begin":
                numbers.append(number)
            watch.observe(happening, served, number, session)

        served = await service.open(self.case.plan, observe, only=self.endpoint)
        one = served[self.endpoint]
        roots = folder / "roots.pem"
        roots.write_bytes(pem(*self.case.plan.server_roots))
        began = asyncio.get_running_loop().time()
        try:
            said = await self.client.ask(
                Target(
                    endpoint=one.endpoint, host=one.host, port=one.port,
                    name=self.case.plan.name, user=USER, password=self.password, roots=roots,
                )
            )  # fmt: skip
            seconds = asyncio.get_running_loop().time() - began
            sessions = await watch.over(8.0)
        finally:
            await service.close(served)
        records = [
            x
            for number, session in zip(numbers, sessions, strict=True)
            if session.verdict is not None
            for x in (record.verdict(one, number, session), record.end(one, number, session))
        ]
        return self._result(said, sessions, records, seconds)

    def _result(
        self, said: Any, sessions: list[Session], records: list[Any], seconds: float
    ) -> Result:
        plan, client = self.case.plan, self.client
        scenario = plan.scenario
        expected = plan.expect(self.endpoint, SERVER_ROOT)
        known = exception(
            scenario, plan.shield, self.endpoint, SERVER_ROOT, (client.name, client.version)
        )
        seen = strongest(sessions)
        outcome = decide(expected, said, sessions, known)
        cell = f"{client.name}/{self.case.name}/{self.endpoint}"
        return Result(
            index=self.index,
            cell=cell,
            client=client.name,
            version=".".join(map(str, client.version)),
            case=self.case.name,
            scenario=scenario.id,
            group=scenario.group,
            title=scenario.title,
            why_it_matters=scenario.why,
            antivirus=plan.antivirus,
            name=plan.name,
            endpoint=self.endpoint,
            expected={
                "verdict": expected.verdict,
                "reasons": sorted(expected.reasons),
                "level": expected.level,
            },
            said=asdict(said),
            seen=None if seen is None else asdict(seen),
            outcome=outcome.word,
            why=outcome.why,
            reproduce=f"mitmail judge --only '{cell}'",
            seconds=round(seconds, 3),
            sessions=records,
            chain=chain(sessions),
        )


def head(clients: Sequence[Client], results: Sequence[Result]) -> Head:
    names = "\n".join(x.cell for x in results)
    return Head(
        plan=hashlib.sha256(names.encode()).hexdigest(),
        cells=len(results),
        shard=Shard(),
        started=utc_now().isoformat(timespec="seconds"),
        platform="Linux",
        tools={"mitmail": "0.6", "mitmproxy": "12.2.3", "OpenSSL": "4.0.1", "Python": "3.13.0"},
        clients={
            x.name: {"version": ".".join(map(str, x.version)), "verifies": x.verifies}
            for x in clients
        },
    )


def chain(sessions: Sequence[Session]) -> list[Mapping[str, Any]]:
    """What was presented, as cryptography reads it."""
    for session in sessions:
        if session.presented.identity is not None:
            return [_certificate(x) for x in session.presented.identity.chain]
    return []


def _certificate(der: bytes) -> dict[str, Any]:
    one = x509.load_der_x509_certificate(der)
    key: Any = one.public_key()
    return {
        "subject": one.subject.rfc4514_string(),
        "issuer": one.issuer.rfc4514_string(),
        "names": list(_names(one)),
        "not_before": one.not_valid_before_utc.isoformat(),
        "not_after": one.not_valid_after_utc.isoformat(),
        "key": f"{type(key).__name__.strip('_').removesuffix('PublicKey')} {key.key_size}",
        "signature": one.signature_algorithm_oid._name,
        "sha256": sha256(der),
    }


def _names(one: x509.Certificate) -> Iterator[str]:
    for extension in one.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            yield from (str(x.value) for x in extension.value)
