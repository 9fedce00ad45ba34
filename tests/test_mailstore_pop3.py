"""POP3, with Python's poplib and by hand."""

import base64
import poplib
import time
from collections.abc import Iterator

import pytest

from mitmail.mailstore import connection as connection_module
from test_mailstore_server import PASSWORD, USER, Served, running

MESSAGES = (
    b"Subject: one\r\n\r\n1\r\n2\r\n3\r\n",
    b"Subject: dots\r\n\r\n.\r\n..a\r\n",
    b"Subject: three\r\n\r\nno line end",
)


@pytest.fixture
def served() -> Iterator[Served]:
    with running(*MESSAGES) as served:
        yield served


class Dialogue:
    """POP3 by hand; answers come with their raw octets."""

    def __init__(self, served: Served, *, login: bool = True) -> None:
        self._socket = served.raw("pop3")
        self._file = self._socket.makefile("rb")
        assert self.answer().startswith(b"+OK")
        if login:
            self.say(b"USER " + USER.encode())
            assert self.say(b"PASS " + PASSWORD.encode()).startswith(b"+OK")

    def __enter__(self) -> "Dialogue":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._socket.close()

    def answer(self) -> bytes:
        return self._file.readline()

    def say(self, line: bytes) -> bytes:
        self._socket.sendall(line + b"\r\n")
        return self.answer()

    def many(self, line: bytes) -> list[bytes]:
        """The lines of a multi-line answer, still dot-stuffed."""
        assert self.say(line).startswith(b"+OK")
        lines = []
        while (found := self.answer()) != b".\r\n":
            lines.append(found)
        return lines

    def message(self, line: bytes) -> bytes:
        """A message, unstuffed as RFC 1939 says: where CRLF came before."""
        assert self.say(line).startswith(b"+OK")
        octets = b"\r\n"
        while not octets.endswith(b"\r\n.\r\n"):
            octets += self._file.read(1)
        return octets[:-3].replace(b"\r\n.", b"\r\n")[2:]


def inbox(served: Served) -> list[bytes]:
    return served.call(lambda: [m.octets for m in served.store.inbox.messages.values()])


def test_it_names_what_it_can_before_and_after_login(served: Served) -> None:
    expected = {
        *(b"USER\r\n", b"UIDL\r\n", b"TOP\r\n", b"PIPELINING\r\n", b"SASL PLAIN LOGIN\r\n"),
        *(b"RESP-CODES\r\n", b"AUTH-RESP-CODE\r\n"),
    }
    with Dialogue(served, login=False) as client:
        assert set(client.many(b"CAPA")) == expected
        assert client.many(b"AUTH") == [b"PLAIN\r\n", b"LOGIN\r\n"]
        assert client.say(b"STLS").startswith(b"-ERR")
    with Dialogue(served) as client:
        assert set(client.many(b"capa")) == expected


def test_poplib_sees_the_mailbox(served: Served) -> None:
    client = served.pop3()
    assert client.stat() == (3, sum(map(len, MESSAGES)))
    assert client.list()[1] == [f"{n} {len(m)}".encode() for n, m in enumerate(MESSAGES, 1)]
    one: object = client.list(2)  # typeshed knows only the answer to LIST without a number
    assert one == f"+OK 2 {len(MESSAGES[1])}".encode()
    uids = [line.split()[1] for line in client.uidl()[1]]
    assert len(set(uids)) == 3
    assert client.uidl(3).split()[2] == uids[2]
    assert client.retr(2)[1] == [b"Subject: dots", b"", b".", b"..a"]
    assert client.top(1, 2)[1] == [b"Subject: one", b"", b"1", b"2"]
    assert client.top(1, 0)[1] == [b"Subject: one", b""]
    assert client.top(1, 99)[1] == [b"Subject: one", b"", b"1", b"2", b"3"]
    assert client.noop()
    client.quit()


def test_uids_stay_from_session_to_session(served: Served) -> None:
    uids = []
    for _ in range(2):
        client = served.pop3()
        uids.append(client.uidl()[1])
        client.quit()
    assert uids[0] == uids[1]


def _plain(user: str = USER, password: str = PASSWORD) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


USER64, PASSWORD64 = (base64.b64encode(text.encode()) for text in (USER, PASSWORD))


@pytest.mark.parametrize(
    "lines",
    [
        [b"AUTH PLAIN " + _plain()],
        [b"auth plain", _plain()],
        [b"AUTH LOGIN", USER64, PASSWORD64],
        [b"AUTH LOGIN " + USER64, PASSWORD64],
        [b"AUTH PLAIN " + base64.b64encode(f"{USER}\0{USER}\0{PASSWORD}".encode())],
    ],
)
def test_sasl_with_and_without_initial_response(served: Served, lines: list[bytes]) -> None:
    with Dialogue(served, login=False) as client:
        for line in lines[:-1]:
            assert client.say(line).startswith(b"+ ")
        assert client.say(lines[-1]).startswith(b"+OK 3 messages")
        assert client.say(b"STAT").startswith(b"+OK 3 ")


@pytest.mark.parametrize(
    "lines",
    [
        [b"AUTH PLAIN", b"*"],
        [b"AUTH PLAIN !!!"],
        [b"AUTH PLAIN ="],
        [b"AUTH PLAIN " + base64.b64encode(b"no separators")],
        [b"AUTH PLAIN " + base64.b64encode(f"root\0{USER}\0{PASSWORD}".encode())],
        [b"AUTH LOGIN", b"*"],
        [b"AUTH LOGIN", USER64, b"*"],
        [b"AUTH CRAM-MD5"],
        [b"PASS " + PASSWORD.encode()],
        [b"USER"],
    ],
)
def test_a_broken_login_is_refused_and_costs_no_try(served: Served, lines: list[bytes]) -> None:
    with Dialogue(served, login=False) as client:
        for _ in range(4):
            assert [client.say(line) for line in lines][-1].startswith(b"-ERR ")
        assert client.say(b"AUTH PLAIN " + _plain()).startswith(b"+OK")


def test_a_wrong_password_is_refused_at_once_and_the_third_ends_the_session(
    served: Served,
) -> None:
    begin = time.monotonic()
    with Dialogue(served, login=False) as client:
        for user, password in ((USER, "wrong"), ("other", PASSWORD), (USER, PASSWORD[:-1])):
            assert client.say(b"USER " + user.encode()) == b"+OK\r\n"
            assert client.say(b"PASS " + password.encode()).startswith(b"-ERR [AUTH]")
        assert client.answer() == b""
    with Dialogue(served, login=False) as client:
        assert client.say(b"AUTH PLAIN " + _plain(password="x")).startswith(b"-ERR [AUTH]")
        assert client.say(b"AUTH PLAIN " + _plain()).startswith(b"+OK")
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("command", [b"STAT", b"LIST", b"UIDL", b"RETR 1", b"DELE 1", b"RSET"])
def test_nothing_is_shown_before_login(served: Served, command: bytes) -> None:
    with Dialogue(served, login=False) as client:
        assert client.say(command).startswith(b"-ERR")


def test_deletion_takes_effect_at_quit_only(served: Served) -> None:
    with Dialogue(served) as client:
        assert client.say(b"DELE 2").startswith(b"+OK")
        for command in (b"DELE 2", b"RETR 2", b"LIST 2", b"UIDL 2", b"TOP 2 0"):
            assert client.say(command).startswith(b"-ERR")
        assert client.say(b"STAT").startswith(b"+OK 2 ")
        assert [line.split()[0] for line in client.many(b"LIST")] == [b"1", b"3"]
        assert [line.split()[0] for line in client.many(b"UIDL")] == [b"1", b"3"]
    assert inbox(served) == list(MESSAGES), "the client left without QUIT"
    with Dialogue(served) as client:
        client.say(b"DELE 1")
        client.say(b"RSET")
        client.say(b"DELE 3")
        assert client.say(b"QUIT").startswith(b"+OK")
        assert client.answer() == b""
    assert inbox(served) == list(MESSAGES[:2])


def test_the_maildrop_is_what_was_there_at_login(served: Served) -> None:
    with Dialogue(served) as client:
        served.call(lambda: served.store.deliver(b"Subject: new\r\n\r\n"))
        first = served.call(lambda: next(iter(served.store.inbox.messages.values())))
        served.call(lambda: served.store.inbox.remove([first]))
        assert client.say(b"STAT").startswith(b"+OK 3 ")
        assert client.message(b"RETR 1") == MESSAGES[0]
    with Dialogue(served) as client:
        assert client.message(b"RETR 3") == b"Subject: new\r\n\r\n"


@pytest.mark.parametrize(
    "argument", [b"", b" 0", b" 4", b" -1", b" x", b" 99999999999999999999", b" 1 x"]
)
def test_wrong_message_numbers_are_refused(served: Served, argument: bytes) -> None:
    with Dialogue(served) as client:
        for command in (b"RETR", b"DELE", b"TOP"):
            assert client.say(command + argument).startswith(b"-ERR")


ODD = {
    "dots": b"S: x\r\n\r\n.\r\n..\r\n.a\r\n.",
    "starts with a dot": b".S: x\r\n\r\n",
    "no line end": b"S: x\r\n\r\nlast",
    "only a header": b"S: x",
    "ends in CR": b"S: x\r\n\r\na\r",
    "8 bit and NUL": b"S: x\r\n\r\n\0" + bytes(range(256)) + b"\r\n",
    "bare LF": b"S: x\n\na\n.\nb\n",
    "empty body": b"S: x\r\n\r\n",
    "5 MB": b"S: x\r\n\r\n" + b"....\r\n" * 850_000,
}


@pytest.mark.parametrize("octets", ODD.values(), ids=ODD)
def test_a_message_is_retrieved_octet_for_octet(octets: bytes) -> None:
    end = b"" if octets.endswith(b"\r\n") else b"\r\n"  # RFC 1939 cannot say that it is missing
    with running(octets) as served, Dialogue(served) as client:
        assert client.say(b"LIST 1") == b"+OK 1 %d\r\n" % len(octets)
        if len(octets) < 100_000:
            assert client.message(b"RETR 1") == octets + end
        else:
            lines = client.many(b"RETR 1")
            plain = (line[1:] if line.startswith(b".") else line for line in lines)
            assert b"".join(plain) == octets + end


def test_an_empty_message_is_nothing_but_the_final_dot() -> None:
    with running(b"") as served, Dialogue(served) as client:
        assert client.many(b"RETR 1") == []


def test_commands_may_be_pipelined(served: Served) -> None:
    with served.raw("pop3") as connection:
        commands = f"USER {USER}\r\nPASS {PASSWORD}\r\nSTAT\r\nNOOP\r\nQUIT\r\n"
        connection.sendall(commands.encode())
        answers = b""
        while chunk := connection.recv(4096):
            answers += chunk
    assert answers.count(b"+OK") == 6
    assert answers.endswith(b"+OK Bye\r\n")


def test_a_silent_client_is_let_go(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "IDLE_SECONDS", 0.05)
    with served.raw("pop3") as connection:
        file = connection.makefile("rb")
        assert file.readline().startswith(b"+OK")
        assert file.readline() == b""
        file.close()


def test_poplib_is_told_why_it_is_refused(served: Served) -> None:
    client = poplib.POP3("127.0.0.1", served.ports["pop3"], timeout=9)
    client.user(USER)
    with pytest.raises(poplib.error_proto, match="Wrong user name or password"):
        client.pass_("wrong")
    client.quit()
