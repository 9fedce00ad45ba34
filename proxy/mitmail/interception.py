"""What a shield does with a connection, besides presenting a copy: plain data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

type Family = Literal["ipv4", "ipv6"]
type Intercepting = Callable[[Family], bool]
"""Asked once for each connection, as soon as it is there: whether the shield steps in at all."""
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
    ``answers`` is what a person may answer besides ``block`` and ``pass-through``, by its word.
    """

    words: str
    seconds: float
    then: T
    answers: Mapping[str, T] = field(default_factory=dict)


def always(family: Family) -> bool:
    """Every connection is intercepted."""
    return True
