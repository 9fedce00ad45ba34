"""The mailstore's IMAP answers against Dovecot's, for the same messages and commands."""

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from imaplib import IMAP4

import pytest

import dovecot_process
from mitmail.mailstore.seed import seed
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

HEADERS = (
    b"From: Bob <bob@example.test>\r\nSubject: plain\r\nDate: Tue, 1 Jan 2030 10:00:00 +0000",
    b'From: "Doe, Jane \\"JD\\"" <jane@example.test>\r\nTo: a@b.test, "x y" <c@d.test>',
    b"From: carol@example.test (Carol C.)\r\nTo: undisclosed-recipients:;\r\nSubject:",
    b"From: =?UTF-8?Q?J=C3=BCrgen?= <j@b.test>\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?= an\r\n alle",
    b"From: a@b.test\r\nSender: s@b.test\r\nReply-To: r@b.test\r\n"
    b"To: team: x@y.test, z@y.test;, q@y.test",
    b"from: a@b.test\r\nTO: b@b.test\r\nto: c@b.test\r\nCc: d@b.test\r\nBCC: e@b.test\r\n"
    b"In-Reply-To: <1@b.test>\r\nMessage-ID: <2@b.test>\r\nX-Other: value: with colon",
    b"Subject: a\r\n\tfolded  \r\n  twice\r\nFrom: A.\r\n B <a.b@c.test>",
    b"Subject: no sender at all",
    b'From: "quoted local"@example.test\r\nTo: <@relay.test:u@h.test>\r\nSubject: a "quote" \\ b',
    b"From: Bob (a (nested) comment) Builder <bob@example.test>\r\nSubject: (kept)",
)
MESSAGES = (
    *seed(USER, datetime(2020, 1, 1, 12, tzinfo=UTC)),
    *(header + b"\r\n\r\nbody of\r\n.\r\nlines\r\n" for header in HEADERS),
    b"Subject: an empty body\r\n\r\n",
    b"\r\nno header at all\r\n",
    b"Subject: no line end\r\n\r\nlast line",
)
FLAGS = ("", r"\Seen", r"\Deleted", r"\Seen \Flagged", r"\Answered $Forwarded", r"\Draft")

SECTIONS = (
    *("BODY.PEEK[]", "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "RFC822.HEADER", "RFC822.SIZE"),
    *("BODY.PEEK[]<0.20>", "BODY.PEEK[]<10.7>", "BODY.PEEK[TEXT]<3.100>", "BODY.PEEK[]<99999.5>"),
    *("BODY.PEEK[HEADER]<5.9>", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "INTERNALDATE", "FLAGS"),
    *("BODY.PEEK[HEADER.FIELDS (from TO x-other)]", "BODY.PEEK[HEADER.FIELDS (ABSENT)]"),
    *("BODY.PEEK[HEADER.FIELDS.NOT (Subject Date)]", "BODY.PEEK[HEADER.FIELDS (TO)]<2.6>"),
    *("ENVELOPE", "FAST", "(UID FLAGS RFC822.SIZE)"),
)
SEARCHES = (
    *("ALL", "SEEN", "UNSEEN", "DELETED", "UNDELETED", "FLAGGED UNSEEN", "OR DRAFT ANSWERED"),
    *("NOT SEEN", "KEYWORD $forwarded", "UNKEYWORD $Forwarded", "2:4", "*", "3:*", "UID 2:5,9"),
    *("UID 5:2 SEEN", "(SEEN FLAGGED)", "NOT (SEEN FLAGGED)", "SINCE 3-Jan-2020", "1,3 SEEN"),
    *("BEFORE 3-Jan-2020", "ON 3-Jan-2020", "LARGER 300", "SMALLER 300", "FROM jane", "TO x@y"),
    *('SUBJECT "PLAIN"', "HEADER X-Other colon", 'HEADER X-Other ""', 'HEADER Absent ""'),
    *('SUBJECT "folded"', "CC archive", "BCC e@b", "SUBJECT nowhere", "UID 9999", "UID 4000:*"),
)
REFUSED = (
    *("FETCH 999 FLAGS", "FETCH 0 FLAGS", "FETCH 1:999 FLAGS", "FETCH 1 (NONSENSE)", "FETCH 1"),
    *("STORE 1 +FLAGS (\\Recent)", "COPY 1 nowhere", "SELECT nowhere", "STATUS nowhere (UIDNEXT)"),
    *("NONSENSE", "SEARCH NONSENSE", "SEARCH CHARSET x-none ALL"),
    *("DELETE INBOX", "RENAME nowhere elsewhere", "CREATE INBOX", "UID NONSENSE 1"),
)


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
    rb'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r\n|((?:\[[^\]]*\]|[^\s()])+))'
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
            for number, message in enumerate(MESSAGES):
                day, flags = number % 5 + 1, FLAGS[number % len(FLAGS)]
                when = f'" {day}-Jan-2020 12:00:00 +0000"'
                assert client.say(f"APPEND INBOX ({flags}) {when}", message)[0] == "OK"
            assert client.say("SELECT INBOX")[0] == "OK"
        yield ours, theirs


@pytest.mark.parametrize("items", SECTIONS)
def test_fetch_answers_as_dovecot_does(pair: tuple[Client, Client], items: str) -> None:
    ours, theirs = (client.say(f"UID FETCH 1:* {items}") for client in pair)
    assert ours[0] == theirs[0] == "OK"
    for our_message, their_message in zip(normal(ours[1]), normal(theirs[1]), strict=True):
        assert our_message == their_message


@pytest.mark.parametrize("keys", SEARCHES)
def test_search_finds_what_dovecot_finds(pair: tuple[Client, Client], keys: str) -> None:
    for command in ("SEARCH", "UID SEARCH"):
        ours, theirs = (client.say(f"{command} {keys}") for client in pair)
        assert ours == theirs


@pytest.mark.parametrize("command", REFUSED)
def test_what_dovecot_refuses_is_refused_alike(pair: tuple[Client, Client], command: str) -> None:
    ours, theirs = (client.say(command)[0] for client in pair)
    for client in pair:
        client.say("SELECT INBOX")
    assert ours == theirs != "OK"


def test_changes_leave_the_same_mailbox(dovecot: int) -> None:
    commands = (
        *("CREATE work", "CREATE work/deep", 'LIST "" work*', 'LIST "" %', "SUBSCRIBE work"),
        *("SELECT work", "STORE 1:2 +FLAGS (\\Seen $Label)", "STORE 2 -FLAGS.SILENT (\\Seen)"),
        *("FETCH 1:4 FLAGS", "UID STORE 3,4 FLAGS \\Deleted", "UID EXPUNGE 4", "FETCH 1:* UID"),
        *("UID COPY 1:2 work/deep", "STATUS work/deep (MESSAGES UIDNEXT UNSEEN)", "EXPUNGE"),
        *("MOVE 1 work/deep", "FETCH 1:* (UID FLAGS)", "STATUS work/deep (MESSAGES)", "CLOSE"),
        *("RENAME work/deep work/deeper", 'LIST "" *', "DELETE work/deeper", "SELECT work"),
        *(
            "STORE 1 +FLAGS.SILENT \\Deleted",
            "EXAMINE work",
            "CLOSE",
            "STATUS work (MESSAGES)",
            "UNSUBSCRIBE work",
        ),
    )
    answers = []
    with running() as served:
        for port in (served.ports["imap"], dovecot):
            with Client(port) as client:
                client.say("CREATE work")
                client.say("CREATE work/deep")
                for message in MESSAGES[:5]:
                    client.say("APPEND work", message)
                said = [client.say(command) for command in commands]
            answers.append([(status, comparable(found)) for status, found in said])
    for command, ours, theirs in zip(commands, *answers, strict=True):
        assert (command, ours) == (command, theirs)


def comparable(responses: list[list[object]]) -> list[str]:
    """Answers but for names and attributes that a server is free to choose."""
    texts = []
    for response in normal(responses):
        if isinstance(response, list) and response[0] == b"LIST":
            response[1:3] = []
        if isinstance(response, tuple):
            response[1].pop(b"UID", None)  # a server may say it unasked
        texts.append(str(response).upper())
    return sorted(text for text in texts if "LIST" not in text or "WORK" in text)


def test_imaplib_reads_the_same_from_both(dovecot: int) -> None:
    mail = MESSAGES[1]
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
