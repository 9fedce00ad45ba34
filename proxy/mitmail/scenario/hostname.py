"""Host names: which ones are for tests, and which ones a certificate's name covers."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
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


def is_test_name(text: str) -> bool:
    """Tell whether a certificate name is one of the test names, a wildcard in one, or loopback.

    The persistent test root is constrained to these: any other name is a second fault.
    """
    if (address := _address(text)) is not None:
        return address.is_loopback
    name = text.lower().removeprefix("*.")
    return any(name == domain or name.endswith(f".{domain}") for domain in TEST_DOMAINS)


def covers(pattern: str, host: str) -> bool:
    """Tell whether a name of a certificate matches a host (RFC 9525, sections 6.3 and 6.4).

    A wildcard is the whole left-most label and stands for exactly one label.
    """
    address = _address(host)
    if address is not None or _address(pattern) is not None:
        return address == _address(pattern)
    host, parent = host.lower(), host.lower().partition(".")[2]
    return pattern.lower() == host or (bool(parent) and pattern.lower() == f"*.{parent}")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
