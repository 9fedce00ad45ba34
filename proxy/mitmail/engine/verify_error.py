"""OpenSSL's verification errors in the words of the reason vocabulary."""

# X509_V_ERR_* of x509_vfy.h, OpenSSL 3.0 to 4.0. 85, 86, 89 and 92 only come from the strict
# check that Python switches on since 3.13. Left out: 24, which was "invalid CA" before 3.0 and is
# "no issuer public key" since.
VERIFY_ERRORS = {
    2: "unknown-issuer", 4: "malformed", 6: "malformed", 7: "bad-signature", 9: "not-yet-valid",
    10: "expired", 13: "malformed", 14: "malformed", 18: "self-signed", 19: "unknown-issuer",
    20: "unknown-issuer", 21: "unknown-issuer", 22: "limit", 23: "revoked", 25: "constraint",
    26: "usage", 27: "unknown-issuer", 32: "usage", 41: "malformed", 47: "constraint",
    48: "constraint", 49: "constraint", 51: "constraint", 52: "constraint", 53: "constraint",
    62: "name-mismatch", 64: "name-mismatch", 66: "weak", 67: "weak", 68: "weak",
    76: "malformed", 77: "malformed", 79: "constraint", 85: "constraint", 86: "constraint",
    89: "constraint", 92: "constraint",
}  # fmt: skip
NO_ISSUER_KEY = 24  # X509_V_ERR_NO_ISSUER_PUBLIC_KEY


def verify_word(error: int) -> str:
    """The word for an error number of our own OpenSSL; ``policy`` for what has none."""
    # 24 is left out of the table for clients of other versions; ours means a key it cannot read.
    return "malformed" if error == NO_ISSUER_KEY else VERIFY_ERRORS.get(error, "policy")
