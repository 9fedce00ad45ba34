"""Looks out for what an attack on the dialogue came to: one finding for a session."""

from dataclasses import replace

from mitmail.conduct import Canary, Conduct
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.finding import Finding, FindingWord
from mitmail.engine.prelude import gives_credentials, only_begins
from mitmail.engine.spec import MailProtocol
from mitmail.engine.verdict import (
    CERTIFICATE_ALERTS,
    LEAVING,
    NEUTRAL,
    Certainty,
    Verdict,
    Witness,
)
from mitmail.wire import Kind, Piece
from mitmail.wire.first_words import tongue

# Besides what every client sends before it trusts anything: neither credentials nor mail. USER
# alone is a name; the password is in PASS.
HARMLESS: dict[MailProtocol, frozenset[str]] = {
    "smtp": NEUTRAL["smtp"] | LEAVING | {"VRFY", "EXPN"},
    "imap": NEUTRAL["imap"] | LEAVING | {"LANGUAGE"},
    "pop3": NEUTRAL["pop3"] | LEAVING | {"USER", "AUTH", "LANG", "UTF8"},
}
LINES = frozenset({Kind.COMMAND, Kind.PART})
NAMING = frozenset({Kind.COMMAND, Kind.PART, Kind.LITERAL})
# What else begins as these is no mail, though a line of it may look like a command.
FOREIGN = frozenset({"http", "ssh", "rdp", "binary"})
FOLLOWED = "the client followed a referral that came in clear"
SHOWN = 200  # characters of a trace


class Lookout:
    """Hears the client's pieces, in clear and through TLS, and knows conduct and canary.

    ``watching``: what is said in clear is said where TLS is due. ``lure``: only a referral in
    clear led here. Vulnerable is final as soon as it is seen; everything else waits for the end.
    Without an attack there is nothing to be found but that.
    """

    def __init__(
        self,
        protocol: MailProtocol,
        conduct: Conduct,
        witness: Witness,
        chronicle: Chronicle,
        *,
        watching: bool,
        lure: bool = False,
    ) -> None:
        self.finding: Finding | None = None
        self.watching = watching
        self.left = False
        """The client has ended the session, by FIN, a goodbye or an alert."""
        self.waited = False
        """It has waited for the reply that was withheld."""
        self.place = ""
        """Where what it says in clear is said, if TLS is not yet due or broken off there."""
        self._lure = lure
        self._protocol: MailProtocol = protocol
        self._conduct = conduct
        self._canary = conduct.canary or Canary()
        self._witness = witness
        self._chronicle = chronicle
        self._foreign = {"clear": False, "tls": False}
        self._answered = False  # a command that it sent through TLS
        self._began: set[str] = set()
        self._named_user = False
        self._used: set[str] = set()  # verbs that came through TLS
        self._tail = b""
        self._line = ""  # what can be shown of the command at hand

    # -- in clear --------------------------------------------------------------------------------

    def in_clear(self, piece: Piece) -> None:
        """The client said this in clear."""
        if self._lure and piece.kind in LINES:
            self._trip("sure", FOLLOWED, piece)
        is_mail = self._is_mail("clear", piece)
        if self.watching and is_mail:
            self._judge_clear(piece)

    @property
    def foreign(self) -> bool:
        """Whether what the client says in clear began as no mail."""
        return self._foreign["clear"]

    def _is_mail(self, where: str, piece: Piece) -> bool:
        # IMAP takes an HTTP header such as "Connection: close" for a tag and a command.
        if where not in self._began and piece.kind in {*LINES, Kind.OPAQUE}:
            self._began.add(where)
            unknown = not piece.verb
            # A server answers an unknown command with an error, and takes the next one.
            self._foreign[where] = unknown and (where == "tls" or self._begins_foreign(piece))
        return not self._foreign[where] and bool(piece.verb)

    def _begins_foreign(self, piece: Piece) -> bool:
        line = piece.raw.partition(b"\n")[0]
        return piece.kind is Kind.OPAQUE or tongue(line, self._protocol) in FOREIGN

    def leaks(self, piece: Piece) -> bool:
        """Whether a command gives credentials or mail, or begins to."""
        harmless = not piece.verb or piece.verb in HARMLESS[self._protocol]
        return piece.kind in LINES and (gives_credentials(piece) or not harmless)

    def _judge_clear(self, piece: Piece) -> None:
        self.left = self.left or piece.verb in LEAVING
        self._named_user = self._named_user or piece.verb == "USER"
        if not self.leaks(piece):
            return
        when = "before TLS" if self._witness.broke_off is None else "after TLS was broken off"
        when = self.place or ("behind STARTTLS" if self._witness.undated else when)
        if only_begins(piece):
            self._trip("sure", f"the client began to authenticate in clear {when}", piece)
        elif gives_credentials(piece):
            words = f"the client sent {piece.verb} with credentials in clear {when}"
            self._trip("sure", words, piece)
        else:
            self._trip("sure", f"the client sent {piece.verb} in clear {when}", piece)

    # -- through TLS -----------------------------------------------------------------------------

    def through_tls(self, piece: Piece) -> None:
        """The client said this through TLS."""
        if not self._is_mail("tls", piece) or piece.kind not in NAMING:
            return
        word = self._canary.word.upper()
        said = self._tail + piece.raw.upper()
        if piece.kind in LINES and len(self._line) < SHOWN:
            self._line += piece.shown.decode("utf-8", "replace")
        if word and word in said:
            words = f"through TLS the client named {word.decode('utf-8', 'replace')}"
            self._trip("suspected", f"{words}, which only came in clear", piece)
        if piece.kind in LINES:
            self._use(piece)
        ended = piece.kind is Kind.COMMAND
        self._tail = b"" if ended else said[len(said) - max(len(word) - 1, 0) :]
        self._line = "" if ended else self._line

    def _use(self, piece: Piece) -> None:
        self._used.add(piece.verb)
        self.left = self.left or piece.verb in LEAVING
        if piece.verb in self._canary.verbs:
            words = f"the client sent {piece.verb} through TLS, which was only suggested in clear"
            self._trip("suspected", words, piece)

    def ahead(self, piece: Piece) -> None:
        """The client sent this through TLS while the reply to its first command was withheld."""
        if self._canary.ahead and piece.verb not in LEAVING:
            words = "the client went on through TLS before its first command was answered there"
            self._line = piece.shown.decode("utf-8", "replace")
            self._trip("suspected", words, piece)

    # -- the end ---------------------------------------------------------------------------------

    def _trip(self, certainty: Certainty, words: str, piece: Piece) -> None:
        trace = (self._line or piece.shown.decode("utf-8", "replace")).strip()[:SHOWN]
        self._decide(Finding("vulnerable", certainty, words, trace))

    def _decide(self, finding: Finding) -> None:
        if self.finding is None:
            self.finding = finding
            self._chronicle.conclude(finding)

    def end(self, verdict: Verdict | None, error: str | None, *, answered: bool) -> None:
        """The session is over; ``answered``: the client had a whole reply through TLS."""
        if self._lure:
            self._decide(Finding("vulnerable", "sure", FOLLOWED))
        elif self._conduct.is_attack or self._witness.broke_off is not None:
            self._answered = answered
            word, certainty, words = self._judge(verdict, error)
            self._decide(Finding(word, certainty, words))

    def _judge(
        self, verdict: Verdict | None, error: str | None
    ) -> tuple[FindingWord, Certainty, str]:
        witness = self._witness
        if error is not None:
            return "inconclusive", "sure", f"could not judge: {error}"
        if witness.broke_off is None and not witness.attacked:
            return "inconclusive", "sure", "nothing of the attack reached the client"
        if witness.unfinished:
            return "inconclusive", "sure", "the client ended in the middle of a line in clear"
        if self._named_user or witness.gave or self._foreign["clear"]:
            return "inconclusive", "sure", "what the client said in clear is no proof"
        if self._conduct.early and not witness.answered_early and witness.broke_off is None:
            words = "the answer that was to come before the client asked never came"
            return "inconclusive", "sure", words
        if witness.broke_off is None and self._is_safe():
            return self._judge_safe()
        if not self.left:
            return "inconclusive", "sure", "the client did not end the session by itself"
        if self._foreign["tls"]:
            return "inconclusive", "sure", "what the client said through TLS is no proof"
        if witness.broke_off is not None:
            words = f"the server broke TLS off {witness.broke_off}, and the client left"
            return "aborted", "sure", words
        return self._judge_end(verdict)

    def _mail(self) -> set[str]:
        return self._used - NEUTRAL[self._protocol] - LEAVING

    def _is_safe(self) -> bool:
        return bool(self._mail()) and self._had_its_chance()

    def _judge_safe(self) -> tuple[FindingWord, Certainty, str]:
        if self._is_decisive():
            return "safe", "sure", "the client went on through TLS, and believed TLS alone"
        words = "the client went on through TLS, and said nothing that only came in clear"
        return "safe", "suspected", words

    def _is_decisive(self) -> bool:
        # What a client keeps in its memory, or shows on its screen, it need not say.
        if self._canary.word or self._canary.lure:
            return False
        if self._canary.verbs or self._canary.ahead:
            return True
        # Who believes that there is no TLS, or that none is needed, goes on without it.
        return not replace(self._conduct, offer="shown", denied=None, login=False).is_attack

    def _had_its_chance(self) -> bool:
        chance = self._canary.chance
        if self._canary.ahead and not self.waited:
            return False
        return bool(self._used & chance) if chance else bool(self._used - LEAVING)

    def _judge_end(self, verdict: Verdict | None) -> tuple[FindingWord, Certainty, str]:
        witness = self._witness
        if witness.handshake_done:
            if self._canary.chance and self._had_its_chance():
                return "aborted", "sure", "the client left, and used nothing that came in clear"
            if self._mail():
                return "inconclusive", "sure", "the client had no occasion to be caught"
            if self._used - LEAVING and self._answered:
                words = (
                    "the client left once it was answered through TLS, before it could be caught"
                )
                return "aborted", "suspected", words
            return "inconclusive", "sure", "the client left before it could be caught"
        if witness.presented is not None:
            return self._judge_handshake(verdict)
        if witness.asked and not witness.answered_oddly:
            words = "STARTTLS had been answered properly, or not yet, when the client left"
            return "inconclusive", "sure", words
        # A goodbye is the client's own; a FIN alone may be the end of a script, or of a process.
        certainty: Certainty = "sure" if witness.asked and witness.goodbye else "suspected"
        return "aborted", certainty, "the client left without credentials or mail in clear"

    def _judge_handshake(self, verdict: Verdict | None) -> tuple[FindingWord, Certainty, str]:
        witness, alert = self._witness, None if verdict is None else verdict.alert
        if not witness.tampered or witness.read_on or alert in CERTIFICATE_ALERTS:
            return "inconclusive", "sure", "the client may have refused the certificate"
        if verdict is not None and alert is not None and verdict.reason == "starttls":
            return "aborted", "sure", "the client ended TLS with an alert"
        words = "the client left after our certificate; if it accepts the healthy server, the"
        return "aborted", "suspected", f"{words} attack made it leave"
