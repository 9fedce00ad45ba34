"""What there is to ask of a trust store, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mitmail.errors import MitmailError
from mitmail.pki.certificate import sha256
from mitmail.trust.entry import Entry
from mitmail.trust.journal import Change
from mitmail.trust.root import Reach, Root


class ChangedError(MitmailError):
    """Somebody else has changed since what we had put there: it is left as it is."""

    exit_code = 1


class TrustStore(ABC):
    """A store by the word that names it on the command line, and whom it reaches.

    ``trusted`` is the state of a root that is in as it should be. Every method raises
    MitmailError, or CannotJudgeError where a program is missing, fails or is in the way.
    """

    word: str
    reach: ClassVar[Reach] = "client"
    trusted: ClassVar[str] = "installed"

    @abstractmethod
    def certificates(self) -> Sequence[bytes]:
        """Every certificate (DER) in it."""

    @abstractmethod
    def steps(self, root: Root) -> Sequence[str]:
        """What ``install`` would do, one thing a line; raises when it could not be done now."""

    @abstractmethod
    def install(self, root: Root) -> None:
        """Have a root trusted, and read that back; when it fails all is as it was."""

    @abstractmethod
    def remove(self, fingerprint: str) -> None:
        """Take out the certificate with this SHA-256, and no other, and read that back."""

    def entries(self, wanted: Sequence[str]) -> Sequence[Entry]:
        """How the certificates with these fingerprints stand in it."""
        # Most stores know no trust bits: what is in is trusted.
        return [
            Entry(certificate=each, label="", standing="trusted")
            for each in self.certificates()
            if sha256(each) in wanted
        ]

    def state(self, fingerprint: str) -> str | None:
        """How one certificate stands in it, in the store's own words; None where it is not in."""
        return self.trusted if fingerprint in map(sha256, self.certificates()) else None

    def trusts(self, state: str | None) -> bool:
        """Whether a root in this state is trusted to sign for servers."""
        return state == self.trusted

    def way_out(self, fingerprint: str) -> str:
        """What a person does to have a certificate out that somebody has put into it."""
        return f"mitmail trust uninstall {fingerprint[:16]} --store {self.word}"

    def details(self) -> Mapping[str, Any]:
        """What undoing a change must know of the store as it is now."""
        return {}

    def undo(self, change: Change, later: Sequence[Change]) -> str:
        """Undo a change that ``install`` made; what was done, in a few words.

        ``later`` are the changes that were made to this store since, and stay. Raises ChangedError
        when somebody else has changed the same since.
        """
        if self.state(change.sha256) is None:
            return "was no longer there"
        self.remove(change.sha256)
        return "taken out"
