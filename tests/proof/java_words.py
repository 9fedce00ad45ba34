"""Java's and Bouncy Castle's errors in the words of the vocabulary.

Source: CertPathValidatorException.BasicReason and PKIXReason, texts of SunJSSE 17 and bctls 1.72
as measured. Ambiguous: "unable to find valid certification path" for any path that cannot be
built; ALGORITHM_CONSTRAINED for what java.security's jdk.certpath.disabledAlgorithms and
jdk.tls.disabledAlgorithms refuse (left as Debian ships it); UNSPECIFIED says nothing by itself.
"""

from collections.abc import Sequence

from proof.phrase import Phrases, read
from proof.verifier import Error

_NO_PATH = "unknown-issuer incomplete-chain self-signed"
_NO_OVERLAP = "policy weak tls-version client-certificate transport"

CODES = {
    "EXPIRED": "expired",
    "NOT_YET_VALID": "not-yet-valid",
    "REVOKED": "revoked",
    "UNDETERMINED_REVOCATION_STATUS": "revoked",
    "INVALID_SIGNATURE": "bad-signature",
    "ALGORITHM_CONSTRAINED": "weak policy",
    "NAME_CHAINING": "unknown-issuer incomplete-chain",
    "INVALID_KEY_USAGE": "usage constraint",
    "INVALID_POLICY": "policy",
    "NO_TRUST_ANCHOR": _NO_PATH,
    "UNRECOGNIZED_CRIT_EXT": "constraint policy",
    "NOT_CA_CERT": "constraint",
    "PATH_TOO_LONG": "constraint limit",
    "INVALID_NAME": "constraint malformed",
}
TEXTS: Phrases = (
    ("curve not supported", "policy weak"),
    ("is not a ca certificate", "constraint usage"),
    ("illegal given domain name", "name-mismatch malformed"),
    ("received close_notify during handshake", "transport"),
    ("invalid ecdh serverkeyexchange signature", "bad-signature"),
    ("cannot verify ecdh serverkeyexchange signature", "bad-signature policy"),
    ("no subject alternative", "name-mismatch"),
    ("no name matching", "name-mismatch"),
    ("no name found", "name-mismatch"),
    ("no match", "name-mismatch"),
    ("unable to find valid certification path", _NO_PATH),
    ("no trusted certificate found", _NO_PATH),
    ("path does not chain with any of the trust anchors", f"{_NO_PATH} bad-signature"),
    ("extended key usage does not permit", "usage"),
    ("extendedkeyusage", "usage"),
    ("keyusage does not allow", "usage"),
    ("keyusage", "usage constraint"),
    ("key usage", "usage constraint"),
    ("the certificate chain length", "limit"),
    ("exceeds the maximum allowed size", "limit"),
    ("algorithm constraints check failed", "weak policy"),
    ("certificates do not conform to algorithm constraints", "weak policy"),
    ("does not comply to algorithm constraints", "weak policy"),
    ("does not comply with algorithm constraints", "weak policy"),
    ("invalid certificateverify signature", "bad-signature"),
    ("invalid server key exchange signature", "bad-signature"),
    ("invalid ecdh server key exchange signature", "bad-signature"),
    ("invalid signature on ecdh server key exchange", "bad-signature"),
    ("signature does not match", "bad-signature"),
    ("signature check failed", "bad-signature policy"),
    ("signature algorithm mismatch", "malformed bad-signature"),
    ("empty issuer dn not allowed", "malformed constraint"),
    ("failed to parse server certificates", "malformed policy"),
    ("could not parse certificate", "malformed policy"),
    ("unable to parse", "malformed"),
    ("unknown tag", "malformed"),
    ("basic constraints check failed", "constraint"),
    ("name constraints check failed", "constraint"),
    ("pathlenconstraint violated", "constraint"),
    ("unrecognized critical extension", "constraint policy"),
    ("empty server certificate chain", "malformed incomplete-chain"),
    ("the server selected protocol version", "tls-version"),
    ("protocol_version", "tls-version transport"),
    ("no appropriate protocol", "tls-version policy"),
    ("unsupported or unrecognized ssl message", "transport"),
    ("bad input record size", "transport"),
    ("handshake_failure", _NO_OVERLAP),
    ("insufficient_security", "policy weak"),
    ("certificate_required", "client-certificate"),
    ("bad_certificate", "client-certificate transport"),
    ("unrecognized_name", "transport"),
    ("access_denied", "transport policy"),
    ("received fatal alert", "transport"),
    ("unsupported curve", "policy"),
    ("no supported", "policy"),
    ("remote host terminated the handshake", "transport"),
    ("closed connection before handshake completed", "transport"),
    ("connection reset", "transport"),
    ("broken pipe", "transport"),
    ("eofexception", "transport"),
    ("truncat", "transport"),
)
# CertPathValidatorUtilities, RFC3280CertPathUtilities, ProvX509TrustManager of bctls 1.72. It has
# the same "could not be validated" before each cause, and an exception class for each end of the
# validity. Alone, without a cause behind it, certificate_unknown is what it says of a TLS feature
# that the server does not keep (RFC 7633), handshake_failure of an end before the ServerHello.
BOUNCY_CASTLE: Phrases = (
    ("public key not permitted for", "weak policy"),
    ("subject public key cannot be decoded", "policy malformed"),
    ("repeated extension found", "malformed"),
    ("invalid utf-8 input", "malformed"),
    ("subject alternative name extension could not be decoded", "malformed"),
    ("malformed integer", "malformed"),
    ("version 1 certificate contains extra data", "malformed"),
    ("version number not recognised", "malformed"),
    ("long form definite-length", "malformed"),
    ("unexpected end-of-contents marker", "malformed"),
    ("corrupted stream", "malformed"),
    ("asn1exception", "malformed"),
    ("invalid hostname specified", "name-mismatch"),
    ("certificateexpiredexception", "expired"),
    ("certificatenotyetvalidexception", "not-yet-valid"),
    ("could not validate certificate signature", "bad-signature policy"),
    ("no issuer certificate for certificate in certification path found", _NO_PATH),
    ("cannot find issuer certificate for certificate in certification path", _NO_PATH),
    ("unable to find certificate chain", _NO_PATH),
    ("no valid certification path could be build", _NO_PATH),
    ("trust anchor for certification path not found", _NO_PATH),
    ("trustanchor found but certificate validation failed", "bad-signature"),
    ("target certificate in certification path does not match", _NO_PATH),
    ("no certificate found matching targetconstraints", _NO_PATH),
    ("no subject alternative name found", "name-mismatch"),
    ("no name found matching", "name-mismatch"),
    ("not a ca certificate", "constraint"),
    ("intermediate certificate lacks basicconstraints", "constraint"),
    ("basic constraints extension cannot be decoded", "malformed constraint"),
    ("max path length not greater than zero", "constraint"),
    ("from an excluded subtree", "constraint"),
    ("not from a permitted subtree", "constraint"),
    ("subtree check for certificate subject", "constraint"),
    ("name constraints extension could not be decoded", "malformed constraint"),
    ("does not permit key signing", "usage constraint"),
    ("extendedkeyusage", "usage"),
    ("keyusage", "usage"),
    ("unsupported critical extension", "constraint policy"),
    ("certificate policies", "policy malformed"),
    ("no valid policy tree found", "policy"),
    ("certificate doesn't support '", "usage policy"),
    ("not permitted with given parameters", "weak policy"),
    ("not in supported signature algorithms", "policy"),
    ("signature algorithm could not be determined", "policy malformed"),
    ("certificate has been revoked", "revoked"),
    ("certificate revocation after", "revoked"),
    (
        "tlsfatalalertreceived: handshake_failure",
        _NO_OVERLAP,
    ),
    ("tlsfatalalertreceived: protocol_version", "tls-version transport"),
    ("tlsfatalalertreceived: insufficient_security", "policy weak"),
    ("tlsfatalalertreceived: certificate_required", "client-certificate"),
    ("tlsfatalalertreceived: access_denied", "transport policy"),
    ("tlsfatalalertreceived: ", "transport"),
    ("tlsfatalalert: protocol_version", "tls-version transport"),
    ("tlsfatalalert: decrypt_error", "bad-signature"),
    ("tlsfatalalert: insufficient_security", "weak policy"),
    ("tlsfatalalert: unsupported_certificate", "policy malformed"),
    ("tlsfatalalert: bad_certificate", "malformed policy"),
    ("tlsfatalalert: decode_error", "malformed"),
    ("tlsfatalalert: record_overflow", "transport"),
    ("tlsfatalalert: unexpected_message", "transport"),
    ("certificate chain longer than maximum", "limit"),
    ("handshake message length exceeds the maximum", "limit"),
    ("tlsnoclosenotifyexception", "transport"),
    ("connection reset", "transport"),
    ("broken pipe", "transport"),
    ("eofexception", "transport"),
    ("tlsfatalalert: handshake_failure(40);\n", _NO_OVERLAP),
    ("tlsfatalalert: certificate_unknown(46);\n", "revoked policy"),
)
_SAYS_NOTHING = {"UNSPECIFIED", ""}


def read_java(code: str, text: str) -> Sequence[Error]:
    """The error of Java's own TLS: the reason of its certificate path, else its text."""
    return _read(code, text, TEXTS)


def read_bouncy_castle(code: str, text: str) -> Sequence[Error]:
    """The error of Bouncy Castle's TLS, which gives reasons in its texts alone."""
    return _read(code, text, BOUNCY_CASTLE)


def _read(code: str, text: str, phrases: Phrases) -> Sequence[Error]:
    codes = set(code.split(" ")) - _SAYS_NOTHING
    if codes:
        return [Error.of(f"{one} ({text})", CODES.get(one, "")) for one in sorted(codes)]
    found = read(f"{text}\n", phrases)
    return [Error(text, one.may_mean) for one in found[:1]]
