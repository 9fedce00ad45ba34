"""Memory: whether a client that refuses a certificate has accepted one here before."""

from dataclasses import dataclass
from typing import Final, Literal

from mitmail.engine.session import Session
from mitmail.pki.certificate import sha256
from mitmail.service.record import Served

type Certificate = Literal["same", "changed"]

# What is refused for these is no certificate.
OTHERWISE: Final = frozenset({"tls-version", "starttls", "transport", "policy"})
KEPT: Final = 1000  # clients
_ABOUT: Final[dict[Certificate, str]] = {
    "same": "It accepted this same certificate in session {session}: the client forgot its "
    "exception, or the root",
    "changed": "It accepted another one in session {session}: the certificate changed, and an "
    "exception for the old one is of no use",
}


@dataclass(frozen=True, slots=True)
class Earlier:
    """A certificate that was accepted at the same place by what looks like the same client.

    It is only suspected to be the same: its ClientHello has the same fingerprint, which every
    copy of one program has.
    """

    session: int
    leaf_sha256: str
    certificate: Certificate

    def record(self) -> dict[str, object]:
        """As it stands in the record of a verdict."""
        return {
            "session": self.session,
            "leaf_sha256": self.leaf_sha256,
            "certificate": self.certificate,
            "same_client": "suspected",
        }

    @property
    def words(self) -> str:
        """Which of the two it is, for a person."""
        said = _ABOUT[self.certificate].format(session=self.session)
        return f"{said}. The same client? Suspected: it has the same TLS fingerprint."


type _Client = tuple[str, int, str | None, str]


class Memory:
    """Hears of verdicts, and remembers what was surely accepted: by place, name and client."""

    def __init__(self) -> None:
        self._accepted: dict[_Client, tuple[int, str]] = {}

    def verdict(self, served: Served, number: int, session: Session) -> Earlier | None:
        """What a refusal follows; None for anything else."""
        client, leaf, found = _client(served, session), _leaf(session), session.verdict
        if client is None or leaf is None or found is None:
            return None
        if found.verdict == "accept" and found.certainty == "sure":
            self._accepted.pop(client, None)
            self._accepted[client] = (number, leaf)
            while len(self._accepted) > KEPT:
                del self._accepted[next(iter(self._accepted))]
        if found.verdict != "reject" or found.reason in OTHERWISE:
            return None
        if client not in self._accepted:
            return None
        before, accepted = self._accepted[client]
        return Earlier(before, accepted, "same" if accepted == leaf else "changed")


def _client(served: Served, session: Session) -> _Client | None:
    hello = session.hello
    return None if hello is None else (served.host, served.port, hello.sni, hello.fingerprint)


def _leaf(session: Session) -> str | None:
    identity = session.presented.identity
    return sha256(identity.chain[0]) if identity is not None and identity.chain else None
