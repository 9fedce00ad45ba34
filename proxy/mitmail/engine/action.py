"""What a session asks its driver to do."""

from dataclasses import dataclass
from typing import Literal

from mitmail.engine.verdict import Verdict

type Who = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class Send:
    """Send these octets to one side."""

    who: Who
    octets: bytes


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the connection to the server; answer with ``connected``.

    Where there was one before, it has been closed, and nothing more may be told of it. ``behind``
    is the mail server behind our own door instead.
    """

    behind: bool = False


@dataclass(frozen=True, slots=True)
class HalfClose:
    """Send FIN to one side, and go on reading from it."""

    who: Who


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection to one side; what was sent before still goes out."""

    who: Who


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection to one side with RST; what was sent before goes out first."""

    who: Who


@dataclass(frozen=True, slots=True)
class Pause:
    """Read no more from one side: its octets wait in the kernel, and then it waits itself.

    What has been read already may still be told; its end may wait, too.
    """

    who: Who


@dataclass(frozen=True, slots=True)
class Resume:
    """Read from that side again."""

    who: Who


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Call ``timer(id)`` after so many seconds; a later timer of the same id replaces none."""

    id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Said:
    """What one side said, credentials masked: for logs and flows, never for relaying."""

    who: Who
    shown: bytes


@dataclass(frozen=True, slots=True)
class Scan:
    """Have a message scanned; answer with ``scanned`` and this token, whatever comes of it."""

    token: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Announce:
    """The verdict of this session; there is exactly one."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Waiting:
    """The client has seen the certificate and says nothing: a dialog may be open."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The product's pop-up is on the screen, and the client waits ``seconds`` for its answer."""

    words: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Crashed:
    """The engine itself failed: log this traceback; both sides are being closed."""

    traceback: str


type Action = (
    Send
    | Connect
    | HalfClose
    | Close
    | Reset
    | Pause
    | Resume
    | SetTimer
    | Said
    | Scan
    | Announce
    | Waiting
    | Ask
    | Crashed
)
