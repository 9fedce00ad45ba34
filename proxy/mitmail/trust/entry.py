"""One certificate in a trust store, and how it stands there."""

from dataclasses import dataclass
from typing import Final, Literal

from mitmail.pki.certificate import sha256

type Standing = Literal["trusted", "unticked", "server", "distrusted", "unclear"]

# A store whose entries have no trust of their own: what is in it is trusted.
WORDS: Final[dict[Standing, str]] = {
    "trusted": "trusted",
    "unticked": "there, but not trusted",
    "server": "there as one server's certificate",
    "distrusted": "there, and distrusted",
    "unclear": "there, but two records of its trust contradict each other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A certificate (DER) under a label. ``flags`` are the trust bits of NSS, where it has any."""

    certificate: bytes
    label: str
    standing: Standing
    flags: str = ""

    @property
    def sha256(self) -> str:
        """Its fingerprint, 64 lower-case hexadecimal digits."""
        return sha256(self.certificate)

    @property
    def words(self) -> str:
        """How it stands, for a person."""
        return f"{WORDS[self.standing]} ({self.flags})" if self.flags else WORDS[self.standing]
