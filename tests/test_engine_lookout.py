"""What an attack on the dialogue came to: one finding, and the client's own line that shows it."""

from dataclasses import replace
from typing import Any

import pytest

from mitmail.conduct import Canary, Capabilities, Conduct, control
from mitmail.engine.action import Said
from mitmail.engine.spec import MailProtocol, Mode
from mitmail.manner import Instead, Manner
from mitmail.pki.identity import Identity
from talk import (
    GRAIN,
    PROTOCOLS,
    STARTTLS,
    Side,
    Talk,
    TlsSide,
    alert,
    hello,
    identity,
    trusting,
)

STRIPPED = Conduct(offer="removed", login=True, answer=b"{tag} NO -ERR 502\r\n", then="clear")
SUFFIX = Conduct(behind=b"{next} OK 250 +OK\r\n")


def attacked(
    conduct: Conduct | None = None, protocol: MailProtocol = "imap", **orders: Any
) -> Talk:
    """A session that is conducted like this, and greeted."""
    found = conduct or Conduct()
    talk = Talk(protocol, "starttls", conducting=lambda: found, **orders)
    talk.greets()
    return talk


def tls(talk: Talk, *, name: str | None = None) -> TlsSide:
    """The client asks for STARTTLS, discards what is injected, and begins TLS."""
    talk.client.says(STARTTLS[talk.spec.protocol])
    talk.client.hears()
    return TlsSide(talk.client, trusting(), name=name or "mail.customer.test")


def say(side: Side | TlsSide, octets: bytes, grain: int = 10**6) -> None:
    for at in range(0, len(octets), grain):
        side.says(octets[at : at + grain])


def found(talk: Talk) -> tuple[str, str]:
    """Finding and certainty; there is one fact of it."""
    finding = talk.session.finding
    assert finding is not None, "there is no finding"
    assert talk.facts.count("finding") == 1
    assert talk.fact("finding")["finding"] == finding.finding
    assert talk.fact("finding")["trace"] == finding.trace
    assert (finding.finding == "vulnerable") == bool(finding.trace)
    return finding.finding, finding.certainty


VULNERABLE, SUSPECTED = ("vulnerable", "sure"), ("vulnerable", "suspected")
LEFT, KEPT = ("aborted", "suspected"), ("safe", "suspected")
SAFE, ABORTED, OPEN = ("safe", "sure"), ("aborted", "sure"), ("inconclusive", "sure")

# -- in clear ------------------------------------------------------------------------------------

LEAKS: list[tuple[MailProtocol, bytes, str]] = [
    ("smtp", b"AUTH PLAIN AHFhAHMzY3JldA==\r\n", "AUTH PLAIN ***"),
    ("smtp", b"auth login\r\n", "auth login"),
    ("smtp", b"MAIL FROM:<a@x.test>\r\n", "MAIL FROM:<a@x.test>"),
    ("imap", b"a LOGIN qa s3cret\r\n", "a LOGIN ***"),
    ("imap", b"a LOGIN {2}\r\n", "a LOGIN ***"),
    ("imap", b"a AUTHENTICATE PLAIN\r\n", "a AUTHENTICATE PLAIN"),
    ("imap", b"a SELECT inbox\r\n", "a SELECT inbox"),
    ("imap", b"a APPEND Drafts {310}\r\n", "a APPEND Drafts {310}"),
    ("imap", b'a LIST "" *\r\n', 'a LIST "" *'),
    ("pop3", b"PASS s3cret\r\n", "PASS ***"),
    ("pop3", b"APOP qa s3cret\r\n", "APOP ***"),
    ("pop3", b"AUTH PLAIN\r\n", "AUTH PLAIN"),
    ("pop3", b"RETR 1\r\n", "RETR 1"),
]


@pytest.mark.parametrize("conduct", [Conduct(), STRIPPED, Conduct(greeting=b"* PREAUTH x\r\n")])
@pytest.mark.parametrize(("protocol", "said", "trace"), LEAKS)
@GRAIN
def test_credentials_or_mail_in_clear_are_vulnerable_at_once(
    protocol: MailProtocol, said: bytes, trace: str, conduct: Conduct, grain: int
) -> None:
    talk = attacked(conduct, protocol)
    say(talk.client, said, grain)
    assert found(talk) == VULNERABLE
    assert talk.session.finding is not None
    assert talk.session.finding.trace == trace
    assert "in clear before TLS" in talk.session.finding.evidence
    shown = b"".join(x.shown for x in talk.actions if isinstance(x, Said))
    assert b"s3cret" not in shown + repr(talk.session.facts).encode()


def test_a_joined_session_is_watched_too() -> None:
    talk = Talk("imap", "starttls", "starttls")
    talk.greets()
    talk.client.says(b"a LOGIN qa s3cret\r\n")
    assert found(talk) == VULNERABLE


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("smtp", b"EHLO x\r\nHELO x\r\nNOOP\r\nRSET\r\nHELP\r\nVRFY x\r\n"),
        ("imap", b"a CAPABILITY\r\nb NOOP\r\nc ID NIL\r\n"),
        ("pop3", b"CAPA\r\nAUTH\r\nNOOP\r\n"),
        ("imap", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
        ("imap", b"SSH-2.0-x\r\na LOGIN qa x\r\n"),
        ("smtp", b"\x00\xff\r\nMAIL FROM:<>\r\n"),
    ],
)
def test_what_is_neither_credentials_nor_mail_is_no_leak(
    protocol: MailProtocol, said: bytes
) -> None:
    talk = attacked(STRIPPED, protocol)
    talk.client.says(said)
    assert talk.session.finding is None


def test_a_name_without_a_password_proves_nothing() -> None:
    talk = attacked(Conduct(greeting=b"+OK x\r\n"), "pop3")
    talk.client.says(b"USER qa\r\n")
    assert talk.session.finding is None
    talk.client.leaves()
    assert found(talk) == OPEN


def test_what_begins_as_no_mail_is_no_abort_either() -> None:
    talk = attacked(STRIPPED)
    talk.client.says(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    talk.client.leaves()
    assert found(talk) == OPEN
    assert talk.verdict == ("none", "sure", None)


@pytest.mark.parametrize("conduct", [STRIPPED, Conduct(then="clear", login=True)])
@pytest.mark.parametrize("together", [True, False])
def test_who_begins_tls_in_vain_and_leaves_is_suspected_to_refuse(
    conduct: Conduct, together: bool
) -> None:
    talk = attacked(conduct)
    say(talk.client, b"t STARTTLS\r\n" + hello(), 10**6 if together else 13)
    talk.client.leaves()
    assert talk.verdict == ("reject", "suspected", "starttls")
    assert found(talk) == LEFT


def test_who_begins_tls_in_vain_and_is_stopped_is_not_judged() -> None:
    talk = attacked(STRIPPED)
    talk.client.says(b"t STARTTLS\r\n" + hello())
    talk.perform(talk.session.stop())
    assert talk.verdict == ("none", "sure", None)
    assert found(talk) == OPEN


LOGINS: dict[MailProtocol, bytes] = {
    "imap": b"a LOGIN qa s3cret\r\n", "pop3": b"PASS s3cret\r\n",
    "smtp": b"AUTH PLAIN AHFhAHMzY3JldA==\r\n",
}  # fmt: skip
# A line that is cut before the password.
UNGIVEN: dict[MailProtocol, bytes] = {
    "imap": b'a LOGIN "q a" "', "pop3": b"PASS ", "smtp": b"AUTH PLAIN "
}  # fmt: skip
LINE_OF_NONE: dict[MailProtocol, bytes] = {
    "imap": b"A001 XYZZY\r\n", "pop3": b"XYZZY\r\n", "smtp": b"XYZZY\r\n"
}  # fmt: skip


@PROTOCOLS
@pytest.mark.parametrize("blank", [True, False])
@pytest.mark.parametrize("conduct", [Conduct(login=True), SUFFIX])
def test_an_unknown_first_line_hides_no_credentials(
    protocol: MailProtocol, blank: bool, conduct: Conduct
) -> None:
    talk = attacked(conduct, protocol)
    talk.client.says(b"\r\n" if blank else LINE_OF_NONE[protocol])
    talk.server.says({"imap": b"A001 BAD\r\n", "pop3": b"-ERR\r\n", "smtp": b"500\r\n"}[protocol])
    talk.client.says(LOGINS[protocol])
    assert found(talk) == VULNERABLE


def test_what_began_as_no_mail_and_went_on_through_tls_is_not_safe() -> None:
    talk = attacked(Conduct(login=True))
    talk.client.says(b"GET / HTTP/1.1\r\n")
    talk.server.says(b"* BAD\r\n")
    near = tls(talk)
    near.says(b"a LOGIN qa x\r\nb SELECT inbox\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN


def test_who_gave_a_name_in_clear_is_not_safe_through_tls() -> None:
    talk = attacked(Conduct(greeting=b"+OK x\r\n"), "pop3")
    talk.client.says(b"USER qa\r\n")
    near = tls(talk)
    near.says(b"USER qa\r\nPASS x\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN


def test_no_session_is_safe_in_which_credentials_in_clear_were_noted() -> None:
    talk = attacked(Conduct(login=True))
    near = tls(talk)
    talk.session._conversation.observer.noted("credentials-in-clear")  # as the dialogue does
    near.says(b"a LOGIN qa x\r\nb SELECT inbox\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN


@GRAIN
@PROTOCOLS
@pytest.mark.parametrize(
    "conduct", [STRIPPED, SUFFIX, Conduct(then="clear"), Conduct(then="stall")]
)
@pytest.mark.parametrize("asked", [True, False])
def test_who_leaves_in_the_middle_of_a_line_proves_nothing(
    protocol: MailProtocol, conduct: Conduct, asked: bool, grain: int
) -> None:
    talk = attacked(conduct, protocol)
    if asked:
        talk.client.says(STARTTLS[protocol])
    say(talk.client, UNGIVEN[protocol], grain)
    talk.client.leaves()
    assert found(talk) == OPEN
    assert talk.verdict == ("none", "sure", None)


@GRAIN
@PROTOCOLS
@pytest.mark.parametrize(
    "conduct", [Conduct(), STRIPPED, SUFFIX, Conduct(then="clear"), Conduct(then="stall")]
)
@pytest.mark.parametrize("asked", [True, False])
def test_a_password_in_a_line_without_an_end_has_been_sent(
    protocol: MailProtocol, conduct: Conduct, asked: bool, grain: int
) -> None:
    talk = attacked(conduct, protocol)
    if asked:
        talk.client.says(STARTTLS[protocol])
    say(talk.client, LOGINS[protocol].rstrip(), grain)
    assert talk.session.finding is None
    talk.client.leaves()
    assert found(talk) == VULNERABLE
    assert talk.verdict == ("none", "sure", None)
    assert "s3cret" not in repr(talk.session.facts)


@pytest.mark.parametrize("conduct", [Conduct(login=True), Conduct(clear=Capabilities(add=("X",)))])
def test_who_dies_at_a_proper_go_ahead_refused_no_starttls(conduct: Conduct) -> None:
    talk = attacked(conduct)
    talk.client.says(b"a CAPABILITY\r\n")
    talk.server.says(b"* CAPABILITY IMAP4rev1\r\na OK\r\n")
    talk.client.says(b"t STARTTLS\r\n")
    talk.client.leaves()
    assert talk.verdict == ("none", "sure", None)
    assert found(talk) == OPEN


def test_who_leaves_at_preauth_without_a_word_is_suspected_to_refuse() -> None:
    """RFC 9051 section 7.1.4 demands that a client that wants STARTTLS does so."""
    talk = attacked(Conduct(greeting=b"* PREAUTH x\r\n"))
    talk.client.leaves()
    assert talk.verdict == ("reject", "suspected", "starttls")
    assert found(talk) == LEFT


def test_who_leaves_before_it_is_greeted_saw_no_attack() -> None:
    found_conduct = Conduct(greeting=b"* PREAUTH x\r\n")
    talk = Talk("imap", "starttls", conducting=lambda: found_conduct)
    talk.client.leaves()
    assert talk.verdict == ("none", "sure", None)


@pytest.mark.parametrize("mode", ["plain", "implicit"])
def test_on_other_legs_nothing_is_claimed(mode: Mode) -> None:
    talk = Talk("imap", mode)
    talk.greets()
    side = TlsSide(talk.client, trusting()) if mode == "implicit" else talk.client
    side.says(b"a LOGIN qa s3cret\r\n")
    side.leaves()
    talk.passes(20)
    assert talk.session.finding is None
    assert "finding" not in talk.facts


def test_without_an_attack_and_a_leak_there_is_no_finding() -> None:
    talk = attacked()
    near = tls(talk)
    near.says(b"a LOGIN qa s3cret\r\n")
    near.leaves()
    talk.server.leaves()
    assert talk.session.over
    assert talk.session.finding is None


def test_a_leak_stays_one_when_tls_follows() -> None:
    talk = attacked(SUFFIX)
    talk.client.says(b"a LOGIN qa s3cret\r\n")
    near = tls(talk)
    near.says(b"b LOGIN qa s3cret\r\n")
    near.leaves()
    talk.server.leaves()
    assert talk.session.over
    assert found(talk) == VULNERABLE
    assert talk.verdict == ("accept", "sure", None)


@PROTOCOLS
@pytest.mark.parametrize("then", ["tls", "clear", "close", "stall"])
def test_what_is_glued_to_starttls_is_heard_whatever_follows(
    protocol: MailProtocol, then: Any
) -> None:
    talk = attacked(Conduct(then=then), protocol)
    said = {"imap": b"u LOGIN qa s3cret\r\n", "pop3": b"PASS x\r\n", "smtp": b"MAIL FROM:<>\r\n"}
    talk.client.says(STARTTLS[protocol] + said[protocol])
    assert found(talk) == VULNERABLE


@PROTOCOLS
@GRAIN
@pytest.mark.parametrize("pipelined", ["drop", "relay", "close"])
def test_what_is_pipelined_is_heard_whatever_becomes_of_it(
    protocol: MailProtocol, pipelined: Any, grain: int
) -> None:
    talk = attacked(Conduct(pipelined=pipelined), protocol)
    said = {"imap": b"u LOGIN qa s3cret\r\n", "pop3": b"PASS x\r\n", "smtp": b"MAIL FROM:<>\r\n"}
    say(talk.client, STARTTLS[protocol] + said[protocol], grain)
    assert found(talk) == VULNERABLE


@PROTOCOLS
@GRAIN
def test_text_where_tls_is_due_is_heard_at_a_proper_server_too(
    protocol: MailProtocol, grain: int
) -> None:
    talk = attacked(Conduct(), protocol)
    talk.client.says(STARTTLS[protocol])
    said = {"imap": b"u LOGIN qa s3cret\r\n", "pop3": b"PASS x\r\n", "smtp": b"MAIL FROM:<>\r\n"}
    say(talk.client, said[protocol], grain)
    assert found(talk) == VULNERABLE
    talk.passes(11)
    assert talk.verdict == ("none", "sure", None)
    assert talk.session.over


@PROTOCOLS
@GRAIN
def test_what_comes_behind_starttls_is_not_said_to_come_after_the_server_closed(
    protocol: MailProtocol, grain: int
) -> None:
    talk = attacked(Conduct(pipelined="close"), protocol)
    tag = b"u " if protocol == "imap" else b""
    say(talk.client, STARTTLS[protocol] + tag + b"NOOP\r\n" + LOGINS[protocol], grain)
    talk.client.leaves()
    assert found(talk) == VULNERABLE
    assert talk.session.finding is not None
    assert talk.session.finding.evidence.endswith("in clear behind STARTTLS")
    assert "clear-text-after-failure" not in talk.facts
    assert talk.session.verdict is not None
    assert talk.verdict == ("none", "sure", None)
    assert talk.session.verdict.evidence.endswith("behind STARTTLS")


@PROTOCOLS
@GRAIN
def test_who_logs_in_in_place_of_tls_did_not_give_up(protocol: MailProtocol, grain: int) -> None:
    talk = attacked(Conduct(pipelined="close"), protocol)
    talk.client.says(STARTTLS[protocol])
    say(talk.client, LOGINS[protocol], grain)
    talk.client.leaves()
    assert found(talk) == VULNERABLE
    assert talk.verdict == ("none", "sure", None)


HALF: dict[MailProtocol, bytes] = {"imap": b"u NO", "pop3": b"NO", "smtp": b"EHLO "}


@PROTOCOLS
@GRAIN
@pytest.mark.parametrize("together", [True, False])
def test_half_a_line_behind_starttls_swallows_no_clienthello(
    protocol: MailProtocol, grain: int, together: bool
) -> None:
    talk = attacked(Conduct(), protocol)
    half = STARTTLS[protocol] + HALF[protocol]
    if together:
        say(talk.client, half + hello(), grain)
    else:
        say(talk.client, half)
        say(talk.client, hello(), grain)
    assert talk.fact("dropped-after-starttls")["octets"] == len(HALF[protocol])
    assert "certificate-presented" in talk.facts


@GRAIN
@pytest.mark.parametrize("conduct", [SUFFIX, STRIPPED, Conduct(then="stall")])
@pytest.mark.parametrize(
    ("half", "finding"), [(b"u LOGIN qa", OPEN), (b"u LOGIN qa s3cr", VULNERABLE)]
)
def test_half_a_line_and_a_clienthello_are_heard_where_nobody_answers(
    half: bytes, finding: tuple[str, str], conduct: Conduct, grain: int
) -> None:
    talk = attacked(conduct)
    talk.client.says(b"t STARTTLS\r\n")
    say(talk.client, half + hello(), grain)
    assert "client-hello" in talk.facts
    talk.client.leaves()
    assert found(talk) == finding
    assert talk.verdict == ("none", "sure", None)


# -- after TLS was broken off --------------------------------------------------------------------


def breaking(mode: Mode, protocol: MailProtocol = "imap", **manner: Any) -> Talk:
    manner = manner or {"instead": Instead(then="stall")}
    shown = Identity(identity().chain, identity().key, Manner(**manner))
    talk = Talk(protocol, mode, choose=lambda upstream, sni: shown)
    if mode == "starttls":
        talk.upgrades()
    talk.client.says(hello())
    return talk


BROKEN = pytest.mark.parametrize(
    "manner",
    [{"instead": Instead(octets=b"x", then="stall")}, {"instead": Instead(octets=b"x")},
     {"cut": "stall"}, {"instead": Instead(then="clear")}],
)  # fmt: skip


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@BROKEN
def test_after_tls_was_broken_off_a_client_leaks_or_leaves(
    mode: Mode, manner: dict[str, Any]
) -> None:
    talk = breaking(mode, **manner)
    if mode == "implicit":
        talk.greets()
    talk.client.says(b"a LOGIN qa s3cret\r\n")
    assert found(talk) == VULNERABLE
    assert talk.session.finding is not None
    assert "after TLS was broken off" in talk.session.finding.evidence
    talk = breaking(mode, **manner)
    talk.client.leaves()
    assert found(talk) == ABORTED
    talk = breaking(mode, **manner)
    talk.client.says(alert(70))
    talk.client.leaves()
    assert found(talk) == ABORTED
    talk = breaking(mode, **manner)
    talk.passes(11)
    talk.perform(talk.session.stop())
    assert found(talk) == OPEN


def test_who_had_logged_in_before_tls_was_broken_off_is_not_safe() -> None:
    shown = Identity(
        identity().chain, identity().key, Manner(instead=Instead(when="secured", octets=b"x"))
    )
    talk = Talk("imap", choose=lambda upstream, sni: shown)
    talk.greets()
    near = talk.secure()
    near.says(b"a LOGIN qa s3cret\r\n")
    talk.client.leaves()
    assert found(talk) == ABORTED


# -- the canary ----------------------------------------------------------------------------------


@GRAIN
@pytest.mark.parametrize(
    ("protocol", "canary", "said", "trace"),
    [
        ("smtp", Canary(verbs=frozenset({"AUTH"})), b"AUTH PLAIN AHMzY3JldA==\r\n",
         "AUTH PLAIN ***"),
        ("imap", Canary(verbs=frozenset({"UID FETCH"})), b"a UID FETCH 1 FLAGS\r\n",
         "a UID FETCH 1 FLAGS"),
        ("imap", Canary(word=b"CanaryBox"), b'a SELECT "canarybox"\r\n', 'a SELECT "canarybox"'),
        ("imap", Canary(word=b"canarybox"), b"a SELECT {9}\r\nCanaryBox\r\n", "a SELECT {9}"),
    ],
)  # fmt: skip
def test_a_canary_that_is_tripped_makes_vulnerable_suspected(
    protocol: MailProtocol, canary: Canary, said: bytes, trace: str, grain: int
) -> None:
    conduct = Conduct(behind=b"x\r\n", canary=canary)
    for each in (conduct, control(conduct)):
        talk = attacked(each, protocol)
        near = tls(talk)
        say(near, b"a0 NOOP\r\n" if protocol == "imap" else b"NOOP\r\n", grain)
        assert talk.session.finding is None
        say(near, said, grain)
        assert found(talk) == SUSPECTED
        assert talk.session.finding is not None
        assert talk.session.finding.trace.startswith(trace)


@pytest.mark.parametrize(
    ("canary", "said", "finding"),
    [
        (Canary(word=b"canarybox"), b"a SELECT canary\r\nb SELECT box\r\n", KEPT),
        (Canary(verbs=frozenset({"UID FETCH"})), b"a FETCH 1 FLAGS\r\n", SAFE),
        (Canary(word=b"secret"), b"a LOGIN qa {3+}\r\nsec\r\nb SELECT ret\r\n", KEPT),
        (Canary(verbs=frozenset({"ID"}), word=b"never"), b"a SELECT inbox\r\n", KEPT),
        (Canary(lure=True), b"a SELECT inbox\r\n", KEPT),
        (Canary(), b"a SELECT inbox\r\n", KEPT),
    ],
)
def test_what_is_not_the_canary_is_safe_and_sure_only_where_it_could_be_seen(
    canary: Canary, said: bytes, finding: tuple[str, str]
) -> None:
    talk = attacked(Conduct(behind=b"x\r\n", canary=canary))
    near = tls(talk)
    near.says(said)
    near.leaves()
    talk.server.leaves()
    assert found(talk) == finding
    assert talk.session.finding is not None
    only_said = "said nothing that only came in clear" in talk.session.finding.evidence
    assert only_said is (finding == KEPT)


@pytest.mark.parametrize(
    ("conduct", "finding"),
    [
        (Conduct(login=True), SAFE),
        (Conduct(offer="removed"), SAFE),
        (Conduct(login=True, before=b"* OK [ALERT] x\r\n"), KEPT),
        (Conduct(greeting=b"* OK [ALERT] x\r\n"), KEPT),
    ],
)
def test_who_goes_on_through_tls_where_belief_meant_going_without_it_is_safe(
    conduct: Conduct, finding: tuple[str, str]
) -> None:
    talk = attacked(conduct)
    talk.client.says(b"a CAPABILITY\r\n")
    talk.server.says(b"* CAPABILITY IMAP4rev1 STARTTLS\r\na OK\r\n")
    near = tls(talk)
    near.says(b"b LOGIN qa x\r\nc SELECT inbox\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == finding


def test_the_canary_is_for_tls_only() -> None:
    talk = attacked(
        Conduct(then="clear", canary=Canary(verbs=frozenset({"NOOP"}), word=b"NOOP", ahead=True))
    )
    talk.client.says(b"a NOOP\r\n")
    assert talk.session.finding is None


AHEAD = Conduct(behind=b"250 x\r\n", withhold=2.0, canary=Canary(ahead=True))


@GRAIN
@pytest.mark.parametrize("together", [True, False])
def test_who_goes_on_before_it_is_answered_believed_what_came_in_clear(
    grain: int, together: bool
) -> None:
    talk = attacked(AHEAD, "smtp")
    near = tls(talk)
    if together:
        say(near, b"EHLO x\r\nRSET\r\n", grain)
    else:
        say(near, b"EHLO x\r\n", grain)
        talk.server.says(b"250 mail\r\n")
        talk.passes(1.9)
        say(near, b"RSET\r\n", grain)
    assert found(talk) == SUSPECTED
    assert talk.session.finding is not None
    assert talk.session.finding.trace == "RSET"


def test_who_waits_for_its_answer_is_safe() -> None:
    talk = attacked(AHEAD, "smtp")
    near = tls(talk)
    near.says(b"EHLO x\r\n")
    talk.server.says(b"250 mail\r\n")
    talk.passes(2)
    near.says(b"MAIL FROM:<>\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == SAFE


def test_who_leaves_before_it_is_answered_had_no_chance() -> None:
    talk = attacked(AHEAD, "smtp")
    near = tls(talk)
    near.says(b"MAIL FROM:<>\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN


def test_what_is_not_withheld_any_more_is_not_ahead() -> None:
    talk = attacked(AHEAD, "smtp")
    near = tls(talk)
    near.says(b"EHLO x\r\n")
    talk.server.says(b"250-" + b"x" * 300_000 + b"\r\n250 end\r\n")
    talk.settle()
    assert near.hears().endswith(b"250 end\r\n")
    near.says(b"NOOP\r\n")
    assert talk.session.finding is None
    talk.passes(3)
    near.says(b"MAIL FROM:<>\r\n")
    near.leaves()
    talk.server.leaves()
    assert talk.session.finding is not None
    assert talk.session.finding.finding != "safe"


@pytest.mark.parametrize("goodbye", [b"QUIT\r\n", b"quit\r\n"])
def test_a_goodbye_before_the_answer_is_impatience_and_no_belief(goodbye: bytes) -> None:
    talk = attacked(AHEAD, "smtp")
    near = tls(talk)
    near.says(b"EHLO x\r\n")
    near.says(goodbye)
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN


def test_a_command_before_its_answer_is_no_canary_where_none_was_set() -> None:
    talk = attacked(Conduct(behind=b"x\r\n", withhold=2.0), "smtp")
    near = tls(talk)
    near.says(b"EHLO x\r\nRSET\r\n")
    assert talk.session.finding is None


EARLY = Conduct(early=b"{next} OK go\r\n", answer=b"{tag} NO\r\n", then="clear", login=True)
GUESSING = replace(EARLY, greeting=b"{greeting}\r\nA001 OK go\r\nRUBY0001 OK go\r\n")


@pytest.mark.parametrize(
    ("conduct", "said", "finding"),
    [
        (EARLY, b"RUBY0001 STARTTLS\r\n", OPEN),
        (GUESSING, b"RUBY0001 STARTTLS\r\n", LEFT),
        (GUESSING, b"A001 STARTTLS\r\n", LEFT),
        (GUESSING, b"Y0001 STARTTLS\r\n", OPEN),
        (GUESSING, b"1 STARTTLS\r\n", OPEN),
    ],
)
def test_an_answer_that_did_not_come_early_is_not_what_made_the_client_leave(
    conduct: Conduct, said: bytes, finding: tuple[str, str]
) -> None:
    talk = attacked(conduct)
    talk.client.says(said)
    talk.client.leaves()
    assert found(talk) == finding


def test_an_answer_that_came_early_is_what_the_client_left_at() -> None:
    talk = attacked(EARLY)
    talk.client.says(b"A1 CAPABILITY\r\n")
    talk.server.says(b"* CAPABILITY IMAP4rev1\r\nA1 OK\r\n")
    talk.client.says(b"A2 STARTTLS\r\n")
    talk.client.leaves()
    assert found(talk) == LEFT


# -- safe, aborted, inconclusive -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("chance", "said", "finding"),
    [
        (set(), b"a NOOP\r\nb LOGIN qa x\r\n", KEPT),
        ({"SELECT"}, b"a LOGIN qa x\r\nb SELECT inbox\r\n", KEPT),
        ({"SELECT"}, b"a LOGIN qa x\r\n", OPEN),
        ({"CAPABILITY"}, b"a CAPABILITY\r\nb LOGOUT\r\n", ABORTED),
        (set(), b"a CAPABILITY\r\nb LOGOUT\r\n", OPEN),
        (set(), b"a LOGOUT\r\n", OPEN),
        (set(), b"", OPEN),
        (set(), b"GET / HTTP/1.0\r\nConnection: close\r\n", OPEN),
    ],
)
def test_only_who_had_its_chance_is_safe(
    chance: set[str], said: bytes, finding: tuple[str, str]
) -> None:
    canary = Canary(word=b"never", chance=frozenset(chance))
    talk = attacked(Conduct(behind=b"x\r\n", canary=canary))
    near = tls(talk)
    if said:
        near.says(said)
    near.leaves()
    talk.server.leaves()
    assert found(talk) == finding


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        (b"", ("aborted", "suspected")),
        (b"a CAPABILITY\r\n", ("aborted", "suspected")),
        (b"a LOGOUT\r\n", ("aborted", "suspected")),
        (b"t STARTTLS\r\n", LEFT),
        (b"t STARTTLS\r\nu LOGOUT\r\n", ABORTED),
    ],
)
def test_who_left_without_a_word_that_matters_aborted(
    said: bytes, finding: tuple[str, str]
) -> None:
    talk = attacked(STRIPPED)
    talk.client.says(said)
    talk.client.leaves()
    assert found(talk) == finding


def test_a_goodbye_is_an_abort_also_when_the_server_closes_first() -> None:
    talk = attacked(STRIPPED)
    talk.client.says(b"t STARTTLS\r\nu LOGOUT\r\n")
    talk.server.says(b"* BYE\r\nu OK\r\n")
    talk.server.leaves()
    assert found(talk) == ABORTED
    assert talk.verdict == ("reject", "sure", "starttls")


@pytest.mark.parametrize("then", ["close", "reset", "stall"])
def test_who_leaves_after_starttls_came_to_nothing_aborted(then: Any) -> None:
    talk = attacked(Conduct(then=then))
    talk.client.says(b"t STARTTLS\r\n")
    talk.client.leaves()
    assert found(talk) == ABORTED
    assert talk.verdict == ("reject", "sure", "starttls")


@pytest.mark.parametrize("code", [40, 47, 50, 71, 80])
def test_an_alert_that_may_refuse_the_certificate_only_suggests_an_abort(code: int) -> None:
    talk = attacked(SUFFIX)
    talk.client.says(b"t STARTTLS\r\n")
    talk.client.says(hello())
    talk.client.says(alert(code))
    talk.client.leaves()
    assert found(talk) == LEFT
    assert talk.verdict == ("reject", "sure", None)


@GRAIN
def test_an_alert_behind_what_only_follows_a_serverhello_is_not_about_what_was_injected(
    grain: int,
) -> None:
    talk = attacked(SUFFIX)
    talk.client.says(b"t STARTTLS\r\n")
    say(talk.client, hello() + b"\x14\x03\x03\x00\x01\x01" + alert(70), grain)
    talk.client.leaves()
    assert talk.verdict == ("reject", "sure", None)
    assert found(talk) == OPEN


@pytest.mark.parametrize("code", [10, 20, 22, 70])
def test_an_alert_at_what_was_injected_is_an_abort(code: int) -> None:
    talk = attacked(SUFFIX)
    talk.client.says(b"t STARTTLS\r\n")
    talk.client.says(hello())
    talk.client.says(alert(code))
    talk.client.leaves()
    assert found(talk) == ABORTED
    assert talk.verdict == ("reject", "sure", "starttls")


@pytest.mark.parametrize("code", [42, 46, 48])
def test_a_refused_certificate_says_nothing_of_the_attack(code: int) -> None:
    talk = attacked(SUFFIX)
    talk.client.says(b"t STARTTLS\r\n" + hello())
    talk.client.says(alert(code))
    talk.client.leaves()
    assert found(talk) == OPEN


@pytest.mark.parametrize(
    ("conduct", "finding"),
    [(SUFFIX, ("aborted", "suspected")), (Conduct(clear=Capabilities(add=("NEW",))), OPEN)],
)
def test_who_leaves_a_handshake_without_an_alert_may_have_stumbled_over_the_attack(
    conduct: Conduct, finding: tuple[str, str]
) -> None:
    talk = attacked(conduct)
    talk.client.says(b"t STARTTLS\r\n")
    talk.client.says(hello())
    talk.client.leaves()
    assert found(talk) == finding


@pytest.mark.parametrize("said", [b"a CAPABILITY\r\n", b"a NOOP\r\n"])
@pytest.mark.parametrize(
    ("answer", "finding"), [(b"a OK\r\n", ("aborted", "suspected")), (b"* OK\r\n", OPEN)]
)
def test_who_leaves_once_it_was_answered_through_tls_aborted(
    said: bytes, answer: bytes, finding: tuple[str, str]
) -> None:
    canary = Canary(word=b"never", chance=frozenset({"SELECT"}))
    talk = attacked(Conduct(behind=b"x\r\n", canary=canary))
    near = tls(talk)
    near.says(said)
    talk.server.says(answer)
    near.leaves()
    talk.server.leaves()
    assert found(talk) == finding


@pytest.mark.parametrize("said", [b"a LOGIN qa x\r\n", b"a SELECT x\r\n"])
def test_who_did_its_work_and_had_no_occasion_to_be_caught_is_open(said: bytes) -> None:
    canary = Canary(word=b"never", chance=frozenset({"STORE"}))
    talk = attacked(Conduct(behind=b"x\r\n", canary=canary))
    near = tls(talk)
    near.says(said)
    talk.server.says(b"a OK\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN
    assert talk.session.finding is not None
    assert talk.session.finding.evidence == "the client had no occasion to be caught"


def test_who_only_said_goodbye_through_tls_could_not_be_caught() -> None:
    talk = attacked(SUFFIX)
    near = tls(talk)
    near.says(b"a LOGOUT\r\n")
    talk.server.says(b"* BYE\r\na OK\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN


def test_an_answer_that_is_withheld_is_none() -> None:
    talk = attacked(AHEAD, "smtp")
    near = tls(talk)
    near.says(b"EHLO x\r\n")
    talk.server.says(b"250 mail\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN


@pytest.mark.parametrize("pipelined", ["drop", "relay"])
def test_what_becomes_of_octets_behind_starttls_is_no_attack_on_the_client(
    pipelined: Any,
) -> None:
    talk = attacked(Conduct(pipelined=pipelined))
    near = tls(talk)
    near.says(b"a LOGIN qa s3cret\r\n")
    near.leaves()
    talk.server.leaves()
    assert talk.session.over
    assert talk.session.finding is None


BEGINNING: list[tuple[MailProtocol, bytes]] = [
    ("smtp", b"AUTH PLAIN\r\n"), ("imap", b"a AUTHENTICATE PLAIN\r\n"),
    ("pop3", b"AUTH PLAIN\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "said"), BEGINNING)
@pytest.mark.parametrize("response", [b"", b" AHFhAHMzY3JldA=="])
def test_who_only_names_how_it_will_authenticate_gives_no_credentials_yet(
    protocol: MailProtocol, said: bytes, response: bytes
) -> None:
    for talk in (attacked(STRIPPED, protocol), breaking("starttls", protocol)):
        talk.client.says(said.rstrip() + response + b"\r\n")
        assert found(talk) == VULNERABLE
        assert talk.session.finding is not None
        began = "began to authenticate in clear" in talk.session.finding.evidence
        assert began is (response == b"")
        if talk.session.verdict is not None:
            assert ("with credentials" in talk.session.verdict.evidence) is (response != b"")


# -- a lure --------------------------------------------------------------------------------------


def lured(protocol: MailProtocol = "imap") -> Talk:
    """A client at the place that a referral in clear named."""
    talk = Talk(protocol, "plain", lure=True)
    talk.greets()
    return talk


@PROTOCOLS
@GRAIN
def test_who_speaks_at_a_lure_followed_a_referral_that_came_in_clear(
    protocol: MailProtocol, grain: int
) -> None:
    talk = lured(protocol)
    assert talk.session.finding is None
    said = {"imap": b"a LOGIN qa s3cret\r\n", "pop3": b"PASS s3cret\r\n", "smtp": b"EHLO x\r\n"}
    say(talk.client, said[protocol], grain)
    assert found(talk) == VULNERABLE
    assert talk.session.finding is not None
    assert talk.session.finding.evidence == "the client followed a referral that came in clear"
    assert talk.session.finding.trace in {"a LOGIN ***", "PASS ***", "EHLO x"}
    assert talk.server.hears() == said[protocol]
    talk.client.leaves()
    talk.server.leaves()
    assert talk.session.verdict is not None
    assert talk.session.verdict.evidence.startswith("there is no TLS on this endpoint")
    assert "attack" not in talk.facts


@pytest.mark.parametrize("end", ["leaves", "stop"])
def test_who_comes_to_a_lure_and_says_nothing_followed_it_too(end: str) -> None:
    talk = lured()
    talk.client.leaves() if end == "leaves" else talk.perform(talk.session.stop())
    talk.server.leaves()
    assert talk.session.over
    finding = talk.session.finding
    assert finding is not None
    assert (finding.finding, finding.certainty, finding.trace) == ("vulnerable", "sure", "")
    assert talk.facts.count("finding") == 1


def test_an_attack_that_reached_nobody_came_to_nothing() -> None:
    talk = attacked(Conduct(denied=b"{tag} BAD\r\n"))
    near = tls(talk)
    near.says(b"a LOGIN qa x\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == OPEN


@pytest.mark.parametrize("end", ["stop", "deadline", "server", "error"])
def test_an_end_that_is_not_the_clients_is_inconclusive(end: str) -> None:
    talk = attacked(STRIPPED)
    talk.client.says(b"a CAPABILITY\r\n")
    if end == "stop":
        talk.perform(talk.session.stop())
    elif end == "server":
        talk.server.leaves()
    elif end == "error":
        talk.passes(11)
        assert talk.session.error is not None
        talk.client.leaves()
    else:
        talk.server.says(b"a OK\r\n")
        talk.passes(11)
        talk.perform(talk.session.stop())
    assert found(talk) == OPEN


def test_a_finding_is_kept_a_place_among_the_facts() -> None:
    talk = attacked(SUFFIX)
    near = tls(talk)
    for _ in range(300):
        near.says(b"a NOOP\r\n")
    near.says(b"a LOGIN qa x\r\n")
    near.leaves()
    talk.server.leaves()
    assert found(talk) == KEPT
    assert len(talk.facts) == 200


def test_a_capability_that_only_clear_text_named_is_the_classic_canary() -> None:
    """nodemailer 9.0.2 took AUTH from what came behind the go-ahead."""
    conduct = Conduct(
        behind=b"250-x\r\n250 AUTH PLAIN\r\n", secured=Capabilities(remove=("AUTH",)),
        canary=Canary(verbs=frozenset({"AUTH"}), chance=frozenset({"EHLO"})),
    )  # fmt: skip
    talk = attacked(conduct, "smtp")
    near = tls(talk)
    near.says(b"EHLO x\r\n")
    talk.server.says(b"250-mail\r\n250-AUTH PLAIN\r\n250 SIZE\r\n")
    talk.settle()
    assert near.hears() == b"250-mail\r\n250 SIZE\r\n"
    near.says(b"AUTH PLAIN AHMzY3JldA==\r\n")
    assert found(talk) == SUSPECTED


def test_an_alert_where_starttls_itself_was_proper_says_nothing_of_the_attack() -> None:
    talk = attacked(Conduct(clear=Capabilities(add=("NEW",))))
    talk.client.says(b"t STARTTLS\r\n" + hello())
    talk.client.says(alert(80))
    talk.client.leaves()
    assert found(talk) == OPEN


def test_a_client_that_leaves_after_we_closed_did_not_leave_by_itself() -> None:
    talk = attacked(Conduct(behind=b"x\r\n", canary=Canary(chance=frozenset({"NOOP"}))))
    near = tls(talk)
    near.says(b"a NOOP\r\n")
    talk.passes(1)
    talk.server.leaves()
    talk.settle()
    near.leaves()
    assert talk.session.over
    assert found(talk) == OPEN


def test_each_kind_of_attack_is_one_fact() -> None:
    talk = attacked(Conduct(early=b"x\r\n"), "smtp")
    for _ in range(3):
        talk.client.says(b"NOOP\r\n")
        talk.server.says(b"250 ok\r\n")
    assert talk.facts.count("attack") == 1
