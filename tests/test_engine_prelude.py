"""The dialogue before STARTTLS, at a door whose mail server knows no TLS and at a shield."""

import pytest

from mitmail.engine.action import Said
from mitmail.engine.spec import MailProtocol
from talk import GO_AHEAD, GRAIN, GREETING, STARTTLS, Talk, TlsSide, identity, served_by, trusting

EHLO = b"250-mail\r\n250-AUTH PLAIN LOGIN\r\n250-SIZE 9\r\n250 PIPELINING\r\n"
EHLO_OFFERED = b"250-mail\r\n250-SIZE 9\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
CAPA = b"+OK\r\nUSER\r\nTOP\r\nSASL PLAIN\r\n.\r\n"
CAPA_OFFERED = b"+OK\r\nTOP\r\nSTLS\r\n.\r\n"


def door(protocol: MailProtocol) -> Talk:
    """A greeted session in clear before a server without TLS."""
    talk = Talk(protocol, "starttls", "plain")
    talk.greets()
    talk.client.hears()
    return talk


def cut(octets: bytes, grain: int) -> list[bytes]:
    """The octets in segments."""
    return [octets[at : at + grain] for at in range(0, len(octets), grain)]


@GRAIN
@pytest.mark.parametrize(
    ("protocol", "asked", "answered", "heard"),
    [
        ("smtp", b"EHLO x\r\n", EHLO, EHLO_OFFERED),
        ("smtp", b"HELO x\r\n", b"250 mail\r\n", b"250 mail\r\n"),
        ("pop3", b"CAPA\r\n", CAPA, CAPA_OFFERED),
        ("pop3", b"CAPA\r\n", b"-ERR\r\n", b"-ERR\r\n"),
        (
            "imap",
            b"a CAPABILITY\r\n",
            b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE\r\na OK done\r\n",
            b"* CAPABILITY IMAP4rev1 IDLE STARTTLS LOGINDISABLED\r\na OK done\r\n",
        ),
        (
            "imap",
            b"a NOOP\r\n",
            b"a OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] done\r\n",
            b"a OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] done\r\n",
        ),
    ],
)
def test_a_door_offers_starttls_in_the_servers_place(
    protocol: MailProtocol, asked: bytes, answered: bytes, heard: bytes, grain: int
) -> None:
    talk = door(protocol)
    for part in cut(asked, grain):
        talk.client.says(part)
    assert talk.server.hears() == asked
    for part in cut(answered, grain):
        talk.server.says(part)
    if asked.endswith(b"NOOP\r\n"):  # only an announcement is rewritten
        heard = answered
    assert talk.client.hears() == heard


@GRAIN
def test_a_door_offers_starttls_in_the_greeting_of_imap(grain: int) -> None:
    talk = Talk("imap", "starttls", "plain")
    for part in cut(GREETING["imap"], grain):
        talk.server.says(part)
    assert talk.client.hears() == b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n"


@pytest.mark.parametrize("protocol", ["smtp", "pop3"])
def test_other_greetings_pass_as_they_are(protocol: MailProtocol) -> None:
    talk = Talk(protocol, "starttls", "plain")
    talk.greets()
    assert talk.client.hears() == GREETING[protocol]


@pytest.mark.parametrize(
    ("protocol", "said", "answered"),
    [
        ("smtp", b"AUTH PLAIN AHFhAHg=\r\n", b"530 5.7.0 "),
        ("smtp", b"aUtH LOGIN\r\n", b"530 5.7.0 "),
        ("imap", b"a LOGIN qa x\r\n", b"a NO [PRIVACYREQUIRED] "),
        ("imap", b"b login qa x\r\n", b"b NO "),
        ("imap", b"c AUTHENTICATE PLAIN AHFhAHg=\r\n", b"c NO "),
        ("imap", b"d LOGIN {2+}\r\nqa {1+}\r\nx\r\n", b"d NO "),
        ("imap", b"d LOGIN {2-}\r\nqa {1-}\r\nx\r\n", b"d NO "),
        ("pop3", b"USER qa\r\n", b"-ERR "),
        ("pop3", b"pass x\r\n", b"-ERR "),
        ("pop3", b"APOP qa 00\r\n", b"-ERR "),
        ("pop3", b"AUTH PLAIN\r\n", b"-ERR "),
    ],
)
@GRAIN
def test_no_credentials_go_on_before_tls(
    protocol: MailProtocol, said: bytes, answered: bytes, grain: int
) -> None:
    talk = door(protocol)
    for part in cut(said, grain):
        talk.client.says(part)
    assert talk.server.hears() == b""
    heard = talk.client.hears()
    assert heard.startswith(answered)
    assert heard.count(b"\r\n") == 1
    assert "credentials-in-clear" in talk.facts
    talk.client.says(STARTTLS[protocol])
    assert talk.client.hears().startswith((b"t OK", b"220", b"+OK"))


def test_who_waits_with_his_literal_is_refused_before_he_sends_it() -> None:
    talk = door("imap")
    talk.client.says(b"a LOGIN {2}\r\n")
    assert talk.client.hears().startswith(b"a NO ")
    talk.client.says(b"b NOOP\r\n")
    assert talk.server.hears() == b"b NOOP\r\n"


def test_who_does_not_wait_with_his_literal_is_refused_once_all_the_same() -> None:
    talk = door("imap")
    talk.client.says(b"a LOGIN {2}\r\nqa {1}\r\nx\r\nb NOOP\r\n")
    assert talk.client.hears().count(b"a NO ") == 1
    assert talk.server.hears() == b"b NOOP\r\n"


def test_a_literal_that_comes_unasked_may_be_followed_by_one_that_waits() -> None:
    talk = door("imap")
    talk.client.says(b"a LOGIN {2+}\r\nqa {1}\r\n")
    assert talk.client.hears().startswith(b"a NO ")
    talk.client.says(b"b NOOP\r\n")
    assert talk.server.hears() == b"b NOOP\r\n"


@pytest.mark.parametrize("protocol", ["smtp", "pop3"])
def test_an_exchange_that_comes_unasked_does_not_spoil_what_follows(
    protocol: MailProtocol,
) -> None:
    talk = door(protocol)
    talk.client.says(b"AUTH PLAIN\r\nAHFhAHg=\r\n")
    assert talk.client.hears().count(b"\r\n") == 1
    talk.client.says(STARTTLS[protocol])
    assert "go-ahead" in talk.facts
    assert talk.server.hears() == b""


def test_asking_pop3_for_its_mechanisms_gives_no_credentials() -> None:
    talk = door("pop3")
    talk.client.says(b"AUTH\r\n")
    assert talk.client.hears().startswith(b"-ERR")
    assert "credentials-in-clear" not in talk.facts


@GRAIN
def test_commands_keep_their_order_and_starttls_waits_for_its_turn(grain: int) -> None:
    talk = door("smtp")
    for part in cut(b"EHLO x\r\nNOOP\r\nSTARTTLS\r\n", grain):
        talk.client.says(part)
    assert talk.server.hears() == b"EHLO x\r\n"
    assert talk.client.hears() == b""
    talk.server.says(EHLO)
    assert talk.client.hears() == EHLO_OFFERED
    assert talk.server.hears() == b"NOOP\r\n"
    assert "go-ahead" not in talk.facts
    talk.server.says(b"250 ok\r\n")
    assert talk.client.hears() == b"250 ok\r\n220 2.0.0 Ready to start TLS\r\n"
    assert talk.server.hears() == b""
    assert "go-ahead" in talk.facts


def test_a_refusal_of_ours_does_not_overtake_the_server() -> None:
    talk = door("imap")
    talk.client.says(b"a NOOP\r\nb LOGIN qa x\r\nc NOOP\r\n")
    talk.server.says(b"a OK one\r\n")
    talk.server.says(b"c OK two\r\n")
    assert talk.client.hears() == (
        b"a OK one\r\nb NO [PRIVACYREQUIRED] Use STARTTLS first\r\nc OK two\r\n"
    )
    assert talk.server.hears() == b"a NOOP\r\nc NOOP\r\n"


def test_only_an_announcement_is_rewritten() -> None:
    talk = door("smtp")
    talk.server.says(b"250 unasked\r\n")
    assert talk.client.hears() == b"250 unasked\r\n"


def test_commands_wait_for_the_greeting() -> None:
    talk = Talk("smtp", "starttls", "plain")
    talk.client.says(b"EHLO x\r\n")
    assert talk.server.hears() == b""
    talk.greets()
    assert talk.server.hears() == b"EHLO x\r\n"


@GRAIN
def test_a_message_in_clear_passes_a_door_that_is_not_asked_for_tls(grain: int) -> None:
    talk = door("smtp")
    body = b"Subject: x\r\n\r\n" + b"text\r\n" * 400 + b".\r\n"
    for said, answered in (
        (b"MAIL FROM:<a@x.test>\r\n", b"250 ok\r\n"),
        (b"RCPT TO:<b@x.test>\r\n", b"250 ok\r\n"),
        (b"DATA\r\n", b"354 go\r\n"),
        (body, b"250 taken\r\n"),
    ):
        for part in cut(said, grain):
            talk.client.says(part)
        assert talk.server.hears() == said
        talk.server.says(answered)
        assert talk.client.hears() == answered


def test_a_client_that_pipelines_without_end_is_sent_away() -> None:
    talk = door("smtp")
    for _ in range(300):
        talk.client.says(b"NOOP\r\n")
    assert talk.verdict == ("none", "sure", None)
    assert "flood" in talk.facts
    assert talk.client.closed


def test_a_reply_without_end_is_not_kept() -> None:
    talk = door("smtp")
    talk.client.says(b"EHLO x\r\n")
    for _ in range(100):
        talk.server.says(b"250-" + b"x" * 1000 + b"\r\n")
    assert len(talk.client.hears()) > 60_000


@pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp"])
def test_a_door_answers_starttls_and_speaks_tls(protocol: MailProtocol) -> None:
    talk = door(protocol)
    talk.client.says(STARTTLS[protocol].lower())
    assert talk.client.hears().startswith((b"t OK ", b"+OK ", b"220 "))
    assert talk.server.hears() == b""
    client = TlsSide(talk.client, trusting())
    assert client.up
    client.says(b"a NOOP\r\n")
    assert talk.server.hears() == b"a NOOP\r\n"
    talk.server.says(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
    talk.passes(0.2)
    assert client.hears() == b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"


@pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp"])
@GRAIN
def test_a_shield_relays_the_upgrade_and_both_legs_speak_tls(
    protocol: MailProtocol, grain: int
) -> None:
    talk = Talk(protocol, "starttls", "starttls")
    for part in cut(GREETING[protocol], grain):
        talk.server.says(part)
    assert talk.client.hears() == GREETING[protocol]
    for part in cut(STARTTLS[protocol], grain):
        talk.client.says(part)
    assert talk.server.hears() == STARTTLS[protocol]
    for part in cut(GO_AHEAD[protocol], grain):
        talk.server.says(part)
    assert talk.client.hears() == GO_AHEAD[protocol]
    far = TlsSide(talk.server, served_by(identity()))
    near = TlsSide(talk.client, trusting())
    near.says(b"a NOOP\r\n")
    assert far.hears() == b"a NOOP\r\n"


@pytest.mark.parametrize(
    ("protocol", "refusal"),
    [("imap", b"t NO not now\r\n"), ("pop3", b"-ERR no\r\n"), ("smtp", b"454 not now\r\n")],
)
@GRAIN
def test_a_refused_starttls_leaves_the_session_alive_in_clear(
    protocol: MailProtocol, refusal: bytes, grain: int
) -> None:
    talk = Talk(protocol, "starttls", "starttls")
    talk.greets()
    talk.client.says(STARTTLS[protocol])
    for part in cut(refusal, grain):
        talk.server.says(part)
    assert talk.client.hears() == GREETING[protocol] + refusal
    talk.server.hears()
    said = {"imap": b"a LOGIN qa x\r\n", "pop3": b"PASS x\r\n", "smtp": b"AUTH PLAIN AHg=\r\n"}
    talk.client.says(said[protocol])
    assert talk.server.hears() == said[protocol]
    assert "starttls-refused" in talk.facts
    assert "credentials-in-clear" in talk.facts
    talk.client.leaves()
    assert talk.verdict == ("none", "sure", None)


def test_what_is_shown_of_a_door_is_what_the_client_was_told() -> None:
    """Not the words of the mailstore behind it, which knows no STARTTLS."""
    talk = Talk("smtp", "starttls", "plain")
    talk.server.says(b"220 mail\r\n")
    talk.client.says(b"EHLO x\r\n")
    talk.server.says(b"250-mail\r\n250 AUTH PLAIN\r\n")
    talk.client.says(b"STARTTLS\r\n")

    said = [x for x in talk.actions if isinstance(x, Said) and x.who == "server"]
    assert b"".join(x.shown for x in said) == talk.client.hears()


# -- a line without a command --------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [b"CAPA\r\n", b"STARTTLS\r\n", b"QUIT\r\n", b"\r\n", b"a WHAT\r\n"]
)
@pytest.mark.parametrize("answer", [b"* BAD what?\r\n", b"CAPA BAD what?\r\n"])
@GRAIN
def test_a_line_that_imap_cannot_read_does_not_stop_the_dialogue(
    said: bytes, answer: bytes, grain: int
) -> None:
    talk = door("imap")
    for part in cut(said + b"a NOOP\r\n", grain):
        talk.client.says(part)
    assert talk.server.hears() == said
    talk.server.says(answer)
    assert talk.client.hears() == answer
    assert talk.server.hears() == b"a NOOP\r\n"


def test_a_bad_without_a_tag_does_not_answer_a_command_that_can_be_read() -> None:
    talk = door("imap")
    talk.client.says(b"a NOOP\r\nb NOOP\r\n")
    talk.server.says(b"* BAD I am confused\r\n")
    assert talk.server.hears() == b"a NOOP\r\n"
    talk.server.says(b"a OK\r\n")
    assert talk.server.hears() == b"b NOOP\r\n"


def test_a_literal_that_the_server_refuses_does_not_swallow_the_next_command() -> None:
    talk = door("imap")
    talk.client.says(b"a APPEND x {3}\r\n")
    talk.server.says(b"a NO [TOOBIG] no\r\n")
    talk.client.says(b"t STARTTLS\r\n")
    assert talk.server.hears() == b"a APPEND x {3}\r\n"
    assert talk.client.hears().endswith(b"t OK Begin TLS negotiation now\r\n")
