"""Names that are nobody's in place of a customer's, with the same shape."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from mitmail.pki import der
from mitmail.pki.extension import SRV_NAME
from mitmail.scenario.hostname import (
    CUSTOMER,
    NAME,
    TEST_DOMAINS,
    ascii_name,
    covers,
    is_hostname,
    is_test_name,
    is_well_written,
    kind_of,
)

_OWN, _FOREIGN, _ = TEST_DOMAINS
_SOMEONE: Final = "someone"
# Second-level domains below which registries of countries register: mail.example.co.uk.
_REGISTRIES: Final = {"ac", "co", "com", "edu", "gen", "go", "gov", "ne", "net", "or", "org"}
_TEXT: Final = re.compile(rb"(?:\0?[ -~]){4,}")  # also in two octets a letter
_EDGES: Final = re.compile(r"([\s.]*)(.*?)([\s.]*)", re.DOTALL)
_OTHER_NETWORK: Final = bytes.fromhex("20010db8") + bytes(11)  # RFC 3849: documentation
_STRINGS: Final = {der.UTF8_STRING, der.IA5_STRING, der.PRINTABLE_STRING}


class Alias:
    """Test names for the names of one chain: the same name is always the same alias.

    The domain of ``name``, what the customer's client connects to, becomes customer.test, other
    domains hoster.test, hoster-2.test and so on, names without a domain host.test, host-2.test;
    labels before a domain stay, and so do wildcards, dots, spaces and letter case. Addresses
    become loopback ones. What is a test name already stays as it is, and so does everything when
    ``exact``.
    """

    def __init__(self, name: str, *, exact: bool = False) -> None:
        """``name`` is a host name or an IP address."""
        self.exact = exact
        self._typed = name
        self.client = ""
        self._domains: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self.client = self._of_client(name)

    def _of_client(self, name: str) -> str:
        if self.exact:
            return name
        if (address := _address(name)) is not None:
            mine = name if address.is_loopback else "127.0.0.1" if address.version == 4 else "::1"
            self._addresses[str(address)] = mine
            return mine
        bare = name.rstrip(".")
        if is_test_name(bare):
            return name
        if "." not in bare:
            return CUSTOMER
        self._domains[_domain(bare).lower()] = _OWN
        return self.host(name)

    # -- one name
    def host(self, text: str) -> str:
        """The alias of a DNS name, however odd it is written."""
        if self.exact or is_test_name(text):
            return text
        return "\0".join(self._part(part) for part in text.split("\0"))

    def _part(self, text: str) -> str:
        match = _EDGES.fullmatch(text)
        assert match is not None
        before, core, after = match.groups()
        return before + (self._core(core) if core else "") + after

    def _core(self, core: str) -> str:
        labels = core.split(".")
        if self.client and core.lower() == self._typed.lower():
            return self.client
        if len(labels) == 1:
            return core if core == "*" else f"{self._word(core)}.test"
        if labels[-1].isdigit():
            return self._numbers(labels)
        domain = _domain(core)
        if "*" in domain and labels[-1] == "test":
            return core
        if "*" in domain:
            return ".".join([*map(_blanked, labels[:-1]), "test"])
        return core.removesuffix(domain) + self._alias(domain)

    def _word(self, word: str) -> str:
        # A name without a domain may be anybody's: a login, a product, a company.
        if not is_hostname(word):
            return _blanked(word)
        known = word.lower()
        if known not in self._words:
            self._words[known] = f"host-{len(self._words) + 1}" if self._words else "host"
        alias = self._words[known]
        return alias if word == known else alias.upper()

    def _alias(self, domain: str) -> str:
        known = domain.lower()
        if known not in self._domains:
            if known.endswith(".test"):
                return domain
            count = len(set(self._domains.values()) - {_OWN}) + 1
            self._domains[known] = _FOREIGN if count == 1 else f"hoster-{count}.test"
        alias = self._domains[known]
        return alias if domain == known else alias.upper()

    def _numbers(self, labels: list[str]) -> str:
        # An address, or a wildcard for some, written as if it were a DNS name.
        typed, mine = self._typed.split("."), self.client.split(".")
        if len(labels) != len(typed) or len(typed) != len(mine) or self.client == self._typed:
            return ".".join(labels)
        pairs = zip(labels, typed, mine, strict=True)
        return ".".join(new if label == old else label for label, old, new in pairs)

    def address(self, octets: bytes) -> str:
        """The alias of an address, in the notation of scenario files."""
        if len(octets) not in {4, 16}:
            return _hexadecimal(der.context(7, octets, constructed=False))
        address = ip_address(octets)
        if self.exact or address.is_loopback:
            return str(address)
        if str(address) not in self._addresses:
            number = len(self._addresses) + 2
            self._addresses[str(address)] = (
                f"127.0.0.{number % 254 + 1}"
                if address.version == 4
                else _hexadecimal(
                    der.context(7, _OTHER_NETWORK + bytes((number % 256,)), constructed=False)
                )
            )
        return self._addresses[str(address)]

    def network(self, octets: bytes) -> str:
        """The alias of a network as nameConstraints have it: address, then mask."""
        half = len(octets) // 2
        notation = f"{ip_address(octets[:half])}/{_prefix(octets[half:])}"
        network, typed = ip_network(notation), _address(self._typed)
        if self.exact or typed is None or typed not in network or typed.is_loopback:
            return str(network)
        return "127.0.0.0/8" if network.version == 4 else "::1/128"

    def mailbox(self, text: str) -> str:
        """Somebody's mail address, without saying whose."""
        if self.exact:
            return text
        return f"{_SOMEONE}@{self.host(text.rpartition('@')[2])}"

    def octets(self, value: bytes) -> bytes:
        """What nobody here can read, with x for the letters and digits of every text in it."""
        if self.exact:
            return value
        return _TEXT.sub(lambda found: re.sub(rb"[A-Za-z0-9]", b"x", found[0]), value)

    # -- as a scenario file has it
    def general_name(self, element: der.Tlv) -> str | None:
        """A name of subjectAltName as scenario files write it; None: none of theirs."""
        make = _KINDS.get(element.tag)
        return None if make is None else make(self, element)

    def template(self, text: str) -> str:
        """``{name}`` where this alias is what the client is told to use."""
        if text == ascii_name(self.client):
            return NAME
        mine = rf"(?<![\w.*-]){re.escape(self.client)}(?![\w-]|\.\w)"
        return re.sub(mine, lambda _: NAME, text)

    def filled(self, name: str) -> tuple[str, str]:
        """Kind and text of a name of a scenario file, for the client of this chain."""
        return kind_of(name.replace(NAME, self.client))

    def matters(self, name: str) -> bool:
        """Whether a client could tell the server by this name, or stumble over it."""
        filled = name.replace(NAME, self.client)
        return covers(filled, self.client) or not is_well_written(filled)

    def _dns(self, element: der.Tlv) -> str:
        try:
            text = element.content.decode()
        except UnicodeDecodeError:
            text = self.host(element.content.decode("latin-1"))
            return _hexadecimal(der.context(2, text.encode("latin-1"), constructed=False))
        alias = self.host(text)
        if set(text) & set("{}") or not text.replace("\0", "").isprintable() or not text:
            return _hexadecimal(der.context(2, alias.encode(), constructed=False))
        if not text.isascii():
            return f"utf8:{alias}"
        if _address(text) is not None:
            same = text == self._typed
            return f"dns:{NAME}" if same else f"dns:{self._numbers(text.split('.'))}"
        plain = re.match(r"(dns|ip|email|uri|srv|utf8|hex):", alias) is None
        alias = self.template(alias) if plain else f"dns:{alias}"
        return f"dns:{alias}" if alias.rpartition(".")[2].isdigit() else alias

    def _email(self, element: der.Tlv) -> str:
        return f"email:{self.mailbox(_ascii(element.content))}"

    def _uri(self, element: der.Tlv) -> str:
        scheme, _, rest = _ascii(element.content).partition("://")
        host = re.split(r"[/:?#]", rest.rpartition("@")[2])[0]
        return f"uri:{scheme}://{self.template(self.host(host))}"

    def _ip(self, element: der.Tlv) -> str:
        return self.template(self.address(element.content))

    def _other(self, element: der.Tlv) -> str | None:
        oid, value = der.children(element.content)
        inner = der.read(value.content)
        if inner.tag not in _STRINGS:
            return None
        text = _ascii(inner.content)
        if der.to_oid(oid) == SRV_NAME:
            service, _, host = text.partition(".")
            return f"srv:{service}.{self.template(self.host(host))}"
        if "@" in text or self.exact:
            alias = self.mailbox(text)
        else:
            is_client = text.lower() == self._typed.lower() or is_test_name(text)
            alias = self.host(text) if is_client else _SOMEONE
        string = der.tlv(inner.tag, alias.encode())
        return _hexadecimal(der.context(0, oid.raw + der.context(0, string)))


_KINDS: Final[dict[int, Callable[[Alias, der.Tlv], str | None]]] = {
    0x82: Alias._dns,
    0x87: Alias._ip,
    0x81: Alias._email,
    0x86: Alias._uri,
    0xA0: Alias._other,
    0x88: lambda alias, element: _hexadecimal(element.raw),  # registeredID: nobody's name
}


def _blanked(label: str) -> str:
    """With x for letters and digits, so that stars and what is no ASCII stay where they are."""
    return re.sub(r"[^\W_]", lambda found: "x" if found[0].isascii() else "ü", label)


def _domain(name: str) -> str:
    labels = name.split(".")
    third = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2].lower() in _REGISTRIES
    return ".".join(labels[-3 if third else -2 :])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _prefix(mask: bytes) -> int:
    bits = int.from_bytes(mask)
    length = bits.bit_count()
    if bits != ((1 << length) - 1) << (len(mask) * 8 - length):
        raise ValueError("a mask with gaps")
    return length


def _ascii(octets: bytes) -> str:
    text = octets.decode("ascii", errors="replace")
    return re.sub(r"[^!-z|~]", "-", text)  # no blanks, braces, control characters


def _hexadecimal(octets: bytes) -> str:
    return f"hex:{octets.hex()}"
