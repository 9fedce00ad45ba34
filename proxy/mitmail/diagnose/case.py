"""One server's certificates with everything that they are judged by."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mitmail.diagnose.certificate import Certificate, chain_of
from mitmail.diagnose.finding import Finding, Severity
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.roots import Roots
from mitmail.diagnose.verification import Verified, verify

NONE: Final = Verified(path=(), anchored=False)


@dataclass(frozen=True, slots=True)
class Case:
    """What was shown, whom the client trusts, and the way from the one to the other."""

    presented: Presented
    chain: tuple[Certificate, ...]
    roots: Roots
    verified: Verified

    @property
    def leaf(self) -> Certificate:
        """The server's certificate."""
        return self.chain[0]

    @property
    def at(self) -> datetime:
        """The time to judge by."""
        return self.presented.at

    def is_anchor(self, one: Certificate) -> bool:
        """Whether a certificate is the trusted end of the way."""
        return self.verified.anchored and one == self.verified.end

    def finding(
        self, id_: str, severity: Severity, words: str, *, fix: str = "", reason: str | None = None
    ) -> Finding:
        """A finding about this server."""
        return Finding(
            id=id_, severity=severity, words=words, fix=fix, reason=reason,
            where=self.presented.source,
        )  # fmt: skip


def case(presented: Presented, roots: Roots, *, also: tuple[bytes, ...] = ()) -> Case:
    """Verify what was shown; ``also`` are certificates (DER) that a client may have besides."""
    chain = chain_of(presented.chain)
    spare = [Certificate(der) for der in also if der not in presented.chain]
    found = verify(chain, roots, presented.at, also=spare) if chain else NONE
    return Case(presented, chain, roots, found)


type Findings = Iterator[Finding]


def day(moment: datetime) -> str:
    """A time for people."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def span(time: timedelta) -> str:
    """A length of time for people, roughly."""
    seconds = abs(time.total_seconds())
    for unit, size in (("year", 31557600), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size or (seconds >= size and unit != "year"):
            count = int(seconds // size)
            return f"{count} {unit}{'s' * (count != 1)}"
    return "less than a minute"
