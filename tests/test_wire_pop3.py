"""The POP3 tracker, where the other protocols have nothing alike."""

import poplib
import socket
import threading

import pytest

from mitmail.wire import Dialogue, Kind, Piece, dialogue


def greeted() -> Dialogue:
    tracker = dialogue("pop3")
    tracker.server(b"+OK ready\r\n")
    return tracker


def told(pieces: list[Piece]) -> list[str]:
    return [" ".join(filter(None, (p.kind.value, p.verb, p.status))) for p in pieces]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"PASS hunter2\r\n", b"PASS ***\r\n"),
        (b" pass \t hunter2 with spaces\n", b"pass ***\n"),
        (b"PASS\r\n", b"PASS\r\n"),
        (b"Apop bob c4c9334b\r\n", b"Apop ***\r\n"),
        (b"AUTH PLAIN AGEAYg==\r\n", b"AUTH PLAIN ***\r\n"),
        (b"AUTH AGEAYg==\r\n", b"AUTH ***\r\n"),
        (b"hunter2\r\n", b"***\r\n"),
        (b"USER bob\r\n", b"USER bob\r\n"),
    ],
)
def test_the_password_is_never_shown(line: bytes, shown: bytes) -> None:
    assert greeted().client(line)[0].shown == shown


def test_a_message_is_shown_by_its_size_and_a_list_as_it_is() -> None:
    tracker = greeted()
    tracker.client(b"RETR 1\r\nLIST\r\n")
    retrieved = tracker.server(b"+OK\r\nsecret\r\n.\r\n")
    assert b"".join(p.shown for p in retrieved) == b"+OK\r\n<8 octets>.\r\n"
    listed = tracker.server(b"+OK\r\n1 120\r\n.\r\n")
    assert b"".join(p.shown for p in listed) == b"+OK\r\n1 120\r\n.\r\n"


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("CAPA", True),
        ("RETR 1", True),
        ("TOP 1 0", True),
        ("LIST", True),
        ("UIDL", True),
        ("LIST 1", False),
        ("uidl 1", False),
        ("AUTH", True),
        ("STAT", False),
        ("STLS", False),
        ("QUIT", False),
    ],
)
def test_the_command_tells_whether_lines_follow(command: str, lines: bool) -> None:
    tracker = greeted()
    tracker.client(command.encode() + b"\r\n")
    (first,) = tracker.server(b"+OK\r\n")
    assert first.kind is (Kind.PART if lines else Kind.REPLY)
    assert first.ok is not lines
    assert bool(tracker.outstanding) is lines


def test_auth_alone_asks_for_a_list_and_is_no_exchange() -> None:
    tracker = greeted()
    assert told(tracker.client(b"AUTH\r\nCAPA\r\n")) == ["command AUTH", "command CAPA"]


def test_an_error_is_one_line_whatever_the_command() -> None:
    tracker = greeted()
    tracker.client(b"CAPA\r\nRETR 1\r\nSTLS\r\n")
    assert told(tracker.server(b"-ERR\r\n-err no\r\n+OK go\r\n+OK more\r\n")) == [
        "reply CAPA -ERR",
        "reply RETR -ERR",
        "reply STLS +OK",
        "after-starttls STLS",
    ]


def test_a_plus_is_a_go_ahead_for_auth_only() -> None:
    tracker = greeted()
    tracker.client(b"NOOP\r\nAUTH PLAIN\r\n")
    assert told(tracker.server(b"+ \r\n+OK\r\n+ \r\n")) == [
        "part NOOP",
        "reply NOOP +OK",
        "continue AUTH +",
    ]


def test_a_line_that_is_no_reply_answers_nothing() -> None:
    tracker = dialogue("pop3")
    assert told(tracker.server(b"hello\r\n+ \r\n")) == ["part", "part +"]
    assert not tracker.greeted
    assert told(tracker.server(b"-ERR busy\r\n")) == ["greeting -ERR"]
    tracker.client(b"NOOP\r\n")
    assert told(tracker.server(b"+OKAY\r\nOK\r\n")) == ["part NOOP", "part NOOP"]


def test_poplib_is_understood() -> None:
    heard: list[Piece] = []
    tracker = dialogue("pop3")
    replies = {
        b"USER": b"+OK\r\n",
        b"PASS": b"+OK in\r\n",
        b"LIST": b"+OK\r\n1 120\r\n.\r\n",
        b"RETR": b"+OK\r\n..\r\nSTLS\r\n.\r\n",
        b"QUIT": b"+OK bye\r\n",
    }

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(10)
        with connection, connection.makefile("rb") as lines:
            heard.extend(tracker.server(b"+OK ready\r\n"))
            connection.sendall(b"+OK ready\r\n")
            for line in lines:
                heard.extend(tracker.client(line))
                answer = replies[line.split()[0]]
                heard.extend(tracker.server(answer))
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        client = poplib.POP3("127.0.0.1", listener.getsockname()[1], timeout=10)
        client.user("alice")
        client.pass_("hunter2")
        assert client.list()[1] == [b"1 120"]
        assert client.retr(1)[1] == [b".", b"STLS"]
        client.quit()
        server.join(10)
    assert not server.is_alive()
    answered = [p.verb for p in heard if p.kind is Kind.REPLY and p.ok]
    assert answered == ["USER", "PASS", "LIST", "RETR", "QUIT"]
    assert b"hunter2" not in b"".join(p.shown for p in heard)
