"""Records: what a session was, as JSON documents (``"schema": 1``)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mitmail.endpoint import Endpoint
from mitmail.engine.session import Session
from mitmail.errors import MitmailError
from mitmail.pki import name
from mitmail.pki.certificate import parse, sha256
from mitmail.plan import Plan
from mitmail.service.setting import Port, Setting, setting
from mitmail.service.upstream import Upstream

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Served:
    """One endpoint, where it listens, and the plan that is served there.

    ``plan`` is None where the client chooses one by name, and has not. ``scenario`` is None then,
    and when the mail server behind the shield is not ours. ``ports`` are those of the endpoints
    that are served together, by name. ``captured`` says that the place is the server that the
    client wanted to reach, and not ours. Who connects where nothing is ``offered`` is turned away.
    ``showing`` counts what a run has shown so far: each switch shows something else, were it the
    same again.
    """

    plan: Plan | None
    endpoint: Endpoint
    host: str
    port: int
    scenario: str | None
    ports: Mapping[str, int] = field(default_factory=dict)
    captured: bool = False
    offered: bool = True
    showing: int = 1

    @property
    def antivirus(self) -> str:
        """The product in front of the mail server, or ``none``."""
        return self.plan.antivirus if self.plan is not None else "none"

    def setting(self, session: Session) -> Setting | None:
        """What is wrong in the settings of a session's client; None where nothing shows it."""
        port = Port(
            endpoint=self.endpoint,
            ports={self.endpoint.name: self.port, **self.ports},
            offers_starttls=self._offers_starttls(),
        )
        return setting(port, session)

    def _offers_starttls(self) -> bool:
        # A server that is not ours may offer none, and a product may let none pass; in a dialogue
        # attack the server says what it likes.
        if self.plan is None:
            return True
        if self.plan.refuses_tls(self.endpoint.name, self.endpoint.protocol):
            return False
        return self.scenario is not None and self.plan.scenario.server.dialogue is None

    @property
    def place(self) -> dict[str, object]:
        """How a ready line says where a client connects to."""
        return {"host": self.host, "port": self.port, "tls": self.endpoint.tls}


@dataclass(frozen=True, slots=True)
class Bench:
    """A plan, and what a user needs to know to connect to it.

    ``kept_in`` is the folder that holds the roots and keys, None when they end with the process.
    """

    plan: Plan
    upstream: Upstream | None
    user: str
    password: str
    root_file: Path
    antivirus_root_file: Path | None
    kept_in: Path | None


def ready(
    bench: Bench, served: Mapping[str, Served], control: Mapping[str, object]
) -> dict[str, object]:
    """The first line of ``serve --ready-json``: where everything is."""
    return {"schema": SCHEMA, "ready": True, **stand(bench, served), "control": control}


def stand(bench: Bench, served: Mapping[str, Served]) -> dict[str, object]:
    """What is served, where, and what a client needs to know."""
    first = next(iter(served.values()))
    antivirus_root = bench.antivirus_root_file
    return {
        "scenario": first.scenario,
        "antivirus": bench.plan.antivirus,
        "name": bench.plan.name,
        "user": bench.user,
        "password": bench.password,
        "root_file": str(bench.root_file),
        "antivirus_root_file": str(antivirus_root) if antivirus_root else None,
        "endpoints": {name: one.place for name, one in served.items()},
    }


def verdict(
    served: Served, number: int, session: Session, earlier: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The record of a verdict; ``earlier`` is what the same client seems to have accepted."""
    assert session.verdict is not None
    found = session.verdict
    return _head(served, "verdict", number) | {
        "client": _client(session),
        "presented": _presented(session),
        "upstream": _upstream(session),
        "verdict": found.verdict,
        "certainty": found.certainty,
        "reason": found.reason,
        "alert": found.alert,
        "evidence": found.evidence,
        "setting": _setting(served, session),
        "earlier": earlier,
        "facts": [fact.record() for fact in session.facts],
    }


def end(served: Served, number: int, session: Session) -> dict[str, object]:
    """The record of a session's end: every fact, its finding, and what failed on our side."""
    assert session.verdict is not None
    return _head(served, "end", number) | {
        "verdict": session.verdict.verdict,
        "outcome": "error" if session.error else None,
        "error": session.error,
        "finding": None if session.finding is None else asdict(session.finding),
        "facts": [fact.record() for fact in session.facts],
    }


def _head(served: Served, kind: str, number: int) -> dict[str, object]:
    head: dict[str, object] = {
        "schema": SCHEMA,
        "record": kind,
        "session": number,
        "scenario": served.scenario,
        "endpoint": served.endpoint.name,
        "antivirus": served.antivirus,
    }
    if served.captured:
        head["destination"] = {"host": served.host, "port": served.port}
    return head


def _setting(served: Served, session: Session) -> dict[str, object] | None:
    wrong = served.setting(session)
    return None if wrong is None else wrong.record()


def _client(session: Session) -> dict[str, object] | None:
    hello = session.hello
    if hello is None:
        return None
    return {
        "sni": hello.sni,
        "offered": list(hello.versions),
        "fingerprint": hello.fingerprint,
        "negotiated": session.presented.version,
    }


def _presented(session: Session) -> dict[str, object] | None:
    identity = session.presented.identity
    if identity is None:
        return None
    leaf = next(iter(identity.chain), None)
    return {
        "leaf_sha256": None if leaf is None else sha256(leaf),
        "issuer": None if leaf is None else _issuer(leaf),
        "chain": len(identity.chain),
    }


def _issuer(leaf: bytes) -> str | None:
    try:
        return name.text(parse(leaf).issuer)
    except MitmailError:  # a leaf may be broken on purpose
        return None


def _upstream(session: Session) -> dict[str, object] | None:
    if session.upstream is None:
        return None
    return {"verified": not session.upstream.errors, "errors": list(session.upstream.errors)}
