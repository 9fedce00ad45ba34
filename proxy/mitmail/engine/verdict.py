"""The rules that turn what a client did into one verdict (design: the verdict rules, in order).

Every rule names its evidence in plain words, so that a verdict can be checked by its reader.
"""

from dataclasses import dataclass, field
from typing import Literal

type Word = Literal["accept", "reject", "hang", "none"]
type Certainty = Literal["sure", "suspected"]

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
# Before our Certificate all four are about versions and ciphers. After it 40 is also what OpenSSL
# sends when the application's own verification says no (X509_V_ERR_APPLICATION_VERIFICATION,
# measured in TLS 1.2 and 1.3), and 71 what GnuTLS sends for a weak key: they prove no reason.
VERSION_ALERTS = frozenset({40, 70, 71, 86})
ONLY_VERSION_ALERTS = frozenset({70, 86})
CERTIFICATE_ALERTS = frozenset({42, 43, 44, 45, 46, 48, 49})
# An alert that refuses a certificate comes in clear in TLS 1.2, and of OpenSSL in TLS 1.3, too
# (measured: it takes up its own keys later); 40, 47, 50, 71 and 80 do so, and none of these.
NO_CERTIFICATE_ALERTS = frozenset({10, 20, 21, 22, 70, 86})
DECODE_ERROR = 50
NO_RENEGOTIATION = 100
EXPIRED, UNKNOWN_CA, REVOKED = 45, 48, 44

# Commands that every client sends before it trusts anything: alone they only suggest an accept.
NEUTRAL = {
    "smtp": frozenset({"EHLO", "HELO", "LHLO", "NOOP", "RSET", "HELP", "STARTTLS"}),
    "imap": frozenset({"CAPABILITY", "NOOP", "ID", "STARTTLS"}),
    # RSET: getmail6 sends it on its way out, when the certificate's name has not pleased it.
    "pop3": frozenset({"CAPA", "NOOP", "STLS", "RSET"}),
}
LEAVING = frozenset({"QUIT", "LOGOUT"})

# OpenSSL's reason strings (ssl/ssl_err.c) for a hello that offers nothing we speak. Not among
# them: "no suitable signature algorithm" (our chain could not be sent, whatever the client thinks
# of it) and "inappropriate fallback" (an earlier connection of the client failed, not this one).
NOTHING_IN_COMMON = frozenset({
    "unsupported protocol", "no shared cipher", "no suitable key share", "no suitable groups",
    "version too low", "no protocols available", "no shared groups",
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
    tls_is_due: bool = True
    presented: frozenset[str] | None = None
    handshake_done: bool = False
    spoke: bool = False
    """The client has sent application data."""
    foreign: bool = False
    """The client's first line was no mail command: what follows it is none either."""
    we_closed: bool = False
    broken: str | None = None
    """What of the client's TLS could not be understood, if that ended the session."""
    ungreeted: bool = False
    """The server was late with its greeting when the client left."""
    commands: list[str] = field(default_factory=list)
    broke_off: str | None = None
    """How our manner ended TLS on purpose, if it did."""
    broke_reason: str = "transport"
    in_line: set[str] = field(default_factory=set)
    """Where in clear the client has begun a line, and not ended it."""
    clear_commands: list[str] = field(default_factory=list)
    """Mail commands that the client sent in clear after that."""
    undated: bool = False
    """They may have been on their way before that: only their place is known, behind STARTTLS."""
    attacked: bool = False
    """Something reached the client in clear that a proper server does not say."""
    tampered: bool = False
    """It was about STARTTLS itself, and a client's TLS may have stumbled over it."""
    greeted_oddly: bool = False
    """The server's greeting was replaced."""
    answered_oddly: bool = False
    """STARTTLS was answered with what a proper server does not say."""
    answered_early: bool = False
    """What is to reach the client before it asks for STARTTLS has done so."""
    goes_on: bool = False
    """STARTTLS was answered, and the dialogue goes on in clear."""
    read_on: bool = False
    """The client has read our ServerHello: it did not stumble over what came before that."""
    refused_again: bool = False
    """The client asked for another handshake in the same TLS, and was refused it."""
    asked: bool = False
    """The client has sent STARTTLS."""
    gave: bool = False
    """It has sent a name or credentials in clear."""
    began_tls: bool = False
    """The client has sent a ClientHello."""
    said_in_clear: set[str] = field(default_factory=set)
    """Mail commands that the client sent in clear before TLS."""
    leaked: str | None = None
    """The first of them that gave credentials or mail."""
    overheard: bool = False
    """The client has spoken clear text behind STARTTLS, where TLS was due."""
    foreign_in_clear: bool = False
    """What the client said in clear began as no mail."""

    @property
    def unfinished(self) -> bool:
        """Whether the client is in the middle of a line in clear."""
        return bool(self.in_line)

    @property
    def goodbye(self) -> bool:
        """Whether the client has said goodbye in clear."""
        return bool(LEAVING & self.said_in_clear)

    def present(self, faults: frozenset[str]) -> None:
        """Our Certificate message went out; what anyone can see to be wrong with it."""
        self.presented = faults

    def alert(self, code: int, *, fatal: bool) -> Verdict | None:
        """The client sent an alert."""
        if code in NO_VERDICT or not fatal:
            return None
        if self.broke_off is not None:
            return self._refused_broken(code)
        if code == DECODE_ERROR and self.we_closed:
            return None
        if self.handshake_done and self.refused_again and code not in CERTIFICATE_ALERTS:
            return None  # OpenSSL says 40 to that (measured)
        if self._stumbled(code):
            # To OpenSSL clear text in TLS's place is a wrong version number, and to others a
            # record that is too long, or out of order: it says nothing about versions.
            words = f"the client sent the alert {alert_name(code)} after an odd STARTTLS"
            return Verdict("reject", "sure", words, "starttls", code)
        if self.presented is None:
            return self._refused_version(code) if code in VERSION_ALERTS else None
        if self.spoke and code not in CERTIFICATE_ALERTS:
            return None  # TLS went wrong in the middle of a session: that refuses no certificate
        if code in ONLY_VERSION_ALERTS and not self.tampered:
            return self._refused_version(code)
        words = f"the client sent the alert {alert_name(code)} after our certificate"
        return Verdict("reject", "sure", words, self._suggested(code, self.presented), code)

    def _stumbled(self, code: int) -> bool:
        if not self.tampered or self.handshake_done or self.read_on or code in CERTIFICATE_ALERTS:
            return False
        return self.presented is None or code in NO_CERTIFICATE_ALERTS

    def _refused_broken(self, code: int) -> Verdict | None:
        if self.clear_commands:
            return None
        words = f"the client sent the alert {alert_name(code)} after {self._break()}"
        return Verdict("reject", "sure", words, self.broke_reason, code)

    def _break(self) -> str:
        return f"the server had broken TLS off {self.broke_off}"

    def _refused_version(self, code: int) -> Verdict:
        words = f"the client refused the TLS version or cipher: alert {alert_name(code)}"
        return Verdict("reject", "sure", words, "tls-version", code)

    def _suggested(self, code: int, faults: frozenset[str]) -> str | None:
        # The code names the TLS library's habit, not the fault (Thunderbird says 48 for an expired
        # CA, OpenSSL also for a CA that is none or a path too long, tstclnt 45 for a future
        # certificate): it is taken only where what we sent agrees. For a leaf out of its time all
        # say 42, 45 or 46 (measured with 14 verifiers), so 48 beside it is about the issuer.
        if code == EXPIRED and faults & {"expired", "expired-issuer"}:
            return "expired"
        if code == UNKNOWN_CA and faults <= {"unknown-issuer", "expired", "not-yet-valid"}:
            return "unknown-issuer"
        return "revoked" if code == REVOKED else None

    def refused_hello(self, error: str) -> Verdict:
        """OpenSSL could not answer the ClientHello."""
        if error not in NOTHING_IN_COMMON:
            return Verdict("none", "sure", f"the ClientHello could not be answered: {error}")
        words = f"no TLS version or cipher in common: {error}"
        return Verdict("reject", "sure", words, "tls-version")

    def sent_no_certificate(self) -> Verdict:
        """The client was told to show a certificate, and had none."""
        words = "the server insisted on a client certificate, the client sent none"
        return Verdict("reject", "sure", words, "client-certificate")

    def before_tls(self, verb: str, *, asks: bool, leaks: bool, foreign: bool) -> None:
        """The client sent a mail command in clear where it may; an unknown one has no verb.

        ``foreign``: what it says began as no mail.
        """
        self.foreign_in_clear = self.foreign_in_clear or foreign
        if verb and not self.foreign_in_clear:
            self.said_in_clear.add(verb)
            self.asked = self.asked or asks
            self.leaked = self.leaked or (verb if leaks else None)

    def in_clear(self, verb: str, what: str = "", *, credentials: bool) -> Verdict | None:
        """The client sent a complete mail command in clear after TLS had been broken off.

        ``what`` it gave with it goes on behind the verb.
        """
        if verb in LEAVING:
            return None
        self.spoke = True
        self.clear_commands.append(verb)
        return self._spoke_in_clear(verb, what) if credentials else None

    def _spoke_in_clear(self, verb: str, what: str = "") -> Verdict:
        where = "behind STARTTLS" if self.undated else f"after {self._break()}"
        return Verdict("none", "sure", f"the client sent {verb}{what} in clear {where}")

    def command(self, verb: str) -> Verdict | None:
        """The client sent a complete command through TLS; an unknown one has no verb.

        IMAP takes an HTTP header such as ``Connection: close`` for a tag and a command: only a
        session that begins as one of mail can be judged by its commands.
        """
        self.foreign = self.foreign or not (verb or self.commands)
        if self.foreign:
            return None
        if verb in NEUTRAL[self.protocol] or verb in LEAVING:
            self.commands.append(verb)
        elif verb:
            return Verdict("accept", "sure", f"the client sent {verb} through TLS")
        return None

    def http(self) -> Verdict:
        """The client spoke HTTP: a certificate viewer, not a mail session."""
        return Verdict("none", "sure", "the client spoke HTTP: it only looked at the certificate")

    def closed(self) -> Verdict:
        """The client has gone, or the session is over."""
        if self.broke_off is not None:
            return self._gave_up(self.broke_off)
        if neutral := [verb for verb in self.commands if verb not in LEAVING]:
            words = f"the client sent {neutral[0]} through TLS, and no more"
            return Verdict("accept", "suspected", words)
        unanswered = not self.began_tls or self.goes_on
        in_clear = self.tls_is_due and self.presented is None and unanswered
        if in_clear and (left := self._left_in_clear()) is not None:
            return left
        if (undecided := self._undecided()) is not None:
            return Verdict("none", "sure", undecided)
        if not self.handshake_done:
            words = (
                "the client broke off the handshake after our certificate, without a fatal alert"
            )
            return Verdict("reject", "sure", words)
        words = "the client finished the handshake and closed without a command"
        return Verdict("reject", "suspected", words)

    def _gave_up(self, how: str) -> Verdict:
        if self.clear_commands:
            return self._spoke_in_clear(self.clear_commands[0])
        if self.leaked is not None:
            return Verdict("none", "sure", f"the client sent {self.leaked} in clear")
        if self.we_closed:
            return Verdict("none", "sure", "our side closed before the client had given up")
        if self.spoke or self.unfinished:
            words = f"the client sent neither TLS nor a mail command after {self._break()}"
            return Verdict("none", "sure", words)
        words = f"the server broke TLS off {how}, and the client gave up"
        return Verdict("reject", "sure", words, self.broke_reason)

    def _left_in_clear(self) -> Verdict | None:
        if self.leaked is not None:
            words = f"the client sent {self.leaked} in clear, and never began TLS"
            return Verdict("none", "sure", words)
        if self.unfinished:
            return Verdict("none", "sure", "the client ended in the middle of a line in clear")
        if not self.attacked or self.foreign_in_clear or (self.we_closed and not self.goodbye):
            return None
        if self.asked and not self.answered_oddly:
            return None
        certainty: Certainty = "suspected"
        if self.began_tls:
            words = "the client began TLS, which nobody answered, and left"
        elif self.asked:
            # A FIN alone may have been on its way before the answer was.
            certainty = "sure" if self.goodbye else "suspected"
            words = "the client asked for STARTTLS, and left at what it got"
        elif self.said_in_clear:
            words = "the client left without asking for STARTTLS, and without a word of mail"
        elif self.greeted_oddly:
            words = "the client left at the greeting, without a word"
        else:
            return None
        return Verdict("reject", certainty, words, "starttls")

    def _undecided(self) -> str | None:
        if not self.tls_is_due:
            return "there is no TLS on this endpoint, so nothing to judge"
        if self.presented is None and self.overheard and not self.began_tls:
            return "the client spoke clear text behind STARTTLS, where TLS was due"
        if self.presented is None:
            gone = "our side closed" if self.we_closed else "the client left"
            return f"{gone} before the client saw a certificate"
        if self.commands:
            return f"the client only sent {self.commands[0]}"
        if self.refused_again:
            return "the client asked for another handshake, and was refused it"
        if self.foreign:
            return "the client's first words were no mail command"
        if self.spoke:
            return "the client sent nothing that is a complete mail command"
        if self.broken is not None:
            return f"the client's TLS could not be understood: {self.broken}"
        if self.we_closed:
            return "our side closed before the client said anything"
        if self.ungreeted:
            return "the client left while the mail server had not greeted it"
        return None

    def silent(self, seconds: float) -> Verdict:
        """Nothing came from the client for so many seconds."""
        vainly = self.leaked is not None or (self.overheard and not self.began_tls)
        stuck = self.unfinished and self.broke_off is not None
        if self.spoke or stuck or vainly or not self.tls_is_due:
            return self.closed()
        phase = "after our certificate" if self.presented is not None else "before any certificate"
        phase = phase if self.broke_off is None else f"after {self._break()}"
        return Verdict("hang", "sure", f"nothing from the client for {seconds:g} s {phase}")
