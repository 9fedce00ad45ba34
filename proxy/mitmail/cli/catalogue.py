"""The catalogue of scenarios, chosen and written as a page."""

from collections.abc import Iterable, Sequence

from mitmail.errors import MitmailError
from mitmail.scenario.model import Scenario
from mitmail.scenario.word import did_you_mean

HEAD = """\
# The catalogue

Every case that ships with mitmail, {count} in all. Written by `make docs` from the files in
`scenarios/`; a test keeps it in step. One of them in detail: `mitmail show ID`; to a client:
`mitmail serve ID`.

*must*, *should* and *may* say how binding the rule is (RFC 2119): a client that does otherwise
fails, is warned about, or is just described. What others call a case stands in italics, and
behind it what it would have caught.
"""
COLUMNS = "| id | what is wrong | a correct client | rule |\n|---|---|---|---|"


def selected(scenarios: Iterable[Scenario], groups: Sequence[str]) -> list[Scenario]:
    """The scenarios of these groups, or all; raises MitmailError for a group that is nowhere."""
    everything = list(scenarios)
    known = list(dict.fromkeys(scenario.group for scenario in everything))
    for group in groups:
        if group not in known:
            hint = did_you_mean(group, known)
            raise MitmailError(f"no group {group!r}{hint}: there are {', '.join(known)}")
    return [one for one in everything if not groups or one.group in groups]


def page(scenarios: Sequence[Scenario]) -> str:
    """The scenarios as a page in Markdown, a table for each group."""
    parts = [HEAD.format(count=len(scenarios))]
    for group in dict.fromkeys(scenario.group for scenario in scenarios):
        rows = [_row(one) for one in scenarios if one.group == group]
        parts.append(f"## {group} ({len(rows)})\n\n{COLUMNS}\n" + "".join(rows))
    return "\n".join(parts)


def _row(scenario: Scenario) -> str:
    expect = scenario.expect
    reasons = f": {', '.join(expect.reasons)}" if expect.reasons else ""
    due = f"{expect.level} {expect.verdict}{reasons}"
    also = f" (*{', '.join(scenario.aka)}*)" if scenario.aka else ""
    caught = f"; catches {', '.join(scenario.catches)}" if scenario.catches else ""
    cells = (f"`{scenario.id}`", f"{scenario.title}{also}{caught}", due, scenario.rule)
    return f"| {' | '.join(cell.replace('|', '\\|') for cell in cells)} |\n"
