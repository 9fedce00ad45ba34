"""A thousand mails through every protocol: untouched with edits off, sound with edits on."""

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import test_engine_screen_pop3 as pop3
import test_engine_screen_smtp as smtp
from letters import FOOTER, MARKS, NO_EDITS, marking
from mime import mail
from mitmail.screening import Screening
from mitmail.wire.dots import stuffed
from talk import Side, TlsSide, legs_up

QUICK = range(60)
ALL = range(1000)
NUMBERS = pytest.mark.parametrize(
    "numbers", [QUICK, pytest.param(ALL, marks=pytest.mark.long)], ids=["60", "1000"]
)
GRAINS = (1000, 1447, 10**6)


def ended(octets: bytes) -> bytes:
    """What a protocol of lines makes of a message: the last line has an end."""
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"


class ImapServer:
    """An IMAP server with one mailbox, which says no more than it is asked."""

    def __init__(self, side: Side | TlsSide, mails: dict[int, bytes], grain: int = 10**6) -> None:
        self.side, self.mails, self.grain = side, mails, grain
        self.talk = side.talk if isinstance(side, Side) else side.side.talk
        self.commands: list[bytes] = []
        self._heard = b""

    def turn(self) -> None:
        while True:
            self.talk.settle()
            self._heard += self.side.hears()
            line, end, rest = self._heard.partition(b"\r\n")
            if not end:
                return
            self._heard = rest
            self.commands.append(line)
            said = self._answer(line)
            for at in range(0, len(said), self.grain):
                self.side.says(said[at : at + self.grain])

    def _answer(self, line: bytes) -> bytes:
        tag = line.split()[0]
        found = re.search(rb" FETCH (\d+) \((.*)\)", line)
        said = b""
        if found and int(found[1]) in self.mails:
            octets, values = self.mails[int(found[1])], []
            for item in found[2].split():
                if item == b"UID":
                    values.append(b"UID " + found[1])
                elif item == b"RFC822.SIZE":
                    values.append(b"RFC822.SIZE %d" % len(octets))
                else:
                    values.append(b"BODY[] {%d}\r\n" % len(octets) + octets)
            said = b"* " + found[1] + b" FETCH (" + b" ".join(values) + b")\r\n"
        return said + tag + b" OK done\r\n"


def by_smtp(screening: Screening, mails: list[bytes], grain: int) -> list[bytes]:
    _, client, server = smtp.opened(screening)
    smtp.says(client, server, smtp.ENVELOPE[:9])
    for one in mails:
        smtp.says(client, server, smtp.ENVELOPE[9:] + b"DATA\r\n")
        smtp.says(client, server, stuffed(one) + b".\r\n", grain)
    return server.mails


def by_bdat(screening: Screening, mails: list[bytes], grain: int) -> list[bytes]:
    _, client, server = smtp.opened(screening)
    smtp.says(client, server, smtp.ENVELOPE[:9])
    for one in mails:
        half = len(one) // 2
        smtp.says(client, server, smtp.ENVELOPE[9:])
        chunks = b"BDAT %d\r\n" % half + one[:half]
        chunks += b"BDAT %d LAST\r\n" % (len(one) - half) + one[half:]
        smtp.says(client, server, chunks, grain)
    return server.mails


def by_pop3(screening: Screening, mails: list[bytes], grain: int) -> list[bytes]:
    _, client, server = pop3.opened(screening, *mails, grain=grain)
    replies = [pop3.says(client, server, b"RETR %d\r\n" % n) for n in server.mails]
    return [pop3.content(reply) for reply in replies]


def by_imap(screening: Screening, mails: list[bytes], grain: int) -> list[bytes]:
    _, client, far = legs_up("imap", "plain", "plain", screening=screening)
    server = ImapServer(far, dict(enumerate(mails, 1)), grain)
    client.hears()
    found = []
    for number in server.mails:
        client.says(b"a FETCH %d (RFC822.SIZE BODY[])\r\n" % number)
        server.turn()
        reply = re.fullmatch(
            rb"\* \d+ FETCH \(RFC822.SIZE (\d+) BODY\[\] \{(\d+)\}\r\n(.*)\)\r\na OK done\r\n",
            client.hears(), re.DOTALL,
        )  # fmt: skip
        assert reply is not None
        assert int(reply[1]) == int(reply[2]) == len(reply[3])
        found.append(reply[3])
    return found


WAYS: dict[str, Callable[[Screening, list[bytes], int], list[bytes]]] = {
    "smtp": by_smtp, "bdat": by_bdat, "pop3": by_pop3, "imap": by_imap
}  # fmt: skip
HOW = pytest.mark.parametrize("how", WAYS)


def sent(how: str, mails: list[bytes]) -> list[bytes]:
    """The mails as their protocol can carry them."""
    return [ended(one) for one in mails] if how in ("smtp", "pop3") else mails


@HOW
@NUMBERS
def test_with_edits_off_each_mail_is_the_same(how: str, numbers: range) -> None:
    mails = [mail(number) for number in numbers]
    for grain, some in zip(GRAINS, _thirds(mails), strict=True):
        got = WAYS[how](NO_EDITS, some, grain)
        for before, after in zip(sent(how, some), got, strict=True):
            assert before == after


def _thirds(mails: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(3):
        yield mails[start::3]


@HOW
@NUMBERS
def test_with_edits_on_each_mail_is_itself_and_more(how: str, numbers: range) -> None:
    mails = [mail(number) for number in numbers]
    got = WAYS[how](marking(), mails, 10**6)
    for before, after in zip(sent(how, mails), got, strict=True):
        assert_only_more(before, after)


def assert_only_more(before: bytes, after: bytes) -> None:
    rest = iter(after)
    kept = all(octet in rest for octet in before)
    # Base64 with a footer is encoded again from its last lines on.
    assert kept or b"base64" in before.lower()
    assert after.count(MARKS[0].encode()) == before.count(MARKS[0].encode()) + 1


@NUMBERS
def test_what_is_sound_stays_sound(numbers: range) -> None:
    mails = [mail(number, odd=False) for number in numbers]
    for before, after in zip(mails, by_imap(marking(), mails, 10**6), strict=True):
        was, now = (
            email.message_from_bytes(x, policy=email.policy.default) for x in (before, after)
        )
        assert now["X-Antivirus-Status"] == "Clean"
        assert str(now["Subject"]) == str(was["Subject"])
        shape = [(part.get_content_type(), len(part.defects)) for part in was.walk()]
        assert [(part.get_content_type(), len(part.defects)) for part in now.walk()] == shape
        for old, new in zip(was.walk(), now.walk(), strict=True):
            if not old.is_multipart():
                assert_footed(content(old), content(new))


def content(part: Any) -> bytes:
    octets: bytes = part.get_payload(decode=True)
    return octets.replace(b"\r\n", b"\n")


def assert_footed(old: bytes, new: bytes) -> None:
    """The same, or with the footer in it somewhere near the end."""
    if old.strip() != new.strip():
        words = FOOTER.split("\n")[-1].encode()
        assert new.count(words) == old.count(words) + 1
        head = old[: len(old) // 2]
        assert new.startswith(head)
