"""Which name of a server its certificate is for: what may be told to a customer who typed another.

Names come from the reverse DNS, which anyone may write for his own addresses, and from the
certificate. None is believed: it has to lead back to the address, and the certificate has to be
valid for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from mitmail.diagnose.finding import Finding
from mitmail.scenario.hostname import covers, is_hostname

LIMIT: Final = 5  # names of one source
CONFIRM: Final = "confirm with your provider before typing a password"

type Source = Literal["ptr", "certificate"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name that the server may have, and where it was read."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a candidate: ``addresses`` is where it leads.

    ``errors`` are words of the reason vocabulary that stand against the certificate shown for it,
    null where that was not asked for; ``trouble`` says why something could not be found out.
    """

    candidate: Candidate
    addresses: tuple[str, ...] = ()
    errors: tuple[str, ...] | None = None
    trouble: str = ""


def candidates(
    typed: str, pointed: Iterable[str], certified: Iterable[str]
) -> tuple[list[Candidate], list[str]]:
    """The names worth a look-up, and those of the reverse DNS that the certificate lacks.

    ``pointed`` is where the address points (PTR), ``certified`` are the certificate's DNS names. A
    wildcard is no name to type; one that the PTR names may be covered by it.
    """
    certified = tuple(certified)
    pointed = [name for name in dict.fromkeys(pointed) if is_hostname(name)][:LIMIT]
    good = [name for name in pointed if any(covers(pattern, name) for pattern in certified)]
    exact = [name.lower() for name in certified if is_hostname(name)][:LIMIT]
    found: dict[str, Candidate] = {}
    for name, source in [*((x, "ptr") for x in good), *((x, "certificate") for x in exact)]:
        if name != typed:
            found.setdefault(name, Candidate(name, "ptr" if source == "ptr" else "certificate"))
    return list(found.values()), [name for name in pointed if name not in good]


def is_confirmed(tried: Tried, address: str) -> bool:
    """Whether the name leads back to the address, and the certificate is valid for it."""
    return address in tried.addresses and tried.errors == ()


def suggested(tried: Tried, address: str, where: str) -> Finding:
    """What is to be said of a name that is confirmed."""
    name = tried.candidate.name
    source = "the reverse DNS" if tried.candidate.source == "ptr" else "the certificate"
    return Finding(
        id="name-suggested", severity="info", where=where,
        words=f"{name} is this server's name: {source} names it, it leads to {address}, and the "
        "certificate shown for it is valid",
        fix=f"type {name} as the server's name; {CONFIRM}",
    )  # fmt: skip


def refused(tried: Iterable[Tried], uncovered: Iterable[str], address: str) -> list[str]:
    """Why none of the names may be told, one clause each."""
    clauses = [
        f"the reverse DNS of {address} names {name}, and the certificate is not for that name"
        for name in uncovered
    ]
    return clauses + [_clause(one, address) for one in tried]


def _clause(one: Tried, address: str) -> str:
    name = one.candidate.name
    if one.candidate.source == "ptr":
        begin = f"the reverse DNS of {address} names {name}"
    else:
        begin = f"the certificate names {name}"
    if one.trouble:
        return f"{begin}, and that could not be confirmed: {one.trouble}"
    if not one.addresses:
        return f"{begin}, and that name has no address"
    if address not in one.addresses:
        return f"{begin}, and that name leads elsewhere ({', '.join(one.addresses[:LIMIT])})"
    return f"{begin}, and the certificate shown for it is not valid: {', '.join(one.errors or ())}"


def not_found(why: Iterable[str], where: str) -> Finding:
    """What is to be said where no name may be told."""
    return Finding(
        id="name-not-found", severity="unknown", where=where,
        words="no other name of this server can be told: "
        + ("; ".join(why) or "neither the reverse DNS nor the certificate has another one"),
        fix="ask your provider for the server's name; do not accept the certificate",
    )  # fmt: skip
