"""A certificate of somebody else, read as far as it can be, with what is wrong in its encoding."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.certificate import Parsed, parse
from mitmail.pki.extension import OID, Extension

_CA_FALSE = der.sequence(der.boolean(False))
_EMPTY = der.context(3, der.sequence())


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """``parsed`` is None where nothing in it can be read: ``damage`` is then truncated or random.

    ``damage`` and ``time_form`` are the words of scenario files. ``algorithm`` (DER) is the one
    that was signed with, ``signed`` the octets that were.
    """

    der: bytes
    parsed: Parsed | None
    damage: str | None = None
    time_form: str | None = None
    algorithm: bytes = b""
    signed: bytes = b""
    signature: bytes = b""

    @property
    def fields(self) -> Parsed:
        """What was read; only where something was."""
        assert self.parsed is not None
        return self.parsed

    @property
    def key_id(self) -> bytes | None:
        """The subjectKeyIdentifier, where one can be read."""
        found = self.parsed and self.parsed.extension(OID["ski"])
        return _content(found, der.OCTET_STRING) if found else None

    @property
    def issuer_key_id(self) -> bytes | None:
        """The keyIdentifier of authorityKeyIdentifier, where one can be read."""
        found = self.parsed and self.parsed.extension(OID["aki"])
        inside = _content(found, der.SEQUENCE) if found else None
        try:
            fields = der.children(inside or b"")
        except der.DerError:
            return None
        return next((each.content for each in fields if each.tag == 0x80), None)


def read(certificate: bytes, called: str = "a certificate") -> Specimen:
    """Read a DER certificate, however it is broken.

    Raises MitmailError, naming it as ``called``, for what is broken in a way that no scenario
    file can say.
    """
    whole, damage = _outermost(certificate)
    if damage in {"truncated", "random"}:
        return Specimen(der=certificate, parsed=None, damage=damage)
    try:
        tbs, outer, signature = der.children(der.read(whole).content)
        signed, form = _with_proper_end(tbs)
        parsed = parse(der.sequence(signed, outer.raw, signature.raw))
        inner = _algorithm(tbs)
    except (der.DerError, MitmailError, ValueError) as error:
        raise MitmailError(
            f"{called} cannot be copied: its encoding is broken in a way that no scenario file "
            f"can say ({str(error).removeprefix('not an X.509 certificate: ')})"
        ) from error
    found = [damage] if damage else []
    found += _damages(tbs, parsed)
    found += ["algorithm-differs"] if inner != outer.raw else []
    if len(found) > 1:
        words = " and ".join(found)
        raise MitmailError(f"{called} cannot be copied: it is damaged twice over ({words})")
    return Specimen(
        der=certificate,
        parsed=_with_short_serial(parsed) if found == ["long-serial"] else parsed,
        damage=found[0] if found else None,
        time_form=form,
        algorithm=inner,
        signed=tbs.raw,
        signature=signature.content[1:],
    )


def _content(extension: Extension, tag: int) -> bytes | None:
    try:
        found = der.read(extension.value)
    except der.DerError:
        return None
    return found.content if found.tag == tag else None


def _outermost(certificate: bytes) -> tuple[bytes, str | None]:
    try:
        outer = der.read(certificate)
    except der.DerError:
        return _misread(certificate)
    if outer.tag != der.SEQUENCE:
        return certificate, "random"
    if outer.end < len(certificate):
        return outer.raw, "trailing-octets"
    return certificate, None


def _misread(certificate: bytes) -> tuple[bytes, str]:
    if len(certificate) < 2 or certificate[0] != der.SEQUENCE:
        return certificate, "random"
    octets = certificate[1] & 0x7F if certificate[1] & 0x80 else 0
    start = 2 + octets
    length = int.from_bytes(certificate[2:start]) if octets else certificate[1]
    if length > len(certificate) - start:
        # A chance octet 30 begins one in 256 of random ones; then either word says it.
        return certificate, "truncated"
    if octets and start + length == len(certificate):
        return der.sequence(certificate[start:]), "long-length"
    return certificate, "random"


def _algorithm(tbs: der.Tlv) -> bytes:
    fields = der.children(tbs.content)
    return fields[2 if fields[0].tag == 0xA0 else 1].raw


def _damages(tbs: der.Tlv, parsed: Parsed) -> list[str]:
    found = []
    serial = parsed.serial
    if len(serial) > 1 and (
        (serial[0] == 0 and serial[1] < 0x80) or (serial[0] == 0xFF and serial[1] >= 0x80)
    ):
        found.append("long-serial")
    if _EMPTY in tbs.content and not parsed.extensions:
        found.append("empty-extensions")
    if any(x.oid == OID["bc"] and x.value == _CA_FALSE for x in parsed.extensions):
        found.append("explicit-ca-false")
    if any(not x.critical and _explicit_false(x) in tbs.content for x in parsed.extensions):
        found.append("explicit-critical-false")
    return found


def _explicit_false(extension: Extension) -> bytes:
    value = der.octet_string(extension.value)
    return der.oid(extension.oid) + der.boolean(False) + value


def _with_short_serial(parsed: Parsed) -> Parsed:
    # The damage puts octets before a serial number; below it there is an ordinary one.
    return replace(parsed, serial=parsed.serial.lstrip(b"\0") or b"\0")


def _with_proper_end(tbs: der.Tlv) -> tuple[bytes, str | None]:
    """The TBSCertificate with notAfter by the rules, for readers who know no other way."""
    fields = der.children(tbs.content)
    place = 4 if fields[0].tag == 0xA0 else 3
    start, end = der.children(fields[place].content)
    moment, form = _moment(end)
    if form is None:
        return tbs.raw, None
    octets = [each.raw for each in fields]
    octets[place] = der.sequence(start.raw, der.time(moment))
    return der.sequence(*octets), form


def _moment(time: der.Tlv) -> tuple[datetime, str | None]:
    text, utc = time.content.decode("ascii"), time.tag == der.UTC_TIME
    if not utc and len(text) == 15 and text < "2050":
        return der.to_datetime(time), "generalized"
    if not utc and "." in text:
        return _read(text.partition(".")[0], "%Y%m%d%H%M%S"), "fraction"
    if utc and len(text) == 11 and text.endswith("Z"):
        return _read(text[:-1], "%y%m%d%H%M"), "no-seconds"
    if utc and len(text) == 17 and text[12] in "+-":
        hours, minutes = int(text[13:15]), int(text[15:17])
        ahead = timedelta(hours=hours, minutes=minutes) * (1 if text[12] == "+" else -1)
        return _read(text[:12], "%y%m%d%H%M%S") - ahead, "offset"
    if utc and len(text) == 13 and not "01" <= text[2:4] <= "12":
        return _read(f"{text[:2]}12{text[4:12]}", "%y%m%d%H%M%S"), "month-13"
    return der.to_datetime(time), None


def _read(text: str, pattern: str) -> datetime:
    return datetime.strptime(text, pattern).replace(tzinfo=UTC)
