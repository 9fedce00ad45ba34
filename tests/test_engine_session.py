"""A session's own faults, its secrets, its memory, and what it may be told."""

import tracemalloc

import pytest

from mitmail.engine.action import Crashed, Said
from mitmail.engine.conversation import Conversation
from mitmail.engine.spec import MailProtocol, Mode, SessionSpec
from talk import (
    GREETING,
    JOINED,
    TLS,
    Talk,
    TlsSide,
    alert,
    both,
    hello,
    identity,
    served_by,
    trusting,
)

# -- 6: our own faults ---------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["_on_plaintext", "finish"])
def test_an_exception_ends_the_session_as_an_error(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk("imap", crashes=True)
    client = talk.secure()

    def fault(self: Conversation, octets: bytes) -> None:
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(Conversation, "_on_plaintext", fault)
    if broken == "finish":
        monkeypatch.setattr("mitmail.engine.outlet.Outlet.shutdown", fault)
    client.says(b"a LOGIN qa secret\r\n")
    crashed = [action for action in talk.actions if isinstance(action, Crashed)]
    assert len(crashed) == 1
    assert "ZeroDivisionError: made up" in crashed[0].traceback
    assert "test_engine_session.py" in crashed[0].traceback
    assert talk.session.error is not None
    assert talk.verdict == ("none", "sure", None)
    assert talk.client.closed
    assert talk.server.closed
    assert talk.session.over


# -- 7: nothing is resumed -----------------------------------------------------------------------


@TLS
def test_a_client_that_offers_a_session_sees_the_certificate_again(version: str) -> None:
    context = trusting(version)
    talk = Talk()
    talk.greets()
    first = TlsSide(talk.client, context)
    talk.passes(0.2)
    assert first.hears() == GREETING["imap"]  # behind whatever tickets there are
    session = first.tls.session
    again = Talk()
    again.greets()
    second = TlsSide(again.client, context, session=session)
    assert second.up
    assert not second.tls.session_reused
    assert "certificate-presented" in again.facts
    assert second.leaf == identity().leaf
    if version == "TLSv1_2":
        assert session is None or not session.has_ticket


# -- 9: credentials, and the guard ---------------------------------------------------------------

SECRETS: list[tuple[MailProtocol, list[bytes]]] = [
    ("imap", [b'a LOGIN qa "s3cret-word"\r\n']),
    ("imap", [b"a login {2}\r\n", b"qa {11}\r\n", b"s3cret-word\r\n"]),
    ("imap", [b"a LOGIN {2+}\r\nqa {11+}\r\ns3cret-word\r\n"]),
    ("imap", [b"a AUTHENTICATE PLAIN czNjcmV0LXdvcmQ=\r\n"]),
    ("imap", [b"a authenticate PLAIN\r\n", b"czNjcmV0LXdvcmQ=\r\n"]),
    ("pop3", [b"USER qa\r\n", b"PASS s3cret-word\r\n"]),
    ("pop3", [b"APOP qa s3cret-word\r\n"]),
    ("pop3", [b"AUTH PLAIN\r\n", b"czNjcmV0LXdvcmQ=\r\n"]),
    ("smtp", [b"auth plain czNjcmV0LXdvcmQ=\r\n"]),
    ("smtp", [b"AUTH LOGIN\r\n", b"cWE=\r\n", b"czNjcmV0LXdvcmQ=\r\n"]),
]


@pytest.mark.parametrize(("protocol", "said"), SECRETS)
@pytest.mark.parametrize("where", ["tls", "clear", "clear-relayed"])
@pytest.mark.parametrize("grain", [1, 10**6])
def test_no_credential_reaches_a_log_or_a_record(
    protocol: MailProtocol, said: list[bytes], where: str, grain: int
) -> None:
    if where == "tls":
        talk, near, _ = both(protocol, "implicit", "plain")
        say = near.says
    else:
        talk = Talk(protocol, "starttls", "plain" if where == "clear" else "starttls")
        talk.greets()
        say = talk.client.says
    for line in said:
        for at in range(0, len(line), grain):
            say(line[at : at + grain])
    shown = b"".join(action.shown for action in talk.actions if isinstance(action, Said))
    facts = repr([fact.record() for fact in talk.session.facts]).encode()
    evidence = repr(talk.session.verdict).encode()
    for secret in (b"s3cret", b"czNjcmV0"):
        assert secret not in shown + facts + evidence
    assert where == "tls" or "credentials-in-clear" in talk.facts or grain == 1


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize(
    "said", [b"a LOGIN qa s3cret\r\n", b"a CAPABILITY\r\n", b"GET / HTTP/1.0\r\n"]
)
def test_nothing_of_the_clients_reaches_a_server_that_failed(guarded: bool, said: bytes) -> None:
    talk = Talk("imap", "implicit", "implicit", guarded=guarded)
    far = TlsSide(talk.server, served_by(identity(issuer="a stranger")))
    near = TlsSide(talk.client, trusting())
    assert talk.session.upstream is not None
    assert talk.session.upstream.errors == ("unknown-issuer",)
    for at in range(len(said)):
        if near.end is None:
            near.says(said[at : at + 1])
    assert far.hears() == (b"" if guarded else said)
    assert talk.session.over == guarded
    assert ("not-relayed" in talk.facts) == guarded


def test_a_guarded_server_that_is_verified_hears_everything() -> None:
    talk = Talk("imap", "implicit", "implicit", guarded=True)
    far = TlsSide(talk.server, served_by(identity()))
    near = TlsSide(talk.client, trusting())
    near.says(b"a LOGIN qa s3cret\r\n")
    assert far.hears() == b"a LOGIN qa s3cret\r\n"


# -- 10: long transfers --------------------------------------------------------------------------


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_transfer_of_many_megabytes_keeps_nothing(way: str, count: int) -> None:
    talk, near, _ = both("imap", "implicit", "plain", "TLSv1_3")
    near.says(b"a LOGIN qa secret\r\n")
    talk.server.says(b"a OK\r\n")
    size = 1 << 20
    chunk = b"x" * size
    if way == "up":
        near.says(b"b APPEND inbox {%d+}\r\n" % (size * count))
    else:
        near.says(b"b FETCH 1 BODY[]\r\n")
        talk.server.says(b"* 1 FETCH (BODY[] {%d}\r\n" % (size * count))
    heard = 0
    tracemalloc.start()
    for turn in range(count):
        if way == "up":
            near.says(chunk)
            heard += len(talk.server.hears())
        else:
            talk.server.says(chunk)
            talk.settle()
            heard += len(near.hears())
        talk.actions.clear()
        if turn == 10:
            tracemalloc.reset_peak()
            early, _ = tracemalloc.get_traced_memory()
    late, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert heard >= size * count
    assert late - early < 1 << 20
    assert peak < 16 << 20


# -- what a session may be told ------------------------------------------------------------------


def test_a_server_leg_with_tls_must_know_whom_to_trust() -> None:
    with pytest.raises(ValueError, match="trust"):
        SessionSpec(
            protocol="imap", client="implicit", server="implicit", choose=lambda found, sni: None
        )


@TLS
@JOINED
def test_the_same_octets_give_the_same_facts_however_they_are_cut(
    client: Mode, server: Mode, version: str
) -> None:
    def facts(cut: int) -> list[tuple[str, dict[str, object]]]:
        talk = Talk("smtp", client, server)
        talk.greets() if client == "starttls" or server == "plain" else None
        if client == "starttls":
            script = (
                b"EHLO x\r\n",
                b"250-mail\r\n250 PIPELINING\r\n",
                b"STARTTLS\r\n",
                b"220 go\r\n",
            )
            for number, said in enumerate(script):
                if number == 3 and server == "plain":
                    break
                side = talk.server if number % 2 else talk.client
                for at in range(0, len(said), cut):
                    side.says(said[at : at + cut])
            talk.client.hears()
            talk.server.hears()
        if server != "plain":
            TlsSide(talk.server, served_by(identity()))
        said = hello(version)
        for at in range(0, len(said), cut):
            talk.client.says(said[at : at + cut])
        talk.settle()
        talk.client.says(alert(48))
        return [
            (fact.fact, {k: v for k, v in fact.details.items() if k != "fingerprint"})
            for fact in talk.session.facts
        ]

    assert facts(1) == facts(7) == facts(10**6)
    assert facts(1)[-1][0] in {"tls-failed", "alert-received"}
