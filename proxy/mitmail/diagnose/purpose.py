"""What the certificates may be used for, and whether that is what they are used for here."""

from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.finding import Severity

SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
ANY: Final = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
AGAIN: Final = "Have a certificate issued that is for servers."


def purposes(case: Case) -> Findings:
    """Findings about extendedKeyUsage, keyUsage and basicConstraints of the path."""
    for one in case.verified.path:
        yield from _extended(case, one)
    yield from _key_usage(case)
    if case.leaf.is_ca:
        words = "The server's certificate says that it is an authority; some clients refuse that."
        fix = "Have a certificate issued for the server, without CA:TRUE."
        yield case.finding("ca-as-leaf", "medium", words, fix=fix, reason="usage")


def _extended(case: Case, one: Certificate) -> Findings:
    said = one.extension(ExtensionOID.EXTENDED_KEY_USAGE)
    if said is None or not isinstance(said.value, x509.ExtendedKeyUsage):
        return
    allowed = set(said.value)
    if SERVER in allowed:
        return
    if one.number == 1 and ANY in allowed:
        words = f"{one.place} is for any purpose, and does not name servers; some clients refuse."
        yield case.finding("any-purpose", "medium", words, fix=AGAIN, reason="usage")
    elif ANY not in allowed:
        words = f"{one.place} is not for servers (extendedKeyUsage)."
        severity: Severity = "high"
        if one.number == 1 or case.is_anchor(one):
            severity = "critical" if one.number == 1 else "low"
        yield case.finding("not-for-servers", severity, words, fix=AGAIN, reason="usage")


def _key_usage(case: Case) -> Findings:
    said = case.leaf.extension(ExtensionOID.KEY_USAGE)
    if said is None or not isinstance(said.value, x509.KeyUsage):
        return
    usage = said.value
    if not usage.digital_signature:
        words = "The server's key may not sign (keyUsage), which every handshake of today needs."
        yield case.finding("may-not-sign", "critical", words, fix=AGAIN, reason="usage")
    if usage.key_cert_sign and not case.leaf.is_ca:
        words = "The server's key may sign certificates (keyUsage), and it is no authority."
        yield case.finding("signs-without-ca", "medium", words, fix=AGAIN, reason="usage")
