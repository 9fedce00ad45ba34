"""Garbled sessions: one verdict, no crash, an end, and no cut of the network changes a fact.

``HOSTILE_ROUNDS`` says how many dialogues are garbled for each kind of session (``make hostile``).
What fails names its number: ``garble.garbled(protocol, number)`` is the same dialogue again.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from exchanges import GREETINGS, Protocol, Turn
from garble import cut, garbled
from memory import reachable
from mitmail.engine import action
from mitmail.engine.action import Action
from mitmail.engine.fact import Fact
from mitmail.engine.session import Session
from mitmail.engine.spec import Mode, SessionSpec, Trust
from talk import JOINED, NAME, PROTOCOLS, Side, Talk, identity, root, trusting

ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", "200"))
# Everything that the engine keeps for later is limited to 256 KiB a side, or to less.
KEPT = 5 * 262_144
# What a door answers by itself.
_ANSWERED = re.compile(rb"STARTTLS|STLS|AUTH|LOGIN|USER|PASS|APOP", re.IGNORECASE)

type Outcome = tuple[list[tuple[str, dict[str, object]]], object, str | None, bytes]


def open_session(protocol: Protocol, client: Mode, server: Mode) -> Session:
    trust = Trust(name=NAME, roots=(root().certificate,))
    spec = SessionSpec(
        protocol=protocol, client=client, server=server, trust=trust,
        choose=lambda upstream, sni: identity(),
    )  # fmt: skip
    return Session(spec, lambda: 0.0)


def play(protocol: Protocol, client: Mode, server: Mode, chunks: list[Turn]) -> Outcome:
    """Play the chunks and both ends; return what the session made of it, and what it sent."""
    session = open_session(protocol, client, server)
    actions = session.start() + session.connected(None)
    for side, octets in chunks:
        if octets:
            actions += session.data("client" if side == "C" else "server", octets)
            assert not session.over or session.verdict is not None
    actions += session.eof("client")
    actions += session.eof("server")
    assert session.over, "both sides have gone"
    check(actions)
    # A door puts its own answers between those of a server that says more than it was asked.
    relayed = b"" if server == "plain" else sent(actions, "server")
    return streamed(session.facts), session.verdict, session.error, relayed


def check(actions: list[Action]) -> None:
    assert [each.traceback for each in actions if isinstance(each, action.Crashed)] == []
    assert sum(isinstance(each, action.Announce) for each in actions) == 1
    closed = [each.who for each in actions if isinstance(each, action.Close)]
    assert sorted(set(closed)) == ["client", "server"]


def sent(actions: list[Action], who: str) -> bytes:
    return b"".join(
        each.octets for each in actions if isinstance(each, action.Send) and each.who == who
    )


def streamed(facts: list[Fact]) -> list[tuple[str, dict[str, object]]]:
    """The facts without their times; octets that came in parts are counted as one, at the end.

    What shares a segment with the go-ahead is dropped before the go-ahead is noted.
    """
    told: list[tuple[str, dict[str, object]]] = []
    counted: dict[tuple[str, str], int] = {}
    for fact in facts:
        details: dict[str, object] = dict(fact.details)
        if isinstance(octets := details.pop("octets", None), int):
            one = (fact.fact, repr(details))
            counted[one] = counted.get(one, 0) + octets
        else:
            told.append((fact.fact, details))
    if "not-tls" in {word for word, _ in told}:  # how much came along with that is chance
        counted = dict.fromkeys(counted, 0)
    return told + [(word, {who: octets}) for (word, who), octets in sorted(counted.items())]


def network(turns: list[Turn], server: Mode, chance: Random) -> list[Turn]:
    """Cut the runs at random, but none where a cut would make another dialogue of it.

    A door answers by itself and lets one command through at a time. What its client sends behind
    a command that we answer was said before our answer or after it; and its mailstore never says
    in one segment what answers two commands.
    """
    if server != "plain":
        return cut(turns, chance)
    chunks: list[Turn] = []
    for side, octets in turns:
        found = _ANSWERED.search(octets)
        end = 0 if side == "S" else found.start() if found else len(octets)
        parts = cut([(side, octets[:end])], chance) if end else []
        rest = [(side, octets[end:])] if octets[end:] else []
        chunks += parts + rest
    return chunks


@contextmanager
def blaming(
    protocol: str, number: int, operators: list[str], chunks: list[Turn]
) -> Iterator[None]:
    """Say which dialogue it was, whatever goes wrong with it."""
    try:
        yield
    except Exception as error:
        error.add_note(f"garbled({protocol!r}, {number}), done to it: {', '.join(operators)}")
        error.add_note(f"the chunks: {chunks!r}"[:4000])
        raise


@PROTOCOLS
@JOINED
def test_a_garbled_session_is_the_same_however_it_is_cut(
    protocol: Protocol, client: Mode, server: Mode
) -> None:
    for number in range(ROUNDS):
        attack, chance = garbled(protocol, number), Random(number)
        turns = [turn for turn in attack.turns if turn[1]]
        with blaming(protocol, number, attack.operators, turns):
            whole = play(protocol, client, server, turns)
        for _ in range(2):
            parts = network(turns, server, chance)
            with blaming(protocol, number, attack.operators, parts):
                assert play(protocol, client, server, parts) == whole


@PROTOCOLS
@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_a_garbled_dialogue_inside_tls_is_the_same_however_the_network_cuts_it(
    protocol: Protocol, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2 + ROUNDS // 40):
        attack = garbled(protocol, number)
        with blaming(protocol, number, attack.operators, attack.turns):
            whole = inside(protocol, mode, attack.turns)
            with monkeypatch.context() as patch:
                patch.setattr(Side, "says", cutting(Side.says, Random(number)))
                assert inside(protocol, mode, attack.turns) == whole


def cutting(says: object, chance: Random) -> object:
    """Say it in segments of any size."""

    def say(side: Side, octets: bytes) -> None:
        assert callable(says)
        for _, part in cut([("C", octets)], chance):
            says(side, part)

    return say


def inside(protocol: Protocol, mode: Mode, turns: list[Turn]) -> object:
    """Play a dialogue through TLS of the standard library."""
    talk = Talk(protocol, mode)
    client = talk.secure(trusting())
    for side, octets in turns:
        if not octets or talk.session.over or client.end is not None:
            continue
        if side == "C":
            client.says(octets)
        else:
            talk.server.says(octets)
    if client.end is None:
        talk.passes(0.2)
        client.leaves()
    talk.server.leaves()
    talk.passes(3)
    assert talk.session.over
    check(talk.actions)
    return streamed(talk.session.facts), talk.session.verdict, client.hears()


FLOODS = {
    "octets": b"x" * 4096, "lines": (b"NOOP" + b" " * 1000 + b"\r\n") * 4,
    "responses": (b"* 1 " + b"X" * 1000 + b"\r\n") * 4, "lines-of-a-reply": b"250-%1000d\r\n" % 1,
    "records": (b"\x16\x03\x01\x10\x00" + bytes(4096)),
}  # fmt: skip
BEGINNINGS = {
    "nothing": b"", "mail": b"NOOP\r\nDATA\r\n", "append": b"a NOOP\r\na APPEND x {99999999+}\r\n",
    "starttls": b"a STARTTLS\r\nSTARTTLS\r\nSTLS\r\n",
}  # fmt: skip


@PROTOCOLS
@JOINED
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_no_flood_fills_memory(
    protocol: Protocol, client: Mode, server: Mode, beginning: str
) -> None:
    for who in ("client", "server"):
        for name, flood in FLOODS.items():
            session = open_session(protocol, client, server)
            actions = session.start() + session.connected(None)
            if client == "starttls":
                actions += session.data("server", GREETINGS[protocol][0] + b"\r\n")
            actions += session.data("client", BEGINNINGS[beginning])
            for _ in range(KEPT * 3 // 2 // len(flood)):
                actions += session.data("client" if who == "client" else "server", flood)
            kept = reachable(session)
            assert kept < KEPT, f"{kept} octets of {who}'s {name} are kept"
            actions += session.eof("client") + session.eof("server")
            assert session.over
            check(actions)
