"""How a product speaks TLS on both its legs, as plain data for the engine."""

from dataclasses import replace
from typing import Final, Protocol

from mitmail.hello import Hello, Mirrored
from mitmail.pki.identity import Identity
from mitmail.plan import speech
from mitmail.scenario.legs import Legs, ServerLeg

_MIRRORABLE: Final[tuple[tuple[str, Mirrored], ...]] = (
    ("versions", "versions"), ("ciphers", "ciphers"), ("groups", "groups"),
    ("signatures", "signatures"), ("alpn", "alpn"), ("status_request", "status-request"),
)  # fmt: skip


class Negotiated(Protocol):
    """What the server leg has come to."""

    @property
    def alpn(self) -> bytes | None:
        """The protocol that the server chose, if any."""


def hello(leg: ServerLeg) -> Hello:
    """The ClientHello of this leg."""
    own = Hello()
    return Hello(
        versions=own.versions if leg.versions == "mirror" else leg.versions,
        ciphers=() if leg.ciphers == "mirror" else leg.ciphers,
        groups=() if leg.groups == "mirror" else leg.groups,
        signatures=() if leg.signatures == "mirror" else leg.signatures,
        mirrors=frozenset(word for field, word in _MIRRORABLE if getattr(leg, field) == "mirror"),
        asks_status=leg.status_request == "ask",
    )


def spoken(identity: Identity, legs: Legs, server: Negotiated) -> Identity:
    """The identity, presented in this product's manner to the client of this server."""
    leg = legs.client
    chosen = server.alpn if leg.alpn == "mirror" else None
    manner = replace(
        identity.manner,
        versions=leg.versions,
        close_notify=leg.close_notify,
        alpn=() if chosen is None else (chosen,),
        instead=None if leg.instead is None else speech.instead(leg.instead),
    )
    return replace(identity, manner=manner)
