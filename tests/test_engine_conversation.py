"""Silence, ends and wrong turns: what is no verdict about a certificate, or the server's fault."""

import ssl
import warnings

import pytest

from mitmail.engine.spec import MailProtocol, Mode
from mitmail.engine.verdict import Witness
from talk import (
    PROTOCOLS,
    STARTTLS,
    TLS,
    Talk,
    TlsSide,
    alert,
    blind,
    hello,
    trusting,
)

REJECT = ("reject", "sure", None)
SUSPECTED = ("reject", "suspected", None)
NONE = ("none", "sure", None)

# -- none ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"", hello()[:60]], ids=["nothing", "half-a-hello"])
@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_a_client_that_left_before_any_certificate_refused_none(said: bytes, mode: str) -> None:
    talk = Talk("imap", mode)  # type: ignore[arg-type] # a parameter's value is a str to mypy
    if mode == "starttls":
        talk.upgrades()
    if said:
        talk.client.says(said)
    talk.client.leaves()
    assert talk.verdict == NONE
    assert "certificate-presented" not in talk.facts


@pytest.mark.parametrize("cut", [1, 2, 60, 10**6])
def test_tls_at_once_on_a_starttls_port_is_no_verdict(cut: int) -> None:
    talk = Talk("smtp", "starttls")
    talk.greets()
    talk.client.says(hello()[:cut])
    assert talk.verdict == NONE
    assert "tls-on-starttls-port" in talk.facts
    assert talk.client.closed


def test_clear_text_where_tls_is_due_is_no_verdict() -> None:
    talk = Talk("smtp", "implicit")
    talk.client.says(b"EHLO x\r\n")
    assert talk.verdict == NONE
    assert "not-tls" in talk.facts
    assert talk.session.finding is None
    assert talk.client.ended
    talk.client.leaves()
    assert talk.client.closed


@PROTOCOLS
@pytest.mark.parametrize("end", ["leaves", "waits"])
def test_clear_text_behind_starttls_is_no_verdict(protocol: MailProtocol, end: str) -> None:
    talk = Talk(protocol, "starttls")
    talk.upgrades()
    for octet in b"EHLO x\r\n":
        talk.client.says(bytes((octet,)))
    assert talk.fact("dropped-after-starttls") == {"who": "client", "octets": 8}
    assert talk.session.verdict is None
    talk.client.leaves() if end == "leaves" else talk.passes(11)
    assert talk.verdict == NONE
    assert talk.session.verdict is not None
    assert "clear text behind STARTTLS" in talk.session.verdict.evidence
    assert talk.session.over


@PROTOCOLS
@pytest.mark.parametrize(
    "said", [b"x\r\n\x16\x03", b"NOOP\n\x16", b"a NOOP\r\nb NOOP\r\n\x16\x03"]
)
def test_tls_in_the_middle_of_clear_text_is_no_verdict(
    protocol: MailProtocol, said: bytes
) -> None:
    whole, parts = Talk(protocol, "starttls"), Talk(protocol, "starttls")
    for talk in (whole, parts):
        talk.greets()
    whole.client.says(said)
    for octet in said:
        parts.client.says(bytes((octet,)))
    for talk in (whole, parts):
        assert talk.verdict == NONE
        assert "tls-on-starttls-port" in talk.facts
        assert talk.session.over
    assert whole.facts == parts.facts


@TLS
def test_octets_that_are_no_tls_in_mid_handshake_are_no_verdict(version: str) -> None:
    talk = Talk()
    talk.client.says(hello(version))
    talk.client.says(b"QUIT\r\n")
    assert talk.verdict == NONE
    assert talk.session.verdict is not None
    assert "could not be understood" in talk.session.verdict.evidence


def test_our_own_stop_is_not_the_clients_reject() -> None:
    for said in (b"", hello()):
        talk = Talk()
        if said:
            talk.client.says(said)
        talk.perform(talk.session.stop())
        assert talk.verdict == NONE


def test_a_server_that_says_too_much_too_early_is_not_the_clients_reject() -> None:
    talk = Talk()
    talk.client.says(hello())
    talk.server.says(b"* noise\r\n" * 40_000)
    assert talk.verdict == NONE
    assert talk.session.error is not None


# -- nothing in common ---------------------------------------------------------------------------


def test_a_client_of_tls_1_1_refuses_the_version() -> None:
    context = blind()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1 is what this is about
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    talk = Talk()
    client = talk.secure(context)
    assert client.end == "TLSV1_ALERT_PROTOCOL_VERSION"
    assert talk.verdict == ("reject", "sure", "tls-version")
    assert talk.session.hello is not None
    assert talk.session.hello.versions == ("TLSv1.1",)
    assert talk.session.presented.identity is None


def test_a_client_without_a_common_cipher_refuses_it() -> None:
    context = blind("TLSv1_2")
    context.set_ciphers("NULL:@SECLEVEL=0")
    talk = Talk()
    talk.secure(context)
    assert talk.verdict == ("reject", "sure", "tls-version")


@pytest.mark.parametrize("error", ["no suitable signature algorithm", "inappropriate fallback"])
def test_a_chain_that_could_not_be_sent_was_not_refused(error: str) -> None:
    assert Witness("imap").refused_hello(error).verdict == "none"


# -- hang ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [b"", hello()[:60], hello()], ids=["nothing", "half-a-hello", "hello"]
)
def test_a_client_that_falls_silent_hangs(said: bytes) -> None:
    talk = Talk()
    if said:
        talk.client.says(said)
    talk.passes(9.9)
    assert talk.session.verdict is None
    talk.passes(0.2)
    assert talk.verdict == ("hang", "sure", None)
    assert not talk.session.over


def test_a_client_that_finishes_the_handshake_and_falls_silent_hangs() -> None:
    talk = Talk()
    talk.greets()
    talk.secure()
    talk.passes(11)
    assert talk.verdict == ("hang", "sure", None)


def test_a_server_that_chatters_does_not_excuse_a_silent_client() -> None:
    talk = Talk()
    talk.greets()
    talk.secure()
    for _ in range(12):
        talk.passes(1)
        talk.server.says(b"* OK still here\r\n")
    assert talk.verdict == ("hang", "sure", None)


def test_a_client_that_thinks_again_within_the_deadline_is_waited_for() -> None:
    talk = Talk()
    talk.client.says(hello()[:60])
    talk.passes(9)
    talk.client.says(hello()[60:70])
    talk.passes(9)
    assert talk.session.verdict is None


@pytest.mark.parametrize("phase", ["greeting", "reply"])
def test_a_slow_server_is_not_the_clients_hang(phase: str) -> None:
    talk = Talk("smtp")
    if phase == "reply":
        talk.greets()
    client = talk.secure()
    if phase == "reply":
        client.says(b"EHLO x\r\n")
    talk.passes(11)
    assert talk.verdict == NONE
    assert talk.session.error == "the mail server did not answer"


def test_a_slow_upstream_leaves_the_client_its_whole_time() -> None:
    talk = Talk("imap", "implicit", "implicit", connect=False)
    talk.client.says(hello())
    talk.passes(14)
    talk.connects()
    talk.passes(14)
    assert talk.session.verdict is None
    talk.passes(2)
    assert talk.session.error == "no TLS handshake from the mail server in 15 s"
    assert talk.verdict == NONE


def test_who_thinks_about_a_dialog_is_waited_for_and_his_answer_counts() -> None:
    talk = Talk(deadline=1800.0, waiting=3.0)
    talk.greets()
    client = talk.secure()
    talk.passes(600)
    assert talk.facts.count("waiting") == 1
    client.says(b"a LOGIN qa secret\r\n")
    assert talk.verdict == ("accept", "sure", None)


def test_who_has_spoken_is_not_waiting_before_a_dialog() -> None:
    talk = Talk("smtp", deadline=1800.0, waiting=3.0)
    talk.greets()
    client = talk.secure()
    client.says(b"EHLO x\r\n")
    talk.passes(600)
    assert "waiting" not in talk.facts


# -- the server's end is not the client's --------------------------------------------------------


@TLS
def test_a_server_that_leaves_in_mid_handshake_does_not_cut_the_client_short(version: str) -> None:
    talk = Talk()
    talk.server.says(b"* BYE too busy\r\n")
    talk.client.says(hello(version))
    talk.server.leaves()
    assert not talk.client.ended
    talk.client.says(alert(48))
    assert talk.verdict == ("reject", "sure", "unknown-issuer")


@TLS
def test_a_server_that_left_early_is_still_heard_by_the_client(version: str) -> None:
    talk = Talk()
    talk.server.says(b"* BYE too busy\r\n")
    client = TlsSide(talk.client, trusting(version))
    talk.server.leaves()
    assert client.end is None
    talk.passes(0.2)
    assert client.hears() == b"* BYE too busy\r\n"
    assert client.end == "close_notify"
    client.leaves()
    assert talk.verdict == NONE
    assert talk.session.over


@PROTOCOLS
@pytest.mark.parametrize("server", ["plain", "starttls"])
@pytest.mark.parametrize(("said", "dropped"), [(b"ab\x16\x03", 4), (b"ab\n\x16\x03", 3)])
def test_where_tls_begins_behind_starttls_is_not_for_the_network_to_say(
    protocol: MailProtocol, server: Mode, said: bytes, dropped: int
) -> None:
    for grain in (1, 2, 100):
        talk = Talk(protocol, "starttls", server)
        talk.greets()
        talk.client.says(STARTTLS[protocol])
        for at in range(0, len(said), grain):
            talk.client.says(said[at : at + grain])
        talk.client.leaves()
        assert talk.fact("dropped-after-starttls") == {"who": "client", "octets": dropped}
