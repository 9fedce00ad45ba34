"""What stands between us and a server's certificate."""

from dataclasses import dataclass
from typing import Literal

from mitmail.diagnose.finding import Finding
from mitmail.endpoint import MailProtocol

type Tls = Literal["implicit", "starttls"]


@dataclass(frozen=True, slots=True)
class Way:
    """How a port is spoken to. Without ``tls`` its first octets decide; without ``protocol`` the
    greeting does.
    """

    tls: Tls | None = None
    protocol: MailProtocol | None = None


class ObstacleError(Exception):
    """A call came to nothing, and why, as a finding.

    ``judged`` says that a mail server answered and that this is about it; otherwise nothing can
    be said of one. ``instead`` is the way on which the same port may be reached.
    """

    def __init__(
        self, finding: Finding, *, judged: bool = False, instead: Way | None = None
    ) -> None:
        super().__init__(finding.words)
        self.finding = finding
        self.judged = judged
        self.instead = instead
