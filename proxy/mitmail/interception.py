"""What a shield does with a connection, besides presenting a copy: plain data."""

from dataclasses import dataclass
from typing import Literal

type Ending = Literal["close", "reset", "stall"]


@dataclass(frozen=True, slots=True)
class Block:
    """The client gets no handshake: FIN, RST, or silence."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class PassThrough:
    """The client gets the server's own TLS, untouched; nothing is seen of what it carries."""


@dataclass(frozen=True, slots=True)
class Popup[T]:
    """The product shows ``words`` on the screen, waits ``seconds`` for an answer, and goes on.

    ``then`` is what happens without an answer: an identity to present, a Block, a PassThrough.
    """

    words: str
    seconds: float
    then: T
