"""What a customer pasted: the certificates in it, and when they were seen."""

import base64
import binascii
import email.utils
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from mitmail.diagnose.binary import (
    PKCS12,
    PRIVATE_KEY,
    PUBLIC_KEY,
    REQUEST,
    REVOCATION_LIST,
    certificates,
    is_framed,
    is_private_key,
)
from mitmail.diagnose.certificate import chain_of
from mitmail.diagnose.listing import Block, Listing
from mitmail.errors import MitmailError

LIMIT: Final = 1 << 20  # octets; a chain of ten RSA-4096 certificates is 20 KB
HOW: Final = (
    "paste the text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----, or the output "
    "of: openssl s_client -connect HOST:PORT -showcerts"
)
# RFC 7468 sections 5 to 13, and the older names that OpenSSL still reads.
CERTIFICATES: Final = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
BUNDLES: Final = {"PKCS7", "CMS"}
INSTEAD: Final = {
    "CERTIFICATE REQUEST": REQUEST,
    "NEW CERTIFICATE REQUEST": REQUEST,
    "X509 CRL": REVOCATION_LIST,
    "PUBLIC KEY": PUBLIC_KEY,
    "PKCS12": PKCS12,
}
MARKS: Final = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))

_DER = re.compile(rb"\x30[\x80-\xff]|.*\0", re.DOTALL)  # a SEQUENCE above 127 octets
_QUOTE = re.compile(r"^(?:[ \t]*[>|])*[ \t]*", re.MULTILINE)
_BORDER = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]+?)-----")
_PRIVATE = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_HEADERS = re.compile(r"^[A-Za-z-]+:.*$", re.MULTILINE)  # of RFC 1421, within a block
_HTML = re.compile(r"\s*(?:<!doctype html|<html|<head|<body|<\?xml)", re.IGNORECASE)
_BEGUN = re.compile(r"^0 s:", re.MULTILINE)
_STARTED = re.compile(r"^Start Time: (\d{9,11})$", re.MULTILINE)
_DATED = re.compile(r"^Date:[ \t]*(.+)$", re.MULTILINE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SEQUENCE = b"\x30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """Certificates (DER, in their order), and what the text around them says.

    ``at`` is the time (UTC) in the text, ``at_from`` what kind of time it is. ``listed`` are the
    subjects that ``openssl s_client`` listed, the leaf first, where the text shows the leaf.
    ``whole`` says that ``chain`` is all that the server sent, and in its order: only a listing
    proves that, and then ``besides`` is what stands in the text all the same. ``moved`` is the
    place, from 1, at which the server's certificate stood, where it was not the first and no
    server can have sent it so.
    """

    chain: tuple[bytes, ...]
    at: datetime | None = None
    at_from: str = ""
    listed: tuple[str, ...] = ()
    whole: bool = False
    besides: tuple[bytes, ...] = ()
    moved: int | None = None

    @property
    def only_leaf(self) -> bool:
        """Whether the text shows one certificate, and not that it was the only one sent."""
        return len(self.chain) == 1 and not self.whole


def read(content: bytes, source: str) -> Pasted:
    """Read what somebody pasted: PEM, DER, PKCS#7, ``openssl s_client`` output, quoted mail.

    ``source`` is its name in messages. Raises MitmailError in one line that names the source,
    the line where there are lines, and what to do; a private key is never quoted or kept.
    """
    if len(content) > LIMIT:
        raise MitmailError(f"{source}: more than 1 MB, which no certificate chain is: {HOW}")
    if not content.strip():
        raise MitmailError(f"{source}: empty: {HOW}")
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), None)
    if encoding is None and (_DER.match(content) or is_framed(content)):
        return _binary(content, source)
    # PowerShell's > writes UTF-16, and Notepad puts a mark before UTF-8.
    return _text(content.decode(encoding or "utf-8", errors="replace"), source)


def _binary(content: bytes, source: str) -> Pasted:
    try:
        return _leaf_first(Pasted(chain=certificates(content)))
    except MitmailError as error:
        raise MitmailError(f"{source}: {error}{_then(str(error))}") from None


def _then(said: str) -> str:
    return "" if ":" in said else f": {HOW}"


def _text(said: str, source: str) -> Pasted:
    text = _unquoted(said)
    if key := _PRIVATE.search(text):
        raise MitmailError(f"{source}:{_line(text, key.start())}: {PRIVATE_KEY}")
    listing = Listing.of(text)
    blocks = _blocks(text, source)
    if not blocks:
        chain = _bare(text, source, listing)
        return _dated(_leaf_first(Pasted(chain=chain)), text)
    _refuse_two_outputs(text, source)
    return _dated(_leaf_first(_sorted(blocks, listing, text)), text)


def _sorted(blocks: Sequence[Block], listing: Listing, text: str) -> Pasted:
    found = listing.sort(blocks, text)
    if found.whole or (found.sent and not found.besides):
        return Pasted(
            chain=found.sent, listed=listing.subjects, whole=found.whole, besides=found.besides
        )
    # Whether what stands beside an incomplete listing was sent, too, nobody can say.
    return Pasted(chain=tuple(one.der for one in blocks))


def _refuse_two_outputs(text: str, source: str) -> None:
    begins = list(_BEGUN.finditer(text))
    if len(begins) > 1:
        raise MitmailError(
            f"{source}:{_line(text, begins[1].start())}: a second output of openssl s_client "
            "begins here: paste one at a time"
        )


def _leaf_first(pasted: Pasted) -> Pasted:
    # A PKCS#7 bundle has no order, and people paste the root first. A server that did so could
    # not even begin: its key would not fit (RFC 8446 section 4.4.2).
    authorities = [one.is_ca for one in chain_of(pasted.chain)]
    if pasted.listed or not authorities[0] or authorities.count(False) != 1:
        return pasted
    place = authorities.index(False)
    chain = (pasted.chain[place], *pasted.chain[:place], *pasted.chain[place + 1 :])
    return replace(pasted, chain=chain, moved=place + 1)


def _unquoted(said: str) -> str:
    # A chain in a line of JSON or of a log has its line ends written out.
    text = said.replace("\r\n", "\n").replace("\r", "\n").replace("\\r", "").replace("\\n", "\n")
    text = text.replace("\N{ZERO WIDTH SPACE}", "").replace("\N{NO-BREAK SPACE}", " ")
    text = _QUOTE.sub("", text)
    if "=3D" in text:  # quoted-printable (RFC 2045 section 6.7)
        text = text.replace("=\n", "").replace("=3D", "=")
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _blocks(text: str, source: str) -> list[Block]:
    found: list[Block] = []
    other: tuple[int, str] | None = None
    borders = list(_BORDER.finditer(text))
    while borders:
        begin = borders.pop(0)
        label, where = begin[2], _line(text, begin.start())
        of_ours = label in CERTIFICATES | BUNDLES
        if begin[1] == "END" and of_ours:
            raise MitmailError(f"{source}:{where}: no BEGIN {label} stands above this END: {HOW}")
        if not borders or (borders[0][1], borders[0][2]) != ("END", label):
            if of_ours:
                raise MitmailError(f"{source}:{where}: the end of this {label} is missing: {HOW}")
            continue
        end = borders.pop(0)
        if of_ours:
            ders = _block(text[begin.end() : end.start()], f"{source}:{where}")
            found += [Block(begin.start(), der) for der in ders]
        elif label in INSTEAD and other is None:
            other = where, INSTEAD[label]
    if not found and other is not None:
        raise MitmailError(f"{source}:{other[0]}: {other[1]}")
    return found


def _block(body: str, where: str) -> tuple[bytes, ...]:
    text = "".join(_HEADERS.sub("", body).split())
    try:
        octets = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise MitmailError(
            f"{where}: this certificate is cut or garbled (not base64 throughout): {HOW}"
        ) from None
    try:
        found = certificates(octets)
    except MitmailError as error:
        said = str(error).removeprefix("this is ")
        raise MitmailError(f"{where}: between BEGIN and END is {said}{_then(said)}") from None
    return found


def _bare(text: str, source: str, listing: Listing) -> tuple[bytes, ...]:
    # Somebody copied the base64 without its borders, or only a part of a page.
    joined = "".join(text.split())
    octets = b""
    if _BASE64.fullmatch(joined) and len(joined) % 4 == 0:
        octets = base64.b64decode(joined)
    if octets.startswith(_SEQUENCE):
        if is_private_key(octets):
            raise MitmailError(f"{source}: {PRIVATE_KEY}")
        return _binary(octets, source).chain
    if _HTML.match(text):
        raise MitmailError(f"{source}: a web page, not a certificate: {HOW}")
    if listing.subjects:
        raise MitmailError(
            f"{source}: openssl s_client output whose certificates were left out: {HOW}"
        )
    raise MitmailError(f"{source}: no certificate is in this text: {HOW}")


def _dated(pasted: Pasted, text: str) -> Pasted:
    if started := _STARTED.search(text):
        at = datetime.fromtimestamp(int(started[1]), UTC)
        return replace(pasted, at=at, at_from="the time of the openssl s_client session")
    first = _BORDER.search(text)
    before = text[: first.start()] if first else text
    # The nearest header above is that of the mail which was pasted from, however often forwarded.
    for written in reversed(_DATED.findall(before)):
        try:
            at = email.utils.parsedate_to_datetime(written)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):  # the second of a year 9999 west of Greenwich
            continue
        return replace(pasted, at=at, at_from="the Date of the mail that it is in")
    return pasted
