"""What a session is told before it starts: plain data, and one pure function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from mitmail.conduct import Conducting, proper
from mitmail.fixup import NOTHING, Fixup
from mitmail.hello import OWN, Hello
from mitmail.interception import Block, Ending, Intercepting, PassThrough, Popup, always
from mitmail.manner import Instead, Manner
from mitmail.screening import Screening

type Mode = Literal["implicit", "starttls", "plain"]
type MailProtocol = Literal["imap", "pop3", "smtp"]


class Identity(Protocol):
    """A certificate chain and its key, as a leg presents them: DER, leaf first."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates to send, in this order."""

    @property
    def key(self) -> PrivateKeyTypes:
        """The key of the first certificate."""

    @property
    def manner(self) -> Manner:
        """How the leg speaks."""

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """The certificates that the client is told to trust, as far as is known."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the server showed us: its chain (DER, leaf first) and what is wrong with it.

    ``errors`` are words of the reason vocabulary (``expired``, ``name-mismatch`` ...), in the
    order found; empty means verified. ``alpn`` is the protocol that it chose, if any.
    """

    chain: tuple[bytes, ...]
    errors: tuple[str, ...]
    alpn: bytes | None = None


type Answer = Identity | Block | PassThrough
type Chooser = Callable[[Upstream | None, str | None], Answer | Popup[Answer] | None]
"""(upstream or None where the server leg is plain, client's SNI) -> answer; None: refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How the server's certificate is verified: roots (DER), and the system's own if asked for.

    ``by_sni``: the host that the client names (SNI) is the name; ``name`` is for clients that
    name none.
    """

    name: str
    by_sni: bool = False
    roots: tuple[bytes, ...] = ()
    system: bool = False


GREETING_HOLD = 0.150


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """One session's orders.

    Times are seconds. ``greeting_hold``: on our side of a finished handshake nothing is sent for
    so long, or until the client speaks: an alert that the client sends while our octets lie
    unread is destroyed by its own RST (10 of 25 were lost without, 0 of 25 with 150 ms).
    ``deadline``: silence of the client after which the verdict is ``hang``; the session goes on.
    ``waiting``: silence after which the fact ``waiting`` is noted. ``guarded``: nothing of the
    client's is relayed to a server whose certificate failed. ``opening`` is what a client gets as
    soon as it is connected (implicit TLS only); there is then neither TLS nor a mail server.
    ``conducting`` is asked once how the dialogue before STARTTLS is conducted. A ``lure`` is a
    place that only a referral in clear led to: a client that comes there is vulnerable. ``hello``
    is how a server with TLS is greeted; ``fixup`` is what is changed of the mail dialogue with
    the server, in clear and through TLS. ``screening`` has messages scanned; without it nothing
    is kept of what passes. ``closed`` says why nobody is served here: a client is turned away at
    once, and not judged.

    Of a shield: ``intercepting`` says whether it steps in at all; ``foreign`` is what becomes of
    a client that speaks no mail, where it is not relayed; ``behind`` are the orders of the door
    in our own process that it stands before, which then judges who is passed through.

    The legs may be of any mode each; a server leg with TLS needs ``trust``. Where both are
    ``starttls`` and nothing is odd, the client's STARTTLS is passed on; in any other combination
    the engine asks the server, or answers the client, by itself. Raises ValueError.
    """

    protocol: MailProtocol
    client: Mode
    server: Mode
    choose: Chooser
    trust: Trust | None = None
    greeting_hold: float = GREETING_HOLD
    deadline: float = 10.0
    handshake_deadline: float = 15.0
    waiting: float | None = None
    linger: float = 2.0
    guarded: bool = False
    opening: Instead | None = None
    conducting: Conducting = proper
    lure: bool = False
    closed: str | None = None
    hello: Hello = OWN
    fixup: Fixup = NOTHING
    screening: Screening | None = None
    intercepting: Intercepting = always
    foreign: Ending | None = None
    behind: "SessionSpec | None" = None

    def __post_init__(self) -> None:
        if self.server != "plain" and self.trust is None:
            raise ValueError("a server leg with TLS needs to know whom to trust")
        if self.opening is not None:
            self._check_opening(self.opening)

    def _check_opening(self, opening: Instead) -> None:
        if self.client != "implicit":
            raise ValueError(
                "only a client of implicit TLS can be met with octets of another kind"
            )
        if opening.when != "connected" or opening.offering is not None:
            raise ValueError("an opening comes before the client has said or offered anything")
        if opening.then == "clear":
            raise ValueError("there is no mail server behind what a client is met with at once")
