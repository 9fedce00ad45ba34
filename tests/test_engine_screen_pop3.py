"""What a POP3 client fetches through a shield that screens."""

from typing import Any

import pytest

from letters import CLEAN, FOOTER, INFECTED, MARKS, NO_EDITS, letter, marking
from mitmail.engine.screen import ROOM
from mitmail.message.edit import Edit, edited
from mitmail.message.header import header_end
from mitmail.message.part import parse
from mitmail.message.threat import EICAR
from mitmail.screening import Drip, Scanned, Screening, Way
from mitmail.wire.dots import stuffed, unstuffed
from talk import GRAIN, Side, Talk, TlsSide, legs_up

MARKED = edited(CLEAN, parse(CLEAN), Edit(
    headers=(MARKS[0], "X-Antivirus-Status: Clean"), footer=FOOTER,
))  # fmt: skip


class Server:
    """A POP3 server with these mails."""

    def __init__(self, side: Side | TlsSide, *mails: bytes, grain: int = 10**6) -> None:
        self.side = side
        self.talk = side.talk if isinstance(side, Side) else side.side.talk
        self.mails = dict(enumerate(mails, 1))
        self.commands: list[bytes] = []
        self.deleted: set[int] = set()
        self._heard = b""
        self._grain = grain

    def turn(self) -> None:
        while True:
            self.talk.settle()
            self._heard += self.side.hears()
            line, end, rest = self._heard.partition(b"\r\n")
            if not end:
                return
            self._heard = rest
            self.commands.append(line)
            said = self._answer(line.upper().split())
            for at in range(0, len(said), self._grain):
                self.side.says(said[at : at + self._grain])

    def _answer(self, words: list[bytes]) -> bytes:
        left = {n: mail for n, mail in self.mails.items() if n not in self.deleted}
        number = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        match words[0]:
            case b"STAT":
                return b"+OK %d %d\r\n" % (len(left), sum(map(len, left.values())))
            case b"LIST" if not number:
                lines = (b"%d %d\r\n" % (n, len(mail)) for n, mail in left.items())
                return b"+OK\r\n" + b"".join(lines) + b".\r\n"
            case b"RETR" | b"TOP" | b"DELE" | b"LIST" if number not in left:
                return b"-ERR no such message\r\n"
            case b"LIST":
                return b"+OK %d %d\r\n" % (number, len(left[number]))
            case b"RETR":
                return b"+OK here\r\n" + stuffed(left[number]) + b".\r\n"
            case b"TOP":
                return b"+OK\r\n" + left[number][: header_end(left[number])] + b".\r\n"
            case b"DELE":
                self.deleted.add(number)
            case b"RSET":
                self.deleted.clear()
        return b"+OK\r\n"


def opened(
    screening: Screening, *mails: bytes, grain: int = 10**6
) -> tuple[Talk, Side | TlsSide, Server]:
    talk, client, server = legs_up("pop3", "plain", "plain", screening=screening)
    client.hears()
    return talk, client, Server(server, *mails, grain=grain)


def says(client: Side | TlsSide, server: Server, octets: bytes) -> bytes:
    client.says(octets)
    server.turn()
    return client.hears()


def content(reply: bytes) -> bytes:
    """The message in a reply of several lines."""
    status, _, rest = reply.partition(b"\r\n")
    assert status.startswith(b"+OK"), status
    assert rest.endswith(b".\r\n")
    return unstuffed(rest[:-3])


@GRAIN
def test_with_edits_off_the_client_gets_what_the_server_has(grain: int) -> None:
    _, client, server = opened(NO_EDITS, CLEAN, b"", b"\r\n", b".\r\n..\r\n", grain=grain)
    for number, mail in server.mails.items():
        assert content(says(client, server, b"RETR %d\r\n" % number)) == mail
    assert says(client, server, b"STAT\r\n") == b"+OK 4 %d\r\n" % (len(CLEAN) + 2 + 7)


@GRAIN
def test_a_clean_mail_is_marked_and_its_size_is_told(grain: int) -> None:
    talk, client, server = opened(marking(), CLEAN, grain=grain)
    reply = says(client, server, b"RETR 1\r\n")
    assert reply.startswith(b"+OK %d octets\r\n" % len(MARKED))
    assert content(reply) == MARKED
    assert talk.fact("screened")["status"] == "clean"


def test_sizes_are_those_of_the_edited_messages() -> None:
    _, client, server = opened(marking(), CLEAN, letter(b"x\r\n"))
    sizes = [len(content(says(client, server, b"RETR %d\r\n" % n))) for n in (1, 2)]
    _, client, server = opened(marking(), CLEAN, letter(b"x\r\n"))
    assert says(client, server, b"STAT\r\n") == b"+OK 2 %d\r\n" % sum(sizes)
    assert says(client, server, b"LIST 2\r\n") == b"+OK 2 %d\r\n" % sizes[1]
    assert content(says(client, server, b"LIST\r\n")) == b"1 %d\r\n2 %d\r\n" % tuple(sizes)
    asked = len(server.commands)
    assert content(says(client, server, b"RETR 2\r\n")).endswith(b"Checked by Test\r\n")
    assert len(server.commands) == asked, "it was kept"


def test_a_deleted_message_is_in_no_list() -> None:
    _, client, server = opened(marking(), CLEAN, CLEAN)
    says(client, server, b"DELE 1\r\n")
    assert says(client, server, b"STAT\r\n") == b"+OK 1 %d\r\n" % len(MARKED)
    assert says(client, server, b"LIST 1\r\n") == b"-ERR no such message\r\n"


def test_a_deleted_message_is_given_no_more() -> None:
    _, client, server = opened(marking(), CLEAN)
    says(client, server, b"RETR 1\r\nDELE 1\r\n")
    for command in (b"RETR 1\r\n", b"TOP 1 0\r\n"):
        assert says(client, server, command) == b"-ERR no such message\r\n"
    says(client, server, b"RSET\r\n")
    assert content(says(client, server, b"RETR 1\r\n")) == MARKED


def test_a_message_that_is_deleted_no_more_is_screened() -> None:
    _, client, server = opened(marking(), INFECTED["plain"](), CLEAN)
    says(client, server, b"DELE 1\r\nRETR 2\r\nRSET\r\n")
    assert EICAR not in content(says(client, server, b"RETR 1\r\n"))


def test_dots_do_not_make_a_message_too_large() -> None:
    mail = letter(b".\r\n" * 300)
    screening = marking(limit=len(mail), drip=Drip(header="X-Filler: 0", seconds=1.0))
    _, client, server = opened(screening, mail)
    assert b"X-Antivirus-Status: Clean\r\n" in content(says(client, server, b"RETR 1\r\n"))


@pytest.mark.parametrize("lines", [0, 1, 2, 100])
def test_top_is_the_top_of_the_edited_message(lines: int) -> None:
    _, client, server = opened(marking(), CLEAN)
    top = content(says(client, server, b"TOP 1 %d\r\n" % lines))
    text = header_end(MARKED)
    wanted = MARKED[text:].split(b"\n")[: min(lines, MARKED[text:].count(b"\n"))]
    assert top == MARKED[:text] + b"".join(line + b"\n" for line in wanted)


@pytest.mark.parametrize("kind", INFECTED)
def test_an_infected_mail_is_replaced(kind: str) -> None:
    talk, client, server = opened(marking(), INFECTED[kind]())
    mail = content(says(client, server, b"RETR 1\r\n"))
    assert b"Subject: ***VIRUS*** hello\r\n" in mail
    assert b"X-Antivirus-Status: Infected\r\n" in mail
    assert EICAR not in mail
    assert "EICAR" in str(talk.fact("popup")["words"])


def test_it_is_deleted_on_the_server_when_the_client_is_done() -> None:
    way = Way(infected="replace-body", delete=True)
    _, client, server = opened(Screening(inbound=way), CLEAN, INFECTED["zip"]())
    says(client, server, b"RETR 2\r\nRETR 1\r\nRSET\r\n")
    assert says(client, server, b"QUIT\r\n") == b"+OK\r\n"
    assert server.deleted == {2}
    assert server.commands[-2:] == [b"DELE 2", b"QUIT"]


def test_a_mail_over_the_limit_passes_unedited() -> None:
    mail = letter(b"x" * 70 + b"\r\n") * 50
    talk, client, server = opened(marking(limit=1000), CLEAN, mail)
    assert content(says(client, server, b"RETR 2\r\n")) == mail
    assert content(says(client, server, b"RETR 1\r\n")) == MARKED
    assert content(says(client, server, b"LIST\r\n")).endswith(b"2 %d\r\n" % len(mail))
    assert talk.fact("unscanned")["octets"] == len(mail)


def test_the_servers_refusals_are_the_clients() -> None:
    _, client, server = opened(marking(), CLEAN)
    for command in (b"RETR 9\r\n", b"TOP 9 1\r\n", b"LIST 9\r\n"):
        assert says(client, server, command) == b"-ERR no such message\r\n"
    assert says(client, server, b"RETR x\r\n").startswith(b"-ERR")


def test_pipelined_commands_are_answered_in_order() -> None:
    _, client, server = opened(marking(), CLEAN)
    said = says(client, server, b"NOOP\r\nRETR 1\r\nUIDL 1\r\nRETR 9\r\nQUIT\r\n")
    heads = [line for line in said.split(b"\r\n") if line[:3] in (b"+OK", b"-ER")]
    assert heads == [
        b"+OK", b"+OK %d octets" % len(MARKED), b"+OK", b"-ERR no such message", b"+OK",
    ]  # fmt: skip


def test_sizes_can_be_a_lie() -> None:
    _, client, server = opened(marking(sizes="server", literals="server"), CLEAN)
    assert says(client, server, b"STAT\r\n") == b"+OK 1 %d\r\n" % len(CLEAN)
    reply = says(client, server, b"RETR 1\r\n")
    assert reply.startswith(b"+OK %d octets\r\n" % len(CLEAN))
    assert content(reply) == MARKED


def test_a_waiting_client_gets_filler_lines() -> None:
    screening = marking(delay=3.5, drip=Drip(header="X-Filler: 0", seconds=1.0))
    talk, client, server = opened(screening, CLEAN)
    assert says(client, server, b"RETR 1\r\n") == b"+OK\r\n"
    talk.passes(2.1)
    assert client.hears() == b"X-Filler: 0\r\n" * 2
    talk.passes(10)
    assert client.hears() == b"X-Filler: 0\r\n" + stuffed(MARKED) + b".\r\n"


def test_a_server_that_leaves_during_the_scan_has_said_all() -> None:
    talk, client, server = opened(marking(scanner="driver"), CLEAN)
    says(client, server, b"RETR 1\r\n")
    talk.server.leaves()
    talk.perform(talk.session.scanned(1, Scanned()))
    assert content(client.hears()) == MARKED
    talk.passes(30)
    assert talk.session.over
    assert talk.session.error is None


@pytest.mark.parametrize("server_mode", ["plain", "implicit", "starttls"])
@pytest.mark.parametrize("client_mode", ["plain", "implicit", "starttls"])
def test_mail_is_screened_whatever_the_legs(client_mode: Any, server_mode: Any) -> None:
    _, client, far = legs_up("pop3", client_mode, server_mode, screening=marking())
    client.hears()
    assert content(says(client, Server(far, CLEAN), b"RETR 1\r\n")) == MARKED


@pytest.mark.parametrize("grain", [10_000, 10**8])
def test_a_mail_larger_than_its_server_said_is_never_empty(grain: int) -> None:
    drip = Drip(header="X-Filler: 0", seconds=1.0)
    mail = letter(b".x" * 35 + b"\r\n") + (b".x" * 35 + b"\r\n") * (ROOM // 50)
    talk, client, server = opened(marking(limit=1000, drip=drip), mail)
    client.says(b"RETR 1\r\n")
    assert server.side.hears() == b"LIST\r\n"
    server.side.says(b"+OK\r\n1 100\r\n.\r\n")
    assert server.side.hears() == b"RETR 1\r\n"
    reply = b"+OK here\r\n" + stuffed(mail) + b".\r\n"
    server.side.says(reply[:1000])
    talk.passes(1)
    for at in range(1000, len(reply), grain):
        server.side.says(reply[at : at + grain])
    assert client.hears() == b"+OK\r\nX-Filler: 0\r\n" + stuffed(mail) + b".\r\n"
    assert talk.fact("unscanned")["words"] == "larger than the scanner takes"
    client.says(b"NOOP\r\n")
    assert server.side.hears() == b"NOOP\r\n"
