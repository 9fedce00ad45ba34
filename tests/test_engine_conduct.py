"""A conduct is carried out: what the client is told around STARTTLS, octet by octet."""

from typing import Any

import pytest

from mitmail.conduct import Capabilities, Conduct
from mitmail.engine.placeholder import fill, next_tag
from mitmail.engine.spec import MailProtocol
from mitmail.manner import Instead, Manner
from mitmail.pki.identity import Identity
from talk import (
    GO_AHEAD,
    GRAIN,
    GREETING,
    PROTOCOLS,
    STARTTLS,
    Side,
    Talk,
    TlsSide,
    alert,
    hello,
    identity,
    served_by,
    trusting,
)

ASKING: dict[MailProtocol, bytes] = {
    "imap": b"a1 CAPABILITY\r\n", "pop3": b"CAPA\r\n", "smtp": b"EHLO x\r\n"
}  # fmt: skip
ABLE: dict[MailProtocol, bytes] = {
    "imap": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE\r\na1 OK done\r\n",
    "pop3": b"+OK\r\nUSER\r\nTOP\r\nSASL PLAIN\r\n.\r\n",
    "smtp": b"250-mail\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 9\r\n",
}  # fmt: skip
LOGIN: dict[MailProtocol, bytes] = {
    "imap": b"a2 LOGIN qa secret\r\n", "pop3": b"PASS secret\r\n",
    "smtp": b"AUTH PLAIN AHFhAHg=\r\n",
}  # fmt: skip
PROPERLY: dict[MailProtocol, bytes] = {
    "imap": b"t OK Begin TLS negotiation now\r\n", "pop3": b"+OK Begin TLS negotiation\r\n",
    "smtp": b"220 2.0.0 Ready to start TLS\r\n",
}  # fmt: skip


def conducted(protocol: MailProtocol = "imap", server: Any = "plain", **conduct: Any) -> Talk:
    """A session that is conducted like this."""
    return Talk(protocol, "starttls", server, conducting=lambda: Conduct(**conduct))


def greeted(protocol: MailProtocol = "imap", **conduct: Any) -> Talk:
    """A session that is conducted like this, and the client has heard the greeting."""
    talk = conducted(protocol, **conduct)
    talk.greets()
    talk.client.hears()
    return talk


def say(side: Side | TlsSide, octets: bytes, grain: int = 10**6) -> None:
    """Say this in segments of so many octets."""
    for at in range(0, len(octets), grain):
        side.says(octets[at : at + grain])


# -- placeholders --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "following"),
    [
        (b"A001", b"A002"), (b"a0099", b"a0100"), (b"9", b"10"), (b"PGNM1", b"PGNM2"),
        (b"1a", b"2a"), (b"a", b"b"), (b"az", b"ba"), (b"z", b"aa"), (b"ZZ", b"AAA"), (b"", b""),
        (b"A.B.", b"A.C."), (b"***", b"***"), (b"7" * 200, b"7" * 199 + b"8"),
    ],
)  # fmt: skip
def test_the_next_tag_counts_on_from_this_one(tag: bytes, following: bytes) -> None:
    assert next_tag(tag) == following


def test_placeholders_are_filled_and_braces_are_only_braces() -> None:
    text = b"{greeting}|{tag}|{next}|{next2}|{next3}|{0}|{x}|%s {9}"
    filled = fill(text, tag=b"a{8}", greeting=b"* OK")
    assert filled == b"* OK|a{8}|a{9}|a{10}|a{11}|{0}|{x}|%s {9}"


# -- the greeting --------------------------------------------------------------------------------


@GRAIN
@pytest.mark.parametrize(
    ("protocol", "own", "greeting", "heard"),
    [
        ("imap", GREETING["imap"], b"* PREAUTH hi\r\n", b"* PREAUTH hi\r\n"),
        (
            "imap", GREETING["imap"], b"{greeting}\r\n* 9 EXISTS\r\n",
            b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n* 9 EXISTS\r\n",
        ),
        ("smtp", b"220-a\r\n220 b\n", b"{greeting} c\r\n", b"220-a\r\n220 b c\r\n"),
        ("pop3", b"+OK ready\r\n", b"-ERR {greeting}\r\n", b"-ERR +OK ready\r\n"),
    ],
)  # fmt: skip
def test_a_greeting_stands_for_the_servers_own(
    protocol: MailProtocol, own: bytes, greeting: bytes, heard: bytes, grain: int
) -> None:
    talk = conducted(protocol, greeting=greeting)
    say(talk.server, own, grain)
    assert talk.client.hears() == heard
    assert talk.fact("attack") == {"what": "greeting"}
    say(talk.client, ASKING[protocol], grain)
    assert talk.server.hears() == ASKING[protocol]
    say(talk.server, ABLE[protocol], grain)
    assert talk.client.hears().endswith((b"250 STARTTLS\r\n", b"STLS\r\n.\r\n", b"OK done\r\n"))


@PROTOCOLS
def test_a_server_that_says_nothing_waits_for_a_client_that_hangs(protocol: MailProtocol) -> None:
    talk = conducted(protocol, greeting=b"")
    talk.greets()
    assert talk.client.hears() == b""
    talk.passes(11)
    assert talk.verdict == ("hang", "sure", None)
    assert talk.session.error is None


# -- the offer and the other capabilities --------------------------------------------------------


@GRAIN
@pytest.mark.parametrize(
    ("protocol", "conduct", "heard"),
    [
        ("smtp", {"offer": "removed"}, b"250-mail\r\n250 SIZE 9\r\n"),
        ("smtp", {"offer": "masked"}, b"250-mail\r\n250-SIZE 9\r\n250 XXXXXXXX\r\n"),
        (
            "smtp", {"offer": "removed", "login": True},
            b"250-mail\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 9\r\n",
        ),
        (
            "smtp", {"clear": Capabilities(add=("AUTH X", "8BITMIME"), remove=("SIZE",))},
            b"250-mail\r\n250-STARTTLS\r\n250-AUTH X\r\n250 8BITMIME\r\n",
        ),
        ("pop3", {"offer": "removed"}, b"+OK\r\nTOP\r\n.\r\n"),
        ("pop3", {"offer": "masked"}, b"+OK\r\nTOP\r\nXXXX\r\n.\r\n"),
        ("pop3", {"login": True}, b"+OK\r\nUSER\r\nTOP\r\nSASL PLAIN\r\nSTLS\r\n.\r\n"),
        (
            "imap", {"offer": "removed"},
            b"* CAPABILITY IMAP4rev1 IDLE LOGINDISABLED\r\na1 OK done\r\n",
        ),
        (
            "imap", {"offer": "masked", "login": True},
            b"* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE XXXXXXXX\r\na1 OK done\r\n",
        ),
        (
            "imap", {"clear": Capabilities(add=("AUTH=X",), remove=("LOGINDISABLED",))},
            b"* CAPABILITY IMAP4rev1 IDLE STARTTLS AUTH=X\r\na1 OK done\r\n",
        ),
    ],
)  # fmt: skip
def test_the_capabilities_in_clear_are_what_the_conduct_says(
    protocol: MailProtocol, conduct: dict[str, Any], heard: bytes, grain: int
) -> None:
    talk = greeted(protocol, **conduct)
    say(talk.client, ASKING[protocol], grain)
    say(talk.server, ABLE[protocol], grain)
    assert talk.client.hears() == heard
    assert talk.fact("attack") == {"what": "capabilities"}


@PROTOCOLS
@GRAIN
def test_asked_for_its_capabilities_a_server_denies_them(
    protocol: MailProtocol, grain: int
) -> None:
    talk = greeted(protocol, denied=b"{tag} what?\r\n")
    tag = b"a1" if protocol == "imap" else b""
    for _ in range(2):
        say(talk.client, ASKING[protocol], grain)
        assert talk.client.hears() == tag + b" what?\r\n"
    assert talk.server.hears() == b""
    assert talk.fact("attack") == {"what": "denied"}
    talk.client.says(b"a NOOP\r\n")
    assert talk.server.hears() == b"a NOOP\r\n"


@PROTOCOLS
@GRAIN
def test_credentials_in_clear_go_through_where_the_conduct_lets_them(
    protocol: MailProtocol, grain: int
) -> None:
    talk = greeted(protocol, login=True)
    say(talk.client, LOGIN[protocol], grain)
    assert talk.server.hears() == LOGIN[protocol]
    assert "credentials-in-clear" in talk.facts
    welcome = {"imap": b"a2 OK hi\r\n", "pop3": b"+OK hi\r\n", "smtp": b"235 hi\r\n"}[protocol]
    say(talk.server, welcome, grain)
    assert talk.client.hears() == welcome


def test_a_whole_exchange_in_clear_goes_through() -> None:
    talk = greeted("smtp", login=True)
    for said, answered in ((b"AUTH LOGIN\r\n", b"334 x\r\n"), (b"cWE=\r\n", b"334 y\r\n")):
        talk.client.says(said)
        assert talk.server.hears() == said
        talk.server.says(answered)
        assert talk.client.hears() == answered


def test_what_a_server_says_in_idle_comes_at_once_in_clear() -> None:
    talk = greeted("imap", login=True)
    for said, answered in ((b"a IDLE\r\n", b"+ idling\r\n"), (b"", b"* 2 EXISTS\r\n")):
        talk.client.says(said) if said else None
        talk.server.says(answered)
        assert talk.client.hears() == answered
    talk.client.says(b"DONE\r\n")
    assert talk.server.hears() == b"a IDLE\r\nDONE\r\n"


# -- early ---------------------------------------------------------------------------------------


@GRAIN
def test_what_comes_early_comes_behind_every_reply_until_starttls(grain: int) -> None:
    talk = greeted("imap", early=b"{next} OK {tag} {next3}\r\n")
    say(talk.client, b"A001 CAPABILITY\r\n", grain)
    say(talk.server, b"* CAPABILITY IMAP4rev1\r\nA001 OK\r\n", grain)
    announced = b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\nA001 OK\r\n"
    assert talk.client.hears() == announced + b"A002 OK A001 A004\r\n"
    say(talk.client, b"A002 LOGIN qa x\r\n", grain)
    assert talk.client.hears().endswith(b"STARTTLS first\r\nA003 OK A002 A005\r\n")
    say(talk.client, b"A003 STARTTLS\r\n", grain)
    assert talk.client.hears() == b"A003 OK Begin TLS negotiation now\r\n"
    assert talk.fact("attack") == {"what": "early"}


def test_nothing_comes_early_once_starttls_was_sent() -> None:
    talk = greeted("smtp", early=b"250 x\r\n", answer=b"454 no\r\n", then="clear")
    talk.client.says(b"STARTTLS\r\n")
    talk.client.says(b"NOOP\r\n")
    talk.server.says(b"250 ok\r\n")
    assert talk.client.hears() == b"454 no\r\n250 ok\r\n"


def test_a_client_that_says_too_much_to_a_server_that_does_not_answer_is_sent_away() -> None:
    talk = greeted("smtp")
    for _ in range(7):
        talk.client.says(b"NOOP " + b"x" * 60_000 + b"\r\n")
    assert "flood" in talk.facts
    assert talk.session.over


def test_the_next_command_waits_for_the_reply_to_a_message() -> None:
    talk = greeted("smtp", login=True)
    talk.client.says(b"DATA\r\n.\r\n")
    talk.client.says(b"NOOP\r\n")
    talk.server.says(b"354 go\r\n")
    assert talk.server.hears() == b"DATA\r\n.\r\n"
    talk.server.says(b"250 ok\r\n")
    assert talk.server.hears() == b"NOOP\r\n"


def test_what_comes_early_shares_the_segment_with_the_reply() -> None:
    talk = greeted("smtp", early=b"250 x\r\n")
    talk.client.says(b"NOOP\r\n")
    before = len(talk.actions)
    talk.server.says(b"250 ok\r\n")
    sent = [x.octets for x in talk.actions[before:] if hasattr(x, "octets")]
    assert sent == [b"250 ok\r\n250 x\r\n"]


# -- the answer to STARTTLS ----------------------------------------------------------------------


@PROTOCOLS
@GRAIN
@pytest.mark.parametrize("server", ["plain", "starttls", "implicit"])
def test_before_answer_and_behind_come_in_one_segment_and_then_tls(
    protocol: MailProtocol, grain: int, server: Any
) -> None:
    talk = conducted(protocol, server, before=b"1 {tag}\r\n", behind=b"2 {next}")
    far = None
    if server == "starttls":
        talk.greets()
        if protocol == "smtp":
            talk.server.says(b"250 mail\r\n")
        asked = {"imap": b"mitmail OK\r\n", "pop3": b"+OK\r\n", "smtp": b"220 go\r\n"}
        talk.server.hears()
        talk.server.says(asked[protocol])
    if server != "plain":
        far = TlsSide(talk.server, served_by(identity()))
    if server == "plain":
        talk.greets()
    elif server == "implicit":
        assert far is not None
        far.says(GREETING[protocol])
    talk.client.hears()
    before = len(talk.actions)
    say(talk.client, STARTTLS[protocol], grain)
    tag, following = (b"t", b"u") if protocol == "imap" else (b"", b"")
    text = b"1 " + tag + b"\r\n" + PROPERLY[protocol] + b"2 " + following
    assert talk.client.hears() == text
    sent = [x.octets for x in talk.actions[before:] if getattr(x, "who", "") == "client"
            and hasattr(x, "octets")]  # fmt: skip
    assert sent == [text]
    assert talk.fact("attack") == {"what": "starttls"}
    near = TlsSide(talk.client, trusting())
    near.says(b"a NOOP\r\n")
    assert (far or talk.server).hears().endswith(b"a NOOP\r\n")


@PROTOCOLS
def test_an_answer_that_is_no_go_ahead_still_leads_to_tls(protocol: MailProtocol) -> None:
    talk = greeted(protocol, answer=b"250 {tag} odd\r\n")
    talk.client.says(STARTTLS[protocol])
    assert talk.client.hears().startswith(b"250 ")
    assert TlsSide(talk.client, trusting()).up


@PROTOCOLS
@GRAIN
def test_a_client_that_takes_an_odd_answer_for_a_refusal_goes_on_in_clear(
    protocol: MailProtocol, grain: int
) -> None:
    talk = greeted(protocol, answer=b"454 {tag} NO -ERR\r\n", login=True)
    talk.client.says(STARTTLS[protocol])
    talk.client.hears()
    say(talk.client, ASKING[protocol], grain)
    assert talk.server.hears() == ASKING[protocol]
    say(talk.server, ABLE[protocol], grain)
    assert talk.client.hears()
    say(talk.client, LOGIN[protocol], grain)
    assert talk.server.hears() == LOGIN[protocol]
    assert "not-tls" in talk.facts
    assert talk.session.finding is not None
    assert talk.session.finding.finding == "vulnerable"


@PROTOCOLS
@GRAIN
@pytest.mark.parametrize("answer", [None, b"{tag} NO -ERR 454\r\n", b""])
def test_the_dialogue_goes_on_in_clear_and_starttls_gets_the_same_again(
    protocol: MailProtocol, answer: bytes | None, grain: int
) -> None:
    talk = greeted(protocol, answer=answer, then="clear")
    tag = b"t" if protocol == "imap" else b""
    heard = PROPERLY[protocol] if answer is None else answer.replace(b"{tag}", tag)
    for _ in range(3):
        say(talk.client, STARTTLS[protocol], grain)
        assert talk.client.hears() == heard
        say(talk.client, ASKING[protocol], grain)
        assert talk.server.hears() == ASKING[protocol]
        say(talk.server, ABLE[protocol], grain)
        assert b"ST" in talk.client.hears()
    assert talk.session.verdict is None


@PROTOCOLS
@GRAIN
def test_a_client_that_begins_tls_in_vain_is_heard_behind_its_records(
    protocol: MailProtocol, grain: int
) -> None:
    talk = greeted(protocol, then="clear", login=True)
    say(talk.client, STARTTLS[protocol], grain)
    say(talk.client, hello() + ASKING[protocol], grain)
    assert talk.facts.count("client-hello") == 1
    assert talk.server.hears() == ASKING[protocol]
    say(talk.server, ABLE[protocol], grain)
    say(talk.client, b"\x17\x03\x03\x00\x02xy" + LOGIN[protocol], grain)
    assert talk.server.hears() == LOGIN[protocol]


def test_a_client_that_waits_for_tls_in_vain_is_not_kept_for_ever() -> None:
    """openssl s_client begins TLS whatever it was answered."""
    talk = greeted("smtp", then="clear", answer=b"454 no\r\n")
    talk.client.says(b"STARTTLS\r\n" + hello())
    talk.passes(9)
    assert not talk.session.over
    talk.passes(2)
    assert talk.verdict == ("hang", "sure", None)
    assert talk.session.over


def test_who_goes_on_in_clear_after_tls_in_vain_is_not_cut_off() -> None:
    talk = greeted("smtp", then="clear", answer=b"454 no\r\n")
    talk.client.says(b"STARTTLS\r\n" + hello() + alert(70))
    for _ in range(4):
        talk.passes(6)
        talk.client.says(b"NOOP\r\n")
        talk.server.says(b"250 ok\r\n")
    assert not talk.session.over
    talk.passes(11)
    assert talk.session.over


def test_what_is_glued_to_a_starttls_without_tls_is_heard() -> None:
    talk = greeted("smtp", then="clear", answer=b"454 no\r\n")
    talk.client.says(b"STARTTLS\r\nNOOP\r\n")
    assert talk.client.hears() == b"454 no\r\n"
    assert talk.server.hears() == b"NOOP\r\n"


def test_starttls_without_end_in_one_segment_is_answered_without_end() -> None:
    talk = greeted("smtp", then="clear", answer=b"454 no\r\n")
    talk.client.says(b"STARTTLS\r\n" * 5000)
    assert talk.client.hears() == b"454 no\r\n" * 5000


@PROTOCOLS
@pytest.mark.parametrize("then", ["close", "reset", "stall"])
def test_after_its_answer_the_server_may_end_or_fall_silent(
    protocol: MailProtocol, then: str
) -> None:
    talk = greeted(protocol, then=then, behind=b"x")
    talk.client.says(STARTTLS[protocol] + LOGIN[protocol])
    assert talk.client.hears() == PROPERLY[protocol] + b"x"
    assert talk.client.ended is (then != "stall")
    assert talk.client.reset is (then == "reset")
    assert talk.session.over is (then == "reset")
    assert talk.server.hears() == b""
    if then != "reset":
        assert talk.fact("finding")["finding"] == "vulnerable"


@PROTOCOLS
def test_after_a_stall_it_is_the_clients_turn(protocol: MailProtocol) -> None:
    talk = greeted(protocol, then="stall", answer=b"")
    talk.client.says(STARTTLS[protocol])
    talk.passes(11)
    assert talk.verdict == ("hang", "sure", None)
    assert talk.session.over
    assert talk.session.error is None


# -- behind STARTTLS -----------------------------------------------------------------------------


@PROTOCOLS
@GRAIN
@pytest.mark.parametrize("glued", [True, False])
def test_pipelined_octets_reach_the_server_first_once_tls_is_up(
    protocol: MailProtocol, grain: int, glued: bool
) -> None:
    talk = greeted(protocol, pipelined="relay")
    injected = b"x NOOP\r\n"
    say(talk.client, STARTTLS[protocol] + injected + (hello() if glued else b""), grain)
    assert talk.server.hears() == b""
    assert "relayed-after-starttls" in talk.facts
    if glued:
        assert "certificate-presented" in talk.facts
        return
    talk.client.hears()
    near = TlsSide(talk.client, trusting())
    assert talk.server.hears() == injected
    near.says(b"a NOOP\r\n")
    assert talk.server.hears() == b"a NOOP\r\n"
    talk.server.says(b"x OK\r\n")
    talk.passes(1)
    assert near.hears() == b"x OK\r\n"
    assert talk.session.verdict is None  # what came in clear is no command through TLS


@PROTOCOLS
@GRAIN
def test_a_server_may_close_on_what_is_pipelined(protocol: MailProtocol, grain: int) -> None:
    talk = greeted(protocol, pipelined="close")
    say(talk.client, STARTTLS[protocol] + b"x NOOP\r\n", grain)
    assert talk.client.ended
    assert talk.server.hears() == b""


def test_what_is_dropped_is_dropped_up_to_the_client_hello() -> None:
    talk = greeted("smtp")
    talk.client.says(b"STARTTLS\r\nNOOP\r\n" + hello())
    assert talk.fact("dropped-after-starttls") == {"who": "client", "octets": 6}
    assert "certificate-presented" in talk.facts


def test_a_client_that_floods_behind_starttls_is_sent_away() -> None:
    talk = greeted("smtp", pipelined="relay")
    talk.client.says(b"STARTTLS\r\n" + b"NOOP\r\n" * 50_000)
    assert "flood" in talk.facts
    assert talk.session.over


@pytest.mark.parametrize("pipelined", ["drop", "relay", "close"])
def test_a_broken_record_behind_starttls_is_no_tls(pipelined: Any) -> None:
    talk = greeted("imap", pipelined=pipelined, login=True)
    talk.client.says(STARTTLS["imap"])
    talk.client.says(b"\x16\x03\x01\x00\x05hello" + bytes(9))
    assert "not-tls" in talk.facts
    talk.client.leaves()
    assert talk.session.over


def test_a_starttls_inside_a_command_that_was_refused_does_no_harm() -> None:
    talk = greeted("imap", then="clear", answer=b"{tag} NO\r\n")
    talk.client.says(b"a STARTTLS\r\n")
    talk.client.says(b"a LOGIN {2}\r\nqa {1}\r\nt STARTTLS\r\nu NOOP\r\n")
    talk.client.leaves()
    assert talk.session.over


# -- through TLS ---------------------------------------------------------------------------------


@GRAIN
@pytest.mark.parametrize("server", ["plain", "starttls"])
@pytest.mark.parametrize(
    ("protocol", "said", "heard"),
    [
        ("smtp", ABLE["smtp"], b"250-mail\r\n250-SIZE 9\r\n250 NEW\r\n"),
        ("pop3", ABLE["pop3"], b"+OK\r\nUSER\r\nTOP\r\nSASL PLAIN\r\nNEW\r\n.\r\n"),
        ("imap", ABLE["imap"], b"* CAPABILITY IMAP4rev1 IDLE NEW\r\na1 OK done\r\n"),
        ("imap", b"a1 OK [CAPABILITY X] in\r\n", b"a1 OK [CAPABILITY X NEW] in\r\n"),
        (
            "imap", b"* 1 FETCH (BODY[] {20}\r\n* CAPABILITY AUTH\r\n )\r\na1 OK\r\n",
            b"* 1 FETCH (BODY[] {20}\r\n* CAPABILITY AUTH\r\n )\r\na1 OK\r\n",
        ),
    ],
)  # fmt: skip
def test_capabilities_through_tls_are_changed_where_the_replies_are_parsed(
    protocol: MailProtocol, said: bytes, heard: bytes, server: Any, grain: int
) -> None:
    secured = Capabilities(add=("NEW",), remove=("AUTH",))
    talk = conducted(protocol, server, secured=secured)
    talk.upgrades()
    far = TlsSide(talk.server, served_by(identity())) if server == "starttls" else talk.server
    near = TlsSide(talk.client, trusting())
    near.says(ASKING[protocol])
    say(far, said, grain)
    talk.settle()
    assert near.hears() == heard
    assert "attack" not in talk.facts


def test_imap_tells_its_capabilities_in_the_answer_to_login_too() -> None:
    talk = conducted("imap", secured=Capabilities(remove=("MOVE",)))
    talk.upgrades()
    near = TlsSide(talk.client, trusting())
    near.says(b"a LOGIN qa secret\r\n")
    talk.server.says(b"a OK [CAPABILITY IMAP4rev1 MOVE] in\r\n")
    talk.settle()
    assert near.hears() == b"a OK [CAPABILITY IMAP4rev1] in\r\n"


def test_an_unfinished_line_passes_at_the_end_all_the_same() -> None:
    talk = greeted("smtp", secured=Capabilities(add=("NEW",)))
    talk.client.says(STARTTLS["smtp"])
    talk.client.hears()
    near = TlsSide(talk.client, trusting())
    near.says(b"EHLO x\r\n")
    talk.server.says(b"250-mail\r\n250-SIZ")
    talk.server.leaves()
    talk.settle()
    assert near.hears() == b"250-mail\r\n250-SIZ"


def test_a_reply_without_end_is_not_kept_through_tls() -> None:
    talk = greeted("smtp", secured=Capabilities(add=("NEW",)))
    talk.client.says(STARTTLS["smtp"])
    talk.client.hears()
    near = TlsSide(talk.client, trusting())
    near.says(b"EHLO x\r\n")
    for _ in range(100):
        talk.server.says(b"250-" + b"x" * 1000 + b"\r\n")
    talk.settle()
    assert len(near.hears()) > 60_000
    talk.server.says(b"250 end\r\n")
    talk.settle()
    assert near.hears() == b"250 end\r\n"


def withheld(**conduct: Any) -> tuple[Talk, TlsSide]:
    talk = greeted("smtp", withhold=2.0, **conduct)
    talk.client.says(STARTTLS["smtp"])
    talk.client.hears()
    return talk, TlsSide(talk.client, trusting())


@GRAIN
def test_the_reply_to_the_first_command_is_withheld_for_a_while(grain: int) -> None:
    talk, near = withheld()
    say(near, b"EHLO x\r\n", grain)
    assert talk.server.hears() == b"EHLO x\r\n"
    talk.server.says(b"250 mail\r\n")
    talk.passes(1.9)
    assert near.hears() == b""
    talk.passes(0.2)
    assert near.hears() == b"250 mail\r\n"
    near.says(b"NOOP\r\n")
    talk.server.says(b"250 ok\r\n")
    talk.settle()
    assert near.hears() == b"250 ok\r\n"


def test_the_second_command_ends_the_withholding() -> None:
    talk, near = withheld()
    near.says(b"EHLO x\r\n")
    talk.server.says(b"250 mail\r\n")
    near.says(b"NOOP\r\n")
    assert near.hears() == b"250 mail\r\n"


def test_a_client_that_waits_for_what_is_withheld_has_its_whole_time_afterwards() -> None:
    talk, near = withheld(canary=None)
    talk.passes(9)
    near.says(b"EHLO x\r\n")
    talk.server.says(b"250 mail\r\n")
    talk.passes(11.9)
    assert talk.session.verdict is None
    talk.passes(0.2)
    assert talk.verdict == ("accept", "suspected", None)


def test_a_server_that_ends_meanwhile_is_heard_first() -> None:
    talk, near = withheld()
    near.says(b"EHLO x\r\n")
    talk.server.says(b"421 bye\r\n")
    talk.server.leaves()
    talk.settle()
    assert near.end is None
    talk.passes(2)
    assert near.hears() == b"421 bye\r\n"
    assert near.end == "close_notify"


# -- asked once ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "asked"), [("starttls", 1), ("implicit", 0), ("plain", 0)])
def test_a_conduct_is_asked_for_once_and_only_where_there_is_starttls(
    mode: Any, asked: int
) -> None:
    calls: list[int] = []

    def conducting() -> Conduct:
        calls.append(1)
        return Conduct(greeting=b"x\r\n")

    talk = Talk("imap", mode, conducting=conducting)
    talk.greets()
    talk.client.leaves()
    assert len(calls) == asked


@PROTOCOLS
def test_a_conduct_without_attack_leaves_starttls_to_the_server(protocol: MailProtocol) -> None:
    talk = conducted(protocol, "starttls", withhold=1.0)
    talk.greets()
    talk.client.says(STARTTLS[protocol])
    assert talk.server.hears() == STARTTLS[protocol]
    talk.server.says(GO_AHEAD[protocol])
    assert talk.client.hears() == GREETING[protocol] + GO_AHEAD[protocol]


# -- a client without TLS ------------------------------------------------------------------------


@PROTOCOLS
@GRAIN
def test_a_client_without_tls_is_offered_none_and_may_log_in(
    protocol: MailProtocol, grain: int
) -> None:
    talk = Talk(protocol, "plain")
    talk.greets()
    assert talk.client.hears() == GREETING[protocol]
    say(talk.client, ASKING[protocol], grain)
    able = ABLE[protocol].replace(b"IDLE", b"IDLE STARTTLS LOGINDISABLED")
    able = able.replace(b"250-AUTH", b"250-STARTTLS\r\n250-AUTH").replace(b"TOP", b"STLS\r\nTOP")
    say(talk.server, able, grain)
    assert talk.client.hears() == ABLE[protocol]
    talk.server.hears()
    say(talk.client, STARTTLS[protocol], grain)
    assert talk.server.hears() == b""
    assert talk.client.hears().startswith((b"t BAD", b"-ERR", b"502"))
    say(talk.client, LOGIN[protocol], grain)
    assert talk.server.hears() == LOGIN[protocol]
    talk.client.leaves()
    talk.server.leaves()
    talk.passes(3)
    assert talk.session.finding is None
    assert "attack" not in talk.facts


# -- TLS broken off with clear text behind it ----------------------------------------------------


def broken(mode: Any = "implicit", protocol: MailProtocol = "imap", **instead: Any) -> Talk:
    """A session of a server that goes on in clear."""

    def choose(upstream: object, sni: object) -> Identity:
        return Identity(identity().chain, identity().key, Manner(instead=Instead(**instead)))

    return Talk(protocol, mode, choose=choose)


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize("octets", [b"", b"* OK odd\r\n"])
@GRAIN
def test_instead_of_tls_the_dialogue_goes_on_in_clear(
    mode: Any, octets: bytes, grain: int
) -> None:
    talk = broken(mode, octets=octets, then="clear")
    if mode == "starttls":
        talk.upgrades()
    say(talk.client, hello(), grain)
    if mode == "implicit":
        talk.greets()
        assert talk.client.hears() == (octets or GREETING["imap"])
    else:
        assert talk.client.hears() == octets
    say(talk.client, b"a CAPABILITY\r\n", grain)
    assert talk.server.hears() == b"a CAPABILITY\r\n"
    say(talk.server, b"* CAPABILITY STARTTLS AUTH=PLAIN\r\na OK\r\n", grain)
    assert talk.client.hears() == b"* CAPABILITY AUTH=PLAIN\r\na OK\r\n"
    say(talk.client, b"b LOGIN qa secret\r\n", grain)
    assert talk.server.hears() == b"b LOGIN qa secret\r\n"
    assert talk.verdict == ("none", "sure", None)
    assert talk.session.finding is not None
    assert talk.session.finding.finding == "vulnerable"


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("then", ["clear", "stall", "close", "reset"])
def test_after_the_first_command_through_tls_there_are_no_records_any_more(
    mode: Any, version: str, then: Any
) -> None:
    talk = broken(mode, when="secured", octets=b"* OK odd\r\n", then=then)
    if mode == "implicit":
        talk.greets()
    near = talk.secure(trusting(version))
    talk.peers.clear()
    talk.client.hears()
    near.tls.write(b"a CAPABILITY\r\n")
    talk.client.says(near._out.read())
    heard = talk.client.hears()
    assert heard.endswith(b"* OK odd\r\n")
    assert b"* OK odd" not in heard[: -len(b"* OK odd\r\n")]
    assert talk.server.hears() == b""
    assert talk.fact("command") == {"verb": "CAPABILITY"}
    assert talk.client.ended is (then in {"close", "reset"})
    if then == "clear":
        near.tls.write(b"b CAPABILITY\r\n")
        talk.client.says(near._out.read() + b"c LOGIN qa secret\r\n")
        assert talk.server.hears() == b"c LOGIN qa secret\r\n"
        assert talk.session.finding is not None
        assert talk.session.finding.finding == "vulnerable"
    elif then != "reset":
        talk.client.says(alert(70))
        talk.client.leaves()
    assert talk.verdict[0] == ("none" if then == "clear" else "reject")


def test_a_command_that_counts_is_judged_before_tls_is_broken_off() -> None:
    talk = broken(when="secured", octets=b"x", then="stall")
    talk.greets()
    near = talk.secure()
    near.says(b"a LOGIN qa secret\r\n")
    assert talk.verdict == ("accept", "sure", None)
    assert "tls-broken-off" in talk.facts
    assert talk.server.hears() == b""


def test_only_whom_it_offers_is_broken_off_after_its_first_command() -> None:
    talk = broken(when="secured", octets=b"x", then="close", offering="TLSv1.3")
    talk.greets()
    near = talk.secure(trusting("TLSv1_2"))
    near.says(b"a LOGIN qa secret\r\n")
    assert "tls-broken-off" not in talk.facts
    assert talk.server.hears() == b"a LOGIN qa secret\r\n"


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_what_is_glued_to_a_client_hello_that_nobody_answers_is_heard(mode: Any) -> None:
    talk = broken(mode, then="clear")
    talk.greets() if mode == "implicit" else talk.upgrades()
    talk.client.says(hello() + b"a CAPABILITY\r\n")
    assert talk.server.hears() == b"a CAPABILITY\r\n"


def test_a_greeting_that_came_before_the_client_hello_is_heard_in_clear() -> None:
    talk = broken(then="clear")
    talk.greets()
    talk.client.says(hello())
    assert talk.client.hears() == GREETING["imap"]


def test_what_a_server_says_before_the_client_hello_is_heard_where_tls_is_broken_off() -> None:
    talk = broken("starttls", then="clear")
    talk.upgrades()
    talk.server.says(b"* BYE too late\r\n")
    assert talk.client.hears() == b""
    talk.client.says(hello())
    assert talk.client.hears() == b"* BYE too late\r\n"


@GRAIN
def test_what_a_server_says_while_tls_is_due_is_heard_by_who_goes_on_in_clear(grain: int) -> None:
    talk = greeted("imap", answer=b"{tag} odd\r\n")
    talk.client.says(b"t STARTTLS\r\n")
    talk.client.hears()
    say(talk.server, b"* BYE too late\r\n", grain)
    assert talk.client.hears() == b""
    talk.client.says(b"u NOOP\r\n")
    assert talk.client.hears() == b"* BYE too late\r\n"
    assert talk.server.hears() == b"u NOOP\r\n"


@pytest.mark.parametrize("then", ["clear", "stall"])
def test_of_what_shares_a_segment_only_the_first_command_through_tls_is_heard(then: Any) -> None:
    talk = broken(when="secured", then=then)
    talk.greets()
    near = talk.secure()
    talk.peers.clear()
    near.tls.write(b"a CAPABILITY\r\n")
    near.tls.write(b"b CAPABILITY\r\n")
    talk.client.says(near._out.read())
    assert talk.facts.count("command") == 1
    assert talk.server.hears() == b""


def test_a_short_deadline_waits_for_what_is_withheld() -> None:
    talk = Talk("smtp", "starttls", conducting=lambda: Conduct(withhold=2.0), deadline=1.0)
    talk.upgrades()
    near = TlsSide(talk.client, trusting())
    near.says(b"EHLO x\r\n")
    talk.server.says(b"250 mail\r\n")
    talk.passes(2.5)
    assert near.hears() == b"250 mail\r\n"
    assert talk.session.verdict is None
    talk.passes(1)
    assert talk.verdict == ("accept", "suspected", None)


@PROTOCOLS
@GRAIN
def test_who_asks_again_for_starttls_in_clear_gets_tls(protocol: MailProtocol, grain: int) -> None:
    talk = greeted(protocol, answer=b"{tag} odd 250\r\n")
    say(talk.client, STARTTLS[protocol] * 2 + hello(), grain)
    assert "certificate-presented" in talk.facts
