"""The reason that a client names: its numbers and texts in the words of the vocabulary."""

import re

from mitmail.engine.verify_error import VERIFY_ERRORS
from mitmail.judge.client import Said

type Table = tuple[tuple[str, str | None], ...]

# What OpenSSL's and curl's texts say, first match wins: curl prints no number. All tables are
# regular expressions, and texts that the programs were seen to print.
TEXTS: Table = (
    ("certificate has expired", "expired"),
    ("certificate is not yet valid", "not-yet-valid"),
    ("no alternative certificate subject name matches", "name-mismatch"),
    ("does not match target host name", "name-mismatch"),
    ("hostname mismatch", "name-mismatch"),
    ("does not match certificate's altnames", "name-mismatch"),
    ("self-signed certificate in certificate chain", "unknown-issuer"),
    ("self signed certificate in certificate chain", "unknown-issuer"),
    ("self-signed certificate", "self-signed"),
    ("self signed certificate", "self-signed"),
    ("unable to get local issuer certificate", "unknown-issuer"),
    ("unable to verify the first certificate", "unknown-issuer"),
    ("permitted subtree violation", "constraint"),
)
GNUTLS_TEXTS: Table = (
    ("expired", "expired"),
    ("not yet activated", "not-yet-valid"),
    ("not yet valid", "not-yet-valid"),
    ("intended purpose", "usage"),
    ("key usage violation", "usage"),
    ("the name in the certificate does not match", "name-mismatch"),
    ("issuer is unknown", "unknown-issuer"),
)
# What is in JSSE's chain of exceptions.
JAVA_TEXTS: Table = (
    ("certificateexpiredexception", "expired"),
    ("certificatenotyetvalidexception", "not-yet-valid"),
    # Said of both.
    ("validity check failed", None),
    ("can't verify identity of server|no subject alternative", "name-mismatch"),
    ("unable to find valid certification path", "unknown-issuer"),
)
LIBRARIES: dict[str, Table] = {"openssl": TEXTS, "gnutls": GNUTLS_TEXTS, "java": JAVA_TEXTS}
NEOMUTT_TEXTS: Table = (
    ("warning: server certificate has expired", "expired"),
    ("warning: server certificate is not yet valid", "not-yet-valid"),
    ("warning: server hostname does not match certificate", "name-mismatch"),
    # It asks whether to accept the certificate, and has done nothing else yet.
    (r"\(r\)eject, accept \(o\)nce", None),
    ("encrypted connection unavailable", "starttls"),
    (r"write_d\(\) \d+> starttls\s+.*readln_d\(\) \d+< [345]\d\d", "starttls"),
    ("gnutls_handshake: ", None),
)
# The other side went away, or said nothing: the client has refused nothing. A time-out counts in
# whatever words, but not where one is set: "connecting, timeout 30 s", timeout=30, --timeout.
ENDS = re.compile(
    "unexpected eof|eof occurred in violation|ssl_error_syscall|(recv|send) failure"
    "|connection reset|broken pipe|non-properly terminated|error in the (pull|push) function"
    "|temporarily unavailable|empty reply|timed[ -]?out|deadline exceeded"
    r"|(?<!--)time-?out(?!s?[\"']?\s*[=:]?\s*(?:(?:is|set to)\s+)?(?:\d|none\b|null\b)"
    r"(?!.*(?:exceeded|elapsed|expired|reached)))",
    re.IGNORECASE,
)
# What refuses a certificate, in the words of any library: without a table nobody has said whose.
REFUSES = re.compile(
    "|".join(
        [
            *(pattern for pattern, word in (*TEXTS, *GNUTLS_TEXTS, *JAVA_TEXTS)
              if word is not None and pattern != "expired"),
            "certificate[ _]verif(?:y|ication)[ _]?(?:failed|error)|sslcertverificationerror",
            "x509: |pkix path|bad certificate|(?:unknown|expired|revoked|untrusted) certificate",
            "certificate[^\n]{0,60}(?:not trusted|invalid|expired|revoked|unknown)",
        ]
    ),
    re.IGNORECASE,
)  # fmt: skip
# The lines of a program that are quoted in a traceback of Python's: "host, port, timeout)".
FRAME = re.compile(r'^[ \t]*File ".*", line \d+.*(?:\n[ \t]+.*)*', re.MULTILINE)


def reason(text: str, table: Table) -> str | None:
    """The first reason that a text names."""
    return _first(text, table)[1]


def refusal(code: int | None, text: str, table: Table) -> Said:
    """What a client says that did not succeed: a refusal where the table has its words.

    A refusal that names no reason is none when the words say that the other side has ended.
    """
    refused, word = _first(text, table)
    if not refused:
        return Said("error", None, code, text)
    return (
        left(code, text)
        if word is None and ended_early(text)
        else Said("reject", word, code, text)
    )


def left(code: int | None, text: str) -> Said:
    """The word of a client that the other side has left, as it says: it has refused nothing."""
    return Said("error", None, code, text, left=True)


def ended_early(text: str) -> bool:
    """Whether a text says that the other side went away, or answered nothing.

    Where it also says that a certificate is refused, what it says last counts.
    """
    told = FRAME.sub("", text)
    return _last(ENDS, told) > _last(REFUSES, told)


def verify_error(text: str) -> str | None:
    """The reason of the first verification error that OpenSSL's text numbers."""
    numbers = re.findall(r"verify error:num=(\d+):", text)
    return VERIFY_ERRORS.get(int(numbers[0])) if numbers else None


def _last(words: re.Pattern[str], text: str) -> int:
    return max((found.start() for found in words.finditer(text)), default=-1)


def _first(text: str, table: Table) -> tuple[bool, str | None]:
    for pattern, word in table:
        if re.search(pattern, text, re.IGNORECASE):
            return True, word
    return False, None
