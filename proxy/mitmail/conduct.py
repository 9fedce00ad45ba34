"""How a mail server conducts the dialogue around STARTTLS: plain data, and proper unless said.

Texts are octets with placeholders, filled when they are sent: ``{greeting}`` is the server's own
greeting without the end of its line, ``{tag}`` the tag of the command that is answered, ``{next}``
``{next2}`` ``{next3}`` the tags that an IMAP client will use for its next commands. Their line
ends are their own: nothing is added.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

type Then = Literal["tls", "clear", "close", "reset", "stall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Capabilities that are shown besides the server's own, and those of them that are not.

    As :func:`mitmail.wire.capability.rewrite` takes them: ``AUTH PLAIN`` in SMTP, ``AUTH=PLAIN``
    in IMAP, ``SASL PLAIN`` in POP3; ``remove`` names first words.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What only a client does that believed what came in clear.

    Any of these, through TLS: a command of ``verbs`` (``AUTH``, ``UID FETCH``); a command that
    names ``word``; with ``ahead``, a command while the reply to the one before is still withheld;
    with ``lure``, a connection to the place that a referral in clear named. Credentials and mail
    in clear are a finding in every session and need no canary.

    ``chance``: a client that sent none of these verbs through TLS had no chance to be caught, so
    nothing is known of it; empty: any mail command through TLS is chance enough.
    """

    verbs: frozenset[str] = frozenset()
    word: bytes = b""
    ahead: bool = False
    lure: bool = False
    chance: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How the server conducts the dialogue; on STARTTLS endpoints only.

    ``greeting`` replaces the server's whole greeting. ``offer`` says what becomes of the
    capability STARTTLS in clear; masked, its letters are X, as Cisco's firewalls did.
    ``clear`` and ``secured`` change the other capabilities before TLS and in it. ``denied`` is
    the reply to EHLO, CAPABILITY and CAPA in clear, instead of the capabilities. ``login`` shows
    in clear what offers to log in (no LOGINDISABLED), and lets credentials through to the server
    instead of refusing them.

    STARTTLS is answered with ``before``, ``answer`` (None: the proper go-ahead) and ``behind``, in
    one segment; ``then`` is what follows: TLS, clear text that goes on, FIN, RST, or silence.
    ``early`` goes out behind every reply in clear, before the client has sent STARTTLS.

    ``pipelined`` is what happens to octets that a client sends behind STARTTLS without waiting;
    relayed, they reach the server once TLS is up, which is the vulnerability of CVE-2011-0411.
    ``withhold``: seconds for which the reply to the client's first command through TLS is kept
    back, or until the client sends another one. ``is_control`` says that what is hidden in clear
    is no attack: see :func:`control`.
    """

    greeting: bytes | None = None
    offer: Literal["shown", "removed", "masked"] = "shown"
    clear: Capabilities = Capabilities()
    secured: Capabilities = Capabilities()
    denied: bytes | None = None
    login: bool = False
    early: bytes = b""
    before: bytes = b""
    answer: bytes | None = None
    behind: bytes = b""
    then: Then = "tls"
    pipelined: Literal["drop", "close", "relay"] = "drop"
    withhold: float = 0.0
    canary: Canary | None = None
    is_control: bool = False

    @property
    def is_attack(self) -> bool:
        """Whether a client is told anything in clear that is other than it should be.

        What becomes of octets behind STARTTLS is nothing that a client is told.
        """
        proper = Conduct(secured=self.secured, withhold=self.withhold, canary=self.canary)
        return not self.is_control and replace(self, pipelined="drop") != proper


PROPER = Conduct()

type Conducting = Callable[[], Conduct]
"""Asked once for every session: a downgrade may begin with the second one."""


def proper() -> Conduct:
    """Every session is conducted as it should be."""
    return PROPER


def control(conduct: Conduct) -> Conduct:
    """The same server and the same canary with nothing wrong in clear.

    A client that trips the canary here, too, does so of itself: nothing is proven by it. What is
    not offered through TLS is not offered in clear either: a client that keeps what it was told
    in clear would trip the canary by the server's own word.
    """
    hidden = (*conduct.clear.remove, *conduct.secured.remove)
    return Conduct(
        clear=Capabilities(remove=tuple(dict.fromkeys(hidden))),
        secured=conduct.secured,
        withhold=conduct.withhold,
        canary=conduct.canary,
        is_control=True,
    )
