"""What a client says in clear where TLS is due: before its turn, instead of TLS, and behind it."""

from dataclasses import replace
from typing import Any

import pytest

from mitmail.conduct import Conduct
from mitmail.engine.action import Said
from mitmail.engine.records import Records
from mitmail.engine.spec import MailProtocol, Mode
from mitmail.interception import Block
from mitmail.manner import Instead, Manner
from talk import (
    GRAIN,
    PROTOCOLS,
    TLS,
    Side,
    Talk,
    TlsSide,
    alert,
    blind,
    hello,
    identity,
    trusting,
)

VULNERABLE = ("vulnerable", "sure")
NONE = ("none", "sure", None)
SECRET = b"s3cret"
BASE64 = b"AHFhAHMzY3JldA=="

LOGIN: dict[MailProtocol, bytes] = {
    "imap": b"a LOGIN qa s3cret\r\n", "pop3": b"USER qa\r\nPASS s3cret\r\n",
    "smtp": b"EHLO x\r\nAUTH PLAIN AHFhAHMzY3JldA==\r\n",
}  # fmt: skip
LEAKS: list[tuple[MailProtocol, bytes]] = [
    ("imap", b'a login "qa" "s3cret"\n'),
    ("imap", b"a LOGIN {2+}\r\nqa {6+}\r\ns3cret\r\n"),
    ("imap", b"a LOGIN {2}\r\n"),
    ("imap", b"a AUTHENTICATE PLAIN AHFhAHMzY3JldA==\r\n"),
    ("imap", b"a AUTHENTICATE PLAIN\r\nAHFhAHMzY3JldA==\r\n"),
    ("imap", b"a CAPABILITY\r\nb LOGIN qa s3cret\r\n"),
    ("imap", b"a SELECT inbox\r\n"),
    ("pop3", b"USER qa\r\nPASS s3cret\r\n"),
    ("pop3", b"APOP qa s3cret\r\n"),
    ("pop3", b"AUTH PLAIN AHFhAHMzY3JldA==\r\n"),
    ("smtp", b"EHLO x\r\nAUTH PLAIN AHFhAHMzY3JldA==\r\n"),
    ("smtp", b"EHLO x\r\nauth login\r\ncWE=\r\nczNjcmV0\r\n"),
    ("smtp", b"HELO x\r\nMAIL FROM:<a@x.test>\r\n"),
]
# A scanner, a browser, a client of another server, one that only asks, one of SSL 2.0, one that
# names itself and waits, one whose password has not begun.
HARMLESS: list[tuple[MailProtocol, bytes]] = [
    ("imap", b"\r\n\r\n"),
    ("imap", b"GET / HTTP/1.1\r\nHost: x\r\na LOGIN qa s3cret\r\n\r\n"),
    ("smtp", b"OPTIONS / HTTP/1.0\r\n\r\n"),
    ("imap", b"SSH-2.0-x\r\n"),
    ("imap", b"EHLO x\r\n"),
    ("imap", b"a CAPABILITY\r\nb LOGOUT\r\n"),
    ("smtp", b"EHLO x\r\nQUIT\r\n"),
    ("pop3", b"CAPA\r\nUSER qa\r\n"),
    ("imap", b"a LOGIN qa"),
    ("pop3", b"PASS "),
    ("smtp", b"AUTH PLAIN"),
    *[(x, b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(range(37)))
      for x in ("imap", "pop3", "smtp")],
    ("imap", b"\x00\x01\x02\r\na LOGIN qa s3cret\r\n"),
]  # fmt: skip


def say(side: Side, octets: bytes, grain: int = 10**6) -> None:
    for at in range(0, len(octets), grain):
        side.says(octets[at : at + grain])


def found(talk: Talk) -> tuple[str, str] | None:
    """Finding and certainty; no password is in any fact, and none is shown."""
    shown = b"".join(x.shown for x in talk.actions if isinstance(x, Said))
    told = shown + repr((talk.session.facts, talk.session.verdict)).encode()
    assert SECRET not in told
    assert BASE64 not in told
    finding = talk.session.finding
    return None if finding is None else (finding.finding, finding.certainty)


def evidence(talk: Talk) -> str:
    assert talk.session.finding is not None
    return talk.session.finding.evidence


# -- instead of TLS ------------------------------------------------------------------------------


@GRAIN
@pytest.mark.parametrize(("protocol", "said"), LEAKS)
@pytest.mark.parametrize("connect", [True, False])
def test_who_logs_in_in_clear_where_tls_is_due_is_vulnerable(
    protocol: MailProtocol, said: bytes, connect: bool, grain: int
) -> None:
    talk = Talk(protocol, connect=connect)
    say(talk.client, said, grain)
    talk.client.leaves()
    assert found(talk) == VULNERABLE
    assert evidence(talk).endswith("in clear where TLS was due")
    assert talk.verdict == NONE
    assert talk.session.over
    assert talk.session.presented.identity is None


@GRAIN
@pytest.mark.parametrize(("protocol", "said"), HARMLESS)
def test_what_else_is_said_where_tls_is_due_is_no_finding(
    protocol: MailProtocol, said: bytes, grain: int
) -> None:
    talk = Talk(protocol)
    say(talk.client, said, grain)
    talk.client.leaves()
    assert found(talk) is None
    assert talk.verdict == NONE
    assert "not-tls" in talk.facts


@PROTOCOLS
def test_who_is_sent_away_is_heard_for_a_while_and_not_for_ever(protocol: MailProtocol) -> None:
    talk = Talk(protocol)
    talk.client.says(b"NOOP\r\n")
    assert talk.client.ended
    talk.passes(1)
    talk.client.says(LOGIN[protocol])
    assert found(talk) == VULNERABLE
    talk.passes(1.1)
    assert talk.session.over


def test_of_a_line_without_an_end_not_everything_is_kept() -> None:
    talk = Talk()
    for _ in range(100):
        talk.client.says(b"x" * 10_000)
    assert len(talk.session._conversation._stray._interpreter._dialogue._from_client) == 0


@pytest.mark.parametrize("foreign", ["close", "stall", "reset"])
def test_who_is_dropped_by_an_antivirus_for_it_is_heard_first(foreign: Any) -> None:
    talk = Talk(foreign=foreign)
    talk.client.says(LOGIN["imap"])
    assert found(talk) == VULNERABLE
    assert talk.verdict == NONE
    assert "blocked" in talk.facts


@pytest.mark.parametrize("foreign", ["close", "stall"])
@GRAIN
def test_who_is_dropped_by_an_antivirus_is_heard_on(foreign: Any, grain: int) -> None:
    talk = Talk(foreign=foreign)
    say(talk.client, LOGIN["imap"], grain)
    talk.client.leaves()
    assert found(talk) == VULNERABLE


def test_who_is_blocked_and_logs_in_in_clear_is_heard() -> None:
    talk = Talk(choose=lambda upstream, sni: Block("close"))
    talk.client.says(hello())
    talk.client.says(LOGIN["imap"])
    assert found(talk) == VULNERABLE


def test_a_client_of_a_port_without_tls_is_not_blamed_for_clear_text() -> None:
    talk = Talk("imap", "plain")
    talk.greets()
    talk.client.says(LOGIN["imap"])
    talk.client.leaves()
    assert found(talk) is None


@TLS
@GRAIN
def test_a_clienthello_in_segments_is_no_clear_text(version: str, grain: int) -> None:
    talk = Talk()
    say(talk.client, hello(version), grain)
    assert "not-tls" not in talk.facts
    assert "certificate-presented" in talk.facts
    talk.client.leaves()
    assert found(talk) is None


# -- before its turn -----------------------------------------------------------------------------


@PROTOCOLS
@GRAIN
@pytest.mark.parametrize("server", ["plain", "starttls", "implicit"])
@pytest.mark.parametrize("end", ["leaves", "unreachable", "stopped"])
def test_what_a_client_sends_before_the_server_is_there_was_sent(
    protocol: MailProtocol, server: Mode, end: str, grain: int
) -> None:
    talk = Talk(protocol, "starttls", server, connect=False)
    say(talk.client, LOGIN[protocol], grain)
    if end == "leaves":
        talk.client.leaves()
    elif end == "unreachable":
        talk.connects("refused")
    else:
        talk.perform(talk.session.stop())
    assert found(talk) == VULNERABLE
    assert evidence(talk).endswith("in clear before TLS")
    assert talk.verdict == NONE


@PROTOCOLS
@pytest.mark.parametrize("server", ["plain", "starttls"])
@pytest.mark.parametrize("connect", [True, False])
def test_what_waits_behind_a_starttls_without_an_answer_was_sent(
    protocol: MailProtocol, server: Mode, connect: bool
) -> None:
    talk = Talk(protocol, "starttls", server, connect=connect)
    asks = {"imap": b"t STARTTLS\r\n", "pop3": b"STLS\r\n", "smtp": b"STARTTLS\r\n"}
    talk.client.says(asks[protocol] + LOGIN[protocol])
    talk.client.leaves()
    assert found(talk) == VULNERABLE


@pytest.mark.parametrize("said", [b"a CAPABILITY\r\n", b"t STARTTLS\r\n" + hello(), b"a LOGI"])
def test_what_leaks_nothing_before_the_server_is_there_is_no_finding(said: bytes) -> None:
    talk = Talk("imap", "starttls", connect=False)
    talk.client.says(said)
    talk.client.leaves()
    assert found(talk) is None
    assert talk.verdict == NONE


def test_clear_text_behind_a_clienthello_that_waits_for_the_server_was_sent() -> None:
    talk = Talk(connect=False)
    talk.client.says(hello() + LOGIN["imap"])
    talk.client.leaves()
    assert found(talk) == VULNERABLE


# -- behind TLS ----------------------------------------------------------------------------------


@TLS
@GRAIN
@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize("glued", [True, False])
def test_who_refuses_the_certificate_and_logs_in_in_clear_is_vulnerable(
    mode: Mode, version: str, glued: bool, grain: int
) -> None:
    talk = Talk("imap", mode)
    if mode == "starttls":
        talk.upgrades()
    talk.client.says(hello(version))
    if glued:
        say(talk.client, alert(45) + LOGIN["imap"], grain)
    else:
        talk.client.says(alert(45))
        say(talk.client, LOGIN["imap"], grain)
    talk.client.leaves()
    assert talk.verdict == ("reject", "sure", None)
    assert found(talk) == VULNERABLE
    assert evidence(talk).endswith("in clear after it had ended TLS")


@TLS
def test_who_refuses_and_leaves_leaks_nothing(version: str) -> None:
    talk = Talk(choose=lambda upstream, sni: identity(since=-3, until=-2))
    client = TlsSide(talk.client, trusting(version))
    client.leaves()
    assert talk.verdict[0] == "reject"
    assert found(talk) is None
    assert talk.session.over


def test_who_refuses_and_stays_is_not_kept() -> None:
    talk = Talk()
    talk.client.says(hello())
    talk.client.says(alert(48))
    assert not talk.session.over
    talk.passes(2.1)
    assert talk.session.over


@TLS
@GRAIN
def test_clear_text_in_mid_handshake_was_sent(version: str, grain: int) -> None:
    talk = Talk()
    talk.client.says(hello(version))
    say(talk.client, LOGIN["imap"], grain)
    talk.client.leaves()
    assert talk.verdict == NONE
    assert found(talk) == VULNERABLE
    assert evidence(talk).endswith("in clear where TLS was due")


@TLS
def test_clear_text_glued_to_the_end_of_tls_was_sent(version: str) -> None:
    talk = Talk()
    talk.greets()
    client = TlsSide(talk.client, blind(version))
    client.tls.write(b"a NOOP\r\n")
    talk.client.says(client._out.read() + LOGIN["imap"])
    assert found(talk) == VULNERABLE


@TLS
def test_a_login_through_tls_is_none_in_clear(version: str) -> None:
    talk = Talk()
    talk.greets()
    client = TlsSide(talk.client, trusting(version))
    for _ in range(3):
        client.says(LOGIN["imap"] + b"a APPEND x {40000}\r\n" + b"y" * 40_000 + b"\r\n")
    client.leaves()
    talk.server.leaves()
    assert talk.verdict == ("accept", "sure", None)
    assert found(talk) is None


def test_clear_text_behind_a_hello_that_was_answered_with_other_octets_was_sent() -> None:
    manner = Manner(instead=Instead(octets=b"* OK\r\n"))
    talk = Talk(choose=lambda upstream, sni: replace(identity(), manner=manner))
    talk.client.says(hello() + b"a LOGIN qa s3cret")
    talk.client.leaves()
    assert found(talk) == VULNERABLE


def test_half_a_line_after_tls_was_broken_off_was_sent() -> None:
    talk = Talk(opening=Instead(when="connected", octets=b"* OK\r\n"), connect=False)
    talk.client.says(b"a LOGIN qa s3cret")
    talk.client.leaves()
    assert found(talk) == VULNERABLE
    assert evidence(talk).endswith("in clear after TLS was broken off")


def test_a_session_behind_starttls_that_is_no_attack_has_no_other_finding() -> None:
    talk = Talk("imap", "starttls", conducting=Conduct)
    talk.upgrades()
    talk.client.says(hello())
    talk.client.says(alert(48))
    talk.client.leaves()
    assert found(talk) is None


# -- records -------------------------------------------------------------------------------------


@pytest.mark.parametrize("grain", [1, 2, 7, 1000])
def test_records_hand_back_what_is_none(grain: int) -> None:
    tls = b"\x16\x03\x01\x00\x05hello" + b"\x17\x03\x03\x00\x00" + b"\x15\x03\x03\x00\x02\x02\x30"
    said, records = tls + b"a LOGIN\x16\x03\x01\x00\x01x", Records()
    text = b"".join(records.hear(said[x : x + grain]) for x in range(0, len(said), grain))
    assert text == said[len(tls) :]
    assert records.read_on
