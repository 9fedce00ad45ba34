"""What one connection to a server showed."""

from dataclasses import dataclass

from mitmail.diagnose.finding import Finding
from mitmail.diagnose.presented import Presented
from mitmail.endpoint import MailProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Certificates and TLS of one connection to one ``address``.

    ``sni`` is the name that was asked for, null where none was. ``errors`` are words of the reason
    vocabulary: what OpenSSL and the name check have against the chain, none if it is
    valid for the name. ``protocol`` is what was spoken, where that is known.
    """

    presented: Presented
    address: str
    sni: str | None
    protocol: MailProtocol | None = None
    errors: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def leaf(self) -> bytes:
        """The first certificate (DER); empty where the server sent none."""
        return self.presented.chain[0] if self.presented.chain else b""

    @property
    def port(self) -> int:
        """The port that was asked."""
        assert self.presented.port is not None
        return self.presented.port
