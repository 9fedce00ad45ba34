"""What holds in every session, whatever the client and the server do."""

import random
from collections.abc import Callable

import pytest

from mitmail.conduct import Canary, Capabilities, Conduct
from mitmail.engine.action import Announce, Close
from mitmail.engine.spec import Identity, MailProtocol, Mode, Upstream
from mitmail.manner import Instead, Manner
from mitmail.pki.certificate import sha256
from mitmail.pki.identity import Identity as Chain
from talk import (
    GO_AHEAD,
    GREETING,
    NAME,
    PROTOCOLS,
    STARTTLS,
    TLS,
    TLS_LEGS,
    Talk,
    TlsSide,
    alert,
    blind,
    both,
    hello,
    identity,
    key,
    served_by,
    trusting,
)

# -- 1: no identity, no certificate --------------------------------------------------------------


def none_at_all(upstream: Upstream | None, sni: str | None) -> Identity | None:
    return None


def raising(upstream: Upstream | None, sni: str | None) -> Identity | None:
    raise LookupError("the plan has a hole")


def anothers_key(upstream: Upstream | None, sni: str | None) -> Identity | None:
    return Chain(identity().chain, key(99))


def in_no_manner_at_all(upstream: Upstream | None, sni: str | None) -> Identity | None:
    return Chain(identity().chain, key(), Manner(ciphers=("NO-SUCH-CIPHER",)))


@TLS
@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize("choose", [none_at_all, raising, anothers_key, in_no_manner_at_all])
def test_without_an_identity_the_client_sees_no_certificate(
    choose: Callable[[Upstream | None, str | None], Identity | None], mode: Mode, version: str
) -> None:
    talk = Talk("imap", mode, choose=choose, crashes=choose is raising)
    if mode == "starttls":
        talk.upgrades()
    talk.client.says(hello(version))
    assert talk.client.hears() == b""
    assert talk.session.error is not None
    assert talk.verdict == ("none", "sure", None)
    assert talk.session.presented.identity is None
    assert talk.client.closed
    assert talk.server.closed


@TLS
def test_the_client_sees_the_chosen_certificate_and_the_record_says_so(version: str) -> None:
    asked = []

    def choose(upstream: Upstream | None, sni: str | None) -> Identity | None:
        asked.append((upstream, sni))
        return identity("*.hoster.test")

    talk = Talk(choose=choose)
    client = talk.secure(blind(version))
    assert asked == [(None, NAME)]
    assert client.leaf == identity("*.hoster.test").leaf
    shown = talk.session.presented.identity
    assert shown is not None
    assert sha256(shown.chain[0]) == identity("*.hoster.test").leaf_sha256
    assert talk.session.presented.version == version.replace("_", ".")


# -- 2: exactly one verdict, and an end ----------------------------------------------------------


def lines(protocol: MailProtocol) -> list[bytes]:
    """What a client or a server may say, well or badly, in clear."""
    return [
        GREETING[protocol], STARTTLS[protocol], GO_AHEAD[protocol], b"a CAPABILITY\r\n",
        b"EHLO x\r\n", b"CAPA\r\n", b"a LOGIN {2}\r\n", b"qa {3+}\r\n", b"foo\r\n",
        b"AUTH PLAIN\r\n", b"AHFhAHg=\r\n", b"+ go\r\n", b"334 \r\n", b"250-x\r\n250 y\r\n",
        b"a OK done\r\n", b"+OK\r\n.\r\n", b"-ERR no\r\n", b"DATA\r\n", b"354 go\r\n", b".\r\n",
        b"QUIT\r\n", b"a LOGOUT\r\n", b"* BYE\r\n", b"421 bye\r\n", b"\0\0\0", b"\x16\x03\x01",
        b"GET / HTTP/1.0\r\n", b"x" * 70_000, b"\r\n" * 300, b"a APPEND x {99999999999}\r\n",
        hello(), hello()[:50], hello()[50:], alert(42), alert(0, 1), bytes(range(256)),
    ]  # fmt: skip


def secured(dice: random.Random, talk: Talk) -> list[TlsSide]:
    """Both sides begin their TLS, the server where it has any."""
    sides = []
    if talk.spec.server != "plain":
        sides.append(TlsSide(talk.server, served_by(identity(dice.choice([NAME, "x.test"])))))
    sides.append(TlsSide(talk.client, blind(dice.choice([None, "TLSv1_2", "TLSv1_3"]))))
    return sides


def some(dice: random.Random) -> Conduct:
    """A conduct in which several things may be wrong at once."""
    text = [b"", b"{tag} OK {next}\r\n", b"250 x\r\n", b"+OK\r\n", b"x", b"\x16\x03\x01"]
    changed = Capabilities(add=("NEW", "AUTH X"), remove=("SIZE", "STARTTLS"))
    return Conduct(
        greeting=dice.choice([None, None, b"", b"* PREAUTH {greeting}\r\n"]),
        offer=dice.choice(["shown", "removed", "masked"]),
        clear=dice.choice([Capabilities(), changed]),
        secured=dice.choice([Capabilities(), changed]),
        denied=dice.choice([None, None, *text]),
        login=dice.random() < 0.5,
        early=dice.choice(text),
        before=dice.choice(text),
        answer=dice.choice([None, *text]),
        behind=dice.choice(text),
        then=dice.choice(["tls", "tls", "clear", "close", "reset", "stall"]),
        pipelined=dice.choice(["drop", "close", "relay"]),
        withhold=dice.choice([0.0, 1.0, 30.0]),
        canary=dice.choice([None, Canary(word=b"x", ahead=True, verbs=frozenset({"NOOP"}))]),
    )


def oddly(dice: random.Random) -> Chain:
    """An identity whose manner breaks TLS off, or does not."""
    instead = Instead(
        when=dice.choice(["client-hello", "secured"]), octets=dice.choice([b"", b"* OK x\r\n"]),
        then=dice.choice(["close", "reset", "stall", "clear"]),
    )  # fmt: skip
    manner = dice.choice([Manner(), Manner(), Manner(instead=instead), Manner(cut="stall")])
    return Chain(identity().chain, identity().key, manner)


def wander(dice: random.Random, protocol: MailProtocol, client: Mode, server: Mode) -> Talk:
    """A session in which anything may happen next, up to both ends."""
    guarded = dice.random() < 0.2
    conduct = some(dice) if dice.random() < 0.5 else Conduct()
    shown = oddly(dice)
    talk = Talk(
        protocol, client, server, guarded=guarded, connect=False, waiting=2.0,
        conducting=lambda: conduct, choose=lambda upstream, sni: shown,
    )  # fmt: skip
    sides: list[TlsSide] = []
    if dice.random() < 0.8:
        talk.connects()
    if client == "starttls" and dice.random() < 0.7 and talk._connected:
        talk.upgrades()
    if dice.random() < 0.5 and talk._connected and not talk.session.over:
        sides += secured(dice, talk)
    for _ in range(dice.randrange(12)):
        if not talk._connected and dice.random() < 0.3:
            talk.connects(None if dice.random() < 0.8 else "refused")
        side = dice.choice([talk.client, talk.server] if talk._connected else [talk.client])
        event = dice.randrange(10)
        if event < 5:
            side.says(b"".join(dice.choices(lines(protocol), k=dice.randrange(1, 4))))
        elif event == 5:
            talk.passes(dice.choice([0.1, 3, 20]))
        elif event == 6 and not sides and talk._connected:
            sides += secured(dice, talk)
        elif event == 7 and sides and dice.choice(sides).up:
            with_tls = next(each for each in sides if each.up)
            if with_tls.end is None:
                with_tls.says(dice.choice(lines(protocol)))
        elif event == 8 and dice.random() < 0.3:
            side.leaves()
    return talk


@pytest.mark.parametrize("seed", range(25))
@TLS_LEGS
@PROTOCOLS
def test_whatever_happens_a_session_ends_with_one_verdict(
    protocol: MailProtocol, client: Mode, server: Mode, seed: int
) -> None:
    talk = wander(random.Random(f"{seed} {protocol} {client} {server}"), protocol, client, server)
    talk.client.leaves()
    if talk._connected:
        talk.server.leaves()
    talk.passes(talk.spec.linger)
    assert sum(isinstance(action, Announce) for action in talk.actions) == 1
    assert talk.session.over
    assert talk.client.closed
    assert talk.server.closed
    assert len(talk.facts) <= 200
    assert talk.facts.count("finding") == (talk.session.finding is not None)


@TLS_LEGS
def test_the_verdict_comes_by_the_deadline_and_the_session_goes_on(
    client: Mode, server: Mode
) -> None:
    talk, near, far = both("imap", client, server)
    talk.passes(11)
    assert talk.session.verdict is not None
    near.says(b"a NOOP\r\n")
    assert (far or talk.server).hears() == b"a NOOP\r\n"


def test_a_verdict_is_announced_at_the_deciding_event() -> None:
    talk = Talk()
    client = talk.secure()
    before = len(talk.actions)
    client.says(b"a LOGIN qa secret\r\n")
    assert [x for x in talk.actions[before:] if isinstance(x, Announce)]


# -- 3: a leg that is not up gets nothing --------------------------------------------------------


@PROTOCOLS
def test_a_client_that_speaks_before_the_server_is_there_is_kept(protocol: MailProtocol) -> None:
    talk = Talk(protocol, "starttls", "starttls", connect=False)
    for octet in STARTTLS[protocol]:
        talk.client.says(bytes((octet,)))
    talk.connects()
    assert talk.server.hears() == STARTTLS[protocol]


@TLS
def test_a_greeting_waits_for_the_clients_tls_and_for_its_late_alert(version: str) -> None:
    talk = Talk()
    talk.greets()
    client = talk.secure(trusting(version))
    talk.passes(0.1)
    assert client.hears() == b""
    talk.passes(0.1)
    assert client.hears() == GREETING["imap"]


@TLS
def test_a_client_that_speaks_first_is_answered_at_once(version: str) -> None:
    talk = Talk()
    talk.greets()
    client = talk.secure(trusting(version))
    client.says(b"a NOOP\r\n")
    assert client.hears() == GREETING["imap"]


@PROTOCOLS
@pytest.mark.parametrize("server", ["plain", "starttls"])
@pytest.mark.parametrize("split", [True, False])
def test_what_is_pipelined_behind_starttls_is_dropped_and_recorded(
    protocol: MailProtocol, server: Mode, split: bool
) -> None:
    talk = Talk(protocol, "starttls", server)
    talk.greets()
    injected = b"MAIL FROM:<injected@x.test>\r\n"
    if split and server == "starttls":
        talk.client.says(STARTTLS[protocol])
        talk.client.says(injected)
    else:
        talk.client.says(STARTTLS[protocol] + injected)
    if server == "starttls":
        talk.server.says(GO_AHEAD[protocol])
    assert talk.fact("dropped-after-starttls") == {"who": "client", "octets": len(injected)}
    talk.client.hears()
    talk.server.hears()
    far = TlsSide(talk.server, served_by(identity())) if server == "starttls" else talk.server
    near = TlsSide(talk.client, trusting())
    near.says(b"a NOOP\r\n")
    assert far.hears() == b"a NOOP\r\n"


@PROTOCOLS
@pytest.mark.parametrize("split", [True, False])
def test_what_a_server_injects_behind_its_go_ahead_is_dropped_and_recorded(
    protocol: MailProtocol, split: bool
) -> None:
    talk = Talk(protocol, "starttls", "starttls")
    talk.greets()
    talk.client.says(STARTTLS[protocol])
    talk.client.hears()
    injected = b"* CAPABILITY INJECTED\r\n"
    if split:
        talk.server.says(GO_AHEAD[protocol])
        talk.server.says(injected)
    else:
        talk.server.says(GO_AHEAD[protocol] + injected)
    assert talk.client.hears() == GO_AHEAD[protocol]
    assert talk.fact("dropped-after-starttls") == {"who": "server", "octets": len(injected)}


@TLS
@PROTOCOLS
@pytest.mark.parametrize("server", ["plain", "starttls"])
def test_a_client_hello_glued_to_starttls_is_kept(
    protocol: MailProtocol, server: Mode, version: str
) -> None:
    talk = Talk(protocol, "starttls", server)
    talk.greets()
    talk.client.says(STARTTLS[protocol] + hello(version))
    if server == "starttls":
        talk.server.hears()
        talk.server.says(GO_AHEAD[protocol])
        TlsSide(talk.server, served_by(identity()))
    assert "certificate-presented" in talk.facts
    assert "dropped-after-starttls" not in talk.facts


# -- 4, 5: ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_a_client_that_leaves_first_leaves_no_connection_to_the_server(mode: Mode) -> None:
    talk = Talk("imap", mode, connect=False)
    talk.client.leaves()
    assert talk.server.closed
    talk._connected = True
    assert talk.session.connected(None) == [Close("server")]


@TLS
@TLS_LEGS
@pytest.mark.parametrize("first", ["client", "server"])
def test_every_orderly_close_is_said_in_tls_on_both_legs(
    first: str, client: Mode, server: Mode, version: str
) -> None:
    talk, near, far = both("imap", client, server, version)
    near.says(b"a LOGOUT\r\n")
    one, other = (near, far or talk.server) if first == "client" else (far or talk.server, near)
    one.leaves()
    talk.settle()
    if isinstance(other, TlsSide):
        assert other.end == "close_notify"
    other.leaves()
    talk.settle()
    assert near.end == "close_notify"
    assert far is None or far.end == "close_notify"
    assert talk.session.over


@TLS
@TLS_LEGS
@pytest.mark.parametrize("how", ["stop", "linger"])
def test_our_own_close_is_said_in_tls_on_both_legs(
    how: str, client: Mode, server: Mode, version: str
) -> None:
    talk, near, far = both("imap", client, server, version)
    if how == "stop":
        talk.perform(talk.session.stop())
    else:
        talk.server.leaves()
        talk.passes(2)
    talk.settle()
    assert near.end == "close_notify"
    assert far is None or far.end == "close_notify"
    assert talk.session.over
