"""The rules that turn what a client did into one verdict (design: the verdict rules, in order).

Every rule names its evidence in plain words, so that a verdict can be checked by its reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

type Word = Literal["accept", "reject", "hang", "none"]
type Certainty = Literal["sure", "suspected"]
type Validity = tuple[datetime, datetime]

# RFC 8446 section 6 and RFC 5246 section 7.2; 41 is SSL 3.0, 113 RFC 6066, 115 RFC 4279.
ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed",
    22: "record_overflow", 30: "decompression_failure", 40: "handshake_failure",
    41: "no_certificate", 42: "bad_certificate", 43: "unsupported_certificate",
    44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
    47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 60: "export_restriction", 70: "protocol_version",
    71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback",
    90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
    110: "unsupported_extension", 112: "unrecognized_name",
    113: "bad_certificate_status_response", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol",
}  # fmt: skip

# close_notify and user_canceled are ordinary ends: Java sends 90 on every normal close.
NO_VERDICT = frozenset({0, 90})
VERSION_ALERTS = frozenset({40, 70, 71, 86})
DECODE_ERROR = 50
EXPIRED, UNKNOWN_CA, REVOKED = 45, 48, 44

# Commands that every client sends before it trusts anything: alone they only suggest an accept.
NEUTRAL = {
    "smtp": frozenset({"EHLO", "HELO", "LHLO", "NOOP", "RSET", "HELP"}),
    "imap": frozenset({"CAPABILITY", "NOOP", "ID"}),
    "pop3": frozenset({"CAPA", "NOOP"}),
}
LEAVING = frozenset({"QUIT", "LOGOUT"})
# What a client does once it trusts the connection. A word that is not here is no command.
DECISIVE = {
    "smtp": frozenset({"AUTH", "MAIL", "RCPT", "DATA", "BDAT", "VRFY", "EXPN", "ETRN", "BURL"}),
    "imap": frozenset({
        "LOGIN", "AUTHENTICATE", "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE",
        "UNSUBSCRIBE", "LIST", "LSUB", "XLIST", "NAMESPACE", "STATUS", "APPEND", "ENABLE", "IDLE",
        "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY", "MOVE",
        "COMPRESS", "GETQUOTA", "GETQUOTAROOT", "SORT", "THREAD", "NOTIFY",
    }),
    "pop3": frozenset({
        "USER", "PASS", "APOP", "AUTH", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET",
        "UTF8", "LANG",
    }),
}  # fmt: skip

# OpenSSL's reason strings (ssl/ssl_err.c) for a hello that offers nothing we speak.
NOTHING_IN_COMMON = frozenset({
    "unsupported protocol", "no shared cipher", "no suitable signature algorithm",
    "no suitable key share", "no suitable groups", "version too low", "no protocols available",
    "inappropriate fallback", "no shared groups",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the client did about the certificate it was shown, and how we know.

    ``reason`` is a word of the vocabulary or ``None`` where the evidence proves none;
    ``alert`` the TLS alert that decided; ``evidence`` one sentence for a person.
    """

    verdict: Word
    certainty: Certainty
    evidence: str
    reason: str | None = None
    alert: int | None = None


def alert_name(code: int) -> str:
    """The name of a TLS alert as the RFC writes it: ``unknown_ca (48)``."""
    return f"{ALERTS.get(code, 'unnamed alert')} ({code})"


@dataclass(slots=True)
class Witness:
    """Collects what the client did; each method answers with a verdict once one is due."""

    protocol: str
    presented: tuple[Validity, ...] | None = None
    handshake_done: bool = False
    we_closed: bool = False
    commands: list[str] = field(default_factory=list)

    def present(self, validities: Sequence[Validity]) -> None:
        """Our Certificate message went out; the validity of each certificate in it."""
        self.presented = tuple(validities)

    def alert(self, code: int, *, fatal: bool) -> Verdict | None:
        """The client sent an alert."""
        if code in NO_VERDICT or not fatal:
            return None
        if code == DECODE_ERROR and self.we_closed:
            return None
        if code in VERSION_ALERTS:
            words = f"the client refused the TLS version or cipher: alert {alert_name(code)}"
            return Verdict("reject", "sure", words, "tls-version", code)
        if self.presented is None:
            return None
        words = f"the client sent the alert {alert_name(code)} after our certificate"
        return Verdict("reject", "sure", words, self._suggested(code), code)

    def _suggested(self, code: int) -> str | None:
        # The code names the TLS library's habit, not the fault (Thunderbird says 48 for an expired
        # CA, tstclnt 45 for a future one): it is taken only where what we sent agrees.
        now = datetime.now(UTC)
        expired = any(end < now for _, end in self.presented or ())
        future = any(start > now for start, _ in self.presented or ())
        if code == EXPIRED and expired:
            return "expired"
        if code == UNKNOWN_CA and not expired and not future:
            return "unknown-issuer"
        return "revoked" if code == REVOKED else None

    def refused_hello(self, error: str) -> Verdict:
        """OpenSSL could not answer the ClientHello."""
        if error not in NOTHING_IN_COMMON:
            return Verdict("none", "sure", f"the ClientHello could not be answered: {error}")
        words = f"no TLS version or cipher in common: {error}"
        return Verdict("reject", "sure", words, "tls-version")

    def command(self, verb: str) -> Verdict | None:
        """The client sent a complete command through TLS."""
        if verb in DECISIVE[self.protocol] or verb.removeprefix("UID ") in DECISIVE[self.protocol]:
            return Verdict("accept", "sure", f"the client sent {verb} through TLS")
        if verb in NEUTRAL[self.protocol] or verb in LEAVING:
            self.commands.append(verb)
        return None

    def http(self) -> Verdict:
        """The client spoke HTTP: a certificate viewer, not a mail session."""
        return Verdict("none", "sure", "the client spoke HTTP: it only looked at the certificate")

    def closed(self) -> Verdict:
        """The client has gone, or the session is over."""
        if neutral := [verb for verb in self.commands if verb not in LEAVING]:
            words = f"the client sent {neutral[0]} through TLS, and no more"
            return Verdict("accept", "suspected", words)
        if self.presented is None:
            return Verdict("none", "sure", "the client left before it saw a certificate")
        if not self.handshake_done and not self.we_closed:
            words = "the client broke off the handshake after our certificate, without an alert"
            return Verdict("reject", "sure", words)
        if self.commands:
            return Verdict("none", "sure", f"the client only sent {self.commands[0]}")
        if self.we_closed:
            return Verdict("none", "sure", "our side closed before the client said anything")
        words = "the client finished the handshake and closed without a command"
        return Verdict("reject", "suspected", words)

    def silent(self, seconds: float) -> Verdict:
        """Nothing came from the client for so many seconds."""
        if any(verb not in LEAVING for verb in self.commands):
            return self.closed()
        phase = "after our certificate" if self.presented is not None else "before any certificate"
        return Verdict("hang", "sure", f"nothing from the client for {seconds:g} s {phase}")
