"""What Thunderbird is told: an account, what it trusts, and what a person does beside that."""

import ipaddress
import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mitmail.errors import MitmailError
from mitmail.judge.client import Target, letter
from mitmail.pki.certificate import Parsed, parse

type Confirm = Literal["permanent", "session"]

LOOPBACK, LOOPBACK6 = "127.0.0.1", "::1"
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a check does beyond that of a case: what a person at Thunderbird may do.

    ``confirm`` presses the exception dialog's button, for good or until Thunderbird ends.
    ``keep`` leaves exceptions from before, ``stay`` the account for the next check, ``compose``
    sends from a compose window.
    """

    confirm: Confirm | None = None
    keep: bool = False
    stay: bool = False
    compose: bool = False


def job(target: Target, wish: Wish) -> dict[str, object]:
    """The job, as the scripts in Thunderbird take it."""
    return {
        "protocol": target.endpoint.protocol,
        "tls": target.endpoint.tls,
        "name": target.name,
        "port": target.port,
        "user": target.user,
        "password": target.password,
        "roots": _roots(target.roots),
        "patience": target.whole_patience,
        "letter": letter(target, "Thunderbird").decode(),
        "confirm": wish.confirm,
        "keep": wish.keep,
        "stay": wish.stay,
        "compose": wish.compose,
    }


def _roots(file: Path) -> list[str]:
    blocks = file.read_text(encoding="ascii").split(BEGIN)[1:]
    found = [BEGIN + block.partition(END)[0] + END for block in blocks]
    return [b64encode(ssl.PEM_cert_to_DER_cert(one)).decode() for one in found]


def unfit(target: Target) -> str | None:
    """Why Thunderbird cannot be led to a target; None where it can."""
    name, host = target.name, target.host
    if not name.isascii():
        return f"Thunderbird's settings take no host name like {name}: use its encoded form, xn--"
    if _is_address(name):
        # Our listeners on 127.0.0.1 are on ::1 as well, at the same port.
        if name == host or (name, host) == (LOOPBACK6, LOOPBACK):
            return None
        return f"Thunderbird connects to {name} itself, which is not {host}"
    if host != LOOPBACK:
        return f"Thunderbird can be led to {LOOPBACK} only, not to {host}"
    return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def issuer_trusted(chain: Iterable[str], roots: Path) -> bool:
    """Whether a chain (DER as base64) names a trusted root as an issuer."""
    subjects = {one.subject for one in map(_parsed, _roots(roots)) if one is not None}
    return any(one.issuer in subjects for one in map(_parsed, chain) if one is not None)


def _parsed(one: str) -> Parsed | None:
    try:
        return parse(b64decode(one))
    except (MitmailError, ValueError):
        return None  # it may be broken on purpose
