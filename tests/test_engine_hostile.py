"""Garbled sessions: one verdict, no crash, an end, and no cut of the network changes a fact.

``HOSTILE_ROUNDS`` says how many dialogues are garbled for each kind of session (``make hostile``).
What fails names its number: ``garble.garbled(protocol, number)`` is the same dialogue again.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from time import process_time

import pytest

from exchanges import GREETINGS, Protocol, Turn
from garble import cut, garbled, octet_by_octet
from memory import reachable
from mitmail.conduct import PROPER, Conduct
from mitmail.engine import action
from mitmail.engine.action import Action
from mitmail.engine.fact import Fact
from mitmail.engine.session import Session
from mitmail.engine.spec import Mode, SessionSpec, Trust
from talk import JOINED, LEGS, NAME, PROTOCOLS, Side, Talk, identity, root, trusting

ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", "40"))
# Everything that the engine keeps for later is limited to 256 KiB a side, or to less.
KEPT = 5 * 262_144
# What a door refuses by itself though more may follow: was that said before the refusal, or after?
_REFUSED = re.compile(rb"AUTH|LOGIN", re.IGNORECASE)

type Cut = Callable[[list[Turn]], list[Turn]]
type Outcome = tuple[list[tuple[str, dict[str, object]]], object, str | None, tuple[bytes, bytes]]


def open_session(
    protocol: Protocol, client: Mode, server: Mode, conduct: Conduct = PROPER
) -> Session:
    trust = Trust(name=NAME, roots=(root().certificate,))
    spec = SessionSpec(
        protocol=protocol, client=client, server=server, trust=trust,
        choose=lambda upstream, sni: identity(), conducting=lambda: conduct,
    )  # fmt: skip
    return Session(spec, lambda: 0.0)


def play(
    protocol: Protocol, client: Mode, server: Mode, chunks: list[Turn], conduct: Conduct = PROPER
) -> Outcome:
    """Play the chunks and both ends; return what the session made of it, and what it sent."""
    session = open_session(protocol, client, server, conduct)
    actions = session.start() + session.connected(None)
    for side, octets in chunks:
        if octets:
            actions += session.data("client" if side == "C" else "server", octets)
            assert not session.over or session.verdict is not None
    actions += session.eof("client")
    actions += session.eof("server")
    assert session.over, "both sides have gone"
    check(actions)
    heard = (in_clear(sent(actions, "client")), in_clear(sent(actions, "server")))
    return told(session.facts), session.verdict, session.error, heard


def in_clear(octets: bytes) -> bytes:
    """What comes before our own TLS, which is never twice the same."""
    return octets.partition(b"\x16\x03")[0]


def check(actions: list[Action]) -> None:
    assert [each.traceback for each in actions if isinstance(each, action.Crashed)] == []
    assert sum(isinstance(each, action.Announce) for each in actions) == 1
    closed = [each.who for each in actions if isinstance(each, action.Close)]
    assert sorted(set(closed)) == ["client", "server"]


def sent(actions: list[Action], who: str) -> bytes:
    return b"".join(
        each.octets for each in actions if isinstance(each, action.Send) and each.who == who
    )


def told(facts: list[Fact]) -> list[tuple[str, dict[str, object]]]:
    """The facts without their times."""
    return [(fact.fact, dict(fact.details)) for fact in facts]


def network(turns: list[Turn], client: Mode, server: Mode, how: Cut) -> list[Turn]:
    """Cut the runs, but none where a cut would make another dialogue of it.

    A door refuses credentials by itself. What its client sends behind them was said before that
    or after it: it goes on with the command, or is another one.
    """
    if client == "implicit" or client == server == "starttls":
        return how(turns)
    chunks: list[Turn] = []
    line = b""  # what the client has begun
    for side, octets in turns:
        found = _REFUSED.search(line + octets) if side == "C" else None
        end = max(0, found.start() - len(line)) if found else len(octets)
        line = (line + octets).rpartition(b"\n")[2] if side == "C" else line
        parts = how([(side, octets[:end])]) if end else []
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


def holds(
    protocol: Protocol, client: Mode, server: Mode, numbers: range, conduct: Conduct = PROPER
) -> None:
    """Garbled sessions come to the same, cut at random and octet by octet."""
    for number in numbers:
        attack, chance = garbled(protocol, number), Random(number)
        turns = [turn for turn in attack.turns if turn[1]]
        with blaming(protocol, number, attack.operators, turns):
            whole = play(protocol, client, server, turns, conduct)
        at_random: Cut = partial(cut, chance=chance)
        for how in [at_random, at_random, octet_by_octet][: 3 if number % 20 == 0 else 2]:
            parts = network(turns, client, server, how)
            with blaming(protocol, number, attack.operators, parts):
                assert play(protocol, client, server, parts, conduct) == whole


@PROTOCOLS
@LEGS
def test_a_garbled_session_is_the_same_however_it_is_cut(
    protocol: Protocol, client: Mode, server: Mode
) -> None:
    holds(protocol, client, server, range(ROUNDS))


CONDUCTS = {
    "stripped": Conduct(offer="removed", login=True, answer=b"{tag} NO 454\r\n", then="clear"),
    "odd": Conduct(answer=b"{tag} odd 250\r\n", login=True),
    "injected": Conduct(behind=b"{next} OK x\r\n"),
    "early": Conduct(early=b"250 x\r\n", then="clear"),
    "relaying": Conduct(pipelined="relay"),
    "closing": Conduct(pipelined="close"),
    "closed": Conduct(then="close"),
    "silent": Conduct(then="stall", login=True),
    "denying": Conduct(denied=b"{tag} BAD no\r\n", greeting=b"* PREAUTH {greeting}\r\n"),
}  # fmt: skip


@PROTOCOLS
@pytest.mark.parametrize("name", CONDUCTS)
def test_a_garbled_attack_is_the_same_however_it_is_cut(protocol: Protocol, name: str) -> None:
    holds(protocol, "starttls", "plain", range(ROUNDS), CONDUCTS[name])


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
    return told(talk.session.facts), talk.session.verdict, client.hears()


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


PATIENCE = 3.0  # seconds of processor time: what is linear takes 0.2, what is quadratic 30


@PROTOCOLS
@pytest.mark.parametrize("line", [b"\r\n", b"\n", b"NOOP\r\n"])
def test_a_flood_of_lines_that_wait_for_the_server_is_ended_soon(
    protocol: Protocol, line: bytes
) -> None:
    session = open_session(protocol, "starttls", "plain")
    actions = session.start() + session.connected(None)
    began = process_time()

    actions += session.data("client", line * 30_000)

    assert process_time() - began < PATIENCE
    assert session.over
    check(actions)
