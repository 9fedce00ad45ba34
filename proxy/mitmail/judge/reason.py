"""The reason that a client names: its numbers and texts in the words of the vocabulary."""

import re

from mitmail.engine.verify_error import VERIFY_ERRORS

# What OpenSSL's and curl's texts say, first match wins: curl prints no number.
TEXTS = (
    ("certificate has expired", "expired"),
    ("certificate is not yet valid", "not-yet-valid"),
    ("no alternative certificate subject name matches", "name-mismatch"),
    ("does not match target host name", "name-mismatch"),
    ("hostname mismatch", "name-mismatch"),
    ("self-signed certificate in certificate chain", "unknown-issuer"),
    ("self signed certificate in certificate chain", "unknown-issuer"),
    ("self-signed certificate", "self-signed"),
    ("self signed certificate", "self-signed"),
    ("unable to get local issuer certificate", "unknown-issuer"),
    ("unable to verify the first certificate", "unknown-issuer"),
    ("permitted subtree violation", "constraint"),
)
GNUTLS_TEXTS = (
    ("expired", "expired"),
    ("not yet activated", "not-yet-valid"),
    ("intended purpose", "usage"),
    ("the name in the certificate does not match", "name-mismatch"),
    ("issuer is unknown", "unknown-issuer"),
)


def reason(text: str, table: tuple[tuple[str, str], ...]) -> str | None:
    """The first reason that a text names."""
    lower = text.lower()
    return next((word for phrase, word in table if phrase in lower), None)


def verify_error(text: str) -> str | None:
    """The reason of the first verification error that OpenSSL's text numbers."""
    numbers = re.findall(r"verify error:num=(\d+):", text)
    return VERIFY_ERRORS.get(int(numbers[0])) if numbers else None
