"""How mail clients say what is found, and the scenario that shows it.

Measured, except Outlook's and Apple's, which are from the Windows headers and from Apple's lists
of errors.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from mitmail.diagnose.finding import Finding


class View(NamedTuple):
    """The words of a class of faults; an empty one is a client that does not refuse for it."""

    thunderbird: str = ""
    outlook: str = ""
    apple: str = ""
    openssl: str = ""
    gnutls: str = ""
    java: str = ""
    go: str = ""


CLIENTS: Final[Mapping[str, str]] = {
    "thunderbird": "Thunderbird",
    "outlook": "Outlook",
    "apple": "Apple Mail",
    "openssl": "curl, Python, mutt (OpenSSL)",
    "gnutls": "GnuTLS",
    "java": "Java",
    "go": "Go",
}

_EXPIRED: Final = View(
    "SEC_ERROR_EXPIRED_CERTIFICATE",
    "0x80090328 SEC_E_CERT_EXPIRED: not within its validity period",
    "errSecCertificateExpired",
    "certificate has expired (10)",
    "The certificate chain uses expired certificate",
    "PKIX path validation failed: validity check failed",
    "certificate has expired or is not yet valid",
)
_EXPIRED_CA: Final = _EXPIRED._replace(
    thunderbird="SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE",
    outlook="0x800B0101 CERT_E_EXPIRED",
)
_EARLY: Final = _EXPIRED._replace(
    thunderbird="MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE",
    openssl="certificate is not yet valid (9)",
    gnutls="The certificate chain uses not yet valid certificate",
)
_NAME: Final = View(
    "SSL_ERROR_BAD_CERT_DOMAIN",
    "0x80090322 SEC_E_WRONG_PRINCIPAL: the target principal name is incorrect",
    "errSecHostNameMismatch: Cannot Verify Server Identity",
    "hostname mismatch (62); curl: no alternative certificate subject name matches",
    "The name in the certificate does not match the expected",
    "No subject alternative DNS name matching ... found",
    "x509: certificate is valid for ..., not ...",
)
# The others take the common name where there is no name of the right kind (RFC 7817).
_CN_ONLY: Final = View(
    thunderbird=_NAME.thunderbird,
    apple=_NAME.apple,
    go="x509: certificate relies on legacy Common Name field, use SANs instead",
)
_UNKNOWN: Final = View(
    "SEC_ERROR_UNKNOWN_ISSUER",
    "0x80090325 SEC_E_UNTRUSTED_ROOT: terminated in a root which is not trusted",
    "errSecNotTrusted: Cannot Verify Server Identity",
    "unable to get local issuer certificate (20)",
    "The certificate issuer is unknown",
    "PKIX path building failed: unable to find valid certification path",
    "x509: certificate signed by unknown authority",
)
_INCOMPLETE: Final = _UNKNOWN._replace(
    outlook="often none: Windows fetches what is missing; else 0x800B010A CERT_E_CHAINING",
    apple="often none: it fetches what is missing; else errSecCreateChainFailed",
)
_UNTRUSTED: Final = _UNKNOWN._replace(openssl="self-signed certificate in certificate chain (19)")
_SELF_SIGNED: Final = _UNKNOWN._replace(
    thunderbird="MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT", openssl="self-signed certificate (18)"
)
_SIGNATURE: Final = View(
    "SEC_ERROR_BAD_SIGNATURE (no exception can be added)",
    "0x80096004 TRUST_E_CERT_SIGNATURE",
    "errSecInvalidIDLinkage or errSecNotTrusted",
    "certificate signature failure (7)",
    "The signature in the certificate is invalid",
    "PKIX path validation failed: signature check failed",
    "x509: certificate signed by unknown authority (possibly because of ...)",
)
_NAMESAKE: Final = _UNKNOWN._replace(
    thunderbird="SEC_ERROR_BAD_SIGNATURE or SEC_ERROR_UNKNOWN_ISSUER"
)
_NOT_CA: Final = View(
    "SEC_ERROR_CA_CERT_INVALID",
    "0x80096019 TRUST_E_BASIC_CONSTRAINTS",
    "errSecNoBasicConstraintsCA",
    "invalid CA certificate (79)",
    "The certificate issuer is not a CA",
    "PKIX path validation failed: basic constraints check failed",
    "x509: certificate is not authorized to sign other certificates",
)
_PATH_LENGTH: Final = View(
    "SEC_ERROR_PATH_LEN_CONSTRAINT_INVALID",
    "0x800B0104 CERT_E_PATHLENCONST",
    "errSecPathLengthConstraintExceeded",
    "path length constraint exceeded (25)",
    "The certificate chain violates the signer's constraints",
    "PKIX path validation failed: pathLenConstraint violated",
    "x509: too many intermediates for path length constraint",
)
_CONSTRAINT: Final = View(
    "SEC_ERROR_CERT_NOT_IN_NAME_SPACE",
    "0x800B0114 CERT_E_INVALID_NAME",
    "errSecInvalidName",
    "permitted or excluded subtree violation (47, 48)",
    "The certificate chain violates the signer's constraints",
    "PKIX path validation failed: name constraints check failed",
    "x509: a root or intermediate certificate is not authorized to sign for this name",
)
_USAGE: Final = View(
    "SEC_ERROR_INADEQUATE_CERT_TYPE",
    "0x80090349 SEC_E_CERT_WRONG_USAGE",
    "errSecInvalidExtendedKeyUsage",
    "unsuitable certificate purpose (26)",
    "The certificate chain does not match the intended purpose",
    "Extended key usage does not permit use for TLS server authentication",
    "x509: certificate specifies an incompatible key usage",
)
_KEY_USAGE: Final = _USAGE._replace(
    thunderbird="SEC_ERROR_INADEQUATE_KEY_USAGE",
    apple="errSecInvalidKeyUsageForPolicy",
    gnutls="Key usage violation in certificate has been detected",
    java="KeyUsage does not allow digital signatures",
    go="",
)
_WEAK_KEY: Final = View(
    "MOZILLA_PKIX_ERROR_INADEQUATE_KEY_SIZE (below 1024 bits)",
    "0x80090331 SEC_E_ALGORITHM_MISMATCH",
    "errSecUnsupportedKeySize",
    "EE certificate key too weak (66)",
    "The certificate chain uses insecure algorithm",
    "Algorithm constraints check failed on keysize limits",
    "crypto/rsa: insecure key (below 1024 bits)",
)
_WEAK_HASH: Final = View(
    "SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED",
    "",
    "errSecInvalidDigestAlgorithm",
    "CA signature digest algorithm too weak (68)",
    "The certificate chain uses insecure algorithm",
    "Algorithm constraints check failed (MD5 only)",
    "x509: cannot verify signature: insecure algorithm",
)
_CRITICAL: Final = View(
    "SEC_ERROR_UNKNOWN_CRITICAL_EXTENSION",
    "0x800B0105 CERT_E_CRITICAL",
    "errSecUnknownCriticalExtensionFlag",
    "unhandled critical extension (34)",
    "The certificate contains an unknown critical extension",
    "PKIX path validation failed: unrecognized critical extension(s)",
    "x509: unhandled critical extension",
)
_REVOKED: Final = View(
    "SEC_ERROR_REVOKED_CERTIFICATE",
    "0x80092010 CRYPT_E_REVOKED",
    "errSecCertificateRevoked",
    "",
    "The certificate chain is revoked",
    "",
    "",
)
_CA_LEAF: Final = View(thunderbird="MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY")
_STRICT: Final = View(openssl="Python 3.13 and later only: certificate verify failed")

# X509_V_ERR_* of the strict check, and where each is met alone.
STRICT: Final[Mapping[int, str]] = {
    82: "ku-certsign-only", 83: "ca-empty-subject", 85: "leaf-no-aki", 86: "root-no-ski",
    87: "san-empty-sequence", 89: "root-bc-noncritical",
    92: "root-no-keyusage", 93: "v1-leaf-with-extensions",
}  # fmt: skip
VIEWS: Final[Mapping[str, View]] = {
    "expired": _EXPIRED, "ca-expired": _EXPIRED_CA, "root-expired": _EXPIRED_CA,
    "not-yet-valid": _EARLY,
    "ca-not-yet-valid": _EARLY._replace(
        thunderbird="MOZILLA_PKIX_ERROR_NOT_YET_VALID_ISSUER_CERTIFICATE"
    ),
    "name-mismatch": _NAME, "name-in-cn-only": _CN_ONLY,
    "unknown-issuer": _UNKNOWN, "incomplete-chain": _INCOMPLETE, "untrusted-root": _UNTRUSTED,
    "self-signed": _SELF_SIGNED, "bad-signature": _SIGNATURE, "namesake": _NAMESAKE,
    "not-a-ca": _NOT_CA, "path-length": _PATH_LENGTH, "name-constraint": _CONSTRAINT,
    "not-for-servers": _USAGE, "may-not-sign": _KEY_USAGE, "weak-key": _WEAK_KEY,
    "weak-hash": _WEAK_HASH, "critical-extension": _CRITICAL, "revoked": _REVOKED,
    "ca-as-leaf": _CA_LEAF, **{f"strict-{number}": _STRICT for number in STRICT},
}  # fmt: skip
SCENARIOS: Final[Mapping[str, str]] = {
    "expired": "expired", "ca-expired": "expired-intermediate",
    "root-expired": "expired-root", "not-yet-valid": "not-yet-valid",
    "ca-not-yet-valid": "not-yet-valid-intermediate",
    "validity-order": "notafter-before-notbefore", "long-lived": "validity-900d",
    "name-mismatch": "wrong-host", "name-in-cn-only": "cn-only",
    "registry-wildcard": "wildcard-public-suffix", "odd-name": "san-underscore",
    "unknown-issuer": "untrusted-root", "incomplete-chain": "missing-intermediate",
    "untrusted-root": "untrusted-root-sent", "self-signed": "self-signed",
    "self-signed-trusted": "self-signed-trusted", "bad-signature": "bad-signature-leaf",
    "namesake": "stale-root-same-subject", "two-namesakes": "stale-root-both-trusted",
    "key-identifier": "leaf-aki-mismatch", "not-a-ca": "int-ca-false",
    "path-length": "int-pathlen-exceeded", "name-constraint": "nc-permitted-mismatch",
    "critical-extension": "unknown-critical-ext", "explicit-curve": "ec-explicit-params",
    "not-for-servers": "eku-client-only", "any-purpose": "eku-any",
    "may-not-sign": "ku-nonrepudiation-only", "signs-without-ca": "ku-certsign-only",
    "ca-as-leaf": "leaf-ca-true",
    **{f"strict-{number}": id_ for number, id_ in STRICT.items()}, "chain-order": "reversed-chain",
    "chain-duplicate": "chain-duplicates", "chain-root": "root-included",
    "chain-unrelated": "chain-extra-unrelated", "no-certificate": "empty-certificate-list",
    "weak-key": "rsa-1024", "small-exponent": "rsa-e3",
    "weak-hash": "sha1-leaf", "odd-key": "ed25519-leaf",
    "malformed": "duplicate-extension", "must-staple": "must-staple-missing",
    "bad-staple": "ocsp-staple-expired",
    "revoked": "revoked", "too-large": "10000-sans",
    "starttls-missing": "starttls-stripped", "starttls-refused": "starttls-refused-454",
    "early-octets": "starttls-inject-bye", "clear-text": "plaintext-banner-on-tls-port",
    "not-mail": "http-on-tls-port", "not-let-in": "starttls-greeting-554",
    "old-tls": "tls-v1-0", "weak-tls": "dh1024", "client-certificate": "client-cert-missing",
    "tls-refused": "alert-handshake-failure", "tls-closed": "close-after-clienthello",
    "tls-hangs": "stall-after-clienthello", "starttls-hidden": "starttls-hidden-but-works",
    "version-intolerant": "version-intolerant-alert", "preauth": "imap-preauth-plain",
    "goes-on-in-clear": "starttls-accept-then-greeting",
    "not-each-time": "starttls-refused-second-session", "unreadable": "der-garbage",
}  # fmt: skip


def said(finding: Finding) -> dict[str, str]:
    """What each client says of a finding, by its name for people; those that say nothing not."""
    view = VIEWS.get(finding.id)
    if view is None:
        return {}
    return {CLIENTS[one]: words for one, words in view._asdict().items() if words}


def command(finding: Finding) -> str | None:
    """What to type to see a client meet this."""
    if finding.antivirus is not None:
        return f"mitmail serve --antivirus {finding.antivirus}"
    found = scenario(finding)
    return found and f"mitmail serve {found}"


def scenario(finding: Finding) -> str | None:
    """The id of the scenario in which a client can be seen to meet this."""
    return SCENARIOS.get(finding.id)
