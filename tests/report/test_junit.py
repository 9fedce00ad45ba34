"""JUnit XML: valid by another program's reading, and each cell is in it once."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

from bench import need
from mitmail.judge.report import junit
from mitmail.judge.result import Run
from report.runs import cell, run

GRAMMAR = Path(__file__).with_name("junit.rng")
ALL = run(
    cell("curl/expired/imap"),
    cell("curl/expired/imaps", "fail"),
    cell("curl/expired/pop3", "error"),
    cell("curl/expired/pop3s", "warn"),
    cell("python/expired/imap", "skip"),
    cell("python/expired/imaps", "xfail"),
    cell("python/expired/pop3", unstable=True, tries=[{"outcome": "error", "why": "no session"}]),
)


def read(what: Run) -> ET.Element:
    """The report, once xmllint has found nothing wrong with it."""
    checked = subprocess.run(
        [need("xmllint"), "--noout", "--relaxng", str(GRAMMAR), "-"],
        input=junit.render(what).encode(),
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr.decode()
    return ET.fromstring(junit.render(what))


def kinds(root: ET.Element) -> dict[str, list[str]]:
    """What stands in each test case."""
    cases = root.iter("testcase")
    return {str(x.get("name")): [each.tag for each in x] for x in cases}


def test_each_outcome_has_its_element() -> None:
    assert kinds(read(ALL)) == {
        "curl/expired/imap": [],
        "curl/expired/imaps": ["failure"],
        "curl/expired/pop3": ["error"],
        "curl/expired/pop3s": ["system-out"],
        "python/expired/imap": ["skipped"],
        "python/expired/imaps": ["skipped"],
        "python/expired/pop3": ["system-out"],
    }


def test_a_strict_run_fails_for_what_is_only_advised_against() -> None:
    strict = run(cell("curl/expired/imap", "warn"), strict=True)

    assert kinds(read(strict)) == {"curl/expired/imap": ["failure"]}


def test_the_counts_are_those_of_the_elements() -> None:
    root = read(ALL)

    assert [root.get(x) for x in ("tests", "failures", "errors")] == ["7", "1", "1"]
    suites = {x.get("name"): (x.get("tests"), x.get("skipped")) for x in root.iter("testsuite")}
    assert suites == {"curl": ("4", "0"), "python": ("3", "2")}


def test_a_failure_says_what_the_client_said_what_we_saw_and_how_to_see_it_again() -> None:
    (failure,) = read(run(cell("curl/expired/imaps", "fail"))).iter("failure")

    assert failure.get("message") == "expected reject (expired)"
    for words in ("must refuse (expired)", "LOGIN through TLS", "mitmail judge --only"):
        assert words in str(failure.text)


def test_what_xml_has_no_place_for_is_replaced() -> None:
    said = {"verdict": "error", "reason": None, "exit_code": 1, "text": "\x1b[1mno\x00\ud800]]>&<"}
    one = cell("curl/expired/imaps", "fail", said=said, why="\x07 & <\"'>")

    (failure,) = read(run(one)).iter("failure")

    assert failure.get("message") == "\ufffd & <\"'>"
    assert "\ufffd[1mno\ufffd\ufffd]]>&<" in str(failure.text)
