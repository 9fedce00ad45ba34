"""A fixup takes place next to the server: what passes is what both sides take for each other's."""

from typing import Any

import pytest

from mitmail.engine.inspection import Inspection
from mitmail.engine.spec import MailProtocol, Mode
from mitmail.fixup import Fixup
from talk import GRAIN, PROTOCOLS, Side, Talk, TlsSide, blind, identity, legs_up, served_by

MODES: list[tuple[Mode, Mode]] = [
    ("implicit", "implicit"), ("implicit", "plain"), ("starttls", "starttls"),
    ("starttls", "plain"), ("plain", "plain"),
]  # fmt: skip
LEGS = pytest.mark.parametrize(("client", "server"), MODES)
ASKING: dict[MailProtocol, bytes] = {
    "imap": b"a CAPABILITY\r\n", "pop3": b"CAPA\r\n", "smtp": b"EHLO x\r\n"
}  # fmt: skip
ABLE: dict[MailProtocol, bytes] = {
    "imap": b"* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE IDLE\r\na OK done\r\n",
    "pop3": b"+OK\r\nTOP\r\nUTF8\r\nPIPELINING\r\n.\r\n",
    "smtp": b"250-mail\r\n250-CHUNKING\r\n250-SIZE 9\r\n250 PIPELINING\r\n",
}  # fmt: skip
LESS: dict[MailProtocol, bytes] = {
    "imap": b"* CAPABILITY IMAP4rev1 IDLE\r\na OK done\r\n",
    "pop3": b"+OK\r\nTOP\r\nPIPELINING\r\n.\r\n",
    "smtp": b"250-mail\r\n250-SIZE 9\r\n250 PIPELINING\r\n",
}  # fmt: skip
DROP: dict[MailProtocol, str] = {"imap": "COMPRESS", "pop3": "UTF8", "smtp": "CHUNKING"}
REFUSED: dict[MailProtocol, bytes] = {
    "imap": b"b COMPRESS DEFLATE\r\n", "pop3": b"UTF8\r\n", "smtp": b"BDAT 6 LAST\r\nQUIT\r\n"
}  # fmt: skip
NOT_KNOWN: dict[MailProtocol, bytes] = {
    "imap": b"b BAD Unknown command\r\n", "pop3": b"-ERR Unknown command\r\n",
    "smtp": b"502 5.5.1 Command not implemented\r\n",
}  # fmt: skip
NOOP: dict[MailProtocol, bytes] = {"imap": b"c NOOP\r\n", "pop3": b"NOOP\r\n", "smtp": b"NOOP\r\n"}


def say(side: "Side | Party", octets: bytes, grain: int = 10**6) -> None:
    """Say this in segments of so many octets."""
    for at in range(0, len(octets), grain):
        side.says(octets[at : at + grain])


class Party:
    """One of both sides, whether it has TLS or not."""

    def __init__(self, talk: Talk, side: Side | TlsSide) -> None:
        self._talk, self._side = talk, side

    def says(self, octets: bytes) -> None:
        """Say this in one segment."""
        self._side.says(octets)
        self._talk.settle()

    def hears(self) -> bytes:
        """What has come since the last time."""
        return self._side.hears()

    def leaves(self) -> None:
        """End."""
        self._side.leaves()
        self._talk.settle()


def fixed(protocol: MailProtocol, client: Mode, server: Mode, **said: Any) -> tuple[Party, Party]:
    """Both sides of a session whose dialogue is changed, behind the greeting."""
    talk, near, far = legs_up(protocol, client, server, fixup=Fixup(**said))
    near.hears()
    far.hears()
    return Party(talk, near), Party(talk, far)


@LEGS
@PROTOCOLS
def test_a_dropped_capability_is_not_announced_and_its_command_never_reaches_the_server(
    protocol: MailProtocol, client: Mode, server: Mode
) -> None:
    near, far = fixed(protocol, client, server, drop=(DROP[protocol],))
    near.says(ASKING[protocol])
    assert far.hears() == ASKING[protocol]
    far.says(ABLE[protocol])
    # What a STARTTLS says of itself before TLS is not the matter here.
    heard = near.hears()
    assert heard == LESS[protocol], heard
    near.says(REFUSED[protocol])
    assert far.hears() == b""
    assert near.hears() == NOT_KNOWN[protocol]
    near.says(NOOP[protocol])
    assert far.hears() == NOOP[protocol]


@GRAIN
@PROTOCOLS
def test_the_network_may_cut_it_anywhere(protocol: MailProtocol, grain: int) -> None:
    near, far = fixed(protocol, "implicit", "plain", drop=(DROP[protocol],))
    say(near, ASKING[protocol] + REFUSED[protocol] + NOOP[protocol], grain)
    first = ASKING[protocol] if protocol != "imap" else ASKING["imap"] + NOOP["imap"]
    assert far.hears() == first
    early = near.hears()
    say(far, ABLE[protocol], grain)
    # In IMAP the tags tell what is answered; elsewhere it is the order.
    answers = (
        NOT_KNOWN[protocol] + LESS[protocol] if early else LESS[protocol] + NOT_KNOWN[protocol]
    )
    assert early + near.hears() == answers
    assert bool(early) is (protocol == "imap")
    assert far.hears() == (b"" if protocol == "imap" else NOOP[protocol])


def test_before_tls_a_relayed_starttls_dialogue_is_changed_too() -> None:
    talk = Talk("smtp", "starttls", "starttls", fixup=Fixup(drop=("CHUNKING",)))
    talk.greets()
    talk.client.says(b"EHLO x\r\n")
    talk.server.says(b"250-mail\r\n250-CHUNKING\r\n250 STARTTLS\r\n")
    assert talk.client.hears().endswith(b"250-mail\r\n250 STARTTLS\r\n")
    talk.client.says(b"STARTTLS\r\n")
    assert talk.server.hears().endswith(b"STARTTLS\r\n")
    talk.server.says(b"220 go\r\n")
    talk.client.hears()
    near, far = TlsSide(talk.client, blind()), TlsSide(talk.server, served_by(identity()))
    talk.passes(0.2)
    near.says(b"EHLO x\r\n")
    far.says(b"250-mail\r\n250-CHUNKING\r\n250 SIZE 9\r\n")
    assert near.hears() == b"250-mail\r\n250 SIZE 9\r\n"


def test_without_a_fixup_octets_pass_as_they_come() -> None:
    near, far = fixed("imap", "implicit", "implicit")
    near.says(b"a NO")
    assert far.hears() == b"a NO"
    far.says(b"* CAP")
    assert near.hears() == b"* CAP"


@pytest.mark.parametrize(
    ("said", "passed", "answered"),
    [
        # The client waits for the go-ahead of its literal, or does not.
        (b"b ID ({3}\r\n", b"", b"b BAD Unknown command\r\n"),
        (b"b ID ({3+}\r\n", b"", b""),
        (b"b ID ({3+}\r\nabc NIL)\r\n", b"", b"b BAD Unknown command\r\n"),
        (b"b ID ({3}\r\n|c NOOP\r\n", b"c NOOP\r\n", b"b BAD Unknown command\r\n"),
        (b"b ID NIL\r\nc ID NIL\r\n", b"", b"b BAD Unknown command\r\nc BAD Unknown command\r\n"),
        (b'b ID ("n" "{3}")\r\nabc\r\n', b"abc\r\n", b"b BAD Unknown command\r\n"),
    ],
)
def test_a_refused_command_ends_where_it_ends(said: bytes, passed: bytes, answered: bytes) -> None:
    near, far = fixed("imap", "implicit", "plain", claim=("ID",), refuse=frozenset({"ID"}))
    for segment in said.split(b"|"):
        near.says(segment)
    assert (far.hears(), near.hears()) == (passed, answered)


def test_a_capability_is_claimed_that_the_product_itself_rejects() -> None:
    near, far = fixed("imap", "implicit", "plain", claim=("ID",), refuse=frozenset({"ID"}))
    near.says(b"a CAPABILITY\r\n")
    far.says(b"* CAPABILITY IMAP4rev1\r\na OK done\r\n")
    assert near.hears() == b"* CAPABILITY IMAP4rev1 ID\r\na OK done\r\n"


@pytest.mark.parametrize(
    ("drop", "command", "passes"),
    [
        ("SMTPUTF8", b"MAIL FROM:<a@b.test> SMTPUTF8\r\n", False),
        ("SMTPUTF8", b"MAIL FROM:<a@b.test> SIZE=9\r\n", True),
        ("SMTPUTF8", b"MAIL FROM:<SMTPUTF8@b.test>\r\n", True),
        ("BINARYMIME", b"MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n", False),
        ("BINARYMIME", b"MAIL FROM:<a@b.test> BODY=8BITMIME\r\n", True),
        ("DSN", b"RCPT TO:<a@b.test> NOTIFY=NEVER\r\n", False),
        ("PIPELINING", b"MAIL FROM:<a@b.test>\r\n", True),
    ],
)
def test_a_parameter_of_a_dropped_extension_is_refused(
    drop: str, command: bytes, passes: bool
) -> None:
    near, far = fixed("smtp", "implicit", "plain", drop=(drop,))
    near.says(command)
    assert far.hears() == (command if passes else b"")
    assert near.hears() == (b"" if passes else b"555 5.5.4 Unsupported parameter\r\n")


def test_binary_parts_are_refused_where_binary_is_dropped() -> None:
    near, far = fixed("imap", "implicit", "plain", drop=("BINARY",))
    near.says(b"a UID FETCH 1 (BINARY.PEEK[1])\r\nb FETCH 1 BODY[]\r\n")
    assert far.hears() == b"b FETCH 1 BODY[]\r\n"
    assert near.hears() == b"a BAD Unknown command\r\n"


@GRAIN
@pytest.mark.parametrize(
    ("protocol", "own", "heard"),
    [
        ("imap", b"* OK [CAPABILITY IMAP4rev1] mail\r\n", b"* OK [CAPABILITY IMAP4rev1] hi\r\n"),
        ("imap", b"* PREAUTH mail\r\n", b"* PREAUTH hi\r\n"),
        ("imap", b"* BYE mail\r\n", b"* BYE mail\r\n"),
        ("pop3", b"+OK mail <1@x>\r\n", b"+OK hi\r\n"),
        ("smtp", b"220-mail\r\n220 mail\n", b"220 hi\n"),
        ("smtp", b"554 no\r\n", b"554 no\r\n"),
    ],
)
def test_a_banner_is_reworded_and_its_status_stays(
    protocol: MailProtocol, own: bytes, heard: bytes, grain: int
) -> None:
    talk = Talk(protocol, "plain", "plain", fixup=Fixup(greeting=b"hi"))
    say(talk.server, own, grain)
    assert talk.client.hears() == heard


@GRAIN
@pytest.mark.parametrize(
    ("protocol", "goodbye", "own", "heard"),
    [
        ("imap", b"a LOGOUT\r\n", b"* BYE mail\r\na OK\r\n", b"* BYE ciao\r\na OK\r\n"),
        ("pop3", b"QUIT\r\n", b"+OK mail\r\n", b"+OK ciao\r\n"),
        ("pop3", b"QUIT\r\n", b"-ERR mail\r\n", b"-ERR mail\r\n"),
        ("smtp", b"QUIT\r\n", b"221 2.0.0 mail\r\n", b"221 ciao\r\n"),
        ("smtp", b"NOOP\r\n", b"250 mail\r\n", b"250 mail\r\n"),
    ],
)
def test_a_farewell_is_reworded(
    protocol: MailProtocol, goodbye: bytes, own: bytes, heard: bytes, grain: int
) -> None:
    near, far = fixed(protocol, "implicit", "implicit", farewell=b"ciao")
    say(near, goodbye, grain)
    say(far, own, grain)
    assert near.hears() == heard


def test_what_a_server_had_begun_to_say_is_not_lost_when_it_leaves() -> None:
    near, far = fixed("smtp", "implicit", "plain", farewell=b"ciao")
    far.says(b"421 going dow")
    far.leaves()
    assert near.hears() == b"421 going dow"


def test_a_client_may_talk_before_the_greeting() -> None:
    talk = Talk("smtp", "plain", "plain", fixup=Fixup(drop=("CHUNKING",)))
    talk.client.says(b"BDAT 1\r\nxNOOP\r\n")
    talk.server.says(b"220 mail\r\n")
    assert talk.client.hears() == b"220 mail\r\n502 5.5.1 Command not implemented\r\n"
    assert talk.server.hears() == b"NOOP\r\n"


@pytest.mark.parametrize(
    ("said", "passed", "answered"),
    [
        (b"USER qa/mail.test\r\n", b"USER qa\r\n", b""),
        (b"USER qa@x.test/MAIL.test \r\n", b"USER qa@x.test \r\n", b""),
        (b"USER a/b/mail.test\r\n", b"USER a/b\r\n", b""),
        (b"USER qa\r\n", b"", b"-ERR Log in as name/server\r\n"),
        (b"USER qa/other.test\r\n", b"", b"-ERR Log in as name/server\r\n"),
    ],
)
def test_an_explicit_proxy_is_told_the_server_with_the_name(
    said: bytes, passed: bytes, answered: bytes
) -> None:
    near, far = fixed("pop3", "plain", "plain", servers=("mail.test",))
    near.says(said)
    assert (far.hears(), near.hears()) == (passed, answered)


def test_of_a_refused_message_nothing_is_kept_and_other_floods_have_an_end() -> None:
    inspection = Inspection("smtp", Fixup(drop=("CHUNKING",)))
    inspection.server(b"220 mail\r\n")
    assert inspection.client(b"EHLO x\r\n") == b"EHLO x\r\n"
    assert inspection.client(b"BDAT 9000000\r\n") == b""
    for _ in range(9):
        assert inspection.client(b"x" * 1_000_000) == b""
    assert not inspection.flooded
    inspection.client(b"NOOP\r\n" * 50_000)
    assert inspection.flooded


def test_a_flood_behind_a_refused_command_ends_the_session() -> None:
    talk, near, _ = legs_up("smtp", "implicit", "plain", fixup=Fixup(drop=("CHUNKING",)))
    near.says(b"EHLO x\r\nBDAT 0\r\n" + (b"NOOP " + b"x" * 5000 + b"\r\n") * 60)
    assert talk.session.over
    assert "flood" in talk.facts


def test_a_session_is_judged_as_it_would_be_without_the_fixup() -> None:
    with_it, near, far = legs_up("imap", "implicit", "implicit", fixup=Fixup(drop=("IDLE",)))
    near.says(b"a LOGIN qa secret\r\n")
    assert far.hears() == b"a LOGIN qa secret\r\n"
    assert with_it.verdict == ("accept", "sure", None)
    assert with_it.session.finding is None
