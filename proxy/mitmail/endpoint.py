"""The six endpoints: three protocols, each with STARTTLS and with implicit TLS."""

from dataclasses import dataclass
from typing import Literal

from mitmail.errors import MitmailError

type MailProtocol = Literal["imap", "pop3", "smtp"]
type TlsMode = Literal["implicit", "starttls", "plain"]

_DIALOG: dict[TlsMode, str] = {"implicit": "SSL/TLS", "starttls": "STARTTLS", "plain": "none"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``port`` is the field's own (RFC 8314, RFC 6409); ``bench_port`` ours for a person.

    None of the six is ``plain``; one that is served with ``--plain`` is.
    """

    name: str
    protocol: MailProtocol
    tls: TlsMode
    port: int
    bench_port: int

    @property
    def dialog(self) -> str:
        """What an account dialog calls this kind of TLS."""
        return _DIALOG[self.tls]


ENDPOINTS = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("imap", "imap", "starttls", 143, 3143),
        Endpoint("imaps", "imap", "implicit", 993, 3993),
        Endpoint("pop3", "pop3", "starttls", 110, 3110),
        Endpoint("pop3s", "pop3", "implicit", 995, 3995),
        Endpoint("smtp", "smtp", "starttls", 587, 3025),
        Endpoint("smtps", "smtp", "implicit", 465, 3465),
    )
}
ALIASES = {"submission": "smtp", "submissions": "smtps", "25": "smtp"} | {
    str(endpoint.port): endpoint.name for endpoint in ENDPOINTS.values()
}


def find(text: str) -> Endpoint:
    """The endpoint that a user means: ``imaps``, ``submission``, ``@993`` or ``993``."""
    word = text.removeprefix("@").lower()
    name = ALIASES.get(word, word)
    if name not in ENDPOINTS:
        raise MitmailError(f"no endpoint {text!r}: use one of {', '.join(ENDPOINTS)}, or @993")
    return ENDPOINTS[name]
