"""What Thunderbird 153 says of a case: measured by another program, before there was a driver.

An independent table (Thunderbird 153.7 ESR, the same certificates made with another tool): the
name of NSS, the alert that the server received with TLS 1.3, and the exception dialog.
"""

from typing import NamedTuple

# The bold line of the dialog, and what the notification says after "The certificate for H".
UNKNOWN = ("Unknown Identity", "does not come from a trusted source.")
WRONG = ("Wrong Site", "is not valid for that server. Someone could be trying to impersonate")
OUTDATED = ("Outdated Information", "expired on ")
EARLY = ("Outdated Information", "will not be valid until ")
# Where no exception is possible.
CLOSED = (None, None)


class Row(NamedTuple):
    """``nss`` is None where the mail is fetched, or sent."""

    nss: str | None
    alert: int | None = None
    dialog: tuple[str | None, str | None] = CLOSED


FINE = Row(None)
NO_ISSUER = Row("SEC_ERROR_UNKNOWN_ISSUER", 48, UNKNOWN)
SELF_SIGNED = Row("MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT", 42, UNKNOWN)
EXPIRED = Row("SEC_ERROR_EXPIRED_CERTIFICATE", 45, OUTDATED)
ISSUER_EXPIRED = Row("SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE", 48, UNKNOWN)
NOT_YET = Row("MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE", 42, EARLY)
NAME = Row("SSL_ERROR_BAD_CERT_DOMAIN", 42, WRONG)
AUTHORITY = Row("MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY", 42, UNKNOWN)
SHA1 = Row("SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED", 42, UNKNOWN)
CERT_TYPE = Row("SEC_ERROR_INADEQUATE_CERT_TYPE", 46)
KEY_USAGE = Row("SEC_ERROR_INADEQUATE_KEY_USAGE", 46)
NAME_SPACE = Row("SEC_ERROR_CERT_NOT_IN_NAME_SPACE", 42)
SIGNATURE = Row("SEC_ERROR_BAD_SIGNATURE", 42)
MUST_STAPLE = Row("MOZILLA_PKIX_ERROR_REQUIRED_TLS_FEATURE_MISSING", 42)
# POP3 tells its user of errors of NSS' class "bad certificate" only, which this is not.
SILENT = ("must-staple-missing",)

CASES: dict[str, Row] = {
    **dict.fromkeys(
        (
            "healthy", "ecc256", "ok-direct-root", "root-included", "wildcard-ok", "eku-none",
            "validity-10y", "rsa-1024", "tls-v1-2", "ip-san-ok",
        ),
        FINE,
    ),
    **dict.fromkeys(("untrusted-root", "untrusted-root-sent", "missing-intermediate"), NO_ISSUER),
    **dict.fromkeys(("self-signed", "self-signed-ca-true"), SELF_SIGNED),
    **dict.fromkeys(("expired", "expired-leaf-1h", "expired-leaf-years"), EXPIRED),
    **dict.fromkeys(("not-yet-valid-leaf", "not-yet-valid"), NOT_YET),
    **dict.fromkeys(
        (
            "wrong-host", "cn-only", "cn-matches-san-does-not", "hosting-wildcard",
            "wildcard-multi-level", "cn-wildcard-no-san", "ip-san-wrong",
        ),
        NAME,
    ),
    # One problem is shown: trust before name before time.
    "multi-untrusted-expired-wronghost": NO_ISSUER,
    "multi-selfsigned-expired-wronghost": SELF_SIGNED,
    "multi-expired-wronghost": NAME,
    **dict.fromkeys(("expired-intermediate", "expired-root"), ISSUER_EXPIRED),
    "leaf-ca-true": AUTHORITY,
    **dict.fromkeys(("sha1-leaf", "md5-leaf"), SHA1),
    "eku-client-only": CERT_TYPE,
    "ku-certsign-only": KEY_USAGE,
    **dict.fromkeys(("nc-permitted-mismatch", "nc-excluded-match"), NAME_SPACE),
    **dict.fromkeys(("bad-signature-leaf", "stale-root-same-subject"), SIGNATURE),
    "must-staple-missing": MUST_STAPLE,
}  # fmt: skip
