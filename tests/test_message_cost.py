"""What the largest mail that is scanned costs at worst: it holds up every other session."""

import time
from base64 import b64encode
from collections.abc import Iterator

import pytest

from letters import FOOTER
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.examination import Examination
from mitmail.message.part import parse
from mitmail.message.threat import EICAR
from mitmail.screening import Screening, Way

# A part of what is allowed: the cost grows with the size.
PART = 4
SIZE = Screening().limit // PART
SECONDS = 4.0 / PART  # half of it was too little once, on two busy cores
MIME = b"Subject: x\r\nMIME-Version: 1.0\r\n"
WAY = Way(
    headers=("X-Antivirus: {status}",), footer=FOOTER, subject="***VIRUS***",
    footers=frozenset(("clean", "infected", "unscanned")), infected="replace-part",
)  # fmt: skip


def many(unit: bytes, size: int = SIZE) -> bytes:
    return unit * (size // len(unit))


def coded(kind: bytes, body: bytes) -> bytes:
    return (
        MIME + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body
    )


def wrapped(content: bytes) -> bytes:
    return b"\r\n".join(iter(_lines(b64encode(content)))) + b"\r\n"


def _lines(signs: bytes) -> Iterator[bytes]:
    return (signs[at : at + 76] for at in range(0, len(signs), 76))


MAILS = {
    "base64 letter by letter": lambda: coded(b"text/plain", many(b"A\r\n", SIZE // 12 * 12)),
    "base64 of bare LF": lambda: coded(b"text/html", many(b"A\n", SIZE // 8 * 8)),
    "base64 of empty lines": lambda: coded(b"text/plain", many(b"\r\n")),
    "base64 never whole": lambda: coded(b"text/plain", b"A\r\n" + many(b"AAAA\r\n") + b"AAA\r\n"),
    "ends of HTML": lambda: MIME + b"Content-Type: text/html\r\n\r\n" + many(b"</html>"),
    "ends of HTML in base64": lambda: coded(
        b"text/html", wrapped(many(b"</body>", SIZE * 7 // 10))
    ),
    "a header of short lines": lambda: many(b"c\n") + b"\nx\r\n",
    "a header without end": lambda: many(b"c\n"),
    "a header of fields": lambda: many(b"a:\n") + b"\nx\r\n",
    "a header of Content fields": lambda: many(b"content-a:\n") + b"\nx\r\n",
    "a message within": lambda: coded(
        b"message/rfc822", wrapped(many(b"c\n", SIZE * 7 // 10) + b"\nx")
    ),
    "an infected message": lambda: many(b"c\n") + b"\n" + EICAR,
}  # fmt: skip


@pytest.mark.parametrize("kind", MAILS)
def test_no_mail_holds_the_others_up(kind: str) -> None:
    mail = MAILS[kind]()
    examination = Examination(Screening(inbound=WAY), Chronicle(time.monotonic, []), [])
    before = time.process_time()
    examined = examination.of("inbound", mail, parse(mail), None)
    assert time.process_time() - before < SECONDS
    assert b"X-Antivirus: " in examined.octets
