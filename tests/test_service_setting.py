"""Whether what a client did is a wrong setting of its own, or no word about its settings."""

from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.fact import Fact
from mitmail.engine.verdict import Verdict
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.plan.plan import Plan
from mitmail.scenario import loader
from mitmail.service.record import Served

PORTS = {"imap": 3143, "imaps": 3993, "smtp": 3025}
STORE = Store(None)


def session(*facts: str, tongue: str | None = None, verdict: Any = "none", ms: float = 5) -> Any:
    """A session as its settings are read."""
    return SimpleNamespace(
        facts=[Fact(ms, fact) for fact in facts], tongue=tongue, hello=None, error=None,
        verdict=Verdict(verdict, "sure", "as seen"),
    )  # fmt: skip


def plan(scenario: str) -> Plan:
    return make(loader.find(scenario), None, STORE)


def served(endpoint: str, scenario: str | None = "healthy", **told: Any) -> Served:
    one: dict[str, Any] = {"plan": plan(scenario or "healthy"), "ports": PORTS} | told
    return Served(
        one["plan"], ENDPOINTS[endpoint], "127.0.0.1", PORTS[endpoint], scenario, one["ports"]
    )


def words(at: Served, seen: Any) -> str | None:
    found = at.setting(seen)
    return None if found is None else f"{found.certainty}: {found.words}"


def test_who_leaves_in_clear_without_asking_for_starttls_is_suspected() -> None:
    seen = session("client-closed", tongue="imap")

    assert words(served("imap"), seen) == (
        "suspected: the client left without asking for STARTTLS; this port expects STARTTLS; "
        "use STARTTLS on 3143 (imap)"
    )


@pytest.mark.parametrize(
    "seen",
    [
        session("client-closed"),
        session("passed-through", "tunnel", "client-closed", tongue="imap"),
        session("client-closed", tongue="text"),
        session("starttls-command", "client-closed", tongue="imap"),
        # It was refused STARTTLS, and tried TLS anyway: that was not at once.
        session("starttls-command", "tls-on-starttls-port", tongue="imap"),
    ],
)
def test_on_a_starttls_port_this_says_nothing_of_a_setting(seen: Any) -> None:
    assert words(served("imap"), seen) is None


@pytest.mark.parametrize("facts", [("credentials-in-clear",), ("client-closed",)])
@pytest.mark.parametrize("scenario", [None, "starttls-masked"])
def test_where_starttls_may_not_have_been_offered_its_absence_is_no_setting(
    scenario: str | None, facts: tuple[str, ...]
) -> None:
    """A server behind ``--upstream``, and one in a dialogue attack."""
    assert words(served("imap", scenario), session(*facts, tongue="imap")) is None


def test_before_a_case_was_chosen_the_server_is_ours_and_offers_it() -> None:
    at = served("imap", None, plan=None)

    found = words(at, session("credentials-in-clear", tongue="imap"))

    assert (found or "").startswith("sure: the client gave credentials without TLS;")


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (session("client-closed", ms=20), False),
        (session("client-closed", ms=1000), True),
        (session("waiting"), True),
        (session(verdict="hang"), True),
        (session("stopped"), False),
    ],
)
def test_silence_is_a_setting_only_where_the_client_waited(seen: Any, found: bool) -> None:
    assert (served("imaps").setting(seen) is not None) is found


@pytest.mark.parametrize(
    ("ports", "advice"),
    [
        (PORTS, "use SSL/TLS on 3993 (imaps), or STARTTLS on 3143 (imap)"),
        # Nothing is named that is not there.
        ({"imap": 3143}, "use STARTTLS on 3143 (imap)"),
    ],
)
def test_only_what_is_served_is_advised(ports: dict[str, int], advice: str) -> None:
    seen = session("tls-on-starttls-port")

    assert words(served("imap", ports=ports), seen) == (
        f"sure: the client spoke TLS at once; this port expects STARTTLS; {advice}"
    )


def test_for_a_protocol_that_is_not_served_nothing_is_advised() -> None:
    found = served("imap").setting(session("client-closed", tongue="pop3"))

    assert found is not None
    assert found.record()["use"] is None
    assert found.words == "the client spoke POP3; this port expects IMAP"


@pytest.mark.parametrize("fact", ["instead-of-tls", "tls-broken-off", "certificate-viewer"])
def test_where_the_server_breaks_tls_off_nothing_is_a_setting(fact: str) -> None:
    assert words(served("imaps"), session(fact, "not-tls", tongue="smtp")) is None
