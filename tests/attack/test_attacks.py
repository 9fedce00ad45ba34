"""What real clients do in the attacks that they are known for; `make starttls` has all of them.

About 10 s on two cores.
"""

import asyncio
import os
from dataclasses import replace

import pytest

from attack.known import Known, load, surprises
from attack.run import run
from mitmail.engine.finding import Finding
from mitmail.judge import driver
from mitmail.judge.attack import Trial
from mitmail.judge.client import Said
from mitmail.scenario import loader

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

STRIPPED = ("starttls-stripped", "starttls-refused-454", "starttls-refused-no")
NDSS = (
    "starttls-stripped",
    "starttls-plaintext-instead-of-serverhello-imap",
    "starttls-refused-err",
    "tls-disrupted-after-handshake-smtp",
)


def attacked(client: str, *cases: str) -> list[Trial]:
    """What came of putting a client to these cases."""
    found = [x for x in asyncio.run(driver.found((client,))) if x.name == client]
    if not found and os.environ.get("CI"):
        pytest.fail(f"{client} is missing: .ci/run must install it")
    if not found:
        pytest.skip(f"{client} is not here: install it, or run `make clients`")
    return asyncio.run(run(found, [loader.find(x) for x in cases]))


def words(trials: list[Trial]) -> set[str]:
    return {x.finding.finding for x in trials}


def test_old_nodemailer_uses_what_was_injected_behind_the_go_ahead() -> None:
    (trial,) = attacked("nodemailer-9.0.2", "starttls-inject-fragment")
    assert trial.finding.finding == "vulnerable"
    assert trial.finding.certainty == "sure"
    assert trial.finding.trace.startswith("AUTH ")


def test_new_nodemailer_does_not() -> None:
    (trial,) = attacked("nodemailer", "starttls-inject-fragment")
    assert trial.finding.finding in {"safe", "aborted"}


def test_curl_that_only_tries_starttls_logs_in_in_clear() -> None:
    trials = attacked("curl-ssl", *STRIPPED)
    assert words(trials) == {"vulnerable"}
    assert {x.endpoint for x in trials} == {"imap", "pop3", "smtp"}


def test_curl_that_insists_on_tls_leaves_and_says_so() -> None:
    assert {x.word for x in attacked("curl", *STRIPPED)} == {"aborted"}


def test_offlineimap_logs_in_in_clear_where_starttls_is_not_offered() -> None:
    (trial,) = attacked("offlineimap3", "starttls-stripped")
    assert trial.finding.finding == "vulnerable"
    assert " LOGIN ***" in trial.finding.trace or " AUTHENTICATE " in trial.finding.trace


@pytest.mark.parametrize("client", ["python", "msmtp", "mbsync", "go-smtp"])
def test_careful_clients_withstand_all_four_downgrades_of_ndss_2025(client: str) -> None:
    assert words(attacked(client, *NDSS)) <= {"aborted", "safe"}


def test_who_pipelines_of_himself_proves_nothing() -> None:
    """openssl gets its whole dialogue at once, whatever is answered."""
    (trial,) = attacked("openssl", "starttls-inject-suffix-imap")
    assert trial.finding.finding == "inconclusive"
    assert "without the attack" in trial.finding.evidence


def vulnerable(client: str, case: str) -> Trial:
    seen = Finding("vulnerable", "sure", "it was", "a LOGIN ***")
    return Trial(case, "imap", client, seen, Said("accept", None, 0, ""))


def test_a_weakness_that_nobody_knew_is_a_surprise() -> None:
    (said,) = surprises([vulnerable("curl", "a-1")], [Known("curl", ("b-*",), "x")][:0])
    assert said.startswith("curl in a-1 (imap): vulnerable, and known.yaml does not say so")


def test_a_crash_that_nobody_knew_is_a_surprise() -> None:
    crashed = Said("error", None, -11, "")
    seen = Trial("a-1", "imap", "mbsync", Finding("aborted", "sure", "it left"), crashed)
    (said,) = surprises([seen], [])
    assert said.startswith("mbsync in a-1 (imap): crashed, and known.yaml")
    assert not list(surprises([seen], [Known("mbsync", ("a-1",), "x")]))


def test_a_weakness_that_is_gone_is_a_surprise() -> None:
    (said,) = surprises([vulnerable("curl", "a-1")], [Known("curl", ("a-*", "b-1"), "x")])
    assert said == "known.yaml says curl is weak in b-1: it is not"


def test_a_weakness_without_a_line_that_shows_it_is_a_surprise() -> None:
    seen = replace(vulnerable("curl", "a-1"), finding=Finding("vulnerable", "sure", "it was"))
    (said,) = surprises([seen], [Known("curl", ("a-1",), "x")])
    assert said == "curl in a-1 (imap): no line of its shows why"


def test_a_client_that_was_not_asked_is_none() -> None:
    assert not list(surprises([], [Known("curl", ("a-*",), "x")]))


def test_every_known_weakness_is_explained_and_of_a_case_that_exists() -> None:
    ids = set(loader.files())
    for one in load():
        assert one.client in driver.KNOWN
        assert one.why.strip().endswith(".")
        assert all("*" in x or x in ids for x in one.cases)
