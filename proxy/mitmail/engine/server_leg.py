"""The server's side of a session: asked for STARTTLS and TLS as its mode wants, and verified."""

import re
from dataclasses import dataclass, replace

from mitmail.engine import context, leg
from mitmail.engine.action import Action, Send, SetTimer
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.outlet import Outlet
from mitmail.engine.spec import SessionSpec, Trust, Upstream
from mitmail.engine.starttls_client import StarttlsClient
from mitmail.wire.clienthello import ClientHello


@dataclass(frozen=True, slots=True)
class Ready:
    """Its octets are the mail dialogue's from now on; ``upstream`` is what its TLS showed."""

    upstream: Upstream | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """The server said this, in the mail dialogue."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """It cannot go on, and why."""

    words: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The server sent close_notify."""


type ServerEvent = Ready | Spoken | Broken | Ended

# What a server's TLS may begin with: an alert or a handshake record (RFC 8446 section 5.1).
_TLS = re.compile(rb"[\x15\x16]")


class ServerLeg:
    """Brings the connection to the server up; then it only decrypts."""

    def __init__(
        self, spec: SessionSpec, *, outlet: Outlet, chronicle: Chronicle, actions: list[Action]
    ) -> None:
        self.opening = False
        """It has been opened, and is not ready."""
        self.ready = False
        self._spec = spec
        self._outlet = outlet
        self._chronicle = chronicle
        self._actions = actions
        self._starttls: StarttlsClient | None = None
        self._verifier: context.Verifier | None = None
        self._sni: str | None = None
        self._client: ClientHello | None = None
        self._greeting = b""
        self._agreed = False  # to STARTTLS
        self._answered = False  # our ClientHello, with TLS

    @property
    def stage(self) -> str:
        """Where it is while it is being brought up, behind "closed the connection"."""
        asking = self._starttls is not None
        return "before it agreed to STARTTLS" if asking else "during the TLS handshake"

    def open(
        self,
        sni: str | None,
        early: bytes,
        *,
        asked: bool = False,
        client: ClientHello | None = None,
    ) -> list[ServerEvent]:
        """Bring it up; ``early`` is what the server has said already.

        ``asked`` says that the server has just agreed to STARTTLS; ``client`` is the client's
        hello, where it has sent one.
        """
        self._client = client
        if self._spec.server == "plain" or self._spec.trust is None:
            self.ready = True
            return [Ready(None), *([Spoken(early)] if early else [])]
        self.opening = True
        self._sni = sni
        self._agreed = asked
        self._actions.append(SetTimer("upstream", self._spec.handshake_deadline))
        if self._spec.server == "starttls" and not asked:
            self._starttls = StarttlsClient(self._spec.protocol)
            return self.receive(early) if early else []
        return self._begin_tls(early)

    def receive(self, octets: bytes) -> list[ServerEvent]:
        """Octets of the server, once it has been opened."""
        if self._starttls is not None:
            return self._ask(self._starttls, octets)
        if (tls := self._outlet.legs.get("server")) is None:
            return [Spoken(octets)]
        if not self._answered and (in_clear := self._in_clear(octets)):
            if not self._agreed:
                return [Broken("the mail server spoke clear text: it may want STARTTLS first")]
            self._chronicle.dropped("server", in_clear)
            octets = octets[in_clear:]
        self._answered = self._answered or bool(octets)
        events = self._translate(tls.receive(octets)) if octets else []
        self._outlet.flush("server")
        return events

    def _in_clear(self, octets: bytes) -> int:
        begins = _TLS.search(octets)
        return begins.start() if begins else len(octets)

    def _ask(self, starttls: StarttlsClient, octets: bytes) -> list[ServerEvent]:
        if said := starttls.receive(octets):
            self._actions.append(Send("server", said))
        if starttls.done:
            self._chronicle.note("upstream-starttls")
        if starttls.refused is not None:
            return [Broken(f"the mail server {starttls.refused}")]
        if not starttls.done:
            return []
        self._starttls = None
        self._agreed = True
        # TLS brings no greeting of its own: the client gets the one that came in clear.
        self._greeting = starttls.greeting
        return self._begin_tls(starttls.beyond)

    def _begin_tls(self, early: bytes) -> list[ServerEvent]:
        assert self._spec.trust is not None
        self._verifier = context.Verifier(self._named(self._spec.trust), self._spec.hello)
        tls = self._verifier.leg(self._sni, self._client)
        self._outlet.legs["server"] = tls
        events = self._translate(tls.start())
        self._outlet.flush("server")
        return events + (self.receive(early) if early else [])

    def _named(self, trust: Trust) -> Trust:
        if not trust.by_sni:
            return trust
        if self._sni:
            return replace(trust, name=self._sni)
        self._chronicle.note("no-sni", words=f"the server is verified as {trust.name}")
        return trust

    def _translate(self, events: list[leg.LegEvent]) -> list[ServerEvent]:
        translated: list[ServerEvent] = []
        for event in events:
            match event:
                case leg.HandshakeDone():
                    self._outlet.flush("server")
                    translated += self._secured()
                case leg.Plaintext(octets):
                    translated.append(Spoken(octets))
                case leg.Alert(code, _, received) if received and code:
                    self._chronicle.note("upstream-alert", code=code)
                case leg.Closed():
                    translated.append(Ended())
                case leg.Failed(error):
                    self._chronicle.note("tls-failed", who="server", words=error)
                    translated.append(Broken(f"TLS with the mail server failed: {error}"))
                case _:
                    pass
        return translated

    def _secured(self) -> list[ServerEvent]:
        assert self._verifier is not None
        self.opening, self.ready = False, True
        upstream = self._verifier.found()
        self._chronicle.note("upstream-verified", errors=upstream.errors)
        return [Ready(upstream), *([Spoken(self._greeting)] if self._greeting else [])]
