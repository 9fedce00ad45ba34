"""Mails to be screened, and screenings."""

import base64
import io
import zipfile
from email.message import EmailMessage
from typing import Any

from mitmail.message.threat import EICAR
from mitmail.screening import Screening, Way

CLEAN = (
    b"From: a@customer.test\r\nTo: b@customer.test\r\nSubject: hello\r\n\r\n"
    b"..two dots\r\n.\xe4 8-bit\r\nbare\rCR and bare\nLF\r\n"
)
MARKS = ("X-Antivirus: Test (1.0), checked", "X-Antivirus-Status: {status}")
FOOTER = "---\nChecked by Test"


def zipped(*contents: bytes, depth: int = 1) -> bytes:
    """A zip archive of these files, so many times over."""
    for _ in range(depth):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, content in enumerate(contents):
                archive.writestr(f"{number}.txt", content)
        contents = (target.getvalue(),)
    return contents[0]


def letter(body: bytes, *fields: bytes) -> bytes:
    """A message of one part with these fields."""
    head = b"From: a@customer.test\r\nTo: b@customer.test\r\nSubject: hello\r\n"
    return head + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def attached(content: bytes, encoding: str = "base64", name: str = "x.zip") -> bytes:
    """A message with a text and an attachment."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@customer.test", "b@customer.test", "hello"
    made.set_content("This is the text.\n")
    made.add_attachment(content, "application", "octet-stream", filename=name, cte=encoding)
    return bytes(made).replace(b"\n", b"\r\n")


def plain_eicar() -> bytes:
    return letter(EICAR + b"\r\n")


def base64_eicar() -> bytes:
    return attached(EICAR)


def quoted_eicar() -> bytes:
    quoted = b"".join(b"=%02X" % octet for octet in EICAR[:20]) + b"=\r\n" + EICAR[20:]
    return letter(quoted + b"\r\n", b"Content-Transfer-Encoding: quoted-printable",
                  b"MIME-Version: 1.0")  # fmt: skip


def zip_eicar() -> bytes:
    return attached(zipped(b"nothing", EICAR))


def nested_eicar() -> bytes:
    inner = base64.encodebytes(attached(zipped(EICAR, depth=2))).replace(b"\n", b"\r\n")
    return letter(inner, b"MIME-Version: 1.0", b"Content-Type: message/rfc822",
                  b"Content-Transfer-Encoding: base64")  # fmt: skip


INFECTED = {
    "plain": plain_eicar, "base64": base64_eicar, "quoted-printable": quoted_eicar,
    "zip": zip_eicar, "nested": nested_eicar,
}  # fmt: skip

NO_EDITS = Screening()


def marking(**changes: Any) -> Screening:
    """A screening that writes headers and a footer into mail of both directions."""
    way = Way(headers=MARKS, footer=FOOTER, subject="***VIRUS***", infected="replace-part")
    out = Way(headers=MARKS, footer=FOOTER, subject="***VIRUS***", infected="refuse")
    return Screening(**({"inbound": way, "outbound": out} | changes))
