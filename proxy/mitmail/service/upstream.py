"""A real mail server behind the shield: what a user says of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from mitmail import endpoint
from mitmail.endpoint import ALIASES, ENDPOINTS, Endpoint
from mitmail.engine.spec import Mode
from mitmail.errors import MitmailError
from mitmail.pki.certificate import from_pem, parse
from mitmail.scenario.hostname import is_hostname
from mitmail.service.place import is_loopback

_SPEC = re.compile(
    r"(?:(?P<endpoint>[^=]+)=)?(?P<host>\[[^\]]+\]|[^:/\[\]]+)(?::(?P<port>\d+))?(?:/(?P<mode>.*))?"
)
FORM = "use HOST, HOST:993, imaps=HOST:PORT or imaps=HOST:143/starttls"
MODES: Final[Mapping[str, Mode]] = {"tls": "implicit", "starttls": "starttls", "plain": "plain"}


class Server(NamedTuple):
    """Where a real mail server is; ``mode`` is None where it is the same as the endpoint's."""

    host: str
    port: int
    mode: Mode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A real mail server behind the shield, in place of our own.

    ``servers`` is where each endpoint leads; ``roots`` (DER) are trusted besides the system's
    own; ``relay_unverified`` relays even when a certificate failed. With ``in_clear`` the clients
    of the STARTTLS endpoints are offered no TLS.
    """

    servers: Mapping[str, Server]
    roots: tuple[bytes, ...] = ()
    relay_unverified: bool = False
    in_clear: bool = False

    @property
    def host(self) -> str:
        """The server's name; that of the first endpoint if they differ."""
        return next(iter(self.servers.values())).host

    def shown(self, one: Endpoint) -> Endpoint:
        """An endpoint as its clients find it."""
        return replace(one, tls="plain") if self.in_clear and one.tls == "starttls" else one

    def server_mode(self, one: Endpoint) -> Mode:
        """What the server behind an endpoint has."""
        return self.servers[one.name].mode or one.tls

    @property
    def exposed(self) -> list[Server]:
        """The servers elsewhere that are reached in clear."""
        return [x for x in self.servers.values() if x.mode == "plain" and not is_loopback(x.host)]

    @property
    def in_clear_at(self) -> list[str]:
        """The names of the endpoints without TLS."""
        return [name for name in self.servers if self.shown(ENDPOINTS[name]).tls == "plain"]


def check(behind: Upstream) -> None:
    """Refuse what nobody can have meant, or what is dangerous; raises MitmailError."""
    if behind.in_clear and not behind.in_clear_at:
        raise MitmailError("--plain is for imap, pop3 and smtp: --upstream imap=HOST")
    for one in map(ENDPOINTS.__getitem__, behind.servers):
        if behind.server_mode(one) == "plain" and behind.shown(one).tls != "plain":
            advice = "add --plain" if one.tls == "starttls" else "use imap, pop3 or smtp --plain"
            raise MitmailError(
                f"--upstream {one.name}=.../plain: a server in clear shows no certificate for "
                f"{behind.host} that the antivirus could copy: {advice}"
            )
    if behind.exposed and not behind.relay_unverified:
        raise MitmailError(
            f"--upstream {behind.exposed[0].host}: /plain sends passwords and mail in clear over "
            "the network; if you mean it, add --relay-unverified"
        )


def servers(specs: Iterable[str]) -> dict[str, Server]:
    """Read ``[ENDPOINT=]HOST[:PORT][/MODE]``: a host alone has all six endpoints.

    Where no port is said it is the field's own for the endpoint, or for that mode. Raises
    MitmailError.
    """
    found: dict[str, Server] = {}
    for spec in specs:
        found |= _servers(spec)
    return found


def _servers(spec: str) -> dict[str, Server]:
    match = _SPEC.fullmatch(spec)
    if match is None or not is_hostname(match["host"].strip("[]")):
        raise MitmailError(f"--upstream {spec!r}: {FORM}")
    host, port, said = match["host"].strip("[]"), match["port"], match["mode"]
    if port is not None and not 0 < int(port) < 65536:
        raise MitmailError(f"--upstream {spec!r}: {port} is no port")
    if said is not None and said not in MODES:
        raise MitmailError(f"--upstream {spec!r}: /{said}: use /{', /'.join(MODES)}")
    mode = MODES[said] if said is not None else None
    if match["endpoint"]:
        one = endpoint.find(match["endpoint"])
        return {one.name: Server(host, int(port) if port else _port(one, mode), mode)}
    if port is None:
        return {one.name: Server(host, _port(one, mode), mode) for one in ENDPOINTS.values()}
    if port not in ALIASES:
        raise MitmailError(f"--upstream {spec!r}: say what is on port {port}: imaps={spec}")
    return {ALIASES[port]: Server(host, int(port), mode)}


def _port(one: Endpoint, mode: Mode | None) -> int:
    # STARTTLS and clear text have one port (RFC 8314 section 3).
    tls = one.tls if mode is None else "implicit" if mode == "implicit" else "starttls"
    return next(x.port for x in ENDPOINTS.values() if (x.protocol, x.tls) == (one.protocol, tls))


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
