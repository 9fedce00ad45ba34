"""A thousand mails by number, each the same each time: proper ones, odd ones, broken ones."""

import base64
import quopri
from collections.abc import Callable
from random import Random

from letters import zipped

EOL = b"\r\n"
WORDS = b'alpha beta gamma delta . .. ... From -- =20 = == {12} +OK -ERR 250 * ) ( " \\ %'.split()
ODD = (b"\r", b"\n", b"\n.\n", b"\n\r\n", b"\r\n.", b"\r\n..", b"\0", b"\xff\xfe", b"\xe4\xf6")


def text(chance: Random, *, odd: bool) -> bytes:
    """Some lines; with ``odd`` also bare CR and LF, NUL, 8-bit and lines without measure."""
    lines = []
    for _ in range(chance.randrange(12)):
        line = b" ".join(chance.choices(WORDS, k=chance.randrange(12)))
        if odd and chance.random() < 0.3:
            at = chance.randrange(len(line) + 1)
            line = line[:at] + chance.choice(ODD) + line[at:]
        if chance.random() < 0.05:
            line *= chance.randrange(20, 200)
        lines.append(line)
    return EOL.join(lines) + chance.choice((EOL, EOL, EOL, b"", EOL * 2, b"\n" if odd else EOL))


def leaf(chance: Random, *, odd: bool) -> bytes:
    """A part without parts."""
    body = text(chance, odd=odd)
    kind = chance.choice((b"text/plain", b"text/plain", b"text/html", b"application/octet-stream"))
    charset = chance.choice(
        (b"", b"; charset=utf-8", b"; charset=iso-8859-1", b"; charset=x-none")
    )
    encoding = chance.choice((None, b"7bit", b"8bit", b"base64", b"quoted-printable", b"x-none"))
    fields = [b"Content-Type: " + kind + charset]
    if encoding is not None:
        fields.append(b"Content-Transfer-Encoding: " + encoding)
    if kind == b"text/html":
        body = b"<html><body>" + body + chance.choice((b"</body></html>", b"", b"</BODY>"))
    if encoding == b"base64":
        body = base64.encodebytes(body).replace(b"\n", EOL)
        body = body[: len(body) // 2] if odd and chance.random() < 0.3 else body
    if encoding == b"quoted-printable":
        body = quopri.encodestring(body).replace(b"\r\n", b"\n").replace(b"\n", EOL)
    if chance.random() < 0.2:
        fields.append(b'Content-Disposition: attachment; filename="a.bin"')
        body = base64.encodebytes(zipped(body)) if chance.random() < 0.3 else body
    chance.shuffle(fields)
    return EOL.join(fields) + EOL + EOL + body


def multipart(chance: Random, depth: int, *, odd: bool) -> bytes:
    """Parts between boundaries, some of which are never closed."""
    kind = chance.choice((b"mixed", b"alternative", b"related", b"signed", b"digest", b"report"))
    boundary = b"b%d" % chance.randrange(1000)
    parts = [part(chance, depth - 1, odd=odd) for _ in range(chance.randrange(4))]
    if kind == b"signed":
        parts.append(b"Content-Type: application/pgp-signature" + EOL + EOL + b"XXXX" + EOL)
    head = b"Content-Type: multipart/" + kind + b';\r\n boundary="' + boundary + b'"' + EOL + EOL
    inner = b"".join(EOL + b"--" + boundary + EOL + each for each in parts)
    end = chance.choice(
        (EOL + b"--" + boundary + b"--" + EOL, EOL + b"--" + boundary + b"--", b"")
    )
    return (
        head + chance.choice((b"", b"preamble")) + inner + end + chance.choice((b"", b"epilogue"))
    )


def part(chance: Random, depth: int, *, odd: bool) -> bytes:
    """A part of any kind."""
    if depth <= 0 or chance.random() < 0.4:
        return leaf(chance, odd=odd)
    if chance.random() < 0.2:
        return b"Content-Type: message/rfc822" + EOL + EOL + whole(chance, depth - 1, odd=odd)
    return multipart(chance, depth, odd=odd)


def whole(chance: Random, depth: int, *, odd: bool) -> bytes:
    """A message."""
    subject = chance.choice((
        b"Subject: hello", b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=", b"Subject:",
        b"subject: a\r\n b", b"Subject: " + b"x" * 980, b"X-No-Subject: 1",
    ))  # fmt: skip
    fields = [b"From: a@customer.test", b"To: b@customer.test", subject, b"MIME-Version: 1.0"]
    chance.shuffle(fields)
    return EOL.join(fields) + EOL + part(chance, depth, odd=odd)


BARE: tuple[Callable[[Random], bytes], ...] = (
    lambda chance: b"",
    lambda chance: EOL,
    lambda chance: b"no header at all",
    lambda chance: b"." + EOL,
    lambda chance: b"Subject: only a header" + EOL,
    lambda chance: EOL + text(chance, odd=True),
    lambda chance: text(chance, odd=True),
    lambda chance: chance.randbytes(chance.randrange(2000)).replace(b"\0", b""),
)


def mail(number: int, *, odd: bool = True) -> bytes:
    """The mail of this number; one that is not ``odd`` is as RFC 5322 has lines."""
    chance = Random(number)
    if odd and number % 10 == 0:
        return chance.choice(BARE)(chance)
    return whole(chance, chance.randrange(4), odd=odd and chance.random() < 0.5)
