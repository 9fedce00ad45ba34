"""A server that breaks TLS off on purpose: what its client did is no word about a certificate."""

from dataclasses import replace
from typing import Any

import pytest

from mitmail.engine.action import Announce, Connect, Reset
from mitmail.engine.spec import Mode, SessionSpec
from mitmail.engine.verdict import Witness
from mitmail.manner import Instead, Manner, Version
from mitmail.wire.clienthello import LIMIT, ClientHello, parse
from plain_driver import LOGIN, ask_gnutls, ask_openssl
from talk import GREETING, Talk, alert, hello, identity, trusting

GAVE_UP = ("reject", "sure", "transport")
NONE = ("none", "sure", None)
HTTP = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def breaking(mode: Mode = "implicit", *, version: str | None = None, **instead: Any) -> Talk:
    """A session of a server that does this instead of TLS, and its client's ClientHello."""
    manner = Manner(instead=Instead(**instead))
    talk = Talk("imap", mode, choose=lambda upstream, sni: replace(identity(), manner=manner))
    if mode == "starttls":
        talk.upgrades()
    talk.client.says(hello(version))
    return talk


def opened(then: Any = "close", octets: bytes = GREETING["imap"], **orders: Any) -> Talk:
    """A session whose client is met with these octets as soon as it is connected."""
    opening = Instead(when="connected", octets=octets, then=then)
    return Talk("imap", opening=opening, connect=False, **orders)


# -- instead of TLS ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_the_octets_come_in_place_of_tls_and_then_the_end(mode: Mode) -> None:
    talk = breaking(mode, octets=HTTP)
    assert talk.client.hears() == HTTP
    assert talk.client.ended
    assert not talk.client.closed
    talk.client.leaves()
    assert talk.verdict == GAVE_UP
    assert talk.session.over
    assert talk.session.presented.identity is None


def test_a_client_that_leaves_after_a_reset_is_not_waited_for() -> None:
    talk = breaking(octets=HTTP, then="reset")
    assert talk.client.reset
    assert talk.verdict == GAVE_UP
    assert talk.session.over
    order = [type(action) for action in talk.actions]
    assert order.index(Reset) > 0
    assert talk.client.hears() == HTTP


def test_who_stalls_says_nothing_and_leaves_the_connection_open() -> None:
    talk = breaking(then="stall")
    assert talk.client.hears() == b""
    assert not talk.client.ended
    talk.passes(9)
    assert talk.session.verdict is None
    talk.client.leaves()
    assert talk.verdict == GAVE_UP


@pytest.mark.parametrize("then", ["close", "stall"])
def test_a_client_that_waits_for_ever_hangs_and_the_session_ends_by_the_deadline(
    then: str,
) -> None:
    talk = breaking(then=then)
    talk.passes(11)
    assert talk.verdict == ("hang", "sure", None)
    assert talk.session.over
    assert talk.client.closed


@pytest.mark.parametrize(
    ("offering", "offered", "tls"),
    [
        ("TLSv1.3", None, False),
        ("TLSv1.3", "TLSv1_2", True),
        ("TLSv1.2", "TLSv1_3", True),
        ("TLSv1.0", None, True),
    ],
)
def test_only_a_client_that_offers_the_version_is_broken_off(
    offering: Version, offered: str | None, tls: bool
) -> None:
    talk = breaking(version=offered, offering=offering)
    assert ("certificate-presented" in talk.facts) is tls
    assert ("tls-broken-off" in talk.facts) is not tls


def test_a_client_of_tls_1_0_offers_tls_1_0() -> None:
    """OpenSSL calls it TLSv1; a scenario names it in full."""
    old = bytearray(hello("TLSv1_2"))
    old[9:11] = b"\3\1"  # the ClientHello's version; the extension of TLS 1.3 is not in it
    manner = Manner(instead=Instead(offering="TLSv1.0"))
    talk = Talk(choose=lambda upstream, sni: replace(identity(), manner=manner))
    talk.client.says(bytes(old))
    assert "tls-broken-off" in talk.facts


# -- as soon as it is connected ------------------------------------------------------------------


def test_an_opening_comes_before_the_client_has_said_anything() -> None:
    talk = opened()
    assert talk.client.hears() == GREETING["imap"]
    assert talk.client.ended
    assert not [action for action in talk.actions if isinstance(action, Connect)]


def test_the_hello_of_a_client_that_was_met_with_octets_is_recorded() -> None:
    talk = opened()
    octets = hello()
    talk.client.says(octets[:50])
    talk.client.says(octets[50:])
    assert talk.session.hello is not None
    assert "client-hello" in talk.facts
    talk.client.leaves()
    assert talk.verdict == GAVE_UP


@pytest.mark.parametrize("then", ["close", "stall"])
def test_nobody_reports_a_mail_server_that_was_never_asked(then: str) -> None:
    talk = opened(then, deadline=60.0)
    talk.passes(30)
    assert talk.session.error is None
    assert talk.session.verdict is None


def test_an_opening_ends_in_a_reset_at_once() -> None:
    talk = opened("reset", b"")
    assert talk.client.reset
    assert talk.verdict == GAVE_UP


@pytest.mark.parametrize(
    ("mode", "opening"),
    [
        ("starttls", Instead(when="connected")),
        ("implicit", Instead(when="client-hello")),
        ("implicit", Instead(when="connected", offering="TLSv1.3")),
        ("implicit", Instead(when="connected", then="clear")),
    ],
)
def test_an_opening_that_cannot_be_is_refused(mode: Mode, opening: Instead) -> None:
    with pytest.raises(ValueError, match="client"):
        SessionSpec(
            protocol="imap", client=mode, server="plain", choose=lambda upstream, sni: None,
            opening=opening,
        )  # fmt: skip


def test_what_should_have_come_at_once_never_comes_late() -> None:
    talk = breaking(when="connected", octets=HTTP)
    assert talk.client.hears() == b""
    assert talk.session.error is not None
    assert talk.verdict == NONE


# -- what the client says to that ----------------------------------------------------------------


@pytest.mark.parametrize("code", [10, 22, 40, 50, 70, 80])
@pytest.mark.parametrize("then", ["close", "stall"])
def test_a_fatal_alert_in_clear_is_a_reject_of_the_transport(then: str, code: int) -> None:
    talk = breaking(octets=HTTP, then=then)
    for octet in alert(code):
        talk.client.says(bytes((octet,)))
    assert talk.verdict == GAVE_UP
    assert talk.session.verdict is not None
    assert talk.session.verdict.alert == code
    assert talk.session.over


@pytest.mark.parametrize("said", [alert(0, 1), alert(90, 1), alert(100, 1), hello()])
def test_what_ends_nothing_is_waited_out(said: bytes) -> None:
    talk = breaking(then="stall")
    talk.client.says(said)
    assert talk.session.verdict is None
    talk.client.leaves()
    assert talk.verdict == GAVE_UP


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_credentials_in_clear_are_noted_at_once(mode: Mode) -> None:
    talk = breaking(mode, then="stall")
    talk.client.says(b"a LOGIN qa secret\r\n")
    assert talk.fact("clear-text-after-failure") == {"verb": "LOGIN", "credentials": True}
    assert talk.verdict == NONE
    assert talk.session.verdict is not None
    assert "LOGIN with credentials in clear" in talk.session.verdict.evidence
    assert b"secret" not in b"".join(getattr(x, "shown", b"") for x in talk.actions)
    assert talk.server.hears().count(b"LOGIN") == 0
    talk.passes(11)
    assert talk.session.over


def test_a_mail_command_in_clear_is_noted_and_no_reject() -> None:
    talk = breaking(then="stall")
    talk.client.says(b"a CAPABILITY\r\n")
    assert talk.session.verdict is None
    talk.client.leaves()
    assert talk.verdict == NONE
    assert talk.fact("clear-text-after-failure") == {"verb": "CAPABILITY", "credentials": False}


def test_who_says_goodbye_in_clear_gives_up() -> None:
    talk = breaking("starttls", then="stall")
    talk.client.says(b"a LOGOUT\r\n")
    talk.client.leaves()
    assert talk.verdict == GAVE_UP
    assert talk.fact("clear-text-after-failure")["verb"] == "LOGOUT"


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"\0\1\2\3\4\5\6", b"a LOG"]
)
def test_what_is_neither_tls_nor_mail_proves_nothing(said: bytes) -> None:
    talk = breaking(then="stall")
    talk.client.says(said)
    talk.client.leaves()
    assert talk.verdict == NONE
    assert "clear-text-after-failure" not in talk.facts


def test_an_alert_behind_clear_text_changes_nothing() -> None:
    witness = Witness("imap", broke_off="by a reset")
    witness.in_clear("CAPABILITY", credentials=False)
    assert witness.alert(40, fatal=True) is None
    assert witness.closed().verdict == "none"


def test_our_own_stop_is_not_the_clients_end() -> None:
    talk = breaking(then="stall")
    talk.perform(talk.session.stop())
    assert talk.verdict == NONE


def test_what_the_mail_server_says_meanwhile_disturbs_nothing() -> None:
    talk = breaking(then="stall")
    talk.server.says(b"* noise\r\n" * 40_000)
    talk.server.leaves()
    assert talk.session.error is None
    assert talk.client.hears() == b""
    talk.client.leaves()
    assert talk.verdict == GAVE_UP


# -- half a certificate --------------------------------------------------------------------------


def cutting(version: Version, end: Any) -> Talk:
    manner = Manner(cut=end, versions=(version,))
    talk = Talk(choose=lambda upstream, sni: replace(identity(), manner=manner))
    talk.secure(trusting(version.replace(".", "_")))
    return talk


BOTH = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])


@BOTH
def test_a_certificate_that_came_half_was_not_presented(version: Version) -> None:
    talk = cutting(version, "stall")
    assert talk.session.presented.identity is None
    assert "certificate-presented" not in talk.facts
    assert not talk.client.ended
    talk.passes(11)
    assert talk.verdict == ("hang", "sure", None)
    assert talk.session.over


@BOTH
def test_a_client_that_leaves_after_half_a_certificate_gave_up(version: Version) -> None:
    talk = cutting(version, "stall")
    talk.client.leaves()
    assert talk.verdict == GAVE_UP
    assert talk.session.verdict is not None
    assert "in the middle of its certificate" in talk.session.verdict.evidence


@BOTH
@pytest.mark.parametrize("said", [b"\x17\3\3\0\x20" + bytes(32), b"\x16\3\3\x4f\0" + bytes(20224)])
def test_nothing_more_is_said_after_half_a_certificate(version: Version, said: bytes) -> None:
    manner = Manner(cut="stall", versions=(version,))
    talk = Talk(choose=lambda upstream, sni: replace(identity(), manner=manner))
    talk.client.says(hello())
    assert talk.client.hears()
    talk.client.says(said)
    talk.client.leaves()
    assert talk.session.over
    assert talk.client.hears() == b""


@BOTH
@pytest.mark.parametrize("ask", [ask_openssl, ask_gnutls])
def test_real_clients_refuse_half_a_certificate(version: Version, ask: Any) -> None:
    for manner in (Manner(cut="close", versions=(version,)), Manner(instead=Instead())):
        served = ask(replace(identity(), manner=manner), give=LOGIN)
        found = served.session.verdict
        assert (found.verdict, found.certainty, found.reason) == GAVE_UP
        assert found.alert in {10, 50}  # encrypted, where the version has it
        assert b"OK done" not in served.said


def test_a_session_announces_one_verdict_whatever_comes_later() -> None:
    talk = breaking(then="stall")
    talk.client.says(b"a LOGIN qa secret\r\nb SELECT inbox\r\n")
    talk.client.leaves()
    assert sum(isinstance(action, Announce) for action in talk.actions) == 1


def test_handshake_records_without_end_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def count(octets: bytes) -> ClientHello | None:
        read.append(len(octets))
        return parse(octets)

    monkeypatch.setattr("mitmail.engine.ear.parse", count)
    talk = opened("stall")
    for _ in range(100):
        talk.client.says(b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(16380))
    assert max(read) < 2 * LIMIT


@pytest.mark.parametrize("grain", [1, 10**6])
@pytest.mark.parametrize(
    ("said", "verdict"),
    [(b"a LOGOUT\r\n", GAVE_UP), (b"a LOGOUT\r\nx", NONE), (b"x", NONE), (b"", GAVE_UP)],
)
def test_a_goodbye_is_one_however_it_is_cut(
    grain: int, said: bytes, verdict: tuple[str, str, str | None]
) -> None:
    talk = breaking("starttls", then="stall")
    for at in range(0, len(said), grain):
        talk.client.says(said[at : at + grain])
    talk.client.leaves()
    assert talk.verdict == verdict


def test_a_client_hello_is_recorded_once_also_when_it_comes_again() -> None:
    talk = breaking(then="stall")
    talk.client.says(hello())
    assert talk.facts.count("client-hello") == 1


def test_octets_of_a_records_type_that_are_no_record_are_text() -> None:
    talk = breaking("starttls", then="stall")
    talk.client.says(b"\x15odd\r\na LOGIN qa secret\r\n")
    assert talk.session.verdict is None
    talk.client.leaves()
    assert talk.verdict == NONE


def test_a_record_begins_where_a_line_could_and_nowhere_else() -> None:
    talk = breaking("starttls", then="stall")
    talk.client.says(b"a NOOP")
    talk.client.says(alert(40) + b"\r\n")
    assert "alert-received" not in talk.facts
    talk.client.says(alert(40))
    assert "alert-received" in talk.facts
