"""The words that say that something is wrong: what is only similar has to have them, too.

"The server supports STARTTLS" has all words of "STARTTLS is not supported by the server" but one.
"""

from collections.abc import Iterable
from typing import Final

WRONG: Final = frozenset((
    "abort", "aborted", "another", "bad", "blocked", "blocks", "broken", "closed", "closes",
    "complain", "complains", "corrupt", "damaged", "dead", "denied", "denies", "deny",
    "differ", "different", "differs", "disabled", "disallowed", "disconnected", "distrust",
    "distrusted", "down", "ended", "endless", "error", "errors", "exceeded", "exceeds",
    "expired", "fail", "failed", "failing", "fails", "failure", "failures", "forget",
    "forgets", "forgot", "gone", "hangs", "impersonate", "impersonating", "impossible",
    "inadequate", "inappropriate", "incompatible", "incomplete", "incorrect", "insecure",
    "instead", "intercepted", "intercepts", "interrupted", "invalid", "lack", "lacking",
    "lacks", "legacy", "lost", "malformed", "mismatch", "mismatched", "missing", "neither",
    "no", "nobody", "none", "nor", "not", "nothing", "outdated", "overwritten", "plaintext",
    "problem", "problems", "refuse", "refused", "refuses", "refusing", "reject", "rejected",
    "rejects", "reset", "revoked", "self", "silent", "stale", "stuck", "superseded",
    "terminated", "timed", "trouble", "unavailable", "unencrypted", "unexpected", "unknown",
    "unrecognized", "unsuitable", "unsupported", "unverified", "violates", "violation",
    "warn", "warns", "weak", "without", "wrong",
))  # fmt: skip
"""Small letters, as ``synonym`` leaves them, before endings are cut."""
CHOSEN: Final = frozenset(("set", "selected", "configured", "chosen"))
"""A setting is wrong only because somebody chose it; that a server offers it is no fault."""
EARLY: Final = frozenset(("yet", "until", "future", "activated"))
"""Not wrong, only too soon: "not yet valid" is no other word for "not valid"."""


def missing(known: frozenset[str], said: frozenset[str]) -> bool:
    """Whether a text that said these troubles leaves out what a known sentence is about."""
    wanted = WRONG if known & WRONG else WRONG | CHOSEN
    return any(known & words and not said & words for words in (wanted, EARLY))


def told(words: Iterable[str]) -> frozenset[str]:
    """Those of the words that say that something is wrong, or may be so."""
    return (WRONG | CHOSEN | EARLY).intersection(words)
