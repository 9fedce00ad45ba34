"""Who plays the client in a dialogue that the client has had already, with another server."""

from mitmail.engine.action import Action, Said, Send
from mitmail.engine.backlog import Backlog
from mitmail.engine.spec import MailProtocol
from mitmail.engine.starttls_client import StarttlsClient


class StandIn:
    """Asks a server for STARTTLS in the client's place; the client hears nothing of it.

    ``refused`` is a clause behind "the mail server". What the client sends meanwhile is kept.
    """

    def __init__(self, protocol: MailProtocol, octets: bytes) -> None:
        self._starttls = StarttlsClient(protocol)
        self._early = Backlog()
        self._early.keep("client", octets)

    @property
    def refused(self) -> str | None:
        """How the server failed, if it did."""
        return self._starttls.refused

    @property
    def done(self) -> bool:
        """Whether TLS is due."""
        return self._starttls.done

    def hear(self, octets: bytes) -> bytes:
        """What the server says; what it is to be sent."""
        return self._starttls.receive(octets)

    def keep(self, octets: bytes) -> bool:
        """Octets of the client, for later; whether there was room for them."""
        return self._early.keep("client", octets)

    def leaves(self) -> bytes:
        """What the client has sent meanwhile."""
        return self._early.take("client")


def for_client(actions: list[Action]) -> bytes:
    """Take what is for the client out of these actions, and what would show it."""
    octets = b"".join(x.octets for x in actions if isinstance(x, Send) and x.who == "client")
    actions[:] = [x for x in actions if not _is_for_client(x)]
    return octets


def _is_for_client(action: Action) -> bool:
    return isinstance(action, Said) or (isinstance(action, Send) and action.who == "client")
