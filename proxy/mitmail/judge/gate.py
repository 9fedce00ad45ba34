"""The gate: a client is judged in a case only when it has passed the case's controls.

One that is surely vulnerable in a control is asked in the case for the same alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mitmail.judge import attack
from mitmail.judge.attempt import Attempt, attempt
from mitmail.judge.bench import Bench
from mitmail.judge.brief import Brief
from mitmail.judge.case import Case, Casebook
from mitmail.judge.cell import Cell, ask, judged
from mitmail.judge.client import Client, Said
from mitmail.judge.control import has_leaked, unproven
from mitmail.judge.outcome import Outcome
from mitmail.scenario.matrix import HEALTHY

type _Key = tuple[str, Brief, str]

NOT_ASKED = Said("error", None, None, "not asked")
EVERYBODYS = Brief(scenario=HEALTHY)


@dataclass(slots=True)
class Gate:
    """Asks cells, and before them the controls that they hang on: each control once."""

    bench: Bench
    book: Casebook = field(default_factory=lambda: Casebook(constrained=False))
    _controls: dict[_Key, Attempt] = field(default_factory=dict)

    async def ask(self, client: Client, brief: Brief, endpoint: str) -> Attempt:
        """Ask a client in a case on an endpoint, as often as it takes. Raises MitmailError."""
        if is_control(brief):
            return await self._control(client, brief, endpoint)
        case = self.book.case(brief)
        for control in self._controls_of(brief, case):
            passed = await self._control(client, control, endpoint)
            if passed.cell.outcome.word != "pass":
                return await self._ask_on(client, case, endpoint, control, passed.cell)
        return await attempt(lambda: asked(self.bench, client, case, endpoint))

    async def _ask_on(
        self, client: Client, case: Case, endpoint: str, control: Brief, failed: Cell
    ) -> Attempt:
        # What a client gives away in the case is proven, though it does so in the control, too.
        if has_leaked(failed):
            cell = await asked(self.bench, client, case, endpoint)
            if has_leaked(cell):
                return Attempt(cell)
        return Attempt(_not_asked(client, case, endpoint, control, failed))

    async def _control(self, client: Client, brief: Brief, endpoint: str) -> Attempt:
        key = client.name, brief, endpoint
        if key not in self._controls:
            case = self.book.case(brief)
            self._controls[key] = await attempt(lambda: ask(self.bench, client, case, endpoint))
        return self._controls[key]

    def _controls_of(self, brief: Brief, case: Case) -> Iterator[Brief]:
        yield EVERYBODYS
        if (own := case.plan.scenario.control) is not None:
            yield Brief(scenario=brief.scenario, connect_as=own.connect_as)


async def asked(bench: Bench, client: Client, case: Case, endpoint: str) -> Cell:
    """Ask a client once; a suspicion of its dialogue is held against one with nothing wrong."""
    hearing = await bench.hear(client, case, endpoint)
    cell = judged(hearing, client, case, endpoint)
    if case.plan.scenario.server.dialogue is None or cell.outcome.word == "fail":
        return cell
    finding = attack.combined(hearing.sessions)
    if (finding.finding, finding.certainty) != ("vulnerable", "suspected"):
        return cell
    control = await bench.hear(client, case.without_attack(), endpoint)
    proven = attack.controlled(finding, control.sessions)
    return cell.ruled(_outcome(proven.finding, proven.evidence))


def _outcome(finding: str, evidence: str) -> Outcome:
    if finding == "vulnerable":
        return Outcome("fail", f"vulnerable: {evidence}")
    return Outcome("error", evidence)


def is_control(brief: Brief) -> bool:
    """Whether a case is one where nothing is wrong, and no antivirus is there."""
    return brief.connect_as is not None or brief == EVERYBODYS


def _not_asked(client: Client, case: Case, endpoint: str, control: Brief, failed: Cell) -> Cell:
    outcome = unproven(control.scenario_id)
    words = f"{outcome.why} ({failed.outcome.why})"
    expected = case.expect(endpoint)
    return Cell(case, endpoint, client.name, expected, NOT_ASKED, None, Outcome("error", words))
