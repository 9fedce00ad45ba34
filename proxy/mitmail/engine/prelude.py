"""The clear-text dialogue before STARTTLS: what is done about what both sides say.

Two roles: :class:`Relay` stands between a client and a server that both speak STARTTLS; an
:class:`~mitmail.engine.offer.Offer` offers and answers STARTTLS itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mitmail.engine.action import Who
from mitmail.manner import End
from mitmail.wire import Kind, Piece

STARTTLS = frozenset({"STARTTLS", "STLS"})
CREDENTIALS = frozenset({"AUTH", "LOGIN", "AUTHENTICATE", "PASS", "APOP"})
# A line that has no end gives nothing away before its command's last argument has begun.
_LAST_ARGUMENT = {"AUTH": 3, "AUTHENTICATE": 4, "APOP": 3}
_PASSWORD = re.compile(rb'\S+ +LOGIN +("(?:[^"\\]|\\.)*"|[^"\s]\S*) +"?[^\s"]', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pass:
    """Send these octets on to one side."""

    who: Who
    octets: bytes


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The go-ahead is on its way to the client: TLS starts now."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """STARTTLS was answered, and the dialogue goes on in clear, whatever the client believes."""


@dataclass(frozen=True, slots=True)
class BreakOff:
    """STARTTLS was answered, and nothing follows."""

    end: End


@dataclass(frozen=True, slots=True)
class Dropped:
    """Octets behind STARTTLS, or behind its go-ahead, were not relayed."""

    who: Who
    octets: bytes


@dataclass(frozen=True, slots=True)
class Noted:
    """A fact about the dialogue."""

    fact: str
    verb: str


@dataclass(frozen=True, slots=True)
class Attacked:
    """Something reaches the client that a proper server does not say.

    ``around``: it is about STARTTLS itself, and may be taken for TLS.
    """

    what: Literal["greeting", "capabilities", "denied", "early", "starttls"]
    around: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """The client said this; what becomes of it follows."""

    piece: Piece


@dataclass(frozen=True, slots=True)
class Flood:
    """The client said more than is kept for a server that does not answer."""


type Step = Heard | Pass | Upgrade | GoOn | BreakOff | Dropped | Noted | Attacked | Flood


class Relay:
    """Relays everything; both sides upgrade when the server gives the go-ahead."""

    holds = False
    """Whether a command waits for the reply to another one."""
    behind = b""
    """What waits behind STARTTLS: what a client sends there is dropped at once."""

    def client(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the client said."""
        steps: list[Step] = []
        for piece in pieces:
            if piece.kind is Kind.AFTER_STARTTLS:
                steps.append(Dropped("client", piece.raw))
                continue
            if piece.kind is Kind.COMMAND and piece.verb in STARTTLS:
                steps.append(Noted("starttls-command", piece.verb))
            if piece.kind is Kind.COMMAND and gives_credentials(piece):
                steps.append(Noted("credentials-in-clear", piece.verb))
            steps.append(Pass("server", piece.raw))
        return steps

    def server(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the server said."""
        steps: list[Step] = []
        for piece in pieces:
            if piece.kind is Kind.AFTER_STARTTLS:
                steps.append(Dropped("server", piece.raw))
                continue
            steps.append(Pass("client", piece.raw))
            if piece.kind is Kind.REPLY and piece.verb in STARTTLS:
                steps.append(Upgrade() if piece.ok else Noted("starttls-refused", piece.verb))
        return steps


def gives_credentials(piece: Piece) -> bool:
    """Whether a command hands over credentials, or begins to."""
    bare = piece.verb == "AUTH" and len(piece.raw.split()) == 1  # POP3: which mechanisms?
    return piece.verb in CREDENTIALS and not bare


def only_begins(piece: Piece) -> bool:
    """Whether a command only names how it will authenticate, without an initial response."""
    words = {"AUTH": 2, "AUTHENTICATE": 3}.get(piece.verb, 0)
    return len(piece.raw.split()) <= words


def given(pieces: Sequence[Piece]) -> list[Piece]:
    """Those of a client's last line, which has no end, that have given something away."""
    return [piece for piece in pieces if piece.verb and _is_given(piece)]


def _is_given(piece: Piece) -> bool:
    if piece.verb == "LOGIN":
        return _PASSWORD.match(piece.raw) is not None
    least = _LAST_ARGUMENT.get(piece.verb, 3 if piece.tag else 2)
    return len(piece.raw.split()) >= least
