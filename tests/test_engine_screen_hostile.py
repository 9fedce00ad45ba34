"""Garbled dialogues and floods through a screen: no crash, an end, and bounded memory.

``HOSTILE_ROUNDS`` says how many dialogues are garbled for each protocol (``make hostile``).
"""

import os
from functools import partial
from random import Random

import pytest

from exchanges import Turn
from garble import cut, garbled
from letters import MARKS, marking
from memory import reachable
from mitmail.engine import action
from mitmail.engine.action import Action
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.screen import ROOM
from mitmail.engine.screens import screened
from mitmail.engine.session import Session
from mitmail.engine.spec import MailProtocol, SessionSpec
from mitmail.screening import Drip, Scanned, Screening, Way
from talk import PROTOCOLS, identity

ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", "16"))
LIMIT = 100_000

SCREENINGS = {
    "marking": marking(),
    "small": marking(limit=20, kept=40),
    "deleting": Screening(
        inbound=Way(headers=MARKS, infected="replace-body", delete=True),
        outbound=Way(at_once=True, infected="swallow"),
        drip=Drip(header="X-Filler: 0", seconds=1),
    ),
    "outside": marking(scanner="driver"),
}


def open_session(protocol: MailProtocol, screening: Screening) -> Session:
    spec = SessionSpec(
        protocol=protocol, client="plain", server="plain", choose=lambda seen, sni: identity(),
        screening=screening,
    )  # fmt: skip
    return Session(spec, lambda: 0.0)


def play(
    protocol: MailProtocol, screening: Screening, chunks: list[Turn]
) -> tuple[bytes, bytes, str | None, object]:
    """Play the chunks and both ends; return what both sides got."""
    session = open_session(protocol, screening)
    actions = session.start() + session.connected(None)
    for side, octets in chunks:
        if octets:
            step = session.data("client" if side == "C" else "server", octets)
            actions += step + answered(session, step)
    actions += session.eof("client")
    actions += session.eof("server")
    actions += session.timer("linger")
    assert session.over
    assert [x.traceback for x in actions if isinstance(x, action.Crashed)] == []
    assert sum(isinstance(x, action.Announce) for x in actions) == 1
    return sent(actions, "client"), sent(actions, "server"), session.error, session.verdict


def answered(session: Session, actions: list[Action]) -> list[Action]:
    """Scan what the session wants to have scanned, at once."""
    more = []
    for each in actions:
        if isinstance(each, action.Scan):
            threat = "Some.Threat" if len(each.octets) % 2 else None
            step = session.scanned(each.token, Scanned(threat))
            more += step + answered(session, step)
    return more


def sent(actions: list[Action], who: str) -> bytes:
    return b"".join(x.octets for x in actions if isinstance(x, action.Send) and x.who == who)


@pytest.mark.parametrize("name", SCREENINGS)
@PROTOCOLS
def test_a_garbled_dialogue_comes_to_one_end(protocol: MailProtocol, name: str) -> None:
    for number in range(ROUNDS):
        turns = garbled(protocol, number).turns
        for how in (list, partial(cut, chance=Random(number))):
            play(protocol, SCREENINGS[name], how(turns))


FLOODS = {
    "lines": b"x" * 70 + b"\r\n", "no lines": b"x" * 1000, "dots": b".\r\n",
    "nothing": b"\r\n",
    "fetches": b"a FETCH 1:* (BODY[])\r\n", "literals": b"* 1 FETCH (BODY[] {1000000}\r\n",
    "retrievals": b"RETR 1\r\n", "replies": b"250-x\r\n", "data": b"DATA\r\n",
}  # fmt: skip
BEGINNINGS: dict[str, tuple[bytes, bytes]] = {
    "smtp": (b"EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n", b"250 x\r\n" * 3),
    "pop3": (b"RETR 1\r\n", b"+OK\r\n1 50\r\n.\r\n+OK\r\n"),
    "imap": (b"a FETCH 1 (BODY[])\r\n", b"* 1 FETCH (UID 1 RFC822.SIZE 50)\r\nmS1 OK x\r\n"),
}
GREETINGS = {"smtp": b"220 x\r\n", "pop3": b"+OK\r\n", "imap": b"* OK x\r\n"}


@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("name", FLOODS)
@PROTOCOLS
def test_no_flood_fills_the_memory(protocol: MailProtocol, name: str, who: str) -> None:
    actions: list[Action] = []
    spec = SessionSpec(
        protocol=protocol, client="plain", server="plain", choose=lambda seen, sni: identity(),
        screening=marking(limit=LIMIT, kept=LIMIT),
    )  # fmt: skip
    chronicle = Chronicle(lambda: 0.0, actions)
    screen = screened(spec, send=lambda octets: None, chronicle=chronicle, actions=actions)
    assert screen is not None
    said, answer = BEGINNINGS[protocol]
    screen.server(GREETINGS[protocol])
    screen.client(said)
    screen.server(answer)
    flood = FLOODS[name] * (16_384 // len(FLOODS[name]))
    for _ in range(int((2 if len(FLOODS[name]) > 50 else 0.1) * (LIMIT + ROOM) / len(flood))):
        if who == "client" and screen.ahead > ROOM:
            break  # it is not read from any more
        screen.client(flood) if who == "client" else screen.server(flood)
        screen.take()
        actions.clear()
    kept = reachable(screen)
    assert kept < 2 * (LIMIT + ROOM), f"{kept} octets are kept"
