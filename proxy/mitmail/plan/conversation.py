"""What a product makes of a mail dialogue, as plain data for the engine."""

from dataclasses import dataclass
from typing import Final

from mitmail.conduct import PROPER, Conduct
from mitmail.fixup import Fixup
from mitmail.scenario.conversation import Conversation, texts
from mitmail.scenario.spoken import Listed, Protocol, Spoken, octets

# What a server says to a STARTTLS that it never offered: RFC 5321 4.2.4, RFC 9051 7.1.3.
UNKNOWN: Final[dict[Protocol, str]] = {
    "smtp": "502 5.5.1 Command not implemented\n",
    "imap": "{tag} BAD Unknown command\n",
    "pop3": "-ERR Unknown command\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """How a product treats the dialogue of one endpoint.

    ``conduct`` is for the clients of STARTTLS endpoints. ``in_clear`` says that their clear text
    goes on to the server as it is, ``names_server`` that their user names name it.
    """

    conduct: Conduct
    fixup: Fixup
    in_clear: bool
    names_server: bool


def handling(said: Conversation, protocol: Protocol) -> Handling:
    """What this product does in a protocol."""
    return Handling(
        conduct=_conduct(said, protocol),
        fixup=_fixup(said, protocol),
        in_clear=said.refuses_tls(protocol) and said.server == "plain",
        names_server=said.names_server and protocol == "pop3",
    )


def _conduct(said: Conversation, protocol: Protocol) -> Conduct:
    if not said.refuses_tls(protocol):
        return PROPER
    # It lets everything else pass as it is: also what the server takes before TLS.
    answer = texts(said.answer, protocol) or UNKNOWN[protocol]
    return Conduct(offer=said.offer, login=True, answer=octets(answer), then=said.then)


def _fixup(said: Conversation, protocol: Protocol) -> Fixup:
    return Fixup(
        drop=_listed(said.drop, protocol),
        claim=_listed(said.claim, protocol),
        refuse=frozenset(said.refuse),
        refusal=octets(texts(said.refusal, protocol) or ""),
        greeting=_line(said.greeting, protocol),
        farewell=_line(said.farewell, protocol),
    )


def _line(said: Spoken | None, protocol: Protocol) -> bytes | None:
    text = texts(said, protocol)
    return None if text is None else octets(text)


def _listed(said: Listed | None, protocol: Protocol) -> tuple[str, ...]:
    return () if said is None else said.of(protocol)
