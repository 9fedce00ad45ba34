"""Content-Transfer-Encoding undone (RFC 2045 section 6), as mail programs do it: leniently."""

import re
from binascii import Error, a2b_base64, a2b_qp

from mitmail.message.part import Part

_IDENTITY = (b"7bit", b"8bit", b"binary")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def decoded(octets: bytes, part: Part) -> bytes | None:
    """The body of a part without its transfer encoding; None when that is unknown.

    Damaged base64 is read as far as it goes.
    """
    encoding = (part.content.encoding or b"7bit").lower()
    body = octets[part.body.start : part.body.end]
    if encoding in _IDENTITY:
        return body
    if encoding == b"quoted-printable":
        return a2b_qp(body)
    if encoding == b"base64":
        return _base64(body)
    return None


def _base64(body: bytes) -> bytes:
    try:
        return a2b_base64(body)
    except Error:
        signs = _NO_BASE64.sub(b"", body.partition(b"=")[0])
        whole = len(signs) // 4 * 4
        rest = signs[whole:] if len(signs) - whole > 1 else b""
        return a2b_base64(signs[:whole] + rest + b"=" * (-len(rest) % 4))
