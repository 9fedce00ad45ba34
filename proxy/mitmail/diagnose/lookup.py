"""Look-ups in the DNS: the addresses of a name, and the names of an address."""

import asyncio
import socket
from typing import Final, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
import dns.reversename

from mitmail.diagnose.target import is_address, parse
from mitmail.errors import CannotJudgeError, MitmailError

PORT: Final = 53


class NameServer(NamedTuple):
    """A DNS server to ask in place of the system's own."""

    address: str
    port: int = PORT


class UnansweredError(Exception):
    """The DNS did not answer: that is no word about the name. Its text says why."""


def name_server(text: str) -> NameServer:
    """Read ``--dns HOST[:PORT]``; raises MitmailError."""
    target = parse(text)
    if not target.is_address:
        raise MitmailError(f"--dns {text!r}: type its IP address, as 192.0.2.53 or 127.0.0.1:5353")
    return NameServer(target.host, PORT if target.port is None else target.port)


class Lookup:
    """Asks the system's resolver, or the ``server``; each question may take so many seconds."""

    def __init__(self, server: NameServer | None = None, seconds: float = 5.0) -> None:
        self._server = server
        self._seconds = seconds

    async def host(self, name: str) -> tuple[str, ...]:
        """The addresses to connect to, IPv4 first; an address is its own.

        Without a ``server`` the system is asked as any program asks it, its hosts file included.
        Raises CannotJudgeError where there are none.
        """
        if is_address(name):
            return (name,)
        try:
            found = await (self._by_system(name) if self._server is None else self.forward(name))
        except UnansweredError as error:
            raise CannotJudgeError(f"{name}: the DNS does not answer: {error}") from None
        if not found:
            raise CannotJudgeError(f"{name}: no such host: check the spelling")
        return tuple(sorted(found, key=lambda address: ":" in address))

    async def _by_system(self, name: str) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise UnansweredError(f"not within {self._seconds:g} s") from None
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)):
                return ()
            raise UnansweredError(error.strerror) from None
        return tuple(dict.fromkeys(str(one[4][0]) for one in found))

    async def forward(self, name: str) -> tuple[str, ...]:
        """The A and AAAA records of a name; none where it has none. Raises UnansweredError."""
        both = await asyncio.gather(
            self._asked(name, "A"), self._asked(name, "AAAA"), return_exceptions=True
        )
        found = [one for part in both if not isinstance(part, BaseException) for one in part]
        for part in both:
            # One kind may be missing where the other one is there: some servers know no AAAA.
            if isinstance(part, BaseException) and not (
                found and isinstance(part, UnansweredError)
            ):
                raise part
        return tuple(dict.fromkeys(found))

    async def reverse(self, address: str) -> tuple[str, ...]:
        """The names of an address (PTR), in lower case; raises UnansweredError."""
        found = await self._asked(dns.reversename.from_address(address.partition("%")[0]), "PTR")
        return tuple(name.removesuffix(".").lower() for name in found)

    async def _asked(self, name: str | dns.name.Name, kind: str) -> tuple[str, ...]:
        try:
            # The names are whole: the system's search list is for what people type.
            answer = await self._resolver().resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.exception.Timeout:
            raise UnansweredError(f"not within {self._seconds:g} s") from None
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise UnansweredError(str(error).partition("\n")[0] or type(error).__name__) from None
        return tuple(str(record) for record in answer)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=self._server is None)
        if self._server is not None:
            resolver.nameservers = [self._server.address]
            resolver.port = self._server.port
        resolver.lifetime = self._seconds
        return resolver
