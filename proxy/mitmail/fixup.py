"""What a product changes of a mail dialogue that passes through it: plain data.

"Fixup" is what Cisco's PIX called its inspection of a mail dialogue. It takes place next to the
server: whoever stands before it takes the result for what the server says.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixup:
    """What is changed; nothing, unless it is said.

    ``drop`` are first words of capabilities that the client is not told of, as
    :func:`mitmail.wire.capability.rewrite` takes them; a command, or a parameter of MAIL and RCPT,
    that only they allow is answered with ``refusal`` and never reaches the server. ``claim`` are
    capabilities that are told besides the server's own, and ``refuse`` are commands (``ID``) that
    are answered with ``refusal``, too, whoever announced them. ``refusal`` is a whole reply with
    its line end, ``{tag}`` in it being that of an IMAP command; empty: the protocol's own words.
    ``greeting`` and ``farewell`` are texts that stand for those of a positive greeting, and of the
    reply to QUIT or IMAP's BYE; status and response code stay the server's. With ``servers`` a
    POP3 client has to log in as ``name/server``, one of these: only the name goes on.
    """

    drop: tuple[str, ...] = ()
    claim: tuple[str, ...] = ()
    refuse: frozenset[str] = frozenset()
    refusal: bytes = b""
    greeting: bytes | None = None
    farewell: bytes | None = None
    servers: tuple[str, ...] = ()


NOTHING = Fixup()
