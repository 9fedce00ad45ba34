"""Memory: what a refusal says that follows an acceptance, and where it says nothing."""

from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.verdict import Verdict
from mitmail.service.memory import KEPT, Memory
from mitmail.service.record import Served

IMAPS = Served(None, ENDPOINTS["imaps"], "127.0.0.1", 3993, "any")
SMTPS = Served(None, ENDPOINTS["smtps"], "127.0.0.1", 3465, "any")
# echo -n one | sha256sum
ONE = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"


def session(
    verdict: str,
    leaf: bytes | None = b"one",
    *,
    client: str = "a",
    name: str | None = "mail.customer.test",
    certainty: Any = "sure",
    reason: str | None = None,
) -> Any:
    """A session as memory reads it."""
    identity = None if leaf is None else SimpleNamespace(chain=(leaf,))
    return SimpleNamespace(
        hello=SimpleNamespace(sni=name, fingerprint=client),
        presented=SimpleNamespace(identity=identity),
        verdict=Verdict(verdict, certainty, "as seen", reason),  # type: ignore[arg-type] # a word of the verdicts
    )


ACCEPTED = session("accept")


def after(first: Any, then: Any, at: Served = IMAPS) -> Any:
    """What is said of a second session."""
    memory = Memory()
    assert memory.verdict(IMAPS, 1, first) is None
    found = memory.verdict(at, 2, then)
    return None if found is None else found.record()


def test_the_same_certificate_means_that_the_exception_is_forgotten() -> None:
    assert after(ACCEPTED, session("reject", certainty="suspected")) == {
        "session": 1, "leaf_sha256": ONE, "certificate": "same", "same_client": "suspected",
    }  # fmt: skip


def test_another_certificate_means_that_it_has_changed() -> None:
    assert after(ACCEPTED, session("reject", b"two"))["certificate"] == "changed"


def test_the_last_acceptance_counts() -> None:
    memory = Memory()
    memory.verdict(IMAPS, 1, ACCEPTED)
    memory.verdict(IMAPS, 2, session("accept", b"two"))
    found = memory.verdict(IMAPS, 3, session("reject", b"two"))

    assert found is not None
    assert (found.session, found.certificate) == (2, "same")
    assert "forgot its exception" in found.words
    assert "Suspected" in found.words


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (ACCEPTED, session("accept")),
        (ACCEPTED, session("none")),
        (ACCEPTED, session("hang")),
        (session("reject"), session("reject")),
        (session("none"), session("reject")),
        # It went on to EHLO, and may yet have refused.
        (session("accept", certainty="suspected"), session("reject")),
        (ACCEPTED, session("reject", client="another")),
        (ACCEPTED, session("reject", name="imap.customer.test")),
        (ACCEPTED, session("reject", None)),
        # What it refuses is no certificate.
        (ACCEPTED, session("reject", reason="tls-version")),
        (ACCEPTED, session("reject", reason="starttls")),
    ],
)
def test_where_it_is_not_known_nothing_is_said(first: Any, then: Any) -> None:
    assert after(first, then) is None


def test_an_exception_is_kept_for_a_place_of_its_own() -> None:
    assert after(ACCEPTED, session("reject"), at=SMTPS) is None


def test_many_clients_do_not_fill_it() -> None:
    memory = Memory()
    for number in range(KEPT + 1):
        memory.verdict(IMAPS, number + 1, session("accept", client=str(number)))

    assert memory.verdict(IMAPS, 9999, session("reject", client="0")) is None
    assert memory.verdict(IMAPS, 9999, session("reject", client=str(KEPT))) is not None
