"""The client's leg and the server's: each with TLS at once, with STARTTLS, or in clear."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import pytest

from garble import garbled
from mitmail.engine.action import Announce
from mitmail.engine.spec import Identity, MailProtocol, Mode, Upstream
from talk import (
    GO_AHEAD_OF_OURS,
    GREETING,
    LEGS,
    NAME,
    PROTOCOLS,
    STARTTLS,
    TLS_LEGS,
    Side,
    Talk,
    TlsSide,
    blind,
    identity,
    legs_up,
    served_by,
)

# A command that any client sends first, and what a server with TLS answers.
HELLO: dict[MailProtocol, bytes] = {
    "imap": b"a CAPABILITY\r\n", "pop3": b"CAPA\r\n", "smtp": b"EHLO client.test\r\n",
}  # fmt: skip
ABLE: dict[MailProtocol, bytes] = {
    "imap": b"* CAPABILITY IMAP4rev1 IDLE\r\na OK done\r\n", "pop3": b"+OK\r\nTOP\r\n.\r\n",
    "smtp": b"250-mail\r\n250 SIZE\r\n",
}  # fmt: skip
LOGIN: dict[MailProtocol, bytes] = {
    "imap": b"b LOGIN qa secret\r\n", "pop3": b"USER qa\r\n",
    "smtp": b"AUTH PLAIN AHFhAHNlY3JldA==\r\n",
}  # fmt: skip
WELCOME: dict[MailProtocol, bytes] = {
    "imap": b"b OK hello\r\n", "pop3": b"+OK go on\r\n", "smtp": b"235 hello\r\n",
}  # fmt: skip
# What a greeting says in clear that is void once TLS is up (RFC 9051 section 6.2.1).
IN_CLEAR: dict[MailProtocol, bytes] = {
    "imap": b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n",
    "pop3": b"+OK ready <1896.697170952@mail>\r\n", "smtp": b"220-mail ESMTP\r\n220 ready\r\n",
}  # fmt: skip
AFTER_TLS = {**IN_CLEAR, "imap": b"* OK ready\r\n"}

ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", "16"))

ASKED_BY_US = pytest.mark.parametrize("client", ["implicit", "plain"])
BY_ITSELF = pytest.mark.parametrize(
    ("client", "server"),
    [(x, y) for x in ("implicit", "starttls", "plain") for y in ("implicit", "starttls")
     if (x, y) != ("starttls", "starttls")],
)  # fmt: skip


def ended_in_error(talk: Talk, words: str) -> None:
    """Our side failed, says how, told one verdict that is none, and left nothing open."""
    assert talk.session.error is not None
    assert words in talk.session.error
    assert talk.session.error.isprintable()
    assert talk.verdict == ("none", "sure", None)
    assert talk.session.over
    assert talk.client.closed
    assert talk.server.closed
    assert sum(isinstance(action, Announce) for action in talk.actions) == 1


def begun(protocol: MailProtocol, client: Mode, server: Mode) -> tuple[Talk, Side | TlsSide]:
    """A session whose server's side is about to be brought up."""
    talk = Talk(protocol, client, server)
    return talk, TlsSide(talk.client, blind()) if client == "implicit" else talk.client


# -- what each side sees -------------------------------------------------------------------------


@TLS_LEGS
@PROTOCOLS
def test_the_client_sees_the_chosen_certificate_and_the_chooser_what_the_server_showed(
    protocol: MailProtocol, client: Mode, server: Mode
) -> None:
    asked: list[Upstream | None] = []

    def choose(upstream: Upstream | None, sni: str | None) -> Identity:
        asked.append(upstream)
        assert sni == NAME
        return identity("chosen.test")

    shows = identity("mail.customer.test", since=-2)
    _, near, _ = legs_up(protocol, client, server, shows=shows, choose=choose)
    assert isinstance(near, TlsSide)
    assert near.leaf == identity("chosen.test").leaf
    assert asked == [None if server == "plain" else Upstream(shows.chain, ())]


@LEGS
@PROTOCOLS
def test_what_both_say_comes_to_the_other_and_the_verdict_is_one(
    protocol: MailProtocol, client: Mode, server: Mode
) -> None:
    talk, near, far = legs_up(protocol, client, server)
    near.hears()
    for said, answer in ((HELLO, ABLE), (LOGIN, WELCOME)):
        near.says(said[protocol])
        talk.settle()
        assert far.hears() == said[protocol]
        far.says(answer[protocol])
        talk.settle()
        assert near.hears() == answer[protocol]
    near.leaves()
    far.leaves()
    talk.settle()
    assert talk.session.over
    assert talk.session.error is None
    assert talk.verdict[:2] == (("none" if client == "plain" else "accept"), "sure")
    assert sum(isinstance(action, Announce) for action in talk.actions) == 1
    assert ("client-hello" in talk.facts) is (client != "plain")


SHOWN = {
    "good": (identity(), ()),
    "expired": (identity(since=-3, until=-2), ("expired",)),
    "another's": (identity("x.test"), ("name-mismatch",)),
    "unknown": (identity(issuer="somebody else"), ("unknown-issuer",)),
    "bad in all": (identity("x.test", -3, -2, "somebody else"),
                   ("unknown-issuer", "expired", "name-mismatch")),
}  # fmt: skip


@LEGS
@PROTOCOLS
@pytest.mark.parametrize("shown", SHOWN)
def test_the_servers_certificate_is_verified_in_every_mode(
    protocol: MailProtocol, client: Mode, server: Mode, shown: str
) -> None:
    shows, errors = SHOWN[shown]
    talk, _, _ = legs_up(protocol, client, server, shows=shows)
    if server == "plain":
        assert talk.session.upstream is None
        return
    assert talk.session.upstream is not None
    assert set(talk.session.upstream.errors) == set(errors)
    assert talk.fact("upstream-verified") == {"errors": talk.session.upstream.errors}


@pytest.mark.parametrize("client", ["starttls", "plain"])
@PROTOCOLS
def test_a_server_that_is_asked_before_any_client_is_asked_for_its_own_name(
    protocol: MailProtocol, client: Mode
) -> None:
    names: list[str | None] = []
    talk = Talk(protocol, client, "implicit")
    context = served_by(identity())
    context.sni_callback = lambda connection, name, _: names.append(name)
    TlsSide(talk.server, context)
    assert names == [NAME]


# -- the greeting --------------------------------------------------------------------------------


@ASKED_BY_US
@PROTOCOLS
def test_the_greeting_that_came_in_clear_is_given_once_without_what_it_said_of_clear_text(
    protocol: MailProtocol, client: Mode
) -> None:
    _, near, far = legs_up(protocol, client, "starttls", greeting=IN_CLEAR[protocol])
    assert near.hears() == AFTER_TLS[protocol]
    near.says(HELLO[protocol])
    far.says(ABLE[protocol])
    assert near.hears() == ABLE[protocol]


@PROTOCOLS
def test_a_client_is_offered_starttls_before_a_server_that_has_tls_already(
    protocol: MailProtocol,
) -> None:
    talk = Talk(protocol, "starttls", "implicit")
    assert talk.client.hears() == b""
    far = TlsSide(talk.server, served_by(identity()))
    far.says(GREETING[protocol])
    talk.client.hears()
    talk.client.says(HELLO[protocol])
    far.says(ABLE[protocol])
    assert (
        talk.client.hears()
        == {
            "imap": b"* CAPABILITY IMAP4rev1 IDLE STARTTLS LOGINDISABLED\r\na OK done\r\n",
            "pop3": b"+OK\r\nTOP\r\nSTLS\r\n.\r\n",
            "smtp": b"250-mail\r\n250-SIZE\r\n250 STARTTLS\r\n",
        }[protocol]
    )


@pytest.mark.parametrize("client", ["implicit", "starttls", "plain"])
@PROTOCOLS
def test_a_client_beyond_its_own_starttls_is_offered_none(
    protocol: MailProtocol, client: Mode
) -> None:
    """A server in clear offers STARTTLS, which would be another leg's."""
    talk, near, far = legs_up(protocol, client, "plain", greeting=IN_CLEAR[protocol])
    heard = near.hears()
    near.says(HELLO[protocol])
    talk.settle()
    assert far.hears() == HELLO[protocol]
    far.says({
        "imap": b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED IDLE\r\na OK done\r\n",
        "pop3": b"+OK\r\nSTLS\r\nTOP\r\n.\r\n",
        "smtp": b"250-mail\r\n250-SIZE\r\n250 STARTTLS\r\n",
    }[protocol])  # fmt: skip
    talk.settle()
    able = near.hears()
    assert able == ABLE[protocol]
    for word in (b"STARTTLS", b"LOGINDISABLED", b"STLS"):
        assert word not in heard + able
    assert talk.session.error is None


# -- STARTTLS that the engine asks for -----------------------------------------------------------

INJECTED: dict[MailProtocol, bytes] = {
    "imap": b"* CAPABILITY IMAP4rev1 CANARY\r\n* 9 EXISTS\r\n", "pop3": b"+OK CANARY\r\n",
    "smtp": b"250-mail\r\n250 CANARY\r\n",
}  # fmt: skip


@ASKED_BY_US
@PROTOCOLS
@pytest.mark.parametrize("grain", [None, 1000, 1])
def test_what_is_injected_behind_the_servers_go_ahead_is_dropped_and_recorded(
    protocol: MailProtocol, client: Mode, grain: int | None
) -> None:
    talk, near = begun(protocol, client, "starttls")
    talk.greets()
    injected = INJECTED[protocol]
    talk.agrees(glued=injected if grain is None else b"")
    for at in range(0, len(injected), grain or len(injected)):
        if grain is not None:
            talk.server.says(injected[at : at + grain])
    far = TlsSide(talk.server, served_by(identity()))
    talk.passes(0.2)
    assert talk.fact("dropped-after-starttls") == {"who": "server", "octets": len(injected)}
    assert talk.facts.count("dropped-after-starttls") == 1
    near.says(HELLO[protocol])
    far.says(ABLE[protocol])
    assert b"CANARY" not in near.hears()
    assert talk.session.error is None


@ASKED_BY_US
@PROTOCOLS
@pytest.mark.parametrize("grain", [1, 3, 100_000])
def test_no_split_of_the_servers_words_changes_what_is_made_of_them(
    protocol: MailProtocol, client: Mode, grain: int
) -> None:
    talk, near = begun(protocol, client, "starttls")
    octets = IN_CLEAR[protocol]
    for at in range(0, len(octets), grain):
        talk.server.says(octets[at : at + grain])
    talk.agrees()
    TlsSide(talk.server, served_by(identity()))
    talk.passes(0.2)
    assert near.hears() == AFTER_TLS[protocol]
    words = [word for word in talk.facts if word.startswith("upstream")]
    assert words == ["upstream-connected", "upstream-starttls", "upstream-verified"]


@dataclass(frozen=True)
class Bad:
    """A server that does not come to TLS: what it says, a turn at a time, and what is said."""

    says: tuple[bytes, ...]
    words: str


BAD: dict[tuple[MailProtocol, str], Bad] = {
    ("smtp", "is busy"): Bad((b"421 busy\r\n",), "does not let the client in: it said 421 busy"),
    ("smtp", "refuses"): Bad(
        (b"220 hi\r\n", b"250-mail\r\n250 STARTTLS\r\n", b"454 not now\r\n"),
        "refused STARTTLS: it said 454 not now",
    ),
    ("smtp", "refuses in lines"): Bad(
        (b"220 hi\r\n", b"250 mail\r\n", b"554-no\r\n554 never\r\n"),
        "refused STARTTLS: it said 554 never",
    ),
    ("smtp", "does not know it"): Bad(
        (b"220 hi\r\n", b"250 mail\r\n", b"502 what?\r\n"), "it said 502 what?"
    ),
    ("smtp", "goes on as with DATA"): Bad(
        (b"220 hi\r\n", b"250 mail\r\n", b"354 go\r\n"), "it said 354 go"
    ),
    ("smtp", "knows no EHLO"): Bad((b"220 hi\r\n", b"500 what?\r\n"), "refused EHLO: it said 500"),
    ("smtp", "is none"): Bad((b"+OK ready\r\n",), "does not speak SMTP"),
    ("smtp", "has TLS at once"): Bad((b"\x15\x03\x01\x00\x02\x02\x46",), "does not speak SMTP"),
    ("smtp", "greets without end"): Bad((b"220-hi\r\n" * 9000,), "said too much before TLS"),
    ("imap", "refuses"): Bad(
        (b"* OK hi\r\n", b"%b NO \x1b[2Jno\r\n"), "it said mitmail NO ?[2Jno"
    ),
    ("imap", "does not know it"): Bad((b"* OK hi\r\n", b"%b BAD what?\r\n"), "refused STARTTLS"),
    ("imap", "is open already"): Bad(
        (b"* PREAUTH hi\r\n",), "has logged the client in before TLS: it said * PREAUTH hi"
    ),
    ("imap", "says goodbye"): Bad((b"* BYE no\r\n",), "does not let the client in: it said * BYE"),
    ("imap", "leaves"): Bad(
        (b"* OK hi\r\n", b"* BYE no\r\n"), "ended the session: it said * BYE no"
    ),
    ("imap", "answers another"): Bad(
        (b"* OK hi\r\n", b"zz OK go\r\n"), "answered what it was not asked: it said zz OK go"
    ),
    ("imap", "is none"): Bad((b"220 mail\r\n",), "does not speak IMAP"),
    ("imap", "says more before"): Bad((b"* 9 EXISTS\r\n* OK hi\r\n",), "does not speak IMAP"),
    ("imap", "speaks without end"): Bad((b"* OK hi\r\n", b"* 9 EXISTS\r\n" * 9000), "too much"),
    ("pop3", "refuses"): Bad((b"+OK hi\r\n", b"-ERR no\r\n"), "refused STLS: it said -ERR no"),
    ("pop3", "is busy"): Bad((b"-ERR busy\r\n",), "does not let the client in: it said -ERR busy"),
    ("pop3", "is none"): Bad((b"* OK ready\r\n",), "does not speak POP3"),
    ("pop3", "is noise"): Bad((b"\0\1\2",), "does not speak POP3"),
}  # fmt: skip


@ASKED_BY_US
@pytest.mark.parametrize(("protocol", "how"), BAD)
@pytest.mark.parametrize("grain", [1, 100_000])
def test_a_server_that_does_not_come_to_tls_ends_the_session(
    protocol: MailProtocol, how: str, client: Mode, grain: int
) -> None:
    bad = BAD[protocol, how]
    talk, near = begun(protocol, client, "starttls")
    for said in bad.says:
        tag = talk.server.hears().split()[:1] or [b""]
        octets = said.replace(b"%b", tag[0])
        for at in range(0, len(octets), grain):
            if not talk.session.over:
                talk.server.says(octets[at : at + grain])
    ended_in_error(talk, bad.words)
    assert near.hears() == b""


@BY_ITSELF
@PROTOCOLS
def test_a_server_that_says_nothing_is_not_waited_for_without_end(
    protocol: MailProtocol, client: Mode, server: Mode
) -> None:
    talk, _ = begun(protocol, client, server)
    talk.passes(14)
    assert not talk.session.over
    talk.passes(1)
    ended_in_error(talk, "no TLS handshake from the mail server in 15 s")


@ASKED_BY_US
@PROTOCOLS
@pytest.mark.parametrize("injected", [b"", b"* 9 EXISTS\r\n"])
def test_a_server_that_agrees_and_never_begins_tls_is_not_waited_for_without_end(
    protocol: MailProtocol, client: Mode, injected: bytes
) -> None:
    talk, near = begun(protocol, client, "starttls")
    talk.greets()
    talk.agrees()
    if injected:
        talk.server.says(injected)
    talk.passes(15)
    ended_in_error(talk, "no TLS handshake from the mail server in 15 s")
    assert near.hears() == b""


@pytest.mark.parametrize("client", ["implicit", "starttls", "plain"])
@PROTOCOLS
def test_a_server_in_clear_where_tls_is_due_at_once_is_named(
    protocol: MailProtocol, client: Mode
) -> None:
    talk, near = begun(protocol, client, "implicit")
    talk.greets()
    ended_in_error(talk, "spoke clear text: it may want STARTTLS first")
    assert near.hears() == b""


@BY_ITSELF
@PROTOCOLS
@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x03\x00\x04\x0e\0\0\0", b"\x15\x03\x03\x00\x02\x02\x28"]
)
def test_broken_tls_of_the_server_ends_the_session(
    protocol: MailProtocol, client: Mode, server: Mode, noise: bytes
) -> None:
    talk, near = begun(protocol, client, server)
    if server == "starttls":
        talk.greets()
        talk.agrees()
    talk.server.says(noise)
    ended_in_error(talk, "TLS with the mail server failed")
    assert near.hears() == b""


@BY_ITSELF
@PROTOCOLS
@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("who", ["client", "server"])
def test_whoever_leaves_while_the_server_is_brought_up_leaves_nothing_open(
    protocol: MailProtocol, client: Mode, server: Mode, step: int, who: str
) -> None:
    talk, near = begun(protocol, client, server)
    if step > 0 and server == "starttls":
        talk.greets()
    if step > 1 and server == "starttls":
        talk.agrees()
    if step > 2:
        talk.server.says(b"\x16\x03\x03")
    if who == "client":
        near.leaves()
        assert talk.session.error is None
        assert talk.verdict == ("none", "sure", None)
    else:
        talk.server.leaves()
        asked = server == "starttls" and step < 2
        where = "before it agreed to STARTTLS" if asked else "during the TLS handshake"
        ended_in_error(talk, f"the mail server closed the connection {where}")
    assert talk.session.over
    assert talk.client.closed
    assert talk.server.closed


# -- anything at all -----------------------------------------------------------------------------


@contextmanager
def blamed(protocol: MailProtocol, number: int) -> Iterator[None]:
    """Say which dialogue it was, whatever goes wrong with it."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"garbled({protocol!r}, {number})")
        raise


def hears(talk: Talk, server: Mode, dice: Random) -> None:
    """Bring the legs up, as far as the dice say."""
    if talk.spec.client == "implicit" and dice.random() < 0.8:
        TlsSide(talk.client, blind())
    asked = server == "starttls" and (talk.spec.client == "plain" or talk.peers)
    if asked and dice.random() < 0.7:
        talk.greets()
        talk.agrees()
    if server != "plain" and dice.random() < 0.6:
        TlsSide(talk.server, served_by(identity()))


@LEGS
@PROTOCOLS
def test_whatever_both_say_a_session_ends_once_in_order_and_without_a_crash(
    protocol: MailProtocol, client: Mode, server: Mode
) -> None:
    for number in range(ROUNDS):
        dice, talk = Random(f"{number} {client} {server}"), Talk(protocol, client, server)
        with blamed(protocol, number):
            hears(talk, server, dice)
            for side, octets in garbled(protocol, number).turns:
                who = talk.client if side == "C" else talk.server
                up = [x for x in talk.peers if x.side is who and x.up and x.end is None]
                (up[0] if up and dice.random() < 0.9 else who).says(octets)
                if dice.random() < 0.05:
                    talk.passes(dice.choice([0.2, 3.0, 20.0]))
            talk.client.leaves()
            talk.server.leaves()
            talk.passes(talk.spec.linger)
            assert talk.session.over
            assert talk.client.closed
            assert talk.server.closed
            assert sum(isinstance(action, Announce) for action in talk.actions) == 1


# -- a client in clear ---------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["implicit", "starttls", "plain"])
@PROTOCOLS
@pytest.mark.parametrize("early", [True, False])
def test_a_client_in_clear_that_says_all_at_once_and_ends_gets_its_answers(
    protocol: MailProtocol, server: Mode, *, early: bool
) -> None:
    """As ``printf ... | nc`` does."""
    talk = Talk(protocol, "plain", server, connect=not early)
    said = HELLO[protocol] + LOGIN[protocol]
    if early:
        talk.client.says(said)
        talk.client.leaves()
        assert not talk.session.over
        talk.connects()
    far: Side | TlsSide = talk.server
    if server == "starttls":
        talk.greets()
        talk.agrees()
    if server != "plain":
        far = TlsSide(talk.server, served_by(identity()))
    if server != "starttls":
        far.says(GREETING[protocol])
    if not early:
        talk.client.says(said)
        talk.client.leaves()
    heard = far.hears()
    far.says(ABLE[protocol])
    heard += far.hears()
    far.says(WELCOME[protocol])
    assert heard == said
    assert talk.client.hears().endswith(ABLE[protocol] + WELCOME[protocol])
    assert talk.server.ended
    far.leaves()
    assert talk.session.over
    assert talk.session.error is None
    assert talk.verdict == ("none", "sure", None)


@PROTOCOLS
def test_a_client_in_clear_that_says_all_and_ends_does_not_wait_for_a_server_without_end(
    protocol: MailProtocol,
) -> None:
    talk = Talk(protocol, "plain", "implicit")
    talk.client.says(HELLO[protocol])
    talk.client.leaves()
    talk.passes(15)
    ended_in_error(talk, "no TLS handshake from the mail server in 15 s")


@pytest.mark.parametrize("server", ["implicit", "starttls"])
@PROTOCOLS
@pytest.mark.parametrize("early", [True, False])
def test_nothing_of_a_client_in_clear_goes_to_a_server_whose_certificate_failed(
    protocol: MailProtocol, server: Mode, *, early: bool
) -> None:
    talk = Talk(protocol, "plain", server, guarded=True)
    if early:
        talk.client.says(HELLO[protocol] + LOGIN[protocol])
    if server == "starttls":
        talk.greets()
        talk.agrees()
    far = TlsSide(talk.server, served_by(identity("x.test")))
    if not early and not talk.session.over:
        talk.client.says(HELLO[protocol] + LOGIN[protocol])
    assert far.up
    assert far.hears() == b""
    assert talk.client.hears() == b""
    assert "not-relayed" in talk.facts
    assert talk.session.over
    assert talk.verdict == ("none", "sure", None)


# Besides what leads to STARTTLS: mail, credentials, and what nobody knows.
FORBIDDEN: dict[MailProtocol, bytes] = {
    "imap": b"b LOGIN qa secret\r\nc SELECT inbox\r\nd APPEND x {3}\r\ne ID NIL\r\nf WHAT\r\n"
    b"QUIT\r\ng APPEND x {3+}\r\nabc\r\n",
    "pop3": b"USER qa\r\nPASS secret\r\nLIST\r\nRETR 1\r\nAUTH PLAIN\r\nWHAT\r\n",
    "smtp": b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nAUTH PLAIN AHFhAHg=\r\n"
    b"WHAT\r\nBDAT 3 LAST\r\nabc",
}


def guarded(protocol: MailProtocol, *, said: bytes = b"") -> tuple[Talk, TlsSide]:
    """A client of STARTTLS before a server whose certificate failed, and what it said early."""
    talk = Talk(protocol, "starttls", "implicit", guarded=True)
    if said:
        talk.client.says(said)
    far = TlsSide(talk.server, served_by(identity("x.test")))
    far.says(GREETING[protocol])
    talk.settle()
    return talk, far


@pytest.mark.parametrize("grain", [1, 3, 10**6])
@PROTOCOLS
def test_only_what_leads_to_starttls_goes_to_a_server_whose_certificate_failed(
    protocol: MailProtocol, grain: int
) -> None:
    talk, far = guarded(protocol)
    talk.client.hears()
    for line in FORBIDDEN[protocol].splitlines(keepends=True):
        for at in range(0, len(line), grain):
            talk.client.says(line[at : at + grain])
    refused = talk.client.hears()
    assert refused.count(b"\r\n") == {"imap": 7, "pop3": 6, "smtp": 6}[protocol]
    assert refused.count(b"first\r\n") == refused.count(b"\r\n")
    talk.settle()
    assert far.hears() == b""
    assert "not-relayed" in talk.facts
    talk.client.says(HELLO[protocol])
    talk.settle()
    assert far.hears() == HELLO[protocol]
    far.says(ABLE[protocol])
    talk.client.says(STARTTLS[protocol])
    assert talk.client.hears().endswith(GO_AHEAD_OF_OURS[protocol])
    near = TlsSide(talk.client, blind())
    assert near.leaf == identity().leaf
    near.says(LOGIN[protocol])
    assert far.hears() == b""
    assert talk.session.over


@PROTOCOLS
def test_what_was_said_too_early_does_not_go_there_either(protocol: MailProtocol) -> None:
    talk, far = guarded(protocol, said=HELLO[protocol] + FORBIDDEN[protocol])
    assert far.hears() == HELLO[protocol]
    far.says(ABLE[protocol])
    talk.settle()
    assert far.hears() == b""
    assert "not-relayed" in talk.facts


@pytest.mark.parametrize("server", ["implicit", "starttls", "plain"])
@PROTOCOLS
def test_tls_spoken_at_once_on_a_port_in_clear_is_said(
    protocol: MailProtocol, server: Mode
) -> None:
    talk = Talk(protocol, "plain", server)
    TlsSide(talk.client, blind())
    assert "tls-on-plain-port" in talk.facts
    assert talk.verdict == ("none", "sure", None)
    assert talk.session.over


def test_starttls_of_a_client_in_clear_finds_no_tls() -> None:
    talk, near, far = legs_up("imap", "plain", "plain")
    near.hears()
    near.says(STARTTLS["imap"])
    if heard := far.hears():
        assert heard == STARTTLS["imap"]
        far.says(b"t BAD no\r\n")
    assert near.hears().startswith((b"t BAD", b"t NO"))
    assert "client-hello" not in talk.facts
