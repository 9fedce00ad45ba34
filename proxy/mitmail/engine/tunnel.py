"""A way to the server for the client's own TLS, into which nobody looks."""

from mitmail.engine.action import Action, Connect, Send, SetTimer
from mitmail.engine.backlog import Backlog
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.outlet import Outlet
from mitmail.engine.spec import SessionSpec
from mitmail.engine.starttls_client import StarttlsClient

PASSED = "the antivirus passed the connection through: what the client did was not seen"


class Tunnel:
    """Dials the server, and then passes octets on as they come.

    What the client has said in the meantime is kept, up to a limit. ``refused`` is how the server
    failed, a clause behind "the mail server"; ``up`` is whether octets go through.
    """

    def __init__(
        self, spec: SessionSpec, *, outlet: Outlet, chronicle: Chronicle, actions: list[Action]
    ) -> None:
        self.up = False
        self.refused: str | None = None
        self._spec = spec
        self._outlet = outlet
        self._chronicle = chronicle
        self._actions = actions
        self._early = Backlog()
        self._starttls: StarttlsClient | None = None

    def dial(self, *, upgrading: bool) -> None:
        """Ask for the connection; ``upgrading``: the client has had its go-ahead to STARTTLS."""
        if upgrading and self._spec.client == "starttls":
            # TLS can only begin behind a STARTTLS of its own.
            self._starttls = StarttlsClient(self._spec.protocol)
        self._actions += [SetTimer("tunnel", self._spec.handshake_deadline), Connect()]

    def connected(self) -> None:
        """The connection is there."""
        if self._starttls is None:
            self._open(b"")

    def client(self, octets: bytes) -> bool:
        """Octets of the client; False when it has said too much before the server was there."""
        if self.up:
            self._outlet.forward("server", octets)
            return True
        return self._early.keep("client", octets)

    def server(self, octets: bytes) -> None:
        """Octets of the server."""
        if self.up:
            self._outlet.send("client", octets)
        elif self._starttls is not None:
            self._ask(self._starttls, octets)

    def _ask(self, starttls: StarttlsClient, octets: bytes) -> None:
        if said := starttls.receive(octets):
            self._actions.append(Send("server", said))
        self.refused = starttls.refused
        if starttls.done and self.refused is None:
            self._chronicle.note("upstream-starttls")
            self._open(starttls.beyond)

    def _open(self, beyond: bytes) -> None:
        self.up = True
        self._chronicle.note("tunnel")
        self._outlet.forward("server", self._early.take("client"))
        self._outlet.send("client", beyond)
