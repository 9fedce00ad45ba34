"""GnuTLS' status sentence and fatal errors in the words of the vocabulary.

Source: gnutls_certificate_verification_status_print and gnutls_errors.c of 3.7.9. Ambiguous:
"issuer is unknown" is said of an unknown root, a gap in the chain and a self-signed certificate;
"insecure algorithm" also of one that the library does not know; "violates the signer's
constraints" of path length, name constraints and the authority's key usage.
"""

from proof.phrase import Phrases

_UNFIT_STAPLE = "revoked policy"

STATUS: Phrases = (
    ("the signature in the certificate is invalid", "bad-signature"),
    ("the certificate chain is revoked", "revoked"),
    ("the certificate issuer is unknown", "unknown-issuer incomplete-chain self-signed"),
    ("the certificate issuer is not a ca", "constraint usage"),
    ("the certificate chain uses insecure algorithm", "weak policy"),
    ("the certificate chain violates the signer's constraints", "constraint usage"),
    ("the certificate chain uses not yet valid certificate", "not-yet-valid"),
    ("the certificate chain uses expired certificate", "expired"),
    ("the certificate chain does not match the intended purpose", "usage"),
    ("the certificate contains an unknown critical extension", "constraint policy"),
    ("the name in the certificate does not match the expected", "name-mismatch"),
    ("the revocation or ocsp data are old and have been superseded", _UNFIT_STAPLE),
    ("the revocation or ocsp data are issued with a future date", _UNFIT_STAPLE),
    ("but the ocsp status is missing", _UNFIT_STAPLE),
    ("the received ocsp status response is invalid", "revoked policy malformed bad-signature"),
)

# "Error in the certificate" beside a status sentence says nothing more, and is not read then.
FATAL: Phrases = (
    ("key usage violation", "usage"),
    ("public key signature verification has failed", "bad-signature"),
    ("error in the certificate.", "malformed"),
    ("error in the time fields of certificate", "malformed"),
    ("duplicate extension in x.509 certificate", "malformed"),
    ("the certificate has unsupported attributes", "malformed"),
    ("asn1 parser", "malformed"),
    ("the der time encoding is invalid", "malformed"),
    ("the provided string has an embedded null", "malformed"),
    ("the given string contains invalid utf-8 characters", "malformed"),
    ("the scanning of a large integer has failed", "malformed"),
    ("no certificate was found", "malformed incomplete-chain"),
    ("certificate is required", "client-certificate"),
    ("an unknown public key algorithm was encountered", "policy"),
    ("unsupported certificate type", "policy"),
    ("the certificate type is not supported", "policy"),
    ("the curve is unsupported", "policy"),
    ("the signature algorithm is not supported", "policy weak"),
    ("no supported cipher suites have been found", "policy weak"),
    ("could not negotiate a supported cipher suite", "policy weak"),
    ("the diffie-hellman prime sent by the server is not acceptable", "weak"),
    ("public key parameters are invalid", "malformed weak"),
    ("the public key is invalid", "malformed weak"),
    ("a packet with illegal or unsupported version was received", "tls-version"),
    ("the handshake data size is too large", "limit"),
    ("an unexpected tls packet was received", "transport"),
    ("an unexpected tls handshake packet was received", "transport"),
    ("error decoding the received tls packet", "malformed transport"),
    ("a tls record packet with invalid length was received", "transport"),
    ("a record packet with illegal version was received", "transport tls-version"),
    ("the tls connection was non-properly terminated", "transport"),
    ("error in the pull function", "transport"),
    ("error in the push function", "transport"),
    ("received alert [40]", "policy weak tls-version client-certificate transport"),
    ("received alert [70]", "tls-version transport"),
    ("received alert [71]", "policy weak"),
    ("received alert [116]", "client-certificate"),
    ("received alert [49]", "transport policy"),
    ("received alert [", "transport"),
    # Whatever the alert is, which stands beside it.
    (
        "a tls fatal alert has been received",
        "client-certificate policy tls-version transport weak",
    ),
)
