"""A cell: one client in one case on one endpoint, asked and judged."""

from dataclasses import dataclass, replace

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.verdict import CERTIFICATE_ALERTS, Verdict
from mitmail.judge.bench import Bench, Hearing
from mitmail.judge.case import Case
from mitmail.judge.client import Client, Said
from mitmail.judge.crash import CRASHES
from mitmail.judge.deviation import deviation, known_of
from mitmail.judge.outcome import Known, Outcome, decide, strongest
from mitmail.plan import Expectation
from mitmail.plan.expectation import exception, is_bare


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one client in one case on one endpoint."""

    case: Case
    endpoint: str
    client: str
    expected: Expectation
    said: Said
    seen: Verdict | None
    outcome: Outcome
    hearing: Hearing | None = None

    def ruled(self, outcome: Outcome) -> "Cell":
        """The same cell with another outcome."""
        return replace(self, outcome=outcome)


async def ask(bench: Bench, client: Client, case: Case, endpoint: str) -> Cell:
    """Ask a client once, and hold what it said and what we saw against the expectation."""
    return judged(await bench.hear(client, case, endpoint), client, case, endpoint)


def judged(hearing: Hearing, client: Client, case: Case, endpoint: str) -> Cell:
    """The cell that a hearing came to."""
    expected, plan, said = case.expect(endpoint), case.plan, _said(hearing)
    who = client.name, client.version
    known: Known | None = exception(plan.scenario, plan.shield, endpoint, case.trusted, who)
    if known is None and is_bare(plan.shield, endpoint):
        known = known_of(client, plan.scenario, expected, said)
    if known is None:
        known = deviation(client, ENDPOINTS[endpoint], expected, said)
    outcome = _plainly(decide(expected, said, hearing.sessions, known), said)
    seen = strongest(hearing.sessions)
    return Cell(case, endpoint, client.name, expected, said, seen, outcome, hearing)


def _said(hearing: Hearing) -> Said:
    """The client's word; who says that it was left, but was seen to refuse the certificate, did.

    Only an alert about the certificate shows that: Java sends others when its time is up.
    """
    said, verdicts = hearing.said, [x.verdict for x in hearing.sessions]
    refused = any(x is not None and x.alert in CERTIFICATE_ALERTS for x in verdicts)
    if said.left and refused and all(x is not None and x.verdict == "reject" for x in verdicts):
        return replace(said, verdict="reject", left=False)
    return said


def _plainly(outcome: Outcome, said: Said) -> Outcome:
    """What a client did that had nothing to do with mail goes first."""
    if outcome.word != "error" or said.verdict != "error":
        return outcome
    if said.exit_code in CRASHES:
        return Outcome("error", f"the client crashed ({said.exit_code}): {outcome.why}")
    return outcome
