"""What mitmail needs of other people's code: is it here, and in a release that it works with?"""

import operator
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import Final

from mitmail.machine.check import Check, Status

type _Version = tuple[int, ...]

_COMPARE: Final[Mapping[str, Callable[[_Version, _Version], bool]]] = {
    ">=": operator.ge,
    "<": operator.lt,
}
_FORM: Final = re.compile(r"([\w.-]+?)\s*((?:[<>=!~]=?\s*[\w.]+,?\s*)*)(?:;\s*(.*))?")
_BOUND: Final = re.compile(r"(>=|<)\s*([\d.]+)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A distribution, its releases (``>=1.2,<2``), and the extra that it is for, if any."""

    name: str
    bounds: str
    extra: str | None

    def holds(self, found: str) -> bool:
        """Whether a release is one of these."""
        release = _numbers(found)
        return all(
            _COMPARE[sign](release, _numbers(bound)) for sign, bound in _BOUND.findall(self.bounds)
        )

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install '{self.name}{self.bounds}'"


def requirements() -> list[Requirement]:
    """Those of mitmail, as it was installed. Raises PackageNotFoundError."""
    return [_read(each) for each in requires("mitmail") or ()]


def _read(text: str) -> Requirement:
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"not understood: {text}")
    name, bounds, marker = match.groups()
    extra = re.search(r"extra\s*==\s*['\"](\w+)", marker or "")
    signs = sorted((x.strip() for x in bounds.split(",") if x.strip()), reverse=True)
    return Requirement(name, ",".join(signs), extra and extra[1])


def _numbers(text: str) -> _Version:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def python() -> Iterator[Check]:
    """Python itself."""
    lowest = Requirement("python", metadata("mitmail")["Requires-Python"], None)
    here = platform.python_version()
    if lowest.holds(here):
        yield Check(
            id="python", status="ok", words=f"Python {here}, {sys.executable}", serves=True
        )
    else:
        words = f"Python {here} is too old"
        fix = f"install Python {lowest.bounds.removeprefix('>=')} or newer, and mitmail into it"
        yield Check(id="python", status="broken", words=words, fix=fix, serves=True)


def libraries() -> Iterator[Check]:
    """What serving stands on: mitmproxy by its name, the rest only where something is amiss."""
    checks = [_library(one) for one in requirements() if one.extra is None]
    amiss = [x for x in checks if x.status != "ok" and x.id != "mitmproxy"]
    yield from (x for x in checks if x.id == "mitmproxy")
    yield from amiss
    if not amiss:
        words = f"{len(checks) - 1} other libraries, in releases that mitmail works with"
        yield Check(id="libraries", status="ok", words=words, serves=True)


def tls() -> Iterator[Check]:
    """The OpenSSL that mitmail speaks TLS with, which is not that of the system."""
    # Here, and not above: where it is broken, the rest is looked at all the same.
    from cryptography.hazmat.backends.openssl import backend

    words = f"{backend.openssl_version_text()}, of the Python package cryptography"
    yield Check(id="tls", status="ok", words=words, serves=True)


def extra(name: str) -> Iterator[Check]:
    """What an extra of mitmail brings; one line where all of it is here."""
    wanted = [one for one in requirements() if one.extra == name]
    checks = [_library(one, serves=False) for one in wanted]
    if all(x.status == "ok" for x in checks):
        words = " and ".join(x.words for x in checks)
        yield Check(id=name, status="ok", words=words)
    else:
        fix = f"pip install 'mitmail[{name}]'"
        words = " and ".join(x.words for x in checks if x.status != "ok")
        worst: Status = "broken" if any(x.status == "broken" for x in checks) else "missing"
        yield Check(id=name, status=worst, words=words, fix=fix)


def _library(one: Requirement, *, serves: bool = True) -> Check:
    try:
        found = version(one.name)
    except PackageNotFoundError:
        words = f"{one.name} is not here"
        return Check(id=one.name, status="missing", words=words, fix=one.command, serves=serves)
    if one.holds(found):
        words = f"{one.name} {found}"
        return Check(id=one.name, status="ok", words=words, serves=serves)
    words = f"{one.name} {found} is none that mitmail works with ({one.bounds})"
    return Check(id=one.name, status="broken", words=words, fix=one.command, serves=serves)
