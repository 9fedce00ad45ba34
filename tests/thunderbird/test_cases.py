"""Every case of an independent table, over IMAP, POP3 and SMTP in both TLS modes."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from clients.house import House, Site
from mitmail.endpoint import ENDPOINTS
from mitmail.engine.session import Session
from mitmail.judge.client import Said
from mitmail.judge.thunderbird.warm import Warm
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader
from thunderbird.cases import CASES, SILENT, Row

pytestmark = pytest.mark.long  # of its own: `make thunderbird`
WARM = 1.5  # seconds
AGAIN = 2  # times: of fifty refusals over POP3 one is shown as another error (`is_glitch`)


@dataclass(frozen=True, slots=True)
class Answer:
    """Both witnesses of one check, and how long the client took."""

    said: Said
    sessions: list[Session]
    seconds: float
    name: str


type Ask = Callable[[str, str], Answer]


@pytest.fixture(scope="module")
def ask(house: House, client: Warm) -> Iterator[Ask]:
    """Has Thunderbird check one case at one endpoint, trusting the server's root."""
    sites: dict[str, Site] = {}

    def check(case: str, endpoint: str) -> Answer:
        if case not in sites:
            sites[case] = house.open(house.plan(case))
        site = sites[case]
        roots = house.roots(*site.plan.server_roots)
        target = site.target(endpoint, roots)
        began = time.monotonic()
        said = house.run(client.ask(target))
        seconds = time.monotonic() - began
        return Answer(said, house.run(site.settled(endpoint)), seconds, target.name)

    yield check
    for site in sites.values():
        house.run(house.service.close(site.served))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(("case", "row"), CASES.items(), ids=list(CASES))
def test_thunderbird_says_what_is_known_of_it(
    ask: Ask, case: str, row: Row, endpoint: str
) -> None:
    answer = ask(case, endpoint)
    silent = case in SILENT and endpoint.startswith("pop3")
    for _ in range(AGAIN):
        if row.nss and endpoint.startswith("pop3") and is_glitch(answer.said, silent):
            answer = ask(case, endpoint)
    said = answer.said
    (session,) = answer.sessions
    assert session.verdict is not None

    assert said.details.get("nss_error") == row.nss, said
    assert said.verdict == session.verdict.verdict == ("reject" if row.nss else "accept")
    if row.nss:
        assert session.verdict.alert == row.alert
    if silent:
        assert said.details["shown"] == []
    elif row.nss:
        shown(answer, row, endpoint)
    else:
        assert (said.text, said.details["shown"], said.screenshot) == ("", [], None)


def is_glitch(said: Said, silent: bool) -> bool:
    """Whether POP3 took the refusal of a certificate for a connection that was refused to it."""
    return bool(said.details["shown"]) if silent else said.details["notification"] is None


def shown(answer: Answer, row: Row, endpoint: str) -> None:
    """What it showed its user: a notification, or when sending an alert; then the dialog."""
    details, host = answer.said.details, answer.name
    kinds = [one["kind"] for one in details["shown"]]
    heading, words = row.dialog
    if endpoint.startswith("smtp"):
        (alert,) = (one for one in details["shown"] if one["kind"] == "prompt")
        assert alert["texts"][0].startswith("Sending of the message failed.\n")
        assert f"The configuration related to {host} must be corrected." in alert["texts"][0]
    elif words is None:
        assert details["notification"] == f"An error occurred connecting to {host}."
    else:
        assert details["notification"].startswith(f"The certificate for {host} {words}")
    assert details["overridable"] == (heading is not None)
    assert ("exception" in kinds) == (heading is not None)
    if heading is not None:
        assert details["dialog"]["texts"][1] == heading
        assert details["dialog"]["pressed"] == "Cancel"
    assert answer.said.screenshot is not None
    assert details["exceptions"] == []


def test_there_are_forty_cases_and_more() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("endpoint", ["pop3", "smtp"])
def test_a_server_without_starttls_is_refused_for_that(ask: Ask, endpoint: str) -> None:
    for _ in range(2):
        answer = ask("starttls-stripped", endpoint)
        assert (answer.said.verdict, answer.said.reason) == ("reject", "starttls"), answer.said
        assert answer.said.details["dialog"]["kind"] == "prompt"
        assert [x.verdict and x.verdict.verdict for x in answer.sessions] == ["reject"]


def test_over_imap_it_says_nothing_of_a_server_without_starttls(ask: Ask) -> None:
    """Nor of one that leaves: what nobody is told, is no verdict."""
    for case in ("starttls-stripped", "close-after-clienthello"):
        said = ask(case, "imap").said
        assert (said.verdict, said.reason, said.details["nss_error"]) == ("error", None, None)
        assert "no answer in time" in said.text


def test_an_intermediate_seen_before_does_not_help_a_server_that_lacks_it(ask: Ask) -> None:
    """NSS finds every certificate that anybody still holds: no case may live on another's."""
    for endpoint in ENDPOINTS:
        for before in ("healthy", "expired", "wrong-host", "revoked"):
            ask(before, endpoint)
            missing = ask("missing-intermediate", endpoint).said
            assert missing.details.get("nss_error") == "SEC_ERROR_UNKNOWN_ISSUER", missing


def test_a_root_of_an_earlier_check_is_no_longer_trusted(
    house: House, client: Warm, ask: Ask
) -> None:
    assert ask("healthy", "imaps").said.verdict == "accept"
    site = house.open(house.plan("healthy"))
    foreign = house.roots(*make(loader.find("healthy"), None, Store(None)).server_roots)
    said = house.run(client.ask(site.target("imaps", foreign)))
    assert said.details["nss_error"] == "SEC_ERROR_UNKNOWN_ISSUER"


def test_a_warm_verdict_takes_a_second_and_a_half_at_most(ask: Ask) -> None:
    ask("healthy", "imap")
    seconds = [
        ask(case, endpoint).seconds
        for endpoint in ENDPOINTS
        for case in ("healthy", "expired", "wrong-host", "untrusted-root", "revoked")
    ]
    print(f"{len(seconds)} warm verdicts: median {statistics.median(seconds):.2f} s")
    assert statistics.median(seconds) <= WARM
