"""Capabilities come and go; everything else stays as the server wrote it."""

import pytest

from mitmail.wire.capability import rewrite

EHLO = b"250-mail.test STARTTLS\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 starttls\r\n"
CAPA = b"+OK STLS follows\r\nTOP\r\nSTLS\r\nSASL PLAIN\r\n.\r\n"
LINE = b"* CAPABILITY IMAP4rev1  StartTLS AUTH=PLAIN auth=login LITERAL+\r\n"


@pytest.mark.parametrize(
    ("reply", "add", "remove", "rewritten"),
    [
        (EHLO, "", "", EHLO),
        (EHLO, "STARTTLS", "XYZZY", EHLO),
        (
            EHLO,
            "",
            "STARTTLS",
            b"250-mail.test STARTTLS\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n",
        ),
        (EHLO, "", "auth", b"250-mail.test STARTTLS\r\n250-PIPELINING\r\n250 starttls\r\n"),
        (EHLO, "", "AUTH,PIPELINING,STARTTLS", b"250 mail.test STARTTLS\r\n"),
        (
            EHLO,
            "SIZE 1,AUTH EXTERNAL",
            "AUTH,STARTTLS",
            b"250-mail.test STARTTLS\r\n250-PIPELINING\r\n250-SIZE 1\r\n250 AUTH EXTERNAL\r\n",
        ),
        (b"250 mail.test\r\n", "STARTTLS", "", b"250-mail.test\r\n250 STARTTLS\r\n"),
        (b"250 mail.test\n", "STARTTLS", "", b"250-mail.test\n250 STARTTLS\n"),
        (b"250\r\n", "STARTTLS", "", b"250-\r\n250 STARTTLS\r\n"),
        (b"250-x\r\n250-AUTH=PLAIN\r\n250 AUTHX\r\n", "", "AUTH", b"250-x\r\n250 AUTHX\r\n"),
        (b"502 no\r\n", "STARTTLS", "", b"502 no\r\n"),
        (b"250-x\r\n500 y\r\n", "STARTTLS", "", b"250-x\r\n500 y\r\n"),
        (b"250-x\r\n", "STARTTLS", "", b"250-x\r\n"),
        (b"250 x\r\n250 y\r\n", "STARTTLS", "", b"250 x\r\n250 y\r\n"),
        (b"", "STARTTLS", "", b""),
    ],
)
def test_ehlo(reply: bytes, add: str, remove: str, rewritten: bytes) -> None:
    assert rewrite("smtp", reply, add=words(add), remove=words(remove)) == rewritten


@pytest.mark.parametrize(
    ("reply", "add", "remove", "rewritten"),
    [
        (CAPA, "stls", "", CAPA),
        (CAPA, "", "stls", b"+OK STLS follows\r\nTOP\r\nSASL PLAIN\r\n.\r\n"),
        (CAPA, "UIDL", "SASL", b"+OK STLS follows\r\nTOP\r\nSTLS\r\nUIDL\r\n.\r\n"),
        (b"+OK\n.\n", "STLS", "", b"+OK\nSTLS\n.\n"),
        (b"-ERR no\r\n", "STLS", "", b"-ERR no\r\n"),
        (b"+OK\r\nTOP\r\n", "STLS", "TOP", b"+OK\r\nTOP\r\n"),
        (b"", "STLS", "", b""),
    ],
)
def test_capa(reply: bytes, add: str, remove: str, rewritten: bytes) -> None:
    assert rewrite("pop3", reply, add=words(add), remove=words(remove)) == rewritten


@pytest.mark.parametrize(
    ("reply", "add", "remove", "rewritten"),
    [
        (LINE, "", "", LINE),
        (LINE, "STARTTLS,AUTH=LOGIN", "", LINE),
        (LINE, "", "STARTTLS", LINE.replace(b"  StartTLS", b"")),
        (LINE, "", "auth", LINE.replace(b" AUTH=PLAIN auth=login", b"")),
        (LINE, "", "AUTH=PLAIN,LITERAL", LINE.replace(b" AUTH=PLAIN", b"")),
        (
            LINE,
            "LOGINDISABLED,AUTH=X",
            "AUTH",
            b"* CAPABILITY IMAP4rev1  StartTLS LITERAL+ LOGINDISABLED AUTH=X\r\n",
        ),
        (
            b"* OK [CAPABILITY IMAP4rev1 ID] STARTTLS ready [x]\r\n",
            "STARTTLS",
            "ID",
            b"* OK [CAPABILITY IMAP4rev1 STARTTLS] STARTTLS ready [x]\r\n",
        ),
        (
            b"* PREAUTH [CAPABILITY IMAP4rev1]\n",
            "STARTTLS",
            "",
            b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS]\n",
        ),
        (
            b"a1 ok [capability A STARTTLS] in\r\n",
            "",
            "STARTTLS",
            b"a1 ok [capability A] in\r\n",
        ),
        (
            b"* CAPABILITY A \r\n* 1 EXISTS\r\na OK [CAPABILITY A] x\r\n",
            "B",
            "",
            b"* CAPABILITY A B \r\n* 1 EXISTS\r\na OK [CAPABILITY A B] x\r\n",
        ),
        (b"* CAPABILITY STARTTLS\r\n", "", "STARTTLS", b"* CAPABILITY\r\n"),
        (b"a NO [CAPABILITY A] x\r\n", "B", "A", b"a NO [CAPABILITY A] x\r\n"),
        (b"a OK CAPABILITY done\r\n", "B", "A", b"a OK CAPABILITY done\r\n"),
        (b"* OK [ALERT] [CAPABILITY A]\r\n", "B", "A", b"* OK [ALERT] [CAPABILITY A]\r\n"),
        (b"* CAPABILITYX A\r\n", "B", "A", b"* CAPABILITYX A\r\n"),
        (b"", "B", "", b""),
    ],
)
def test_imap(reply: bytes, add: str, remove: str, rewritten: bytes) -> None:
    assert rewrite("imap", reply, add=words(add), remove=words(remove)) == rewritten


def words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def test_a_bare_cr_ends_no_line() -> None:
    capa = b"+OK \r\r\nSASL PLAIN\rUSER\r\nUIDL\r\n.\r\n"
    edited = rewrite("pop3", capa, add=["STLS"], remove=["SASL"])
    assert edited == b"+OK \r\r\nUIDL\r\nSTLS\r\n.\r\n"
    ehlo = b"250-mail\rtest\r\n250-AUTH PLAIN\r\n250 SIZE\r\n"
    edited = rewrite("smtp", ehlo, add=["STARTTLS"], remove=["AUTH"])
    assert edited == b"250-mail\rtest\r\n250-SIZE\r\n250 STARTTLS\r\n"
