"""The traits of a certificate, as a scenario file says them where a good one differs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mitmail.diagnose import duration, subject
from mitmail.diagnose.alias import Alias
from mitmail.diagnose.extension import Extensions
from mitmail.diagnose.keykind import key_kind
from mitmail.diagnose.kinship import OWN_DIGEST, algorithm_oid, digest
from mitmail.diagnose.specimen import Specimen
from mitmail.scenario.certificate import Certificate

type Said = dict[str, Any]

_UNHEARD_OF: Final = 4  # the lowest version that there is not
_DIGESTS: Final = {"sha256", "sha384", "sha512", "sha224", "sha1", "md5", "pss-sha256"}


@dataclass
class Traits:
    """What was read of one certificate. ``said`` holds fields by their names in a file.

    ``lost`` are the parts that cannot be copied, in words.
    """

    said: Said = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def traits(
    one: Specimen, good: Certificate, alias: Alias, at: datetime, *, leaf: bool, selfsigned: bool
) -> Traits:
    """What a scenario file has to say of a certificate, where a good one in its place differs.

    ``good`` is that good one, its links, key and CA flag said; ``at`` is when it was seen.
    """
    found = Traits()
    if one.parsed is None:
        found.said = {"damage": one.damage}
        return found
    parsed = one.parsed
    _key(one, found)
    _times(one, at, found)
    if parsed.version != 3:
        found.said["version"] = _version(parsed.version, found)
    if _is_odd(parsed.serial):
        found.said["serial"] = parsed.serial.hex()
    if one.damage != "empty-extensions":
        extensions = Extensions(good, alias, parsed, leaf=leaf, selfsigned=selfsigned)
        found.said |= extensions.said
        found.lost += extensions.lost
    found.said |= subject.said(parsed, alias, found.said, leaf=leaf)
    if one.damage is not None:
        found.said["damage"] = one.damage
    return found


def _key(one: Specimen, found: Traits) -> None:
    kind, form, lost = key_kind(one.fields.spki)
    if kind != "ec256":
        found.said["key"] = kind
    if form != "plain":
        found.said["key_form"] = form
    if lost:
        found.lost.append(f"{lost} ({kind} stands in for it)")
    word = digest(one.algorithm)
    if word in _DIGESTS:
        if word != "sha256":
            found.said["signature"] = word
    elif word is not None and word.startswith("pss-") and word != "pss-sha1":
        found.said["signature"] = "pss-sha256"
        found.lost.append(f"a signature with {word} (pss-sha256 stands in for it)")
    elif algorithm_oid(one.algorithm) not in OWN_DIGEST:
        oid = algorithm_oid(one.algorithm)
        found.lost.append(f"a signature of the kind {oid} (sha256 stands in for it)")


def _times(one: Specimen, at: datetime, found: Traits) -> None:
    good = Certificate()
    said = duration.validity(one.fields.not_before, one.fields.not_after, at)
    usual = duration.validity(at + good.not_before, at + good.not_after, at)
    found.said |= {key: text for key, text in said.items() if text != usual[key]}
    if one.time_form is not None:
        found.said["time_form"] = one.time_form
    if one.time_form == "month-13":
        found.said.pop("not_after", None)  # there is no such day


def _version(version: int, found: Traits) -> int:
    if 1 <= version <= _UNHEARD_OF:
        return version
    found.lost.append(f"version {version} ({_UNHEARD_OF} stands in for it)")
    return _UNHEARD_OF


def _is_odd(serial: bytes) -> bool:
    return len(serial) > 20 or serial[0] >= 0x80 or not any(serial)
