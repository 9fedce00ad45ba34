"""``make proof``: docs/proof.md, what every verifier here says of every case, today and in a year.

Exit code 1 when a verifier says something else with all clocks a year ahead.
"""

import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mitmail.scenario.model import Scenario
from proof.hearing import Hearing
from proof.judgement import VARIES, known
from proof.process import pretending
from proof.test_clock import LEAD, YEAR
from proof.verifier import Verifier, Word
from serve.serving import ForProgram

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
READY = 120.0
LETTERS = {"accept": "+", "reject": "-", "error": "?"}
HEAD = """\
# The proof

What {count} independent verifiers say of every case of the [catalogue](catalogue.md) over IMAP
with implicit TLS, each told to trust what the case says. Written by `make proof` on {date};
`make test` holds every cell: a verifier does what the case's file says, or
`tests/proof/known.yaml` says why not.

`+` it accepts, `-` it refuses, `?` it cannot judge, a blank: it cannot see what the case is about.
A bold cell is a known disagreement. *must*, *should* and *may* are the levels of the rule.

{versions}

With every clock a year ahead, mitmail's and theirs, {changed}.
"""


def main() -> int:
    """Ask everybody about everything, twice, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with ForProgram(home, "--all") as serving:
            now = _heard(serving, None)
        at = datetime.now(UTC) + YEAR
        with ForProgram(home, "--all", through=pretending([], at)) as serving:
            then = _heard(serving, at + LEAD)
    changes = _changes(now, then)
    PAGE.write_text(_page(now, changes), encoding="utf-8")
    print(f"{PAGE.name}: {len(now.scenarios)} cases, {len(now.verifiers)} verifiers.")
    print("\n".join(changes) or "A year ahead nothing changes.")
    return 1 if changes else 0


def _heard(serving: ForProgram, at: datetime | None) -> Hearing:
    serving.line('"ready"', seconds=READY)
    hearing = Hearing(serving.ready, at)
    hearing.ask_all(hearing.verifiers)
    return hearing


def _changes(now: Hearing, then: Hearing) -> list[str]:
    varying = {x for one in known() if one.does == VARIES for x in one.cases}
    return [
        f"{verifier.name}: {id_}: {word.verdict}, a year ahead {later.verdict} ({later.text})"
        for verifier in now.verifiers
        for id_, word in now.ask(verifier).items()
        if id_ not in varying
        if (later := then.ask(verifier)[id_]).verdict != word.verdict
    ]


def _page(hearing: Hearing, changes: Sequence[str]) -> str:
    verifiers = hearing.verifiers
    versions = "\n".join(f"- {x.name}: {x.family} {x.version}" for x in verifiers)
    said = f"{len(changes)} answers change" if changes else "nothing changes"
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    head = HEAD.format(count=len(verifiers), date=today, versions=versions, changed=said)
    parts = [head]
    for group in dict.fromkeys(x.group for x in hearing.scenarios.values()):
        rows = [_row(x, hearing) for x in hearing.scenarios.values() if x.group == group]
        names = " | ".join(x.name for x in verifiers)
        parts.append(f"## {group}\n\n| id | due | {names} |\n{'|---' * (len(verifiers) + 2)}|\n")
        parts[-1] += "".join(rows)
    return "\n".join(parts)


def _row(said: Scenario, hearing: Hearing) -> str:
    cells = [_cell(said, x, hearing.ask(x).get(said.id)) for x in hearing.verifiers]
    due = f"{said.expect.level} {said.expect.verdict}"
    return f"| `{said.id}` | {due} | {' | '.join(cells)} |\n"


def _cell(said: Scenario, verifier: Verifier, word: Word | None) -> str:
    if word is None:
        return ""
    letter = LETTERS[word.verdict]
    excused = any(verifier.name in x.verifiers and said.id in x.cases for x in known())
    return f"**{letter}**" if excused else letter


if __name__ == "__main__":
    sys.exit(main())
