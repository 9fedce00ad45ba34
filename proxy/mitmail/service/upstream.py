"""A real mail server behind the shield: what a user says of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mitmail import endpoint
from mitmail.endpoint import ALIASES, ENDPOINTS
from mitmail.errors import MitmailError
from mitmail.pki.certificate import from_pem, parse
from mitmail.scenario.hostname import is_hostname

_SPEC = re.compile(r"(?:(?P<endpoint>[^=]+)=)?(?P<host>\[[^\]]+\]|[^:\[\]]+)(?::(?P<port>\d+))?")
FORM = "use HOST, HOST:993 or imaps=HOST:PORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A real mail server behind the shield, in place of our own.

    ``servers`` gives host and port for each endpoint; ``roots`` (DER) are trusted besides the
    system's own; ``relay_unverified`` relays even when a certificate failed.
    """

    servers: Mapping[str, tuple[str, int]]
    roots: tuple[bytes, ...] = ()
    relay_unverified: bool = False

    @property
    def host(self) -> str:
        """The server's name; that of the first endpoint if they differ."""
        return next(iter(self.servers.values()))[0]


def servers(specs: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Read ``[ENDPOINT=]HOST[:PORT]``: a host alone has all six endpoints on the field's ports.

    Raises MitmailError.
    """
    found: dict[str, tuple[str, int]] = {}
    for spec in specs:
        found |= _servers(spec)
    return found


def _servers(spec: str) -> dict[str, tuple[str, int]]:
    match = _SPEC.fullmatch(spec)
    if match is None or not is_hostname(match["host"].strip("[]")):
        raise MitmailError(f"--upstream {spec!r}: {FORM}")
    host, port = match["host"].strip("[]"), match["port"]
    if port is not None and not 0 < int(port) < 65536:
        raise MitmailError(f"--upstream {spec!r}: {port} is no port")
    if match["endpoint"]:
        one = endpoint.find(match["endpoint"])
        return {one.name: (host, int(port) if port else one.port)}
    if port is None:
        return {one.name: (host, one.port) for one in ENDPOINTS.values()}
    if port not in ALIASES:
        raise MitmailError(f"--upstream {spec!r}: say what is on port {port}: imaps={spec}")
    return {ALIASES[port]: (host, int(port))}


def roots(file: Path | None) -> tuple[bytes, ...]:
    """The certificates (DER) of a PEM file; none without a file. Raises MitmailError."""
    if file is None:
        return ()
    try:
        found = from_pem(file.read_bytes())
        for der in found:
            parse(der)  # PEM may hold anything
        return found
    except OSError as error:
        raise MitmailError(f"cannot read {file}: {error.strerror}") from None
    except MitmailError as error:
        raise MitmailError(f"{file}: {error}") from None
