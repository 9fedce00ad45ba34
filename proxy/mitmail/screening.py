"""What a shield does with the messages that pass through it: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

type Direction = Literal["inbound", "outbound"]
type Status = Literal["clean", "infected", "unscanned"]
type Infected = Literal["mark", "replace-part", "replace-body", "refuse", "swallow"]

MIB = 1024 * 1024
WORDS: Mapping[Status, str] = {
    "clean": "Clean", "infected": "Infected", "unscanned": "Not scanned"
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What is done with the mail of one direction.

    ``headers`` are written at the end of the header block; ``{status}`` in them is one of the
    screening's words. ``footers`` are the results that get the ``footer``. ``subject`` goes before
    the subject of infected mail; ``{threat}`` in it is what was found. ``infected`` is what
    becomes of such mail: ``refuse`` and ``swallow`` (the client is told that it was sent) are for
    outbound mail. ``delete`` removes it from the server. ``at_once``: the client of an outbound
    mail hears that it was sent before anybody was asked.
    """

    headers: tuple[str, ...] = ()
    footer: str = ""
    footers: frozenset[Status] = frozenset({"clean"})
    subject: str = ""
    infected: Infected = "mark"
    delete: bool = False
    at_once: bool = False

    @property
    def changes(self) -> bool:
        """Whether any message comes out as another one than it went in."""
        replaces = self.infected.startswith("replace")
        return bool(self.headers or self.footer or self.subject or replaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """What a waiting client gets every so many seconds: a line of this header, as a filler."""

    header: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """How messages are screened.

    ``notice`` stands where something infected was. ``refusal`` is the reply (554) to mail that is
    not sent on. ``spare_signed`` leaves signed parts without a footer. ``delay`` seconds are
    added to each scan. ``sizes`` are those that lists and RFC822.SIZE tell, ``literals`` those
    that are announced before a message: the edited message's, or the server's, which is a lie.
    ``unscanned`` says what becomes of mail when the scanner fails. ``scanner`` is who is asked:
    the rule in here, or the driver. Of messages over ``limit`` octets nothing is kept: they pass
    unedited. ``kept`` octets of edited messages are kept for later questions.
    """

    inbound: Way = field(default_factory=Way)
    outbound: Way = field(default_factory=Way)
    words: Mapping[Status, str] = field(default_factory=lambda: dict(WORDS))
    notice: str = "A part of this message was infected and has been removed."
    refusal: str = "The message was not sent: it is infected"
    spare_signed: bool = False
    delay: float = 0.0
    drip: Drip | None = None
    sizes: Literal["edited", "server"] = "edited"
    literals: Literal["edited", "server"] = "edited"
    unscanned: Literal["pass", "refuse"] = "pass"
    scanner: Literal["built-in", "driver"] = "built-in"
    limit: int = 10 * MIB
    kept: int = 20 * MIB

    def way(self, direction: Direction) -> Way:
        """What is done in a direction."""
        return self.inbound if direction == "inbound" else self.outbound


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scanner's answer: the name of what was found, or how the scanner failed, or neither."""

    threat: str | None = None
    error: str | None = None
