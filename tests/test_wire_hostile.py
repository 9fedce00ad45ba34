"""Garbled dialogues: a tracker takes all, keeps little, and no cut of the network changes a fact.

``HOSTILE_ROUNDS`` says how many dialogues are garbled for each tracker (``make hostile``). What
fails names its number: ``garble.garbled(protocol, number)`` is the very same dialogue again.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import pytest

from exchanges import GREETINGS, PROTOCOLS, Protocol, Turn, script
from garble import EDITS, POOL, cut, cut_once, garbled, octet_by_octet
from memory import reachable
from mitmail.wire import Kind, Piece, dialogue, imap, octets
from mitmail.wire.capability import rewrite
from mitmail.wire.clienthello import ClientHello, Malformed, NotTls, parse

ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", "250"))
STATED = (65536, 16384)  # octets of an incomplete line, commands without a reply
TINY = (128, 6)  # the same code where every other dialogue reaches a limit
SHORT = 300  # octets: such a dialogue is also cut everywhere

# Octets of these come as they come; where the network cuts them says nothing.
STREAMED = {Kind.BODY, Kind.LITERAL, Kind.OPAQUE, Kind.AFTER_STARTTLS}

type Event = tuple[str, str, str, bytes, str, bytes, bytes]


@dataclass(slots=True)
class Heard:
    """What a tracker made of a dialogue, in the order it came, and what it knows at the end."""

    events: list[Event] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list, compare=False)
    outstanding: tuple[tuple[str, bytes], ...] = ()
    greeted: bool = False

    def add(self, side: str, piece: Piece, *, streamed: bool) -> None:
        self.shown.append(piece.shown)
        shown = piece.shown
        if streamed:
            counted = shown == b"<%d octets>" % len(piece.raw)
            shown = b"" if shown == piece.raw else b"<>" if counted else shown
        event = (side, piece.kind.value, piece.verb, piece.tag, piece.status, shown, piece.raw)
        if streamed and self.events and self.events[-1][:-1] == event[:-1]:
            event = (*event[:-1], self.events.pop()[-1] + piece.raw)
        self.events.append(event)


def hear(protocol: Protocol, chunks: list[Turn], limits: tuple[int, int] = STATED) -> Heard:
    """Play the chunks; every octet comes back once, in order, or is one of the few kept."""
    tracker, heard = dialogue(protocol), Heard()
    given: dict[str, list[bytes]] = {"C": [], "S": []}
    taken: dict[str, list[bytes]] = {"C": [], "S": []}
    kept = {"C": 0, "S": 0}
    for side, chunk in chunks:
        if side == "T":
            _check(given, taken, kept)
            given, taken, kept = {"C": [], "S": []}, {"C": [], "S": []}, {"C": 0, "S": 0}
            tracker.secured()
            heard.events.append(("T", "", "", b"", "", b"", b""))
            continue
        given[side].append(chunk)
        kept[side] += len(chunk)
        for piece in tracker.client(chunk) if side == "C" else tracker.server(chunk):
            assert piece.raw, "a piece of nothing"
            taken[side].append(piece.raw)
            kept[side] -= len(piece.raw)
            heard.add(side, piece, streamed=_streamed(protocol, piece))
        assert 0 <= kept[side] < limits[0], "more is kept than was said"
        assert len(tracker.outstanding) <= limits[1], "more is outstanding than was said"
    _check(given, taken, kept)
    heard.outstanding, heard.greeted = tracker.outstanding, tracker.greeted
    return heard


def _streamed(protocol: Protocol, piece: Piece) -> bool:
    # Of a POP3 text the lines come as they come, too; its status tells them from odd lines.
    lines = protocol == "pop3" and piece.kind is Kind.PART and piece.status == "+OK"
    return lines or piece.kind in STREAMED


def _check(
    given: dict[str, list[bytes]], taken: dict[str, list[bytes]], kept: dict[str, int]
) -> None:
    for side in "CS":
        whole = b"".join(given[side])
        assert b"".join(taken[side]) == whole[: len(whole) - kept[side]], "octets were changed"


@contextmanager
def blaming(
    protocol: str, number: int, operators: list[str], chunks: list[Turn]
) -> Iterator[None]:
    """Say which dialogue it was, whatever goes wrong with it."""
    try:
        yield
    except Exception as error:
        done = ", ".join(operators) or "nothing"
        error.add_note(f"garbled({protocol!r}, {number}), done to it: {done}")
        error.add_note(f"the chunks: {chunks!r}"[:4000])
        raise


def splits(turns: list[Turn], number: int) -> Iterator[list[Turn]]:
    """Some of the ways in which the network may cut a dialogue; for a short one, all cuts."""
    chance = Random(number)
    size = sum(len(said) for _, said in turns)
    yield cut(turns, chance)
    if size < SHORT and number % 4 == 0:
        yield octet_by_octet(turns)
    if size < SHORT and number % 100 == 0:
        yield from cut_once(turns)


@pytest.fixture(params=[STATED, TINY], ids=["stated-limits", "tiny-limits"])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """What is kept at most: as the modules state it, and so little that it is often reached."""
    line, outstanding = request.param
    tracker = sys.modules["mitmail.wire.dialogue"]  # the package's function of that name hides it
    assert (octets.LINE_LIMIT, tracker.OUTSTANDING_LIMIT) == STATED
    for module in (octets, imap):
        monkeypatch.setattr(module, "LINE_LIMIT", line)
    monkeypatch.setattr(tracker, "OUTSTANDING_LIMIT", outstanding)
    return line, outstanding


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_garbled_dialogue_is_the_same_however_it_is_cut(
    protocol: Protocol, limits: tuple[int, int]
) -> None:
    for number in range(ROUNDS):
        attack = garbled(protocol, number)
        with blaming(protocol, number, attack.operators, attack.turns):
            whole = hear(protocol, attack.turns, limits)
        for chunks in splits(attack.turns, number):
            with blaming(protocol, number, attack.operators, chunks):
                assert hear(protocol, chunks, limits) == whole


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_garbled_dialogue_with_a_line_of_64_kib_is_the_same_however_it_is_cut(
    protocol: Protocol,
) -> None:
    for number in range(2 + ROUNDS // 200):
        chance = Random(f"overlong {number}")
        attack = garbled(protocol, number)
        attack.turns.append(("C", b"\r\n"))
        at = chance.choice([n for n, turn in enumerate(attack.turns) if turn[1]])
        side, said = attack.turns[at]
        place = chance.randrange(len(said) + 1)
        run = chance.choice((b"x", b"x y ", b'"', b"* 1")) * 65536
        run = run[: 65536 + chance.randrange(-100, 100)]
        attack.turns[at] = (side, said[:place] + run + said[place:])
        operators = [*attack.operators, f"{len(run)} octets {run[:4]!r} in {at} at {place}"]
        with blaming(protocol, number, operators, []):
            whole = hear(protocol, attack.turns)
            for _ in range(3):
                assert hear(protocol, cut(attack.turns, chance)) == whole


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_client_of_twenty_thousand_commands_is_the_same_however_it_is_cut(
    protocol: Protocol,
) -> None:
    for number in range(1 + ROUNDS // 2000):
        chance = Random(f"many {number}")
        attack = garbled(protocol, number)
        commands = b"".join(b"t%d NOOP\r\n" % n for n in range(20_000))
        if protocol != "imap":
            commands = b"NOOP\r\n" * 20_000
        turns = [*attack.turns[:3], ("C", commands), *attack.turns[3:]]
        with blaming(protocol, number, attack.operators, []):
            whole = hear(protocol, turns)
            assert len(whole.outstanding) <= STATED[1]
            assert hear(protocol, cut(turns, chance)).outstanding == whole.outstanding


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_of_a_long_run_a_tracker_keeps_no_more_than_a_line(protocol: Protocol) -> None:
    tracker = dialogue(protocol)
    tracker.server(GREETINGS[protocol][0] + b"\r\n" + b"x y z\r\n" * 200_000 + b"half a li")
    tracker.client(b"NOOP\r\n" * 100_000 + b"half a li")
    assert reachable(tracker) < 2 * STATED[0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_dialogue_shows_a_password_however_it_is_cut(protocol: Protocol) -> None:
    told = 0
    for number in range(min(POOL, ROUNDS)):
        said = script(protocol, number)
        turns = list(said.turns)
        told += bool(said.secrets)
        chance = Random(number)
        for chunks in (turns, cut(turns, chance), octet_by_octet(turns)):
            with blaming(protocol, number, ["none: script(), not garbled()"], chunks):
                shown = b"".join(hear(protocol, chunks).shown)
                assert [secret for secret in said.secrets if secret in shown] == []
    assert told > min(POOL, ROUNDS) / 4


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_capability_added_to_a_garbled_reply_can_be_taken_out_again(protocol: Protocol) -> None:
    added, new = 0, ("X-NEW 1", "X-OTHER") if protocol != "imap" else ("X-NEW=1", "X-OTHER")
    for number in range(ROUNDS):
        attack = garbled(protocol, number)
        for reply in (said for side, said in attack.turns if side == "S"):
            with blaming(protocol, number, attack.operators, [("S", reply)]):
                assert rewrite(protocol, reply, add=(), remove=()) == reply
                more = rewrite(protocol, reply, add=new, remove=())
                assert rewrite(protocol, more, add=new, remove=()) == more
                less = rewrite(protocol, more, add=(), remove=("x-new", "X-OTHER"))
                assert re.sub(rb"250 (?=\r?\n)", b"250", less) == re.sub(
                    rb"250 (?=\r?\n)", b"250", reply
                )
                assert (more.count(b"\n") - reply.count(b"\n")) in (0, len(new))
                added += more != reply
    assert added > ROUNDS / 20


def test_a_garbled_client_hello_is_the_same_however_it_is_cut() -> None:
    read = 0
    for number in range(ROUNDS):
        chance = Random(f"hello {number}")
        data = garbled_hello(chance)
        places = sorted(chance.randrange(len(data) + 1) for _ in range(6))
        if number % 20 == 0:
            places = list(range(len(data)))
        with blaming("hello", number, [f"garbled_hello(Random('hello {number}'))"], []):
            whole = outcome(data)
            read += isinstance(whole, ClientHello)
            outcomes = [outcome(data[:place]) for place in places]
            assert next(filter(None, outcomes), whole) == whole
            assert all(each in (None, whole) for each in outcomes)
            if isinstance(whole, ClientHello):
                assert whole.fingerprint.isascii()
    assert ROUNDS * 0.1 < read < ROUNDS * 0.9


def outcome(data: bytes) -> ClientHello | str | None:
    try:
        return parse(data)
    except (NotTls, Malformed) as error:
        return f"{type(error).__name__}: {error}"


def vector(size: int, body: bytes) -> bytes:
    return len(body).to_bytes(size) + body


def garbled_hello(chance: Random) -> bytes:
    """A ClientHello in records of any size, most often damaged before or after it was packed."""
    bodies = {
        0: vector(2, b"\0" + vector(2, b"mail.customer.test")),
        10: vector(2, b"\0\x1d\0\x17\x0a\x0a"),
        13: vector(2, b"\x04\x03\x08\x04"),
        16: vector(2, vector(1, b"imap") + vector(1, b"pop3")),
        43: vector(1, b"\x03\x04\x03\x03\x1a\x1a"),
        51: b"",
    }
    extensions = b"".join(k.to_bytes(2) + vector(2, body) for k, body in bodies.items())
    fixed = b"\x03\x03" + bytes(32) + vector(1, b"s" * 8) + vector(2, b"\x13\x01\xc0\x2b")
    message = b"\x01" + vector(3, fixed + vector(1, b"\0") + vector(2, extensions))
    if chance.random() < 0.5:
        message = chance.choice(EDITS)(message, chance)
    size = chance.choice((1, 7, 60, 10_000))
    data = b"".join(
        b"\x16\x03\x01" + vector(2, message[at : at + size]) for at in range(0, len(message), size)
    )
    return chance.choice(EDITS)(data, chance) if data and chance.random() < 0.5 else data
