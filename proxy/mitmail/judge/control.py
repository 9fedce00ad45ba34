"""Controls: where nothing is wrong. A client that fails there proves nothing elsewhere."""

from collections.abc import Sequence
from dataclasses import replace

from mitmail.judge.cell import Cell
from mitmail.judge.outcome import Outcome, vulnerable
from mitmail.scenario.matrix import HEALTHY

type _Control = tuple[str, str, str]


def with_controls(cells: Sequence[Cell]) -> list[Cell]:
    """A client that fails a control proves nothing in the cases that it is the control of.

    But for what it gave away in one of them: that is proven by itself. The healthy server is
    everybody's; a scenario's own is the same server by its right name.
    """
    failed = {_control(cell) for cell in cells if _control(cell) and cell.outcome.word != "pass"}
    return [cell if _control(cell) else _judged(cell, failed) for cell in cells]


def has_leaked(cell: Cell) -> bool:
    """Whether the client is surely vulnerable here, whatever it does elsewhere."""
    return cell.hearing is not None and vulnerable(cell.hearing.sessions) is not None


def unproven(scenario: str) -> Outcome:
    """The outcome of a cell whose client has failed the control of ``scenario``."""
    return Outcome("error", f"this client fails the control of {scenario}, where nothing is wrong")


def _control(cell: Cell) -> _Control | None:
    plan = cell.case.plan
    if cell.case.control or (plan.scenario.id == HEALTHY and plan.shield is None):
        return plan.scenario.id, cell.client, cell.endpoint
    return None


def _judged(cell: Cell, failed: set[_Control | None]) -> Cell:
    if has_leaked(cell):
        return cell
    for scenario in (HEALTHY, cell.case.plan.scenario.id):
        if (scenario, cell.client, cell.endpoint) in failed:
            return replace(cell, outcome=unproven(scenario))
    return cell
