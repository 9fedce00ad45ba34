"""What is wrong in a client's settings, where its first words show it, and what to choose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mitmail.endpoint import ENDPOINTS, Endpoint, MailProtocol, TlsMode
from mitmail.engine.fact import Fact
from mitmail.engine.session import Session
from mitmail.engine.verdict import Certainty

type Found = Literal[
    "implicit-tls",
    "starttls",
    "clear-text",
    "silence",
    "imap",
    "pop3",
    "smtp",
    "http",
    "ssh",
    "rdp",
]
type Due = Literal["implicit-tls", "starttls", "imap", "pop3", "smtp"]

# Who only tests whether a port is open leaves at once; a mail client waits for a greeting.
SILENCE_MS: Final = 1000.0
MAIL: Final[dict[str, MailProtocol]] = {"imap": "imap", "pop3": "pop3", "smtp": "smtp"}
# What the client is told instead, or nobody has heard, shows no setting.
UNSAID: Final = {"instead-of-tls", "tls-broken-off", "certificate-viewer", "tunnel"}
FOREIGN: Final[dict[str, Found]] = {"http": "http", "ssh": "ssh", "rdp": "rdp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Where a client came to, as far as its settings go.

    ``ports`` are those of all endpoints that are served beside this one, by name;
    ``offers_starttls`` is whether a client is sure to be offered STARTTLS on a STARTTLS port.
    """

    endpoint: Endpoint
    ports: Mapping[str, int]
    offers_starttls: bool = True

    def beside(self, protocol: MailProtocol, tls: TlsMode) -> Endpoint | None:
        """The endpoint of this kind, if it is served."""
        fitting = (x for x in ENDPOINTS.values() if x.protocol == protocol and x.tls == tls)
        return next((x for x in fitting if x.name in self.ports), None)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the client did, what its port expects, and the endpoint that fits the client.

    ``use`` is None where no endpoint of this run fits; ``did`` is a clause for a person.
    """

    port: Port
    found: Found
    due: Due
    use: Endpoint | None
    did: str
    certainty: Certainty = "sure"

    def record(self) -> dict[str, object]:
        """The setting as it stands in the record of a verdict."""
        return {
            "found": self.found,
            "due": self.due,
            "certainty": self.certainty,
            "use": None if self.use is None else self._place(self.use),
        }

    def _place(self, use: Endpoint) -> dict[str, object]:
        return {"endpoint": use.name, "port": self.port.ports[use.name], "tls": use.tls}

    @property
    def words(self) -> str:
        """What the client did, what this port expects, and what to choose instead."""
        here = self.port.endpoint
        expects = here.protocol.upper() if self.due in MAIL else here.dialog
        return f"{self.did}; this port expects {expects}{self._advice(here)}"

    def _advice(self, here: Endpoint) -> str:
        if self.use is None:
            return ""
        use = f"; use {self._named(self.use)}"
        may_stay = self.use != here and self.use.protocol == here.protocol
        return f"{use}, or {self._named(here)}" if may_stay else use

    def _named(self, endpoint: Endpoint) -> str:
        return f"{endpoint.dialog} on {self.port.ports[endpoint.name]} ({endpoint.name})"


def setting(port: Port, session: Session) -> Setting | None:
    """What is wrong in the settings of this session's client; None where nothing shows it.

    What a client does where the server breaks TLS off is no setting.
    """
    seen = {fact.fact for fact in session.facts}
    if seen & UNSAID or session.error:
        return None
    look = _implicit if port.endpoint.tls == "implicit" else _starttls
    return look(port, session, seen)


def _implicit(port: Port, session: Session, seen: set[str]) -> Setting | None:
    if "not-tls" in seen:
        return _clear_text(port, session.tongue)
    if session.hello is None:
        return _silence(port, session)
    if _asked_for_starttls(session.facts):
        did = "the client asked for STARTTLS where TLS is up already"
        return Setting(port, "starttls", "implicit-tls", port.endpoint, did)
    return _wrong_protocol(port, session.tongue)


def _starttls(port: Port, session: Session, seen: set[str]) -> Setting | None:
    here = port.endpoint
    if (other := _wrong_protocol(port, session.tongue)) is not None:
        return other
    if "tls-on-starttls-port" in seen and session.tongue is None:
        use = port.beside(here.protocol, "implicit") or here
        return Setting(port, "implicit-tls", "starttls", use, "the client spoke TLS at once")
    if "starttls-command" in seen or not port.offers_starttls:
        return None
    if "credentials-in-clear" in seen:
        did = "the client gave credentials without TLS"
        return Setting(port, "clear-text", "starttls", here, did)
    if session.tongue == here.protocol and "client-closed" in seen:
        did = "the client left without asking for STARTTLS"
        return Setting(port, "clear-text", "starttls", here, did, "suspected")
    return None


def _clear_text(port: Port, tongue: str | None) -> Setting | None:
    if tongue is None or tongue == "binary":
        return None  # it began as TLS does, or as nothing that is known
    if tongue in FOREIGN:
        return _foreign(port, tongue)
    protocol = MAIL.get(tongue, port.endpoint.protocol)
    spoken = f"{tongue.upper()} in clear" if tongue in MAIL else "in clear"
    use = port.beside(protocol, "starttls")
    if protocol == port.endpoint.protocol:
        use = use or port.endpoint
    return Setting(port, "clear-text", "implicit-tls", use, f"the client spoke {spoken}")


def _silence(port: Port, session: Session) -> Setting | None:
    if not _waited(session):
        return None
    use = port.beside(port.endpoint.protocol, "starttls") or port.endpoint
    did = "the client said nothing, as if it waited for a greeting in clear"
    return Setting(port, "silence", "implicit-tls", use, did, "suspected")


def _waited(session: Session) -> bool:
    if session.tongue is not None:
        return False
    if session.verdict is not None and session.verdict.verdict == "hang":
        return True
    return any(
        fact.fact == "waiting" or (fact.fact == "client-closed" and fact.ms >= SILENCE_MS)
        for fact in session.facts
    )


def _wrong_protocol(port: Port, tongue: str | None) -> Setting | None:
    here = port.endpoint
    if tongue in FOREIGN:
        return _foreign(port, tongue)
    protocol = MAIL.get(tongue or "", here.protocol)
    if protocol == here.protocol:
        return None
    use = port.beside(protocol, here.tls)
    return Setting(port, protocol, here.protocol, use, f"the client spoke {protocol.upper()}")


def _foreign(port: Port, tongue: str) -> Setting:
    did = f"the client spoke {tongue.upper()}, which is no mail"
    return Setting(port, FOREIGN[tongue], port.endpoint.protocol, None, did)


def _asked_for_starttls(facts: list[Fact]) -> bool:
    asking = {"STARTTLS", "STLS"}
    return any(x.fact == "command" and x.details.get("verb") in asking for x in facts)
