"""Dialogues of mail clients and servers by the hundred, in clear text."""

import base64
import re
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

type Protocol = Literal["imap", "pop3", "smtp"]
type Turn = tuple[str, bytes]
"""Who speaks, and what: ``C`` the client, ``S`` the server; ``T`` says nothing: TLS is up."""

PROTOCOLS: tuple[Protocol, ...] = ("imap", "pop3", "smtp")

# A paragraph is one exchange. CRLF is added unless a backslash ends the line; %t and %s are tags,
# %u and %p the user and the password, %U and %P in base64, %B both (SASL PLAIN), %n and %m their
# lengths.
GREETINGS = {
    "imap": (
        b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready",
        b"* PREAUTH hello",
        b"* OK",
    ),
    "pop3": (b"+OK ready <1896.697170952@mail.test>", b"+OK", b"-ERR too busy"),
    "smtp": (b"220 mail.test ESMTP", b"220-mail.test\r\n220 at your service", b"554 no"),
}
EXCHANGES = {
    "imap": r"""
C %t LOGIN %u %p
S %t OK in

C %t login "%u" "%p"
S %t NO no

C %t LOGIN {%n}
S + go
C %u {%m}
S + go
C %p
S %t OK [CAPABILITY IMAP4rev1 IDLE] in

C %t LOGIN {%n+}\r\n%u {%m+}\r\n%p
S %t OK in

C %t AUTHENTICATE PLAIN
S +
C %B
S %t OK in

C %t AUTHENTICATE PLAIN %B
S * CAPABILITY IMAP4rev1 STARTTLS
S %t NO no

C %t AUTHENTICATE LOGIN
S + VXNlcm5hbWU6
C %U
S + UGFzc3dvcmQ6
C %P
S %t OK in

C %t AUTHENTICATE LOGIN
S + VXNlcm5hbWU6
C *
S %t BAD cancelled

C %t CAPABILITY
S * CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=PLAIN SASL-IR
S %t OK done

C %t IDLE
S + idling
S * 5 EXISTS
C DONE
S %t OK done

C %t APPEND INBOX (\\Seen) {12}
S + go
C a STARTTLS\r\n
S %t OK done

C %t APPEND INBOX {12+}\r\na STARTTLS\r\n {0+}\r\n ~{3}
S + go
C \0\n\r\r\n\
S %t OK done

C %t APPEND INBOX {99}
S %t NO [TOOBIG] no

C %t UID FETCH 1:* (BODY.PEEK[])\r\n%s NOOP
S * 1 FETCH (UID 7 BODY[] {22}\r\n%t OK fake\r\n* BYE\r\n+\r\n BODY[2] ~{4}\r\n\0\r\n\r FLAGS ())
S %s OK first
S %t OK done

C %t UID SEARCH TEXT STARTTLS
S * SEARCH 1 2 3
S %t OK done

C %t STARTTLS
S %t OK begin
T

C %t STARTTLS
S %t BAD no

C %t STARTTLS
S %t OK begin\r\n* CAPABILITY EVIL\r\nx1 OK injected

C %t STARTTLS\r\n%s NOOP\r\n
S %t NO not now

C %t STARTTLS
S %s OK injected
S * OK [CAPABILITY IMAP4rev1] still clear
S %t OK begin
C \x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\
T

C %t SELECT INBOX
S * 3 EXISTS
S * OK [UIDVALIDITY 7] fine
S %t OK [READ-WRITE] done

C %t COMPRESS DEFLATE
S %t NO not here

C %t LOGOUT
S * BYE see you
S %t OK bye
""",
    "pop3": r"""
C USER %u
S +OK
C PASS %p
S +OK in

C PASS %p %p
S -ERR no

C APOP %u %p
S -ERR no

C AUTH PLAIN
S +
C %B
S +OK in

C auth plain %B
S -ERR no

C AUTH LOGIN
S + VXNlcm5hbWU6
C %U
S + UGFzc3dvcmQ6
C %P
S +OK

C AUTH PLAIN
S +
C *
S -ERR cancelled

C CAPA
S +OK list follows
S STLS\r\nUSER\r\nSASL PLAIN\r\n..\r\n.

C AUTH
S +OK\r\nPLAIN\r\n.

C LIST\r\nLIST 1\r\nUIDL\r\nRETR 1\r\nTOP 1 0\r\nDELE 1
S +OK\r\n1 120\r\n.\r\n+OK 1 120
S +ok\n.\n\
S +OK 120 octets\r\n+OK a line\r\n..\r\na bare\n.\nand \0 and \r\r\n.
S -ERR no\r\n+OK deleted

C STAT
S +OK 1 120

C STLS
S +OK begin
T

C STLS
S -ERR no

C STLS\r\nCAPA\r\n
S -ERR no

C STLS
S +OK begin\r\n+OK injected
C \x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\
T

C QUIT
S +OK bye
""",
    "smtp": r"""
C EHLO me.test
S 250-mail.test\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000000

C HELO me.test
S 250 mail.test

C aUtH   pLaIn   %B
S 535 no

C AUTH PLAIN
S 334
C %B
S 235-fine\r\n235 go on

C AUTH LOGIN
S 334 VXNlcm5hbWU6
C %U
S 334 UGFzc3dvcmQ6
C %P
S 235 ok

C AUTH CRAM-MD5
S 334 PDEyMz4=
C *
S 501 cancelled

C AUTH PLAIN
S 504 unknown

C MAIL FROM:<a@customer.test>\r\nRCPT TO:<b@customer.test>\r\nRCPT TO:<c@customer.test>\r\nDATA
S 250 ok\r\n250-ok\r\n250 ok\r\n550 no\r\n354 go
C Subject: STARTTLS\r\n\r\nSTARTTLS\r\n..\r\n.\n.\r.\nbare\n.\n\x00x\r\n.
S 250 queued

C DATA
S 503 no

C DATA
S 354 go
C .\r\nNOOP
S 250 queued\r\n250 ok

C BDAT 12\r\nSTARTTLS\r\n.\rBDAT 0 LAST\r\nbdat 3 last\r\n.\r\nNOOP
S 250 12 octets\r\n250 ok\r\n503 no\r\n250

C STARTTLS
S 220 go
T

C STARTTLS
S 454 not now

C STARTTLS
S 354 odd
S 501 no

C STARTTLS\r\nMAIL FROM:<a@customer.test>\r\n
S 502 what?

C STARTTLS
S 220 go\r\n250 injected
C \x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\
T

C NOOP\r\nRSET
S 250 ok
S 250 ok
S 421 time out

C QUIT
S 221 bye
""",
}


@dataclass(frozen=True, slots=True)
class Script:
    """One dialogue, and what of it nobody may read in a log."""

    turns: tuple[Turn, ...]
    secrets: tuple[bytes, ...] = ()


@cache
def script(protocol: Protocol, number: int) -> Script:
    """Return the dialogue of that number; both sides keep to their RFCs."""
    chance = Random(f"script {protocol} {number}")
    user, password = (_word(chance, size) for size in (6, 12))
    both = base64.b64encode(b"\0" + user + b"\0" + password)
    names = {
        b"%u": user, b"%p": password, b"%n": b"%d" % len(user), b"%m": b"%d" % len(password),
        b"%U": base64.b64encode(user), b"%P": base64.b64encode(password), b"%B": both,
    }  # fmt: skip
    turns: list[Turn] = [("S", chance.choice(GREETINGS[protocol]) + b"\r\n")]
    for _ in range(chance.randrange(1, 10)):
        names |= {b"%t": _word(chance, 2), b"%s": b"t%d" % chance.randrange(3)}
        turns += _exchange(chance.choice(EXCHANGES[protocol].strip().split("\n\n")), names)
    said = b"".join(octets for _, octets in turns)
    secrets = (names[b"%B"], names[b"%P"], password)
    return Script(tuple(runs(turns)), tuple(secret for secret in secrets if secret in said))


def _word(chance: Random, size: int) -> bytes:
    return bytes(chance.choices(b"bcdfghjkmnpqrvwxyz", k=size))


def _exchange(paragraph: str, names: dict[bytes, bytes]) -> list[Turn]:
    turns = []
    for line in paragraph.splitlines():
        text = line[2:].removesuffix("\\") if line.endswith("\\") else line[2:] + r"\r\n"
        octets = text.encode().decode("unicode_escape").encode("latin-1")
        octets = re.sub(rb"%[a-zA-Z]", lambda found: names[found[0]], octets)
        turns.append((line[0], b"" if line[0] == "T" else octets))
    return turns


def runs(turns: list[Turn]) -> list[Turn]:
    """Join neighbours of one side: what may come in one segment."""
    joined: list[Turn] = []
    for side, octets in turns:
        if joined and joined[-1][0] == side:
            joined[-1] = (side, joined[-1][1] + octets)
        elif octets or side == "T":
            joined.append((side, octets))
    return joined
