"""What a user names to be looked at: ``HOST``, ``HOST:PORT``, ``[::1]:993``."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from mitmail.endpoint import ALIASES, ENDPOINTS
from mitmail.errors import MitmailError
from mitmail.scenario.hostname import ascii_name, is_host

FORM: Final = "type HOST or HOST:PORT, as mail.example.com:993 or [2001:db8::1]:993"
NAME: Final = "type the name alone, as mail.example.com, or an IP address"
_SPEC = re.compile(r"(?:\[(?P<literal>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?")
# Python converts names by IDNA 2003, which maps these letters to others; IDNA 2008 keeps them
# (RFC 5894 section 7.2): it may be somebody else's name.
_AMBIGUOUS: Final = frozenset("ßς\u200c\u200d")


@dataclass(frozen=True, slots=True)
class Target:
    """A host in ASCII, without a final dot, and a port where one was said."""

    host: str
    port: int | None = None

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address."""
        return is_address(self.host)

    def at(self, port: int) -> str:
        """How a port of it is called in a message: ``HOST:PORT``."""
        return shown(self.host, port)


def parse(text: str) -> Target:
    """Read what a user typed; raises MitmailError.

    A port may also be the name of an endpoint: ``mail.example.com:imaps``. A name is converted
    to its A-labels (RFC 5890); one that two versions of IDNA convert differently is refused.
    """
    text = text.strip()
    if is_address(text):  # an IPv6 address without brackets has colons, and no port
        return Target(_literal(text))
    if "://" in text:
        raise MitmailError(f"{text!r}: that is an address of the web: {FORM}")
    if "@" in text.partition(":")[0]:
        raise MitmailError(f"{text!r}: that is a mail address: {FORM}")
    match = _SPEC.fullmatch(text)
    if match is None:
        raise MitmailError(f"{text!r}: no host: {FORM}")
    if match["literal"] is not None:
        if not is_address(match["literal"]):
            raise MitmailError(f"{text!r}: [{match['literal']}] is no IP address: {FORM}")
        host = _literal(match["literal"])
    else:
        host = hostname(match["name"])
    return Target(host, None if match["port"] is None else _port(text, match["port"]))


def hostname(text: str) -> str:
    """A host name in ASCII and without its final dot, or an address; raises MitmailError."""
    if is_address(text):
        return _literal(text)
    if not _AMBIGUOUS.isdisjoint(text):
        raise MitmailError(f"{text!r}: this name has two spellings in the DNS: type the xn-- one")
    if not text or not is_host(text):
        raise MitmailError(f"{text!r}: no host name: {FORM}")
    name = ascii_name(text).removesuffix(".")
    if name.rpartition(".")[2].isdigit():  # no top-level domain is (RFC 3696 section 2)
        raise MitmailError(f"{text!r}: neither a host name nor an IP address: {FORM}")
    return name


def typed_name(text: str) -> str:
    """What a user says for ``--name``, as ``hostname`` reads it, also ``[2001:db8::1]``."""
    inner = text.strip().removeprefix("[").removesuffix("]")
    if text.strip() == f"[{inner}]" and is_address(inner):
        return _literal(inner)
    try:
        return hostname(text)
    except MitmailError as error:
        raise MitmailError(f"--name {str(error).replace(FORM, NAME)}") from None


def is_address(text: str) -> bool:
    """Whether this is an IP address, of either family."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def shown(host: str, port: int) -> str:
    """``HOST:PORT``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _literal(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _port(text: str, port: str) -> int:
    name = ALIASES.get(port.lower(), port.lower())
    if name in ENDPOINTS and not port.isdigit():
        return ENDPOINTS[name].port
    if not (port.isascii() and port.isdigit()) or not 0 < int(port[:6]) < 65536:
        raise MitmailError(f"{text!r}: {port or 'nothing'} is no port: use 1 to 65535, as 993")
    return int(port)
