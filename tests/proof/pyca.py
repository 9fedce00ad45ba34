"""cryptography's own path validation (webpki profile), of the certificates alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address

import cryptography
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from bench import find
from proof.certificate_message import NoCertificateMessage, certificates
from proof.phrase import Phrases, read
from proof.process import side_by_side
from proof.verifier import SILENT, Error, Target, Verifier, Word, judged

# What the verification crate of cryptography 48 says. Ambiguous: one text for both ends of the
# validity, and "candidates exhausted" without an interior error for every chain with a gap. And it
# goes round in an untrusted root that is sent, until that is too deep.
TEXTS: Phrases = (
    ("cert is not valid at validation time", "expired not-yet-valid"),
    ("leaf certificate has no matching subjectaltname", "name-mismatch"),
    ("leaf server certificate has no subjectaltname", "name-mismatch"),
    ("no interior errors", "unknown-issuer incomplete-chain self-signed"),
    ("chain construction exceeds max depth", "limit unknown-issuer"),
    ("exceeded maximum name constraint check limit", "limit"),
    ("current depth calculation overflowed", "limit"),
    ("signature does not match", "bad-signature"),
    ("mismatch between signaturealgorithm and spki algorithm", "malformed bad-signature"),
    ("issuer has malformed public key", "malformed policy"),
    ("rsa key is too weak", "weak"),
    ("forbidden public key algorithm", "weak policy"),
    ("forbidden signature algorithm", "weak policy"),
    ("basicconstraints.ca must not be asserted in an ee certificate", "constraint usage"),
    ("basicconstraints.ca must be asserted in a ca certificate", "constraint"),
    ("ca certificate has no basicconstraints", "constraint"),
    ("path length constraint violated", "constraint"),
    ("no permitted name constraints matched san", "constraint"),
    ("excluded name constraint matched san", "constraint"),
    ("unsupported name constraint", "constraint"),
    ("unsatisfiable", "constraint malformed"),
    ("malformed dns name constraint", "constraint malformed"),
    ("malformed ip name constraint", "constraint malformed"),
    ("required eku not found", "usage"),
    ("neither eku nor anyeku could be found", "usage"),
    ("ee keyusage must not assert keycertsign", "usage constraint"),
    ("keyusage.keycertsign must be asserted", "usage constraint"),
    ("keyusage", "usage constraint"),
    ("unaccounted-for critical extensions", "constraint policy"),
    ("duplicate extension", "malformed"),
    ("certificate contains prohibited extension", "constraint"),
    ("certificate is missing required extension", "constraint"),
    ("certificate extension has incorrect criticality", "constraint"),
    ("ee subjectaltname must", "constraint malformed"),
    ("certificate must have a serial between 1 and 20 octets", "malformed"),
    ("certificate serial number cannot be negative", "malformed"),
    ("certificate must have a non-empty issuer", "malformed constraint"),
    ("certificate must be an x509v3 certificate", "malformed constraint"),
    ("validity dates between 1950 and 2049 must be utctime", "malformed"),
    ("asn.1 parsing error", "malformed"),
)

_UNREADABLE = (
    ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)  # fmt: skip


def pyca() -> Verifier | None:
    """cryptography's verifier, which sees no handshake: its accept covers the chain alone."""
    if find("openssl") is None:  # it fetches the chains of servers that speak TLS 1.3 only
        return None

    def ask(targets: Sequence[Target]) -> list[Word]:
        return side_by_side(_ask, targets)

    return Verifier("pyca", "cryptography", cryptography.__version__, ask, judges="chain")


def _ask(target: Target) -> Word:
    try:
        chain = certificates(target)
    except TimeoutError:
        return SILENT
    except (OSError, NoCertificateMessage, UnicodeError) as error:
        return Word("error", (), str(error))
    try:
        roots = x509.load_pem_x509_certificates(target.roots.read_bytes())
    except _UNREADABLE as error:
        return Word("error", (), f"the roots: {error}")
    return verify(chain, roots, target)


def verify(chain: Sequence[bytes], roots: list[x509.Certificate], target: Target) -> Word:
    if not chain:
        return _refused(Error.of("no certificate", "malformed incomplete-chain"))
    try:
        leaf, *others = map(x509.load_der_x509_certificate, chain)
    except _UNREADABLE as error:
        return _refused(Error.of(str(error), "malformed"))
    at = target.at or datetime.now(UTC)
    try:
        policy = PolicyBuilder().store(Store(roots)).time(at)
        policy.build_server_verifier(_subject(target)).verify(leaf, others)
    except VerificationError as error:
        return judged(read(str(error), TEXTS), answered=False, text=str(error))
    except _UNREADABLE as error:  # a name or a root that it has no notion of
        return Word("error", (), str(error))
    return judged((), answered=True, text="")


def _subject(target: Target) -> x509.DNSName | x509.IPAddress:
    if target.is_address:
        return x509.IPAddress(ip_address(target.name))
    return x509.DNSName(target.name)


def _refused(error: Error) -> Word:
    return judged([error], answered=False, text=error.says)
