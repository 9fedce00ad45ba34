"""A client that is blocked, asked about, dropped or passed through, in memory."""

import random
from dataclasses import replace
from typing import Any

import pytest

from mitmail.conduct import Conduct
from mitmail.engine.action import Announce, Ask, Close, Connect
from mitmail.engine.spec import Answer, MailProtocol, Mode, SessionSpec, Upstream
from mitmail.interception import Block, Ending, PassThrough, Popup
from mitmail.manner import Instead
from mitmail.pki.identity import Identity
from talk import (
    GREETING,
    NAME,
    PROTOCOLS,
    STARTTLS,
    Side,
    Talk,
    TlsSide,
    alert,
    blind,
    hello,
    identity,
    served_by,
    trusting,
)

ODD = Conduct(pipelined="close")  # the client's STARTTLS is answered by us, not by the server
WAYS: list[tuple[Mode, bool]] = [("implicit", False), ("starttls", True), ("starttls", False)]
WAY = pytest.mark.parametrize(("mode", "joined"), WAYS, ids=["implicit", "joined", "not-joined"])
ENDINGS = pytest.mark.parametrize("ending", ["close", "reset", "stall"])
POPUP = Popup("The certificate has expired", 30.0, identity())
PASSED = "the antivirus passed the connection through: what the client did was not seen"


def shielded(
    answer: Answer | Popup[Answer],
    mode: Mode = "implicit",
    *,
    joined: bool = False,
    protocol: MailProtocol = "imap",
    shows: Identity | None = None,
    **orders: Any,
) -> Talk:
    """A shield with TLS on both sides, and a client whose turn it is to begin its own."""
    conduct = ODD if mode == "starttls" and not joined else Conduct()

    def choose(upstream: Upstream | None, sni: str | None) -> Answer | Popup[Answer]:
        assert upstream is not None, "the shield has not looked"
        return answer

    talk = Talk(protocol, mode, mode, choose=choose, conducting=lambda: conduct, **orders)
    if joined:
        talk.upgrades()
    elif mode == "starttls":
        talk.greets()
        talk.agrees()
        TlsSide(talk.server, served_by(shows or identity()))
        talk.client.says(STARTTLS[protocol])
        talk.client.hears()
    return talk


def looked(talk: Talk, shows: Identity | None = None) -> None:
    """The shield asks the server, where it has not done so yet."""
    if "upstream-verified" not in talk.facts:
        TlsSide(talk.server, served_by(shows or identity()))


def begun(answer: Answer | Popup[Answer], mode: Mode, *, joined: bool, **orders: Any) -> Talk:
    """The same, with a client that has sent its ClientHello, and waits."""
    talk = shielded(answer, mode, joined=joined, **orders)
    talk.client.says(hello())
    looked(talk)
    return talk


def count(talk: Talk, kind: type[object]) -> int:
    return sum(isinstance(each, kind) for each in talk.actions)


def assert_over(talk: Talk) -> None:
    """One verdict, and no connection is left."""
    assert talk.session.over
    assert talk.client.closed
    assert talk.server.closed
    assert talk.former is None or talk.former.closed
    assert count(talk, Announce) == 1


DOOR = identity(NAME, -9, -2)


def door(mode: Mode, conduct: Conduct | None = None) -> SessionSpec:
    return SessionSpec(
        protocol="imap", client=mode, server="plain", choose=lambda upstream, sni: DOOR,
        conducting=lambda: conduct or Conduct(),
    )  # fmt: skip


# -- block ---------------------------------------------------------------------------------------


@WAY
@ENDINGS
def test_a_blocked_client_gets_no_handshake_and_no_verdict(
    ending: Ending, mode: Mode, joined: bool
) -> None:
    talk = begun(Block(ending), mode, joined=joined)

    assert talk.client.hears() == b""
    assert (talk.client.ended, talk.client.reset) == (ending != "stall", ending == "reset")
    assert talk.server.ended, "nobody needs the server any more"
    assert talk.verdict == ("none", "sure", None)
    assert talk.session.verdict is not None
    assert talk.session.verdict.evidence.startswith("the antivirus blocked the client by ")
    assert talk.fact("blocked") == {"how": ending}
    assert talk.session.presented.identity is None
    assert talk.session.error is None

    talk.client.says(alert(48))
    if not talk.session.over:
        talk.client.leaves()
    assert_over(talk)
    assert talk.session.error is None


@WAY
def test_a_client_that_does_not_mind_the_end_is_closed_after_a_while(
    mode: Mode, joined: bool
) -> None:
    talk = begun(Block("close"), mode, joined=joined)
    talk.passes(talk.spec.linger)
    assert_over(talk)


def test_silence_lasts_until_the_client_has_been_silent_for_long() -> None:
    talk = shielded(Block("stall"))
    talk.passes(9)
    talk.client.says(hello())
    looked(talk)
    talk.passes(9)
    assert not talk.session.over, "it has just begun"
    talk.passes(2)
    assert_over(talk)


# -- ask -----------------------------------------------------------------------------------------


@WAY
def test_a_pop_up_is_shown_at_once_and_the_client_waits(mode: Mode, joined: bool) -> None:
    talk = shielded(POPUP, mode, joined=joined)
    client = TlsSide(talk.client, trusting())
    looked(talk)

    assert talk.fact("popup") == {"words": POPUP.words, "seconds": 30.0}
    assert [each for each in talk.actions if isinstance(each, Ask)] == [Ask(POPUP.words, 30.0)]
    talk.passes(29)
    assert not client.up, "the dialog is open"
    assert talk.session.verdict is None, "a client that waits for us does not hang"
    talk.passes(2)
    assert client.leaf == identity().leaf
    client.says(b"a LOGIN qa secret\r\n")
    assert talk.verdict == ("accept", "sure", None)


@WAY
@pytest.mark.parametrize("word", ["block", "pass-through", "sign"])
def test_an_answer_from_outside_comes_before_the_time_is_over(
    word: str, mode: Mode, joined: bool
) -> None:
    popup = Popup[Answer]("?", 30.0, Block("stall"), {"sign": identity()})
    talk = begun(popup, mode, joined=joined)
    assert set(talk.session.answers) == {"block", "pass-through", "sign"}
    talk.perform(talk.session.answer(word))

    expected = {
        "block": "blocked",
        "pass-through": "passed-through",
        "sign": "certificate-presented",
    }
    assert talk.fact("popup-closed") == {"answer": word}
    assert expected[word] in talk.facts
    assert talk.session.answers == ()
    assert talk.session.answer("block") == [], "it was answered already"
    before = list(talk.facts)
    talk.passes(31)
    assert "popup-closed" not in talk.facts[len(before) :]


def test_what_is_no_answer_is_refused_with_what_would_be_one() -> None:
    talk = begun(POPUP, "implicit", joined=False)
    with pytest.raises(ValueError, match="answer with block, pass-through"):
        talk.session.expect_answer("maybe")
    assert talk.session.answer("maybe") == []
    talk.perform(talk.session.answer("block"))
    with pytest.raises(ValueError, match="no pop-up is open"):
        talk.session.expect_answer("block")


@WAY
def test_a_client_that_leaves_while_the_dialog_is_open_has_judged_nothing(
    mode: Mode, joined: bool
) -> None:
    talk = begun(POPUP, mode, joined=joined)
    talk.passes(12)
    talk.client.leaves()

    assert talk.verdict == ("none", "sure", None)
    assert talk.session.verdict is not None
    assert "while the antivirus' dialog was open" in talk.session.verdict.evidence
    assert_over(talk)
    assert talk.session.answer("block") == []


@WAY
def test_a_server_that_leaves_while_the_dialog_is_open_spoils_no_verdict(
    mode: Mode, joined: bool
) -> None:
    talk = shielded(POPUP, mode, joined=joined)
    client = TlsSide(talk.client, blind())
    looked(talk)
    talk.server.leaves()
    talk.passes(33)

    assert client.up
    assert talk.session.verdict is not None
    assert talk.session.verdict.evidence == "our side closed before the client said anything"
    assert talk.session.presented.identity == identity()


def test_a_pop_up_that_asks_nothing_delays_nothing() -> None:
    talk = begun(Popup("Revoked", 0.0, Block("reset")), "implicit", joined=False)

    assert [talk.facts.index(each) for each in ("popup", "blocked")] == sorted(
        talk.facts.index(each) for each in ("popup", "blocked")
    )
    assert_over(talk)


# -- pass through to a server that is not ours ---------------------------------------------------


def passed(talk: Talk, shows: Identity) -> tuple[TlsSide, TlsSide]:
    """The client's TLS, and that of the server which was dialled anew."""
    client = TlsSide(talk.client, blind())
    looked(talk, shows)
    talk.connects()
    if talk.spec.client == "starttls":
        talk.greets()
        talk.agrees()
    return client, TlsSide(talk.server, served_by(shows))


@PROTOCOLS
@WAY
def test_a_client_that_is_passed_through_gets_the_servers_own_tls(
    mode: Mode, joined: bool, protocol: MailProtocol
) -> None:
    own = identity(NAME, -9, -2)
    talk = shielded(PassThrough(), mode, joined=joined, protocol=protocol, shows=own)
    client, server = passed(talk, own)

    assert client.leaf == own.leaf
    assert count(talk, Connect) == 2
    assert talk.former is not None
    assert talk.former.closed
    assert talk.session.verdict is not None
    assert (talk.verdict, talk.session.verdict.evidence) == (("none", "sure", None), PASSED)
    assert talk.session.presented.identity is None, "by us"
    client.says(b"a NOOP\r\n")
    server.says(b"a OK\r\n")
    assert (server.hears(), client.hears()) == (b"a NOOP\r\n", b"a OK\r\n")
    server.leaves()
    client.leaves()
    assert_over(talk)
    assert talk.session.error is None


@WAY
def test_the_guard_is_for_what_we_open_not_for_the_clients_own_tls(
    mode: Mode, joined: bool
) -> None:
    """A client that checks nothing harms itself; one that checks refuses, as without a shield."""
    stranger = identity("x.test")
    talk = shielded(PassThrough(), mode, joined=joined, shows=stranger, guarded=True)
    client, server = passed(talk, stranger)
    client.says(b"a LOGIN qa secret\r\n")

    assert server.hears() == b"a LOGIN qa secret\r\n"
    everything = b"".join(each.octets for each in talk.actions if hasattr(each, "octets"))
    assert b"secret" not in everything, "nothing of it was ever in clear"


@WAY
def test_a_server_that_cannot_be_reached_again_is_our_failure(mode: Mode, joined: bool) -> None:
    talk = begun(PassThrough(), mode, joined=joined)
    talk.connects("refused")

    assert talk.session.error == "the mail server could not be reached: refused"
    assert talk.verdict == ("none", "sure", None)
    assert_over(talk)


@WAY
def test_a_server_that_does_not_answer_again_is_our_failure(mode: Mode, joined: bool) -> None:
    talk = begun(PassThrough(), mode, joined=joined)
    talk.passes(talk.spec.handshake_deadline + 1)

    assert talk.session.error == "no way through to the mail server in 15 s"
    assert_over(talk)


@pytest.mark.parametrize("ours", [False, True])
@WAY
def test_the_second_connection_has_as_much_time_as_the_first(
    mode: Mode, joined: bool, ours: bool
) -> None:
    popup = Popup("?", 14.0, PassThrough())
    talk = begun(popup, mode, joined=joined, behind=door(mode) if ours else None)
    talk.passes(14)
    talk.passes(10)
    assert not talk.session.over, "timers of the first look are over"


@WAY
def test_a_client_that_leaves_before_it_is_through_leaves_no_connection(
    mode: Mode, joined: bool
) -> None:
    talk = begun(PassThrough(), mode, joined=joined)
    talk.client.leaves()

    assert talk.session.connected(None) == [Close("server")]
    assert talk.verdict == ("none", "sure", None)
    assert talk.session.verdict is not None
    assert talk.session.verdict.evidence != PASSED
    assert_over(talk)


def test_a_server_that_refuses_starttls_the_second_time_is_our_failure() -> None:
    talk = begun(PassThrough(), "starttls", joined=True)
    talk.connects()
    talk.server.says(b"* BYE too many\r\n")

    assert talk.session.error is not None
    assert "too many" in talk.session.error
    assert talk.client.hears() == b""
    assert_over(talk)


def test_a_server_that_is_slow_to_agree_the_second_time_is_not_the_clients_silence() -> None:
    talk = begun(PassThrough(), "starttls", joined=True)
    talk.connects()
    talk.greets()
    talk.passes(11)
    assert talk.session.verdict is None
    talk.passes(5)
    assert talk.session.error == "no way through to the mail server in 15 s"
    assert talk.verdict == ("none", "sure", None)
    assert_over(talk)


def test_a_server_that_leaves_before_starttls_the_second_time_is_our_failure() -> None:
    talk = begun(PassThrough(), "starttls", joined=True)
    talk.connects()
    talk.greets()
    talk.server.leaves()

    assert talk.session.error == (
        "the mail server closed the connection before it agreed to STARTTLS"
    )
    assert_over(talk)


@pytest.mark.parametrize(
    ("client", "server"),
    [("implicit", "starttls"), ("starttls", "implicit"), ("plain", "implicit")],
)
def test_other_tls_than_the_clients_cannot_be_passed_through(client: Mode, server: Mode) -> None:
    talk = Talk("imap", client, server, intercepting=lambda family: False, connect=False)

    assert talk.session.error is not None
    assert "cannot be passed through" in talk.session.error
    assert_over(talk)


# -- not intercepted at all ----------------------------------------------------------------------


def alone(mode: Mode, **orders: Any) -> Talk:
    return Talk("imap", mode, mode, intercepting=lambda family: False, **orders)


@pytest.mark.parametrize("mode", ["implicit", "starttls", "plain"])
def test_a_connection_that_is_left_alone_is_octets_from_the_start(mode: Mode) -> None:
    talk = alone(mode)
    talk.server.says(b"\0any greeting")
    talk.client.says(b"\xffany words")

    assert talk.client.hears() == b"\0any greeting"
    assert talk.server.hears() == b"\xffany words"
    assert count(talk, Connect) == 1
    assert talk.session.verdict is not None
    assert talk.session.verdict.evidence == PASSED
    talk.client.leaves()
    talk.server.leaves()
    assert_over(talk)


def test_whose_starttls_would_be_refused_has_it_when_it_is_left_alone() -> None:
    """The product would have spoken to the server in clear; the server itself can do TLS."""
    talk = Talk("imap", "starttls", "plain", intercepting=lambda family: False)
    talk.server.says(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")
    talk.client.says(STARTTLS["imap"])
    talk.server.says(b"t OK go\r\n\x16\x03")

    assert talk.server.hears() == STARTTLS["imap"]
    assert talk.client.hears().endswith(b"STARTTLS] ready\r\n" + b"t OK go\r\n\x16\x03")
    assert talk.session.error is None


def test_only_the_family_that_it_looks_into_is_intercepted() -> None:
    for family, intercepted in (("ipv4", True), ("ipv6", False)):
        talk = Talk(
            server="implicit",
            intercepting=lambda seen: seen == "ipv4",
            family=family,  # type: ignore[arg-type] # a literal
        )
        assert ("passed-through" in talk.facts) is not intercepted


def test_what_a_client_says_too_early_is_kept_up_to_a_limit() -> None:
    talk = alone("implicit", connect=False)
    talk.client.says(b"x" * 262_144)
    assert not talk.session.over
    talk.client.says(b"x")
    assert talk.session.error is None
    assert_over(talk)


def test_a_tunnel_goes_on_for_longer_than_the_deadline() -> None:
    talk = alone("implicit")
    talk.passes(3600)
    assert not talk.session.over


@pytest.mark.parametrize("first", ["client", "server"])
def test_an_end_of_a_tunnel_is_told_to_the_other_side(first: str) -> None:
    talk = alone("implicit")
    one, other = (talk.client, talk.server) if first == "client" else (talk.server, talk.client)
    one.leaves()
    assert other.ended
    assert not talk.session.over
    talk.passes(talk.spec.linger)
    assert_over(talk)


# -- pass through to our own door ----------------------------------------------------------------


def handed_on(mode: Mode, *, joined: bool, context: Any) -> tuple[Talk, TlsSide]:
    """A client that the door has taken over, with its mail server behind."""
    talk = shielded(PassThrough(), mode, joined=joined, shows=DOOR, behind=door(mode))
    client = TlsSide(talk.client, context)
    looked(talk, DOOR)
    assert talk.is_behind
    talk.connects()
    talk.greets()
    talk.settle()
    return talk, client


@WAY
def test_our_own_door_judges_whom_the_shield_passes_through(mode: Mode, joined: bool) -> None:
    talk, client = handed_on(mode, joined=joined, context=trusting())

    assert not client.up
    assert client.end == "CERTIFICATE_VERIFY_FAILED"
    assert talk.verdict == ("reject", "sure", "expired")
    assert talk.session.presented.identity is DOOR
    assert talk.session.upstream is not None
    assert talk.session.upstream.errors == ("expired",), "what the shield has seen is told, too"
    talk.client.leaves()
    assert_over(talk)


@WAY
def test_a_client_that_accepts_it_talks_to_the_mail_server(mode: Mode, joined: bool) -> None:
    talk, client = handed_on(mode, joined=joined, context=blind())
    talk.passes(0.2)
    if mode == "implicit":
        assert client.hears() == GREETING["imap"]
    client.says(b"a LOGIN qa secret\r\n")

    assert client.leaf == DOOR.leaf
    assert talk.server.hears().endswith(b"a LOGIN qa secret\r\n")
    assert talk.verdict == ("accept", "sure", None)
    assert talk.former is not None
    assert talk.former.closed
    client.leaves()
    talk.server.leaves()
    assert_over(talk)


def test_what_was_asked_for_anew_reaches_neither_the_client_nor_a_log() -> None:
    talk, client = handed_on("starttls", joined=True, context=blind())
    assert client.up, "not an octet of clear text has come between"
    assert talk.client.hears() == b""
    shown = [each.shown for each in talk.actions if hasattr(each, "shown")]
    assert sum(b"STARTTLS" in each for each in shown) == 1


@WAY
def test_a_connection_that_is_left_alone_is_the_doors_from_the_start(
    mode: Mode, joined: bool
) -> None:
    talk = Talk(
        "imap", mode, mode, intercepting=lambda family: False, behind=door(mode), connect=False
    )
    assert talk.is_behind
    talk.connects()
    talk.greets()
    if mode == "starttls":
        talk.client.says(STARTTLS["imap"])
        talk.client.hears()
    client = TlsSide(talk.client, trusting())

    assert client.end == "CERTIFICATE_VERIFY_FAILED"
    assert talk.verdict == ("reject", "sure", "expired")
    assert talk.session.passed_through
    assert talk.facts.count("upstream-connected") == 1, "the shield has not even looked"


def test_a_door_that_speaks_at_once_does_so_to_whom_the_shield_leaves_alone() -> None:
    met = Instead(when="connected", octets=b"* OK no TLS here\r\n", then="close")
    talk = Talk(
        "imap", "implicit", "implicit", intercepting=lambda family: False, connect=False,
        behind=replace(door("implicit"), opening=met),
    )  # fmt: skip
    assert talk.client.hears() == b"* OK no TLS here\r\n"
    assert count(talk, Connect) == 0
    talk.client.leaves()
    assert talk.verdict == ("reject", "sure", "transport")
    assert_over(talk)


def test_a_client_that_leaves_while_starttls_is_asked_for_anew_is_not_judged() -> None:
    talk = shielded(PassThrough(), "starttls", joined=True, behind=door("starttls"))
    talk.client.says(hello())
    looked(talk)
    talk.connects()
    talk.client.leaves()

    assert talk.verdict == ("none", "sure", None)
    assert talk.session.verdict is not None
    assert "while it was being passed through" in talk.session.verdict.evidence
    assert_over(talk)


def test_what_it_says_in_clear_meanwhile_was_sent() -> None:
    talk = shielded(PassThrough(), "starttls", joined=True, behind=door("starttls"))
    talk.client.says(hello())
    looked(talk)
    talk.connects()
    talk.client.says(b"a LOGIN qa s3cret\r\n")
    talk.client.leaves()

    assert talk.session.finding is not None
    assert talk.session.finding.finding == "vulnerable"


@pytest.mark.parametrize("said", [None, b"* BYE full\r\n"])
def test_a_mail_server_behind_the_door_that_fails_is_our_failure(said: bytes | None) -> None:
    talk = shielded(PassThrough(), "starttls", joined=True, behind=door("starttls"))
    talk.client.says(hello())
    looked(talk)
    talk.connects("refused" if said is None else None)
    if said is not None:
        talk.server.says(said)

    assert talk.session.error is not None
    assert talk.client.hears() == b""
    assert_over(talk)


def test_who_gave_something_away_in_clear_is_not_judged_by_a_door_that_has_not_heard() -> None:
    talk = Talk(
        "imap", "starttls", "starttls", choose=lambda upstream, sni: PassThrough(),
        behind=door("starttls"),
    )  # fmt: skip
    talk.greets()
    talk.client.says(b"a LOGIN qa secret\r\n")
    talk.server.says(b"a NO not here\r\n")
    talk.client.says(STARTTLS["imap"])
    talk.server.says(b"t OK go\r\n")
    talk.client.hears()
    talk.server.hears()
    talk.client.says(hello())
    looked(talk)

    assert "passed-through" in talk.facts
    assert not talk.is_behind
    assert talk.session.finding is not None
    assert talk.session.finding.finding == "vulnerable"


def test_a_dialogue_attack_is_not_played_twice_to_one_client() -> None:
    odd = door("starttls", Conduct(behind=b"* OK x\r\n"))
    talk = shielded(PassThrough(), "starttls", joined=True, behind=odd)
    talk.client.says(hello())
    looked(talk)
    assert "passed-through" in talk.facts
    assert not talk.is_behind


# -- what is no mail -----------------------------------------------------------------------------

NO_MAIL = [b"CONNECT example.test:443 HTTP/1.1\r\n", b"\x38\x01\0\0openvpn", b"SSH-2.0-x\r\n"]


@pytest.mark.parametrize("words", NO_MAIL)
@ENDINGS
@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_who_speaks_no_mail_on_a_mail_port_is_dropped_as_the_product_does(
    mode: Mode, ending: Ending, words: bytes
) -> None:
    talk = Talk("imap", mode, mode, foreign=ending)
    if mode == "starttls":
        talk.greets()
        talk.client.hears()
    talk.client.says(words)

    assert talk.client.hears() == b""
    assert talk.server.hears() == b"", "the server hears nothing of it"
    assert talk.fact("blocked") == {"how": ending}
    assert talk.verdict == ("none", "sure", None)
    assert (talk.client.ended, talk.client.reset) == (ending != "stall", ending == "reset")
    assert talk.session.error is None
    if not talk.session.over:
        talk.client.leaves()
    assert_over(talk)


@ENDINGS
@pytest.mark.parametrize("error", [None, "refused"])
def test_a_server_that_is_slower_than_the_drop_is_left_alone(
    error: str | None, ending: Ending
) -> None:
    talk = Talk("imap", "implicit", "implicit", foreign=ending, connect=False, deadline=60.0)
    talk.client.says(b"SSH-2.0-x\r\n")
    if not talk.session.over:
        talk.connects(error)
        assert talk.server.hears() == b"", "nobody is there to be asked for"
    talk.passes(16.0)

    assert talk.session.error is None
    assert talk.session.over == (ending != "stall"), "the stall has been cut short"
    if not talk.session.over:
        talk.client.leaves()
    assert_over(talk)


def test_a_stall_outlasts_a_server_that_nobody_reaches() -> None:
    talk = Talk("imap", "implicit", "implicit", foreign="stall", connect=False, deadline=60.0)
    talk.client.says(b"SSH-2.0-x\r\n")
    talk.passes(16.0)

    assert not talk.session.over
    assert talk.session.error is None
    talk.client.leaves()
    assert_over(talk)


@ENDINGS
def test_who_speaks_no_mail_through_tls_is_dropped_too(ending: Ending) -> None:
    talk = Talk("imap", "implicit", "plain", foreign=ending)
    client = talk.secure()
    client.says(b"GET / HTTP/1.1\r\n\r\n")

    assert talk.server.hears() == b""
    assert talk.fact("blocked") == {"how": ending}
    assert talk.session.verdict is not None
    assert talk.session.verdict.evidence.startswith("the client spoke HTTP")
    assert client.end == {"close": "close_notify", "reset": "eof", "stall": None}[ending]


@PROTOCOLS
@pytest.mark.parametrize("words", [b"", b"a NOOP\r\n", b"QUIT\r\n", b"XYZZY\r\n", b"EHLO x\r\n"])
def test_what_may_be_mail_is_relayed(words: bytes, protocol: MailProtocol) -> None:
    talk = Talk(protocol, "starttls", "starttls", foreign="reset")
    talk.greets()
    talk.client.says(words)
    assert talk.server.hears() == words
    assert "blocked" not in talk.facts


# -- whatever happens ----------------------------------------------------------------------------


def some_answer(dice: random.Random) -> Answer | Popup[Answer]:
    ending: Ending = dice.choice(["close", "reset", "stall"])
    every: list[Answer] = [identity(), Block(ending), PassThrough()]
    plain = dice.choice(every)
    return dice.choice([plain, PassThrough(), Popup("?", dice.choice([0.0, 5.0]), plain)])


def replies(dice: random.Random, talk: Talk) -> None:
    """The server says what is due, or anything."""
    heard = talk.server.heard
    if dice.random() < 0.2:
        talk.server.says(dice.choice([b"* BYE x\r\n", b"x", alert(40)]))
    elif heard.endswith(STARTTLS["imap"]) or heard == b"mitmail STARTTLS\r\n":
        talk.server.hears()
        talk.server.says(heard.split()[-2] + b" OK go\r\n")
    elif not heard:
        talk.greets()


def step(dice: random.Random, talk: Talk) -> None:
    """Anything that may happen next."""
    with_tls = {peer.side for peer in talk.peers}
    event = dice.randrange(10)
    if event < 2 and not talk._connected and not talk.session.over:
        talk.connects(None if dice.random() < 0.9 else "refused")
    elif event < 4 and talk._connected and talk.server not in with_tls:
        if talk.server.heard[:1] == b"\x16":
            TlsSide(talk.server, served_by(identity(dice.choice([NAME, "x.test"]))))
        else:
            replies(dice, talk)
    elif event == 4 and talk.client not in with_tls:
        TlsSide(talk.client, blind())
    elif event == 5:
        talk.passes(dice.choice([0.2, 0.2, 5.0, 16.0]))
    elif event == 6 and talk.session.answers:
        talk.perform(talk.session.answer(dice.choice(talk.session.answers)))
    elif event == 7 and dice.random() < 0.3:
        talk.client.says(dice.choice([hello(), b"GET / HTTP/1.1\r\n", alert(48), b"\0" * 999]))
    elif event == 8 and dice.random() < 0.3:
        side: Side = dice.choice([talk.client, talk.server] if talk._connected else [talk.client])
        side.leaves()
    elif event == 9 and (up := [x for x in talk.peers if x.up and x.end is None]):
        dice.choice(up).says(b"a LOGIN qa secret\r\n")
    talk.settle()


@pytest.mark.parametrize("seed", range(100))
@WAY
def test_whatever_happens_there_is_one_verdict_and_no_connection_is_left(
    mode: Mode, joined: bool, seed: int
) -> None:
    dice = random.Random(f"{mode} {joined} {seed}")
    alone = dice.random() < 0.2
    orders: dict[str, Any] = {
        "intercepting": lambda family: not alone,
        "behind": door(mode) if dice.random() < 0.5 else None,
        "foreign": dice.choice([None, "close", "stall", "reset"]),
        "waiting": 2.0,
        "guarded": dice.random() < 0.3,
    }
    if alone:
        talk = Talk("imap", mode, mode, connect=False, **orders)
    else:
        talk = shielded(some_answer(dice), mode, joined=joined, **orders)
    if dice.random() < 0.9:
        TlsSide(talk.client, blind())
        if not alone and dice.random() < 0.9:
            looked(talk)
    for _ in range(30):
        step(dice, talk)
    talk.client.leaves()
    talk.passes(60)

    assert_over(talk)
    assert talk.session.connected(None) == [Close("server")]
    clients = [peer for peer in talk.peers if peer.side is talk.client and peer.up]
    seen = {peer.leaf for peer in clients if peer.end in {None, "close_notify"}}
    told = talk.session.presented.identity
    if told is None:
        unshown = talk.verdict == ("none", "sure", None) or talk.verdict[0] == "hang"
        assert unshown or "tls-broken-off" in talk.facts, "so the conduct has it"
        assert not seen or "tunnel" in talk.facts, "a certificate that nobody has told of"
    else:
        assert seen <= {told.chain[0]}, "whose certificate the client saw"
        assert "tunnel" not in talk.facts
