"""How the simulated mail server conducts the dialogue around STARTTLS, as a scenario has it."""

from mitmail.conduct import PROPER, Canary, Capabilities, Conduct, Conducting
from mitmail.scenario.dialogue import Canary as SaidCanary
from mitmail.scenario.dialogue import Capabilities as SaidCapabilities
from mitmail.scenario.dialogue import Dialogue
from mitmail.scenario.spoken import LURE, Protocol, octets


def conduct(said: Dialogue, protocol: Protocol, lure: str = "") -> Conduct:
    """The conduct of this dialogue in a protocol; its referrals lead to ``lure``, host:port."""
    texts = {
        field: octets(text.replace(LURE, lure)) for field, text in said.texts(protocol).items()
    }
    return Conduct(
        greeting=texts.get("greeting"),
        offer=said.offer,
        clear=_capabilities(said.clear, protocol),
        secured=_capabilities(said.secured, protocol),
        denied=texts.get("denied"),
        login=said.login,
        early=texts.get("early", b""),
        before=texts.get("before", b""),
        answer=texts.get("answer"),
        behind=texts.get("behind", b""),
        then=said.then or "tls",
        pipelined=said.pipelined,
        withhold=said.withhold,
        canary=None if said.canary is None else _canary(said.canary),
    )


def conducting(wanted: Conduct, *, from_session: int = 1) -> Conducting:
    """Conducts the sessions before this one as they should be, and then every one as wanted."""
    begun = 0

    def next_session() -> Conduct:
        nonlocal begun
        begun += 1
        return wanted if begun >= from_session else PROPER

    return next_session


def _capabilities(said: SaidCapabilities, protocol: Protocol) -> Capabilities:
    return Capabilities(
        add=said.add.of(protocol) if said.add is not None else (),
        remove=said.remove.of(protocol) if said.remove is not None else (),
    )


def _canary(said: SaidCanary) -> Canary:
    return Canary(
        verbs=frozenset(said.verbs),
        word=(said.word or "").encode(),
        ahead=said.ahead,
        lure=said.lure,
        chance=frozenset(said.chance),
    )
