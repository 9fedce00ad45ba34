"""OpenSSL's errors in the words of the vocabulary; s_client, Python, Node, curl and Perl share it.

Sources: x509_vfy.h and x509_txt.c of OpenSSL 3.0, scenarios measured with it. Ambiguous, and so
with all that they were seen to mean: 20 and 21 (no issuer found) are said of an unknown root, of
a chain with a gap, of an authority key identifier or issuer name that does not fit, of a
certificate whose extensions cannot be read, and of an issuer that may not sign; 7 also of inner
and outer algorithms that differ; 79 also of an authority whose key usage lacks keyCertSign, and 26
of one that is none.
"""

import re

from proof.phrase import Phrases, read
from proof.verifier import Error

_NO_ISSUER = "unknown-issuer incomplete-chain malformed constraint usage"

# X509_V_ERR_*: number, name (Node says it), reasons. 80 to 93 come from the strict check alone,
# which Python switches on since 3.13.
VERIFY_ERRORS = {
    2: ("UNABLE_TO_GET_ISSUER_CERT", _NO_ISSUER),
    3: ("UNABLE_TO_GET_CRL", "revoked policy"),
    4: ("UNABLE_TO_DECRYPT_CERT_SIGNATURE", "malformed bad-signature"),
    6: ("UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", "malformed policy"),
    7: ("CERT_SIGNATURE_FAILURE", "bad-signature malformed"),
    8: ("CRL_SIGNATURE_FAILURE", "revoked bad-signature"),
    9: ("CERT_NOT_YET_VALID", "not-yet-valid"),
    10: ("CERT_HAS_EXPIRED", "expired"),
    11: ("CRL_NOT_YET_VALID", "revoked"),
    12: ("CRL_HAS_EXPIRED", "revoked"),
    13: ("ERROR_IN_CERT_NOT_BEFORE_FIELD", "malformed"),
    14: ("ERROR_IN_CERT_NOT_AFTER_FIELD", "malformed"),
    18: ("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed unknown-issuer"),
    19: ("SELF_SIGNED_CERT_IN_CHAIN", "unknown-issuer"),
    20: ("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", _NO_ISSUER),
    21: ("UNABLE_TO_VERIFY_LEAF_SIGNATURE", _NO_ISSUER),
    22: ("CERT_CHAIN_TOO_LONG", "limit"),
    23: ("CERT_REVOKED", "revoked"),
    24: ("NO_ISSUER_PUBLIC_KEY", "malformed"),
    25: ("PATH_LENGTH_EXCEEDED", "constraint"),
    26: ("INVALID_PURPOSE", "usage constraint"),
    27: ("CERT_UNTRUSTED", "unknown-issuer usage"),
    28: ("CERT_REJECTED", "unknown-issuer usage"),
    29: ("SUBJECT_ISSUER_MISMATCH", "unknown-issuer"),
    30: ("AKID_SKID_MISMATCH", "unknown-issuer"),
    31: ("AKID_ISSUER_SERIAL_MISMATCH", "unknown-issuer"),
    32: ("KEYUSAGE_NO_CERTSIGN", "usage constraint"),
    34: ("UNHANDLED_CRITICAL_EXTENSION", "constraint policy"),
    37: ("INVALID_NON_CA", "constraint usage"),
    39: ("KEYUSAGE_NO_DIGITAL_SIGNATURE", "usage"),
    41: ("INVALID_EXTENSION", "malformed"),
    42: ("INVALID_POLICY_EXTENSION", "policy malformed"),
    43: ("NO_EXPLICIT_POLICY", "policy constraint"),
    45: ("UNSUPPORTED_EXTENSION_FEATURE", "constraint policy"),
    47: ("PERMITTED_VIOLATION", "constraint"),
    48: ("EXCLUDED_VIOLATION", "constraint"),
    49: ("SUBTREE_MINMAX", "constraint"),
    51: ("UNSUPPORTED_CONSTRAINT_TYPE", "constraint"),
    52: ("UNSUPPORTED_CONSTRAINT_SYNTAX", "constraint malformed"),
    53: ("UNSUPPORTED_NAME_SYNTAX", "constraint malformed"),
    62: ("HOSTNAME_MISMATCH", "name-mismatch"),
    64: ("IP_ADDRESS_MISMATCH", "name-mismatch"),
    66: ("EE_KEY_TOO_SMALL", "weak"),
    67: ("CA_KEY_TOO_SMALL", "weak"),
    68: ("CA_MD_TOO_WEAK", "weak"),
    76: ("UNSUPPORTED_SIGNATURE_ALGORITHM", "malformed policy"),
    77: ("SIGNATURE_ALGORITHM_MISMATCH", "malformed bad-signature"),
    78: ("SIGNATURE_ALGORITHM_INCONSISTENCY", "malformed bad-signature"),
    79: ("INVALID_CA", "constraint usage"),
    80: ("PATHLEN_INVALID_FOR_NON_CA", "constraint malformed"),
    81: ("PATHLEN_WITHOUT_KU_KEY_CERT_SIGN", "constraint usage"),
    82: ("KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA", "usage constraint"),
    83: ("ISSUER_NAME_EMPTY", "malformed constraint"),
    84: ("SUBJECT_NAME_EMPTY", "malformed constraint"),
    85: ("MISSING_AUTHORITY_KEY_IDENTIFIER", "constraint"),
    86: ("MISSING_SUBJECT_KEY_IDENTIFIER", "constraint"),
    87: ("EMPTY_SUBJECT_ALT_NAME", "malformed"),
    88: ("EMPTY_SUBJECT_SAN_NOT_CRITICAL", "constraint malformed"),
    89: ("CA_BCONS_NOT_CRITICAL", "constraint"),
    90: ("AUTHORITY_KEY_IDENTIFIER_CRITICAL", "constraint"),
    91: ("SUBJECT_KEY_IDENTIFIER_CRITICAL", "constraint"),
    92: ("CA_CERT_MISSING_KEY_USAGE", "constraint"),
    93: ("EXTENSIONS_REQUIRE_VERSION_3", "malformed"),
    94: ("EC_KEY_EXPLICIT_PARAMS", "malformed policy"),
}
NUMBERS = {name: number for number, (name, _) in VERIFY_ERRORS.items()}

# What the TLS layer says (ssl_err.c). An alert handshake_failure (40) names no cause: whatever
# the server found lacking. "wrong version number" is also said of octets that are no TLS at all.
TLS: Phrases = (
    ("alert handshake failure", "policy weak tls-version client-certificate transport"),
    ("alert insufficient security", "policy weak"),
    ("alert protocol version", "tls-version transport"),
    ("alert certificate required", "client-certificate"),
    ("alert access denied", "transport policy"),
    ("alert internal error", "transport"),
    ("alert no application protocol", "transport"),
    ("alert unrecognized name", "transport"),
    ("tlsv1 unrecognized name", "transport"),
    ("alert decode error", "transport"),
    ("alert unexpected message", "transport"),
    ("unsupported protocol", "tls-version"),
    ("version too low", "tls-version"),
    ("wrong ssl version", "tls-version"),
    ("wrong version number", "transport tls-version"),
    ("unknown protocol", "transport tls-version"),
    ("http request", "transport"),
    ("packet length too long", "transport"),
    ("data length too long", "transport"),
    ("bad record type", "transport"),
    ("record layer failure", "transport"),
    ("unexpected message", "transport"),
    ("unexpected eof while reading", "transport"),
    ("eof occurred in violation of protocol", "transport"),
    ("connection reset by peer", "transport"),
    ("connection closed before secure tls", "transport"),
    ("socket disconnected before secure tls", "transport"),
    ("econnreset", "transport"),
    ("errno=104", "transport"),
    ("errno=0", "transport"),
    ("broken pipe", "transport"),
    ("connection has been closed (eof)", "transport"),
    ("ssl_error_syscall", "transport"),
    ("dh key too small", "weak"),
    ("ee key too small", "weak"),
    ("ca key too small", "weak"),
    ("ca md too weak", "weak"),
    ("bad signature", "bad-signature"),
    ("wrong signature type", "policy weak usage"),
    ("legacy sigalg disallowed or unsupported", "tls-version weak policy"),
    ("wrong signature size", "bad-signature malformed"),
    ("no suitable signature algorithm", "policy weak"),
    ("unknown certificate type", "policy malformed"),
    ("wrong certificate type", "policy malformed"),
    ("unable to find public key parameters", "policy malformed"),
    ("unsupported algorithm", "policy"),
    ("unsupported public key type", "policy"),
    ("decode error", "malformed policy"),
    ("wrong curve", "policy"),
    ("bad dh value", "weak malformed"),
    ("unsafe legacy renegotiation disabled", "policy"),
    ("no renegotiation", "policy"),
    ("excessive message size", "limit"),
    ("invalid status response", "revoked malformed"),
    ("asn1 encoding routines::evp lib", "bad-signature malformed"),
    ("asn1 encoding routines", "malformed"),
    ("asn1 lib", "malformed"),
    ("cert length mismatch", "malformed"),
    ("length mismatch", "malformed"),
    ("length too short", "malformed"),
    ("x509 lib", "malformed"),
    ("x509 v3 routines::invalid certificate", "malformed"),
)

_LINE = re.compile(r"verify error:num=(\d+):(.*)")
_STACK = re.compile(r"^[^:\n]*:error:[0-9A-F]+:.*$|^(?:write|read|connect):errno=\d+$", re.M)


def verify_error(number: int, says: str = "") -> Error:
    """X509_V_ERR ``number``; one that the table does not have stands for nothing."""
    name, reasons = VERIFY_ERRORS.get(number, (f"X509_V_ERR {number}", ""))
    return Error.of(f"{number} {name}{f' ({says.strip()})' if says else ''}", reasons)


def verify_errors(text: str) -> list[Error]:
    """All errors that s_client's verify callback printed, each once."""
    found = {int(number): says for number, says in _LINE.findall(text)}
    return [verify_error(number, says) for number, says in found.items()]


def stack_errors(text: str) -> list[Error]:
    """What OpenSSL's error stack and the last system call say in a program's output."""
    return read("\n".join(_STACK.findall(text)), TLS)
