"""Go's error types and texts in the words of the vocabulary.

Source: crypto/x509/verify.go, crypto/tls of Go 1.19. Ambiguous: one reason, Expired, for both
ends of the validity (the text tells them apart); UnknownAuthorityError for any chain that cannot
be built, with a hint in its text when a candidate was found and refused.
"""

from collections.abc import Sequence

from proof.phrase import Phrases, read
from proof.verifier import Error

_NO_PATH = "unknown-issuer incomplete-chain self-signed"

CODES = {
    "CertificateInvalidError.NotAuthorizedToSign": "constraint usage",
    "CertificateInvalidError.CANotAuthorizedForThisName": "constraint",
    "CertificateInvalidError.TooManyIntermediates": "constraint",
    "CertificateInvalidError.IncompatibleUsage": "usage",
    "CertificateInvalidError.NameMismatch": "unknown-issuer",
    "CertificateInvalidError.NameConstraintsWithoutSANs": "constraint",
    "CertificateInvalidError.UnconstrainedName": "constraint",
    "CertificateInvalidError.TooManyConstraints": "limit",
    "CertificateInvalidError.CANotAuthorizedForExtKeyUsage": "usage constraint",
    "HostnameError": "name-mismatch",
    "UnhandledCriticalExtension": "constraint policy",
    "ConstraintViolationError": "constraint usage",
    "InsecureAlgorithmError": "weak",
    "RecordHeaderError": "transport tls-version",
}
VALIDITY: Phrases = (("is before", "not-yet-valid"), ("is after", "expired"))
HINTS: Phrases = (
    ("verification error", "bad-signature"),
    ("verification failure", "bad-signature"),
    ("signature check attempts limit", "limit"),
    ("insecure algorithm", "weak"),
    ("parent certificate cannot sign this kind of certificate", "constraint usage"),
    ("algorithm unimplemented", "policy"),
    ("unsupported elliptic curve", "policy"),
)
TEXTS: Phrases = (
    ("tls: invalid signature by the server certificate", "bad-signature"),
    ("invalid signature by the server certificate", "bad-signature"),
    ("crypto/rsa: verification error", "bad-signature"),
    ("insecure key", "weak"),
    ("rsa key too small", "weak"),
    ("peer's rsa key", "weak limit"),
    ("message too large", "limit"),
    ("handshake message of length", "limit"),
    ("exceeds maximum of", "limit"),
    ("failed to parse certificate", "malformed policy"),
    ("tls: received empty certificates message", "malformed incomplete-chain"),
    ("unsupported elliptic curve", "policy"),
    ("unsupported type of public key", "policy"),
    ("unsupported certificate key", "policy"),
    ("unsupported certificate", "policy"),
    ("unsupported public key", "policy"),
    ("peer doesn't support any of the certificate's signature algorithms", "policy"),
    ("certificate used with invalid signature algorithm", "policy weak"),
    ("server selected unsupported protocol version", "tls-version"),
    ("protocol version not supported", "tls-version transport"),
    ("handshake failure", "policy weak tls-version client-certificate transport"),
    ("insufficient security level", "policy weak"),
    ("certificate required", "client-certificate"),
    ("server chose an unconfigured cipher suite", "policy weak"),
    ("server selected unsupported group", "policy"),
    ("server selected unsupported curve", "policy"),
    ("server didn't support any group", "policy"),
    ("access denied", "transport policy"),
    ("remote error: tls:", "transport"),
    ("no renegotiation", "policy transport"),
    ("first record does not look like a tls handshake", "transport"),
    ("oversized record received", "transport"),
    ("unexpected message", "transport"),
    ("connection reset by peer", "transport"),
    ("broken pipe", "transport"),
    ("eof", "transport"),
)


def read_go(code: str, text: str) -> Sequence[Error]:
    """The error of a Go client: by its type, else by its text."""
    if code == "CertificateInvalidError.Expired":
        return read(text, VALIDITY)
    if code == "UnknownAuthorityError":
        hints = {word for _, words in _matching(text, HINTS) for word in words.split()}
        return [Error(text, frozenset(_NO_PATH.split()) | hints)]
    if code in CODES:
        return [Error.of(f"{code}: {text}", CODES[code])]
    return read(text, TEXTS)


def _matching(text: str, phrases: Phrases) -> Phrases:
    return [(phrase, words) for phrase, words in phrases if phrase in text.lower()]
