"""``make starttls``: every client here in every dialogue attack, printed and in docs/starttls.md.

Names of clients limit the run to them. Exit code 1 when a client is vulnerable that was not known
to be, or is not any more.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from attack.known import load, surprises
from attack.run import cases, run
from mitmail.judge import driver
from mitmail.judge.attack import Trial
from mitmail.judge.client import Client

PAGE = Path(__file__).parents[2] / "docs" / "starttls.md"
LETTERS = {
    "safe": "+", "safe, suspected": "(+)", "aborted": "-", "aborted, silently": "(-)",
    "crashed": "**C**", "vulnerable": "**V**", "inconclusive": "?",
}  # fmt: skip
HEAD = """\
# Clients and dialogue attacks

What {count} clients did in the {cases} cases of the group `starttls`, as far as mitmail's own side
saw it. Written by `make starttls` on {date}.

`+` safe: it went on through TLS and believed nothing that came in clear; `(+)` as far as can be
seen: what it keeps in its memory, or shows on its screen, it need not say. `-` aborted: it left,
and said so; `(-)` it left without a word or an exit code; **C** it crashed. **V** vulnerable, in
two runs, and never without the attack. `?` inconclusive. Where a client speaks several protocols,
the worst counts.

{versions}
"""

# Thunderbird is asked by name: over IMAP it waits out its time in silence, a hundred times. A Java
# client that also checks names says the same around STARTTLS, and takes a minute and a half.
# getmail6 knows no STARTTLS.
UNASKED = ("thunderbird", "javamail-identity", "jakarta-mail-identity", "getmail6")
ASKED = [name for name in driver.KNOWN if name not in UNASKED]


def main() -> int:
    """Ask everybody, print and write the page."""
    wanted = set(sys.argv[1:] or ASKED)
    clients = [x for x in asyncio.run(driver.found(driver.KNOWN)) if x.name in wanted]
    if missing := sorted(wanted - {x.name for x in clients}):
        print(f"Not here: {', '.join(missing)}. CONTRIBUTING.md says how to install them.")
        if os.environ.get("CI"):
            return 1
    trials: list[Trial] = []
    for client in clients:
        began = time.monotonic()
        of_it = asyncio.run(run([client]))
        trials += of_it
        vulnerable = len({x.case for x in of_it if x.finding.finding == "vulnerable"})
        runs = f"{client.name:16} {len(of_it):4} runs {time.monotonic() - began:6.1f} s"
        print(f"{runs}, vulnerable in {vulnerable} cases", flush=True)
        if not of_it:
            print(f"{client.name} was asked nothing: it does not belong into this table.")
            return 1
    text = page(clients, trials)
    print(text)
    if wanted == set(ASKED) and not missing:
        PAGE.write_text(text, encoding="utf-8")
    strange = list(surprises(trials, load()))
    print("\n".join(strange) or "Nothing that was not known.")
    return 1 if strange else 0


def page(clients: Sequence[Client], trials: Sequence[Trial]) -> str:
    """The table and, below it, each vulnerable client's own words in clear."""
    names = [x.name for x in clients]
    versions = "\n".join(f"- {x.name} {'.'.join(map(str, x.version))}" for x in clients)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    head = HEAD.format(count=len(names), cases=len(cases()), date=today, versions=versions)
    rows = [f"| id | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for case in dict.fromkeys(x.case for x in trials):
        cells = [_cell([x for x in trials if (x.case, x.client) == (case, n)]) for n in names]
        rows.append(f"| `{case}` | {' | '.join(cells)} |")
    return "\n".join([head, *rows, "", "## What was seen", "", *_seen(trials), ""])


def _cell(trials: Sequence[Trial]) -> str:
    order = (
        "vulnerable", "crashed", "inconclusive", "aborted, silently", "aborted",
        "safe, suspected", "safe",
    )  # fmt: skip
    return LETTERS[min(map(_word, trials), key=order.index)] if trials else ""


def _word(trial: Trial) -> str:
    suspected = trial.word == "safe" and trial.finding.certainty == "suspected"
    return "safe, suspected" if suspected else trial.word


def _seen(trials: Sequence[Trial]) -> list[str]:
    lines = []
    for trial in trials:
        if trial.word in {"vulnerable", "inconclusive", "crashed"}:
            finding = trial.finding
            said = f": `{finding.trace.strip()}`" if finding.trace else ""
            where = f"{trial.client}, `{trial.case}`, {trial.endpoint}"
            lines.append(f"- {where}: {trial.word}: {finding.evidence}{said}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
