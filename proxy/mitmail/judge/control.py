"""Controls: where nothing is wrong. A client that fails there proves nothing elsewhere."""

from collections.abc import Sequence
from dataclasses import replace

from mitmail.judge.cell import Cell
from mitmail.judge.outcome import Outcome
from mitmail.scenario.matrix import HEALTHY

type _Control = tuple[str, str, str]


def with_controls(cells: Sequence[Cell]) -> list[Cell]:
    """A client that fails a control proves nothing in the cases that it is the control of.

    The healthy server is everybody's; a scenario's own is the same server by its right name.
    """
    failed = {_control(cell) for cell in cells if _control(cell) and cell.outcome.word != "pass"}
    return [cell if _control(cell) else _judged(cell, failed) for cell in cells]


def unproven(scenario: str) -> Outcome:
    """The outcome of a cell whose client has failed the control of ``scenario``."""
    return Outcome("error", f"this client fails the control of {scenario}, where nothing is wrong")


def _control(cell: Cell) -> _Control | None:
    plan = cell.case.plan
    if cell.case.control or (plan.scenario.id == HEALTHY and plan.shield is None):
        return plan.scenario.id, cell.client, cell.endpoint
    return None


def _judged(cell: Cell, failed: set[_Control | None]) -> Cell:
    for scenario in (HEALTHY, cell.case.plan.scenario.id):
        if (scenario, cell.client, cell.endpoint) in failed:
            return replace(cell, outcome=unproven(scenario))
    return cell
