"""What a verifier is asked, and what it says: independent programs judge what mitmail serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

# The reasons that a certificate or TLS can have; "starttls" is not asked here.
REASONS = frozenset(
    {
        "expired", "not-yet-valid", "name-mismatch", "unknown-issuer", "self-signed",
        "incomplete-chain", "bad-signature", "weak", "usage", "constraint", "revoked",
        "malformed", "limit", "client-certificate", "tls-version", "policy", "transport",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint of implicit TLS that speaks IMAP.

    ``name`` is what the user typed, a host name or an IP address; ``roots`` a PEM file of one or
    more certificates. ``at`` is the time that the verifier is to believe; None is now. It has
    ``seconds`` to come to its word.
    """

    host: str
    port: int
    name: str
    roots: Path
    at: datetime | None = None
    seconds: float = 10.0

    @property
    def is_address(self) -> bool:
        """Whether the name is an IP address, for which no SNI is sent (RFC 6066 section 3)."""
        try:
            ip_address(self.name)
        except ValueError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Error:
    """One error in the verifier's own words, and the reasons that it stands for.

    More than one reason: the verifier says the same in each of these cases. None: nobody has
    told us what it means, and that is not guessed.
    """

    says: str
    may_mean: frozenset[str] = frozenset()

    @classmethod
    def of(cls, says: str, reasons: str) -> "Error":
        """An error with its reasons parted by blanks, as the tables have them."""
        return cls(says, frozenset(reasons.split()))


@dataclass(frozen=True, slots=True)
class Word:
    """What a verifier says of a target.

    ``accept``: it named no error, and had the mail server's answer through TLS (a verifier of
    chains alone: the chain stands). ``reject``: it refused; one that is ``complete`` named all
    that it refuses, another the first. ``error``: it could not judge, as when it was silent
    until its time was up; the reason is then ``transport``.
    """

    verdict: Literal["accept", "reject", "error"]
    errors: tuple[Error, ...]
    text: str

    @property
    def classes(self) -> frozenset[str]:
        """All reasons that its errors may stand for."""
        return frozenset[str]().union(*(error.may_mean for error in self.errors))


@dataclass(frozen=True, slots=True, eq=False)
class Verifier:
    """A program that verifies, and how to ask it.

    ``family`` names the code that judges: two verifiers of one family are one witness.
    ``complete`` ones report every defect, the others the first that they meet. ``judges`` says
    what an accept of theirs covers: the whole ``session``, or the ``chain`` alone. ``versions``
    are the TLS versions that it speaks. ``ask`` takes all targets at once, for the programs that
    are slow to start, and returns their words in that order.
    """

    name: str
    family: str
    version: str
    ask: Callable[[Sequence[Target]], list[Word]]
    complete: bool = False
    judges: Literal["session", "chain"] = "session"
    versions: tuple[str, ...] = ("TLSv1.2", "TLSv1.3")

    def __str__(self) -> str:
        return self.name


SILENT = Word("error", (Error("its time was up", frozenset({"transport"})),), "its time was up")
UNANSWERED = Error("ended before the mail server answered", frozenset({"transport"}))


def judged(errors: Sequence[Error], *, answered: bool, text: str) -> Word:
    """The word of a verifier that has come to its end by itself."""
    if errors:
        return Word("reject", tuple(errors), text)
    if answered:
        return Word("accept", (), text)
    return Word("reject", (UNANSWERED,), text)
