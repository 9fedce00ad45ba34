"""The mailstore's IMAP answers against Dovecot's, for the same messages and commands."""

import re
import socket
from collections.abc import Iterator
from imaplib import IMAP4

import pytest

import dovecot_process
from dovecot_commands import (
    CHANGES,
    DIFFERENT,
    EVERY,
    FETCHES,
    REFUSED,
    SEARCHES,
    SEARCHES_8BIT,
    SEEING,
    different_messages,
)
from dovecot_corpus import FLAGS, MESSAGES
from test_mailstore_server import DEADLINE, PASSWORD, USER, running

SETTINGS = """\
protocols = imap
ssl = no
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
}}
"""
NAMES = tuple(MESSAGES)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[int]:
    """Dovecot with one empty mailbox; its IMAP port."""
    with dovecot_process.home(USER, PASSWORD) as home:
        with socket.create_server((dovecot_process.HOST, 0)) as reserved:
            port = reserved.getsockname()[1]
        with dovecot_process.started(home, SETTINGS.format(port=port), [port]):
            yield port


class Client:
    """A raw IMAP client that takes answers apart: literals, strings, NIL, lists."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self._file = self._socket.makefile("rb")
        self._file.readline()
        self.say(f'LOGIN "{USER}" "{PASSWORD}"')

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._socket.close()

    def say(self, command: str, literal: bytes | None = None) -> tuple[str, list[list[object]]]:
        """Status of the tagged answer, and the untagged data responses."""
        announced = f" {{{len(literal)}+}}\r\n".encode() + literal if literal is not None else b""
        self._socket.sendall(b"t " + command.encode() + announced + b"\r\n")
        responses = []
        while not (response := self._response()).startswith(b"t "):
            if not re.match(rb"\* (OK|BYE|FLAGS)", response):
                responses.append(list(_tokens(response[2:])))
        return response.split()[1].decode(), responses

    def _response(self) -> bytes:
        whole = line = self._file.readline()
        while found := re.search(rb"\{(\d+)\}\r\n\Z", line):
            whole += self._file.read(int(found[1]))
            line = self._file.readline()
            whole += line
        assert line, "the server left"
        return whole.removesuffix(b"\r\n")


TOKEN = re.compile(
    rb'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|~?\{(\d+)\}\r\n|((?:\[[^\]]*\]|[^\s()])+))'
)


def _tokens(text: bytes) -> Iterator[object]:
    stack: list[list[object]] = [[]]
    at = 0
    while found := TOKEN.match(text, at):
        at = found.end()
        opens, closes, quoted, size, atom = found.groups()
        if opens:
            stack.append([])
        elif closes:
            done = stack.pop()
            stack[-1].append(done)
        elif size:
            stack[-1].append(text[at : at + int(size)])
            at += int(size)
        elif quoted is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted))
        else:
            stack[-1].append(None if atom == b"NIL" else atom.upper())
    assert at == len(text), text[at:]
    assert len(stack) == 1
    yield from stack[0]


def normal(responses: list[list[object]]) -> list[object]:
    r"""Answers without what may differ: order, \Recent, blanks at folds, zeros of the day."""
    found: list[object] = []
    for response in responses:
        if response[1:2] == [b"FETCH"] and isinstance(response[2], list):
            items = dict(zip(response[2][::2], response[2][1::2], strict=True))
            if isinstance(items.get(b"FLAGS"), list):
                items[b"FLAGS"] = sorted(set(items[b"FLAGS"]) - {b"\\RECENT"})
            if isinstance(items.get(b"INTERNALDATE"), bytes):
                items[b"INTERNALDATE"] = items[b"INTERNALDATE"].strip(b" 0")
            if isinstance(items.get(b"ENVELOPE"), list):
                items[b"ENVELOPE"][1] = b" ".join((items[b"ENVELOPE"][1] or b"").split())
            found.append((response[0], items))
        elif response[1:2] not in ([b"RECENT"], [b"EXISTS"]):
            found.append(response)
    return found


@pytest.fixture(scope="module")
def pair(dovecot: int) -> Iterator[tuple[Client, Client]]:
    """Both servers with the same messages, INBOX open."""
    with running() as served, Client(served.ports["imap"]) as ours, Client(dovecot) as theirs:
        for client in (ours, theirs):
            for number, message in enumerate(MESSAGES.values()):
                day, flags = number % 5 + 1, FLAGS[number % len(FLAGS)]
                when = f'" {day}-Jan-2020 12:00:00 +0000"'
                assert client.say(f"APPEND INBOX ({flags}) {when}", message)[0] == "OK"
            assert client.say("SELECT INBOX")[0] == "OK"
        yield ours, theirs


def fetched(client: Client, command: str) -> dict[str, object]:
    """The answer for each message by the message's name."""
    responses = client.say(command)[1]
    by_number = {response[0]: response for response in normal(responses)}  # type: ignore[index]
    return {name: by_number.get(b"%d" % n) for n, name in enumerate(NAMES, 1)}


@pytest.mark.parametrize("command", FETCHES)
def test_fetch_answers_as_dovecot_does(pair: tuple[Client, Client], command: str) -> None:
    ours, theirs = (fetched(client, command) for client in pair)
    different = {name for name in NAMES if ours[name] != theirs[name]}
    assert different == different_messages(command), [
        (ours[name], theirs[name]) for name in different
    ]


@pytest.mark.parametrize("command", [*SEARCHES, *SEARCHES_8BIT])
def test_search_finds_what_dovecot_finds(pair: tuple[Client, Client], command: str) -> None:
    ours, theirs = (found(client, command) for client in pair)
    assert ours == theirs


def found(client: Client, command: str) -> set[str]:
    """The names of the messages that a SEARCH finds."""
    literal = None
    if command in SEARCHES_8BIT:
        *words, sought = command.split(" ", 4)
        command, literal = " ".join(words), sought.encode()
    status, responses = client.say(command, literal)
    assert status == "OK"
    assert [response[0] for response in responses] == [b"SEARCH"]
    return {NAMES[int(str(number, "ascii")) - 1] for number in responses[0][1:]}  # type: ignore[call-overload]


def test_every_command_is_one_of_its_own_and_there_are_enough() -> None:
    assert len(set(EVERY)) == len(EVERY)
    equal = [x for x in EVERY if x not in DIFFERENT and not different_messages(x)]
    assert len(equal) >= 90


@pytest.mark.parametrize("command", REFUSED)
def test_what_dovecot_refuses_is_refused_alike(pair: tuple[Client, Client], command: str) -> None:
    ours, theirs = (client.say(command)[0] for client in pair)
    for client in pair:
        client.say("SELECT INBOX")
    assert ours == theirs != "OK"


def test_reading_marks_as_seen_what_dovecot_marks(dovecot: int) -> None:
    with running() as served, Client(served.ports["imap"]) as ours, Client(dovecot) as theirs:
        for client in (ours, theirs):
            client.say("CREATE seeing")
            client.say("APPEND seeing", MESSAGES["nested"])
            client.say("SELECT seeing")
        for item in SEEING:
            answers = []
            for client in (ours, theirs):
                client.say("STORE 1 FLAGS.SILENT ()")
                client.say(f"FETCH 1 {item}")
                answers.append(client.say("SEARCH SEEN"))
            assert (item, answers[0]) == (item, answers[1])


def test_changes_leave_the_same_mailbox(dovecot: int) -> None:
    answers = []
    with running() as served:
        for port in (served.ports["imap"], dovecot):
            with Client(port) as client:
                client.say("CREATE work")
                client.say("CREATE work/deep")
                for message in list(MESSAGES.values())[:5]:
                    client.say("APPEND work", message)
                said = [client.say(command) for command in CHANGES]
            answers.append(
                [
                    (status, comparable(command, found))
                    for command, (status, found) in zip(CHANGES, said, strict=True)
                ]
            )
    for command, ours, theirs in zip(CHANGES, *answers, strict=True):
        assert (command, ours == theirs) == (command, command not in DIFFERENT), (ours, theirs)


FREE = {rb"\HASCHILDREN", rb"\HASNOCHILDREN", rb"\UNMARKED", rb"\MARKED"}


def comparable(command: str, responses: list[list[object]]) -> list[str]:
    """Answers but for names and attributes that a server is free to choose."""
    texts = []
    for response in normal(responses):
        if isinstance(response, list) and response[0] in (b"LIST", b"LSUB"):
            response[1] = sorted(set(response[1]) - (set() if "CHILDREN" in command else FREE))
        if isinstance(response, tuple):
            response[1].pop(b"UID", None)  # a server may say it unasked
        texts.append(str(response).upper())
    lists = ("LIST", "LSUB")
    return sorted(text for text in texts if "WORK" in text or not any(x in text for x in lists))


def test_imaplib_reads_the_same_from_both(dovecot: int) -> None:
    mail = MESSAGES["utf-8"]
    with running() as served:
        for port in (served.ports["imap"], dovecot):
            with IMAP4("127.0.0.1", port, timeout=DEADLINE) as client:
                client.login(USER, PASSWORD)
                client.create("stdlib")
                client.append("stdlib", "", "", mail)
                client.select("stdlib")
                found = client.fetch("1", "(RFC822)")[1][0]
                assert found is not None
                assert found[1] == mail
