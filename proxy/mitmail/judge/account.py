"""The account of a cell: all that was said, seen and concluded, as one result."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mitmail.judge import evidence, picture, secret
from mitmail.judge.attempt import Attempt
from mitmail.judge.bench import Hearing
from mitmail.judge.case import Case
from mitmail.judge.cell import Cell
from mitmail.judge.client import Said
from mitmail.judge.grid import Entry, Errand
from mitmail.judge.outcome import Outcome
from mitmail.judge.result import Result

UNMET = ("fail", "warn")


def result(entry: Entry, errand: Errand, attempt: Attempt, password: str) -> Result:
    """The result of an attempt; the password stands nowhere in it."""
    cell, hearing = attempt.cell, attempt.cell.hearing
    made = replace(
        _bare(entry, errand, cell.case, _expected(cell), cell.outcome),
        said=_said(cell.said),
        seen=_seen(cell, hearing),
        seconds=hearing.seconds if hearing is not None else 0.0,
        unstable=attempt.unstable,
        tries=[{"outcome": x.outcome.word, "why": x.outcome.why} for x in attempt.earlier],
        sessions=[] if hearing is None else evidence.sessions(hearing),
        chain=[] if hearing is None else evidence.chain(hearing),
        screenshot=_screenshot(cell.said, entry, errand),
    )
    # Some clients print the whole dialogue, and the password in Base64 with it.
    return secret.cleared(made, [password])


def unasked(entry: Entry, errand: Errand, case: Case, why: str) -> Result:
    """The result of a cell whose client was not asked to the end."""
    expected = case.expect(entry.endpoint)
    said = {"verdict": expected.verdict, "reasons": sorted(expected.reasons)}
    made = _bare(entry, errand, case, said | {"level": expected.level}, Outcome("error", why))
    return secret.cleared(made, [])


def _bare(
    entry: Entry, errand: Errand, case: Case, expected: Mapping[str, Any], outcome: Outcome
) -> Result:
    scenario = case.plan.scenario
    ruled = _with_known_failures(outcome, entry.xfail)
    return Result(
        index=entry.index,
        cell=entry.name,
        client=entry.client,
        version=errand.versions[entry.client],
        case=entry.brief.id,
        scenario=scenario.id,
        group=scenario.group,
        title=scenario.title,
        why_it_matters=scenario.why,
        antivirus=case.plan.antivirus,
        name=case.name,
        endpoint=entry.endpoint,
        expected=expected,
        said=_said(Said("error", None, None, "not asked")),
        seen=None,
        outcome=ruled.word,
        why=ruled.why,
        reproduce=f"{errand.again} --only {shlex.quote(entry.name)}",
    )


def _with_known_failures(outcome: Outcome, reason: str | None) -> Outcome:
    """What is known to fail does; and where it does not, what is known is known no more."""
    if reason is None or outcome.word in ("error", "skip", "xfail"):
        return outcome
    if outcome.word in UNMET:
        return Outcome("xfail", f"known to fail: {reason}")
    words = f"passes, but the matrix says that it fails ({reason}): remove that xfail"
    return Outcome("fail", words)


def _expected(cell: Cell) -> dict[str, Any]:
    said = cell.expected
    return {"verdict": said.verdict, "reasons": sorted(said.reasons), "level": said.level}


def _said(said: Said) -> dict[str, Any]:
    words = {
        "verdict": said.verdict,
        "reason": said.reason,
        "exit_code": said.exit_code,
        "text": said.text,
    }
    return words | ({"details": dict(said.details)} if said.details else {})


def _screenshot(said: Said, entry: Entry, errand: Errand) -> str | None:
    folder = None if errand.folder is None else Path(errand.folder)
    return picture.keep(said.screenshot, entry.index, entry.name, folder)


def _seen(cell: Cell, hearing: Hearing | None) -> dict[str, Any] | None:
    if cell.seen is None:
        return None
    seen = {
        "verdict": cell.seen.verdict,
        "certainty": cell.seen.certainty,
        "reason": cell.seen.reason,
        "alert": cell.seen.alert,
        "evidence": cell.seen.evidence,
    }
    return seen | {"finding": None if hearing is None else evidence.finding(hearing)}
