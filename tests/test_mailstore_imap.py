"""IMAP sessions: greeting, login, literals, limits; by hand and with imaplib."""

import base64
import imaplib
import re
import time
from collections.abc import Iterator
from typing import Self

import pytest

from mitmail.mailstore import connection as connection_module
from test_mailstore_server import DEADLINE, PASSWORD, USER, Served, running

MESSAGES = tuple(b"Subject: %d\r\n\r\nbody %d\r\n" % (n, n) for n in range(1, 5))
LOGIN = f'LOGIN "{USER}" "{PASSWORD}"'.encode()


@pytest.fixture
def served() -> Iterator[Served]:
    with running(*MESSAGES) as served:
        yield served


class Dialogue:
    """IMAP by hand: commands get a tag, answers come as lines with their literals inside."""

    def __init__(self, served: Served, *commands: bytes, login: bool = True) -> None:
        self._socket = served.raw("imap")
        self._file = self._socket.makefile("rb")
        self.greeting = self.answer()
        for command in (LOGIN, *commands) if login else commands:
            assert self.status(command) == "OK"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._socket.close()

    def answer(self) -> bytes:
        """One response without its CRLF; nothing at the end of the connection."""
        whole = line = self._file.readline()
        while found := re.search(rb"\{(\d+)\}\r\n\Z", line):
            whole += self._file.read(int(found[1]))
            line = self._file.readline()
            whole += line
        return whole.removesuffix(b"\r\n")

    def write(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def say(self, command: bytes) -> list[bytes]:
        """All responses to a command, the tagged one last."""
        self.write(b"t " + command + b"\r\n")
        return self.to_tagged()

    def to_tagged(self) -> list[bytes]:
        responses = [self.answer()]
        while responses[-1] and not responses[-1].startswith(b"t "):
            responses.append(self.answer())
        return responses

    def status(self, command: bytes) -> str:
        return self.say(command)[-1].split()[1].decode()

    def tagged(self, command: bytes) -> bytes:
        return self.say(command)[-1]

    def untagged(self, command: bytes) -> list[bytes]:
        *untagged, tagged = self.say(command)
        assert tagged.startswith(b"t OK"), tagged
        return untagged


def plain(password: str = PASSWORD, identity: str = "") -> bytes:
    return base64.b64encode(f"{identity}\0{USER}\0{password}".encode())


USER64, PASSWORD64 = (base64.b64encode(text.encode()) for text in (USER, PASSWORD))


def test_it_names_what_it_can_and_no_more(served: Served) -> None:
    expected = set(
        b"IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN LITERAL+ ID IDLE NAMESPACE CHILDREN "
        b"SPECIAL-USE UIDPLUS UNSELECT MOVE ENABLE LIST-EXTENDED LIST-STATUS STATUS=SIZE "
        b"MULTIAPPEND BINARY".split()
    )
    with Dialogue(served, login=False) as client:
        in_greeting = re.match(rb"\* OK \[CAPABILITY ([^]]*)\]", client.greeting)
        assert in_greeting is not None
        assert set(in_greeting[1].split()) == expected
        assert set(client.untagged(b"capability")[0].split()[2:]) == expected
        assert client.status(b"STARTTLS") == "BAD"
        after_login = re.match(rb"t OK \[CAPABILITY ([^]]*)\]", client.tagged(LOGIN))
        assert after_login is not None
        assert set(after_login[1].split()) == expected


@pytest.mark.parametrize(
    "lines",
    [
        [LOGIN],
        [b"login " + USER.encode() + b' "' + PASSWORD.encode() + b'"'],
        [b"AUTHENTICATE PLAIN " + plain()],
        [b"AUTHENTICATE PLAIN " + plain(identity=USER)],
        [b"AUTHENTICATE plain", plain()],
        [b"AUTHENTICATE LOGIN", USER64, PASSWORD64],
        [b"AUTHENTICATE LOGIN " + USER64, PASSWORD64],
        [b"LOGIN {16}", b"qa@customer.test {11}", b"s3cret word"],
    ],
)
def test_every_way_to_log_in(served: Served, lines: list[bytes]) -> None:
    with Dialogue(served, login=False) as client:
        client.write(b"t ")
        for line in lines[:-1]:
            client.write(line + b"\r\n")
            assert client.answer().startswith(b"+ ")
        client.write(lines[-1] + b"\r\n")
        assert client.to_tagged()[-1].startswith(b"t OK")
        assert client.status(b"SELECT INBOX") == "OK"


@pytest.mark.parametrize(
    "lines",
    [
        [b"AUTHENTICATE PLAIN", b"*"],
        [b"AUTHENTICATE PLAIN ="],
        [b"AUTHENTICATE PLAIN !"],
        [b"AUTHENTICATE PLAIN " + plain(identity="root")],
        [b"AUTHENTICATE LOGIN", b"*"],
        [b"AUTHENTICATE CRAM-MD5"],
        [b"LOGIN onlyuser"],
        [b"LOGIN"],
        [b"LOGIN a b c"],
    ],
)
def test_a_broken_login_is_bad_and_costs_no_try(served: Served, lines: list[bytes]) -> None:
    with Dialogue(served, login=False) as client:
        for _ in range(4):
            client.write(b"t " + b"\r\n".join(lines) + b"\r\n")
            assert client.to_tagged()[-1].startswith(b"t BAD")
        assert client.status(LOGIN) == "OK"


def test_a_wrong_password_is_refused_at_once_and_the_third_ends_the_session(
    served: Served,
) -> None:
    begin = time.monotonic()
    with Dialogue(served, login=False) as client:
        for command in (b'LOGIN "' + USER.encode() + b'" x', b"AUTHENTICATE PLAIN " + plain("x")):
            assert client.tagged(command).startswith(b"t NO [AUTHENTICATIONFAILED]")
            assert client.status(b"NOOP") == "OK"
        assert client.status(b"LOGIN other x") == "NO"
        assert client.answer().startswith(b"* BYE")
        assert client.answer() == b""
    with Dialogue(served, login=False) as client:
        assert client.status(b"LOGIN other x") == "NO"
        assert client.status(LOGIN) == "OK"
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("command", [b"SELECT INBOX", b'LIST "" *', b"IDLE", b"FETCH 1 FLAGS"])
def test_commands_wait_for_their_state(served: Served, command: bytes) -> None:
    with Dialogue(served, login=False) as client:
        assert client.status(command) == "BAD"
    with Dialogue(served) as client:
        assert client.status(LOGIN) == "BAD", "logged in already"
        assert client.status(b"FETCH 1 FLAGS") == "BAD", "nothing is selected"


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        (b"", b"*"),
        (b"t", b"*"),
        (b" NOOP", b"*"),
        (b"t+ NOOP", b"*"),
        (b"t NONSENSE", b"t"),
        (b"t NOOP x", b"t"),
        (b"t SELECT", b"t"),
        (b"t SELECT (", b"t"),
        (b't SELECT "open', b"t"),
        (b"t SELECT INBOX (CONDSTORE)", b"t"),
        (b"t ID", b"t"),
        (b"t SELECT {" + b"9" * 5000 + b"}", b"t"),
    ],
)
def test_what_cannot_be_understood_is_bad_and_the_session_goes_on(
    served: Served, line: bytes, tag: bytes
) -> None:
    with Dialogue(served) as client:
        client.write(line + b"\r\n")
        assert client.answer().startswith(tag + b" BAD ")
        assert client.status(b"NOOP") == "OK"


def test_logout_says_bye_and_closes(served: Served) -> None:
    with Dialogue(served) as client:
        bye, ok = client.say(b"LOGOUT")
        assert bye.startswith(b"* BYE")
        assert ok.startswith(b"t OK")
        assert client.answer() == b""


def test_id_and_namespace(served: Served) -> None:
    with Dialogue(served) as client:
        for command in (b"ID NIL", b'ID ("name" "bench" "os" NIL)', b"ID ()"):
            assert client.untagged(command) == [b'* ID ("name" "mitmail")']
        assert client.untagged(b"NAMESPACE") == [b'* NAMESPACE (("" "/")) NIL NIL']


@pytest.mark.parametrize("plus", [b"", b"+"])
def test_a_literal_at_the_end_keeps_its_last_line_end(served: Served, plus: bytes) -> None:
    with Dialogue(served) as client:
        for octets in (b"S: x\r\n\r\nline\r\n", b"S: x\r\n\r\n", b"\r\n", b"\n", b"x\r", b""):
            client.write(b"t APPEND INBOX {%d%b}\r\n" % (len(octets), plus))
            if not plus:
                assert client.answer().startswith(b"+ ")
            client.write(octets + b"\r\n")
            assert client.to_tagged()[-1].startswith(b"t OK [APPENDUID ")
            stored = served.call(lambda: list(served.store.inbox.messages.values())[-1].octets)
            assert stored == octets


def test_literals_may_stand_anywhere(served: Served) -> None:
    with Dialogue(served) as client:
        client.write(b"t STATUS {5+}\r\nINBOX (MESSAGES)\r\n")
        assert client.to_tagged()[0] == b'* STATUS "INBOX" (MESSAGES 4)'
        client.write(b't LIST {0+}\r\n {5+}\r\ninbox\r\nt SEARCH SUBJECT {1+}\r\n"\r\n')
        assert client.to_tagged()[0].endswith(b'"INBOX"')


def test_an_announced_literal_that_is_too_large_is_refused_before_it_is_sent(
    served: Served,
) -> None:
    with Dialogue(served) as client:
        assert client.tagged(b"APPEND INBOX {67200000}").startswith(b"t NO [OVERQUOTA]")
        assert client.status(b"SELECT {70000}") == "BAD"
        assert client.status(b"NOOP") == "OK"
    with Dialogue(served, login=False) as client:
        assert client.status(b"APPEND INBOX {70000}") == "BAD", "nobody has logged in"
    with Dialogue(served) as client:
        client.write(b"t APPEND INBOX {67200000+}\r\n")
        assert client.answer().startswith(b"t BAD")
        assert client.answer().startswith(b"* BYE")


def test_a_command_of_more_than_64_kib_is_bad_and_ends_the_session(served: Served) -> None:
    with Dialogue(served) as client:
        assert client.status(b"SELECT " + b"x" * 60_000) == "NO"
        client.write(b"t SELECT " + b"x" * 70_000 + b"\r\n")
        assert b" BAD " in client.answer()
        assert client.answer().startswith(b"* BYE")
        assert client.answer() == b""
    with Dialogue(served) as client:
        client.write(b"t LOGIN {1+}\r\nx" + b" {1+}\r\nx" * 20_000 + b"\r\n")
        assert client.answer().startswith(b"t BAD")
        assert client.answer().startswith(b"* BYE")


def test_commands_may_be_pipelined(served: Served) -> None:
    with Dialogue(served) as client:
        client.write(b"a SELECT INBOX\r\nb FETCH 1 UID\r\nc NOOP\r\nd LOGOUT\r\n")
        answers = []
        while answer := client.answer():
            answers.append(answer)
    tags = [answer.split()[0] for answer in answers if not answer.startswith(b"*")]
    assert tags == [b"a", b"b", b"c", b"d"]


ODD = {
    "dots": b"S: x\r\n\r\n.\r\n..\r\n",
    "no line end": b"S: x\r\n\r\nlast",
    "8 bit and NUL": b"S: x\r\n\r\n" + bytes(range(256)) + b"\r\n",
    "bare LF and CR": b"S: x\n\na\r\rb\n.\n",
    "empty body": b"S: x\r\n\r\n",
    "only a header": b"S: x\r\n",
    "5 MB": b"S: x\r\n\r\n" + b"0123456789abcde\n" * 320_000,
}


@pytest.mark.parametrize("octets", ODD.values(), ids=ODD)
def test_what_was_appended_is_fetched_octet_for_octet(served: Served, octets: bytes) -> None:
    with Dialogue(served) as client:
        client.write(b"t APPEND Drafts {%d+}\r\n" % len(octets) + octets + b"\r\n")
        assert client.to_tagged()[-1].startswith(b"t OK")
        client.status(b"SELECT Drafts")
        for item in (b"BODY[]", b"RFC822"):
            (fetched,) = client.untagged(b"FETCH 1 %b" % item)
            start = b"* 1 FETCH (%b {%d}\r\n" % (item, len(octets))
            assert fetched.startswith(start + octets)
        assert b"RFC822.SIZE %d)" % len(octets) in client.untagged(b"FETCH 1 RFC822.SIZE")[0]


def test_imaplib_works_through_a_session(served: Served) -> None:
    with served.imap() as client:
        assert client.select() == ("OK", [b"4"])
        assert client.search(None, "SUBJECT", '"3"') == ("OK", [b"3"])
        assert client.append("Sent", r"(\Seen)", imaplib.Time2Internaldate(0), b"x\r\n")[0] == "OK"
        assert client.status("Sent", "(MESSAGES)") == ("OK", [b'"Sent" (MESSAGES 1)'])
        assert client.store("1", "+FLAGS", r"\Deleted")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.uid("COPY", "2:3", "Trash")[0] == "OK"
        assert client.namespace()[0] == client.noop()[0] == client.check()[0] == "OK"
        assert client.unselect()[0] == "OK"
        assert client.create("a/b")[0] == client.rename("a/b", "a/c")[0] == "OK"
        assert client.subscribe("a/c")[0] == client.lsub()[0] == client.delete("a/c")[0] == "OK"
    client = imaplib.IMAP4("127.0.0.1", served.ports["imap"], timeout=DEADLINE)
    client.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
    client.logout()


def test_a_silent_client_is_let_go(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "IDLE_SECONDS", 0.05)
    with Dialogue(served, login=False) as client:
        assert client.answer() == b""
