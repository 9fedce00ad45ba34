"""The names that NSS and Thunderbird have for what is wrong, in the words of the vocabulary.

Source of the names: NSS' ``secerr.h`` and ``sslerr.h``, and mozilla::pkix' ``Result.h``. A name
that is said of several things is none of them: SEC_ERROR_BAD_DER is also that of a name whose form
is not liked (a wildcard in the middle), SEC_ERROR_UNKNOWN_CRITICAL_EXTENSION that of any.
"""

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "SEC_ERROR_EXPIRED_CERTIFICATE": "expired",
    "SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE": "expired",
    "MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE": "not-yet-valid",
    "MOZILLA_PKIX_ERROR_NOT_YET_VALID_ISSUER_CERTIFICATE": "not-yet-valid",
    "SSL_ERROR_BAD_CERT_DOMAIN": "name-mismatch",
    # Its word for every chain that cannot be built, also one that lacks a part.
    "SEC_ERROR_UNKNOWN_ISSUER": "unknown-issuer",
    "SEC_ERROR_UNTRUSTED_ISSUER": "unknown-issuer",
    "SEC_ERROR_UNTRUSTED_CERT": "unknown-issuer",
    "MOZILLA_PKIX_ERROR_MITM_DETECTED": "unknown-issuer",
    "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT": "self-signed",
    "SEC_ERROR_BAD_SIGNATURE": "bad-signature",
    "SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED": "weak",
    "MOZILLA_PKIX_ERROR_INADEQUATE_KEY_SIZE": "weak",
    "SEC_ERROR_INVALID_KEY": "weak",
    "SSL_ERROR_WEAK_SERVER_CERT_KEY": "weak",
    "SSL_ERROR_WEAK_SERVER_EPHEMERAL_DH_KEY": "weak",
    "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY": "usage",
    "SEC_ERROR_INADEQUATE_CERT_TYPE": "usage",
    "SEC_ERROR_INADEQUATE_KEY_USAGE": "usage",
    "SEC_ERROR_CA_CERT_INVALID": "usage",
    "MOZILLA_PKIX_ERROR_V1_CERT_USED_AS_CA": "usage",
    "SEC_ERROR_PATH_LEN_CONSTRAINT_INVALID": "constraint",
    "SEC_ERROR_CERT_NOT_IN_NAME_SPACE": "constraint",
    "SEC_ERROR_REVOKED_CERTIFICATE": "revoked",
    "SSL_ERROR_PROTOCOL_VERSION_ALERT": "tls-version",
    "SSL_ERROR_UNSUPPORTED_VERSION": "tls-version",
}
