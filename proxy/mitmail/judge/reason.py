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
CURL_TEXTS: Table = (
    *TEXTS,
    (r"(starttls|stls) (not (supported|available)|denied)", "starttls"),
)
GNUTLS_TEXTS: Table = (
    ("expired", "expired"),
    ("not yet activated", "not-yet-valid"),
    ("not yet valid", "not-yet-valid"),
    ("intended purpose", "usage"),
    ("the name in the certificate does not match", "name-mismatch"),
    ("issuer is unknown", "unknown-issuer"),
)
MSMTP_TEXTS: Table = (
    *((f"certificate verification failed.*{pattern}", word) for pattern, word in GNUTLS_TEXTS),
    ("certificate verification failed", None),
    ("does not support tls via the starttls command", "starttls"),
    ("command starttls failed", "starttls"),
    ("tls handshake failed", None),
)
MBSYNC_TEXTS: Table = (
    *((f"ssl error connecting .*{pattern}", word) for pattern, word in TEXTS),
    ("ssl error connecting ", None),
    ("certificate owner does not match hostname", "name-mismatch"),
    # Said of a server that does not offer STARTTLS.
    ("imap error: ssl support not available", "starttls"),
    ("imap command 'starttls' returned an error", "starttls"),
    ("secure connect to .*:ssl routines:", None),
)
# With -v it prints the dialogue; by its errors a refusal and the end look the same.
FETCHMAIL_TEXTS: Table = (
    *((f"certificate verification error: {pattern}", word) for pattern, word in TEXTS),
    ("broken certification chain at: .*", None),
    ("certificate verify failed", None),
    (r"imap> \w+ starttls\s+fetchmail: imap< \w+ (no|bad)\b", "starttls"),
    (r"pop3> stls\s+fetchmail: pop3< -err", "starttls"),
    (r"pop3> capa\s+fetchmail: pop3< -err[\s\S]*stls is mandatory", "starttls"),
    ("openssl reported: .*:ssl routines:", None),
)
OFFLINEIMAP_TEXTS: Table = (
    *((f"certificate verify failed: {pattern}", word) for pattern, word in TEXTS),
    ("certificate verify failed", None),
    ("no matching domain name found in certificate", "name-mismatch"),
    # It looks for a common name where the subjectAltName names nothing.
    ("no commonname found in certificate", "name-mismatch"),
    ("couldn't establish tls session", "starttls"),
    ("starttls command error", "starttls"),
    (r"could not connect via ssl .*got: \[ssl:", None),
)
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
# The other side went away, or said nothing: the client has refused nothing.
ENDS = re.compile(
    "unexpected eof|eof occurred in violation|ssl_error_syscall|(recv|send) failure"
    "|connection reset|broken pipe|non-properly terminated|error in the (pull|push) function"
    "|timed out|timeout|empty reply",
    re.IGNORECASE,
)


def reason(text: str, table: Table) -> str | None:
    """The first reason that a text names."""
    return _first(text, table)[1]


def refusal(code: int | None, text: str, table: Table) -> Said:
    """What a client says that did not succeed: a refusal where the table has its words.

    A refusal that names no reason is none when the words say that the other side has ended.
    """
    refused, word = _first(text, table)
    if not refused or (word is None and ended_early(text)):
        return Said("error", None, code, text)
    return Said("reject", word, code, text)


def ended_early(text: str) -> bool:
    """Whether a text says that the other side went away, or answered nothing."""
    return ENDS.search(text) is not None


def verify_error(text: str) -> str | None:
    """The reason of the first verification error that OpenSSL's text numbers."""
    numbers = re.findall(r"verify error:num=(\d+):", text)
    return VERIFY_ERRORS.get(int(numbers[0])) if numbers else None


def _first(text: str, table: Table) -> tuple[bool, str | None]:
    for pattern, word in table:
        if re.search(pattern, text, re.IGNORECASE):
            return True, word
    return False, None
