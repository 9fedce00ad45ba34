"""Everything that may go wrong with the octets of a dialogue, and the cuts that change nothing."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from exchanges import Protocol, Turn, runs, script

POOL = 300  # dialogues of one protocol

# What no exchange of two that keep to their RFCs holds.
ODDITIES = (
    b"\0", b"\r", b"\n", b"\r\n", b".", b".\r\n", b"\r\n.\r\n", b'"', b"\\", b"(", b"{3}\r\n",
    b"+", b"{2+}\r\n", b"~{1}\r\n", b"{99999999999999999999}\r\n", b"{9223372036854775807}\r\n",
    b"* ", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x15\x03\x03\x00\x02\x02\x28",
    b"+ go\r\n", b"* BYE\r\n", b"* PREAUTH x\r\n", b"* OK\r\n", b"t1 OK x\r\n", b"t1 NO x\r\n",
    b"t1 MAYBE\r\n", b"t1 BAD\r\n", b"* 1 FETCH (X {7}\r\n", b"+OK\r\n", b"-ERR\r\n",
    b"+OK\r\n.\r\n", b"-WHAT\r\n", b"220 x\r\n", b"250-x\r\n", b"250 x\r\n", b"334 \r\n",
    b"354 x\r\n", b"421 x\r\n", b"454 x\r\n", b"501 x\r\n", b"502 x\r\n", b"554 x\r\n",
    b"999 x\r\n", b"25", b"t1 STARTTLS\r\n", b"STLS\r\n", b"STARTTLS\r\n", b"t1 IDLE\r\n",
    b"DONE\r\n", b"t1 COMPRESS DEFLATE\r\n", b"DATA\r\n", b"UID ", b"BDAT 5\r\n",
    b"BDAT 99999999999999999999\r\n", b"AUTH PLAIN\r\n", b"t1 AUTHENTICATE X\r\n",
    b"t1 APPEND x {4}\r\n", b"RETR 1\r\n", b"CAPA\r\n", b"GET / HTTP/1.1\r\n", b"\xff\xfe",
    b"A" * 70,
)  # fmt: skip
_SIZE = re.compile(rb"(?<=\{)\d+|(?<=BDAT )\d+")


@dataclass(slots=True)
class Garbled:
    """A dialogue to which something was done, and what: enough to do it again."""

    turns: list[Turn]
    operators: list[str] = field(default_factory=list)


# -- what the network may do: no one is to notice ------------------------------------------------


def cut(turns: list[Turn], chance: Random) -> list[Turn]:
    """Cut every run at some random places."""
    chunks = []
    for side, octets in turns:
        places = {chance.randrange(len(octets) + 1) for _ in range(chance.randrange(4))}
        chunks += [
            (side, octets[start:end]) for start, end in pairwise(sorted({0, len(octets)} | places))
        ] or [(side, octets)]
    return chunks


def octet_by_octet(turns: list[Turn]) -> list[Turn]:
    """Cut every run into single octets."""
    return [
        (side, octets[at : at + 1]) for side, octets in turns for at in range(max(1, len(octets)))
    ]


def cut_once(turns: list[Turn]) -> list[list[Turn]]:
    """Cut the dialogue in two, once at every place that there is."""
    return [
        [*turns[:at], (side, octets[:place]), (side, octets[place:]), *turns[at + 1 :]]
        for at, (side, octets) in enumerate(turns)
        for place in range(1, len(octets))
    ]


# -- what else may happen to a dialogue ----------------------------------------------------------

type Edit = Callable[[bytes, Random], bytes]


def _place(octets: bytes, chance: Random) -> int:
    return chance.randrange(len(octets) + 1)


def _flip(octets: bytes, chance: Random) -> bytes:
    at = _place(octets, chance)
    return (
        octets[:at]
        + bytes(o ^ 1 << chance.randrange(8) for o in octets[at : at + 1])
        + octets[at + 1 :]
    )


def _insert(octets: bytes, chance: Random) -> bytes:
    at = _place(octets, chance)
    return octets[:at] + chance.choice(ODDITIES) + octets[at:]


def _noise(octets: bytes, chance: Random) -> bytes:
    at = _place(octets, chance)
    return octets[:at] + chance.randbytes(chance.randrange(1, 9)) + octets[at:]


def _delete(octets: bytes, chance: Random) -> bytes:
    at = _place(octets, chance)
    return octets[:at] + octets[at + chance.randrange(1, 9) :]


def _truncate(octets: bytes, chance: Random) -> bytes:
    return octets[: _place(octets, chance)]


def _double(octets: bytes, chance: Random) -> bytes:
    start, end = _place(octets, chance), _place(octets, chance)
    return octets[:end] + octets[start:]


def _cut_line_ends(octets: bytes, chance: Random) -> bytes:
    return octets.replace(b"\r\n", chance.choice((b"", b"\n", b"\r", b"\r\r\n")), 1)


def _resize(octets: bytes, chance: Random) -> bytes:
    size = b"%d" % chance.choice((0, 1, 2, 5, 30, 2**16, 2**32, 2**63, 10**18, 10**19, 10**30))
    return _SIZE.sub(size, octets, count=1)


def _lengthen(octets: bytes, chance: Random) -> bytes:
    at = _place(octets, chance)
    return octets[:at] + chance.choice((b"x", b" ", b'"', b".")) * 300 + octets[at:]


def _shuffle_lines(octets: bytes, chance: Random) -> bytes:
    lines = octets.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def _drop_line(octets: bytes, chance: Random) -> bytes:
    lines = octets.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def _repeat_line(octets: bytes, chance: Random) -> bytes:
    lines = octets.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return b"".join(lines[:at] + [lines[at]] * chance.choice((2, 3, 12)) + lines[at + 1 :])


EDITS: tuple[Edit, ...] = (
    *(_flip, _insert, _insert, _noise, _delete, _truncate, _double, _cut_line_ends, _resize),
    *(_lengthen, _shuffle_lines, _drop_line, _repeat_line),
)


def _swap_sides(turns: list[Turn], at: int, _: list[Turn]) -> list[Turn]:
    side, octets = turns[at]
    return [*turns[:at], ({"C": "S", "S": "C"}.get(side, side), octets), *turns[at + 1 :]]


def _swap_turns(turns: list[Turn], at: int, _: list[Turn]) -> list[Turn]:
    return [*turns[:at], *reversed(turns[at : at + 2]), *turns[at + 2 :]]


def _drop_turn(turns: list[Turn], at: int, _: list[Turn]) -> list[Turn]:
    return turns[:at] + turns[at + 1 :]


def _repeat_turn(turns: list[Turn], at: int, _: list[Turn]) -> list[Turn]:
    return turns[: at + 1] + turns[at:]


def _all_of_the_client_first(turns: list[Turn], at: int, _: list[Turn]) -> list[Turn]:
    later = turns[at:]
    return turns[:at] + [t for t in later if t[0] == "C"] + [t for t in later if t[0] != "C"]


def _splice(turns: list[Turn], at: int, other: list[Turn]) -> list[Turn]:
    return turns[:at] + other[at // 2 :]


def _end_here(turns: list[Turn], at: int, _: list[Turn]) -> list[Turn]:
    return turns[: at + 1]


def _secure(turns: list[Turn], at: int, _: list[Turn]) -> list[Turn]:
    return [*turns[:at], ("T", b""), *turns[at:]]


MOVES: tuple[Callable[[list[Turn], int, list[Turn]], list[Turn]], ...] = (
    *(_swap_sides, _swap_turns, _drop_turn, _repeat_turn, _all_of_the_client_first, _splice),
    *(_end_here, _secure),
)


def garbled(protocol: Protocol, number: int) -> Garbled:
    """Return the garbled dialogue of that number: one to five operators applied to one of POOL."""
    chance = Random(f"garbled {protocol} {number}")
    result = Garbled(list(script(protocol, chance.randrange(POOL)).turns))
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        turns = result.turns
        at = chance.randrange(len(turns))
        if chance.random() < 0.3:
            move = chance.choice(MOVES)
            other = list(script(protocol, chance.randrange(POOL)).turns)
            result.turns = move(turns, at, other) or turns
            result.operators.append(f"{move.__name__} {at}")
        elif turns[at][1]:
            edit = chance.choice(EDITS)
            turns[at] = (turns[at][0], edit(turns[at][1], chance))
            result.operators.append(f"{edit.__name__} {at}")
    result.turns = runs(result.turns)
    return result
