"""What becomes of mail that a client submits through a shield that screens."""

from collections.abc import Iterator
from typing import Any

import pytest

from letters import CLEAN, FOOTER, INFECTED, MARKS, NO_EDITS, letter, marking
from mitmail.engine import action
from mitmail.message.edit import Edit, edited
from mitmail.message.part import parse
from mitmail.screening import MIB, Scanned, Screening, Way
from mitmail.wire.dots import stuffed
from talk import GRAIN, Side, Talk, TlsSide, legs_up

ENVELOPE = b"EHLO me\r\nMAIL FROM:<a@customer.test>\r\nRCPT TO:<b@customer.test>\r\n"
MARKED = edited(CLEAN, parse(CLEAN), Edit(
    headers=(MARKS[0], "X-Antivirus-Status: Clean"), footer=FOOTER,
))  # fmt: skip


class Server:
    """An SMTP server that takes what it is given, and keeps it."""

    def __init__(self, side: Side | TlsSide, refuses: dict[str, bytes] | None = None) -> None:
        self.side = side
        self.talk = side.talk if isinstance(side, Side) else side.side.talk
        self.refuses = refuses or {}
        self.mails: list[bytes] = []
        self.commands: list[bytes] = []
        self._body: bytes | None = None
        self._chunks = b""
        self._wanted: int | None = None
        self._last = False
        self._heard = b""

    def turn(self) -> None:
        self._heard += self.side.hears()
        while self._step():
            self._heard += self.side.hears()

    def _step(self) -> bool:
        if self._wanted is not None:
            return self._chunk(self._wanted)
        if self._body is not None:
            return self._data()
        line, end, rest = self._heard.partition(b"\r\n")
        if not end:
            return False
        self._heard = rest
        self.commands.append(line)
        self._answer(line)
        return True

    def _data(self) -> bool:
        body, end, rest = (b"\r\n" + self._heard).partition(b"\r\n.\r\n")
        if not end:
            return False
        self.mails.append((body + b"\r\n")[2:].replace(b"\r\n.", b"\r\n"))
        if self.mails[-1].startswith(b"."):
            self.mails[-1] = self.mails[-1][1:]
        self._body, self._heard = None, rest
        self.side.says(self.refuses.get("message", b"250 2.0.0 queued as 4711\r\n"))
        return True

    def _chunk(self, wanted: int) -> bool:
        if len(self._heard) < wanted:
            return False
        self._chunks += self._heard[:wanted]
        self._heard = self._heard[wanted:]
        self._wanted = None
        if self._last:
            self.mails.append(self._chunks)
            self._chunks = b""
        self.side.says(self.refuses.get("message", b"250 2.0.0 chunk\r\n"))
        return True

    def _answer(self, line: bytes) -> None:
        verb = line.split(b" ")[0].decode().upper()
        if verb in self.refuses:
            self.side.says(self.refuses[verb])
        elif verb == "DATA":
            self._body = b""
            self.side.says(b"354 go\r\n")
        elif verb == "BDAT":
            self._wanted = int(line.split()[1])
            self._last = line.endswith(b"LAST")
        elif verb == "EHLO":
            self.side.says(b"250-mail\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
        else:
            self.side.says(b"250 2.0.0 ok\r\n")


def opened(
    screening: Screening, *, refuses: dict[str, bytes] | None = None, **orders: Any
) -> tuple[Talk, Side | TlsSide, Server]:
    talk, client, server = legs_up("smtp", "plain", "plain", screening=screening, **orders)
    client.hears()
    return talk, client, Server(server, refuses)


def says(client: Side | TlsSide, server: Server, octets: bytes, grain: int = 10**6) -> bytes:
    """Say this in segments of so many octets, the server answering; the replies."""
    for at in range(0, len(octets), grain):
        client.says(octets[at : at + grain])
        server.talk.settle()
        server.turn()
        server.talk.settle()
    return client.hears()


def data(mail: bytes) -> bytes:
    return b"DATA\r\n" + stuffed(mail) + b".\r\n"


def bdat(mail: bytes, size: int = 40) -> Iterator[bytes]:
    chunks = [mail[at : at + size] for at in range(0, len(mail), size)]
    for chunk in chunks[:-1]:
        yield b"BDAT %d\r\n" % len(chunk) + chunk
    yield b"BDAT %d LAST\r\n" % len(chunks[-1]) + chunks[-1]


def chunked(mail: bytes) -> bytes:
    return b"".join(bdat(mail))


SENDINGS = {"data": data, "bdat": chunked}


@GRAIN
@pytest.mark.parametrize("how", SENDINGS)
def test_with_edits_off_the_server_gets_what_the_client_sent(how: str, grain: int) -> None:
    _, client, server = opened(NO_EDITS)
    said = says(client, server, ENVELOPE + SENDINGS[how](CLEAN) + b"QUIT\r\n", grain)
    assert server.mails == [CLEAN]
    assert server.commands[-1] == b"QUIT"
    assert said.count(b"\r\n250 ") + said.count(b"\r\n354 ") >= 4


@GRAIN
@pytest.mark.parametrize("how", SENDINGS)
def test_a_clean_mail_is_marked(how: str, grain: int) -> None:
    talk, client, server = opened(marking())
    says(client, server, ENVELOPE + SENDINGS[how](CLEAN), grain)
    assert server.mails == [MARKED]
    assert talk.fact("screened")["status"] == "clean"


def test_the_servers_last_word_is_the_clients() -> None:
    _, client, server = opened(marking())
    says(client, server, ENVELOPE)
    assert says(client, server, data(CLEAN)).endswith(b"250 2.0.0 queued as 4711\r\n")


@pytest.mark.parametrize("how", SENDINGS)
@pytest.mark.parametrize("kind", INFECTED)
def test_an_infected_mail_is_refused_and_never_reaches_the_server(kind: str, how: str) -> None:
    talk, client, server = opened(marking())
    says(client, server, ENVELOPE)
    said = says(client, server, SENDINGS[how](INFECTED[kind]()))
    assert said.endswith(b"554 5.7.1 The message was not sent: it is infected\r\n")
    assert server.mails == []
    assert b"DATA" not in server.commands
    assert "EICAR" in str(talk.fact("popup")["words"])
    assert says(client, server, ENVELOPE + data(CLEAN)).count(b"queued as 4711") == 1
    assert server.mails == [MARKED]


def test_it_can_be_swallowed() -> None:
    _, client, server = opened(Screening(outbound=Way(infected="swallow")))
    said = says(client, server, ENVELOPE + data(INFECTED["zip"]()))
    assert said.endswith(b"250 2.0.0 Message accepted for delivery\r\n")
    assert server.mails == []


def test_it_can_be_marked_and_sent() -> None:
    _, client, server = opened(Screening(outbound=Way(infected="mark", subject="***VIRUS***")))
    says(client, server, ENVELOPE + data(INFECTED["base64"]()))
    assert b"Subject: ***VIRUS*** hello\r\n" in server.mails[0]


def test_a_refused_data_reaches_the_client_with_the_servers_words() -> None:
    refusal = b"554 5.7.9 not today\r\n"
    _, client, server = opened(marking(), refuses={"DATA": refusal})
    assert says(client, server, ENVELOPE + data(CLEAN)).endswith(b"354 End data with "
        b"<CR><LF>.<CR><LF>\r\n" + refusal)  # fmt: skip
    assert says(client, server, b"NOOP\r\n") == b"250 2.0.0 ok\r\n"


@pytest.mark.parametrize("how", SENDINGS)
def test_a_refused_message_reaches_the_client_with_the_servers_words(how: str) -> None:
    refusal = b"552-5.3.4 too\r\n552 5.3.4 big\r\n"
    _, client, server = opened(marking(), refuses={"message": refusal})
    assert says(client, server, ENVELOPE + SENDINGS[how](CLEAN)).endswith(refusal)


def test_without_a_recipient_the_server_answers_data_itself() -> None:
    _, client, server = opened(marking(), refuses={"RCPT": b"550 no\r\n", "DATA": b"503 no\r\n"})
    assert says(client, server, ENVELOPE + b"DATA\r\n").endswith(b"550 no\r\n503 no\r\n")
    assert says(client, server, b"NOOP\r\n") == b"250 2.0.0 ok\r\n"


def test_accepted_at_once_and_lost() -> None:
    way = Way(at_once=True)
    talk, client, server = opened(
        Screening(outbound=way), refuses={"message": b"550 5.1.1 nobody\r\n"}
    )
    said = says(client, server, ENVELOPE + data(CLEAN))
    assert said.endswith(b"250 2.0.0 Message accepted for delivery\r\n")
    assert b"550" not in said
    assert "550 5.1.1 nobody" in str(talk.fact("popup")["words"])


@pytest.mark.parametrize("how", SENDINGS)
def test_a_mail_over_the_limit_passes_unedited_and_unscanned(how: str) -> None:
    mail = letter(b"x" * 70 + b"\r\n") * 50
    talk, client, server = opened(marking(limit=1000))
    said = says(client, server, ENVELOPE + SENDINGS[how](mail), 200)
    assert server.mails == [mail]
    assert b"554" not in said
    assert talk.fact("unscanned")["words"] == "larger than the scanner takes"
    assert says(client, server, ENVELOPE + SENDINGS[how](CLEAN[:300])).count(b"250 ") >= 3
    assert len(server.mails) == 2


@pytest.mark.parametrize("how", SENDINGS)
@pytest.mark.parametrize("refuses", [{}, {"message": b"552 too big\r\n"}])
def test_a_mail_after_one_over_the_limit_is_screened(how: str, refuses: dict[str, bytes]) -> None:
    _, client, server = opened(marking(limit=1000), refuses=refuses)
    says(client, server, ENVELOPE + SENDINGS["bdat"](letter(b"x" * 70 + b"\r\n") * 50), 200)
    server.mails.clear()
    says(client, server, ENVELOPE[9:])
    assert b"554 5.7.1" in says(client, server, SENDINGS[how](INFECTED["plain"]()))
    assert server.mails == []


@pytest.mark.parametrize("line", [b"bdat %d\tLAST \r\n", b" BDAT  %d last\n"])
def test_a_chunk_is_known_however_it_is_written(line: bytes) -> None:
    _, client, server = opened(marking())
    mail = INFECTED["plain"]()
    assert b"554 5.7.1" in says(client, server, ENVELOPE + line % len(mail) + mail)


def test_a_refusal_of_a_mail_over_the_limit_reaches_the_client() -> None:
    _, client, server = opened(marking(limit=100), refuses={"DATA": b"552 too big\r\n"})
    says(client, server, ENVELOPE)
    assert says(client, server, data(CLEAN)).endswith(b"552 too big\r\n")
    assert says(client, server, b"NOOP\r\n") == b"250 2.0.0 ok\r\n"


def test_the_declared_size_grows_with_what_is_written() -> None:
    _, client, server = opened(marking())
    says(client, server, b"EHLO me\r\nMAIL FROM:<a@b.test> SIZE=%d BODY=8BITMIME\r\n" % len(CLEAN))
    declared = int(server.commands[-1].split(b"SIZE=")[1].split()[0])
    assert len(MARKED) <= declared <= len(MARKED) + 2000
    assert server.commands[-1].endswith(b" BODY=8BITMIME")


def test_with_edits_off_the_declared_size_stays() -> None:
    _, client, server = opened(NO_EDITS)
    says(client, server, b"EHLO me\r\nMAIL FROM:<a@b.test> SIZE=12\r\n")
    assert server.commands[-1] == b"MAIL FROM:<a@b.test> SIZE=12"


def test_a_client_that_pipelines_everything_gets_its_replies_in_order() -> None:
    _, client, server = opened(marking())
    said = says(client, server, ENVELOPE + data(CLEAN) + ENVELOPE[9:] + data(CLEAN) + b"QUIT\r\n")
    codes = [line[:3] for line in said.split(b"\r\n") if line[3:4] == b" "]
    assert codes == [b"250"] * 3 + [b"354", b"250"] + [b"250"] * 2 + [b"354", b"250", b"250"]
    assert server.mails == [MARKED] * 2


def outside(**changes: Any) -> Screening:
    return marking(scanner="driver", **changes)


def scans(talk: Talk) -> list[action.Scan]:
    return [each for each in talk.actions if isinstance(each, action.Scan)]


def test_a_driver_is_asked_and_waited_for() -> None:
    talk, client, server = opened(outside())
    assert says(client, server, ENVELOPE + data(CLEAN) + b"NOOP\r\n").endswith(b"<LF>\r\n")
    (scan,) = scans(talk)
    assert scan.octets == CLEAN
    talk.perform(talk.session.scanned(scan.token, Scanned()))
    server.turn()
    assert server.mails == [MARKED]
    assert client.hears().endswith(b"queued as 4711\r\n250 2.0.0 ok\r\n")


def test_what_a_driver_finds_is_refused() -> None:
    talk, client, server = opened(outside())
    says(client, server, ENVELOPE + data(CLEAN))
    talk.perform(talk.session.scanned(1, Scanned(threat="Something.Bad")))
    server.turn()
    assert client.hears().startswith(b"554 5.7.1")
    assert "Something.Bad" in str(talk.fact("popup")["words"])


@pytest.mark.parametrize(("then", "mails"), [("pass", 1), ("refuse", 0)])
def test_a_scanner_that_fails_leaves_mail_unscanned(then: str, mails: int) -> None:
    talk, client, server = opened(outside(unscanned=then))
    says(client, server, ENVELOPE + data(CLEAN))
    talk.perform(talk.session.scanned(1, Scanned(error="clamd is down")))
    server.turn()
    assert len(server.mails) == mails
    assert "clamd is down" in str(talk.fact("unscanned")["words"])
    assert client.hears().startswith(b"250" if mails else b"554")
    if mails:
        assert b"X-Antivirus-Status: Not scanned\r\n" in server.mails[0]


@pytest.mark.parametrize("who", ["client", "server"])
def test_an_answer_for_somebody_who_has_gone_changes_nothing(who: str) -> None:
    talk, client, server = opened(outside())
    says(client, server, ENVELOPE + data(CLEAN))
    getattr(talk, who).leaves()
    talk.perform(talk.session.scanned(1, Scanned()))
    talk.perform(talk.session.scanned(1, Scanned(threat="twice")))
    server.turn()
    talk.passes(60)
    assert talk.session.over
    assert talk.session.error is None
    assert server.mails == ([MARKED] if who == "client" else [])


def test_a_slow_scan_keeps_the_client_waiting() -> None:
    talk, client, server = opened(marking(delay=5.0))
    assert says(client, server, ENVELOPE + data(CLEAN)).endswith(b"<LF>\r\n")
    talk.passes(4.9)
    server.turn()
    assert client.hears() == b""
    talk.passes(0.2)
    server.turn()
    assert b"queued" in client.hears()


@pytest.mark.parametrize("server_mode", ["plain", "implicit", "starttls"])
@pytest.mark.parametrize("client_mode", ["plain", "implicit", "starttls"])
def test_mail_is_screened_whatever_the_legs(client_mode: Any, server_mode: Any) -> None:
    talk, client, far = legs_up("smtp", client_mode, server_mode, screening=marking())
    server = Server(far)
    client.hears()
    says(client, server, ENVELOPE + data(CLEAN))
    assert server.mails == [MARKED]
    assert talk.session.error is None


def test_a_server_that_never_answers_does_not_fill_the_memory() -> None:
    talk, client, _ = legs_up("smtp", "implicit", "plain", screening=marking(limit=1000))
    client.says(ENVELOPE + b"DATA\r\n")
    said = 0
    while action.Pause("client") not in talk.actions:
        client.says(b"x\r\n" * (MIB // 48))
        said += MIB // 16
        assert said < 2 * MIB
    assert talk.session.error is None


def left_at(server: Server, verb: bytes, words: bytes) -> None:
    """The server leaves at the first octets of this command, with these words."""
    assert server.side.hears().startswith(verb)
    if words:
        server.side.says(words)
    server.side.leaves()


@pytest.mark.parametrize(
    ("how", "verb", "limit"),
    [("data", b"DATA", MIB), ("data", b"DATA", 100), ("bdat", b"BDAT", MIB)],
)
def test_the_last_words_of_a_server_that_leaves_reach_the_client(
    how: str, verb: bytes, limit: int
) -> None:
    _, client, server = opened(marking(limit=limit))
    says(client, server, ENVELOPE)
    client.says(SENDINGS[how](CLEAN))
    left_at(server, verb, b"421 4.7.0 too busy\r\n")
    assert client.hears().endswith(b"421 4.7.0 too busy\r\n")


def test_a_server_that_leaves_before_a_refusal_does_not_keep_it() -> None:
    talk, client, server = opened(outside())
    says(client, server, ENVELOPE + data(CLEAN))
    server.side.leaves()
    talk.perform(talk.session.scanned(1, Scanned(threat="Something.Bad")))
    assert client.hears().startswith(b"554 5.7.1")


def test_a_mail_accepted_at_once_for_a_server_that_leaves_is_said_to_be_lost() -> None:
    talk, client, server = opened(Screening(outbound=Way(at_once=True)))
    says(client, server, ENVELOPE)
    client.says(data(CLEAN))
    assert client.hears().endswith(b"250 2.0.0 Message accepted for delivery\r\n")
    left_at(server, b"DATA", b"")
    assert "the mail server has left" in str(talk.fact("popup")["words"])
