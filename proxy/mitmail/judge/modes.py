"""Both modes compared: what a client does about one certificate with implicit TLS and STARTTLS."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mitmail.endpoint import ENDPOINTS, TlsMode
from mitmail.judge.case import Case
from mitmail.judge.cell import Cell


@dataclass(frozen=True, slots=True)
class Pair:
    """One client in one case on the two endpoints of one protocol."""

    starttls: Cell
    implicit: Cell

    @property
    def case(self) -> str:
        """The case, and the antivirus in front of it."""
        case = self.starttls.case
        shielded = "" if case.plan.shield is None else f" behind {case.antivirus}"
        return f"{case.label}{shielded}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A client that checks a certificate in one mode and not in the other.

    ``known`` says why, where it is a known exception of that client; ``words`` is a sentence.
    """

    pair: Pair
    words: str
    known: str | None = None


@dataclass(frozen=True, slots=True)
class Undecided:
    """Two cells that prove nothing about each other; ``words`` says why."""

    pair: Pair
    words: str


@dataclass(frozen=True, slots=True)
class Modes:
    """What came of all pairs; ``alike`` is how many of them there were without a difference."""

    alike: int
    differences: tuple[Difference, ...]
    undecided: tuple[Undecided, ...]


def compare(cells: Sequence[Cell]) -> Modes:
    """Compare what each client did over STARTTLS and with implicit TLS, case by case.

    A cell that could not be judged is compared with nothing. Where the case itself differs by
    mode, so may the client: a server that breaks TLS off, a dialogue attack (STARTTLS only), an
    antivirus that treats one mode otherwise.
    """
    alike = 0
    differences: list[Difference] = []
    undecided: list[Undecided] = []
    for pair in _pairs(cells):
        match _compared(pair):
            case Difference() as difference:
                differences.append(difference)
            case Undecided() as open_:
                undecided.append(open_)
            case None:
                alike += 1
    return Modes(alike, tuple(differences), tuple(undecided))


def _pairs(cells: Sequence[Cell]) -> Iterator[Pair]:
    found: dict[object, dict[TlsMode, Cell]] = {}
    for cell in cells:
        endpoint = ENDPOINTS[cell.endpoint]
        if not _differs_by_mode(cell.case):
            found.setdefault((_key(cell), endpoint.protocol), {})[endpoint.tls] = cell
    for both in found.values():
        if len(both) == 2 and _expects_alike(both["starttls"], both["implicit"]):
            yield Pair(both["starttls"], both["implicit"])


def _key(cell: Cell) -> object:
    return cell.client, cell.case.label, cell.case.antivirus


def _differs_by_mode(case: Case) -> bool:
    # What comes instead of TLS meets a client in clear that has just spoken in clear.
    plan = case.plan
    return plan.door.manner.instead is not None or plan.scenario.server.dialogue is not None


def _expects_alike(one: Cell, other: Cell) -> bool:
    return one.expected.verdict == other.expected.verdict


def _compared(pair: Pair) -> Difference | Undecided | None:
    for cell in (pair.starttls, pair.implicit):
        if _did(cell) is None:
            words = f"{cell.client} in {pair.case}: {cell.endpoint} could not be judged"
            return Undecided(pair, f"{words} ({cell.outcome.why})")
    if _did(pair.starttls) == _did(pair.implicit):
        return None
    cells = (pair.starttls, pair.implicit)
    known = next((x.outcome.why for x in cells if x.outcome.word == "xfail"), None)
    return Difference(pair, _words(pair), known)


def _did(cell: Cell) -> Literal["accept", "reject"] | None:
    """What both witnesses say that the client did; None where they do not."""
    if cell.outcome.word == "error" or cell.seen is None:
        return None
    for word in ("accept", "reject"):
        if cell.said.verdict == cell.seen.verdict == word:
            return word
    return None


def _words(pair: Pair) -> str:
    accepting, refusing = pair.starttls, pair.implicit
    if _did(accepting) == "reject":
        accepting, refusing = refusing, accepting
    did = (
        f"{accepting.client} accepts {pair.case} over {_over(accepting)} "
        f"and refuses it over {_over(refusing)}"
    )
    if accepting.expected.verdict == "reject":
        return f"{did}: its certificate check is missing or weaker over {_mode(accepting)}"
    return f"{did}: nothing is wrong with it, so {_mode(refusing)} refuses too much"


def _mode(cell: Cell) -> str:
    return ENDPOINTS[cell.endpoint].dialog


def _over(cell: Cell) -> str:
    return f"{_mode(cell)} ({cell.endpoint})"
