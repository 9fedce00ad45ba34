"""The comparison: a verdict needs two witnesses in each half, and says no more than they prove."""

from typing import Any

import pytest

from mitmail.errors import MitmailError
from mitmail.judge import command
from mitmail.judge.comparison import Comparison, Leg, Word, compare, leg
from mitmail.judge.placeholder import all_filled

ROOTS = {"server": "/server.pem", "antivirus": "/norton.pem"}
EXPIRED = {"imaps": {"verdict": "reject", "reasons": ["expired"], "level": "must"}}
GOOD = {"imaps": {"verdict": "accept", "reasons": [], "level": "must"}}
WORKED, FAILED, SILENT = Word(True, 0), Word(False, 60), Word(None, None, "it did not end")


def session(
    verdict: str | None, reason: str | None = None, *, at: str = "imaps", **other: Any
) -> dict[str, Any]:
    """A session as a running serve tells of it."""
    found = None
    if verdict is not None:
        facts = [{"ms": 0.0, "fact": "connected"}]
        found = {"verdict": verdict, "reason": reason, "evidence": "as seen", "facts": facts}
    said = {"session": 1, "scenario": "healthy", "antivirus": "norton", "showing": 3}
    said |= {"endpoint": at}
    return said | {"over": True, "verdict": found, "end": {"error": None}} | other


def blocked() -> dict[str, Any]:
    """A session that the antivirus let have no handshake."""
    said = session("none")
    said["verdict"]["facts"].append({"ms": 3.0, "fact": "blocked", "how": "reset"})
    return said


def half(word: Word, *sessions: dict[str, Any], antivirus: str = "norton",
         expect: dict[str, Any] = GOOD) -> Leg:  # fmt: skip
    served = {"antivirus": antivirus, "scenario": "healthy", "showing": 3, "last_session": 0}
    state = served | {"expect": expect}
    return leg(state, word, [{**x, "antivirus": x.get("by", antivirus)} for x in sessions])


def bare(word: Word, *sessions: dict[str, Any], expect: dict[str, Any] = GOOD) -> Leg:
    return half(word, *sessions, antivirus="none", expect=expect)


@pytest.mark.parametrize(
    ("word", "sessions", "fate", "why"),
    [
        (WORKED, [session("accept")], "works", "went on through TLS"),
        (FAILED, [session("reject")], "fails", "it refused imaps"),
        (FAILED, [session("accept")], "fails", "failed at something else"),
        # They disagree.
        (WORKED, [session("reject")], "undecided", "all is well, but refused imaps"),
        (WORKED, [session("accept"), session("reject", at="smtps")], "undecided", "smtps"),
        # One of them is silent.
        (SILENT, [session("accept")], "undecided", "it did not end"),
        (WORKED, [], "undecided", "did not connect"),
        (FAILED, [], "undecided", "did not connect"),
        (FAILED, [session(None)], "undecided", "no verdict yet"),
        (FAILED, [session("hang")], "undecided", "imaps: as seen"),
        (WORKED, [session("none")], "undecided", "imaps: as seen"),
        (FAILED, [session("none")], "undecided", "imaps: as seen"),
        # The antivirus has cut it off: that is no guess.
        (FAILED, [blocked()], "fails", "imaps: as seen"),
        (WORKED, [blocked()], "undecided", "all is well; imaps"),
        (FAILED, [blocked(), session("none", at="smtp")], "undecided", "smtp"),
        (FAILED, [session("reject"), session("none", at="smtp")], "undecided", "smtp"),
        (FAILED, [session("reject", end={"error": "no mail server"})], "undecided", "our side"),
        (FAILED, [session("reject", by="none")], "undecided", "somebody else has switched"),
        (FAILED, [session("reject", scenario="expired")], "undecided", "somebody else"),
        # The same product, with another switch or installed again.
        (FAILED, [session("reject", showing=4)], "undecided", "somebody else"),
        (FAILED, [session("reject", session=2)], "undecided", "more sessions than serve"),
        # Of several sessions at one endpoint any accept counts.
        (WORKED, [session("reject"), session("accept")], "works", "through TLS"),
        (WORKED, [session("accept"), session("none")], "works", "through TLS"),
        (FAILED, [session("accept"), session("reject", at="smtps")], "fails", "refused smtps"),
    ],
)
def test_a_half_is_decided_where_both_witnesses_agree(
    word: Word, sessions: list[dict[str, Any]], fate: str, why: str
) -> None:
    found = half(word, *sessions)

    assert found.fate == fate
    assert why in found.why


REFUSED = half(FAILED, session("reject", "unknown-issuer"))
BROKEN = half(FAILED, session("accept"))
FINE = half(WORKED, session("accept"))


@pytest.mark.parametrize(
    ("shielded", "without", "blame", "code"),
    [
        (REFUSED, bare(WORKED, session("accept")), "antivirus", 1),
        (half(FAILED, blocked()), bare(WORKED, session("accept")), "antivirus", 1),
        (FINE, bare(WORKED, session("accept")), "nobody", 0),
        (FINE, bare(FAILED, session("reject")), "only-without", 1),
        (REFUSED, bare(FAILED, session("accept")), "account", 1),
        (BROKEN, bare(FAILED, session("accept")), "account", 1),
        (REFUSED, bare(FAILED, session("reject", "expired"), expect=EXPIRED), "provider", 1),
        # What it names is not what is wrong here, or it names nothing.
        (REFUSED, bare(FAILED, session("reject", "revoked"), expect=EXPIRED), "account", 1),
        (REFUSED, bare(FAILED, session("reject"), expect=EXPIRED), "account", 1),
        (REFUSED, bare(FAILED, session("reject", "expired")), "account", 1),
        # It accepted the antivirus' certificate: nobody saw why it failed.
        (BROKEN, bare(WORKED, session("accept")), "undecided", 3),
        (half(SILENT), bare(WORKED, session("accept")), "undecided", 3),
        (REFUSED, bare(WORKED), "undecided", 3),
    ],
)
def test_the_two_halves_prove_this_and_no_more(
    shielded: Leg, without: Leg, blame: str, code: int
) -> None:
    found = compare(shielded, without, ROOTS)

    assert (found.blame, found.exit_code) == (blame, code)
    assert "{" not in found.words + found.advice


def advice(shielded: Leg, without: Leg) -> str:
    found: Comparison = compare(shielded, without, ROOTS)
    return found.advice


def test_where_the_antivirus_blocked_no_import_helps() -> None:
    shielded = half(FAILED, blocked())
    assert "leave mail alone: it is no root" in advice(shielded, bare(WORKED, session("accept")))


def test_an_import_is_advised_only_where_it_may_help() -> None:
    works = bare(WORKED, session("accept"))

    assert "Import the antivirus' own root into the client (/norton.pem)" in advice(REFUSED, works)
    for reason in ("constraint", "tls-version", "expired"):
        assert "/norton.pem" not in advice(half(FAILED, session("reject", reason)), works)


def test_who_fails_for_two_reasons_is_told_of_both() -> None:
    wrong_password = bare(FAILED, session("accept"))

    assert "Then import the antivirus' root, too" in advice(REFUSED, wrong_password)
    assert "Then" not in advice(BROKEN, wrong_password)


@pytest.mark.parametrize(
    ("behind", "without", "also"),
    [
        ("unknown-issuer", "expired", True),
        ("expired", "expired", False),
        (None, "expired", False),
        # What one client calls self-signed, another calls an unknown issuer.
        ("unknown-issuer", "self-signed", False),
    ],
)
def test_a_second_reason_behind_the_antivirus_is_told(
    behind: str | None, without: str, *, also: bool
) -> None:
    expected = {"imaps": {"verdict": "reject", "reasons": [without], "level": "must"}}
    found = compare(
        half(FAILED, session("reject", behind)),
        bare(FAILED, session("reject", without), expect=expected),
        ROOTS,
    )

    assert found.blame == "provider"
    assert ("for another reason, too (unknown-issuer)" in found.words) is also
    assert ("/norton.pem" in found.advice) is also


def test_a_block_is_no_reason_of_the_clients_own() -> None:
    both = bare(FAILED, session("reject", "expired"), expect=EXPIRED)
    assert "another reason" not in compare(half(FAILED, blocked()), both, ROOTS).words


STATE = {
    "endpoints": {
        "imap": {"host": "127.0.0.1", "port": 3143, "tls": "starttls"},
        "imaps": {"host": "127.0.0.1", "port": 3993, "tls": "implicit"},
    },
    "name": "mail.customer.test", "user": "qa", "password": "{port}", "root_file": "/server.pem",
    "antivirus_root_file": None,
}  # fmt: skip


def test_what_stands_in_a_command_is_filled_in_once() -> None:
    known = command.values(STATE, None)
    words = ("{host}:{port}", "{password}", "${HOME}", "{}", "{other}", "{antivirus_root}")

    assert all_filled(words, known) == [
        "127.0.0.1:3993", "{port}", "${HOME}", "{}", "{other}", "",
    ]  # fmt: skip
    assert known["endpoint"] == "imaps"
    assert command.values(STATE, "@143")["port"] == "3143"


def test_an_endpoint_that_is_not_served_is_refused() -> None:
    with pytest.raises(MitmailError, match="nothing is served on pop3: use imap, imaps"):
        command.values(STATE, "pop3")
