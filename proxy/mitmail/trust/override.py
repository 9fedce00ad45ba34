"""Stored security exceptions: the Servers tab of Thunderbird, ``cert_override.txt``."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mitmail.errors import MitmailError
from mitmail.pki import file
from mitmail.trust import lock

FILE: Final = "cert_override.txt"

# HOST:PORT:ORIGIN-ATTRIBUTES <tab> OID of the hash <tab> fingerprint <tab> more. Before version
# 115 there were neither the second colon nor the attributes (nsCertOverrideService, as written by
# 153; old lines also hold what was overridden).
_LINE: Final = re.compile(
    r"(?P<host>\[[^\]\t]+\]|[^:\t]+):(?P<port>\d+)(?::(?P<attributes>[^\t]*))?"
    r"\t(?P<oid>[A-Z0-9.]+)\t(?P<fingerprint>[0-9A-Fa-f:]+)(?:\t.*)?"
)


@dataclass(frozen=True, slots=True)
class Override:
    """One exception: for one host, one port and one certificate. ``line`` is as it stood there."""

    place: str
    sha256: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Removal:
    """An exception that is to go: the file with it, and without."""

    override: Override
    before: bytes
    after: bytes


def overrides(profile: Path) -> list[Override]:
    """The stored exceptions of a profile, in the file's order; what is none is passed over."""
    content = file.read(profile / FILE) or b""
    return [one for line in content.splitlines(keepends=True) if (one := _read(line))]


def removal(profile: Path, place: str) -> Removal:
    """What taking out the exception for ``HOST:PORT`` means.

    Raises MitmailError that lists what there is when there is none.
    """
    found = overrides(profile)
    fitting = [one for one in found if one.place == place.lower()]
    if not fitting:
        there = ", ".join(one.place for one in found) or "none at all"
        raise MitmailError(f"{profile}: no exception for {place}; there is {there}")
    before = file.read(profile / FILE) or b""
    lines = before.splitlines(keepends=True)
    return Removal(fitting[0], before, b"".join(x for x in lines if x != fitting[0].line))


def take_out(profile: Path, one: Removal) -> None:
    """Remove it; raises RunningError, MitmailError when somebody was quicker."""
    with lock.closed(profile):
        if file.read(profile / FILE) != one.before:
            raise MitmailError(f"{profile / FILE} has just changed; try again")
        _write(profile, one.after)


def put_back(profile: Path, one: Removal) -> bool:
    """Store a removed exception again: False where one for this place is there.

    Where nobody has touched the file since it is as it was, to the octet. Raises RunningError.
    """
    with lock.closed(profile):
        if any(each.place == one.override.place for each in overrides(profile)):
            return False
        now = file.read(profile / FILE) or b""
        end = b"" if not now or now.endswith(b"\n") else b"\n"
        _write(profile, one.before if now == one.after else now + end + one.override.line)
    return True


def _read(line: bytes) -> Override | None:
    found = _LINE.fullmatch(line.decode(errors="replace").rstrip("\r\n"))
    if found is None:
        return None
    fingerprint = found["fingerprint"].replace(":", "").lower()
    return Override(f"{found['host']}:{found['port']}".lower(), fingerprint, line)


def _write(profile: Path, content: bytes) -> None:
    path = profile / FILE
    file.write(path, content, path.stat().st_mode & 0o777 if path.exists() else 0o600)
