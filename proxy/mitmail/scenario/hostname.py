"""Host names: which ones are for tests, and which ones a certificate's name covers."""

import re
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

CUSTOMER: Final = "mail.customer.test"
"""The name that the customer typed: what a client connects to unless a scenario says another."""

NAME: Final = "{name}"
"""Stands for the name that the client was told to use."""

TEST_DOMAINS: Final = ("customer.test", "hoster.test", "mitmail.test")

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def is_hostname(text: str) -> bool:
    """Tell whether this is something to connect to: a DNS name (RFC 1123) or an IP address."""
    if _address(text) is not None:
        return True
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def is_host(text: str) -> bool:
    """Tell whether somebody may type this as a host, though not everybody would take it.

    Beyond `is_hostname`: a final dot, an underscore, and letters that IDNA has to convert.
    """
    try:
        ascii_form = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        return False
    return is_hostname(ascii_form.removesuffix(".").replace("_", "-"))


def is_test_name(text: str) -> bool:
    """Tell whether a certificate name is one of the test names, a wildcard in one, or loopback.

    The persistent test root is constrained to these: any other name is a second fault.
    """
    kind, text = kind_of(text)
    if kind == "ip":
        return (address := _address(text)) is not None and address.is_loopback
    name = ascii_name(text).removeprefix("*.")
    return any(name == domain or name.endswith(f".{domain}") for domain in TEST_DOMAINS)


def is_harmless(name: str) -> bool:
    """Tell whether a name in a certificate is nobody's: under .test, or a loopback address.

    RFC 6761 keeps .test for tests. What is no DNS name at all is harmless, too.
    """
    kind, text = kind_of(name)
    if kind == "ip":
        return (address := _address(text)) is not None and address.is_loopback
    if kind != "dns" or text.strip("* .") == "" or _address(text) is not None:
        return True
    domain = ascii_name(text).rstrip(".")
    # No top-level domain is all digits (RFC 3696 section 2): *.0.0.1 is nobody's.
    return domain.endswith(".test") or domain.rpartition(".")[2].isdigit()


KINDS: Final = ("dns", "ip", "email", "uri", "srv", "utf8", "hex")
"""What may stand before the text of a certificate's name: ``dns:``, ``email:`` ..."""


def kind_of(name: str) -> tuple[str, str]:
    """Part a certificate's name into its kind and its text: ``dns`` or ``ip`` when unsaid."""
    kind, colon, text = name.partition(":")
    if colon and kind in KINDS:
        return kind, text
    return ("dns" if _address(name) is None else "ip"), name


def covers(name: str, host: str) -> bool:
    """Tell whether a name of a certificate matches a host (RFC 9525, sections 6.3 and 6.4).

    A wildcard is the whole left-most label and stands for exactly one label. Only DNS names and
    addresses count for a mail client that was told its host (RFC 7817 section 3).
    """
    kind, pattern = kind_of(name)
    address = _address(host)
    if kind == "ip" or address is not None:
        return kind == "ip" and address is not None and address == _address(pattern)
    if kind != "dns" or not pattern:
        return False
    pattern, host = ascii_name(pattern), ascii_name(host).removesuffix(".")
    parent = host.partition(".")[2]
    return pattern == host or (bool(parent) and pattern == f"*.{parent}")


def is_well_written(name: str) -> bool:
    """Tell whether a certificate's name has the syntax of its kind (RFC 5280 section 4.2.1.6).

    A DNS name is ASCII in the preferred name syntax; where its stars stand is not asked here.
    """
    kind, text = kind_of(name)
    if kind == "dns":
        return is_hostname(ascii_name(text).replace("*", "x"))
    return kind != "utf8"


def is_permitted(name: str, permitted: Iterable[str], excluded: Iterable[str]) -> bool:
    """Tell whether the nameConstraints of a CA let it sign for a name of a certificate.

    Bounds are DNS domains and networks; a kind of name that none of them speaks of is free (RFC
    5280 section 4.2.1.10). A dot before a domain, which is a mistake, counts for nothing.
    """
    kind, text = kind_of(name)
    inside = [_within(text, x) for x in permitted if _bounds(x) == kind]
    outside = [_within(text, x) for x in excluded if _bounds(x) == kind]
    return (any(inside) or not inside) and not any(outside)


def _bounds(limit: str) -> str:
    return "dns" if _network(limit) is None else "ip"


def _within(text: str, limit: str) -> bool:
    network, address = _network(limit), _address(text)
    if network is not None:
        return address is not None and address in network
    return f".{ascii_name(text)}".endswith(f".{ascii_name(limit).removeprefix('.')}")


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def is_public_suffix_wildcard(name: str) -> bool:
    """Tell whether a name is a wildcard for all of a top-level domain."""
    kind, pattern = kind_of(name)
    return kind == "dns" and pattern.startswith("*.") and "." not in pattern[2:]


def ascii_name(text: str) -> str:
    """A name in lower case and ASCII, as IDNA converts it; what it cannot convert stays."""
    try:
        return (text if text.isascii() else text.encode("idna").decode()).lower()
    except UnicodeError:
        return text.lower()


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
