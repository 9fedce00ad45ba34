"""JUnit XML of a run: a suite per client, a test case per cell."""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from mitmail.judge.report import phrase
from mitmail.judge.result import Head, Result, Run

NAME: Final = "mitmail judge"
# XML 1.0 has no place for these, not even escaped (section 2.2).
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(run: Run) -> str:
    """The document; its test cases have the names of the cells, so that each occurs once.

    A cell that was not asked, since the run was cut off, is an error: it is no success.
    """
    lost = run.missing or [NAME] * (run.lost > 0)
    totals = _totals(run.results, lost, run.head)
    del totals["skipped"]  # Jenkins' schema of this element does not know it
    root = ET.Element("testsuites", {"name": NAME, **totals})
    for client in dict.fromkeys([*(one.client for one in run.results), *map(_client, lost)]):
        of_it = [one for one in run.results if one.client == client]
        lost_of_it = [name for name in lost if _client(name) == client]
        totals = _totals(of_it, lost_of_it, run.head)
        named = {"name": _text(client), "timestamp": run.head.started[:19]}
        suite = ET.SubElement(root, "testsuite", named | totals)
        for one in of_it:
            _case(suite, one, run.head)
        for name in lost_of_it:
            _lost(suite, name, phrase.cut_off(run) or "")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _client(cell: str) -> str:
    return cell.partition("/")[0]


def _lost(suite: ET.Element, name: str, why: str) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=_text(_client(name)), name=_text(name), time="0.000"
    )
    ET.SubElement(case, "error", message=why, type="error")


def _case(suite: ET.Element, one: Result, head: Head) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_text(one.client),
        name=_text(one.cell),
        time=f"{one.seconds:.3f}",
    )
    if (element := _element(one, head)) is not None:
        found = ET.SubElement(case, element, message=_text(one.why))
        if element != "skipped":
            found.set("type", one.outcome)
            found.text = _text(_story(one))
    elif one.outcome == "warn" or one.unstable:
        ET.SubElement(case, "system-out").text = _text(f"{one.outcome}: {one.why}\n{_story(one)}")


def _element(one: Result, head: Head) -> str | None:
    kinds = {"fail": "failure", "error": "error", "skip": "skipped", "xfail": "skipped"}
    return "failure" if one.outcome == "warn" and head.strict else kinds.get(one.outcome)


def _story(one: Result) -> str:
    seen = "no session" if one.seen is None else f"{one.seen['verdict']}: {one.seen['evidence']}"
    tries = [f"an earlier try: {x.get('outcome')}: {x.get('why')}" for x in one.tries]
    return "\n".join(
        [
            f"expected: {phrase.expected(one.expected)}",
            f"the client: {one.said.get('verdict')}: {one.said.get('text') or 'said nothing'}",
            f"we saw: {seen}",
            *tries,
            f"reproduce: {one.reproduce}",
        ]
    )


def _totals(results: Sequence[Result], lost: Sequence[str], head: Head) -> dict[str, str]:
    elements = [*(_element(one, head) for one in results), *("error" for _ in lost)]
    return {
        "tests": str(len(elements)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
        "skipped": str(elements.count("skipped")),
        "time": f"{sum(one.seconds for one in results):.3f}",
    }


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
