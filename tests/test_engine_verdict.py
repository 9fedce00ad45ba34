"""The verdict rules, each against what a client really sends."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from OpenSSL import SSL, crypto

from mitmail.conduct import Conduct
from mitmail.engine.spec import MailProtocol
from mitmail.engine.verdict import Witness
from mitmail.pki.certificate import pem
from mitmail.pki.identity import Identity
from mitmail.pki.name import distinguished_name
from talk import (
    DAY,
    NAME,
    NOW,
    TLS,
    AlertingSide,
    Talk,
    TlsSide,
    alert,
    hello,
    identity,
    key,
    root,
    trusting,
)

REJECT = ("reject", "sure", None)
SUSPECTED = ("reject", "suspected", None)
NONE = ("none", "sure", None)

# -- accept --------------------------------------------------------------------------------------


@TLS
@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize(
    ("protocol", "command"),
    [
        ("imap", b"a LOGIN qa secret\r\n"),
        ("imap", b"a authenticate PLAIN\r\n"),
        ("imap", b"a SELECT inbox\r\n"),
        ("imap", b"a UID FETCH 1 FLAGS\r\n"),
        ("imap", b"a LANGUAGE\r\n"),
        ("pop3", b"USER qa\r\n"),
        ("pop3", b"APOP qa 00\r\n"),
        ("pop3", b"stat\r\n"),
        ("smtp", b"AUTH PLAIN AHFhAHNlY3JldA==\r\n"),
        ("smtp", b"mail from:<>\r\n"),
    ],
)
def test_a_command_that_uses_the_connection_is_an_accept(
    protocol: MailProtocol, command: bytes, version: str, mode: str
) -> None:
    talk = Talk(protocol, mode)  # type: ignore[arg-type] # a parameter's value is a str to mypy
    client = talk.secure(trusting(version))
    client.says(command)
    assert talk.verdict == ("accept", "sure", None)
    assert talk.session.verdict is not None
    assert "through TLS" in talk.session.verdict.evidence
    assert talk.server.hears() == command


@pytest.mark.parametrize(
    ("protocol", "command", "verb"),
    [
        ("imap", b"a CAPABILITY\r\n", "CAPABILITY"),
        ("imap", b"a NOOP\r\n", "NOOP"),
        ("imap", b"a ID NIL\r\n", "ID"),
        ("pop3", b"CAPA\r\n", "CAPA"),
        ("pop3", b"RSET\r\n", "RSET"),
        ("smtp", b"EHLO x\r\n", "EHLO"),
        ("smtp", b"NOOP\r\n", "NOOP"),
    ],
)
@pytest.mark.parametrize("end", ["close", "deadline"])
def test_a_command_that_everyone_sends_first_only_suggests_an_accept(
    protocol: MailProtocol, command: bytes, verb: str, end: str
) -> None:
    talk = Talk(protocol)
    talk.greets()
    client = talk.secure()
    client.says(command)
    assert talk.session.verdict is None
    talk.server.says({"imap": b"a OK\r\n", "pop3": b"-ERR\r\n", "smtp": b"250 ok\r\n"}[protocol])
    client.leaves() if end == "close" else talk.passes(11)
    assert talk.verdict == ("accept", "suspected", None)
    assert talk.session.verdict is not None
    assert verb in talk.session.verdict.evidence


def test_a_suspected_accept_becomes_sure_with_the_next_command() -> None:
    talk = Talk("smtp")
    talk.greets()
    client = talk.secure()
    client.says(b"EHLO x\r\n")
    client.says(b"MAIL FROM:<qa@customer.test>\r\n")
    assert talk.verdict == ("accept", "sure", None)


@pytest.mark.parametrize(
    ("protocol", "said", "words"),
    [
        ("imap", b"a LOGOUT\r\n", "only sent LOGOUT"),
        ("pop3", b"QUIT\r\n", "only sent QUIT"),
        ("smtp", b"QUIT\r\n", "only sent QUIT"),
        ("imap", b"a LOGIN qa", "nothing that is a complete mail command"),
        ("smtp", b"HELLO THERE\r\n", "first words were no mail command"),
        ("pop3", b"\x00\x01\x02", "nothing that is a complete mail command"),
    ],
)
@pytest.mark.parametrize("end", ["close", "deadline"])
def test_what_is_no_use_of_the_connection_proves_nothing(
    protocol: MailProtocol, said: bytes, words: str, end: str
) -> None:
    talk = Talk(protocol)
    talk.greets()
    client = talk.secure()
    client.says(said)
    talk.server.says({"imap": b"a BAD\r\n", "pop3": b"-ERR\r\n", "smtp": b"500 no\r\n"}[protocol])
    client.leaves() if end == "close" else talk.passes(11)
    assert talk.verdict == NONE
    assert talk.session.verdict is not None
    assert words in talk.session.verdict.evidence


@pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp"])
def test_http_is_a_certificate_viewer_and_no_mail(protocol: MailProtocol) -> None:
    talk = Talk(protocol)
    talk.greets()
    client = talk.secure()
    for octet in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n":
        client.says(bytes((octet,)))
    client.leaves()
    assert talk.verdict == NONE
    assert talk.facts.count("certificate-viewer") == 1


# -- reject: alerts ------------------------------------------------------------------------------

CODES = [10, 20, 21, 22, 30, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 60, 70, 71, 80, 86]
CODES += [109, 110, 112, 113, 115, 116, 120, 255]
# What each code proves of a chain in which nothing is wrong.
PROVEN = {44: "revoked", 48: "unknown-issuer", 70: "tls-version", 86: "tls-version"}


@TLS
@pytest.mark.parametrize("code", CODES)
def test_a_fatal_alert_in_the_handshake_is_a_reject(code: int, version: str) -> None:
    talk = Talk()
    talk.client.says(hello(version))
    talk.client.says(alert(code))
    assert talk.verdict == ("reject", "sure", PROVEN.get(code))
    assert talk.session.verdict is not None
    assert talk.session.verdict.alert == code
    assert f"({code})" in talk.session.verdict.evidence
    assert talk.client.ended
    talk.client.leaves()
    assert talk.client.closed
    assert talk.server.closed


@TLS
@pytest.mark.parametrize("code", [42, 45, 46, 48, 80])
def test_a_fatal_alert_after_the_handshake_is_a_reject(code: int, version: str) -> None:
    talk = Talk()
    talk.greets()
    client = AlertingSide(talk.client, version)
    assert "handshake-done" in talk.facts
    client.alerts(code)
    assert talk.verdict == ("reject", "sure", PROVEN.get(code))


@TLS
def test_an_alert_about_the_certificate_counts_also_after_a_first_command(version: str) -> None:
    talk = Talk("smtp")
    client = AlertingSide(talk.client, version)
    client.says(b"EHLO x\r\n")
    client.alerts(42)
    assert talk.verdict == REJECT


@TLS
@pytest.mark.parametrize("code", [20, 50, 80])
def test_tls_that_fails_in_mid_session_refuses_no_certificate(code: int, version: str) -> None:
    talk = Talk("smtp")
    client = AlertingSide(talk.client, version)
    client.says(b"EHLO x\r\n")
    client.alerts(code)
    assert talk.verdict == ("accept", "suspected", None)


@TLS
def test_an_accept_is_not_taken_back_by_an_alert(version: str) -> None:
    talk = Talk("smtp")
    client = AlertingSide(talk.client, version)
    client.says(b"AUTH PLAIN x\r\n")
    client.alerts(48)
    assert talk.verdict == ("accept", "sure", None)


def test_a_warning_is_no_verdict_in_tls_1_2() -> None:
    talk = Talk()
    client = AlertingSide(talk.client, "TLSv1_2")
    client.alerts(42, level=1)
    assert talk.session.verdict is None
    client.says(b"a LOGIN qa secret\r\n")
    assert talk.verdict == ("accept", "sure", None)


def test_tls_1_3_knows_no_warnings() -> None:
    talk = Talk()
    AlertingSide(talk.client, "TLSv1_3").alerts(42, level=1)
    assert talk.verdict == REJECT


@TLS
@pytest.mark.parametrize("code", [0, 90])
@pytest.mark.parametrize("level", [1, 2])
def test_an_ordinary_goodbye_is_no_verdict_of_its_own(code: int, level: int, version: str) -> None:
    talk = Talk()
    talk.greets()
    AlertingSide(talk.client, version).alerts(code, level=level)
    if talk.session.verdict is None:
        talk.client.leaves()
    assert talk.verdict == SUSPECTED
    assert talk.session.verdict is not None
    assert talk.session.verdict.alert is None


@TLS
def test_decode_error_after_our_own_end_is_no_verdict(version: str) -> None:
    talk = Talk()
    talk.greets()
    client = AlertingSide(talk.client, version)
    talk.passes(1)
    talk.server.leaves()
    assert talk.client.ended
    client.alerts(50)
    assert talk.verdict == NONE


@pytest.mark.parametrize("code", [40, 70, 71, 86])
def test_before_any_certificate_a_handshake_alert_is_about_the_version(code: int) -> None:
    found = Witness("imap").alert(code, fatal=True)
    assert found is not None
    assert (found.verdict, found.certainty, found.reason) == ("reject", "sure", "tls-version")


@pytest.mark.parametrize("code", [42, 47, 48, 80])
def test_before_any_certificate_no_other_alert_can_refuse_it(code: int) -> None:
    witness = Witness("imap")
    assert witness.alert(code, fatal=True) is None
    assert witness.closed().verdict == "none"


# -- reject: reasons -----------------------------------------------------------------------------


def chain_without_ca() -> Identity:
    """A leaf below a certificate that is no CA: OpenSSL's client says 48 to that, too."""
    middle = root().leaf(key(7), names=["ca.test"], not_before=NOW - DAY, not_after=NOW + DAY)
    below = type(root())(middle, key(7))
    leaf = below.leaf(key(), names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY)
    return Identity((leaf, middle), key())


def chain_below_an_expired_ca() -> Identity:
    middle = root().intermediate(
        distinguished_name([("CN", "old CA")]), key(8), NOW - 9 * DAY, NOW - DAY
    )
    leaf = middle.leaf(key(), names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY)
    return Identity((leaf, middle.certificate), key())


@pytest.mark.parametrize(
    ("code", "shown", "reason"),
    [
        (45, identity(), None),
        (45, identity(since=-9, until=-1), "expired"),
        (45, identity(since=1, until=9), None),
        (48, identity(), "unknown-issuer"),
        # For a leaf out of its time every stack has another alert: this is about the issuer.
        (48, identity(since=-9, until=-1), "unknown-issuer"),
        (48, identity(since=1, until=9), "unknown-issuer"),
        # Thunderbird says it of an expired CA, OpenSSL of a CA that is none.
        (48, chain_below_an_expired_ca(), None),
        (45, chain_below_an_expired_ca(), "expired"),
        (48, chain_without_ca(), None),
        (42, identity(since=-9, until=-1), None),
        (46, identity(), None),
    ],
)
def test_a_reason_is_named_only_where_what_we_sent_agrees(
    code: int, shown: Identity, reason: str | None
) -> None:
    talk = Talk(choose=lambda upstream, sni: shown)
    talk.client.says(hello())
    talk.client.says(alert(code))
    assert talk.verdict == ("reject", "sure", reason)


@TLS
@pytest.mark.parametrize(
    ("shown", "name", "reason"),
    [
        (identity(since=-9, until=-1), NAME, "expired"),
        (identity(since=1, until=9), NAME, None),
        (identity(issuer="a stranger"), NAME, "unknown-issuer"),
        (identity(), "other.test", None),
    ],
)
def test_what_a_correct_client_refuses_is_a_reject(
    shown: Identity, name: str, reason: str | None, version: str
) -> None:
    talk = Talk(choose=lambda upstream, sni: shown)
    client = talk.secure(trusting(version), name=name)
    assert client.end == "CERTIFICATE_VERIFY_FAILED"
    assert talk.verdict == ("reject", "sure", reason)


# -- reject: without an alert --------------------------------------------------------------------


@TLS
def test_a_handshake_broken_off_without_a_word_is_a_reject(version: str) -> None:
    talk = Talk()
    talk.client.says(hello(version))
    talk.client.leaves()
    assert talk.verdict == REJECT


@TLS
@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize("held", [True, False])
def test_a_handshake_finished_and_then_closed_suggests_a_reject(
    mode: str, held: bool, version: str
) -> None:
    talk = Talk("imap", mode)  # type: ignore[arg-type] # a parameter's value is a str to mypy
    if mode == "implicit":
        talk.greets()
    client = talk.secure(trusting(version))
    talk.passes(0.0 if held else 1.0)
    client.leaves()
    assert talk.verdict == SUSPECTED


def test_a_client_that_leaves_a_server_that_never_greeted_refused_nothing() -> None:
    talk = Talk()
    client = talk.secure()
    talk.passes(5)
    client.leaves()
    assert talk.verdict == NONE


def test_a_client_that_leaves_at_once_did_not_wait_for_the_greeting() -> None:
    talk = Talk()
    talk.secure().leaves()
    assert talk.verdict == SUSPECTED


def test_a_session_that_does_not_begin_as_mail_is_not_judged_by_what_follows() -> None:
    """IMAP would read an HTTP header as a tag and a command: ``Connection: close``."""
    witness = Witness("imap", presented=frozenset(), handshake_done=True, spoke=True)

    assert witness.command("") is None
    assert witness.command("CLOSE") is None
    assert witness.closed().verdict == "none"


def test_after_a_command_of_mail_an_unknown_one_changes_nothing() -> None:
    witness = Witness("imap", presented=frozenset(), handshake_done=True, spoke=True)

    assert witness.command("CAPABILITY") is None
    assert witness.command("") is None
    assert (found := witness.command("LOGIN")) is not None
    assert found.verdict == "accept"


# -- the dialogue around STARTTLS ----------------------------------------------------------------

REFUSED = ("reject", "sure", "starttls")
INJECTING = [Conduct(before=b"x\r\n"), Conduct(behind=b"x\r\n"), Conduct(answer=b"250 {tag}\r\n")]


def attacked(conduct: Conduct, said: bytes = b"") -> Talk:
    """A session that is conducted like this, and what its client says to the greeting."""
    talk = Talk("imap", "starttls", conducting=lambda: conduct)
    talk.greets()
    if said:
        talk.client.says(said)
    return talk


@pytest.mark.parametrize("conduct", INJECTING)
@pytest.mark.parametrize("code", [10, 20, 22, 40, 47, 50, 70, 71, 80, 86])
@pytest.mark.parametrize("shown", [True, False])
def test_clear_text_in_tlss_place_is_no_matter_of_versions(
    conduct: Conduct, code: int, shown: bool
) -> None:
    talk = attacked(conduct, b"t STARTTLS\r\n")
    if shown:
        talk.client.says(hello())
        talk.client.says(alert(code))
    else:
        witness = Witness("imap", attacked=True, tampered=True)
        found = witness.alert(code, fatal=True)
        assert found is not None
        assert (found.verdict, found.certainty, found.reason) == REFUSED
        return
    assert talk.verdict == (REJECT if code in {40, 47, 50, 71, 80} else REFUSED)
    assert talk.session.verdict is not None
    assert talk.session.verdict.alert == code


@pytest.mark.parametrize("conduct", INJECTING)
@pytest.mark.parametrize(("code", "reason"), [(42, None), (44, "revoked"), (48, "unknown-issuer")])
def test_an_alert_about_the_certificate_stays_one(
    conduct: Conduct, code: int, reason: str | None
) -> None:
    talk = attacked(conduct, b"t STARTTLS\r\n")
    talk.client.says(hello())
    talk.client.says(alert(code))
    assert talk.verdict == ("reject", "sure", reason)


@pytest.mark.parametrize("conduct", [Conduct(offer="masked"), Conduct(greeting=b"* OK x\r\n")])
def test_where_starttls_itself_is_proper_an_alert_means_what_it_says(conduct: Conduct) -> None:
    talk = attacked(conduct, b"t STARTTLS\r\n")
    talk.client.says(hello())
    talk.client.says(alert(70))
    assert talk.verdict == ("reject", "sure", "tls-version")


@TLS
def test_once_tls_is_up_an_alert_proves_nothing_about_what_was_injected(version: str) -> None:
    talk = attacked(INJECTING[1], b"t STARTTLS\r\n")
    talk.client.hears()
    AlertingSide(talk.client, version).alerts(70)
    assert talk.verdict == REJECT


class OpenSslSide:
    """A client of pyOpenSSL, whose verification the application does, and which renegotiates."""

    def __init__(self, talk: Talk, version: str, *, content: bool) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        number = {"TLSv1_2": SSL.TLS1_2_VERSION, "TLSv1_3": SSL.TLS1_3_VERSION}[version]
        context.set_min_proto_version(number)
        context.set_max_proto_version(number)
        trusted = crypto.load_certificate(crypto.FILETYPE_PEM, pem(root().certificate))
        store = context.get_cert_store()
        assert store is not None
        store.add_cert(trusted)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: content)
        self.side, self.tls = talk.client, SSL.Connection(context, None)
        self.tls.set_connect_state()
        self.error = ""
        self.runs(self.tls.do_handshake)

    def runs(self, step: Callable[[], object]) -> None:
        """Let it talk until it waits for nothing, or has failed."""
        for _ in range(9):
            try:
                step()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                self.error = self.error or str(error)
            with suppress(SSL.WantReadError):
                while octets := self.tls.bio_read(65536):
                    self.side.says(octets)
            if heard := self.side.hears():
                self.tls.bio_write(heard)


@TLS
def test_an_application_that_refuses_the_certificate_does_not_refuse_starttls(
    version: str,
) -> None:
    talk = attacked(INJECTING[1], b"t STARTTLS\r\n")
    talk.client.hears()
    client = OpenSslSide(talk, version, content=False)
    assert "certificate verify failed" in client.error
    assert talk.fact("alert-received")["code"] == 80
    talk.client.leaves()
    assert talk.verdict == REJECT
    told = talk.session.finding
    assert told is not None
    assert (told.finding, told.certainty) == ("aborted", "suspected")


def test_who_is_refused_another_handshake_refuses_no_certificate() -> None:
    talk = Talk("imap")
    client = OpenSslSide(talk, "TLSv1_2", content=True)
    assert client.error == ""
    assert client.tls.renegotiate()
    client.runs(client.tls.do_handshake)
    talk.passes(0.2)
    client.runs(client.tls.do_handshake)
    assert talk.fact("alert-sent")["code"] == 100
    assert talk.fact("alert-received")["code"] == 40
    talk.client.leaves()
    assert talk.verdict == NONE


def test_an_alert_in_clear_where_tls_never_came_is_a_reject_of_starttls() -> None:
    talk = attacked(Conduct(then="clear"), b"t STARTTLS\r\n" + hello())
    for octet in alert(70):
        talk.client.says(bytes((octet,)))
    assert talk.verdict == REFUSED


LEFT = ("reject", "suspected", "starttls")
STRIPPED = Conduct(offer="removed", answer=b"{tag} NO\r\n", then="clear")
SILENT = Conduct(then="stall")


@pytest.mark.parametrize(
    ("conduct", "said", "verdict"),
    [
        (STRIPPED, b"", NONE),
        (STRIPPED, b"a CAP", NONE),
        (STRIPPED, b"a CAPABILITY\r\n", LEFT),
        (STRIPPED, b"a LOGOUT\r\n", LEFT),
        (STRIPPED, b"t STARTTLS\r\n", LEFT),
        (STRIPPED, b"t STARTTLS\r\nu LOGOUT\r\n", REFUSED),
        (STRIPPED, b"GET / HTTP/1.0\r\n\r\n", NONE),
        (STRIPPED, b"t STARTTLS\r\nu LOGIN qa x\r\n", NONE),
        (STRIPPED, b"t SELECT inbox\r\n", NONE),
        (SILENT, b"t STARTTLS\r\n", REFUSED),
        (SILENT, b"t STARTTLS\r\n" + hello(), REFUSED),
        (SILENT, b"a CAPABILITY\r\n", NONE),  # the attack would have come later
        (INJECTING[1], b"t STARTTLS\r\n", LEFT),
        (INJECTING[1], b"t STARTTLS\r\nu LOGOUT\r\n", REFUSED),
        (INJECTING[1], b"t STARTTLS\r\n" + hello(), REJECT),
        (Conduct(), b"t STARTTLS\r\n", NONE),
        (Conduct(), b"a CAPABILITY\r\n", NONE),
    ],
)
@pytest.mark.parametrize("grain", [1, 10**6])
def test_who_leaves_before_any_certificate_refuses_the_starttls_that_it_saw(
    conduct: Conduct, said: bytes, verdict: tuple[str, str, str | None], grain: int
) -> None:
    talk = attacked(conduct)
    for at in range(0, len(said), grain):
        talk.client.says(said[at : at + grain])
    talk.client.leaves()
    assert talk.verdict == verdict


@pytest.mark.parametrize(
    ("conduct", "said", "verdict"),
    [
        (STRIPPED, b"", ("hang", "sure", None)),
        (STRIPPED, b"t STARTTLS\r\n", ("hang", "sure", None)),
        (STRIPPED, b"t LOGIN qa x\r\n", NONE),
        (Conduct(then="clear"), b"t STARTTLS\r\n" + hello(), ("hang", "sure", None)),
        (INJECTING[1], b"t STARTTLS\r\n", ("hang", "sure", None)),
    ],
)
def test_who_falls_silent_hangs_unless_it_has_said_too_much(
    conduct: Conduct, said: bytes, verdict: tuple[str, str, str | None]
) -> None:
    talk = attacked(conduct, said)
    talk.passes(11)
    assert talk.verdict == verdict
    assert talk.session.error is None


def test_credentials_in_clear_are_no_verdict_where_tls_follows() -> None:
    talk = attacked(Conduct(), b"a LOGIN qa x\r\n")
    assert talk.session.verdict is None
    talk.client.says(b"t STARTTLS\r\n")
    talk.client.hears()
    client = TlsSide(talk.client, trusting())
    client.says(b"b LOGIN qa x\r\n")
    assert talk.verdict == ("accept", "sure", None)


def test_a_server_that_ends_in_clear_is_not_the_clients_reject() -> None:
    talk = attacked(STRIPPED, b"a CAPABILITY\r\n")
    talk.server.leaves()
    assert talk.verdict == NONE


def test_a_client_without_tls_that_falls_silent_is_not_judged() -> None:
    talk = Talk("imap", "plain")
    talk.greets()
    talk.passes(11)
    assert talk.verdict == NONE
    assert talk.session.error is None


def test_a_client_in_idle_is_no_server_that_does_not_answer() -> None:
    talk = Talk("imap", "plain")
    talk.greets()
    talk.client.says(b"a IDLE\r\n")
    talk.server.says(b"+ idling\r\n")
    talk.passes(11)
    assert talk.session.error is None
