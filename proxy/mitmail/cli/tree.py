"""A scenario's certificates as a small tree, with what is wrong written beside each."""

from collections.abc import Iterator
from typing import TextIO

from mitmail.scenario.fault import Fault, faults
from mitmail.scenario.hostname import CUSTOMER
from mitmail.scenario.model import Scenario
from mitmail.scenario.server import Server

BRANCH, WRONG = (
    "\N{BOX DRAWINGS LIGHT UP AND RIGHT}\N{BOX DRAWINGS LIGHT HORIZONTAL} ",
    "\N{MULTIPLICATION X} ",
)
ASCII = str.maketrans({BRANCH[0]: "`", BRANCH[1]: "-", WRONG[0]: "x"})
ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


def can_draw(stream: TextIO) -> bool:
    """Whether a stream can take the lines of the tree: a pipe on Windows often cannot."""
    try:
        (BRANCH + WRONG).encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def draw(scenario: Scenario, *, ascii_only: bool = False) -> list[str]:
    """The lines: each certificate under its issuer, then what is wrong beside the certificates."""
    server = scenario.server
    wrong = faults(scenario, scenario.connect_as or CUSTOMER)
    shown = _shown(server)
    lines = [
        line
        for name in shown
        if server.issuer_of(name) == name
        for line in _node(server, name, 0, shown, wrong)
    ]
    rest = [fault for fault in wrong if fault.part not in shown]
    lines += [f"  {WRONG}{fault.part}: {fault.words}" for fault in rest]
    return [line.translate(ASCII) for line in lines] if ascii_only else lines


def canary(scenario: Scenario) -> Iterator[str]:
    """What a client does that believed what came in clear, each in a few words."""
    dialogue = scenario.server.dialogue
    if dialogue is None or (said := dialogue.canary) is None:
        return
    if said.verbs:
        yield f"{' or '.join(said.verbs)} through TLS"
    if said.word:
        yield f"a command through TLS that names {said.word}"
    if said.ahead:
        yield "a command through TLS before the one before is answered"
    if said.lure:
        yield "a connection to the place that was named in clear"


def _shown(server: Server) -> list[str]:
    """What is sent or trusted, and who signed it; roots come first."""
    return [name for name in reversed(server.certificates) if name in server.used]


def _node(
    server: Server, name: str, depth: int, shown: list[str], wrong: list[Fault]
) -> Iterator[str]:
    indent = "  " + "   " * (depth - 1) + BRANCH if depth else "  "
    yield f"{indent}{name}: {_part_played(server, name)}"
    for fault in wrong:
        if fault.part == name:
            yield f"{' ' * (len(indent) + 2)}{WRONG}{fault.words}"
    for below in shown:
        if server.issuer_of(below) == name and below != name:
            yield from _node(server, below, depth + 1, shown, wrong)


def _part_played(server: Server, name: str) -> str:
    places = [index for index, sent in enumerate(server.sent, 1) if sent == name]
    sent = " and ".join(ORDINALS.get(place, f"{place}th") for place in places)
    words = [f"sent {sent}" if places else "not sent"]
    if name in server.trust:
        words.append("trusted by the client")
    for said, other in (
        ("the name of", server.subject_of(name)),
        ("the key of", server.key_of(name)),
    ):
        if other != name:
            words.append(f"with {said} {other}")
    return ", ".join(words)
