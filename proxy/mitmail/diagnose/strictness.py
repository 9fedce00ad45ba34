"""What only Python 3.13 and later minds, which verifies strictly (X509_V_FLAG_X509_STRICT)."""

from collections.abc import Iterator, Mapping
from typing import Final

from cryptography.x509.oid import ExtensionOID

from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.certificate import Certificate

REPLACE: Final = "The authority must replace this certificate."
STRICT_WORDS: Final[Mapping[int, str]] = {
    82: "keyUsage says that it signs certificates, and it is no authority",
    83: "its issuer has no name", 85: "it has no authorityKeyIdentifier",
    86: "it has no subjectKeyIdentifier", 87: "its subjectAltName is empty",
    89: "its basicConstraints is not critical", 90: "its authorityKeyIdentifier is critical",
    91: "its subjectKeyIdentifier is critical", 92: "it is an authority without keyUsage",
    93: "its version knows no extensions, and it has some",
}  # fmt: skip


def strictness(case: Case) -> Findings:
    """Findings about what RFC 5280 wants of a certificate, and hardly any client asks for."""
    found = [(number, one) for one in case.verified.path for number in _missing(case, one)]
    if case.verified.strict is not None and case.verified.strict not in found:
        found.append(case.verified.strict)
    for number, about in found:
        what = STRICT_WORDS.get(number, f"OpenSSL's strict check says {number}")
        words = f"{about.place}: {what}; Python 3.13 and later refuse that, others do not."
        yield case.finding(f"strict-{number}", "low", words, fix=REPLACE)


def _missing(case: Case, one: Certificate) -> Iterator[int]:
    # OpenSSL tells the first of these alone, and 4.0 leaves 89 out (measured; 3.0 has it).
    if one.problem or one.parsed is None or one.parsed.version < 3:
        return
    if one.extension(ExtensionOID.AUTHORITY_KEY_IDENTIFIER) is None and not one.is_self_signed:
        yield 85
    constraints = one.extension(ExtensionOID.BASIC_CONSTRAINTS)
    if one == case.leaf or constraints is None or not one.is_ca:
        return
    if one.extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER) is None:
        yield 86
    if not constraints.critical:
        yield 89
    if one.extension(ExtensionOID.KEY_USAGE) is None:
        yield 92
